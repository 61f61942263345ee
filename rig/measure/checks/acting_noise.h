/* What noise does to a stroke's height and instant, seen where there is no stroke: the same weights on stretches of the
 * tare and of the gaps. White noise of a sample, variance s2, gives a height s2 w'w; other noise gives more or less. */
#ifndef PENRIG_MEASURE_CHECKS_ACTING_NOISE_H
#define PENRIG_MEASURE_CHECKS_ACTING_NOISE_H

#include <stdint.h>

#include "rig/measure/statistics.h"

#define ACTING_LAGS   8
#define ACTING_BEFORE 10.0 /* white stretches, as a prior */

/* One stretch as long as a pulse. N */
struct pseudo_stroke {
	double height_n;  /* w'x / sqrt(w'w): what the height's weights make of it, as if of one sample */
	double instant_n; /* the same with the instant's weights */
	double square_n2; /* mean of its samples' squares */
};

/* zero-initialise */
struct acting_noise {
	struct moments height, instant;
	double square_n2; /* sum */
	/* from one gap to the next */
	uint64_t last;                                   /* number of the stroke whose gap came last */
	unsigned known;                                  /* of history, gaps in a row */
	double history[ACTING_LAGS], cross[ACTING_LAGS]; /* deviations from the first one's height; sums of products */
	uint64_t pairs[ACTING_LAGS];
};

void acting_noise_add(struct acting_noise *noise, const struct pseudo_stroke *stretch);
/* The same of the gap before this stroke, in order of number: also how it resembles those before it. */
void acting_noise_gap(struct acting_noise *noise, uint64_t stroke, const struct pseudo_stroke *stretch);

/* As shares of what white noise would do. */
struct acting_shares {
	double height;  /* variance of a height */
	double instant; /* variance of an instant, against the mean square of the same samples */
	double mean;    /* variance of a mean of heights, against that of independent ones */
	double n;       /* stretches behind them, with those ten */
};

/* white_n2: variance of a sample by its third differences; taken_n2: sum over all stretches of what the baseline, fitted to the
 * same samples, took from the variance of a height. Ten white stretches are taken as known before. All 1 where none was
 * seen. */
struct acting_shares acting_noise_shares(const struct acting_noise *tare, const struct acting_noise *gap,
					 double white_n2, double taken_n2);

#endif
