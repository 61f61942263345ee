/* Control charts [ISO 7870-2; NIST/SEMATECH e-Handbook 6.3.2]. Values come in the order in which they were made. */
#ifndef PENRIG_STUDY_CONTROL_H
#define PENRIG_STUDY_CONTROL_H

#include <stdbool.h>

#define SUBGROUP_MAX 100

/* Mean and standard deviation of the range of n normal values, and the mean of their standard deviation, each for sigma = 1; by
 * quadrature, n from 2 to SUBGROUP_MAX, relative error below 1e-9. */
double chart_d2(unsigned n);
double chart_d3(unsigned n);
double chart_c4(unsigned n);

enum chart { CHART_INDIVIDUALS, CHART_MEANS_RANGE, CHART_MEANS_SD, CHART_EWMA, CHARTS };
extern const char *const chart_words[]; /* "individuals", "means-range", "means-sd", "ewma"; NULL-terminated */

struct control_limits {
	double centre, sigma; /* of one plotted value */
	double lower, upper;  /* centre -+ 3 sigma */
	double within;        /* sigma of a single value, from ranges or deviations within */
	double within_dof;    /* effective, of that estimate */
	/* of the chart of scatter beside it: moving range, range or standard deviation */
	double scatter_centre, scatter_lower, scatter_upper;
};

/* Individuals from the mean moving range of two, n >= 2. */
void chart_individuals(const double *x, unsigned n, struct control_limits *ret);
/* Subgroups of m values each, one behind the other; groups >= 2, m from 2 to SUBGROUP_MAX. By ranges: R-bar / d2; by standard
 * deviations: s-bar / c4. */
void chart_means(const double *x, unsigned groups, unsigned m, bool by_sd, struct control_limits *ret);
/* Exponentially weighted moving average with weight 0 < lambda <= 1 about `centre`, sigma of a single value: z[i] of n values,
 * limits of the steady state, which the first values have not reached: limit[i] is half the width there. */
void chart_ewma(const double *x, unsigned n, double lambda, double centre, double sigma, double *z, double *limit);

/* Rules about runs. Which of them a value breaks, as a set of RULE_BITs; of the value that completes the pattern. */
enum run_rule {
	RULE_BEYOND,    /* one beyond 3 sigma */
	RULE_SIDE,      /* `run` in a row on one side of the centre */
	RULE_TREND,     /* six in a row rising or falling */
	RULE_ALTERNATE, /* fourteen in a row up and down in turn */
	RULE_TWO_OF_3,  /* two of three beyond 2 sigma on one side */
	RULE_FOUR_OF_5, /* four of five beyond 1 sigma on one side */
	RULE_HUGGING,   /* fifteen in a row within 1 sigma */
	RULE_AVOIDING,  /* eight in a row beyond 1 sigma, on either side */
	RUN_RULES
};
#define RULE_BIT(rule) (1u << (rule))
extern const char *const run_rule_text[RUN_RULES];

struct rule_set {
	unsigned rules; /* RULE_BITs */
	unsigned run;   /* of RULE_SIDE: 8 or 9, sources disagree */
};
/* Western Electric [Statistical Quality Control Handbook, 1956]: four rules, run of 8. Nelson [J. Quality Technology 16, 1984]: all
 * eight, run of 9. */
extern const struct rule_set rules_western_electric, rules_nelson;

/* broken[i]: of value i. Returns how many values break a rule. */
unsigned rules_apply(const struct rule_set *set, const double *x, unsigned n, double centre, double sigma,
		     unsigned *broken);

#endif
