/* A load sensor's calibration by hand: windows, what is refused, and the gain of readings that are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "rig/calibrate/sensor_calibration.h"

static struct sensor_calibration c;
static struct err err;

static void begin(bool claims)
{
	const struct sensor_setup setup = {
		.loads = 3, .repeats = 1, .load = {1, 2, 5}, .load_u_rel = 1e-4, .claims = claims, .count_n = 1e-6};

	assert_int_equal(sensor_calibration_init(&c, &setup, &err), 0);
	assert_int_equal(c.count, 5);
}

static int take(unsigned i, double mean, double moved, uint32_t flags)
{
	const struct sensor_window window = {
		.mean = mean, .u = 1e-5, .moved = moved, .u_moved = 2e-5, .samples = 100, .flags = flags};

	return sensor_calibration_take(&c, i, &window, &err);
}

static void test_window(void **state)
{
	struct sensor_sum sum;
	struct sensor_window window;

	(void)state;
	sensor_sum_begin(&sum, 95);
	assert_int_equal(sum.wanted, 100);
	for (unsigned i = 0; i < 99; i++)
		assert_false(sensor_sum_add(&sum, 5 + (i >= 50)));
	assert_true(sensor_sum_add(&sum, 6));
	sensor_sum_end(&sum, &window);
	assert_float_equal(window.mean, 5.5, 1e-12);
	assert_float_equal(window.moved, 1, 1e-12);
	assert_float_equal(window.u, sqrt(10 * 0.25 / 9 / 10), 1e-12);
}

static void test_refusals(void **state)
{
	(void)state;
	begin(false);
	assert_int_equal(take(0, 3, 0.5, 0), 0); /* nothing to hold it against yet */
	assert_int_equal(take(1, 3.00005, 0, 0), -EDOM);
	assert_non_null(strstr(err.text, "did not change"));
	assert_int_equal(take(1, 7, 0.0041, 0), -EDOM);
	assert_non_null(strstr(err.text, "still moves"));
	assert_int_equal(take(1, 7, 0, SAMPLE_GAP), -EDOM);
	assert_int_equal(take(1, 7, 0, SAMPLE_SATURATED), -EDOM);
	assert_int_equal(take(1, 7, 0.0039, 0), 0);
	assert_int_equal(take(2, 15.1, 0, 0), -EDOM); /* 8.1 more where 4 are to come */
	assert_int_equal(take(2, 8.9, 0, 0), -EDOM);
	assert_int_equal(take(2, 7.1, 0, 0), -EDOM);
	assert_non_null(strstr(err.text, "did not change"));
	assert_int_equal(take(2, 11, 0, 0), 0);
	begin(true); /* a scale of its own is known before the first load */
	assert_int_equal(take(0, 3, 0, 0), 0);
	assert_int_equal(take(1, 7, 0, 0), -EDOM);
	assert_int_equal(take(1, 4.1, 0, 0), 0);
}

static void test_gain(void **state)
{
	static const double lift[] = {0, 0.5, 1, 2.5, 0};

	(void)state;
	begin(false);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(take(i, 3 + lift[i] + 0.001 * i, 0, 0),
				 0); /* it drifts evenly, which the two looks take out */
	assert_int_equal(sensor_calibration_fit(&c, &err), 0);
	assert_float_equal(c.gain, 2, 1e-9);
	assert_float_equal(c.zero_moved_n, 0.008, 1e-9);
	assert_true(c.u_rel > c.u_load_rel && c.u_rel < 0.002 && !c.beside);
	begin(false);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(take(i, 3 + lift[i] + 0.004 * i, 0, 0), 0);
	assert_int_equal(sensor_calibration_fit(&c, &err), -EDOM);
	assert_non_null(strstr(err.text, "without load"));
}

/* A cell that is bent has no one gain: what that leaves stands in its uncertainty. */
static void test_bent(void **state)
{
	static const double lift[] = {0, 0.5, 1, 2.5, 0}; /* of 1, 2 and 5 N, were it straight */
	double off = 0;

	(void)state;
	begin(false);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(take(i, 3 + lift[i] * (1 - 0.01 * lift[i]), 0, 0), 0);
	assert_int_equal(sensor_calibration_fit(&c, &err), 0);
	for (unsigned i = 0; i <= 25; i++)
		off = fmax(off, fabs(c.gain * (1 - 0.001 * i) / 2 - 1));
	assert_true(c.beside && c.u_line_rel > 0);
	assert_true(2 * c.u_rel >= off && 2 * c.u_rel <= 2 * off);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_gain),
		cmocka_unit_test(test_bent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
