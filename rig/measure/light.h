/* The light pass: strokes by bin sums and a least-squares parabola on each cap, for a quick look at long recordings.
 * Knows no template, hum, resonance or uncertainty; what it yields is never judged. All sums are integers, so every
 * compiler, CPU class and cut into blocks gives the same bits. */
#ifndef PENRIG_MEASURE_LIGHT_H
#define PENRIG_MEASURE_LIGHT_H

#include <stdint.h>

#include "rig/base/samples.h"

struct light_config {
	double fs_hz;         /* > 0 */
	double rate_set_hz;   /* commanded; at least 10 samples per stroke, at most 65 536 */
	unsigned position;    /* of the force channel in a frame, below CHANNELS_MAX */
	double scale, offset; /* N = offset + scale * count; scale not 0 */
	unsigned bits;        /* of a count, 1 to 32; what is finer than 24 bits is left out */
	double noise_n;       /* rms of one sample, as declared; 0 = unknown. Swings below 12 times a bin's noise are no
				 strokes */
	double swing_n;       /* nor are smaller ones than this; 0 = unknown */
};

struct light_stroke {
	double instant;  /* of the vertex, absolute sample index with fraction */
	double peak_n;   /* force at the vertex */
	double height_n; /* above the middle between this stroke and the one before it; NaN for the first and after a
			    gap */
};

/* Means are over what has been fitted. A fit fails where the cap is not an arch: counted as a stroke all the same. */
struct light_summary {
	uint64_t samples, strokes, unfitted, gaps;
	double rate_hz; /* strokes from the first to the last fitted one, over the time between without gaps; NaN: none */
	double peak_n, height_n, height_sd_n, height_max_n; /* NaN where there is none */
};

struct light;

/* -EINVAL: a value out of its range; -ENOMEM. */
int light_new(const struct light_config *config, struct light **ret);

/* NULL is fine. */
void light_free(struct light *light);

/* Borrowed stroke, fitted ones only, in order; called from light_feed() and light_finish(). */
void light_on_stroke(struct light *light, void (*fn)(void *ctx, const struct light_stroke *stroke), void *ctx);

/* Blocks of the force stream in order of index; samples fed before are passed over, after a gap it begins anew. */
void light_feed(struct light *light, const struct sample_block *block);

/* Once, at the end. */
void light_finish(struct light *light, struct light_summary *ret);

#endif
