/* What a window that begins when rate and depth no longer travel does to the stated intervals, beside one that begins after
 * a fixed time: the same pens, the same samples. settle_trials [PENS [FIRST_SEED [DEPTH_MM RATE_HZ]]]: 200 of each family,
 * 1, 0.01 and 1 by default. Not a test: it prints and judges nothing. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/settle_trial.h"

#define FIXED_S 0.8
#define LEAST_S 0.15
#define MOST_S  1.2

struct score {
	unsigned n, shown, trusted, rates;
	double settle_s, covered, accepted, rate_covered;
};

static void add_to(struct score *s, const struct settle_outcome *o)
{
	const struct claim_outcome *depth = &o->of.claim[CLAIM_DEPTH], *rate = &o->of.claim[CLAIM_RATE];

	s->n++;
	s->shown += o->shown;
	s->settle_s += o->settle_s;
	if (depth->trusted) {
		s->trusted++;
		s->covered += 1.0 - depth->outside;
		s->accepted += 0.5 * (depth->accept_upper + depth->accept_lower);
	}
	if (rate->trusted) {
		s->rates++;
		s->rate_covered += 1.0 - rate->outside;
	}
}

static void print_score(const char *family, const char *begins, const struct score *s)
{
	printf("%-22s %-7s begins after %.3f s, shown %5.1f %%, trusted %5.1f %%, depth covered %6.2f %%, false "
	       "accepts "
	       "%5.2f %%, trusted and outside %5.2f %%, rate covered %6.2f %%\n",
	       family, begins, s->settle_s / s->n, 100.0 * s->shown / s->n, 100.0 * s->trusted / s->n,
	       100.0 * s->covered / s->trusted, 100.0 * s->accepted / s->trusted,
	       100.0 * (s->trusted - s->covered) / s->n, 100.0 * s->rate_covered / s->rates);
}

int main(int argc, char **argv)
{
	unsigned pens = argc > 1 ? (unsigned)atoi(argv[1]) : 200;
	uint64_t seed = argc > 2 ? (uint64_t)atoll(argv[2]) : 1;
	const struct window rule = {.min_s = LEAST_S,
				    .max_s = MOST_S,
				    .targets = 2,
				    .target = {{MEASURAND_DEPTH, argc > 4 ? atof(argv[3]) : 0.01},
					       {MEASURAND_STROKE_RATE, argc > 4 ? atof(argv[4]) : 1}}};

	for (unsigned f = 0; f < settle_family_count; f++) {
		struct score by_rule = {.n = 0}, fixed = {.n = 0};
		struct settle_outcome o;

		for (unsigned k = 0; k < pens; k++) {
			settle_run(&settle_families[f], seed + k, &rule, MOST_S, &o);
			add_to(&by_rule, &o);
			settle_run(&settle_families[f], seed + k, NULL, FIXED_S, &o);
			add_to(&fixed, &o);
		}
		print_score(settle_families[f].name, "by rule", &by_rule);
		print_score(settle_families[f].name, "fixed", &fixed);
		fflush(stdout);
	}
	return 0;
}
