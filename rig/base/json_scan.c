/* Comments, grammar, UTF-8 and numbers of a JSON text, with messages for the person who wrote it.
 * Builds no tree: that is cJSON's work, which accepts much that is refused here. */
#include "rig/base/json_scan.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/json.h"
#include "rig/base/text_plain.h"

#define NUMBER_TEXT_MAX 63 /* cJSON copies a number into 64 bytes and would cut a longer one */
#define WORD_SHOWN_MAX  40 /* of a wrong word, in messages */

struct scan {
	const char *file;
	const char
		*original; /* as read, for positions: a blanked character of three bytes would count as three columns */
	char *text;
	size_t len, at;
	unsigned depth;
	struct json_place *places;
	size_t count, room;
	struct err *err;
};

void json_line_column(const char *text, size_t offset, unsigned *ret_line, unsigned *ret_column)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)text[i] & 0xC0) != 0x80) {
			column++;
		}
	}
	*ret_line = line;
	*ret_column = column;
}

__attribute__((format(printf, 3, 4))) static int fail(struct scan *s, size_t at, const char *fmt, ...)
{
	unsigned line, column;
	char text[ERR_TEXT_MAX];
	va_list args;

	json_line_column(s->original, at, &line, &column);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_set(s->err, -EINVAL, "%s:%u:%u: %s", s->file, line, column, text);
}

/* Bytes of the well-formed sequence at p (at most `left`); 0 if there is none. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;

	if (n == 0 || n > left)
		return 0;
	uint32_t code = n == 1 ? p[0] : p[0] & (0xFFu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3Fu);
	}
	if (code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
		return 0;
	return n;
}

bool json_utf8_valid(const char *text, size_t len, size_t *ret_bad)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = text_plain(text + i, len - i);
		if (n == 0)
			n = utf8_sequence((const unsigned char *)text + i, len - i);
		if (n == 0) {
			*ret_bad = i;
			return false;
		}
	}
	return true;
}

static size_t string_end(const struct scan *s, size_t at)
{
	for (at++; at < s->len && s->text[at] != '"' && s->text[at] != '\n'; at++)
		if (s->text[at] == '\\' && at + 1 < s->len)
			at++;
	return at;
}

static void blank(struct scan *s, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (s->text[i] != '\n' && s->text[i] != '\r')
			s->text[i] = ' ';
}

static int blank_comments(struct scan *s)
{
	for (size_t i = 0; i + 1 < s->len; i++) {
		if (s->text[i] == '"') {
			i = string_end(s, i);
		} else if (s->text[i] == '/' && s->text[i + 1] == '/') {
			const char *end = memchr(s->text + i, '\n', s->len - i);
			blank(s, i, end ? (size_t)(end - s->text) : s->len);
		} else if (s->text[i] == '/' && s->text[i + 1] == '*') {
			const char *end = memmem(s->text + i + 2, s->len - i - 2, "*/", 2);
			if (!end)
				return fail(s, i, "this comment has no end: write */ behind it");
			blank(s, i, (size_t)(end - s->text) + 2);
		}
	}
	return 0;
}

static char skip_space(struct scan *s)
{
	while (s->at < s->len && strchr(" \t\r\n", s->text[s->at]) && s->text[s->at])
		s->at++;
	return s->at < s->len ? s->text[s->at] : '\0';
}

static int add_place(struct scan *s, size_t value, size_t key)
{
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 256;
		struct json_place *places = realloc(s->places, room * sizeof(*places));
		if (!places)
			return err_set(s->err, -ENOMEM, "%s: no memory", s->file);
		s->places = places;
		s->room = room;
	}
	s->places[s->count++] = (struct json_place){.value = (uint32_t)value, .key = (uint32_t)key};
	return 0;
}

static bool word_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("+-._", c)) ||
	       (unsigned char)c >= 0x80;
}

static size_t word_length(const struct scan *s)
{
	size_t n = 0;

	while (s->at + n < s->len && word_byte(s->text[s->at + n]))
		n++;
	return n;
}

