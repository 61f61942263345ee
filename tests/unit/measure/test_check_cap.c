/* The top of the pulse: an eccentric's leaves no line, needles that bottom out leave one that covers what they do to the
 * height. */
#include "tests/unit/measure/check.h"

#include "rig/measure/checks/points.h"
#include "tests/unit/measure/plant_trial.h"

static struct points parabola(double at, double quartic)
{
	struct points p = {.n = 200, .first = -10.0, .step = 0.1};

	for (unsigned i = 0; i < p.n; i++) {
		double v = points_at(&p, i) - at;

		p.y[i] = 2.0 - 0.01 * v * v - quartic * v * v * v * v;
		p.weight[i] = i % 4 ? 1.0 : 0.0; /* some places have no stroke */
	}
	return p;
}

static void a_maximum_is_that_of_the_polynomial(void **state)
{
	static const unsigned degrees[] = {4, 6, 8};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct points p = parabola(1.3, 2e-5);
		struct points_top top;

		assert_true(points_top(&p, -7.0, 8.0, degrees[i], &top));
		check_near(top.value, 2.0, 1e-5);
		check_near(top.at, 1.3, 0.02);
		check_near(top.second, -0.02, 1e-3);
		check_near(points_top_at(&top, degrees[i], 4.3), 2.0 - 0.01 * 9.0 - 2e-5 * 81.0, 1e-8);
	}
}

static void too_few_points_are_no_maximum(void **state)
{
	struct points p = parabola(0.0, 0.0);
	struct points_top top;

	(void)state;
	assert_false(points_top(&p, -0.5, 0.5, 6, &top));
	assert_true(points_top(&p, -0.5, 0.5, 2, &top));
	assert_false(points_top(&p, 1.0, 1.0, 2, &top));
}

static void the_part_above_a_share_is_between_its_points(void **state)
{
	struct points p = parabola(0.0, 0.0);
	double lo, hi;

	(void)state;
	assert_true(points_above(&p, 0.75, &lo, &hi));
	check_near(lo, -sqrt(50.0), 0.01);
	check_near(hi, sqrt(50.0), 0.01);
	assert_false(points_above(&p, 0.4, &lo, &hi));
}

/* As a front end shows it that moves by so many counts from one sample to the next at most. */
static void slow_down(struct plant_trial *t, int32_t counts)
{
	for (size_t i = 1; i < t->samples; i++) {
		if (t->counts[i] > t->counts[i - 1] + counts)
			t->counts[i] = t->counts[i - 1] + counts;
		else if (t->counts[i] < t->counts[i - 1] - counts)
			t->counts[i] = t->counts[i - 1] - counts;
	}
}

/* The most that its samples move, in counts. */
static int32_t fastest(const struct plant_trial *t)
{
	int32_t most = 0;

	for (size_t i = 1; i < t->samples; i++) {
		int32_t step = abs(t->counts[i] - t->counts[i - 1]);

		most = step > most ? step : most;
	}
	return most;
}

struct outcome {
	struct check_result check;
	double error, expanded; /* of the depth by force: how far off, and U */
	bool rate_trusted;
};

/* slew: share of how fast its force moves; 0: as it does. */
static struct outcome cap_of(double depth_mm, double bottom_mm, double slew)
{
	struct plant plant = plant_default(depth_mm, 120.0, 20000.0);
	struct plant_trial t;

	plant.bottom_mm = bottom_mm;
	plant.measure_s = 1.5;
	plant_generate(&t, &plant);
	if (slew > 0.0)
		slow_down(&t, (int32_t)(slew * fastest(&t)));

	struct curve *curve = plant_curve(&plant);
	struct point_config config = plant_config(&plant, curve);

	plant_measure(&t, &config);
	plant_score(&t);
	curve_free(curve);

	const struct result *depth = plant_result(&t, "depth_mm", "force_equivalent");
	struct outcome ret = {.check = *plant_check(&t, CHECK_CAP),
			      .error = fabs(depth->value - (bottom_mm > 0.0 ? bottom_mm : t.mean_depth_mm)),
			      .expanded = depth->expanded_u,
			      .rate_trusted = plant_result(&t, "stroke_rate_hz", "realised")->trusted};

	plant_end(&t);
	return ret;
}

static void an_eccentric_leaves_no_line(void **state)
{
	struct outcome o = cap_of(1.0, 0.0, 0.0);

	(void)state;
	assert_int_equal(o.check.state, CHECK_PASSED);
	check_less(o.check.u_mm, 0.001);
	check_less(o.error, o.expanded);
	assert_true(o.rate_trusted);
}

static void a_flat_top_is_carried(void **state)
{
	static const double cut[] = {1.02, 1.2, 2.0};

	(void)state;
	for (unsigned i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		struct outcome o = cap_of(cut[i], 1.0, 0.0);

		assert_int_equal(o.check.state, CHECK_PASSED);
		check_less(0.001, o.check.u_mm);
		check_less(o.error, o.expanded);
	}
}

/* What moves slower than the force meets it on its way down: in a corner, before or behind the top. */
static void a_corner_is_no_top(void **state)
{
	static const struct {
		double slew;
		enum check_state state;
	} cases[] = {{1.0, CHECK_PASSED}, {0.45, CHECK_TRIPPED}, {0.35, CHECK_TRIPPED}, {0.25, CHECK_TRIPPED}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome o = cap_of(1.0, 0.0, cases[i].slew);

		assert_int_equal(o.check.state, cases[i].state);
		assert_int_equal(o.rate_trusted, o.check.state == CHECK_PASSED);
		if (o.check.state == CHECK_PASSED) {
			check_less(o.error, o.expanded);
		} else {
			assert_non_null(strstr(o.check.reason, "corner"));
			check_less(o.check.statistic, o.check.threshold);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_maximum_is_that_of_the_polynomial),
		cmocka_unit_test(too_few_points_are_no_maximum),
		cmocka_unit_test(the_part_above_a_share_is_between_its_points),
		cmocka_unit_test(an_eccentric_leaves_no_line),
		cmocka_unit_test(a_flat_top_is_carried),
		cmocka_unit_test(a_corner_is_no_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
