/* Coverage of the stated 95 % intervals and false accepts at r = 1, by trials that redraw the truth within the
 * certificates. trials [TRIALS [FIRST_SEED]]: per regime, 10 000 by default. Not a test: it prints and judges nothing.
 */
#include <stdio.h>

#include "tests/bench/heat_trial.h"
#include "tests/bench/pen_trial.h"

static void print(const struct pen_regime *regime, const struct pen_score *s)
{
	static const char *const names[] = {"depth realised", "depth process", "rate realised", "rate nominal"};
	double n = s->trials;

	printf("%-18s %u trials, %u untrusted, %u with another stroke count\n", regime->name, s->trials, s->untrusted,
	       s->wrong_count);
	for (unsigned i = 0; i < PEN_CLAIMS; i++)
		printf("  %-16s coverage %6.2f %%  false accepts %5.2f %%  rms error / u %.3f\n", names[i],
		       100.0 * s->covered[i] / n, 100.0 * s->false_accepts[i] / n, sqrt(s->squares[i] / n));
}

static void print_heat(const struct heat_regime *regime, const struct heat_score *s)
{
	double n = s->trials - s->refused;

	printf("%-18s %u trials, %u refused\n", regime->name, s->trials, s->refused);
	printf("  %-16s coverage %6.2f %%  false accepts %5.2f %%  rms error / u %.3f\n", "steady temperature",
	       100.0 * s->covered / n, 100.0 * s->false_accepts / n, sqrt(s->squares / n));
}

int main(int argc, char **argv)
{
	static struct pen_trial trial;
	unsigned trials = argc > 1 ? (unsigned)atoi(argv[1]) : 10000;
	uint64_t seed = argc > 2 ? (uint64_t)atoll(argv[2]) : 1;

	for (unsigned g = 0; g < PEN_REGIMES; g++) {
		struct pen_score score = {.trials = 0};

		for (unsigned k = 0; k < trials; k++) {
			pen_run(&trial, &pen_regimes[g], seed + k);
			pen_add(&score, &trial);
		}
		print(&pen_regimes[g], &score);
	}
	for (unsigned g = 0; g < HEAT_REGIMES; g++) {
		struct heat_score score = {.trials = 0};

		for (unsigned k = 0; k < trials; k++)
			heat_run(&heat_regimes[g], seed + k, &score);
		print_heat(&heat_regimes[g], &score);
	}
	return 0;
}
