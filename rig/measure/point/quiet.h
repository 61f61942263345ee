/* The baseline of a block, from the samples that surely hold no contact. Part of the analysis. */
#ifndef PENRIG_MEASURE_POINT_QUIET_H
#define PENRIG_MEASURE_POINT_QUIET_H

#include "rig/measure/point/analysis.h"

/* Solves baseline and hum over the span, again and again; where too little of it is quiet they stay as predicted. */
void quiet_solve(struct analysis *analysis, const struct span *span, unsigned passes);
/* Fills analysis->flat from the span's start to where strokes of its end reach. */
void quiet_flatten(struct analysis *analysis, const struct span *span);
/* The level that stands when nothing of this block can be used: the last one, or the lowest bin. N. */
double quiet_level(const struct analysis *analysis, const struct span *span);

#endif
