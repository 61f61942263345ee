/* What is faster than a pen can be is the sensor's: no stroke is missed, doubled or deep for it, and none that the pen
 * really missed is excused. */
#include <stdio.h>

#include "rig/measure/checks/glitch.h"
#include "tests/unit/measure/check.h"

#include "tests/unit/measure/plant_trial.h"

struct setting {
	struct plant plant;
	struct plant_trial trial;
	struct point_config config;
	struct curve *curve;
};

static void prepare(struct setting *s)
{
	s->plant = plant_default(1.0, 120.0, 20000.0);
	s->plant.measure_s = 2.0;
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

static size_t at_s(const struct setting *s, double into_window_s)
{
	return plant_index(&s->trial.plant, s->trial.plant.measure_from_s + into_window_s);
}

static int32_t highest(const struct plant_trial *t)
{
	int32_t most = 0;

	for (size_t i = 0; i < t->samples; i++)
		most = t->counts[i] > most ? t->counts[i] : most;
	return most;
}

static void assert_the_pen_is_good(struct setting *s)
{
	plant_measure(&s->trial, &s->config);
	plant_score(&s->trial);

	const struct result *depth = of(s, "depth_mm"), *rate = of(s, "stroke_rate_hz");
	const char *counts[] = {"missed_strokes", "double_strokes"};

	for (unsigned i = 0; i < 2; i++) {
		assert_true(of(s, counts[i])->trusted);
		check_near(of(s, counts[i])->value, 0.0, 0.0);
	}
	assert_true(depth->trusted);
	assert_true(rate->trusted);
	check_near(depth->value, s->trial.mean_depth_mm, depth->expanded_u);
	check_near(rate->value, s->trial.mean_rate_hz, 2e-3);
	check_near(of(s, "depth_max_raw_mm")->value, 1.0, 0.05);
}

static double excluded_u(const struct setting *s)
{
	const struct result *depth = of(s, "depth_mm");

	for (unsigned i = 0; i < depth->budget_lines; i++) {
		if (strcmp(depth->budget[i].name, "excluded strokes") == 0)
			return depth->budget[i].u;
	}
	return 0.0;
}

/* Of every place in a period, up and down. */
static void single_samples(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s);
	generate(&s);
	int32_t high = highest(&s.trial);

	for (unsigned i = 0; i < 16; i++)
		s.trial.counts[at_s(&s, 0.1 + 0.1137 * i)] += i % 2 ? high : -high;
	assert_the_pen_is_good(&s);
	check_less(1e-5, excluded_u(&s));
	check_less(excluded_u(&s), 1e-3);
	finish(&s);
}

static void bursts(void **state)
{
	struct setting s;
	struct pw1_random random = {.state = 5};

	(void)state;
	prepare(&s);
	generate(&s);
	for (unsigned i = 0; i < 200; i++)
		s.trial.counts[at_s(&s, 0.7) + i] += (int32_t)(1000.0 * pw1_normal(&random));
	assert_the_pen_is_good(&s);
	finish(&s);
}

/* A knock of half a millisecond, as high as a stroke: seven times as short. */
static void knocks(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s);
	generate(&s);
	int32_t high = highest(&s.trial);

	for (unsigned k = 0; k < 8; k++) {
		for (unsigned i = 0; i < 10; i++)
			s.trial.counts[at_s(&s, 0.1 + 0.2137 * k) + i] +=
				(int32_t)(high * sin(M_PI * ((double)i + 0.5) / 10.0));
	}
	assert_the_pen_is_good(&s);
	finish(&s);
}

static void freeze(struct setting *s, size_t at, double seconds)
{
	for (size_t i = 1; i < (size_t)(seconds * s->plant.fs_hz); i++)
		s->trial.counts[at + i] = s->trial.counts[at];
}

static void a_short_freeze(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 8; k++) {
		struct setting s;

		prepare(&s);
		generate(&s);
		freeze(&s, at_s(&s, 0.7 + k / 960.0), 0.005);
		assert_the_pen_is_good(&s);
		finish(&s);
	}
}

static void assert_doubted(struct setting *s, const char *because)
{
	const char *names[] = {"depth_mm", "stroke_rate_hz", "missed_strokes", "double_strokes"};

	plant_measure(&s->trial, &s->config);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (of(s, names[i])->trusted || strstr(of(s, names[i])->reason, because) == NULL)
			fail_msg("%s: trusted %d, \"%s\"", names[i], of(s, names[i])->trusted, of(s, names[i])->reason);
	}
}

