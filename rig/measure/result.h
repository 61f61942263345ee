/* What measure/ yields: a named value with its uncertainty. */
#ifndef PENRIG_MEASURE_RESULT_H
#define PENRIG_MEASURE_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/measure/measurand.h"

#define BUDGET_MAX            40
#define BUDGET_PAIRS_MAX      8
#define RESULTS_PER_POINT_MAX 40
#define REASON_MAX            160 /* of a text for people that says why, with its end */

/* One line of an uncertainty budget (GUM 4, 5.1): what one input contributes. */
struct budget_line {
	char name[32];   /* "repeatability", "calibration", "curve", "template", "zero", "hum" and so on */
	double u;        /* standard uncertainty of the input times its sensitivity, in the result's unit, >= 0 */
	double dof;      /* degrees of freedom; INFINITY for a certificate with k = 2 and no dof stated */
	int correlation; /* lines with the same number, other than 0, are fully correlated: they add linearly */
};

/* Two lines whose errors are partly common. r: the correlation coefficient of their contributions, -1 to 1: that of the
 * inputs, with its sign turned where the two sensitivities have opposite signs. */
struct budget_pair {
	unsigned i, j; /* places in the budget, from 0; i != j, and no pair twice */
	double r;
};

struct result {
	enum measurand id; /* what every rule goes by; the name and unit of its row stand here for people and files */
	char name[32];     /* "depth_mm" */
	char method[32];   /* "force_equivalent", "displacement", "matched_filter", ...; "" where there is only one */
	char unit[8];
	bool valid;   /* a value stands; else `reason` says why none does */
	bool trusted; /* may be judged; false: value is shown, but a judgement on it is inconclusive, for `reason` */
	bool lacks; /* that reason is that samples are missing in what it rests on. Known where it was measured, not stored */
	double value;
	uint64_t n;        /* observations behind the value */
	double u;          /* combined standard uncertainty; 0 with budget_lines 0: exact (a count) */
	double dof;        /* effective degrees of freedom (Welch-Satterthwaite, GUM G.4, truncated) */
	double k;          /* coverage factor: Student's t at 95 % for dof */
	double expanded_u; /* k u */
	char reason[REASON_MAX];
	unsigned budget_lines;
	struct budget_line budget[BUDGET_MAX];
	unsigned pairs; /* other correlations than those of the lines' own numbers */
	struct budget_pair pair[BUDGET_PAIRS_MAX];
};

/* Sets what the result is of: id, name and unit from the row; method "" where there is only one. The rest stays. */
void result_name(struct result *ret, enum measurand id, const char *method);

/* Combines the budget lines into u, dof, k, expanded_u (GUM eq. 10, 16 and G.2b). Where a pair names two lines of one
 * group, its r stands in the place of the group's 1. G.2b holds for independent lines alone (GUM G.4.1): lines that a
 * group or a chain of pairs ties together enter it as one line, with the least dof among them. Coefficients that no
 * joint distribution has, so that the variance would be below 0: u is NaN. */
void result_combine(struct result *result);

/* Of a result whose lines stand in the unit's square, for `square`, an estimate of the value's square that noise may have
 * put below 0: value, lines and the rest of it become those of the root. Near 0 a root has no symmetric interval: expanded_u
 * reaches from the value to the farther end of the 95 % interval of the square [Zou, Donner: each line's own limits, added
 * in quadrature], and the lines are scaled to it. A line of finite dof is the sampling of a variance (chi-square), the
 * others are normal. */
void result_root(struct result *result, double square);

/* The correlation coefficient of two lines' contributions: 1 for a line and itself. */
double result_correlation(const struct result *result, unsigned i, unsigned j);

#endif
