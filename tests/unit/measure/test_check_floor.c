/* A front end that ends above the level without contact, before the noise: without hum and drift no force shows it, and no depth is
 * trusted on the bench's word alone. Each on recordings whose truth is known. */
#include <string.h>

#include "rig/measure/checks/level_series.h"
#include "tests/bench/misfit_trial.h"
#include "tests/bench/misfits.h"
#include "tests/bench/pw1.h"
#include "tests/unit/measure/check.h"

#define TRIALS 12

static struct recording still(void)
{
	struct recording r = recording_nominal(5);

	r.hum_n = 0.0;
	r.drift_n = 0.0;
	return r;
}

static struct misfit_outcome outcome_of(const struct recording *r)
{
	struct misfit_outcome ret;

	misfit_run(r, &ret);
	return ret;
}

static void what_does_not_move_is_not_known(void **state)
{
	struct recording r = still();

	(void)state;
	for (unsigned cut = 0; cut < 2; cut++) {
		r.misfit.floor = cut == 1;
		r.misfit.floor_at = 0.05;

		struct misfit_outcome o = outcome_of(&r);

		assert_int_equal(o.state[CHECK_FLOOR], CHECK_NOT_MADE);
		assert_false(o.claim[CLAIM_DEPTH].trusted);
		assert_non_null(strstr(o.claim[CLAIM_DEPTH].reason, "zero_n"));
		assert_false(o.claim[CLAIM_JITTER].trusted);
		assert_true(o.claim[CLAIM_RATE].trusted);
	}
}

static void hum_or_drift_shows_that_nothing_is_cut_off(void **state)
{
	static const struct {
		double hum_n, drift_n;
	} rows[] = {{0.0005, 0.0}, {0.0, 0.002}};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct recording r = still();

		r.hum_n = rows[i].hum_n;
		r.drift_n = rows[i].drift_n;

		struct misfit_outcome o = outcome_of(&r);

		assert_int_equal(o.state[CHECK_FLOOR], CHECK_PASSED);
		assert_true(o.claim[CLAIM_DEPTH].trusted);
	}
}

/* That noise hides hum and drift is no sign of a floor: what one may take off is in the budget. So it is where it is less than all else. */
static void what_noise_hides_is_in_the_budget(void **state)
{
	static const struct {
		double snr_db, depth_cal_mm;
		enum check_state state;
	} rows[] = {{32.0, 0.003, CHECK_PASSED}, {36.0, 0.003, CHECK_NOT_MADE}, {36.0, 0.02, CHECK_PASSED}};

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct recording r = still();

		r.snr_db = rows[i / 2].snr_db;
		r.depth_cal_mm = rows[i / 2].depth_cal_mm;
		r.misfit.floor = i % 2 == 1;
		r.misfit.floor_at = 0.05;

		struct misfit_outcome o = outcome_of(&r);
		const struct claim_outcome *depth = &o.claim[CLAIM_DEPTH];

		assert_int_equal(o.state[CHECK_FLOOR], rows[i / 2].state);
		assert_int_equal(depth->trusted, rows[i / 2].state == CHECK_PASSED);
		check_less(fabs(depth->error), depth->trusted ? depth->expanded_u : 0.04);
		check_less(0.04, depth->expanded_u); /* 1.96 0.94 of 5 % of 0.37 N, by 0.67 N / mm */
	}
}

/* Where the level without contact is known, the tare is held against that. */
static void a_known_level_is_not_asked(void **state)
{
	struct recording r = still();

	(void)state;
	r.u_zero_n = 0.003;

	struct misfit_outcome good = outcome_of(&r);

	assert_int_equal(good.state[CHECK_FLOOR], CHECK_ABSENT);
	assert_true(good.claim[CLAIM_DEPTH].trusted);
	r.misfit.floor = true;
	r.misfit.floor_at = 0.05;

	struct misfit_outcome cut = outcome_of(&r);

	assert_int_equal(cut.state[CHECK_FLOOR], CHECK_ABSENT);
	assert_int_equal(cut.state[CHECK_REFERENCE], CHECK_TRIPPED);
}

