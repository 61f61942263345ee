/* Within what a point's live figures are expected, by the limits that its results will be judged by. For showing: only the
 * results themselves are judged. */
#ifndef PENRIG_CONFIG_LIVE_H
#define PENRIG_CONFIG_LIVE_H

#include "rig/config/plan.h"

struct live_band { /* -INFINITY, INFINITY where no limit says */
	double lower, upper;
};

struct live_limits {
	struct live_band rate_hz, depth_mm;
};

/* The narrowest that the point's limits leave of each; what a measurand's limit means for a live figure is a member of its
 * row (measure/measurand.h). */
void live_limits(const struct plan *plan, const struct plan_point *point, struct live_limits *ret);

#endif
