/* Codes: which form it is, its fields one by one, and what each must be. */
#include "rig/station/scan.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum field_kind { FIELD_KEY, FIELD_DAY, FIELD_DIGITS, FIELD_CHARACTERS };

/* An application identifier. `ai` may end in "n": any digit there. */
struct field {
	const char *ai;
	enum field_kind kind;
	unsigned shortest, longest; /* equal: its length is fixed, and no FNC1 need stand behind it */
	size_t offset, size;        /* in struct scan; size 0: checked and passed over */
};

#define TO(member) .offset = offsetof(struct scan, member), .size = sizeof(((struct scan *)NULL)->member)
static const struct field fields[] = {
	{"00", FIELD_KEY, 18, 18, 0, 0},
	{.ai = "01", .kind = FIELD_KEY, .shortest = 14, .longest = 14, TO(gtin)},
	{"02", FIELD_KEY, 14, 14, 0, 0},
	{.ai = "10", .kind = FIELD_CHARACTERS, .shortest = 1, .longest = 20, TO(lot)},
	{.ai = "11", .kind = FIELD_DAY, .shortest = 6, .longest = 6, TO(made)},
	{"12", FIELD_DAY, 6, 6, 0, 0},
	{"13", FIELD_DAY, 6, 6, 0, 0},
	{"15", FIELD_DAY, 6, 6, 0, 0},
	{"16", FIELD_DAY, 6, 6, 0, 0},
	{.ai = "17", .kind = FIELD_DAY, .shortest = 6, .longest = 6, TO(expires)},
	{"20", FIELD_DIGITS, 2, 2, 0, 0},
	{.ai = "21", .kind = FIELD_CHARACTERS, .shortest = 1, .longest = 20, TO(serial)},
	{"22", FIELD_CHARACTERS, 1, 20, 0, 0},
	{.ai = "240", .kind = FIELD_CHARACTERS, .shortest = 1, .longest = 30, TO(extra)},
	{"241", FIELD_CHARACTERS, 1, 30, 0, 0},
	{"250", FIELD_CHARACTERS, 1, 30, 0, 0},
	{"30", FIELD_DIGITS, 1, 8, 0, 0},
	{"37", FIELD_DIGITS, 1, 8, 0, 0},
	{"31nn", FIELD_DIGITS, 6, 6, 0, 0},
	{"32nn", FIELD_DIGITS, 6, 6, 0, 0},
	{"33nn", FIELD_DIGITS, 6, 6, 0, 0},
	{"34nn", FIELD_DIGITS, 6, 6, 0, 0},
	{"35nn", FIELD_DIGITS, 6, 6, 0, 0},
	{"36nn", FIELD_DIGITS, 6, 6, 0, 0},
	{"41n", FIELD_KEY, 13, 13, 0, 0},
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

struct reading {
	struct scan *scan;
	struct scan_refusal *refusal;
	int year;
};

const char *scan_fault_name(enum scan_fault fault)
{
	static const char *const names[SCAN_FAULTS] = {
		[SCAN_EMPTY] = "empty",
		[SCAN_TOO_LONG] = "too_long",
		[SCAN_CHARACTER] = "character",
		[SCAN_UNKNOWN_AI] = "unknown_ai",
		[SCAN_LENGTH] = "length",
		[SCAN_CHECK_DIGIT] = "check_digit",
		[SCAN_NO_SUCH_DATE] = "no_such_date",
		[SCAN_TWICE] = "twice",
		[SCAN_NO_SERIAL] = "no_serial",
		[SCAN_AMBIGUOUS] = "ambiguous",
		[SCAN_LINK] = "link",
	};

	return names[fault];
}

static bool refuse(struct reading *r, enum scan_fault fault, const char *ai, size_t len)
{
	r->refusal->fault = fault;
	snprintf(r->refusal->ai, sizeof(r->refusal->ai), "%.*s", (int)(len < 4 ? len : 4), ai);
	return false;
}

/* ---- one field ------------------------------------------------------------------------------------------------- */

static size_t matches(const char *pattern, const char *text, size_t len)
{
	size_t n = strlen(pattern);

	if (len < n)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (pattern[i] == 'n' ? !isdigit((unsigned char)text[i]) : pattern[i] != text[i])
			return 0;
	return n;
}

/* The field that text begins with; NULL: none. */
static const struct field *field_at(const char *text, size_t len)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (matches(fields[i].ai, text, len))
			return &fields[i];
	return NULL;
}