static void a_long_freeze_is_not_measured(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s);
	generate(&s);
	freeze(&s, at_s(&s, 0.7), 0.03);
	assert_doubted(&s, "sensor: the converter stood still 1 times in the measure window, for up to 3.");
	finish(&s);
}

static void glitches_everywhere_are_not_measured(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s);
	generate(&s);
	int32_t high = highest(&s.trial);

	for (unsigned i = 0; i < 100; i++)
		s.trial.counts[at_s(&s, 0.01 + 0.0197 * i)] += high;
	assert_doubted(&s, "sensor: ");
	assert_doubted(&s, "glitches, faster than any motion");
	finish(&s);
}

/* A glitch in the tare neither widens the detector's hysteresis nor is it motion. */
static void a_glitch_in_the_tare(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s);
	generate(&s);
	s.trial.counts[plant_index(&s.plant, 0.2)] += 4 * highest(&s.trial);
	assert_the_pen_is_good(&s);
	finish(&s);
}

/* Where no pulse has been seen yet, and the hum is still being learned. */
static void a_glitch_before_the_start(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s);
	generate(&s);
	int32_t *count = &s.trial.counts[plant_index(&s.plant, s.plant.tare_s + 0.02)], kept = *count;

	*count += 4 * highest(&s.trial);
	plant_measure(&s.trial, &s.config);
	double spoilt = of(&s, "depth_sd_mm")->value;

	*count = kept;
	plant_measure(&s.trial, &s.config);
	check_near(spoilt, of(&s, "depth_sd_mm")->value, 1e-5);
	finish(&s);
}

/* The pen misses five strokes; glitches before, behind and among them do not excuse it. */
static void strokes_truly_missed_are_missed(void **state)
{
	struct setting s;

	(void)state;
	prepare(&s);
	s.plant.miss_from = 150;
	s.plant.miss_count = 5;
	generate(&s);
	plant_measure(&s.trial, &s.config);
	check_near(of(&s, "missed_strokes")->value, 5.0, 0.0);

	size_t gap = 0;

	for (unsigned i = 1; i < s.trial.plant.strokes; i++) {
		double at = s.trial.plant.instant_s[i - 1];

		if (s.trial.plant.instant_s[i] - at > 4.0 / 120.0)
			gap = plant_index(&s.plant, at + 2.5 / 120.0);
	}
	assert_true(gap > 0);
	for (int i = -1; i <= 1; i++)
		s.trial.counts[gap + (size_t)(i * 170)] += 2000;
	plant_measure(&s.trial, &s.config);
	check_near(of(&s, "missed_strokes")->value, 5.0, 0.0);
	check_near(of(&s, "double_strokes")->value, 0.0, 0.0);
	assert_true(of(&s, "missed_strokes")->trusted);
	finish(&s);
}

/* The deepest stroke by far, and a glitch in it: no maximum without it. */
static void a_glitch_does_not_hide_the_deepest_stroke(void **state)
{
	struct setting s;
	unsigned deepest = 0;

	(void)state;
	prepare(&s);
	s.plant.deep_turn = 160;
	s.plant.deep_mm = 0.15;
	generate(&s);
	const struct plant *p = &s.trial.plant;

	for (unsigned k = 0; k < p->strokes; k++)
		deepest = p->depth[k] > p->depth[deepest] ? k : deepest;
	plant_measure(&s.trial, &s.config);
	assert_true(of(&s, "depth_max_mm")->trusted);
	s.trial.counts[plant_index(p, p->instant_s[deepest] - 0.1 / p->rate_hz)] -= 2000;
	assert_doubted(&s, "sensor: a glitch hides how deep the deepest stroke was");
	finish(&s);
}

