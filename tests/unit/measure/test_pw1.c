/* The workload generator against values computed from its definition by another program in another language. */
#include <string.h>

#include "tests/unit/measure/check.h"

#include "tests/bench/pw1.h"
#include "tests/bench/pw1_frame.h"

#define SAMPLES 200000

static const unsigned places[] = {0, 1, 2, 83, 84, 1000, 99999, 123456, 199999};
#define PLACES (sizeof(places) / sizeof(places[0]))

static const struct {
	double snr_db, sum;
	int32_t counts[PLACES];
} expected[] = {
	{20, 849089089, {1746, 2265, 1684, 11028, 12170, 988, 627, 13308, 3178}},
	{40, 849035604, {1674, 1893, 2002, 11486, 11600, 1597, 1655, 11138, 2001}},
	{60, 849029823, {1667, 1856, 2034, 11532, 11543, 1658, 1757, 10921, 1883}},
};

static void test_samples(void **state)
{
	static int32_t counts[SAMPLES];
	struct pw1 pw1;

	(void)state;
	for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		struct pw1_config config = pw1_default(expected[i].snr_db);
		double sum = 0.0;

		pw1_init(&pw1, &config, NULL, NULL);
		/* In two pieces: the cut must not show. */
		pw1_fill(&pw1, counts, 777);
		pw1_fill(&pw1, counts + 777, SAMPLES - 777);
		for (unsigned k = 0; k < PLACES; k++)
			assert_int_equal(counts[places[k]], expected[i].counts[k]);
		for (unsigned k = 0; k < SAMPLES; k++)
			sum += counts[k];
		check_near(sum, expected[i].sum, 3.0); /* another libm may round a sample the other way */
	}
}

static void test_normal(void **state)
{
	struct pw1_random random = {.state = 1};

	(void)state;
	check_near(pw1_normal(&random), -0.028249746095854695, 1e-15);
	check_near(pw1_normal(&random), -1.065617648414326, 1e-15);
	check_near(pw1_normal(&random), -0.22791952286763478, 1e-15);
}

struct drawn {
	struct pw1_stroke stroke[512];
	unsigned count;
};

static void on_stroke(void *ctx, const struct pw1_stroke *stroke)
{
	struct drawn *drawn = ctx;

	if (drawn->count < 512)
		drawn->stroke[drawn->count] = *stroke;
	drawn->count++;
}

static void test_strokes(void **state)
{
	static int32_t counts[SAMPLES];
	static struct drawn drawn;
	struct pw1_config config = pw1_default(40.0);
	struct pw1 pw1;

	(void)state;
	pw1_init(&pw1, &config, on_stroke, &drawn);
	pw1_fill(&pw1, counts, SAMPLES);
	assert_in_range(drawn.count, 480, 512);
	check_near(drawn.stroke[0].start_s, 0.0, 0.0);
	check_near(drawn.stroke[0].height_n, 0.5996610030468498, 1e-15);
	check_near(drawn.stroke[1].start_s, 0.008288932597982737, 1e-15);
	check_near(drawn.stroke[2].height_n, 0.6012370914202289, 1e-15);
	check_near(drawn.stroke[479].start_s, 3.994274753943603, 1e-12);
	check_near(drawn.stroke[479].height_n, 0.5894555324662075, 1e-15);
	check_near(drawn.stroke[479].width_s, 0.4 / 120.0, 1e-15);
}

static void test_crc(void **state)
{
	(void)state;
	assert_int_equal(pw1_crc32((const uint8_t *)"", 0), 0);
	assert_int_equal(pw1_crc32((const uint8_t *)"123456789", 9), 0xCBF43926);
	assert_int_equal(pw1_crc32((const uint8_t *)"The quick brown fox jumps over the lazy dog", 43), 0x414FA339);
}

/* The fourth frame of a ramp: header, samples and the CRC that zlib gives for it. */
static void test_frames(void **state)
{
	struct pw1_framer framer = {.sequence = 0};
	int16_t x[4 * PW1_FRAME_SAMPLES + 5];
	const uint8_t *frame = NULL, *last = NULL;
	unsigned frames = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(x) / sizeof(x[0]); i++)
		x[i] = (int16_t)(7 * (int)i - 800);
	for (size_t done = 0; done < sizeof(x) / sizeof(x[0]);) {
		size_t left = sizeof(x) / sizeof(x[0]) - done;

		done += pw1_framer_add(&framer, x + done, left < 100 ? left : 100, &frame);
		frames += frame != NULL;
		last = frame ? frame : last;
	}
	assert_int_equal(frames, 4);
	assert_int_equal(framer.held, 5);
	/* Its bytes stand until the next frame is full, but for the first samples that came since. */
	memcpy(framer.bytes + 12, x + 3 * (size_t)PW1_FRAME_SAMPLES, 10);
	assert_memory_equal(last, "WP\x03\x00\x00\x0d\xe3\x00\x00\x00\x00\x00", 12);
	assert_int_equal(last[508] | (uint32_t)last[509] << 8 | (uint32_t)last[510] << 16 | (uint32_t)last[511] << 24,
			 0xb83b1a69);
	assert_true(pw1_frame_good(last));
	framer.bytes[300] ^= 0x10;
	assert_false(pw1_frame_good(last));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples), cmocka_unit_test(test_normal), cmocka_unit_test(test_strokes),
		cmocka_unit_test(test_crc),     cmocka_unit_test(test_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
