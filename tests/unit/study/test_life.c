/* Lives by Weibull's distribution against published fits, and the coverage of their intervals; lines of wear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "rig/measure/draws.h"
#include "rig/measure/statistics.h"
#include "rig/study/life.h"
#include "rig/study/weibull.h"

static void expect(double value, double published, double tolerance)
{
	if (!(fabs(value - published) <= tolerance))
		fail_msg("%.12g, published %.12g", value, published);
}

static unsigned add(struct weibull_life *life, unsigned n, double at, bool failed, unsigned count)
{
	while (count--)
		life[n++] = (struct weibull_life){.life = at, .failed = failed};
	return n;
}

/* NIST/SEMATECH e-Handbook 8.4.1.3: ten failures, ten units removed at 500 hours. */
static void test_nist(void **state)
{
	static const double failed[] = {386, 54, 187, 216, 240, 244, 335, 361, 373, 375};
	struct weibull_life life[20];
	struct weibull_fit fit;
	unsigned n = add(life, 0, 500.0, false, 10);

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		n = add(life, n, failed[i], true, 1);
	assert_int_equal(weibull_fit(life, n, &fit), 0);
	assert_int_equal(fit.failures, 10);
	expect(fit.shape, 1.7208, 5.1e-5);
	expect(fit.scale, 606.5280, 6e-4); /* printed from a fit that stopped at six digits */
	expect(fit.log_likelihood, -75.135, 5.1e-4);
	expect(fit.scale * tgamma(1.0 + 1.0 / fit.shape), 540.737, 6e-4);
}

/* Bearing cages, 1 703 units of which 6 failed [Meeker, Escobar 1998, table C.5, example 8.16]. */
static void test_bearing_cages(void **state)
{
	static const struct {
		double at;
		unsigned count;
		bool failed;
	} row[] = {{50, 288, false},   {150, 148, false}, {230, 1, true},    {250, 124, false}, {334, 1, true},
		   {350, 111, false},  {423, 1, true},    {450, 106, false}, {550, 99, false},  {650, 110, false},
		   {750, 114, false},  {850, 119, false}, {950, 127, false}, {990, 1, true},    {1009, 1, true},
		   {1050, 123, false}, {1150, 93, false}, {1250, 47, false}, {1350, 41, false}, {1450, 27, false},
		   {1510, 1, true},    {1550, 11, false}, {1650, 6, false},  {1850, 1, false},  {2050, 2, false}};
	static struct weibull_life life[1703];
	struct weibull_fit fit;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		n = add(life, n, row[i].at, row[i].failed, row[i].count);
	assert_int_equal(n, 1703);
	assert_int_equal(weibull_fit(life, n, &fit), 0);
	expect(fit.shape, 2.035, 5.1e-4);
	expect(fit.scale, 11792.178, 5.1e-3);
	expect(fit.log_likelihood, -76.436896, 5.1e-7);
	expect(weibull_quantile(&fit, 0.1), 3903.0, 0.51);
}

/* Endurance of 23 ball bearings, all failed [Lawless 2003, example 5.2.1]: shape 2.10, scale 81.9. */
static void test_ball_bearings(void **state)
{
	static const double failed[] = {17.88, 28.92, 33.00,  41.52,  42.12,  45.60,  48.48, 51.84,
					51.96, 54.12, 55.56,  67.80,  68.64,  68.64,  68.88, 84.12,
					93.12, 98.64, 105.12, 105.84, 127.92, 128.04, 173.40};
	struct weibull_life life[23];
	struct weibull_fit fit;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 23; i++)
		n = add(life, n, failed[i], true, 1);
	assert_int_equal(weibull_fit(life, n, &fit), 0);
	expect(fit.shape, 2.10, 5.1e-3);
	expect(fit.scale, 81.9, 5.1e-2);
}

