/* Builds compared: the models against figures by hand, what is decided, and how often it is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "rig/measure/statistics.h"
#include "rig/study/compare.h"

#define TRIALS 10000

static void expect(double value, double wanted, double within)
{
	if (!(fabs(value - wanted) <= within))
		fail_msg("%.12g, expected %.12g", value, wanted);
}

#define COMPARE(ret, ...)                                                                                              \
	do {                                                                                                           \
		const struct compare_value v[] = {__VA_ARGS__};                                                        \
		compare_values(v, sizeof(v) / sizeof(v[0]), ret);                                                      \
	} while (0)

/* ---- models -------------------------------------------------------------------------------------------------------- */

/* Three pens, differences 1, 2, 3: mean 2, sd 1, so se 1/sqrt(3) with 2 degrees of freedom. Pens differ by much, which is nothing. */
static void test_paired(void **state)
{
	struct comparison c;
	(void)state;
	COMPARE(&c, {0, 0, 0, 10}, {1, 0, 1, 11}, {0, 1, 2, 50}, {1, 1, 3, 51}, {1, 1, 4, 53}, {0, 2, 5, -20},
		{1, 2, 6, -17}, {0, 3, 7, 1e6});
	assert_int_equal(c.model, COMPARE_PAIRED);
	expect(c.difference, 2.0, 1e-12);
	expect(c.se, 1.0 / sqrt(3.0), 1e-12);
	expect(c.dof, 2.0, 0.0);
	assert_int_equal(c.base, 3);
	assert_int_equal(c.fresh, 4);
	assert_int_equal(c.left_out, 1);
}

/* Welch: 1, 2, 3 against 4, 6: means 2 and 5, variances 1/3 and 1. */
static void test_groups(void **state)
{
	struct comparison c;
	(void)state;
	COMPARE(&c, {0, 0, 0, 1}, {0, 1, 1, 2}, {0, 2, 2, 3}, {1, 3, 3, 4}, {1, 4, 4, 5}, {1, 4, 5, 7});
	assert_int_equal(c.model, COMPARE_GROUPS);
	expect(c.difference, 3.0, 1e-12);
	expect(c.se, sqrt(1.0 / 3.0 + 1.0), 1e-12);
	expect(c.dof, pow(4.0 / 3.0, 2) / (1.0 / 9.0 / 2.0 + 1.0), 1e-12);
}

static void test_one_pen(void **state)
{
	struct comparison c;
	(void)state;
	COMPARE(&c, {0, 0, 0, 1}, {0, 0, 1, 3}, {1, 0, 2, 5}, {1, 0, 3, 7}, {1, 1, 4, 99});
	assert_int_equal(c.model, COMPARE_ONE_PEN);
	assert_false(c.drift);
	expect(c.difference, 4.0, 1e-12);
	expect(c.se, sqrt(2.0), 1e-12);
	expect(c.dof, 2.0, 1e-12);
	assert_int_equal(c.left_out, 1);
}

/* value = 2 + 0.5 build + 0.1 time, and as much beside it as least squares leaves: the slope is no change of the build. */
static void test_drift(void **state)
{
	struct comparison c;
	const double beside[] = {0.01, -0.01, -0.01, 0.01, 0.01, -0.01, -0.01, 0.01};
	struct compare_value v[8];
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		v[i] = (struct compare_value){
			.is_new = i >= 4, .time = i, .value = 2.0 + 0.5 * (i >= 4) + 0.1 * i + beside[i]};
	compare_values(v, 8, &c);
	assert_true(c.drift);
	expect(c.difference, 0.5, 1e-9);
	expect(c.dof, 5.0, 0.0);
	/* residual variance 8e-4 / 5; builds lie 4 apart in time, which varies by 10 within them */
	expect(c.se, sqrt(8e-4 / 5.0 * (0.25 + 0.25 + 16.0 / 10.0)), 1e-9);
}

