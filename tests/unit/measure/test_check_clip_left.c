/* What a clip that was not seen leaves: where nothing tells how large it could be, it is not nil. */
#include <stdlib.h>

#include "rig/measure/point/checks_raw.h"
#include "rig/measure/point/observed.h"
#include "tests/unit/measure/check.h"

#include "tests/unit/measure/plant_trial.h"

#define WIDTH   200
#define PEAK    300.3
#define STROKES 40
#define NOISE_N 0.02
#define COUNT_N 0.01

static void add_parabolas(struct clip *clip)
{
	struct clip_pulse pulse = {.width = WIDTH};
	float x[2 * (int)PEAK];

	for (unsigned k = 0; k < STROKES; k++) {
		pulse.peak = PEAK + 0.37 * (k % 5);
		for (unsigned i = 0; i < 2 * (unsigned)PEAK; i++)
			x[i] = (float)(1.0 - pow(2.0 * ((double)i - pulse.peak) / WIDTH, 2.0));
		clip_stroke(clip, x, 0, &pulse, NOISE_N, COUNT_N);
	}
}

/* No wall is seen, and there is no shape by which to tell what one too small to be seen cuts off. */
static void what_cannot_be_told_is_not_nil(void **state)
{
	struct observed *seen = calloc(1, sizeof(*seen));
	struct template *unready = calloc(1, sizeof(*unready));
	const struct plant plant = plant_default(1.0, 120.0, 20000.0);
	struct curve *curve = plant_curve(&plant);
	struct point_config config = plant_config(&plant, curve);
	const struct check_scale scale = {.mm_per_n = 1.0, .height_n = 1.0, .noise_n = NOISE_N, .strokes = STROKES};
	const struct baseline no_lines = {.lines = 0};
	const struct account account = {
		.config = &config, .template = unready, .observed = seen, .baseline = &no_lines};

	(void)state;
	assert_non_null(seen);
	assert_non_null(unready);
	add_parabolas(&seen->clip);
	config.force.scale = COUNT_N;
	for (unsigned i = 0; i < 2; i++) {
		struct check_result ret = {.state = CHECK_ABSENT, .u_mm = 0.0};

		check_clip(&account, &scale, &ret);
		assert_int_equal(ret.state, CHECK_PASSED);
		assert_true(isnan(ret.u_mm));
		config.curve = NULL; /* and so it is by the polynomial */
	}
	curve_free(curve);
	free(unready);
	free(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_told_is_not_nil),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
