/* Acceptance of lots by sampling: the operating characteristic of a plan by attributes [ISO 2859-1] or by variables with one limit
 * [ISO 3951-1], and what the uncertainty of the measurement makes of it. Pure.
 *
 * By attributes a lot is accepted where at most c of n units are nonconforming; by variables where the mean of n lies at least k
 * standard deviations inside of the limit. The characteristic is normally distributed over the lot. A measured value is the true one
 * and two errors: one of each unit, and one that all units of a sample share, as that of a calibration. All are in units of the
 * lot's own standard deviation. */
#ifndef PENRIG_STUDY_ACCEPTANCE_H
#define PENRIG_STUDY_ACCEPTANCE_H

#include <stdbool.h>

struct acceptance_measuring {
	double u_random, u_common; /* standard uncertainties, >= 0; both 0: exact */
	double guard;              /* by which each unit's limit is moved inwards; by variables 0 */
};

struct acceptance_plan {
	bool variables, sigma_known; /* sigma_known: that of measured values, as a chart shows it */
	unsigned n, c;               /* n >= 1, by variables >= 2; c < n */
	double k;
	unsigned lot; /* units in the lot, >= n; 0: many. By attributes alone: units that are drawn do not come back */
	struct acceptance_measuring measuring;
};

/* The chance that a lot of that share nonconforming, in [0, 1], is accepted. Of a lot that is counted the share is rounded to whole
 * units. */
double acceptance_chance(const struct acceptance_plan *plan, double share);
/* The share at which a lot is accepted with that chance; NaN: at none between 1e-9 and 1 - 1e-9. */
double acceptance_share(const struct acceptance_plan *plan, double chance);
/* Of Student's t with that noncentrality: P(T <= t). */
double student_noncentral_below(double t, double dof, double delta);

enum acceptance_outcome { LOT_ACCEPTED, LOT_REJECTED, LOT_UNDECIDED };
/* A sample by attributes: units that passed, that failed, that are neither. */
enum acceptance_outcome acceptance_judge(const struct acceptance_plan *plan, unsigned passed, unsigned failed,
					 unsigned neither);

/* A sample by variables: one measured value of each unit. */
struct acceptance_sample {
	unsigned n;
	double mean, sd;     /* of the values */
	double sigma;        /* where the plan has it known, in the values' unit; else ignored */
	double lower, upper; /* limits of the product, NaN: none, but not both */
	double expanded_u;   /* that all values share: each limit is held against the mean as it may lie by that */
	double most; /* share nonconforming of both sides together that is accepted; NaN: each side is held against k */
};
struct acceptance_quality {
	double lower, upper; /* (mean - lower) / s, (upper - mean) / s: the quality statistics; NaN: no limit */
	double share; /* nonconforming as estimated, without bias [Lieberman, Resnikoff 1955; MIL-STD-414, table B-5] */
	bool guarded; /* accepted as it was measured, but not where the mean lies as far out as it may */
	enum acceptance_outcome outcome;
};
/* n of the plan are wanted, else undecided; guarded: undecided. sd > 0. */
void acceptance_measure(const struct acceptance_plan *plan, const struct acceptance_sample *sample,
			struct acceptance_quality *ret);

#endif
