/* Numbers as JSON text. Most that penrig writes are short decimals or are cut to a few digits; both have a road that is
 * exact and an order faster than printf's, and what does not fit it takes printf's. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/json_stream.h"

#define EXACT     17
#define POWER_MAX 22   /* the largest power of ten that is exact in a double */
#define FAST_MAX  9    /* digits: a product below 1e10 has its fraction to 1e-6 */
#define UNSURE    1e-5 /* beside one half, where the product's own rounding may decide: much more than it is off by */
#define SHORT_MAX 1e15 /* integers up to here are exact with room for the comparison */
#define SMALLEST  1e-3 /* below, an exponent is shorter */

static const double power[POWER_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
					    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* The last `count` figures, two at a time, backwards from `end`; returns the figures before them. */
static uint64_t put_figures(uint64_t figures, int count, char *end)
{
	static const char pairs[] =
		"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
		"5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

	for (; count > 1; count -= 2, figures /= 100)
		memcpy(end -= 2, pairs + 2 * (figures % 100), 2);
	if (count) {
		*--end = (char)('0' + figures % 10);
		figures /= 10;
	}
	return figures;
}

/* At least one. */
static int count_of(uint64_t figures)
{
	int count = 1;

	for (; figures >= 1000; figures /= 1000)
		count += 3;
	return count + (figures >= 10) + (figures >= 100);
}

/* figures / 10^decimals, without zeros at its end. */
static int decimal_text(uint64_t figures, int decimals, bool negative, char *ret)
{
	while (decimals > 0 && figures % 10 == 0) {
		figures /= 10;
		decimals--;
	}
	int count = count_of(figures), point = negative + (count > decimals ? count - decimals : 1);
	int len = decimals ? point + 1 + decimals : point;

	figures = put_figures(figures, decimals, ret + len);
	if (decimals)
		ret[point] = '.';
	put_figures(figures, point - negative, ret + point);
	if (negative)
		ret[0] = '-';
	ret[len] = '\0';
	return len;
}

/* The shortest text of a decimal with few places: n / 10^p is rounded once, as reading the text is, so that where it
 * gives the value the text does. 0: it is no such decimal. */
static int short_text(double size, bool negative, char *ret)
{
	for (int p = 0; p <= 12 && size * power[p] < SHORT_MAX; p++) {
		uint64_t n = (uint64_t)(size * power[p] + 0.5);

		if ((double)n / power[p] == size)
			return decimal_text(n, p, negative, ret);
	}
	return 0;
}

/* Its first figure stands for 10^exponent, and there are `count` of them. d.ddde-5 where that is shorter than zeros behind
 * the point, or where zeros before it would be taken for figures. */
static int figures_text(uint64_t figures, int count, int exponent, bool negative, char *ret)
{
	if (exponent > -4 && exponent < count)
		return decimal_text(figures, count - 1 - exponent, negative, ret);
	int len = decimal_text(figures, count - 1, negative, ret);
	ret[len++] = 'e';
	return len + decimal_text((uint64_t)abs(exponent), 0, exponent < 0, ret + len);
}

/* 10^ret <= size < 10^(ret+1), but for what is next to a power of ten: who uses it looks. */
static int exponent_of(double size)
{
	int x = 0;

	if (size >= 1.0) {
		while (x < POWER_MAX && size >= power[x + 1])
			x++;
		return x;
	}
	while (x > -POWER_MAX && size * power[-x] < 1.0)
		x--;
	return x;
}

struct scaled {
	uint64_t figures; /* so many significant digits, as an integer */
	int exponent, shift;
};

/* The product or quotient with a power of ten is off by half a unit in its last place, so its nearest integer is the
 * right one but where the fraction is next to one half. False: not by this road. */
static bool scale(double size, int digits, struct scaled *ret)
{
	int x = exponent_of(size), shift = digits - 1 - x;

	if (digits > FAST_MAX || shift > POWER_MAX || shift < -POWER_MAX)
		return false;
	double scaled = shift >= 0 ? size * power[shift] : size / power[-shift];
	uint64_t whole = (uint64_t)scaled;
	double rest = scaled - (double)whole;
	if (fabs(rest - 0.5) < UNSURE || scaled + 1.0 >= power[digits] || scaled < power[digits - 1])
		return false;
	*ret = (struct scaled){whole + (rest > 0.5), x, shift};
	return true;
}

#define WIDE_MAX    15   /* digits: below 1e15 a long double of 64 bits has its fraction to 1e-4 */
#define WIDE_UNSURE 1e-3 /* beside one half, as UNSURE */

/* As scale(), for more digits, where long double is wide enough: a product is off by 2^-64 of itself, 5e-5 at most. */
static bool scale_wide(double size, int digits, struct scaled *ret)
{
	int x = exponent_of(size), shift = digits - 1 - x;

	if (LDBL_MANT_DIG < 64 || digits > WIDE_MAX || shift > POWER_MAX || shift < -POWER_MAX)
		return false;
	long double scaled = shift >= 0 ? (long double)size * power[shift] : (long double)size / power[-shift];
	if (scaled + 1 >= power[digits] || scaled < power[digits - 1])
		return false;
	uint64_t whole = (uint64_t)scaled;
	double rest = (double)(scaled - (long double)whole);
	if (fabs(rest - 0.5) < WIDE_UNSURE)
		return false;
	*ret = (struct scaled){whole + (rest > 0.5), x, shift};
	return true;
}

/* One operation is rounded once, as reading the text is: figures and powers are exact. */
static double unscaled(const struct scaled *s)
{
	return s->shift >= 0 ? (double)s->figures / power[s->shift] : (double)s->figures * power[-s->shift];
}

/* 0: not by this road. */
static int rounded_text(double size, int digits, bool negative, char *ret)
{
	struct scaled s;

	if (digits == EXACT ? !scale_wide(size, digits = WIDE_MAX, &s) || unscaled(&s) != size
			    : !scale(size, digits, &s) && !scale_wide(size, digits, &s))
		return 0;
	return figures_text(s.figures, digits, s.exponent, negative, ret);
}

/* printf's figures, as d.ddde-05. Returns how many they are. */
static int printed(double size, int digits, char ret[JSON_NUMBER_MAX])
{
	int n = digits != EXACT ? digits : size < DBL_MIN ? 1 : 15;

	do
		snprintf(ret, JSON_NUMBER_MAX, "%.*e", n - 1, size);
	while (n++ < digits && strtod(ret, NULL) != size);
	return n - 1;
}

static int printed_text(double size, int digits, bool negative, char *ret)
{
	char text[JSON_NUMBER_MAX], *at = text;
	int count = printed(size, digits, text);
	uint64_t figures = 0;

	for (; *at != 'e'; at++)
		if (*at != '.')
			figures = 10 * figures + (uint64_t)(*at - '0');
	return figures_text(figures, count, (int)strtol(at + 1, NULL, 10), negative, ret);
}

int json_number_text(double value, int digits, char ret[JSON_NUMBER_MAX])
{
	double size = fabs(value);
	int len = 0;

	if (size == 0) {
		strcpy(ret, "0");
		return 1;
	}
	if (size >= SMALLEST && size < SHORT_MAX && digits == EXACT)
		len = short_text(size, value < 0, ret);
	if (!len)
		len = rounded_text(size, digits, value < 0, ret);
	return len ? len : printed_text(size, digits, value < 0, ret);
}

int json_integer_text(uint64_t size, bool negative, char ret[JSON_NUMBER_MAX])
{
	return decimal_text(size, 0, negative, ret);
}

double json_number_rounded(double value, int digits)
{
	char text[JSON_NUMBER_MAX];
	struct scaled s;

	if (digits >= EXACT || value == 0 || !isfinite(value))
		return value;
	if (scale(fabs(value), digits, &s) || scale_wide(fabs(value), digits, &s))
		return copysign(unscaled(&s), value);
	printed(value, digits, text);
	return strtod(text, NULL);
}
