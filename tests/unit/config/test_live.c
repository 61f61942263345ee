/* Limits as bands of the figures that are shown while a point runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "rig/config/live.h"

static struct plan_step step;
static struct plan plan;
static const struct plan_point point = {.depth_mm = 1.5, .rate_hz = 120};

static int set_up(void **state)
{
	(void)state;
	plan = (struct plan){.steps = 1, .step = &step};
	return 0;
}

static void limit(enum measurand id, double lower, double upper)
{
	plan.limit[plan.limits++] = (struct limit){
		.id = id, .has_lower = isfinite(lower), .lower = lower, .has_upper = isfinite(upper), .upper = upper};
}

static void assert_band(struct live_band band, double lower, double upper)
{
	if (band.lower != lower || band.upper != upper)
		fail_msg("%g to %g, not %g to %g", band.lower, band.upper, lower, upper);
}

static void about_the_setpoint(void **state)
{
	struct live_limits live;

	(void)state;
	limit(MEASURAND_STROKE_RATE_ERROR, -10, 25);
	limit(MEASURAND_DEPTH_ERROR, -0.25, 0.5);
	live_limits(&plan, &point, &live);
	assert_band(live.rate_hz, 108, 150);
	assert_band(live.depth_mm, 1.25, 2);
}

static void the_narrowest_counts(void **state)
{
	struct live_limits live;

	(void)state;
	limit(MEASURAND_DEPTH_ERROR, -0.25, 0.25);
	limit(MEASURAND_DEPTH, 1.0, 1.625);
	limit(MEASURAND_STROKE_RATE, 100, NAN);
	live_limits(&plan, &point, &live);
	assert_band(live.depth_mm, 1.25, 1.625);
	assert_band(live.rate_hz, 100, INFINITY);
}

static void other_limits_say_nothing(void **state)
{
	struct live_limits live;

	(void)state;
	limit(MEASURAND_HANDLE_TEMPERATURE, NAN, 48);
	limit(MEASURAND_DEPTH_SD, NAN, 0.03);
	live_limits(&plan, &point, &live);
	assert_band(live.rate_hz, -INFINITY, INFINITY);
	assert_band(live.depth_mm, -INFINITY, INFINITY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(about_the_setpoint, set_up),
		cmocka_unit_test_setup(the_narrowest_counts, set_up),
		cmocka_unit_test_setup(other_limits_say_nothing, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
