/* Signals that do not deserve a verdict, and pens that deserve a bad one: no trusted number that looks good. */
#include <errno.h>
#include <stdio.h>

#include "tests/unit/measure/check.h"

#include "tests/unit/measure/plant_trial.h"

struct setting {
	struct plant plant;
	struct plant_trial trial;
	struct point_config config;
	struct curve *curve;
};

static void prepare(struct setting *s, double depth_mm, double rate_hz, double fs_hz)
{
	s->plant = plant_default(depth_mm, rate_hz, fs_hz);
	s->plant.measure_s = 1.0;
}

static void generate(struct setting *s)
{
	plant_generate(&s->trial, &s->plant);
	s->curve = plant_curve(&s->plant);
	s->config = plant_config(&s->plant, s->curve);
}

static void finish(struct setting *s)
{
	plant_end(&s->trial);
	curve_free(s->curve);
}

static const struct result *of(const struct setting *s, const char *name)
{
	return plant_result(&s->trial, name, NULL);
}

static void assert_doubted(const struct setting *s, const char *name, const char *because)
{
	const struct result *r = of(s, name);

	if (r->trusted || strstr(r->reason, because) == NULL)
		fail_msg("%s %g: trusted %d, reason \"%s\", expected \"%s\"", name, r->value, r->trusted, r->reason,
			 because);
}

static size_t middle(const struct setting *s)
{
	return plant_index(&s->trial.plant, s->trial.plant.measure_from_s + 0.5);
}

static void same(const struct setting *a, const struct result *first, unsigned count)
{
	assert_int_equal(a->trial.result_count, count);
	for (unsigned i = 0; i < count; i++) {
		const struct result *r = &a->trial.results[i];

		assert_memory_equal(&r->value, &first[i].value, sizeof(double));
		assert_memory_equal(&r->u, &first[i].u, sizeof(double));
		assert_memory_equal(&r->expanded_u, &first[i].expanded_u, sizeof(double));
		assert_memory_equal(&r->dof, &first[i].dof, sizeof(double));
		assert_string_equal(r->reason, first[i].reason);
		assert_int_equal(r->n, first[i].n);
		assert_int_equal(r->trusted, first[i].trusted);
	}
}

static void feed_cut(struct setting *s, uint64_t seed)
{
	struct plant_trial *t = &s->trial;
	struct point *point = NULL;

	assert_int_equal(point_new(&s->config, &point), 0);
	plant_phases(&t->plant, point);
	for (size_t i = 0; i < t->samples;) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		size_t n = 1 + (seed >> 33) % ((seed >> 60) < 2 ? 16000 : 700);

		n = n < t->samples - i ? n : t->samples - i;
		struct sample_block block = {
			.channels = 1, .frames = (uint32_t)n, .first_index = i, .counts = t->counts + i};

		point_feed(point, &block);
		i += n;
	}
	t->result_count = point_finish(point, t->results, RESULTS_PER_POINT_MAX);
	point_free(point);
}

static void cutting_and_threads_change_nothing(void **state)
{
	struct setting s;
	struct result first[RESULTS_PER_POINT_MAX];

	(void)state;
	prepare(&s, 1.0, 120.0, 20000.0);
	generate(&s);
	plant_measure(&s.trial, &s.config);
	assert_true(of(&s, "depth_mm")->trusted);
	memcpy(first, s.trial.results, sizeof(first));
	unsigned count = s.trial.result_count;

	for (uint64_t seed = 1; seed <= 6; seed++) {
		s.config.second_thread = seed % 2;
		feed_cut(&s, seed);
		same(&s, first, count);
	}
	finish(&s);
}

/* The needle stays in the phantom at the deepest point for so long, one second into the window, and comes up slowly. */
static void stall(struct setting *s, double seconds)
{
	struct plant_trial *t = &s->trial;
	size_t at = plant_index(&t->plant, t->plant.measure_from_s + 1.0), top = at;
	size_t n = (size_t)(seconds * t->plant.fs_hz), period = (size_t)(t->plant.fs_hz / t->plant.rate_hz);
	struct pw1_random noise = {.state = 3};

	for (size_t i = at; i < at + period; i++)
		top = t->counts[i] > t->counts[top] ? i : top;
	if (t->samples + n > PLANT_SAMPLES_MAX)
		abort();
	memmove(t->counts + top + n, t->counts + top, (t->samples - top) * sizeof(t->counts[0]));
	for (size_t i = 1; i < n; i++)
		t->counts[top + i] = (int32_t)nearbyint(t->counts[top] * (1.0 - 0.1 * (double)i / (double)n) +
							3.0 * pw1_normal(&noise));
	t->counts[top] += 20;
	t->samples += n;
	t->plant.stop_s += seconds;
	t->plant.end_s += seconds;
}

