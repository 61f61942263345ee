/* Propagation of distributions against JCGM 101, 9.2, and closed forms. */
#include <stdio.h>
#include <string.h>

#include <gsl/gsl_cdf.h>

#include "tests/unit/measure/check.h"

#include "rig/measure/monte_carlo.h"
#include "rig/measure/statistics.h"

static struct result result_of(enum measurand id, double value)
{
	struct result r = {.valid = true, .trusted = true, .value = value};

	result_name(&r, id, "");
	return r;
}

static void line(struct result *r, const char *name, double u, double dof)
{
	struct budget_line *l = &r->budget[r->budget_lines++];

	*l = (struct budget_line){.u = u, .dof = dof};
	snprintf(l->name, sizeof(l->name), "%s", name);
	result_combine(r);
}

static struct carlo_outcome draw(const struct result *r, struct carlo_setup setup)
{
	struct carlo_outcome outcome;

	setup.trials = setup.trials ? setup.trials : 200000;
	assert_int_equal(monte_carlo(r, &setup, &outcome), 0);
	return outcome;
}

/* Y = X1 + X2 + X3 + X4, all normal with u = 1: 0, 2.0, [-3.92, 3.92]; validated with two digits. */
static void jcgm_101_9_2_2_normal(void **state)
{
	struct result r = result_of(MEASURAND_PEAK_FORCE, 0.0);
	struct carlo_outcome o;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		line(&r, "repeatability", 1.0, INFINITY);
	o = draw(&r, (struct carlo_setup){.seed = 1, .trials = 1000000});
	check_near(o.mean, 0.0, 0.01);
	check_near(o.sd, 2.0, 0.01);
	check_near(o.lower, -3.92, 0.03);
	check_near(o.upper, 3.92, 0.03);
	check_near(o.even_lower, -3.92, 0.015);
	check_near(o.even_upper, 3.92, 0.015);
	check_near(o.tolerance, 0.05, 1e-12);
	assert_int_equal(o.opinion, CARLO_GOOD_ENOUGH);
	assert_int_equal(o.trials, 1000000);
}

/* The same, rectangular: [-3.88, 3.88]; the first order's [-3.92, 3.92] is within 0.05, but not within 0.005. */
static void jcgm_101_9_2_3_rectangular(void **state)
{
	struct result r = result_of(MEASURAND_PEAK_FORCE, 0.0);
	struct carlo_outcome o;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		line(&r, "resolution", 1.0, INFINITY);
	o = draw(&r, (struct carlo_setup){.seed = 2, .trials = 1000000});
	check_near(o.sd, 2.0, 0.005);
	check_near(0.5 * (o.upper - o.lower), 3.88, 0.01);
	check_near(o.lower, -3.88, 0.03);
	check_near(o.upper, 3.88, 0.03);
	check_near(o.apart, 0.04, 0.01);
	assert_int_equal(o.opinion, CARLO_GOOD_ENOUGH);
}

/* One of them ten times as wide: [-17.0, 17.0] where the first order has 19.9. */
static void jcgm_101_9_2_4_one_dominates(void **state)
{
	struct result r = result_of(MEASURAND_PEAK_FORCE, 0.0);
	struct carlo_outcome o;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		line(&r, "resolution", i == 3 ? 10.0 : 1.0, INFINITY);
	o = draw(&r, (struct carlo_setup){.seed = 3, .trials = 1000000});
	check_near(r.u, 10.1, 0.05);
	check_near(o.sd, sqrt(103.0), 0.02);
	check_near(o.lower, -17.0, 0.1);
	check_near(o.upper, 17.0, 0.1);
	check_near(r.expanded_u, 19.9, 0.05);
	check_near(o.tolerance, 0.5, 1e-12);
	assert_int_equal(o.opinion, CARLO_NOT_GOOD);
}

