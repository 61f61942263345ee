/* Capability figures and their intervals. */
#include "rig/study/capability.h"

#include <math.h>

#include "rig/measure/distribution.h"
#include "rig/measure/statistics.h"
#include "rig/study/acceptance.h"

#define ROOT_STEPS 200
#define RESOLUTION 1e-8
#define DOUBLINGS  40 /* of the reach in which a bound is looked for */

struct interval capability_width(double sigma, double dof, double lower, double upper, double confidence)
{
	double value = (upper - lower) / (6.0 * sigma), tail = 0.5 * (1.0 - confidence);

	return (struct interval){value, value * sqrt(chi2_share(tail, dof)), value * sqrt(chi2_share(1.0 - tail, dof))};
}

/* The distance to one limit in threes of sigma, as it is seen. */
struct side {
	double index, root_n, dof;
	double wanted; /* the chance of an index at least as large as the one seen */
};

/* By how much the chance exceeds what is wanted, were `truth` the true index. It rises with it. */
static double excess(const struct side *s, double truth)
{
	double scale = 3.0 * s->root_n;

	return 1.0 - student_noncentral_below(scale * s->index, s->dof, scale * truth) - s->wanted;
}

/* Regula falsi; the end that stays put halved in weight (Illinois). */
static double root_between(const struct side *s, double lo, double hi)
{
	double at_lo = excess(s, lo), at_hi = excess(s, hi), root = lo;

	for (unsigned i = 0; i < ROOT_STEPS; i++) {
		double before = root, at;

		root = lo + (hi - lo) * at_lo / (at_lo - at_hi);
		at = excess(s, root);
		if (fabs(root - before) < RESOLUTION * (1.0 + fabs(s->index)))
			break;
		if (at < 0.0) {
			lo = root;
			at_lo = at;
			at_hi *= 0.5;
		} else {
			hi = root;
			at_hi = at;
			at_lo *= 0.5;
		}
	}
	return root;
}

/* Looked for about where the normal approximation [Bissell 1990] has it. */
static double bound(double index, unsigned n, double dof, double wanted)
{
	const struct side s = {.index = index, .root_n = sqrt(n), .dof = dof, .wanted = wanted};
	double away = normal_quantile(wanted) * sqrt(1.0 / (9.0 * n) + index * index / (2.0 * dof));
	double reach = 0.25 * fabs(away), lo = index + away - reach, hi = index + away + reach;

	for (unsigned i = 0; i < DOUBLINGS && excess(&s, lo) > 0.0; i++)
		lo -= reach *= 2.0;
	for (unsigned i = 0; i < DOUBLINGS && excess(&s, hi) < 0.0; i++)
		hi += reach *= 2.0;
	return root_between(&s, lo, hi);
}

/* Of two limits the smaller end of either side's is that of the nearer one: a bound rises with its index. fmin() passes over the
 * NaN of a limit that is not there. */
struct interval capability_nearer(double mean, unsigned n, double sigma, double dof, double lower, double upper,
				  double confidence)
{
	double tail = 0.5 * (1.0 - confidence),
	       nearer = fmin((mean - lower) / (3.0 * sigma), (upper - mean) / (3.0 * sigma));

	return (struct interval){nearer, bound(nearer, n, dof, tail), bound(nearer, n, dof, 1.0 - tail)};
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
