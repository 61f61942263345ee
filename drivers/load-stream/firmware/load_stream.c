/* See load_stream.h. Every byte goes through one function that checks, stuffs and counts it, so that no packet has to be
 * kept beside its frame. */
#include "load_stream.h"

#include <string.h>

#define PACKET_MAX 1024

typedef char double_is_binary64[sizeof(double) == 8 ? 1 : -1];

#if defined(__GNUC__)
#define SMALL __attribute__((noinline)) /* one copy is what keeps the whole small */
#else
#define SMALL
#endif

/* CRC-32C by half bytes: a table of 64 bytes instead of 1 KiB. */
SMALL static uint32_t crc_add(uint32_t crc, uint8_t byte)
{
	static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
					   0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
					   0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

	crc ^= byte;
	crc = crc >> 4 ^ table[crc & 15];
	return crc >> 4 ^ table[crc & 15];
}

SMALL static void close_piece(struct lsf_frame *f)
{
	f->out[f->code_at] = f->code;
	f->code_at = f->len++;
	f->code = 1;
}

/* A run of 254 is closed when a byte follows it, so that a packet that ends with one has no further code. */
SMALL static void put_byte(struct lsf_frame *f, uint8_t byte)
{
	if (f->packet == PACKET_MAX) {
		f->broken = 1;
		return;
	}
	f->packet++;
	f->crc = crc_add(f->crc, byte);
	if (f->code == 255)
		close_piece(f);
	if (byte) {
		f->out[f->len++] = byte;
		f->code++;
	} else {
		close_piece(f);
	}
}

SMALL static void put_bytes(struct lsf_frame *frame, const uint8_t *bytes, uint8_t count)
{
	while (count-- > 0)
		put_byte(frame, *bytes++);
}

SMALL void lsf_put(struct lsf_frame *frame, uint64_t value, uint8_t bytes)
{
	for (; bytes > 0; bytes--, value >>= 8)
		put_byte(frame, (uint8_t)value);
}

void lsf_begin(struct lsf_frame *frame, uint8_t *buffer, uint8_t type, uint16_t sequence)
{
	frame->out = buffer;
	frame->crc = 0xffffffff;
	frame->len = 1;
	frame->code_at = frame->packet = 0;
	frame->code = 1;
	frame->broken = 0;
	lsf_put(frame, 1, 1); /* the protocol's version */
	lsf_put(frame, type, 1);
	lsf_put(frame, sequence, 2);
}

uint16_t lsf_end(struct lsf_frame *frame)
{
	lsf_put(frame, ~frame->crc, 4);
	frame->out[frame->code_at] = frame->code;
	frame->out[frame->len++] = 0;
	return frame->broken ? 0 : frame->len;
}

SMALL void lsf_put_f64(struct lsf_frame *frame, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	lsf_put(frame, bits, 8);
}

SMALL static void put_f64s(struct lsf_frame *frame, const double *values, uint8_t count)
{
	while (count-- > 0)
		lsf_put_f64(frame, *values++);
}

void lsf_put_text(struct lsf_frame *frame, const char *text, uint8_t room)
{
	while (room-- > 0)
		put_byte(frame, (uint8_t)(*text ? *text++ : 0));
}

/* ---- bodies ------------------------------------------------------------------------------------------------------ */

void lsf_hello(struct lsf_frame *frame, const struct lsf_who *who)
{
	const uint8_t head[4] = {0, who->streams, who->channels, 0};

	put_bytes(frame, head, 4);
	lsf_put(frame, who->line_baud, 4);
	lsf_put_text(frame, who->maker, 32);
	lsf_put_text(frame, who->model, 32);
	lsf_put_text(frame, who->serial, 32);
	lsf_put_text(frame, who->firmware, 32);
	lsf_put_text(frame, who->calibration_id, 32);
	lsf_put_text(frame, who->calibration_due, 10);
	lsf_put(frame, 0, 2);
}

void lsf_channel(struct lsf_frame *frame, const struct lsf_channel *channel)
{
	const uint8_t head[8] = {0, channel->quantity, channel->stream, channel->position, channel->bits};
	const double values[6] = {channel->scale,    channel->offset,    channel->range_lo,
				  channel->range_hi, channel->noise_rms, channel->bandwidth_hz};

	put_bytes(frame, head, 8);
	lsf_put_text(frame, channel->name, 16);
	lsf_put_text(frame, channel->unit, 8);
	put_f64s(frame, values, 6);
}

