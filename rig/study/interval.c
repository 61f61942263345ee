/* Intervals that several studies share. */
#include "rig/study/interval.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "rig/measure/distribution.h"
#include "rig/measure/draws.h"

#define DRAWS       2000
#define SEED        1
#define HALVINGS    8
#define LEAST_KNOWN 0.4 /* of the sum */

/* The terms of a sum, and how far the exact limits of each lie, of itself. */
struct sum {
	unsigned count;
	double tail, value, part[SUM_TERMS_MAX], dof[SUM_TERMS_MAX];
	double down[SUM_TERMS_MAX], up[SUM_TERMS_MAX]; /* of its mean square */
};

static void distances(struct sum *s, double tail)
{
	s->tail = tail;
	for (unsigned i = 0; i < s->count; i++) {
		s->down[i] = 1.0 - s->dof[i] / chi2_at(1.0 - tail, s->dof[i]);
		s->up[i] = s->dof[i] / chi2_at(tail, s->dof[i]) - 1.0;
	}
}

/* What the product of two terms adds to the squared distance, so that the limit is 0 where F says so. near: how far the limit of
 * the positive term lies, of itself; far: that of the negative one. */
static double cross_term(double f, double near, double far)
{
	return ((f - 1.0) * (f - 1.0) - near * near * f * f - far * far) / f;
}

static double crossed(const struct sum *s, unsigned plus, unsigned minus, bool above)
{
	double f = f_quantile(above ? s->tail : 1.0 - s->tail, s->dof[plus], s->dof[minus]);
	double term = above ? cross_term(f, s->up[plus], s->down[minus]) : cross_term(f, s->down[plus], s->up[minus]);

	return term * s->part[plus] * -s->part[minus];
}

/* From the value to the limit on that side. */
static double reach(const struct sum *s, bool above)
{
	double square = 0.0;

	for (unsigned i = 0; i < s->count; i++) {
		double far = s->part[i] * ((s->part[i] > 0.0) == above ? s->up[i] : s->down[i]);
		square += far * far;
		for (unsigned k = 0; k < s->count && s->part[i] > 0.0; k++)
			if (s->part[k] < 0.0)
				square += crossed(s, i, k, above);
	}
	return sqrt(fmax(0.0, square));
}

/* ---- calibrated ---------------------------------------------------------------------------------------------------- */

/* The share of sums, drawn about truths that this one may have come of, whose upper limit would lie below their truth. */
static double missed(const struct sum *s, const double *truth, const double *seen)
{
	unsigned count = 0;

	for (unsigned d = 0; d < DRAWS; d++, truth += s->count, seen += s->count) {
		double value = 0.0, square = 0.0;
		for (unsigned i = 0; i < s->count; i++) {
			double part = s->part[i] * truth[i] * seen[i], far = part * s->up[i];
			value += part - s->part[i] * truth[i];
			square += far * far;
		}
		count += value + sqrt(square) < 0.0;
	}
	return (double)count / DRAWS;
}

/* Independent terms of few degrees lie far below their truths together less often than each: the level at which the limit is
 * missed as often as is wanted. */
static double calibrated_tail(const struct sum *sum, double tail)
{
	double *truth = malloc(2 * DRAWS * SUM_TERMS_MAX * sizeof(*truth)), *seen = truth + DRAWS * SUM_TERMS_MAX;
	double lo = log(tail), hi = log(0.5);
	struct sum s = *sum;
	struct draws draws;

	if (!truth)
		return tail;
	draws_seed(&draws, SEED);
	for (unsigned d = 0; d < DRAWS; d++)
		for (unsigned i = 0; i < s.count; i++) {
			truth[d * s.count + i] = s.dof[i] / draws_chi2(&draws, s.dof[i]);
			seen[d * s.count + i] = draws_chi2(&draws, s.dof[i]) / s.dof[i];
		}
	for (unsigned i = 0; i < HALVINGS; i++) {
		double middle = 0.5 * (lo + hi);
		distances(&s, exp(middle));
		if (missed(&s, truth, seen) < tail)
			lo = middle;
		else
			hi = middle;
	}
	free(truth);
	return exp(lo);
}

/* How much of a sum may lie in the term that is known least, so that the level is calibrated at all. */
static double calibrated_share(const struct sum *s)
{
	unsigned least = 0;

	for (unsigned i = 1; i < s->count; i++)
		if (s->dof[i] < s->dof[least])
			least = i;
	return fmax(0.0, 1.0 - s->part[least] / s->value / LEAST_KNOWN);
}

static struct sum sum_of(const struct mean_square *term, unsigned count)
{
	struct sum s = {.count = count};

	for (unsigned i = 0; i < count; i++) {
		s.part[i] = term[i].c * term[i].ms;
		s.dof[i] = term[i].dof;
		s.value += s.part[i];
	}
	return s;
}

struct interval sum_of_squares_interval(const struct mean_square *term, unsigned count, double confidence)
{
	struct sum s = sum_of(term, count);

	distances(&s, 0.5 * (1.0 - confidence));
	return (struct interval){s.value, s.value - reach(&s, false), s.value + reach(&s, true)};
}

struct interval total_interval(const struct mean_square *term, unsigned count, double confidence)
{
	struct interval ret = sum_of_squares_interval(term, count, confidence);
	struct sum s = sum_of(term, count);
	double tail = 0.5 * (1.0 - confidence), share = calibrated_share(&s);

	for (unsigned i = 0; i < count; i++)
		if (s.part[i] < 0.0)
			return ret;
	if (share == 0.0)
		return ret;
	distances(&s, tail * pow(calibrated_tail(&s, tail) / tail, share));
	ret.hi = s.value + reach(&s, true);
	return ret;
}

struct interval interval_root(struct interval v)
{
	return (struct interval){sqrt(fmax(0.0, v.value)), sqrt(fmax(0.0, v.lo)), sqrt(fmax(0.0, v.hi))};
}

struct interval wilson_interval(unsigned k, unsigned n, double confidence)
{
	double z = normal_quantile(0.5 * (1.0 + confidence)), z2 = z * z, p = (double)k / n;
	double middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
	double reach = z / (1.0 + z2 / n) * sqrt(p * (1.0 - p) / n + z2 / (4.0 * n * n));

	if (n == 0)
		return (struct interval){NAN, 0.0, 1.0};
	return (struct interval){p, k == 0 ? 0.0 : middle - reach, k == n ? 1.0 : middle + reach};
}
