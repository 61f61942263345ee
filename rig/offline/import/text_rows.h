/* Rows of plain numbers with one separator between them, many at a time: what most recordings are. Whatever is not as plain
 * as that is left to the caller. Pure. */
#ifndef PENRIG_OFFLINE_IMPORT_TEXT_ROWS_H
#define PENRIG_OFFLINE_IMPORT_TEXT_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/offline/import/reader.h"

#define TEXT_AHEAD 8 /* bytes behind a text that can be read, whatever they are */

struct text_row_form {
	char separator, decimal;            /* not the same */
	unsigned columns;                   /* 1 to RECORDING_COLUMNS_MAX */
	bool wanted[RECORDING_COLUMNS_MAX]; /* the others become NAN, whatever their cells hold */
};

/* As many such rows as follow each other from `at` on, `room` at most: values row by row, and behind the last of them.
 * [at, end) holds whole lines, each with its line break, and TEXT_AHEAD bytes can be read behind it. */
const char *text_rows(const struct text_row_form *form, const char *at, const char *end, uint32_t room, double *value,
		      uint32_t *ret_rows);

#endif
