/* A budget with more lines than it has places: what is left out may never make a result look better known. */
#include <stdio.h>
#include <string.h>

#include "rig/measure/point/result_list.h"
#include "tests/unit/measure/check.h"

static struct result with_lines(unsigned lines)
{
	struct result r = {.k = NAN};
	char name[16];

	result_name(&r, MEASURAND_DEPTH, "force_equivalent");
	for (unsigned i = 0; i < lines; i++) {
		snprintf(name, sizeof(name), "line %u", i);
		results_budget(&r, name, 0.001, INFINITY);
	}
	return r;
}

static void every_place_is_a_line(void **state)
{
	struct result r = with_lines(BUDGET_MAX);

	(void)state;
	results_value(&r, 1.0, 10, "");
	assert_true(r.trusted);
	check_near(r.u, 0.001 * sqrt(BUDGET_MAX), 1e-12);
}

static void assert_unknown(const struct result *r)
{
	assert_true(r->valid);
	assert_false(r->trusted);
	assert_true(isnan(r->u) && isnan(r->expanded_u) && isnan(r->budget[BUDGET_MAX - 1].u));
	assert_non_null(strstr(r->reason, "more lines"));
}

static void a_line_beyond_makes_the_uncertainty_unknown(void **state)
{
	struct result over = with_lines(BUDGET_MAX + 1), far = with_lines(BUDGET_MAX + 9), root = over;

	(void)state;
	results_value(&over, 1.0, 10, "");
	assert_unknown(&over);
	results_value(&far, 1.0, 10, "");
	assert_unknown(&far);
	results_root(&root, 1.0, 10, "");
	assert_unknown(&root);
}

static void another_reason_is_told_first(void **state)
{
	struct result over = with_lines(BUDGET_MAX + 1), line = with_lines(2);

	(void)state;
	results_value(&over, 1.0, 10, "stuck");
	assert_string_equal(over.reason, "stuck");
	results_budget(&line, "not known", NAN, INFINITY);
	results_value(&line, 1.0, 10, "");
	assert_false(line.trusted);
	assert_non_null(strstr(line.reason, "uncertainty"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_place_is_a_line),
		cmocka_unit_test(a_line_beyond_makes_the_uncertainty_unknown),
		cmocka_unit_test(another_reason_is_told_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
