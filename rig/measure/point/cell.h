/* The load cell undone: from its output to the force on it. See docs/method.md, "Load cell". */
#ifndef PENRIG_MEASURE_POINT_CELL_H
#define PENRIG_MEASURE_POINT_CELL_H

#include "rig/measure/point/point.h"

#define CELL_REACH_MAX 48

/* Weights that turn 2 reach + 1 samples into the force at their centre. */
struct cell_inverse {
	unsigned reach; /* samples to both sides, at most CELL_REACH_MAX; 0: the samples are the force */
	double weight[2 * CELL_REACH_MAX + 1];
};

/* Reach 0 where there is no resonance, or none that fs_hz could show. */
void cell_inverse_design(const struct load_cell *cell, double fs_hz, struct cell_inverse *ret);
/* out[from] to out[end - 1] of the n samples x, n > 0, with a reach that is not 0; beyond its ends the channel is taken
 * to stand still. */
void cell_inverse_run(const struct cell_inverse *inverse, const float *x, long n, long from, long end, float *out);

#endif
