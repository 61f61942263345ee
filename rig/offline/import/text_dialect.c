/* Every way of writing is tried on the first lines. A way fits where it makes columns of numbers; the one that leaves the
 * fewest columns of words and the fewest odd lines is meant. Where several are as good, what they mean differs, and only
 * evidence decides: integers have no leading zeros, and a line of names has as many names as there are columns. */
#include "rig/offline/import/text_dialect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rig/offline/import/quantity.h"
#include "rig/offline/import/text_number.h"
#include "rig/offline/import/text_time.h"

#define SAMPLE_LINES 100 /* cells that must agree before a form is said to be fixed */
#define WAYS_MAX     12  /* six separators, two marks; a comma may be both where quotes tell them apart */

static const struct separator {
	char separator;
	const char *name;
} separators[] = {
	{',', "comma"}, {';', "semicolon"},      {'\t', "tab"},
	{'|', "pipe"},  {TEXT_BLANKS, "blanks"}, {TEXT_ONE_COLUMN, "none"},
};
#define SEPARATORS (sizeof(separators) / sizeof(separators[0]))

const char *text_separator_name(char separator)
{
	for (size_t i = 0; i < SEPARATORS; i++)
		if (separators[i].separator == separator)
			return separators[i].name;
	return "?";
}

bool text_separator_of(const char *word, char *ret)
{
	for (size_t i = 0; i < SEPARATORS; i++)
		if (separators[i].separator &&
		    (strcmp(separators[i].name, word) == 0 || (word[0] == separators[i].separator && !word[1]))) {
			*ret = separators[i].separator;
			return true;
		}
	return false;
}

/* ---- cells ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool text_line_is_blank(const struct text_line *line)
{
	for (size_t i = 0; i < line->len; i++)
		if (!is_blank(line->at[i]))
			return false;
	return true;
}

struct text_cells text_cells_of(const struct text_line *line, char separator)
{
	struct text_cells cells = {.at = line->at, .end = line->at + line->len, .separator = separator, .more = true};

	while (separator == TEXT_BLANKS && cells.at < cells.end && is_blank(*cells.at))
		cells.at++;
	while (separator == TEXT_BLANKS && cells.at < cells.end && is_blank(cells.end[-1]))
		cells.end--;
	return cells;
}

/* Behind a quoted cell's closing quote; `at` where it is not quoted, or never closed. */
static const char *behind_quotes(const char *at, const char *end)
{
	const char *c = at;

	while (c < end && is_blank(*c))
		c++;
	if (c >= end || *c != '"')
		return at;
	for (c++; (c = memchr(c, '"', (size_t)(end - c))) != NULL; c += 2)
		if (c + 1 >= end || c[1] != '"')
			return c + 1;
	return at;
}

static bool is_separator(char c, char separator)
{
	return c == separator || (separator == TEXT_BLANKS && c == '\t');
}

bool text_next_cell(struct text_cells *cells, const char **ret, size_t *ret_len)
{
	if (!cells->more)
		return false;
	const char *c = behind_quotes(cells->at, cells->end);
	if (cells->separator == TEXT_ONE_COLUMN)
		c = cells->end;
	while (c < cells->end && !is_separator(*c, cells->separator))
		c++;
	*ret = cells->at;
	*ret_len = (size_t)(c - cells->at);
	cells->more = c < cells->end;
	c += cells->more;
	while (cells->separator == TEXT_BLANKS && c < cells->end && is_blank(*c))
		c++;
	cells->at = c;
	return true;
}

unsigned text_count_cells(const struct text_line *line, char separator)
{
	struct text_cells cells = text_cells_of(line, separator);
	const char *cell;
	size_t len;
	unsigned n = 0;

	while (text_next_cell(&cells, &cell, &len))
		n++;
	return n;
}

/* ---- one way of writing, tried ---- */

struct way {
	struct text_dialect d;
	unsigned words, odd; /* columns of words; lines of the body that are not of its form */
	unsigned points;     /* numbers with a decimal mark */
	bool zeros;          /* an integer begins with a zero */
	bool fits;
};

struct tally {
	unsigned number, time, empty, no_value, words;
	unsigned marked; /* numbers with a decimal mark */
};

static bool leads_with_zero(const char *cell, size_t len)
{
	text_trim(&cell, &len);
	return len > 1 && cell[0] == '0' && cell[1] >= '0' && cell[1] <= '9';
}

