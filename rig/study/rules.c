/* Rules about runs of a control chart, each as what must hold of the last so many values. */
#include <math.h>

#include "rig/study/control.h"

const char *const run_rule_text[RUN_RULES] = {
	[RULE_BEYOND] = "beyond 3 sigma",
	[RULE_SIDE] = "a run on one side of the centre",
	[RULE_TREND] = "six in a row rising or falling",
	[RULE_ALTERNATE] = "fourteen in a row up and down in turn",
	[RULE_TWO_OF_3] = "two of three beyond 2 sigma",
	[RULE_FOUR_OF_5] = "four of five beyond 1 sigma",
	[RULE_HUGGING] = "fifteen in a row within 1 sigma",
	[RULE_AVOIDING] = "eight in a row beyond 1 sigma",
};

const struct rule_set rules_western_electric = {.rules = RULE_BIT(RULE_BEYOND) | RULE_BIT(RULE_SIDE) |
							 RULE_BIT(RULE_TWO_OF_3) | RULE_BIT(RULE_FOUR_OF_5),
						.run = 8};
const struct rule_set rules_nelson = {.rules = RULE_BIT(RUN_RULES) - 1, .run = 9};

/* x[0] is the newest, in sigmas from the centre; `count` more stand before it at x[-1] ... */
typedef bool (*pattern)(const double *x, unsigned run);

static unsigned beyond(const double *x, unsigned n, double at, int side)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++)
		count += side * x[-(int)i] > at;
	return count;
}

static bool is_beyond(const double *x, unsigned run)
{
	(void)run;
	return fabs(x[0]) > 3.0;
}

static bool is_on_side(const double *x, unsigned run)
{
	return beyond(x, run, 0.0, 1) == run || beyond(x, run, 0.0, -1) == run;
}

static bool is_trend(const double *x, unsigned run)
{
	unsigned up = 0, down = 0;

	for (unsigned i = 0; i + 1 < run; i++) {
		up += x[-(int)i] > x[-(int)i - 1];
		down += x[-(int)i] < x[-(int)i - 1];
	}
	return up == run - 1 || down == run - 1;
}

static bool is_alternating(const double *x, unsigned run)
{
	for (unsigned i = 0; i + 2 < run; i++) {
		double after = x[-(int)i] - x[-(int)i - 1], before = x[-(int)i - 1] - x[-(int)i - 2];
		if (!(after * before < 0.0))
			return false;
	}
	return true;
}

/* The value at hand is one of those beyond: it completes the pattern. */
static bool is_two_of_3(const double *x, unsigned run)
{
	int side = x[0] > 0.0 ? 1 : -1;

	return fabs(x[0]) > 2.0 && beyond(x, run, 2.0, side) >= 2;
}

static bool is_four_of_5(const double *x, unsigned run)
{
	int side = x[0] > 0.0 ? 1 : -1;

	return fabs(x[0]) > 1.0 && beyond(x, run, 1.0, side) >= 4;
}

static bool is_hugging(const double *x, unsigned run)
{
	return beyond(x, run, 1.0, 1) + beyond(x, run, 1.0, -1) == 0;
}

static bool is_avoiding(const double *x, unsigned run)
{
	return beyond(x, run, 1.0, 1) + beyond(x, run, 1.0, -1) == run;
}

static const struct {
	pattern holds;
	unsigned window; /* values it looks at; 0: the set's run */
	unsigned least;  /* that can complete it: the first values have fewer before them; 0: the whole window */
} rule_table[RUN_RULES] = {
	[RULE_BEYOND] = {.holds = is_beyond, .window = 1},
	[RULE_SIDE] = {.holds = is_on_side},
	[RULE_TREND] = {.holds = is_trend, .window = 6},
	[RULE_ALTERNATE] = {.holds = is_alternating, .window = 14},
	[RULE_TWO_OF_3] = {.holds = is_two_of_3, .window = 3, .least = 2},
	[RULE_FOUR_OF_5] = {.holds = is_four_of_5, .window = 5, .least = 4},
	[RULE_HUGGING] = {.holds = is_hugging, .window = 15},
	[RULE_AVOIDING] = {.holds = is_avoiding, .window = 8},
};

#define MEMORY 64 /* values that a pattern may look at; a longer run of RULE_SIDE is cut to it */

static unsigned broken_at(const struct rule_set *set, const double *x, unsigned have)
{
	unsigned found = 0;

	for (unsigned rule = 0; rule < RUN_RULES; rule++) {
		unsigned window = rule_table[rule].window ? rule_table[rule].window : set->run;
		unsigned least = rule_table[rule].least ? rule_table[rule].least : window;

		if (set->rules & RULE_BIT(rule) && have >= least && window <= MEMORY &&
		    rule_table[rule].holds(x, window < have ? window : have))
			found |= RULE_BIT(rule);
	}
	return found;
}

unsigned rules_apply(const struct rule_set *set, const double *x, unsigned n, double centre, double sigma,
		     unsigned *broken)
{
	double last[2 * MEMORY];
	unsigned have = 0, count = 0;

	for (unsigned i = 0; i < n; i++) {
		if (have == 2 * MEMORY) {
			for (unsigned k = 0; k < MEMORY; k++)
				last[k] = last[k + MEMORY];
			have = MEMORY;
		}
		last[have++] = (x[i] - centre) / sigma;
		broken[i] = broken_at(set, &last[have - 1], have);
		count += broken[i] != 0;
	}
	return count;
}
