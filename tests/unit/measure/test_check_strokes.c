/* Strokes that the model does not know: a depth that still travels, pulses of another shape, pulses that are no strokes. */
#include <stdio.h>

#include "tests/unit/measure/check.h"

#include "rig/measure/checks/alternation.h"
#include "rig/measure/checks/settled.h"
#include "rig/measure/checks/strange.h"
#include "tests/unit/measure/plant_trial.h"

struct setting {
	struct plant plant;
	struct plant_trial trial;
	struct point_config config;
	struct curve *curve;
};

static void prepare(struct setting *s, double measure_s)
{
	s->plant = plant_default(1.0, 120.0, 20000.0);
	s->plant.measure_s = measure_s;
}

static void generate(struct setting *s)
{
	plant_generate(&s->trial, &s->plant);
	s->curve = plant_curve(&s->plant);
	s->config = plant_config(&s->plant, s->curve);
}

static void measure(struct setting *s)
{
	plant_measure(&s->trial, &s->config);
	plant_score(&s->trial);
}

static void finish(struct setting *s)
{
	plant_end(&s->trial);
	curve_free(s->curve);
}

static void run(struct setting *s)
{
	generate(s);
	measure(s);
}

static const struct result *depth_of(const struct setting *s, const char *name)
{
	return plant_result(&s->trial, name, "force_equivalent");
}

static double line_u(const struct result *r, const char *name)
{
	for (unsigned i = 0; i < r->budget_lines; i++) {
		if (strcmp(r->budget[i].name, name) == 0)
			return r->budget[i].u;
	}
	return 0.0;
}

static enum check_state state_of(const struct setting *s, enum model_check check)
{
	return plant_check(&s->trial, check)->state;
}

static void a_good_pen_passes(void **state)
{
	static const enum model_check checks[] = {CHECK_SUB_PULSES, CHECK_STRANGE_STROKES, CHECK_SETTLED};
	struct setting s;

	(void)state;
	prepare(&s, 2.0);
	run(&s);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(state_of(&s, checks[i]), CHECK_PASSED);
	assert_true(depth_of(&s, "depth_mm")->trusted);
	for (unsigned i = 0; i < depth_of(&s, "depth_mm")->budget_lines; i++)
		assert_string_not_equal(depth_of(&s, "depth_mm")->budget[i].name, "strange strokes");
	check_less(line_u(depth_of(&s, "depth_mm"), "settling"), 0.001);
	finish(&s);
}

/* From harmless to gross, as fast as the head of the window, or as slow as the window itself, and in windows too short to
 * compare blocks. The truth is the depth that the pen comes to. */
static void depth_still_travels_in_the_window(void **state)
{
	static const struct {
		double mm, tau_s, measure_s;
		bool gross;
	} trials[] = {{0.18, 0.3, 2.0, true},   {0.18, 1.0, 2.0, true},   {0.18, 0.1, 2.0, true},
		      {-0.1, 0.3, 2.0, true},   {0.18, 0.3, 0.5, true},   {0.18, 0.2, 0.25, true},
		      {0.002, 0.3, 2.0, false}, {0.004, 1.0, 2.0, false}, {0.001, 0.2, 0.5, false}};

	(void)state;
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		struct setting s;

		prepare(&s, trials[i].measure_s);
		s.plant.travel_mm = trials[i].mm;
		s.plant.travel_tau_s = trials[i].tau_s;
		run(&s);
		const struct result *depth = depth_of(&s, "depth_mm");

		if (depth->trusted && !(fabs(depth->value - 1.0) < depth->expanded_u))
			fail_msg("trial %u: %g +- %g", i, depth->value, depth->expanded_u);
		if (trials[i].gross != (state_of(&s, CHECK_SETTLED) == CHECK_TRIPPED))
			fail_msg("trial %u: state %d", i, state_of(&s, CHECK_SETTLED));
		if (trials[i].gross) {
			assert_false(depth->trusted);
			assert_non_null(strstr(depth->reason, "not settled"));
			assert_true(plant_result(&s.trial, "stroke_rate_hz", "realised")->trusted);
			assert_false(plant_result(&s.trial, "missed_strokes", NULL)->trusted);
		} else {
			assert_true(plant_result(&s.trial, "missed_strokes", NULL)->trusted);
		}
		finish(&s);
	}
}

/* What is below the limits of a trip is in the budget. */
static void a_little_travel_is_a_line(void **state)
{
	struct settled s = {.n = 0};
	struct settled_finding f;

	(void)state;
	for (unsigned k = 0; k < 16; k++)
		settled_before(&s, 0.990 - 0.0001 * k);
	for (unsigned k = 0; k < 240; k++)
		settled_add(&s, 1.0 - 0.010 * exp(k / -40.0) + (k % 2 ? 0.001 : -0.001));
	settled_find(&s, &f);
	check_near(f.before, -0.0107, 0.0002);
	check_near(f.half, -2.0 * 0.010 * 40.0 / 240.0, 0.0004);
	check_near(f.start, -0.010, 0.0005);
	check_near(f.mean, -0.010 * 40.0 / 240.0, 0.0004);
	check_less(f.start_p, 1e-8);
	check_less(0.9, f.r2);
	check_less(f.head_p, 1e-6);
}

