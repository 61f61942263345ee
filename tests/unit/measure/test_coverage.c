/* Are the stated 95 % intervals honest? Trials that redraw gain, curve, depth reference, clock, resonance, stroke
 * scatter and noise; fixed seeds, bounds that a correct build keeps by more than four standard deviations of chance.
 * The same trials in bulk: tests/bench/trials.c. */
#include <stdio.h>

#include "tests/unit/measure/check.h"

#include "rig/measure/point/ticks.h"
#include "rig/measure/statistics.h"
#include "tests/bench/heat_trial.h"
#include "tests/bench/pen_trial.h"

#define PEN_TRIALS        120
#define PEN_COVERED       103 /* of 120 at 95 %: 114 +- 2.4 */
#define PEN_ACCEPTED      11  /* of 120 at 2.5 %: 3 +- 1.7 */
#define HIDDEN_COVERED    70  /* of 120 at 76 %: 91 +- 4.7 */
#define HIDDEN_ACCEPTED   30  /* of 120 at 12 %: 14 +- 3.5 */
#define RINGING_UNTRUSTED 15  /* of 120 depths */
#define HEAT_TRIALS       40
#define TICK_TRIALS       400
#define TICK_COVER        2000

#define SCATTERING_U      0.001 /* Hz, of a realised rate; with the pen's own scatter as noise 0.003 */

static void pens(void **state)
{
	static struct pen_trial trial;

	(void)state;
	for (unsigned g = 0; g < PEN_REGIMES; g++) {
		struct pen_score score = {.trials = 0};

		for (unsigned k = 0; k < PEN_TRIALS; k++) {
			pen_run(&trial, &pen_regimes[g], 5000 + k);
			pen_add(&score, &trial);
		}
		bool rings = pen_regimes[g].cell_hz > 0.0;

		assert_int_equal(score.wrong_count, 0);
		for (unsigned i = 0; i < PEN_CLAIMS; i++) {
			unsigned untrusted = PEN_TRIALS - score.claimed[i];
			double rms = sqrt(score.squares[i] / score.claimed[i]);

			print_message("%-18s claim %u: %u of %u covered, %u accepted, rms error / u %.2f\n",
				      pen_regimes[g].name, i, score.covered[i], PEN_TRIALS, score.false_accepts[i],
				      rms);
			print_message("%-18s claim %u: %u covered undrawn, mean U %.4g\n", pen_regimes[g].name, i,
				      score.undrawn[i], score.widths[i] / score.claimed[i]);
			/* a line far too large would be drawn as large, and cover: at 31 dB one is wide by design */
			if (i <= PEN_DEPTH_PROCESS) {
				assert_true(score.undrawn[i] + untrusted >= PEN_COVERED);
				check_less(score.widths[i] / score.claimed[i],
					   pen_regimes[g].noise_n > 0.01 ? 0.1 : 0.015);
			}
			if (i == PEN_RATE && pen_regimes[g].scatter > 0.0) {
				assert_true(score.undrawn[i] + untrusted >= PEN_COVERED);
				check_less(score.widths[i] / score.claimed[i], SCATTERING_U);
			}
			bool hidden = pen_regimes[g].walk_hidden && i == PEN_RATE_NOMINAL;

			/* a cell that is off by twice its uncertainty is seen to ring */
			assert_true(untrusted <= (rings && i <= PEN_DEPTH_PROCESS ? RINGING_UNTRUSTED : 0));
			assert_true(score.covered[i] + untrusted >= (hidden ? HIDDEN_COVERED : PEN_COVERED));
			assert_true(score.false_accepts[i] <= (hidden ? HIDDEN_ACCEPTED : PEN_ACCEPTED));
			check_less(0.7, rms);
		}
	}
}

static void heat(void **state)
{
	(void)state;
	for (unsigned g = 0; g < HEAT_REGIMES; g++) {
		struct heat_score score = {.trials = 0};

		for (unsigned k = 0; k < HEAT_TRIALS; k++)
			heat_run(&heat_regimes[g], 900 + k, &score);
		print_message("%-18s %u of %u covered, rms error / u %.2f\n", heat_regimes[g].name, score.covered,
			      score.trials, sqrt(score.squares / score.trials));
		assert_int_equal(score.refused, 0);
		assert_true(score.covered >= HEAT_TRIALS - 8);
		check_less(0.6, sqrt(score.squares / score.trials));
	}
}