static void single_lines_have_their_own_quantiles(void **state)
{
	const struct {
		enum measurand id;
		const char *name;
		double dof;
		bool measured;
		double half; /* of the 95 % interval, in u */
	} lines[] = {
		{MEASURAND_PEAK_FORCE, "repeatability", INFINITY, false, 1.959964},
		{MEASURAND_PEAK_FORCE, "repeatability", 4.0, false, 2.776445},
		{MEASURAND_PEAK_FORCE, "repeatability", 1.0, false, 12.7062},
		{MEASURAND_PEAK_FORCE, "by no name", 9.0, false, 2.262157},
		{MEASURAND_PEAK_FORCE, "wear", INFINITY, false, 1.645448},
		{MEASURAND_PEAK_FORCE, "drift", INFINITY, false, 1.645448},
		{MEASURAND_PEAK_FORCE, "temperature", INFINITY, false, 1.645448},
		{MEASURAND_PEAK_FORCE, "interpolation", INFINITY, false, 1.645448},
		{MEASURAND_PEAK_FORCE, "clock", INFINITY, false, 1.645448},
		{MEASURAND_PEAK_FORCE, "clock", INFINITY, true, 1.959964},
		{MEASURAND_STROKE_RATE, "clock", INFINITY, false, 1.645448},
		{MEASURAND_STROKE_RATE, "clock", INFINITY, true, 1.959964},
		{MEASURAND_STROKE_RATE, "resolution", INFINITY, true, 1.645448},
		{MEASURAND_PEAK_FORCE, "hum", INFINITY, false, 1.409855},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct result r = result_of(lines[i].id, 50.0);

		line(&r, lines[i].name, 1e-4, lines[i].dof);
		struct carlo_outcome o = draw(&r, (struct carlo_setup){.seed = i, .clock_measured = lines[i].measured});
		double half = lines[i].half * 1e-4, tolerance = 4.0 * o.s;

		check_near(50.0 - o.even_lower, half, tolerance);
		check_near(o.even_upper - 50.0, half, tolerance);
		check_less(o.s, (lines[i].dof == 1.0 ? 0.25 : 0.02) * 1e-4);
	}
}

/* The scatter that s promises, over seeds. */
static void s_is_the_scatter_of_an_end(void **state)
{
	struct result r = result_of(MEASURAND_PEAK_FORCE, 0.0);
	struct moments ends = {.n = 0};
	double promised = 0.0;

	(void)state;
	line(&r, "repeatability", 1.0, 12.0);
	for (unsigned seed = 0; seed < 100; seed++) {
		struct carlo_outcome o = draw(&r, (struct carlo_setup){.seed = seed, .trials = 10000});

		moments_add(&ends, o.even_upper);
		promised += o.s / 100.0;
	}
	check_near(moments_sd(&ends) / promised, 1.0, 0.25);
	check_near(ends.mean, student_k(12.0), 4.0 * promised / sqrt(100.0));
}

/* F = 0.3 (exp(0.8 d) - 1), in so many points that the curve's own error does not count. */
static struct curve *exponential(void)
{
	struct curve_set set = {.rates = 1};
	struct curve *curve;

	set.at[0].rate_hz = 120.0;
	set.at[0].points = CURVE_POINTS_MAX;
	for (unsigned i = 0; i < CURVE_POINTS_MAX; i++) {
		set.at[0].depth_mm[i] = 2.5 * i / (CURVE_POINTS_MAX - 1);
		set.at[0].force_n[i] = 0.3 * expm1(0.8 * set.at[0].depth_mm[i]);
	}
	assert_int_equal(curve_new(&set, 120.0, &curve), 0);
	return curve;
}

static double depth_of(double force_n)
{
	return log1p(force_n / 0.3) / 0.8;
}

/* Of one input the ends go through the curve as it does itself. */
static void a_depth_goes_through_the_curve(void **state)
{
	const struct {
		enum measurand id;
		const char *name;
		double dof, quantile;
		int how; /* 0: scales the force, 1: scales the curve, 2: adds force, 3: adds depth */
	} lines[] = {
		{MEASURAND_DEPTH, "calibration", INFINITY, 1.959964, 0},
		{MEASURAND_DEPTH_TOLERANCE_HI, "temperature", INFINITY, 1.645448, 0},
		{MEASURAND_DEPTH_TOLERANCE_LO, "curve", INFINITY, 1.959964, 1},
		{MEASURAND_DEPTH_MAX, "template", INFINITY, 1.959964, 2},
		{MEASURAND_DEPTH_ERROR, "zero", INFINITY, 1.959964, 2},
		{MEASURAND_DEPTH, "cell", INFINITY, 1.959964, 2},
		{MEASURAND_DEPTH, "resolution", INFINITY, 1.959964, 2},
		{MEASURAND_DEPTH, "hum", INFINITY, 1.409855, 2},
		{MEASURAND_DEPTH_ERROR, "calibration", INFINITY, 1.959964, 0},
		{MEASURAND_DEPTH, "repeatability", 6.0, 2.446912, 3},
		{MEASURAND_DEPTH, "curve fit", INFINITY, 1.959964, 3},
		{MEASURAND_DEPTH, "depth reference", INFINITY, 1.959964, 3},
		{MEASURAND_DEPTH, "wear", INFINITY, 1.645448, 3},
	};
	struct curve *curve = exponential();
	double force_n = 0.3 * expm1(0.8), slope = 0.24 * exp(0.8), scale = force_n / slope, u = 0.15;

	(void)state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		double setpoint = lines[i].id == MEASURAND_DEPTH_ERROR ? 1.2 : 0.0, end[2];
		struct result r = result_of(lines[i].id, 1.0 - setpoint);

		line(&r, lines[i].name, u, lines[i].dof);
		struct carlo_outcome o =
			draw(&r, (struct carlo_setup){.seed = i, .curve = curve, .setpoint_mm = setpoint});

		for (unsigned k = 0; k < 2; k++) {
			double x = (k ? u : -u) * lines[i].quantile, shifted = force_n;

			if (lines[i].how == 1)
				shifted /= 1.0 - x / scale;
			else if (lines[i].how < 3)
				shifted += lines[i].how ? slope * x : force_n * x / scale;
			end[k] = (lines[i].how == 3 ? 1.0 + x : depth_of(shifted)) - setpoint;
		}
		check_near(o.even_lower, end[0], 4.0 * o.s + 1e-5);
		check_near(o.even_upper, end[1], 4.0 * o.s + 1e-5);
		check_less(fabs(o.outside), 1e-2);
	}
	curve_free(curve);
}

