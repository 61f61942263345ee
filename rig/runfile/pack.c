/* Sample blocks as the run file keeps them: fixed re-blocking, narrow integers, arrivals.
 * Leaves out compression (squeeze.c), digests (chain.c) and storage. */
#include "rig/runfile/pack.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct packer {
	uint32_t frames_max;
	packed_fn fn;
	void *ctx;
	bool open;
	struct packed at;
	uint64_t prev_host_ns, prev_device_ns;
	size_t raw_size, arrivals_size;
	uint8_t *raw, *arrivals;
};

uint32_t pack_width(const struct channel *channels, unsigned channel_count, unsigned stream)
{
	uint32_t width = 2;
	for (unsigned i = 0; i < channel_count; i++) {
		uint32_t bytes = (channels[i].bits + 7u) / 8u;
		if (channels[i].stream == stream && bytes > width)
			width = bytes;
	}
	return width > 4 ? 4 : width;
}

uint32_t pack_frames(double rate_hz, uint32_t channels, uint32_t width)
{
	uint32_t by_size = PACK_RAW_MAX / (channels * width);
	double by_time = floor(rate_hz * PACK_SPAN_S);
	if (by_time < 1)
		return 1;
	return by_time < by_size ? (uint32_t)by_time : by_size;
}

bool pack_counts(const int32_t *counts, size_t n, uint32_t width, uint8_t *ret)
{
	const int32_t hi = width == 4 ? INT32_MAX : (1 << (8 * width - 1)) - 1;
	bool fits = true;
	for (size_t i = 0; i < n; i++) {
		uint32_t bits = (uint32_t)counts[i];
		fits &= counts[i] <= hi && counts[i] >= -hi - 1;
		for (uint32_t b = 0; b < width; b++)
			*ret++ = (uint8_t)(bits >> (8 * b));
	}
	return fits;
}

/* Replay spends its time here. */
static void unpack_16(const uint8_t *raw, size_t n, int32_t *ret)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = (int16_t)(raw[2 * i] | raw[2 * i + 1] << 8);
}

static void unpack_24(const uint8_t *raw, size_t n, int32_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits = raw[3 * i] | (uint32_t)raw[3 * i + 1] << 8 | (uint32_t)raw[3 * i + 2] << 16;
		ret[i] = (int32_t)((bits ^ 0x800000u) - 0x800000u);
	}
}

void unpack_counts(const uint8_t *raw, size_t n, uint32_t width, int32_t *ret)
{
	if (width == 2) {
		unpack_16(raw, n, ret);
		return;
	}
	if (width == 3) {
		unpack_24(raw, n, ret);
		return;
	}
	const uint32_t sign = 1u << (8 * width - 1);
	for (size_t i = 0; i < n; i++) {
		uint32_t bits = 0;
		for (uint32_t b = 0; b < width; b++)
			bits |= (uint32_t)*raw++ << (8 * b);
		ret[i] = (int32_t)((bits ^ sign) - sign);
	}
}

static size_t put_varint(uint8_t *at, uint64_t value)
{
	size_t n = 0;
	for (; value >= 0x80; value >>= 7)
		at[n++] = (uint8_t)(value | 0x80);
	at[n++] = (uint8_t)value;
	return n;
}

static bool get_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
		uint8_t byte = *(*at)++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

/* Differences of unsigned 64-bit times, small ones of either sign in few bytes. */
static uint64_t zigzag(uint64_t now, uint64_t before)
{
	uint64_t d = now - before;
	return (d << 1) ^ (0 - (d >> 63));
}

static uint64_t unzigzag(uint64_t coded, uint64_t before)
{
	return before + ((coded >> 1) ^ (0 - (coded & 1)));
}

int packer_new(uint32_t frames, packed_fn fn, void *ctx, struct packer **ret)
{
	struct packer *packer = calloc(1, sizeof(*packer));
	if (!packer)
		return -ENOMEM;
	assert(frames > 0);
	packer->frames_max = frames;
	packer->fn = fn;
	packer->ctx = ctx;
	*ret = packer;
	return 0;
}

void packer_free(struct packer *packer)
{
	if (!packer)
		return;
	free(packer->arrivals);
	free(packer->raw);
	free(packer);
}

int packer_flush(struct packer *packer)
{
	if (!packer->open)
		return 0;
	packer->open = false;
	packer->at.raw = packer->raw;
	packer->at.arrivals = packer->arrivals;
	return packer->fn(packer->ctx, &packer->at);
}

/* The pages of the arrivals are touched only as far as arrivals come. */
static int make_room(struct packer *packer, const struct pack_piece *piece)
{
	size_t raw = (size_t)packer->frames_max * piece->channels * piece->width;
	size_t arrivals = (size_t)packer->frames_max * PACK_ARRIVAL_MAX;
	if (raw > packer->raw_size) {
		free(packer->raw);
		packer->raw = malloc(raw);
		packer->raw_size = packer->raw ? raw : 0;
	}
	if (arrivals > packer->arrivals_size) {
		free(packer->arrivals);
		packer->arrivals = malloc(arrivals);
		packer->arrivals_size = packer->arrivals ? arrivals : 0;
	}
	return packer->raw && packer->arrivals ? 0 : -ENOMEM;
}

