/* cJSON behind a strict face: the tree, its positions, and the writer. Grammar is json_scan.c, tables are json_field.c.
 * The only file that includes cJSON. */
#include "rig/base/json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/json_scan.h"

struct json {
	const cJSON *item;
	const struct json_doc *doc;
	const struct json *children; /* contiguous */
	size_t size;
	struct json_place place;
};

struct json_doc {
	char *file, *text;
	size_t len;
	cJSON *tree;
	struct json *nodes;
};

/* ---- reading ---------------------------------------------------------------------------------------------------- */

struct layout {
	struct json_doc *doc;
	const struct json_place *places;
	size_t next_place, next_node;
};

static size_t count_children(const cJSON *item)
{
	size_t n = 0;

	for (const cJSON *child = item->child; child; child = child->next)
		n++;
	return n;
}

/* Children stand side by side in doc->nodes, so that json_at() is one addition; depth is bounded by JSON_DEPTH_MAX. */
static void lay_out(struct layout *l, const cJSON *item, struct json *node)
{
	size_t size = count_children(item), i = 0;
	struct json *children = l->doc->nodes + l->next_node;

	*node = (struct json){.item = item, .doc = l->doc, .children = children, .size = size};
	node->place = l->places[l->next_place++];
	l->next_node += size;
	for (const cJSON *child = item->child; child; child = child->next)
		lay_out(l, child, &children[i++]);
}

static int by_key(const void *a, const void *b)
{
	const struct json *const *x = a, *const *y = b;
	int order = strcmp((*x)->item->string, (*y)->item->string);

	return order ? order : (*x > *y) - (*x < *y);
}

static int duplicate_key(const struct json *object, struct err *err)
{
	const struct json **sorted = malloc(object->size * sizeof(struct json *));
	const struct json *first = NULL, *second = NULL;
	unsigned line, column, first_line, first_column;

	if (!sorted)
		return err_set(err, -ENOMEM, "%s: no memory", object->doc->file);
	for (size_t i = 0; i < object->size; i++)
		sorted[i] = &object->children[i];
	qsort(sorted, object->size, sizeof(struct json *), by_key);
	for (size_t i = 1; i < object->size; i++) {
		if (strcmp(sorted[i - 1]->item->string, sorted[i]->item->string) == 0 &&
		    (!second || sorted[i] < second)) {
			first = sorted[i - 1];
			second = sorted[i];
		}
	}
	free(sorted);
	if (!second)
		return 0;
	json_line_column(object->doc->text, second->place.key, &line, &column);
	json_line_column(object->doc->text, first->place.key, &first_line, &first_column);
	return err_set(err, -EINVAL, "%s:%u:%u: key \"%.64s\" is here for the second time (first at line %u): keep one",
		       object->doc->file, line, column, second->item->string, first_line);
}

static int check_duplicates(const struct json *node, struct err *err)
{
	int ret = 0;

	if (cJSON_IsObject(node->item) && node->size > 1)
		ret = duplicate_key(node, err);
	for (size_t i = 0; i < node->size && ret == 0; i++)
		ret = check_duplicates(&node->children[i], err);
	return ret;
}

/* The buffer's NUL is part of what cJSON is given: only so can it insist on the end. */
static int build_tree(struct json_doc *doc, const char *blanked, const struct json_place *places, size_t count,
		      struct err *err)
{
	struct layout l = {.doc = doc, .places = places, .next_node = 1};

	doc->tree = cJSON_ParseWithLengthOpts(blanked, doc->len + 1, NULL, true);
	doc->nodes = calloc(count, sizeof(*doc->nodes));
	if (!doc->tree || !doc->nodes)
		return err_set(err, -ENOMEM, "%s: no memory", doc->file);
	lay_out(&l, doc->tree, doc->nodes);
	return check_duplicates(doc->nodes, err);
}

