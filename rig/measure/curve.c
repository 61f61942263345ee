/* One phantom's F(d) at one rate: Steffen-monotone in depth, log-linear between calibrated rates, and its inverse. */
#include "rig/measure/curve.h"

#include <errno.h>
#include <gsl/gsl_spline.h>
#include <math.h>
#include <stdlib.h>

#define RATE_SLACK  0.005
#define RATE_POWER  0.1                    /* of force, at most, where no second rate tells */
#define POINTS_BOTH (2 * CURVE_POINTS_MAX) /* union of the depths of two tables */

struct curve {
	gsl_spline *spline;
	unsigned points;
	double depth_mm[POINTS_BOTH], force_n[POINTS_BOTH];
};

static int table_check(const struct curve_table *t)
{
	if (t->points < 3 || t->points > CURVE_POINTS_MAX || !(t->rate_hz > 0.0))
		return -EINVAL;
	for (unsigned i = 0; i < t->points; i++) {
		if (!isfinite(t->depth_mm[i]) || !isfinite(t->force_n[i]) || t->depth_mm[i] < 0.0 ||
		    t->force_n[i] < 0.0)
			return -EINVAL;
		if (i > 0 && (t->depth_mm[i] <= t->depth_mm[i - 1] || t->force_n[i] <= t->force_n[i - 1]))
			return -EINVAL;
	}
	return 0;
}

static int set_check(const struct curve_set *set)
{
	if (set->rates < 1 || set->rates > CURVE_RATES_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < set->rates; i++) {
		if (table_check(&set->at[i]) != 0 || (i > 0 && set->at[i].rate_hz <= set->at[i - 1].rate_hz))
			return -EINVAL;
	}
	return 0;
}

static gsl_spline *table_spline(const double *x, const double *y, unsigned n)
{
	gsl_spline *spline = gsl_spline_alloc(gsl_interp_steffen, n);

	if (spline != NULL)
		gsl_spline_init(spline, x, y, n);
	return spline;
}

/* Depths of both tables inside the range that both cover, ascending, each once. */
static unsigned merge_depths(const struct curve_table *a, const struct curve_table *b, double *ret)
{
	double lo = fmax(a->depth_mm[0], b->depth_mm[0]);
	double hi = fmin(a->depth_mm[a->points - 1], b->depth_mm[b->points - 1]);
	unsigned i = 0, j = 0, n = 0;

	while (i < a->points || j < b->points) {
		double x;

		if (j >= b->points || (i < a->points && a->depth_mm[i] <= b->depth_mm[j]))
			x = a->depth_mm[i++];
		else
			x = b->depth_mm[j++];
		if (x >= lo && x <= hi && (n == 0 || x - ret[n - 1] > 1e-9))
			ret[n++] = x;
	}
	return n;
}

static int blend(struct curve *curve, const struct curve_table *a, const struct curve_table *b, double weight_b)
{
	gsl_spline *fa = table_spline(a->depth_mm, a->force_n, a->points);
	gsl_spline *fb = table_spline(b->depth_mm, b->force_n, b->points);
	int r = -ENOMEM;

	if (fa == NULL || fb == NULL)
		goto out;
	curve->points = merge_depths(a, b, curve->depth_mm);
	r = -EINVAL;
	if (curve->points < 3)
		goto out;
	for (unsigned i = 0; i < curve->points; i++) {
		double d = curve->depth_mm[i];

		curve->force_n[i] =
			(1.0 - weight_b) * gsl_spline_eval(fa, d, NULL) + weight_b * gsl_spline_eval(fb, d, NULL);
	}
	r = 0;
out:
	gsl_spline_free(fa);
	gsl_spline_free(fb);
	return r;
}

static int fill(struct curve *curve, const struct curve_set *set, double rate_hz)
{
	const struct curve_table *first = &set->at[0], *last = &set->at[set->rates - 1];
	unsigned above = 0;

	if (rate_hz < first->rate_hz)
		return blend(curve, first, first, 0.0);
	if (rate_hz >= last->rate_hz)
		return blend(curve, last, last, 0.0);
	while (set->at[above].rate_hz <= rate_hz)
		above++;

	const struct curve_table *a = &set->at[above - 1], *b = &set->at[above];

	if (a->rate_hz == rate_hz)
		return blend(curve, a, a, 0.0);

	return blend(curve, a, b, log(rate_hz / a->rate_hz) / log(b->rate_hz / a->rate_hz));
}

int curve_new(const struct curve_set *set, double rate_hz, struct curve **ret)
{
	int r = set_check(set);

	if (r != 0)
		return r;
	if (!(rate_hz >= set->at[0].rate_hz * (1.0 - RATE_SLACK)) ||
	    !(rate_hz <= set->at[set->rates - 1].rate_hz * (1.0 + RATE_SLACK)))
		return -ERANGE;

	struct curve *curve = calloc(1, sizeof(*curve));

	if (curve == NULL)
		return -ENOMEM;
	r = fill(curve, set, rate_hz);
	if (r != 0)
		goto err_free;
	curve->spline = table_spline(curve->depth_mm, curve->force_n, curve->points);
	r = -ENOMEM;
	if (curve->spline == NULL)
		goto err_free;
	*ret = curve;
	return 0;

err_free:
	curve_free(curve);
	return r;
}