static int begin_block(struct packer *packer, const struct pack_piece *piece, uint64_t index)
{
	int rc = make_room(packer, piece);
	if (rc)
		return rc;
	packer->at = (struct packed){
		.device = piece->device,
		.stream = piece->stream,
		.channels = piece->channels,
		.width = piece->width,
		.first_index = index,
		.first_host_ns = piece->host_ns,
	};
	packer->prev_host_ns = packer->prev_device_ns = 0;
	packer->open = true;
	return 0;
}

static void add_arrival(struct packer *packer, const struct pack_piece *piece, uint32_t frames, bool continues)
{
	uint8_t *at = packer->arrivals + packer->at.arrivals_len;
	at += put_varint(at, (uint64_t)frames << 1 | continues);
	at += put_varint(at, piece->flags);
	at += put_varint(at, zigzag(piece->host_ns, packer->prev_host_ns));
	at += put_varint(at, zigzag(piece->device_ns, packer->prev_device_ns));
	packer->at.arrivals_len = (size_t)(at - packer->arrivals);
	packer->prev_host_ns = packer->at.last_host_ns = piece->host_ns;
	packer->prev_device_ns = piece->device_ns;
}

static bool follows(const struct packer *packer, const struct pack_piece *piece)
{
	return piece->first_index == packer->at.first_index + packer->at.frames && piece->width == packer->at.width &&
	       piece->channels == packer->at.channels;
}

int packer_feed(struct packer *packer, const struct pack_piece *piece, const uint8_t *raw)
{
	const size_t frame_bytes = (size_t)piece->channels * piece->width;
	int rc = packer->open && !follows(packer, piece) ? packer_flush(packer) : 0;

	for (uint32_t done = 0; !rc && done < piece->frames;) {
		uint64_t index = piece->first_index + done;
		if (!packer->open)
			rc = begin_block(packer, piece, index);
		if (rc)
			break;
		uint64_t to_boundary = packer->frames_max - index % packer->frames_max;
		uint32_t left = piece->frames - done;
		uint32_t frames = left < to_boundary ? left : (uint32_t)to_boundary;
		memcpy(packer->raw + packer->at.raw_len, raw + done * frame_bytes, frames * frame_bytes);
		packer->at.raw_len += frames * frame_bytes;
		packer->at.frames += frames;
		add_arrival(packer, piece, frames, frames < left);
		done += frames;
		if (frames == to_boundary)
			rc = packer_flush(packer);
	}
	return rc;
}

static bool next_arrival(const uint8_t **at, const uint8_t *end, struct sample_block *block, bool *ret_continues)
{
	uint64_t frames, flags, host, device;
	if (!get_varint(at, end, &frames) || !get_varint(at, end, &flags) || !get_varint(at, end, &host) ||
	    !get_varint(at, end, &device) || frames >> 1 == 0 || frames >> 1 > SAMPLES_PER_BLOCK_MAX)
		return false;
	*ret_continues = frames & 1;
	block->frames = (uint32_t)(frames >> 1);
	block->flags = (uint32_t)flags;
	block->host_ns = unzigzag(host, block->host_ns);
	block->device_ns = unzigzag(device, block->device_ns);
	return true;
}

static bool packed_valid(const struct packed *packed)
{
	return packed->channels >= 1 && packed->channels <= CHANNELS_MAX && packed->width >= 2 && packed->width <= 4 &&
	       packed->stream < STREAMS_MAX && packed->frames >= 1 && packed->frames <= UINT32_MAX &&
	       packed->raw_len == packed->frames * packed->channels * packed->width;
}

bool packed_times_fit(const struct packed *packed)
{
	const uint8_t *at = packed->arrivals, *end = at + packed->arrivals_len;
	struct sample_block block = {.frames = 0};
	bool continues, first = true;

	while (at < end) {
		if (!next_arrival(&at, end, &block, &continues) || (first && block.host_ns != packed->first_host_ns))
			return false;
		first = false;
	}
	return !first && block.host_ns == packed->last_host_ns;
}

int unpacker_feed(struct unpacker *unpacker, const struct packed *packed,
		  int (*fn)(void *ctx, const struct sample_block *block), void *ctx)
{
	const uint8_t *at = packed->arrivals, *end = at + packed->arrivals_len;
	struct sample_block block = {.stream = (uint8_t)packed->stream, .channels = (uint8_t)packed->channels};
	uint64_t done = 0;

	if (!packed_valid(packed))
		return -EBADMSG;
	while (at < end) {
		bool continues;
		if (!next_arrival(&at, end, &block, &continues) || block.frames > packed->frames - done ||
		    (uint64_t)(unpacker->frames + block.frames) * packed->channels > SAMPLES_PER_BLOCK_MAX)
			return -EBADMSG;
		if (!unpacker->frames)
			unpacker->first_index = packed->first_index + done;
		unpack_counts(packed->raw + done * packed->channels * packed->width,
			      (size_t)block.frames * packed->channels, packed->width,
			      unpacker->counts + (size_t)unpacker->frames * packed->channels);
		done += block.frames;
		unpacker->frames += block.frames;
		if (continues)
			continue;
		struct sample_block whole = block;
		whole.frames = unpacker->frames;
		whole.first_index = unpacker->first_index;
		whole.counts = unpacker->counts;
		unpacker->frames = 0;
		int rc = fn(ctx, &whole);
		if (rc)
			return rc;
	}
	return done == packed->frames ? 0 : -EBADMSG;
}
