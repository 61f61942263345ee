/* The reader of text: rows as spreadsheets, loggers, oscilloscopes and LabVIEW write them. The dialect of the first lines
 * holds to the end: a row of another form is an error with its line, never a guess and never left out. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/offline/import/beside.h"
#include "rig/offline/import/readers.h"
#include "rig/offline/import/text_dialect.h"
#include "rig/offline/import/text_header.h"
#include "rig/offline/import/text_number.h"
#include "rig/offline/import/text_rows.h"
#include "rig/offline/import/text_time.h"

#define HEAD_LINES 1000
#define HALF_DAY_S 43200.0
#define DAY_S      86400.0

struct recording {
	const struct recording_reader *reader;
	char path[512];
	struct text_input *in;
	struct text_dialect dialect;
	bool gaps, fast;                                      /* rows of plain numbers are likely, */
	struct text_row_form plain;                           /* and such they then are */
	struct recount recount;                               /* of an export of penrig */
	unsigned wanted[RECORDING_COLUMNS_MAX], wanted_count; /* rising */
	size_t usual_end;                                     /* of the last cells in the first rows: usual_end() */
	struct text_line line;
	bool held;      /* that line is still to come, behind: */
	uint64_t blank; /* rows of blank lines */
	bool started;   /* a clock was read: */
	long day;       /* of the first date */
	double days_s, last_s;
};

/* ---- recognition ---- */

/* No control characters but those of text. Zero bytes behind a good beginning are a file that was damaged. */
static bool csv_recognise(const uint8_t *head, size_t n, const char *path)
{
	enum text_encoding encoding = text_encoding_of(head, n);
	size_t look = n < 256 ? n : 256;

	(void)path;
	if (encoding == TEXT_UTF16LE || encoding == TEXT_UTF16BE)
		return true;
	for (size_t i = 0; i < look; i++)
		if ((head[i] < 9 || (head[i] > 13 && head[i] < 32) || head[i] == 127) && head[i] != 26)
			return false;
	return look > 0;
}

/* ---- opening ---- */

static void csv_close(struct recording *r)
{
	if (!r)
		return;
	text_input_close(r->in);
	free(r);
}

static void describe(const struct recording *r, unsigned header, struct recording_layout *layout)
{
	const char *encoding = text_encoding_name(text_input_encoding(r->in));
	char lines[40] = "";

	if (header > 0)
		snprintf(lines, sizeof(lines), ", %u header line%s", header, header == 1 ? "" : "s");
	snprintf(layout->dialect, sizeof(layout->dialect), "%s%sseparator %s, decimal %s%s", encoding,
		 *encoding ? ", " : "", text_separator_name(r->dialect.separator),
		 r->dialect.decimal == ',' ? "comma" : "point", lines);
}

static void want(struct recording *r, uint64_t wanted)
{
	r->plain = (struct text_row_form){
		.separator = r->dialect.separator, .decimal = r->dialect.decimal, .columns = r->dialect.columns};
	for (unsigned i = 0; i < r->dialect.columns; i++) {
		r->plain.wanted[i] = wanted == 0 ? r->dialect.form[i] <= TEXT_FORM_TIME : (wanted >> i & 1) != 0;
		if (r->plain.wanted[i])
			r->wanted[r->wanted_count++] = i;
	}
}

/* Blanks may be several, a time is no number, and a comma that is both needs quotes. */
static bool is_fast(const struct recording *r)
{
	bool times = false;

	for (unsigned i = 0; i < r->wanted_count; i++)
		times = times || r->dialect.form[r->wanted[i]] != TEXT_FORM_NUMBER;
	return r->dialect.separator != TEXT_BLANKS && r->dialect.separator != r->dialect.decimal && !times;
}

/* Of a line's last cell, what stands behind its decimal mark, an exponent too; SIZE_MAX: it has none. */
static size_t end_of(const struct text_line *line, const struct text_dialect *d)
{
	struct text_cells cells = text_cells_of(line, d->separator);
	const char *cell = NULL;
	size_t len = 0;

	while (text_next_cell(&cells, &cell, &len))
		;
	const char *mark = len > 0 ? memchr(cell, d->decimal, len) : NULL;

	return mark ? (size_t)(cell + len - mark) : SIZE_MAX;
}

