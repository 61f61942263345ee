/* See wire.h. */
#include "drivers/labjack/wire.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define HEAD           6 /* transaction, protocol, length */
#define BODY_MIN       3 /* unit, function and a byte: an exception is the shortest */
#define UNIT           1
#define READ           3
#define WRITE          16
#define EXCEPTION      0x80
#define STREAM         76
#define STREAM_TYPE    16
#define STREAM_HEAD    10 /* of the bytes that the length counts */
#define STREAM_DATA    (HEAD + STREAM_HEAD)
#define GAP_MAX        1000   /* packets; a number that is further off is no count of what is missing */
#define PACKET_S       0.0025 /* that a packet takes to fill, so that samples arrive fresh */
#define BUFFER_BYTES   32768
#define TO_ETHERNET    1
#define SINGLE_ENDED   199
#define RATE_TOLERANCE 1e-4

static const struct lj_model models[] = {
	{.product = 4, .kind = {"T4", "AIN", 4, 1, {10}, 5, 50000, 50000}, .centre = 32556.2, .slope = 3.235316e-4},
	{.product = 7,
	 .kind = {"T7", "AIN", 14, 4, {10, 1, 0.1, 0.01}, 8, 100000, 100000},
	 .ranged = true,
	 .centre = 33523,
	 .slope = 3.158058e-4},
};

const struct lj_model *lj_model_find(unsigned product)
{
	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
		if (models[i].product == product)
			return &models[i];
	return NULL;
}

/* ---- bytes --------------------------------------------------------------------------------------------------------- */

