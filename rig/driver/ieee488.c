/* See ieee488.h. Leaves out what an element means. */
#include "rig/driver/ieee488.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EXACT_MAX    9007199254740992.0 /* 2^53: integers up to here are exact as doubles */
#define MANTISSA_MAX 64

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *p)
{
	while (digit(*p))
		p++;
	return p;
}

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static const char *skip_sign(const char *p)
{
	return p + (*p == '+' || *p == '-');
}

bool ieee488_at_end(const char *at)
{
	return *at == '\0' || at[strspn(at, " \t\r")] == '\0';
}

/* ---- response headers ------------------------------------------------------------------------------------------ */

static bool of_header(char c)
{
	return isalnum((unsigned char)c) || c == ':' || c == '_';
}

/* Simple, compound or common; NULL: none stands here. */
static const char *header_end(const char *start)
{
	const char *p = start + (*start == ':' || *start == '*');

	if (!isalpha((unsigned char)*p))
		return NULL;
	while (of_header(*p))
		p++;
	return p;
}

/* A keyword: its letters, and the number behind them. */
struct keyword {
	const char *text;
	size_t letters;
	unsigned long suffix; /* none is 1 */
};

static bool vowel(char c)
{
	return c && strchr("aeiouAEIOU", c);
}

/* SCPI-99 volume 1, 6.2.1: four letters, or three where the fourth is a vowel. */
static size_t short_form(const struct keyword *word)
{
	if (word->letters <= 4)
		return word->letters;
	return vowel(word->text[3]) ? 3 : 4;
}

/* The keyword at *at, which moves behind it and its ':'; without letters: there is none. */
static struct keyword next_keyword(const char **at, const char *end)
{
	const char *p = *at;
	struct keyword ret = {.text = p, .suffix = 1};

	while (p < end && *p != ':' && !digit(*p))
		p++;
	ret.letters = (size_t)(p - ret.text);
	if (p < end && digit(*p))
		ret.suffix = strtoul(p, NULL, 10);
	while (p < end && *p != ':')
		p++;
	*at = p + (p < end);
	return ret;
}

static bool same_keyword(const struct keyword *a, const struct keyword *b)
{
	const struct keyword *less = a->letters < b->letters ? a : b, *more = less == a ? b : a;

	return a->suffix == b->suffix && strncasecmp(a->text, b->text, less->letters) == 0 &&
	       (less->letters == more->letters || less->letters == short_form(more));
}

static bool is_keyword(const struct keyword *word, const char *name)
{
	const struct keyword named = {name, strlen(name), 1};

	return same_keyword(word, &named);
}

/* The keywords of both, one by one, but for a node that SCPI lets be left out. */
static bool same_header(const char *a, const char *a_end, const char *b, const char *b_end)
{
	if ((*a == '*') != (*b == '*'))
		return false;
	a += *a == ':' || *a == '*';
	b += *b == ':' || *b == '*';
	struct keyword in_a = next_keyword(&a, a_end), in_b = next_keyword(&b, b_end);
	bool a_source = is_keyword(&in_a, "SOURCE"), b_source = is_keyword(&in_b, "SOURCE");
	if (a_source && !b_source)
		in_a = next_keyword(&a, a_end);
	if (b_source && !a_source)
		in_b = next_keyword(&b, b_end);
	while (in_a.letters && in_b.letters) {
		if (!same_keyword(&in_a, &in_b))
			return false;
		in_a = next_keyword(&a, a_end);
		in_b = next_keyword(&b, b_end);
	}
	const struct keyword *left = in_a.letters ? &in_a : &in_b;
	return !left->letters || (is_keyword(left, "STATE") && a == a_end && b == b_end);
}

bool ieee488_data(const char *unit, const char *question, const char **ret)
{
	const char *last = strrchr(question, ';'), *asked = skip_blanks(last ? last + 1 : question);
	const char *asked_end = header_end(asked), *start = skip_blanks(unit), *end = header_end(start), *data;

	data = end ? skip_blanks(end) : start;
	if (!end || data == end || !*data || (*asked == '*' && *start != '*' && *start != ':')) {
		*ret = start; /* a header ends with a blank, and something follows */
		return true;
	}
	if (!asked_end || !same_header(start, end, asked, asked_end))
		return false;
	*ret = data;
	return true;
}

/* ---- real numbers ---------------------------------------------------------------------------------------------- */

/* What is no figure, in short and long form. C's printf() signs an infinity. */
static const struct no_figure {
	const char *word;
	double value;
} no_figures[] = {
	{"NINFINITY", -INFINITY},
	{"NINF", -INFINITY},
	{"-INFINITY", -INFINITY},
	{"-INF", -INFINITY},
	{"+INFINITY", INFINITY},
	{"+INF", INFINITY},
	{"INFINITY", INFINITY},
	{"INF", INFINITY},
	{"+NAN", NAN},
	{"-NAN", NAN},
	{"NAN", NAN},
};

