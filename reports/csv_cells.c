/* Cells of the tables for spreadsheets and data frames. */
#include "reports/csv.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "reports/digits.h"
#include "rig/base/text_clean.h"

#define TEXT_MAX 700

static void next_cell(struct csv_row *row)
{
	if (row->begun)
		fputc(',', row->out);
	row->begun = true;
}

void csv_put_text(struct csv_row *row, const char *text)
{
	char clean[TEXT_MAX];

	next_cell(row);
	text_clean(text, clean, sizeof(clean));
	bool formula = clean[0] && strchr("=+-@\t", clean[0]);
	if (!formula && !strpbrk(clean, ",\"\r\n")) {
		fputs(clean, row->out);
		return;
	}
	fputs(formula ? "\" " : "\"", row->out);
	for (const char *c = clean; *c; c++) {
		if (*c == '"')
			fputc('"', row->out);
		fputc(*c, row->out);
	}
	fputc('"', row->out);
}

void csv_put_real(struct csv_row *row, double value)
{
	char text[DIGITS_TEXT_MAX];

	next_cell(row);
	if (!isfinite(value))
		return;
	digits_text(value, DIGITS_EXACT, text);
	fputs(text, row->out);
}

void csv_put_count(struct csv_row *row, uint64_t count)
{
	next_cell(row);
	fprintf(row->out, "%" PRIu64, count);
}

void csv_put_bool(struct csv_row *row, bool yes)
{
	next_cell(row);
	fputs(yes ? "true" : "false", row->out);
}

void csv_put_nothing(struct csv_row *row, unsigned cells)
{
	while (cells--)
		next_cell(row);
}

void csv_end(struct csv_row *row)
{
	fputs("\r\n", row->out);
}
