/* Structs as JSON objects and back, without loss: one table of members per struct serves both ways, so that what is
 * written is read. Numbers have 17 digits; NaN is null, infinities are "inf" and "-inf", 64-bit integers are strings.
 */
#ifndef PENRIG_RECORD_MEMBERS_H
#define PENRIG_RECORD_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/base/json.h"

enum member_kind { TEXT, REAL, U64, UINT, INT, U16, U8, BOOL, OBJECT };

/* One member. max 0: a single value; else an array, as long as the unsigned at count_at says, or always max. A table
 * ends with END. */
struct member {
	const char *key;
	enum member_kind kind;
	size_t at, size;
	unsigned max;
	size_t count_at;
	const struct member *object;
	bool optional;   /* what is empty is left out, and what is left out is empty: a text, an array, the number 0 */
	size_t given_at; /* of an optional object: the bool that says whether it is there */
};

#define NO_COUNT            SIZE_MAX
#define SIZE_OF(type, name) sizeof(((type *)NULL)->name)
#define ONE(type, name, kind_)                                                                                         \
	{                                                                                                              \
		.key = #name, .kind = kind_, .at = offsetof(type, name), .size = SIZE_OF(type, name)                   \
	}
#define NESTED(type, name, table)                                                                                      \
	{                                                                                                              \
		.key = #name, .kind = OBJECT, .at = offsetof(type, name), .size = SIZE_OF(type, name), .object = table \
	}
#define FIXED(type, name, kind_, n)                                                                                    \
	{                                                                                                              \
		.key = #name, .kind = kind_, .at = offsetof(type, name), .size = SIZE_OF(type, name[0]), .max = n,     \
		.count_at = NO_COUNT                                                                                   \
	}
#define TABLE(type, name, table, n)                                                                                    \
	{                                                                                                              \
		.key = #name, .kind = OBJECT, .at = offsetof(type, name), .size = SIZE_OF(type, name[0]), .max = n,    \
		.count_at = NO_COUNT, .object = table                                                                  \
	}
#define MANY(type, name, count, table)                                                                                 \
	{                                                                                                              \
		.key = #name, .kind = OBJECT, .at = offsetof(type, name), .size = SIZE_OF(type, name[0]),              \
		.max = SIZE_OF(type, name) / SIZE_OF(type, name[0]), .count_at = offsetof(type, count),                \
		.object = table                                                                                        \
	}
#define SOME(type, name, count, table)                                                                                 \
	{                                                                                                              \
		.key = #name, .kind = OBJECT, .at = offsetof(type, name), .size = SIZE_OF(type, name[0]),              \
		.max = SIZE_OF(type, name) / SIZE_OF(type, name[0]), .count_at = offsetof(type, count),                \
		.object = table, .optional = true                                                                      \
	}
#define MAYBE(type, name)                                                                                              \
	{                                                                                                              \
		.key = #name, .kind = TEXT, .at = offsetof(type, name), .size = SIZE_OF(type, name), .optional = true  \
	}
#define MAYBE_IN(type, part, name) /* a member of a struct in the struct, under its own name */                        \
	{                                                                                                              \
		.key = #name, .kind = TEXT, .at = offsetof(type, part.name), .size = SIZE_OF(type, part.name),         \
		.optional = true                                                                                       \
	}
#define MAYBE_UINT(type, name)                                                                                         \
	{                                                                                                              \
		.key = #name, .kind = UINT, .at = offsetof(type, name), .size = SIZE_OF(type, name), .optional = true  \
	}
#define MAYBE_U64(type, name)                                                                                          \
	{                                                                                                              \
		.key = #name, .kind = U64, .at = offsetof(type, name), .size = SIZE_OF(type, name), .optional = true   \
	}
#define MAYBE_REAL(type, name)                                                                                         \
	{                                                                                                              \
		.key = #name, .kind = REAL, .at = offsetof(type, name), .size = SIZE_OF(type, name), .optional = true  \
	}
#define MAYBE_BOOL(type, name)                                                                                         \
	{                                                                                                              \
		.key = #name, .kind = BOOL, .at = offsetof(type, name), .size = SIZE_OF(type, name), .optional = true  \
	}
#define MAYBE_NESTED(type, name, given, table)                                                                         \
	{                                                                                                              \
		.key = #name, .kind = OBJECT, .at = offsetof(type, name), .size = SIZE_OF(type, name),                 \
		.object = table, .optional = true, .given_at = offsetof(type, given)                                   \
	}
#define END                                                                                                            \
	{                                                                                                              \
		.key = NULL                                                                                            \
	}

/* Every member of the struct at `base`, into `out`. */
void members_write(struct json_out *out, const struct member *members, const void *base);
/* False where one is missing, of another kind, or does not fit; the struct is half read then. */
bool members_read(const struct json *node, const struct member *members, void *base);

/* A text by itself, cleaned (text_clean.h); key NULL: into an array. size: of what it is kept in. */
void member_write_text(struct json_out *out, const char *key, const char *text, size_t size);
/* False where it is no text or does not fit. */
bool member_read_text(const struct json *node, char *ret, size_t size);

#endif