static void test_no_fit(void **state)
{
	struct weibull_life life[4];
	struct weibull_fit fit;
	unsigned n = add(life, 0, 10.0, true, 1);

	(void)state;
	assert_int_equal(weibull_fit(life, 0, &fit), -ENODATA);
	n = add(life, n, 20.0, false, 2);
	assert_int_equal(weibull_fit(life, n, &fit), -ENODATA);
	n = add(life, 0, 10.0, true, 3);
	assert_int_equal(weibull_fit(life, n, &fit), -ENODATA); /* the steepest of all shapes */
	n = add(life, 0, 10.0, true, 2);
	n = add(life, n, 20.0, false, 1);
	assert_int_equal(weibull_fit(life, n, &fit), 0);
}

/* A unit that lives longer in other units of time does so by the same shape, and its limits go with it. */
static void test_units_of_time(void **state)
{
	static struct weibull_pivots pivots;
	struct weibull_life life[8], thousand[8];
	struct weibull_fit fit, other;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		life[i] = (struct weibull_life){.life = 1.0 + i * i, .failed = i % 3 != 2};
		thousand[i] = (struct weibull_life){.life = 1e300 * life[i].life, .failed = life[i].failed};
	}
	assert_int_equal(weibull_fit(life, 8, &fit), 0);
	assert_int_equal(weibull_fit(thousand, 8, &other), 0);
	expect(other.shape / fit.shape, 1.0, 1e-9);
	expect(other.scale / fit.scale / 1e300, 1.0, 1e-9);
	weibull_pivots(life, 8, &pivots);
	struct interval a = weibull_life_interval(&fit, &pivots, 0.1, 0.95),
			b = weibull_life_interval(&other, &pivots, 0.1, 0.95);
	expect(b.lo / a.lo / 1e300, 1.0, 1e-9);
	assert_true(a.lo < a.value && a.value < a.hi);
}

/* A test that ends with its fifth failure of ten: the intervals are exact, whatever the shape. */
static void test_coverage(void **state)
{
	enum { TRIALS = 1000, UNITS = 10, FAILURES = 5 };
	static struct weibull_pivots pivots;
	unsigned shape = 0, tenth = 0;
	struct draws draws;

	(void)state;
	draws_seed(&draws, 5);
	for (unsigned t = 0; t < TRIALS; t++) {
		struct weibull_life life[UNITS];
		struct weibull_fit fit;
		for (unsigned i = 0; i < UNITS; i++)
			life[i] = (struct weibull_life){7.0 * pow(-log(draws_uniform(&draws)), 1.0 / 1.5), true, 0.0};
		assert_int_equal(weibull_fit(life, UNITS, &fit), 0); /* sorts them */
		for (unsigned i = FAILURES; i < UNITS; i++)
			life[i] = (struct weibull_life){.life = life[FAILURES - 1].life};
		assert_int_equal(weibull_fit(life, UNITS, &fit), 0);
		if (t == 0)
			weibull_pivots(life, UNITS, &pivots);
		struct interval s = weibull_shape_interval(&fit, &pivots, 0.95),
				b = weibull_life_interval(&fit, &pivots, 0.1, 0.95);
		shape += s.lo <= 1.5 && 1.5 <= s.hi;
		double truth = 7.0 * pow(-log(0.9), 1.0 / 1.5);
		tenth += b.lo <= truth && truth <= b.hi;
	}
	expect((double)shape / TRIALS, 0.95, 0.02);
	expect((double)tenth / TRIALS, 0.95, 0.02);
}

/* ---- lines of wear -------------------------------------------------------------------------------------------------- */

/* Four points by hand. */
static void test_line(void **state)
{
	const struct life_value v[] = {{0, 1, 0}, {1, 1, 0}, {2, 5, 0}, {3, 5, 0}};
	struct life_drift d;

	(void)state;
	assert_int_equal(life_drift(v, 4, 0.95, &d), 0);
	expect(d.slope.value, 1.6, 1e-12);
	expect(d.sd, sqrt(3.2 / 2.0), 1e-12);
	expect(d.slope.hi - d.slope.value, 4.302652730 * d.sd / sqrt(5.0), 1e-8);
	assert_int_equal(life_drift(v, 2, 0.95, &d), -ENODATA);
}

