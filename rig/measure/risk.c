/* Consumer's and producer's risk by numerical integration (JCGM 106, 9.5), and the risk of many limits together. */
#include "rig/measure/risk.h"

#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

#include "rig/measure/quadrature.h"

#define PRIOR_SPAN   9.0 /* standard deviations; beyond, 2e-19 of a normal prior */
#define OFFSETS      16
#define BREAKS_MAX   (2 + 2 + 19 + 2 * (2 * OFFSETS + 1))
#define HALVINGS     60
#define DOUBLINGS    60
#define MANY_DEGREES 1e7

struct prior prior_gamma(double shape, double rate)
{
	return (struct prior){.shape = PRIOR_GAMMA, .mean = shape / rate, .sd = sqrt(shape) / rate};
}

bool prior_is_sound(const struct prior *prior)
{
	if (!isfinite(prior->mean) || !isfinite(prior->sd) || !(prior->sd > 0.0))
		return false;
	return prior->shape != PRIOR_GAMMA || prior->sd <= prior->mean * (1.0 + 1e-12);
}

static double gamma_shape(const struct prior *p)
{
	return p->mean * p->mean / (p->sd * p->sd);
}

static double gamma_scale(const struct prior *p)
{
	return p->sd * p->sd / p->mean;
}

static double density(const struct prior *p, double x)
{
	if (p->shape == PRIOR_GAMMA)
		return gsl_ran_gamma_pdf(x, gamma_shape(p), gamma_scale(p));
	return gsl_ran_gaussian_pdf(x - p->mean, p->sd);
}

/* Of the cube root, which is nearly normal [Wilson, Hilferty]; GSL's inverse ends the program where it does not converge. */
static double gamma_end(const struct prior *p, double span)
{
	double shape = gamma_shape(p), root = 1.0 - 1.0 / (9.0 * shape) + span / (3.0 * sqrt(shape));

	return p->mean * pow(fmax(0.0, root), 3.0);
}

static struct band support(const struct prior *p)
{
	if (p->shape == PRIOR_GAMMA)
		return (struct band){gamma_end(p, -PRIOR_SPAN), gamma_end(p, PRIOR_SPAN)};
	return (struct band){p->mean - PRIOR_SPAN * p->sd, p->mean + PRIOR_SPAN * p->sd};
}

/* P(error < x): the other tail is that of -x. */
static double error_below(const struct measuring *m, double x)
{
	if (x == INFINITY || x == -INFINITY)
		return x > 0.0;
	if (m->u == 0.0)
		return x >= 0.0;
	if (!isfinite(m->dof) || m->dof > MANY_DEGREES)
		return gsl_cdf_ugaussian_P(x / m->u);
	return gsl_cdf_tdist_P(x / m->u, fmax(1.0, floor(m->dof)));
}

struct question {
	const struct prior *prior;
	const struct band *acceptance;
	const struct measuring *measuring;
};

static double accepted(double x, const void *ctx)
{
	const struct question *q = ctx;
	double within = error_below(q->measuring, q->acceptance->upper - x) -
			error_below(q->measuring, q->acceptance->lower - x);

	return density(q->prior, x) * fmax(0.0, within);
}

static double rejected(double x, const void *ctx)
{
	const struct question *q = ctx;
	double outside = error_below(q->measuring, x - q->acceptance->upper) +
			 error_below(q->measuring, q->acceptance->lower - x);

	return density(q->prior, x) * fmin(1.0, outside);
}

static double all(double x, const void *ctx)
{
	const struct question *q = ctx;

	return density(q->prior, x);
}

/* Where the integrand bends: at the limits, every sd of the prior, and about the acceptance limits. */
struct breaks {
	struct band within;
	unsigned n;
	double at[BREAKS_MAX];
};

static void break_at(struct breaks *b, double x)
{
	if (x > b->within.lower && x < b->within.upper)
		b->at[b->n++] = x;
}

