/* Units by name, and factors within a dimension. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

#include "rig/base/units.h"

static void names(void **state)
{
	static const char *const known[] = {"Hz", "mm",  "um", "s", "ms", "N",     "mN",  "degC", "K",
					    "%",  "ppm", "V",  "A", "1",  "1/min", "N s", "mN s"};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_true(unit_known(known[i]));
	assert_false(unit_known("hz"));
	assert_false(unit_known("MM"));
	assert_false(unit_known(""));
	assert_false(unit_known("mm "));
}

static void factors(void **state)
{
	static const struct {
		const char *from, *to;
		double factor;
	} pairs[] = {
		{"um", "mm", 1e-3},    {"mm", "um", 1e3},  {"ms", "s", 1e-3},   {"mN", "N", 1e-3},
		{"%", "1", 0.01},      {"ppm", "%", 1e-4}, {"degC", "K", 1},    {"K", "degC", 1},
		{"mN s", "N s", 1e-3}, {"mm", "mm", 1},    {"Hz", "1/min", 60}, {"1/min", "Hz", 1.0 / 60},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		double factor = 0;
		assert_int_equal(unit_factor(pairs[i].from, pairs[i].to, &factor), 0);
		assert_true(factor == pairs[i].factor);
	}
}

static void refusals(void **state)
{
	double factor = 7;

	(void)state;
	assert_int_equal(unit_factor("mm", "N", &factor), -EDOM);
	assert_int_equal(unit_factor("V", "A", &factor), -EDOM);
	assert_int_equal(unit_factor("N", "N s", &factor), -EDOM);
	assert_int_equal(unit_factor("inch", "mm", &factor), -EINVAL);
	assert_int_equal(unit_factor("mm", "inch", &factor), -EINVAL);
	assert_true(factor == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(factors),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
