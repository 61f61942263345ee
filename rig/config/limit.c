/* Limits as people write them: the measurand's own unit, two bounds or one, and a rule. */
#include "rig/config/limit.h"
#include "rig/measure/measurand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/units.h"
#include "rig/config/filekind.h"

#define LIMIT_VALUE_MAX 1e9

static int read_guard_band(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "guard_band",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct limit, guard_r),
		 .lo = 0,
		 .hi = 10,
		 .unit = "1"},
		{.key = "accept_conditional", .kind = FIELD_BOOL, .offset = offsetof(struct limit, accept_conditional)},
		{.key = NULL},
	};

	return json_read_object(doc, node, fields, dst, err);
}

#define SIZE(member) sizeof(((struct limit *)0)->member)

static const struct json_field limit_fields[] = {
	{.key = "measurand",
	 .kind = FIELD_STRING,
	 .offset = offsetof(struct limit, measurand),
	 .size = SIZE(measurand),
	 .required = true,
	 .lo = 1},
	{.key = "unit", .kind = FIELD_STRING, .offset = offsetof(struct limit, unit), .size = SIZE(unit), .lo = 1},
	{.key = "lower",
	 .kind = FIELD_NUMBER,
	 .offset = offsetof(struct limit, lower),
	 .lo = -LIMIT_VALUE_MAX,
	 .hi = LIMIT_VALUE_MAX},
	{.key = "upper",
	 .kind = FIELD_NUMBER,
	 .offset = offsetof(struct limit, upper),
	 .lo = -LIMIT_VALUE_MAX,
	 .hi = LIMIT_VALUE_MAX},
	{.key = "equivalence_margin",
	 .kind = FIELD_NUMBER,
	 .offset = offsetof(struct limit, equivalence_margin),
	 .lo = 1e-9,
	 .hi = LIMIT_VALUE_MAX},
	{.key = "rule", .kind = FIELD_CUSTOM, .read = read_guard_band},
	{.key = "required", .kind = FIELD_BOOL, .offset = offsetof(struct limit, required)},
	{.key = NULL},
};

/* The i-th that a limit may name. */
static const char *name_at(const void *unused, size_t i)
{
	(void)unused;
	for (unsigned id = 0; id < MEASURANDS; id++)
		if (measurand_is_judged((enum measurand)id) && i-- == 0)
			return measurand_row((enum measurand)id)->name;
	return NULL;
}

static int check_measurand(const struct json_doc *doc, const struct json *node, const struct limit *limit,
			   struct err *err)
{
	const struct json *at = json_get(node, "measurand");
	const char *name = limit->measurand, *near;

	if (measurand_is_judged(limit->id))
		return 0;
	if (measurand_row(limit->id)->scope == SCOPE_PEN)
		return json_error(doc, at, err,
				  "\"%s\" is what the pen says of itself and cannot be judged; judge what the bench "
				  "measures, such "
				  "as \"stroke_rate_hz\" or \"handle_temperature_c\"",
				  name);
	if (limit->id != MEASURAND_NONE)
		return json_error(doc, at, err,
				  "\"%s\" stands in reports for information and cannot be judged; \"penrig help "
				  "measurands\" lists what can be",
				  name);
	near = json_nearest(name, name_at, NULL);
	if (near)
		return json_error(doc, at, err, "unknown measurand \"%s\"; did you mean \"%s\"?", name, near);
	return json_error(
		doc, at, err,
		"unknown measurand \"%s\"; \"penrig help measurands\" lists them: stroke_rate_hz, depth_mm, ...", name);
}

static int missing_unit(const struct json_doc *doc, const struct json *node, const char *unit, struct err *err)
{
	return json_error(doc, node, err, "\"unit\" is missing: this measurand is judged in %s, write \"unit\": \"%s\"",
			  unit, unit);
}

/* The limit as it should have been written, where its unit is one of the same dimension. A temperature on another scale
 * is no matter of a factor. */
static int check_unit(const struct json_doc *doc, const struct json *node, const struct limit *limit, struct err *err)
{
	const char *unit = measurand_row(limit->id)->unit;
	char lower[40] = "", upper[40] = "";
	double factor;

	if (!limit->unit[0])
		return missing_unit(doc, node, unit, err);
	if (strcmp(limit->unit, unit) == 0)
		return 0;
	const struct json *at = json_get(node, "unit");
	if (strcmp(unit, "degC") == 0 || unit_factor(limit->unit, unit, &factor))
		return json_error(doc, at, err,
				  "%s is judged in %s, not in \"%s\": write the bounds in %s with unit \"%s\"",
				  limit->measurand, unit, limit->unit, unit, unit);
	if (limit->has_lower)
		snprintf(lower, sizeof(lower), "lower %.6g%s", limit->lower * factor, limit->has_upper ? " and " : "");
	if (limit->has_upper)
		snprintf(upper, sizeof(upper), "upper %.6g", limit->upper * factor);
	return json_error(doc, at, err, "this limit is in %s; write %s%s with unit \"%s\"", limit->unit, lower, upper,
			  unit);
}