void lsf_stream(struct lsf_frame *frame, const struct lsf_stream *stream)
{
	const uint8_t head[8] = {0, stream->channels, stream->rates_count};
	const double values[4] = {stream->rate_hz, stream->default_hz, stream->lowest_hz, stream->highest_hz};

	put_bytes(frame, head, 8);
	put_f64s(frame, values, 4);
	put_f64s(frame, stream->rates_hz, stream->rates_count);
	for (uint8_t i = stream->rates_count; i < LSF_RATES_MAX; i++)
		lsf_put(frame, 0, 8);
}

void lsf_status(struct lsf_frame *frame, uint8_t status)
{
	lsf_put(frame, status, 1);
}

void lsf_rate(struct lsf_frame *frame, uint8_t status, double rate_hz)
{
	lsf_put(frame, status, 4);
	lsf_put_f64(frame, rate_hz);
}

void lsf_ping(struct lsf_frame *frame, uint8_t streaming, uint64_t device_ns, uint64_t uptime_ms)
{
	const uint8_t head[4] = {0, streaming};

	put_bytes(frame, head, 4);
	lsf_put(frame, device_ns, 8);
	lsf_put(frame, uptime_ms, 8);
}

void lsf_data(struct lsf_frame *frame, uint8_t stream, uint8_t flags, uint16_t samples, uint64_t first_index,
	      uint64_t device_ns)
{
	const uint8_t head[2] = {stream, flags};

	put_bytes(frame, head, 2);
	lsf_put(frame, samples, 2);
	lsf_put(frame, first_index, 8);
	lsf_put(frame, device_ns, 8);
}

void lsf_event(struct lsf_frame *frame, uint8_t code, uint8_t channel, uint64_t index, double value)
{
	const uint8_t head[4] = {code, channel};

	put_bytes(frame, head, 4);
	lsf_put(frame, index, 8);
	lsf_put_f64(frame, value);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

/* Where it lies: what is decoded is never longer than what has been read. Its length; 0: it is no frame. */
static uint8_t unstuff(uint8_t *frame, uint8_t len)
{
	uint8_t in = 0, out = 0;

	while (in < len) {
		uint8_t code = frame[in++];
		if (code - 1 > len - in)
			return 0;
		for (uint8_t n = code; n > 1; n--)
			frame[out++] = frame[in++];
		if (code != 255 && in < len)
			frame[out++] = 0;
	}
	return out;
}

static int is_request(struct lsf_request *request, uint8_t len)
{
	uint8_t *packet = request->frame;
	uint32_t crc = 0xffffffff, told = 0;

	if (len < 8 || packet[0] != 1)
		return 0;
	for (uint8_t i = 0; i < len - 4; i++)
		crc = crc_add(crc, packet[i]);
	for (uint8_t i = 1; i <= 4; i++)
		told = told << 8 | packet[len - i];
	if (told != ~crc)
		return 0;
	request->type = packet[1];
	request->sequence = (uint16_t)(packet[2] | packet[3] << 8);
	request->body = packet + 4;
	request->body_len = (uint8_t)(len - 8);
	return 1;
}

int lsf_take(struct lsf_request *request, uint8_t byte)
{
	uint8_t len = request->len;

	if (byte) { /* one that is too long is counted no further, and dropped at its end */
		if (len < LSF_REQUEST_MAX)
			request->frame[len] = byte;
		request->len = (uint8_t)(len <= LSF_REQUEST_MAX ? len + 1 : len);
		return 0;
	}
	request->len = 0;
	return len > 0 && len <= LSF_REQUEST_MAX && is_request(request, unstuff(request->frame, len));
}

double lsf_rate_wanted(const struct lsf_request *request)
{
	uint64_t bits = 0;
	double rate_hz;

	for (uint8_t i = 12; i-- > 4;)
		bits = bits << 8 | request->body[i];
	memcpy(&rate_hz, &bits, sizeof(rate_hz));
	return rate_hz;
}
