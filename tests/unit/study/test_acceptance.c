/* Sampling plans against published tables and against scipy 1.10's distributions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rig/measure/distribution.h"
#include "rig/measure/draws.h"
#include "rig/study/acceptance.h"

static void near(double value, double wanted, double allowed)
{
	if (!(fabs(value - wanted) <= allowed))
		fail_msg("%.15g, expected %.15g", value, wanted);
}

/* [Montgomery, Introduction to Statistical Quality Control, table 15.2: n = 89, c = 2] */
static void test_textbook(void **state)
{
	static const double chance[] = {0.9897, 0.9397, 0.7366, 0.4985, 0.3042, 0.1721, 0.0919, 0.0468, 0.0230, 0.0109};
	static const double percent[] = {0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9};
	const struct acceptance_plan plan = {.n = 89, .c = 2};

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		near(acceptance_chance(&plan, 0.01 * percent[i]), chance[i], 0.5e-4);
}

/* [MIL-STD-105E and ISO 2859-1, tables X-J-1: code letter J, n = 80, AQL 0.15, 0.65 and 1.0] Per cent nonconforming. */
static void test_standard(void **state)
{
	static const double chance[] = {0.99, 0.95, 0.90, 0.75, 0.50, 0.25, 0.10, 0.05, 0.01};
	static const double share[][9] = {{0.013, 0.064, 0.132, 0.359, 0.863, 1.72, 2.84, 3.68, 5.59},
					  {0.187, 0.446, 0.667, 1.20, 2.09, 3.33, 4.78, 5.79, 8.01},
					  {0.550, 1.03, 1.38, 2.16, 3.33, 4.84, 6.52, 7.66, 10.1}};

	(void)state;
	for (unsigned c = 0; c < 3; c++)
		for (unsigned i = 0; i < 9; i++) {
			const struct acceptance_plan plan = {.n = 80, .c = c};
			double digit = share[c][i] < 1.0 ? 0.001 : share[c][i] < 10.0 ? 0.01 : 0.1;
			near(100.0 * acceptance_share(&plan, chance[i]), share[c][i], 0.6 * digit);
		}
}

static void test_counted_lot(void **state)
{
	const struct acceptance_plan plan = {.n = 50, .c = 2, .lot = 500}, all = {.n = 10, .c = 0, .lot = 10};

	(void)state;
	near(acceptance_chance(&plan, 0.02), 0.9317299835988839, 1e-12);
	near(acceptance_chance(&all, 0.1), 0.0, 0.0); /* every unit is looked at */
}

/* One-sided tolerance factors [Odeh and Owen; ISO 16269-6]: accepted with 5 % where 5 % lie beyond. */
static void test_variables(void **state)
{
	static const struct {
		unsigned n;
		double k;
	} factor[] = {{10, 2.9110}, {50, 2.0650}, {100, 1.9265}};

	(void)state;
	near(student_noncentral_below(9.205390268750152, 9, 5.201483878755574), 0.950003685829842, 1e-11);
	near(student_noncentral_below(5, 4, 3), 0.8006175480725889, 1e-11);
	near(student_noncentral_below(-1, 7, 0.5), 0.07810220220087771, 1e-11);
	near(student_noncentral_below(14.6, 49, 12), 0.9236327434732815, 1e-11);
	for (unsigned i = 0; i < 3; i++) {
		const struct acceptance_plan plan = {.variables = true, .n = factor[i].n, .k = factor[i].k};
		near(acceptance_chance(&plan, 0.05), 0.05, 5e-5);
	}
	const struct acceptance_plan known = {.variables = true, .sigma_known = true, .n = 16, .k = 1.5};
	near(acceptance_chance(&known, 1.0 - normal_below(1.5)), 0.5, 1e-12); /* at the mean that k asks for */
	near(acceptance_chance(&known, 1.0 - normal_below(2.0)), normal_below(2.0), 1e-12);
	const struct acceptance_plan unknown = {.variables = true, .n = 20, .k = 1.69};
	near(acceptance_chance(&unknown, 0.02), 0.8626027462401884, 1e-9);
}

static void test_measured(void **state)
{
	const struct acceptance_measuring m = {.u_random = 0.3, .u_common = 0.2, .guard = 0.25};
	struct acceptance_plan plan = {.n = 80, .c = 2, .measuring = m};
	struct acceptance_plan variables = {
		.variables = true, .n = 20, .k = 1.69, .measuring = {.u_random = 0.3, .u_common = 0.2}};
	struct acceptance_plan counted = {.n = 50, .c = 2, .lot = 500, .measuring = {.u_random = 0.3, .guard = 0.1}};

	(void)state;
	near(acceptance_chance(&plan, 0.02), 0.36615464058040414, 1e-9);
	near(acceptance_chance(&variables, 0.02), 0.7732868071078371, 1e-8);
	near(acceptance_chance(&counted, 0.02), 0.805974771888174, 1e-9);
	/* by exact measurement counted and seen alike */
	counted.measuring = (struct acceptance_measuring){.guard = 1e-12};
	near(acceptance_chance(&counted, 0.02), 0.9317299835988839, 1e-9);
	/* an error in common is no help where the lot is bad: accepted more often */
	plan.measuring = (struct acceptance_measuring){.u_common = 0.3};
	assert_true(acceptance_chance(&plan, 0.10) >
		    acceptance_chance(&(struct acceptance_plan){.n = 80, .c = 2}, 0.10));
}

