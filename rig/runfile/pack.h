/* Sample blocks as the run file keeps them: cut at fixed sample indices whatever the pieces they arrived in, integers
 * as narrow as the wire's, and beside them the list of arrivals from which the original blocks come back exactly.
 * Format: docs/run-file.md. No I/O. */
#ifndef PENRIG_RUNFILE_PACK_H
#define PENRIG_RUNFILE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/samples.h"

/* Four to a page of 65 536 bytes: 4 * (15 600 + about 600 of arrivals, digest and row header) = 64 800. */
#define PACK_RAW_MAX     15600
#define PACK_SPAN_S      1.0 /* a slow stream is cut after so long, for what a kill may cost */
#define PACK_ARRIVAL_MAX 30  /* varints of 32, 32 (flags), 64 and 64 bits: 5 + 5 + 10 + 10 */

/* A stretch of one stream. Borrowed. */
struct packed {
	uint32_t device, stream, channels, width; /* width: bytes of one count, 2..4 */
	uint64_t first_index, frames;
	uint64_t first_host_ns, last_host_ns;
	const uint8_t *raw; /* frames * channels * width bytes, little-endian */
	size_t raw_len;
	const uint8_t *arrivals;
	size_t arrivals_len;
};

/* Bytes of one count of this stream on the wire; frames of a full block. */
uint32_t pack_width(const struct channel *channels, unsigned channel_count, unsigned stream);
uint32_t pack_frames(double rate_hz, uint32_t channels, uint32_t width);

/* False where a count does not fit into `width` bytes (the result is then undefined). */
bool pack_counts(const int32_t *counts, size_t n, uint32_t width, uint8_t *ret);
void unpack_counts(const uint8_t *raw, size_t n, uint32_t width, int32_t *ret);

/* One arrival with its counts packed already. */
struct pack_piece {
	uint32_t device, stream, channels, width, flags, frames;
	uint64_t first_index, host_ns, device_ns;
};

struct packer;
typedef int (*packed_fn)(void *ctx, const struct packed *packed);

/* frames: of a full block, from pack_frames(). fn gets every finished block; what it returns goes to the caller. */
int packer_new(uint32_t frames, packed_fn fn, void *ctx, struct packer **ret);
void packer_free(struct packer *packer);
int packer_feed(struct packer *packer, const struct pack_piece *piece, const uint8_t *raw);
int packer_flush(struct packer *packer); /* ends the block under way */

/* The block's first and last arrival are those that its arrivals tell of: no digest covers them twice. */
bool packed_times_fit(const struct packed *packed);

/* The way back: the original blocks of one stream from its stored ones, in order. -EBADMSG: does not decode. */
struct unpacker {
	uint32_t frames; /* of the block under way */
	uint64_t first_index;
	int32_t counts[SAMPLES_PER_BLOCK_MAX];
};
int unpacker_feed(struct unpacker *unpacker, const struct packed *packed,
		  int (*fn)(void *ctx, const struct sample_block *block), void *ctx);

#endif
