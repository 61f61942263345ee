/* Lines of the mains in heights: told from chance, and from what a pen does of itself. */
#include "tests/unit/measure/check.h"

#include "rig/measure/checks/top_lines.h"
#include "tests/bench/pw1.h"

#define PERIOD 166.7
#define NOISE  0.004

static double seen(double swing, double w_made, double w_asked, unsigned strokes, uint64_t seed)
{
	struct top_lines tops = {.n = 0};
	struct pw1_random random = pw1_seeded(seed);

	for (unsigned k = 0; k < strokes; k++) {
		double at = k * PERIOD + 3.0 * pw1_normal(&random);
		double height = 0.5 + 1e-5 * k + swing * cos(w_made * at + 1.0) + NOISE * pw1_normal(&random);

		top_lines_add(&tops, at, height, &w_asked, 1);
	}
	return top_line_seen(&tops, 0);
}

static void chance_is_not_seen(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++)
		check_near(seen(0.0, 0.0, 2.0 * M_PI * 50.0 / 20000.0, 360, seed), 0.0, 0.0);
}

static void a_swing_has_its_size(void **state)
{
	double w = 2.0 * M_PI * 50.0 / 20000.0;

	(void)state;
	check_near(seen(0.005, w, w, 360, 3), 0.005, 0.0008);
	check_near(seen(0.002, w, w, 1000, 3), 0.002, 0.0005);
	check_near(seen(0.005, w, 0.5 * w, 360, 3), 0.0, 0.0);
	check_near(seen(0.005, w, w, TOP_STROKES - 1, 3), 0.0, 0.0); /* no piece is whole */
}

/* 0.02 Hz off over the minute, as the mains are: pieces do not share a phase. */
static void the_mains_may_wander(void **state)
{
	double w = 2.0 * M_PI * 50.0 / 20000.0;

	(void)state;
	check_near(seen(0.005, 1.001 * w, w, 7200, 3), 0.005, 0.0005);
}

static void what_pens_do_is_not_asked(void **state)
{
	(void)state;
	assert_true(top_line_told(2.0 * M_PI * 0.4 / PERIOD, PERIOD));
	assert_true(top_line_told(2.0 * M_PI * 1.3 / PERIOD, PERIOD));
	assert_false(top_line_told(2.0 * M_PI * 1.02 / PERIOD, PERIOD));
	assert_false(top_line_told(2.0 * M_PI * 0.95 / PERIOD, PERIOD));
	assert_false(top_line_told(2.0 * M_PI * 1.49 / PERIOD, PERIOD));
	assert_false(top_line_told(0.0, PERIOD));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chance_is_not_seen),
		cmocka_unit_test(a_swing_has_its_size),
		cmocka_unit_test(the_mains_may_wander),
		cmocka_unit_test(what_pens_do_is_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
