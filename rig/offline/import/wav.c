/* WAV: RIFF and its 64-bit kinds, integers and floating point. What penrig exported has its scale in a JSON file beside
 * it (beside.h). Chunks are walked by their stated sizes, each checked against what the file still holds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/offline/import/beside.h"
#include "rig/offline/import/bytes.h"
#include "rig/offline/import/readers.h"

#define CHUNKS_MAX       4096
#define FORMAT_MIN       16
#define FORMAT_EXTENDED  40
#define CODE_PCM         1
#define CODE_FLOAT       3
#define CODE_EXTENSIBLE  0xFFFE
#define SIZE_IN_DS64     UINT32_MAX
#define SIZE_OF_A_STREAM 0x7FFFF000u /* sox, into a pipe */

/* Behind the format's code: what makes sixteen bytes a GUID of Microsoft's wave formats. */
static const uint8_t guid_tail[14] = {0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80,
				      0x00, 0x00, 0xAA, 0x00, 0x38, 0x9B, 0x71};

struct wav {
	const struct recording_reader *reader;
	struct bytes bytes;
	struct cells cells;
	uint64_t row;
	/* while it is opened */
	bool has_format, has_long_size;
	unsigned channels, frame_bytes;
	uint32_t rate_hz;
	struct cell cell;
	uint64_t long_size; /* of the data, as ds64 says */
};

struct chunk {
	char id[5];
	uint64_t at; /* of its contents */
	uint32_t size;
};

static bool wav_recognise(const uint8_t *head, size_t n, const char *path)
{
	(void)path;
	bool riff = n >= 12 && (!memcmp(head, "RIFF", 4) || !memcmp(head, "RF64", 4) || !memcmp(head, "BW64", 4));
	return riff && !memcmp(head + 8, "WAVE", 4);
}

static int wrong(const struct wav *w, const struct chunk *chunk, struct err *err, const char *what)
{
	return err_set(err, -EINVAL, "%.300s: byte %llu, chunk \"%s\": %s", w->bytes.path,
		       (unsigned long long)chunk->at - 8, chunk->id, what);
}

static int wav_code(const struct wav *w, const struct chunk *chunk, const uint8_t *format, unsigned *ret,
		    struct err *err)
{
	*ret = (unsigned)bytes_number(format, 2, false);
	if (*ret != CODE_EXTENSIBLE)
		return 0;
	if (chunk->size < FORMAT_EXTENDED)
		return wrong(w, chunk, err, "is too short for the extensible format that it announces");
	if (memcmp(format + 26, guid_tail, sizeof(guid_tail)) != 0)
		return wrong(w, chunk, err,
			     "names a format that is not Microsoft's: export it as PCM or floating point");
	*ret = (unsigned)bytes_number(format + 24, 2, false);
	return 0;
}

static int take_format(struct wav *w, const struct chunk *chunk, struct err *err)
{
	uint8_t format[FORMAT_EXTENDED] = {0};
	unsigned code, held = chunk->size < FORMAT_EXTENDED ? chunk->size : FORMAT_EXTENDED;
	if (w->has_format)
		return wrong(w, chunk, err, "is there twice");
	if (chunk->size < FORMAT_MIN)
		return wrong(w, chunk, err, "is too short: 16 bytes are the least");
	int rc = bytes_at(&w->bytes, chunk->at, format, held, err);
	if (!rc)
		rc = wav_code(w, chunk, format, &code, err);
	if (rc)
		return rc;
	if (code != CODE_PCM && code != CODE_FLOAT)
		return wrong(w, chunk, err, "its samples are compressed: export it as PCM or floating point");
	w->has_format = true;
	w->channels = (unsigned)bytes_number(format + 2, 2, false);
	w->rate_hz = (uint32_t)bytes_number(format + 4, 4, false);
	w->frame_bytes = (unsigned)bytes_number(format + 12, 2, false);
	unsigned bits = (unsigned)bytes_number(format + 14, 2, false);
	if (w->channels < 1 || w->channels > RECORDING_COLUMNS_MAX)
		return wrong(w, chunk, err, "must have 1 to 64 channels");
	if (w->rate_hz == 0)
		return wrong(w, chunk, err, "says 0 samples per second");
	unsigned width = w->frame_bytes / w->channels;
	bool real = code == CODE_FLOAT;
	if (bits != 8 * width || w->frame_bytes % w->channels != 0 ||
	    (real ? width != 4 && width != 8 : width < 1 || width > 4))
		return wrong(w, chunk, err,
			     "samples must be integers of 8, 16, 24 or 32 bits, or floating point of 32 or 64: export "
			     "it so");
	w->cell = (struct cell){.kind = real ? CELL_REAL : width == 1 ? CELL_UNSIGNED : CELL_SIGNED, .width = width};
	return 0;
}

static int take_long_size(struct wav *w, const struct chunk *chunk, struct err *err)
{
	uint8_t sizes[24];
	if (chunk->size < sizeof(sizes))
		return wrong(w, chunk, err, "is too short for the sizes that it has to give");
	int rc = bytes_at(&w->bytes, chunk->at, sizes, sizeof(sizes), err);
	w->has_long_size = !rc;
	w->long_size = rc ? 0 : bytes_number(sizes + 8, 8, false);
	return rc;
}

/* A program that writes into a pipe does not know how much it will be, and leaves one of these: then the data go on to
 * the end, and a last frame that is not whole was never written. */
