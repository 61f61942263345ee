/* A front end that cuts the pulses off below the converter's end: a pen too deep must not pass for it. */
#include <stdio.h>

#include "rig/measure/checks/clip.h"
#include "tests/bench/misfit_trial.h"
#include "tests/bench/misfits.h"
#include "tests/unit/measure/check.h"

#include "tests/unit/measure/plant_trial.h"

struct setting {
	struct plant plant;
	struct plant_trial trial;
	struct point_config config;
	struct curve *curve;
};

static void run_plant(struct setting *s)
{
	plant_generate(&s->trial, &s->plant);
	s->curve = plant_curve(&s->plant);
	s->config = plant_config(&s->plant, s->curve);
}

static void generate(struct setting *s, double hum_n, double noise_n)
{
	s->plant = plant_default(1.0, 120.0, 20000.0);
	s->plant.measure_s = 1.0;
	s->plant.hum_n = hum_n;
	s->plant.noise_n = noise_n;
	run_plant(s);
}

static void finish(struct setting *s)
{
	plant_end(&s->trial);
	curve_free(s->curve);
}

static int32_t highest(const struct plant_trial *t)
{
	int32_t most = 0;

	for (size_t i = 0; i < t->samples; i++)
		most = t->counts[i] > most ? t->counts[i] : most;
	return most;
}

/* noise: counts, rms, of what stands behind the clip. */
static void cut(struct plant_trial *t, int32_t end, double noise)
{
	struct pw1_random random = {.state = 11};

	for (size_t i = 0; i < t->samples; i++) {
		double x = fmin(t->counts[i], end) + (noise > 0.0 ? noise * pw1_normal(&random) : 0.0);

		t->counts[i] = (int32_t)nearbyint(x);
	}
}

static void assert_clipped(struct setting *s, const char *because)
{
	plant_measure(&s->trial, &s->config);
	const char *names[] = {"depth_mm", "depth_max_mm", "peak_force_n", "impulse_n_s"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct result *r = plant_result(&s->trial, names[i], NULL);

		if (r->trusted || strstr(r->reason, because) == NULL)
			fail_msg("%s: trusted %d, \"%s\"", names[i], r->trusted, r->reason);
	}
	assert_false(plant_result(&s->trial, "stroke_rate_hz", NULL)->trusted); /* cut strokes have other centres */
}

static void a_wall_behind_the_noise(void **state)
{
	struct setting s;

	(void)state;
	generate(&s, 0.003, 0.001);
	cut(&s.trial, (int32_t)(0.8 * highest(&s.trial)), 0.0);
	assert_clipped(&s, "clipped: the force ends in a wall at 0.");
	finish(&s);
}

/* The converter's own noise blurs the wall: two counts of it, where the sensor's are six. */
/* Of the tare, counts. */
static double level_of(const struct plant_trial *t)
{
	double sum = 0.0;

	for (size_t i = 0; i < 2000; i++)
		sum += t->counts[i] / 2000.0;
	return sum;
}

/* Whatever is lower than `above` counts over the tare's level is not let through. */
static void cut_below(struct plant_trial *t, double above, double noise)
{
	struct pw1_random random = {.state = 11};
	double end = level_of(t) + above;

	for (size_t i = 0; i < t->samples; i++) {
		double x = fmax(t->counts[i], end) + (noise > 0.0 ? noise * pw1_normal(&random) : 0.0);

		t->counts[i] = (int32_t)nearbyint(x);
	}
}

static void a_wall_between_strokes_behind_the_noise(void **state)
{
	struct setting s;

	(void)state;
	generate(&s, 0.003, 0.001);
	cut_below(&s.trial, 0.0, 0.0);
	assert_clipped(&s, "clipped: between strokes the force ends in a wall at 0.");
	finish(&s);
}

static void mains_that_only_pulses_show(void **state)
{
	struct setting s;

	(void)state;
	s.plant = plant_default(1.0, 120.0, 20000.0);
	s.plant.measure_s = 3.0;
	s.plant.hum_n = 0.005;
	s.plant.drift_n_s = 0.0;
	s.plant.noise_n = 1e-6;
	run_plant(&s);
	cut_below(&s.trial, 0.005 / s.config.force.scale, 0.001 / s.config.force.scale);
	assert_clipped(&s, "clipped: pulses swing with the mains by ");
	finish(&s);
}

