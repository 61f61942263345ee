/* Maximum likelihood of censored lives, and what its estimates scatter by. */
#include "rig/study/weibull.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "rig/measure/distribution.h"
#include "rig/measure/draws.h"

#define STEPS      100
#define RESOLUTION 1e-13
#define SHAPE_MIN  1e-3
#define SHAPE_MAX  1e4
#define SEED       1
#define NEAR       1e-8  /* of an end of an interval; the likelihood goes with its square */
#define BARTLETT   1.5   /* where all fail */
#define SETTLED    1e-12 /* of the shape, in the last of Newton's steps, which double the digits */

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

static int fit_exact(const struct weibull_life *life, unsigned n, struct weibull_fit *ret)
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

/* ---- failures within intervals ------------------------------------------------------------------------------------- */

/* With a = shape and g = -shape log(scale), z = a log t + g and S = exp(-e^z), the likelihood of lives that are exact,
 * censored or within intervals is concave in (a, g) [Burridge, JRSS B 43, 1981]: Newton's steps, halved where they lead down, end at
 * its only maximum. */
struct likelihood {
	double value;
	double slope[2], curve[2][2]; /* by a and g */
};

static void add_rank_one(double m[2][2], double factor, const double x[2])
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < 2; k++)
			m[i][k] += factor * x[i] * x[k];
}

/* Failed at t, or lived until t. */
static void add_life(struct likelihood *l, double log_t, bool failed, double a, double g)
{
	const double x[2] = {log_t, 1.0};
	double z = a * log_t + g, w = exp(z);

	l->value += (failed ? log(a) + z : 0.0) - w;
	for (unsigned i = 0; i < 2; i++)
		l->slope[i] += (failed - w) * x[i];
	add_rank_one(l->curve, -w, x);
	l->slope[0] += failed / a;
	l->curve[0][0] -= failed / (a * a);
}

/* log(S(from) - S(to)); log_from -INFINITY: from 0. */
static void add_interval(struct likelihood *l, double log_from, double log_to, double a, double g)
{
	bool begun = isfinite(log_from);
	const double x[2][2] = {{begun ? log_from : 0.0, 1.0}, {log_to, 1.0}};
	double w[2] = {begun ? exp(a * log_from + g) : 0.0, exp(a * log_to + g)};
	double within = -expm1(w[0] - w[1]), slope[2]; /* over S(from) */
	/* w S over S(from) - S(to), of each end */
	double f[2] = {w[0] / within, w[1] * exp(w[0] - w[1]) / within};

	l->value += log(within) - w[0];
	for (unsigned i = 0; i < 2; i++) {
		slope[i] = f[1] * x[1][i] - f[0] * x[0][i];
		l->slope[i] += slope[i];
	}
	add_rank_one(l->curve, -f[0] * (1.0 - w[0]), x[0]);
	add_rank_one(l->curve, f[1] * (1.0 - w[1]), x[1]);
	add_rank_one(l->curve, -1.0, slope);
}

static struct likelihood likelihood_of(const struct sample *s, double a, double g)
{
	struct likelihood l = {.value = 0.0};

	for (unsigned i = 0; i < s->n; i++) {
		const struct weibull_life *life = &s->life[i];
		double from = (life->life - life->within) / s->longest;
		if (life->failed && life->within > 0.0)
			add_interval(&l, from > 0.0 ? log(from) : -INFINITY, relative_log(s, i), a, g);
		else
			add_life(&l, relative_log(s, i), life->failed, a, g);
	}
	return l;
}

/* -EDOM: the likelihood is flat there, or no number. */
static int newton(const struct sample *s, double *a, double *g, double *ret_value)
{
	struct likelihood l = likelihood_of(s, *a, *g);

	for (unsigned i = 0; i < STEPS; i++) {
		double det = l.curve[0][0] * l.curve[1][1] - l.curve[0][1] * l.curve[1][0];
		double da = -(l.curve[1][1] * l.slope[0] - l.curve[0][1] * l.slope[1]) / det;
		double dg = -(l.curve[0][0] * l.slope[1] - l.curve[1][0] * l.slope[0]) / det;
		double step = 1.0;
		struct likelihood next = l;

		if (!(det > 0.0) || !isfinite(da) || !isfinite(dg))
			return -EDOM;
		for (; step > RESOLUTION; step *= 0.5) {
			if (*a + step * da <= 0.0)
				continue;
			next = likelihood_of(s, *a + step * da, *g + step * dg);
			if (next.value >= l.value)
				break;
		}
		bool settled = step <= RESOLUTION || fabs(step * da) <= SETTLED * *a;
		if (step > RESOLUTION) {
			*a += step * da;
			*g += step * dg;
			l = next;
		}
		*ret_value = l.value;
		if (settled)
			return *a > SHAPE_MIN && *a < SHAPE_MAX ? 0 : -ENODATA;
	}
	return -EDOM;
}

