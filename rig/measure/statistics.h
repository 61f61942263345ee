/* Streaming statistics that keep their digits (Welford), and the small-sample factors, through GSL. */
#ifndef PENRIG_MEASURE_STATISTICS_H
#define PENRIG_MEASURE_STATISTICS_H

#include <stdint.h>

#define AUTOCOVARIANCE_LAGS 16

struct moments { /* zero-initialise */
	uint64_t n;
	double mean, m2, min, max;
	double offset; /* of the mean from the first value, where the digits are */
	/* lagged products about the first value, for autocorrelation */
	double first, history[AUTOCOVARIANCE_LAGS], head_sum[AUTOCOVARIANCE_LAGS];
	double cross[AUTOCOVARIANCE_LAGS + 1];
};

void moments_add(struct moments *m, double x);
double moments_sd(const struct moments *m);          /* n - 1; NaN for n < 2 */
double moments_lag1(const struct moments *m);        /* sum of lagged products / sum of squares; NaN for n < 3 */
double moments_effective_n(const struct moments *m); /* n / (1 + 2 sum rho_k), first lags until rho_k <= 0; n where
						      * rho_1 is no more than chance; in [1, n] */

/* The k-th smallest (from 0) of n values, which are put into another order. */
double select_kth(double *x, unsigned n, unsigned k);

double student_k(double dof); /* two-sided 95 % (GUM G.3), dof truncated, >= 1; INFINITY: 1.960 */
/* Two-sided normal tolerance factor k: content and confidence as fractions (Howe with the Guenther correction). */
double tolerance_k(double n_effective, double content, double confidence);

#endif
