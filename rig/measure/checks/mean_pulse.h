/* The mean of a window's pulses from shortly before one stroke to the next, before the load cell is undone: four points
 * to a sample, because strokes come at all places between samples. */
#ifndef PENRIG_MEASURE_CHECKS_MEAN_PULSE_H
#define PENRIG_MEASURE_CHECKS_MEAN_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/measure/checks/points.h"

#define MEAN_PULSE_PHASES 4 /* points to a sample */

struct mean_pulse {
	unsigned before, after;              /* samples about the stroke's instant */
	double *sum;                         /* MEAN_PULSE_PHASES rows of before + after + 1 */
	uint64_t strokes[MEAN_PULSE_PHASES]; /* in each row */
	uint64_t offered;
};

/* -ENOMEM. Released in either case. */
int mean_pulse_init(struct mean_pulse *mean, unsigned before, unsigned after);
void mean_pulse_release(struct mean_pulse *mean);
/* Both of the same before and after: `to` becomes what `from` is, in its own memory. */
void mean_pulse_copy(struct mean_pulse *to, const struct mean_pulse *from);

/* Whether the next stroke is one that is added: each of the first ones, then one of eight. Counts it. */
bool mean_pulse_wants(struct mean_pulse *mean);
/* One stretch of samples: as the channel has them, with the load cell undone, and that less its baseline. */
struct mean_source {
	const float *raw, *force, *flat;
	double x0; /* axis place of their first ones, an integer */
};
/* before and after samples about `at`, and one more, lie inside. What is added is raw less the baseline. */
void mean_pulse_add(struct mean_pulse *mean, const struct mean_source *source, double at);
uint64_t mean_pulse_strokes(const struct mean_pulse *mean);

/* Weights of 2 reach + 1 samples that filter what is looked at; NULL: as it is. */
struct mean_filter {
	const double *weight;
	unsigned reach;
};
/* Points from lo to hi, samples about the instant, as far as there are any; neighbours become one where they would be
 * more than POINTS_MAX. */
void mean_pulse_points(const struct mean_pulse *mean, const struct mean_filter *filter, double lo, double hi,
		       struct points *ret);

#endif
