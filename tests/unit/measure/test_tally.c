/* The tally alone: sums over strokes that are told to it, against the same sums done another way. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/measure/check.h"

#include "rig/measure/point/tally.h"
#include "tests/bench/pw1.h"

static struct tally *start(void)
{
	struct tally *t = malloc(sizeof(*t));

	assert_non_null(t);
	memset(t, 0x5a, sizeof(*t));
	tally_init(t);
	return t;
}

/* A stroke of 1 N and 1 mm at a place, on a curve of 1 N / mm. */
static struct tallied stroke(double at)
{
	return (struct tallied){.at = at,
				.period = 100.0,
				.height_n = 1.0,
				.fitted = true,
				.depth_mm = 1.0,
				.slope = 1.0,
				.protrusion_mm = NAN};
}

static void at_places(struct tally *t, const double *at, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct tallied s = stroke(at[i]);

		tally_stroke(t, &s);
	}
}

static void a_beat_that_is_kept(void **state)
{
	struct tally *t = start();
	const double at[] = {1000.0, 1101.0, 1199.0, 1300.0};

	(void)state;
	assert_true(isnan(tally_period(t)));
	at_places(t, at, 1);
	assert_true(isnan(tally_period(t)));
	at_places(t, at + 1, 3);
	assert_int_equal(t->rhythm.strokes, 4);
	check_near(t->rhythm.first_at, 1000.0, 0.0);
	check_near(t->rhythm.last_at, 1300.0, 0.0);
	check_near(tally_period(t), 100.0, 1e-12);
	assert_int_equal(t->rhythm.missed + t->rhythm.doubled, 0);
	/* Of the last interval only a stroke behind it would tell. */
	assert_int_equal(t->rhythm.interval.n, 2);
	check_near(t->rhythm.interval.mean, 99.5, 1e-12);
	/* 100, then a tenth of the way to each interval. */
	check_near(t->rhythm.local_period, 100.0 * 0.729 + 0.081 * 101.0 + 0.09 * 98.0 + 0.1 * 101.0, 1e-9);
	assert_int_equal(t->rhythm.ticks.n, 3);
	check_near(t->rhythm.before.at, 1199.0, 0.0);
	assert_int_equal(t->rhythm.before.intervals, 2);
	check_near(tally_last(t).at, 1300.0, 0.0);
	assert_int_equal(tally_last(t).intervals, 3);
	assert_true(t->rhythm.started_before);
	free(t);
}

static void what_the_first_one_says(void **state)
{
	struct tally *t = start();
	struct tallied s = stroke(10.0);

	(void)state;
	s.first_ever = true;
	s.period = 42.0;
	tally_stroke(t, &s);
	s.first_ever = false;
	s.period = 99.0;
	s.at = 52.0;
	tally_stroke(t, &s);
	assert_false(t->rhythm.started_before);
	check_near(t->rhythm.local_period, 42.0, 1e-12);
	free(t);
}

/* An interval that is cut in two nearly at its middle: the longer half does not make the shorter one pass for a period. */
static void halves_of_an_interval(void **state)
{
	const double first[] = {50.5, 51.0, 55.0, 49.5, 45.0};

	(void)state;
	for (unsigned i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		struct tally *t = start();
		const double at[] = {0.0, first[i], 100.0};

		at_places(t, at, 3);
		assert_int_equal(t->rhythm.doubled, 1);
		check_near(t->rhythm.local_period, 100.0, 0.0);
		free(t);
	}
}

/* A pen that goes faster for good within the window: the beat follows, so that strokes it misses then are counted. */
static void missed_at_another_rate(void **state)
{
	const double rate[] = {1.0, 1.2, 1.5, 1.0 / 0.65, 1.9};

	(void)state;
	for (unsigned i = 0; i < sizeof(rate) / sizeof(rate[0]); i++) {
		struct tally *t = start();
		double at = 0.0;

		for (unsigned k = 0; k < 80; k++) {
			struct tallied s = stroke(at);

			tally_stroke(t, &s);
			at += (k < 20 ? 100.0 : 100.0 / rate[i]) * (k == 60 || k == 65 || k == 70 ? 2.0 : 1.0);
		}
		assert_int_equal(t->rhythm.missed, 3);
		assert_int_equal(t->rhythm.doubled, 0);
		free(t);
	}
}