static bool all_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)text[i]))
			return false;
	return true;
}

/* GS1 character set 82. */
static bool all_characters(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!text[i] || (!isalnum((unsigned char)text[i]) && !strchr("!\"%&'()*+,-./:;<=>?_", text[i])))
			return false;
	return true;
}

bool scan_check_digit(const char *digits, size_t len)
{
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (unsigned)(digits[len - 1 - i] - '0') * (i % 2 ? 3 : 1);
	return len > 0 && all_digits(digits, len) && sum % 10 == 0;
}

static unsigned days_of(int year, int month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (month < 1 || month > 12)
		return 0;
	return days[month - 1] + (month == 2 && ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0));
}

/* YYMMDD within 50 years of now; day 00 is the month's last. */
static bool read_day(const char *text, int now, char ret[SCAN_DATE])
{
	int yy = 10 * (text[0] - '0') + text[1] - '0', month = 10 * (text[2] - '0') + text[3] - '0';
	unsigned day = 10u * (unsigned)(text[4] - '0') + (unsigned)(text[5] - '0');
	int year = now - now % 100 + yy;

	if (yy - now % 100 >= 51)
		year -= 100;
	else if (yy - now % 100 <= -50)
		year += 100;
	if (day > days_of(year, month) || days_of(year, month) == 0)
		return false;
	day = day ? day : days_of(year, month);
	snprintf(ret, SCAN_DATE, "%04u-%02u-%02u", (unsigned)year % 10000, (unsigned)month % 100, day % 100);
	return true;
}

static bool keep(struct reading *r, const struct field *f, const char *ai, const char *value)
{
	char *to = (char *)r->scan + f->offset;

	if (f->size == 0)
		return true;
	if (*to && strcmp(to, value) != 0)
		return refuse(r, SCAN_TWICE, ai, strlen(f->ai));
	snprintf(to, f->size, "%s", value);
	return true;
}

/* What is wrong with a value; SCAN_FAULTS: nothing, but for a date that may not exist. */
static enum scan_fault fault_of(const struct field *f, const char *value, size_t len)
{
	if (len < f->shortest || len > f->longest)
		return SCAN_LENGTH;
	if (f->kind == FIELD_CHARACTERS ? !all_characters(value, len) : !all_digits(value, len))
		return SCAN_CHARACTER;
	return f->kind == FIELD_KEY && !scan_check_digit(value, len) ? SCAN_CHECK_DIGIT : SCAN_FAULTS;
}

static bool take(struct reading *r, const struct field *f, const char *ai, const char *value, size_t len)
{
	char text[SCAN_EXTRA];
	size_t n = strlen(f->ai);
	enum scan_fault fault = fault_of(f, value, len);

	if (fault != SCAN_FAULTS)
		return refuse(r, fault, ai, n);
	snprintf(text, sizeof(text), "%.*s", (int)len, value);
	if (f->kind == FIELD_DAY) {
		char day[SCAN_DATE];

		if (!read_day(value, r->year, day))
			return refuse(r, SCAN_NO_SUCH_DATE, ai, n);
		return keep(r, f, ai, day);
	}
	return keep(r, f, ai, text);
}

/* ---- the forms ------------------------------------------------------------------------------------------------- */

