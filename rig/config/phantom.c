/* Reads a phantom's file: its calibration curves at stated rates and how much it may still be used.
 * Which position is in use and how often it was struck stands in the bench file. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/config/filekind.h"

#define CURVE_DEPTH_MAX_MM 20.0
#define CURVE_FORCE_MAX_N  1000.0
#define CURVE_POINTS_MIN   3 /* a monotone interpolation through fewer is a straight line */

struct column {
	const char *key, *unit;
	double hi;
};

/* A strictly rising list of numbers from 0 or above; *count: how many there are. */
static int read_column(const struct json_doc *doc, const struct json *node, const struct column *column, double *values,
		       unsigned *count, struct err *err)
{
	if (json_kind(node) != JSON_ARRAY || json_size(node) < CURVE_POINTS_MIN || json_size(node) > CURVE_POINTS_MAX)
		return json_error(doc, node, err, "\"%s\" must be a list of %d to %d numbers in %s", column->key,
				  CURVE_POINTS_MIN, CURVE_POINTS_MAX, column->unit);
	for (size_t i = 0; i < json_size(node); i++) {
		const struct json *at = json_at(node, i);
		if (json_kind(at) != JSON_NUMBER)
			return json_error(doc, at, err, "\"%s\" holds numbers in %s only", column->key, column->unit);
		values[i] = json_number(at);
		if (values[i] < 0 || values[i] > column->hi)
			return json_error(doc, at, err, "\"%s\" holds %.10g %s; allowed is 0 to %.10g %s", column->key,
					  values[i], column->unit, column->hi, column->unit);
		if (i > 0 && values[i] <= values[i - 1])
			return json_error(
				doc, at, err,
				"\"%s\" must rise: %.10g %s follows %.10g; sort the points by depth, and take out "
				"what the phantom did not resist",
				column->key, values[i], column->unit, values[i - 1]);
	}
	*count = (unsigned)json_size(node);
	return 0;
}

struct curve_text {
	struct curve_table table;
	const struct json *depth, *force;
};

static int read_curve(const struct json_doc *doc, const struct json *node, struct curve_table *ret, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "rate_hz",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct curve_text, table.rate_hz),
		 .required = true,
		 .lo = 1,
		 .hi = 1000,
		 .unit = "Hz"},
		{.key = "depth_mm", .kind = FIELD_NODE, .offset = offsetof(struct curve_text, depth), .required = true},
		{.key = "force_n", .kind = FIELD_NODE, .offset = offsetof(struct curve_text, force), .required = true},
		{.key = NULL},
	};
	static const struct column depth = {.key = "depth_mm", .unit = "mm", .hi = CURVE_DEPTH_MAX_MM};
	static const struct column force = {.key = "force_n", .unit = "N", .hi = CURVE_FORCE_MAX_N};
	struct curve_text text = {.table.rate_hz = 0};
	unsigned forces = 0;

	int ret_code = json_read_object(doc, node, fields, &text, err);
	if (ret_code == 0)
		ret_code = read_column(doc, text.depth, &depth, text.table.depth_mm, &text.table.points, err);
	if (ret_code == 0)
		ret_code = read_column(doc, text.force, &force, text.table.force_n, &forces, err);
	if (ret_code)
		return ret_code;
	if (forces != text.table.points)
		return json_error(doc, text.force, err, "%u forces for %u depths: each depth has one force", forces,
				  text.table.points);
	*ret = text.table;
	return 0;
}

static int read_curves(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct curve_set *set = &((struct phantom *)dst)->curves;

	if (json_kind(node) != JSON_ARRAY || json_size(node) == 0 || json_size(node) > CURVE_RATES_MAX)
		return json_error(doc, node, err,
				  "\"curves\" must be a list of 1 to %d curves, one for each calibrated rate",
				  CURVE_RATES_MAX);
	set->rates = (unsigned)json_size(node);
	for (unsigned i = 0; i < set->rates; i++) {
		int ret = read_curve(doc, json_at(node, i), &set->at[i], err);
		if (ret)
			return ret;
		if (i > 0 && set->at[i].rate_hz <= set->at[i - 1].rate_hz)
			return json_error(doc, json_get(json_at(node, i), "rate_hz"), err,
					  "%.10g Hz follows %.10g Hz: order the curves by rising rate",
					  set->at[i].rate_hz, set->at[i - 1].rate_hz);
	}
	return 0;
}

