/* The nominal period behind jittered instants: generalised least squares for walking instants (interval noise),
 * instants that scatter about a steady beat, and any mixture of both. One Kalman filter per ratio of the two, weighted
 * by its likelihood at the end. Constant memory. Internal to measure/. */
#ifndef PENRIG_MEASURE_TICKS_H
#define PENRIG_MEASURE_TICKS_H

#include <stdint.h>

#define TICKS_RATIOS 14

struct ticks { /* zero-initialise */
	uint64_t n;
	double last;
	struct {
		double ahead; /* estimated instant less the last one seen */
		double period;
		double tt, tp, pp;     /* covariance of both, in units of the unknown variance */
		double squares, log_s; /* sums of squared innovations over their variance, and of its logarithm */
	} at[TICKS_RATIOS];
};

/* An instant, `steps` >= 1 nominal periods after the one before (more than 1 where strokes are missing). */
void ticks_add(struct ticks *ticks, double instant, unsigned steps);
/* Period and its standard uncertainty, n - 2 degrees of freedom. At least 4 instants, else NaN. */
double ticks_period(const struct ticks *ticks, double *ret_u);

#endif