static bool read_elements(struct reading *r, const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		if (text[at] == SCAN_GS) {
			at++;
			continue;
		}
		const char *ai = text + at;
		const struct field *f = field_at(ai, len - at);

		if (!f)
			return refuse(r, SCAN_UNKNOWN_AI, ai, len - at);
		at += strlen(f->ai);
		const char *end = memchr(text + at, SCAN_GS, len - at);
		size_t here = (end ? (size_t)(end - text) : len) - at;
		size_t n = f->shortest == f->longest && here > f->longest ? f->longest : here;

		if (!take(r, f, ai, text + at, n))
			return false;
		at += n;
	}
	return true;
}

/* "(21)": the field, and behind it where its value begins; NULL: no known identifier in parentheses stands there. */
static const struct field *bracketed(const char *text, size_t len, size_t *ret_value)
{
	const struct field *f = len > 2 && text[0] == '(' ? field_at(text + 1, len - 1) : NULL;
	size_t n = f ? strlen(f->ai) : 0;

	if (!f || n + 2 > len || text[n + 1] != ')')
		return NULL;
	*ret_value = n + 2;
	return f;
}

/* Parentheses may stand in a value: a field ends only where the rest is fields as well. splits[at]: text from there on is. */
static void find_splits(const char *text, size_t len, bool splits[SCAN_MAX + 1])
{
	memset(splits, 0, SCAN_MAX + 1);
	splits[len] = true;
	for (size_t at = len; at-- > 0;) {
		size_t value = 0;
		const struct field *f = bracketed(text + at, len - at, &value);

		for (size_t n = f ? f->shortest : 1; f && n <= f->longest && at + value + n <= len && !splits[at]; n++)
			splits[at] = splits[at + value + n];
	}
}

static bool read_bracketed(struct reading *r, const char *text, size_t len)
{
	bool splits[SCAN_MAX + 1];
	size_t at = 0;

	find_splits(text, len, splits);
	while (at < len) {
		size_t value = 0, n;
		const struct field *f = bracketed(text + at, len - at, &value);

		if (!f)
			return refuse(r, SCAN_UNKNOWN_AI, text + at + 1, len - at - 1);
		const char *ai = text + at + 1, *from = text + at + value;

		for (n = f->shortest; n < len - at - value && !splits[at + value + n]; n++)
			;
		if (!take(r, f, ai, from, n < len - at - value ? n : len - at - value))
			return false;
		at += value + n;
	}
	return true;
}

static int hex(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					    : -1;
}

/* Undoes percent-encoding, once. Returns the length; -1: a broken sequence. */
static int undo_percent(const char *text, size_t len, char *ret)
{
	int n = 0;

	for (size_t i = 0; i < len; i++, n++) {
		ret[n] = text[i];
		if (text[i] != '%')
			continue;
		if (i + 2 >= len || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0)
			return -1;
		ret[n] = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
		i += 2;
	}
	return n;
}

static bool take_decoded(struct reading *r, const struct field *f, const char *value, size_t len)
{
	char text[SCAN_MAX + 1], padded[SCAN_GTIN];
	int n = undo_percent(value, len, text);

	if (n < 0)
		return refuse(r, SCAN_LINK, "", 0);
	if (strcmp(f->ai, "01") == 0 && (n == 8 || n == 12 || n == 13)) {
		snprintf(padded, sizeof(padded), "%.*s%.*s", 14 - n, "000000", n, text);
		return take(r, f, f->ai, padded, 14);
	}
	return take(r, f, f->ai, text, (size_t)n);
}

/* Whole identifiers only: "21", never "210". */
static const struct field *field_named(const char *text, size_t len)
{
	const struct field *f = field_at(text, len);

	return f && strlen(f->ai) == len ? f : NULL;
}

static size_t until(const char *text, size_t len, const char *ends)
{
	size_t n = 0;

	while (n < len && !strchr(ends, text[n]))
		n++;
	return n;
}