static void where_the_first_order_is_not_good_enough(void **state)
{
	struct curve *curve = exponential();
	struct result r = result_of(MEASURAND_DEPTH, 1.0);
	struct carlo_outcome o;

	(void)state;
	line(&r, "calibration", 0.1, INFINITY);
	o = draw(&r, (struct carlo_setup){.seed = 5, .curve = curve});
	assert_int_equal(o.opinion, CARLO_NOT_GOOD);
	check_less(o.mean, 1.0 - 0.001); /* a concave inverse: the mean is below */
	double below = fabs(1.0 - r.expanded_u - o.even_lower), above = fabs(1.0 + r.expanded_u - o.even_upper);

	check_near(o.apart, fmax(below, above), 1e-15);
	check_less(1.05 * fmin(below, above), o.apart); /* else neither is told from the other */
	o = draw(&r, (struct carlo_setup){.seed = 5});  /* without the curve nothing is bent */
	assert_int_equal(o.opinion, CARLO_GOOD_ENOUGH);
	o = draw(&r, (struct carlo_setup){.seed = 5, .trials = CARLO_TRIALS_MIN});
	assert_int_equal(o.opinion, CARLO_TOO_FEW);
	assert_int_equal(o.trials, CARLO_TRIALS_MIN);
	curve_free(curve);
}

/* So few trials put an end farther off than the tolerance, and that is no reason to blame the first order. */
static void chance_is_no_difference(void **state)
{
	struct result r = result_of(MEASURAND_PEAK_FORCE, 1.0);
	unsigned count[CARLO_TOO_FEW + 1] = {0};

	(void)state;
	line(&r, "repeatability", 0.099, INFINITY);
	for (unsigned seed = 0; seed < 30; seed++) {
		struct carlo_outcome o = draw(&r, (struct carlo_setup){.seed = seed, .trials = CARLO_TRIALS_MIN});

		check_less(o.tolerance, o.s);
		count[o.opinion]++;
	}
	assert_int_equal(count[CARLO_GOOD_ENOUGH], 0);
	assert_true(count[CARLO_NOT_GOOD] <= 6);
}

static void beyond_the_curve_by_its_slope(void **state)
{
	struct curve *curve = exponential();
	struct result r = result_of(MEASURAND_DEPTH, 2.49);
	struct carlo_outcome o;

	(void)state;
	line(&r, "zero", 0.01, INFINITY);
	o = draw(&r, (struct carlo_setup){.seed = 6, .curve = curve});
	check_near(o.outside, gsl_cdf_ugaussian_Q(1.0), 0.01);
	check_near(o.even_upper, 2.49 + 0.0196, 2e-4);
	r.value = 2.6; /* itself beyond: all is linear */
	o = draw(&r, (struct carlo_setup){.seed = 6, .curve = curve});
	check_near(o.outside, 0.0, 0.0);
	check_near(o.even_upper - 2.6, 2.6 - o.even_lower, 4.0 * o.s);
	curve_free(curve);
}

