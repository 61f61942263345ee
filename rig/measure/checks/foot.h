/* How sharply a force ends where contact ends. A load cell or a filter rounds it off: the area that it adds there, per
 * slope, is half the variance of its impulse response, and that variance is what a smooth top loses by. It needs no
 * ring, and no model of what rounds. docs/method.md, "Model checks", "Load cell". */
#ifndef PENRIG_MEASURE_CHECKS_FOOT_H
#define PENRIG_MEASURE_CHECKS_FOOT_H

#include <stdbool.h>

#include "rig/measure/checks/points.h"
#include "rig/measure/curve.h"

/* Places as in the points, which reach from the flank to the next contact. */
struct foot_question {
	const struct curve *curve;
	double height_n, period; /* samples */
	double settled;          /* from here on there is the level alone */
	double noise_n;          /* white, of a sample */
	double scatter_mm;       /* sd of the depths of the strokes that the points are a mean of */
};

/* A variance and its standard uncertainty from noise, by way of the path: samples^2. */
struct foot_part {
	double variance, u;
};

struct foot {
	bool looked;
	double variance, u_variance; /* of the impulse response, samples^2; negative: it overshoots */
	double lag; /* the variance, if a cell or filter made it: its force is added near the end of contact; else 0 */
	double lag_part; /* the same of the largest part from the beginning on that a cell or filter may have made */
	double slope_n;  /* of the force at the end of contact, N per sample, negative */
	/* The variance by the path alone, and how much more of it one shows that is taken nearer to the top: what rounds the
	 * flank itself. NaN: no such path. */
	struct foot_part low, growth;
	double flank; /* samples from the stroke's instant to the surface */
};

void foot_find(const struct points *points, const struct foot_question *question, struct foot *ret);

#endif