static void no_floor_that_matters_is_trusted(void **state)
{
	unsigned untold = 0;

	(void)state;
	for (unsigned trial = 0; trial < TRIALS; trial++) {
		struct recording r = misfit_recording(misfit_family_find("floor-of-gap"), 0.05, trial);
		struct misfit_outcome o = outcome_of(&r);
		const struct claim_outcome *depth = &o.claim[CLAIM_DEPTH];

		untold += depth->trusted;
		if (depth->trusted)
			check_less(fabs(depth->error), depth->expanded_u);
	}
	assert_in_range(untold, 0, TRIALS / 4);
}

#define BINS  10
#define WIDTH 100.0

/* Level of three kinds in bins of one width, n samples each. */
static double trend_of(double bend_n, double slope_n)
{
	static struct level_series s;
	void (*const add[])(struct level_series *, double, double, unsigned) = {level_series_tare, level_series_rest};

	level_series_init(&s, WIDTH);
	for (unsigned side = 0; side < 2; side++) {
		if (side == 1)
			level_series_stroke(&s, BINS * WIDTH);
		for (unsigned i = 0; i <= BINS; i++) { /* the last one of each kind stays open */
			double x = i + side * (double)BINS;

			add[side](&s, x * WIDTH, 0.3 + slope_n * x + bend_n * x * x, 25);
		}
	}
	return level_series_trend(&s, 0.05); /* 0.01 of a bin */
}

static void the_trend_is_a_chi_square(void **state)
{
	static struct level_series none;

	(void)state;
	level_series_init(&none, WIDTH);
	assert_true(isnan(level_series_trend(&none, 0.05)));
	check_near(trend_of(0.0, 0.0), 0.0, 1e-6);
	/* Places 0 to 19: the sum of squares about their mean is 665. */
	check_near(trend_of(0.0, 0.01), 665.0, 1e-4);
	/* Of their squares: 562 666 less 2 470^2 / 20. */
	check_near(trend_of(0.01, 0.0), 562666.0 - 2470.0 * 2470.0 / 20.0, 0.1);
}

/* Share of 400 series of bins without a trend whose trend would be taken for sure: noise of `louder` times what it is said to be, the
 * bins alike by `alike` from one to the next. */
static double trends_by_chance(double louder, double alike)
{
	struct pw1_random random = {.state = 21};
	unsigned over = 0;

	for (unsigned trial = 0; trial < 400; trial++) {
		static struct level_series s;
		double wander = 0.0;

		level_series_init(&s, WIDTH);
		for (unsigned i = 0; i < 60; i++) {
			wander = alike * wander + sqrt(1.0 - alike * alike) * pw1_normal(&random);
			level_series_tare(&s, i * WIDTH, 0.01 * louder * wander, 25);
		}
		level_series_stroke(&s, 60.0 * WIDTH);
		over += level_series_trend(&s, 0.05) > 16.0;
	}
	return over / 400.0;
}

/* Noise that arises behind a front end's end is no movement before it. */
static void louder_noise_is_no_trend(void **state)
{
	(void)state;
	check_less(trends_by_chance(1.0, 0.0), 0.01);
	check_less(trends_by_chance(3.0, 0.0), 0.02);
	check_less(trends_by_chance(3.0, 0.5), 0.25);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_move_is_not_known),
		cmocka_unit_test(hum_or_drift_shows_that_nothing_is_cut_off),
		cmocka_unit_test(what_noise_hides_is_in_the_budget),
		cmocka_unit_test(a_known_level_is_not_asked),
		cmocka_unit_test(no_floor_that_matters_is_trusted),
		cmocka_unit_test(the_trend_is_a_chi_square),
		cmocka_unit_test(louder_noise_is_no_trend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
