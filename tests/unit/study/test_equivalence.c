/* Benches held against each other: figures by hand, and how often a bench that is off is flagged. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rig/measure/draws.h"
#include "rig/study/equivalence.h"

#define TRIALS 20000

static void near(double value, double wanted, double allowed)
{
	if (!(fabs(value - wanted) <= allowed))
		fail_msg("%.12g, expected %.12g", value, wanted);
}

static void test_by_hand(void **state)
{
	/* two pens, three benches; the third did not see the second pen */
	const struct equivalence_value x[] = {{1.000, 0.003}, {1.004, 0.004}, {1.020, 0.006},
					      {2.000, 0.003}, {2.002, 0.004}, {NAN, NAN}};
	struct equivalence e;

	(void)state;
	equivalence_of(x, 2, 3, 2, 0, &e);
	assert_int_equal(e.pens, 1);
	near(e.difference, 0.020, 1e-12);
	near(e.en, 0.020 / sqrt(0.003 * 0.003 + 0.006 * 0.006), 1e-9);
	assert_true(isnan(e.scatter));
	equivalence_of(x, 2, 3, 1, 0, &e);
	near(e.difference, 0.003, 1e-12);
	near(e.scatter, sqrt(2.0) * 0.001, 1e-12);
	near(e.en, 0.003 / 0.005, 1e-9);
	equivalence_of(x, 2, 3, 2, -1, &e); /* against the mean of both others */
	near(e.difference, 0.018, 1e-12);
	near(e.u_ref, 0.0025, 1e-12);
	equivalence_of(x, 2, 3, 0, 0, &e); /* the reference itself */
	assert_int_equal(e.pens, 0);
	assert_true(isnan(e.en));
}

/* Each bench has one error for all its pens. A bench 20 um off, U of 8 um of each: flagged as often as is said; the others seldom. */
static void test_power(void **state)
{
	struct draws d;
	unsigned flagged = 0, alarms = 0;
	struct equivalence e;

	(void)state;
	draws_seed(&d, 7);
	for (unsigned t = 0; t < TRIALS; t++) {
		double error[2] = {0.004 * draws_normal(&d), 0.004 * draws_normal(&d)};
		struct equivalence_value x[6];
		for (unsigned p = 0; p < 3; p++)
			for (unsigned b = 0; b < 2; b++)
				x[2 * p + b] = (struct equivalence_value){1.0 + p + error[b], 0.008};
		equivalence_of(x, 3, 2, 1, 0, &e);
		alarms += fabs(e.en) > 1.0;
		for (unsigned p = 0; p < 3; p++)
			x[2 * p + 1].value += 0.020;
		equivalence_of(x, 3, 2, 1, 0, &e);
		flagged += fabs(e.en) > 1.0;
	}
	near((double)flagged / TRIALS, equivalence_power(0.020, 0.008 * sqrt(2.0)), 0.01);
	near((double)alarms / TRIALS, 0.0455, 0.006);
	near(equivalence_power(e.found_offset, 0.008 * sqrt(2.0)), 0.8, 1e-9);
}

/* Two pens that were mixed up have no mean difference. All of U is the pens' own here, which is the worst case for false alarms. */
static void test_scatter(void **state)
{
	const struct equivalence_value mixed[] = {{1.0, 0.02}, {1.3, 0.02}, {1.3, 0.02}, {1.0, 0.02}};
	struct draws d;
	struct equivalence e;
	unsigned alarms = 0;

	(void)state;
	equivalence_of(mixed, 2, 2, 1, 0, &e);
	near(e.en, 0.0, 1e-12);
	near(e.scatter, 0.3 * sqrt(2.0), 1e-12);
	near(e.scatter_max, 0.01 * sqrt(2.0) * 2.5758293035489, 1e-9);
	equivalence_of(mixed, 1, 2, 1, 0, &e);
	assert_true(isnan(e.scatter_max));
	draws_seed(&d, 8);
	for (unsigned t = 0; t < TRIALS; t++) {
		struct equivalence_value x[10];
		for (unsigned i = 0; i < 10; i++)
			x[i] = (struct equivalence_value){1.0 + 0.004 * draws_normal(&d), 0.008};
		equivalence_of(x, 5, 2, 1, 0, &e);
		alarms += e.scatter > e.scatter_max;
	}
	near((double)alarms / TRIALS, 0.01, 0.003);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_hand), cmocka_unit_test(test_power),
					   cmocka_unit_test(test_scatter)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
