/* Is the force between two strokes flat? Two kinds of structure are told apart: one that goes on under the pulse, in
 * step with the strokes, and one that stands in the gap alone. */
#ifndef PENRIG_MEASURE_CHECKS_GAP_SHAPE_H
#define PENRIG_MEASURE_CHECKS_GAP_SHAPE_H

#include <stdbool.h>

#include "rig/measure/checks/period_profile.h"

#define GAP_POINTS_MAX 24
#define GAP_POINTS_MIN 6

struct gap_shape {
	unsigned points;
	double worst_z;      /* of one point against the gap's mean */
	bool in_step;        /* else what is there is a lobe, or nothing */
	double extra_n, s_n; /* in step: what it adds at the deepest point, less what it adds to the level of the gap */
	double range_n;      /* highest less lowest, less what noise makes of that; the true level is in between */
	double lobe_n;       /* height of the lobe that explains most of it */
};

/* points: of the gap, in order, of phases less that of the deepest point (0 to 1), at most GAP_POINTS_MAX. The gap's
 * level less that at rest is step_n, known to step_s_n; INFINITY: not known. */
struct gap_shape gap_shape_look(const struct profile_point *points, unsigned n, double step_n, double step_s_n);

#endif