static const char *word_end(const char *p, double *ret)
{
	size_t len = strcspn(p, ",");

	for (unsigned i = 0; i < sizeof(no_figures) / sizeof(no_figures[0]); i++) {
		if (strlen(no_figures[i].word) != len || strncasecmp(p, no_figures[i].word, len) != 0)
			continue;
		*ret = no_figures[i].value;
		return p + len;
	}
	return NULL;
}

/* The end of the digits, with or without a point, that start at p; NULL where none do. */
static const char *mantissa_end(const char *p)
{
	const char *whole = skip_sign(p), *end = skip_digits(whole);
	size_t digits = (size_t)(end - whole);

	if (*end == '.') {
		const char *fraction = end + 1;
		end = skip_digits(fraction);
		digits += (size_t)(end - fraction);
	}
	return digits ? end : NULL;
}

/* The end of an exponent at p, p where there is none; NULL: half a one. */
static const char *exponent_end(const char *p, bool about_e, long *ret)
{
	const char *letter = about_e ? skip_blanks(p) : p, *sign, *digits;

	*ret = 0;
	if (*letter != 'e' && *letter != 'E')
		return p;
	sign = about_e ? skip_blanks(letter + 1) : letter + 1;
	digits = skip_sign(sign);
	if (!digit(*digits))
		return NULL;
	*ret = strtol(sign, NULL, 10);
	return skip_digits(digits);
}

/* strtod() alone would take "0x10" and leave "1e" half read. */
static const char *number_end(const char *p, bool about_e, double *ret)
{
	const char *end = mantissa_end(p);
	char text[MANTISSA_MAX + 32];
	long exponent;

	if (!end || end - p > MANTISSA_MAX)
		return NULL;
	int len = (int)(end - p);
	end = exponent_end(end, about_e, &exponent);
	if (!end)
		return NULL;
	snprintf(text, sizeof(text), "%.*se%ld", len, p, exponent);
	*ret = strtod(text, NULL); /* "." in every locale: penrig sets none */
	return end;
}

static bool about(double value, double special)
{
	return fabs(value - special) <= 1e-6 * fabs(special);
}

/* Numbers that stand for no number. What lies beyond them has no meaning: false. */
static bool without_specials(double value, double *ret)
{
	if (about(value, IEEE488_NOT_A_NUMBER))
		*ret = NAN;
	else if (about(fabs(value), IEEE488_INFINITY))
		*ret = copysign(INFINITY, value);
	else if (fabs(value) < IEEE488_INFINITY)
		*ret = value;
	else
		return false;
	return true;
}

bool ieee488_number(const char **at, bool about_e, double *ret)
{
	double value;
	const char *start = skip_blanks(*at), *end = word_end(start, &value);

	if (!end) {
		end = number_end(start, about_e, &value);
		if (!end || !without_specials(value, &value))
			return false;
	}
	*ret = value;
	*at = end;
	return true;
}

/* ---- integers -------------------------------------------------------------------------------------------------- */

static bool read_digits(const char **at, const char *digits, int base, uint64_t *ret)
{
	size_t len = strspn(*at, digits);

	if (len == 0)
		return false;
	errno = 0;
	unsigned long long value = strtoull(*at, NULL, base);
	if (errno)
		return false;
	*ret = value;
	*at += len;
	return true;
}

static bool read_based(const char **at, uint64_t *ret)
{
	static const struct {
		char letter;
		const char *digits;
		int base;
	} rows[] = {{'H', "0123456789ABCDEFabcdef", 16}, {'Q', "01234567", 8}, {'B', "01", 2}};
	const char *digits = *at + 1;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (toupper((unsigned char)**at) != rows[i].letter ||
		    !read_digits(&digits, rows[i].digits, rows[i].base, ret))
			continue;
		*at = digits;
		return true;
	}
	return false;
}

static bool read_exact(const char **at, uint64_t *ret)
{
	const char *end = *at;
	double number;

	if (**at == '-' || !ieee488_number(&end, false, &number) || !(number >= 0 && number <= EXACT_MAX) ||
	    number != floor(number))
		return false;
	*ret = (uint64_t)number;
	*at = end;
	return true;
}

bool ieee488_uint(const char **at, uint64_t *ret)
{
	const char *start = skip_blanks(*at), *first = start + (*start == '+'), *end = skip_digits(first);
	bool whole = end > first && !strchr(".eE", *end ? *end : ' ');
	bool is = false;

	if (*start == '#') {
		start++;
		is = read_based(&start, ret);
	} else if (whole) {
		is = read_digits(&first, "0123456789", 10, ret);
		start = first;
	} else {
		is = read_exact(&start, ret);
	}
	if (is)
		*at = start;
	return is;
}

/* ---- text ------------------------------------------------------------------------------------------------------ */

bool ieee488_string(const char **at, char *ret, size_t size, bool cut)
{
	const char *from = skip_blanks(*at);
	size_t len = 0;

	if (*from++ != '"')
		return false;
	for (; *from != '"' || from[1] == '"'; from++) {
		if (*from == '\0' || (len + 1 >= size && !cut))
			return false;
		if (len + 1 < size)
			ret[len++] = *from;
		from += *from == '"';
	}
	ret[len] = '\0';
	*at = from + 1;
	return true;
}
