/* What a fit makes of a stroke's samples, as weights on them, for the template at hand: the parts of the fit that are looked
 * at for themselves. Linear, at the template's own place in time, for the samples nearest to it. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_WEIGHTS_H
#define PENRIG_MEASURE_POINT_WEIGHTS_H

#include <stdbool.h>

#include "rig/measure/point/template.h"

enum weights_of {
	WEIGHTS_HEIGHT,  /* template_blend()'s */
	WEIGHTS_INSTANT, /* times the height */
	WEIGHTS_EVEN,    /* height from every second sample, */
	WEIGHTS_ODD,     /* and from the others */
	WEIGHTS_TOP,     /* polynomial over the cap at the template's maximum, from those of WEIGHTS_ODD */
	WEIGHTS_EDGE,    /* |tau| g' and */
	WEIGHTS_BEND,    /* tau^2 g', each orthogonal to height, instant and width, over its own sum of squares */
	WEIGHTS_FLANK, /* mean force low on both flanks, wherever the instant is; of the template WEIGHTS_FLANK_SHARE */
	WEIGHTS_KINDS
};

#define WEIGHTS_FLANK_SHARE 0.25 /* of the height */

struct weights {
	unsigned room; /* samples that an array holds */
	double *at[WEIGHTS_KINDS];
	double square[WEIGHTS_KINDS]; /* sum of the weights' squares; 0: there are none */
	double shift[2];              /* instant's answer to |tau| g', to tau^2 g', samples */
	unsigned count;               /* samples of a pulse */
	long first;                   /* of them, from the one nearest to tau = 0 */
	unsigned builds;              /* template they belong to, 0: none */
	double width_weight;
};

/* -ENOMEM. Released in either case. */
int weights_init(struct weights *weights, const struct template *template);
void weights_release(struct weights *weights);
void weights_copy(struct weights *to, const struct weights *from); /* as pulse_copy() */
/* For the template as it is now, where it is another than last time. False: there is none. */
bool weights_update(struct weights *weights, const struct template *template);
/* x: the sample nearest to tau = 0. */
double weights_apply(const struct weights *weights, enum weights_of kind, const float *x);
/* Mean square of the same samples. */
double weights_mean_square(const struct weights *weights, const float *x);

#endif
