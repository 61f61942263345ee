/* What the checks of lift-off, gap and level collect. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_OBSERVE_GAP_H
#define PENRIG_MEASURE_POINT_OBSERVE_GAP_H

#include "rig/measure/point/analysis.h"

/* As observe_block() and observe_stroke(). */
void observe_gap_block(struct analysis *analysis, const struct span *span);
void observe_gap_stroke(struct analysis *analysis, const struct pulse_fit *fit);

#endif
