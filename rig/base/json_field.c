/* Reading an object by a table of its fields; what the table does not name may not stand in the file. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/json.h"

#define FIELDS_MAX 64  /* bits of `seen` */
#define WORD_MAX   64  /* words longer than this are not compared */
#define LIST_MAX   200 /* of a list of words in a message */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t d[3][WORD_MAX + 1], n = strlen(a), m = strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *now = d[i % 3], *before = d[(i + 2) % 3], *two = d[(i + 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], two[j - 2] + 1);
		}
	}
	return d[n % 3][m];
}

/* A word is near when at most a third of it was mistyped, or only letter case differs. */
static bool nearer(const char *word, const char *candidate, size_t *best)
{
	size_t distance = strcasecmp(word, candidate) == 0 ? 0 : edit_distance(word, candidate);
	size_t allowed = strlen(candidate) / 3 + (strlen(candidate) < 3);

	if (distance > allowed || distance >= *best)
		return false;
	*best = distance;
	return true;
}

const char *json_nearest(const char *word, const char *(*candidate)(const void *, size_t), const void *list)
{
	const char *best = NULL, *next;
	size_t distance = SIZE_MAX;

	for (size_t i = 0; (next = candidate(list, i)) != NULL; i++)
		if (nearer(word, next, &distance))
			best = next;
	return best;
}

static const char *key_at(const void *fields, size_t i)
{
	return ((const struct json_field *)fields)[i].key;
}

static const char *word_at(const void *words, size_t i)
{
	return ((const char *const *)words)[i];
}

/* "a", "b", "c": as many as fit. */
static void list_words(char *text, const char *(*candidate)(const void *, size_t), const void *list)
{
	size_t used = 0;
	const char *word;

	text[0] = '\0';
	for (size_t i = 0; (word = candidate(list, i)) != NULL; i++) {
		int n = snprintf(text + used, LIST_MAX - used, "%s\"%s\"", i ? ", " : "", word);
		if (n < 0 || used + (size_t)n >= LIST_MAX - 4) {
			memcpy(text + used, " ...", 5);
			return;
		}
		used += (size_t)n;
	}
}

static int unknown_key(const struct json_doc *doc, const struct json *member, const struct json_field *fields,
		       struct err *err)
{
	const char *key = json_key_of(member), *near = json_nearest(key, key_at, fields);
	char list[LIST_MAX];

	if (near)
		return json_key_error(doc, member, err, "unknown key \"%.64s\"; did you mean \"%s\"?", key, near);
	list_words(list, key_at, fields);
	return json_key_error(doc, member, err, "unknown key \"%.64s\"; here may stand %s", key, list);
}

static const char *kind_name(const struct json *node)
{
	static const char *const names[] = {"null", "true or false", "a number", "a string", "a list", "an object"};

	return names[json_kind(node)];
}

static int wrong_kind(const struct json_doc *doc, const struct json *node, const char *key, const char *wanted,
		      struct err *err)
{
	if (json_kind(node) == JSON_NULL)
		return json_error(doc, node, err, "\"%s\" must be %s, not null; leave the key out where there is none",
				  key, wanted);
	return json_error(doc, node, err, "\"%s\" must be %s, not %s", key, wanted, kind_name(node));
}

static int number_wanted(const struct json_doc *doc, const struct json *node, const struct json_field *f,
			 struct err *err)
{
	char wanted[48], *end;
	const char *in = f->unit && strcmp(f->unit, "1") ? " in " : "";

	snprintf(wanted, sizeof(wanted), "a %snumber%s%.16s", f->kind == FIELD_INT ? "whole " : "", in,
		 *in ? f->unit : "");
	if (json_kind(node) == JSON_STRING) {
		strtod(json_string(node), &end);
		if (end != json_string(node) && *end == '\0')
			return json_error(doc, node, err, "\"%s\" must be %s: write %s without quotes", f->key, wanted,
					  json_string(node));
	}
	return wrong_kind(doc, node, f->key, wanted, err);
}

static int check_number(const struct json_doc *doc, const struct json *node, const struct json_field *f,
			struct err *err)
{
	const char *space = f->unit && strcmp(f->unit, "1") ? " " : "";
	const char *unit = *space ? f->unit : "";
	double value;

	if (json_kind(node) != JSON_NUMBER)
		return number_wanted(doc, node, f, err);
	value = json_number(node);
	if ((f->lo != 0 || f->hi != 0) && !(value >= f->lo && value <= f->hi))
		return json_error(doc, node, err, "\"%s\" is %.10g%s%s; allowed is %.10g to %.10g%s%s", f->key, value,
				  space, unit, f->lo, f->hi, space, unit);
	if (f->kind == FIELD_INT && value != floor(value))
		return json_error(doc, node, err, "\"%s\" is %.10g; it must be a whole number", f->key, value);
	if (f->kind == FIELD_INT && fabs(value) > 0x1p53)
		return json_error(doc, node, err, "\"%s\" is %.10g; whole numbers go to 2^53", f->key, value);
	return 0;
}

static int read_string(const struct json_doc *doc, const struct json *node, const struct json_field *f, char *dst,
		       struct err *err)
{
	if (json_kind(node) != JSON_STRING)
		return wrong_kind(doc, node, f->key, "a string", err);
	const char *text = json_string(node);
	size_t len = strlen(text);
	if (len >= f->size)
		return json_error(doc, node, err, "\"%s\" is %zu bytes long; at most %zu fit", f->key, len,
				  f->size - 1);
	if (len == 0 && f->lo >= 1)
		return json_error(doc, node, err, "\"%s\" is empty; write something between the quotes", f->key);
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7F)
			return json_error(doc, node, err, "\"%s\" holds a control character (0x%02x)", f->key,
					  (unsigned char)*p);
	memcpy(dst, text, len + 1);
	return 0;
}

