/* Do the needles leave the phantom between strokes? The force about its lowest stretch tells: where they leave it, it is
 * flat, with a kink on either side; where they do not, it is as smooth as the path. */
#ifndef PENRIG_MEASURE_CHECKS_LIFT_OFF_H
#define PENRIG_MEASURE_CHECKS_LIFT_OFF_H

#include <stdbool.h>

#include "rig/measure/checks/period_profile.h"

enum lift_off {
	LIFT_OFF_FLAT,   /* a stretch without force is long enough to be seen as such */
	LIFT_OFF_KINK,   /* it is short, and ends in kinks */
	LIFT_OFF_LOBE,   /* no smooth minimum, but not a flat one either: the gap's structure has to say */
	LIFT_OFF_SMOOTH, /* nothing tells the force from that of needles that never leave */
	LIFT_OFF_UNSEEN, /* too few samples */
};

struct lift_off_look {
	enum lift_off kind;
	double gain;  /* of chi2, by the kinks; NaN: not asked */
	double least; /* what it takes */
	double half;  /* of the stretch without force, as a share of the period, where kinks end it */
};

/* points: from one stroke's flank to the next one's, in order; height_n: of a stroke; middle: a phase in between. */
struct lift_off_look lift_off_look(const struct profile_point *points, unsigned n, double height_n, double middle);

#endif
