/* Shows the model checks what analysis has at hand. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_OBSERVE_H
#define PENRIG_MEASURE_POINT_OBSERVE_H

#include "rig/measure/point/analysis.h"

/* A block whose baseline is solved and which is flattened; its strokes are still to be fitted. */
void observe_block(struct analysis *analysis, const struct span *span);
/* A stroke of the window that was fitted, in order. */
void observe_stroke(struct analysis *analysis, const struct span *span, const struct pulse_fit *fit);
/* A stroke of the window, fitted or not, in order: what is tallied of it, and how long after the one before it. */
void observe_tallied(struct analysis *analysis, const struct tallied *stroke, double interval);
/* The depth of a fitted stroke before the window, in order; mm. */
void observe_before(struct analysis *analysis, double depth_mm);

#endif
