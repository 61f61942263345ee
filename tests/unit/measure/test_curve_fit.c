/* The curve of a phantom from forces at known depths: coefficients, residuals, and data that are no curve. */
#include "rig/measure/curve_fit.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "tests/bench/pw1.h"
#include "tests/unit/measure/check.h"

#define SETTINGS 15
#define U_MM     0.002

static double truth(double d)
{
	return d * (0.4 + d * (0.2 + 0.01 * d));
}

/* Settings of 0.2 mm and more; the reading is off by the same `off_mm`, alternating in sign, in every repeat. */
static unsigned exact(struct calibrate_datum *data, unsigned repeats, double off_mm)
{
	unsigned n = 0;

	for (unsigned r = 0; r < repeats; r++)
		for (unsigned i = 0; i < SETTINGS; i++, n++) {
			double d = 0.2 * (i + 1);
			data[n] = (struct calibrate_datum){.setting = i,
							   .depth_mm = d + (n % 2 ? off_mm : -off_mm),
							   .force_n = truth(d),
							   .u_force_n = 2e-4};
		}
	return n;
}

static void a_cubic_is_found(void **state)
{
	struct calibrate_datum data[SETTINGS];
	struct calibrate_fit fit;
	char reason[160];

	(void)state;
	assert_int_equal(calibrate_fit(data, exact(data, 1, 0), U_MM, &fit, reason, sizeof(reason)), 0);
	assert_true(fabs(fit.coefficient[0] - 0.4) < 1e-9);
	assert_true(fabs(fit.coefficient[1] - 0.2) < 1e-9);
	assert_true(fabs(fit.coefficient[2] - 0.01) < 1e-9);
	assert_true(fit.rms_mm < 1e-9);
	assert_int_equal(fit.repeat_dof, 0);
	assert_true(isnan(fit.repeat_mm));
	assert_true(fabs(fit.depth_max_mm - 3.0) < 1e-12);
	assert_true(fabs(calibrate_force(&fit, 1.5) - truth(1.5)) < 1e-9);
}

/* Readings 3 um off, the other way in the other repeat: sd of a pair is 3 um * sqrt 2. */
static void residuals_tell_the_readings_errors(void **state)
{
	struct calibrate_datum data[2 * SETTINGS];
	struct calibrate_fit fit;
	char reason[160];

	(void)state;
	assert_int_equal(calibrate_fit(data, exact(data, 2, 0.003), U_MM, &fit, reason, sizeof(reason)), 0);
	assert_int_equal(fit.repeat_dof, SETTINGS);
	assert_true(fabs(fit.repeat_mm - 0.003 * sqrt(2)) < 0.0001);
	assert_true(fit.rms_mm > 0.0029 && fit.rms_mm < 0.0034);
	assert_true(fabs(data[7].residual_mm + 0.003) < 0.0005 || fabs(data[7].residual_mm - 0.003) < 0.0005);
	assert_true(data[0].residual_mm * data[SETTINGS].residual_mm < 0);
}

/* One wrong reading of 50 um shows at its own place. */
static void a_wrong_reading_stands_out(void **state)
{
	struct calibrate_datum data[SETTINGS];
	struct calibrate_fit fit;
	char reason[160];
	unsigned n = exact(data, 1, 0), worst = 0;

	(void)state;
	data[6].depth_mm += 0.05;
	assert_int_equal(calibrate_fit(data, n, U_MM, &fit, reason, sizeof(reason)), 0);
	for (unsigned i = 1; i < n; i++)
		worst = fabs(data[i].residual_mm) > fabs(data[worst].residual_mm) ? i : worst;
	assert_int_equal(worst, 6);
	assert_true(data[6].residual_mm < -0.03);
	assert_true(fit.rms_mm > 0.01);
}

static void refused(struct calibrate_datum *data, unsigned n, const char *because)
{
	struct calibrate_fit fit = {.rms_mm = -1};
	char reason[160] = "";

	assert_int_equal(calibrate_fit(data, n, U_MM, &fit, reason, sizeof(reason)), -EDOM);
	assert_non_null(strstr(reason, because));
	assert_true(fit.rms_mm == -1);
}

static void what_is_no_curve_is_refused(void **state)
{
	struct calibrate_datum data[SETTINGS];
	unsigned n = exact(data, 1, 0);

	(void)state;
	refused(data, CALIBRATE_DEPTHS_MIN - 1, "4 depths");
	data[5].force_n = data[4].force_n;
	refused(data, n, "both must rise");
	exact(data, 1, 0);
	data[5].depth_mm = data[4].depth_mm;
	refused(data, n, "both must rise");
	exact(data, 1, 0);
	data[0].force_n = 0;
	refused(data, n, "both must rise");
	/* a force that all but stops: each step rises, a cubic through them cannot */
	for (unsigned i = 0; i < n; i++)
		data[i].force_n = i < 3 ? 0.3 * (i + 1) : 0.9 + 1e-4 * i;
	refused(data, n, "does not rise");
}

