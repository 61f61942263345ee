/* Global risks against JCGM 106 and closed forms; quadrature; the exact tolerance factor against ISO 16269-6. */
#include <stdio.h>

#include <gsl/gsl_cdf.h>

#include "tests/unit/measure/check.h"

#include "rig/measure/quadrature.h"
#include "rig/measure/risk.h"
#include "rig/measure/statistics.h"

static double power(double x, const void *ctx)
{
	return pow(x, *(const double *)ctx);
}

static void quadrature_is_exact_for_polynomials(void **state)
{
	(void)state;
	for (unsigned panels = 1; panels < 4; panels++)
		for (double n = 0.0; n < 32.0; n += 1.0) {
			double exact = (pow(2.0, n + 1.0) - pow(-1.0, n + 1.0)) / (n + 1.0);

			check_near(integrate(power, &n, -1.0, 2.0, panels), exact, 1e-13 * pow(2.0, n));
		}
	double two = 2.0;

	check_near(integrate(power, &two, 1.0, 0.0, 2), -1.0 / 3.0, 1e-15);
}

static struct global_risk risk_of(struct prior prior, struct band tolerance, struct band acceptance,
				  struct measuring measuring)
{
	struct global_risk risk;

	global_risk(&prior, &tolerance, &acceptance, &measuring, &risk);
	return risk;
}

/* Balls whose error of form is gamma(4, rate 4 per um), at most 2 um, measured with u 0.25 um. */
static void jcgm_106_9_5_4(void **state)
{
	const struct prior prior = prior_gamma(4.0, 4.0);
	const struct band tolerance = {-INFINITY, 2.0};
	const struct measuring measuring = {0.25, INFINITY};
	struct global_risk risk = risk_of(prior, tolerance, tolerance, measuring);
	struct band acceptance = acceptance_for(&prior, &tolerance, &measuring, 0.001);

	(void)state;
	check_near(prior.mean, 1.0, 0.0);
	check_near(prior.sd, 0.5, 0.0);
	check_near(100.0 * risk.consumer, 0.80, 0.005);
	check_near(acceptance.upper, 1.672, 0.0005);
	assert_true(acceptance.lower == -INFINITY);
	check_near(risk_of(prior, tolerance, acceptance, measuring).consumer, 0.001, 1e-9);
	check_near(risk.conforming, gsl_cdf_gamma_P(2.0, 4.0, 0.25), 1e-12);
	check_near(risk_of(prior, (struct band){0.5, 2.0}, tolerance, measuring).conforming,
		   gsl_cdf_gamma_P(2.0, 4.0, 0.25) - gsl_cdf_gamma_P(0.5, 4.0, 0.25), 1e-12);
}

/* P(X > 0, X + E < 0) of two normals is atan(u / sd) / 2 pi. */
static void a_production_on_its_limit(void **state)
{
	(void)state;
	for (double u = 1e-4; u < 1e4; u *= 3.7) {
		struct global_risk risk = risk_of((struct prior){PRIOR_NORMAL, 5.0, 2.0}, (struct band){-INFINITY, 5.0},
						  (struct band){-INFINITY, 5.0}, (struct measuring){u, INFINITY});
		double exact = atan(u / 2.0) / (2.0 * M_PI);

		check_near(risk.consumer, exact, 1e-10 * exact + 1e-14);
		check_near(risk.producer, exact, 1e-10 * exact + 1e-14);
		check_near(risk.conforming, 0.5, 1e-13);
	}
}

/* Accepted is what is accepted wrongly and what conforms and is not rejected: of two normals, a normal's share. */
static void what_is_accepted_adds_up(void **state)
{
	const struct prior prior = {PRIOR_NORMAL, 1.0, 0.03};
	const struct band tolerance = {0.95, 1.06}, acceptance = {0.97, 1.04};

	(void)state;
	for (double u = 1e-4; u < 1.0; u *= 2.3) {
		struct global_risk risk = risk_of(prior, tolerance, acceptance, (struct measuring){u, INFINITY});
		double spread = hypot(0.03, u);
		double share = gsl_cdf_ugaussian_P(0.04 / spread) - gsl_cdf_ugaussian_P(-0.03 / spread);

		check_near(risk.consumer + risk.conforming - risk.producer, share, 1e-12);
		assert_true(risk.consumer > 0.0 || u < 3e-3);
		check_less(risk.consumer, 1.0 - risk.conforming);
	}
}