static void test_sample(void **state)
{
	const struct acceptance_plan plan = {.n = 20, .c = 1};

	(void)state;
	assert_int_equal(acceptance_judge(&plan, 19, 1, 0), LOT_ACCEPTED);
	assert_int_equal(acceptance_judge(&plan, 3, 2, 0), LOT_REJECTED); /* as early as that */
	assert_int_equal(acceptance_judge(&plan, 18, 1, 1), LOT_UNDECIDED);
	assert_int_equal(acceptance_judge(&plan, 19, 0, 0), LOT_UNDECIDED);
	assert_int_equal(acceptance_judge(&plan, 20, 1, 0), LOT_UNDECIDED); /* more than the plan draws */
}

/* MIL-STD-414, examples B-1 to B-3: operating temperatures of five units, 197 188 184 205 201 F; code letter D, AQL 1 %. */
static struct acceptance_sample temperatures(double lower, double upper, double most)
{
	return (struct acceptance_sample){
		.n = 5, .mean = 195.0, .sd = sqrt(77.5), .lower = lower, .upper = upper, .most = most};
}

static void test_published_samples(void **state)
{
	const struct acceptance_plan plan = {.variables = true, .n = 5, .k = 1.53};
	/* its tables are read at quality indices of two digits: 1.59 and 1.70 */
	const double sd = sqrt(77.5), upper = 195.0 + 1.59 * sd, lower = 195.0 - 1.70 * sd;
	struct acceptance_sample one = temperatures(NAN, 209.0, NAN), share = temperatures(NAN, upper, 0.0332),
				 both = temperatures(lower, upper, 0.0332);
	struct acceptance_quality q;

	(void)state;
	acceptance_measure(&plan, &one, &q);
	assert_true(fabs(q.upper - 1.59) < 0.005 && isnan(q.lower) && q.outcome == LOT_ACCEPTED);
	acceptance_measure(&plan, &share, &q);
	assert_true(fabs(100.0 * q.share - 2.19) < 0.005 && q.outcome == LOT_ACCEPTED);
	acceptance_measure(&plan, &both, &q);
	assert_true(fabs(100.0 * q.share - (2.19 + 0.66)) < 0.01 && q.outcome == LOT_ACCEPTED);
	both.most = 0.0284;
	acceptance_measure(&plan, &both, &q);
	assert_int_equal(q.outcome, LOT_REJECTED);
}

static void test_samples(void **state)
{
	struct acceptance_plan plan = {.variables = true, .n = 5, .k = 1.53};
	struct acceptance_sample s = temperatures(NAN, 209.0, NAN);
	struct acceptance_quality q;

	(void)state;
	s.expanded_u = 0.4; /* it may lie 0.53 nearer and be accepted */
	acceptance_measure(&plan, &s, &q);
	assert_true(q.outcome == LOT_ACCEPTED && !q.guarded);
	s.expanded_u = 0.6;
	acceptance_measure(&plan, &s, &q);
	assert_true(q.outcome == LOT_UNDECIDED && q.guarded);
	s.upper = 208.0;
	acceptance_measure(&plan, &s, &q);
	assert_true(q.outcome == LOT_REJECTED && !q.guarded);
	s.n = 4;
	acceptance_measure(&plan, &s, &q);
	assert_int_equal(q.outcome, LOT_UNDECIDED);
	plan.sigma_known = true;
	s = temperatures(181.0, 209.0, NAN);
	s.sigma = 9.0;
	acceptance_measure(&plan, &s, &q);
	assert_true(fabs(q.upper - 14.0 / 9.0) < 1e-12 && q.lower == q.upper && q.outcome == LOT_ACCEPTED);
	/* the share beyond both, without bias: Q sqrt(n / (n - 1)) standard deviations out */
	assert_true(fabs(q.share - 2.0 * 0.5 * erfc(14.0 / 9.0 * sqrt(1.25) / sqrt(2.0))) < 1e-12);
	s.lower = 182.0;
	acceptance_measure(&plan, &s, &q);
	assert_int_equal(q.outcome, LOT_REJECTED);
}

/* The estimate has no bias: over samples of three its mean is the share. */
static void test_share_without_bias(void **state)
{
	const struct acceptance_plan plan = {.variables = true, .n = 3, .k = 1.0};
	struct draws draws;
	double sum = 0.0;
	enum { TRIALS = 40000 };

	(void)state;
	draws_seed(&draws, 3);
	for (unsigned t = 0; t < TRIALS; t++) {
		double x = draws_normal(&draws), y = draws_normal(&draws), z = draws_normal(&draws),
		       m = (x + y + z) / 3.0;
		struct acceptance_sample s = {.n = 3, .mean = m, .lower = NAN, .upper = 1.0, .most = NAN};
		struct acceptance_quality q;
		s.sd = sqrt(((x - m) * (x - m) + (y - m) * (y - m) + (z - m) * (z - m)) / 2.0);
		acceptance_measure(&plan, &s, &q);
		sum += q.share / TRIALS;
	}
	assert_true(fabs(sum - 0.158655) < 0.004);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_samples),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_share_without_bias),
		cmocka_unit_test(test_textbook),
		cmocka_unit_test(test_standard),
		cmocka_unit_test(test_counted_lot),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_measured),
		cmocka_unit_test(test_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
