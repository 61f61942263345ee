#include "rig/offline/import/beside_columns.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/offline/import/quantity.h"

#define WORD_MAX 256

static const char *const temperature_names[TEMPERATURES_MAX] = {"handle", "tip", "ambient"};

struct said {                      /* one option */
	const char *option, *unit; /* "--displacement", "mm" */
	double scale, offset;      /* NAN: not said */
};

/* Takes the number behind the last colon off the word. */
static bool take_number(char *word, double *ret)
{
	char *colon = strrchr(word, ':'), *end;
	if (!colon || !colon[1])
		return false;
	double value = strtod(colon + 1, &end);
	if (*end || !isfinite(value))
		return false;
	*colon = '\0';
	*ret = value;
	return true;
}

/* The whole word may be a column's name, colons and all; else numbers are taken off its end. */
static int find(const struct recording_layout *layout, const char *text, const char *path, struct said *said, int *ret,
		struct err *err)
{
	char word[WORD_MAX];
	double last = NAN, before = NAN;
	struct err none;
	if (snprintf(word, sizeof(word), "%s", text) >= (int)sizeof(word))
		return err_set(err, -EINVAL, "%s %.60s...: is too long", said->option, text);
	if (columns_find(layout, said->option, word, path, ret, &none) == 0)
		return 0;
	if (take_number(word, &last) && columns_find(layout, said->option, word, path, ret, &none) == 0) {
		said->scale = last;
		return 0;
	}
	if (isfinite(last) && take_number(word, &before) &&
	    columns_find(layout, said->option, word, path, ret, &none) == 0) {
		said->scale = before;
		said->offset = last;
		return 0;
	}
	return columns_find(layout, said->option, text, path, ret, err);
}

static bool unit_of(enum quantity quantity, const char *unit, double *ret_scale, double *ret_offset)
{
	*ret_offset = 0;
	return quantity == QUANTITY_DISPLACEMENT ? quantity_length(unit, ret_scale)
						 : quantity_temperature(unit, ret_scale, ret_offset);
}

static int scale_column(const struct recording_column *from, const struct said *said, struct beside_column *to,
			struct err *err)
{
	double unit_scale, unit_offset, scale = said->scale, offset = isnan(said->offset) ? 0 : said->offset;
	bool known = unit_of(to->quantity, from->unit, &unit_scale, &unit_offset);
	if (from->other_unit[0] && isnan(scale))
		return err_set(err, -EINVAL,
			       "%s: column %d \"%s\" has two units, \"%s\" and \"%s\": write COLUMN:SCALE, in %s per "
			       "number",
			       said->option, to->column + 1, from->name, from->unit, from->other_unit, said->unit);
	known = known && !from->other_unit[0]; /* then SCALE decides */
	if (!known && isnan(scale))
		return err_set(
			err, -EINVAL,
			"%s: column %d \"%s\" has %s%s%s, no unit that says %s: write COLUMN:SCALE, in %s per number",
			said->option, to->column + 1, from->name, from->unit[0] ? "\"" : "no unit", from->unit,
			from->unit[0] ? "\"" : "", said->unit, said->unit);
	if (known && !isnan(scale) && (fabs(scale - unit_scale) > 1e-9 * fabs(unit_scale) || !isnan(said->offset)))
		return err_set(err, -EINVAL,
			       "%s: column %d \"%s\" is in \"%s\" by the file, which is no %g %s: leave SCALE out",
			       said->option, to->column + 1, from->name, from->unit, scale, said->unit);
	if (isnan(scale)) {
		scale = unit_scale;
		offset = unit_offset;
	}
	to->scale = scale * from->scale;
	to->offset = offset + scale * from->offset;
	if (to->scale == 0 || !isfinite(to->scale) || !isfinite(to->offset))
		return err_set(err, -EINVAL, "%s: a scale by which every number is the same", said->option);
	return 0;
}

static int check_free(const struct columns *columns, const struct beside_columns *have, const char *option, int column,
		      const char *name, struct err *err)
{
	const char *use = column == columns->force ? "the force" : column == columns->time ? "the time" : NULL;
	for (unsigned i = 0; i < have->count && !use; i++) {
		if (strcmp(have->at[i].name, name) == 0)
			return err_set(err, -EINVAL, "%s: \"%s\" is named twice", option, name);
		if (have->at[i].column == column)
			use = have->at[i].name;
	}
	return use ? err_set(err, -EINVAL, "%s: column %d is %s already", option, column + 1, use) : 0;
}

static int add(const struct recording_layout *layout, const struct columns *columns, const char *path, const char *name,
	       const char *word, struct beside_columns *have, struct err *err)
{
	bool bar = strcmp(name, "displacement") == 0;
	struct said said = {.option = bar ? "--displacement" : "--temperature",
			    .unit = bar ? "mm" : "degC",
			    .scale = NAN,
			    .offset = NAN};
	struct beside_column *to = &have->at[have->count];
	snprintf(to->name, sizeof(to->name), "%s", name);
	to->quantity = bar ? QUANTITY_DISPLACEMENT : QUANTITY_TEMPERATURE;
	int rc = find(layout, word, path, &said, &to->column, err);
	if (!rc)
		rc = check_free(columns, have, said.option, to->column, name, err);
	if (!rc)
		rc = scale_column(&layout->column[to->column], &said, to, err);
	have->count += !rc;
	return rc;
}

static int add_temperature(const struct recording_layout *layout, const struct columns *columns, const char *path,
			   const char *text, struct beside_columns *have, struct err *err)
{
	for (unsigned i = 0; i < TEMPERATURES_MAX; i++) {
		size_t n = strlen(temperature_names[i]);
		if (strncmp(text, temperature_names[i], n) == 0 && text[n] == '=')
			return add(layout, columns, path, temperature_names[i], text + n + 1, have, err);
	}
	return err_set(err, -EINVAL, "--temperature %.80s: must be NAME=COLUMN, where NAME is handle, tip or ambient",
		       text);
}

int beside_columns_choose(const struct recording_layout *layout, const struct columns *columns,
			  const struct beside_wish *wish, const char *path, struct beside_columns *ret, struct err *err)
{
	struct beside_columns have = {.displacement = wish->displacement != NULL};
	int rc = wish->displacement ? add(layout, columns, path, "displacement", wish->displacement, &have, err) : 0;
	if (wish->temperatures > TEMPERATURES_MAX)
		return err_set(err, -EINVAL, "--temperature: handle, tip and ambient are all that there are");
	for (unsigned i = 0; !rc && i < wish->temperatures; i++)
		rc = add_temperature(layout, columns, path, wish->temperature[i], &have, err);
	if (!rc)
		*ret = have;
	return rc;
}