static void tally_number(struct way *w, unsigned column, struct tally *t, const char *cell, size_t len)
{
	text_trim(&cell, &len);
	int decimals = text_decimals(cell, len, w->d.decimal);

	if (t->number > 0 && decimals != w->d.decimals[column])
		w->d.fixed[column] = false;
	if (t->number == 0 || decimals > w->d.decimals[column])
		w->d.decimals[column] = decimals;
	t->number++;
	t->marked += decimals >= 0;
	w->points += decimals >= 0;
	w->zeros = w->zeros || (decimals < 0 && leads_with_zero(cell, len));
}

static void tally_cell(struct way *w, unsigned column, struct tally *t, const char *cell, size_t len)
{
	struct text_time time;
	double value;

	switch (text_cell(cell, len, w->d.decimal, &value)) {
	case TEXT_NUMBER:
	case TEXT_GROUPED: tally_number(w, column, t, cell, len); break;
	case TEXT_DOUBTFUL_GROUP: t->words++; break;
	case TEXT_EMPTY: t->empty++; break;
	case TEXT_NO_VALUE: t->no_value++; break;
	case TEXT_OTHER:
		if (text_time(cell, len, &time)) {
			t->time++;
			w->d.decimals[column] = time.decimals;
		} else {
			t->words++;
		}
		break;
	}
}

static enum text_form form_of(const struct tally *t)
{
	if (t->number > 0 && t->number >= t->words && t->number >= t->time)
		return TEXT_FORM_NUMBER;
	if (t->time > 0 && t->time >= t->words)
		return TEXT_FORM_TIME;
	return t->words + t->no_value > 0 ? TEXT_FORM_WORDS : TEXT_FORM_EMPTY;
}

/* The columns' forms, by the lower half of the lines: there is the body, if there is one. */
static void learn_forms(struct way *w, const struct text_line *line, unsigned lines)
{
	struct tally tally[RECORDING_COLUMNS_MAX] = {{0}};

	for (unsigned i = 0; i < w->d.columns; i++)
		w->d.fixed[i] = true;
	for (unsigned l = lines / 2; l < lines; l++) {
		struct text_cells cells = text_cells_of(&line[l], w->d.separator);
		const char *cell;
		size_t len;
		if (text_line_is_blank(&line[l]) || text_count_cells(&line[l], w->d.separator) != w->d.columns)
			continue;
		for (unsigned i = 0; text_next_cell(&cells, &cell, &len); i++)
			tally_cell(w, i, &tally[i], cell, len);
	}
	for (unsigned i = 0; i < w->d.columns; i++) {
		w->d.form[i] = form_of(&tally[i]);
		w->words += w->d.form[i] == TEXT_FORM_WORDS;
		w->fits = w->fits || w->d.form[i] == TEXT_FORM_NUMBER;
		w->d.full[i] = tally[i].empty == 0;
		w->d.fixed[i] = w->d.fixed[i] && tally[i].number >= SAMPLE_LINES && tally[i].marked == tally[i].number;
	}
}

/* Is a cell of the column's form? Where all have as many decimals, one that has not is none (but for 0). */
static bool cell_is_of_form(const struct text_dialect *d, unsigned column, const char *cell, size_t len,
			    bool *ret_value)
{
	struct text_time time;
	double value = 0;
	enum text_kind kind = text_cell(cell, len, d->decimal, &value);

	if (d->form[column] == TEXT_FORM_TIME)
		return kind == TEXT_EMPTY || kind == TEXT_NO_VALUE ||
		       (kind == TEXT_OTHER && text_time(cell, len, &time));
	if (d->form[column] != TEXT_FORM_NUMBER)
		return true;
	if (kind == TEXT_OTHER)
		return false;
	text_trim(&cell, &len);
	if (kind == TEXT_NUMBER && d->fixed[column] && value != 0 &&
	    text_decimals(cell, len, d->decimal) != d->decimals[column])
		return false;
	if (kind == TEXT_EMPTY && column == 0 && d->full[0] && d->columns > 1)
		return false;
	*ret_value = *ret_value || kind != TEXT_EMPTY;
	return true;
}

/* A row of the body, with at least one value. */
static bool line_is_of_form(const struct text_dialect *d, const struct text_line *line)
{
	struct text_cells cells = text_cells_of(line, d->separator);
	const char *cell;
	size_t len;
	unsigned n = 0;
	bool good = true, value = false;

	for (; good && text_next_cell(&cells, &cell, &len); n++)
		good = n < d->columns && cell_is_of_form(d, n, cell, len, &value);
	return good && value && n == d->columns;
}

