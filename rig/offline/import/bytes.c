/* Cells are fetched through a buffer of fixed size: of interleaved columns a run of whole rows, of columns that lie one
 * behind the other a run of each. */
#include "rig/offline/import/bytes.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#define BUFFER 32768

int bytes_open(struct bytes *bytes, const char *path, struct err *err)
{
	struct stat st;
	FILE *in = fopen(path, "re");
	if (!in)
		return err_set(err, -errno, "%.300s cannot be read: %s", path, strerror(errno));
	if (fstat(fileno(in), &st) < 0 || !S_ISREG(st.st_mode)) {
		fclose(in);
		return err_set(err, -EINVAL, "%.300s is no regular file: save the recording to one", path);
	}
	*bytes = (struct bytes){.in = in, .size = (uint64_t)st.st_size};
	snprintf(bytes->path, sizeof(bytes->path), "%s", path);
	return 0;
}

void bytes_close(struct bytes *bytes)
{
	if (bytes->in)
		fclose(bytes->in);
	bytes->in = NULL;
}

int bytes_at(struct bytes *bytes, uint64_t offset, void *to, size_t n, struct err *err)
{
	if (offset > bytes->size || n > bytes->size - offset)
		return err_set(err, -EINVAL,
			       "%.300s ends at byte %llu, where there should be more: it is truncated; copy it again",
			       bytes->path, (unsigned long long)bytes->size);
	errno = 0;
	if (fseeko(bytes->in, (off_t)offset, SEEK_SET) == 0 && fread(to, 1, n, bytes->in) == n)
		return 0;
	if (ferror(bytes->in))
		return err_set(err, errno ? -errno : -EIO, "%.300s cannot be read: %s", bytes->path,
			       strerror(errno ? errno : EIO));
	return err_set(err, -EINVAL, "%.300s became shorter while it was read: is it still being written?",
		       bytes->path);
}

uint64_t bytes_number(const uint8_t *at, unsigned width, bool big_endian)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < width; i++)
		value = value << 8 | at[big_endian ? i : width - 1 - i];
	return value;
}

static double real_value(uint64_t bits, unsigned width)
{
	uint32_t half = (uint32_t)bits;
	float single;
	double real;
	if (width == 4) {
		memcpy(&single, &half, sizeof(single));
		return (double)single;
	}
	memcpy(&real, &bits, sizeof(real));
	return real;
}

static double middle(const struct cell *cell)
{
	return cell->kind == CELL_UNSIGNED && cell->width <= 4 ? ldexp(1, (int)(8 * cell->width - 1)) : 0;
}

double cell_value(const struct cell *cell, const uint8_t *at)
{
	uint64_t bits = bytes_number(at, cell->width, cell->big_endian);
	unsigned spare = 64 - 8 * cell->width;
	switch (cell->kind) {
	case CELL_REAL: return real_value(bits, cell->width);
	case CELL_UNSIGNED: return (double)bits - middle(cell);
	case CELL_SIGNED: break;
	}
	return (double)((int64_t)(bits << spare) >> spare);
}

void cell_describe(const struct cell *cell, struct recording_column *column)
{
	column->integer = cell->kind != CELL_REAL && cell->width <= 4;
	column->bits = column->integer ? 8 * cell->width : 0;
	column->scale = 1;
	column->offset = middle(cell);
}

/* ---- rows ---- */

static int no_number(const char *path, uint64_t row, unsigned column, struct err *err)
{
	return err_set(err, -EINVAL,
		       "%.300s: row %llu, column %u is no finite number: repair it, or say --gaps where the logger had "
		       "no value",
		       path, (unsigned long long)row, column + 1);
}

int rows_check(const char *path, unsigned columns, uint64_t wanted, bool gaps, const struct recording_rows *rows,
	       struct err *err)
{
	for (uint32_t row = 0; row < rows->rows; row++)
		for (unsigned i = 0; i < columns; i++) {
			double *value = &rows->value[(size_t)row * columns + i];
			if (isfinite(*value))
				continue;
			if (!gaps && (!wanted || (wanted >> i & 1)))
				return no_number(path, rows->first_line + row, i, err);
			*value = NAN;
		}
	return 0;
}

static void take_cells(const struct cells *cells, unsigned column, const uint8_t *from, uint32_t rows, double *to)
{
	for (uint32_t i = 0; i < rows; i++)
		to[(size_t)i * cells->columns] = cell_value(&cells->cell[column], from + i * cells->stride[column]);
}

/* All cells of these rows from one piece of the file, if they lie in one that fits. */
static bool interleaved(const struct cells *cells)
{
	for (unsigned i = 1; i < cells->columns; i++)
		if (cells->stride[i] != cells->stride[0] || cells->first[i] < cells->first[0] ||
		    cells->first[i] - cells->first[0] + cells->cell[i].width > cells->stride[0])
			return false;
	return true;
}

static uint32_t rows_at_once(const struct cells *cells, uint64_t row, const struct recording_rows *rows)
{
	uint64_t n = rows->room / cells->columns;
	assert(n > 0);
	for (unsigned i = 0; i < cells->columns; i++)
		n = n < BUFFER / cells->stride[i] ? n : BUFFER / cells->stride[i];
	return (uint32_t)(n < cells->rows - row ? n : cells->rows - row);
}

/* The last row of a piece ends with its last cell: behind it the file may end. */
static size_t piece_size(const struct cells *cells, unsigned first, unsigned last, uint32_t rows)
{
	size_t end = 0;
	for (unsigned i = first; i <= last; i++) {
		size_t at = (size_t)(cells->first[i] - cells->first[first]) + cells->cell[i].width;
		end = at > end ? at : end;
	}
	return (size_t)(rows - 1) * (size_t)cells->stride[first] + end;
}

int cells_read(struct bytes *bytes, const struct cells *cells, uint64_t *row, struct recording_rows *rows,
	       struct err *err)
{
	uint8_t buffer[BUFFER];
	bool together = interleaved(cells);
	uint32_t n = rows_at_once(cells, *row, rows);
	int rc = 0;
	if (*row >= cells->rows)
		return 0;
	for (unsigned i = 0; !rc && i < cells->columns; i++) {
		size_t ahead = together ? (size_t)(cells->first[i] - cells->first[0]) : 0;
		if (i == 0 || !together)
			rc = bytes_at(bytes, cells->first[i] + *row * cells->stride[i], buffer,
				      piece_size(cells, i, together ? cells->columns - 1 : i, n), err);
		if (!rc)
			take_cells(cells, i, buffer + ahead, n, rows->value + i);
	}
	if (rc)
		return rc;
	rows->rows = n;
	rows->first_line = *row + 1;
	*row += n;
	rc = rows_check(bytes->path, cells->columns, cells->wanted, cells->gaps, rows, err);
	return rc ? rc : 1;
}
