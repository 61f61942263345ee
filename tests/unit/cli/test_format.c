/* Durations and sizes for people. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rig/cli/kit/format.h"

static void test_durations_and_bytes(void **state)
{
	char got[40];

	(void)state;
	format_duration(4.24, got, sizeof(got));
	assert_string_equal(got, "4.2 s");
	format_duration(59.4, got, sizeof(got));
	assert_string_equal(got, "59 s");
	format_duration(59.6, got, sizeof(got));
	assert_string_equal(got, "1 min 00 s");
	format_duration(3723, got, sizeof(got));
	assert_string_equal(got, "1 h 02 min");
	format_duration(NAN, got, sizeof(got));
	assert_string_equal(got, "-");
	format_bytes(999, got, sizeof(got));
	assert_string_equal(got, "999 B");
	format_bytes(999.6e3, got, sizeof(got));
	assert_string_equal(got, "1 MB");
	format_bytes(12345678, got, sizeof(got));
	assert_string_equal(got, "12.3 MB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations_and_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
