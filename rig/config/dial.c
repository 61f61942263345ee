/* See dial.h. */
#include "rig/config/dial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rig/link/link.h"

#define TOLERANCE_MM 0.01

struct dial_text {
	struct bench_dial dial;
	int axis;
};

#define IN(member)   offsetof(struct dial_text, member)
#define SIZE(member) sizeof(((struct bench_dial *)0)->member)

static const char *const axis_words[] = {"X", "Y", "Z", NULL};

static const struct json_field fields[] = {
	{.key = "driver",
	 .kind = FIELD_STRING,
	 .offset = IN(dial.driver),
	 .size = SIZE(driver),
	 .required = true,
	 .lo = 1},
	{.key = "link", .kind = FIELD_STRING, .offset = IN(dial.link), .size = SIZE(link), .required = true, .lo = 1},
	{.key = "baud", .kind = FIELD_INT, .offset = IN(dial.baud), .lo = LINK_BAUD_MIN, .hi = LINK_BAUD_MAX},
	{.key = "axis", .kind = FIELD_WORD, .offset = IN(axis), .words = axis_words},
	{.key = "zero_mm",
	 .kind = FIELD_NUMBER,
	 .offset = IN(dial.zero_mm),
	 .required = true,
	 .lo = -1000,
	 .hi = 1000,
	 .unit = "mm"},
	{.key = "mm_per_mm",
	 .kind = FIELD_NUMBER,
	 .offset = IN(dial.mm_per_mm),
	 .required = true,
	 .lo = -1000,
	 .hi = 1000,
	 .unit = "1"},
	{.key = "backlash_mm",
	 .kind = FIELD_NUMBER,
	 .offset = IN(dial.stage.backlash_mm),
	 .required = true,
	 .lo = 0,
	 .hi = 10,
	 .unit = "mm"},
	{.key = "feed_mm_min",
	 .kind = FIELD_NUMBER,
	 .offset = IN(dial.stage.feed_mm_min),
	 .required = true,
	 .lo = 1,
	 .hi = 10000,
	 .unit = "mm/min"},
	{.key = "tolerance_mm",
	 .kind = FIELD_NUMBER,
	 .offset = IN(dial.stage.tolerance_mm),
	 .lo = 0.001,
	 .hi = 1,
	 .unit = "mm"},
	{.key = NULL},
};

int bench_dial_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct dial_text text = {.dial = {.present = true, .stage = {.tolerance_mm = TOLERANCE_MM}}};
	int ret = json_read_object(doc, node, fields, &text, err);

	if (ret)
		return ret;
	if (text.dial.mm_per_mm == 0)
		return json_error(
			doc, json_get(node, "mm_per_mm"), err,
			"a stage that does not travel turns no dial: how far does it travel for 1 mm of depth?");
	text.dial.stage.axis = axis_words[text.axis][0];
	text.dial.stage.from_above = text.dial.mm_per_mm < 0; /* the depth is always approached from less of it */
	*(struct bench_dial *)dst = text.dial;
	return 0;
}

int bench_dial_check(const struct json_doc *doc, const struct json *node, const struct bench_dial *dial,
		     bool made_of_parts, struct err *err)
{
	const struct json *entry = json_get(node, "dial"), *link = entry ? json_get(entry, "link") : NULL;
	struct err why = {""};

	if (!dial->present)
		return 0;
	if (!made_of_parts)
		return json_error(
			doc, entry, err,
			"a pen without \"power\" is told its depth: \"dial\" belongs to one that is made of parts");
	if (link_uri_check(link_table, dial->link, &why))
		return json_error(doc, link, err, "%s", why.text);
	if (strcmp(dial->link, json_string(json_get(node, "link"))) == 0)
		return json_error(doc, link, err,
				  "this is the link of the pen's power supply: the dial has one of its own");
	return 0;
}

int bench_dial_setup(const struct bench_dial *dial, const struct driver *const *table, struct dial_setup *ret,
		     struct err *err)
{
	*ret = (struct dial_setup){.driver = NULL};
	if (!dial->present)
		return 0;
	ret->line.baud = (uint32_t)dial->baud;
	ret->stage = dial->stage;
	ret->zero_mm = dial->zero_mm;
	ret->mm_per_mm = dial->mm_per_mm;
	snprintf(ret->uri, sizeof(ret->uri), "%.*s", (int)sizeof(ret->uri) - 1, dial->link);
	for (; *table; table++)
		if (strcmp((*table)->name, dial->driver) == 0 && driver_serves(*table, ROLE_STAGE))
			ret->driver = *table;
	return ret->driver ? 0 : err_set(err, -EINVAL, "there is no stage driver named \"%s\"", dial->driver);
}