static void measured_exactly_nothing_is_wrong(void **state)
{
	const struct prior prior = {PRIOR_NORMAL, 1.0, 0.03};
	const struct band tolerance = {0.95, 1.06}, tighter = {0.96, 1.05};
	const struct measuring exactly = {0.0, INFINITY};
	struct global_risk risk = risk_of(prior, tolerance, tolerance, exactly);

	(void)state;
	check_near(risk.consumer, 0.0, 0.0);
	check_near(risk.producer, 0.0, 1e-15);
	risk = risk_of(prior, tolerance, tighter, exactly);
	double rejected = gsl_cdf_gaussian_P(-0.04, 0.03) - gsl_cdf_gaussian_P(-0.05, 0.03) +
			  gsl_cdf_gaussian_P(0.06, 0.03) - gsl_cdf_gaussian_P(0.05, 0.03);

	check_near(risk.consumer, 0.0, 0.0);
	check_near(risk.producer, rejected, 1e-12);
	struct band kept = acceptance_for(&prior, &tolerance, &exactly, 1e-3);

	check_near(kept.lower, 0.95, 0.0);
	check_near(kept.upper, 1.06, 0.0);
}

/* Few degrees of freedom have longer tails; at 1 the t is Cauchy's, and integrates in closed form over a narrow prior. */
static void tails_of_students_t(void **state)
{
	const struct prior narrow = {PRIOR_NORMAL, 1.5, 1e-7};
	const struct band tolerance = {-INFINITY, 1.0};
	struct global_risk risk = risk_of(narrow, tolerance, tolerance, (struct measuring){0.1, 1.0});

	(void)state;
	check_near(risk.consumer, 0.5 - atan(5.0) / M_PI, 1e-8);
	risk = risk_of(narrow, tolerance, tolerance, (struct measuring){0.1, 4.9});
	check_near(risk.consumer, gsl_cdf_tdist_P(-5.0, 4.0), 1e-8);
	risk = risk_of(narrow, tolerance, tolerance, (struct measuring){0.1, INFINITY});
	check_near(risk.consumer, gsl_cdf_ugaussian_P(-5.0), 1e-10);
	/* Against the same integral in 40 000 panels. */
	const struct prior wide = {PRIOR_NORMAL, 0.9, 0.2};
	double sum = 0.0, step = 1.8 / 40000.0;

	for (unsigned i = 0; i < 40000; i++) {
		double x = 1.0 + (i + 0.5) * step, z = (x - 0.9) / 0.2;

		sum += step * exp(-0.5 * z * z) / (0.2 * sqrt(2.0 * M_PI)) * gsl_cdf_tdist_P((1.0 - x) / 0.05, 3.0);
	}
	risk = risk_of(wide, tolerance, tolerance, (struct measuring){0.05, 3.0});
	check_near(risk.consumer, sum, 1e-6 * sum);
}

static void acceptance_at_both_limits(void **state)
{
	const struct prior prior = {PRIOR_NORMAL, 1.0, 0.1};
	const struct band tolerance = {0.9, 1.1};
	const struct measuring measuring = {0.03, 20.0};
	struct band acceptance = acceptance_for(&prior, &tolerance, &measuring, 0.002);

	(void)state;
	check_near(acceptance.lower - 0.9, 1.1 - acceptance.upper, 1e-12);
	check_near(risk_of(prior, tolerance, acceptance, measuring).consumer, 0.002, 1e-9);
	assert_true(acceptance.lower > 0.9);
	/* What no acceptance within the limits can reach: hardly anything is accepted. */
	acceptance = acceptance_for(&prior, &tolerance, &(struct measuring){100.0, INFINITY}, 1e-9);
	check_less(acceptance.upper - acceptance.lower, 1e-5);
	check_near(0.5 * (acceptance.lower + acceptance.upper), 1.0, 1e-12);
	acceptance = acceptance_for(&prior, &tolerance, &measuring, 1e-300); /* narrower than numbers lie */
	assert_true(acceptance.lower <= acceptance.upper);
}

static void sound_priors(void **state)
{
	(void)state;
	assert_true(prior_is_sound(&(struct prior){PRIOR_NORMAL, -3.0, 4.0}));
	assert_false(prior_is_sound(&(struct prior){PRIOR_NORMAL, 1.0, 0.0}));
	assert_false(prior_is_sound(&(struct prior){PRIOR_NORMAL, NAN, 1.0}));
	assert_false(prior_is_sound(&(struct prior){PRIOR_NORMAL, 1.0, INFINITY}));
	assert_true(prior_is_sound(&(struct prior){PRIOR_GAMMA, 1.0, 1.0}));
	assert_false(prior_is_sound(&(struct prior){PRIOR_GAMMA, 1.0, 1.01}));
	assert_false(prior_is_sound(&(struct prior){PRIOR_GAMMA, -1.0, 0.5}));
	/* A gamma of many degrees is nearly normal, and no function of GSL gives up on it. */
	struct prior narrow = {PRIOR_GAMMA, 5.0, 5e-4}, exponential = prior_gamma(1.0, 2.0);
	const struct band half = {-INFINITY, 5.0};

	check_near(risk_of(narrow, half, half, (struct measuring){5e-4, INFINITY}).consumer, 0.125, 1e-4);
	check_near(risk_of(narrow, half, half, (struct measuring){5e-4, INFINITY}).conforming, 0.5, 1e-4);

	assert_true(prior_is_sound(&exponential));
	check_near(risk_of(exponential, (struct band){-INFINITY, 1.0}, (struct band){-INFINITY, 1.0},
			   (struct measuring){0.01, INFINITY})
			   .conforming,
		   -expm1(-2.0), 1e-12);
}

