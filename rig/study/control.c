/* Constants and limits of control charts. Run rules: rules.c. */
#include "rig/study/control.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "rig/measure/distribution.h"
#include "rig/measure/quadrature.h"

#define REACH_SIGMA  9.0
#define REACH_PANELS 18
#define SIGMAS       3.0

const char *const chart_words[] = {"individuals", "means-range", "means-sd", "ewma", NULL};

/* ---- constants ----------------------------------------------------------------------------------------------------- */

struct range {
	unsigned n;
	double w;
};

static double outside(double x, const void *ctx)
{
	const struct range *r = ctx;
	double below = normal_below(x), above = normal_below(-x);

	return 1.0 - pow(below, r->n) - pow(above, r->n);
}

double chart_d2(unsigned n)
{
	const struct range r = {.n = n};

	assert(n >= 2 && n <= SUBGROUP_MAX);
	return integrate(outside, &r, -REACH_SIGMA, REACH_SIGMA, REACH_PANELS);
}

/* n phi(x) (Phi(x + w) - Phi(x))^(n - 1): the smallest is x and no other is above x + w. */
static double within_of(double x, const void *ctx)
{
	const struct range *r = ctx;

	return r->n * normal_density(x) * pow(normal_below(x + r->w) - normal_below(x), r->n - 1.0);
}

/* w P(range > w): half the second moment of the range. */
static double tail_moment(double w, const void *ctx)
{
	struct range r = *(const struct range *)ctx;

	r.w = w;
	return w * (1.0 - integrate(within_of, &r, -REACH_SIGMA, REACH_SIGMA, REACH_PANELS));
}

double chart_d3(unsigned n)
{
	const struct range r = {.n = n};
	if (n == 2) /* of the distance of two values, sqrt(2) |z| */
		return sqrt(2.0 - 4.0 / M_PI);
	double mean = chart_d2(n), square = 2.0 * integrate(tail_moment, &r, 0.0, 2.0 * REACH_SIGMA, REACH_PANELS);

	return sqrt(square - mean * mean);
}

double chart_c4(unsigned n)
{
	return sqrt(2.0 / (n - 1.0)) * exp(lgamma(0.5 * n) - lgamma(0.5 * (n - 1.0)));
}

/* ---- limits -------------------------------------------------------------------------------------------------------- */

static double mean_of(const double *x, unsigned n)
{
	double sum = 0.0;

	for (unsigned i = 0; i < n; i++)
		sum += x[i] - x[0];
	return x[0] + sum / n;
}

static void set_limits(struct control_limits *c, double centre, double sigma)
{
	c->centre = centre;
	c->sigma = sigma;
	c->lower = centre - SIGMAS * sigma;
	c->upper = centre + SIGMAS * sigma;
}

static void set_scatter(struct control_limits *c, double centre, double relative)
{
	c->scatter_centre = centre;
	c->scatter_lower = fmax(0.0, centre * (1.0 - SIGMAS * relative));
	c->scatter_upper = centre * (1.0 + SIGMAS * relative);
}

/* Of the mean of m moving ranges, of which neighbours share a value: two absolute values of normals with r = -1/2. */
static double moving_range_dof(double m)
{
	double mean2 = 4.0 / M_PI, var = 2.0 - mean2;
	double shared = mean2 * (0.5 * sqrt(3.0) + M_PI / 12.0 - 1.0);

	return mean2 * m * m / (2.0 * (m * var + 2.0 * (m - 1.0) * shared));
}

void chart_individuals(const double *x, unsigned n, struct control_limits *ret)
{
	double sum = 0.0, d2 = chart_d2(2);

	assert(n >= 2);
	for (unsigned i = 1; i < n; i++)
		sum += fabs(x[i] - x[i - 1]);
	ret->within = sum / (n - 1.0) / d2;
	ret->within_dof = moving_range_dof(n - 1.0);
	set_limits(ret, mean_of(x, n), ret->within);
	set_scatter(ret, sum / (n - 1.0), chart_d3(2) / d2);
}

static double range_of(const double *x, unsigned n)
{
	double lo = x[0], hi = x[0];

	for (unsigned i = 1; i < n; i++) {
		lo = fmin(lo, x[i]);
		hi = fmax(hi, x[i]);
	}
	return hi - lo;
}

static double sd_of(const double *x, unsigned n)
{
	double mean = mean_of(x, n), sum = 0.0;

	for (unsigned i = 0; i < n; i++)
		sum += (x[i] - mean) * (x[i] - mean);
	return sqrt(sum / (n - 1.0));
}

void chart_means(const double *x, unsigned groups, unsigned m, bool by_sd, struct control_limits *ret)
{
	double unit = by_sd ? chart_c4(m) : chart_d2(m);
	double relative = (by_sd ? sqrt(1.0 - unit * unit) : chart_d3(m)) / unit, sum = 0.0;

	assert(groups >= 2 && m >= 2 && m <= SUBGROUP_MAX);
	for (unsigned g = 0; g < groups; g++)
		sum += by_sd ? sd_of(x + g * m, m) : range_of(x + g * m, m);
	ret->within = sum / groups / unit;
	ret->within_dof = groups / (2.0 * relative * relative);
	set_limits(ret, mean_of(x, groups * m), ret->within / sqrt(m));
	set_scatter(ret, sum / groups, relative);
}

void chart_ewma(const double *x, unsigned n, double lambda, double centre, double sigma, double *z, double *limit)
{
	double last = centre, left = 1.0;

	for (unsigned i = 0; i < n; i++) {
		last += lambda * (x[i] - last);
		left *= (1.0 - lambda) * (1.0 - lambda);
		z[i] = last;
		limit[i] = SIGMAS * sigma * sqrt(lambda / (2.0 - lambda) * (1.0 - left));
	}
}
