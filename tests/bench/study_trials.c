/* How often the studies' 95 % intervals cover the truth, over many trials with fixed seeds: 93.5 to 96.5 % is asked of each.
 * usage: study_trials [TRIALS [grr|capability|weibull|all [CASE|all [SEED]]]], CASE from 0. Exit 1 where one lies outside. */
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/draws.h"
#include "rig/measure/statistics.h"
#include "rig/study/capability.h"
#include "rig/study/grr.h"
#include "rig/study/weibull.h"
#include "tests/bench/pw1.h"

#define LEAST 0.935
#define MOST  0.965
#define ALL   UINT_MAX

static int outside;
static unsigned seed; /* on top of each part's own */

static void report(const char *what, unsigned covered, unsigned trials)
{
	double share = (double)covered / trials;
	int bad = share < LEAST || share > MOST;

	printf("%-58s %6.2f %%%s\n", what, 100.0 * share, bad ? "  OUTSIDE" : "");
	fflush(stdout);
	outside += bad;
}

static int covers(struct interval i, double truth)
{
	return i.lo <= truth && truth <= i.hi;
}

/* ---- capability ----------------------------------------------------------------------------------------------------- */

struct capability_case {
	const char *name;
	unsigned n;
	double lower, upper; /* about a process of mean 0 and sigma 1 */
};

static void capability_trials(const struct capability_case *c, unsigned trials)
{
	unsigned cp = 0, cpk = 0, pp = 0, ppk = 0;
	double truth = fmin(c->upper, -c->lower) / 3.0, width = (c->upper - c->lower) / 6.0;
	double *x = malloc(c->n * sizeof(*x));
	struct pw1_random d = pw1_seeded(1 + (uint64_t)seed);
	char text[100];

	for (unsigned t = 0; t < trials && x; t++) {
		struct control_limits limits;
		struct capability k;
		for (unsigned i = 0; i < c->n; i++)
			x[i] = pw1_normal(&d);
		chart_individuals(x, c->n, &limits);
		capability_of(x, c->n, &limits, c->lower, c->upper, 0.95, &k);
		cp += covers(k.cp, width);
		pp += covers(k.pp, width);
		cpk += covers(k.cpk, truth);
		ppk += covers(k.ppk, truth);
	}
	free(x);
	snprintf(text, sizeof(text), "Cpk, %s", c->name);
	report(text, cpk, trials);
	snprintf(text, sizeof(text), "Ppk, %s", c->name);
	report(text, ppk, trials);
	if (!isfinite(width))
		return;
	snprintf(text, sizeof(text), "Cp, %s", c->name);
	report(text, cp, trials);
	snprintf(text, sizeof(text), "Pp, %s", c->name);
	report(text, pp, trials);
}

/* ---- gauge R&R ------------------------------------------------------------------------------------------------------ */

struct grr_case {
	const char *name;
	unsigned parts, appraisers, trials;
	double part, appraiser, interaction, repeat;
};

static void draw_study(const struct grr_case *c, struct pw1_random *d, double *x)
{
	double appraiser[16];

	for (unsigned a = 0; a < c->appraisers; a++)
		appraiser[a] = c->appraiser * pw1_normal(d);
	for (unsigned p = 0; p < c->parts; p++) {
		double part = c->part * pw1_normal(d);
		for (unsigned a = 0; a < c->appraisers; a++) {
			double cell = part + appraiser[a] + c->interaction * pw1_normal(d);
			for (unsigned t = 0; t < c->trials; t++)
				x[(p * c->appraisers + a) * c->trials + t] = cell + c->repeat * pw1_normal(d);
		}
	}
}

static void grr_trials(const struct grr_case *c, unsigned trials)
{
	double x[1000], av = hypot(c->appraiser, c->interaction), both = hypot(av, c->repeat);
	unsigned ev = 0, reproducibility = 0, grr = 0, pv = 0, tv = 0;
	struct pw1_random d = pw1_seeded(2 + (uint64_t)seed);
	char text[100];

	for (unsigned t = 0; t < trials; t++) {
		struct grr g;
		draw_study(c, &d, x);
		grr_of(x, c->parts, c->appraisers, c->trials, GRR_ANOVA, 0.95, &g);
		ev += covers(g.ev, c->repeat);
		reproducibility += covers(g.av, av);
		grr += covers(g.grr, both);
		pv += covers(g.pv, c->part);
		tv += covers(g.tv, hypot(both, c->part));
	}
	const struct {
		const char *name;
		unsigned covered;
	} row[] = {{"EV", ev}, {"AV", reproducibility}, {"GRR", grr}, {"PV", pv}, {"TV", tv}};
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		snprintf(text, sizeof(text), "%s, %s", row[i].name, c->name);
		report(text, row[i].covered, trials);
	}
}