/* Windows of any length in constant memory: 1, 2, 4 ... strokes in a mean. A straight line is wear, not an approach. */
static void long_windows_and_wear(void **state)
{
	(void)state;
	for (unsigned n = 200; n <= 20000; n *= 10) {
		struct settled still = {.n = 0}, worn = {.n = 0}, coming = {.n = 0};
		struct settled_finding f;
		struct pw1_random random = {.state = n};

		for (unsigned k = 0; k < n; k++) {
			double noise = 0.004 * pw1_normal(&random);

			settled_add(&still, 0.5 + noise);
			settled_add(&worn, 0.5 - 0.05 * k / n + noise);
			settled_add(&coming, 0.5 - 0.05 * exp(-5.0 * k / n) + noise);
		}
		settled_find(&still, &f);
		check_less(1e-3, f.head_p);
		check_less(1e-4, f.start_p);
		assert_true(isnan(f.before));
		settled_find(&worn, &f);
		check_less(1e-4, f.start_p);
		settled_find(&coming, &f);
		check_less(f.start_p, 1e-5);
		check_near(f.mean, -0.01, 0.003);
	}
}

/* Of what doubts every result, these too. */
static void assert_events_trusted(const struct setting *s, bool trusted)
{
	static const char *const events[] = {"seating_force_n", "spin_up_s", "coast_down_s"};

	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		assert_int_equal(plant_result(&s->trial, events[i], NULL)->trusted, trusted);
}

static void pulses_at_twice_the_command(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s, 1.0);
	generate(&s);
	s.config.rate_set_hz = 60.0;
	measure(&s);
	const struct result *rate = plant_result(&s.trial, "stroke_rate_hz", "realised");

	assert_int_equal(state_of(&s, CHECK_SUB_PULSES), CHECK_TRIPPED);
	assert_false(rate->trusted);
	assert_non_null(strstr(rate->reason, "sub-pulses"));
	assert_false(plant_result(&s.trial, "strokes", NULL)->trusted);
	assert_false(depth_of(&s, "depth_mm")->trusted);
	assert_events_trusted(&s, false);
	s.config.rate_set_hz = 100.0; /* a fast pen, not two pulses for one */
	measure(&s);
	assert_int_equal(state_of(&s, CHECK_SUB_PULSES), CHECK_PASSED);
	assert_true(plant_result(&s.trial, "stroke_rate_hz", "realised")->trusted);
	assert_events_trusted(&s, true);
	finish(&s);
}

static void pulses_in_pairs(void **state)
{
	struct alternation pairs = {.seen = 0}, noise = {.seen = 0}, skipped = {.seen = 0};
	struct pw1_random random = {.state = 3};

	(void)state;
	for (unsigned k = 0; k < 200; k++) {
		double x = pw1_normal(&random);

		alternation_add(&pairs, 1.0 + (k % 2 ? 0.1 : -0.1) + 0.02 * x);
		alternation_add(&noise, 1.0 + 0.2 * x);
		if (k != 77 && k != 130)
			alternation_add(&skipped, 1.0 + (k % 2 ? 0.1 : -0.1) + 0.02 * x);
	}
	check_near(alternation_share(&pairs), 0.2, 0.005);
	check_near(alternation_share(&skipped), 0.2, 0.01);
	check_near(alternation_share(&noise), 0.0, 0.0);
}

/* A blow of 0.1 N on the flank of every so-many-th stroke of the window, from `first` on. */
static void misshape(struct setting *s, unsigned first, unsigned every)
{
	const struct plant *p = &s->trial.plant;
	unsigned n = 0;

	for (unsigned k = 0; k < p->strokes; k++) {
		if (p->instant_s[k] < p->measure_from_s || p->instant_s[k] >= p->stop_s)
			continue;
		size_t at = plant_index(p, p->instant_s[k] + 0.1 / p->rate_hz);

		for (unsigned i = 0; n >= first && (n - first) % every == 0 && i < 20; i++)
			s->trial.counts[at + i] += (int32_t)(0.1 * sin(M_PI * (i + 0.5) / 20.0) / p->lsb_n);
		n++;
	}
}

