/* One stroke after the other: instant, height, depth. Part of the analysis. */
#ifndef PENRIG_MEASURE_POINT_STROKES_H
#define PENRIG_MEASURE_POINT_STROKES_H

#include "rig/measure/point/analysis.h"

/* Places the candidates of the span while its baseline is not known, so that the gaps between them are, to a sample. */
void strokes_place(struct analysis *analysis, const struct span *span);
/* Takes the first candidate that waits, fits it, tells it, and tallies it if it lies in the window. */
void strokes_next(struct analysis *analysis, const struct span *span);

#endif