/* Both halves of an interval that is a little long are no proof of a faster pen. */
static void two_long_halves(void **state)
{
	struct tally *t = start();
	const double at[] = {0.0, 52.0, 104.0, 155.0, 204.0};

	(void)state;
	at_places(t, at, 3);
	check_near(t->rhythm.local_period, 100.0, 0.0);
	at_places(t, at + 3, 2);
	assert_true(t->rhythm.local_period < 100.0); /* the third is one */
	free(t);
}

/* A pen that knocks in every interval is no faster one: each knock is counted. */
static void every_interval_cut(void **state)
{
	struct tally *t = start();

	(void)state;
	for (unsigned k = 0; k < 40; k++) {
		struct tallied s = stroke(100.0 * (k / 2) + 55.0 * (k % 2));

		tally_stroke(t, &s);
	}
	assert_int_equal(t->rhythm.doubled, 19);
	check_near(t->rhythm.local_period, 100.0, 0.0);
	free(t);
}

/* 1.5 periods and less is one interval, 0.5 and more too; beyond, strokes are missing, or one is too many. */
static void missed_and_doubled(void **state)
{
	const struct {
		double interval;
		unsigned missed, doubled, intervals;
	} rows[] = {
		{149.9, 0, 0, 1},  {150.1, 1, 0, 0}, {199.0, 1, 0, 0}, {249.9, 1, 0, 0}, {250.1, 2, 0, 0},
		{1000.0, 9, 0, 0}, {50.1, 0, 0, 1},  {49.9, 0, 1, 0},  {150.0, 0, 0, 1}, {50.0, 0, 0, 1},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tally *t = start();
		const double at[] = {0.0, rows[i].interval};

		at_places(t, at, 2);
		assert_int_equal(t->rhythm.missed, rows[i].missed);
		assert_int_equal(t->rhythm.doubled, rows[i].doubled);
		assert_int_equal(t->rhythm.strokes, 2);
		check_near(t->rhythm.last_at, rows[i].interval, 0.0);
		if (!rows[i].intervals)
			check_near(t->rhythm.local_period, 100.0, 0.0);

		const double next = rows[i].interval + 100.0;

		assert_int_equal(t->rhythm.interval.n, 0);
		assert_int_equal(t->rhythm.ticks.n, 1);
		at_places(t, &next, 1);
		assert_int_equal(t->rhythm.interval.n, rows[i].intervals);
		/* One that is too many is no tick. */
		assert_int_equal(t->rhythm.ticks.n, rows[i].doubled ? 1 : 2);
		free(t);
	}
}

/* A pen that keeps its beat but for one gap of five strokes: the period behind it is not the gap's. */
static void ticks_across_a_gap(void **state)
{
	struct tally *t = start();
	double u;

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		struct tallied s = stroke(100.0 * (i < 30 ? i : i + 5) + 0.01 * (i % 3));

		tally_stroke(t, &s);
	}
	assert_int_equal(t->rhythm.missed, 5);
	check_near(ticks_period(&t->rhythm.ticks, &u), 100.0, 0.001);
	free(t);
}

static void forces(void **state)
{
	struct tally *t = start();
	struct tallied s = stroke(0.0);

	(void)state;
	s.misfits = true;
	s.has_cell = true;
	s.cell_n = 0.25;
	tally_stroke(t, &s);
	s.misfits = false;
	s.height_n = 3.0;
	s.cell_n = 0.5;
	s.at = 100.0;
	tally_stroke(t, &s);
	s.fitted = false;
	s.misfits = true;
	s.height_n = 2.0;
	s.at = 200.0;
	tally_stroke(t, &s);
	assert_int_equal(t->height.seen.n, 3);
	check_near(t->height.seen.mean, 2.0, 1e-15);
	check_near(t->height.largest_n, 3.0, 0.0);
	assert_int_equal(t->height.misfits, 1);
	assert_int_equal(t->height.unfitted, 1);
	check_near(t->height.cell_n, 0.75, 0.0);
	assert_int_equal(t->height.cell_count, 2);
	check_near(t->rhythm.timing.power[0], 2.0, 0.0);
	free(t);
}

