/* See inputs.h. */
#include "rig/config/inputs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LIST_MAX 120

struct contact_text {
	struct input_setup input;
	const struct json *line;
	int kind; /* index in kind_words */
};

enum { KIND_STOP, KIND_DOOR };
static const char *const kind_words[] = {"stop", "door", NULL};

static int read_contact(const struct json_doc *doc, const struct json *node, const struct inputs_setup *setup,
			struct contact_text *ret, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "name",
		 .kind = FIELD_STRING,
		 .offset = offsetof(struct contact_text, input.name),
		 .size = sizeof(ret->input.name),
		 .required = true,
		 .lo = 1},
		{.key = "line", .kind = FIELD_NODE, .offset = offsetof(struct contact_text, line), .required = true},
		{.key = "kind", .kind = FIELD_WORD, .offset = offsetof(struct contact_text, kind), .words = kind_words},
		{.key = "tried", .kind = FIELD_BOOL, .offset = offsetof(struct contact_text, input.tried)},
		{.key = NULL},
	};
	int status = json_read_object(doc, node, fields, ret, err);

	ret->input.door = ret->kind == KIND_DOOR;
	for (unsigned i = 0; i < setup->count && !status; i++)
		if (strcmp(setup->input[i].name, ret->input.name) == 0)
			return json_error(doc, json_get(node, "name"), err, "an input \"%s\" stands here already",
					  ret->input.name);
	return status;
}

static int read_contacts(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct inputs_setup *setup = dst;

	if (json_kind(node) != JSON_ARRAY || json_size(node) == 0 || json_size(node) > INPUTS_MAX)
		return json_error(doc, node, err,
				  "\"contacts\" is a list of 1 to %d objects {\"name\": \"door\", \"line\": ...}",
				  INPUTS_MAX);
	for (size_t i = 0; i < json_size(node); i++) {
		struct contact_text text = {.line = NULL, .kind = KIND_STOP};
		int status = read_contact(doc, json_at(node, i), setup, &text, err);
		if (status)
			return status;
		setup->input[setup->count++] = text.input;
	}
	return 0;
}

int bench_inputs_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct inputs_text {
		struct inputs_setup setup;
		int64_t address;
	} text = {.address = 0};
	static const struct json_field fields[] = {
		{.key = "contacts",
		 .kind = FIELD_CUSTOM,
		 .offset = offsetof(struct inputs_text, setup),
		 .required = true,
		 .read = read_contacts},
		{.key = "address",
		 .kind = FIELD_INT,
		 .offset = offsetof(struct inputs_text, address),
		 .lo = 1,
		 .hi = 247},
		{.key = "query",
		 .kind = FIELD_STRING,
		 .offset = offsetof(struct inputs_text, setup.query),
		 .size = INPUTS_QUERY_MAX,
		 .lo = 1},
		{.key = NULL},
	};
	int status = json_read_object(doc, node, fields, &text, err);

	if (status)
		return status;
	text.setup.address = (unsigned)text.address;
	*(struct bench_inputs *)dst = (struct bench_inputs){.there = true, .setup = text.setup};
	return 0;
}

/* ---- against the driver ---------------------------------------------------------------------------------------- */

static void list_lines(const struct input_lines *lines, char ret[LIST_MAX])
{
	size_t n = 0;

	if (!lines->words)
		snprintf(ret, LIST_MAX, "a number from 1 to %u", lines->count);
	for (unsigned i = 0; lines->words && lines->words[i] && n < LIST_MAX; i++)
		n += (size_t)snprintf(ret + n, LIST_MAX - n, "%s\"%s\"", i ? ", " : "", lines->words[i]);
}

static bool find_line(const struct input_lines *lines, const struct json *node, unsigned *ret)
{
	if (!lines->words && json_kind(node) == JSON_NUMBER) {
		double number = json_number(node);
		*ret = number >= 1 && number <= lines->count ? (unsigned)number - 1 : lines->count;
		return *ret < lines->count && number == (double)(*ret + 1);
	}
	for (unsigned i = 0; lines->words && json_kind(node) == JSON_STRING && lines->words[i]; i++) {
		*ret = i;
		if (strcmp(lines->words[i], json_string(node)) == 0)
			return true;
	}
	return false;
}

static int settle_lines(const struct json_doc *doc, const struct json *contacts, const struct input_lines *lines,
			struct inputs_setup *setup, struct err *err)
{
	char list[LIST_MAX];

	for (unsigned i = 0; i < setup->count; i++) {
		const struct json *line = json_get(json_at(contacts, i), "line");
		if (!find_line(lines, line, &setup->input[i].line)) {
			list_lines(lines, list);
			return json_error(doc, line, err, "\"line\" of this driver is %s", list);
		}
		for (unsigned k = 0; k < i; k++)
			if (setup->input[k].line == setup->input[i].line)
				return json_error(doc, line, err, "\"%s\" hangs on this line already",
						  setup->input[k].name);
	}
	return 0;
}

static bool is_question(const char *query)
{
	for (const char *c = query; *c; c++)
		if (*c < ' ' || *c > '~')
			return false;
	return strchr(query, '?') != NULL;
}

static int check_query(const struct json_doc *doc, const struct json *node, const struct driver *driver,
		       const struct inputs_setup *setup, struct err *err)
{
	const struct json *query = json_get(node, "query");

	if (driver->lines->queried != (query != NULL))
		return json_error(doc, query ? query : node, err,
				  query ? "the driver \"%s\" knows how to ask: leave \"query\" out"
					: "\"query\" is missing: what this instrument is asked for its inputs, as "
					  "\"DIG:DATA:BYTE?\"; the driver is \"%s\"",
				  driver->name);
	if (query && !is_question(setup->query))
		return json_error(doc, query, err, "a query is one line of text with a question mark");
	return 0;
}

int bench_inputs_settle(const struct json_doc *doc, struct bench_device *device, const struct driver *driver,
			struct err *err)
{
	struct inputs_setup *setup = &device->inputs.setup;
	const struct json *node = json_get(device->node, "inputs"), *address = node ? json_get(node, "address") : NULL;

	if (!device->inputs.there)
		return 0;
	if (address && !driver->lines->addressed)
		return json_error(doc, address, err, "the driver \"%s\" has a line of its own: leave \"address\" out",
				  driver->name);
	int status = check_query(doc, node, driver, setup, err);
	if (!status)
		status = settle_lines(doc, json_get(node, "contacts"), driver->lines, setup, err);
	device->inputs.settled = !status;
	return status;
}