static bool is_of_a_stream(uint64_t size)
{
	return size == 0 || size == UINT32_MAX || size == SIZE_OF_A_STREAM;
}

static int take_data(struct wav *w, const struct chunk *chunk, struct err *err)
{
	uint64_t size = chunk->size, rest = w->bytes.size - chunk->at;
	if (!w->has_format)
		return wrong(w, chunk, err, "comes before the chunk \"fmt \" that describes it: the file is damaged");
	if (chunk->size == SIZE_IN_DS64 && w->has_long_size)
		size = w->long_size;
	if (is_of_a_stream(size))
		size = rest - rest % w->frame_bytes;
	if (size > rest)
		return err_set(
			err, -EINVAL,
			"%.300s is truncated: its header says %llu bytes of samples, %llu are there; copy it again",
			w->bytes.path, (unsigned long long)size, (unsigned long long)rest);
	if (size % w->frame_bytes != 0)
		return wrong(w, chunk, err, "its size is no multiple of a frame: the file is damaged");
	w->cells.rows = size / w->frame_bytes;
	w->cells.columns = w->channels;
	for (unsigned i = 0; i < w->channels; i++) {
		w->cells.cell[i] = w->cell;
		w->cells.first[i] = chunk->at + (uint64_t)i * w->cell.width;
		w->cells.stride[i] = w->frame_bytes;
	}
	return 1;
}

static int take_chunk(struct wav *w, const struct chunk *chunk, struct err *err)
{
	if (!strcmp(chunk->id, "fmt "))
		return take_format(w, chunk, err);
	if (!strcmp(chunk->id, "ds64"))
		return take_long_size(w, chunk, err);
	return strcmp(chunk->id, "data") == 0 ? take_data(w, chunk, err) : 0;
}

static int read_chunk(struct wav *w, struct chunk *chunk, struct err *err)
{
	uint8_t head[8];
	int rc = bytes_at(&w->bytes, chunk->at - 8, head, sizeof(head), err);

	for (unsigned k = 0; !rc && k < 4; k++)
		chunk->id[k] = head[k] >= ' ' && head[k] < 127 ? (char)head[k] : '?';
	chunk->size = rc ? 0 : (uint32_t)bytes_number(head + 4, 4, false);
	return rc;
}

/* Behind a chunk and, where its size is odd, one byte more. */
static void next_chunk(struct chunk *chunk, uint64_t size)
{
	chunk->at += size + (size & 1) + 8;
}

/* Samples that go on in another chunk would be lost. Whatever else follows the data does not matter, nor whether it is
 * whole. */
static int refuse_more_data(struct wav *w, struct chunk *chunk, struct err *err)
{
	struct err none;

	next_chunk(chunk, w->cells.rows * w->frame_bytes);
	for (unsigned i = 0; i < CHUNKS_MAX && chunk->at <= w->bytes.size && read_chunk(w, chunk, &none) == 0; i++) {
		if (strcmp(chunk->id, "data") == 0)
			return wrong(
				w, chunk, err,
				"is a second one of samples, and what lies between them is not known: join or split "
				"them where it was recorded (ffmpeg, sox)");
		next_chunk(chunk, chunk->size);
	}
	return 0;
}

/* From chunk to chunk to the samples. */
static int find_data(struct wav *w, struct err *err)
{
	struct chunk chunk = {.at = 12 + 8};
	for (unsigned i = 0; i < CHUNKS_MAX; i++) {
		int rc = read_chunk(w, &chunk, err);
		if (!rc)
			rc = take_chunk(w, &chunk, err);
		if (rc)
			return rc < 0 ? rc : refuse_more_data(w, &chunk, err);
		next_chunk(&chunk, chunk.size);
	}
	return err_set(err, -EINVAL, "%.300s: none of its first %d chunks holds samples: the file is damaged",
		       w->bytes.path, CHUNKS_MAX);
}

static void wav_layout(const struct wav *w, struct recording_layout *layout)
{
	*layout = (struct recording_layout){
		.columns = w->channels, .rate_hz = w->rate_hz, .time_column = -1, .rows = w->cells.rows};
	for (unsigned i = 0; i < w->channels; i++)
		cell_describe(&w->cell, &layout->column[i]);
}

static void wav_close(struct recording *recording)
{
	struct wav *w = (struct wav *)recording;
	if (!w)
		return;
	bytes_close(&w->bytes);
	free(w);
}

static int wav_open(const char *path, const struct recording_wish *wish, struct recording **ret,
		    struct recording_layout *layout, struct err *err)
{
	struct wav *w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(err, -ENOMEM, "out of memory");
	w->reader = &reader_wav;
	w->cells.gaps = wish->gaps;
	w->cells.wanted = wish->wanted;
	int rc = bytes_open(&w->bytes, path, err);
	if (!rc)
		rc = find_data(w, err);
	if (!rc)
		wav_layout(w, layout);
	if (!rc)
		rc = beside_read(path, layout, NULL, err);
	if (rc)
		wav_close((struct recording *)w);
	else
		*ret = (struct recording *)w;
	return rc;
}

static int wav_next(struct recording *recording, struct recording_rows *rows, struct err *err)
{
	struct wav *w = (struct wav *)recording;
	return cells_read(&w->bytes, &w->cells, &w->row, rows, err);
}

const struct recording_reader reader_wav = {
	.name = "wav",
	.what = "WAV: sound files of integers or floating point, as audio and DAQ programs write them",
	.recognise = wav_recognise,
	.open = wav_open,
	.next = wav_next,
	.close = wav_close,
};
