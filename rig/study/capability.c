/* Capability figures and their intervals. */
#include "rig/study/capability.h"

#include <math.h>

#include "rig/measure/distribution.h"
#include "rig/measure/quadrature.h"
#include "rig/measure/statistics.h"

#define REACH      8.0 /* of the normal: 1e-15 lies beyond */
#define PANELS     4
#define ROOT_STEPS 200
#define RESOLUTION 1e-9
#define FARTHEST   1e6

struct interval capability_width(double sigma, double dof, double lower, double upper, double confidence)
{
	double value = (upper - lower) / (6.0 * sigma), tail = 0.5 * (1.0 - confidence);

	return (struct interval){value, value * sqrt(chi2_share(tail, dof)), value * sqrt(chi2_share(1.0 - tail, dof))};
}

/* What is known of mean and sigma after n values. */
struct posterior {
	double mean, root_n, sigma, dof, lower, upper;
	double index; /* whose chance is asked */
};

/* The sigmas with which a sigma <= d. */
static void restrict_sigma(double a, double d, double *lo, double *hi)
{
	if (a > 0.0)
		*hi = fmin(*hi, d / a);
	else if (d < 0.0)
		*lo = fmax(*lo, d / a);
}

/* chi-square of that sigma, as the one seen came of it. */
static double chance_below(const struct posterior *p, double sigma)
{
	double ratio = p->sigma / sigma;

	return sigma <= 0.0 ? 0.0 : isfinite(sigma) ? 1.0 - chi2_below(p->dof * ratio * ratio, p->dof) : 1.0;
}

/* z says how far the true mean lies from the one seen, in its own standard deviations. */
static double chance_at(double z, const void *ctx)
{
	const struct posterior *p = ctx;
	double lo = 0.0, hi = INFINITY, shift = z / p->root_n;

	if (isfinite(p->upper))
		restrict_sigma(3.0 * p->index + shift, p->upper - p->mean, &lo, &hi);
	if (isfinite(p->lower))
		restrict_sigma(3.0 * p->index - shift, p->mean - p->lower, &lo, &hi);
	return hi > lo ? normal_density(z) * (chance_below(p, hi) - chance_below(p, lo)) : 0.0;
}

/* The chance that the true index is at least this. In two pieces, for the integrand has a kink where the nearer limit changes. */
static double chance(struct posterior *p, double index)
{
	double kink = 3.0 * index * p->root_n * (p->upper + p->lower - 2.0 * p->mean) / (p->upper - p->lower);

	p->index = index;
	kink = isfinite(kink) ? fmax(-REACH, fmin(REACH, kink)) : 0.0;
	return integrate(chance_at, p, -REACH, kink, PANELS) + integrate(chance_at, p, kink, REACH, PANELS);
}

/* The chance falls with the index: false position, the end that stays put halved in weight (Illinois). */
static double index_with_chance(struct posterior *p, double wanted, double value)
{
	double lo = value - 1.0 - fabs(value), hi = value + 1.0 + fabs(value);

	while (chance(p, lo) < wanted && lo > -FARTHEST)
		lo = 2.0 * lo - value;
	while (chance(p, hi) > wanted && hi < FARTHEST)
		hi = 2.0 * hi - value;
	double at_lo = chance(p, lo) - wanted, at_hi = chance(p, hi) - wanted, index = lo;
	for (unsigned i = 0; i < ROOT_STEPS && hi - lo > RESOLUTION * (1.0 + fabs(value)); i++) {
		double before = index, at;

		index = lo + (hi - lo) * at_lo / (at_lo - at_hi);
		at = chance(p, index) - wanted;
		if (fabs(index - before) < RESOLUTION * (1.0 + fabs(value)))
			break;
		if (at > 0.0) {
			lo = index;
			at_lo = at;
			at_hi *= 0.5;
		} else {
			hi = index;
			at_hi = at;
			at_lo *= 0.5;
		}
	}
	return index;
}

struct interval capability_nearer(double mean, unsigned n, double sigma, double dof, double lower, double upper,
				  double confidence)
{
	struct posterior p = {
		.mean = mean, .root_n = sqrt(n), .sigma = sigma, .dof = dof, .lower = lower, .upper = upper};
	double tail = 0.5 * (1.0 - confidence), to_lower = (mean - lower) / (3.0 * sigma),
	       to_upper = (upper - mean) / (3.0 * sigma), value = fmin(to_lower, to_upper); /* fmin passes a NaN over */

	return (struct interval){value, index_with_chance(&p, 1.0 - tail, value), index_with_chance(&p, tail, value)};
}

void capability_of(const double *x, unsigned n, const struct control_limits *limits, double lower, double upper,
		   double confidence, struct capability *ret)
{
	struct moments m = {.n = 0};

	for (unsigned i = 0; i < n; i++)
		moments_add(&m, x[i]);
	*ret = (struct capability){.n = n,
				   .mean = m.mean,
				   .within = limits->within,
				   .within_dof = limits->within_dof,
				   .overall = moments_sd(&m)};
	ret->cp = capability_width(ret->within, ret->within_dof, lower, upper, confidence);
	ret->pp = capability_width(ret->overall, n - 1.0, lower, upper, confidence);
	ret->cpk = capability_nearer(m.mean, n, ret->within, ret->within_dof, lower, upper, confidence);
	ret->ppk = capability_nearer(m.mean, n, ret->overall, n - 1.0, lower, upper, confidence);
}
