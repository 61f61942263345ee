/* IO.json into a struct. */
#include "rig/cli/kit/io_file.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define OFF "off"

static const char *const light_words[] = {OFF,    "ready",      "armed",           "running", "prompt", "pass",
					  "fail", "not_tested", "stop_unverified", "held",    NULL};

#define AT(member)   .offset = offsetof(struct io_device, member)
#define ROOM(member) .size = sizeof(((struct io_device *)NULL)->member)
#define COMMON                                                                                                         \
	{.key = "bench", .kind = FIELD_STRING, AT(bench), ROOM(bench)},                                                \
	{                                                                                                              \
		.key = "device", .kind = FIELD_STRING, AT(device), ROOM(device), .required = true, .lo = 1             \
	}

static const struct json_field scanner_fields[] = {
	COMMON, {.key = "baud", .kind = FIELD_INT, AT(baud), .lo = 300, .hi = 4000000}, {.key = NULL}};
static const struct json_field switch_fields[] = {
	COMMON, {.key = "key", .kind = FIELD_INT, AT(key), .lo = 1, .hi = 767}, {.key = NULL}};
static const struct json_field light_fields[] = {COMMON,
						 {.key = "baud", .kind = FIELD_INT, AT(baud), .lo = 300, .hi = 4000000},
						 {.key = "words", .kind = FIELD_NODE, AT(words), .required = true},
						 {.key = NULL}};

static int check_words(const struct json_doc *doc, const struct json *words, struct err *err)
{
	if (json_kind(words) != JSON_OBJECT)
		return json_error(doc, words, err, "must be an object: what the light is sent for each word");
	for (size_t i = 0; i < json_size(words); i++) {
		const struct json *member = json_at(words, i);
		unsigned k = 0;

		while (light_words[k] && strcmp(light_words[k], json_key_of(member)) != 0)
			k++;
		if (!light_words[k] || json_kind(member) != JSON_STRING || !*json_string(member))
			return json_error(doc, member, err,
					  "must be a text for off, ready, armed, running, prompt, pass, fail, "
					  "not_tested, stop_unverified or held, of one character or more");
	}
	if (!json_get(words, OFF))
		return json_error(
			doc, words, err,
			"does not say \"off\": what the light is sent for each word that is not named, and when "
			"the station ends; without it the last one would stay");
	return 0;
}

const char *io_file_word(const struct io_device *device, const char *word)
{
	const struct json *text = word ? json_get(device->words, word) : NULL;

	return json_string(text ? text : json_get(device->words, OFF));
}

static int read_list(struct io_file *file, const struct json *list, enum io_kind kind, const struct json_field *fields,
		     struct err *err)
{
	if (list && json_kind(list) != JSON_ARRAY)
		return json_error(file->doc, list, err, "must be a list");
	for (size_t i = 0; list && i < json_size(list); i++) {
		struct io_device *d = &file->device[file->count];
		int rc;

		if (file->count == IO_DEVICES_MAX)
			return json_error(file->doc, json_at(list, i), err, "more than %d devices", IO_DEVICES_MAX);
		*d = (struct io_device){.kind = kind};
		rc = json_read_object(file->doc, json_at(list, i), fields, d, err);
		if (rc == 0 && d->words)
			rc = check_words(file->doc, d->words, err);
		if (rc < 0)
			return rc;
		file->count++;
	}
	return 0;
}

struct io_text {
	char kind[32], schema[256];
	const struct json *scanners, *switches, *lights;
};

static int read_root(struct io_file *file, struct err *err)
{
	static const struct json_field top[] = {
		{.key = "kind",
		 .kind = FIELD_STRING,
		 .offset = offsetof(struct io_text, kind),
		 .size = 32,
		 .required = true},
		{.key = "$schema", .kind = FIELD_STRING, .offset = offsetof(struct io_text, schema), .size = 256},
		{.key = "scanners", .kind = FIELD_NODE, .offset = offsetof(struct io_text, scanners)},
		{.key = "switches", .kind = FIELD_NODE, .offset = offsetof(struct io_text, switches)},
		{.key = "lights", .kind = FIELD_NODE, .offset = offsetof(struct io_text, lights)},
		{.key = NULL},
	};
	struct io_text text = {.scanners = NULL};
	const struct json *root = json_root(file->doc);
	int rc = json_read_object(file->doc, root, top, &text, err);

	if (rc < 0)
		return rc;
	if (strcmp(text.kind, "penrig/io/1") != 0)
		return json_error(file->doc, json_get(root, "kind"), err, "must be \"penrig/io/1\"");
	if ((rc = read_list(file, text.scanners, IO_SCANNER, scanner_fields, err)) < 0 ||
	    (rc = read_list(file, text.switches, IO_SWITCH, switch_fields, err)) < 0 ||
	    (rc = read_list(file, text.lights, IO_LIGHT, light_fields, err)) < 0)
		return rc;
	return file->count ? 0 : json_error(file->doc, root, err, "names no device: a scanner, a switch or a light");
}

int io_file_read(const char *path, struct io_file *ret, struct err *err)
{
	int rc;

	*ret = (struct io_file){.count = 0};
	rc = json_read(path, &ret->doc, err);
	return rc < 0 ? rc : read_root(ret, err);
}