/* Five strokes on a line: the sums are those of least squares, and of what errors of force make of depth. */
static void depths(void **state)
{
	struct tally *t = start();
	double gain = 0.0, slopes = 0.0, noise = 0.0;

	(void)state;
	for (unsigned k = 0; k < 5; k++) {
		struct tallied s = stroke(100.0 * k);

		s.depth_mm = 1.0 + 0.1 * k;
		s.height_n = 2.0 + k;
		s.slope = 4.0 - 0.5 * k;
		s.noise_n = 0.02;
		gain += s.height_n / s.slope;
		slopes += s.slope;
		noise += pow(0.02 / s.slope, 2.0);
		tally_stroke(t, &s);
	}
	const struct depths *d = &t->depth;

	assert_int_equal(d->seen.n, 5);
	check_near(d->seen.mean, 1.2, 1e-15);
	check_near((d->trend_kd - d->trend_k * d->trend_d / 5.0) / (d->trend_kk - d->trend_k * d->trend_k / 5.0), 0.1,
		   1e-14);
	check_near(d->trend_k, 10.0, 0.0);
	check_near(d->gain_mm, gain, 1e-14);
	check_near(d->slope, slopes, 1e-14);
	check_near(d->noise_mm2, noise, 1e-18);
	assert_int_equal(d->out_of_curve, 0);
	free(t);
}

/* Strokes that the curve does not cover, and such as have no curve: neither has a depth. */
static void strokes_without_a_depth(void **state)
{
	struct tally *t = start();
	struct tallied s = stroke(0.0);

	(void)state;
	s.depth_mm = s.slope = NAN;
	tally_stroke(t, &s);
	assert_int_equal(t->depth.out_of_curve, 0);
	s.out_of_curve = true;
	s.at = 100.0;
	tally_stroke(t, &s);
	assert_int_equal(t->depth.out_of_curve, 1);
	assert_int_equal(t->depth.seen.n, 0);
	check_near(t->depth.slope, 0.0, 0.0);
	assert_int_equal(t->height.seen.n, 2);
	free(t);
}

/* Variance of a sum of heights that share one template's error: (sum of heights)^2 times its variance. With a template
 * renewed from strokes that the first held, their covariance is the later's variance. */
static void error_of_templates(void **state)
{
	struct tally *t = start();
	const double heights[] = {1.0, 2.0, 4.0};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct tallied s = stroke(100.0 * i);

		s.height_n = heights[i];
		s.template_n2 = 0.01;
		tally_stroke(t, &s);
	}
	check_near(t->depth.template_n2, 0.01 * 49.0, 1e-15);

	struct tallied s = stroke(300.0);

	s.template_n2 = 0.004;
	s.height_n = 3.0;
	tally_stroke(t, &s); /* a later one of the same strokes: 9 of its own, 2 * 3 * 7 shared */
	check_near(t->depth.template_n2, 0.49 + 0.004 * (9.0 + 42.0), 1e-15);
	tally_new_template(t);
	s.at = 400.0;
	tally_stroke(t, &s); /* one that shares nothing */
	check_near(t->depth.template_n2, 0.49 + 0.004 * (9.0 + 42.0) + 0.004 * 9.0, 1e-15);
	free(t);
}

static void what_a_bar_tells(void **state)
{
	struct tally *t = start();
	struct tallied s = stroke(1000.0);
	const double travel_mm = t->protrusion.travel_mm, crown_mm = t->protrusion.crown_mm,
		     first_mm = t->protrusion.first_mm, second_mm = t->protrusion.second_mm;
	const unsigned long crowns = t->protrusion.crowns, shifted = t->protrusion.shifted;

	(void)state;
	s.travel_mm = 0.25;
	s.crown_mm = 0.5;
	s.earlier_mm = 2.0;
	s.later_mm = 2.5;
	s.protrusion_mm = 2.0;
	tally_stroke(t, &s);
	check_near(t->protrusion.travel_mm, travel_mm + 0.25, 1e-15);
	check_near(t->protrusion.crown_mm, crown_mm + 0.5, 1e-15);
	assert_int_equal(t->protrusion.crowns, crowns + 1);
	assert_int_equal(t->protrusion.shifted, shifted + 1);
	check_near(t->protrusion.first_mm, first_mm + 0.25, 1e-15);
	check_near(t->protrusion.second_mm, second_mm + 0.5, 1e-15);
	s.later_mm = s.crown_mm = NAN; /* one side alone tells no slope */
	tally_stroke(t, &s);
	assert_int_equal(t->protrusion.shifted, shifted + 1);
	assert_int_equal(t->protrusion.crowns, crowns + 1);
	assert_int_equal(t->protrusion.seen.n, 2);
	free(t);
}

