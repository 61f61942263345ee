/* A smooth minimum against a flat stretch with kinks. */
#include "rig/measure/checks/lift_off.h"

#include <math.h>

#include "rig/measure/checks/linear_fit.h"

#define LOW          0.1  /* of a stroke: below it lies the stretch that is looked at */
#define SEARCHED     0.35 /* of what is at hand, to both sides of the middle */
#define POINTS_MIN   6
#define FLAT_RISE    0.08 /* of LOW, halfway to its ends: 0 of a flat stretch, 0.25 of a smooth minimum */
#define SMOOTH_LO    0.15
#define SMOOTH_HI    0.35
#define SMOOTH_CHI2  15.0 /* per degree of freedom: worse, and the minimum is not a smooth one */
#define KINK_GAIN    16.0
#define KINK_MIN     0.006 /* of the period */
#define KINK_STEPS   20
#define KINK_REACH   0.9         /* of the stretch */
#define TERMS        7           /* level, and a cubic to either side */
#define PLATEAU      (1.0 / 3.0) /* of the stretch: as long as this, and as flat as that */
#define PLATEAU_RISE 0.03        /* of LOW */
#define PLATEAU_SURE 3.0

/* Points below LOW about the lowest one: from first to end. */
struct low {
	const struct profile_point *points;
	unsigned first, end;
	double centre, half; /* phases */
	double low_n;
};

static bool is_high(const struct profile_point *points, unsigned i, double low_n)
{
	return points[i].y > low_n && points[i + 1].y > low_n;
}

static struct low low_stretch(const struct profile_point *points, unsigned n, double height_n, double middle)
{
	struct low low = {.points = points, .low_n = LOW * height_n};
	double lowest = INFINITY, reach = SEARCHED * (points[n - 1].phase - points[0].phase);
	unsigned at = 0;

	for (unsigned i = 0; i < n; i++) {
		if (fabs(points[i].phase - middle) < reach && points[i].y < lowest) {
			lowest = points[i].y;
			at = i;
		}
	}
	low.first = low.end = at;
	while (low.first > 1 && !is_high(points, low.first - 2, low.low_n))
		low.first--;
	while (low.end + 2 < n && !is_high(points, low.end + 1, low.low_n))
		low.end++;
	low.centre = 0.5 * (points[low.first].phase + points[low.end].phase);
	low.half = 0.5 * (points[low.end].phase - points[low.first].phase);
	low.end++;
	return low;
}

/* Mean about a place, from - to in halves of the stretch on both sides of its centre. */
static double mean_between(const struct low *low, double from, double to)
{
	double sum = 0.0, n = 0.0;

	for (unsigned i = low->first; i < low->end; i++) {
		double v = fabs(low->points[i].phase - low->centre) / low->half;

		if (v >= from && v <= to) {
			sum += low->points[i].y;
			n++;
		}
	}
	return sum / n;
}

static bool fit_kinks(const struct low *low, double h, struct linear_fit *fit)
{
	linear_fit_begin(fit, TERMS);
	for (unsigned i = low->first; i < low->end; i++) {
		const struct profile_point *p = &low->points[i];
		double v = (p->phase - low->centre) / low->half, w = fmax(0.0, fabs(v) - h), row[TERMS] = {1.0};
		unsigned side = v < 0.0 ? 1 : 4;

		row[side] = w;
		row[side + 1] = w * w;
		row[side + 2] = w * w * w;
		linear_fit_add(fit, row, p->y, 1.0 / (p->u * p->u));
	}
	return linear_fit_solve(fit);
}

/* One of its thirds against the others, in the worst place of them; how well that is known. */
static double plateau_rise(const struct low *low, unsigned from, unsigned n, double *ret_u)
{
	double lo = INFINITY, hi = -INFINITY, u2 = 0.0;

	for (unsigned third = 0; third < 3; third++) {
		unsigned a = from + third * n / 3, b = from + (third + 1) * n / 3;
		double sum = 0.0, squares = 0.0;

		for (unsigned i = a; i < b; i++) {
			sum += low->points[i].y;
			squares += low->points[i].u * low->points[i].u;
		}
		lo = fmin(lo, sum / (b - a));
		hi = fmax(hi, sum / (b - a));
		u2 = fmax(u2, 2.0 * squares / ((b - a) * (b - a)));
	}
	*ret_u = sqrt(u2);
	return hi - lo;
}

/* A third of the stretch, anywhere in it, that is flat: a smooth minimum rises by a ninth there. */
static bool has_plateau(const struct low *low)
{
	unsigned n = (unsigned)ceil(PLATEAU * (low->end - low->first));
	double u;

	for (unsigned i = low->first; n >= 3 && i + n <= low->end; i++) {
		double rise = plateau_rise(low, i, n, &u);

		if (rise + PLATEAU_SURE * u < PLATEAU_RISE * low->low_n)
			return true;
	}
	return false;
}

static struct lift_off_look look_for_kinks(const struct low *low, double rise)
{
	struct lift_off_look ret = {.kind = LIFT_OFF_SMOOTH, .gain = NAN, .half = 0.0};
	struct linear_fit fit;
	double dof = low->end - low->first - TERMS - 1.0, smooth, best;

	if (!(dof > 0.0) || !fit_kinks(low, 0.0, &fit))
		return (struct lift_off_look){.kind = LIFT_OFF_UNSEEN, .gain = NAN};
	smooth = best = fit.chi2;
	for (unsigned k = 1; k < KINK_STEPS; k++) {
		double h = KINK_REACH * k / KINK_STEPS;

		if (fit_kinks(low, h, &fit) && fit.chi2 < best) {
			best = fit.chi2;
			ret.half = h * low->half;
		}
	}
	ret.gain = smooth - best;
	ret.least = KINK_GAIN * fmax(1.0, best / dof);
	if (smooth > SMOOTH_CHI2 * dof && !(rise > SMOOTH_LO && rise < SMOOTH_HI))
		ret.kind = LIFT_OFF_LOBE;
	if (ret.gain > ret.least && ret.half > KINK_MIN)
		ret.kind = LIFT_OFF_KINK;
	return ret;
}

struct lift_off_look lift_off_look(const struct profile_point *points, unsigned n, double height_n, double middle)
{
	struct lift_off_look ret = {.kind = LIFT_OFF_UNSEEN, .gain = NAN, .least = NAN};

	if (n < POINTS_MIN)
		return ret;

	struct low low = low_stretch(points, n, height_n, middle);

	if (low.end - low.first < POINTS_MIN)
		return ret;

	double bottom = mean_between(&low, 0.0, 0.15), halfway = mean_between(&low, 0.4, 0.6);
	double rise = (halfway - bottom) / (low.low_n - bottom);

	if (!isfinite(rise))
		return ret;
	ret.kind = LIFT_OFF_FLAT;
	if (rise < FLAT_RISE && rise > -FLAT_RISE)
		return ret;
	return has_plateau(&low) ? ret : look_for_kinks(&low, rise);
}
