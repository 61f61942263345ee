/* What noise and shape do to the figures of single strokes: their scatter, their extremes, their intervals. From what was
 * collected of a point; for its results. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_STROKE_NOISE_H
#define PENRIG_MEASURE_POINT_STROKE_NOISE_H

#include "rig/measure/checks/acting_noise.h"
#include "rig/measure/point/summary.h"
#include "rig/measure/point/weights.h"

/* Of one stroke's depth by force, mm^2. */
struct stroke_noise {
	struct acting_shares shares;
	double white;    /* what the samples' noise would do were it white */
	double acting;   /* what it does */
	double baseline; /* what the error of the baseline adds to the scatter of the strokes */
	double moved; /* what moves the force between strokes, beyond noise: it may move the strokes as much, or not */
	double u;     /* standard uncertainty of acting + baseline */
	double interval_lines; /* variance of the intervals, samples^2, that lines between strokes make where they go on under them */
};

struct acting_shares acting_shares_of(const struct account *account);
struct stroke_noise stroke_noise_of(const struct account *account);

/* Intervals of the window, samples^2. */
struct interval_scatter {
	double made;        /* variance of the intervals as the pen made them; noise may put it below 0 */
	double noise;       /* what noise adds to it */
	double per_instant; /* that, per variance that noise puts into an instant */
	double u;           /* standard uncertainty of `made`, but for sampling */
	double instant;     /* variance that noise puts into an instant */
	double baseline;    /* what the error of the baseline puts there besides: of one block it is not independent */
	double coloured;    /* what it may put there besides, as the intervals have it: 0 where noise is white */
	double shift, u_shift; /* by which an instant is seen late, per change of the interval (speed_change.h) */
};

struct interval_scatter interval_scatter_of(const struct account *account);

/* What of a change of depth the heights show: kappa, 1 where nothing is known of it. */
struct depth_share {
	double kappa, u;
	double u_told; /* the same without what is held */
	double held;   /* share of their movement that the tops are seen to lack: a front end that cuts some of them */
};

/* How a force changes per change at the deepest point with the depth of the whole stroke: its path is scaled, or moved. */
struct paths {
	double scaled, moved;
};

/* Of what these weights make of the stroke's samples. False: there is no curve, or there are no weights. */
bool paths_by_curve(const struct account *account, enum weights_of kind, struct paths *ret);

/* scatter_mm2: variance of the depths as fitted. */
struct depth_share depth_share_of(const struct account *account, const struct stroke_noise *noise, double scatter_mm2);

#endif