static void risks_of_many_limits(void **state)
{
	struct joint_risk joint = {.limits = 0};

	(void)state;
	check_near(joint_risk_bound(&joint), 0.0, 0.0);
	check_near(joint_risk_independent(&joint), 0.0, 0.0);
	joint_risk_add(&joint, 0.02);
	joint_risk_add(&joint, 0.01);
	joint_risk_add(&joint, 1e-18);
	assert_int_equal(joint.limits, 3);
	check_near(joint.largest, 0.02, 0.0);
	check_near(joint_risk_bound(&joint), 0.03, 1e-17);
	check_near(joint_risk_independent(&joint), 1.0 - 0.98 * 0.99, 1e-15);
	for (unsigned i = 0; i < 3; i++)
		joint_risk_add(&joint, 0.5);
	check_near(joint_risk_bound(&joint), 1.0, 0.0);
	check_near(joint_risk_independent(&joint), 1.0 - 0.98 * 0.99 / 8.0, 1e-15);
	joint_risk_add(&joint, 1.0);
	check_near(joint_risk_independent(&joint), 1.0, 0.0);
}

/* ISO 16269-6:2014, annex F, m = 1: its last digit is rounded up. */
static void exact_tolerance_factors(void **state)
{
	const struct {
		double n, content, confidence, k;
	} table[] = {
		{2, 0.90, 0.90, 15.5124},   {16, 0.90, 0.90, 2.2537},  {1000, 0.90, 0.90, 1.6947},
		{3, 0.95, 0.90, 6.8233},    {150, 0.95, 0.90, 2.1276}, {4, 0.99, 0.90, 6.3722},
		{2, 0.90, 0.95, 31.0923},   {35, 0.90, 0.95, 2.0943},  {5, 0.95, 0.95, 5.0769},
		{10, 0.95, 0.95, 3.3935},   {26, 0.95, 0.95, 2.6188},  {200, 0.95, 0.95, 2.1430},
		{1000, 0.95, 0.95, 2.0362}, {3, 0.99, 0.95, 12.6472},  {4, 0.90, 0.99, 9.4162},
		{22, 0.90, 0.99, 2.5979},   {2, 0.95, 0.99, 182.7201}, {40, 0.95, 0.99, 2.6836},
		{500, 0.95, 0.99, 2.1175},  {3, 0.99, 0.99, 28.5857},  {1000, 0.99, 0.99, 2.7184},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		double k = tolerance_k_exact(table[i].n, table[i].content, table[i].confidence);

		check_near(ceil(k * 1e4) / 1e4, table[i].k, 1e-9 * table[i].k);
	}
	check_near(tolerance_k_exact(43.0, 0.90, 0.99), 2.2228, 0.00005);
	check_near(tolerance_k(43.0, 0.90, 0.99), 2.2220, 0.00005);
}

static void tolerance_factors_at_their_ends(void **state)
{
	(void)state;
	assert_true(isinf(tolerance_k_exact(1.9, 0.95, 0.99)));
	check_near(tolerance_k_exact(INFINITY, 0.95, 0.99), gsl_cdf_ugaussian_Pinv(0.975), 1e-15);
	check_near(tolerance_k_exact(1e8, 0.95, 0.99), tolerance_k(1e8, 0.95, 0.99), 1e-8);
	check_near(tolerance_k_exact(1e5 + 0.9, 0.95, 0.99), tolerance_k_exact(1e5 + 1.1, 0.95, 0.99), 2e-8);
	check_near(tolerance_k_exact(24000.0, 0.95, 0.99), tolerance_k(24000.0, 0.95, 0.99), 1e-6);
	double between = tolerance_k_exact(10.5, 0.95, 0.95);

	check_less(between, tolerance_k_exact(10.0, 0.95, 0.95));
	check_less(tolerance_k_exact(11.0, 0.95, 0.95), between);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quadrature_is_exact_for_polynomials),
		cmocka_unit_test(jcgm_106_9_5_4),
		cmocka_unit_test(a_production_on_its_limit),
		cmocka_unit_test(what_is_accepted_adds_up),
		cmocka_unit_test(measured_exactly_nothing_is_wrong),
		cmocka_unit_test(tails_of_students_t),
		cmocka_unit_test(acceptance_at_both_limits),
		cmocka_unit_test(sound_priors),
		cmocka_unit_test(risks_of_many_limits),
		cmocka_unit_test(exact_tolerance_factors),
		cmocka_unit_test(tolerance_factors_at_their_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
