/* The streaming writer: layout, escapes and the first error. Numbers are json_number.c's. */
#include "rig/base/json_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "rig/base/json_scan.h"

#define INTEGER_MAX (INT64_C(1) << 53)

__attribute__((format(printf, 2, 3))) static void give_up(struct json_stream *js, const char *fmt, ...)
{
	va_list args;

	if (js->status)
		return;
	js->status = -EINVAL;
	va_start(args, fmt);
	vsnprintf(js->why.text, sizeof(js->why.text), fmt, args);
	va_end(args);
}

static const char *name_of(const char *key)
{
	return key ? key : "an element of a list";
}

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

static void flush(struct json_stream *js)
{
	if (js->filled && fwrite(js->buffer, 1, js->filled, js->out) != js->filled && !js->status)
		js->status = err_set(&js->why, -EIO, "the JSON text cannot be written: %s", strerror(errno));
	js->filled = 0;
}

static void put(struct json_stream *js, const char *text, size_t len)
{
	if (len > sizeof(js->buffer) - js->filled)
		flush(js);
	for (; len > sizeof(js->buffer); len -= sizeof(js->buffer), text += sizeof(js->buffer)) {
		memcpy(js->buffer, text, js->filled = sizeof(js->buffer));
		flush(js);
	}
	memcpy(js->buffer + js->filled, text, len);
	js->filled += len;
}

static void put_byte(struct json_stream *js, char c)
{
	if (js->filled == sizeof(js->buffer))
		flush(js);
	js->buffer[js->filled++] = c;
}

/* Where up to `most` bytes can be written; who does so adds them to `filled`. */
static char *room_for(struct json_stream *js, size_t most)
{
	if (most > sizeof(js->buffer) - js->filled)
		flush(js);
	return js->buffer + js->filled;
}

static void put_escape(struct json_stream *js, unsigned char c)
{
	static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
	char text[8];
	int n;

	if (c == '"' || c == '\\')
		n = snprintf(text, sizeof(text), "\\%c", c);
	else if (c < sizeof(letters) && letters[c])
		n = snprintf(text, sizeof(text), "\\%c", letters[c]);
	else
		n = snprintf(text, sizeof(text), "\\u%04x", c);
	put(js, text, (size_t)n);
}

/* The high bit of each byte that is `c`, and perhaps of one above such a byte. */
static uint64_t bytes_that_are(uint64_t word, unsigned char c)
{
	uint64_t x = word ^ (0x0101010101010101u * c);

	return (x - 0x0101010101010101u) & ~x & 0x8080808080808080u;
}

/* So many bytes at its begin stand in a JSON text as they are. */
static size_t needs_no_escape(const char *text, size_t len)
{
	size_t n = 0;

	for (uint64_t word; n + sizeof(word) <= len; n += sizeof(word)) {
		memcpy(&word, text + n, sizeof(word));
		if (((word - 0x2020202020202020u) & ~word & 0x8080808080808080u) | bytes_that_are(word, '"') |
		    bytes_that_are(word, '\\'))
			break;
	}
	while (n < len && (unsigned char)text[n] >= 0x20 && text[n] != '"' && text[n] != '\\')
		n++;
	return n;
}

static void put_quoted(struct json_stream *js, const char *text, size_t len)
{
	put_byte(js, '"');
	while (len) {
		size_t n = needs_no_escape(text, len);

		put(js, text, n);
		if (n < len)
			put_escape(js, (unsigned char)text[n++]);
		text += n;
		len -= n;
	}
	put_byte(js, '"');
}

/* ---- layout ----------------------------------------------------------------------------------------------------- */

static struct json_level *inside(struct json_stream *js)
{
	return js->depth ? &js->level[js->depth - 1] : NULL;
}

static void before_member(struct json_stream *js, struct json_level *level)
{
	if (level->members++)
		put_byte(js, ',');
	if (level->lines)
		put_byte(js, '\n');
}

