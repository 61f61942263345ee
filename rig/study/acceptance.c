/* Operating characteristics. */
#include "rig/study/acceptance.h"

#include <math.h>

#include "rig/measure/distribution.h"
#include "rig/measure/quadrature.h"

#define REACH      8.0 /* of the normal: 1e-15 lies beyond */
#define PANELS     6
#define RARE       1e-14
#define BISECTIONS 60

/* ---- Student's t, not central -------------------------------------------------------------------------------------- */

struct noncentral {
	double t, dof, delta;
	double scale; /* logarithm of what makes the density's area 1 */
};

/* s: a standard deviation of dof degrees over the true one. */
static double at_deviation(double s, const void *ctx)
{
	const struct noncentral *c = ctx;

	return exp(c->scale + (c->dof - 1.0) * log(s) - 0.5 * c->dof * s * s) * normal_below(c->t * s - c->delta);
}

/* That many standard deviations out by the cube root that is nearly normal [Wilson, Hilferty 1931]: where nothing is left. */
static double deviation_at(double z, double dof)
{
	double scale = 2.0 / (9.0 * dof), root = fmax(0.0, 1.0 - scale + z * sqrt(scale));

	return root * sqrt(root);
}

double student_noncentral_below(double t, double dof, double delta)
{
	const struct noncentral c = {t, dof, delta, log(2.0) + 0.5 * dof * log(0.5 * dof) - lgamma(0.5 * dof)};
	double lo = deviation_at(-REACH, dof), hi = deviation_at(REACH, dof);

	return fmin(1.0, fmax(0.0, integrate(at_deviation, &c, lo, hi, 2 * PANELS)));
}

/* ---- one lot ------------------------------------------------------------------------------------------------------- */

struct lot {
	const struct acceptance_plan *plan;
	double share;    /* nonconforming */
	double distance; /* from the mean to the limit, in the lot's standard deviations */
	double shift;    /* by the error in common */
};

/* From the mean of what is measured to the limit that it is held against, in its own standard deviations. */
static double seen_distance(const struct lot *lot)
{
	const struct acceptance_measuring *m = &lot->plan->measuring;

	return (lot->distance - m->guard - lot->shift) / hypot(1.0, m->u_random);
}

static double by_variables(const struct lot *lot)
{
	const struct acceptance_plan *p = lot->plan;
	double root = sqrt(p->n), distance = seen_distance(lot);

	if (p->sigma_known)
		return normal_below(root * (distance - p->k));
	return 1.0 - student_noncentral_below(p->k * root, p->n - 1.0, distance * root);
}

static double rejected_at(double x, const void *ctx)
{
	const struct lot *lot = ctx;
	const struct acceptance_measuring *m = &lot->plan->measuring;

	return normal_density(x) * normal_below((x - lot->distance + m->guard + lot->shift) / m->u_random);
}

/* P(a unit is nonconforming and seen to be). */
static double seen_nonconforming(const struct lot *lot)
{
	const struct acceptance_measuring *m = &lot->plan->measuring;
	double from = fmax(-REACH, lot->distance), limit = lot->distance - m->guard - lot->shift;

	if (from >= REACH)
		return lot->share;
	if (m->u_random > 0.0)
		return integrate(rejected_at, lot, from, REACH, 4 * PANELS);
	return 1.0 - normal_below(fmax(limit, lot->distance));
}

/* Of a counted lot the nonconforming units of the sample, and of those and the others how many are called so. */
static double by_count(const struct lot *lot)
{
	const struct acceptance_plan *p = lot->plan;
	unsigned bad = (unsigned)lround(lot->share * p->lot), good = p->lot - bad;
	double both = seen_nonconforming(lot), all = 1.0 - normal_below(seen_distance(lot)), chance = 0.0;
	double bad_called = lot->share > 0.0 ? fmin(1.0, both / lot->share) : 0.0;
	double good_called = lot->share < 1.0 ? fmin(1.0, fmax(0.0, all - both) / (1.0 - lot->share)) : 0.0;

	for (unsigned x = 0; x <= p->n && x <= bad; x++) {
		double drawn = hypergeometric_at(x, bad, good, p->n), accepted = 0.0;
		for (unsigned i = 0; drawn > RARE && i <= p->c && i <= x; i++)
			accepted += binomial_at(i, bad_called, x) * binomial_below(p->c - i, good_called, p->n - x);
		chance += drawn * accepted;
	}
	return chance;
}

