/* See wire.h. Numbers are little-endian. */
#include "drivers/mcc-fs-plus/wire.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define PACER_HZ       40e6
#define RATE_TOLERANCE 100e-6
#define EACH_SCAN_HZ   1000.0 /* up to here; the maker's own library does so, too */
#define PIECE_S        0.004
#define PACKET         64
#define EACH_SCAN      (1 << 0) /* of the options. Without bit 7 its endpoint stalls at an overrun */

static const struct daq_kind kind = {"USB-1608FS-Plus", "input ", MCC_INPUTS, 4, {10, 5, 2, 1}, 0, 400e3, 100e3};
static const uint8_t codes[] = {0, 1, 3, 5}; /* of its ranges */

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static float get_real(const uint8_t *p)
{
	uint32_t bits = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	float ret;

	memcpy(&ret, &bits, sizeof(ret));
	return ret;
}

/* ---- setting up ---------------------------------------------------------------------------------------------------- */

static uint8_t code_of(const struct daq_input *input)
{
	return codes[daq_range(&kind, input)];
}

static int check_rate(const struct daq_setup *setup, double rate_hz, struct err *err)
{
	if (setup->rate_hz >= 1 && fabs(rate_hz - setup->rate_hz) <= RATE_TOLERANCE * setup->rate_hz)
		return 0;
	return err_set(err, -EINVAL, "\"sample_rate_hz\": %.10g: its clock of 40 MHz makes %.10g of it: write that",
		       setup->rate_hz, fmax(rate_hz, 1));
}

static uint16_t piece_of(const struct mcc_plan *plan, unsigned inputs)
{
	double packets = ceil(2 * inputs * plan->rate_hz * PIECE_S / PACKET);

	return (uint16_t)(plan->each_scan ? PACKET : PACKET * packets);
}

int mcc_plan(const struct daq_setup *setup, struct mcc_plan *ret, struct err *err)
{
	uint32_t ticks = (uint32_t)fmin(UINT32_MAX, round(PACER_HZ / setup->rate_hz));
	struct mcc_plan plan = {.rate_hz = PACER_HZ / ticks};
	int status = daq_check(&kind, setup, err);

	if (status == 0)
		status = check_rate(setup, plan.rate_hz, err);
	if (status)
		return status;
	plan.each_scan = plan.rate_hz <= EACH_SCAN_HZ;
	plan.piece = piece_of(&plan, setup->inputs);
	put32(plan.scan + 4, ticks - 1); /* and 0 scans: until it is stopped */
	for (unsigned i = 0; i < setup->inputs; i++) {
		plan.config[setup->input[i].channel.column] = code_of(&setup->input[i]);
		plan.scan[8] |= (uint8_t)(1u << setup->input[i].channel.column);
	}
	plan.scan[9] = plan.each_scan ? EACH_SCAN : 0;
	*ret = plan;
	return 0;
}

/* ---- calibration --------------------------------------------------------------------------------------------------- */

bool mcc_curve_read(const struct daq_input *input, const uint8_t memory[MCC_CAL_LEN], struct mcc_curve *ret)
{
	const uint8_t *at = memory + 8 * (code_of(input) * MCC_INPUTS + input->channel.column);
	double slope = (double)get_real(at), offset = (double)get_real(at + 4);

	if (!(fabs(slope - 1) <= 0.1) || !(fabs(offset) <= 0.1 * 32768))
		return false;
	double counts = MCC_VOLTS_COUNTS / MCC_HEADROOM / 32768; /* of one step of the converter, whatever the range */
	*ret = (struct mcc_curve){.slope = slope * counts, .offset = (offset - 32768) * counts};
	return true;
}

/* ---- the stream ---------------------------------------------------------------------------------------------------- */

/* A scan has its samples in the order of their inputs, the bench file has them in its own. */
void mcc_stream_begin(struct mcc_stream *stream, const struct daq_setup *setup, const struct mcc_curve *curves)
{
	*stream = (struct mcc_stream){.inputs = setup->inputs};
	for (unsigned i = 0; i < setup->inputs; i++) {
		unsigned before = 0;
		for (unsigned k = 0; k < setup->inputs; k++)
			before += setup->input[k].channel.column < setup->input[i].channel.column;
		stream->place[before] = (uint8_t)i;
		stream->curve[before] = curves[i];
	}
}

/* Whether one of its samples stands at the converter's end. */
static bool convert(const struct mcc_stream *stream, const uint8_t *scan, int32_t *counts)
{
	bool saturated = false;

	for (unsigned k = 0; k < stream->inputs; k++) {
		unsigned raw = scan[2 * k] | (unsigned)scan[2 * k + 1] << 8;
		double count = raw * stream->curve[k].slope + stream->curve[k].offset;

		saturated |= raw == 0 || raw == 0xFFFF;
		counts[stream->place[k]] = (int32_t)(count < 0 ? count - 0.5 : count + 0.5);
	}
	return saturated;
}

/* What is missing of the scan that has begun; how many bytes were taken. */
static size_t fill_rest(struct mcc_stream *stream, const uint8_t *data, size_t len)
{
	size_t wanted = 2 * stream->inputs - stream->rest_len, n = len < wanted ? len : wanted;

	memcpy(stream->rest + stream->rest_len, data, n);
	stream->rest_len += n;
	return n;
}

bool mcc_stream_take(struct mcc_stream *stream, const uint8_t *data, size_t len, size_t *used, struct sample_block *ret,
		     int32_t counts[MCC_SAMPLES_MAX])
{
	const size_t scan = 2 * stream->inputs;
	unsigned frames = 0, most = MCC_SAMPLES_MAX / stream->inputs;
	bool saturated = false;
	size_t at = 0;

	if (stream->rest_len > 0)
		at = fill_rest(stream, data, len);
	if (stream->rest_len == scan) {
		saturated = convert(stream, stream->rest, counts);
		stream->rest_len = 0;
		frames = 1;
	}
	for (; at + scan <= len && frames < most; at += scan)
		saturated |= convert(stream, data + at, counts + (size_t)frames++ * stream->inputs);
	if (at + scan > len && at < len)
		at += fill_rest(stream, data + at, len - at);
	*used = at;
	*ret = (struct sample_block){.channels = (uint8_t)stream->inputs,
				     .flags = saturated ? SAMPLE_SATURATED : 0,
				     .frames = frames,
				     .first_index = stream->next_index,
				     .counts = counts};
	stream->next_index += frames;
	return frames > 0;
}

const char *mcc_loss(const struct mcc_plan *plan, const struct link_counters *before, const struct link_counters *now)
{
	if (now->stalls != before->stalls)
		return "its buffer ran over, and it has stopped: this computer or the bus took its samples too late";
	if (now->failed_in != before->failed_in || now->overruns != before->overruns)
		return "the bus failed to carry its samples, and what was lost is not known: try another cable, port "
		       "or hub";
	if (!plan->each_scan &&
	    (now->short_transfers != before->short_transfers || now->zero_length != before->zero_length))
		return "it has ended a transfer that it should not have ended: what is missing is not known";
	return NULL;
}
