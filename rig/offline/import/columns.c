/* A wrong column is a wrong result that looks like one, so what is not said must be plain. */
#include "rig/offline/import/columns.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/offline/import/quantity.h"

#define SAME_SCALE 1e-6 /* relative: --scale and the unit say the same */

void columns_name(const struct recording_layout *layout, int column, char *ret, size_t size)
{
	const struct recording_column *c = &layout->column[column];
	int n = snprintf(ret, size, "%d", column + 1);

	if (c->name[0] && n < (int)size)
		n += snprintf(ret + n, size - (size_t)n, " \"%s\"", c->name);
	if (c->unit[0] && n < (int)size)
		snprintf(ret + n, size - (size_t)n, " [%s]", c->unit);
}

static void list_columns(const struct recording_layout *layout, char *ret, size_t size)
{
	size_t n = 0;

	for (unsigned i = 0; i < layout->columns && n + 90 < size; i++) {
		n += (size_t)snprintf(ret + n, size - n, "%s", i ? ", " : "");
		columns_name(layout, (int)i, ret + n, size - n);
		n += strlen(ret + n);
	}
	if (n == 0 || n + 90 >= size)
		snprintf(ret + n, size - n, ", ...");
}

int columns_find(const struct recording_layout *layout, const char *option, const char *word, const char *path,
		 int *ret, struct err *err)
{
	char list[300], *end;
	long number = strtol(word, &end, 10);
	int found = -1;

	for (unsigned i = 0; i < layout->columns; i++)
		if (strcmp(layout->column[i].name, word) == 0) {
			if (found >= 0)
				return err_set(err, -EINVAL,
					       "%s %s: %.200s has several columns of that name: give its number",
					       option, word, path);
			found = (int)i;
		}
	bool numbered = *word && !*end && number >= 1 && number <= (long)layout->columns;

	if (found >= 0 && numbered && found != (int)number - 1)
		return err_set(
			err, -EINVAL,
			"%s %s: column %d of %.200s is called so, and column %s has that number: name its columns "
			"otherwise",
			option, word, found + 1, path, word);
	if (found < 0 && numbered)
		found = (int)number - 1;
	if (found < 0) {
		list_columns(layout, list, sizeof(list));
		return err_set(err, -EINVAL, "%s %.60s: %.150s has the columns %s", option, word, path, list);
	}
	*ret = found;
	return 0;
}

/* Two units are a factor between them, and the file does not say which is right. */
static int two_units(const struct recording_layout *layout, int column, const char *option, const char *path,
		     struct err *err)
{
	const struct recording_column *c = &layout->column[column];

	if (!c->other_unit[0])
		return 0;
	return err_set(err, -EINVAL,
		       "column %d \"%s\" of %.200s has two units, \"%s\" and \"%s\": say by %s which is right",
		       column + 1, c->name, path, c->unit, c->other_unit, option);
}

/* ---- time ---- */

static int choose_time(const struct recording_layout *layout, const struct columns_wish *wish, const char *path,
		       struct columns *ret, struct err *err)
{
	double unit_s = layout->time_unit_s;
	int rc = 0;

	ret->time = layout->time_column;
	ret->time_resolution_s = layout->time_resolution_s;
	if (wish->time_column && strcmp(wish->time_column, "none") == 0) {
		ret->time = -1;
		return 0;
	}
	if (wish->time_column)
		rc = columns_find(layout, "--time-column", wish->time_column, path, &ret->time, err);
	if (rc == 0 && ret->time != layout->time_column) {
		if (!quantity_time(layout->column[ret->time].unit, &unit_s))
			unit_s = NAN;
		ret->time_resolution_s = 0;
	}
	if (rc == 0 && ret->time >= 0 && !wish->time_unit)
		rc = two_units(layout, ret->time, "--time-unit", path, err);
	if (rc == 0 && ret->time >= 0 && wish->time_unit) {
		double old_s = unit_s > 0 ? unit_s : 1;
		if (!quantity_time(wish->time_unit, &unit_s))
			return err_set(err, -EINVAL, "--time-unit %s: must be s, ms, us or ns", wish->time_unit);
		ret->time_resolution_s *= unit_s / old_s;
	}
	ret->time_unit_s = unit_s;
	return rc;
}

