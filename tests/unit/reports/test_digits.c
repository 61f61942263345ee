/* The rounding rule: for people, for programs, and never across a limit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reports/digits.h"
#include "rig/measure/digits.h"
#include "tests/unit/record/record_sample.h"

/* ---- decimals -------------------------------------------------------------------------------------------------- */

static void test_decimals(void **state)
{
	(void)state;
	assert_int_equal(digits_decimals(0.0123, 2), 3);
	assert_int_equal(digits_decimals(0.0123, 1), 2);
	assert_int_equal(digits_decimals(1.0, 2), 1);
	assert_int_equal(digits_decimals(0.999, 2), 2);
	assert_int_equal(digits_decimals(99.0, 2), 0);
	assert_int_equal(digits_decimals(1234.0, 2), 0); /* never negative */
	assert_int_equal(digits_decimals(1e-30, 2), DIGITS_DECIMALS_MAX);
	assert_int_equal(digits_decimals(0.0, 2), 0);
	assert_int_equal(digits_decimals(-5.0, 2), 0);
	assert_int_equal(digits_decimals(NAN, 2), 0);
}

static void test_what_was_typed_is_written_as_it_was(void **state)
{
	(void)state;
	assert_int_equal(digits_of_typed(3), 0);
	assert_int_equal(digits_of_typed(-0.05), 2);
	assert_int_equal(digits_of_typed(1.15), 2);
	assert_int_equal(digits_of_typed(0.1), 1);
	assert_int_equal(digits_of_typed(1.0 / 3), DIGITS_DECIMALS_MAX);
}

static void test_quantities(void **state)
{
	char got[DIGITS_QUANTITY_MAX];

	(void)state;
	digits_quantity(1.15, 2, "mm", got);
	assert_string_equal(got, "1.15 mm");
	digits_quantity(-0.004, 2, "mm", got);
	assert_string_equal(got, "0.00 mm");
	digits_quantity(-0.006, 2, "mm", got);
	assert_string_equal(got, "-0.01 mm");
	digits_quantity(3, 0, "1", got);
	assert_string_equal(got, "3");
}

/* ---- for people ------------------------------------------------------------------------------------------------ */

static void test_a_value_ends_where_its_uncertainty_does(void **state)
{
	static const struct {
		double value, u;
		const char *text;
	} cases[] = {
		{1.00347, 0.00512, "1.0035 +- 0.0051"},
		{119.9981, 0.0024, "119.9981 +- 0.0024"},
		{31.26, 0.52, "31.26 +- 0.52"},
		{1234.5, 120, "1234 +- 120"},
		{2400, 0, "2400"},
		{-0.0021, 0.013, "-0.002 +- 0.013"},
		{1, 1e-12, "1.0000000 +- 0.0000000"},
		{NAN, 1, "-"},
		{1, INFINITY, "1"},
		{-0.00004, 0.012, "0.000 +- 0.012"},
	};
	char got[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		digits_pair(cases[i].value, cases[i].u, "+-", got, sizeof(got));
		assert_string_equal(got, cases[i].text);
	}
	digits_pair(1.5, 0.25, "\xc2\xb1", got, sizeof(got));
	assert_string_equal(got, "1.50 \xc2\xb1 0.25");
}

/* ---- for programs ---------------------------------------------------------------------------------------------- */

static struct finding finding(double value, double u)
{
	struct finding f = {.has_limit = false};

	sample_result(&f, "depth_mm", "", "mm", value, u);
	return f;
}

static void text_is(double value, int digits, const char *expected)
{
	char got[DIGITS_TEXT_MAX];

	digits_text(value, digits, got);
	assert_string_equal(got, expected);
}

static void test_text_of_so_many_digits(void **state)
{
	(void)state;
	text_is(0.512345678, 5, "0.51235");
	text_is(2400, 2, "2.4e3");
	text_is(120, DIGITS_EXACT, "120");
	text_is(0.1, DIGITS_EXACT, "0.1");
	text_is(3, DIGITS_EXACT, "3");
	text_is(1.0 / 3, DIGITS_EXACT, "0.3333333333333333");
	text_is(0.1 + 0.2, DIGITS_EXACT, "0.30000000000000004");
	text_is(-1.7976931348623157e308, DIGITS_EXACT, "-1.7976931348623157e308");
	text_is(NAN, DIGITS_EXACT, "nan");
}

static void test_three_digits_of_the_uncertainty(void **state)
{
	struct finding f = finding(0.512345678, 0.0041111);
	struct digits d = digits_of(&f);

	(void)state;
	assert_true(f.result.expanded_u > 0.001 && f.result.expanded_u < 0.01);
	assert_int_equal(d.u, DIGITS_PROGRAMS);
	assert_int_equal(d.value, 5); /* 0.51235: to the place of 0.00822 */
	f = finding(0.512345678, 0);
	assert_int_equal(digits_of(&f).value, DIGITS_EXACT);
	f = finding(NAN, 0.1);
	f.result.valid = false;
	assert_int_equal(digits_of(&f).value, DIGITS_EXACT);
	f = finding(0.0001, 1000);
	assert_int_equal(digits_of(&f).value, 1); /* at least one */
}

/* A value beyond its guard band by less than its printed digits show. */
static void test_never_rounded_into_another_outcome(void **state)
{
	struct finding f = finding(1, 0.01);
	double u = f.result.expanded_u;
	char text[DIGITS_TEXT_MAX];
	struct judgement printed;

	(void)state;
	f.result.value = 1.15 - u * (1 + 1e-6);
	sample_limit(&f, NAN, 1.15, true);
	assert_int_equal(f.judgement.outcome, OUTCOME_PASS);
	struct digits d = digits_of(&f);
	assert_in_range(d.u, DIGITS_PROGRAMS + 1, 9); /* as few more as it takes */
	digits_text(f.result.value, d.value, text);
	f.result.value = strtod(text, NULL);
	digits_text(f.result.expanded_u, d.u, text);
	f.result.expanded_u = strtod(text, NULL);
	decide(&f.result, &f.limit, &printed);
	assert_int_equal(printed.outcome, OUTCOME_PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decimals),
		cmocka_unit_test(test_what_was_typed_is_written_as_it_was),
		cmocka_unit_test(test_quantities),
		cmocka_unit_test(test_a_value_ends_where_its_uncertainty_does),
		cmocka_unit_test(test_text_of_so_many_digits),
		cmocka_unit_test(test_three_digits_of_the_uncertainty),
		cmocka_unit_test(test_never_rounded_into_another_outcome),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
