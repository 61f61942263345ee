/* Maximum likelihood of censored lives, and what its estimates scatter by. */
#include "rig/study/weibull.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "rig/measure/draws.h"

#define STEPS      100
#define RESOLUTION 1e-13
#define SHAPE_MIN  1e-3
#define SHAPE_MAX  1e4
#define SEED       1

/* Lives over the longest, so that no power of them overflows. */
struct sample {
	unsigned n, failures;
	const struct weibull_life *life;
	double longest, mean_log; /* of the failures, over the longest */
};

static double relative_log(const struct sample *s, unsigned i)
{
	return log(s->life[i].life / s->longest);
}

/* The profile likelihood's slope in the shape, over the failures; it falls. ret_power: the mean of x^shape over the failures. */
static double slope(const struct sample *s, double shape, double *ret_power)
{
	double sum = 0.0, weighted = 0.0;

	for (unsigned i = 0; i < s->n; i++) {
		double x = relative_log(s, i), power = exp(shape * x);

		sum += power;
		weighted += power * x;
	}
	*ret_power = sum / s->failures;
	return 1.0 / shape + s->mean_log - weighted / sum;
}

/* Bisection in the logarithm, made faster by false position (Illinois). */
static double shape_of(const struct sample *s, double *ret_power)
{
	double lo = log(SHAPE_MIN), hi = log(SHAPE_MAX), root = 0.0;
	double at_lo = slope(s, SHAPE_MIN, ret_power) * SHAPE_MIN, at_hi = slope(s, SHAPE_MAX, ret_power) * SHAPE_MAX;

	for (unsigned i = 0; i < STEPS && hi - lo > RESOLUTION; i++) {
		double before = root;

		root = i % 3 == 2 ? 0.5 * (lo + hi) : lo + (hi - lo) * at_lo / (at_lo - at_hi);
		double at = slope(s, exp(root), ret_power) * exp(root);
		if (fabs(root - before) < RESOLUTION)
			break;
		if (at > 0.0) {
			lo = root;
			at_lo = at;
			at_hi *= 0.5;
		} else {
			hi = root;
			at_hi = at;
			at_lo *= 0.5;
		}
	}
	return exp(root);
}

static int by_life(const void *a, const void *b)
{
	const struct weibull_life *p = a, *q = b;

	return p->life != q->life ? (p->life > q->life) - (p->life < q->life) : q->failed - p->failed;
}

static int fit_sorted(const struct weibull_life *life, unsigned n, struct weibull_fit *ret)
{
	struct sample s = {.n = n, .life = life, .longest = n ? life[n - 1].life : 0.0};
	double first = 0.0, power, logs = 0.0;

	for (unsigned i = 0; i < n; i++)
		if (life[i].failed) {
			first = s.failures++ ? first : life[i].life;
			s.mean_log += relative_log(&s, i);
			logs += log(life[i].life);
		}
	if (s.failures < WEIBULL_FAILURES || !(first < s.longest))
		return -ENODATA;
	s.mean_log /= s.failures;
	double shape = shape_of(&s, &power);
	*ret = (struct weibull_fit){
		.n = n, .failures = s.failures, .shape = shape, .scale = s.longest * pow(power, 1.0 / shape)};
	ret->log_likelihood = s.failures * (log(shape) - shape * log(ret->scale) - 1.0) + (shape - 1.0) * logs;
	return 0;
}

int weibull_fit(struct weibull_life *life, unsigned n, struct weibull_fit *ret)
{
	qsort(life, n, sizeof(*life), by_life);
	return fit_sorted(life, n, ret);
}

double weibull_quantile(const struct weibull_fit *fit, double share)
{
	return fit->scale * pow(-log1p(-share), 1.0 / fit->shape);
}

/* ---- how far from the truth ---------------------------------------------------------------------------------------- */

/* Lives of shape and scale 1. Between one failure and the next those that are still under test lose among them, in the mean, one
 * life divided by their number; who was withdrawn behind a failure counts with its life [Viveros, Balakrishnan 1994]. Units that
 * were withdrawn before the first failure are left out: they say nothing there. */
static unsigned draw_lives(struct draws *draws, const struct weibull_life *like, unsigned n, struct weibull_life *ret)
{
	double life = 0.0;
	unsigned first = 0;

	while (first < n && !like[first].failed)
		first++;
	for (unsigned i = first; i < n; i++) {
		if (like[i].failed)
			life -= log(draws_uniform(draws)) / (n - i);
		ret[i - first] = (struct weibull_life){.life = life, .failed = like[i].failed};
	}
	return n - first;
}

static int by_value(const void *a, const void *b)
{
	const double *p = a, *q = b;

	return (*p > *q) - (*p < *q);
}

void weibull_pivots(const struct weibull_life *life, unsigned n, struct weibull_pivots *ret)
{
	static struct weibull_life drawn[WEIBULL_MAX];
	struct draws draws;

	draws_seed(&draws, SEED);
	ret->draws = 0;
	for (unsigned d = 0; d < WEIBULL_DRAWS; d++) {
		struct weibull_fit fit;
		unsigned kept = draw_lives(&draws, life, n, drawn);

		if (fit_sorted(drawn, kept, &fit) < 0)
			continue;
		ret->shape[ret->draws] = fit.shape;
		ret->scale[ret->draws++] = fit.shape * log(fit.scale);
	}
}

/* Quantiles of what is sorted, both ends alike. */
static struct interval ends(double *sorted, unsigned count, double confidence)
{
	unsigned beyond = (unsigned)floor(0.5 * (1.0 - confidence) * (count + 1.0));

	beyond = beyond ? beyond - 1 : 0;
	qsort(sorted, count, sizeof(*sorted), by_value);
	return (struct interval){NAN, sorted[beyond], sorted[count - 1 - beyond]};
}

struct interval weibull_shape_interval(const struct weibull_fit *fit, const struct weibull_pivots *pivots,
				       double confidence)
{
	double pivot[WEIBULL_DRAWS];

	for (unsigned d = 0; d < pivots->draws; d++)
		pivot[d] = pivots->shape[d];
	struct interval q = ends(pivot, pivots->draws, confidence);
	return (struct interval){fit->shape, fit->shape / q.hi, fit->shape / q.lo};
}

struct interval weibull_life_interval(const struct weibull_fit *fit, const struct weibull_pivots *pivots, double share,
				      double confidence)
{
	double pivot[WEIBULL_DRAWS], w = log(-log1p(-share)), life = weibull_quantile(fit, share);

	for (unsigned d = 0; d < pivots->draws; d++)
		pivot[d] = pivots->scale[d] + w * (1.0 - pivots->shape[d]);
	struct interval q = ends(pivot, pivots->draws, confidence);
	return (struct interval){life, life * exp(-q.hi / fit->shape), life * exp(-q.lo / fit->shape)};
}