/* The same in all the first rows, or SIZE_MAX: their numbers are written as short as they are. */
static size_t usual_end(const struct text_line *line, unsigned lines, const struct text_dialect *d)
{
	size_t usual = d->body + 1 < lines ? end_of(&line[d->body], d) : SIZE_MAX;

	for (unsigned l = d->body; l + 1 < lines; l++) /* the file's last line is no witness */
		if (end_of(&line[l], d) != usual)
			return SIZE_MAX;
	return usual;
}

static int read_head(struct recording *r, const struct recording_wish *wish, struct text_line *line,
		     struct recording_layout *layout, struct err *err)
{
	int lines = text_input_head(r->in, line, HEAD_LINES, RECORDING_HEAD, err);

	if (lines < 0)
		return lines;
	int rc = text_dialect_find(line, (unsigned)lines, wish, &r->dialect, err);
	if (rc < 0) {
		err_prefix(err, "%.200s", r->path);
		return rc;
	}
	*layout = (struct recording_layout){.rate_hz = NAN, .time_column = -1, .time_unit_s = NAN, .rows = UINT64_MAX};
	text_header_read(line, (unsigned)lines, &r->dialect, layout);
	describe(r, r->dialect.body, layout);
	want(r, wish->wanted);
	r->usual_end = usual_end(line, (unsigned)lines, &r->dialect);
	r->fast = is_fast(r);
	for (unsigned i = 0; i < r->dialect.body; i++)
		if ((rc = text_input_next(r->in, &r->line, err)) < 0)
			return rc;
	return 0;
}

static int csv_begin(struct recording *r, const struct recording_wish *wish, struct recording_layout *layout,
		     struct err *err)
{
	struct text_line *line = calloc(HEAD_LINES, sizeof(*line));
	int rc = line ? text_input_open(r->path, &r->in, err) : err_set(err, -ENOMEM, "out of memory");

	if (rc == 0)
		rc = read_head(r, wish, line, layout, err);
	free(line);
	return rc < 0 ? rc : beside_read(r->path, layout, &r->recount, err);
}

static int csv_open(const char *path, const struct recording_wish *wish, struct recording **ret,
		    struct recording_layout *layout, struct err *err)
{
	struct recording *r = strlen(path) < sizeof(r->path) ? calloc(1, sizeof(*r)) : NULL;

	if (!r)
		return err_set(err, -ENOMEM, "%.300s: out of memory, or its path is too long", path);
	r->reader = &reader_csv;
	r->gaps = wish->gaps;
	memcpy(r->path, path, strlen(path) + 1);
	int rc = csv_begin(r, wish, layout, err);
	if (rc < 0)
		csv_close(r);
	else
		*ret = r;
	return rc;
}

/* ---- cells that are not plain numbers ---- */

static int bad_cell(const struct recording *r, unsigned column, const char *cell, size_t len, const char *why,
		    struct err *err)
{
	text_trim(&cell, &len);
	return err_set(err, -EINVAL, "%.200s:%llu: column %u: \"%.*s\" %s", r->path, (unsigned long long)r->line.number,
		       column + 1, (int)(len < 40 ? len : 40), cell, why);
}

static int no_value(const struct recording *r, unsigned column, const char *cell, size_t len, double *ret,
		    struct err *err)
{
	*ret = NAN;
	if (r->gaps)
		return 0;
	text_trim(&cell, &len);
	return bad_cell(r, column, cell, len,
			len == 0 ? "is empty; --gaps makes a gap of each such cell"
				 : "is no number; --gaps makes a gap of each such cell",
			err);
}

