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

static bool is_sure(const struct repeated *seen, const int32_t *at_rest)
{
	struct repeated rest = look(at_rest);
	unsigned equal = 0;

	for (unsigned i = 1; i < SAMPLES; i++)
		equal += at_rest[i] == at_rest[i - 1];
	return repeated_is_sure(seen, &rest, (double)equal / SAMPLES);
}

static bool is_sure_of(const struct repeated *seen, double noise)
{
	int32_t *at_rest = signal_of(noise, 1u << 30);
	bool sure = is_sure(seen, at_rest);

	free(at_rest);
	return sure;
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

		assert_true(is_sure_of(&found, cases[i].noise));
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

			assert_false(is_sure_of(&found, noise[i]));
			free(counts);
		}
	}
}

/* Neighbours that differ, and words that come again all the same: a hum in step with the sampling, two converters in turn. */
static void a_pattern_at_rest_is_no_repetition(void **state)
{
	(void)state;
	for (int apart = 2; apart < 12; apart++) {
		int32_t *hum = signal_of(0.3, 1u << 30), *turns = signal_of(0.3, 1u << 30);

		for (int i = 0; i < SAMPLES; i++) {
			hum[i] += (int32_t)lrint(100.0 * apart * sin(2.0 * M_PI * i / 40));
			turns[i] += apart * (i % 2);
		}

		struct repeated of_hum = look(hum), of_turns = look(turns);

		assert_false(is_sure(&of_hum, hum));
		assert_false(is_sure(&of_turns, turns));
		free(hum);
		free(turns);
	}
}

/* Counts of 16 bits in the upper half of a word of 32. */
static void empty_low_bits_cost_no_reach(void **state)
{
	int32_t *counts = signal_of(10.0, 167);
	struct repeated seen = look(counts), shifted;

	(void)state;
	for (unsigned i = 0; i < SAMPLES; i++)
		counts[i] *= 65536;
	shifted = look(counts);
	assert_true(seen.looked > SAMPLES / 10 && seen.looked < SAMPLES / 6);
	assert_true(shifted.looked > SAMPLES / 10 && shifted.looked < SAMPLES / 6);
	free(counts);
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
		cmocka_unit_test(a_pattern_at_rest_is_no_repetition),
		cmocka_unit_test(empty_low_bits_cost_no_reach),
		cmocka_unit_test(a_point_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