/* A new cartridge reaches deeper: that is no wear, and none of it hides the wear. */
static void test_cartridges(void **state)
{
	const struct life_value v[] = {{1, 0.9, 0}, {2, 0.8, 0}, {3, 0.7, 0}, {4, 2.6, 1}, {5, 2.5, 1}},
				few[] = {{1, 0.9, 0}, {2, 0.8, 1}, {3, 0.7, 2}};
	struct life_drift d;

	(void)state;
	assert_int_equal(life_drift(v, 5, 0.95, &d), 0);
	assert_true(d.levels_apart);
	expect(d.slope.value, -0.1, 1e-12);
	expect(d.dof, 2.0, 0.0);
	struct interval left = life_left(&d, 2.0, NAN, 6.0, 0.0, 0.95);
	expect(left.value, 4.0, 1e-9);
	assert_int_equal(life_drift(few, 3, 0.95, &d), 0);
	assert_false(d.levels_apart);
}

static void test_left(void **state)
{
	const struct life_value v[] = {{0, 0.01, 0}, {1, 0.09, 0}, {2, 0.21, 0}, {3, 0.29, 0}, {4, 0.41, 0}};
	struct life_drift d;

	(void)state;
	assert_int_equal(life_drift(v, 5, 0.95, &d), 0);
	struct interval left = life_left(&d, -1.0, 1.0, 4.0, 0.0, 0.95),
			wide = life_left(&d, -1.0, 1.0, 4.0, 0.1, 0.95),
			away = life_left(&d, -1.0, NAN, 4.0, 0.0, 0.95), met = life_left(&d, NAN, 0.3, 4.0, 0.0, 0.95);
	/* each limit lies where the band of the line meets it */
	double t = 3.182446305, ends[] = {left.lo, left.hi};
	for (unsigned i = 0; i < 2; i++) {
		double at = 4.0 + ends[i] - d.mean_strokes, line = d.mean_value + d.slope.value * at;
		expect(fabs(1.0 - line), t * d.sd * sqrt(1.0 / 5 + at * at / d.spread), 1e-7);
	}
	assert_true(left.lo < left.value && left.value < left.hi && wide.lo < left.lo && wide.hi > left.hi);
	assert_true(isinf(away.value) && isinf(away.lo));
	expect(met.value, 0.0, 0.0);
	expect(met.lo, 0.0, 0.0);
}

/* A limit that the whole band has left behind is met for sure; one that the line comes back from is not met. */
static void test_met(void **state)
{
	const struct life_value rises[] = {{0, 0.0, 0}, {1, 1.01, 0}, {2, 1.99, 0},
					   {3, 3.0, 0}, {4, 4.01, 0}, {5, 4.99, 0}};
	const struct life_value falls[] = {{0, 5.0, 0}, {1, 4.01, 0}, {2, 3.0, 0}, {3, 1.99, 0}, {4, 1.0, 0}};
	struct life_drift d;

	(void)state;
	assert_int_equal(life_drift(rises, 6, 0.95, &d), 0);
	struct interval left = life_left(&d, NAN, 3.0, 5.5, 0.0, 0.95), both = life_left(&d, -9.0, 3.0, 5.5, 0.0, 0.95);
	expect(left.value, 0.0, 0.0);
	expect(left.hi, 0.0, 0.0);
	expect(both.hi, 0.0, 0.0);
	double just = d.mean_value + d.slope.value * (5.5 - d.mean_strokes) - 1e-4;
	left = life_left(&d, NAN, just, 5.5, 0.0, 0.95); /* met, but its band is not beyond it */
	expect(left.value, 0.0, 0.0);
	assert_true(left.hi > 0.0);
	assert_int_equal(life_drift(falls, 5, 0.95, &d), 0);
	left = life_left(&d, NAN, 2.5, 4.5, 0.0, 0.95);
	assert_true(isinf(left.value) && isinf(left.lo));
}

