/* Headers have no standard, so each thing is looked for where programs put it: names in the last line of words that has a
 * cell for each column, units in a line of units or behind the names, the rate behind (or below) a word for it. */
#include "rig/offline/import/text_header.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "rig/offline/import/quantity.h"
#include "rig/offline/import/text_number.h"
#include "rig/offline/import/text_time.h"

#define KEY_MAX     48
#define EVEN_ROWS   20   /* a column without a name must rise evenly through so many rows to be taken for a time */
#define EVEN_PART   0.02 /* of a step: how much steps may differ, beyond their resolution */
#define SYMBOL_MAX  3    /* letters and digits of a force's symbol: F, Fz, Fn1 */
#define RATES_AGREE 1e-4 /* relative: two rates that a header states are one */
#define KEYED_LINES 64   /* of the body, where some programs write a header beside their columns */

struct cell {
	const char *at;
	size_t len;
};

static unsigned cells_of(const struct text_line *line, char separator, struct cell *ret, unsigned most)
{
	struct text_line stripped = *line;
	unsigned n = 0;

	if (stripped.len > 1 && (*stripped.at == '#' || *stripped.at == '%')) { /* a comment's mark before the names */
		stripped.at++;
		stripped.len--;
	}
	struct text_cells cells = text_cells_of(&stripped, separator);
	while (n < most && text_next_cell(&cells, &ret[n].at, &ret[n].len)) {
		text_trim(&ret[n].at, &ret[n].len);
		n++;
	}
	return n;
}

static void copy(const struct cell *cell, char *ret, size_t size)
{
	size_t len = cell->len < size ? cell->len : size - 1;

	memcpy(ret, cell->at, len);
	ret[len] = '\0';
}

/* Lower case, letters and digits alone: "Delta_X" and "delta x" are one key. */
static void key_of(const char *at, size_t len, char ret[KEY_MAX])
{
	unsigned n = 0;

	for (size_t i = 0; i < len && n < KEY_MAX - 1; i++)
		if (isalnum((unsigned char)at[i]))
			ret[n++] = (char)tolower((unsigned char)at[i]);
	ret[n] = '\0';
}

static bool is_one_of(const char *key, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(key, *words) == 0)
			return true;
	return false;
}

/* ---- units ---- */

static bool is_unit(const struct cell *cell, char ret[16])
{
	struct cell c = *cell;
	bool closed =
		c.len >= 2 && ((*c.at == '(' && c.at[c.len - 1] == ')') || (*c.at == '[' && c.at[c.len - 1] == ']') ||
			       (*c.at == '{' && c.at[c.len - 1] == '}'));

	if (closed) {
		c.at++;
		c.len -= 2;
		text_trim(&c.at, &c.len);
	}
	if (c.len == 0 || c.len > 15)
		return false;
	copy(&c, ret, 16);
	return quantity_known(ret);
}

static bool is_temperature(const char *unit, double *ret_scale)
{
	double offset;

	return quantity_temperature(unit, ret_scale, &offset);
}

/* What a name must hold where its unit is a bare letter behind it: "Force N" and "t_s" say so, "Channel N" is a channel. */
static const struct bare_unit {
	bool (*is)(const char *unit, double *ret);
	const char *symbol; /* of the quantity, before at most two digits or letters */
	const char *words[12];
} bare_units[] = {
	{quantity_force,
	 "f",
	 {"force", "load", "kraft", "thrust", "push", "pull", "zug", "druck", "last", "fuerza", "effort", NULL}},
	{quantity_time, "t", {"time", "zeit", "stamp", "elapsed", "temps", "tiempo", NULL}},
	{quantity_length,
	 "x",
	 {"displacement", "position", "travel", "stroke", "depth", "way", "weg", "hub", "tiefe", "height", NULL}},
	{is_temperature, "t", {"temp", "handle", "tip", "ambient", "room", NULL}},
};

static bool is_named_so(const char *at, size_t len, const char *unit)
{
	char key[KEY_MAX];
	double factor;

	key_of(at, len, key);
	for (size_t i = 0; i < sizeof(bare_units) / sizeof(bare_units[0]); i++) {
		const struct bare_unit *b = &bare_units[i];
		if (!b->is(unit, &factor))
			continue;
		if (*key == *b->symbol && strlen(key) <= SYMBOL_MAX)
			return true;
		for (const char *const *word = b->words; *word; word++)
			if (strstr(key, *word))
				return true;
	}
	return false;
}