static int clock_cell(struct recording *r, unsigned column, const char *cell, size_t len, double *ret, struct err *err)
{
	struct text_time time;

	if (!text_time(cell, len, &time)) {
		enum text_kind kind = text_cell(cell, len, r->dialect.decimal, ret);
		if (kind == TEXT_EMPTY || kind == TEXT_NO_VALUE)
			return no_value(r, column, cell, len, ret, err);
		return bad_cell(r, column, cell, len, "is no time of day as the rows before it have", err);
	}
	if (!r->started) {
		r->started = true;
		r->day = time.day;
		r->last_s = time.second;
	}
	if (time.dated)
		r->days_s = (double)(time.day - r->day) * DAY_S;
	else if (r->days_s + time.second < r->last_s - HALF_DAY_S) /* a clock that began a new day */
		r->days_s += DAY_S;
	*ret = r->last_s = r->days_s + time.second;
	return 0;
}

static int read_cell(struct recording *r, unsigned column, const char *cell, size_t len, double *ret, struct err *err)
{
	if (r->dialect.form[column] == TEXT_FORM_TIME)
		return clock_cell(r, column, cell, len, ret, err);
	switch (text_cell(cell, len, r->dialect.decimal, ret)) {
	case TEXT_NUMBER:
	case TEXT_GROUPED: return 0;
	case TEXT_DOUBTFUL_GROUP:
		return bad_cell(
			r, column, cell, len,
			r->dialect.decimal == '.'
				? "may be a thousand or a decimal comma: write it without groups of thousands, or say "
				  "--decimal comma"
				: "may be a thousand or have a decimal point: write it without groups of thousands, or "
				  "say --decimal point",
			err);
	case TEXT_EMPTY:
	case TEXT_NO_VALUE: return no_value(r, column, cell, len, ret, err);
	case TEXT_OTHER: break;
	}
	if (r->gaps)
		return no_value(r, column, cell, len, ret, err);
	return bad_cell(
		r, column, cell, len,
		r->dialect.decimal == '.'
			? "is no number with a decimal point, as the rows before it have; --gaps makes a gap of each "
			  "such cell"
			: "is no number with a decimal comma, as the rows before it have; --gaps makes a gap of each "
			  "such cell",
		err);
}

/* ---- rows ---- */

static int wrong_cells(const struct recording *r, unsigned cells, struct err *err)
{
	return err_set(
		err, -EINVAL,
		"%.200s:%llu: this row has %u cell%s, those before it have %u: \"%.*s\"; a decimal comma, a row cut "
		"short? mend or remove it",
		r->path, (unsigned long long)r->line.number, cells, cells == 1 ? "" : "s", r->dialect.columns,
		(int)(r->line.len < 60 ? r->line.len : 60), r->line.at);
}

/* Any row, cell by cell. */
static int row_slowly(struct recording *r, double *value, struct err *err)
{
	struct text_cells cells = text_cells_of(&r->line, r->dialect.separator);
	const char *cell;
	size_t len;
	unsigned n = 0, next = 0;
	int rc = 0;

	for (; text_next_cell(&cells, &cell, &len); n++) {
		bool wanted = next < r->wanted_count && r->wanted[next] == n;
		if (wanted && (rc = read_cell(r, n, cell, len, &value[n], err)) < 0)
			return rc;
		next += wanted;
		if (n >= r->dialect.columns && len > 0)
			return wrong_cells(r, text_count_cells(&r->line, r->dialect.separator), err);
	}
	return n < r->dialect.columns ? wrong_cells(r, n, err) : 0;
}

static void rows_fast(struct recording *r, struct recording_rows *rows)
{
	const char *end, *at = text_input_lines(r->in, &end);
	double *value = rows->value + (size_t)rows->rows * r->dialect.columns;
	uint32_t more;

	if (rows->rows == 0)
		rows->first_line = text_input_number(r->in) + 1;
	at = text_rows(&r->plain, at, end, rows->room - rows->rows, value, &more);
	rows->rows += more;
	text_input_skip(r->in, at, more);
}

/* Blank lines are rows without a value, unless nothing follows them: then they are the file's end. */
static int blank_lines(const struct recording *r, struct err *err)
{
	if (r->gaps)
		return 0;
	return err_set(
		err, -EINVAL,
		"%.200s:%llu: this line is blank, and rows follow it: what stood there is lost; --gaps makes a gap of "
		"each such line",
		r->path, (unsigned long long)(r->line.number - r->blank));
}