/* Two of 240 are left out of the mean, and no more; one of ten is too many. */
static void strokes_of_another_shape(void **state)
{
	struct setting s;
	struct result without;

	(void)state;
	prepare(&s, 2.0);
	run(&s);
	without = *depth_of(&s, "depth_mm");
	misshape(&s, 40, 120);
	measure(&s);
	const struct result *depth = depth_of(&s, "depth_mm");

	assert_int_equal(state_of(&s, CHECK_STRANGE_STROKES), CHECK_PASSED);
	check_near(plant_check(&s.trial, CHECK_STRANGE_STROKES)->statistic, 2.0, 0.0);
	assert_true(depth->trusted);
	assert_int_equal(depth->n, without.n - 2);
	check_near(plant_result(&s.trial, "strokes", NULL)->value, without.n, 0.0);
	check_near(depth->value, without.value, 0.0003);
	check_less(0.0, line_u(depth, "strange strokes"));
	check_near(plant_check(&s.trial, CHECK_STRANGE_STROKES)->effect_mm, 0.0, 0.0005);
	misshape(&s, 45, 10);
	measure(&s);
	assert_int_equal(state_of(&s, CHECK_STRANGE_STROKES), CHECK_TRIPPED);
	assert_non_null(strstr(depth_of(&s, "depth_mm")->reason, "do not have the pen's own pulse shape"));
	assert_false(plant_result(&s.trial, "stroke_rate_hz", "realised")->trusted);
	finish(&s);
}

/* The one stroke that goes too deep is the one that looks strange: it may leave the mean, never the maximum. */
static void a_deep_stroke_stays_the_deepest(void **state)
{
	struct setting s;
	unsigned deepest = 0;

	(void)state;
	prepare(&s, 2.0);
	s.plant.deep_turn = 160;
	s.plant.deep_mm = 0.15;
	generate(&s);
	const struct plant *p = &s.trial.plant;

	for (unsigned k = 0; k < p->strokes; k++)
		deepest = p->depth[k] > p->depth[deepest] ? k : deepest;
	size_t at = plant_index(p, p->instant_s[deepest] + 0.1 / p->rate_hz);

	for (unsigned i = 0; i < 20; i++)
		s.trial.counts[at + i] += (int32_t)(0.1 / p->lsb_n * sin(M_PI * (i + 0.5) / 20.0));
	measure(&s);
	check_near(plant_check(&s.trial, CHECK_STRANGE_STROKES)->statistic, 1.0, 0.0);
	check_less(p->depth[deepest] - 0.05, depth_of(&s, "depth_max_mm")->value);
	check_less(p->depth[deepest] - 0.05, depth_of(&s, "depth_max_raw_mm")->value);
	check_less(depth_of(&s, "depth_sd_mm")->value, 0.009);
	finish(&s);
}

/* Deeper strokes have other shapes than the mean one; their squares grow with the distance. */
static void deeper_is_not_stranger(void **state)
{
	struct strange s = {.held = 0};
	struct pw1_random random = {.state = 5};
	unsigned strange = 0;

	(void)state;
	for (unsigned k = 0; k < 2000; k++) {
		double off = 0.02 * pw1_normal(&random);

		strange += strange_stroke(&s, 0.3 + off, hypot(0.0005, 0.15 * off), 0.0005);
	}
	assert_int_equal(strange, 0);
	assert_true(strange_stroke(&s, 0.3, 0.009, 0.0005));
	assert_false(strange_stroke(&s, 0.3, 0.004, 0.0005)); /* seen, and too little to matter */
	assert_false(strange_stroke(&s, 0.4, 0.0095, 0.0005));
}

/* A pen that runs 10 and 20 % off its command: its depth is that of the curve at the rate it runs at. */
static void depth_at_the_rate_that_is_run(void **state)
{
	(void)state;
	for (double off = -0.2; off < 0.25; off += 0.1) {
		struct setting s;

		prepare(&s, 2.0);
		generate(&s);
		const struct curve_set curves = plant_curves(&s.plant);

		curve_free(s.curve);
		s.config.rate_set_hz = 120.0 / (1.0 + off);
		assert_int_equal(curve_new(&curves, s.config.rate_set_hz, &s.curve), 0);
		s.config.curve = s.curve;
		measure(&s);
		double by_command = depth_of(&s, "depth_mm")->value, sd = depth_of(&s, "depth_sd_mm")->value;

		s.config.curves = &curves;
		measure(&s);
		const struct result *depth = depth_of(&s, "depth_mm");

		assert_true(depth->trusted);
		check_near(depth->value, s.trial.mean_depth_mm, 0.0015);
		check_near(depth_of(&s, "depth_mm")->value - depth_of(&s, "depth_error_mm")->value, 1.0, 1e-12);
		if (fabs(off) > 0.05)
			check_less(0.002, fabs(by_command - s.trial.mean_depth_mm));
		check_near(depth_of(&s, "depth_sd_mm")->value / sd, depth->value / by_command, 0.01);
		check_less(0.0001, line_u(depth, "curve rate"));
		finish(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_pen_passes),           cmocka_unit_test(depth_still_travels_in_the_window),
		cmocka_unit_test(a_little_travel_is_a_line),   cmocka_unit_test(long_windows_and_wear),
		cmocka_unit_test(pulses_at_twice_the_command), cmocka_unit_test(pulses_in_pairs),
		cmocka_unit_test(strokes_of_another_shape),    cmocka_unit_test(a_deep_stroke_stays_the_deepest),
		cmocka_unit_test(deeper_is_not_stranger),      cmocka_unit_test(depth_at_the_rate_that_is_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
