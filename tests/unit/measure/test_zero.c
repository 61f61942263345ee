/* The budget line "zero": what the baseline's own error puts into a mean depth. Swept over window lengths (which move
 * the ends of the window through the blocks), duty, rate and sample rate, it must be of the size of the error made. */
#include <stdio.h>

#include "tests/unit/measure/check.h"

#include "tests/unit/measure/plant_trial.h"

#define SEEDS 2

static double budget_u(const struct result *r, const char *name)
{
	for (unsigned i = 0; i < r->budget_lines; i++) {
		if (strcmp(r->budget[i].name, name) == 0)
			return r->budget[i].u;
	}
	return 0.0;
}

struct score {
	double squares, worst_zero_mm, worst_error_mm, sum_zero;
	unsigned n;
};

/* Stroke scatter, wear, certificates and the resonance are left out: what is left in a mean depth is the noise of the
 * strokes and the baseline. */
static void zero_case(const struct plant *plant, struct score *score)
{
	struct curve *curve = plant_curve(plant);
	struct point_config config = plant_config(plant, curve);
	struct plant_trial t;

	plant_generate(&t, plant);
	plant_measure(&t, &config);
	plant_score(&t);
	const struct result *depth = plant_result(&t, "depth_mm", "force_equivalent");
	double error = depth->value - t.mean_depth_mm, zero = budget_u(depth, "zero");
	double own = hypot(budget_u(depth, "repeatability"), budget_u(depth, "resolution"));
	if (getenv("VERBOSE"))
		printf("fs %5.0f rate %3.0f depth %.1f win %.2f: error %+8.3f um, zero %8.3f, own %7.3f hum %g\n",
		       plant->fs_hz, plant->rate_hz, plant->depth_mm, plant->measure_s, 1e3 * error, 1e3 * zero,
		       1e3 * own, 1e3*budget_u(depth, "hum"));

	assert_true(depth->trusted);
	score->squares += error * error / (zero * zero + own * own);
	score->worst_zero_mm = fmax(score->worst_zero_mm, zero);
	score->worst_error_mm = fmax(score->worst_error_mm, fabs(error));
	score->sum_zero += zero;
	score->n++;
	plant_end(&t);
	curve_free(curve);
}

static void zero_over_window_duty_and_rate(void **state)
{
	const double windows[] = {0.8, 0.95, 1.1, 1.3, 1.5, 1.65, 1.8, 2.0, 2.3, 2.6, 3.0};
	const double depths[] = {0.3, 0.5, 1.0, 1.5, 2.0}, rates[] = {90.0, 120.0, 145.0};
	struct score score = {.n = 0};
	unsigned i = 0;

	(void)state;
	for (unsigned w = 0; w < 11; w++) {
		for (unsigned d = 0; d < 5; d++, i++) {
			struct plant plant = plant_default(depths[d], rates[i % 3], i % 4 == 3 ? 50000.0 : 20000.0);

			plant.measure_s = windows[w];
			plant.cell_hz = 0.0;
			plant.rate_exponent = 0.0;
			plant.seed = 1000 + i;
			zero_case(&plant, &score);
		}
	}
	double ratio = sqrt(score.squares / score.n);

	print_message("%u points: rms error over its own u %.2f; worst error %.3f um, worst zero %.3f um, mean %.3f um\n",
		      score.n, ratio, 1e3 * score.worst_error_mm, 1e3 * score.worst_zero_mm,
		      1e3 * score.sum_zero / score.n);
	check_less(score.worst_zero_mm, 0.001);
	check_less(0.5, ratio);
	check_less(ratio, 1.5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(zero_over_window_duty_and_rate)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
