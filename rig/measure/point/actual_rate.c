/* From the curve at one rate to that at another. */
#include "rig/measure/point/actual_rate.h"

#include <math.h>

#define RATE_SLACK 0.1 /* of the commanded rate, beyond the calibrated ones */

static double rate_of(const struct account *a)
{
	return a->grid->fs_hz / tally_period(a->tally);
}

/* A depth by the curve at the commanded rate becomes one by `curve`; slope of the one over the other. */
static bool convert(const struct account *a, const struct curve *curve, double depth_mm, double *ret_mm,
		    double *ret_slope)
{
	double force_n, slope, other;

	if (curve_force(a->config->curve, depth_mm, &force_n, &slope) != 0 ||
	    curve_depth(curve, force_n, ret_mm, &other) != 0)
		return false;
	*ret_slope = slope / other;
	return true;
}

void actual_rate(const struct account *a, struct actual_rate *ret)
{
	const struct point_config *c = a->config;
	const struct depths *d = &a->tally->depth;
	struct curve *curve;
	double mean, unused;

	*ret = (struct actual_rate){.seen = d->seen, .max_mm = d->max_mm, .scale = 1.0};
	if (c->curve == NULL || c->curves == NULL || d->seen.n < 2)
		return;
	if (curve_new(c->curves, curve_nearest_rate(c->curves, rate_of(a)), &curve) != 0)
		return;
	if (convert(a, curve, d->seen.mean, &mean, &ret->scale)) {
		moments_map(&ret->seen, mean, ret->scale);
		if (!convert(a, curve, d->max_mm, &ret->max_mm, &unused))
			ret->max_mm = mean + ret->scale * (d->max_mm - d->seen.mean);
	}
	curve_free(curve);
}

double actual_rate_u(const struct account *a)
{
	const struct depths *d = &a->tally->depth;

	if (a->config->curves == NULL || d->seen.n < 2)
		return 0.0;
	return curve_rate_u(a->config->curves, rate_of(a), d->seen.mean) / (d->slope / (double)d->seen.n);
}

bool actual_rate_covered(const struct account *a)
{
	const struct point_config *c = a->config;
	double rate_hz = rate_of(a);

	return fabs(rate_hz / c->rate_set_hz - 1.0) <= RATE_SLACK ||
	       (c->curves && curve_nearest_rate(c->curves, rate_hz) == rate_hz);
}
