/* Detection alone, on a series of bins: strokes by their extremes, against what was put in. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/measure/check.h"

#include "rig/measure/point/detector.h"
#include "tests/bench/pw1.h"

#define PERIOD  50
#define BLOCK   1800
#define BLOCKS  8
#define SAMPLES (BLOCKS * BLOCK)

struct setup {
	struct detector detector;
	struct axis axis;
	float force[SAMPLES];
};

/* One bin is one sample, so that a series of samples is one of bins. */
static struct setup *start_bins(unsigned bin, double expected_n)
{
	const struct grid grid = {.decimation = 1, .fs_hz = 5000.0, .period = PERIOD * bin, .bin = bin, .block = BLOCK};
	struct setup *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	memset(&s->detector, 0x5a, sizeof(s->detector));
	assert_int_equal(detector_init(&s->detector, &grid, expected_n, SAMPLES), 0);
	axis_init(&s->axis, 1);
	return s;
}

static struct setup *start(void)
{
	return start_bins(1, 0.0);
}

static void finish(struct setup *s)
{
	detector_release(&s->detector);
	free(s);
}

/* A half sine of this height and width about its middle. */
static void pulse(struct setup *s, double at, double height_n, double width)
{
	for (long i = (long)ceil(at - 0.5 * width); i <= (long)floor(at + 0.5 * width); i++)
		s->force[i] += (float)(height_n * cos(M_PI * ((double)i - at) / width));
}

/* Strokes from `from` on, at every period, to the end. Returns their number. */
static unsigned strokes(struct setup *s, double from, double height_n)
{
	unsigned n = 0;

	for (double at = from; at + PERIOD < SAMPLES; at += PERIOD, n++)
		pulse(s, at, height_n, 0.4 * PERIOD);
	return n;
}

static void noise(struct setup *s, double sigma, uint64_t seed)
{
	struct pw1_random random = {.state = seed};

	for (unsigned i = 0; i < SAMPLES; i++)
		s->force[i] += (float)(sigma * pw1_normal(&random));
}

static void look(struct setup *s, unsigned blocks)
{
	for (unsigned i = 0; i < blocks; i++) {
		const float *x = s->force + (size_t)s->detector.blocks * BLOCK;

		detector_look(&s->detector, &s->axis, x, x, BLOCK);
	}
}

static void strokes_are_found(void **state)
{
	struct setup *s = start();
	unsigned n = strokes(s, 120.3, 1.0);

	(void)state;
	noise(s, 0.003, 5);
	look(s, BLOCKS);
	assert_int_equal(s->detector.found, n);
	assert_int_equal(s->detector.put, n);
	assert_false(s->detector.lost);
	for (unsigned i = 0; i < n; i++) {
		check_near(s->detector.ring[i].at, 120.3 + PERIOD * i, 0.2);
		check_near(s->detector.ring[i].peak_n, 1.0, 0.03);
		check_near(s->detector.ring[i].swing_n, 1.0, 0.05);
	}
	check_near(s->detector.last_at, 120.3 + PERIOD * (n - 1.0), 0.2);
	check_near(s->detector.before_at, 120.3 + PERIOD * (n - 2.0), 0.2);
	check_near(s->detector.swing_n, 1.0, 0.03);
	check_near(s->detector.noise_n, 0.003, 0.001);
	finish(s);
}

/* Places are in samples, at the middle of the bins' samples; a bin is the mean of all of its samples. */
static void bins_of_several_samples(void **state)
{
	const unsigned bins[] = {4, 8, 9, 15, 20};

	(void)state;
	for (unsigned b = 0; b < 5; b++) {
		const double period = PERIOD * bins[b];
		struct setup *s = start_bins(bins[b], 0.0);
		unsigned n = 0;

		for (double at = period + 0.5; at + period < SAMPLES; at += period, n++)
			pulse(s, at, 1.0, 0.5 * period);
		noise(s, 0.001, 6);
		look(s, BLOCKS);
		for (unsigned i = 0; i < SAMPLES / bins[b]; i++) {
			double mean = 0.0;

			for (unsigned k = 0; k < bins[b]; k++)
				mean += (double)s->force[i * bins[b] + k] / bins[b];
			check_near((double)s->detector.bins[i], mean, 1e-5);
		}
		assert_int_equal(s->detector.found, n);
		for (unsigned i = 0; i < n; i++)
			check_near(s->detector.ring[i].at, period * (i + 1.0) + 0.5, 0.15 * bins[b]);
		finish(s);
	}
}

