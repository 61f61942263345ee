/* Lines in the force between strokes: what is not there is not seen, and what is there has its size. */
#include <stdlib.h>

#include "tests/unit/measure/check.h"

#include "rig/measure/checks/gap_lines.h"
#include "tests/bench/pw1.h"

#define PERIOD  166.7
#define GAP     70 /* samples of it */
#define STROKES 360
#define NOISE   0.004

struct signal {
	double times; /* of the rate */
	double amplitude;
	double strange; /* amplitude of what is the same between all strokes */
	unsigned strokes;
};

static double unit_power(double w, const void *context)
{
	(void)w, (void)context;
	return 1.0;
}

static double off_beat(double w, const void *context)
{
	(void)context;
	return pow(sin(0.5 * w * PERIOD), 2.0);
}

static struct gap_lines *make(const struct signal *s)
{
	struct gap_lines *lines = calloc(1, sizeof(*lines));
	struct pw1_random random = pw1_seeded(7);

	assert_non_null(lines);
	for (unsigned k = 0; k < s->strokes; k++) {
		long at = lround(k * PERIOD) + 900;
		float x[GAP];

		for (int i = 0; i < GAP; i++)
			x[i] = (float)(NOISE * pw1_normal(&random) +
				       s->amplitude * sin(2.0 * M_PI * s->times * (double)(at + i) / PERIOD) +
				       s->strange * sin(0.05 * i));
		gap_lines_add(lines, x, at, GAP, PERIOD);
	}
	return lines;
}

static double acts(struct signal s, gap_lines_power *power, double *ret_at)
{
	struct gap_lines *lines = make(&s);
	double ret = gap_lines_act(lines, PERIOD, power, ret_at);

	free(lines);
	return ret;
}

static void noise_has_none(void **state)
{
	double at;

	(void)state;
	check_near(acts((struct signal){.strokes = STROKES}, unit_power, &at), 0.0, 0.0);
}

/* A tenth of the noise of a sample, at any place: at its own and at the others that a gap of a share of the period makes of it. */
static void a_line_below_the_noise_is_seen(void **state)
{
	static const double times[] = {0.61, 1.5, 2.5, 3.7, 4.5, 5.5};

	(void)state;
	for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		double at = 0.0, a = 0.1 * NOISE;
		double seen = acts((struct signal){times[i], a, 0.0, STROKES}, unit_power, &at) / (a * a);

		if (!(seen > 0.3 && seen < 4.0))
			fail_msg("%g times the rate: %g of its power seen", times[i], seen);
	}
}

/* Only the place itself is asked for. (At a half of the rate the line's own image lies on it, and its phase counts.) */
static double near_half(double w, const void *context)
{
	return fabs(w * PERIOD / (2.0 * M_PI) - *(const double *)context) < 0.2 ? 1.0 : 0.0;
}

static void a_line_has_its_size(void **state)
{
	double at = 1.3;

	(void)state;
	check_near(acts((struct signal){1.3, 0.003, 0.0, STROKES}, near_half, &at) / (0.003 * 0.003), 1.0, 0.05);
	at = 2.7;
	check_near(acts((struct signal){2.7, 0.003, 0.0, STROKES}, near_half, &at) / (0.003 * 0.003), 1.0, 0.05);
}

/* More strokes than are kept: the last ones are looked at. */
static void long_windows_keep_their_end(void **state)
{
	double at = 1.3;

	(void)state;
	check_near(acts((struct signal){1.3, 0.003, 0.0, 2000}, near_half, &at) / (0.003 * 0.003), 1.0, 0.05);
}

static void what_is_the_same_between_all_moves_none(void **state)
{
	double at;

	(void)state;
	double all = acts((struct signal){0.0, 0.0, 0.01, STROKES}, unit_power, &at);

	assert_true(all > 1e-6);
	check_less(acts((struct signal){0.0, 0.0, 0.01, STROKES}, off_beat, &at), 0.01 * all);
}

static void too_little_says_nothing(void **state)
{
	double at;

	(void)state;
	check_near(acts((struct signal){1.5, 0.01, 0.0, 12}, unit_power, &at), 0.0, 0.0);
	check_near(acts((struct signal){1.5, 0.01, 0.0, 0}, unit_power, &at), 0.0, 0.0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(noise_has_none),
		cmocka_unit_test(a_line_below_the_noise_is_seen),
		cmocka_unit_test(a_line_has_its_size),
		cmocka_unit_test(long_windows_keep_their_end),
		cmocka_unit_test(what_is_the_same_between_all_moves_none),
		cmocka_unit_test(too_little_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
