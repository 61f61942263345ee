/* Crest factor and impulse against their closed forms: half-sine pulses of a known height and duty, whose crest factor
 * is sqrt(2 / duty) and whose impulse is 2 height duty / (pi rate). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/point/point.h"
#include "tests/bench/pw1.h"
#include "tests/unit/measure/check.h"

#define FS_HZ   20000.0
#define SCALE_N 1e-5
#define TARE_S  0.3
#define RUN_S   0.5 /* strokes before the window */
#define COAST_S 0.3

struct train {
	double height_n, duty, rate_hz, level_n, noise_n, height_sd; /* sd relative to the height */
	double window_s, hum_n;                                      /* hum at 100 Hz */
	double early_duty;                                           /* of strokes before the window; 0: the same */
	double lift_n; /* what the needles press with all the while they run */
	unsigned odd;  /* every odd-th stroke is half as wide; 0: none */
	/* truth of the window */
	unsigned strokes;
	double sum_n, squares_n2, largest_n;
};

static struct train train_of(double height_n, double duty)
{
	return (struct train){
		.height_n = height_n, .duty = duty, .rate_hz = 100, .level_n = 0.2, .noise_n = 5e-4, .window_s = 2};
}

/* Heights of the strokes in order; one stroke is in the middle of each period. */
static double *draw_heights(struct train *t, struct pw1_random *random)
{
	double from = RUN_S * t->rate_hz;
	unsigned count = (unsigned)((RUN_S + t->window_s) * t->rate_hz + 0.5);
	double *heights = calloc(count + 1, sizeof(*heights));

	if (!heights)
		abort();
	for (unsigned i = 0; i < count; i++) {
		heights[i] = t->height_n * (1.0 + t->height_sd * pw1_normal(random));
		if (i + 0.5 < from)
			continue;
		t->strokes++;
		t->sum_n += heights[i];
		t->squares_n2 += heights[i] * heights[i];
		t->largest_n = fmax(t->largest_n, heights[i]);
	}
	return heights;
}

static double force_at(const struct train *t, const double *heights, double run_s)
{
	double turn = run_s * t->rate_hz, k = floor(turn);
	double duty = t->early_duty > 0 && k < RUN_S * t->rate_hz ? t->early_duty : t->duty;
	double from_middle = (turn - k - 0.5) / duty;

	if (run_s < 0 || k >= floor((RUN_S + t->window_s) * t->rate_hz + 0.5)) /* the last pulse ends as all do */
		return 0;
	if (t->odd && (unsigned)k % t->odd == 0)
		from_middle *= 2;
	return t->lift_n + (fabs(from_middle) < 0.5 ? heights[(unsigned)k] * cos(M_PI * from_middle) : 0);
}

static void measure(struct train *t, const struct point_config *config, struct result results[RESULTS_PER_POINT_MAX],
		    unsigned *ret_count)
{
	struct pw1_random random = {.state = 11};
	double *heights = draw_heights(t, &random), end_s = TARE_S + RUN_S + t->window_s + COAST_S;
	struct point *point = NULL;
	int32_t counts[500];

	assert_int_equal(point_new(config, &point), 0);
	point_phase(point, POINT_TARE, 0, NAN);
	point_phase(point, POINT_SPIN_UP, (uint64_t)(TARE_S * FS_HZ), TARE_S * FS_HZ);
	point_phase(point, POINT_MEASURE, (uint64_t)((TARE_S + RUN_S) * FS_HZ), NAN);
	point_phase(point, POINT_COAST, (uint64_t)((TARE_S + RUN_S + t->window_s) * FS_HZ), NAN);
	for (uint64_t i = 0; i < (uint64_t)(end_s * FS_HZ); i += 500) {
		for (unsigned k = 0; k < 500; k++)
			counts[k] =
				(int32_t)lround((t->level_n + force_at(t, heights, (double)(i + k) / FS_HZ - TARE_S) +
						 t->hum_n * sin(2 * M_PI * 100 * (double)(i + k) / FS_HZ) +
						 t->noise_n * pw1_normal(&random)) /
						SCALE_N);
		struct sample_block block = {.channels = 1, .frames = 500, .first_index = i, .counts = counts};
		point_feed(point, &block);
	}
	*ret_count = point_finish(point, results, RESULTS_PER_POINT_MAX);
	point_free(point);
	free(heights);
}