/* "Force (N)", "Force [N]", "Force / N", "Force, N", "Force N", "F_N"; the name without it in *name. */
static bool unit_of_name(struct cell *name, char ret[16])
{
	size_t at = name->len;
	double factor;

	if (is_unit(name, ret))
		return true;
	while (at > 0 && !strchr(" ([{/,_", name->at[at - 1]))
		at--;
	if (at == 0)
		return false;
	bool bracket = strchr("([{", name->at[at - 1]) != NULL;
	struct cell unit = {name->at + at - bracket, name->len - at + bracket};
	if (!is_unit(&unit, ret))
		return false;
	size_t len = at - 1;
	while (len > 0 && strchr(" ([{/,_", name->at[len - 1]))
		len--;
	bool low = name->at[at - 1] == '_', bare = low || (name->at[at - 1] == ' ' && len == at - 1);
	bool letter = strlen(ret) == 1 || strcmp(ret, "in") == 0;
	/* "a_mm" is a name like any other; a force or a time is meant where it is written so */
	if (low && !quantity_force(ret, &factor) && !quantity_time(ret, &factor))
		return false;
	if (bare && letter && !is_named_so(name->at, len, ret))
		return false;
	name->len = len;
	return true;
}

static bool is_number(const struct cell *cell, char decimal)
{
	double value;
	enum text_kind kind = text_cell(cell->at, cell->len, decimal, &value);

	return kind == TEXT_NUMBER || kind == TEXT_GROUPED;
}

/* A line with a unit at least, and nothing else but words that stand where there is none. */
static bool is_units_line(const struct cell *cell, unsigned n, char decimal)
{
	static const char *const fillers[] = {"sequence", "",      "none", "text", "date", "time",
					      "au",       "units", "unit", "ts",   "rn",   NULL};
	char unit[16], key[KEY_MAX];
	unsigned units = 0;

	for (unsigned i = 0; i < n; i++) {
		key_of(cell[i].at, cell[i].len, key);
		if (is_unit(&cell[i], unit))
			units += !is_number(&cell[i], decimal); /* "0,1" above two columns are their numbers */
		else if (!is_one_of(key, fillers) && !is_number(&cell[i], decimal))
			return false;
	}
	return units > 0;
}

static bool is_names_line(const struct cell *cell, unsigned n, char decimal)
{
	unsigned words = 0;

	for (unsigned i = 0; i < n; i++) {
		if (is_number(&cell[i], decimal))
			return false;
		words += cell[i].len > 0;
	}
	return words * 2 > n;
}

/* Do two spellings mean one unit? */
static bool same_unit(const char *a, const char *b)
{
	double x, y, off_x, off_y;

	if (quantity_force(a, &x) && quantity_force(b, &y))
		return x == y;
	if (quantity_time(a, &x) && quantity_time(b, &y))
		return x == y;
	if (quantity_temperature(a, &x, &off_x) && quantity_temperature(b, &y, &off_y))
		return x == y && off_x == off_y;
	if (quantity_length(a, &x) && quantity_length(b, &y))
		return x == y;
	return strcasecmp(a, b) == 0;
}

/* The first unit counts; another one that means something else is told, for one of them is wrong by as much. */
static void note_unit(struct recording_column *c, const char *unit)
{
	if (!c->unit[0])
		snprintf(c->unit, sizeof(c->unit), "%s", unit);
	else if (!same_unit(c->unit, unit))
		snprintf(c->other_unit, sizeof(c->other_unit), "%s", unit);
}

static void take_units(const struct cell *cell, struct recording_layout *layout)
{
	for (unsigned i = 0; i < layout->columns; i++) {
		char unit[16], key[KEY_MAX];
		key_of(cell[i].at, cell[i].len, key);
		if (is_unit(&cell[i], unit))
			note_unit(&layout->column[i], unit);
		else if (strcmp(key, "sequence") == 0)
			snprintf(layout->column[i].name, sizeof(layout->column[i].name), "Sequence");
	}
}

