/* Streaming moments and autocorrelation, Student and tolerance factors. Knows nothing of strokes. */
#include "rig/measure/statistics.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdbool.h>

#include "rig/measure/quadrature.h"

#define COVERAGE 0.95
#define CHANCE   1.645 /* a lag-1 correlation that one white series of 20 shows */

void statistics_begin(void)
{
	gsl_set_error_handler_off();
}

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

void moments_map(struct moments *m, double mean, double scale)
{
	m->min = mean + scale * (m->min - m->mean);
	m->max = mean + scale * (m->max - m->mean);
	m->mean = mean;
	m->m2 *= scale * scale;
	m->offset *= scale;
	m->first = mean - m->offset;
	for (unsigned k = 0; k < AUTOCOVARIANCE_LAGS; k++) {
		m->history[k] *= scale;
		m->head_sum[k] *= scale;
	}
	for (unsigned k = 0; k <= AUTOCOVARIANCE_LAGS; k++)
		m->cross[k] *= scale * scale;
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

double moments_autocovariance(const struct moments *m, unsigned lag)
{
	if (m->n < 2 || lag >= m->n)
		return 0.0;
	return (lag == 0 ? m->m2 : lagged_sum(m, lag)) / (double)(m->n - 1);
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

/* Those below the pivot (or not above it) to the front; how many. Without a branch: half of the comparisons of a branch would
 * be guessed wrongly. */
static inline unsigned partition(double *x, unsigned n, double pivot, bool equals)
{
	unsigned front = 0;

	for (unsigned i = 0; i < n; i++) {
		double v = x[i];

		x[i] = x[front];
		x[front] = v;
		front += equals ? !(v > pivot) : v < pivot;
	}
	return front;
}

static double median_of_three(double a, double b, double c)
{
	return a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
}

double select_kth(double *x, unsigned n, unsigned k)
{
	while (n > 1) {
		double pivot = median_of_three(x[n / 8], x[n / 2], x[n - 1 - n / 8]);
		unsigned below = partition(x, n, pivot, false);

		if (k < below) {
			n = below;
			continue;
		}
		x += below;
		n -= below;
		k -= below;

		unsigned same = partition(x, n, pivot, true);

		if (k < same)
			return pivot;
		x += same;
		n -= same;
		k -= same;
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

double chi2_share(double p, double dof)
{
	return chi2_quantile(p, dof) / dof;
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

#define MEAN_SPAN       9.0 /* of the sample's mean, in its standard deviations: 1e-19 lies beyond */
#define MEAN_PANELS     9
#define MANY_DEGREES    1e5  /* from here on by the cube; GSL ends the program on some of its way to 1e6 and beyond */
#define MANY_VALUES     1e12 /* where the sample is the population */
#define ROOT_STEPS      100
#define ROOT_RESOLUTION 1e-12

#define MEAN_NODES      (MEAN_PANELS * QUADRATURE_NODES)

/* Half widths at the means that the integral is taken at, in its order: no k changes them. */
struct half_widths {
	double x[MEAN_NODES], half[MEAN_NODES];
	unsigned next;
};

struct tolerance {
	double n, content, k;
	struct half_widths *known;
};

/* r with P(z - r < Z < z + r) = content. Newton from above 0: the probability is concave in r there. */
static double half_width(double z, double content)
{
	double r = z + gsl_cdf_ugaussian_Pinv(content);

	for (unsigned i = 0; i < ROOT_STEPS; i++) {
		double covered = gsl_cdf_ugaussian_P(z + r) - gsl_cdf_ugaussian_P(z - r);
		double slope = gsl_ran_ugaussian_pdf(z + r) + gsl_ran_ugaussian_pdf(z - r);
		double step = (covered - content) / slope;

		r -= step;
		if (fabs(step) < ROOT_RESOLUTION * r)
			break;
	}
	return r;
}

static double chi2_above(double x, double nu)
{
	if (nu < MANY_DEGREES)
		return gsl_cdf_chisq_Q(x, nu);
	return gsl_cdf_ugaussian_Q((cbrt(x / nu) - 1.0 + 2.0 / (9.0 * nu)) / sqrt(2.0 / (9.0 * nu)));
}

static double half_width_at(const struct tolerance *t, double x)
{
	struct half_widths *known = t->known;
	unsigned i = known->next;

	known->next = (i + 1) % MEAN_NODES;
	if (!(known->x[i] == x)) {
		known->x[i] = x;
		known->half[i] = half_width(x / sqrt(t->n), t->content);
	}
	return known->half[i];
}

/* x: the sample's mean, in its own standard deviations. */
static double covering(double x, const void *ctx)
{
	const struct tolerance *t = ctx;
	double r = half_width_at(t, x), nu = t->n - 1.0;

	return 2.0 * gsl_ran_ugaussian_pdf(x) * chi2_above(nu * r * r / (t->k * t->k), nu);
}

static double confidence_of(struct tolerance *t, double k)
{
	t->k = k;
	return integrate(covering, t, 0.0, MEAN_SPAN, MEAN_PANELS);
}

double tolerance_k_exact(double n_effective, double content, double confidence)
{
	struct half_widths known = {.next = 0};
	struct tolerance t = {.n = n_effective, .content = content, .known = &known};

	if (!(n_effective >= 2.0))
		return INFINITY;
	if (n_effective > MANY_VALUES)
		return gsl_cdf_ugaussian_Pinv(0.5 * (1.0 + content));

	double about = tolerance_k(n_effective, content, confidence), lo = 0.5 * about, hi = 2.0 * about;

	for (unsigned i = 0; i < ROOT_STEPS && hi - lo > ROOT_RESOLUTION * lo; i++) {
		double k = 0.5 * (lo + hi);

		if (confidence_of(&t, k) < confidence)
			lo = k;
		else
			hi = k;
	}
	return 0.5 * (lo + hi);
}
