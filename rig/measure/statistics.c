/* Streaming moments and autocorrelation, Student and tolerance factors. Knows nothing of strokes. */
#include "rig/measure/statistics.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

#define COVERAGE 0.95
#define CHANCE   1.645 /* a lag-1 correlation that one white series of 20 shows */

void moments_add(struct moments *m, double x)
{
	if (m->n == 0)
		m->first = m->min = m->max = x;

	double y = x - m->first;
	unsigned known = m->n < AUTOCOVARIANCE_LAGS ? (unsigned)m->n : AUTOCOVARIANCE_LAGS;

	m->cross[0] += y * y;
	for (unsigned k = 1; k <= known; k++)
		m->cross[k] += y * m->history[(m->n - k) % AUTOCOVARIANCE_LAGS];
	if (m->n < AUTOCOVARIANCE_LAGS)
		m->head_sum[m->n] = y + (m->n > 0 ? m->head_sum[m->n - 1] : 0.0);
	m->history[m->n % AUTOCOVARIANCE_LAGS] = y;

	m->n++;
	double delta = y - m->offset;

	m->offset += delta / (double)m->n;
	m->m2 += delta * (y - m->offset);
	m->mean = m->first + m->offset;
	m->min = fmin(m->min, x);
	m->max = fmax(m->max, x);
}

double moments_sd(const struct moments *m)
{
	return m->n < 2 ? NAN : sqrt(m->m2 / (double)(m->n - 1));
}

/* Sum of (x_i - mean)(x_{i+k} - mean), from the products about the first value. */
static double lagged_sum(const struct moments *m, unsigned k)
{
	double n = (double)m->n, mean = m->offset, tail = 0.0;

	for (unsigned i = 1; i <= k; i++)
		tail += m->history[(m->n - i) % AUTOCOVARIANCE_LAGS];
	return m->cross[k] - mean * (2.0 * n * mean - tail - m->head_sum[k - 1]) + (n - k) * mean * mean;
}

double moments_lag1(const struct moments *m)
{
	if (m->n < 3 || m->m2 <= 0.0)
		return NAN;
	return lagged_sum(m, 1) / m->m2;
}

double moments_effective_n(const struct moments *m)
{
	double n = (double)m->n, sum = 0.0;

	if (m->n < 4 || m->m2 <= 0.0)
		return n;
	for (unsigned k = 1; k <= AUTOCOVARIANCE_LAGS && k < m->n / 2; k++) {
		double rho = lagged_sum(m, k) / m->m2;

		if (rho <= (k == 1 ? CHANCE / sqrt(n) : 0.0))
			break;
		sum += (1.0 - k / n) * rho;
	}
	return fmin(n, fmax(1.0, n / (1.0 + 2.0 * sum)));
}

double select_kth(double *x, unsigned n, unsigned k)
{
	unsigned lo = 0, hi = n - 1;

	while (lo < hi) {
		double pivot = x[lo + (hi - lo) / 2];
		unsigned i = lo, j = hi;

		for (;;) {
			while (x[i] < pivot)
				i++;
			while (x[j] > pivot)
				j--;
			if (i >= j)
				break;
			double t = x[i];

			x[i++] = x[j];
			x[j--] = t;
		}
		if (k <= j)
			hi = j;
		else
			lo = j + 1;
	}
	return x[k];
}

double student_k(double dof)
{
	const double tail = 0.5 * (1.0 + COVERAGE);

	if (!isfinite(dof) || dof > 1e7)
		return gsl_cdf_ugaussian_Pinv(tail);
	return gsl_cdf_tdist_Pinv(tail, fmax(1.0, floor(dof)));
}

/* GSL's inversion does not converge for many degrees of freedom; there Wilson and Hilferty's cube is exact to 1e-6. */
static double chi2_quantile(double p, double nu)
{
	if (nu < 1000.0)
		return gsl_cdf_chisq_Pinv(p, nu);

	double cube = 1.0 - 2.0 / (9.0 * nu) + gsl_cdf_ugaussian_Pinv(p) * sqrt(2.0 / (9.0 * nu));

	return nu * cube * cube * cube;
}

double tolerance_k(double n_effective, double content, double confidence)
{
	double n = n_effective, nu = n - 1.0;

	if (!(n >= 2.0))
		return INFINITY;

	double z = gsl_cdf_ugaussian_Pinv(0.5 * (1.0 + content));
	double chi2 = chi2_quantile(1.0 - confidence, nu);
	double guenther = 1.0 + (n - 3.0 - chi2) / (2.0 * (n + 1.0) * (n + 1.0));

	return z * sqrt(nu * (1.0 + 1.0 / n) / chi2) * sqrt(guenther);
}
