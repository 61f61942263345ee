/* The load sensor's frames, encoded and decoded. A whole frame inside the bytes at hand is decoded where it lies; only
 * one that is cut by the end of a transfer is kept. Leaves out what a packet means for the device: that is device.c. */
#include "drivers/load-stream/wire.h"

#include <math.h>
#include <string.h>

#include "rig/base/crc32c.h"

static uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)get_le16(p) | (uint32_t)get_le16(p + 2) << 16;
}

static uint64_t get_le64(const uint8_t *p)
{
	return (uint64_t)get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

static double get_f64(const uint8_t *p)
{
	uint64_t bits = get_le64(p);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void put_le32(uint8_t *p, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

/* ---- frames ---------------------------------------------------------------------------------------------------- */

/* Length of the decoded packet, or -1. The packet is never longer than the frame, so LS_ENCODED_MAX bytes hold it. */
static int cobs_decode(const uint8_t *frame, size_t len, uint8_t *packet)
{
	size_t in = 0, out = 0;

	while (in < len) {
		size_t code = frame[in++];
		size_t piece = code - 1;

		if (piece > len - in)
			return -1;
		memcpy(packet + out, frame + in, piece);
		in += piece;
		out += piece;
		if (code != 0xff && in < len)
			packet[out++] = 0;
	}
	return (int)out;
}

/* A frame ends at its delimiter, so the bytes given here hold no zero. */
static bool take_frame(struct ls_decoder *decoder, const uint8_t *frame, size_t len, struct ls_packet *ret)
{
	int n = cobs_decode(frame, len, decoder->packet);

	if (n < LS_HEADER_BYTES + LS_CRC_BYTES || n > LS_PACKET_MAX) {
		decoder->resyncs++;
		return false;
	}
	size_t covered = (size_t)n - LS_CRC_BYTES;
	if (crc32c(0, decoder->packet, covered) != get_le32(decoder->packet + covered)) {
		decoder->crc_errors++;
		return false;
	}
	if (decoder->packet[0] != LS_VERSION) {
		decoder->resyncs++;
		return false;
	}
	decoder->frames++;
	*ret = (struct ls_packet){.type = decoder->packet[1],
				  .sequence = get_le16(decoder->packet + 2),
				  .body = decoder->packet + LS_HEADER_BYTES,
				  .body_len = covered - LS_HEADER_BYTES};
	return true;
}

static void keep(struct ls_decoder *decoder, const uint8_t *data, size_t len)
{
	if (len > sizeof(decoder->partial) - decoder->partial_len)
		decoder->too_long = true;
	if (decoder->too_long)
		return;
	memcpy(decoder->partial + decoder->partial_len, data, len);
	decoder->partial_len += len;
}

static bool end_frame(struct ls_decoder *decoder, const uint8_t *data, size_t len, struct ls_packet *ret)
{
	const uint8_t *frame = data;

	if (decoder->partial_len > 0 || decoder->too_long) {
		keep(decoder, data, len);
		frame = decoder->partial;
		len = decoder->partial_len;
	}
	bool too_long = decoder->too_long || len > LS_ENCODED_MAX;
	decoder->too_long = false;
	decoder->partial_len = 0;
	if (too_long) {
		decoder->resyncs++;
		return false;
	}
	return len > 0 && take_frame(decoder, frame, len, ret);
}

bool ls_decode(struct ls_decoder *decoder, const uint8_t *data, size_t len, size_t *ret_used, struct ls_packet *ret)
{
	size_t used = 0;

	while (used < len) {
		const uint8_t *delimiter = memchr(data + used, 0, len - used);
		if (!delimiter) {
			keep(decoder, data + used, len - used);
			break;
		}
		size_t start = used;
		used = (size_t)(delimiter - data) + 1;
		if (end_frame(decoder, data + start, used - 1 - start, ret)) {
			*ret_used = used;
			return true;
		}
	}
	*ret_used = len;
	return false;
}

static size_t cobs_encode(const uint8_t *packet, size_t len, uint8_t *frame)
{
	size_t code_at = 0, out = 1;

	for (size_t i = 0; i < len; i++) {
		if (packet[i])
			frame[out++] = packet[i];
		if (packet[i] == 0 || (out - code_at == 255 && i + 1 < len)) {
			frame[code_at] = (uint8_t)(out - code_at);
			code_at = out++;
		}
	}
	frame[code_at] = (uint8_t)(out - code_at);
	return out;
}

size_t ls_encode(uint8_t type, uint16_t sequence, const uint8_t *body, size_t body_len, uint8_t *buffer, size_t size)
{
	uint8_t packet[LS_PACKET_MAX];
	size_t len = LS_HEADER_BYTES + body_len;

	if (body_len > LS_BODY_MAX || size < len + LS_CRC_BYTES + (len + LS_CRC_BYTES + 253) / 254 + 2)
		return 0;
	packet[0] = LS_VERSION;
	packet[1] = type;
	packet[2] = (uint8_t)sequence;
	packet[3] = (uint8_t)(sequence >> 8);
	if (body_len > 0)
		memcpy(packet + LS_HEADER_BYTES, body, body_len);
	put_le32(packet + len, crc32c(0, packet, len));
	buffer[0] = 0;
	size_t encoded = cobs_encode(packet, len + LS_CRC_BYTES, buffer + 1);
	buffer[1 + encoded] = 0;
	return encoded + 2;
}

void ls_put_rate(uint8_t stream, double rate_hz, uint8_t body[LS_RATE_BODY_BYTES])
{
	uint64_t bits;

	memcpy(&bits, &rate_hz, sizeof(bits));
	memset(body, 0, LS_RATE_BODY_BYTES);
	body[0] = stream;
	put_le32(body + 4, (uint32_t)bits);
	put_le32(body + 8, (uint32_t)(bits >> 32));
}

/* ---- bodies ---------------------------------------------------------------------------------------------------- */

static bool good_reply(const struct ls_packet *packet, size_t body_len)
{
	return packet->body_len == body_len && packet->body[0] == LS_OK;
}

/* Length of the UTF-8 character at p, or 0: not UTF-8 (overlong, surrogate, cut) or a control character. */
static size_t utf8_length(const uint8_t *p, size_t len)
{
	static const uint32_t least[] = {0, 0x20, 0xa0, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
	uint32_t code = n == 1 ? p[0] : p[0] & (0x7fU >> n);

	if (n == 0 || n > len || p[0] == 0x7f)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		code = code << 6 | (p[i] & 0x3fU);
	}
	return code >= least[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? n : 0;
}

/* Names go into records and onto terminals: what is not printable UTF-8 is refused. */
static bool get_text(const uint8_t *p, size_t size, char *text, size_t room)
{
	size_t len = strnlen((const char *)p, size);

	if (len >= room)
		return false;
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_length(p + i, len - i);
		if (n == 0)
			return false;
	}
	memcpy(text, p, len);
	text[len] = '\0';
	return true;
}

bool ls_read_status(const struct ls_packet *packet, uint8_t *ret)
{
	if (packet->body_len < 1 || packet->body[0] > LS_FAULT)
		return false;
	*ret = packet->body[0];
	return true;
}

bool ls_read_hello(const struct ls_packet *packet, struct ls_hello *ret)
{
	const uint8_t *p = packet->body;
	struct ls_hello hello = {0};

	if (!good_reply(packet, 180))
		return false;
	hello.streams = p[1];
	hello.channels = p[2];
	hello.line_baud = get_le32(p + 4);
	if (hello.streams < 1 || hello.streams > STREAMS_MAX || hello.channels < hello.streams ||
	    hello.channels > CHANNELS_MAX)
		return false;
	if (!get_text(p + 8, 32, hello.maker, sizeof(hello.maker)) ||
	    !get_text(p + 40, 32, hello.model, sizeof(hello.model)) ||
	    !get_text(p + 72, 32, hello.serial, sizeof(hello.serial)) ||
	    !get_text(p + 104, 32, hello.firmware, sizeof(hello.firmware)) ||
	    !get_text(p + 136, 32, hello.calibration_id, sizeof(hello.calibration_id)) ||
	    !get_text(p + 168, 10, hello.calibration_due, sizeof(hello.calibration_due)))
		return false;
	*ret = hello;
	return true;
}

static bool sane_channel(const struct channel *channel)
{
	return channel->stream < STREAMS_MAX && channel->position < CHANNELS_MAX &&
	       (channel->bits == 16 || channel->bits == 24 || channel->bits == 32) && channel->name[0] &&
	       isfinite(channel->scale) && channel->scale != 0 && isfinite(channel->offset) &&
	       isfinite(channel->range_lo) && isfinite(channel->range_hi) && channel->range_lo < channel->range_hi &&
	       isfinite(channel->noise_rms) && channel->noise_rms >= 0 && isfinite(channel->bandwidth_hz) &&
	       channel->bandwidth_hz >= 0;
}

bool ls_read_channel(const struct ls_packet *packet, struct channel *ret)
{
	static const enum quantity quantities[] = {QUANTITY_FORCE, QUANTITY_DISPLACEMENT, QUANTITY_TEMPERATURE,
						   QUANTITY_OTHER};
	const uint8_t *p = packet->body;
	struct channel channel = {0};

	if (!good_reply(packet, 80) || p[1] >= sizeof(quantities) / sizeof(quantities[0]))
		return false;
	channel.quantity = quantities[p[1]];
	channel.stream = p[2];
	channel.position = p[3];
	channel.bits = p[4];
	channel.scale = get_f64(p + 32);
	channel.offset = get_f64(p + 40);
	channel.range_lo = get_f64(p + 48);
	channel.range_hi = get_f64(p + 56);
	channel.noise_rms = get_f64(p + 64);
	channel.bandwidth_hz = get_f64(p + 72);
	if (!get_text(p + 8, 16, channel.name, sizeof(channel.name)) ||
	    !get_text(p + 24, 8, channel.unit, sizeof(channel.unit)))
		return false;
	if (!sane_channel(&channel))
		return false;
	*ret = channel;
	return true;
}

static bool sane_rate(double rate_hz)
{
	return isfinite(rate_hz) && rate_hz > 0;
}

bool ls_read_stream(const struct ls_packet *packet, struct ls_stream *ret)
{
	const uint8_t *p = packet->body;
	struct ls_stream stream = {0};

	if (!good_reply(packet, 160) || p[1] < 1 || p[1] > CHANNELS_MAX || p[2] > LS_RATES_MAX)
		return false;
	stream.channels = p[1];
	stream.rates_count = p[2];
	stream.rate_hz = get_f64(p + 8);
	stream.default_hz = get_f64(p + 16);
	stream.lowest_hz = get_f64(p + 24);
	stream.highest_hz = get_f64(p + 32);
	if (!sane_rate(stream.rate_hz) || !sane_rate(stream.default_hz) || !sane_rate(stream.lowest_hz) ||
	    !sane_rate(stream.highest_hz) || stream.lowest_hz > stream.highest_hz)
		return false;
	for (unsigned i = 0; i < stream.rates_count; i++) {
		stream.rates_hz[i] = get_f64(p + 40 + 8 * i);
		if (!sane_rate(stream.rates_hz[i]))
			return false;
	}
	*ret = stream;
	return true;
}

bool ls_read_rate(const struct ls_packet *packet, struct ls_rate *ret)
{
	struct ls_rate rate;

	if (packet->body_len != 12 || packet->body[0] > LS_FAULT)
		return false;
	rate.status = packet->body[0];
	rate.rate_hz = get_f64(packet->body + 4);
	if (rate.status == LS_OK && !sane_rate(rate.rate_hz))
		return false;
	*ret = rate;
	return true;
}

bool ls_read_ping(const struct ls_packet *packet, struct ls_ping *ret)
{
	if (!good_reply(packet, 20) || packet->body[1] > 1)
		return false;
	*ret = (struct ls_ping){.streaming = packet->body[1] == 1,
				.device_ns = get_le64(packet->body + 4),
				.uptime_ms = get_le64(packet->body + 12)};
	return true;
}

bool ls_read_event(const struct ls_packet *packet, struct ls_event *ret)
{
	if (packet->body_len != 20)
		return false;
	*ret = (struct ls_event){.code = packet->body[0],
				 .channel = packet->body[1],
				 .index = get_le64(packet->body + 4),
				 .value = get_f64(packet->body + 12)};
	return true;
}

bool ls_read_data(const struct ls_packet *packet, struct ls_data *ret)
{
	const uint8_t *p = packet->body;

	if (packet->body_len <= LS_DATA_HEADER_BYTES || p[0] >= STREAMS_MAX || get_le16(p + 2) == 0)
		return false;
	*ret = (struct ls_data){.stream = p[0],
				.flags = p[1],
				.samples = get_le16(p + 2),
				.first_index = get_le64(p + 4),
				.device_ns = get_le64(p + 12),
				.counts = p + LS_DATA_HEADER_BYTES,
				.counts_len = packet->body_len - LS_DATA_HEADER_BYTES};
	return true;
}

/* ---- counts ---------------------------------------------------------------------------------------------------- */

static int32_t get_count(const uint8_t *p, uint8_t bits)
{
	switch (bits) {
	case 16: return (int16_t)get_le16(p);
	case 24: return (int32_t)((uint32_t)get_le16(p) << 8 | (uint32_t)p[2] << 24) >> 8;
	default: return (int32_t)get_le32(p);
	}
}

void ls_unpack(const uint8_t *counts, size_t samples, const uint8_t *bits, size_t channels, int32_t *out)
{
	if (channels == 1 && bits[0] == 16) {
		for (size_t i = 0; i < samples; i++)
			out[i] = (int16_t)get_le16(counts + 2 * i);
		return;
	}
	for (size_t i = 0; i < samples; i++) {
		for (size_t c = 0; c < channels; c++) {
			*out++ = get_count(counts, bits[c]);
			counts += bits[c] / 8;
		}
	}
}