static void nothing_in_noise(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct setup *s = start();

		noise(s, 0.01, seed);
		look(s, 2);
		assert_int_equal(s->detector.found, 0);
		assert_true(isnan(s->detector.last_at) && isnan(s->detector.before_at));
		finish(s);
	}
}

/* A ramp is no stroke, and does not hide any. */
static void drift_hides_nothing(void **state)
{
	struct setup *s = start();
	unsigned n = strokes(s, 90.0, 0.2);

	(void)state;
	for (unsigned i = 0; i < SAMPLES; i++)
		s->force[i] += (float)(0.5 * i / SAMPLES);
	noise(s, 0.001, 3);
	look(s, BLOCKS);
	assert_int_equal(s->detector.found, n);
	finish(s);
}

/* Half a stroke is one, a fifth is none: what is held against a rise follows the strokes. */
static void small_beside_large(void **state)
{
	const double share[] = {0.5, 0.2};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct setup *s = start();
		unsigned n = strokes(s, 100.0, 1.0);

		pulse(s, 100.0 + 100.5 * PERIOD, share[i], 0.4 * PERIOD);
		noise(s, 0.001, 4);
		look(s, BLOCKS);
		assert_int_equal(s->detector.found, n + (i == 0));
		finish(s);
	}
}

/* Beside a curve that expects strokes of 1 N, those of a fifth are none; of a third they are. */
static void expected_strokes(void **state)
{
	const struct {
		double expected_n, height_n;
		bool found;
	} rows[] = {{0.0, 0.2, true}, {1.0, 0.2, false}, {1.0, 0.3, true}};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct setup *s = start_bins(1, rows[i].expected_n);
		unsigned n = strokes(s, 100.0, rows[i].height_n);

		noise(s, 0.001, 8);
		look(s, BLOCKS);
		assert_int_equal(s->detector.found, rows[i].found ? n : 0);
		finish(s);
	}
}

/* What swings in the tare is the bench's: the same later is no stroke. Where no tare was begun, it is one. */
static void swings_of_the_tare(void **state)
{
	const double bench_n = 0.4;

	(void)state;
	for (unsigned tare = 0; tare < 2; tare++) {
		struct setup *s = start();
		unsigned n = 0;

		if (tare)
			assert_int_equal(axis_begin(&s->axis, POINT_TARE, 0), 0);
		assert_int_equal(axis_begin(&s->axis, POINT_SPIN_UP, 2 * BLOCK + 700), 0);
		for (unsigned i = 0; i < 3; i++)
			pulse(s, 2.0 * BLOCK + 60.0 + 200.0 * i, bench_n, 0.4 * PERIOD);
		for (double at = 2.0 * BLOCK + 850.0; at + PERIOD < SAMPLES; at += PERIOD, n++) {
			pulse(s, at, 1.0, 0.4 * PERIOD);
			pulse(s, at + 0.5 * PERIOD, bench_n, 0.4 * PERIOD);
		}
		noise(s, 0.001, 9);
		look(s, BLOCKS);
		check_near(s->detector.tare_swing_n, tare ? bench_n : 0.0, tare ? 0.01 : 0.0);
		if (tare)
			assert_in_range(s->detector.found, n, n + 3);
		else
			check_less(1.9 * n, (double)s->detector.found);
		finish(s);
	}
}

/* A stroke that stands at its top from one block into the next but two has a place all the same. */
static void a_needle_that_parks(void **state)
{
	struct setup *s = start();

	(void)state;
	strokes(s, 100.0, 1.0);
	for (unsigned i = 1100; i < 5 * BLOCK; i++)
		s->force[i] = 1.0F + 0.01F * (float)(i == 1300);
	noise(s, 0.0005, 2);
	look(s, BLOCKS);
	assert_int_equal(s->detector.lost, false);
	bool parked = false;

	for (unsigned i = 0; i < s->detector.put; i++)
		parked = parked || fabs(s->detector.ring[i].at - 1300.0) < 1.0;
	assert_true(parked);
	finish(s);
}

