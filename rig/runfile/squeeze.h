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

#endif
