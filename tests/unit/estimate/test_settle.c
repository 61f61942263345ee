/* When a pen has settled: what two halves of a stretch of strokes say, what is enough, the same however samples come, and no
 * window that passes because it began too early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "rig/estimate/settle.h"
#include "tests/bench/settle_trial.h"

#define FS_HZ 1000.0

/* 10 samples apart and alternating by 1 um; from the middle on deeper by so much, and so much later each. */
static void make(struct travel *t, unsigned n, double deeper_mm, double later)
{
	double at = 0;

	*t = (struct travel){.n = 0};
	for (unsigned i = 0; i < n; i++) {
		bool second = i >= n / 2;

		travel_add(t, at, 1 + (i % 2 ? 0.001 : -0.001) + (second ? deeper_mm : 0));
		at += 10 + (second ? later : 0);
	}
}

static void near(double value, double expected)
{
	if (!(fabs(value - expected) < 1e-9))
		fail_msg("%.12g, not %.12g", value, expected);
}

static struct travelled found(const struct travel *t, double from, double to)
{
	struct travelled ret;

	travel_find(t, from, to, FS_HZ, &ret);
	return ret;
}

#define K_14 2.1447866879169273 /* Student, 14 degrees of freedom, 97.5 % */

static void change_and_what_it_is_not_known_by(void **state)
{
	struct travel t;
	double u = K_14 * sqrt(16e-6 / 14 * (1 / 8.0 + 1 / 8.0));

	(void)state;
	make(&t, 16, 0.01, 0);
	near(found(&t, 0, 160).depth_mm, 0.01 + u);
	near(found(&t, 0, 160).rate_hz, 0);
	make(&t, 16, -0.01, 0);
	near(found(&t, 0, 160).depth_mm, 0.01 + u); /* whichever way it travels */
	make(&t, 16, 0, 0.5);                       /* 7 intervals of 10 samples, and 7 of 10.5: 100 and 95.2 Hz */
	near(found(&t, 0, 160).rate_hz, 0.5 / 10.25 * FS_HZ / 10.25);
}

static void of_too_few_nothing_is_shown(void **state)
{
	struct travel t = {.n = 0};

	(void)state;
	assert_true(isinf(found(&t, 0, 100).depth_mm) && isinf(found(&t, 0, 100).rate_hz));
	make(&t, 16, 0, 0);
	assert_true(isfinite(found(&t, 0, 160).depth_mm));
	assert_true(isinf(found(&t, 1, 160).depth_mm)); /* the first one is not of it: 7 in the first half */
	assert_true(isinf(found(&t, 0, 150).depth_mm)); /* nor the last: to is not of it */
	assert_true(isinf(found(&t, 200, 400).rate_hz));
}

static void a_stroke_without_a_depth(void **state)
{
	struct travel t;

	(void)state;
	make(&t, 16, 0, 0);
	t.stroke[3].depth_mm = NAN;
	assert_true(isinf(found(&t, 0, 160).depth_mm));
	assert_true(isfinite(found(&t, 0, 160).rate_hz));
}

static void only_the_newest_are_kept(void **state)
{
	static struct travel t;
	unsigned n = TRAVEL_STROKES + 500;

	(void)state;
	make(&t, n, 0, 0);
	near(t.stroke[0].instant, 10.0 * TRAVEL_STROKES);
	double whole = found(&t, 0, 10.0 * n).depth_mm, kept = found(&t, 5000, 10.0 * n).depth_mm;
	near(whole, kept);
	assert_true(isfinite(whole));
	make(&t, n, 0.01, 0); /* the change lies 762 strokes back: in the first half of what is kept */
	assert_true(found(&t, 0, 10.0 * n).depth_mm > 0.004);
}

static void all_that_is_named(void **state)
{
	const struct window window = {.targets = 2, .target = {{MEASURAND_DEPTH, 0.01}, {MEASURAND_STROKE_RATE, 0.5}}};

	(void)state;
	assert_true(settle_met(&window, &(struct travelled){0.01, 0.5}));
	assert_false(settle_met(&window, &(struct travelled){0.0101, 0.5}));
	assert_false(settle_met(&window, &(struct travelled){0.01, 0.51}));
	assert_false(settle_met(&window, &(struct travelled){NAN, 0.1}));
	assert_false(settle_met(&window, &(struct travelled){INFINITY, INFINITY}));
}

/* ---- on samples ---- */

static const struct window rule = {
	.min_s = 0.15, .max_s = 1.2, .targets = 2, .target = {{MEASURAND_DEPTH, 0.01}, {MEASURAND_STROKE_RATE, 1}}};

static struct curve *linear_curve(void)
{
	struct curve_set set = {
		.rates = 1,
		.at = {{.rate_hz = 125, .points = 6, .depth_mm = {0, 1, 2, 3, 4, 5}, .force_n = {0, 1, 2, 3, 4, 5}}}};
	struct curve *curve = NULL;

	assert_int_equal(curve_new(&set, 125, &curve), 0);
	return curve;
}

/* Half sines of 1 N at 125 Hz from `start` on, in mN. */
static int32_t count_at(uint64_t i, uint64_t start)
{
	double phase = fmod((double)(i - start) / 80.0, 1.0);

	return i < start || phase > 0.5 ? (int32_t)((uint32_t)i * 2654435761u >> 30)
					: (int32_t)lround(1000 * sin(2 * M_PI * phase));
}

