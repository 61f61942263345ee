/* A reader takes a recording as one kind of file holds it and yields rows of numbers. One file per kind of recording;
 * reader_table lists them. A reader knows nothing of pens, plans and newtons: what its columns mean is the import's business. */
#ifndef PENRIG_OFFLINE_IMPORT_READER_H
#define PENRIG_OFFLINE_IMPORT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/base/error.h"

#define RECORDING_COLUMNS_MAX 64
#define RECORDING_HEAD        65536 /* bytes of a file's beginning that recognition may look at */

struct recording_column {
	char name[64];        /* as the file calls it; "" where it does not */
	char unit[16];        /* as the file writes it; "" where it does not */
	char other_unit[16];  /* where the file gives it a second one that means something else; else "" */
	bool integer;         /* all values are integers of at most 32 bits: they become counts as they are */
	bool no_numbers;      /* words or times, or nothing at all: it cannot be the force */
	unsigned bits;        /* of an integer column: 8, 16, 24 or 32; else 0 */
	double scale, offset; /* the file's own: physical = offset + scale * value; 1 and 0 where it states none */
};

/* What the file says of itself once its beginning has been read. */
struct recording_layout {
	unsigned columns;
	struct recording_column column[RECORDING_COLUMNS_MAX];
	double rate_hz;           /* rows per second as the file states it; NAN where it does not */
	int time_column;          /* the column (from 0) that holds each row's time; -1 where there is none */
	double time_unit_s;       /* of that column; 0: it counts rows; NAN: a time whose unit the file does not say */
	double time_resolution_s; /* of that column's values; 0: as fine as a double */
	uint64_t rows;            /* as the file states; UINT64_MAX where it does not */
	char rate_from[96];       /* where rate_hz stands in the file: "line 4, Delta_X"; "" where it states none */
	char rate_doubt[96];  /* a number in the file that may be the rate of something else; "" where there is none */
	double other_rate_hz; /* where the file states another one as well; 0: it does not */
	char other_rate_from[96];
	char dialect[160]; /* how the file is written, in words, where its kind leaves a choice; else "" */
};

/* What the command line may say; 0, NULL where it does not. */
struct recording_wish {
	const char *dataset; /* HDF5, TDMS: which dataset or group */
	char separator;      /* text */
	char decimal;        /* text: '.' or ',' */
	bool gaps;           /* a cell that is empty or no number is a gap, not an error */
	uint64_t wanted; /* bit i: column i (from 0) is read; the others may be left NAN, whatever they hold. 0: all */
};

/* rows * layout.columns values, row by row; NAN is a gap: the file has a place there, but no value. */
struct recording_rows {
	uint32_t rows;
	double *value; /* the caller's, room for `room` values */
	uint32_t room;
	uint64_t first_line; /* where in the file the first of them stands, as people count (lines or rows, from 1) */
};

struct recording; /* opened by a reader: its first member is the reader */

struct recording_reader {
	const char *name; /* "csv", "wav": as --format names it */
	const char *what; /* "comma-separated text, as spreadsheets and loggers write it" */
	/* Is it one of mine? From the first n bytes (n <= RECORDING_HEAD) and the name; the first of the table that says yes
	 * reads it. Strict: a signature or a form, never the name's ending alone. */
	bool (*recognise)(const uint8_t *head, size_t n, const char *path);
	bool by_form; /* it recognises a form, not a signature: where another format is named, that is believed */
	/* -EINVAL with a text that names path, line or byte, column and remedy; -errno of files; -ENOTSUP: a library is
	 * missing, with the line that installs it. */
	int (*open)(const char *path, const struct recording_wish *wish, struct recording **ret,
		    struct recording_layout *layout, struct err *err);
	/* Fills rows->rows (> 0) and returns 1; 0: the end. Memory stays flat however long the file is. */
	int (*next)(struct recording *recording, struct recording_rows *rows, struct err *err);
	void (*close)(struct recording *recording);
};

extern const struct recording_reader *const reader_table[]; /* ends in NULL */

#endif