static size_t digits(const char *p)
{
	return strspn(p, "0123456789");
}

size_t json_number_length(const char *text)
{
	const char *p = text;

	if (*p == '-')
		p++;
	size_t whole = digits(p);
	if (whole == 0 || (*p == '0' && whole > 1))
		return 0;
	p += whole;
	if (*p == '.') {
		size_t n = digits(p + 1);
		if (n == 0)
			return 0;
		p += 1 + n;
	}
	if (*p == 'e' || *p == 'E') {
		size_t sign = p[1] == '+' || p[1] == '-';
		size_t n = digits(p + 1 + sign);
		if (n == 0)
			return 0;
		p += 1 + sign + n;
	}
	return (size_t)(p - text);
}

static int bad_number(struct scan *s, const char *word, int shown)
{
	const char *unsigned_part = word + (*word == '-' || *word == '+');
	size_t zeros = strspn(unsigned_part, "0");

	if (*word == '+')
		return fail(s, s->at, "a number has no plus sign: write %.*s", shown - 1, word + 1);
	if (zeros && unsigned_part[zeros] >= '0' && unsigned_part[zeros] <= '9')
		return fail(s, s->at, "a number has no leading zeros: write %s%.*s, or \"%.*s\" if it is a name",
			    *word == '-' ? "-" : "", shown - (int)(unsigned_part + zeros - word), unsigned_part + zeros,
			    shown, word);
	if (*unsigned_part == '.')
		return fail(s, s->at, "a number starts with a digit: write %s0%.*s", *word == '-' ? "-" : "",
			    shown - (int)(unsigned_part - word), unsigned_part);
	if (word[shown - 1] == '.')
		return fail(s, s->at, "a decimal point needs a digit behind it: write %.*s0", shown, word);
	return fail(s, s->at, "%.*s is not a number; units stand in the key, text in double quotes", shown, word);
}

/* The digits that stand there must survive as a double: 2^53 + 1 does not. */
static bool digits_lost(const char *word, size_t len, double value)
{
	char back[NUMBER_TEXT_MAX + 2];

	if (memchr(word, '.', len) || memchr(word, 'e', len) || memchr(word, 'E', len)) {
		size_t digit = strcspn(word, "123456789"), exponent = strcspn(word, "eE");
		return value == 0 && digit < len && digit < exponent;
	}
	if (fabs(value) < 0x1p53)
		return false;
	snprintf(back, sizeof(back), "%.0f", value);
	return strlen(back) != len || memcmp(back, word, len) != 0;
}

static int scan_number(struct scan *s, size_t len)
{
	const char *word = s->text + s->at;
	int shown = len < WORD_SHOWN_MAX ? (int)len : WORD_SHOWN_MAX;

	if (json_number_length(word) != len)
		return bad_number(s, word, shown);
	if (len > NUMBER_TEXT_MAX)
		return fail(s, s->at, "a number of %zu characters: at most %d; 17 digits are all that counts", len,
			    NUMBER_TEXT_MAX);
	double value = strtod(word, NULL);
	if (!isfinite(value))
		return fail(s, s->at, "%.*s is beyond the largest number (1.8e308)", shown, word);
	if (digits_lost(word, len, value))
		return fail(s, s->at, "%.*s cannot be kept digit by digit: write it as a string in double quotes",
			    shown, word);
	s->at += len;
	return 0;
}

static int bad_word(struct scan *s, size_t len)
{
	static const char *const right[] = {"true", "false", "null"};
	static const char *const not_numbers[] = {"nan", "inf", "infinity"};
	const char *word = s->text + s->at;
	int shown = len < WORD_SHOWN_MAX ? (int)len : WORD_SHOWN_MAX;

	for (size_t i = 0; i < 3; i++)
		if (len == strlen(right[i]) && strncasecmp(word, right[i], len) == 0)
			return fail(s, s->at, "%.*s: write %s, in small letters", shown, word, right[i]);
	size_t sign = *word == '-' || *word == '+';
	for (size_t i = 0; i < 3; i++)
		if (len - sign == strlen(not_numbers[i]) && strncasecmp(word + sign, not_numbers[i], len - sign) == 0)
			return fail(s, s->at, "%.*s is not a number: leave the key out, or write a finite number",
				    shown, word);
	return fail(s, s->at, "text stands in double quotes: write \"%.*s\"", shown, word);
}