/* What every value has before it. */
static void begin_member(struct json_stream *js, const char *key)
{
	struct json_level *level = inside(js);

	if (!level)
		return;
	if (level->array == (key != NULL))
		give_up(js, "%s: a key belongs to an object, and only there", name_of(key));
	for (; level->nulls; level->nulls--) {
		before_member(js, level);
		put(js, "null", 4);
	}
	before_member(js, level);
	if (!key)
		return;
	put_quoted(js, key, strlen(key));
	put(js, ": ", level->lines ? 2 : 1);
}

static void put_raw(struct json_stream *js, const char *key, const char *text, size_t len)
{
	begin_member(js, key);
	put(js, text, len);
}

static void begin(struct json_stream *js, const char *key, enum json_layout layout, bool array)
{
	struct json_level *outer = inside(js);
	bool lines = layout == JSON_LINES && (!outer || outer->lines);

	begin_member(js, key);
	put_byte(js, array ? '[' : '{');
	if (js->depth == JSON_STREAM_DEPTH) {
		give_up(js, "%s: deeper than %d levels", name_of(key), JSON_STREAM_DEPTH);
		return;
	}
	js->level[js->depth++] = (struct json_level){.array = array, .lines = lines, .layout = layout};
}

void json_object(struct json_stream *js, const char *key, enum json_layout layout)
{
	begin(js, key, layout, false);
}

void json_array(struct json_stream *js, const char *key, enum json_layout layout)
{
	begin(js, key, layout, true);
}

void json_end(struct json_stream *js)
{
	struct json_level *level = inside(js);

	if (!level) {
		give_up(js, "an end without a begin");
		return;
	}
	js->depth--;
	if (level->lines && level->members)
		put_byte(js, '\n');
	put_byte(js, level->array ? ']' : '}');
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

void json_put_string(struct json_stream *js, const char *key, const char *value)
{
	size_t bad, len;

	if (!value) {
		json_put_null(js, key);
		return;
	}
	len = strlen(value);
	if (!json_utf8_valid(value, len, &bad)) {
		give_up(js, "%s: byte 0x%02x at %zu is not UTF-8", name_of(key), (unsigned char)value[bad], bad);
		return;
	}
	begin_member(js, key);
	put_quoted(js, value, len);
}

void json_put_bool(struct json_stream *js, const char *key, bool value)
{
	put_raw(js, key, value ? "true" : "false", value ? 4 : 5);
}

void json_put_null(struct json_stream *js, const char *key)
{
	struct json_level *level = inside(js);

	if (level && level->layout == JSON_ROW)
		level->nulls++;
	else
		put_raw(js, key, "null", 4);
}

void json_put_int(struct json_stream *js, const char *key, int64_t value)
{
	if (value >= INTEGER_MAX || value <= -INTEGER_MAX) {
		give_up(js, "%s: %" PRId64 " is too large for a JSON number", name_of(key), value);
		return;
	}
	begin_member(js, key);
	char *at = room_for(js, JSON_NUMBER_MAX);
	js->filled += (size_t)json_integer_text((uint64_t)(value < 0 ? -value : value), value < 0, at);
}

void json_put_u64(struct json_stream *js, const char *key, uint64_t value)
{
	char text[JSON_NUMBER_MAX + 2] = "\"";
	int len = 1 + json_integer_text(value, false, text + 1);

	text[len++] = '"';
	put_raw(js, key, text, (size_t)len);
}

void json_put_number(struct json_stream *js, const char *key, double value, int digits)
{
	if (!isfinite(value)) {
		give_up(js, "%s: %f is not a JSON number", name_of(key), value);
		return;
	}
	begin_member(js, key);
	char *at = room_for(js, JSON_NUMBER_MAX);
	js->filled += (size_t)json_number_text(value, digits < 1 || digits > 17 ? 17 : digits, at);
}

/* ---- begin and end ---------------------------------------------------------------------------------------------- */

void json_stream_open(struct json_stream *js, FILE *out)
{
	js->out = out;
	js->depth = 0;
	js->filled = 0;
	js->status = 0;
}

int json_stream_close(struct json_stream *js, struct err *err)
{
	if (js->depth)
		give_up(js, "%u containers were not ended", js->depth);
	put_byte(js, '\n');
	flush(js);
	return js->status ? err_set(err, js->status, "%s", js->why.text) : 0;
}
