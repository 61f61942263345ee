/* Do every second values of a series differ from those between? Told by squared steps to the neighbour and to the one
 * behind it, so that a value too many or too few loses no more than itself. */
#ifndef PENRIG_MEASURE_CHECKS_ALTERNATION_H
#define PENRIG_MEASURE_CHECKS_ALTERNATION_H

#include <stdint.h>

struct alternation { /* zero-initialise */
	uint64_t seen;
	double last[2];
	double sum, near, far; /* of the values; of the squared steps over one place, and over two */
};

void alternation_add(struct alternation *alternation, double x);

/* Mean of one kind less that of the other, as a share of the mean of all; 0 where chance explains it. */
double alternation_share(const struct alternation *alternation);

#endif
