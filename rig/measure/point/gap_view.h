/* What the checks of lift-off, gap and level have in common: the stretch between two strokes as it was collected.
 * Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_GAP_VIEW_H
#define PENRIG_MEASURE_POINT_GAP_VIEW_H

#include "rig/measure/checks/gap_shape.h"
#include "rig/measure/checks/level_series.h"
#include "rig/measure/checks/lift_off.h"
#include "rig/measure/point/model_checks.h"

struct lift_off_look gap_lift_off(const struct account *account, const struct check_scale *scale);

/* The level between strokes less that of tare and rest. */
struct gap_level {
	struct level_step start, stop;
	double d_n, s_n; /* both together; INFINITY: neither is known */
	double step_n;   /* what surely is there of it: the smaller one, where both have the same sign */
	bool known, significant;
};

struct gap_level gap_level(const struct account *account);

/* Is the tare known by measurement, not by somebody's word, to be free of contact? */
bool gap_tare_is_measured(const struct account *account);

#endif