/* "F_mN (N)" has two; a name that is a unit, "t", is one where nothing else is. */
static void take_units_of_name(struct cell *name, struct recording_column *c)
{
	char unit[16];

	if ((c->unit[0] && is_unit(name, unit)) || !unit_of_name(name, unit))
		return;
	note_unit(c, unit);
	if (!is_unit(name, unit) && unit_of_name(name, unit))
		note_unit(c, unit);
}

static void take_names(struct cell *cell, struct recording_layout *layout)
{
	for (unsigned i = 0; i < layout->columns; i++) {
		struct recording_column *c = &layout->column[i];
		struct cell whole = cell[i];
		take_units_of_name(&cell[i], c);
		if (!c->name[0])
			copy(&whole, c->name, sizeof(c->name));
	}
}

/* "Time (s) Force (N)" between blanks: a bracket belongs to the word before it. */
static unsigned join_brackets(struct cell *cell, unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		bool bracket = kept > 0 && cell[i].len > 1 && (*cell[i].at == '(' || *cell[i].at == '[');
		if (bracket)
			cell[kept - 1].len = (size_t)(cell[i].at + cell[i].len - cell[kept - 1].at);
		else
			cell[kept++] = cell[i];
	}
	return kept;
}

/* Without an empty one at the end: rows may close with a separator where their header does not. */
static unsigned named_columns(const struct text_dialect *d)
{
	return d->columns - (d->columns > 1 && d->form[d->columns - 1] == TEXT_FORM_EMPTY);
}

/* From the body upwards: the line of units, then that of names, in either order. */
static void read_names(const struct text_line *line, const struct text_dialect *d, struct recording_layout *layout)
{
	struct cell cell[RECORDING_COLUMNS_MAX + 1];
	unsigned named = named_columns(d);
	bool units = false, names = false;

	for (unsigned l = d->body; l > 0 && d->body - l < 6 && !(names && units); l--) {
		unsigned n = cells_of(&line[l - 1], d->separator, cell, RECORDING_COLUMNS_MAX + 1);
		if (d->separator == TEXT_BLANKS && n > d->columns)
			n = join_brackets(cell, n);
		if (n < named || text_line_is_blank(&line[l - 1]))
			continue;
		for (; n < d->columns; n++)
			cell[n] = (struct cell){"", 0};
		if (!units && is_units_line(cell, named, d->decimal)) {
			units = true;
			take_units(cell, layout);
		} else if (names) {
			break;
		} else if (is_names_line(cell, named, d->decimal)) {
			names = true;
			take_names(cell, layout);
		}
	}
}

/* ---- the rate ---- */

static const char *const interval_keys[] = {"deltax",
					    "sampleinterval",
					    "samplinginterval",
					    "sampleperiod",
					    "samplingperiod",
					    "increment",
					    "xincrement",
					    "xincr",
					    "xinc",
					    "delta",
					    "dt",
					    "deltat",
					    "timestep",
					    "timeincrement",
					    "tdelta",
					    "interval",
					    "abtastintervall",
					    "abtastzeit",
					    "schrittweite",
					    "horizontalinterval",
					    "dx",
					    NULL};
static const char *const rate_keys[] = {"samplerate",
					"samplingrate",
					"samplefrequency",
					"samplingfrequency",
					"fs",
					"abtastrate",
					"messrate",
					"abtastfrequenz",
					"acquisitionrate",
					"scanrate",
					"datarate",
					"standardsamplerate",
					"samplespersecond",
					"sps",
					NULL};
static const char *const vague_keys[] = {"rate", "frequency", "freq", "frequenz", NULL}; /* a pen has one, too */

/* Hertz of the unit behind a rate; 1 where there is none. */
static double rate_unit(const char *at, size_t len)
{
	char key[KEY_MAX];

	key_of(at, len, key);
	if (strncmp(key, "khz", 3) == 0 || strncmp(key, "ks", 2) == 0)
		return 1e3;
	if (strncmp(key, "mhz", 3) == 0 || strncmp(key, "ms", 2) == 0)
		return 1e6;
	static const char *const ones[] = {"", "hz", "s", "sps", "sas", "sa", "samples", "1s"};
	for (unsigned i = 0; i < sizeof(ones) / sizeof(ones[0]); i++)
		if (strcmp(key, ones[i]) == 0 || (i >= 6 && strncmp(key, ones[i], strlen(ones[i])) == 0))
			return 1;
	return NAN;
}