static int read_budget(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	if (json_kind(node) != JSON_NUMBER || json_number(node) < 1 || json_number(node) > 0x1p53 ||
	    json_number(node) != (double)(int64_t)json_number(node))
		return json_error(doc, node, err, "\"stroke_budget\" must be a whole number of strokes, at least 1");
	((struct phantom *)dst)->stroke_budget = (uint64_t)json_number(node);
	return 0;
}

#define TEXT_OF(name)                                                                                                  \
	{                                                                                                              \
		.key = #name, .kind = FIELD_STRING, .offset = offsetof(struct phantom_conditions, name),               \
		.size = sizeof(((struct phantom_conditions *)0)->name), .lo = 1                                        \
	}

#define CONDITION(name, lo_, hi_, unit_)                                                                               \
	{                                                                                                              \
		.key = #name, .kind = FIELD_NUMBER, .offset = offsetof(struct phantom_conditions, name), .lo = lo_,    \
		.hi = hi_, .unit = unit_                                                                               \
	}

static int read_conditions(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct json_field texts[] = {
		TEXT_OF(bench),
		TEXT_OF(sensor_certificate),
		TEXT_OF(pen),
		TEXT_OF(run),
		TEXT_OF(software),
		{.key = "u_stage_mm",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct phantom_conditions, u_stage_mm),
		 .lo = 1e-6,
		 .hi = 1,
		 .unit = "mm"},
		{.key = "repeats",
		 .kind = FIELD_INT,
		 .offset = offsetof(struct phantom_conditions, repeats),
		 .lo = 1,
		 .hi = 1000},
		CONDITION(lack_of_fit_mm, 0, 1, "mm"),
		CONDITION(lack_of_fit_p, 0, 1, ""),
		CONDITION(contact_mm, -1, 1, "mm"),
		CONDITION(u_contact_mm, 0, 1, "mm"),
		CONDITION(hysteresis_mm, 0, 1, "mm"),
		CONDITION(hysteresis_p, 0, 1, ""),
		CONDITION(u_hysteresis_mm, 0, 1, "mm"),
		TEXT_OF(indicator),
		{.key = NULL},
	};

	return json_read_object(doc, node, texts, &((struct phantom *)dst)->conditions, err);
}

static int read_temperature_range(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct interval_rule rule = {.key = "temperature_range_c", .unit = "degC", .lo = -20, .hi = 60};
	struct phantom *phantom = dst;

	return interval_read(doc, node, &rule, phantom->temperature_range_c, err);
}

static int read_uncertainty(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	return uncertainty_read(doc, node, UNCERTAINTY_OF_PHANTOM, dst, err);
}

#define IN(member)   offsetof(struct phantom, member)
#define SIZE(member) sizeof(((struct phantom *)0)->member)

static const struct json_field fields[] = {
	FILE_KIND_FIELDS,
	{.key = "serial", .kind = FIELD_STRING, .offset = IN(serial), .size = SIZE(serial), .required = true, .lo = 1},
	{.key = "material",
	 .kind = FIELD_STRING,
	 .offset = IN(material),
	 .size = SIZE(material),
	 .required = true,
	 .lo = 1},
	{.key = "calibration",
	 .kind = FIELD_CUSTOM,
	 .offset = IN(calibration),
	 .required = true,
	 .read = calibration_read},
	{.key = "temperature_c",
	 .kind = FIELD_NUMBER,
	 .offset = IN(temperature_c),
	 .required = true,
	 .lo = -20,
	 .hi = 60,
	 .unit = "degC"},
	{.key = "temperature_range_c", .kind = FIELD_CUSTOM, .read = read_temperature_range},
	{.key = "force_rel_per_k",
	 .kind = FIELD_NUMBER,
	 .offset = IN(force_rel_per_k),
	 .lo = -0.1,
	 .hi = 0.1,
	 .unit = "1/K"},
	{.key = "u_force_rel_per_k",
	 .kind = FIELD_NUMBER,
	 .offset = IN(u_force_rel_per_k),
	 .lo = 0,
	 .hi = 0.1,
	 .unit = "1/K"},
	{.key = "stroke_budget", .kind = FIELD_CUSTOM, .required = true, .read = read_budget},
	{.key = "u_depth_mm",
	 .kind = FIELD_NUMBER,
	 .offset = IN(curves.u_depth_mm),
	 .required = true,
	 .lo = 1e-6,
	 .hi = 1,
	 .unit = "mm"},
	{.key = "u_force_rel",
	 .kind = FIELD_NUMBER,
	 .offset = IN(curves.u_force_rel),
	 .required = true,
	 .lo = 1e-6,
	 .hi = 0.5,
	 .unit = "1"},
	{.key = "u_fit_mm",
	 .kind = FIELD_NUMBER,
	 .offset = IN(curves.u_fit_mm),
	 .required = true,
	 .lo = 0,
	 .hi = 1,
	 .unit = "mm"},
	{.key = "uncertainty", .kind = FIELD_CUSTOM, .offset = IN(uncertainty), .read = read_uncertainty},
	{.key = "conditions", .kind = FIELD_CUSTOM, .read = read_conditions},
	{.key = "curves", .kind = FIELD_CUSTOM, .required = true, .read = read_curves},
	{.key = NULL},
};