/* Where no wear is seen there may be no end; but how many there are at least is known. */
static void test_no_wear(void **state)
{
	const struct life_value v[] = {{0, 0.01, 0}, {1, -0.01, 0}, {2, 0.012, 0}, {3, -0.008, 0}, {4, 0.01, 0}};
	struct life_drift d;

	(void)state;
	assert_int_equal(life_drift(v, 5, 0.95, &d), 0);
	assert_true(d.slope.lo < 0.0 && d.slope.hi > 0.0);
	struct interval left = life_left(&d, -0.15, 0.15, 4.0, 0.0, 0.95);
	assert_true(isinf(left.hi) && left.lo > 1.0 && left.lo < 30.0);
}

/* Held against a Nelder-Mead search in scipy 1.10 over a likelihood of its own: [2.01182383, 2688.07715], -20.966770945511. */
static void test_intervals(void **state)
{
	struct weibull_life life[] = {
		{900, true, 900}, {1500, true, 600},  {2100, true, 600},  {2100, true, 600},  {2600, true, 500},
		{1800, true, 0},  {3000, false, 0.0}, {3000, false, 0.0}, {2600, false, 0.0}, {1200, false, 0.0},
	};
	struct weibull_fit fit;

	(void)state;
	assert_int_equal(weibull_fit(life, 10, &fit), 0);
	expect(fit.shape, 2.01182383, 1e-8);
	expect(fit.scale, 2688.07715, 1e-4);
	expect(fit.log_likelihood, -20.966770945511, 1e-10);
	assert_int_equal(fit.failures, 6);
}

/* Narrow intervals are exact lives; their probability is the density times their width. */
static void test_narrow_intervals(void **state)
{
	struct weibull_life life[8], narrow[8];
	struct weibull_fit fit, other;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		double at = 1.0 + i * i;
		life[i] = (struct weibull_life){.life = at, .failed = i % 3 != 2};
		narrow[i] = (struct weibull_life){at + 5e-7 * at, i % 3 != 2, 1e-6 * at};
	}
	assert_int_equal(weibull_fit(life, 8, &fit), 0);
	assert_int_equal(weibull_fit(narrow, 8, &other), 0);
	expect(other.shape / fit.shape, 1.0, 2e-6);
	expect(other.scale / fit.scale, 1.0, 2e-6);
}

/* Where all may have failed at one life that nobody outlived, any steepness is likely; where they may have failed at once, any flatness. */
static void test_intervals_that_say_nothing(void **state)
{
	struct weibull_life overlap[] = {{30, true, 20}, {25, true, 15}, {12, false, 0}};
	struct weibull_life outlived[] = {{30, true, 20}, {25, true, 15}, {28, false, 0}};
	struct weibull_life first[] = {{30, true, 30}, {30, true, 30}, {30, true, 30}};
	struct weibull_life at_once[] = {{30, true, 30}, {25, true, 25}, {50, false, 0}, {80, false, 0}};
	struct weibull_fit fit;

	(void)state;
	assert_int_equal(weibull_fit(overlap, 3, &fit), -ENODATA);
	assert_int_equal(weibull_fit(first, 3, &fit), -ENODATA);
	assert_int_equal(weibull_fit(at_once, 4, &fit), -ENODATA); /* the flattest of all shapes */
	assert_int_equal(weibull_fit(outlived, 3, &fit), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nist),
		cmocka_unit_test(test_bearing_cages),
		cmocka_unit_test(test_ball_bearings),
		cmocka_unit_test(test_no_fit),
		cmocka_unit_test(test_units_of_time),
		cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_cartridges),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_met),
		cmocka_unit_test(test_no_wear),
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_narrow_intervals),
		cmocka_unit_test(test_intervals_that_say_nothing),
	};

	statistics_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