static bool is_exact(const struct acceptance_measuring *m)
{
	return m->u_random == 0.0 && m->u_common == 0.0 && m->guard == 0.0;
}

static double chance_of(const struct lot *lot)
{
	const struct acceptance_plan *p = lot->plan;

	if (p->variables)
		return by_variables(lot);
	if (!p->lot)
		return binomial_below(p->c, 1.0 - normal_below(seen_distance(lot)), p->n);
	unsigned bad = (unsigned)lround(lot->share * p->lot);
	return is_exact(&p->measuring) ? hypergeometric_below(p->c, bad, p->lot - bad, p->n) : by_count(lot);
}

static double chance_at(double z, const void *ctx)
{
	struct lot lot = *(const struct lot *)ctx;

	lot.shift = z * lot.plan->measuring.u_common;
	return normal_density(z) * chance_of(&lot);
}

/* A lot without a nonconforming unit has none by what is measured either only where that is exact: its mean then lies infinitely far
 * inside. So has one that is all nonconforming. */
double acceptance_chance(const struct acceptance_plan *plan, double share)
{
	struct lot lot = {.plan = plan, .share = share};

	if (share <= 0.0 || share >= 1.0)
		return share <= 0.0 ? 1.0 : 0.0;
	lot.distance = -normal_quantile(share);
	if (plan->measuring.u_common == 0.0)
		return chance_of(&lot);
	return fmin(1.0, integrate(chance_at, &lot, -REACH, REACH, PANELS));
}

double acceptance_share(const struct acceptance_plan *plan, double chance)
{
	double lo = normal_quantile(1e-9), hi = -lo; /* of the share: the curve is even in it */

	if (acceptance_chance(plan, 1e-9) < chance || acceptance_chance(plan, 1.0 - 1e-9) > chance)
		return NAN;
	for (unsigned i = 0; i < BISECTIONS; i++) {
		double middle = 0.5 * (lo + hi);
		if (acceptance_chance(plan, normal_below(middle)) >= chance)
			lo = middle;
		else
			hi = middle;
	}
	return normal_below(0.5 * (lo + hi));
}

/* ---- a sample ------------------------------------------------------------------------------------------------------ */

enum acceptance_outcome acceptance_judge(const struct acceptance_plan *plan, unsigned passed, unsigned failed,
					 unsigned neither)
{
	if (failed > plan->c)
		return LOT_REJECTED;
	return !neither && passed + failed == plan->n ? LOT_ACCEPTED : LOT_UNDECIDED;
}

/* The share beyond a limit that lies q standard deviations from the mean. */
static double share_beyond(const struct acceptance_plan *plan, double q)
{
	double n = plan->n;

	if (isnan(q))
		return 0.0;
	if (plan->sigma_known)
		return normal_below(-q * sqrt(n / (n - 1.0)));
	double x = 0.5 - 0.5 * q * sqrt(n) / (n - 1.0);
	if (n == 2.0) /* the beta distribution of two values lies at both ends */
		return x <= 0.0 ? 0.0 : x >= 1.0 ? 1.0 : 0.5;
	return beta_below(fmax(0.0, fmin(1.0, x)), 0.5 * n - 1.0, 0.5 * n - 1.0);
}

/* With the mean that far nearer to both limits; only one of them can be the nearer one, so each is asked. */
static bool is_accepted(const struct acceptance_plan *plan, const struct acceptance_sample *sample, double shift,
			struct acceptance_quality *ret)
{
	double s = plan->sigma_known ? sample->sigma : sample->sd;

	ret->lower = (sample->mean - shift - sample->lower) / s;
	ret->upper = (sample->upper - sample->mean - shift) / s;
	ret->share = share_beyond(plan, ret->lower) + share_beyond(plan, ret->upper);
	if (isfinite(sample->most))
		return ret->share <= sample->most;
	return !(ret->lower < plan->k) && !(ret->upper < plan->k);
}

void acceptance_measure(const struct acceptance_plan *plan, const struct acceptance_sample *sample,
			struct acceptance_quality *ret)
{
	struct acceptance_quality moved;

	*ret = (struct acceptance_quality){.outcome = LOT_UNDECIDED};
	bool accepted = is_accepted(plan, sample, 0.0, ret),
	     surely = is_accepted(plan, sample, sample->expanded_u, &moved);

	if (sample->n != plan->n)
		return;
	ret->guarded = accepted && !surely;
	if (!ret->guarded)
		ret->outcome = accepted ? LOT_ACCEPTED : LOT_REJECTED;
}
