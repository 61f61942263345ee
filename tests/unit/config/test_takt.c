/* What a run is expected to take, part by part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "rig/config/takt.h"

static struct plan_step step = {
	.tare_s = 0.3, .settle = {.min_s = 0.5, .max_s = 0.5}, .measure = {.min_s = 2, .max_s = 2}};
static struct plan plan = {.steps = 1, .step = &step};
static struct bench bench;
static struct plan_point points[3];

static int set_up(void **state)
{
	(void)state;
	step = (struct plan_step){
		.tare_s = 0.3, .settle = {.min_s = 0.5, .max_s = 0.5}, .measure = {.min_s = 2, .max_s = 2}};
	plan = (struct plan){.steps = 1, .step = &step};
	bench = (struct bench){
		.pen = {.deadman_ms = 500, .coast_down_max_s = 0.5},
		.device = {{.roles = ROLE_BIT(ROLE_DISPLACEMENT), .displacement_u_mm = 0.01}},
		.devices = 1,
	};
	for (unsigned i = 0; i < 3; i++)
		points[i] = (struct plan_point){.number = i, .rate_hz = 100, .depth_mm = 1};
	return 0;
}

static void near(double value, double expected)
{
	if (!(fabs(value - expected) < 1e-9))
		fail_msg("%.9g, not %.9g", value, expected);
}

static struct takt of(unsigned count, double open_windows)
{
	struct takt t;

	takt_expect(&plan, &bench, points, count, open_windows, &t);
	return t;
}

static void one_after_the_other(void **state)
{
	struct takt t = of(3, 0);

	(void)state;
	near(t.s[TAKT_WINDOW], 6);
	near(t.s[TAKT_SETTLE], 1.5);
	near(t.s[TAKT_TARE], 0.3); /* the others are rests: 0.2 s behind the motion, then as long as a tare */
	near(t.s[TAKT_REST], 2 * (0.2 + 0.3 - 0.3) + 0.2);
	near(t.s[TAKT_PROOF], 3 * 0.3 + 2.2 - 0.3 - 0.2);
	near(t.s[TAKT_COAST], 3 * 0.33);
	near(t.s[TAKT_TESTS], 0);
	near(takt_sum_s(&t),
	     t.s[TAKT_OPENING] + t.s[TAKT_INTERLOCK] + t.s[TAKT_SETTING] + 6 + 1.5 + 0.3 + 0.6 + 2.6 + 0.99);
}

static void slow_pens_are_watched_for_longer(void **state)
{
	(void)state;
	points[0].rate_hz = 10; /* ten periods */
	near(of(1, 0).s[TAKT_PROOF], 2.2 - 0.2);
	near(of(2, 0).s[TAKT_PROOF], 1 + 0.3 + 2.2 - 0.3 - 0.2);
	near(of(2, 0).s[TAKT_REST], 0.2); /* of the last: the proof of the first was long enough */
}

static void needles_that_only_force_shows_are_watched_for_longest(void **state)
{
	(void)state;
	double with_bar_s = of(1, 0).s[TAKT_PROOF];
	bench.device[0].displacement_u_mm = 0;
	near(of(1, 0).s[TAKT_PROOF] - with_bar_s, 11 - 2.2);
}

static void what_stands_between(void **state)
{
	(void)state;
	assert_true(takt_goes_on(&plan, points, 3, 0));
	assert_false(takt_goes_on(&plan, points, 3, 2));
	points[1].phantom_change = true;
	assert_false(takt_goes_on(&plan, points, 3, 0));
	assert_true(takt_goes_on(&plan, points, 3, 1));
	near(of(3, 0).s[TAKT_TARE], 0.6);
	points[1] = points[0];
	points[1].phantom = PHANTOM_NONE;
	assert_false(takt_goes_on(&plan, points, 3, 0));
	assert_false(takt_goes_on(&plan, points, 3, 1));
	points[1] = points[0];
	step.tare_s = 1;
	assert_true(takt_goes_on(&plan, points, 3, 0));
	step.tare_s = 1.01;
	assert_false(takt_goes_on(&plan, points, 3, 0));
}

static void open_windows(void **state)
{
	(void)state;
	step.measure = (struct window){.min_s = 0.5, .max_s = 4, .targets = 1};
	near(of(2, 0).s[TAKT_WINDOW], 1);
	near(of(2, 1).s[TAKT_WINDOW], 8);
	near(of(2, 0.5).s[TAKT_WINDOW], 4.5);
	points[0].phantom = PHANTOM_NONE;
	near(of(1, 0).s[TAKT_WINDOW], 4); /* a free run lasts as long as it may */
}

static void open_settling(void **state)
{
	(void)state;
	step.settle = (struct window){.min_s = 0.2, .max_s = 1, .targets = 1};
	near(of(2, 0).s[TAKT_SETTLE], 0.4);
	near(of(2, 1).s[TAKT_SETTLE], 2);
	near(of(2, 0.5).s[TAKT_SETTLE], 1.2);
	near(of(2, 0).s[TAKT_WINDOW], 4);
	points[0].phantom = PHANTOM_NONE;
	near(of(1, 0).s[TAKT_SETTLE], 1); /* a free run waits for as long as it may */
}

static void tests_of_the_pen(void **state)
{
	(void)state;
	plan.test_deadman = true;
	near(of(1, 0).s[TAKT_TESTS], 0.6 + 0.5 + 0.2 + 0.1 + 0.3);
	plan.test_refusal = true;
	assert_true(of(1, 0).s[TAKT_TESTS] > 1.7);
	near(of(0, 0).s[TAKT_TESTS], 0);
}

static void each_part_has_its_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TAKT_PARTS; i++) {
		const char *name = takt_name((enum takt_part)i);

		assert_string_equal(name + strlen(name) - 2, "_s");
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(name, takt_name((enum takt_part)k));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_after_the_other, set_up),
		cmocka_unit_test_setup(slow_pens_are_watched_for_longer, set_up),
		cmocka_unit_test_setup(needles_that_only_force_shows_are_watched_for_longest, set_up),
		cmocka_unit_test_setup(what_stands_between, set_up),
		cmocka_unit_test_setup(open_windows, set_up),
		cmocka_unit_test_setup(open_settling, set_up),
		cmocka_unit_test_setup(tests_of_the_pen, set_up),
		cmocka_unit_test(each_part_has_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
