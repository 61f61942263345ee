/* Nominal period by a bank of Kalman filters. Derivation: docs/method.md, "Rate". Does not find strokes. */
#include "rig/measure/point/ticks.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdbool.h>

#include "rig/measure/clones.h"
#include "rig/measure/statistics.h"

#define STILL       0 /* the filter for instants that only scatter */
#define FIRST       1
#define LAST        (TICKS_RATIOS - 2)
#define PURE_WALK   (TICKS_RATIOS - 1)
#define RATIO_MIN   1e-9
#define PER_DECADE  3.0

#define TEST_AT     64.0  /* q n^2 where the test for a walk is most powerful, and its power one half */
#define TEST_LIMIT  0.135 /* log-likelihood ratio that instants without a walk exceed in 1 of 5 windows */
#define TEST_MIN    32    /* instants; with fewer it misses a walk alone too often */
#define PURE_ODDS   2.0   /* a free-running motor walks and does nothing else: odds against a mixture */
#define BETWEEN     8     /* points of the posterior from one filter to the next */
#define POINTS_MAX  ((LAST - FIRST) * BETWEEN + 2)
#define WEIGHT_MIN  1e-7
#define BISECTIONS  36
#define PRODUCT_MAX 1e100 /* its logarithm is taken then: one logarithm for hundreds of instants */

static double ratio_at(double index)
{
	return RATIO_MIN * pow(10.0, (index - FIRST) / PER_DECADE);
}

static void start(struct ticks *ticks, double interval, unsigned steps)
{
	double m = steps;

	for (unsigned i = 0; i < TICKS_RATIOS; i++) {
		double ratio = i == STILL ? 0.0 : ratio_at(i), walk = i == PURE_WALK ? 1.0 : ratio / (1.0 + ratio);
		double scatter = 1.0 - walk;

		ticks->walk[i] = walk;
		ticks->ahead[i] = 0.0;
		ticks->period[i] = interval / m;
		ticks->tt[i] = scatter;
		ticks->tp[i] = scatter / m;
		ticks->pp[i] = (2.0 * scatter + m * walk) / (m * m);
		ticks->product[i] = 1.0;
	}
}

/* Variances of innovations are at least 1: their product only grows. */
static void take_logarithms(struct ticks *ticks)
{
	for (unsigned i = 0; i < TICKS_RATIOS; i++) {
		ticks->log_s[i] += log(ticks->product[i]);
		ticks->product[i] = 1.0;
	}
}

VECTOR_CLONES static void advance(struct ticks *ticks, double interval, double m)
{
	for (unsigned i = 0; i < TICKS_RATIOS; i++) {
		double walk = ticks->walk[i], scatter = 1.0 - walk, pp = ticks->pp[i];
		double tt = ticks->tt[i] + 2.0 * m * ticks->tp[i] + m * m * pp + m * walk;
		double tp = ticks->tp[i] + m * pp, s = tt + scatter, per_s = 1.0 / s;
		double ahead = ticks->ahead[i] + m * ticks->period[i] - interval;

		ticks->squares[i] += ahead * ahead * per_s;
		ticks->product[i] *= s;
		ticks->ahead[i] = scatter * per_s * ahead;
		ticks->period[i] -= tp * per_s * ahead;
		ticks->tt[i] = tt * scatter * per_s;
		ticks->tp[i] = tp * scatter * per_s;
		ticks->pp[i] = pp - tp * tp * per_s;
	}
}

void ticks_add(struct ticks *ticks, double instant, unsigned steps)
{
	double interval = instant - ticks->last, most = 0.0;

	if (ticks->n == 1) {
		start(ticks, interval, steps);
	} else if (ticks->n > 1) {
		advance(ticks, interval, steps);
		for (unsigned i = 0; i < TICKS_RATIOS; i++)
			most = fmax(most, ticks->product[i]);
		if (most > PRODUCT_MAX)
			take_logarithms(ticks);
	}
	ticks->last = instant;
	ticks->n++;
}

