/* zstd for what the run file keeps: level 1, and raw where that hardly helps. No I/O. */
#ifndef PENRIG_RUNFILE_SQUEEZE_H
#define PENRIG_RUNFILE_SQUEEZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct squeezer;

/* max: bytes of the longest input. 0 or -ENOMEM. */
int squeezer_new(size_t max, struct squeezer **ret);
void squeezer_free(struct squeezer *squeezer); /* NULL is fine */

/* What to store of `raw`: itself, or (ret_squeezed) the squeezer's own bytes, good until the next call. */
const uint8_t *squeeze(struct squeezer *squeezer, const uint8_t *raw, size_t len, size_t *ret_len, bool *ret_squeezed);

struct squeeze_buffer { /* all zero at first; free(at) at the end */
	size_t size;
	uint8_t *at;
};

/* The way back: where `squeezed`, into the buffer, and data and len become what was found. max: bytes of the raw data
 * at most. 0; -EBADMSG: longer than that, or damaged; -ENOMEM. */
int unsqueeze(struct squeeze_buffer *buffer, bool squeezed, const uint8_t **data, size_t *len, size_t max);

/* A whole zstd frame, which other programs read: always packed. */
size_t frame_bound(size_t len); /* bytes for the frame of so many at most */
/* Of `size` bytes, at least frame_bound(len). The frame's bytes, or 0: no memory. */
size_t frame_pack(void *frame, size_t size, const void *raw, size_t len);
/* Whether that is a frame, whole and sound, of exactly `len` bytes. */
bool frame_unpack(const void *frame, size_t size, void *raw, size_t len);

#endif