/* n instants of period 1: a walk and a scatter; every 50th stroke left out. */
static double tick_trial(struct pw1_random *random, unsigned n, double walk, double scatter, double *ret_u)
{
	struct ticks ticks = {.n = 0};
	double at = 1e6;
	unsigned steps = 1;

	for (unsigned k = 0; k < n; k++) {
		double seen = at + scatter * pw1_normal(random);

		at += 1.0 + walk * pw1_normal(random);
		if (k % 50 == 49 && k + 1 < n) {
			steps++;
			continue;
		}
		ticks_add(&ticks, seen, steps);
		steps = 1;
	}
	return ticks_period(&ticks, ret_u) - 1.0;
}

static void nominal_period_against_its_bound(void **state)
{
	const double walks[] = {0.0, 0.005, 0.003}, scatters[] = {0.005, 0.0, 0.003}, n = 240.0;
	struct pw1_random random = {.state = 77};
	double u;

	(void)state;
	for (unsigned kind = 0; kind < 3; kind++) {
		double squares = 0.0, scaled = 0.0;
		double bound = sqrt(12.0 / (n * (n * n - 1.0))) * scatters[kind];

		bound = hypot(bound, walks[kind] / sqrt(n - 1.0));
		for (unsigned k = 0; k < TICK_TRIALS; k++) {
			double error = tick_trial(&random, (unsigned)n, walks[kind], scatters[kind], &u);

			squares += error * error;
			scaled += error * error / (u * u);
		}
		print_message("walk %g, scatter %g: rmse / bound %.3f, rms error / u %.3f\n", walks[kind],
			      scatters[kind], sqrt(squares / TICK_TRIALS) / bound, sqrt(scaled / TICK_TRIALS));
		check_less(sqrt(squares / TICK_TRIALS) / bound, 1.2);
		check_less(fabs(sqrt(scaled / TICK_TRIALS) - 1.0), 0.2);
	}
}

/* q n^2 = 0, 60 (not to be told from 0), 4 140, infinity. Bounds: method.md's figures, and five standard deviations. */
static void nominal_period_covers(void **state)
{
	const double walks[] = {0.0, 0.08, 0.66, 1.0}, scatters[] = {1.0, 1.0, 1.0, 0.0};
	const double least[] = {93.3, 71.8, 92.2, 92.2}, most[] = {98.0, 81.2, 97.2, 97.2};
	struct pw1_random random = {.state = 97};
	const unsigned n = 97;
	double u, k = student_k(n - 2.0);

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		unsigned covered = 0;

		for (unsigned i = 0; i < TICK_COVER; i++)
			covered += fabs(tick_trial(&random, n, 1e-3 * walks[kind], 1e-3 * scatters[kind], &u)) <= k * u;
		print_message("walk %g, scatter %g: %.2f %% covered\n", walks[kind], scatters[kind],
			      100.0 * covered / TICK_COVER);
		check_less(least[kind], 100.0 * covered / TICK_COVER);
		check_less(100.0 * covered / TICK_COVER, most[kind]);
	}
}

/* Where many instants fix the ratio far better than the filters' distance, and it lies midway between two of them. */
static void nominal_period_between_two_filters(void **state)
{
	const double scatter = 1e-3, walk = scatter * pow(10.0, -0.5 * (1.0 + 1.0 / 6.0));
	struct pw1_random random = {.state = 31};
	double scaled = 0.0, u;

	(void)state;
	for (unsigned i = 0; i < TICK_TRIALS; i++)
		scaled += pow(tick_trial(&random, 3000, walk, scatter, &u) / u, 2.0) / TICK_TRIALS;
	print_message("between two filters: rms error / u %.3f\n", sqrt(scaled));
	check_less(fabs(sqrt(scaled) - 1.0), 0.18);
}

static void too_few_ticks(void **state)
{
	struct ticks ticks = {.n = 0};
	double u = 0.0;

	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		ticks_add(&ticks, 100.0 * k, 1);
		assert_true(isnan(ticks_period(&ticks, &u)) && isnan(u));
	}
	ticks_add(&ticks, 400.0, 2);
	check_near(ticks_period(&ticks, &u), 100.0, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pens),
		cmocka_unit_test(heat),
		cmocka_unit_test(nominal_period_against_its_bound),
		cmocka_unit_test(nominal_period_covers),
		cmocka_unit_test(nominal_period_between_two_filters),
		cmocka_unit_test(too_few_ticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
