/* Do residuals show structure? Tests of series against white noise and the normal distribution, and of residuals folded
 * by phase against nothing. Each gives a p value: the chance of at least this much structure where there is none. */
#ifndef PENRIG_MEASURE_WHITENESS_H
#define PENRIG_MEASURE_WHITENESS_H

#include <stdint.h>

#define WHITENESS_LAGS 20
#define PHASE_BINS     96 /* of a period: as many as the template has knots */
#define TEMPLATES_MAX  64 /* each is made of 1.5 times the strokes of the one before */

/* Autocorrelation of x about its mean, at lags 1 to WHITENESS_LAGS. -EDOM: the values are fewer than three times the
 * lags, or all the same. */
int autocorrelation(const double *x, unsigned n, double ret_rho[WHITENESS_LAGS]);

/* Ljung and Box 1978 over these lags; fitted: parameters of the model whose innovations x are. */
double ljung_box_p(const double rho[WHITENESS_LAGS], unsigned n, unsigned fitted);

/* Anderson-Darling against a normal distribution of estimated mean and variance (Stephens 1974; p after D'Agostino and
 * Stephens 1986). `x` is sorted in place. NaN for n < 8 or values all the same. */
double normality_p(double *x, unsigned n);

/* x[i] = e[i] - theta e[i-1] about its mean: what independent errors of instants (theta = 1) make of intervals. theta
 * in [0, 1] by least squares; the innovations e into ret. */
double moving_average_fit(const double *x, unsigned n, double *ret);

/* x less its straight line over index, into ret; returns the slope per index. */
double detrend(const double *x, unsigned n, double *ret);

/* Values by phase. The strokes are the independent unit: a bin's value of one stroke is its mean there. */
struct phase_fold {
	uint64_t before; /* strokes of the window that stand in none of these values, but may in the template */
	uint64_t stroke, strokes;
	double sum[PHASE_BINS]; /* of the stroke at hand */
	unsigned count[PHASE_BINS];
	uint64_t n[PHASE_BINS];
	double mean[PHASE_BINS], m2[PHASE_BINS];
	/* which template stood while how many strokes were fitted */
	unsigned templates;
	struct {
		uint64_t made_of, learned, used;
	} template[TEMPLATES_MAX];
};

/* The bin of any phase, of a period; 0 stands at the edge of bins 47 and 48. */
unsigned phase_bin(double phase);

/* The stroke that values are of, and what its template was made of: as in struct residual_chunk. */
struct phase_origin {
	uint64_t stroke, templated, learned;
};

/* n values and their phases, of a period. Zero-initialise the fold; values of one stroke follow each other. */
void phase_fold_add(struct phase_fold *fold, const struct phase_origin *origin, const float *phase, const float *value,
		    unsigned n);

/* After the last value. */
void phase_fold_end(struct phase_fold *fold);

struct phase_test {
	double se[PHASE_BINS];    /* standard error of each mean, the template's own error included; NaN: too few */
	double worst, worst_z, p; /* largest |mean|; largest |mean / se|, and its p value over all bins (Sidak) */
	unsigned worst_bin;       /* of worst_z */
};
void phase_fold_test(const struct phase_fold *fold, struct phase_test *ret);

#endif