/* A pen that wanders with the mains of itself, by a gear or by its supply's ripple, is a good pen. */
static void a_pen_that_wanders_with_the_mains(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct recording r = recording_usual(seed);
		struct misfit_outcome o;

		r.slow_mm = 0.008;
		r.slow_hz = 50.0;
		misfit_run(&r, &o);
		if (!o.claim[CLAIM_DEPTH].trusted)
			fail_msg("seed %lu: %s", (unsigned long)seed, o.claim[CLAIM_DEPTH].reason);
	}
}

static void lowest_samples_are_counted(void **state)
{
	struct clip clip = {.strokes = 0};
	const float first[] = {3.0F, 2.0F, 2.0F, 5.0F}, lower[] = {4, 4, 4, 4, 4, 4, 4, 4, 1, 4, 1},
		    same[] = {1.0F, 9.0F};

	(void)state;
	clip_rest(&clip, first, 4);
	assert_int_equal(clip.floor.lowest, 2);
	clip_rest(&clip, lower, 11);
	assert_int_equal(clip.floor.lowest, 2);
	clip_rest(&clip, same, 2);
	clip_rest(&clip, first, 4);
	clip_rest(&clip, first, 0);
	assert_int_equal(clip.floor.lowest, 3);
	assert_int_equal(clip.floor.samples, 21);
	check_near(clip.floor.lowest_n, 1.0, 0.0);
}

static void noise_gone_at_the_top(void **state)
{
	struct setting s;

	(void)state;
	generate(&s, 0.003, 0.002);
	cut(&s.trial, (int32_t)(0.97 * highest(&s.trial)), 2.5);
	assert_clipped(&s, "clipped: at the top of the pulses the square of the noise is 0.");
	finish(&s);
}

static void tops_that_do_not_follow_the_hum(void **state)
{
	struct setting s;

	(void)state;
	generate(&s, 0.006, 0.001);
	cut(&s.trial, (int32_t)(0.96 * highest(&s.trial)), 6.0);
	assert_clipped(&s, "clipped: of what moves all else the tops of the pulses show 0");
	finish(&s);
}

/* Noise hides the wall, and nothing moves: flat is flat. */
static void a_flat_top_without_hum(void **state)
{
	struct setting s;

	(void)state;
	generate(&s, 0.0, 0.001);
	cut(&s.trial, (int32_t)(0.8 * highest(&s.trial)), 6.0);
	assert_clipped(&s, "clipped, or the needles meet a stop: the pulses lack ");
	finish(&s);
}

static void a_clip_of_a_few_samples_is_inside_u(void **state)
{
	struct setting s;

	(void)state;
	generate(&s, 0.003, 0.001);
	cut(&s.trial, highest(&s.trial) - 4, 0.0);
	plant_measure(&s.trial, &s.config);
	plant_score(&s.trial);

	const struct result *r = plant_result(&s.trial, "depth_mm", NULL);

	assert_true(r->trusted);
	check_near(r->value, s.trial.mean_depth_mm, r->expanded_u);
	finish(&s);
}

/* Of these nothing but the path through the flanks tells: the noise comes after the clip, hum and walls are small. */
static void a_clip_that_hides_is_inside_u(void **state)
{
	static const struct {
		const char *family;
		double severity;
		unsigned trial;
	} rows[] = {{"clip-10-bit", 0.02, 5},  {"clip-10-bit", 0.02, 11}, {"clip-10-bit", 0.02, 27},
		    {"clip-10-bit", 0.02, 47}, {"clip-12-bit", 0.02, 1},  {"clip-12-bit", 0.02, 13}};
	unsigned trusted = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct recording r =
			misfit_recording(misfit_family_find(rows[i].family), rows[i].severity, rows[i].trial);
		struct misfit_outcome o;

		misfit_run(&r, &o);
		if (!o.claim[CLAIM_DEPTH].trusted)
			continue;
		trusted++;
		check_less(fabs(o.claim[CLAIM_DEPTH].error), 0.8 * o.claim[CLAIM_DEPTH].expanded_u);
	}
	assert_true(trusted >= 4);
}

/* Where tops are held, strokes look more alike than they are. */
static void held_tops_do_not_tell_a_smaller_scatter(void **state)
{
	static const double severities[] = {0.005, 0.02};
	unsigned trusted = 0;

	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		struct recording r =
			misfit_recording(misfit_family_find("clip-before-noise"), severities[i % 2], i / 2);
		struct misfit_outcome o;

		misfit_run(&r, &o);
		if (!o.claim[CLAIM_DEPTH_SD].trusted)
			continue;
		trusted++;
		check_less(fabs(o.claim[CLAIM_DEPTH_SD].error), o.claim[CLAIM_DEPTH_SD].expanded_u);
	}
	assert_true(trusted >= 3);
}

