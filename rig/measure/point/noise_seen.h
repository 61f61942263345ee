/* What is collected of a point's noise and of what its pulses have beyond the template. */
#ifndef PENRIG_MEASURE_POINT_NOISE_SEEN_H
#define PENRIG_MEASURE_POINT_NOISE_SEEN_H

#include "rig/measure/checks/acting_noise.h"
#include "rig/measure/checks/seen_share.h"
#include "rig/measure/checks/speed_change.h"
#include "rig/measure/point/baseline.h"
#include "rig/measure/point/weights.h"

#define TARE_KEPT 16384 /* samples */

struct noise_seen {
	struct weights weights;
	struct acting_noise gap;
	struct seen_share share;
	struct speed_change speed;
	double white_n2;    /* sum of the variance of one sample over the strokes looked at */
	uint64_t white;     /* those */
	double baseline_n2; /* sum over base_lined strokes of the variance that the baseline puts into a height */
	uint64_t baselined;
	struct baseline_sum instant; /* of WEIGHTS_INSTANT */
	unsigned instant_builds;     /* the template it belongs to, 0: none */
	double baseline_instant_n2;  /* sum over the same of what it puts into an instant, times the height's square */
	float tare[TARE_KEPT];       /* the last of it, less baseline and hum */
	unsigned tared;
};

/* Of the tare, by the last weights. */
struct acting_noise noise_seen_tare(const struct noise_seen *seen);

#endif