static int read_word(const struct json_doc *doc, const struct json *node, const struct json_field *f, int *dst,
		     struct err *err)
{
	char list[LIST_MAX];

	if (json_kind(node) != JSON_STRING)
		return wrong_kind(doc, node, f->key, "a word in double quotes", err);
	const char *word = json_string(node);
	for (int i = 0; f->words[i]; i++) {
		if (strcmp(word, f->words[i]) == 0) {
			*dst = i;
			return 0;
		}
	}
	const char *near = json_nearest(word, word_at, f->words);
	if (near)
		return json_error(doc, node, err, "\"%s\" is \"%.64s\"; did you mean \"%s\"?", f->key, word, near);
	list_words(list, word_at, f->words);
	return json_error(doc, node, err, "\"%s\" is \"%.64s\"; write one of %s", f->key, word, list);
}

bool json_date_valid(const char *text)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day;

	if (strlen(text) != 10 || strspn(text, "0123456789-") != 10 || text[4] != '-' || text[7] != '-' ||
	    strspn(text, "0123456789") != 4 || strspn(text + 5, "0123456789") != 2 ||
	    strspn(text + 8, "0123456789") != 2)
		return false;
	year = atoi(text);
	month = atoi(text + 5);
	day = atoi(text + 8);
	if (year < 1 || month < 1 || month > 12 || day < 1)
		return false;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return day <= days[month - 1] + (month == 2 && leap);
}

static int read_date(const struct json_doc *doc, const struct json *node, const struct json_field *f, char *dst,
		     struct err *err)
{
	if (json_kind(node) != JSON_STRING)
		return wrong_kind(doc, node, f->key, "a date, \"YYYY-MM-DD\"", err);
	if (!json_date_valid(json_string(node)))
		return json_error(doc, node, err,
				  "\"%s\" is \"%.40s\", no date of the calendar; write YYYY-MM-DD, as in 2026-03-31",
				  f->key, json_string(node));
	memcpy(dst, json_string(node), 11);
	return 0;
}

static int read_field(const struct json_doc *doc, const struct json *node, const struct json_field *f, void *dst,
		      struct err *err)
{
	int ret = 0;

	switch (f->kind) {
	case FIELD_STRING: return read_string(doc, node, f, dst, err);
	case FIELD_NUMBER:
		ret = check_number(doc, node, f, err);
		if (ret == 0)
			*(double *)dst = json_number(node);
		return ret;
	case FIELD_INT:
		ret = check_number(doc, node, f, err);
		if (ret == 0)
			*(int64_t *)dst = (int64_t)json_number(node);
		return ret;
	case FIELD_BOOL:
		if (json_kind(node) != JSON_BOOL)
			return wrong_kind(doc, node, f->key, "true or false", err);
		*(bool *)dst = json_bool(node);
		return 0;
	case FIELD_WORD: return read_word(doc, node, f, dst, err);
	case FIELD_DATE: return read_date(doc, node, f, dst, err);
	case FIELD_NODE: *(const struct json **)dst = node; return 0;
	case FIELD_CUSTOM: return f->read(doc, node, dst, err);
	}
	return -EINVAL;
}

static int missing_field(const struct json_doc *doc, const struct json *node, const struct json_field *f,
			 struct err *err)
{
	static const char *const kinds[] = {
		[FIELD_STRING] = "a string",    [FIELD_NUMBER] = "a number", [FIELD_INT] = "a whole number",
		[FIELD_BOOL] = "true or false", [FIELD_WORD] = "a word",     [FIELD_DATE] = "a date, \"YYYY-MM-DD\"",
	};
	const char *kind = f->kind <= FIELD_DATE ? kinds[f->kind] : NULL;
	char list[LIST_MAX];

	if (f->kind == FIELD_WORD) {
		list_words(list, word_at, f->words);
		return json_error(doc, node, err, "\"%s\" is missing here: one of %s", f->key, list);
	}
	if (!kind)
		return json_error(doc, node, err, "\"%s\" is missing here", f->key);
	return json_error(doc, node, err, "\"%s\" is missing here: %s%s%s", f->key, kind, f->unit ? " in " : "",
			  f->unit ? f->unit : "");
}

int json_read_object(const struct json_doc *doc, const struct json *node, const struct json_field *fields, void *dst,
		     struct err *err)
{
	uint64_t seen = 0;

	if (json_kind(node) != JSON_OBJECT)
		return json_error(doc, node, err, "an object, { ... }, should stand here, not %s", kind_name(node));
	for (size_t i = 0; i < json_size(node); i++) {
		const struct json *member = json_at(node, i);
		size_t f = 0;
		while (fields[f].key && strcmp(fields[f].key, json_key_of(member)) != 0)
			f++;
		assert(f < FIELDS_MAX);
		if (!fields[f].key)
			return unknown_key(doc, member, fields, err);
		int ret = read_field(doc, member, &fields[f], (char *)dst + fields[f].offset, err);
		if (ret)
			return ret;
		seen |= UINT64_C(1) << f;
	}
	for (size_t f = 0; fields[f].key; f++)
		if (fields[f].required && !(seen & UINT64_C(1) << f))
			return missing_field(doc, node, &fields[f], err);
	return 0;
}
