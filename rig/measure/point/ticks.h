/* The nominal period behind jittered instants: generalised least squares for walking instants (interval noise),
 * instants that scatter about a steady beat, and any mixture of both. One Kalman filter per ratio of the two; at the
 * end a test whether anything walks, and if so the likelihood's weights. Constant memory. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_TICKS_H
#define PENRIG_MEASURE_POINT_TICKS_H

#include <stdint.h>

#define TICKS_RATIOS 33 /* no walk; three per decade from 1e-9 to 10; nothing but walk */

/* Arrays over the ratios, so that a step of all filters is one loop over vectors. */
struct ticks { /* zero-initialise */
	uint64_t n;
	double last;
	double walk[TICKS_RATIOS];   /* variance of a period's noise, as a share of it and an instant's together */
	double ahead[TICKS_RATIOS];  /* estimated instant less the last one seen */
	double period[TICKS_RATIOS]; /* estimated */
	double tt[TICKS_RATIOS], tp[TICKS_RATIOS], pp[TICKS_RATIOS]; /* covariance of both, in the unknown variance */
	double squares[TICKS_RATIOS];                      /* sum of squared innovations over their variance */
	double log_s[TICKS_RATIOS], product[TICKS_RATIOS]; /* log of the product of their variances: sum, and rest */
};

/* An instant, `steps` >= 1 nominal periods after the one before (more than 1 where strokes are missing). */
void ticks_add(struct ticks *ticks, double instant, unsigned steps);

/* Period, and the standard uncertainty that makes, with n - 2 degrees of freedom, the 95 % interval. NaN: fewer than 4
 * instants. */
double ticks_period(const struct ticks *ticks, double *ret_u);

#endif
