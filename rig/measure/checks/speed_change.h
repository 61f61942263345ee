/* Where in the period a jittery pen changes its speed. A change in the gap leaves every pulse as it is; one within the pulse
 * makes its halves unlike and moves its centre by a share of the change of the interval, so that intervals between centres
 * show less jitter than there is. The unlikeness is seen by a regressor of its own, orthogonal to height, instant and
 * width; its regression on the change of the interval says how far centres move. */
#ifndef PENRIG_MEASURE_CHECKS_SPEED_CHANGE_H
#define PENRIG_MEASURE_CHECKS_SPEED_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#define SPEED_SHAPES 2 /* an edge at the deepest point; a bend across the pulse */
#define SPEED_REACH  3 /* lags */
#define SPEED_RING   (2 * SPEED_REACH + 3)

struct speed_stroke {
	double at; /* samples */
	bool told; /* its shapes were looked at */
	double unlike
		[SPEED_SHAPES];     /* per sample, per sample^2: coefficient of |tau| g', tau^2 g' over the height, sign
				      * turned */
	double shift[SPEED_SHAPES]; /* by which its instant moves per unit of that, samples */
	double weight[SPEED_SHAPES]; /* sum of the regressor's squares times height^2 over the noise's variance */
};

/* zero-initialise */
struct speed_change {
	struct speed_stroke ring[SPEED_RING]; /* the last ones */
	unsigned known;
	double n;
	/* sums over strokes: change of the interval D and its lagged products, and what each shape shows */
	double d[2 * SPEED_REACH + 1], dd[SPEED_REACH + 1];
	double e[SPEED_SHAPES], ee[SPEED_SHAPES], ed[SPEED_SHAPES][2 * SPEED_REACH + 1];
	double shift[SPEED_SHAPES], weight[SPEED_SHAPES];
};

/* Strokes in order. period: samples; where a neighbour is farther or nearer than half of it off, nothing is taken. */
void speed_change_add(struct speed_change *change, const struct speed_stroke *stroke, double period);

struct speed_shift {
	double shift;  /* s: an instant is seen s times (interval after less interval before) late */
	double u;      /* standard uncertainty */
	bool resolved; /* the strokes tell; else it is half of what an edge at the deepest point would do */
};

/* instant_s2: variance that noise puts into an instant, samples^2; period: samples. */
struct speed_shift speed_change_shift(const struct speed_change *change, double instant_s2, double period);

/* By which an instant moves at most per change of the interval at the next stroke, where the speed bends from stroke to stroke: a
 * share of it. */
double speed_change_next(const struct speed_change *change, double period);

/* Variance of the intervals as made, from the autocovariance of those seen at lags 0 to SPEED_LAGS, which holds no noise.
 */
#define SPEED_LAGS 6
double speed_change_undo(double shift, const double seen[SPEED_LAGS + 1]);

#endif
