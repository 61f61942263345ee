/* The holes of the force that analysis still has to do with: those about its block. Part of the analysis. */
#ifndef PENRIG_MEASURE_POINT_HOLES_H
#define PENRIG_MEASURE_POINT_HOLES_H

#include "rig/measure/point/analysis.h"

/* Takes over what was handed over. */
void holes_take(struct analysis *analysis);
/* Whether one has a sample in common with the pulse of a stroke at this place, local axis. */
bool holes_touch(const struct analysis *analysis, double at);
/* Tells the tally of those of the window that begin before this place and were not told yet. */
void holes_tell(struct analysis *analysis, double until);
/* Forgets those that end before this place. */
void holes_drop(struct analysis *analysis, long before);

#endif
