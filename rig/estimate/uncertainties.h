/* The standard uncertainties that all strokes of a point share, from the files of bench and phantom. Internal to
 * estimate/. */
#ifndef PENRIG_ESTIMATE_UNCERTAINTIES_H
#define PENRIG_ESTIMATE_UNCERTAINTIES_H

#include "rig/config/bench.h"
#include "rig/measure/point/point.h"

/* Of the bench: its load cell, cartridge, seating and angle of the needles. wall_ns: of the point's start, by which a
 * certificate has an age. */
void uncertainties_of_bench(const struct bench *bench, uint64_t wall_ns, struct point_uncertainties *ret);
/* Of a phantom, but for its temperature. */
void uncertainties_of_phantom(const struct phantom *phantom, uint64_t wall_ns, struct point_uncertainties *ret);

#endif