static void cuts_and_threads(void **state)
{
	struct setting s;
	struct result first[RESULTS_PER_POINT_MAX];

	(void)state;
	prepare(&s);
	generate(&s);
	for (unsigned i = 0; i < 40; i++)
		s.trial.counts[at_s(&s, 0.01 + 0.047 * i)] += 900 + 40 * (int32_t)i;
	freeze(&s, at_s(&s, 0.9), 0.005);
	plant_measure(&s.trial, &s.config);
	memcpy(first, s.trial.results, sizeof(first));
	s.config.second_thread = true;
	for (size_t cut = 1; cut < 20000; cut = cut * 7 + 3) {
		struct point *point = NULL;

		assert_int_equal(point_new(&s.config, &point), 0);
		plant_phases(&s.trial.plant, point);
		for (size_t i = 0; i < s.trial.samples; i += cut) {
			struct sample_block block = {
				.channels = 1, .frames = (uint32_t)cut, .first_index = i, .counts = s.trial.counts + i};

			block.frames = (uint32_t)(s.trial.samples - i < cut ? s.trial.samples - i : cut);
			point_feed(point, &block);
		}
		s.trial.result_count = point_finish(point, s.trial.results, RESULTS_PER_POINT_MAX);
		point_free(point);
		for (unsigned i = 0; i < s.trial.result_count; i++) {
			assert_memory_equal(&s.trial.results[i].value, &first[i].value, sizeof(double));
			assert_memory_equal(&s.trial.results[i].u, &first[i].u, sizeof(double));
			assert_string_equal(s.trial.results[i].reason, first[i].reason);
		}
	}
	finish(&s);
}

/* ---- the statistic */

static void cubics_are_no_glitch(void **state)
{
	float x[5];

	(void)state;
	for (int i = 0; i < 5; i++)
		x[i] = (float)(1 + 2 * (i - 2) - 3 * (i - 2) * (i - 2) + (i - 2) * (i - 2) * (i - 2));
	check_near(glitch_at(x + 2, 1), 0.0, 1e-6);
	x[2] += 1.0F;
	check_near(glitch_at(x + 2, 1), 6.0, 1e-6);
	x[2] -= 1.0F;
	x[3] += 1.0F;
	check_near(glitch_at(x + 2, 1), 4.0, 1e-6);
}

/* Noise alone is no glitch, seven standard deviations and half of it more are one, once there is enough to know it by. */
static void noise_and_what_is_more(void **state)
{
	struct pw1_random random = {.state = 9};
	struct glitch_scan scan;
	float x[204];

	(void)state;
	glitch_init(&scan, 1e-6, 1);
	for (unsigned chunk = 0; chunk < 500; chunk++) {
		bool spoilt = chunk >= 10 && chunk % 10 == 0;

		for (unsigned i = 0; i < 204; i++)
			x[i] = (float)(0.01 * pw1_normal(&random));
		if (spoilt)
			x[100] += 0.15F;
		struct glitch_swing swing;

		glitch_swing(x + 2, 200, &swing);
		assert_int_equal(isfinite(glitch_look(&scan, x + 2, 200, &swing, GLITCH_STILL)), spoilt);
	}
	check_near(scan.sd, 0.01 * sqrt(70.0), 0.02);
	assert_int_equal(glitch_frozen_least(&scan, 100), 0); /* nothing has moved yet */
}

/* ---- before the window has a history of its own */

#define CHUNK  200
#define MARGIN 2
#define SIGMA  0.001

struct scanned {
	struct glitch_scan scan;
	struct pw1_random random;
	float x[CHUNK + 2 * MARGIN];
};

static void draw_noise(struct scanned *s)
{
	for (unsigned i = 0; i < CHUNK + 2 * MARGIN; i++)
		s->x[i] = (float)(SIGMA * pw1_normal(&s->random));
}

static bool is_flagged(struct scanned *s, enum glitch_place place)
{
	struct glitch_swing swing;

	glitch_swing(s->x + MARGIN, CHUNK, &swing);
	return isfinite(glitch_look(&s->scan, s->x + MARGIN, CHUNK, &swing, place));
}

static void scan_tare(struct scanned *s)
{
	s->random = (struct pw1_random){.state = 3};
	glitch_init(&s->scan, 1e-6, 1);
	for (unsigned i = 0; i < 20; i++) {
		draw_noise(s);
		assert_false(is_flagged(s, GLITCH_STILL));
	}
}

/* A pulse with a feature of its own: one sample that stands out by so much. */
static void draw_pulse(struct scanned *s, double feature_n)
{
	draw_noise(s);
	for (unsigned i = 0; i < CHUNK + 2 * MARGIN; i++)
		s->x[i] += (float)(0.5 * pow(sin(M_PI * (double)i / CHUNK), 2.0));
	s->x[CHUNK / 2] += (float)feature_n;
}

/* The last chunks before the window stand in for it, and their features grow up to ninefold. */
static void features_that_grow_are_the_pens_own(void **state)
{
	struct scanned s;

	(void)state;
	for (unsigned row = 0; row < 2; row++) {
		scan_tare(&s);
		for (unsigned i = 0; i < GLITCH_KEPT; i++) {
			draw_pulse(&s, 0.02);
			(void)is_flagged(&s, GLITCH_STARTING);
		}
		draw_pulse(&s, row ? 0.02 * 10.5 : 0.02 * 7.5);
		assert_int_equal(is_flagged(&s, GLITCH_RUNNING), row);
	}
}