static void protrusions(void **state)
{
	struct tally *t = start();
	struct tallied s = stroke(0.0);

	(void)state;
	tally_stroke(t, &s);
	s.protrusion_mm = 1.5;
	s.protrusion_mm2 = 0.01;
	s.at = 100.0;
	tally_stroke(t, &s);
	s.protrusion_mm = 2.5;
	s.at = 200.0;
	tally_stroke(t, &s);
	assert_int_equal(t->protrusion.seen.n, 2);
	check_near(t->protrusion.seen.mean, 2.0, 1e-15);
	check_near(t->protrusion.noise_mm2, 0.02, 1e-18);
	free(t);
}

/* Levels weigh by their certainty. */
static void levels(void **state)
{
	struct tally *t = start();

	(void)state;
	assert_true(isnan(tally_window_level(t)));
	tally_level(t, 1.0, 0.1);
	tally_level(t, 2.0, 0.2);
	check_near(tally_window_level(t), (1.0 * 100.0 + 2.0 * 25.0) / 125.0, 1e-14);
	check_near(t->level.window_weight, 125.0, 1e-11);
	assert_int_equal(t->level.window_count, 2);
	free(t);
}

static void first_and_last_strokes(void **state)
{
	struct tally *t = start();

	(void)state;
	assert_true(isnan(t->coast_last));
	for (unsigned i = 0; i < SPIN_UP_KEPT + 5; i++)
		tally_spin_up(t, i + 0.5);
	assert_int_equal(t->spin_ups, SPIN_UP_KEPT);
	check_near(t->spin_up[0], 0.5, 0.0);
	check_near(t->spin_up[SPIN_UP_KEPT - 1], SPIN_UP_KEPT - 0.5, 0.0);
	moments_add(&t->height.seen, 0.6);
	tally_coast(t, 7.0, 0.59);
	tally_coast(t, 8.0, 0.31);
	tally_coast(t, 9.0, 0.29);
	check_near(t->coast_last, 9.0, 0.0);
	check_near(t->coast_full, 8.0, 0.0); /* of less than half its strokes' height it comes to rest */
	free(t);
}

/* Residuals' squares that grow with the square of the distance from the mean height are shape; what does not is noise.
 * With fewer than 16 strokes there is no telling: all is noise. */
static void noise_of_instants(void **state)
{
	const double noise = 0.04, shape = 0.5;

	(void)state;
	for (unsigned n = 0; n <= 400; n = n == 0 ? 15 : n == 15 ? 16 : n * 5) {
		struct tally *t = start();
		struct pw1_random random = {.state = 17};
		double mean = 0.0, all = 0.0, *height = calloc(n + 1, sizeof(*height));

		assert_non_null(height);
		for (unsigned i = 0; i < n; i++) {
			height[i] = 2.0 * (1.0 + 0.1 * pw1_normal(&random));
			mean += height[i] / n;
		}
		for (unsigned i = 0; i < n; i++) {
			struct tallied s = stroke(100.0 * i);
			double off = (height[i] - mean) / height[0];

			s.height_n = height[i];
			s.instant_s2 = noise + shape * off * off;
			all += s.instant_s2 / n;
			tally_stroke(t, &s);
		}
		check_near(tally_instant_variance(t), n == 0 ? 0.0 : n < 16 ? all : noise, 1e-9);
		free(height);
		free(t);
	}
}

/* Strokes of one height, and residuals that shrink with the distance: nothing is taken off. */
static void noise_that_is_no_shape(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 2; kind++) {
		struct tally *t = start();
		double all = 0.0;

		for (unsigned i = 0; i < 100; i++) {
			struct tallied s = stroke(100.0 * i);

			s.height_n = kind ? 1.0 + 0.02 * ((i * 7) % 11) : 1.0;
			s.instant_s2 = kind ? 0.1 - 0.5 * pow(s.height_n - 1.1, 2.0) : 0.1 + 0.001 * (i % 5);
			all += s.instant_s2 / 100.0;
			tally_stroke(t, &s);
		}
		check_near(tally_instant_variance(t), all, 1e-12);
		free(t);
	}
}

/* Instants that no template was fitted to have variances of their own: at the ends, where the realised rate takes them, and
 * in the mean of all. */