static void test_nothing_can_be_said(void **state)
{
	struct comparison c;
	(void)state;
	COMPARE(&c, {0, 0, 0, 1}, {0, 0, 1, 2});
	assert_non_null(strstr(c.reason, "no value"));
	COMPARE(&c, {0, 0, 0, 1}, {1, 0, 1, 2});
	assert_non_null(strstr(c.reason, "two of each"));
	COMPARE(&c, {0, 0, 0, 1}, {0, 0, 1, 2}, {1, 1, 2, 3}, {1, 2, 2, 3});
	assert_non_null(strstr(c.reason, "cannot be told apart"));
	assert_int_equal(c.model, COMPARE_NONE);
}

/* Two pens whose values agree to the last digit are no certainty about all pens; that nothing changed at all is one. */
static void test_values_without_scatter(void **state)
{
	struct comparison c;
	(void)state;
	COMPARE(&c, {0, 0, 0, 0.1}, {1, 0, 1, 0.3}, {0, 1, 2, 0.2}, {1, 1, 3, 0.4});
	assert_int_equal(c.model, COMPARE_NONE);
	assert_non_null(strstr(c.reason, "do not scatter at all"));
	COMPARE(&c, {0, 0, 0, 0.1}, {0, 1, 1, 0.1}, {1, 2, 2, 0.3}, {1, 3, 3, 0.3});
	assert_int_equal(c.model, COMPARE_NONE);
	COMPARE(&c, {0, 0, 0, 0.1}, {0, 0, 1, 0.1}, {1, 0, 2, 0.3}, {1, 0, 3, 0.3});
	assert_int_equal(c.model, COMPARE_NONE);
	COMPARE(&c, {0, 0, 0, 0}, {1, 0, 1, 0}, {0, 1, 2, 0}, {1, 1, 3, 0});
	assert_int_equal(c.model, COMPARE_PAIRED);
	expect(c.difference, 0.0, 0.0);
}

/* ---- decisions ----------------------------------------------------------------------------------------------------- */

static struct compared decided(double difference, double se, double margin, double lower, double upper)
{
	const struct comparison c = {.model = COMPARE_ONE_PEN,
				     .base = 10,
				     .fresh = 10,
				     .base_mean = 1.0,
				     .difference = difference,
				     .se = se,
				     .dof = 18.0};
	const struct compare_rule rule = {.margin = margin, .lower = lower, .upper = upper, .family = 1};
	struct compared ret;

	compare_decide(&c, &rule, &ret);
	return ret;
}

static void test_decisions(void **state)
{
	(void)state;
	assert_int_equal(decided(0.5, 0.1, 0.2, NAN, 2.0).outcome, COMPARE_WORSE);
	assert_int_equal(decided(-0.5, 0.1, 0.2, NAN, 2.0).outcome, COMPARE_BETTER);
	assert_int_equal(decided(-0.5, 0.1, 0.2, 0.0, NAN).outcome, COMPARE_WORSE);
	assert_int_equal(decided(0.5, 0.1, 0.2, NAN, NAN).outcome,
			 COMPARE_WORSE); /* no limit says which way is better */
	assert_int_equal(decided(0.0, 0.1, 0.2, NAN, 2.0).outcome, COMPARE_EQUIVALENT);
	assert_int_equal(decided(0.1, 0.1, 0.2, NAN, 2.0).outcome, COMPARE_CANNOT_TELL);
	assert_int_equal(decided(0.3, 0.1, 0.2, NAN, 2.0).outcome, COMPARE_CANNOT_TELL);
	assert_int_equal(decided(0.0, 0.0, 0.0, NAN, 2.0).outcome,
			 COMPARE_EQUIVALENT); /* counts that are all the same */
	struct compared c = decided(0.1, 0.1, 0.2, NAN, 2.0);
	expect(c.hi - 0.1, 2.10092 * 0.1, 1e-5); /* Student, 18 degrees */
	expect(c.near_hi - 0.1, 1.73406 * 0.1, 1e-5);
	expect(c.more, ceil(10.0 * (1.73406 * 1.73406 - 1.0)), 0.0);
	assert_true(decided(0.2, 0.1, 0.2, NAN, 2.0).more == INFINITY);
	assert_true(decided(0.0, 0.1, 0.2, NAN, 2.0).more == 0.0);
}

/* ---- how often it is wrong ----------------------------------------------------------------------------------------- */

struct draw {
	uint64_t state;
};

