/* Values at equal distances, each with its weight: what the statistics of the model checks are made of. */
#ifndef PENRIG_MEASURE_CHECKS_POINTS_H
#define PENRIG_MEASURE_CHECKS_POINTS_H

#include <stdbool.h>

#define POINTS_MAX 512

struct points {
	unsigned n;
	double first, step; /* place of the first one, and their distance: samples */
	double y[POINTS_MAX];
	double weight[POINTS_MAX]; /* 1 / variance for unit noise of a sample; 0: nothing is known there */
};

static inline double points_at(const struct points *points, unsigned i)
{
	return points->first + points->step * i;
}

/* The largest value of the polynomial of this degree through the points between lo and hi. */
#define POINTS_DEGREE_MAX 8
struct points_top {
	double at, value;
	double second;                             /* derivative there, per sample^2 */
	double centre, half;                       /* of the stretch fitted */
	double coefficient[POINTS_DEGREE_MAX + 1]; /* in (at - centre) / half */
	unsigned n;                                /* points that it went through */
};
/* False: too few points, or no maximum within. degree at most POINTS_DEGREE_MAX. */
bool points_top(const struct points *points, double lo, double hi, unsigned degree, struct points_top *ret);
double points_top_at(const struct points_top *top, unsigned degree, double at);

/* From the largest value outwards: where the values fall below this share of it, to both sides. False: they do not. */
bool points_above(const struct points *points, double share, double *ret_lo, double *ret_hi);

#endif
