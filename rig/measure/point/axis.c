/* The sensor's axis, a point's own, and the phases on them. */
#include "rig/measure/point/axis.h"

#include <errno.h>
#include <math.h>

#define PERIOD_MAX     4096.0 /* samples; above, samples are averaged in groups */
#define BLOCK_S        0.5
#define BLOCK_PERIODS  36.0
#define BINS_PER_CYCLE 24.0
#define BIN_MAX        64.0

struct grid grid_of(const struct point_config *config)
{
	struct grid grid = {.decimation = (unsigned)fmax(1.0, ceil(config->fs_hz / config->rate_set_hz / PERIOD_MAX))};

	grid.fs_hz = config->fs_hz / grid.decimation;
	grid.period = grid.fs_hz / config->rate_set_hz;
	grid.bin = (unsigned)fmax(1.0, fmin(BIN_MAX, floor(grid.period / BINS_PER_CYCLE)));
	grid.block = (unsigned)ceil(fmax(BLOCK_S * grid.fs_hz, BLOCK_PERIODS * grid.period) / grid.bin) * grid.bin;
	return grid;
}

void axis_init(struct axis *axis, unsigned decimation)
{
	*axis = (struct axis){.decimation = decimation};
	for (unsigned i = 0; i < POINT_PHASES; i++)
		axis->phase_start[i] = INT64_MAX;
}

int axis_begin(struct axis *axis, enum point_phase phase, uint64_t first_index)
{
	if ((unsigned)phase >= POINT_PHASES || first_index > INT64_MAX - 1)
		return -EINVAL;
	for (unsigned i = 0; i < POINT_PHASES; i++) {
		if (axis->phase_start[i] == INT64_MAX)
			continue;
		if (i >= (unsigned)phase || (uint64_t)axis->phase_start[i] > first_index)
			return -EINVAL;
	}
	axis->phase_start[phase] = (int64_t)first_index;
	return 0;
}

bool axis_begun(const struct axis *axis, enum point_phase phase)
{
	return axis->phase_start[phase] != INT64_MAX;
}

int64_t axis_absolute(const struct axis *axis, double local)
{
	return (int64_t)axis->origin + (int64_t)(local * axis->decimation);
}

double axis_local(const struct axis *axis, int64_t absolute)
{
	return (double)(absolute - (int64_t)axis->origin) / axis->decimation;
}

double axis_instant(const struct axis *axis, double local)
{
	return (double)axis->origin + (local + 0.5) * axis->decimation - 0.5;
}

enum point_phase axis_phase_of(const struct axis *axis, int64_t absolute)
{
	for (unsigned i = POINT_PHASES; i-- > 0;) {
		if (absolute >= axis->phase_start[i])
			return (enum point_phase)i;
	}
	return POINT_TARE;
}

enum point_phase axis_phase_at(const struct axis *axis, double local)
{
	return axis_phase_of(axis, axis_absolute(axis, local));
}
