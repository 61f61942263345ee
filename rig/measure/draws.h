/* Random numbers for propagations: the same seed gives the same numbers, on every machine alike but for the last bit of
 * log and sqrt. */
#ifndef PENRIG_MEASURE_DRAWS_H
#define PENRIG_MEASURE_DRAWS_H

#include <stdint.h>

struct draws {
	uint64_t s[4];
	double spare; /* the other one of a pair of normal numbers; NaN: none */
};

void draws_seed(struct draws *draws, uint64_t seed);
double draws_uniform(struct draws *draws); /* in (0, 1), never at an end */
double draws_normal(struct draws *draws);  /* mean 0, sd 1 */
double draws_student(struct draws *draws, double dof);
double draws_chi2(struct draws *draws, double dof); /* dof > 0 */

#endif
