/* Places in a point. Absolute: the sensor's own sample index. Local: samples after decimation, 0 = the first one taken
 * in; all of a point's inside counts so. */
#ifndef PENRIG_MEASURE_POINT_AXIS_H
#define PENRIG_MEASURE_POINT_AXIS_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/measure/point/point.h"

/* How a point's samples are cut, from its configuration: the same for its whole life. */
struct grid {
	unsigned decimation; /* samples averaged into one, at least 1 */
	double fs_hz;        /* after decimation */
	double period;       /* of the commanded rate, samples */
	unsigned bin;        /* samples averaged for detection */
	unsigned block;      /* samples detected and analysed together, a multiple of bin */
};

struct grid grid_of(const struct point_config *config);

struct axis {
	unsigned decimation;
	uint64_t origin;                   /* absolute index of local 0 */
	int64_t phase_start[POINT_PHASES]; /* absolute; INT64_MAX until it begins */
};

void axis_init(struct axis *axis, unsigned decimation);
/* In order; -EINVAL: not after the phases that have begun. */
int axis_begin(struct axis *axis, enum point_phase phase, uint64_t first_index);
bool axis_begun(const struct axis *axis, enum point_phase phase);

/* The sample that holds a local place. */
int64_t axis_absolute(const struct axis *axis, double local);
double axis_local(const struct axis *axis, int64_t absolute);
/* The instant that a local place stands for, as an absolute index with fraction: of averaged samples, their middle. */
double axis_instant(const struct axis *axis, double local);

/* Before any phase has begun it is the tare. */
enum point_phase axis_phase_of(const struct axis *axis, int64_t absolute);
enum point_phase axis_phase_at(const struct axis *axis, double local);

#endif