static void draw_nested(const struct grr_case *c, struct pw1_random *d, double *x)
{
	for (unsigned a = 0; a < c->appraisers; a++) {
		double appraiser = c->appraiser * pw1_normal(d);
		for (unsigned p = 0; p < c->parts; p++) {
			double part = appraiser + c->part * pw1_normal(d);
			for (unsigned t = 0; t < c->trials; t++)
				x[(a * c->parts + p) * c->trials + t] = part + c->repeat * pw1_normal(d);
		}
	}
}

static void nested_trials(const struct grr_case *c, unsigned trials)
{
	double x[1000], both = hypot(c->appraiser, c->repeat);
	unsigned ev = 0, av = 0, grr = 0, pv = 0, tv = 0;
	struct pw1_random d = pw1_seeded(3 + (uint64_t)seed);
	char text[100];

	for (unsigned t = 0; t < trials; t++) {
		struct grr g;
		draw_nested(c, &d, x);
		grr_nested_of(x, c->parts, c->appraisers, c->trials, 0.95, &g);
		ev += covers(g.ev, c->repeat);
		av += covers(g.av, c->appraiser);
		grr += covers(g.grr, both);
		pv += covers(g.pv, c->part);
		tv += covers(g.tv, hypot(both, c->part));
	}
	const struct {
		const char *name;
		unsigned covered;
	} row[] = {{"EV", ev}, {"AV", av}, {"GRR", grr}, {"PV", pv}, {"TV", tv}};
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		snprintf(text, sizeof(text), "%s, nested, %s", row[i].name, c->name);
		report(text, row[i].covered, trials);
	}
}

/* ---- Weibull -------------------------------------------------------------------------------------------------------- */

#define LIVES_MAX 64

struct lives_case {
	const char *name;
	unsigned n;
	double shape, until; /* of scale 1: units that live longer are withdrawn then */
	unsigned failures;   /* the test ends with so many; 0: with time */
	bool entered;        /* each unit has come later: it is withdrawn at a time of its own, uniform up to `until` */
	double session;      /* a failure is seen at the end of the session that it came in; 0: at once */
	double growth;       /* the k-th session ends at session k^growth; 0: all are as long */
};

static double end_of(const struct lives_case *c, double sessions)
{
	return c->session * pow(sessions, c->growth > 0.0 ? c->growth : 1.0);
}

static struct weibull_life seen_life(const struct lives_case *c, double at)
{
	double k = ceil(pow(at / c->session, c->growth > 0.0 ? 1.0 / c->growth : 1.0));

	return (struct weibull_life){.life = end_of(c, k), .within = end_of(c, k) - end_of(c, k - 1.0), .failed = true};
}

static void draw_lives(const struct lives_case *c, struct draws *d, struct weibull_life *life)
{
	for (unsigned i = 0; i < c->n; i++) {
		double at = pow(-log(draws_uniform(d)), 1.0 / c->shape), end = c->until;
		if (c->entered)
			end *= draws_uniform(d);
		life[i] = (struct weibull_life){.life = fmin(at, end), .failed = at <= end};
		if (life[i].failed && c->session > 0.0)
			life[i] = seen_life(c, at);
	}
}

/* Ends with its r-th failure. */
static void end_with(const struct lives_case *c, struct weibull_life *life)
{
	struct weibull_fit fit;

	weibull_fit(life, c->n, &fit); /* sorts */
	for (unsigned i = c->failures; c->failures && i < c->n; i++)
		life[i] = (struct weibull_life){.life = life[c->failures - 1].life};
}

/* Where all leave behind the last failure, what is drawn hangs on the number of failures alone. */
static void intervals_of(const struct lives_case *c, const struct weibull_life *life, const struct weibull_fit *fit,
			 bool anew, struct weibull_intervals *ret)
{
	static struct weibull_pivots pivots[LIVES_MAX + 1];
	struct weibull_pivots *p = &pivots[fit->failures];

	if (c->entered || c->session > 0.0) {
		weibull_intervals(life, c->n, fit, 0.1, 0.95, ret);
		return;
	}
	if (anew)
		weibull_pivots(life, c->n, p);
	ret->shape = weibull_shape_interval(fit, p, 0.95);
	ret->scale = weibull_life_interval(fit, p, 1.0 - exp(-1.0), 0.95);
	ret->life = weibull_life_interval(fit, p, 0.1, 0.95);
}

static void lives_trials(const struct lives_case *c, unsigned trials)
{
	bool known[LIVES_MAX + 1] = {false};
	struct weibull_life life[LIVES_MAX];
	unsigned shape = 0, scale = 0, tenth = 0, fitted = 0;
	double tenth_of_all = pow(-log(0.9), 1.0 / c->shape);
	struct draws d;
	char text[100];

	draws_seed(&d, 4 + (uint64_t)seed);
	for (unsigned t = 0; t < trials; t++) {
		struct weibull_fit fit;
		draw_lives(c, &d, life);
		end_with(c, life);
		if (weibull_fit(life, c->n, &fit) < 0)
			continue; /* too few failed: no interval is given */
		struct weibull_intervals intervals;
		intervals_of(c, life, &fit, !known[fit.failures], &intervals);
		known[fit.failures] = true;
		fitted++;
		shape += covers(intervals.shape, c->shape);
		scale += covers(intervals.scale, 1.0);
		tenth += covers(intervals.life, tenth_of_all);
	}
	snprintf(text, sizeof(text), "Weibull's shape, %s", c->name);
	report(text, shape, fitted);
	snprintf(text, sizeof(text), "Weibull's scale, %s", c->name);
	report(text, scale, fitted);
	snprintf(text, sizeof(text), "B10, %s", c->name);
	report(text, tenth, fitted);
}