static struct point_config config_of(const struct train *t)
{
	return (struct point_config){
		.fs_hz = FS_HZ,
		.force = {.position = 0, .scale = SCALE_N, .count_lo = -8000000, .count_hi = 8000000},
		.displacement = {.position = -1},
		.rate_set_hz = t->rate_hz,
		.depth_set_mm = 1,
		.mains_hz = 50,
		.preload_hi_n = 1,
		.u = {.gain_rel = 0.005, .clock_rel = 5e-5, .temperature_rel = 0.001},
	};
}

static struct result result_of(struct train *t, const struct point_config *config, enum measurand id)
{
	struct result results[RESULTS_PER_POINT_MAX];
	unsigned count;

	measure(t, config, results, &count);
	for (unsigned i = 0; i < count; i++) {
		if (results[i].id == id)
			return results[i];
	}
	fail_msg("no result of %s", measurand_row(id)->name);
	abort();
}

/* NaN: there is no such line. */
static double line_u(const struct result *r, const char *name)
{
	for (unsigned i = 0; i < r->budget_lines; i++)
		if (strcmp(r->budget[i].name, name) == 0)
			return r->budget[i].u;
	return NAN;
}

/* Rates that no sample is in step with. */
static const struct {
	double height_n, duty, rate_hz;
} trials[] = {{0.5, 0.3, 101.3}, {0.5, 0.5, 101.3}, {2, 0.3, 101.3}, {0.5, 0.3, 41.7}, {0.5, 0.6, 151.9}};

static void crest_factor_of_half_sines(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		struct train t = train_of(trials[i].height_n, trials[i].duty);

		t.rate_hz = trials[i].rate_hz;
		struct point_config config = config_of(&t);
		struct result r = result_of(&t, &config, MEASURAND_CREST_FACTOR);

		assert_true(r.trusted && r.reason[0] == '\0');
		assert_int_equal(r.n, t.strokes);
		check_near(r.value, sqrt(2 / t.duty), fmin(r.expanded_u, 0.001 * r.value));
		/* The largest height is known as well as a sample, of which the noise is known. */
		check_near(line_u(&r, "repeatability"), r.value * t.noise_n / t.height_n,
			   0.15 * r.value * t.noise_n / t.height_n);
		double n = t.strokes, period = FS_HZ / t.rate_hz, rms_n = t.height_n * sqrt(t.duty / 2);
		check_near(line_u(&r, "noise"), r.value * t.noise_n / (rms_n * sqrt(n * period)),
			   0.15 * line_u(&r, "noise"));
		/* Of the cap of n strokes, as wide as a few tenths of the contact. */
		double one = r.value * t.noise_n / t.height_n / sqrt(n * t.duty * period);
		check_less(one, line_u(&r, "template"));
		check_less(line_u(&r, "template"), 6 * one);
		/* A level lifts the peak by itself, and the square of a half sine by 4 / pi of that. */
		double level_n = t.noise_n / sqrt((1 - t.duty) * n * period), share = (4 / M_PI - 1) / t.height_n;
		check_less(0.9 * r.value * level_n * share, line_u(&r, "zero"));
		check_less(line_u(&r, "zero"), 3 * r.value * level_n * share);
		assert_true(isnan(line_u(&r, "cell")));
		assert_true(isnan(line_u(&r, "calibration"))); /* what scales the force scales both */
	}
}

static void the_largest_of_unequal_strokes_is_its_peak(void **state)
{
	struct train t = train_of(0.5, 0.4);
	struct point_config config = config_of(&t);

	(void)state;
	t.height_sd = 0.05;
	struct result r = result_of(&t, &config, MEASURAND_CREST_FACTOR);
	assert_true(r.trusted);
	check_near(r.value, t.largest_n / sqrt(t.squares_n2 / t.strokes * t.duty / 2), r.expanded_u);
	check_less(1.08 * sqrt(2 / t.duty), r.value);
}

/* The peak of a half sine is moved by what undoes the cell: by its second derivative over the square of the cell's
 * frequency. The signal has no ring, so here that is all error. */
static void the_load_cell_is_in_the_budget(void **state)
{
	struct train t = train_of(0.5, 0.3);
	struct point_config config = config_of(&t);

	(void)state;
	config.cell = (struct load_cell){.hz = 2000, .damping = 0.05, .u_rel = 0.03};
	struct result r = result_of(&t, &config, MEASURAND_CREST_FACTOR);
	double moved = pow(M_PI * t.rate_hz / t.duty / (2 * M_PI * config.cell.hz), 2);
	check_near(line_u(&r, "cell"), r.value * moved * 2 * config.cell.u_rel, 0.1 * r.value * moved * 0.06);
}

