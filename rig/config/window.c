/* Reads a step's "measure_s". When such a window ends is rig/estimate/until.c's. */
#include "rig/config/window.h"

#include <errno.h>
#include <stddef.h>

#define SHORTEST_S 0.1
#define LONGEST_S  86400.0

static const char *name_at(const void *list, size_t i)
{
	size_t n = 0;

	(void)list;
	for (unsigned id = MEASURAND_NONE + 1; id < MEASURANDS; id++)
		if (measurand_row((enum measurand)id)->narrows && n++ == i)
			return measurand_row((enum measurand)id)->name;
	return NULL;
}

static int no_target(const struct json_doc *doc, const struct json *member, struct err *err)
{
	const char *key = json_key_of(member), *near = json_nearest(key, name_at, NULL);

	if (near)
		return json_key_error(doc, member, err, "\"%.64s\" cannot end a window; did you mean \"%s\"?", key,
				      near);
	return json_key_error(
		doc, member, err,
		"\"%.64s\" cannot end a window: only a mean, which becomes surer with every stroke, can, such as "
		"\"%s\"; \"penrig help measurands\" lists them",
		key, name_at(NULL, 0));
}

static int read_target(const struct json_doc *doc, const struct json *member, struct window_target *ret,
		       struct err *err)
{
	const struct measurand_row *row;

	ret->id = measurand_find(json_key_of(member));
	row = measurand_row(ret->id);
	if (!row->narrows)
		return no_target(doc, member, err);
	if (json_kind(member) != JSON_NUMBER || !(json_number(member) > 0))
		return json_error(doc, member, err,
				  "%s is to be known to an expanded uncertainty: a number above 0 in %s", row->name,
				  row->unit);
	ret->u = json_number(member);
	return 0;
}

static int read_targets(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct window *window = dst;

	if (json_kind(node) != JSON_OBJECT || json_size(node) == 0 || json_size(node) > WINDOW_TARGETS_MAX)
		return json_error(doc, node, err,
				  "\"until\" must name 1 to %d measurands, each with the expanded uncertainty that is "
				  "enough, as in {\"depth_mm\": 0.008}",
				  WINDOW_TARGETS_MAX);
	for (size_t i = 0; i < json_size(node); i++) {
		int ret = read_target(doc, json_at(node, i), &window->target[i], err);
		if (ret)
			return ret;
	}
	window->targets = (unsigned)json_size(node);
	return 0;
}

static const struct json_field window_fields[] = {
	{.key = "min",
	 .kind = FIELD_NUMBER,
	 .offset = offsetof(struct window, min_s),
	 .required = true,
	 .lo = SHORTEST_S,
	 .hi = LONGEST_S,
	 .unit = "s"},
	{.key = "max",
	 .kind = FIELD_NUMBER,
	 .offset = offsetof(struct window, max_s),
	 .required = true,
	 .lo = SHORTEST_S,
	 .hi = LONGEST_S,
	 .unit = "s"},
	{.key = "until", .kind = FIELD_CUSTOM, .required = true, .read = read_targets},
	{.key = NULL},
};

int window_read(const struct json_doc *doc, const struct json *node, struct window *ret, struct err *err)
{
	struct window window = {.targets = 0};
	int status;

	if (json_kind(node) == JSON_NUMBER) {
		double seconds = json_number(node);
		if (!(seconds >= SHORTEST_S && seconds <= LONGEST_S))
			return json_error(doc, node, err, "\"measure_s\" is %.10g s; allowed is %.10g to %.10g s",
					  seconds, SHORTEST_S, LONGEST_S);
		*ret = (struct window){.min_s = seconds, .max_s = seconds};
		return 0;
	}
	if (json_kind(node) != JSON_OBJECT)
		return json_error(doc, node, err,
				  "\"measure_s\" must be a number in s, or {\"min\": 0.5, \"max\": 10, \"until\": "
				  "{\"depth_mm\": 0.008}}");
	status = json_read_object(doc, node, window_fields, &window, err);
	if (status)
		return status;
	if (window.max_s < window.min_s)
		return json_error(doc, json_get(node, "max"), err,
				  "\"max\" is %.10g s, less than \"min\" of %.10g s: exchange them", window.max_s,
				  window.min_s);
	*ret = window;
	return 0;
}
