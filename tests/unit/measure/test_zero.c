/* The budget line "zero": what the baseline's own error puts into a mean depth. Swept over window lengths (which move
 * the ends of the window through the blocks), duty, rate and sample rate, it must be of the size of the error made. */
#include <stdio.h>

#include "tests/unit/measure/check.h"

#include "rig/measure/point/baseline.h"
#include "tests/unit/measure/plant_trial.h"

#define TRIALS 160

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
	double own = hypot(budget_u(depth, "repeatability"), budget_u(depth, "template"));

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
			plant.noise_n = 0.02;
			plant.seed = 1000 + i;
			zero_case(&plant, &score);
		}
	}
	double ratio = sqrt(score.squares / score.n);

	print_message(
		"%u points: rms error over its own u %.2f; worst error %.3f um, worst zero %.3f um, mean %.3f um\n",
		score.n, ratio, 1e3 * score.worst_error_mm, 1e3 * score.worst_zero_mm, 1e3 * score.sum_zero / score.n);
	check_less(score.worst_zero_mm, 0.0005);
	check_less(0.5, ratio);
	check_less(ratio, 1.2);
}

/* Baseline and hum alone, seen through gaps of a share of the period: the error made at the strokes, summed over a
 * block, against the standard deviation that the filter states for that sum. */
static double summed_error(struct pw1_random *random, double fs_hz, double rate_hz, double gap_share, double *ret_u)
{
	enum { LEN_MAX = 30000 };
	static float seen[LEN_MAX], truth[LEN_MAX], left[LEN_MAX];
	double period = fs_hz / rate_hz, gains[BASELINE_LINES], row[BASELINE_STATES] = {0}, sum = 0.0;
	double level = 0.3 + 0.01 * pw1_normal(random), slope = 0.02 * pw1_normal(random),
	       phase = 3.0 * pw1_normal(random);
	unsigned len = (unsigned)(0.5 * fs_hz);
	struct baseline bl;

	baseline_init(&bl, fs_hz, 50.0);
	for (unsigned i = 0; i < BASELINE_LINES; i++)
		gains[i] = 1.0;
	for (unsigned block = 0; block < 3; block++) {
		for (unsigned i = 0; i < len; i++) {
			double t = (double)(block * len + i) / fs_hz;

			truth[i] = (float)(level + slope * t + 0.004 * sin(2.0 * M_PI * 50.04 * t + phase));
			seen[i] = truth[i] + (float)(0.002 * pw1_normal(random));
		}
		for (unsigned pass = 0; pass < 2; pass++) {
			struct baseline kept = bl;

			baseline_begin(&bl, len, 0.002 * 0.002);
			for (double at = 0.0; at + period < len; at += period)
				baseline_add(&bl, seen + (long)(at + 0.5 * (1.0 - gap_share) * period),
					     (long)(at + 0.5 * (1.0 - gap_share) * period),
					     (unsigned)(gap_share * period));
			baseline_solve(&bl);
			if (pass == 0) {
				memcpy(bl.hum_cov, kept.hum_cov, sizeof(bl.hum_cov));
				bl.level = kept.level;
			}
		}
		if (block < 2)
			baseline_advance(&bl);
	}
	baseline_flatten(&bl, truth, left, len);
	for (double at = 0.0; at < len; at += period) {
		sum += (double)left[(unsigned)at];
		baseline_row(&bl, floor(at), 1.0, gains, row);
	}
	*ret_u = sqrt(baseline_row_variance(&bl, row));
	return sum;
}

/* A sum over samples about one has the row that its samples' own rows add up to. */
static void rows_of_sums_are_sums_of_rows(void **state)
{
	enum { N = 41 };
	const long first = -17;
	double w[N], each[BASELINE_STATES] = {0}, sum[BASELINE_STATES] = {0};
	struct pw1_random random = {.state = 12};
	struct baseline bl;

	(void)state;
	baseline_init(&bl, 20000.0, 50.0);
	baseline_begin(&bl, 10000, 1.0);
	for (unsigned i = 0; i < N; i++) {
		double gains[BASELINE_LINES];

		w[i] = pw1_normal(&random);
		for (unsigned k = 0; k < BASELINE_LINES; k++)
			gains[k] = w[i];
		baseline_row(&bl, 3011.0 + (double)first + i, w[i], gains, each);
	}
	struct baseline_sum of = baseline_sum_of(&bl, w, N, first);

	baseline_sum_row(&bl, 3011.0, &of, sum);
	for (unsigned k = 0; k < BASELINE_STATES; k++)
		check_near(sum[k], each[k], 1e-9);
}

static void baseline_states_its_error(void **state)
{
	const double shares[] = {0.6, 0.3, 0.1}, rates[] = {90.0, 120.0, 145.0};
	struct pw1_random random = {.state = 11};
	double u;

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		double squares = 0.0;

		for (unsigned k = 0; k < TRIALS; k++) {
			double error =
				summed_error(&random, i % 2 ? 50000.0 : 20000.0, rates[i / 3], shares[i % 3], &u);

			squares += error * error / (u * u);
		}
		print_message("gap %.1f, %3.0f Hz: error over stated u %.2f\n", shares[i % 3], rates[i / 3],
			      sqrt(squares / TRIALS));
		check_less(0.75, sqrt(squares / TRIALS));
		check_less(sqrt(squares / TRIALS), 1.25);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(zero_over_window_duty_and_rate),
					   cmocka_unit_test(baseline_states_its_error),
					   cmocka_unit_test(rows_of_sums_are_sums_of_rows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