/* The mains' second harmonic comes with every stroke, as if it were part of the pulse. */
static void hum_that_hides_behind_the_strokes_is_in_the_budget(void **state)
{
	struct train t = train_of(0.5, 0.3);
	struct point_config config = config_of(&t);

	(void)state;
	t.hum_n = 0.01;
	struct result r = result_of(&t, &config, MEASURAND_CREST_FACTOR);
	check_near(r.value, sqrt(2 / t.duty), r.expanded_u);
	check_near(line_u(&r, "hum"), r.value * t.hum_n * M_SQRT1_2 * 4 / (M_PI * t.height_n), 0.1 * line_u(&r, "hum"));
	t = train_of(2, 0.3);
	t.hum_n = 0.01;
	r = result_of(&t, &config, MEASURAND_CREST_FACTOR);
	check_near(line_u(&r, "hum"), r.value * t.hum_n * M_SQRT1_2 * 4 / (M_PI * t.height_n), 0.1 * line_u(&r, "hum"));
}

static double impulse_of(const struct train *t)
{
	return 2 * t->sum_n / t->strokes * t->duty / (M_PI * t->rate_hz);
}

static void impulse_of_half_sines(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		struct train t = train_of(trials[i].height_n, trials[i].duty);

		t.rate_hz = trials[i].rate_hz;
		struct point_config config = config_of(&t);
		config.u.gain_rel = config.u.temperature_rel = 0; /* the rest must hold by itself */
		struct result r = result_of(&t, &config, MEASURAND_IMPULSE);

		assert_true(r.trusted && r.reason[0] == '\0');
		assert_int_equal(r.n, t.strokes);
		check_near(r.value, impulse_of(&t), r.expanded_u);
		check_less(r.expanded_u, 5e-4 * r.value);
		check_near(line_u(&r, "clock"), config.u.clock_rel * r.value, 1e-12);
		assert_true(isnan(line_u(&r, "calibration")));
	}
}

/* A pen that has changed its speed since its pulse was learned, in a window too short to learn it anew. */
static void pulses_wider_than_the_template(void **state)
{
	(void)state;
	for (double early = 0.37; early < 0.44; early += 0.03) {
		struct train t = train_of(0.5, 0.4);
		struct point_config config = config_of(&t);

		t.early_duty = early;
		t.window_s = 0.5;
		config.u.gain_rel = config.u.temperature_rel = 0;
		struct result crest = result_of(&t, &config, MEASURAND_CREST_FACTOR);
		check_near(crest.value, sqrt(2 / t.duty), 0.01 * crest.value);
		check_near(result_of(&t, &config, MEASURAND_IMPULSE).value, impulse_of(&t), 0.01 * impulse_of(&t));
	}
}

/* Where the strokes differ, or something sits under all of them, the budget says so. */
static void the_budget_of_an_impulse(void **state)
{
	struct train t = train_of(0.5, 0.4), shifted = t;
	struct point_config config = config_of(&t);

	(void)state;
	t.height_sd = 0.05;
	struct result r = result_of(&t, &config, MEASURAND_IMPULSE);
	double n = t.strokes, scatter = sqrt(t.squares_n2 / n - pow(t.sum_n / n, 2)) / (t.sum_n / n);
	check_near(r.value, impulse_of(&t), 1e-3 * r.value);
	check_near(line_u(&r, "repeatability"), r.value * scatter / sqrt(n), 0.02 * r.value * scatter / sqrt(n));
	check_near(r.budget[0].dof, n - 1, 0);
	check_near(line_u(&r, "calibration"), 0.005 * r.value, 1e-12);
	check_near(line_u(&r, "temperature"), 0.001 * r.value, 1e-12);

	/* Hum of 100 Hz comes with every stroke of 100 Hz: over a contact it adds at most its amplitude. */
	shifted.rate_hz = 100;
	shifted.hum_n = 0.01;
	config.u.gain_rel = 0;
	r = result_of(&shifted, &config, MEASURAND_IMPULSE);
	check_near(r.value, impulse_of(&shifted), r.expanded_u);
	check_near(line_u(&r, "hum"), shifted.hum_n * M_SQRT1_2 * shifted.duty / shifted.rate_hz,
		   0.3 * line_u(&r, "hum"));
}