/* How far from its own temperature a phantom's curves are taken to hold where its file does not say. */
#define TEMPERATURE_DEFAULT_K 5.0

static int check_temperatures(const struct json_doc *doc, struct phantom *phantom, struct err *err)
{
	const struct json *root = json_root(doc), *range = json_get(root, "temperature_range_c");
	const struct json *coefficient = json_get(root, "force_rel_per_k"), *u = json_get(root, "u_force_rel_per_k");
	double *hold_c = phantom->temperature_range_c, at_c = phantom->temperature_c;

	if (range && (at_c < hold_c[0] || at_c > hold_c[1]))
		return json_error(doc, range, err,
				  "\"temperature_range_c\" of %.10g to %.10g degC leaves out the %.10g degC of the "
				  "calibration itself",
				  hold_c[0], hold_c[1], at_c);
	if (!coefficient != !u)
		return json_error(doc, coefficient ? coefficient : u, err,
				  "\"force_rel_per_k\" and \"u_force_rel_per_k\" belong together: write both");
	if (!range) {
		hold_c[0] = at_c - TEMPERATURE_DEFAULT_K;
		hold_c[1] = at_c + TEMPERATURE_DEFAULT_K;
	}
	return 0;
}

/* Takes the document: gives it out in ret or frees it. */
static int read_document(const char *path, struct json_doc *doc, struct phantom *ret, struct err *err)
{
	struct phantom_conditions *said = &ret->conditions;
	int status = file_kind_check(doc, "phantom", err);

	ret->uncertainty = uncertainty_default(UNCERTAINTY_OF_PHANTOM);
	said->lack_of_fit_mm = said->lack_of_fit_p = said->contact_mm = said->u_contact_mm = NAN;
	said->hysteresis_mm = said->hysteresis_p = said->u_hysteresis_mm = NAN;
	if (status == 0)
		status = json_read_object(doc, json_root(doc), fields, ret, err);
	if (status == 0)
		status = check_temperatures(doc, ret, err);
	if (status) {
		json_doc_free(doc);
		return status;
	}
	memcpy(ret->path, path, strlen(path) + 1);
	ret->doc = doc;
	return 0;
}

static int check_path(const char *path, struct err *err)
{
	if (strlen(path) < FILE_PATH_MAX)
		return 0;
	return err_set(err, -ENAMETOOLONG, "%.200s...: a path of more than %d bytes", path, FILE_PATH_MAX - 1);
}

int phantom_read(const char *path, struct phantom *ret, struct err *err)
{
	struct json_doc *doc = NULL;
	int status = check_path(path, err);

	if (status == 0)
		status = json_read(path, &doc, err);
	return status ? status : read_document(path, doc, ret, err);
}

int phantom_parse(const struct bench_text *file, struct phantom *ret, struct err *err)
{
	struct json_doc *doc = NULL;
	int status = check_path(file->path, err);

	if (status == 0)
		status = json_parse(file->path, file->text, file->len, &doc, err);
	return status ? status : read_document(file->path, doc, ret, err);
}

void phantom_release(struct phantom *phantom)
{
	json_doc_free(phantom->doc);
	approval_free(&phantom->approval);
	phantom->doc = NULL;
}
