/* What measure/ yields: a named value with its uncertainty, and what a limit makes of it. */
#ifndef PENRIG_MEASURE_RESULT_H
#define PENRIG_MEASURE_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUDGET_MAX            14
#define RESULTS_PER_POINT_MAX 40

/* One line of an uncertainty budget (GUM 4, 5.1): standard uncertainty of an input times its sensitivity = contribution
 * in the result's unit. Components with the same non-zero `correlation` number are fully correlated and add linearly.
 */
struct budget_line {
	char name[32]; /* "repeatability", "calibration", "curve", "template", "wear", "resolution", "zero", "cell",
			* "clock", "hum"
			*/
	double u;      /* contribution: standard uncertainty in the result's unit, >= 0 */
	double dof;    /* degrees of freedom; INFINITY for a certificate with k = 2 and no dof stated */
	int correlation;
};

struct result {
	char name[32];   /* measurand, as in reports: "depth_mm" */
	char method[32]; /* "force_equivalent", "displacement", "matched_filter", ...; "" where there is only one */
	char unit[8];
	bool valid;   /* a value stands; else `reason` says why none does */
	bool trusted; /* may be judged; false: value is shown, but a judgement on it is inconclusive, for `reason` */
	double value;
	uint64_t n;        /* observations behind the value */
	double u;          /* combined standard uncertainty; 0 with budget_lines 0: exact (a count) */
	double dof;        /* effective degrees of freedom (Welch-Satterthwaite, GUM G.4, truncated) */
	double k;          /* coverage factor: Student's t at 95 % for dof */
	double expanded_u; /* k u */
	char reason[160];
	unsigned budget_lines;
	struct budget_line budget[BUDGET_MAX];
};

/* Combines the budget lines into u, dof, k, expanded_u (GUM eq. 10 and 16 for r = 1 groups, G.2b). */
void result_combine(struct result *result);

/* A limit as the plan states it. */
struct limit {
	char measurand[32];
	char unit[8];
	bool has_lower, has_upper;
	double lower, upper;     /* in `unit`, the measurand's own */
	double guard_r;          /* guard band w = guard_r * expanded_u (ILAC-G8); default 1 */
	bool required;           /* else informative: judged and shown, without weight in the verdict */
	bool accept_conditional; /* the plan accepts conditional_pass */
};

/* Order is severity: verdicts combine by maximum. */
enum outcome { OUTCOME_PASS, OUTCOME_CONDITIONAL_PASS, OUTCOME_INCONCLUSIVE, OUTCOME_CONDITIONAL_FAIL, OUTCOME_FAIL };

const char *outcome_name(enum outcome outcome); /* "pass", "conditional_pass", ... */

struct judgement {
	enum outcome outcome;
	double margin;            /* distance to the nearest limit in the result's unit; negative = beyond it */
	double guard_band;        /* w */
	double false_accept_risk; /* 1 - P(lower <= Y <= upper) under the t distribution that gave U (JCGM 106 9.3);
				     specific risk */
	char reason[160];         /* for people: "1.213 mm is 0.063 mm above the upper limit of 1.150 mm" */
};

/* Pass: inside by more than w. Conditional: within w of the limit, inside or outside. Never a pass for a result that is
 * not valid and trusted, or whose value or U is not finite: inconclusive. A limit without bounds, or of another
 * measurand or unit, is the caller's mistake (assert). */
void judge(const struct result *result, const struct limit *limit, struct judgement *ret);

#endif