static void instants_without_a_template(void **state)
{
	struct tally *t = start();

	(void)state;
	for (unsigned k = 0; k < 10; k++) {
		struct tallied s = stroke(100.0 * k);

		s.fitted = k > 0 && k < 7;
		s.instant_s2 = s.fitted ? 0.01 : 0.25 + 0.01 * k;
		tally_stroke(t, &s);
	}
	struct rhythm_end last = tally_last(t);

	check_near(tally_ends_variance(t, &last), 0.25 + 0.34, 1e-15);
	check_near(tally_ends_variance(t, &t->rhythm.before), 0.25 + 0.33, 1e-15);
	check_near(tally_timing_variance(t), (6 * 0.01 + 4 * 0.25 + 0.01 * (7 + 8 + 9)) / 10.0, 1e-15);
	free(t);
	t = start();
	for (unsigned k = 0; k < 3; k++) {
		struct tallied s = stroke(100.0 * k);

		s.fitted = k != 0;
		s.instant_s2 = s.fitted ? 0.01 : 0.25;
		tally_stroke(t, &s);
	}
	last = tally_last(t);
	check_near(tally_ends_variance(t, &last), 0.26, 1e-15);
	free(t);
}

/* Holes excuse as many strokes as they can hide, and no more; and no stroke is doubled about one. */
static void what_holes_excuse(void **state)
{
	const struct {
		double interval, samples; /* of the hole; 0: none. 20 hide a stroke */
		unsigned touched, missed, doubled, hidden;
	} rows[] = {
		{400.0, 0.0, 0, 3, 0, 0},   {400.0, 5.0, 0, 3, 0, 0},  {400.0, 5.0, 1, 2, 0, 1},
		{400.0, 5.0, 3, 0, 0, 3},   {400.0, 20.0, 0, 2, 0, 1}, {400.0, 250.0, 0, 0, 0, 3},
		{200.0, 250.0, 1, 0, 0, 1}, {40.0, 0.0, 0, 0, 1, 0},   {40.0, 5.0, 0, 0, 0, 0},
		{100.0, 20.0, 1, 0, 0, 0},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tally *t = start();
		const double at[] = {0.0, rows[i].interval, rows[i].interval + 250.0, rows[i].interval + 290.0};

		at_places(t, at, 1);
		if (rows[i].samples > 0.0)
			tally_hole(t, rows[i].samples, 20.0, 100.0, false);
		for (unsigned k = 0; k < rows[i].touched; k++)
			tally_touched(t, 0.5);
		at_places(t, at + 1, 1);
		assert_int_equal(t->rhythm.missed, rows[i].missed);
		assert_int_equal(t->rhythm.doubled, rows[i].doubled);
		assert_int_equal(t->rhythm.blind.hidden, rows[i].hidden);
		check_near(tally_period(t), rows[i].interval / (1.0 + rows[i].hidden), 1e-12);
		/* They excuse nothing behind the stroke that was seen. */
		at_places(t, at + 2, 1);
		assert_int_equal(t->rhythm.missed, rows[i].missed + 2);
		at_places(t, at + 3, 1);
		assert_int_equal(t->rhythm.doubled, rows[i].doubled + 1);
		free(t);
	}
}

static void the_next_two_strokes_behind_the_window_are_kept(void **state)
{
	struct tally *t = start();

	(void)state;
	assert_true(isnan(t->rhythm.after[0]) && isnan(t->rhythm.after[1]));
	at_places(t, (const double[]){0.0}, 1);
	tally_after(t, 6.0, 0.49); /* no stroke: the pen comes to rest */
	tally_after(t, 7.0, 0.5);
	assert_true(isnan(t->rhythm.after[1]));
	tally_after(t, 9.0, 1.0);
	tally_after(t, 12.0, 1.0);
	check_near(t->rhythm.after[0], 7.0, 0.0);
	check_near(t->rhythm.after[1], 9.0, 0.0);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_beat_that_is_kept),
		cmocka_unit_test(what_the_first_one_says),
		cmocka_unit_test(missed_and_doubled),
		cmocka_unit_test(halves_of_an_interval),
		cmocka_unit_test(missed_at_another_rate),
		cmocka_unit_test(two_long_halves),
		cmocka_unit_test(every_interval_cut),
		cmocka_unit_test(ticks_across_a_gap),
		cmocka_unit_test(forces),
		cmocka_unit_test(depths),
		cmocka_unit_test(strokes_without_a_depth),
		cmocka_unit_test(error_of_templates),
		cmocka_unit_test(protrusions),
		cmocka_unit_test(what_a_bar_tells),
		cmocka_unit_test(levels),
		cmocka_unit_test(first_and_last_strokes),
		cmocka_unit_test(noise_of_instants),
		cmocka_unit_test(instants_without_a_template),
		cmocka_unit_test(noise_that_is_no_shape),
		cmocka_unit_test(what_holes_excuse),
		cmocka_unit_test(the_next_two_strokes_behind_the_window_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