void curve_free(struct curve *curve)
{
	if (curve == NULL)
		return;
	gsl_spline_free(curve->spline);
	free(curve);
}

int curve_force(const struct curve *curve, double depth_mm, double *ret_force_n, double *ret_slope)
{
	if (!(depth_mm >= curve->depth_mm[0]) || !(depth_mm <= curve->depth_mm[curve->points - 1]))
		return -ERANGE;
	*ret_force_n = gsl_spline_eval(curve->spline, depth_mm, NULL);
	*ret_slope = gsl_spline_eval_deriv(curve->spline, depth_mm, NULL);
	return 0;
}

static unsigned segment_of_force(const struct curve *curve, double force_n)
{
	unsigned lo = 0, hi = curve->points - 1;

	while (hi - lo > 1) {
		unsigned mid = (lo + hi) / 2;

		if (curve->force_n[mid] <= force_n)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* Newton inside a shrinking bracket: the spline is monotone, so a step that leaves the bracket is a bisection. */
int curve_depth(const struct curve *curve, double force_n, double *ret_depth_mm, double *ret_slope)
{
	if (!(force_n >= curve->force_n[0]) || !(force_n <= curve->force_n[curve->points - 1]))
		return -ERANGE;

	unsigned i = segment_of_force(curve, force_n);
	double lo = curve->depth_mm[i], hi = curve->depth_mm[i + 1];
	double d = lo + (hi - lo) * (force_n - curve->force_n[i]) / (curve->force_n[i + 1] - curve->force_n[i]);
	double slope = 0.0;

	for (int step = 0; step < 60; step++) {
		double f = gsl_spline_eval(curve->spline, d, NULL) - force_n;

		slope = gsl_spline_eval_deriv(curve->spline, d, NULL);
		if (f > 0.0)
			hi = d;
		else
			lo = d;
		double next = slope > 0.0 ? d - f / slope : lo;

		if (!(next > lo && next < hi))
			next = 0.5 * (lo + hi);
		if (fabs(next - d) < 1e-12 || f == 0.0)
			break;
		d = next;
	}
	*ret_depth_mm = d;
	*ret_slope = slope;
	return 0;
}

double curve_nearest_rate(const struct curve_set *set, double rate_hz)
{
	return fmin(fmax(rate_hz, set->at[0].rate_hz), set->at[set->rates - 1].rate_hz);
}

/* Linear between the points: for differences between tables that is enough. */
static double table_force(const struct curve_table *t, double depth_mm)
{
	unsigned i = 0;

	while (i + 2 < t->points && t->depth_mm[i + 1] < depth_mm)
		i++;

	double d = fmin(fmax(depth_mm, t->depth_mm[0]), t->depth_mm[t->points - 1]);

	return t->force_n[i] +
	       (t->force_n[i + 1] - t->force_n[i]) * (d - t->depth_mm[i]) / (t->depth_mm[i + 1] - t->depth_mm[i]);
}

/* Three tables about a rate, or all there are. */
static unsigned tables_about(const struct curve_set *set, double rate_hz, unsigned *ret_first)
{
	unsigned n = set->rates < 3 ? set->rates : 3, i = 0;

	while (i + n < set->rates && rate_hz * rate_hz > set->at[i + n - 2].rate_hz * set->at[i + n - 1].rate_hz)
		i++;
	*ret_first = i;
	return n;
}

double curve_rate_u(const struct curve_set *set, double rate_hz, double depth_mm)
{
	unsigned first, n = tables_about(set, rate_hz, &first);
	const struct curve_table *t = &set->at[first];
	double held = curve_nearest_rate(set, rate_hz), x[3], f[3];

	for (unsigned i = 0; i < n; i++) {
		x[i] = log(t[i].rate_hz);
		f[i] = table_force(&t[i], depth_mm);
	}
	if (n == 1)
		return RATE_POWER * fabs(log(rate_hz) - x[0]) * f[0];

	unsigned i = n == 3 && held > t[1].rate_hz;
	double slope = (f[i + 1] - f[i]) / (x[i + 1] - x[i]), beyond = fabs(slope * log(rate_hz / held));
	double line = f[i] + slope * (log(held) - x[i]), other;

	if (n == 3) {
		double bend = ((f[2] - f[1]) / (x[2] - x[1]) - (f[1] - f[0]) / (x[1] - x[0])) / (x[2] - x[0]);

		other = line + bend * (log(held) - x[i]) * (log(held) - x[i + 1]);
	} else {
		other = f[0] + (f[1] - f[0]) * (held - t[0].rate_hz) / (t[1].rate_hz - t[0].rate_hz);
	}
	return hypot(fabs(other - line) / sqrt(3.0), beyond);
}