static void five_depths_are_enough(void **state)
{
	struct calibrate_datum data[SETTINGS];
	struct calibrate_fit fit;
	char reason[160];

	(void)state;
	exact(data, 1, 0);
	assert_int_equal(calibrate_fit(data, CALIBRATE_DEPTHS_MIN, U_MM, &fit, reason, sizeof(reason)), 0);
	assert_true(fabs(fit.depth_max_mm - 1.0) < 1e-12);
}

/* ---- does a cubic describe them, and is the zero the contact? --------------------------------------------------------- */

/* Settings whose readings scatter by sd_mm in each repeat, with the stage's own zero and a bend that no cubic follows. */
static unsigned drawn(struct calibrate_datum *data, unsigned repeats, double sd_mm, double zero_mm, double bend_mm,
		      struct pw1_random *random)
{
	unsigned n = 0;

	for (unsigned r = 0; r < repeats; r++)
		for (unsigned i = 0; i < SETTINGS; i++, n++) {
			double d = 0.2 * (i + 1), off = bend_mm * sin(2 * M_PI * 1.5 * d) + sd_mm * pw1_normal(random);
			data[n] = (struct calibrate_datum){
				.setting = i, .depth_mm = d + zero_mm, .force_n = truth(d + off), .u_force_n = 1e-5};
		}
	return n;
}

static struct calibrate_fit fitted(struct calibrate_datum *data, unsigned n)
{
	struct calibrate_fit fit;
	char reason[160] = "";

	if (calibrate_fit(data, n, U_MM, &fit, reason, sizeof(reason)))
		fail_msg("%s", reason);
	return fit;
}

static void a_bend_beyond_the_repeats_is_seen(void **state)
{
	struct calibrate_datum data[3 * SETTINGS];
	struct pw1_random random = pw1_seeded(1);

	(void)state;
	struct calibrate_fit fit = fitted(data, drawn(data, 2, U_MM, 0, 0.020, &random));
	assert_true(fit.lack.seen);
	check_less(fit.lack.p, 1e-6);
	check_near(fit.lack.rms_mm, 0.020 / sqrt(2) * sqrt(SETTINGS / (SETTINGS - 3.0)), 0.004);
	check_near(fit.lack.largest_mm, 0.020, 0.006);
	check_near(fit.repeat_mm, U_MM, 0.001);
	/* seen without repeats, too, against what the stage is stated to do */
	fit = fitted(data, drawn(data, 1, U_MM, 0, 0.020, &random));
	assert_true(fit.lack.seen);
	/* one that the stage's own uncertainty explains is none, however well it repeats */
	fit = fitted(data, drawn(data, 2, 0.1 * U_MM, 0, 0.5 * U_MM, &random));
	check_less(fit.lack.p, 0.01);
	assert_false(fit.lack.seen);
}

/* F = (SS between / dof) / (SS within / dof), by hand for settings 0 +- 1 and a mean residual of each: here of exact data
 * with one setting moved in both repeats. */
static void the_ratio_is_that_of_the_analysis_of_variance(void **state)
{
	struct calibrate_datum data[2 * SETTINGS];
	double between = 0, within = 0;

	(void)state;
	struct pw1_random random = pw1_seeded(5);
	struct calibrate_fit fit = fitted(data, drawn(data, 2, U_MM, 0, 0, &random));
	for (unsigned i = 0; i < SETTINGS; i++) {
		double a = data[i].residual_mm, b = data[SETTINGS + i].residual_mm, mean = (a + b) / 2;
		between += 2 * mean * mean;
		within += (a - mean) * (a - mean) + (b - mean) * (b - mean);
	}
	check_near(fit.lack.f, between / (SETTINGS - 3) / (within / SETTINGS), 1e-9);
	check_near(fit.lack.rms_mm, sqrt(between / 2 / (SETTINGS - 3)), 1e-12);
}

/* Good calibrations: neither alarm more often than it says. */
static void good_ones_are_left_alone(void **state)
{
	struct calibrate_datum data[2 * SETTINGS];
	struct pw1_random random = pw1_seeded(2);
	unsigned lacks = 0, contacts = 0, inside = 0, small = 0;
	const unsigned trials = 2000;

	(void)state;
	for (unsigned t = 0; t < trials; t++) {
		struct calibrate_fit fit = fitted(data, drawn(data, 2, U_MM, 0, 0, &random));
		lacks += fit.lack.seen;
		small += fit.lack.p < 0.1;
		contacts += fit.contact_seen;
		inside += fabs(fit.contact_mm) < 2 * fit.u_contact_mm;
	}
	check_less(lacks, 0.015 * trials);                        /* 1 % at most by either test, less by both */
	check_near(small, 0.1 * trials, 4 * sqrt(0.09 * trials)); /* p is one */
	check_less(contacts, 0.01 * trials);
	check_near(inside, 0.9545 * trials, 0.015 * trials + 20); /* u is one, or larger where the scatter was */
}