/* Strokes that differ by less than a count scatter by the converter's steps, and by nothing where these cut them off. */
static void a_coarse_converter_knows_little_of_scatter(void **state)
{
	static const char *const families[] = {"bits", "clip-10-bit"};
	static const double severities[] = {10, 0.02};

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct recording r = misfit_recording(misfit_family_find(families[i % 2]), severities[i % 2], i);
		struct misfit_outcome o;

		misfit_run(&r, &o);
		if (o.claim[CLAIM_DEPTH_SD].trusted)
			check_less(fabs(o.claim[CLAIM_DEPTH_SD].error), o.claim[CLAIM_DEPTH_SD].expanded_u);
	}
}

static void a_round_top_is_no_clip(void **state)
{
	(void)state;
	for (double hum_n = 0.0; hum_n < 0.01; hum_n += 0.003) {
		struct setting s;

		generate(&s, hum_n, 0.001);
		plant_measure(&s.trial, &s.config);
		assert_true(plant_result(&s.trial, "depth_mm", NULL)->trusted);
		assert_true(plant_result(&s.trial, "peak_force_n", NULL)->trusted);
		finish(&s);
	}
}

/* ---- the statistics, against their closed forms */

#define WIDTH 200
#define PEAK  300.3

/* 1 - v^2 in bins of 0.01, cut at `end`: the top bin of a parabola holds sqrt(1), the next sqrt(2) - 1 of its half. */
static double wall_of(double end, unsigned strokes)
{
	struct clip clip = {.strokes = 0};
	struct clip_pulse pulse = {.peak = PEAK, .width = WIDTH};
	struct clip_verdict v;
	float x[2 * (int)PEAK];

	for (unsigned k = 0; k < strokes; k++) {
		pulse.peak = PEAK + 0.37 * (k % 5);
		for (unsigned i = 0; i < 2 * (unsigned)PEAK; i++)
			x[i] = (float)fmin(end, 1.0 - pow(2.0 * ((double)i - pulse.peak) / WIDTH, 2.0));
		clip_stroke(&clip, x, 0, &pulse, 0.02, 0.01);
	}
	clip_judge(&clip, 0.02, 0.01, &v);
	assert_int_equal(v.walled, v.wall > v.wall_most && strokes >= 8);
	return v.wall;
}

static void walls_of_parabolas(void **state)
{
	(void)state;
	check_less(wall_of(1.0, 40), 3.5);
	check_less(8.0, wall_of(0.95, 40));  /* 2 delta / b = 10 */
	check_less(wall_of(0.975, 40), 8.0); /* 5 */
	check_less(8.0, wall_of(0.9, 7));    /* a wall, but of too few strokes */
}

static double dent_of(double missing, double *ret_u)
{
	struct clip_dent dent = {.n = 0};

	for (double v = -0.98; v < 1.0; v += 0.02)
		clip_dent_add(&dent, v, (1.0 - 0.9 * v * v + 0.2 * pow(v, 6.0) + 0.05 * v * v * v) / (1.0 - missing));
	return clip_dent_solve(&dent, 0.001, ret_u);
}

static void dent_by_extrapolation(void **state)
{
	double u;

	(void)state;
	check_near(dent_of(0.0, &u), 0.0, 1e-9);
	check_near(dent_of(0.1, &u), 1.0 / 0.9 - 1.0, 1e-9);
	check_less(1e-4, u);
	check_less(u, 0.01);

	struct clip_dent few = {.n = 0};

	for (unsigned i = 0; i < 7; i++)
		clip_dent_add(&few, 0.1 * i, 0.5);
	assert_true(isnan(clip_dent_solve(&few, 0.001, &u)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wall_behind_the_noise),
		cmocka_unit_test(a_wall_between_strokes_behind_the_noise),
		cmocka_unit_test(mains_that_only_pulses_show),
		cmocka_unit_test(a_pen_that_wanders_with_the_mains),
		cmocka_unit_test(lowest_samples_are_counted),
		cmocka_unit_test(noise_gone_at_the_top),
		cmocka_unit_test(tops_that_do_not_follow_the_hum),
		cmocka_unit_test(a_flat_top_without_hum),
		cmocka_unit_test(a_clip_of_a_few_samples_is_inside_u),
		cmocka_unit_test(a_clip_that_hides_is_inside_u),
		cmocka_unit_test(held_tops_do_not_tell_a_smaller_scatter),
		cmocka_unit_test(a_coarse_converter_knows_little_of_scatter),
		cmocka_unit_test(a_round_top_is_no_clip),
		cmocka_unit_test(walls_of_parabolas),
		cmocka_unit_test(dent_by_extrapolation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