static double interval_unit(const char *at, size_t len)
{
	struct cell cell = {at, len};
	char unit[16];
	double factor;

	text_trim(&cell.at, &cell.len);
	while (cell.len > 0 && strchr("()[] ", *cell.at)) {
		cell.at++;
		cell.len--;
	}
	while (cell.len > 0 && strchr("()[] ", cell.at[cell.len - 1]))
		cell.len--;
	if (cell.len > 0 && cell.len < sizeof(unit)) {
		copy(&cell, unit, sizeof(unit));
		if (quantity_time(unit, &factor))
			return factor;
	}
	return 1;
}

/* "5000 S/s", "5 kSa/s", "5000 samples/s": no stroke is counted like that. */
static bool is_of_samples(const char *at, size_t len)
{
	char key[KEY_MAX];

	key_of(at, len, key);
	const char *rest = key + (*key == 'k' || *key == 'm');
	return strcmp(rest, "ss") == 0 || strncmp(rest, "sa", 2) == 0 || strncmp(rest, "sps", 3) == 0;
}

struct key_value {
	struct cell key, value, unit;
};

/* The first one that a file states, and one that contradicts it: which of them is the rows' it does not say. */
static void note_rate(struct recording_layout *layout, double rate_hz, const char *key, uint64_t number)
{
	bool first = isnan(layout->rate_hz), other = !first && fabs(rate_hz / layout->rate_hz - 1) > RATES_AGREE;
	char from[sizeof(layout->rate_from)];

	snprintf(from, sizeof(from), "line %llu, %s", (unsigned long long)number, key);
	if (first) {
		layout->rate_hz = rate_hz;
		memcpy(layout->rate_from, from, sizeof(from));
	} else if (other && layout->other_rate_hz == 0) {
		layout->other_rate_hz = rate_hz;
		memcpy(layout->other_rate_from, from, sizeof(from));
	}
}

static void take_rate(struct recording_layout *layout, const struct key_value *kv, char decimal, uint64_t number)
{
	char key[KEY_MAX], text[64];
	double value;

	key_of(kv->key.at, kv->key.len, key);
	bool interval = is_one_of(key, interval_keys), vague = is_one_of(key, vague_keys);
	bool rate = vague || is_one_of(key, rate_keys);
	if ((!interval && !rate) || kv->value.len >= sizeof(text))
		return;
	copy(&kv->value, text, sizeof(text));
	const char *end = text_number(text, decimal, &value);
	if (!end && decimal == ',')
		end = text_number(text, '.', &value);
	if (!end || !(value > 0))
		return;
	struct cell unit = kv->unit;
	if (*end) {
		unit = (struct cell){end, strlen(end)};
		text_trim(&unit.at, &unit.len);
	}
	if (vague && !is_of_samples(unit.at, unit.len)) {
		snprintf(layout->rate_doubt, sizeof(layout->rate_doubt), "line %llu, %.*s %.*s",
			 (unsigned long long)number, (int)kv->key.len, kv->key.at, (int)kv->value.len, kv->value.at);
		return;
	}
	double factor = interval ? interval_unit(unit.at, unit.len) : rate_unit(unit.at, unit.len);
	if (isnan(factor)) /* what stands behind the number is not understood, so the number is not */
		return;
	copy(&kv->key, text, sizeof(text));
	note_rate(layout, interval ? 1 / (value * factor) : value * factor, text, number);
}

/* A unit in brackets at a key's end, "Interval (ms)", is the value's where none stands behind that. */
static void split_key_unit(struct key_value *kv)
{
	const char *open = memchr(kv->key.at, '(', kv->key.len);

	if (!open)
		open = memchr(kv->key.at, '[', kv->key.len);
	if (!open || open == kv->key.at)
		return;
	if (kv->unit.len == 0)
		kv->unit = (struct cell){open, kv->key.len - (size_t)(open - kv->key.at)};
	kv->key.len = (size_t)(open - kv->key.at);
	text_trim(&kv->key.at, &kv->key.len);
}