static void assert_same_strokes(const struct plant_trial *t, const struct stroke *first, unsigned count)
{
	assert_int_equal(t->founds, count);
	for (unsigned i = 0; i < count; i++) {
		assert_memory_equal(&t->found[i].instant, &first[i].instant, sizeof(double));
		assert_memory_equal(&t->found[i].height_n, &first[i].height_n, sizeof(double));
		assert_memory_equal(&t->found[i].misfit_n, &first[i].misfit_n, sizeof(double));
	}
}

/* How far back is looked is a matter of blocks, not of what happens to be held still. */
static void stalls_are_the_same_on_two_threads(void **state)
{
	(void)state;
	for (double seconds = 1.0; seconds < 5.0; seconds += 1.0) {
		struct setting s;
		struct result first[RESULTS_PER_POINT_MAX];

		prepare(&s, 1.0, 120.0, 20000.0);
		s.plant.measure_s = 3.0;
		generate(&s);
		stall(&s, seconds);
		plant_measure(&s.trial, &s.config);
		memcpy(first, s.trial.results, sizeof(first));
		unsigned count = s.trial.result_count, founds = s.trial.founds;
		struct stroke *strokes = calloc(founds, sizeof(*strokes));

		assert_non_null(strokes);
		memcpy(strokes, s.trial.found, founds * sizeof(*strokes));
		s.config.second_thread = true;
		plant_measure(&s.trial, &s.config);
		same(&s, first, count);
		assert_same_strokes(&s.trial, strokes, founds);
		free(strokes);
		finish(&s);
	}
}

static void saturation_gap_stuck(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s, 1.0, 120.0, 20000.0);
	generate(&s);
	int32_t *counts = s.trial.counts, kept = counts[middle(&s)];

	counts[middle(&s)] = 32767;
	plant_measure(&s.trial, &s.config);
	assert_doubted(&s, "depth_mm", "saturated");
	assert_doubted(&s, "stroke_rate_hz", "saturated");
	assert_doubted(&s, "missed_strokes", "saturated");
	counts[middle(&s)] = kept;

	for (size_t i = middle(&s); i < middle(&s) + 1200; i++)
		counts[i] = 1000;
	plant_measure(&s.trial, &s.config);
	assert_doubted(&s, "depth_mm", "stuck");
	assert_doubted(&s, "stroke_rate_hz", "stuck");
	finish(&s);
}

static void gap(void **state)
{
	struct setting s;
	struct point *point = NULL;

	(void)state;
	prepare(&s, 1.0, 120.0, 20000.0);
	generate(&s);
	assert_int_equal(point_new(&s.config, &point), 0);
	plant_phases(&s.trial.plant, point);
	for (size_t i = 0; i < s.trial.samples; i += 500) {
		struct sample_block block = {
			.channels = 1, .frames = 500, .first_index = i, .counts = s.trial.counts + i};

		block.frames = block.frames < s.trial.samples - i ? block.frames : (uint32_t)(s.trial.samples - i);
		if (i / 500 == middle(&s) / 500)
			continue;
		point_feed(point, &block);
	}
	s.trial.result_count = point_finish(point, s.trial.results, RESULTS_PER_POINT_MAX);
	point_free(point);
	assert_doubted(&s, "depth_mm", "missing");
	assert_doubted(&s, "stroke_rate_hz", "missing");
	finish(&s);
}

static void under_sampled_and_narrow(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s, 0.2, 300.0, 10000.0);
	generate(&s);
	plant_measure(&s.trial, &s.config);
	assert_doubted(&s, "depth_mm", "samples per pulse");
	assert_true(of(&s, "stroke_rate_hz")->trusted);
	s.config.rate_set_hz = 1100.0;
	plant_measure(&s.trial, &s.config);
	assert_doubted(&s, "stroke_rate_hz", "under-sampled");
	finish(&s);

	prepare(&s, 1.0, 120.0, 20000.0);
	generate(&s);
	s.config.bandwidth_hz = 1000.0;
	plant_measure(&s.trial, &s.config);
	assert_doubted(&s, "depth_mm", "bandwidth");
	s.config.bandwidth_hz = 0.0;
	s.config.preload_hi_n = 0.2;
	plant_measure(&s.trial, &s.config);
	assert_doubted(&s, "depth_mm", "seating force");
	finish(&s);
}

