/* Risks of a decision by limits (JCGM 106, clause 9): of a production that is measured, and of a run of many limits. The
 * specific risk of one result, which knows nothing of a production, is decision.c's. */
#ifndef PENRIG_MEASURE_RISK_H
#define PENRIG_MEASURE_RISK_H

#include <stdbool.h>

/* ---- global risk: before a certain item is measured ---- */

enum prior_shape { PRIOR_NORMAL, PRIOR_GAMMA };

/* How the measurand is distributed over the items of a production. Gamma: of what cannot be below 0, mean > 0 and sd <=
 * mean (shape mean^2 / sd^2, rate mean / sd^2). */
struct prior {
	enum prior_shape shape;
	double mean, sd; /* in the measurand's unit, sd > 0 */
};
struct prior prior_gamma(double shape, double rate); /* shape >= 1 */
bool prior_is_sound(const struct prior *prior);

/* -INFINITY and INFINITY where there is no limit. */
struct band {
	double lower, upper;
};

/* How an item is measured: its error over u is Student's with dof, INFINITY: normal. u 0: exactly. */
struct measuring {
	double u, dof;
};

struct global_risk {
	double consumer;   /* P(an item does not conform and is accepted), JCGM 106 9.5.2, eq. (17) */
	double producer;   /* P(an item conforms and is rejected), eq. (18) */
	double conforming; /* P(an item conforms) */
};

/* Conforming is what lies within `tolerance`, accepted what is measured within `acceptance`. Relative error below 1e-9
 * of the larger of the risk and 1e-9. */
void global_risk(const struct prior *prior, const struct band *tolerance, const struct band *acceptance,
		 const struct measuring *measuring, struct global_risk *ret);

/* The widest acceptance within `tolerance`, as far inside at each of its limits, that keeps the consumer's risk at or below
 * `consumer` (in (0, 1)); the tolerance itself where that does. Empty (lower = upper) at worst. */
struct band acceptance_for(const struct prior *prior, const struct band *tolerance, const struct measuring *measuring,
			   double consumer);

/* ---- several limits at once ---- */

/* The probability that at least one of several results lies beyond its limit; zero-initialise. Their errors have causes in
 * common, and how much the budgets do not tell: it lies between the largest risk and the sum of all. */
struct joint_risk {
	unsigned limits;
	double sum, largest;
	double log_conforming; /* of the product of 1 - risk; -INFINITY where one risk is 1 */
};
void joint_risk_add(struct joint_risk *joint, double risk);    /* risk in [0, 1] */
double joint_risk_bound(const struct joint_risk *joint);       /* the sum, 1 at most [Boole]: whatever is in common */
double joint_risk_independent(const struct joint_risk *joint); /* were there nothing in common */

#endif
