/* Kind markers, calibrations and intervals: what more than one kind of file holds. */
#include "rig/config/filekind.h"

#include <errno.h>
#include <string.h>

#define KIND_MAX 64

/* The word of "penrig/WORD/N" into word[KIND_MAX]. */
static bool split_kind(const char *kind, char *word)
{
	if (strncmp(kind, "penrig/", 7) != 0 || strlen(kind) >= KIND_MAX)
		return false;
	size_t len = strcspn(kind + 7, "/");
	memcpy(word, kind + 7, len);
	word[len] = '\0';
	return len > 0 && kind[7 + len] == '/';
}

int file_kind_check(const struct json_doc *doc, const char *word, struct err *err)
{
	const struct json *root = json_root(doc);
	char wanted[KIND_MAX], found[KIND_MAX];

	snprintf(wanted, sizeof(wanted), "penrig/%s/1", word);
	if (json_kind(root) != JSON_OBJECT)
		return json_error(doc, root, err, "a %s file is an object, { ... }", word);
	const struct json *kind = json_get(root, "kind");
	if (!kind)
		return json_error(doc, root, err, "\"kind\" is missing: a %s file says \"kind\": \"%s\"", word, wanted);
	if (json_kind(kind) != JSON_STRING)
		return json_error(doc, kind, err, "\"kind\" must be \"%s\"", wanted);
	if (strcmp(json_string(kind), wanted) == 0)
		return 0;
	if (!split_kind(json_string(kind), found))
		return json_error(doc, kind, err, "\"kind\" is \"%.64s\"; a %s file says \"%s\"", json_string(kind),
				  word, wanted);
	if (strcmp(found, word) == 0)
		return json_error(doc, kind, err, "\"%s\": this program reads \"%s\"", json_string(kind), wanted);
	return json_error(doc, kind, err, "this is a %s file; a %s file (\"%s\") is wanted here", found, word, wanted);
}

int file_kind_ignore(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	(void)dst;
	if (json_kind(node) != JSON_STRING)
		return json_error(doc, node, err, "\"%s\" must be a string", json_key_of(node));
	return 0;
}

int calibration_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "certificate",
		 .kind = FIELD_STRING,
		 .offset = offsetof(struct calibration, certificate),
		 .size = sizeof(((struct calibration *)0)->certificate),
		 .required = true,
		 .lo = 1},
		{.key = "laboratory",
		 .kind = FIELD_STRING,
		 .offset = offsetof(struct calibration, laboratory),
		 .size = sizeof(((struct calibration *)0)->laboratory),
		 .required = true,
		 .lo = 1},
		{.key = "date", .kind = FIELD_DATE, .offset = offsetof(struct calibration, date), .required = true},
		{.key = "due", .kind = FIELD_DATE, .offset = offsetof(struct calibration, due), .required = true},
		{.key = NULL},
	};
	struct calibration *calibration = dst;
	int ret = json_read_object(doc, node, fields, calibration, err);

	if (ret == 0 && strcmp(calibration->due, calibration->date) < 0)
		return json_error(doc, json_get(node, "due"), err, "due on %s, before it was done on %s",
				  calibration->due, calibration->date);
	return ret;
}

int interval_read(const struct json_doc *doc, const struct json *node, const struct interval_rule *rule, double ret[2],
		  struct err *err)
{
	double value[2];

	if (json_kind(node) != JSON_ARRAY || json_size(node) != 2 || json_kind(json_at(node, 0)) != JSON_NUMBER ||
	    json_kind(json_at(node, 1)) != JSON_NUMBER)
		return json_error(doc, node, err, "\"%s\" must be two numbers in %s: [lower, upper]", rule->key,
				  rule->unit);
	for (size_t i = 0; i < 2; i++) {
		value[i] = json_number(json_at(node, i));
		if (value[i] < rule->lo || value[i] > rule->hi)
			return json_error(doc, json_at(node, i), err,
					  "\"%s\" holds %.10g %s; allowed is %.10g to %.10g %s", rule->key, value[i],
					  rule->unit, rule->lo, rule->hi, rule->unit);
	}
	if (value[0] >= value[1])
		return json_error(doc, node, err, "\"%s\" goes from %.10g to %.10g: write the lower one first",
				  rule->key, value[0], value[1]);
	memcpy(ret, value, sizeof(value));
	return 0;
}
