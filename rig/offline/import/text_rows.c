/* Nothing is called in a row that can be had in place. Digits behind the mark are read eight at a time: neighbours become
 * pairs, pairs fours, fours the value. */
#include "rig/offline/import/text_rows.h"

#include <endian.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "rig/offline/import/text_number.h"

#define EACH(byte) ((uint64_t)(byte)*0x0101010101010101) /* of eight bytes */
#define HIGH       EACH(0x80)
#define DIGITS_MAX 15 /* together below 2^53, as their power of ten is: then one rounding gives the nearest double */

static const double powers[DIGITS_MAX + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
					      1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

static inline uint64_t eight_at(const char *at)
{
	uint64_t bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return le64toh(bytes);
}

/* Of the lowest byte whose high bit is set; 8 where none is. */
static inline unsigned first_of(uint64_t high_bits)
{
	return high_bits ? (unsigned)__builtin_ctzll(high_bits) / 8 : 8;
}

static inline const char *digits_singly(const char *at, uint64_t *mantissa)
{
	for (; (unsigned char)(*at - '0') < 10; at++)
		*mantissa = *mantissa * 10 + (unsigned char)(*at - '0');
	return at;
}

/* The first digit is the lowest byte. */
static inline const char *digits_at_once(const char *at, uint64_t *mantissa)
{
	static const uint64_t tens[9] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
	uint64_t v = eight_at(at) ^ EACH('0'); /* 0 to 9; bytes that are no digits are more */
	unsigned n = first_of(((v + EACH(0x80 - 10)) | v) & HIGH);

	if (n == 0)
		return at;
	v <<= 64 - 8 * n; /* zeros before the first digit */
	v = (v * 10 + (v >> 8)) & 0x00ff00ff00ff00ff;
	v = (v * 100 + (v >> 16)) & 0x0000ffff0000ffff;
	*mantissa = *mantissa * tens[n] + (uint32_t)(v * 10000 + (v >> 32));
	return n == 8 ? digits_singly(at + 8, mantissa) : at + n;
}

/* Behind the number, or NULL. Exponents, many digits and what is rare are text_number()'s. */
static inline const char *number(const char *at, char decimal, double *ret)
{
	bool minus = *at == '-';
	const char *c = at + minus, *whole = c, *fraction;
	uint64_t mantissa = 0;

	c = fraction = digits_singly(c, &mantissa);
	size_t digits = (size_t)(c - whole);
	if (*c == decimal) {
		fraction = c + 1;
		c = digits_at_once(fraction, &mantissa);
		digits += (size_t)(c - fraction);
	}
	if (digits == 0 || digits > DIGITS_MAX || c[-1] == decimal || *c == 'e' || *c == 'E')
		return text_number(at, decimal, ret);
	double value = (double)(int64_t)mantissa / powers[c - fraction];
	*ret = minus ? -value : value;
	return c;
}

static inline uint64_t is_zero(uint64_t bytes)
{
	return (bytes - EACH(1)) & ~bytes & HIGH; /* right up to the lowest of them */
}

/* Where a cell ends that is not read, or where it is no plain one: quotes, control characters. */
static inline const char *cell_end(const char *at, char separator)
{
	for (;; at += 8) {
		uint64_t v = eight_at(at), control = (v - EACH(' ')) & ~v & HIGH;
		unsigned n = first_of(is_zero(v ^ EACH((unsigned char)separator)) | is_zero(v ^ EACH('"')) | control);
		if (n < 8)
			return at + n;
	}
}

static inline const char *row(const struct text_row_form *form, const char *at, double *value)
{
	unsigned last = form->columns - 1;

	for (unsigned n = 0; n <= last; n++) {
		if (form->wanted[n]) {
			at = number(at + (*at == ' '), form->decimal, &value[n]);
			if (!at)
				return NULL;
		} else {
			at = cell_end(at, form->separator);
			value[n] = NAN;
		}
		if (n < last && *at++ != form->separator)
			return NULL;
	}
	at += *at == '\r';
	return *at == '\n' ? at + 1 : NULL;
}

const char *text_rows(const struct text_row_form *form, const char *at, const char *end, uint32_t room, double *value,
		      uint32_t *ret_rows)
{
	uint32_t rows = 0;

	for (const char *next; at < end && rows < room && (next = row(form, at, value)); at = next) {
		value += form->columns;
		rows++;
	}
	*ret_rows = rows;
	return at;
}