/* What was looked at may go, two blocks excepted; nothing that follows is different. */
static void bins_that_are_dropped(void **state)
{
	struct setup *a = start(), *b = start();

	(void)state;
	strokes(a, 111.0, 1.0);
	noise(a, 0.01, 7);
	memcpy(b->force, a->force, sizeof(a->force));
	look(a, BLOCKS);
	for (unsigned i = 0; i < BLOCKS; i++) {
		look(b, 1);
		if (i == 3 || i == 5)
			detector_drop(&b->detector, (long)(i - 1) * BLOCK);
	}
	assert_int_equal(b->detector.first_bin, 4 * BLOCK);
	assert_int_equal(a->detector.put, b->detector.put);
	assert_memory_equal(a->detector.ring, b->detector.ring, a->detector.put * sizeof(struct candidate));
	finish(a);
	finish(b);
}

/* More pulses in a block than can be strokes: as many as fit, and the word that there were more. */
static void too_many(void **state)
{
	const unsigned still = 14000, pulses = FOUND_MAX + 50,
		       len = still + 4 * pulses; /* still enough to be no noise */
	const struct grid grid = {.decimation = 1, .fs_hz = 5000.0, .period = PERIOD, .bin = 1, .block = len};
	struct detector *d = calloc(1, sizeof(*d));
	float *x = calloc(len, sizeof(float));
	struct axis axis;

	(void)state;
	assert_true(d && x);
	axis_init(&axis, 1);
	assert_int_equal(detector_init(d, &grid, 0.0, 3 * (size_t)len), 0);
	for (unsigned i = 0; i < 4 * (FOUND_MAX - 1); i++)
		x[still + i] = i % 4 < 2 ? 100.0F : 0.0F;
	detector_look(d, &axis, x, x, len);
	assert_int_equal(d->put, FOUND_MAX - 1);
	assert_false(d->lost);
	for (unsigned i = 0; i < 4 * pulses; i++)
		x[still + i] = i % 4 < 2 ? 100.0F : 0.0F;
	detector_look(d, &axis, x, x, len);
	assert_int_equal(d->put_here, FOUND_MAX);
	assert_int_equal(d->put, 2 * FOUND_MAX - 1);
	assert_int_equal(d->found, FOUND_MAX - 1 + pulses);
	assert_true(d->lost);
	memset(x, 0, len * sizeof(float));
	detector_look(d, &axis, x, x, len);
	assert_int_equal(d->put_here, 0);
	assert_true(d->lost);
	detector_release(d);
	free(d);
	free(x);
}

/* Fewer samples than a bin, at the end: nothing to look at, and nothing breaks. */
static void less_than_a_bin(void **state)
{
	struct setup *s = start_bins(4, 0.0);

	(void)state;
	detector_look(&s->detector, &s->axis, s->force, s->force, 3);
	assert_int_equal(s->detector.blocks, 1);
	assert_int_equal(s->detector.found, 0);
	check_near(s->detector.noise_n, 0.0, 0.0);
	finish(s);
}

/* The noise told is the raw channel's, whatever undoing the cell made of it. */
static void noise_of_the_raw_channel(void **state)
{
	struct setup *s = start(), *raw = start();

	(void)state;
	noise(s, 0.02, 11);
	noise(raw, 0.005, 12);
	detector_look(&s->detector, &s->axis, s->force, raw->force, BLOCK);
	check_near(s->detector.noise_n, 0.005, 0.0008);
	finish(s);
	finish(raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strokes_are_found),     cmocka_unit_test(bins_of_several_samples),
		cmocka_unit_test(nothing_in_noise),      cmocka_unit_test(drift_hides_nothing),
		cmocka_unit_test(small_beside_large),    cmocka_unit_test(expected_strokes),
		cmocka_unit_test(swings_of_the_tare),    cmocka_unit_test(a_needle_that_parks),
		cmocka_unit_test(bins_that_are_dropped), cmocka_unit_test(too_many),
		cmocka_unit_test(less_than_a_bin),       cmocka_unit_test(noise_of_the_raw_channel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
