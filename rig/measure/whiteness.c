/* Residuals against chance. Leaves out where they come from (analyse.c) and how they are drawn (rig/cli). Derivation
 * and how to read them: docs/plots.md. */
#include "rig/measure/whiteness.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>

#define THETA_STEPS     100
#define BIN_STROKES_MIN 8

static double mean_of(const double *x, unsigned n)
{
	double sum = 0.0;

	for (unsigned i = 0; i < n; i++)
		sum += x[i];
	return sum / n;
}

int autocorrelation(const double *x, unsigned n, double ret_rho[WHITENESS_LAGS])
{
	double mean, squares = 0.0;

	if (n < 3 * WHITENESS_LAGS)
		return -EDOM;
	mean = mean_of(x, n);
	for (unsigned i = 0; i < n; i++)
		squares += (x[i] - mean) * (x[i] - mean);
	if (!(squares > 0.0))
		return -EDOM;
	for (unsigned lag = 1; lag <= WHITENESS_LAGS; lag++) {
		double sum = 0.0;

		for (unsigned i = lag; i < n; i++)
			sum += (x[i] - mean) * (x[i - lag] - mean);
		ret_rho[lag - 1] = sum / squares;
	}
	return 0;
}

double ljung_box_p(const double rho[WHITENESS_LAGS], unsigned n, unsigned fitted)
{
	double q = 0.0;

	for (unsigned lag = 1; lag <= WHITENESS_LAGS; lag++)
		q += rho[lag - 1] * rho[lag - 1] / (n - lag);
	return gsl_cdf_chisq_Q(q * n * (n + 2.0), WHITENESS_LAGS - fitted);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double anderson_darling_tail(double a)
{
	if (a >= 0.6)
		return exp(1.2937 - 5.709 * a + 0.0186 * a * a);
	if (a > 0.34)
		return exp(0.9177 - 4.279 * a - 1.38 * a * a);
	if (a > 0.2)
		return 1.0 - exp(-8.318 + 42.796 * a - 59.938 * a * a);
	return 1.0 - exp(-13.436 + 101.14 * a - 223.73 * a * a);
}

double normality_p(double *x, unsigned n)
{
	double mean, squares = 0.0, sum = 0.0, sd;

	if (n < 8)
		return NAN;
	mean = mean_of(x, n);
	for (unsigned i = 0; i < n; i++)
		squares += (x[i] - mean) * (x[i] - mean);
	if (!(squares > 0.0))
		return NAN;
	sd = sqrt(squares / (n - 1));
	qsort(x, n, sizeof(x[0]), by_value);
	for (unsigned i = 0; i < n; i++) {
		double below = gsl_cdf_ugaussian_P((x[i] - mean) / sd);
		double above = gsl_cdf_ugaussian_Q((x[n - 1 - i] - mean) / sd);

		sum += (2.0 * i + 1.0) * (log(fmax(below, 1e-300)) + log(fmax(above, 1e-300)));
	}
	/* Beyond 13 the tail's parabola would turn upwards; there p is far below anything that matters. */
	return anderson_darling_tail(fmin(13.0, (-(double)n - sum / n) * (1.0 + 0.75 / n + 2.25 / ((double)n * n))));
}

static double innovations(const double *x, unsigned n, double mean, double theta, double *ret)
{
	double before = 0.0, squares = 0.0;

	for (unsigned i = 0; i < n; i++) {
		before = x[i] - mean + theta * before;
		squares += before * before;
		if (ret)
			ret[i] = before;
	}
	return squares;
}

double moving_average_fit(const double *x, unsigned n, double *ret)
{
	double mean = mean_of(x, n), best = 0.0, least = INFINITY;

	for (unsigned step = 0; step <= THETA_STEPS; step++) {
		double theta = (double)step / THETA_STEPS, squares = innovations(x, n, mean, theta, NULL);

		if (squares < least) {
			least = squares;
			best = theta;
		}
	}
	innovations(x, n, mean, best, ret);
	return best;
}

double detrend(const double *x, unsigned n, double *ret)
{
	double middle = 0.5 * (n - 1.0), mean = mean_of(x, n), sxx = 0.0, sxy = 0.0, slope;

	for (unsigned i = 0; i < n; i++) {
		sxx += (i - middle) * (i - middle);
		sxy += (i - middle) * (x[i] - mean);
	}
	slope = sxx > 0.0 ? sxy / sxx : 0.0;
	for (unsigned i = 0; i < n; i++)
		ret[i] = x[i] - mean - slope * (i - middle);
	return slope;
}

/* ---- by phase ---- */

unsigned phase_bin(double phase)
{
	double turn = phase + 0.5;
	int bin = (int)((turn - floor(turn)) * PHASE_BINS);

	return bin < PHASE_BINS ? (unsigned)bin : PHASE_BINS - 1;
}

void phase_fold_end(struct phase_fold *fold)
{
	for (unsigned b = 0; b < PHASE_BINS; b++) {
		double value = fold->sum[b] / fold->count[b], off = value - fold->mean[b];

		if (!fold->count[b])
			continue;
		fold->n[b]++;
		fold->mean[b] += off / (double)fold->n[b];
		fold->m2[b] += off * (value - fold->mean[b]);
	}
	memset(fold->sum, 0, sizeof(fold->sum));
	memset(fold->count, 0, sizeof(fold->count));
}

static void count_template(struct phase_fold *fold, const struct phase_origin *origin)
{
	unsigned last = fold->templates - 1;

	if ((fold->templates == 0 || fold->template[last].made_of != origin->templated) &&
	    fold->templates < TEMPLATES_MAX) {
		last = fold->templates++;
		fold->template[last].made_of = origin->templated;
		fold->template[last].learned = origin->learned;
	}
	fold->template[last].used++;
}

void phase_fold_add(struct phase_fold *fold, const struct phase_origin *origin, const float *phase, const float *value,
		    unsigned n)
{
	if (fold->strokes == 0 || origin->stroke != fold->stroke) {
		phase_fold_end(fold);
		count_template(fold, origin);
		fold->stroke = origin->stroke;
		fold->strokes++;
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned bin = phase_bin((double)phase[i]);

		fold->sum[bin] += (double)value[i];
		fold->count[bin]++;
	}
}

/* Variance of the mean residual for unit variance of one stroke's. Residual s is e_s less the mean of the strokes in
 * the template that stood then, and those are the strokes of the window from its first one on (or, at the beginning,
 * earlier ones), so the mean is a weighted sum of e. */
static double variance_of_mean(const struct phase_fold *fold)
{
	double n = (double)fold->strokes, variance = 0.0;

	for (unsigned i = 0; i < fold->templates; i++)
		if (fold->template[i].made_of == 0)
			variance += pow((double)fold->template[i].used / n, 2.0) /
				    fmax(1.0, (double)fold->template[i].learned);
	for (uint64_t s = 1; s <= fold->before + fold->strokes; s++) {
		double weight = s > fold->before ? 1.0 : 0.0;

		for (unsigned i = 0; i < fold->templates; i++)
			if (fold->template[i].made_of >= s)
				weight -= (double)fold->template[i].used / (double)fold->template[i].made_of;
		variance += pow(weight / n, 2.0);
	}
	return variance;
}

void phase_fold_test(const struct phase_fold *fold, struct phase_test *ret)
{
	double factor = fold->strokes ? variance_of_mean(fold) * (double)fold->strokes : 1.0, least = 1.0;
	unsigned tested = 0;

	*ret = (struct phase_test){.p = NAN};
	for (unsigned b = 0; b < PHASE_BINS; b++) {
		double n = (double)fold->n[b], z;

		ret->se[b] = NAN;
		if (fold->n[b] < BIN_STROKES_MIN || !(fold->m2[b] > 0.0))
			continue;
		ret->se[b] = sqrt(fold->m2[b] / (n - 1.0) / n * factor);
		z = fabs(fold->mean[b]) / ret->se[b];
		ret->worst = fmax(ret->worst, fabs(fold->mean[b]));
		least = fmin(least, 2.0 * gsl_cdf_tdist_Q(z, n - 1.0));
		tested++;
		if (z > ret->worst_z) {
			ret->worst_z = z;
			ret->worst_bin = b;
		}
	}
	if (tested)
		ret->p = -expm1(tested * log1p(-least));
}