static int check_bounds(const struct json_doc *doc, const struct json *node, const struct limit *limit, struct err *err)
{
	if (!limit->has_lower && !limit->has_upper)
		return json_error(doc, node, err, "this limit on %s has no bounds: write \"lower\", \"upper\" or both",
				  limit->measurand);
	if (limit->has_lower && limit->has_upper && limit->lower > limit->upper)
		return json_error(doc, json_get(node, "lower"), err, "lower %.10g is above upper %.10g: exchange them",
				  limit->lower, limit->upper);
	return 0;
}

static int read_limit(const struct json_doc *doc, const struct json *node, struct limit *ret, struct err *err)
{
	struct limit limit = {.guard_r = 1, .required = true};
	int status = json_read_object(doc, node, limit_fields, &limit, err);

	if (status)
		return status;
	limit.has_lower = json_get(node, "lower") != NULL;
	limit.has_upper = json_get(node, "upper") != NULL;
	limit.id = measurand_find(limit.measurand);
	status = check_measurand(doc, node, &limit, err);
	if (status == 0)
		status = check_bounds(doc, node, &limit, err);
	if (status == 0)
		status = check_unit(doc, node, &limit, err);
	if (status == 0)
		*ret = limit;
	return status;
}

int limits_read(const struct json_doc *doc, const struct json *node, struct limit *limits, unsigned cap,
		unsigned *ret_count, struct err *err)
{
	if (json_kind(node) != JSON_ARRAY || json_size(node) > cap)
		return json_error(doc, node, err, "\"limits\" must be a list of at most %u limits", cap);
	for (unsigned i = 0; i < json_size(node); i++) {
		const struct json *at = json_at(node, i);
		int ret = read_limit(doc, at, &limits[i], err);
		if (ret)
			return ret;
		for (unsigned j = 0; j < i; j++) {
			if (limits[j].id == limits[i].id)
				return json_error(doc, at, err,
						  "a second limit on %s in this list: write lower and upper into one",
						  limits[i].measurand);
		}
	}
	*ret_count = (unsigned)json_size(node);
	return 0;
}

/* ---- a file of limits alone ---- */

static int read_file_limits(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct limits_file *file = dst;

	return limits_read(doc, node, file->limit, PLAN_LIMITS_MAX, &file->limits, err);
}

static const struct json_field file_fields[] = {
	FILE_KIND_FIELDS,
	{.key = "name",
	 .kind = FIELD_STRING,
	 .offset = offsetof(struct limits_file, name),
	 .size = sizeof(((struct limits_file *)0)->name),
	 .required = true,
	 .lo = 1},
	{.key = "limits", .kind = FIELD_CUSTOM, .required = true, .read = read_file_limits},
	{.key = NULL},
};

static int check_file(const struct limits_file *file, struct err *err)
{
	const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const struct json *name = json_get(json_root(file->doc), "name");

	if (file->name[strspn(file->name, allowed)] || file->name[0] == '.')
		return json_error(file->doc, name, err,
				  "\"name\" becomes part of the report's name: letters, digits, '.', '_' and '-' "
				  "only, and no '.' at its start");
	if (strcmp(file->name, "plan") == 0)
		return json_error(file->doc, name, err, "\"plan\" means the plan's own limits: choose another name");
	for (unsigned i = 0; i < file->limits; i++)
		if (file->limit[i].required)
			return 0;
	return json_error(
		file->doc, json_root(file->doc), err,
		"no limit of this file is required, so a run could only ever pass: write at least one that is");
}

/* Takes the document. */
static int from_doc(const char *path, struct json_doc *doc, struct limits_file **ret, struct err *err)
{
	struct limits_file *file = calloc(1, sizeof(*file));

	if (!file) {
		json_doc_free(doc);
		return err_set(err, -ENOMEM, "%s: no memory", path);
	}
	snprintf(file->path, sizeof(file->path), "%s", path);
	file->doc = doc;
	int status = file_kind_check(file->doc, "limits", err);
	if (status == 0)
		status = json_read_object(file->doc, json_root(file->doc), file_fields, file, err);
	if (status == 0)
		status = check_file(file, err);
	if (status) {
		limits_file_free(file);
		return status;
	}
	*ret = file;
	return 0;
}

int limits_file_read(const char *path, struct limits_file **ret, struct err *err)
{
	struct json_doc *doc;
	int status = json_read(path, &doc, err);

	return status ? status : from_doc(path, doc, ret, err);
}

int limits_file_parse(const char *path, const char *text, size_t len, struct limits_file **ret, struct err *err)
{
	struct json_doc *doc;
	int status = json_parse(path, text, len, &doc, err);

	return status ? status : from_doc(path, doc, ret, err);
}

void limits_file_free(struct limits_file *file)
{
	if (!file)
		return;
	json_doc_free(file->doc);
	free(file);
}

int limits_apply(const struct limits_file *file, struct plan *plan, struct err *err)
{
	const struct json *nodes = json_get(json_root(file->doc), "limits");

	for (unsigned i = 0; i < file->limits; i++) {
		const struct measurand_row *row = measurand_row(file->limit[i].id);
		if (row->thermal_basis && !plan->thermal_basis[0])
			return json_error(
				file->doc, json_at(nodes, i), err,
				"%s can be judged only where the plan of the run states its \"thermal\" basis, "
				"and this run's does not",
				row->name);
	}
	for (unsigned i = 0; i < plan->steps; i++)
		plan->step[i].limits = 0;
	plan->limits = file->limits;
	memcpy(plan->limit, file->limit, sizeof(plan->limit));
	return 0;
}
