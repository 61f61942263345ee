/* The light pass: every stroke found from 20 dB up, vertices at the accuracy of a parabola, the same bits however the
 * samples are cut, and sense where the signal makes none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/measure/check.h"

#include "rig/measure/light.h"
#include "tests/bench/pw1.h"

#define SAMPLES     1000000u
#define STROKES_MAX 4096u

struct found {
	struct light_stroke stroke[STROKES_MAX];
	unsigned count;
	struct light_summary summary;
};

struct truth {
	struct pw1_stroke stroke[STROKES_MAX];
	unsigned count;
};

static int32_t counts[SAMPLES];
static struct truth truth;

static void on_truth(void *ctx, const struct pw1_stroke *stroke)
{
	struct truth *t = ctx;

	if (t->count < STROKES_MAX)
		t->stroke[t->count++] = *stroke;
}

static void on_found(void *ctx, const struct light_stroke *stroke)
{
	struct found *found = ctx;

	assert_in_range(found->count, 0, STROKES_MAX - 1);
	found->stroke[found->count++] = *stroke;
}

static void generate(const struct pw1_config *config)
{
	static struct pw1 pw1;

	truth.count = 0;
	pw1_init(&pw1, config, on_truth, &truth);
	pw1_fill(&pw1, counts, SAMPLES);
}

static struct light_config config_for(double rate_hz)
{
	return (struct light_config){.fs_hz = PW1_FS_HZ, .rate_set_hz = rate_hz, .scale = PW1_SCALE, .bits = 16};
}

static void feed(struct light *light, const int32_t *from, uint64_t first, uint64_t n, uint32_t piece,
		 unsigned channels)
{
	for (uint64_t i = 0; i < n; i += piece) {
		const struct sample_block block = {.channels = (uint8_t)channels,
						   .frames = (uint32_t)(n - i < piece ? n - i : piece),
						   .first_index = first + i,
						   .counts = from + i * channels};

		light_feed(light, &block);
	}
}

static void look(const struct light_config *config, uint64_t n, uint32_t piece, struct found *ret)
{
	struct light *light;

	memset(ret, 0, sizeof(*ret));
	assert_int_equal(light_new(config, &light), 0);
	light_on_stroke(light, on_found, ret);
	feed(light, counts, 0, n, piece, 1);
	light_finish(light, &ret->summary);
	light_free(light);
}

/* A stroke whose peak is not followed by its fall in the recording is none yet. */
static unsigned whole_strokes(void)
{
	unsigned n = 0;

	while (n < truth.count && truth.stroke[n].start_s + 0.9 * truth.stroke[n].width_s < SAMPLES / PW1_FS_HZ)
		n++;
	return n;
}

static void test_strokes_and_vertices(void **state)
{
	static struct found found;
	static const double snr_db[] = {20, 40, 60};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct pw1_config pw1 = pw1_default(snr_db[i]);
		struct light_config config = config_for(120.0);
		double noise_n = PW1_FORCE * pow(10.0, -snr_db[i] / 20.0), height = 0.0, late = 0.0;

		generate(&pw1);
		look(&config, SAMPLES, 250, &found);
		assert_int_equal(found.summary.strokes, whole_strokes());
		assert_int_equal(found.summary.samples, SAMPLES);
		assert_int_equal(found.summary.unfitted, 0);
		for (unsigned k = 1; k < found.count; k++) {
			const struct pw1_stroke *t = &truth.stroke[k];

			late += fabs(found.stroke[k].instant / PW1_FS_HZ - t->start_s - 0.5 * t->width_s);
			height += pow(found.stroke[k].height_n - t->height_n, 2.0);
		}
		/* Hum of 5 and 2 mN at both places, and the vertex of a parabola over 67 samples: 1.5 sigma / sqrt(67).
		 */
		check_less(sqrt(height / (found.count - 1)), 0.0065 + 2.0 * 1.5 * noise_n / sqrt(67.0));
		check_less(late / (found.count - 1), 3e-6 + 0.002 * noise_n);
		check_near(found.summary.height_n, PW1_FORCE, 0.002);
		/* vertex: 1.5 sigma / sqrt(67), middle: sigma / sqrt(48) */
		check_near(found.summary.height_sd_n, sqrt(0.012 * 0.012 + pow(0.233 * noise_n, 2.0)), 0.002);
		check_near(found.summary.rate_hz,
			   (found.count - 1) / (found.stroke[found.count - 1].instant - found.stroke[0].instant) *
				   PW1_FS_HZ,
			   1e-9);
	}
}

