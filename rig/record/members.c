/* Structs as JSON objects and back, by tables of their members. Leaves out the tables: record_json.c. */
#include "rig/record/members.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/error.h"
#include "rig/base/text_clean.h"

static void write_real(struct json_out *out, const char *key, double value)
{
	if (isnan(value))
		json_out_null(out, key);
	else if (isinf(value))
		json_out_string(out, key, value > 0 ? "inf" : "-inf");
	else
		json_out_number(out, key, value, 17);
}

void member_write_text(struct json_out *out, const char *key, const char *text, size_t size)
{
	char clean[ERR_TEXT_MAX];
	json_out_string(out, key, text_clean(text, clean, size < sizeof(clean) ? size : sizeof(clean)));
}

static void write_value(struct json_out *out, const char *key, const struct member *m, const void *at)
{
	switch (m->kind) {
	case TEXT: member_write_text(out, key, at, m->size); break;
	case REAL: write_real(out, key, *(const double *)at); break;
	case U64: json_out_u64(out, key, *(const uint64_t *)at); break;
	case UINT: json_out_int(out, key, *(const unsigned *)at); break;
	case INT: json_out_int(out, key, *(const int *)at); break;
	case U16: json_out_int(out, key, *(const uint16_t *)at); break;
	case U8: json_out_int(out, key, *(const uint8_t *)at); break;
	case BOOL: json_out_bool(out, key, *(const bool *)at); break;
	case OBJECT: members_write(json_out_add_object(out, key), m->object, at); break;
	}
}

static unsigned count_of(const struct member *m, const void *base)
{
	if (m->count_at == NO_COUNT)
		return m->max;
	unsigned count = *(const unsigned *)(const void *)((const char *)base + m->count_at);
	return count < m->max ? count : m->max;
}

static bool is_empty(const struct member *m, const void *base)
{
	const char *at = (const char *)base + m->at;
	if (m->max)
		return count_of(m, base) == 0;
	switch (m->kind) {
	case OBJECT: return !*(const bool *)(const void *)((const char *)base + m->given_at);
	case UINT: return *(const unsigned *)(const void *)at == 0;
	case U64: return *(const uint64_t *)(const void *)at == 0;
	case REAL: return *(const double *)(const void *)at == 0.0;
	default: return *at == '\0';
	}
}

void members_write(struct json_out *out, const struct member *members, const void *base)
{
	for (const struct member *m = members; m->key; m++) {
		const char *at = (const char *)base + m->at;
		if (m->optional && is_empty(m, base))
			continue;
		if (!m->max) {
			write_value(out, m->key, m, at);
			continue;
		}
		struct json_out *array = json_out_add_array(out, m->key);
		for (unsigned i = 0, n = count_of(m, base); i < n; i++)
			write_value(array, NULL, m, at + i * m->size);
	}
}

static bool read_real(const struct json *node, double *ret)
{
	switch (json_kind(node)) {
	case JSON_NULL: *ret = NAN; return true;
	case JSON_NUMBER: *ret = json_number(node); return true;
	case JSON_STRING: *ret = json_string(node)[0] == '-' ? -INFINITY : INFINITY; return true;
	default: return false;
	}
}

bool member_read_text(const struct json *node, char *ret, size_t size)
{
	if (json_kind(node) != JSON_STRING || strlen(json_string(node)) >= size)
		return false;
	memset(ret, 0, size);
	memcpy(ret, json_string(node), strlen(json_string(node)));
	return true;
}

static bool read_u64(const struct json *node, uint64_t *ret)
{
	if (json_kind(node) != JSON_STRING)
		return false;
	char *end;
	errno = 0;
	uint64_t value = strtoull(json_string(node), &end, 10);
	if (errno || *end || end == json_string(node))
		return false;
	*ret = value;
	return true;
}

static bool read_integer(const struct json *node, double lo, double hi, int64_t *ret)
{
	if (json_kind(node) != JSON_NUMBER || json_number(node) < lo || json_number(node) > hi)
		return false;
	*ret = (int64_t)json_number(node);
	return true;
}

static bool read_whole(const struct json *node, enum member_kind kind, void *at)
{
	int64_t value;
	switch (kind) {
	case UINT: return read_integer(node, 0, UINT32_MAX, &value) && (*(unsigned *)at = (unsigned)value, true);
	case INT: return read_integer(node, INT32_MIN, INT32_MAX, &value) && (*(int *)at = (int)value, true);
	case U16: return read_integer(node, 0, UINT16_MAX, &value) && (*(uint16_t *)at = (uint16_t)value, true);
	default: return read_integer(node, 0, UINT8_MAX, &value) && (*(uint8_t *)at = (uint8_t)value, true);
	}
}

static bool read_value(const struct json *node, const struct member *m, void *at)
{
	if (!node)
		return false;
	switch (m->kind) {
	case TEXT: return member_read_text(node, at, m->size);
	case REAL: return read_real(node, at);
	case U64: return read_u64(node, at);
	case BOOL: return json_kind(node) == JSON_BOOL && (*(bool *)at = json_bool(node), true);
	case OBJECT: return members_read(node, m->object, at);
	default: return read_whole(node, m->kind, at);
	}
}

static bool read_array(const struct json *array, const struct member *m, void *base)
{
	if (!array || json_kind(array) != JSON_ARRAY || json_size(array) > m->max ||
	    (m->count_at == NO_COUNT && json_size(array) != m->max))
		return false;
	unsigned count = (unsigned)json_size(array);
	for (unsigned i = 0; i < count; i++) {
		if (!read_value(json_at(array, i), m, (char *)base + m->at + i * m->size))
			return false;
	}
	if (m->count_at != NO_COUNT)
		*(unsigned *)(void *)((char *)base + m->count_at) = count;
	return true;
}

static void make_empty(const struct member *m, void *base)
{
	if (m->max)
		*(unsigned *)(void *)((char *)base + m->count_at) = 0;
	else if (m->kind == OBJECT)
		*(bool *)(void *)((char *)base + m->given_at) = false;
	else
		memset((char *)base + m->at, 0, m->size);
}

bool members_read(const struct json *node, const struct member *members, void *base)
{
	if (json_kind(node) != JSON_OBJECT)
		return false;
	for (const struct member *m = members; m->key; m++) {
		const struct json *member = json_get(node, m->key);
		if (!member && m->optional) {
			make_empty(m, base);
			continue;
		}
		if (m->optional && m->kind == OBJECT && !m->max)
			*(bool *)(void *)((char *)base + m->given_at) = true;
		if (m->max ? !read_array(member, m, base) : !read_value(member, m, (char *)base + m->at))
			return false;
	}
	return true;
}