/* ------------------------------------------------------------------------------------------------------------------- */

static bool is_wanted(const char *which, const char *part)
{
	return !*which || strcmp(which, "all") == 0 || strcmp(which, part) == 0;
}

int main(int argc, char **argv)
{
	static const struct capability_case capability[] = {
		{"n = 30, nearer limit at 4 sigma, other at 6", 30, -4.0, 6.0},
		{"n = 100, nearer limit at 4 sigma, other at 5", 100, -4.0, 5.0},
		{"n = 50, one limit at 5 sigma", 50, NAN, 5.0},
		{"n = 50, both limits at 4 sigma", 50, -4.0, 4.0},
		{"n = 20, both limits at 4 sigma", 20, -4.0, 4.0},
		{"n = 20, nearer limit at 3 sigma, other at 5", 20, -3.0, 5.0},
		{"n = 200, both limits at 4 sigma", 200, -4.0, 4.0},
		{"n = 200, nearer limit at 4 sigma, other at 6", 200, -4.0, 6.0},
	};
	static const struct grr_case grr[] = {
		{"10 x 3 x 3 as AIAG's", 10, 3, 3, 1.04, 0.227, 0.0, 0.2},
		{"10 x 3 x 3, set-ups matter little", 10, 3, 3, 1.0, 0.05, 0.0, 0.2},
		{"10 x 3 x 3 with interaction", 10, 3, 3, 1.0, 0.2, 0.3, 0.1},
		{"5 x 2 x 2", 5, 2, 2, 1.0, 0.2, 0.0, 0.2},
	};
	static const struct grr_case nested[] = {
		{"6 of each of 4, 2 trials", 6, 4, 2, 1.0, 0.6, 0.0, 0.2},
		{"5 of each of 3, 3 trials, set-ups matter little", 5, 3, 3, 0.3, 0.1, 0.0, 0.2},
	};
	static const struct lives_case lives[] = {
		{"10 units, all fail", 10, 2.0, INFINITY, 0, false, 0.0, 0.0},
		{"20 units, to the 5th failure", 20, 1.5, INFINITY, 5, false, 0.0, 0.0},
		{"20 units, about half fail", 20, 1.7, 0.9, 0, false, 0.0, 0.0},
		{"30 units, about a third fail", 30, 1.2, 0.5, 0, false, 0.0, 0.0},
		{"20 units, each withdrawn at a time of its own", 20, 2.0, 2.0, 0, true, 0.0, 0.0},
		{"20 units in six sessions, about half fail", 20, 1.7, 0.9, 0, false, 0.15, 0.0},
		{"30 units in three long sessions", 30, 2.0, 1.2, 0, false, 0.4, 0.0},
		{"12 units in five sessions, two thirds fail", 12, 2.5, 1.0, 0, false, 0.2, 0.0},
		{"10 units in six sessions, half fail", 10, 2.0, 0.84, 0, false, 0.14, 0.0},
		{"25 units in four sessions, a sixth fail", 25, 1.2, 0.25, 0, false, 0.0625, 0.0},
		{"6 units in eight sessions, nearly all fail", 6, 3.5, 1.28, 0, false, 0.16, 0.0},
		{"16 units in five sessions, each longer than the last", 16, 1.6, 1.118, 0, false, 0.1, 1.5},
		{"40 units in two sessions, half fail", 40, 1.0, 0.7, 0, false, 0.35, 0.0},
	};
	unsigned trials = argc > 1 ? (unsigned)atoi(argv[1]) : 10000;
	const char *which = argc > 2 ? argv[2] : "";
	unsigned only = argc > 3 && strcmp(argv[3], "all") != 0 ? (unsigned)atoi(argv[3]) : ALL;
	seed = argc > 4 ? (unsigned)atoi(argv[4]) : 0;

	statistics_begin();
	for (unsigned i = 0; i < sizeof(grr) / sizeof(grr[0]) && is_wanted(which, "grr"); i++)
		grr_trials(&grr[i], trials);
	for (unsigned i = 0; i < sizeof(nested) / sizeof(nested[0]) && is_wanted(which, "grr"); i++)
		nested_trials(&nested[i], trials);
	for (unsigned i = 0; i < sizeof(lives) / sizeof(lives[0]) && is_wanted(which, "weibull"); i++)
		if (only == ALL || only == i)
			lives_trials(&lives[i], trials);
	for (unsigned i = 0; i < sizeof(capability) / sizeof(capability[0]) && is_wanted(which, "capability"); i++)
		capability_trials(&capability[i], trials);
	return outside != 0;
}
