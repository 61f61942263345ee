/* Tests of residuals against published and independently computed numbers, and against series whose structure is known.
 */
#include "rig/measure/whiteness.h"

#include <errno.h>

#include "tests/unit/measure/check.h"
#include "tests/unit/measure/data/michelso.h"

#define SERIES_N 2000
#define STROKES  400
#define SAMPLES  192 /* two in each bin */

struct random {
	uint64_t state;
};

static double uniform(struct random *r)
{
	uint64_t z = (r->state += 0x9E3779B97F4A7C15u);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

static double gauss(struct random *r)
{
	double u = uniform(r);

	return sqrt(-2.0 * log(u)) * cos(2.0 * M_PI * uniform(r));
}

static void published_series(void **state)
{
	double rho[WHITENESS_LAGS], x[100];

	(void)state;
	assert_int_equal(autocorrelation(michelso, 100, rho), 0);
	check_near(rho[0], MICHELSO_LAG1, 1e-12);
	/* scipy 1.10: stats.chi2.sf of the statistic, and stats.anderson's statistic through the published polynomials
	 */
	check_near(rho[19] / 0.04005151903483795, 1.0, 1e-9);
	check_near(ljung_box_p(rho, 100, 0) / 0.0006858388233204164, 1.0, 1e-8);
	for (unsigned i = 0; i < 100; i++)
		x[i] = michelso[i];
	check_near(normality_p(x, 100) / 0.25495663334009594, 1.0, 1e-8);
}

static void uniform_is_not_normal(void **state)
{
	double x[200];

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		x[199 - i] = (i + 0.5) / 200.0;
	check_near(normality_p(x, 200) / 1.395944937600016e-05, 1.0, 1e-8);
}

static void too_few_or_all_the_same(void **state)
{
	double rho[WHITENESS_LAGS] = {7.0}, x[100] = {0};

	(void)state;
	assert_int_equal(autocorrelation(michelso, 3 * WHITENESS_LAGS - 1, rho), -EDOM);
	assert_int_equal(autocorrelation(x, 100, rho), -EDOM);
	check_near(rho[0], 7.0, 0.0);
	assert_true(isnan(normality_p(x, 100)));
	assert_true(isnan(normality_p(x, 7)));
}

static void correlation_is_noticed(void **state)
{
	double x[SERIES_N], rho[WHITENESS_LAGS];
	struct random r = {.state = 1};

	(void)state;
	for (unsigned i = 0; i < SERIES_N; i++)
		x[i] = gauss(&r);
	assert_int_equal(autocorrelation(x, SERIES_N, rho), 0);
	assert_true(ljung_box_p(rho, SERIES_N, 0) > 0.01);
	for (unsigned i = 1; i < SERIES_N; i++)
		x[i] += 0.2 * x[i - 1];
	assert_int_equal(autocorrelation(x, SERIES_N, rho), 0);
	check_less(ljung_box_p(rho, SERIES_N, 0), 1e-6);
}

/* White noise stays under 1 % as often as it should. */
static void p_values_are_level(void **state)
{
	double x[300], rho[WHITENESS_LAGS];
	struct random r = {.state = 2};
	unsigned few[2] = {0};

	(void)state;
	for (unsigned trial = 0; trial < 1000; trial++) {
		for (unsigned i = 0; i < 300; i++)
			x[i] = gauss(&r);
		assert_int_equal(autocorrelation(x, 300, rho), 0);
		few[0] += ljung_box_p(rho, 300, 0) < 0.05;
		few[1] += normality_p(x, 300) < 0.05;
	}
	for (unsigned i = 0; i < 2; i++)
		check_near(few[i] / 1000.0, 0.05, 0.025);
}

/* Intervals of instants with independent errors are a moving average; its innovations are white again. */
static void jitter_of_instants(void **state)
{
	double x[SERIES_N], e[SERIES_N], rho[WHITENESS_LAGS], before = 0.0, now;
	struct random r = {.state = 3};

	(void)state;
	for (unsigned i = 0; i < SERIES_N; i++, before = now) {
		now = gauss(&r);
		x[i] = 8000.0 + now - 0.6 * before;
	}
	assert_int_equal(autocorrelation(x, SERIES_N, rho), 0);
	check_less(ljung_box_p(rho, SERIES_N, 0), 1e-9);
	check_near(moving_average_fit(x, SERIES_N, e), 0.6, 0.06);
	assert_int_equal(autocorrelation(e, SERIES_N, rho), 0);
	assert_true(ljung_box_p(rho, SERIES_N, 1) > 0.01);
}

static void a_line_is_taken_out(void **state)
{
	double x[50], rest[50];

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		x[i] = 3.0 - 0.25 * i;
	check_near(detrend(x, 50, rest), -0.25, 1e-14);
	for (unsigned i = 0; i < 50; i++)
		check_near(rest[i], 0.0, 1e-12);
}

static void phases_wrap(void **state)
{
	(void)state;
	assert_int_equal(phase_bin(-0.5), 0);
	assert_int_equal(phase_bin(0.5), 0);
	assert_int_equal(phase_bin(-0.001), PHASE_BINS / 2 - 1);
	assert_int_equal(phase_bin(0.0), PHASE_BINS / 2);
	assert_int_equal(phase_bin(0.499999), PHASE_BINS - 1);
	assert_int_equal(phase_bin(-0.6), phase_bin(0.4));
}

/* Strokes of unit noise with a bump of this height in one bin, each less a template made of all strokes before it at
 * 64, 96, 144 ...; before the first of those, less one of `learned` other strokes. */
static void fold_trial(struct random *r, double bump, unsigned learned, struct phase_test *ret)
{
	struct phase_fold fold = {.strokes = 0};
	float phase[SAMPLES], value[SAMPLES];
	double sum[PHASE_BINS] = {0}, template[PHASE_BINS];
	uint64_t made_of = 0;

	for (unsigned b = 0; b < PHASE_BINS; b++)
		template[b] = gauss(r) / sqrt(2.0 * learned);
	for (unsigned s = 0; s < STROKES; s++) {
		if (s >= 64 && (double)s >= 1.5 * (double)made_of) {
			made_of = s;
			for (unsigned b = 0; b < PHASE_BINS; b++)
				template[b] = sum[b] / s;
		}
		for (unsigned i = 0; i < SAMPLES; i++) {
			unsigned bin = i / 2;
			double noise = gauss(r);

			phase[i] = (float)((i + 0.5) / SAMPLES - 0.5);
			value[i] = (float)(noise - template[bin] + (bin == 60 ? bump : 0.0));
			sum[bin] += 0.5 * noise;
		}
		const struct phase_origin origin = {.stroke = s, .templated = made_of, .learned = learned};

		phase_fold_add(&fold, &origin, phase, value, SAMPLES / 2);
		phase_fold_add(&fold, &origin, phase + SAMPLES / 2, value + SAMPLES / 2, SAMPLES / 2);
	}
	phase_fold_end(&fold);
	assert_int_equal(fold.strokes, STROKES);
	phase_fold_test(&fold, ret);
}

static void the_template_s_own_error_counts(void **state)
{
	struct random r = {.state = 4};
	struct phase_test test;
	double squares = 0.0;
	unsigned few = 0;

	(void)state;
	for (unsigned trial = 0; trial < 40; trial++) {
		fold_trial(&r, 0.0, 30, &test);
		few += test.p < 0.05;
		squares += test.worst_z * test.worst_z;
	}
	/* Of 96 standard normal values the largest square is 7.6 in the mean; 40 trials scatter by 0.4. */
	check_near(squares / 40.0, 7.6, 1.6);
	check_less(few, 8.0);
}

static void a_bump_is_noticed_where_it_is(void **state)
{
	struct random r = {.state = 5};
	struct phase_test test;

	(void)state;
	fold_trial(&r, 0.5, 30, &test);
	check_less(test.p, 1e-6);
	assert_int_equal(test.worst_bin, 60);
	check_near(test.worst, 0.5, 0.2);
}

static void few_strokes_say_nothing(void **state)
{
	struct phase_fold fold = {.strokes = 0};
	struct phase_test test;
	float phase = 0.1F, value = 1.0F;

	(void)state;
	for (unsigned s = 0; s < 5; s++)
		phase_fold_add(&fold, &(struct phase_origin){.stroke = s, .learned = 20}, &phase, &value, 1);
	phase_fold_end(&fold);
	phase_fold_test(&fold, &test);
	assert_true(isnan(test.p) && isnan(test.se[phase_bin(0.1)]) && isnan(test.se[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_series),
		cmocka_unit_test(uniform_is_not_normal),
		cmocka_unit_test(too_few_or_all_the_same),
		cmocka_unit_test(correlation_is_noticed),
		cmocka_unit_test(p_values_are_level),
		cmocka_unit_test(jitter_of_instants),
		cmocka_unit_test(a_line_is_taken_out),
		cmocka_unit_test(phases_wrap),
		cmocka_unit_test(the_template_s_own_error_counts),
		cmocka_unit_test(a_bump_is_noticed_where_it_is),
		cmocka_unit_test(few_strokes_say_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