/* "Sample rate: 5000 Hz", "fs=5000", "rate 5000", all in one cell. */
static bool in_one_cell(const struct cell *cell, struct key_value *ret)
{
	size_t at = 0;

	while (at < cell->len && cell->at[at] != ':' && cell->at[at] != '=')
		at++;
	if (at >= cell->len)
		for (at = 0; at < cell->len && !isdigit((unsigned char)cell->at[at]);)
			at++;
	if (at == 0 || at >= cell->len)
		return false;
	bool mark = cell->at[at] == ':' || cell->at[at] == '=';
	*ret = (struct key_value){.key = {cell->at, at}, .value = {cell->at + at + mark, cell->len - at - mark}};
	text_trim(&ret->key.at, &ret->key.len);
	text_trim(&ret->value.at, &ret->value.len);
	return ret->value.len > 0;
}

/* "0.2 msec/sample", "5000 samples/sec": the value first. */
static void value_first(struct recording_layout *layout, const struct cell *cell, char decimal, uint64_t number)
{
	double value, factor;
	char text[64], unit[16];

	if (cell->len == 0 || cell->len >= sizeof(text))
		return;
	copy(cell, text, sizeof(text));
	const char *end = text_number(text, decimal, &value);
	if (!end || !(value > 0) || *end != ' ')
		return;
	const char *slash = strchr(++end, '/');
	if (!slash)
		return;
	snprintf(unit, sizeof(unit), "%.*s", (int)(slash - end < 15 ? slash - end : 15), end);
	if (strcmp(slash, "/sample") == 0 && quantity_time(unit, &factor))
		note_rate(layout, 1 / (value * factor), text, number);
	else if ((strcmp(unit, "samples") == 0 || strcmp(unit, "Samples") == 0) && quantity_time(slash + 1, &factor))
		note_rate(layout, value / factor, text, number);
}

static void read_rate_line(const struct text_line *line, const struct text_line *below, const struct text_dialect *d,
			   struct recording_layout *layout)
{
	struct cell cell[RECORDING_COLUMNS_MAX], under[RECORDING_COLUMNS_MAX];
	struct key_value kv;
	unsigned n = cells_of(line, d->separator, cell, RECORDING_COLUMNS_MAX);
	unsigned m = below ? cells_of(below, d->separator, under, RECORDING_COLUMNS_MAX) : 0;
	struct cell whole = {line->at, line->len};

	for (unsigned i = 0; i < n; i++) {
		kv = (struct key_value){.key = cell[i]};
		if (i + 1 < n && is_number(&cell[i + 1], d->decimal))
			kv.value = cell[i + 1];
		else if (i < m)
			kv.value = under[i];
		kv.unit = i + 2 < n ? cell[i + 2] : (struct cell){"", 0};
		split_key_unit(&kv);
		take_rate(layout, &kv, d->decimal, line->number);
		if (in_one_cell(&cell[i], &kv)) {
			kv.unit = (struct cell){"", 0};
			split_key_unit(&kv);
			take_rate(layout, &kv, d->decimal, line->number);
		}
	}
	text_trim(&whole.at, &whole.len);
	while (whole.len > 0 && strchr("#% ", *whole.at)) {
		whole.at++;
		whole.len--;
	}
	if (in_one_cell(&whole, &kv)) {
		split_key_unit(&kv);
		take_rate(layout, &kv, d->decimal, line->number);
	}
	value_first(layout, &whole, d->decimal, line->number);
}

/* "Y_Unit_Label", "Vertical Units": a unit for each column from the second on, as LabVIEW and oscilloscopes write it. */
static void read_unit_keys(const struct text_line *line, const struct text_dialect *d, struct recording_layout *layout)
{
	static const char *const y_keys[] = {"yunitlabel", "verticalunits", "yunits", "yunit", NULL};
	static const char *const x_keys[] = {"horizontalunits", "xunits", "xunit", NULL};
	struct cell cell[RECORDING_COLUMNS_MAX];
	unsigned n = cells_of(line, d->separator, cell, RECORDING_COLUMNS_MAX), first = 0;
	char key[KEY_MAX], unit[16];

	if (n < 2)
		return;
	key_of(cell[0].at, cell[0].len, key);
	while (first < d->columns && d->form[first] != TEXT_FORM_NUMBER)
		first++; /* columns beside which such a header stands */
	bool y = is_one_of(key, y_keys), lead = first > 1;
	if (!y && !is_one_of(key, x_keys))
		return;
	for (unsigned i = 1; i < n && (y || i == 1) && !(lead && i > 1); i++) {
		unsigned column = lead ? first + y : y ? i : 0;
		if (column < d->columns && is_unit(&cell[i], unit) && !layout->column[column].unit[0])
			snprintf(layout->column[column].unit, sizeof(layout->column[column].unit), "%s", unit);
	}
}