/* R = fs (n - 1) / (t_n - t_1): the clock scales it, the instants divide. */
static void a_rate_is_scaled_and_divided(void **state)
{
	struct result r = result_of(MEASURAND_STROKE_RATE, 100.0),
		      error = result_of(MEASURAND_STROKE_RATE_ERROR, -20.0);
	struct carlo_outcome o;

	(void)state;
	line(&r, "repeatability", 10.0, INFINITY);
	o = draw(&r, (struct carlo_setup){.seed = 7});
	check_near(o.even_upper, 100.0 / (1.0 - 0.1959964), 4.0 * o.s);
	check_near(o.even_lower, 100.0 / (1.0 + 0.1959964), 4.0 * o.s);
	line(&error, "repeatability", 8.0, INFINITY);
	o = draw(&error, (struct carlo_setup){.seed = 7});
	check_near(o.even_upper, 80.0 / (1.0 - 0.1959964) - 100.0, 4.0 * o.s);
	error.value = -100.0; /* a rate of 0 scales nothing */
	o = draw(&error, (struct carlo_setup){.seed = 7});
	check_near(o.even_upper, -100.0 + 15.68, 4.0 * o.s);
	struct result clock = result_of(MEASURAND_STROKE_RATE, 100.0);

	line(&clock, "clock", 10.0, INFINITY);
	o = draw(&clock, (struct carlo_setup){.seed = 7, .clock_measured = true});
	check_near(o.even_upper, 100.0 + 19.6, 4.0 * o.s);
}

static void correlated_lines_are_drawn_together(void **state)
{
	const double r[] = {1.0, 0.5, -0.5, -1.0 + 1e-12};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct result y = result_of(MEASURAND_PEAK_FORCE, 0.0);

		line(&y, "zero", 3.0, INFINITY);
		line(&y, "repeatability", 0.5, INFINITY);
		line(&y, "calibration", 4.0, INFINITY);
		y.pairs = 1;
		y.pair[0] = (struct budget_pair){0, 2, r[i]};
		result_combine(&y);
		check_near(draw(&y, (struct carlo_setup){.seed = i}).sd / y.u, 1.0, 0.008);
	}
	struct result group = result_of(MEASURAND_PEAK_FORCE, 0.0);

	for (unsigned i = 0; i < 3; i++) {
		line(&group, "calibration", 1.0 + i, INFINITY);
		group.budget[i].correlation = 1;
	}
	line(&group, "zero", 2.0, INFINITY);
	check_near(group.u, sqrt(40.0), 1e-12);
	check_near(draw(&group, (struct carlo_setup){.seed = 9}).sd / group.u, 1.0, 0.008);
	/* GUM H.2's signs: of three, each tied to the others. */
	struct result three = result_of(MEASURAND_PEAK_FORCE, 0.0);

	for (unsigned i = 0; i < 3; i++)
		line(&three, "calibration", 1.0 + i, INFINITY);
	three.pairs = 3;
	three.pair[0] = (struct budget_pair){0, 1, -0.36};
	three.pair[1] = (struct budget_pair){0, 2, 0.86};
	three.pair[2] = (struct budget_pair){1, 2, -0.65};
	result_combine(&three);
	check_near(draw(&three, (struct carlo_setup){.seed = 10}).sd / three.u, 1.0, 0.008);
}

static void the_seed_decides(void **state)
{
	struct result r = result_of(MEASURAND_PEAK_FORCE, 1.0);
	struct carlo_outcome a, b, c;

	(void)state;
	line(&r, "repeatability", 0.1, 5.0);
	line(&r, "resolution", 0.1, INFINITY);
	a = draw(&r, (struct carlo_setup){.seed = 42, .trials = 50000});
	b = draw(&r, (struct carlo_setup){.seed = 42, .trials = 50000});
	c = draw(&r, (struct carlo_setup){.seed = 43, .trials = 50000});
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(a.mean != c.mean && a.lower != c.lower);
	assert_int_equal(draw(&r, (struct carlo_setup){.trials = 55001}).trials, 60000);
}

static void tolerances_of_two_digits(void **state)
{
	const double u[] = {2.0, 0.00712, 0.0996, 98.4, 1e-5}, half[] = {0.05, 0.00005, 0.005, 0.5, 0.5e-6};

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct result r = result_of(MEASURAND_PEAK_FORCE, 1.0);

		line(&r, "repeatability", u[i], INFINITY);
		check_near(draw(&r, (struct carlo_setup){.trials = CARLO_TRIALS_MIN}).tolerance, half[i],
			   1e-9 * half[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jcgm_101_9_2_2_normal),
		cmocka_unit_test(jcgm_101_9_2_3_rectangular),
		cmocka_unit_test(jcgm_101_9_2_4_one_dominates),
		cmocka_unit_test(single_lines_have_their_own_quantiles),
		cmocka_unit_test(s_is_the_scatter_of_an_end),
		cmocka_unit_test(a_depth_goes_through_the_curve),
		cmocka_unit_test(where_the_first_order_is_not_good_enough),
		cmocka_unit_test(chance_is_no_difference),
		cmocka_unit_test(beyond_the_curve_by_its_slope),
		cmocka_unit_test(a_rate_is_scaled_and_divided),
		cmocka_unit_test(correlated_lines_are_drawn_together),
		cmocka_unit_test(the_seed_decides),
		cmocka_unit_test(tolerances_of_two_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