/* A likelihood without a maximum: some life at which all failures may have come, and that no unit outlived. */
static bool is_determined(const struct weibull_life *life, unsigned n)
{
	double latest = 0.0, earliest = INFINITY;

	for (unsigned i = 0; i < n; i++) {
		latest = fmax(latest, life[i].life - life[i].within);
		if (life[i].failed)
			earliest = fmin(earliest, life[i].life);
	}
	return latest > earliest;
}

static int fit_intervals(const struct weibull_life *life, unsigned n, struct weibull_fit *ret)
{
	struct sample s = {.n = n, .life = life};
	double value, a = 1.0, g, sum = 0.0;

	for (unsigned i = 0; i < n; i++) {
		s.longest = fmax(s.longest, life[i].life);
		s.failures += life[i].failed;
	}
	if (s.failures < WEIBULL_FAILURES || !is_determined(life, n))
		return -ENODATA;
	for (unsigned i = 0; i < n; i++)
		sum += (life[i].life - 0.5 * life[i].within) / s.longest;
	g = log(s.failures / sum); /* exponential lives, each failure at its middle */
	if (newton(&s, &a, &g, &value) < 0)
		return -ENODATA;
	*ret = (struct weibull_fit){
		.n = n, .failures = s.failures, .shape = a, .scale = s.longest * exp(-g / a), .log_likelihood = value};
	for (unsigned i = 0; i < n; i++) /* a density is one per unit of life */
		if (life[i].failed && !(life[i].within > 0.0))
			ret->log_likelihood -= log(life[i].life);
	return 0;
}

static bool has_intervals(const struct weibull_life *life, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (life[i].failed && life[i].within > 0.0)
			return true;
	return false;
}

