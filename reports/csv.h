/* Cells of the tables for spreadsheets and data frames: RFC 4180, comma and point, all digits; a figure that is not there is
 * an empty cell. A text that a spreadsheet would take for a formula gets a blank before it. */
#ifndef PENRIG_REPORTS_CSV_H
#define PENRIG_REPORTS_CSV_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct csv_row {
	FILE *out;
	bool begun;
};

void csv_put_text(struct csv_row *row, const char *text);
void csv_put_real(struct csv_row *row, double value);
void csv_put_count(struct csv_row *row, uint64_t count);
void csv_put_bool(struct csv_row *row, bool yes);
void csv_put_nothing(struct csv_row *row, unsigned cells);
void csv_end(struct csv_row *row);

#endif
