/* Lines of the mains in heights: told from chance, and from what a pen does of itself. */
#include "tests/unit/measure/check.h"

#include "rig/measure/checks/top_lines.h"
#include "tests/bench/pw1.h"

#define PERIOD 166.7
#define NOISE  0.004

static void add(struct top_lines *tops, double at, double height, double flank, double w)
{
	const struct top_seen stroke = {height, flank};

	top_lines_add(tops, at, &stroke, &w, 1);
}

/* Nothing is said of flanks that nobody knows. */
static void assert_no_ratio(const struct top_lines *tops)
{
	assert_true(isnan(top_line_ratio(tops, 0)));
	assert_true(isinf(top_line_ratio_u(tops, 0, 1.0)));
}

static double seen(double swing, double w_made, double w_asked, unsigned strokes, uint64_t seed)
{
	struct top_lines tops = {.n = 0};
	struct pw1_random random = pw1_seeded(seed);

	for (unsigned k = 0; k < strokes; k++) {
		double at = k * PERIOD + 3.0 * pw1_normal(&random);
		double height = 0.5 + 1e-5 * k + swing * cos(w_made * at + 1.0) + NOISE * pw1_normal(&random);

		add(&tops, at, height, NAN, w_asked);
	}
	assert_no_ratio(&tops);
	return top_line_seen(&tops, 0);
}

/* Strokes that scatter of themselves, by which flanks move by `own`; the wave moves them by `wave`. */
static void ratio_of(double own, double wave, uint64_t seed, struct top_lines *ret)
{
	struct pw1_random random = pw1_seeded(seed);
	double w = 2.0 * M_PI * 50.0 / 20000.0;

	*ret = (struct top_lines){.n = 0};
	for (unsigned k = 0; k < 360; k++) {
		double at = k * PERIOD, swing = 0.005 * cos(w * at + 1.0), scatter = NOISE * pw1_normal(&random);

		add(ret, at, 0.5 + swing + scatter,
		    0.1 + wave * swing + own * scatter + 0.1 * NOISE * pw1_normal(&random), w);
	}
}

static void flanks_have_their_ratio(void **state)
{
	static const double waves[] = {0.2, 0.6, 1.0};
	unsigned within = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct top_lines tops;
		double wave = waves[seed % 3];

		ratio_of(0.5, wave, seed, &tops);
		within += fabs(top_line_ratio(&tops, 0) - wave) < 2.0 * top_line_ratio_u(&tops, 0, wave);
		check_less(top_line_ratio_u(&tops, 0, wave), 0.06);
	}
	assert_in_range(within, 276, 294); /* 95 %, and 4 standard deviations or less */
}

/* One that the pieces' scatter follows is known much better than any other: what moves both is no noise of it. */
static void the_ratio_of_the_scatter_is_known_best(void **state)
{
	struct top_lines tops;

	(void)state;
	ratio_of(0.5, 0.5, 3, &tops);
	check_less(3.0 * top_line_ratio_u(&tops, 0, 0.5), top_line_ratio_u(&tops, 0, 1.0));
}

/* A line that is asked for in a few strokes only, and heights without noise: neither takes from what the others show. */
static void few_strokes_and_no_noise_hide_nothing(void **state)
{
	struct top_lines tops = {.n = 0};
	double w = 2.0 * M_PI * 50.0 / 20000.0;

	(void)state;
	for (unsigned k = 0; k < 4 * TOP_STROKES; k++) {
		bool asked = k / TOP_STROKES != 1 || k % TOP_STROKES < 4;

		add(&tops, k * PERIOD, 0.5 + 0.005 * cos(w * k * PERIOD), 0.1, asked ? w : 0.0);
	}
	check_near(top_line_seen(&tops, 0), 0.005, 1e-6);
	tops = (struct top_lines){.n = 0};
	for (unsigned k = 0; k < 4 * TOP_STROKES; k++)
		add(&tops, k * PERIOD, 0.0, 0.0, w);
	check_near(top_line_seen(&tops, 0), 0.0, 0.0);
	assert_false(isnan(tops.line[0].seen));
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

/* What is passed over is not looked at, whatever it is; what comes behind it is. */
static void a_long_window_is_thinned_out(void **state)
{
	struct top_lines tops = {.n = 0};
	double w = 2.0 * M_PI * 50.0 / 20000.0;
	unsigned all = TOP_ALL * TOP_STROKES, again = all + (TOP_EACH - 1) * TOP_STROKES;

	(void)state;
	for (unsigned k = 0; k < again + TOP_STROKES; k++) {
		bool wanted = k < all || k >= again;

		assert_int_equal(top_lines_want(&tops), wanted);
		add(&tops, k * PERIOD, wanted ? 0.5 + 0.005 * cos(w * k * PERIOD) : NAN, 0.1, w);
	}
	assert_false(top_lines_want(&tops));
	assert_int_equal(tops.line[0].pieces, TOP_ALL + 1);
	assert_int_equal(tops.line[0].flanked, TOP_ALL + 1);
	check_near(top_line_seen(&tops, 0), 0.005, 1e-6);
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
	assert_true(top_lines_apart(2.0 * M_PI * 0.4 / PERIOD, 2.0 * M_PI * 0.8 / PERIOD, PERIOD));
	assert_false(top_lines_apart(2.0 * M_PI * 0.25 / PERIOD, 2.0 * M_PI * 0.755 / PERIOD,
				     PERIOD)); /* 50 and 150 Hz at 200 strokes */
	assert_false(top_lines_apart(2.0 * M_PI * 0.25 / PERIOD, 2.0 * M_PI * 1.255 / PERIOD, PERIOD));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chance_is_not_seen),
		cmocka_unit_test(a_swing_has_its_size),
		cmocka_unit_test(the_mains_may_wander),
		cmocka_unit_test(what_pens_do_is_not_asked),
		cmocka_unit_test(a_long_window_is_thinned_out),
		cmocka_unit_test(flanks_have_their_ratio),
		cmocka_unit_test(the_ratio_of_the_scatter_is_known_best),
		cmocka_unit_test(few_strokes_and_no_noise_hide_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
