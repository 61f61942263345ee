/* The tare is looked at as the window is: what moves in it is not the level without contact. */
#include <stdio.h>

#include "rig/measure/checks/tare.h"
#include "tests/unit/measure/check.h"

#include "tests/unit/measure/plant_trial.h"

struct setting {
	struct plant plant;
	struct plant_trial trial;
	struct point_config config;
	struct curve *curve;
};

static void generate(struct setting *s)
{
	s->plant = plant_default(1.0, 120.0, 20000.0);
	s->plant.measure_s = 1.0;
	s->plant.tare_s = 0.5;
	plant_generate(&s->trial, &s->plant);
	s->curve = plant_curve(&s->plant);
	s->config = plant_config(&s->plant, s->curve);
}

static void finish(struct setting *s)
{
	plant_end(&s->trial);
	curve_free(s->curve);
}

static const struct result *measured(struct setting *s, const char *name)
{
	plant_measure(&s->trial, &s->config);
	plant_score(&s->trial);
	return plant_result(&s->trial, name, NULL);
}

static void add_in_tare(struct setting *s, double height_n, double from_s, double length_s)
{
	size_t from = plant_index(&s->plant, from_s), n = plant_index(&s->plant, length_s);

	for (size_t i = 0; i < n; i++)
		s->trial.counts[from + i] +=
			(int32_t)(height_n / s->plant.lsb_n * sin(M_PI * ((double)i + 0.5) / (double)n));
}

static void add_line(struct setting *s, double amplitude_n, double hz)
{
	for (size_t i = 0; i < s->trial.samples; i++)
		s->trial.counts[i] += (int32_t)nearbyint(amplitude_n / s->plant.lsb_n *
							 sin(2.0 * M_PI * hz * (double)i / s->plant.fs_hz + 0.4));
}

static void a_pulse_in_the_tare(void **state)
{
	struct setting s;
	const char *names[] = {"depth_mm", "stroke_rate_hz", "missed_strokes", "peak_force_n"};

	(void)state;
	generate(&s);
	add_in_tare(&s, 0.3, 0.2, 0.02);
	for (unsigned i = 0; i < 4; i++) {
		const struct result *r = measured(&s, names[i]);

		if (r->trusted || strstr(r->reason, "motion in the tare: its level wanders by 0.") == NULL)
			fail_msg("%s: trusted %d, \"%s\"", names[i], r->trusted, r->reason);
	}
	finish(&s);
}

/* Two millinewton for 20 ms, of 0.7 N. */
static void a_small_one_does_no_harm(void **state)
{
	struct setting s;
	const struct result *r;

	(void)state;
	generate(&s);
	add_in_tare(&s, 0.002, 0.2, 0.02);
	r = measured(&s, "depth_mm");
	assert_true(r->trusted);
	check_near(r->value, s.trial.mean_depth_mm, r->expanded_u);
	finish(&s);
}

static void a_line_that_is_not_the_mains(void **state)
{
	struct setting s;
	const struct result *r;

	(void)state;
	generate(&s);
	add_line(&s, 0.03, 77.0);
	r = measured(&s, "depth_mm");
	assert_false(r->trusted);
	assert_non_null(strstr(r->reason, "the tare has a line of 0.0"));
	assert_non_null(strstr(r->reason, " at 7"));
	assert_true(plant_result(&s.trial, "stroke_rate_hz", NULL)->trusted);
	finish(&s);
}

static double in_step_mm(const struct result *r)
{
	for (unsigned i = 0; i < r->budget_lines; i++) {
		if (strcmp(r->budget[i].name, "in step") == 0)
			return r->budget[i].u;
	}
	return 0.0;
}

/* 120 Hz, of mains of 60 Hz on a bench of 50, at 120 strokes per second: no recording tells it from the strokes. */
static void mains_of_the_other_frequency_in_step(void **state)
{
	struct setting s;
	const struct result *r;

	(void)state;
	generate(&s);
	check_near(in_step_mm(measured(&s, "depth_mm")), 0.0, 1e-4);
	add_line(&s, 0.002, 120.0);
	r = measured(&s, "depth_mm");
	assert_true(r->trusted);
	check_less(0.0015, in_step_mm(r)); /* 1.5 / sqrt 2 of 2 mN, by a slope of 1 N / mm */
	check_less(in_step_mm(r), 0.0035);
	check_near(r->value, s.trial.mean_depth_mm, r->expanded_u);
	finish(&s);
}

static void still_is_still(void **state)
{
	struct setting s;

	(void)state;
	generate(&s);
	assert_true(measured(&s, "depth_mm")->trusted);
	finish(&s);
}

/* ---- the statistics */

static void fill(struct tare_record *t, unsigned n, double fs_hz, double hz, double amplitude, uint64_t seed)
{
	struct pw1_random random = {.state = seed};

	memset(t, 0, sizeof(*t));
	for (unsigned i = 0; i < n; i++) {
		float x = (float)(0.3 + 1e-5 * i + 0.01 * pw1_normal(&random) +
				  amplitude * sin(2.0 * M_PI * hz * i / fs_hz));

		tare_add(t, &x, 1);
	}
}

static void amplitudes_whatever_the_length(void **state)
{
	struct tare_record *t = malloc(sizeof(*t));

	(void)state;
	assert_non_null(t);
	for (unsigned n = 8000; n < 200000; n = n * 2 + 77) {
		struct tare_question q = {.fs_hz = 20000.0, .rate_hz = 100.0, .line_hz = {50.0}, .lines = 1};
		struct tare_answer a;

		fill(t, n, q.fs_hz, 200.0, 0.02, n);
		assert_in_range(t->n, TARE_HELD / 2 - 50, TARE_HELD - 1);
		tare_judge(t, &q, &a);
		check_near(a.in_step_n, 0.02, 0.002);
		check_near(a.line_hz, 200.0, 3.0);
		check_near(a.line_n, 0.02, 0.004); /* between two bins 15 % less */
		check_less(9.0, a.line);
		check_less(a.motion, 5.0);
		q.line_hz[1] = 200.4;
		q.lines = 2;
		tare_judge(t, &q, &a);
		check_near(a.in_step_n, 0.0, 1e-12);
		check_less(a.line, 9.0);
	}
	free(t);
}

static void nothing_is_seen_in_noise(void **state)
{
	struct tare_record *t = malloc(sizeof(*t));
	unsigned steps = 0;

	(void)state;
	assert_non_null(t);
	for (unsigned seed = 1; seed <= 200; seed++) {
		const struct tare_question q = {.fs_hz = 5000.0, .rate_hz = 97.0};
		struct tare_answer a;

		fill(t, 2500, q.fs_hz, 0.0, 0.0, seed);
		tare_judge(t, &q, &a);
		check_less(a.motion, 7.0);
		check_less(a.line, 9.0);
		steps += a.in_step_n > 0.0;
	}
	check_less(steps, 8); /* 6 orders, 3e-4 each */
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pulse_in_the_tare),
		cmocka_unit_test(a_small_one_does_no_harm),
		cmocka_unit_test(a_line_that_is_not_the_mains),
		cmocka_unit_test(mains_of_the_other_frequency_in_step),
		cmocka_unit_test(still_is_still),
		cmocka_unit_test(amplitudes_whatever_the_length),
		cmocka_unit_test(nothing_is_seen_in_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
