/* What a limit makes of a result. */
#ifndef PENRIG_MEASURE_DECISION_H
#define PENRIG_MEASURE_DECISION_H

#include <stdbool.h>

#include "rig/measure/result.h"

/* A limit as the plan states it. */
struct limit {
	enum measurand id;
	char measurand[32]; /* its name, as the plan has it */
	char unit[8];
	bool has_lower, has_upper;
	double lower, upper;       /* in `unit`, the measurand's own */
	double guard_r;            /* guard band w = guard_r * expanded_u (ILAC-G8); default 1 */
	bool required;             /* else informative: judged and shown, without weight in the verdict */
	bool accept_conditional;   /* the plan accepts conditional_pass */
	double equivalence_margin; /* of two builds: so much of a difference does not matter, in `unit`; 0: not said */
};

/* Order is severity: verdicts combine by maximum. */
enum outcome { OUTCOME_PASS, OUTCOME_CONDITIONAL_PASS, OUTCOME_INCONCLUSIVE, OUTCOME_CONDITIONAL_FAIL, OUTCOME_FAIL };

/* "pass", "conditional_pass" and so on. */
const char *outcome_name(enum outcome outcome);

struct judgement {
	enum outcome outcome;
	double margin;            /* distance to the nearest limit in the result's unit; negative = beyond it */
	double guard_band;        /* w */
	double false_accept_risk; /* specific risk: 1 - P(lower <= Y <= upper), by the t distribution that gave U
				   * (JCGM 106, 9.3) */
	char reason[160];         /* for people: "1.213 mm is 0.063 mm above the upper limit of 1.150 mm" */
};

/* Pass: inside by more than w. Conditional: within w of the limit, inside or outside.
 *
 * A result that is not valid and trusted, or whose value or U is not finite, is inconclusive: never a pass.
 *
 * A limit without bounds, or of another measurand or unit, is the caller's mistake (assert). */
void decide(const struct result *result, const struct limit *limit, struct judgement *ret);
/* The outcome alone, without risk and words. */
enum outcome decide_outcome(const struct result *result, const struct limit *limit);

#endif
