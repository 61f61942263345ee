/* Folds strokes for the checks that look at the pulse's shape. Part of observe.c. */
#ifndef PENRIG_MEASURE_POINT_OBSERVE_MEAN_H
#define PENRIG_MEASURE_POINT_OBSERVE_MEAN_H

#include "rig/measure/point/analysis.h"

/* With the template's room known. -ENOMEM. Released in either case. */
int observe_mean_init(struct analysis *analysis);
void observe_mean_release(struct analysis *analysis);
/* A stroke of the window that was fitted. */
void observe_mean_stroke(struct analysis *analysis, const struct span *span, const struct pulse_fit *fit);

#endif