/* ---- which column is the time ---- */

/* Values of a column in the first rows of the body; false where one is no number. */
static unsigned first_values(const struct text_line *line, unsigned lines, const struct text_dialect *d,
			     unsigned column, double *ret, unsigned most)
{
	unsigned n = 0;

	for (unsigned l = d->body; l < lines && n < most; l++) {
		struct cell cell[RECORDING_COLUMNS_MAX];
		if (text_line_is_blank(&line[l]) ||
		    cells_of(&line[l], d->separator, cell, RECORDING_COLUMNS_MAX) <= column)
			continue;
		if (text_cell(cell[column].at, cell[column].len, d->decimal, &ret[n]) != TEXT_NUMBER)
			return 0;
		n++;
	}
	return n;
}

struct rise {
	bool evenly, by_one, whole;
};

/* Does the column rise, and how? */
static struct rise rise_of(const struct text_line *line, unsigned lines, const struct text_dialect *d, unsigned column)
{
	double value[256];
	unsigned n = first_values(line, lines, d, column, value, 256);
	double resolution = d->decimals[column] > 0 ? pow(10, -d->decimals[column]) : 0;
	double step = n > 1 ? (value[n - 1] - value[0]) / (n - 1) : 0;
	struct rise rise = {.evenly = n >= EVEN_ROWS && step > 0, .by_one = n >= EVEN_ROWS, .whole = n > 1};

	for (unsigned i = 1; i < n; i++) {
		double by = value[i] - value[i - 1];
		rise.evenly = rise.evenly && fabs(by - step) <= EVEN_PART * step + 1.01 * resolution;
		rise.by_one = rise.by_one && by == 1;
		rise.whole = rise.whole && by >= 1 && by == floor(by);
	}
	return rise;
}

static bool is_named_time(const struct recording_column *c)
{
	static const char *const words[] = {
		"time",         "t",       "zeit",   "zeitstempel", "timestamp", "elapsedtime", "datetime",
		"relativetime", "reltime", "xvalue", "temps",       "tiempo",    "uhrzeit",     "timesec",
		"second",       "seconds", "times",  NULL};
	struct cell name = {c->name, strlen(c->name)};
	char unit[16], key[KEY_MAX];

	(void)unit_of_name(&name, unit);
	key_of(name.at, name.len, key);
	return is_one_of(key, words);
}

void text_header_name(struct recording_column *c)
{
	struct cell name = {c->name, strlen(c->name)};

	take_units_of_name(&name, c);
}

void text_header_time(struct recording_layout *layout, unsigned column, unsigned width)
{
	const struct recording_column *c = &layout->column[column];
	double unit_s = NAN;
	bool is = quantity_time(c->unit, &unit_s) || (is_named_time(c) && !c->unit[0]);

	if (layout->time_column >= 0 || width != sizeof(double) || !is)
		return;
	layout->time_column = (int)column;
	layout->time_unit_s = unit_s;
}

static bool is_named_index(const struct recording_column *c)
{
	static const char *const words[] = {"index",    "idx",      "sample", "samples", "samplenumber",
					    "sampleno", "no",       "nr",     "n",       "number",
					    "nummer",   "row",      "point",  "points",  "punkt",
					    "messwert", "sequence", "record", "scan",    "counter",
					    "i",        "k",        "x",      NULL};
	char key[KEY_MAX];

	key_of(c->name, strlen(c->name), key);
	return is_one_of(key, words) || strcmp(c->name, "#") == 0;
}