/* Nothing stands in the columns that are empty further down: of a header that has the body's numbers by chance. */
static bool empties_are_empty(const struct text_dialect *d, const struct text_line *line)
{
	struct text_cells cells = text_cells_of(line, d->separator);
	const char *cell;
	size_t len;

	for (unsigned n = 0; n < d->columns && text_next_cell(&cells, &cell, &len); n++) {
		text_trim(&cell, &len);
		if (d->form[n] == TEXT_FORM_EMPTY && len > 0)
			return false;
	}
	return true;
}

/* The body begins with the first line where that is of its form (some programs write a header beside it), else with the
 * first that is so beside the next one: a header may hold a line that looks like a row. */
static unsigned find_body(const struct text_dialect *d, const struct text_line *line, unsigned lines)
{
	unsigned before = lines; /* the last line that is not blank and of the form */
	bool first = true;

	for (unsigned l = 0; l < lines; l++) {
		if (text_line_is_blank(&line[l]))
			continue;
		bool good = line_is_of_form(d, &line[l]) && (first || empties_are_empty(d, &line[l]));
		if (good && (first || before < lines))
			return first ? l : before;
		before = good ? l : lines;
		first = false;
	}
	return before;
}

static struct way try_way(const struct text_line *line, unsigned lines, char separator, char decimal, bool asked)
{
	struct way w = {.d = {.separator = separator, .decimal = decimal}};
	unsigned last = lines, rows = 0;

	while (last > 0 && text_line_is_blank(&line[last - 1]))
		last--;
	w.d.columns = last > 0 ? text_count_cells(&line[last - 1], separator) : 0;
	if (w.d.columns == 0 || w.d.columns > RECORDING_COLUMNS_MAX ||
	    (w.d.columns == 1 && separator != TEXT_ONE_COLUMN))
		return w;
	learn_forms(&w, line, last);
	w.d.body = find_body(&w.d, line, last);
	for (unsigned l = w.d.body; l < last; l++) {
		rows += !text_line_is_blank(&line[l]);
		w.odd += !text_line_is_blank(&line[l]) && !line_is_of_form(&w.d, &line[l]);
	}
	w.fits = w.fits && rows > 0 && w.odd * 2 <= rows;
	if (separator == decimal && w.points == 0) /* decimal commas in quotes between commas */
		w.fits = false;
	/* "0,0000,0,30193": a comma that is two things at once */
	if (separator == ',' && !asked && w.points == 0 && w.zeros)
		w.fits = false;
	return w;
}

/* ---- which of them is meant ---- */

static unsigned keep(struct way *way, unsigned n, bool (*worse)(const struct way *a, const struct way *b))
{
	bool drop[WAYS_MAX] = {false};
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < n && !drop[i]; j++)
			drop[i] = worse(&way[i], &way[j]);
	for (unsigned i = 0; i < n; i++)
		if (!drop[i])
			way[kept++] = way[i];
	return kept;
}

static bool more_words(const struct way *a, const struct way *b)
{
	return a->words > b->words || (a->words == b->words && a->odd > b->odd);
}

/* No number has the mark: a point is what it would be. */
static bool same_without_mark(const struct way *a, const struct way *b)
{
	return a->d.separator == b->d.separator && a->d.decimal == ',' && b->d.decimal == '.' && a->points == 0;
}

/* One column, in which another way sees a separator. */
static bool blind_to_separator(const struct way *a, const struct way *b)
{
	return a->d.separator == TEXT_ONE_COLUMN && b->d.columns > 1 && b->d.separator != ',' &&
	       b->d.separator != TEXT_BLANKS;
}

static bool blanks_beside_tabs(const struct way *a, const struct way *b)
{
	return a->d.separator == TEXT_BLANKS && b->d.separator == '\t' && a->d.decimal == b->d.decimal;
}

/* "Force, N" above one column: a name and its unit, not two names. */
static bool is_name_and_unit(const struct text_line *names, char separator)
{
	struct text_cells cells = text_cells_of(names, separator);
	char unit[16] = "";
	const char *cell;
	size_t len;

	(void)text_next_cell(&cells, &cell, &len);
	if (!text_next_cell(&cells, &cell, &len) || cells.more)
		return false;
	text_trim(&cell, &len);
	snprintf(unit, sizeof(unit), "%.*s", (int)(len < sizeof(unit) ? len : 0), cell);
	return quantity_known(unit);
}