/* Cubic through the four nearest filters at a fractional index from FIRST to LAST. */
static double interpolate(const double y[TICKS_RATIOS], double index)
{
	double base = fmin(fmax(floor(index), FIRST + 1.0), LAST - 2.0), t = index - base;
	const double *at = y + (unsigned)base;

	return -t * (t - 1.0) * (t - 2.0) / 6.0 * at[-1] + (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0 * at[0] -
	       t * (t + 1.0) * (t - 2.0) / 2.0 * at[1] + t * (t * t - 1.0) / 6.0 * at[2];
}

/* What is known at the end, per ratio: restricted log-likelihood with the variance integrated out, and log u^2. */
struct ends {
	double dof, fit[TICKS_RATIOS], log_u2[TICKS_RATIOS];
};

static void sum_up(const struct ticks *ticks, struct ends *ret)
{
	ret->dof = (double)ticks->n - 2.0;
	for (unsigned i = 0; i < TICKS_RATIOS; i++) {
		double squares = log(fmax(ticks->squares[i], 1e-300));

		ret->fit[i] = -0.5 * (ret->dof * squares + ticks->log_s[i] + log(ticks->product[i]));
		ret->log_u2[i] = squares - log(ret->dof) + log(ticks->pp[i]);
	}
}

/* Most powerful invariant test of "no walk" against the walk of TEST_AT, at the 20 % level. */
static bool something_walks(const struct ends *ends)
{
	double n = ends->dof + 2.0, index = FIRST + PER_DECADE * log10(TEST_AT / (n * n) / RATIO_MIN);
	double ratio = interpolate(ends->fit, fmin(fmax(index, FIRST), LAST)) - ends->fit[STILL];

	return n < TEST_MIN || ratio > TEST_LIMIT;
}

/* Half-Cauchy prior of sqrt q, the ratio of the two standard deviations, as a density of log q. */
static double walk_prior(double q)
{
	return sqrt(q) / (1.0 + q);
}

struct blend {
	unsigned points;
	double weight[POINTS_MAX], period[POINTS_MAX], u[POINTS_MAX];
	double still; /* weight of no walk at even odds with all of them */
};

/* Weights are logarithms until normalise(). */
static void blend_walks(const struct ticks *ticks, const struct ends *ends, struct blend *ret)
{
	double sum = 0.0;
	unsigned n = 0;

	for (; n < POINTS_MAX - 1; n++) {
		double index = FIRST + (double)n / BETWEEN, prior = walk_prior(ratio_at(index));

		sum += prior;
		ret->weight[n] = log(prior) + interpolate(ends->fit, index);
		ret->period[n] = interpolate(ticks->period, index);
		ret->u[n] = exp(0.5 * interpolate(ends->log_u2, index));
	}
	ret->weight[n] = log(sum * PURE_ODDS) + ends->fit[PURE_WALK];
	ret->period[n] = ticks->period[PURE_WALK];
	ret->u[n] = exp(0.5 * ends->log_u2[PURE_WALK]);
	ret->points = n + 1;
	ret->still = log(sum * (1.0 + PURE_ODDS)) + ends->fit[STILL];
}

/* Weights of walks that add to one; what weighs nothing is dropped. */
static void normalise(struct blend *blend)
{
	double best = -INFINITY, sum = 0.0;
	unsigned kept = 0;

	for (unsigned i = 0; i < blend->points; i++)
		best = fmax(best, blend->weight[i]);
	for (unsigned i = 0; i < blend->points; i++) {
		double weight = exp(blend->weight[i] - best);

		if (weight < WEIGHT_MIN)
			continue;
		blend->weight[kept] = weight;
		blend->period[kept] = blend->period[i];
		blend->u[kept++] = blend->u[i];
		sum += weight;
	}
	blend->points = kept;
	for (unsigned i = 0; i < kept; i++)
		blend->weight[i] /= sum;
	blend->still = exp(fmin(blend->still - best, 700.0)) / sum;
}

static double inside(const struct blend *blend, double mean, double half, double dof)
{
	double probability = 0.0;

	for (unsigned i = 0; i < blend->points; i++) {
		double off = blend->period[i] - mean, u = blend->u[i];

		probability += blend->weight[i] *
			       (gsl_cdf_tdist_P((half - off) / u, dof) - gsl_cdf_tdist_P((-half - off) / u, dof));
	}
	return probability;
}

/* Half width of the interval about the mean that holds 95 % of the mixture of Student distributions. */
static double half_width(const struct blend *blend, double mean, double dof)
{
	double low = 0.0, high = 0.0;

	for (unsigned i = 0; i < blend->points; i++)
		high = fmax(high, fabs(blend->period[i] - mean) + student_k(dof) * blend->u[i]);
	for (unsigned i = 0; i < BISECTIONS; i++) {
		double middle = 0.5 * (low + high);

		if (inside(blend, mean, middle, dof) < 0.95)
			low = middle;
		else
			high = middle;
	}
	return high;
}

double ticks_period(const struct ticks *ticks, double *ret_u)
{
	struct blend blend;
	struct ends ends;

	if (ticks->n < 4) {
		*ret_u = NAN;
		return NAN;
	}
	sum_up(ticks, &ends);
	if (!something_walks(&ends)) {
		*ret_u = exp(0.5 * ends.log_u2[STILL]);
		return ticks->period[STILL];
	}
	blend_walks(ticks, &ends, &blend);
	normalise(&blend);

	double mean = blend.still * ticks->period[STILL];

	for (unsigned i = 0; i < blend.points; i++)
		mean += blend.weight[i] * blend.period[i];
	mean /= 1.0 + blend.still;
	*ret_u = half_width(&blend, mean, ends.dof) / student_k(ends.dof);
	return mean;
}