static void break_about(struct breaks *b, double limit, double u)
{
	static const double offset[OFFSETS] = {0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 12, 24, 48, 96, 192};

	if (!isfinite(limit))
		return;
	break_at(b, limit);
	for (unsigned i = 0; i < OFFSETS && u > 0.0; i++) {
		break_at(b, limit - offset[i] * u);
		break_at(b, limit + offset[i] * u);
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void find_breaks(const struct question *q, const struct band *tolerance, struct breaks *ret)
{
	*ret = (struct breaks){.within = support(q->prior)};
	ret->at[ret->n++] = ret->within.lower;
	ret->at[ret->n++] = ret->within.upper;
	break_at(ret, tolerance->lower);
	break_at(ret, tolerance->upper);
	for (int k = -9; k <= 9; k++)
		break_at(ret, q->prior->mean + k * q->prior->sd);
	break_about(ret, q->acceptance->lower, q->measuring->u);
	break_about(ret, q->acceptance->upper, q->measuring->u);
	qsort(ret->at, ret->n, sizeof(ret->at[0]), by_size);
}

void global_risk(const struct prior *prior, const struct band *tolerance, const struct band *acceptance,
		 const struct measuring *measuring, struct global_risk *ret)
{
	const struct question q = {.prior = prior, .acceptance = acceptance, .measuring = measuring};
	struct global_risk risk = {.consumer = 0.0};
	struct breaks breaks;

	assert(prior_is_sound(prior) && measuring->u >= 0.0);
	assert(tolerance->lower <= tolerance->upper);
	find_breaks(&q, tolerance, &breaks);
	for (unsigned i = 0; i + 1 < breaks.n; i++) {
		double a = breaks.at[i], b = breaks.at[i + 1], middle = 0.5 * (a + b);

		if (middle < tolerance->lower || middle > tolerance->upper) {
			risk.consumer += integrate(accepted, &q, a, b, 1);
		} else {
			risk.producer += integrate(rejected, &q, a, b, 1);
			risk.conforming += integrate(all, &q, a, b, 1);
		}
	}
	*ret = risk;
}

static struct band shrunk(const struct band *tolerance, double w)
{
	struct band band = {tolerance->lower + w, tolerance->upper - w};

	if (band.lower > band.upper)
		band.lower = band.upper = 0.5 * (tolerance->lower + tolerance->upper);
	return band;
}

static double consumer_at(const struct prior *prior, const struct band *tolerance, const struct measuring *measuring,
			  double w)
{
	struct band band = shrunk(tolerance, w);
	struct global_risk risk;

	global_risk(prior, tolerance, &band, measuring, &risk);
	return risk.consumer;
}

struct band acceptance_for(const struct prior *prior, const struct band *tolerance, const struct measuring *measuring,
			   double consumer)
{
	double lo = 0.0, hi = measuring->u;

	assert(consumer > 0.0 && consumer < 1.0);
	if (consumer_at(prior, tolerance, measuring, 0.0) <= consumer)
		return *tolerance;
	for (unsigned i = 0; i < DOUBLINGS && consumer_at(prior, tolerance, measuring, hi) > consumer; i++) {
		lo = hi;
		hi *= 2.0;
	}
	for (unsigned i = 0; i < HALVINGS; i++) {
		double middle = 0.5 * (lo + hi);

		if (consumer_at(prior, tolerance, measuring, middle) > consumer)
			lo = middle;
		else
			hi = middle;
	}
	return shrunk(tolerance, hi);
}

/* ---- several limits at once ---- */

void joint_risk_add(struct joint_risk *joint, double risk)
{
	assert(risk >= 0.0 && risk <= 1.0);
	joint->limits++;
	joint->sum += risk;
	joint->largest = fmax(joint->largest, risk);
	joint->log_conforming += log1p(-risk);
}

double joint_risk_bound(const struct joint_risk *joint)
{
	return fmin(1.0, joint->sum);
}

double joint_risk_independent(const struct joint_risk *joint)
{
	return -expm1(joint->log_conforming);
}