static double uniform(struct draw *d)
{
	uint64_t z = (d->state += 0x9E3779B97F4A7C15u);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return (double)(((z ^ (z >> 31)) >> 11) + 1) * 0x1p-53;
}

static double normal(struct draw *d)
{
	double length = sqrt(-2.0 * log(uniform(d))), angle = 2.0 * M_PI * uniform(d);

	return length * cos(angle);
}

struct night {
	unsigned pens, blocks; /* each pen runs base and new once in every block, in an order that is drawn */
	bool split;            /* half of the pens run one build, half the other */
	double run_sd, pen_sd, drift, shift;
	unsigned rows; /* measurands, independent of each other */
};

static unsigned fill(const struct night *n, struct draw *d, struct compare_value *v)
{
	unsigned count = 0, all = n->pens * n->blocks * 2;

	for (unsigned p = 0; p < n->pens; p++) {
		double pen = n->pen_sd * normal(d);
		for (unsigned b = 0; b < n->blocks; b++) {
			bool first = uniform(d) < 0.5;
			for (unsigned k = 0; k < 2; k++) {
				bool is_new = n->split ? p % 2 : (k == 1) == first;
				double time = (double)(count) / all;
				v[count++] =
					(struct compare_value){.is_new = is_new,
							       .unit = p,
							       .time = time,
							       .value = pen + n->run_sd * normal(d) + n->drift * time +
									(is_new ? n->shift : 0.0)};
			}
		}
	}
	return count;
}

/* The share of nights in which one row at least is called changed. */
static double called(const struct night *n)
{
	struct draw d = {.state = 12345};
	unsigned changed = 0;

	for (unsigned t = 0; t < TRIALS; t++) {
		bool any = false;
		for (unsigned row = 0; row < n->rows; row++) {
			struct compare_value v[256];
			struct comparison c;
			struct compared decision;
			unsigned count = fill(n, &d, v);
			compare_values(v, count, &c);
			compare_decide(&c, &(struct compare_rule){.lower = NAN, .upper = NAN, .family = n->rows},
				       &decision);
			any |= decision.outcome == COMPARE_WORSE || decision.outcome == COMPARE_BETTER;
		}
		changed += any;
	}
	return (double)changed / TRIALS;
}

static void test_false_alarms(void **state)
{
	static const struct night nights[] = {
		{.pens = 1, .blocks = 8, .run_sd = 0.005, .rows = 1},
		{.pens = 1, .blocks = 8, .run_sd = 0.005, .drift = 0.010, .rows = 1}, /* 10 um over the night */
		{.pens = 1, .blocks = 4, .run_sd = 0.002, .drift = 0.010, .rows = 1},
		{.pens = 6, .blocks = 2, .run_sd = 0.005, .pen_sd = 0.02, .rows = 1},
		{.pens = 6, .blocks = 2, .run_sd = 0.005, .pen_sd = 0.02, .drift = 0.010, .rows = 1},
		{.pens = 24, .blocks = 1, .split = true, .run_sd = 0.005, .pen_sd = 0.02, .rows = 1},
		{.pens = 1, .blocks = 8, .run_sd = 0.005, .drift = 0.010, .rows = 6},
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(nights) / sizeof(nights[0]); i++) {
		double share = called(&nights[i]);
		print_message("false alarms of night %u: %.2f %%\n", i, 100.0 * share);
		if (!(share >= 0.044 && share <= 0.056))
			fail_msg("night %u: %.2f %%", i, 100.0 * share);
	}
}

/* A shift of 10 um among runs that scatter by 5 um: eight of each build see it. */
static void test_power(void **state)
{
	double share = called(
		&(struct night){.pens = 1, .blocks = 8, .run_sd = 0.005, .drift = 0.010, .shift = 0.010, .rows = 1});
	(void)state;
	print_message("power for 10 um: %.1f %%\n", 100.0 * share);
	assert_true(share > 0.94);
}

static int set_up(void **state)
{
	(void)state;
	statistics_begin();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paired),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_one_pen),
		cmocka_unit_test(test_drift),
		cmocka_unit_test(test_nothing_can_be_said),
		cmocka_unit_test(test_values_without_scatter),
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_false_alarms),
		cmocka_unit_test(test_power),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
