/* Does the baseline follow the level between strokes? Where that jumps (a knock that stays, a hand), a smooth baseline cannot,
 * and the strokes about the jump are measured from a level that is not theirs. */
#ifndef PENRIG_MEASURE_CHECKS_LEVEL_JUMP_H
#define PENRIG_MEASURE_CHECKS_LEVEL_JUMP_H

#include <stdbool.h>
#include <stdint.h>

#define JUMP_KEPT 512

struct level_jump {
	uint64_t gaps;
	double samples;                           /* that the halves are means of, sum over the gaps */
	double before;                            /* of the gap before this one, N */
	double largest;                           /* of the lesser ones of two neighbours, N */
	float kept[JUMP_KEPT], halves[JUMP_KEPT]; /* of a gap, and rms of its two halves */
	float squares[JUMP_KEPT];                 /* mean square of its samples, N^2 */
	unsigned keeps, each;                     /* every each-th gap is kept; doubles when there is no more room */
};

/* What the baseline leaves of the level of a gap, N: of its two halves, each a mean of n samples; mean square of all. */
struct level_gap {
	double first_n, second_n;
	unsigned n;
	double square_n2;
};

/* Zeroed is empty. gap: before a stroke; next: the stroke before it was the one
 * before that gap. */
void level_jump_add(struct level_jump *jump, const struct level_gap *gap, bool next);

struct level_jump_look {
	double largest_n; /* that two neighbouring gaps are off by, at least */
	double usual_n;   /* standard deviation of the gaps, by their median */
};

struct level_jump_look level_jump_look(const struct level_jump *jump);
/* Variance of what moves the force between strokes beyond noise, N^2: 0 where that may be chance. noise_n2: variance of a sample,
 * as means of many have it; white_n2: as single ones have it. */
double level_jump_moved(const struct level_jump *jump, double noise_n2, double white_n2);

#endif