/* ---- force ---- */

static bool may_be_force(const struct recording_layout *layout, const struct columns *chosen, unsigned i)
{
	double factor;

	return !layout->column[i].no_numbers && (int)i != chosen->time && (int)i != layout->time_column &&
	       !quantity_time(layout->column[i].unit, &factor);
}

static int choose_force(const struct recording_layout *layout, const struct columns_wish *wish, const char *path,
			struct columns *ret, struct err *err)
{
	int only = -1, forces = 0, force = -1, others = 0;
	char list[300];
	double factor;

	if (wish->column)
		return columns_find(layout, "--column", wish->column, path, &ret->force, err);
	for (unsigned i = 0; i < layout->columns; i++) {
		if (!may_be_force(layout, ret, i))
			continue;
		only = (int)i;
		others++;
		if (quantity_force(layout->column[i].unit, &factor)) {
			force = (int)i;
			forces++;
		}
	}
	ret->force = forces == 1 ? force : only;
	if (forces == 1 || others == 1)
		return 0;
	list_columns(layout, list, sizeof(list));
	return err_set(err, -EINVAL, "%.150s has the columns %s: say by --column which is the force", path, list);
}

static int no_scale(const struct recording_column *c, const char *path, struct err *err)
{
	if (strcmp(c->unit, "g") == 0 || strcmp(c->unit, "kg") == 0)
		return err_set(err, -EINVAL,
			       "--scale is missing: the numbers of %.200s are in \"%s\", which may be a mass or an "
			       "acceleration; a balance's are --unit %sf",
			       path, c->unit, c->unit);
	return err_set(err, -EINVAL, "--scale is missing: newtons per number of %.200s%s%s%s", path,
		       c->unit[0] ? ", whose unit is \"" : ", which states no unit", c->unit, c->unit[0] ? "\"" : "");
}

static int choose_scale(const struct recording_layout *layout, const struct columns_wish *wish, const char *path,
			struct columns *ret, struct err *err)
{
	const struct recording_column *c = &layout->column[ret->force];
	const char *unit = wish->unit ? wish->unit : c->unit;
	double unit_n = NAN, scale_n = wish->scale_n;
	bool none = strcmp(unit, "none") == 0, known = !none && quantity_force(unit, &unit_n);

	if (wish->unit && !none && !known)
		return err_set(err, -EINVAL, "--unit %s: must be a unit of force, as N, mN, kN, gf, kgf, lbf; or none",
			       wish->unit);
	if (!wish->unit && c->other_unit[0])
		return two_units(layout, ret->force, "--unit", path, err);
	if (!known && isnan(scale_n))
		return no_scale(c, path, err);
	if (known && !isnan(scale_n) && fabs(scale_n - unit_n) > SAME_SCALE * fabs(unit_n))
		return err_set(
			err, -EINVAL,
			"--scale %g N contradicts the unit of the column, \"%s\", which is %g N: leave --scale out, or "
			"say --unit none where the file is wrong",
			scale_n, unit, unit_n);
	if (isnan(scale_n))
		scale_n = unit_n;
	ret->scale_n = scale_n * c->scale;
	ret->offset_n = wish->offset_n + scale_n * c->offset;
	if (ret->scale_n == 0 || !isfinite(ret->scale_n) || !isfinite(ret->offset_n))
		return err_set(err, -EINVAL, "%.300s states a scale by which no number means a force", path);
	return 0;
}

int columns_choose(const struct recording_layout *layout, const struct columns_wish *wish, const char *path,
		   struct columns *ret, struct err *err)
{
	struct columns chosen = {.time = -1, .time_unit_s = NAN};
	int rc = choose_time(layout, wish, path, &chosen, err);

	if (rc == 0)
		rc = choose_force(layout, wish, path, &chosen, err);
	if (rc == 0 && chosen.force == chosen.time)
		rc = err_set(
			err, -EINVAL,
			"column %d of %.200s shows the time: another must be the force; --time-column none where it is "
			"none",
			chosen.force + 1, path);
	if (rc == 0)
		rc = choose_scale(layout, wish, path, &chosen, err);
	if (rc == 0)
		*ret = chosen;
	return rc;
}
