/* Reads a step's "measure_s" and "settle_s". When such a window ends is rig/estimate/until.c's, when one that waits for the
 * pen begins rig/estimate/settle.c's. */
#include "rig/config/window.h"

#include <errno.h>
#include <stddef.h>

#define SHORTEST_S   0.1
#define LONGEST_S    86400.0
#define LONGEST_WAIT 3600.0

/* What a time that is left open may be said of, and how: a row for each key. */
struct use {
	const char *key, *does, *only, *wanted, *named, *example;
	double number_lo_s, hi_s; /* of a fixed time */
	bool (*may)(const struct measurand_row *row);
};

static bool narrows(const struct measurand_row *row)
{
	return row->narrows;
}

static bool travels(const struct measurand_row *row)
{
	return row->travels;
}

static const struct use measuring = {
	.key = "measure_s",
	.does = "cannot end a window",
	.only = "only a mean, which becomes surer with every stroke, can",
	.wanted = "is to be known to an expanded uncertainty",
	.named = "each with the expanded uncertainty that is enough, as in {\"depth_mm\": 0.008}",
	.example = "{\"min\": 0.5, \"max\": 10, \"until\": {\"depth_mm\": 0.008}}",
	.number_lo_s = SHORTEST_S,
	.hi_s = LONGEST_S,
	.may = narrows,
};

static const struct use settling = {
	.key = "settle_s",
	.does = "cannot tell that a pen has settled",
	.only = "only what each stroke shows can",
	.wanted = "is to travel less than that",
	.named = "each with the travel that is little enough, as in {\"depth_mm\": 0.01}",
	.example = "{\"min\": 0.15, \"max\": 1, \"until\": {\"depth_mm\": 0.01, \"stroke_rate_hz\": 1}}",
	.number_lo_s = 0,
	.hi_s = LONGEST_WAIT,
	.may = travels,
};

static const char *name_at(const void *list, size_t i)
{
	const struct use *use = list;
	size_t n = 0;

	for (unsigned id = MEASURAND_NONE + 1; id < MEASURANDS; id++)
		if (use->may(measurand_row((enum measurand)id)) && n++ == i)
			return measurand_row((enum measurand)id)->name;
	return NULL;
}

static int no_target(const struct json_doc *doc, const struct json *member, const struct use *use, struct err *err)
{
	const char *key = json_key_of(member), *near = json_nearest(key, name_at, use);

	if (near)
		return json_key_error(doc, member, err, "\"%.64s\" %s; did you mean \"%s\"?", key, use->does, near);
	return json_key_error(doc, member, err,
			      "\"%.64s\" %s: %s, such as \"%s\"; \"penrig help measurands\" lists them", key, use->does,
			      use->only, name_at(use, 0));
}

static int read_target(const struct json_doc *doc, const struct json *member, const struct use *use,
		       struct window_target *ret, struct err *err)
{
	const struct measurand_row *row;

	ret->id = measurand_find(json_key_of(member));
	row = measurand_row(ret->id);
	if (!use->may(row))
		return no_target(doc, member, use, err);
	if (json_kind(member) != JSON_NUMBER || !(json_number(member) > 0))
		return json_error(doc, member, err, "%s %s: a number above 0 in %s", row->name, use->wanted, row->unit);
	ret->u = json_number(member);
	return 0;
}

static int read_targets(const struct json_doc *doc, const struct json *node, const struct use *use,
			struct window *window, struct err *err)
{
	if (json_kind(node) != JSON_OBJECT || json_size(node) == 0 || json_size(node) > WINDOW_TARGETS_MAX)
		return json_error(doc, node, err, "\"until\" must name 1 to %d measurands, %s", WINDOW_TARGETS_MAX,
				  use->named);
	for (size_t i = 0; i < json_size(node); i++) {
		int ret = read_target(doc, json_at(node, i), use, &window->target[i], err);
		if (ret)
			return ret;
	}
	window->targets = (unsigned)json_size(node);
	return 0;
}

static int read_known(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	return read_targets(doc, node, &measuring, dst, err);
}

static int read_settled(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	return read_targets(doc, node, &settling, dst, err);
}

#define FROM_TO(longest)                                                                                               \
	{.key = "min",                                                                                                 \
	 .kind = FIELD_NUMBER,                                                                                         \
	 .offset = offsetof(struct window, min_s),                                                                     \
	 .required = true,                                                                                             \
	 .lo = SHORTEST_S,                                                                                             \
	 .hi = (longest),                                                                                              \
	 .unit = "s"},                                                                                                 \
	{                                                                                                              \
		.key = "max", .kind = FIELD_NUMBER, .offset = offsetof(struct window, max_s), .required = true,        \
		.lo = SHORTEST_S, .hi = (longest), .unit = "s"                                                         \
	}

static const struct json_field measure_fields[] = {
	FROM_TO(LONGEST_S),
	{.key = "until", .kind = FIELD_CUSTOM, .required = true, .read = read_known},
	{.key = NULL},
};

static const struct json_field settle_fields[] = {
	FROM_TO(LONGEST_WAIT),
	{.key = "until", .kind = FIELD_CUSTOM, .required = true, .read = read_settled},
	{.key = NULL},
};

static int read_open_time(const struct json_doc *doc, const struct json *node, const struct use *use,
			  const struct json_field *fields, struct window *ret, struct err *err)
{
	struct window window = {.targets = 0};
	int status;

	if (json_kind(node) == JSON_NUMBER) {
		double seconds = json_number(node);
		if (!(seconds >= use->number_lo_s && seconds <= use->hi_s))
			return json_error(doc, node, err, "\"%s\" is %.10g s; allowed is %.10g to %.10g s", use->key,
					  seconds, use->number_lo_s, use->hi_s);
		*ret = (struct window){.min_s = seconds, .max_s = seconds};
		return 0;
	}
	if (json_kind(node) != JSON_OBJECT)
		return json_error(doc, node, err, "\"%s\" must be a number in s, or %s", use->key, use->example);
	status = json_read_object(doc, node, fields, &window, err);
	if (status)
		return status;
	if (window.max_s < window.min_s)
		return json_error(doc, json_get(node, "max"), err,
				  "\"max\" is %.10g s, less than \"min\" of %.10g s: exchange them", window.max_s,
				  window.min_s);
	*ret = window;
	return 0;
}

int window_read(const struct json_doc *doc, const struct json *node, struct window *ret, struct err *err)
{
	return read_open_time(doc, node, &measuring, measure_fields, ret, err);
}

int window_read_settle(const struct json_doc *doc, const struct json *node, struct window *ret, struct err *err)
{
	return read_open_time(doc, node, &settling, settle_fields, ret, err);
}