static unsigned get16(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

uint32_t lj_word32(const uint8_t *data)
{
	return (uint32_t)get16(data) << 16 | get16(data + 2);
}

float lj_real(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static uint32_t bits_of(double value)
{
	float single = (float)value;
	uint32_t bits;

	memcpy(&bits, &single, sizeof(bits));
	return bits;
}

double lj_number(const struct lj_write *write)
{
	return write->real ? (double)lj_real(write->bits) : write->bits;
}

/* ---- frames -------------------------------------------------------------------------------------------------------- */

static bool sane_head(const struct lj_frames *frames)
{
	unsigned protocol = get16(frames->bytes + 2), body = get16(frames->bytes + 4);

	if (frames->samples)
		return protocol == 0 && body == STREAM_HEAD + 2 * frames->samples;
	return protocol == 0 && body >= BODY_MIN && body <= LJ_FRAME_MAX - HEAD;
}

static size_t wanted(const struct lj_frames *frames)
{
	return frames->len < HEAD ? HEAD : HEAD + get16(frames->bytes + 4);
}

static bool is_whole(const struct lj_frames *frames)
{
	return frames->len >= HEAD && frames->len == wanted(frames);
}

enum lj_fed lj_feed(struct lj_frames *frames, const uint8_t *data, size_t len, size_t *used)
{
	size_t at = 0;

	if (is_whole(frames))
		frames->len = 0;
	*used = len;
	while (at < len) {
		size_t room = wanted(frames) - frames->len, n = len - at < room ? len - at : room;

		memcpy(frames->bytes + frames->len, data + at, n);
		frames->len += n;
		at += n;
		if (frames->len == HEAD && !sane_head(frames)) {
			frames->len = 0;
			return LJ_NONSENSE;
		}
		if (is_whole(frames)) {
			*used = at;
			return LJ_FRAME;
		}
	}
	return LJ_MORE;
}

/* ---- requests and answers ------------------------------------------------------------------------------------------ */

static void put_head(uint8_t *buffer, uint16_t transaction, unsigned body, unsigned function)
{
	put16(buffer, transaction);
	put16(buffer + 2, 0);
	put16(buffer + 4, body);
	buffer[6] = UNIT;
	buffer[7] = (uint8_t)function;
}

size_t lj_encode_read(uint16_t transaction, uint16_t address, unsigned words, uint8_t buffer[LJ_REQUEST_MAX])
{
	put_head(buffer, transaction, 6, READ);
	put16(buffer + 8, address);
	put16(buffer + 10, words);
	return 12;
}

size_t lj_encode_write(uint16_t transaction, const struct lj_write *write, uint8_t buffer[LJ_REQUEST_MAX])
{
	unsigned bytes = 2u * write->words;

	put_head(buffer, transaction, 7 + bytes, WRITE);
	put16(buffer + 8, write->address);
	put16(buffer + 10, write->words);
	buffer[12] = (uint8_t)bytes;
	if (write->words == 2)
		put16(buffer + 13, write->bits >> 16);
	put16(buffer + 11 + bytes, write->bits);
	return 13 + bytes;
}

bool lj_read_answer(const struct lj_frames *frames, struct lj_answer *ret)
{
	const uint8_t *p = frames->bytes;
	size_t body = frames->len - HEAD;
	struct lj_answer answer = {.transaction = (uint16_t)get16(p), .function = p[7] & ~EXCEPTION};

	if (p[6] != UNIT || (answer.function != READ && answer.function != WRITE))
		return false;
	if (p[7] & EXCEPTION) {
		answer.exception = p[8];
		if (body != 3 || p[8] == 0)
			return false;
	} else if (answer.function == WRITE) {
		if (body != 6)
			return false;
	} else {
		if (p[8] % 2 || body != 3u + p[8])
			return false;
		answer.data = p + 9;
		answer.words = p[8] / 2;
	}
	*ret = answer;
	return true;
}

/* ---- setting up ---------------------------------------------------------------------------------------------------- */

/* Whole scans, filled within PACKET_S: one scan at least. */
static unsigned packet_samples(const struct daq_setup *setup)
{
	double scans = floor(fmin(setup->rate_hz * PACKET_S, LJ_SAMPLES_MAX / setup->inputs));

	return setup->inputs * (scans < 1 ? 1 : (unsigned)scans);
}

static unsigned plan_inputs(const struct lj_model *model, const struct daq_setup *setup, struct lj_write *ret)
{
	unsigned n = 0;

	for (unsigned i = 0; model->ranged && i < setup->inputs; i++) {
		unsigned input = setup->input[i].channel.column;

		ret[n++] = (struct lj_write){(uint16_t)(LJ_AIN_RANGE + 2 * input), 2, true,
					     bits_of(setup->input[i].range_v)};
		ret[n++] = (struct lj_write){(uint16_t)(LJ_AIN_NEGATIVE + input), 1, false, SINGLE_ENDED};
	}
	return n;
}

int lj_plan(const struct lj_model *model, const struct daq_setup *setup, struct lj_write ret[LJ_WRITES_MAX],
	    unsigned *ret_count, unsigned *ret_samples_per_packet, struct err *err)
{
	int status = daq_check(&model->kind, setup, err);

	if (status)
		return status;
	unsigned samples = packet_samples(setup), n = plan_inputs(model, setup, ret);
	const struct lj_write stream[] = {
		{LJ_SCANRATE_HZ, 2, true, bits_of(setup->rate_hz)},
		{LJ_NUM_ADDRESSES, 2, false, setup->inputs},
		{LJ_SAMPLES_PER_PACKET, 2, false, samples},
		{LJ_SETTLING_US, 2, true, 0},
		{LJ_STREAM_RESOLUTION, 2, false, setup->resolution},
		{LJ_BUFFER_BYTES, 2, false, BUFFER_BYTES},
		{LJ_CLOCK_SOURCE, 2, false, 0},
		{LJ_AUTO_TARGET, 2, false, TO_ETHERNET},
		{LJ_NUM_SCANS, 2, false, 0},
		{LJ_TRIGGER_INDEX, 2, false, 0},
		{LJ_AUTORECOVER_DISABLE, 2, false, 1}, /* one that goes on behind a loss would have to be believed */
	};
	memcpy(ret + n, stream, sizeof(stream));
	n += sizeof(stream) / sizeof(stream[0]);
	for (unsigned i = 0; i < setup->inputs; i++)
		ret[n++] = (struct lj_write){(uint16_t)(LJ_SCANLIST + 2 * i), 2, false,
					     2 * setup->input[i].channel.column};
	*ret_count = n;
	*ret_samples_per_packet = samples;
	return 0;
}

_Static_assert(2 * CHANNELS_MAX + 11 + CHANNELS_MAX <= LJ_WRITES_MAX, "every setting has its place");

bool lj_confirms(const struct lj_write *write, uint32_t bits, double *ret_rate_hz)
{
	if (write->address != LJ_SCANRATE_HZ)
		return bits == write->bits;
	double asked = lj_number(write), has = (double)lj_real(bits);
	if (!(fabs(has - asked) <= RATE_TOLERANCE * asked))
		return false;
	*ret_rate_hz = has;
	return true;
}

/* ---- calibration --------------------------------------------------------------------------------------------------- */

static bool near(double value, double usual)
{
	return fabs(value - usual) <= 0.1 * fabs(usual); /* false for NaN */
}

bool lj_curve_read(const struct lj_model *model, const struct daq_input *input, const uint8_t *words,
		   struct lj_curve *ret)
{
	double usual = model->slope * input->range_v / model->kind.range_v[0];
	unsigned at = model->ranged ? 4 * daq_range(&model->kind, input) : 2 * input->channel.column;
	float word[4] = {0};
	struct lj_curve curve = {.counts_per_v = LJ_VOLTS_COUNTS / (LJ_HEADROOM * input->range_v)};

	for (unsigned i = 0; i < (model->ranged ? 4u : 2u); i++)
		word[i] = lj_real(lj_word32(words + 4 * (at + i)));
	curve.above = (double)word[0];
	curve.below = model->ranged ? -(double)word[1] : curve.above;
	curve.centre = model->ranged ? (double)word[2] : -(double)word[1] / curve.above;
	if (!near(curve.above, usual) || !near(curve.below, usual) || !near(curve.centre, model->centre))
		return false;
	*ret = curve;
	return true;
}

/* ---- the stream ---------------------------------------------------------------------------------------------------- */

static const char *meaning(unsigned status)
{
	switch (status) {
	case 2940: return "its buffer ran over, and it drops samples";
	case 2941: return "it has dropped samples";
	case 2942: return "its scans overlap: the rate is too high for these inputs and this resolution";
	case 2943: return "it has dropped more samples than it can count";
	case 2944: return "it has ended the stream by itself";
	case 2945:
		return "its buffer ran over, and it has stopped: this computer or the network took its samples too "
		       "late";
	default: return "it says that something is wrong";
	}
}

static enum lj_packet broken(struct err *why, const char *text)
{
	err_set(why, -EPROTO, "%s", text);
	return LJ_BROKEN;
}

static bool is_packet(const struct lj_stream *stream, const uint8_t *p)
{
	return get16(p + 4) == STREAM_HEAD + 2 * stream->samples_per_packet && p[6] == UNIT && p[7] == STREAM &&
	       p[8] == STREAM_TYPE;
}

/* Scaled to volts' counts; whether one stands at the converter's end. */
static bool convert(const struct lj_stream *stream, const uint8_t *p, int32_t *counts)
{
	double above[CHANNELS_MAX], below[CHANNELS_MAX];
	bool saturated = false;

	for (unsigned c = 0; c < stream->channels; c++) {
		above[c] = stream->curve[c].above * stream->curve[c].counts_per_v;
		below[c] = stream->curve[c].below * stream->curve[c].counts_per_v;
	}
	for (unsigned i = 0; i < stream->samples_per_packet; i += stream->channels) {
		for (unsigned c = 0; c < stream->channels; c++, p += 2) {
			unsigned raw = get16(p);
			double from = raw - stream->curve[c].centre, count = from * (from < 0 ? below[c] : above[c]);

			saturated |= raw == 0 || raw == 0xFFFF;
			*counts++ = (int32_t)(count < 0 ? count - 0.5 : count + 0.5);
		}
	}
	return saturated;
}

enum lj_packet lj_stream_take(struct lj_stream *stream, const struct lj_frames *frames, struct sample_block *ret,
			      int32_t counts[LJ_SAMPLES_MAX], struct err *why)
{
	const uint8_t *p = frames->bytes;
	uint16_t number = (uint16_t)get16(p);
	unsigned status = frames->len >= STREAM_DATA ? get16(p + 12) : 0;
	unsigned missing = stream->begun ? (uint16_t)(number - stream->expected) : 0;
	unsigned scans = stream->samples_per_packet / stream->channels;

	if (status != 0) {
		err_set(why, -EPROTO, "%s (status %u): what is missing is not known", meaning(status), status);
		return LJ_BROKEN;
	}
	if (!is_packet(stream, p))
		return broken(why, "what its stream carries is no packet of the size that was set");
	/* Or one that was here already: TCP repeats nothing, so the device does not count any more. */
	if (missing > GAP_MAX)
		return broken(why, "the numbers of its packets jump: what is missing is not known");
	stream->begun = true;
	stream->expected = (uint16_t)(number + 1);
	stream->lost += (uint64_t)missing * scans;
	stream->packets++;
	*ret = (struct sample_block){.channels = (uint8_t)stream->channels,
				     .flags = missing ? SAMPLE_GAP : 0,
				     .frames = scans,
				     .first_index = stream->next_index + (uint64_t)missing * scans,
				     .counts = counts};
	stream->next_index = ret->first_index + scans;
	ret->flags |= convert(stream, p + STREAM_DATA, counts) ? SAMPLE_SATURATED : 0;
	return LJ_SCANS;
}
