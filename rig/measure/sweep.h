/* What a sweep of depth setpoints at one rate and phantom says beyond its points: linearity and hysteresis. */
#ifndef PENRIG_MEASURE_SWEEP_H
#define PENRIG_MEASURE_SWEEP_H

#include <stdbool.h>

#include "rig/measure/result.h"

struct sweep_point {
	double setpoint_mm;
	const struct result
		*depth; /* valid; its budget says which errors the points share: budget_shared(). Borrowed */
	bool upward;    /* reached from a smaller setpoint */
};

/* depth_linearity_mm: largest deviation from the least-squares line through (setpoint, depth), at least 3 setpoints.
 * depth_hysteresis_mm: largest |mean up - mean down| over setpoints visited both ways.
 * Both by largest_of(): errors that all points share cancel as far as they do. Not valid, with a reason, where the sweep
 * has not what they need, or memory is lacking. Returns 2. */
unsigned sweep_results(const struct sweep_point *points, unsigned count, struct result *results);

#endif
