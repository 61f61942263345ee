/* The ring of a load cell that was let go: a decaying oscillation behind a contact. docs/method.md, "Model checks",
 * "Load cell". */
#ifndef PENRIG_MEASURE_CHECKS_RING_H
#define PENRIG_MEASURE_CHECKS_RING_H

#include <stdbool.h>

#include "rig/measure/checks/points.h"

struct ring_question {
	double noise_n; /* white noise of a sample */
	double slope_n; /* of the force where contact ends, N per sample: what lets the cell go */
};

struct ring {
	bool looked;   /* there was room for one */
	bool seen;     /* a ring, and that of something that the end of contact lets go */
	double cycles; /* natural frequency, per sample */
	double damping;
	double amplitude_n;             /* at the first point */
	double z;                       /* its energy in standard deviations */
	double rest;                    /* share of the structure that it does not explain */
	double u_cycles_rel, u_damping; /* standard uncertainties */
	unsigned n;                     /* points */
	double excess_sd;               /* sd of what is left, of what white noise would leave */
};

/* Points from the end of contact to the beginning of the next. */
void ring_find(const struct points *behind, const struct ring_question *question, struct ring *ret);

#endif