static void short_tare(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s, 1.0, 120.0, 20000.0);
	s.plant.tare_s = 0.1;
	generate(&s);
	plant_measure(&s.trial, &s.config);
	assert_doubted(&s, "depth_mm", "tare too short");
	finish(&s);
}

/* A needle that never touches, or a motor that does not turn: the channel lives, the pen does not stroke. */
static void no_strokes_is_a_rate_of_nothing(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s, 1.0, 120.0, 20000.0);
	s.plant.shallow = 2.0;
	generate(&s);
	plant_measure(&s.trial, &s.config);
	assert_true(of(&s, "stroke_rate_hz")->trusted);
	check_near(of(&s, "stroke_rate_hz")->value, 0.0, 0.0);
	check_near(of(&s, "strokes")->value, 0.0, 0.0);
	assert_false(of(&s, "depth_mm")->valid);
	assert_true(of(&s, "depth_mm")->reason[0] != '\0');
	finish(&s);
}

static void slow_pen_is_proven_slow(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s, 1.0, 100.0, 20000.0);
	generate(&s);
	s.config.rate_set_hz = 120.0;
	plant_measure(&s.trial, &s.config);
	plant_score(&s.trial);
	assert_true(of(&s, "stroke_rate_hz")->trusted);
	check_near(of(&s, "stroke_rate_hz")->value / s.trial.mean_rate_hz, 1.0, 0.00005);
	assert_doubted(&s, "depth_mm", "too far from");
	finish(&s);
}

static void shallow_pen_is_proven_shallow(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s, 1.0, 120.0, 20000.0);
	s.plant.shallow = 0.4;
	generate(&s);
	plant_measure(&s.trial, &s.config);
	assert_true(of(&s, "depth_mm")->trusted);
	check_near(of(&s, "depth_mm")->value, 0.6, 0.004);
	check_near(of(&s, "depth_error_mm")->value, -0.4, 0.004);
	finish(&s);
}

static double line_u(const struct result *r, const char *name)
{
	for (unsigned i = 0; i < r->budget_lines; i++) {
		if (strcmp(r->budget[i].name, name) == 0)
			return r->budget[i].u;
	}
	return 0.0;
}

static void missed_strokes_are_counted(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s, 1.0, 120.0, 20000.0);
	s.plant.miss_from = 120;
	s.plant.miss_count = 2;
	generate(&s);
	plant_measure(&s.trial, &s.config);
	plant_score(&s.trial);
	assert_int_equal(s.trial.missed + s.trial.invented, 0);
	check_near(of(&s, "missed_strokes")->value, 2.0, 0.0);
	assert_true(of(&s, "missed_strokes")->trusted);
	check_near(of(&s, "depth_mm")->value, s.trial.mean_depth_mm, 0.003);
	/* they may have been made, and not seen: of n, at two sd, all of an interval each */
	const struct result *rate = of(&s, "stroke_rate_hz"), *depth = of(&s, "depth_mm");
	check_near(line_u(rate, "strokes"), rate->value * 2.0 / ((double)(rate->n - 1) * sqrt(3)), 1e-9 * rate->value);
	double n = (double)depth->n, sd = of(&s, "depth_sd_mm")->value;
	check_near(line_u(depth, "missed strokes"), 2 * sd * 2 / (sqrt(3) * (n + 2)),
		   0.3 * line_u(depth, "missed strokes"));
	assert_true(line_u(depth, "missed strokes") > 0);
	finish(&s);
}

/* Needles that stay back from some stroke on, up to the end of the window or from its beginning, leave no interval that
 * is too long: they are counted at the edges all the same, and what is left does not speak for the window. */
static void strokes_missed_at_an_edge(void **state)
{
	struct setting s;
	const unsigned from[] = {100, 60}, count[] = {1000, 30};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		prepare(&s, 1.0, 120.0, 20000.0);
		s.plant.miss_from = from[i];
		s.plant.miss_count = count[i];
		generate(&s);
		plant_measure(&s.trial, &s.config);
		double seen = of(&s, "stroke_rate_hz")->n, missed = of(&s, "missed_strokes")->value;

		assert_true(of(&s, "missed_strokes")->trusted);
		check_near(seen + missed, 120.0, 1.5);
		check_less(15.0, missed);
		assert_doubted(&s, "stroke_rate_hz", "no strokes in the");
		assert_doubted(&s, "depth_mm", "no strokes in the");
		assert_non_null(strstr(s.trial.unmoved, i == 0 ? "no strokes in the last" : "no strokes in the first"));
		finish(&s);
	}
}

