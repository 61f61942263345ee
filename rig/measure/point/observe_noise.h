/* Feeds the collectors that say how noise acts, what share of a depth is seen, and where a pen changes its speed.
 * Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_OBSERVE_NOISE_H
#define PENRIG_MEASURE_POINT_OBSERVE_NOISE_H

#include "rig/measure/point/analysis.h"

/* As observe_block() and observe_stroke(). */
void observe_noise_block(struct analysis *analysis, const struct span *span);
void observe_noise_stroke(struct analysis *analysis, const struct span *span, const struct pulse_fit *fit);

#endif