static void test_rates_and_duties(void **state)
{
	static struct found found;
	static const double rate_hz[] = {30, 90, 120, 120, 300, 1500}, duty[] = {0.4, 0.4, 0.25, 0.9, 0.4, 0.4};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct pw1_config pw1 = pw1_default(40.0);
		struct light_config config = config_for(rate_hz[i]);

		pw1.rate_hz = rate_hz[i];
		pw1.duty = duty[i];
		generate(&pw1);
		look(&config, 100000, 512, &found);
		unsigned expected = 0;

		while (truth.stroke[expected].start_s + 0.9 * truth.stroke[expected].width_s < 2.0)
			expected++;
		assert_in_range(found.summary.strokes, expected - 1, expected + 1);
		assert_int_equal(found.summary.unfitted, 0);
		check_near(found.summary.rate_hz, rate_hz[i], 0.01 * rate_hz[i]);
	}
}

static void test_cut_does_not_matter(void **state)
{
	static struct found one, other;
	static const uint32_t pieces[] = {1, 7, 250, 4099, 16384};
	struct pw1_config pw1 = pw1_default(20.0);
	struct light_config config = config_for(120.0);

	(void)state;
	generate(&pw1);
	look(&config, 200000, 1000, &one);
	assert_true(one.count > 400);
	for (unsigned i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		look(&config, 200000, pieces[i], &other);
		assert_int_equal(other.count, one.count);
		/* The height of a first stroke is NaN, with the same bits every time. */
		assert_memory_equal(other.stroke, one.stroke, one.count * sizeof(one.stroke[0]));
		assert_memory_equal(&other.summary, &one.summary, sizeof(one.summary));
	}
}

/* A push downward, a channel among others, a converter of 32 bits: the same strokes. */
static void test_channel(void **state)
{
	static struct found plain, other;
	static int32_t frames[3 * 100000];
	struct pw1_config pw1 = pw1_default(40.0);
	struct light_config config = config_for(120.0);
	struct light *light;

	(void)state;
	generate(&pw1);
	look(&config, 100000, 1000, &plain);
	for (unsigned i = 0; i < 100000; i++) {
		frames[3 * i] = (int32_t)(i * 2654435761u);
		frames[3 * i + 1] = -counts[i];
		frames[3 * i + 2] = counts[i] * 65536;
	}
	for (unsigned position = 1; position <= 2; position++) {
		config.position = position;
		config.bits = position == 1 ? 16 : 32;
		config.scale = position == 1 ? -PW1_SCALE : PW1_SCALE / 65536.0;
		memset(&other, 0, sizeof(other));
		assert_int_equal(light_new(&config, &light), 0);
		light_on_stroke(light, on_found, &other);
		feed(light, frames, 0, 100000, 1000, 3);
		light_finish(light, &other.summary);
		light_free(light);
		assert_int_equal(other.count, plain.count);
		for (unsigned k = 1; k < plain.count; k++) {
			check_near(other.stroke[k].instant, plain.stroke[k].instant, 1e-6);
			check_near(other.stroke[k].height_n, plain.stroke[k].height_n, 1e-9);
		}
	}
}

/* Samples missing, and samples that come again: both are seen, and the rate knows of the gap. */
static void test_gap_and_repetition(void **state)
{
	static struct found found;
	struct pw1_config pw1 = pw1_default(40.0);
	struct light_config config = config_for(120.0);
	struct light *light;

	(void)state;
	pw1.jitter = 0.0;
	generate(&pw1);
	memset(&found, 0, sizeof(found));
	assert_int_equal(light_new(&config, &light), 0);
	light_on_stroke(light, on_found, &found);
	feed(light, counts, 0, 100000, 500, 1);
	feed(light, counts + 99000, 99000, 1000, 500, 1);
	feed(light, counts + 150000, 150000, 50000, 500, 1);
	light_finish(light, &found.summary);
	light_free(light);
	assert_int_equal(found.summary.gaps, 1);
	assert_int_equal(found.summary.samples, 150000);
	assert_in_range(found.summary.strokes, 359, 360);
	check_near(found.summary.rate_hz, 120.0, 0.001);
}