int weibull_fit(struct weibull_life *life, unsigned n, struct weibull_fit *ret)
{
	qsort(life, n, sizeof(*life), by_life);
	return has_intervals(life, n) ? fit_intervals(life, n, ret) : fit_exact(life, n, ret);
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
		struct weibull_fit of;
		unsigned kept = draw_lives(&draws, life, n, drawn);

		if (fit_exact(drawn, kept, &of) < 0)
			continue;
		ret->shape[ret->draws] = of.shape;
		ret->scale[ret->draws++] = of.shape * log(of.scale);
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

/* ---- of failures within intervals ---------------------------------------------------------------------------------- */

/* What is asked about: a shape (along g), or the log of a life over the longest that a share does not reach, whose log(-log(1 - share)) is
 * w (along a, with g = w - a log life). */
struct claim {
	const struct sample *s;
	bool of_shape;
	double w;
};

static struct likelihood on_line(const struct claim *c, double claimed, double at)
{
	if (c->of_shape)
		return likelihood_of(c->s, claimed, at);
	if (at <= 0.0)
		return (struct likelihood){.value = -INFINITY};
	return likelihood_of(c->s, at, c->w - at * claimed);
}

/* The greatest likelihood with that claim: concave along its line, so Newton's steps end there. from: where the line is entered, a
 * shape or, of a claim about it, its g; where it is left then. */
static double likelihood_with(const struct claim *c, double claimed, double *from)
{
	const double along[2] = {c->of_shape ? 0.0 : 1.0, c->of_shape ? 1.0 : -claimed};
	struct likelihood l = on_line(c, claimed, *from), next;

	for (unsigned i = 0; i < STEPS; i++) {
		double slope = 0.0, curve = 0.0, step = 1.0;
		for (unsigned k = 0; k < 2; k++) {
			slope += along[k] * l.slope[k];
			curve += along[k] * (along[0] * l.curve[k][0] + along[1] * l.curve[k][1]);
		}
		double move = -slope / curve;
		if (!(curve < 0.0) || !isfinite(move) || fabs(move) <= NEAR * (1.0 + fabs(*from)))
			break;
		do {
			next = on_line(c, claimed, *from + step * move);
			step *= 0.5;
		} while (!(next.value >= l.value) && step > NEAR);
		if (!(next.value >= l.value))
			break;
		*from += 2.0 * step * move;
		l = next;
	}
	return l.value;
}

/* From the estimate outwards in growing steps, then by false position (Illinois): where the likelihood has fallen to `least`. INFINITY
 * times side: nowhere. */
static double where_it_falls(const struct claim *c, double estimate, double from, double side, double least)
{
	double in = estimate, out = in, step = side * (c->of_shape ? 0.3 * estimate : 0.3 / from);
	double at_in = likelihood_with(c, in, &from) - least, at_out = at_in;

	for (unsigned i = 0; at_out >= 0.0; i++, step *= 1.5) {
		in = out;
		at_in = at_out;
		out = c->of_shape && in + step <= 0.0 ? 0.5 * in : in + step;
		if (i == STEPS || fabs(out) > SHAPE_MAX || (c->of_shape && out < SHAPE_MIN))
			return side * INFINITY;
		at_out = likelihood_with(c, out, &from) - least;
	}
	for (unsigned i = 0; i < STEPS && fabs(out - in) > NEAR * (1.0 + fabs(in)); i++) {
		double root = i % 3 == 2 ? 0.5 * (in + out) : in + (out - in) * at_in / (at_in - at_out);
		double at = likelihood_with(c, root, &from) - least;
		if (fabs(at) < NEAR)
			return root;
		if (at > 0.0) {
			in = root;
			at_in = at;
			at_out *= 0.5;
		} else {
			out = root;
			at_out = at;
			at_in *= 0.5;
		}
	}
	return 0.5 * (in + out);
}

/* Twice the log of the ratio of likelihoods is below chi-square's quantile of one degree of freedom, of which few failures make somewhat
 * more (Bartlett: in proportion to one over their number; how much, and how much less where few of the units fail, by trials). */
static struct interval by_ratio(const struct claim *c, const struct weibull_fit *fit, double estimate,
				double confidence)
{
	double a = fit->shape, g = -a * log(fit->scale / c->s->longest), from = c->of_shape ? g : a;
	double normal = normal_quantile(0.5 * (1.0 + confidence)), failed = (double)fit->failures / c->s->n;
	double more = BARTLETT * failed * failed * failed / fit->failures;
	double least = likelihood_of(c->s, a, g).value - 0.5 * normal * normal * (1.0 + more);

	return (struct interval){estimate, where_it_falls(c, estimate, from, -1.0, least),
				 where_it_falls(c, estimate, from, 1.0, least)};
}

static struct sample sample_of(const struct weibull_life *life, unsigned n)
{
	struct sample s = {.n = n, .life = life};

	for (unsigned i = 0; i < n; i++)
		s.longest = fmax(s.longest, life[i].life);
	return s;
}

static void ratio_intervals(const struct weibull_life *life, unsigned n, const struct weibull_fit *fit, double share,
			    double confidence, struct weibull_intervals *ret)
{
	struct sample s = sample_of(life, n);
	const double shares[] = {1.0 - exp(-1.0), share};
	struct interval *const into[] = {&ret->scale, &ret->life};

	ret->shape = by_ratio(&(struct claim){.s = &s, .of_shape = true}, fit, fit->shape, confidence);
	ret->shape.lo = fmax(0.0, ret->shape.lo);
	for (unsigned i = 0; i < 2; i++) {
		const struct claim c = {.s = &s, .w = log(-log1p(-shares[i]))};
		double value = weibull_quantile(fit, shares[i]);
		struct interval logs = by_ratio(&c, fit, log(value / s.longest), confidence);
		*into[i] = (struct interval){value, s.longest * exp(logs.lo), s.longest * exp(logs.hi)};
	}
}

int weibull_intervals(const struct weibull_life *life, unsigned n, const struct weibull_fit *fit, double share,
		      double confidence, struct weibull_intervals *ret)
{
	if (has_intervals(life, n)) {
		ratio_intervals(life, n, fit, share, confidence, ret);
		return 0;
	}
	struct weibull_pivots *pivots = malloc(sizeof(*pivots));
	if (!pivots)
		return -ENOMEM;
	weibull_pivots(life, n, pivots);
	ret->shape = weibull_shape_interval(fit, pivots, confidence);
	ret->scale = weibull_life_interval(fit, pivots, 1.0 - exp(-1.0), confidence);
	ret->life = weibull_life_interval(fit, pivots, share, confidence);
	free(pivots);
	return 0;
}