static int parse(struct json_doc *doc, struct err *err)
{
	struct json_place *places = NULL;
	size_t count = 0;
	char *blanked = malloc(doc->len + 1);

	if (!blanked)
		return err_set(err, -ENOMEM, "%s: no memory", doc->file);
	memcpy(blanked, doc->text, doc->len + 1);
	int ret = json_scan(doc->file, doc->text, blanked, doc->len, &places, &count, err);
	if (ret == 0)
		ret = build_tree(doc, blanked, places, count, err);
	free(places);
	free(blanked);
	return ret;
}

int json_parse(const char *file, const char *text, size_t len, struct json_doc **ret, struct err *err)
{
	if (len > JSON_FILE_MAX)
		return err_set(err, -E2BIG, "%s: %zu bytes; at most %u are read", file, len, JSON_FILE_MAX);
	struct json_doc *doc = calloc(1, sizeof(*doc));
	if (!doc)
		return err_set(err, -ENOMEM, "%s: no memory", file);
	doc->file = strdup(file);
	doc->text = malloc(len + 1);
	doc->len = len;
	int status = -ENOMEM;
	if (doc->file && doc->text) {
		memcpy(doc->text, text, len);
		doc->text[len] = '\0';
		status = parse(doc, err);
	} else {
		err_set(err, -ENOMEM, "%s: no memory", file);
	}
	if (status) {
		json_doc_free(doc);
		return status;
	}
	*ret = doc;
	return 0;
}

