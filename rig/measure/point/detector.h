/* Finds strokes: alternating extremes of bin means that differ by a hysteresis. Needs no baseline, hence works without
 * gaps, through drift and with a needle parked in the phantom. Precision is not its business. */
#ifndef PENRIG_MEASURE_POINT_DETECTOR_H
#define PENRIG_MEASURE_POINT_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/measure/point/axis.h"
#include "rig/measure/point/handover.h"

struct detector {
	struct grid grid;
	float *bins;    /* means of the force, of the blocks held */
	long room;      /* for so many of them */
	long first_bin; /* number of bins[0] */
	long blocks;    /* looked at so far */
	long from_bin;  /* bins before it are not looked at: those of the two blocks before this one are always held */

	/* between two extremes */
	bool rising;
	double extreme, low;
	long extreme_bin;

	/* what a rise is held against */
	double swing_n;      /* running mean of the rises */
	double tare_swing_n; /* largest in the tare: no needle makes it */
	double expected_n;   /* of a stroke at the set depth; 0: unknown */
	double noise_n;      /* rms of one raw sample's white noise, smoothed over blocks */

	uint64_t found;
	double last_at, before_at;         /* the newest two, local axis; NaN before there are any */
	struct candidate ring[FOUND_RING]; /* of the block at hand, and of those not yet analysed */
	uint64_t put;                      /* candidates ever put into the ring */
	unsigned put_here;                 /* of this block */
	bool lost;                         /* there were more in a block than FOUND_MAX */
};

/* samples: room for the bins of as many. -ENOMEM. Released in either case. */
int detector_init(struct detector *detector, const struct grid *grid, double expected_n, size_t samples);
void detector_release(struct detector *detector);
/* Both made for as many samples: `to` becomes what `from` is, in its own memory. */
void detector_copy(struct detector *to, const struct detector *from, size_t samples);

/* The next block, len samples of it; fewer than the grid's only at the end. force and raw as in struct stretch, from
 * the block's first sample on. */
void detector_look(struct detector *detector, const struct axis *axis, const float *force, const float *raw,
		   unsigned len);
/* Forgets bins that lie before local index base, a multiple of the block. */
void detector_drop(struct detector *detector, long base);

#endif
