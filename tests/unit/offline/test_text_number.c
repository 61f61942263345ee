/* Decimals to the nearest double, and nothing that is half a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/offline/import/text_number.h"
#include "rig/offline/import/text_time.h"

static uint64_t state = 7;

static uint64_t draw(void)
{
	uint64_t z = (state += 0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	return z ^ z >> 31;
}

static void same_as_strtod(const char *text)
{
	double value = NAN, right = strtod(text, NULL);
	const char *end = text_number(text, '.', &value);

	if (isinf(right)) {
		assert_null(end);
		return;
	}
	assert_non_null(end);
	assert_int_equal(*end, '\0');
	assert_memory_equal(&value, &right, sizeof(value));
}

static void test_nearest(void **unused)
{
	char text[64];
	(void)unused;

	for (unsigned i = 0; i < 300000; i++) {
		double any;
		uint64_t bits = draw();
		memcpy(&any, &bits, sizeof(any));
		snprintf(text, sizeof(text), "%.*e", (int)(draw() % 20), isfinite(any) ? any : 0.5);
		same_as_strtod(text);
		snprintf(text, sizeof(text), "%s%llu.%0*llu", draw() % 2 ? "-" : "",
			 (unsigned long long)(draw() % 1000), (int)(draw() % 18 + 1),
			 (unsigned long long)(draw() % 1000000));
		same_as_strtod(text);
	}
	static const char *const hard[] = {"9007199254740993",
					   "9007199254740992",
					   "1e22",
					   "1e23",
					   "8.5e22",
					   "0.1e-22",
					   "4.9e-324",
					   "1e-400",
					   "1e400",
					   "2.2250738585072011e-308",
					   "18446744073709551616",
					   "123456789012345678901234567890",
					   "0.000000000000000000000000000000000001",
					   "-0",
					   "+5",
					   ".5",
					   "5."};
	for (size_t i = 0; i < sizeof(hard) / sizeof(hard[0]); i++)
		same_as_strtod(hard[i]);
}

static void test_not_numbers(void **unused)
{
	static const char *const bad[] = {"",    "-",   "+",   ".",  "e5",  "-.e1", "1e",
					  "1e+", "nan", "inf", "x1", "--1", " 1"};
	double value = 42;
	(void)unused;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(text_number(bad[i], '.', &value));
	assert_null(text_number("5,", ',', &value)); /* a separator at a line's end, more likely */
	assert_int_equal(*text_number("1,5", '.', &value), ',');
	assert_int_equal(*text_number("1.5", ',', &value), '.');
	assert_non_null(text_number("1,5e-3;", ',', &value));
	assert_true(value == 1.5e-3);
}

static enum text_kind kind_of(const char *cell, char decimal, double *ret)
{
	char terminated[64];

	snprintf(terminated, sizeof(terminated), "%s\n", cell);
	return text_cell(terminated, strlen(cell), decimal, ret);
}

static void test_cells(void **unused)
{
	static const struct {
		const char *cell;
		char decimal;
		enum text_kind kind;
		double value;
	} rows[] = {
		{"0.5", '.', TEXT_NUMBER, 0.5},
		{"  \"0.5\" ", '.', TEXT_NUMBER, 0.5},
		{"1,234", '.', TEXT_DOUBTFUL_GROUP, 0},
		{"1.234", ',', TEXT_DOUBTFUL_GROUP, 0},
		{"1,234", ',', TEXT_NUMBER, 1.234},
		{"1,234.5", '.', TEXT_GROUPED, 1234.5},
		{"-1.234.567,8", ',', TEXT_GROUPED, -1234567.8},
		{"1,234,567", '.', TEXT_GROUPED, 1234567},
		{"1,23,456", '.', TEXT_OTHER, 0},
		{"1234,567.8", '.', TEXT_OTHER, 0},
		{"0.0002,0.3", '.', TEXT_OTHER, 0},
		{"", '.', TEXT_EMPTY, 0},
		{"\"\"", '.', TEXT_EMPTY, 0},
		{"NaN", '.', TEXT_NO_VALUE, 0},
		{"-Inf", '.', TEXT_NO_VALUE, 0},
		{"#N/A", '.', TEXT_NO_VALUE, 0},
		{"-----", '.', TEXT_NO_VALUE, 0},
		{"Over", '.', TEXT_NO_VALUE, 0},
		{"1.25D-03", '.', TEXT_NUMBER, 1.25e-3}, /* Fortran's */
		{"1,25d+3", ',', TEXT_NUMBER, 1250},
		{"0.1234567890123456789012D1", '.', TEXT_NUMBER, 1.234567890123456789012},
		{"12D4", '.', TEXT_OTHER, 0}, /* may be hexadecimal */
		{"1.25D", '.', TEXT_OTHER, 0},
		{"0.5 N", '.', TEXT_OTHER, 0},
		{"0x10", '.', TEXT_OTHER, 0},
		{"1e999", '.', TEXT_OTHER, 0},
	};
	(void)unused;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double value = 0;
		assert_int_equal(kind_of(rows[i].cell, rows[i].decimal, &value), rows[i].kind);
		assert_true(value == rows[i].value);
	}
}