/* 0.6 N high: what is said to be no stroke is none. */
static void test_what_swings_too_little(void **state)
{
	static struct found found;
	struct pw1_config pw1 = pw1_default(40.0);
	struct light_config config = config_for(120.0);

	(void)state;
	generate(&pw1);
	config.swing_n = 0.5;
	look(&config, SAMPLES, 250, &found);
	assert_int_equal(found.summary.strokes, whole_strokes());
	config.swing_n = 0.8;
	look(&config, SAMPLES, 250, &found);
	assert_int_equal(found.summary.strokes, 0);
}

/* Shorter than the periods that size the hysteresis. */
static void test_short(void **state)
{
	static struct found found;
	struct pw1_config pw1 = pw1_default(40.0);
	struct light_config config = config_for(120.0);

	(void)state;
	generate(&pw1);
	look(&config, 1000, 100, &found);
	assert_int_equal(found.summary.strokes, 3);
	look(&config, 0, 100, &found);
	assert_int_equal(found.summary.strokes, 0);
	assert_true(isnan(found.summary.rate_hz) && isnan(found.summary.height_n) && isnan(found.summary.peak_n) &&
		    isnan(found.summary.height_sd_n) && isnan(found.summary.height_max_n));
}

/* Declared noise is no stroke. */
static void test_noise(void **state)
{
	static struct found found;
	struct light_config config = config_for(120.0);
	struct pw1_random random = {.state = 5};

	(void)state;
	for (unsigned i = 0; i < SAMPLES; i++)
		counts[i] = (int32_t)(300.0 * pw1_normal(&random));
	config.noise_n = 300.0 * PW1_SCALE;
	look(&config, SAMPLES, 1000, &found);
	assert_int_equal(found.summary.strokes, 0);
}

/* Full-scale steps, the hardest on the integers, and no arch at all: strokes without a vertex or with one in range. */
static void test_rectangle(void **state)
{
	static struct found found;
	struct light_config config = config_for(120.0);

	(void)state;
	for (unsigned i = 0; i < SAMPLES; i++)
		counts[i] = i / 208 % 2 ? INT32_MAX : INT32_MIN;
	config.bits = 32;
	config.scale = 2.0 / 0x1p31;
	look(&config, SAMPLES, 16384, &found);
	assert_in_range(found.summary.strokes, SAMPLES / 416 - 1, SAMPLES / 416 + 1);
	for (unsigned i = 0; i < found.count; i++)
		assert_true(fabs(found.stroke[i].peak_n) < 4.0);
}

static void refuse(struct light_config config)
{
	struct light *light = NULL;

	assert_int_equal(light_new(&config, &light), -EINVAL);
	assert_null(light);
}

static void test_refusals(void **state)
{
	struct light_config config = config_for(120.0), good = config;
	struct light *light;

	(void)state;
	config.rate_set_hz = PW1_FS_HZ / 9.99;
	refuse(config);
	config.rate_set_hz = PW1_FS_HZ / 65537.0;
	refuse(config);
	config.rate_set_hz = 0.0;
	refuse(config);
	config.rate_set_hz = NAN;
	refuse(config);
	config = good;
	config.scale = 0.0;
	refuse(config);
	config = good;
	config.bits = 0;
	refuse(config);
	config.bits = 33;
	refuse(config);
	config = good;
	config.position = CHANNELS_MAX;
	refuse(config);
	config = good;
	config.rate_set_hz = PW1_FS_HZ / 10.0;
	assert_int_equal(light_new(&config, &light), 0);
	light_free(light);
	config.rate_set_hz = PW1_FS_HZ / 65536.0;
	assert_int_equal(light_new(&config, &light), 0);
	light_free(light);
	light_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strokes_and_vertices),
		cmocka_unit_test(test_rates_and_duties),
		cmocka_unit_test(test_cut_does_not_matter),
		cmocka_unit_test(test_channel),
		cmocka_unit_test(test_gap_and_repetition),
		cmocka_unit_test(test_what_swings_too_little),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_rectangle),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
