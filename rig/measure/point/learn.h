/* The template, learned from strokes at hand. Part of the analysis. */
#ifndef PENRIG_MEASURE_POINT_LEARN_H
#define PENRIG_MEASURE_POINT_LEARN_H

#include "rig/measure/point/analysis.h"

#define LEARN_STROKES_MIN 16

/* Learns where the block asks for it: a template is wanted and there is none, or the window begins at hand. */
void learn_block(struct analysis *analysis, const struct span *span);

#endif