/* sigma sqrt(D / n): of n strokes the sum over D samples of contact each; and the level's own, over the contact. */
static void noise_in_an_impulse(void **state)
{
	struct train t = train_of(0.5, 0.4);
	struct point_config config = config_of(&t);

	(void)state;
	t.noise_n = 5e-3;
	struct result r = result_of(&t, &config, MEASURAND_IMPULSE);
	double contact = t.duty * FS_HZ / t.rate_hz, n = t.strokes;
	double least = t.noise_n * sqrt(contact / n) / FS_HZ, level = t.noise_n / sqrt((1 - t.duty) * FS_HZ * 2);
	check_less(0.9 * least, line_u(&r, "template"));
	check_less(line_u(&r, "template"), 1.6 * least);
	check_less(0.9 * level * contact / FS_HZ, line_u(&r, "zero"));
	check_less(line_u(&r, "zero"), 3 * level * contact / FS_HZ);
}

/* Needles that never leave the ground: what lies under the lowest point may be contact too. */
static void a_level_that_is_not_that_of_the_tare(void **state)
{
	struct train t = train_of(0.5, 1);
	struct point_config config = config_of(&t);

	(void)state;
	t.lift_n = 0.1;
	struct result impulse = result_of(&t, &config, MEASURAND_IMPULSE);
	check_near(line_u(&impulse, "level step"), 0.94 * t.lift_n / t.rate_hz, 0.15 * line_u(&impulse, "level step"));
	t = train_of(0.5, 0.5); /* or they dwell in it, where the force is flat for a while */
	t.lift_n = 0.1;
	impulse = result_of(&t, &config, MEASURAND_IMPULSE);
	check_near(line_u(&impulse, "level step"), 0.94 * 0.5 * t.lift_n / t.rate_hz,
		   0.15 * line_u(&impulse, "level step"));
	t = train_of(0.5, 0.5); /* where they leave it, it is seen that they do */
	impulse = result_of(&t, &config, MEASURAND_IMPULSE);
	check_less(line_u(&impulse, "zero"), 1e-3 * 0.1 / t.rate_hz);
}

/* 1 mN that steps in with the strokes and out with them is below what any check trips at; every force knows it less well. */
static void what_a_check_leaves_is_in_every_force(void **state)
{
	struct train t = train_of(0.5, 0.4);
	struct point_config config = config_of(&t);
	double left_n = 0.94 * 1e-3, mean_n = 2 * t.duty / M_PI * t.height_n, square_n2 = 0.5 * t.duty * 0.25;

	(void)state;
	t.lift_n = 1e-3;
	struct result peak = result_of(&t, &config, MEASURAND_PEAK_FORCE);
	struct result crest = result_of(&t, &config, MEASURAND_CREST_FACTOR);
	struct result impulse = result_of(&t, &config, MEASURAND_IMPULSE);
	assert_true(peak.trusted && crest.trusted && impulse.trusted);
	check_near(line_u(&peak, "level step"), left_n, 0.1 * left_n);
	check_near(line_u(&crest, "level step"), crest.value * left_n * mean_n / square_n2,
		   0.1 * line_u(&crest, "level step"));
	check_near(line_u(&impulse, "level step"), left_n * t.duty / t.rate_hz, 0.1 * line_u(&impulse, "level step"));
}

/* A check whose line stands in the budget of depth, and that doubts forces, has its line in theirs. */
static void no_check_forgets_the_forces(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MODEL_CHECKS; i++) {
		const struct model_check_row *row = model_check_row((enum model_check)i);

		if (row->line && (row->doubts & DOUBTS_FORCE))
			assert_true(row->acts != ACTS_NOT);
		if (row->acts != ACTS_NOT)
			assert_non_null(row->line);
	}
}

static void a_peak_has_what_scales_it_and_what_it_counts_from(void **state)
{
	struct train t = train_of(0.5, 0.4);
	struct point_config config = config_of(&t);

	(void)state;
	config.u.cell_linearity_rel = 0.004;
	config.u.cell_drift_rel = 0.003;
	struct result r = result_of(&t, &config, MEASURAND_PEAK_FORCE);
	check_near(line_u(&r, "calibration"), 0.005 * r.value, 1e-12);
	check_near(line_u(&r, "temperature"), 0.001 * r.value, 1e-12);
	check_near(line_u(&r, "cell linearity"), 0.004 * r.value, 1e-12);
	check_near(line_u(&r, "cell drift"), 0.003 * r.value, 1e-12);
	double level = t.noise_n / sqrt((1 - t.duty) * FS_HZ * t.window_s); /* at best */
	check_less(0.9 * level, line_u(&r, "zero"));
	check_less(line_u(&r, "zero"), 6 * level);
	assert_true(isnan(line_u(&r, "cell zero")));
}

