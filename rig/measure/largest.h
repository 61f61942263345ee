/* The largest of several absolute values, each known with an error. The largest of what was seen is too large in the mean,
 * by more the more values there are: noise takes part in the choice. */
#ifndef PENRIG_MEASURE_LARGEST_H
#define PENRIG_MEASURE_LARGEST_H

#include <stddef.h>

#define LARGEST_DRAWS 2000

struct largest {
	double value;      /* at which half of the draws have a largest value below the one seen */
	double expanded_u; /* to the farther end of a 95 % interval about it */
};

/* seen: n values. errors: LARGEST_DRAWS rows of n, draws of their joint error, which is as likely with
 * the other sign: each stands for both. Values are taken to have the seen ones'
 * pattern, of another size. The upper end is never below what holds of any pattern: of each value by itself, with 95 %. */
struct largest largest_of(const double *seen, const double *errors, size_t n);

#endif
