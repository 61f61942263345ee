/* Lives by the Weibull distribution, also of units that have not failed yet [Lawless, Statistical Models and Methods for Lifetime
 * Data, 2nd edition, ch. 5; Meeker, Escobar, Statistical Methods for Reliability Data, ch. 8]. S(t) = exp(-(t/scale)^shape). Pure. */
#ifndef PENRIG_STUDY_WEIBULL_H
#define PENRIG_STUDY_WEIBULL_H

#include <stdbool.h>

#include "rig/study/interval.h"

#define WEIBULL_MAX      1000 /* units */
#define WEIBULL_FAILURES 2    /* that a fit needs, at lives that differ */

struct weibull_life {
	double life; /* > 0: when it failed, or how long it has lived without */
	bool failed;
	/* Of a failure: it was in order at life - within, and came somewhere up to life (interval-censored). 0: at life
	 * exactly; life: it was never seen in order. */
	double within;
};

struct weibull_fit {
	unsigned n, failures;
	double shape, scale,
		log_likelihood; /* by maximum likelihood; of exact lives a density, of intervals a probability */
};

/* Sorts the lives, at one life failures first. -ENODATA: fewer failures than WEIBULL_FAILURES, or all may have come at one
 * life with no unit that lived longer, or at once. n <= WEIBULL_MAX. */
int weibull_fit(struct weibull_life *life, unsigned n, struct weibull_fit *ret);
/* The life that a share of units does not reach, share in (0, 1): 0.1 for B10. */
double weibull_quantile(const struct weibull_fit *fit, double share);

/* What the estimates of such a sample scatter by, whatever the true parameters: drawn with a fixed seed from samples of as many units
 * of which as many are withdrawn behind each failure. Exact where units leave at a failure's life (as in a test that ends with
 * its r-th failure), near it else. Of exact lives. */
#define WEIBULL_DRAWS 2000
struct weibull_pivots {
	unsigned draws;
	double shape[WEIBULL_DRAWS]; /* of each draw the fitted shape over the true one */
	double scale[WEIBULL_DRAWS]; /* and the fitted shape times the log of fitted over true scale */
};
/* life as weibull_fit() left it. Takes tenths of a second for a hundred units. */
void weibull_pivots(const struct weibull_life *life, unsigned n, struct weibull_pivots *ret);
struct interval weibull_shape_interval(const struct weibull_fit *fit, const struct weibull_pivots *pivots,
				       double confidence);
/* Of weibull_quantile(); share 1 - 1/e: of the scale. */
struct interval weibull_life_interval(const struct weibull_fit *fit, const struct weibull_pivots *pivots, double share,
				      double confidence);

struct weibull_intervals {
	struct interval shape, scale, life; /* life: that a share of units does not reach */
};
/* life as weibull_fit() left it, with its fit. Exact lives: by the pivots; where units failed within intervals, whose looks come with
 * time and not with failures, by the ratio of likelihoods, and an end may be 0 or INFINITY. -ENOMEM. */
int weibull_intervals(const struct weibull_life *life, unsigned n, const struct weibull_fit *fit, double share,
		      double confidence, struct weibull_intervals *ret);

#endif