/* Of a cell that reads 15 mN where nothing touches, the seating force is wrong by 15 mN, and nothing else. */
static void only_the_seating_force_hangs_on_the_zero(void **state)
{
	static const enum measurand ids[] = {MEASURAND_PEAK_FORCE, MEASURAND_CREST_FACTOR, MEASURAND_IMPULSE};
	struct train t = train_of(0.5, 0.4), off = t;
	struct point_config config = config_of(&t);

	(void)state;
	config.u.gain_rel = 0;
	config.u.cell_zero_n = 0.01;
	off.level_n += 0.015;
	struct result r = result_of(&off, &config, MEASURAND_SEATING_FORCE);
	check_near(r.value, off.level_n, 1e-4);
	check_near(line_u(&r, "cell zero"), 0.01, 0);
	check_near(r.value, t.level_n, r.expanded_u);
	for (unsigned i = 0; i < 3; i++) {
		struct result with = result_of(&off, &config, ids[i]), without = result_of(&t, &config, ids[i]);

		check_near(with.value, without.value, 1e-6 * without.value);
		assert_true(isnan(line_u(&with, "cell zero")));
	}
}

static void assert_doubted(struct train t, const struct point_config *config, enum measurand id, const char *why)
{
	struct result r = result_of(&t, config, id);

	if (r.trusted || !strstr(r.reason, why))
		fail_msg("%s: %s, \"%s\" is not \"%s\"", r.name, r.trusted ? "trusted" : "not trusted", r.reason, why);
}

static void doubtful_pulses_are_not_trusted(void **state)
{
	static const enum measurand ids[] = {MEASURAND_CREST_FACTOR, MEASURAND_IMPULSE};

	(void)state;
	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct train t = train_of(0.5, 0.3), few = t, odd = t;
		struct point_config config = config_of(&t), narrow = config, low = config, tight = config;

		narrow.bandwidth_hz = 900;
		assert_doubted(t, &narrow, ids[i], "bandwidth");
		low.force_hi_n = 0.6; /* 0.2 N of seating and 0.5 N */
		assert_doubted(t, &low, ids[i], "above the sensor's calibrated");
		tight.preload_lo_n = 0.5;
		assert_doubted(t, &tight, ids[i], "seating force");
		few.window_s = 0.02;
		assert_doubted(few, &config, ids[i], "2 strokes seen");
		assert_false(result_of(&few, &config, ids[i]).valid);
		few.window_s = 0.03; /* three strokes are a rate, and a pulse is known from before */
		struct result three = result_of(&few, &config, ids[i]);
		assert_true(three.valid && three.trusted && three.n == 3);
		odd.odd = 20; /* few enough for a rate */
		assert_doubted(odd, &config, ids[i], "do not have the pen's own pulse shape");
		few.height_n = 0; /* nothing strikes: no value either */
		few.window_s = 1;
		assert_false(result_of(&few, &config, ids[i]).valid);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crest_factor_of_half_sines),
		cmocka_unit_test(the_largest_of_unequal_strokes_is_its_peak),
		cmocka_unit_test(the_load_cell_is_in_the_budget),
		cmocka_unit_test(hum_that_hides_behind_the_strokes_is_in_the_budget),
		cmocka_unit_test(impulse_of_half_sines),
		cmocka_unit_test(pulses_wider_than_the_template),
		cmocka_unit_test(the_budget_of_an_impulse),
		cmocka_unit_test(noise_in_an_impulse),
		cmocka_unit_test(a_level_that_is_not_that_of_the_tare),
		cmocka_unit_test(what_a_check_leaves_is_in_every_force),
		cmocka_unit_test(no_check_forgets_the_forces),
		cmocka_unit_test(a_peak_has_what_scales_it_and_what_it_counts_from),
		cmocka_unit_test(only_the_seating_force_hangs_on_the_zero),
		cmocka_unit_test(doubtful_pulses_are_not_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
