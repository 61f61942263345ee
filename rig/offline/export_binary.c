/* NPY (format 1.0: a structured array, little-endian, physical units) and WAV (integer PCM as the sensor sent it; strokes
 * and telemetry are no sound and go into CSV). */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/offline/export_file.h"

static void put_le(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static int write_bytes(struct export_file *file, const void *data, size_t len, struct err *err)
{
	errno = 0;
	return fwrite(data, 1, len, file->out) == len ? 0 : export_file_failed(file, err);
}

/* ---- npy ---- */

#define NPY_HEADER 2048 /* 18 columns of at most 48 characters, the shape, padding */

/* The header has a fixed length, so that the number of rows can be filled in at the end. */
static int npy_header(struct export_file *file, struct err *err)
{
	char text[NPY_HEADER];
	size_t n = 10;
	memset(text, ' ', sizeof(text));
	memcpy(text, "\x93NUMPY\x01\x00", 8);
	put_le((uint8_t *)text + 8, NPY_HEADER - 10, 2);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "{'descr': [");
	for (unsigned i = 0; i < file->table.columns && n < sizeof(text) - 128; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "('%s', '%s'), ", file->table.column[i].name,
				      file->table.column[i].whole ? "<u8" : "<f8");
	n += (size_t)snprintf(text + n, sizeof(text) - n, "], 'fortran_order': False, 'shape': (%llu,), }",
			      (unsigned long long)file->rows);
	text[n] = ' ';
	text[sizeof(text) - 1] = '\n';
	return write_bytes(file, text, sizeof(text), err);
}

static int npy_open(void *ctx, const struct export_table *table, struct err *err)
{
	struct export_file *file = ctx;
	int rc = export_file_open(file, table, ".npy", err);
	return rc ? rc : npy_header(file, err);
}

static int npy_row(void *ctx, const struct export_value *values, struct err *err)
{
	struct export_file *file = ctx;
	uint8_t row[8 * EXPORT_COLUMNS_MAX];
	for (unsigned i = 0; i < file->table.columns; i++) {
		uint64_t bits = values[i].whole;
		if (!file->table.column[i].whole)
			memcpy(&bits, &values[i].real, sizeof(bits));
		put_le(row + 8 * i, bits, 8);
	}
	file->rows++;
	return write_bytes(file, row, 8 * (size_t)file->table.columns, err);
}

static int npy_close(void *ctx, struct err *err)
{
	struct export_file *file = ctx;
	int rc = fseek(file->out, 0, SEEK_SET) == 0 ? npy_header(file, err) : export_file_failed(file, err);
	int closed = export_file_close(file, rc ? NULL : err);
	rc = rc ? rc : closed;
	return rc ? rc : export_file_describe(file, ".npy", err);
}

const struct export_format export_npy = {
	.id = "npy",
	.begin = export_file_begin,
	.open = npy_open,
	.row = npy_row,
	.close = npy_close,
	.end = export_file_end,
};

/* ---- wav ---- */

#define WAV_HEADER   44
#define WAV_DATA_MAX (UINT32_MAX - WAV_HEADER)

static unsigned wav_width(const struct export_table *table)
{
	unsigned bits = 16;
	for (unsigned i = 2; i < table->columns; i++)
		if (table->column[i].channel->bits > bits)
			bits = table->column[i].channel->bits;
	return (bits + 7) / 8;
}

static int wav_header(struct export_file *file, struct err *err)
{
	unsigned channels = file->table.columns - 2, width = wav_width(&file->table);
	uint32_t rate = (uint32_t)lround(file->table.rate_hz);
	uint8_t h[WAV_HEADER];
	memcpy(h, "RIFF....WAVEfmt ", 16);
	put_le(h + 4, WAV_HEADER - 8 + file->bytes, 4);
	put_le(h + 16, 16, 4);
	put_le(h + 20, 1, 2); /* PCM */
	put_le(h + 22, channels, 2);
	put_le(h + 24, rate, 4);
	put_le(h + 28, (uint64_t)rate * channels * width, 4);
	put_le(h + 32, (uint64_t)channels * width, 2);
	put_le(h + 34, 8 * width, 2);
	memcpy(h + 36, "data", 4);
	put_le(h + 40, file->bytes, 4);
	return write_bytes(file, h, sizeof(h), err);
}

static int wav_begin(const char *stem, const struct record *record, void **ret, struct err *err)
{
	struct export_file *file;
	void *made;
	int rc = export_file_begin(stem, record, &made, err);
	if (rc)
		return rc;
	file = made;
	file->beside = &export_csv;
	rc = file->beside->begin(stem, record, &file->beside_file, err);
	if (rc)
		export_file_end(file, NULL);
	else
		*ret = file;
	return rc;
}

static int wav_open(void *ctx, const struct export_table *table, struct err *err)
{
	struct export_file *file = ctx;
	file->beside_open = !export_file_has_samples(table);
	if (file->beside_open)
		return file->beside->open(file->beside_file, table, err);
	int rc = export_file_open(file, table, ".wav", err);
	return rc ? rc : wav_header(file, err);
}

static int wav_frame(struct export_file *file, struct err *err)
{
	unsigned channels = file->table.columns - 2, width = wav_width(&file->table);
	uint8_t frame[4 * CHANNELS_MAX];
	for (unsigned i = 0; i < channels; i++)
		put_le(frame + (size_t)i * width, (uint32_t)file->last[i], width);
	file->bad |= file->bytes + (uint64_t)channels * width > WAV_DATA_MAX;
	if (file->bad)
		return err_set(err, -EFBIG, "%.400s: a WAV file holds at most 4 GB; export as npy or hdf5", file->path);
	file->bytes += (uint64_t)channels * width;
	return write_bytes(file, frame, (size_t)channels * width, err);
}

/* Sound has no holes: a gap is filled with the frame before it, and counted in the file beside. */
static int wav_row(void *ctx, const struct export_value *values, struct err *err)
{
	struct export_file *file = ctx;
	if (file->beside_open)
		return file->beside->row(file->beside_file, values, err);
	int rc = 0;
	for (; !rc && file->rows && file->next_index < values[0].whole; file->next_index++, file->filled++)
		rc = wav_frame(file, err);
	for (unsigned i = 2; i < file->table.columns; i++)
		file->last[i - 2] = values[i].count;
	file->next_index = values[0].whole + 1;
	file->rows++;
	return rc ? rc : wav_frame(file, err);
}

static int wav_close(void *ctx, struct err *err)
{
	struct export_file *file = ctx;
	if (file->beside_open)
		return file->beside->close(file->beside_file, err);
	int rc = file->bytes & 1 ? write_bytes(file, "", 1, err) : 0;
	if (!rc)
		rc = fseek(file->out, 0, SEEK_SET) == 0 ? wav_header(file, err) : export_file_failed(file, err);
	int closed = export_file_close(file, rc ? NULL : err);
	rc = rc ? rc : closed;
	return rc ? rc : export_file_describe(file, ".wav", err);
}

static int wav_end(void *ctx, struct err *err)
{
	struct export_file *file = ctx;
	file->beside->end(file->beside_file, NULL);
	return export_file_end(file, err);
}

const struct export_format export_wav = {
	.id = "wav",
	.begin = wav_begin,
	.open = wav_open,
	.row = wav_row,
	.close = wav_close,
	.end = wav_end,
};
