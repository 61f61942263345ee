/* Noise as it acts, the share of a depth that is seen, and changes of speed: each collector against what was put in, and
 * the check on signals of a plant. */
#include <stdio.h>
#include <string.h>

#include "rig/measure/checks/acting_noise.h"
#include "rig/measure/checks/seen_share.h"
#include "rig/measure/checks/speed_change.h"
#include "tests/unit/measure/check.h"

#include "tests/unit/measure/plant_trial.h"

static void white_noise_acts_as_such(void **state)
{
	struct pw1_random random = {.state = 5};
	struct acting_noise tare = {.last = 0}, gap = {.last = 0};

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct pseudo_stroke s = {.height_n = 0.1 * pw1_normal(&random) + 3.0,
					  .instant_n = 0.1 * pw1_normal(&random),
					  .square_n2 = 0.01};

		if (i % 2)
			acting_noise_add(&tare, &s);
		else
			acting_noise_gap(&gap, i / 2, &s);
	}
	struct acting_shares shares = acting_noise_shares(&tare, &gap, 0.01, 0.0);

	check_near(shares.height, 1.0, 0.1);
	check_near(shares.instant, 1.0, 0.1);
	check_near(shares.mean, 1.0, 1e-12);
	check_near(shares.n, 2008.0, 0.5);

	/* What the baseline took of it comes back. */
	struct acting_shares whole = acting_noise_shares(&tare, &gap, 0.01, 2008.0 * 0.002);

	check_near(whole.height, shares.height + 0.2, 1e-6);
	check_near(whole.mean, shares.mean, 0.0);
	check_near(whole.instant, shares.instant, 0.0);
}

/* Twice as loud, and each gap like the one before it: r = 0.6, 0.36, ... */
static void coloured_noise_acts_more(void **state)
{
	struct pw1_random random = {.state = 6};
	struct acting_noise tare = {.last = 0}, gap = {.last = 0};
	double x = 0.0;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		x = 0.6 * x + 0.8 * pw1_normal(&random);
		acting_noise_gap(&gap, i,
				 &(struct pseudo_stroke){.height_n = 0.2 * x, .instant_n = 0.05, .square_n2 = 0.01});
	}
	struct acting_shares shares = acting_noise_shares(&tare, &gap, 0.01, 0.0);

	check_near(shares.height, 4.0, 0.5);
	check_near(shares.mean, 4.0, 0.7); /* (1 + r) / (1 - r) */
	check_near(shares.instant, 0.0, 0.01);
}

static void gaps_apart_are_no_neighbours(void **state)
{
	struct acting_noise gap = {.last = 0};

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		acting_noise_gap(&gap, 2 * i, &(struct pseudo_stroke){.height_n = i % 2 ? 1.0 : -1.0});
	assert_int_equal(gap.pairs[0], 0);
}

static void nothing_seen_is_taken_as_white(void **state)
{
	struct acting_noise none = {.last = 0};
	struct acting_shares shares = acting_noise_shares(&none, &none, 0.01, 0.0);

	(void)state;
	check_near(shares.height, 1.0, 0.0);
	check_near(shares.mean, 1.0, 0.0);
	check_near(shares.n, 10.0, 0.0);
}

static void top_against_height_by_an_instrument(void **state)
{
	struct pw1_random random = {.state = 7};
	struct seen_share share = {.n = 0};
	double u;

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		double own = pw1_normal(&random), noise = pw1_normal(&random);

		seen_share_add(&share, &(struct seen_stroke){.top_n = 1.05 * own + 2.0 * noise + 9.0,
							     .odd_n = own + noise + 9.0,
							     .even_n = own + pw1_normal(&random) + 9.0});
	}
	double slope = seen_share_slope(&share, &u);

	check_near(slope, 1.05, 3.0 * u); /* a plain regression on odd_n would say 1.5 */
	check_less(u, 0.05);
	check_less(0.01, u);
}

static void few_strokes_tell_no_share(void **state)
{
	struct seen_share share = {.n = 0};
	double u;

	(void)state;
	for (unsigned i = 0; i < 31; i++)
		seen_share_add(&share, &(struct seen_stroke){i, i, i});
	assert_true(isnan(seen_share_slope(&share, &u)));
	assert_false(isfinite(u));
}

/* Strokes whose centres are seen `shift` late per change of the interval, and whose shapes say so. */
static void make_strokes(struct speed_change *change, double shift, double told, double noise, double *ret_made)
{
	struct pw1_random random = {.state = 8};
	double at[602] = {0.0}, sum = 0.0, squares = 0.0;

	for (unsigned i = 1; i < 602; i++) {
		double interval = 100.0 + pw1_normal(&random);

		at[i] = at[i - 1] + interval;
		sum += interval - 100.0;
		squares += (interval - 100.0) * (interval - 100.0);
	}
	*ret_made = squares / 601.0 - sum * sum / 601.0 / 601.0;
	for (unsigned i = 1; i < 601; i++) {
		double d = at[i + 1] - 2.0 * at[i] + at[i - 1];
		struct speed_stroke s = {.at = at[i] + shift * d, .told = true};

		for (unsigned m = 0; m < SPEED_SHAPES; m++) {
			s.shift[m] = 10.0;
			s.unlike[m] = told / 10.0 * d + noise * pw1_normal(&random);
			s.weight[m] = m == 0 ? 1e6 : 1e4;
		}
		speed_change_add(change, &s, 100.0);
	}
}

