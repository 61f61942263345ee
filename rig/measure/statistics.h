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

/* As if each value x had been mean + scale (x - m's mean). */
void moments_map(struct moments *m, double mean, double scale);

/* Once, before anything else of this room: where the numeric library cannot give a value it gives NaN, and does not end
 * the program. */
void statistics_begin(void);

/* With n - 1; NaN for n < 2. */
double moments_sd(const struct moments *m);

/* With n - 1, at lag 0 to AUTOCOVARIANCE_LAGS; 0 where there are not so many values. */
double moments_autocovariance(const struct moments *m, unsigned lag);

/* Autocorrelation at lag 1: sum of lagged products over sum of squares; NaN for n < 3. */
double moments_lag1(const struct moments *m);

/* How many independent values tell as much about the mean: n / (1 + 2 sum rho_k), over the first lags until rho_k <= 0;
 * n where rho_1 is no more than chance. In [1, n]. */
double moments_effective_n(const struct moments *m);

/* The k-th smallest (from 0) of n values, which are put into another order. */
double select_kth(double *x, unsigned n, unsigned k);

/* Student's factor for two-sided 95 % (GUM G.3); dof is truncated, at least 1; INFINITY: 1.960. */
double student_k(double dof);

/* What the p quantile of chi-square is of its mean, dof > 0: a variance seen is at most so small a share of the true one. */
double chi2_share(double p, double dof);

/* Two-sided normal tolerance factor k: content and confidence as fractions (Howe with the Guenther correction). */
double tolerance_k(double n_effective, double content, double confidence);
/* The same without approximation [Odeh, Owen; ISO 16269-6, annex F]: relative error below 1e-8. INFINITY for n < 2. */
double tolerance_k_exact(double n_effective, double content, double confidence);

#endif
