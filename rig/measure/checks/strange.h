/* Which pulses are of another shape than the rest: by their residuals, each against the median of those before it. Deeper
 * and shallower strokes have other shapes than the mean one; what of the squares grows so with the distance from the
 * median height is no misfit. Knows heights and residuals in their order, and nothing else. */
#ifndef PENRIG_MEASURE_CHECKS_STRANGE_H
#define PENRIG_MEASURE_CHECKS_STRANGE_H

#include <stdbool.h>

#define STRANGE_KEPT 64

struct strange { /* zero-initialise */
	double square[STRANGE_KEPT], height[STRANGE_KEPT];
	unsigned held, next, fresh; /* strokes kept, where the next one goes, and how many came since the last look */
	bool known;
	double height_median, limit, per_height2, far2; /* of squares; per squared height, and how far that holds */
};

/* The next fitted stroke: its height, the rms of its residual, and that of noise alone, N. True: it is of another shape. */
bool strange_stroke(struct strange *strange, double height_n, double rms_n, double noise_n);

#endif
