/* The force between two deepest points, folded stroke upon stroke: where it lies in the period, its mean, and how well
 * that is known from the scatter of the strokes themselves, so that whatever noise there is counts as it acts. */
#ifndef PENRIG_MEASURE_CHECKS_PERIOD_PROFILE_H
#define PENRIG_MEASURE_CHECKS_PERIOD_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#define PROFILE_BINS 192

/* Sums over the strokes folded; n and s: samples of one stroke in one bin, and their sum. */
struct period_profile {
	uint64_t seen, folded;
	double n[PROFILE_BINS], s[PROFILE_BINS], ss[PROFILE_BINS], ns[PROFILE_BINS], nn[PROFILE_BINS];
};

/* Is the next stroke one of those to fold? All at first, later fewer and fewer. Call once for each stroke. */
bool period_profile_wants(struct period_profile *profile);
/* The samples between two deepest points, at places from and to on the axis on which x[0] is at x0; of phases lo to hi,
 * 0 to 1, all of which must be there. */
void period_profile_add(struct period_profile *profile, const float *x, long x0, double from, double to,
			const double phase[2]);

struct profile_point {
	double phase; /* 0 to 1, from one deepest point to the next */
	double y, u;  /* N: mean, and its standard uncertainty */
};

/* The bins that lie between two phases, in order; returns how many, at most PROFILE_BINS. Bins that few strokes reached
 * are left out. */
unsigned period_profile_points(const struct period_profile *profile, double lo, double hi, struct profile_point *ret);
/* n points joined to at most `most`, neighbours with each other. */
unsigned profile_join(struct profile_point *points, unsigned n, unsigned most);

#endif
