/* Weighted least squares with few terms, from its normal equations. */
#ifndef PENRIG_MEASURE_CHECKS_LINEAR_FIT_H
#define PENRIG_MEASURE_CHECKS_LINEAR_FIT_H

#include <stdbool.h>

#define FIT_TERMS_MAX 8

struct linear_fit {
	unsigned terms; /* at most FIT_TERMS_MAX */
	unsigned n;     /* observations */
	double a[FIT_TERMS_MAX][FIT_TERMS_MAX], b[FIT_TERMS_MAX], yy;
	/* linear_fit_solve(): */
	double value[FIT_TERMS_MAX], covariance[FIT_TERMS_MAX][FIT_TERMS_MAX];
	double chi2; /* weighted sum of the residuals' squares */
};

void linear_fit_begin(struct linear_fit *fit, unsigned terms);
/* row: of `terms` regressors; weight: 1 / variance of y. */
void linear_fit_add(struct linear_fit *fit, const double *row, double y, double weight);
/* Another series at the same places, of weight 1: only what its values are. Before it is solved: linear_fit_share() with the fit that
 * has the rows. */
void linear_fit_add_value(struct linear_fit *fit, const double *row, double y);
void linear_fit_share(struct linear_fit *fit, const struct linear_fit *rows);
/* False: the observations do not tell the terms apart. */
bool linear_fit_solve(struct linear_fit *fit);

#endif