static int scan_word(struct scan *s)
{
	static const char *const words[] = {"true", "false", "null"};
	const char *word = s->text + s->at;
	size_t len = word_length(s);

	for (size_t i = 0; i < 3; i++) {
		if (len == strlen(words[i]) && memcmp(word, words[i], len) == 0) {
			s->at += len;
			return 0;
		}
	}
	if (strchr("+-.0123456789", *word) && !(len > 1 && (word[1] == 'i' || word[1] == 'I')))
		return scan_number(s, len);
	return bad_word(s, len);
}

/* The four hex digits behind \u; -1 if they are none. */
static long hex4(const char *p)
{
	long code = 0;

	for (int i = 0; i < 4; i++) {
		const char *digit = p[i] ? strchr("0123456789abcdef", p[i] | 0x20) : NULL;
		if (!digit)
			return -1;
		code = code * 16 + (digit - "0123456789abcdef");
	}
	return code;
}

static int scan_unicode_escape(struct scan *s)
{
	const char *p = s->text + s->at;
	long code = hex4(p + 2);

	if (code < 0)
		return fail(s, s->at, "\\u takes four hexadecimal digits");
	if (code == 0)
		return fail(s, s->at, "\\u0000 cannot stand in a string");
	if (code >= 0xDC00 && code <= 0xDFFF)
		return fail(s, s->at, "half of a surrogate pair: write the character itself");
	s->at += 6;
	if (code < 0xD800 || code > 0xDBFF)
		return 0;
	long low = p[6] == '\\' && p[7] == 'u' ? hex4(p + 8) : -1;
	if (low < 0xDC00 || low > 0xDFFF)
		return fail(s, s->at - 6, "half of a surrogate pair: write the character itself");
	s->at += 6;
	return 0;
}

static int scan_escape(struct scan *s)
{
	char c = s->text[s->at + 1];

	if (c == 'u')
		return scan_unicode_escape(s);
	if (!c || !strchr("\"\\/bfnrt", c))
		return fail(s, s->at, "a backslash before %s%.1s: write \\\\ for a backslash", c < ' ' ? "nothing" : "",
			    c < ' ' ? "" : &s->text[s->at + 1]);
	s->at += 2;
	return 0;
}

static int scan_string(struct scan *s)
{
	size_t start = s->at++;

	while (s->at < s->len && s->text[s->at] != '"') {
		unsigned char c = (unsigned char)s->text[s->at];
		if (c == '\n' || c == '\r')
			return fail(s, start, "this string does not end on its line: a closing \" is missing");
		if (c < ' ' || c == 0x7F)
			return fail(s, s->at, "a control character (0x%02x) in a string: write \\t for a tab", c);
		if (c != '\\')
			s->at++;
		else if (scan_escape(s))
			return -EINVAL;
	}
	if (s->at >= s->len)
		return fail(s, start, "this string has no end: a closing \" is missing");
	s->at++;
	return 0;
}

static int scan_value(struct scan *s, size_t key);

static int unclosed(struct scan *s, size_t start)
{
	bool object = s->text[start] == '{';

	return fail(s, start, "this %s has no end: a %c is missing", object ? "object" : "list", object ? '}' : ']');
}

/* What follows a member or an element: *more, or the end of the container that began at `start`. */
static int scan_comma(struct scan *s, size_t start, bool *more)
{
	char end = s->text[start] == '{' ? '}' : ']';
	char c = skip_space(s);
	size_t comma = s->at;

	if (s->at >= s->len)
		return unclosed(s, start);
	s->at++;
	*more = c == ',';
	if (c == end)
		return 0;
	if (c != ',') {
		if (c == '"' || c == '{' || c == '[' || word_byte(c))
			return fail(s, comma, "a comma is missing before this");
		return fail(s, comma, "'%c' here: a comma or %c should follow", c, end);
	}
	if (skip_space(s) == end)
		return fail(s, comma, "the comma before %c is one too many: take it away", end);
	return 0;
}