static void a_zero_that_is_not_the_contact(void **state)
{
	struct calibrate_datum data[2 * SETTINGS];
	struct pw1_random random = pw1_seeded(3);

	(void)state;
	refused(data, drawn(data, 2, U_MM, 0.1, 0, &random), "the forces begin at 0.1");
	refused(data, drawn(data, 1, U_MM, -0.1, 0, &random), "the forces begin at -0.1");
	struct calibrate_fit fit = fitted(data, drawn(data, 2, U_MM / 4, 0.015, 0, &random));
	assert_true(fit.contact_seen);
	check_near(fit.contact_mm, 0.015, 3 * fit.u_contact_mm);
	check_less(fit.u_contact_mm, 0.005);
	/* where the data do not show it that well, nothing is claimed */
	fit = fitted(data, drawn(data, 1, 4 * U_MM, 0.005, 0, &random));
	assert_false(fit.contact_seen);
}

/* `repeats` times from below and from above, which reads `apart_mm` more. */
static unsigned both_ways(struct calibrate_datum *data, unsigned repeats, double apart_mm, struct pw1_random *random)
{
	unsigned n = drawn(data, 2 * repeats, U_MM, 0, 0, random);

	for (unsigned i = 0; i < n; i++) {
		data[i].unloading = i / SETTINGS % 2 == 1;
		data[i].depth_mm += (data[i].unloading ? -0.5 : 0.5) * apart_mm;
	}
	return n;
}

static void hysteresis_is_found_and_is_no_scatter(void **state)
{
	struct calibrate_datum data[4 * SETTINGS];
	struct pw1_random random = pw1_seeded(6);

	(void)state;
	for (unsigned repeats = 1; repeats <= 2; repeats++) {
		struct calibrate_fit fit = fitted(data, both_ways(data, repeats, 0.012, &random));
		assert_true(fit.hysteresis.seen);
		assert_int_equal(fit.hysteresis.settings, SETTINGS);
		check_near(fit.hysteresis.mean_mm, 0.012, 0.002);
		check_near(fit.hysteresis.rms_mm, 0.012, 0.003);
		check_near(fit.hysteresis.largest_mm, 0.016, 0.004);
		assert_int_equal(fit.repeat_dof, repeats == 1 ? 0 : 2 * SETTINGS);
	}
	struct calibrate_fit fit = fitted(data, both_ways(data, 2, 0.012, &random));
	check_near(fit.repeat_mm, U_MM, 0.0008);
	assert_false(fit.lack.seen);
	fit = fitted(data, both_ways(data, 2, -0.012, &random));
	check_near(fit.hysteresis.mean_mm, -0.012, 0.002);
	/* of one direction alone nothing is known */
	fit = fitted(data, drawn(data, 2, U_MM, 0, 0, &random));
	assert_int_equal(fit.hysteresis.settings, 0);
	assert_true(isnan(fit.hysteresis.mean_mm) && isnan(fit.hysteresis.largest_mm) && isnan(fit.hysteresis.p));
	assert_false(fit.hysteresis.seen);
}

/* Without any, p is one, with repeats and without. */
static void no_hysteresis_is_left_alone(void **state)
{
	struct calibrate_datum data[4 * SETTINGS];
	struct pw1_random random = pw1_seeded(7);
	const unsigned trials = 1000;

	(void)state;
	for (unsigned repeats = 1; repeats <= 2; repeats++) {
		unsigned seen = 0, small = 0;
		for (unsigned t = 0; t < trials; t++) {
			struct calibrate_fit fit = fitted(data, both_ways(data, repeats, 0, &random));
			seen += fit.hysteresis.seen;
			small += fit.hysteresis.p < 0.1;
		}
		check_less(seen, 0.02 * trials);
		check_near(small, 0.1 * trials, 4 * sqrt(0.09 * trials));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cubic_is_found),
		cmocka_unit_test(residuals_tell_the_readings_errors),
		cmocka_unit_test(a_wrong_reading_stands_out),
		cmocka_unit_test(what_is_no_curve_is_refused),
		cmocka_unit_test(five_depths_are_enough),
		cmocka_unit_test(a_bend_beyond_the_repeats_is_seen),
		cmocka_unit_test(the_ratio_is_that_of_the_analysis_of_variance),
		cmocka_unit_test(good_ones_are_left_alone),
		cmocka_unit_test(a_zero_that_is_not_the_contact),
		cmocka_unit_test(hysteresis_is_found_and_is_no_scatter),
		cmocka_unit_test(no_hysteresis_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