static void test_decimals(void **unused)
{
	(void)unused;

	assert_int_equal(text_decimals("0.0002", 6, '.'), 4);
	assert_int_equal(text_decimals("12", 2, '.'), -1);
	assert_int_equal(text_decimals("5.", 2, '.'), 0);
	assert_int_equal(text_decimals("1,25e-3", 7, ','), 5);
	assert_int_equal(text_decimals("1.25e+6", 7, '.'), 0);
	assert_int_equal(text_decimals("1.25D-3", 7, '.'), 5);
}

#define TEN_OF(d) d d d d d d d d d d
#define NINES     TEN_OF("9999999999")
#define NOUGHTS   TEN_OF("0000000000")

static void test_times(void **unused)
{
	static const struct {
		const char *cell;
		bool is, dated;
		double second;
		long day;
		int decimals;
	} rows[] = {
		{"12:00:01.0005", true, false, 43201.0005, 0, 4},
		{"12:00:01,5", true, false, 43201.5, 0, 1},
		{"0:01.250", true, false, 1.25, 0, 3},
		{"100:00:00", true, false, 360000, 0, 0},
		{"01:02:03 PM", true, false, 46923, 0, 0},
		{"12:00:00 AM", true, false, 0, 0, 0},
		{"2026-03-01T12:00:01.5Z", true, true, 43201.5, 20513, 1},
		{"2026-03-01 12:00:01+01:00", true, true, 43201, 20513, 0},
		{"01.03.2026 12:00:01,5", true, true, 43201.5, 20513, 1},
		{"3/1/2026 12:00:01", true, true, 43201, 20513, 0},
		{"31/12/1999 0:00:00", true, true, 0, 10956, 0},
		{"[10:00:00.000 01/01/2000]", true, true, 36000, 10957, 3},
		{"\"2024-02-29 00:00:00\"", true, true, 0, 19782, 0},
		{"0:00:01." NINES NINES NINES NINES, true, false, 2, 0, 400}, /* beyond what a double holds */
		{"0:00:01." NOUGHTS NOUGHTS NOUGHTS NOUGHTS "5", true, false, 1, 0, 401},
		{"01:02:03 P", false, false, 0, 0, 0},
		{"2026-03-01", false, false, 0, 0, 0},
		{"12:60:00", false, false, 0, 0, 0},
		{"12:00", false, false, 0, 0, 0},
		{"12:00:01 late", false, false, 0, 0, 0},
		{"2026-13-01 12:00:01", false, false, 0, 0, 0},
		{"1.5", false, false, 0, 0, 0},
		{"", false, false, 0, 0, 0},
	};
	(void)unused;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct text_time time;
		size_t len = strlen(rows[i].cell);
		char *cell = malloc(len + 1); /* and nothing behind it */
		assert_non_null(cell);
		memcpy(cell, rows[i].cell, len);
		assert_int_equal(text_time(cell, len, &time), rows[i].is);
		free(cell);
		if (!rows[i].is)
			continue;
		assert_int_equal(time.dated, rows[i].dated);
		assert_true(fabs(time.second - rows[i].second) < 1e-9);
		assert_int_equal(time.decimals, rows[i].decimals);
		assert_int_equal(time.dated ? time.day : 0, rows[i].day);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nearest),  cmocka_unit_test(test_not_numbers), cmocka_unit_test(test_cells),
		cmocka_unit_test(test_decimals), cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
