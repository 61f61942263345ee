/* Counts that come twice: found in any noise that is one, and never in a signal that repeats itself only as far as its noise
 * lets it. */
#include "tests/unit/measure/check.h"

#include <stdlib.h>
#include <string.h>

#include "rig/measure/checks/repeats.h"
#include "tests/bench/pw1.h"
#include "tests/unit/measure/plant_trial.h"

#define SAMPLES 60000

/* Strokes of exactly so many samples, all alike, and noise of this standard deviation in counts. */
static int32_t *signal_of(double noise, unsigned period)
{
	int32_t *counts = malloc(SAMPLES * sizeof(*counts));
	struct pw1_random random = pw1_seeded(7);

	assert_non_null(counts);
	for (unsigned i = 0; i < SAMPLES; i++)
		counts[i] =
			(int32_t)lrint(900.0 * fmax(0.0, sin(2.0 * M_PI * i / period)) + noise * pw1_normal(&random));
	return counts;
}

/* As a logger delivers it that delivers n counts from `at` on again. */
static void deliver_again(int32_t *counts, unsigned at, unsigned n)
{
	memmove(counts + at + n, counts + at, (SAMPLES - at - n) * sizeof(*counts));
}

/* In pieces of all lengths. */
static struct repeated look(const int32_t *counts)
{
	static struct repeats repeats;
	struct repeated ret = {.words = 0};

	memset(&repeats, 0, sizeof(repeats));
	for (unsigned i = 0, n; i < SAMPLES; i += n) {
		n = 1 + (i * 7) % REPEATS_PIECE;
		n = n < SAMPLES - i ? n : SAMPLES - i;
		repeats_take(&repeats, i, counts + i, n, &ret);
	}
	return ret;
}

static double equal_of(double noise)
{
	int32_t *counts = signal_of(noise, 1u << 30);
	unsigned equal = 0;

	for (unsigned i = 1; i < SAMPLES; i++)
		equal += counts[i] == counts[i - 1];
	free(counts);
	return (double)equal / SAMPLES;
}

static void a_stretch_that_comes_twice_is_found(void **state)
{
	static const struct {
		double noise;
		unsigned n;
	} cases[] = {{100.0, 100}, {100.0, 512}, {100.0, 8000}, {3.0, 200}, {1.0, 512}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int32_t *counts = signal_of(cases[i].noise, 167);

		deliver_again(counts, 20011, cases[i].n);

		struct repeated found = look(counts);

		assert_true(repeated_is_sure(&found, equal_of(cases[i].noise)));
		assert_int_equal(found.lag, cases[i].n);
		free(counts);
	}
}

static void chance_is_no_repetition(void **state)
{
	static const double noise[] = {100.0, 10.0, 3.0, 1.0, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0};
	static const unsigned period[] = {167, 160, 16, 1u << 30};

	(void)state;
	for (unsigned i = 0; i < sizeof(noise) / sizeof(noise[0]); i++) {
		for (unsigned k = 0; k < sizeof(period) / sizeof(period[0]); k++) {
			int32_t *counts = signal_of(noise[i], period[k]);
			struct repeated found = look(counts);

			assert_false(repeated_is_sure(&found, equal_of(noise[i])));
			free(counts);
		}
	}
}

static void a_point_says_so(void **state)
{
	struct plant plant = plant_default(1.0, 120.0, 20000.0);
	struct plant_trial t;

	(void)state;
	for (unsigned again = 0; again <= 256; again += 256) {
		plant_generate(&t, &plant);

		size_t at = (size_t)((plant.measure_from_s + 0.3) * plant.fs_hz);
		struct curve *curve = plant_curve(&plant);
		struct point_config config = plant_config(&plant, curve);

		memmove(t.counts + at + again, t.counts + at, (t.samples - at - again) * sizeof(*t.counts));
		plant_measure(&t, &config);
		curve_free(curve);
		assert_int_equal(plant_result(&t, "stroke_rate_hz", "realised")->trusted, again == 0);
		if (again > 0)
			assert_non_null(
				strstr(plant_result(&t, "depth_mm", "force_equivalent")->reason, "repeats itself"));
		plant_end(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stretch_that_comes_twice_is_found),
		cmocka_unit_test(chance_is_no_repetition),
		cmocka_unit_test(a_point_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
