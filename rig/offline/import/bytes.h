/* What readers of binary recordings share: a file whose every place is checked before it is read, and the cells of numbers
 * in it. */
#ifndef PENRIG_OFFLINE_IMPORT_BYTES_H
#define PENRIG_OFFLINE_IMPORT_BYTES_H

#include <stdio.h>

#include "rig/base/disk.h"
#include "rig/offline/import/reader.h"

#define CELL_BYTES_MAX 8

struct bytes {
	char path[FILE_PATH_MAX];
	FILE *in;
	uint64_t size;
};

/* A number as it lies in a file. */
struct cell {
	enum cell_kind { CELL_SIGNED, CELL_UNSIGNED, CELL_REAL } kind;
	unsigned width; /* bytes: 1 to 8; of CELL_REAL 4 or 8 */
	bool big_endian;
};

/* The columns of a recording and where their cells lie: value `row` of column i at first[i] + row * stride[i]. */
struct cells {
	unsigned columns;
	struct cell cell[RECORDING_COLUMNS_MAX];
	uint64_t first[RECORDING_COLUMNS_MAX], stride[RECORDING_COLUMNS_MAX];
	uint64_t rows;
	uint64_t wanted; /* as struct recording_wish has it */
	bool gaps;
};

/* -EINVAL: no regular file; -errno. Closing one that was never opened, all zero, is fine. */
int bytes_open(struct bytes *bytes, const char *path, struct err *err);
void bytes_close(struct bytes *bytes);
/* Exactly n bytes at `offset`. -EINVAL: the file ends before. */
int bytes_at(struct bytes *bytes, uint64_t offset, void *to, size_t n, struct err *err);

uint64_t bytes_number(const uint8_t *at, unsigned width, bool big_endian);
/* Integers that have no sign are given as their distance from the middle of their range, if they are of at most 32 bits:
 * so both ends are ends of a converter, and cell_describe() puts the middle into the offset. */
double cell_value(const struct cell *cell, const uint8_t *at);
/* Fills integer, bits, scale and offset. */
void cell_describe(const struct cell *cell, struct recording_column *column);

/* What is no finite number becomes NAN where `gaps` says so, or in a column that is not wanted; else -EINVAL, and the text
 * names row and column. */
int rows_check(const char *path, unsigned columns, uint64_t wanted, bool gaps, const struct recording_rows *rows,
	       struct err *err);

/* Rows from *row on into `rows`, and *row past them: 1; 0: there are no more. -EINVAL: the file ends before, or a cell is
 * no finite number; the text names row and column. */
int cells_read(struct bytes *bytes, const struct cells *cells, uint64_t *row, struct recording_rows *rows,
	       struct err *err);

#endif
