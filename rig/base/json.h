/* Strict JSON with comments, around cJSON (included by json.c alone).
 * Reading: UTF-8, no duplicate key, no unknown key, no non-finite number, nothing after the end; // and block comments
 * are blanked in place so that every message names file:line:column as the editor shows it, and says what to write
 * instead. Writing: a tree that refuses NaN and Inf; 64-bit integers are written as strings. */
#ifndef PENRIG_BASE_JSON_H
#define PENRIG_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "rig/base/error.h"

#define JSON_FILE_MAX  (4u << 20)
#define JSON_DEPTH_MAX 32

struct json_doc; /* owns text, tree and positions */
struct json;     /* a node inside a document; borrowed from it */

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* `file` is the name for messages. The text is copied. -EINVAL with a text for the person; -E2BIG over JSON_FILE_MAX;
 * reading a file: -errno of open/read too. */
int json_parse(const char *file, const char *text, size_t len, struct json_doc **ret, struct err *err);
int json_read(const char *path, struct json_doc **ret, struct err *err);
void json_doc_free(struct json_doc *doc);
const struct json *json_root(const struct json_doc *doc);
const char *json_text(const struct json_doc *doc, size_t *ret_len); /* the file's bytes as read, comments included */
const char *json_file(const struct json_doc *doc);

/* Plain access. json_get: member by exact key, NULL if absent or not an object. */
enum json_kind json_kind(const struct json *node);
const struct json *json_get(const struct json *object, const char *key);
size_t json_size(const struct json *array_or_object);
const struct json *json_at(const struct json *array_or_object, size_t i);
const char *json_key_of(const struct json *member); /* key of an object's member; NULL for others */
double json_number(const struct json *node);        /* kind must be JSON_NUMBER */
const char *json_string(const struct json *node);   /* kind must be JSON_STRING */
bool json_bool(const struct json *node);            /* kind must be JSON_BOOL */

/* "FILE:LINE:COL: " + text; returns -EINVAL. For checks of meaning that only the caller can make. */
__attribute__((format(printf, 4, 5))) int json_error(const struct json_doc *doc, const struct json *node,
						     struct err *err, const char *fmt, ...);

/* The same at the key of an object's member. */
__attribute__((format(printf, 4, 5))) int json_key_error(const struct json_doc *doc, const struct json *member,
							 struct err *err, const char *fmt, ...);

/* Where the value stands, from 1; columns count characters. */
void json_position(const struct json *node, unsigned *ret_line, unsigned *ret_column);

/* For "did you mean": the candidate (candidate(list, 0), (list, 1) ... until NULL) that is at most a third of its
 * letters away from `word`; NULL if there is none. */
const char *json_nearest(const char *word, const char *(*candidate)(const void *list, size_t i), const void *list);

/* A date of the calendar, YYYY-MM-DD? Such dates compare with strcmp(). */
bool json_date_valid(const char *text);

/* Table-driven reading of one object into a struct: what stands in the table may stand in the file, nothing else. */
enum json_field_kind {
	FIELD_STRING, /* into a char[size]; longer is refused, control characters too, and "" where lo is 1 */
	FIELD_NUMBER, /* into a double, lo <= x <= hi */
	FIELD_INT,    /* into an int64_t, lo <= x <= hi, no fraction */
	FIELD_BOOL,   /* into a bool */
	FIELD_WORD,   /* into an int: the index in `words` (NULL-terminated) */
	FIELD_DATE,   /* into a char[11]: a real calendar date YYYY-MM-DD */
	FIELD_NODE,   /* into a const struct json *: any kind; the caller goes on */
	FIELD_CUSTOM, /* read(doc, node, destination, err) */
};

struct json_field {
	const char *key;
	enum json_field_kind kind;
	size_t offset, size; /* offset in the destination struct; size for FIELD_STRING */
	bool required;       /* absent and not required: the destination keeps what it had (the default) */
	double lo, hi;       /* FIELD_NUMBER, FIELD_INT; both 0 = any finite number */
	const char *unit;    /* said in messages; may be NULL */
	const char *const *words;
	int (*read)(const struct json_doc *, const struct json *, void *dst, struct err *);
};

/* Fields end with .key == NULL. Unknown key: "unknown key "dpeth_mm"; did you mean "depth_mm"?" */
int json_read_object(const struct json_doc *doc, const struct json *node, const struct json_field *fields, void *dst,
		     struct err *err);

/* Writing. A json_out is a tree under construction; adding to it keeps the first error, which json_out_print reports,
 * so that callers need not check every call. Keys are not copied twice; strings are. */
struct json_out;

struct json_out *json_out_object(void);
struct json_out *json_out_array(void);
struct json_out *json_out_add_object(struct json_out *parent,
				     const char *key); /* key NULL in arrays; owned by parent */
struct json_out *json_out_add_array(struct json_out *parent, const char *key);
void json_out_string(struct json_out *parent, const char *key, const char *value); /* NULL value writes null */
void json_out_bool(struct json_out *parent, const char *key, bool value);
void json_out_null(struct json_out *parent, const char *key);
void json_out_int(struct json_out *parent, const char *key, int64_t value);  /* |value| < 2^53, else an error */
void json_out_u64(struct json_out *parent, const char *key, uint64_t value); /* as a decimal string */
/* Rounded to `digits` significant digits (1..17; 17 prints the shortest text that reads back the same). */
void json_out_number(struct json_out *parent, const char *key, double value, int digits);
/* Copies a node of a read document in (e.g. the plan into the report). */
void json_out_copy(struct json_out *parent, const char *key, const struct json *node);
/* malloc'd, NUL-terminated, for free(). indented: two spaces, else one line. -EINVAL names the key of the offending
 * value. */
int json_out_print(const struct json_out *root, bool indented, char **ret_text, struct err *err);
/* The rows of the list `rows` within the tree ("a", or "a/b": of each of the list a those of its list b; "": the tree itself, which
 * is a list or the only row): of each the members at `paths` ("a", "a/b", of the row around it "^a"; ends with NULL) as text.
 * Numbers have the digits that they are printed with; a list of texts is joined by blanks; "" where there is none. Cells are of use
 * during the call. What `row` returns ends it where it is not 0. */
#define JSON_ROW_MAX 48
int json_out_rows(const struct json_out *root, const char *rows, const char *const *paths,
		  int (*row)(void *ctx, const char *const *cell), void *ctx, struct err *err);
void json_out_free(struct json_out *root); /* frees the whole tree; only on a root */

#endif