/* "/any/parts/01/GTIN/21/SERIAL": pairs from the first "01" on. */
static bool read_path(struct reading *r, const char *path, size_t len)
{
	const struct field *f = NULL;
	bool begun = false;

	for (size_t at = 0; at < len;) {
		const char *part = path + at + 1;
		size_t n = until(part, len - at - 1, "/");

		at += n + 1;
		if (f) {
			if (!take_decoded(r, f, part, n))
				return false;
			f = NULL;
			continue;
		}
		if (!begun && !(n == 2 && memcmp(part, "01", 2) == 0))
			continue;
		begun = true;
		f = field_named(part, n);
		if (!f)
			return refuse(r, SCAN_UNKNOWN_AI, part, n);
	}
	return (begun && !f) || refuse(r, SCAN_LINK, "", 0);
}

/* "?17=271231&x=y": known identifiers are fields, all else is passed over. */
static bool read_query(struct reading *r, const char *query, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t key = until(query + at, len - at, "=&;"), n;
		const struct field *f = field_named(query + at, key);

		n = until(query + at, len - at, "&;");
		if (f && key < n && !take_decoded(r, f, query + at + key + 1, n - key - 1))
			return false;
		at += n + 1;
	}
	return true;
}

/* The host means nothing: it is not looked at, much less opened. */
static bool read_link(struct reading *r, const char *text, size_t len)
{
	size_t host = until(text, len, ":") + 3, path, query, end;

	path = host + until(text + host, len - host, "/?#");
	query = path + until(text + path, len - path, "?#");
	end = query < len && text[query] == '?' ? query + until(text + query, len - query, "#") : query;
	if (!read_path(r, text + path, query - path))
		return false;
	return query == end || read_query(r, text + query + 1, end - query - 1);
}

/* ---- which form ------------------------------------------------------------------------------------------------ */

static bool has_prefix(const char *text, size_t len, const char *prefix)
{
	return len >= strlen(prefix) && strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* Text that looks like an element string without its FNC1: a GTIN with the right check digit, or lot and serial number
 * with a letter somewhere, so that it is no mere number. */
static bool lost_its_marks(const char *text, size_t len)
{
	bool letter = false;

	if (len >= 16 && memcmp(text, "01", 2) == 0 && scan_check_digit(text + 2, 14))
		return true;
	for (size_t i = 0; i < len; i++)
		letter = letter || isalpha((unsigned char)text[i]);
	if (!letter || len < 6 || (memcmp(text, "10", 2) != 0 && memcmp(text, "21", 2) != 0))
		return false;
	for (size_t i = 3; i + 2 < len; i++)
		if (memcmp(text + i, text[0] == '1' ? "21" : "10", 2) == 0)
			return true;
	return false;
}

static bool is_gs1_symbology(const char *id)
{
	static const char *const gs1[] = {"]d2", "]C1", "]Q3", "]e0", "]J1"};

	for (size_t i = 0; i < sizeof(gs1) / sizeof(gs1[0]); i++)
		if (memcmp(id, gs1[i], 3) == 0)
			return true;
	return false;
}

/* Printable ASCII and FNC1. The text without FNC1 is kept for showing. */
static bool keep_text(struct reading *r, const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] != SCAN_GS && (text[i] < ' ' || text[i] > '~'))
			return refuse(r, SCAN_CHARACTER, "", 0);
		if (text[i] != SCAN_GS)
			r->scan->text[n++] = text[i];
	}
	r->scan->text[n] = '\0';
	return n > 0 || refuse(r, SCAN_EMPTY, "", 0);
}

enum said { SAID_NOTHING, SAID_GS1, SAID_OTHER }; /* by the symbology identifier */

static bool read_form(struct reading *r, const char *text, size_t len, enum said said)
{
	bool ok;

	if (has_prefix(text, len, "http://") || has_prefix(text, len, "https://")) {
		ok = read_link(r, text, len);
	} else if (said == SAID_GS1 || (said == SAID_NOTHING && text[0] == SCAN_GS)) {
		ok = read_elements(r, text, len);
		r->scan->unmarked = !memchr(text + 1, SCAN_GS, len - 1);
	} else if (text[0] == '(' && len > 2 && all_digits(text + 1, 2)) {
		ok = read_bracketed(r, text, len);
	} else if (memchr(text, SCAN_GS, len) || lost_its_marks(text, len)) {
		return refuse(r, SCAN_AMBIGUOUS, "", 0);
	} else {
		return true;
	}
	r->scan->gs1 = true;
	return ok && (r->scan->serial[0] || refuse(r, SCAN_NO_SERIAL, "21", 2));
}

