/* Depths by the curve at the rate that was run. Each stroke is turned into depth by the curve at the commanded rate, when it
 * comes; what the rate is stands only when all have come. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_ACTUAL_RATE_H
#define PENRIG_MEASURE_POINT_ACTUAL_RATE_H

#include "rig/measure/point/summary.h"

struct actual_rate {
	struct moments seen; /* depths of the window, mm */
	double max_mm;
	double scale; /* of small differences of depth, against those by the curve at the commanded rate */
};

/* As at the commanded rate where the rates of the curve are not known. */
void actual_rate(const struct account *account, struct actual_rate *ret);
/* Standard uncertainty of depths for the curve not having been calibrated at that rate, mm. */
double actual_rate_u(const struct account *account);
/* The curves hold at the rate that was run, or one near it. */
bool actual_rate_covered(const struct account *account);

#endif
