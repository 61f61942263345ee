/* Are the tops of the pulses cut off? By a front end that ends below the converter's range, so that no flag says so. Its
 * traces: a histogram of the highest samples that ends in a wall; noise that is gone at the top, where the clip stands
 * behind the noise; tops that stay where they are while hum moves all the rest, where it stands before it. Samples as
 * the channel says, the load cell not undone. Constant memory. */
#ifndef PENRIG_MEASURE_CHECKS_CLIP_H
#define PENRIG_MEASURE_CHECKS_CLIP_H

#include <stdbool.h>
#include <stdint.h>

#define CLIP_BINS        64
#define CLIP_CHANCE      5.0  /* standard deviations that are no chance */
#define CLIP_DENT_MAX    0.04 /* of the height: what the flanks of a round pulse may say too much of its top */
#define CLIP_FLOOR_SHARE 0.01 /* of the samples: of noise above a count few are at the lowest of all */
#define CLIP_TERMS       6
#define CLIP_TOLD                                                                                                      \
	0.15 /* standard uncertainty of how tops follow the baseline, below which it is known whether they do */

/* Counts of the highest samples. Bin i holds samples of bin number highest - i. */
struct clip_wall {
	bool known; /* a sample was counted */
	long highest;
	uint64_t samples[CLIP_BINS];
	uint64_t strokes[CLIP_BINS], last[CLIP_BINS]; /* that reach the bin; the last of them, from 1 */
};

/* How many samples are at the lowest force of them all: between strokes, and in the tare. */
struct clip_floor {
	float lowest_n;
	uint64_t lowest, samples;
};

/* Squares of third differences: white noise of variance v makes 20 v of each. */
struct clip_noise {
	double squares;
	uint64_t n;
};

/* Do the tops follow the baseline? From one stroke to the next one, so that no wear and no drift has a part in it. */
struct clip_follow {
	bool known; /* the stroke before was taken in */
	double top_n, level_n;
	uint64_t n;
	double level2, both, top2; /* sums of products of the steps of both */
	double level4;
};

struct clip { /* zero-initialise */
	double bin_n;
	uint64_t strokes;
	struct clip_follow follow;
	struct clip_wall wall;
	struct clip_floor floor;
	struct clip_noise tare, top, flank;
};

/* The pulse at hand: axis position of its deepest point and width of its support, samples; the baseline under it, hum
 * and all, N. */
struct clip_pulse {
	double peak, width, level_n;
};

/* Samples of a tare, not across its ends. */
void clip_tare(struct clip *clip, const float *x, unsigned n);
/* Samples without contact, of the tare or of a gap. */
void clip_rest(struct clip *clip, const float *x, unsigned n);
/* A stroke of the window. x[0] at axis position x0; the pulse and two samples about it lie inside x. noise_n: rms of one
 * sample, count_n: N per count, both > 0; those of the first stroke stay. Of many strokes one pair of 64 is taken. */
void clip_stroke(struct clip *clip, const float *x, long x0, const struct clip_pulse *pulse, double noise_n,
		 double count_n);

struct clip_verdict {
	double wall,
		wall_most; /* ratio of the end of the histogram, and what a round top may show; NaN: not to be told */
	double noise, noise_least; /* of the top against tare or flank, the larger; and the least that chance leaves */
	double follows,
		follows_u; /* how much of a step of the baseline the tops make, 1 where nothing is cut; its standard
				    * uncertainty; NaN: not to be told */
	double follows_least;
	bool walled, quiet, stays; /* beyond them */
	double end_n;              /* where the wall stands: lower edge of its bin */
	double floor; /* share of the samples without contact at the lowest force of all; NaN: not to be told */
	bool floored;
};
/* count_n, noise_n: as of the strokes. */
void clip_judge(const struct clip *clip, double noise_n, double count_n, struct clip_verdict *ret);

/* What a pulse lacks at its top against a polynomial of sixth degree through its flanks, 0.3 to 0.9 of its height. */
struct clip_dent { /* zero-initialise */
	unsigned n;
	double a[CLIP_TERMS][CLIP_TERMS], b[CLIP_TERMS];
};
/* v: from the top, in half widths; height 1 at the top. */
void clip_dent_add(struct clip_dent *dent, double v, double height);
/* Of the height. noise: rms of one value; its standard uncertainty into ret_u. NaN: too few values. */
double clip_dent_solve(const struct clip_dent *dent, double noise, double *ret_u);

#endif