static void set_time(struct recording_layout *layout, const struct text_dialect *d, unsigned column, double unit_s)
{
	int decimals = d->decimals[column];
	double resolution = pow(10, decimals > 0 ? -decimals : 0);

	layout->time_column = (int)column;
	layout->time_unit_s = unit_s;
	layout->time_resolution_s = unit_s > 0 ? resolution * unit_s : resolution;
}

static bool find_clock(struct recording_layout *layout, const struct text_dialect *d)
{
	for (unsigned i = 0; i < d->columns; i++)
		if (d->form[i] == TEXT_FORM_TIME) {
			set_time(layout, d, i, 1);
			return true;
		}
	return false;
}

static bool find_named(struct recording_layout *layout, const struct text_dialect *d)
{
	double unit_s;

	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < d->columns; i++) {
			struct recording_column *c = &layout->column[i];
			bool time_unit = quantity_time(c->unit, &unit_s);
			bool is = pass == 0 ? time_unit : is_named_time(c);
			if (d->form[i] != TEXT_FORM_NUMBER || !is)
				continue;
			set_time(layout, d, i, time_unit ? unit_s : NAN);
			return true;
		}
	return false;
}

static void find_time(const struct text_line *line, unsigned lines, const struct text_dialect *d,
		      struct recording_layout *layout)
{
	if (find_clock(layout, d) || find_named(layout, d))
		return;
	for (unsigned i = 0; i < d->columns && d->columns > 1; i++) {
		struct rise rise = {.evenly = false};
		if (d->form[i] == TEXT_FORM_NUMBER)
			rise = rise_of(line, lines, d, i);
		if ((rise.by_one && i == 0) || (rise.whole && is_named_index(&layout->column[i]))) {
			set_time(layout, d, i, 0);
			return;
		}
		if (rise.evenly && i == 0 && !layout->column[i].name[0]) {
			set_time(layout, d, i, NAN);
			return;
		}
	}
}

/* LabVIEW's X_Value is in seconds; it says so nowhere. */
static void know_labview(const struct text_line *line, struct recording_layout *layout)
{
	const struct text_line *first = &line[0];
	struct recording_column *x = &layout->column[0];

	if (first->len >= 7 && strncmp(first->at, "LabVIEW", 7) == 0 && strcmp(x->name, "X_Value") == 0 && !x->unit[0])
		snprintf(x->unit, sizeof(x->unit), "s");
}

/* "0.301 N" between blanks: a column of words that is one unit in every row is the unit of the column before it. */
static void take_unit_column(const struct text_line *line, unsigned lines, const struct text_dialect *d,
			     struct recording_layout *layout)
{
	struct cell cell[RECORDING_COLUMNS_MAX];
	char unit[16];

	if (d->body >= lines || cells_of(&line[d->body], d->separator, cell, RECORDING_COLUMNS_MAX) < d->columns)
		return;
	for (unsigned i = 1; i < d->columns; i++)
		if (d->form[i] == TEXT_FORM_WORDS && d->form[i - 1] == TEXT_FORM_NUMBER && is_unit(&cell[i], unit) &&
		    !layout->column[i - 1].unit[0])
			snprintf(layout->column[i - 1].unit, sizeof(layout->column[i - 1].unit), "%s", unit);
}

void text_header_read(const struct text_line *line, unsigned lines, const struct text_dialect *d,
		      struct recording_layout *layout)
{
	unsigned keyed = d->body;

	layout->columns = d->columns;
	for (unsigned i = 0; i < d->columns; i++)
		layout->column[i] = (struct recording_column){.scale = 1, .no_numbers = d->form[i] != TEXT_FORM_NUMBER};
	if (d->form[0] == TEXT_FORM_WORDS || d->form[0] == TEXT_FORM_EMPTY)
		keyed = d->body + KEYED_LINES < lines ? d->body + KEYED_LINES : lines;
	for (unsigned l = 0; l < keyed; l++) {
		read_rate_line(&line[l], l + 1 < d->body ? &line[l + 1] : NULL, d, layout);
		read_unit_keys(&line[l], d, layout);
	}
	read_names(line, d, layout);
	take_unit_column(line, lines, d, layout);
	if (lines > 0)
		know_labview(line, layout);
	find_time(line, lines, d, layout);
}