/* Whether the needles were seen to strike throughout the window of 120 strokes. */
static void motion_fills_the_window(void **state)
{
	static const struct {
		unsigned from, count;
		const char *unmoved; /* NULL: all is well */
	} trials[] = {
		{0, 0, NULL},
		{100, 2, NULL},
		{100, 4, "no strokes for 0.0417 s within the measure window"},
		{100, 40, "no strokes for 0.342 s within the measure window"},
		{0, 1000, "0 strokes seen in the measure window, at least 3 needed"},
	};
	struct setting s;

	(void)state;
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		prepare(&s, 1.0, 120.0, 20000.0);
		s.plant.miss_from = trials[i].from;
		s.plant.miss_count = trials[i].count;
		generate(&s);
		plant_measure(&s.trial, &s.config);
		if (trials[i].unmoved ? strncmp(s.trial.unmoved, trials[i].unmoved, 18) != 0
				      : s.trial.unmoved[0] != '\0')
			fail_msg("trial %u: \"%s\"", i, s.trial.unmoved);
		finish(&s);
	}
}

/* Bits that flip in one count of 40: no pulse looks like another. */
static void garbage(void **state)
{
	struct setting s;
	uint64_t seed = 5;

	(void)state;
	prepare(&s, 1.0, 120.0, 20000.0);
	generate(&s);
	for (size_t i = plant_index(&s.trial.plant, s.trial.plant.measure_from_s); i < s.trial.samples; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		if ((seed >> 40) % 40 == 0)
			s.trial.counts[i] ^= 1 << ((seed >> 33) % 7 + 8);
	}
	plant_measure(&s.trial, &s.config);
	assert_false(of(&s, "depth_mm")->trusted);
	finish(&s);
}

/* Strokes on a mains harmonic: the hum that cannot be told from them stands in the budget. */
static void coincident_hum_enters_the_budget(void **state)
{
	struct setting s;
	double hum = 0.0;

	(void)state;
	prepare(&s, 2.0, 100.0, 20000.0);
	s.plant.hum_hz = 50.0;
	generate(&s);
	plant_measure(&s.trial, &s.config);
	plant_score(&s.trial);
	const struct result *depth = of(&s, "depth_mm");

	for (unsigned i = 0; i < depth->budget_lines; i++) {
		if (strcmp(depth->budget[i].name, "hum") == 0)
			hum = depth->budget[i].u;
	}
	check_less(1e-4, hum);
	check_less(fabs(depth->value - s.trial.mean_depth_mm), depth->expanded_u);
	finish(&s);
}

static void phases_out_of_order(void **state)
{
	struct setting s;
	struct point *point = NULL;

	(void)state;
	prepare(&s, 1.0, 120.0, 20000.0);
	generate(&s);
	assert_int_equal(point_new(&s.config, &point), 0);
	assert_int_equal(point_phase(point, POINT_MEASURE, 1000, NAN), 0);
	assert_int_equal(point_phase(point, POINT_TARE, 2000, NAN), -EINVAL);
	assert_int_equal(point_phase(point, POINT_MEASURE, 2000, NAN), -EINVAL);
	assert_int_equal(point_phase(point, POINT_COAST, 999, NAN), -EINVAL);
	assert_int_equal(point_phase(point, POINT_COAST, 1000, NAN), 0);
	s.trial.result_count = point_finish(point, s.trial.results, RESULTS_PER_POINT_MAX);
	point_free(point);
	for (unsigned i = 0; i < s.trial.result_count; i++)
		assert_false(s.trial.results[i].trusted);

	struct point_config refused[] = {s.config, s.config, s.config, s.config};

	refused[0].fs_hz = NAN;
	refused[1].fs_hz = 0.0;
	refused[2].rate_set_hz = 0.0;
	refused[3].force.scale = 0.0;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(point_new(&refused[i], &point), -EINVAL);
	point_free(NULL);
	finish(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cutting_and_threads_change_nothing),
		cmocka_unit_test(stalls_are_the_same_on_two_threads),
		cmocka_unit_test(saturation_gap_stuck),
		cmocka_unit_test(gap),
		cmocka_unit_test(under_sampled_and_narrow),
		cmocka_unit_test(short_tare),
		cmocka_unit_test(no_strokes_is_a_rate_of_nothing),
		cmocka_unit_test(slow_pen_is_proven_slow),
		cmocka_unit_test(shallow_pen_is_proven_shallow),
		cmocka_unit_test(missed_strokes_are_counted),
		cmocka_unit_test(strokes_missed_at_an_edge),
		cmocka_unit_test(motion_fills_the_window),
		cmocka_unit_test(garbage),
		cmocka_unit_test(coincident_hum_enters_the_budget),
		cmocka_unit_test(phases_out_of_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