static bool names_match(const struct way *way, unsigned n, unsigned i, const struct text_line *line)
{
	const struct text_dialect *d = &way[i].d;
	unsigned l = d->body;

	while (l > 0 && text_line_is_blank(&line[l - 1]))
		l--;
	if (l == 0 || text_count_cells(&line[l - 1], d->separator) != d->columns ||
	    (d->columns == 2 && is_name_and_unit(&line[l - 1], d->separator)))
		return false;
	for (unsigned j = 0; d->columns == 1 && j < n; j++)
		if (j != i && text_count_cells(&line[l - 1], way[j].d.separator) > 1)
			return false;
	return true;
}

static unsigned by_names(struct way *way, unsigned n, const struct text_line *line)
{
	unsigned kept = 0;
	bool match[WAYS_MAX] = {false};

	for (unsigned i = 0; i < n; i++) {
		match[i] = names_match(way, n, i, line);
		kept += match[i];
	}
	if (kept != 1)
		return n;
	for (unsigned i = 0; i < n; i++)
		if (match[i])
			way[0] = way[i];
	return 1;
}

static int two_fit(const struct way *way, const struct text_line *line, unsigned lines, struct err *err)
{
	const struct text_line *l = &line[way[0].d.body < lines ? way[0].d.body : lines - 1];

	return err_set(err, -EINVAL,
		       "its lines can be read in two ways, as \"%.*s\" in line %llu: separator %s and decimal %s, or "
		       "separator %s and "
		       "decimal %s; say which by --separator and --decimal",
		       (int)(l->len < 60 ? l->len : 60), l->at, (unsigned long long)l->number,
		       text_separator_name(way[0].d.separator), way[0].d.decimal == ',' ? "comma" : "point",
		       text_separator_name(way[1].d.separator), way[1].d.decimal == ',' ? "comma" : "point");
}

static unsigned last_line(const struct text_line *line, unsigned lines)
{
	while (lines > 1 && text_line_is_blank(&line[lines - 1]))
		lines--;
	return lines - 1;
}

static int none_fits(const struct text_line *line, unsigned lines, const struct recording_wish *wish, struct err *err)
{
	const struct text_line *l = &line[last_line(line, lines)];
	bool asked = wish->separator || wish->decimal;
	struct way comma = try_way(line, lines, ',', '.', false);

	if (!asked && comma.d.columns > 1 && comma.zeros && comma.points == 0)
		return err_set(err, -EINVAL,
			       "in line %llu, \"%.*s\", a comma is a decimal mark and a separator as well: write the "
			       "file with "
			       "another separator",
			       (unsigned long long)l->number, (int)(l->len < 60 ? l->len : 60), l->at);
	return err_set(err, -EINVAL,
		       "no column of numbers is found%s: line %llu is \"%.*s\"; --separator and --decimal say how its "
		       "rows are "
		       "written (at most %d columns)",
		       asked ? " with this --separator and --decimal" : "", (unsigned long long)l->number,
		       (int)(l->len < 60 ? l->len : 60), l->at, RECORDING_COLUMNS_MAX);
}

/* May this way be tried, by what the command line says? */
static bool may_try(const struct recording_wish *wish, char separator, char decimal, const struct text_line *last)
{
	if (wish->decimal && wish->decimal != decimal)
		return false;
	if (!wish->separator || wish->separator == separator)
		return true;
	return separator == TEXT_ONE_COLUMN && text_count_cells(last, wish->separator) == 1;
}

int text_dialect_find(const struct text_line *line, unsigned lines, const struct recording_wish *wish,
		      struct text_dialect *ret, struct err *err)
{
	struct way way[WAYS_MAX];
	unsigned n = 0;

	if (lines == 0)
		return err_set(err, -EINVAL, "it has no lines");
	for (size_t i = 0; i < SEPARATORS; i++)
		for (const char *decimal = ".,"; *decimal; decimal++) {
			char separator = separators[i].separator;
			if (!may_try(wish, separator, *decimal, &line[last_line(line, lines)]))
				continue;
			way[n] = try_way(line, lines, separator, *decimal, wish->separator != 0);
			n += way[n].fits;
		}
	n = keep(way, n, more_words);
	n = keep(way, n, same_without_mark);
	n = keep(way, n, blanks_beside_tabs);
	n = keep(way, n, blind_to_separator);
	if (n > 1)
		n = by_names(way, n, line);
	if (n == 0)
		return none_fits(line, lines, wish, err);
	if (n > 1)
		return two_fit(way, line, lines, err);
	*ret = way[0].d;
	return 0;
}