static bool is_blank_row(const struct recording *r)
{
	if (r->line.len == 0 || r->dialect.separator == '\t') /* two tabs are three cells */
		return r->line.len == 0;
	return (*r->line.at == ' ' || *r->line.at == '\t') && text_line_is_blank(&r->line);
}

static void empty_row(const struct recording *r, double *value)
{
	for (unsigned i = 0; i < r->dialect.columns; i++)
		value[i] = NAN;
}

/* A file that was cut in the middle of its last number, which is another one then: "0.3" of 0.30193. */
static bool is_cut(const struct recording *r)
{
	unsigned last = r->dialect.columns - 1;
	bool read = r->wanted_count > 0 && r->wanted[r->wanted_count - 1] == last;

	if (!read || !text_input_unended(r->in) || r->usual_end == SIZE_MAX)
		return false;
	size_t end = end_of(&r->line, &r->dialect);

	return end == SIZE_MAX || end < r->usual_end;
}

static int csv_row(struct recording *r, double *value, struct err *err)
{
	empty_row(r, value);
	int rc = row_slowly(r, value, err);

	if (rc == 0 && is_cut(r))
		return err_set(
			err, -EINVAL,
			"%.200s:%llu: the file ends in this line without a line break, and its last number has "
			"fewer digits than those before it: cut short? remove the line, or end it where it is whole",
			r->path, (unsigned long long)r->line.number);
	return rc;
}

/* Of LabVIEW, which can put one before each block that it appends: no line of it is a row, nor a gap. */
static int another_header(const struct recording *r, struct err *err)
{
	static const char *const begins[] = {"LabVIEW Measurement", "***End_of_Header***", "Channels\t", "Channels,"};

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (r->line.len >= strlen(begins[i]) && strncmp(r->line.at, begins[i], strlen(begins[i])) == 0)
			return err_set(
				err, -EINVAL,
				"%.200s:%llu: another header begins among the rows: LabVIEW wrote this file in "
				"segments; have it write one header only, or import each segment as a file of its own",
				r->path, (unsigned long long)r->line.number);
	return 0;
}

/* The next row's line in r->line; r->blank: so many blank ones before it, which are rows, too. 1, or 0: the end. */
static int next_line(struct recording *r, struct err *err)
{
	int rc;

	while ((rc = text_input_next(r->in, &r->line, err)) > 0 && is_blank_row(r))
		r->blank++;
	if (rc > 0 && (another_header(r, err) < 0 || (r->blank > 0 && blank_lines(r, err) < 0)))
		return -EINVAL;
	return rc;
}

static int csv_next(struct recording *r, struct recording_rows *rows, struct err *err)
{
	int rc = 1;

	rows->rows = 0;
	while (rows->rows < rows->room) {
		if (r->fast && !r->held)
			rows_fast(r, rows);
		if (rows->rows == rows->room)
			break;
		double *value = rows->value + (size_t)rows->rows * r->dialect.columns;
		if (!r->held && (rc = next_line(r, err)) <= 0)
			break;
		if (rows->rows == 0)
			rows->first_line = r->line.number - r->blank;
		r->held = r->blank > 0;
		if (!r->held && (rc = csv_row(r, value, err)) < 0)
			break;
		if (r->held) {
			empty_row(r, value);
			r->blank--;
		}
		rows->rows++;
	}
	if (rc >= 0 && rows->rows > 0)
		rc = recount_rows(&r->recount, r->path, r->dialect.columns, rows, err);
	return rc < 0 ? rc : rows->rows > 0;
}

const struct recording_reader reader_csv = {
	.name = "csv",
	.what = "text: numbers in columns, as spreadsheets, loggers, oscilloscopes and LabVIEW write them",
	.recognise = csv_recognise,
	.by_form = true,
	.open = csv_open,
	.next = csv_next,
	.close = csv_close,
};