/* A glitch alone is told before any pulse was seen. The foot of a stroke is none, wherever in a chunk it lies: what rises there
 * goes on to. */
static void the_first_stroke_is_no_glitch(void **state)
{
	struct scanned s;

	(void)state;
	for (unsigned foot = MARGIN; foot < CHUNK + MARGIN; foot++) {
		for (unsigned falls = 0; falls < 2; falls++) {
			scan_tare(&s);
			draw_noise(&s);
			for (unsigned i = 0; i < CHUNK + 2 * MARGIN; i++) {
				double into = falls ? (double)foot - i : (double)i - foot;

				s.x[i] += (float)(100.0 * SIGMA * fmax(0.0, into));
			}
			if (is_flagged(&s, GLITCH_STARTING))
				fail_msg("a stroke that %s at sample %u of %u", falls ? "ends" : "begins",
					 foot - MARGIN, CHUNK);
		}
		scan_tare(&s);
		draw_noise(&s);
		s.x[foot] += 0.2F;
		if (!is_flagged(&s, GLITCH_STARTING))
			fail_msg("a glitch at sample %u of %u", foot - MARGIN, CHUNK);
	}
}

/* Two chunks in a row, `from` in samples of the first; they are seen as one another's margins. In how many is one told? */
static unsigned flagged_in_two(double (*shape)(long into, unsigned width), unsigned width, double height_n, long from)
{
	float x[2 * CHUNK + 2 * MARGIN];
	struct scanned s;
	unsigned flagged = 0;

	scan_tare(&s);
	for (long i = 0; i < 2 * CHUNK + 2 * MARGIN; i++)
		x[i] = (float)(SIGMA * pw1_normal(&s.random) + height_n * shape(i - MARGIN - from, width));
	for (unsigned chunk = 0; chunk < 2; chunk++) {
		memcpy(s.x, x + (size_t)chunk * CHUNK, sizeof(s.x));
		flagged += is_flagged(&s, GLITCH_STARTING);
	}
	return flagged;
}

static double burst(long into, unsigned width)
{
	return into >= 0 && into < (long)width ? 1.0 : 0.0;
}

/* One that rises, of the width-th half power: from the straight to the cubic. */
static double foot(long into, unsigned width)
{
	return into > 0 ? pow((double)into, 1.0 + 0.5 * width) : 0.0;
}

/* A glitch of some samples is told wherever it lies about the end of a chunk, in both chunks that hold some of it; no foot is
 * one there. */
static void glitches_lie_across_chunks(void **state)
{
	(void)state;
	for (long from = CHUNK - 12; from < CHUNK + 12; from++) {
		for (int sign = -1; sign <= 1; sign += 2) {
			for (unsigned width = 1; width <= 4; width++) {
				unsigned held = from < CHUNK && from + (long)width > CHUNK ? 2 : 1;

				if (flagged_in_two(burst, width, sign * 0.2, from) < held)
					fail_msg("a glitch of %u samples at sample %ld of %u", width, from, CHUNK);
			}
			for (unsigned power = 0; power < 4; power++)
				for (double slope = 10.0; slope <= 400.0; slope *= 1.2)
					if (flagged_in_two(foot, power, sign * slope * SIGMA, from))
						fail_msg("a foot of %g sigma, power %u, at sample %ld of %u", slope,
							 power, from, CHUNK);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_samples),
		cmocka_unit_test(bursts),
		cmocka_unit_test(knocks),
		cmocka_unit_test(a_short_freeze),
		cmocka_unit_test(a_long_freeze_is_not_measured),
		cmocka_unit_test(glitches_everywhere_are_not_measured),
		cmocka_unit_test(a_glitch_in_the_tare),
		cmocka_unit_test(a_glitch_before_the_start),
		cmocka_unit_test(strokes_truly_missed_are_missed),
		cmocka_unit_test(a_glitch_does_not_hide_the_deepest_stroke),
		cmocka_unit_test(cuts_and_threads),
		cmocka_unit_test(cubics_are_no_glitch),
		cmocka_unit_test(noise_and_what_is_more),
		cmocka_unit_test(features_that_grow_are_the_pens_own),
		cmocka_unit_test(the_first_stroke_is_no_glitch),
		cmocka_unit_test(glitches_lie_across_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