static struct settle *on_samples(const struct window *window, uint32_t piece, const struct curve *curve)
{
	const struct light_config light = {
		.fs_hz = 10000, .rate_set_hz = 125, .scale = 1e-3, .bits = 16, .swing_n = 0.02};
	struct settle *s = calloc(1, sizeof(*s));
	static int32_t counts[12000];
	bool told = false;

	assert_int_equal(settle_begin(s, window, &light, curve), 0);
	for (unsigned i = 0; i < 12000; i++)
		counts[i] = count_at(i, 2000);
	for (uint64_t at = 0; at < 12000; at += piece) {
		uint32_t frames = (uint32_t)fmin(piece, 12000.0 - (double)at);

		if (at >= 2000 && !told)
			settle_start(s, 2000);
		told = at >= 2000;
		settle_feed(s, &(struct sample_block){
				       .channels = 1, .frames = frames, .first_index = at, .counts = counts + at});
	}
	return s;
}

static void the_same_however_samples_come(void **state)
{
	static const uint32_t pieces[] = {1, 40, 100, 1000};
	struct curve *curve = linear_curve();
	struct travelled first = {0, 0};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct settle *s = on_samples(&rule, pieces[i], curve);

		assert_true(s->settled);
		if (i == 0)
			first = s->last;
		assert_true(s->last.depth_mm == first.depth_mm && s->last.rate_hz == first.rate_hz);
		settle_release(s);
		assert_false(s->settled); /* the next point may be one that nobody asks */
		free(s);
	}
	curve_free(curve);
}

static void a_fixed_time_is_never_looked_at(void **state)
{
	const struct window fixed = {.min_s = 0.2, .max_s = 0.2};
	struct curve *curve = linear_curve();
	struct settle *s = on_samples(&fixed, 100, curve);

	(void)state;
	assert_false(s->settled);
	assert_true(s->next == UINT64_MAX && isinf(s->last.depth_mm));
	settle_release(s);
	free(s);
	s = on_samples(&rule, 100, NULL); /* no depth without a curve: never shown */
	assert_false(s->settled);
	assert_true(isinf(s->last.depth_mm) && isfinite(s->last.rate_hz));
	settle_release(s);
	free(s);
	curve_free(curve);
}

/* After the shortest time, at the sample itself, and then each 0.05 s; no more behind the stop. */
static void at_which_samples(void **state)
{
	const struct light_config light = {.fs_hz = 10000, .rate_set_hz = 125, .scale = 1e-3, .bits = 16};
	static const int32_t counts[2000];
	struct settle *s = calloc(1, sizeof(*s));
	struct sample_block block = {.channels = 1, .frames = 1500, .counts = counts};

	(void)state;
	assert_int_equal(settle_begin(s, &rule, &light, NULL), 0);
	settle_start(s, 100);
	assert_int_equal(s->next, 100 + 1500);
	settle_feed(s, &block);
	assert_int_equal(s->next, 1600);
	block.first_index = 1500;
	block.frames = 99;
	settle_feed(s, &block);
	assert_int_equal(s->next, 1600);
	block.first_index = 1599;
	block.frames = 1;
	settle_feed(s, &block);
	assert_int_equal(s->next, 2100);
	assert_false(s->settled);
	settle_stop(s);
	block.first_index = 1600;
	block.frames = 2000;
	settle_feed(s, &block);
	assert_true(s->next == UINT64_MAX && !s->settled);
	settle_release(s);
	free(s);
}

static void too_few_samples_in_a_stroke(void **state)
{
	const struct light_config light = {.fs_hz = 1000, .rate_set_hz = 125, .scale = 1e-3, .bits = 16};
	struct settle *s = calloc(1, sizeof(*s));

	(void)state;
	assert_int_equal(settle_begin(s, &rule, &light, NULL), 0); /* it waits for the longest time */
	settle_start(s, 100);
	assert_true(s->next == UINT64_MAX && !s->settled);
	settle_release(s);
	free(s);
}

/* ---- seeded trial ---- */

/* No window that began early is trusted and beyond its U by more than certificates are wrong by; a pen that travels far is
 * waited for; one that does not is not. */
static void no_unsettled_window_passes(void **state)
{
	(void)state;
	for (unsigned f = 0; f < settle_family_count; f++) {
		const struct settle_family *family = &settle_families[f];

		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct settle_outcome o;

			settle_run(family, seed, &rule, rule.max_s, &o);
			const struct claim_outcome *depth = &o.of.claim[CLAIM_DEPTH];
			if (depth->trusted && fabs(depth->error) > depth->expanded_u)
				fail_msg("%s, seed %d: %g um, U %g um, lacks %g um", family->name, (int)seed,
					 1e3 * depth->error, 1e3 * depth->expanded_u, 1e3 * o.lacks_mm);
			if (family->depth_mm >= 0.1 && family->tau_s >= 1)
				assert_false(o.shown);
			if (family->depth_mm == 0 && family->rate == 0 && family->sd_mm == 0)
				assert_true(o.shown && o.settle_s < 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(change_and_what_it_is_not_known_by),
		cmocka_unit_test(of_too_few_nothing_is_shown),
		cmocka_unit_test(a_stroke_without_a_depth),
		cmocka_unit_test(only_the_newest_are_kept),
		cmocka_unit_test(all_that_is_named),
		cmocka_unit_test(the_same_however_samples_come),
		cmocka_unit_test(a_fixed_time_is_never_looked_at),
		cmocka_unit_test(at_which_samples),
		cmocka_unit_test(too_few_samples_in_a_stroke),
		cmocka_unit_test(no_unsettled_window_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