static void shift_of_centres_is_told_and_undone(void **state)
{
	struct speed_change change = {.n = 0.0};
	double made;

	(void)state;
	make_strokes(&change, 0.05, 0.05, 0.0005, &made);
	struct speed_shift s = speed_change_shift(&change, 0.0, 100.0);

	assert_true(s.resolved);
	check_near(s.shift, 0.05, 0.002);
	check_less(s.u, 0.003);
	/* white intervals of variance 1 through 1 + s D^2 */
	double seen[SPEED_LAGS + 1] = {(1.0 - 2.0 * 0.05) * (1.0 - 2.0 * 0.05) + 2.0 * 0.05 * 0.05,
				       2.0 * 0.05 * (1.0 - 2.0 * 0.05), 0.05 * 0.05};

	check_near(speed_change_undo(0.05, seen), 1.0, 1e-4);
	check_near(speed_change_undo(0.0, seen), seen[0], 1e-12);
	/* An instant moves by 10 per unit of the bend, which is a quarter of a change of 1 over a period of 100. */
	check_near(speed_change_next(&change, 100.0), 10.0 / 4.0 / 1e4, 1e-12);
	check_near(speed_change_next(&(struct speed_change){.n = 0.0}, 100.0), 0.0, 0.0);
	check_near(made, 1.0, 0.2);
}

static void what_is_not_told_is_half_of_an_edge(void **state)
{
	struct speed_change change = {.n = 0.0};
	double made;

	(void)state;
	make_strokes(&change, 0.05, 0.0, 5.0, &made);
	struct speed_shift s = speed_change_shift(&change, 0.0, 100.0);

	assert_false(s.resolved);
	check_near(s.shift, 0.5 * 10.0 / 200.0, 1e-9);
	check_near(s.u, 0.29 * 10.0 / 200.0, 1e-9);
}

/* A missing stroke: no interval about it is taken. */
static void gaps_in_the_rhythm_are_left_out(void **state)
{
	struct speed_change change = {.n = 0.0};

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		speed_change_add(&change,
				 &(struct speed_stroke){.at = 100.0 * i + (i >= 20 ? 100.0 : 0.0), .told = true},
				 100.0);
	check_near(change.n, 40.0 - 2.0 * 8.0, 0.0); /* SPEED_RING - 1 at the beginning, as many about the gap */
}

struct setting {
	struct plant plant;
	struct plant_trial trial;
	struct curve *curve;
	struct check_result check[MODEL_CHECKS];
};

/* colour: of the noise added in counts, low-passed by this factor a sample. */
static void measure_with(struct setting *s, double colour, double counts)
{
	struct pw1_random random = {.state = 12};
	struct point_config config;
	double x = 0.0;

	s->plant = plant_default(1.0, 120.0, 20000.0);
	s->plant.measure_s = 1.5;
	plant_generate(&s->trial, &s->plant);
	s->curve = plant_curve(&s->plant);
	config = plant_config(&s->plant, s->curve);
	for (size_t i = 0; i < s->trial.samples && counts > 0.0; i++) {
		x = colour * x + sqrt(1.0 - colour * colour) * pw1_normal(&random);
		s->trial.counts[i] += (int32_t)lrint(counts * x);
	}
	plant_measure(&s->trial, &config);
	plant_score(&s->trial);
}

static void finish(struct setting *s)
{
	plant_end(&s->trial);
	curve_free(s->curve);
}

/* 10 mN rms below 60 Hz: on single samples it is not seen. */
static void slow_noise_is_inside_the_budget(void **state)
{
	struct setting quiet, loud;

	(void)state;
	measure_with(&quiet, 0.0, 0.0);
	measure_with(&loud, 0.98, 0.01 / quiet.plant.lsb_n);

	const struct result *a = plant_result(&quiet.trial, "depth_mm", "force_equivalent_process");
	const struct result *b = plant_result(&loud.trial, "depth_mm", "force_equivalent");
	const struct result *sd = plant_result(&quiet.trial, "depth_sd_mm", "force_equivalent");
	const struct result *wide = plant_result(&loud.trial, "depth_sd_mm", "force_equivalent");

	assert_true(a->trusted);
	check_less(fabs(b->value - loud.trial.mean_depth_mm), b->expanded_u);
	check_less(4.0 * sd->expanded_u, wide->expanded_u);
	check_less(fabs(wide->value - sd->value), wide->expanded_u);
	finish(&quiet);
	finish(&loud);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(white_noise_acts_as_such),
		cmocka_unit_test(coloured_noise_acts_more),
		cmocka_unit_test(gaps_apart_are_no_neighbours),
		cmocka_unit_test(nothing_seen_is_taken_as_white),
		cmocka_unit_test(top_against_height_by_an_instrument),
		cmocka_unit_test(few_strokes_tell_no_share),
		cmocka_unit_test(shift_of_centres_is_told_and_undone),
		cmocka_unit_test(what_is_not_told_is_half_of_an_edge),
		cmocka_unit_test(gaps_in_the_rhythm_are_left_out),
		cmocka_unit_test(slow_noise_is_inside_the_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
