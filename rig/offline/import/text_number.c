/* Decimals to doubles. Up to 19 digits are gathered in 64 bits; below 2^53 and with a power of ten up to 22 both are exact
 * doubles, and one rounding of their product or quotient is the nearest (Clinger 1990, "How to read floating point numbers
 * accurately"). What does not fit goes through strtod() of the C locale. */
#include "rig/offline/import/text_number.h"

#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGITS_MAX     19  /* of 64 bits */
#define POWER_MAX      22  /* 10^22 = 2^22 * 5^22, and 5^22 < 2^53 */
#define SLOW_MAX       800 /* digits of a number that strtod() is given: more decide nothing */
#define CELL_MAX       64
#define EXPONENT_LIMIT 100000

static const double powers[POWER_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
					     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static bool is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The same text with a point, by strtod(). */
static bool slowly(const char *at, const char *end, char decimal, double *ret)
{
	static locale_t c_locale;
	char copy[SLOW_MAX + 1];
	size_t len = (size_t)(end - at);

	if (len > SLOW_MAX)
		return false;
	memcpy(copy, at, len);
	copy[len] = '\0';
	for (char *c = copy; *c; c++)
		*c = (char)(*c == 'd' || *c == 'D' ? 'e' : *c);
	char *mark = memchr(copy, decimal, len);
	if (mark)
		*mark = '.';
	if (!c_locale)
		c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	*ret = c_locale ? strtod_l(copy, NULL, c_locale) : strtod(copy, NULL);
	return isfinite(*ret);
}

/* Fortran writes D; behind digits alone it may be one of a hexadecimal number. */
static bool is_exponent(char c, bool fraction)
{
	return c == 'e' || c == 'E' || (fraction && (c == 'd' || c == 'D'));
}

static const char *exponent(const char *at, int *ret)
{
	const char *c = at + 1;
	bool minus = *c == '-';
	int value = 0;

	c += *c == '+' || *c == '-';
	if (!is_digit(*c))
		return NULL;
	for (; is_digit(*c); c++)
		value = value < EXPONENT_LIMIT ? value * 10 + (*c - '0') : value;
	*ret = minus ? -value : value;
	return c;
}

const char *text_number(const char *at, char decimal, double *ret)
{
	const char *c = at + (*at == '-' || *at == '+'), *digits = c;
	uint64_t mantissa = 0;
	int power = 0, seen, scientific = 0;

	for (; is_digit(*c); c++)
		mantissa = mantissa * 10 + (unsigned)(*c - '0');
	seen = (int)(c - digits);
	if (*c == decimal) {
		const char *fraction = ++c;
		for (; is_digit(*c); c++)
			mantissa = mantissa * 10 + (unsigned)(*c - '0');
		power = (int)(fraction - c);
		if (power == 0 && (seen == 0 || decimal != '.'))
			return NULL;
		seen -= power;
	}
	if (seen == 0)
		return NULL;
	if (is_exponent(*c, power < 0) && !(c = exponent(c, &scientific)))
		return NULL;
	power += scientific;
	if (seen > DIGITS_MAX || mantissa > (uint64_t)1 << 53 || power < -POWER_MAX || power > POWER_MAX)
		return slowly(at, c, decimal, ret) ? c : NULL;
	double value = power < 0 ? (double)mantissa / powers[-power] : (double)mantissa * powers[power];
	*ret = *at == '-' ? -value : value;
	return c;
}

int text_decimals(const char *at, size_t len, char decimal)
{
	const char *mark = memchr(at, decimal, len), *end = at + len;
	int digits = 0, power = 0;

	if (!mark)
		return -1;
	for (const char *c = mark + 1; c < end && is_digit(*c); c++)
		digits++;
	const char *e = mark + 1 + digits;
	if (e < end && is_exponent(*e, digits > 0) && exponent(e, &power))
		digits = digits - power > 0 ? digits - power : 0;
	return digits;
}

void text_trim(const char **at, size_t *len)
{
	for (; *len > 0 && is_blank(**at); (*len)--)
		(*at)++;
	while (*len > 0 && is_blank((*at)[*len - 1]))
		(*len)--;
	bool quoted = *len >= 2 && ((*at)[0] == '"' || (*at)[0] == '\'') && (*at)[*len - 1] == (*at)[0];
	if (quoted) {
		(*at)++;
		*len -= 2;
		for (; *len > 0 && is_blank(**at); (*len)--)
			(*at)++;
		while (*len > 0 && is_blank((*at)[*len - 1]))
			(*len)--;
	}
}

/* ---- groups of thousands ---- */

/* Digits in groups of three behind a first one of up to three: their end, and how many group marks; NULL: no such. */
static const char *groups(const char *at, const char *end, char mark, unsigned *ret_marks)
{
	const char *c = at;

	while (c < end && is_digit(*c))
		c++;
	if (c == at || c - at > 3)
		return NULL;
	for (*ret_marks = 0; c < end && *c == mark; ++*ret_marks) {
		for (unsigned i = 1; i <= 3; i++)
			if (c + i >= end || !is_digit(c[i]))
				return NULL;
		c += 4;
	}
	return c;
}

static enum text_kind grouped(const char *at, size_t len, char decimal, double *ret)
{
	const char *end = at + len, *c = at + (*at == '-' || *at == '+');
	char plain[64], *to = plain;
	unsigned marks;

	c = groups(c, end, decimal == '.' ? ',' : '.', &marks);
	if (!c || marks == 0 || len >= sizeof(plain))
		return TEXT_OTHER;
	if (c == end && marks == 1)
		return TEXT_DOUBTFUL_GROUP;
	for (const char *from = at; from < end; from++)
		if (from >= c || is_digit(*from) || from == at)
			*to++ = *from;
	*to = '\0';
	if (c < end && *c != decimal)
		return TEXT_OTHER;
	const char *stop = text_number(plain, decimal, ret);
	return stop && *stop == '\0' ? TEXT_GROUPED : TEXT_OTHER;
}

/* ---- whole cells ---- */

static bool is_no_value(const char *at, size_t len)
{
	static const char *const words[] = {
		"nan",     "+nan", "-nan",  "inf",     "+inf",    "-inf",     "infinity", "-infinity", "over",  "ovr",
		"ovfl",    "ovld", "under", "ol",      "o.l",     "overload", "null",     "none",      "n/a",   "na",
		"#n/a",    "#na",  "#nan",  "#value!", "#ref!",   "#num!",    "#div/0!",  "overflow",  "error", "err",
		"invalid", "bad",  "?",     "*",       "1.#qnan", "1.#inf",   "-1.#ind",  "-1.#inf",   "void",  NULL};

	for (const char *const *word = words; *word; word++)
		if (strlen(*word) == len && strncasecmp(*word, at, len) == 0)
			return true;
	for (size_t i = 0; i < len; i++)
		if (at[i] != '-' && at[i] != '*' && at[i] != '.' && at[i] != '_')
			return false;
	return true;
}

enum text_kind text_cell(const char *at, size_t len, char decimal, double *ret)
{
	char alone[CELL_MAX + 1];
	double value;

	text_trim(&at, &len);
	if (len == 0)
		return TEXT_EMPTY;
	if (len < CELL_MAX && at[len] == decimal) { /* the separator is the decimal mark as well */
		memcpy(alone, at, len);
		alone[len] = '\n';
		at = alone;
	}
	const char *end = text_number(at, decimal, &value);
	if (end == at + len) {
		*ret = value;
		return TEXT_NUMBER;
	}
	enum text_kind kind = grouped(at, len, decimal, ret);
	if (kind != TEXT_OTHER)
		return kind;
	return is_no_value(at, len) ? TEXT_NO_VALUE : TEXT_OTHER;
}
