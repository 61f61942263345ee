/* zstd, and the only file that includes it. */
#include "rig/runfile/squeeze.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define LEVEL       1
#define FRAME_LEVEL 3

struct squeezer {
	ZSTD_CCtx *zstd;
	size_t size;
	uint8_t bytes[];
};

int squeezer_new(size_t max, struct squeezer **ret)
{
	size_t size = ZSTD_compressBound(max);
	struct squeezer *squeezer = malloc(sizeof(*squeezer) + size);
	if (!squeezer)
		return -ENOMEM;
	squeezer->size = size;
	squeezer->zstd = ZSTD_createCCtx();
	if (!squeezer->zstd) {
		free(squeezer);
		return -ENOMEM;
	}
	*ret = squeezer;
	return 0;
}

void squeezer_free(struct squeezer *squeezer)
{
	if (!squeezer)
		return;
	ZSTD_freeCCtx(squeezer->zstd);
	free(squeezer);
}

const uint8_t *squeeze(struct squeezer *squeezer, const uint8_t *raw, size_t len, size_t *ret_len, bool *ret_squeezed)
{
	size_t n = squeezer->size >= ZSTD_compressBound(len)
			   ? ZSTD_compressCCtx(squeezer->zstd, squeezer->bytes, squeezer->size, raw, len, LEVEL)
			   : len;
	/* Noise hardly shrinks, and what is squeezed must be blown up again by every replay. */
	*ret_squeezed = !ZSTD_isError(n) && n < len - len / 4;
	*ret_len = *ret_squeezed ? n : len;
	return *ret_squeezed ? squeezer->bytes : raw;
}

int unsqueeze(struct squeeze_buffer *buffer, bool squeezed, const uint8_t **data, size_t *len, size_t max)
{
	if (!squeezed)
		return *len <= max ? 0 : -EBADMSG;
	if (buffer->size < max) {
		uint8_t *moved = realloc(buffer->at, max);
		if (!moved)
			return -ENOMEM;
		buffer->at = moved;
		buffer->size = max;
	}
	size_t n = ZSTD_decompress(buffer->at, max, *data, *len);
	if (ZSTD_isError(n))
		return ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation ? -ENOMEM : -EBADMSG;
	*data = buffer->at;
	*len = n;
	return 0;
}

size_t frame_bound(size_t len)
{
	return ZSTD_compressBound(len);
}

size_t frame_pack(void *frame, size_t size, const void *raw, size_t len)
{
	size_t n = ZSTD_compress(frame, size, raw, len, FRAME_LEVEL);

	return ZSTD_isError(n) ? 0 : n;
}

bool frame_unpack(const void *frame, size_t size, void *raw, size_t len)
{
	size_t n = ZSTD_decompress(raw, len, frame, size);

	return !ZSTD_isError(n) && n == len;
}