static int scan_key(struct scan *s, size_t start)
{
	char c = skip_space(s);

	if (s->at >= s->len)
		return unclosed(s, start);
	if (c != '"') {
		size_t len = word_length(s);
		if (len && len <= WORD_SHOWN_MAX)
			return fail(s, s->at, "a key stands in double quotes: write \"%.*s\"", (int)len,
				    s->text + s->at);
		return fail(s, s->at, "a key in double quotes should stand here");
	}
	if (scan_string(s))
		return -EINVAL;
	size_t end = s->at;
	if (skip_space(s) != ':')
		return fail(s, end, "a colon is missing behind this key");
	s->at++;
	return 0;
}

static int scan_container(struct scan *s)
{
	size_t start = s->at++;
	bool object = s->text[start] == '{', more = true;

	if (skip_space(s) == (object ? '}' : ']')) {
		s->at++;
		return 0;
	}
	while (more) {
		skip_space(s);
		size_t key = s->at;
		if (object && scan_key(s, start))
			return -EINVAL;
		if (skip_space(s) == '\0' && s->at >= s->len)
			return unclosed(s, start);
		int ret = scan_value(s, object ? key : s->at);
		if (ret)
			return ret;
		if (scan_comma(s, start, &more))
			return -EINVAL;
	}
	return 0;
}

static int scan_value(struct scan *s, size_t key)
{
	char c = s->text[s->at];
	int ret = add_place(s, s->at, key);

	if (ret)
		return ret;
	if (c == '"')
		return scan_string(s);
	if (c == '{' || c == '[') {
		if (s->depth == JSON_DEPTH_MAX)
			return fail(s, s->at, "nested more than %d deep", JSON_DEPTH_MAX);
		s->depth++;
		ret = scan_container(s);
		s->depth--;
		return ret;
	}
	if (word_byte(c))
		return scan_word(s);
	if (c == '\'')
		return fail(s, s->at, "text stands in double quotes, not in single ones");
	return fail(s, s->at, "'%c' here: a value should stand here", c);
}

static int scan_bytes(struct scan *s)
{
	size_t bad;

	if (s->len >= 3 && memcmp(s->text, "\xEF\xBB\xBF", 3) == 0)
		return fail(s, 0, "the file starts with a byte-order mark: save it as UTF-8 without one");
	if (!json_utf8_valid(s->text, s->len, &bad))
		return fail(s, bad, "byte 0x%02x is not UTF-8: save the file as UTF-8", (unsigned char)s->text[bad]);
	for (size_t i = 0; i < s->len; i++) {
		unsigned char c = (unsigned char)s->text[i];
		if (c < ' ' && c != '\t' && c != '\n' && c != '\r')
			return fail(s, i, "a control character (0x%02x): take it away", c);
	}
	return 0;
}

static int scan_document(struct scan *s)
{
	if (scan_bytes(s) || blank_comments(s))
		return -EINVAL;
	skip_space(s);
	if (s->at >= s->len)
		return fail(s, 0, "there is nothing in this file: an object, { ... }, should stand here");
	int ret = scan_value(s, s->at);
	if (ret)
		return ret;
	skip_space(s);
	if (s->at < s->len)
		return fail(s, s->at, "the file should end here: this stands behind its last %c",
			    s->text[s->places[0].value] == '[' ? ']' : '}');
	return 0;
}

int json_scan(const char *file, const char *text, char *blanked, size_t len, struct json_place **ret, size_t *ret_count,
	      struct err *err)
{
	struct scan s = {.file = file, .original = text, .text = blanked, .len = len, .err = err};
	int status = scan_document(&s);

	if (status) {
		free(s.places);
		return status;
	}
	*ret = s.places;
	*ret_count = s.count;
	return 0;
}