bool scan_read(const char *bytes, size_t len, int year, struct scan *ret, struct scan_refusal *ret_refusal)
{
	struct scan scan = {.gs1 = false};
	struct reading r = {.scan = &scan, .refusal = ret_refusal, .year = year};
	bool identified = len >= 3 && bytes[0] == ']' && isalpha((unsigned char)bytes[1]);
	enum said said = !identified ? SAID_NOTHING : is_gs1_symbology(bytes) ? SAID_GS1 : SAID_OTHER;

	*ret = (struct scan){.gs1 = false};
	if (len > SCAN_MAX)
		return refuse(&r, SCAN_TOO_LONG, "", 0);
	if (identified) {
		bytes += 3;
		len -= 3;
	}
	if (len == 0)
		return refuse(&r, SCAN_EMPTY, "", 0);
	if (!keep_text(&r, bytes, len) || !read_form(&r, bytes, len, said))
		return false;
	*ret = scan;
	ret->unmarked = scan.gs1 ? scan.unmarked : !identified;
	return true;
}

/* ---- marks that may have been lost ----------------------------------------------------------------------------- */

static bool may_be(const struct field *f, const char *value, size_t len)
{
	char day[SCAN_DATE];

	return fault_of(f, value, len) == SCAN_FAULTS && (f->kind != FIELD_DAY || read_day(value, 2000, day));
}

/* begins[at]: what stands before reads as whole fields; ends[at]: what stands from there on does. */
struct seams {
	bool begins[SCAN_MAX + 1], ends[SCAN_MAX + 1];
};

static void find_seams(const char *text, size_t len, struct seams *ret)
{
	*ret = (struct seams){.begins = {true}};
	ret->ends[len] = true;
	for (size_t i = 0; i < 2 * len; i++) {
		size_t at = i < len ? i : 2 * len - 1 - i;
		const struct field *f = field_at(text + at, len - at);
		size_t value = f ? at + strlen(f->ai) : 0;

		for (size_t n = f ? f->shortest : 1; f && n <= f->longest && value + n <= len; n++) {
			if (!may_be(f, text + value, n))
				continue;
			ret->begins[value + n] = ret->begins[value + n] || ret->begins[at];
			ret->ends[at] = ret->ends[at] || ret->ends[value + n];
		}
	}
}

/* Whether the text reads as several fields, and one of them as a serial number that fits. */
static bool reads_as(const char *text, size_t len, bool (*fits)(void *ctx, const char *serial), void *ctx)
{
	const struct field *f = field_named("21", 2);
	struct seams seams;

	find_seams(text, len, &seams);
	for (size_t at = 0; at + 2 < len; at++) {
		const char *value = text + at + 2;

		if (!seams.begins[at] || field_at(text + at, len - at) != f)
			continue;
		for (size_t n = 1; n <= f->longest && at + 2 + n <= len; n++) {
			char serial[SCAN_SERIAL];

			snprintf(serial, sizeof(serial), "%.*s", (int)n, value);
			if (seams.ends[at + 2 + n] && (at > 0 || n + 2 < len) && may_be(f, value, n) &&
			    fits(ctx, serial))
				return true;
		}
	}
	return false;
}

bool scan_may_be_cut(const struct scan *scan, bool (*fits)(void *ctx, const char *serial), void *ctx)
{
	char text[SCAN_MAX + 3];

	snprintf(text, sizeof(text), "%s%s", scan->gs1 ? "21" : "", scan->gs1 ? scan->serial : scan->text);
	return scan->unmarked && strlen(text) <= SCAN_MAX && reads_as(text, strlen(text), fits, ctx);
}