/* Reads at most JSON_FILE_MAX + 1 bytes: one more than allowed shows that the file is too big. */
static ssize_t read_all(int fd, char *buffer)
{
	size_t len = 0;

	while (len < JSON_FILE_MAX + 1) {
		ssize_t n = read(fd, buffer + len, JSON_FILE_MAX + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

int json_read(const char *path, struct json_doc **ret, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "cannot read %s: %s", path, strerror(errno));
	char *buffer = malloc(JSON_FILE_MAX + 1);
	ssize_t len = buffer ? read_all(fd, buffer) : -ENOMEM;
	close(fd);
	int status;
	if (len < 0)
		status = err_set(err, (int)len, "cannot read %s: %s", path, strerror((int)-len));
	else
		status = json_parse(path, buffer, (size_t)len, ret, err);
	free(buffer);
	return status;
}

void json_doc_free(struct json_doc *doc)
{
	if (!doc)
		return;
	cJSON_Delete(doc->tree);
	free(doc->nodes);
	free(doc->text);
	free(doc->file);
	free(doc);
}

const struct json *json_root(const struct json_doc *doc)
{
	return doc->nodes;
}

const char *json_text(const struct json_doc *doc, size_t *ret_len)
{
	*ret_len = doc->len;
	return doc->text;
}

const char *json_file(const struct json_doc *doc)
{
	return doc->file;
}

enum json_kind json_kind(const struct json *node)
{
	switch (node->item->type & 0xFF) {
	case cJSON_True:
	case cJSON_False: return JSON_BOOL;
	case cJSON_Number: return JSON_NUMBER;
	case cJSON_String: return JSON_STRING;
	case cJSON_Array: return JSON_ARRAY;
	case cJSON_Object: return JSON_OBJECT;
	default: return JSON_NULL;
	}
}

const struct json *json_get(const struct json *object, const char *key)
{
	if (!cJSON_IsObject(object->item))
		return NULL;
	for (size_t i = 0; i < object->size; i++)
		if (strcmp(object->children[i].item->string, key) == 0)
			return &object->children[i];
	return NULL;
}

size_t json_size(const struct json *array_or_object)
{
	return array_or_object->size;
}

const struct json *json_at(const struct json *array_or_object, size_t i)
{
	return i < array_or_object->size ? &array_or_object->children[i] : NULL;
}

const char *json_key_of(const struct json *member)
{
	return member->item->string;
}

double json_number(const struct json *node)
{
	return node->item->valuedouble;
}

const char *json_string(const struct json *node)
{
	return node->item->valuestring;
}

bool json_bool(const struct json *node)
{
	return cJSON_IsTrue(node->item);
}

void json_position(const struct json *node, unsigned *ret_line, unsigned *ret_column)
{
	json_line_column(node->doc->text, node->place.value, ret_line, ret_column);
}

__attribute__((format(printf, 4, 0))) static int error_at(const struct json *node, size_t offset, struct err *err,
							  const char *fmt, va_list args)
{
	unsigned line, column;
	char text[ERR_TEXT_MAX];

	json_line_column(node->doc->text, offset, &line, &column);
	vsnprintf(text, sizeof(text), fmt, args);
	return err_set(err, -EINVAL, "%s:%u:%u: %s", node->doc->file, line, column, text);
}

int json_error(const struct json_doc *doc, const struct json *node, struct err *err, const char *fmt, ...)
{
	va_list args;

	(void)doc;
	va_start(args, fmt);
	int ret = error_at(node, node->place.value, err, fmt, args);
	va_end(args);
	return ret;
}

int json_key_error(const struct json_doc *doc, const struct json *member, struct err *err, const char *fmt, ...)
{
	va_list args;

	(void)doc;
	va_start(args, fmt);
	int ret = error_at(member, member->place.key, err, fmt, args);
	va_end(args);
	return ret;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

struct json_out {
	cJSON *item;
	struct json_out *root, *next; /* all of one tree hang on the root, for freeing */
	int status;                   /* of the root: the first error */
	struct err why;
};

static struct json_out *out_new(cJSON *item)
{
	struct json_out *out = calloc(1, sizeof(*out));

	if (!out || !item) {
		cJSON_Delete(item);
		free(out);
		return NULL;
	}
	out->item = item;
	out->root = out;
	return out;
}

struct json_out *json_out_object(void)
{
	return out_new(cJSON_CreateObject());
}

struct json_out *json_out_array(void)
{
	return out_new(cJSON_CreateArray());
}

__attribute__((format(printf, 3, 4))) static void out_fail(struct json_out *parent, int status, const char *fmt, ...)
{
	struct json_out *root = parent->root;
	va_list args;

	if (root->status)
		return;
	root->status = status;
	va_start(args, fmt);
	vsnprintf(root->why.text, sizeof(root->why.text), fmt, args);
	va_end(args);
}

static const char *name_of(const char *key)
{
	return key ? key : "an element of a list";
}

/* Takes `item` over in every case. */
static bool attach(struct json_out *parent, const char *key, cJSON *item)
{
	bool object = parent && cJSON_IsObject(parent->item);
	size_t bad;

	if (!parent) {
		cJSON_Delete(item);
		return false;
	}
	if (!item)
		out_fail(parent, -ENOMEM, "%s: no memory", name_of(key));
	else if (object != (key != NULL))
		out_fail(parent, -EINVAL, "%s: a key belongs to an object, and only there", name_of(key));
	else if (object && !json_utf8_valid(key, strlen(key), &bad))
		out_fail(parent, -EINVAL, "a key that is not UTF-8");
	else if (object && cJSON_GetObjectItemCaseSensitive(parent->item, key))
		out_fail(parent, -EINVAL, "%s: this key is written twice", key);
	else if (object ? cJSON_AddItemToObject(parent->item, key, item) : cJSON_AddItemToArray(parent->item, item))
		return true;
	else
		out_fail(parent, -ENOMEM, "%s: no memory", name_of(key));
	cJSON_Delete(item);
	return false;
}

static struct json_out *add_container(struct json_out *parent, const char *key, cJSON *item)
{
	if (!attach(parent, key, item))
		return NULL;
	struct json_out *out = calloc(1, sizeof(*out));
	if (!out) {
		out_fail(parent, -ENOMEM, "%s: no memory", name_of(key));
		return NULL;
	}
	out->item = item;
	out->root = parent->root;
	out->next = parent->root->next;
	parent->root->next = out;
	return out;
}

struct json_out *json_out_add_object(struct json_out *parent, const char *key)
{
	return add_container(parent, key, cJSON_CreateObject());
}

struct json_out *json_out_add_array(struct json_out *parent, const char *key)
{
	return add_container(parent, key, cJSON_CreateArray());
}

void json_out_string(struct json_out *parent, const char *key, const char *value)
{
	size_t bad;

	if (value && parent && !json_utf8_valid(value, strlen(value), &bad))
		out_fail(parent, -EINVAL, "%s: byte 0x%02x at %zu is not UTF-8", name_of(key),
			 (unsigned char)value[bad], bad);
	else
		attach(parent, key, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

void json_out_bool(struct json_out *parent, const char *key, bool value)
{
	attach(parent, key, cJSON_CreateBool(value));
}

void json_out_null(struct json_out *parent, const char *key)
{
	attach(parent, key, cJSON_CreateNull());
}

void json_out_int(struct json_out *parent, const char *key, int64_t value)
{
	char text[24]; /* 20 digits, sign, NUL */

	if (value >= INT64_C(1) << 53 || value <= -(INT64_C(1) << 53)) {
		if (parent)
			out_fail(parent, -EINVAL, "%s: %lld is too large for a JSON number", name_of(key),
				 (long long)value);
		return;
	}
	snprintf(text, sizeof(text), "%lld", (long long)value);
	attach(parent, key, cJSON_CreateRaw(text));
}

void json_out_u64(struct json_out *parent, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	attach(parent, key, cJSON_CreateString(text));
}

/* cJSON's own number printing compares with a tolerance and can lose the last bit, so numbers go in as text. */
void json_out_number(struct json_out *parent, const char *key, double value, int digits)
{
	char text[40]; /* sign, 17 digits, point, e-308, NUL: 26 */

	if (!isfinite(value)) {
		if (parent)
			out_fail(parent, -EINVAL, "%s: %f is not a JSON number", name_of(key), value);
		return;
	}
	if (digits < 1 || digits > 17)
		digits = 17;
	int first = digits == 17 ? 15 : digits;
	for (int n = first; n <= digits; n++) {
		snprintf(text, sizeof(text), "%.*g", n, value == 0 ? 0.0 : value);
		if (strtod(text, NULL) == value)
			break;
	}
	attach(parent, key, cJSON_CreateRaw(text));
}

static void copy_number(struct json_out *parent, const char *key, const struct json *node)
{
	const char *from = node->doc->text + node->place.value;
	char text[64];
	size_t len = json_number_length(from);

	snprintf(text, sizeof(text), "%.*s", (int)len, from);
	attach(parent, key, cJSON_CreateRaw(text));
}

void json_out_copy(struct json_out *parent, const char *key, const struct json *node)
{
	struct json_out *out = NULL;

	switch (json_kind(node)) {
	case JSON_NULL: json_out_null(parent, key); return;
	case JSON_BOOL: json_out_bool(parent, key, json_bool(node)); return;
	case JSON_NUMBER: copy_number(parent, key, node); return;
	case JSON_STRING: json_out_string(parent, key, json_string(node)); return;
	case JSON_ARRAY: out = json_out_add_array(parent, key); break;
	case JSON_OBJECT: out = json_out_add_object(parent, key); break;
	}
	for (size_t i = 0; i < node->size; i++)
		json_out_copy(out, json_key_of(&node->children[i]), &node->children[i]);
}

/* cJSON indents by tabs, also behind a colon. Every tab outside a string is cJSON's: inside they are escaped. */
static char *indent_by_spaces(const char *text)
{
	size_t tabs = 0, len = strlen(text);

	for (size_t i = 0; i < len; i++)
		tabs += text[i] == '\t';
	char *out = malloc(len + tabs + 1), *to = out;
	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '\t')
			*to++ = text[i];
		else if (i > 0 && text[i - 1] == ':')
			*to++ = ' ';
		else
			to = mempcpy(to, "  ", 2);
	}
	*to = '\0';
	return out;
}

int json_out_print(const struct json_out *root, bool indented, char **ret_text, struct err *err)
{
	if (!root)
		return err_set(err, -ENOMEM, "no memory for a JSON text");
	if (root->status)
		return err_set(err, root->status, "%s", root->why.text);
	char *text = indented ? cJSON_Print(root->item) : cJSON_PrintUnformatted(root->item);
	if (text && indented) {
		char *spaced = indent_by_spaces(text);
		free(text);
		text = spaced;
	}
	if (!text)
		return err_set(err, -ENOMEM, "no memory for a JSON text");
	*ret_text = text;
	return 0;
}

/* ---- a tree as rows ------------------------------------------------------------------------------------------------ */

static const cJSON *at_path(const cJSON *row, const cJSON *around, const char *path)
{
	char part[64];
	const cJSON *item = path[0] == '^' ? around : row;

	for (path += path[0] == '^'; item && *path; path += path[0] == '/') {
		snprintf(part, sizeof(part), "%.*s", (int)strcspn(path, "/"), path);
		path += strcspn(path, "/");
		item = cJSON_GetObjectItemCaseSensitive(item, part);
	}
	return item;
}

static void put_cell(FILE *out, const cJSON *item)
{
	if (cJSON_IsBool(item))
		fputs(cJSON_IsTrue(item) ? "true" : "false", out);
	else if (cJSON_IsString(item) || cJSON_IsRaw(item))
		fputs(item->valuestring, out);
	for (const cJSON *child = cJSON_IsArray(item) ? item->child : NULL; child; child = child->next) {
		put_cell(out, child);
		if (child->next)
			fputc(' ', out);
	}
}

/* All cells of a row one behind the other, each with its NUL. */
static int give_row(const cJSON *row, const cJSON *around, const char *const *paths,
		    int (*fn)(void *ctx, const char *const *cell), void *ctx)
{
	const char *cell[JSON_ROW_MAX] = {NULL};
	char *text = NULL, *at;
	size_t len = 0;
	unsigned count = 0;
	FILE *out = open_memstream(&text, &len);

	for (; out && paths[count] && count < JSON_ROW_MAX; count++) {
		put_cell(out, at_path(row, around, paths[count]));
		fputc('\0', out);
	}
	int rc = out && fclose(out) == 0 ? 0 : -ENOMEM;
	at = text;
	for (unsigned i = 0; !rc && i < count; i++, at += strlen(at) + 1)
		cell[i] = at;
	if (!rc)
		rc = fn(ctx, cell);
	free(text);
	return rc;
}

int json_out_rows(const struct json_out *root, const char *rows, const char *const *paths,
		  int (*row)(void *ctx, const char *const *cell), void *ctx, struct err *err)
{
	const char *slash = strchr(rows, '/');
	char outer[64];
	int rc = root ? root->status : -ENOMEM;

	if (rc)
		return err_set(err, rc, "%s", root ? root->why.text : "out of memory");
	snprintf(outer, sizeof(outer), "%.*s", (int)strcspn(rows, "/"), rows);
	const cJSON *list = at_path(root->item, NULL, outer);
	if (cJSON_IsObject(list))
		rc = give_row(list, NULL, paths, row, ctx);
	for (const cJSON *item = cJSON_IsArray(list) ? list->child : NULL; item && !rc; item = item->next) {
		const cJSON *inner = slash ? at_path(item, NULL, slash + 1) : NULL;
		if (!slash)
			rc = give_row(item, root->item, paths, row, ctx);
		for (const cJSON *child = cJSON_IsArray(inner) ? inner->child : NULL; child && !rc; child = child->next)
			rc = give_row(child, item, paths, row, ctx);
	}
	return rc ? err_set(err, rc, "out of memory") : 0;
}

void json_out_free(struct json_out *root)
{
	if (!root)
		return;
	cJSON_Delete(root->item);
	for (struct json_out *next = root->next; next; next = root->next) {
		root->next = next->next;
		free(next);
	}
	free(root);
}
