/* What crosses from detection to analysis, and on to the second thread where there is one: nothing else does. */
#ifndef PENRIG_MEASURE_POINT_HANDOVER_H
#define PENRIG_MEASURE_POINT_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/measure/point/axis.h"

#define HANDED_MAX 6    /* blocks that wait for analysis */
#define FOUND_MAX  2048 /* candidates in one block: seven times as many as at 0.15 periods apart */
#define FOUND_RING (FOUND_MAX * (HANDED_MAX + 2))

/* What detection takes for a stroke. */
struct candidate {
	double at;      /* instant, local axis */
	double peak_n;  /* bin mean there, raw */
	double swing_n; /* rise before it */
};

#define HOLES_MAX  640 /* between one block handed over and the next */
#define HOLES_RING (HOLES_MAX * (HANDED_MAX + 4))

/* Samples of the force that are the sensor's and not the pen's: they were bridged. Local axis. */
struct hole {
	long from, end; /* one past its last sample */
	bool frozen;    /* the converter stood still; else it was faster than any motion */
};

/* Samples after decimation, each array from local index `base` on. Borrowed. */
struct stretch {
	long base;                 /* a multiple of the block */
	const float *raw;          /* N, as the channel says */
	const float *force;        /* N, the load cell undone; the same array as raw where there is nothing to undo */
	const float *displacement; /* mm; NULL: no such channel */
	const float *bins;         /* means of the force over each bin of the grid, from base / bin on */
};

/* One block to be analysed, as all stood when the block after it had been looked at. What it points at stays, and stays
 * as it is, until analysis has done with this block. */
struct handover {
	long block;   /* its number, from 0: blocks follow each other */
	unsigned len; /* its samples */
	long limit;   /* the samples at hand end there, local axis */
	struct axis axis;
	struct stretch samples;
	const struct candidate *ring; /* of FOUND_RING places; the i-th candidate of the point at i % FOUND_RING */
	uint64_t put;                 /* candidates put in up to here; fewer than FOUND_RING since the block before */
	const struct hole *holes;     /* of HOLES_RING places; as ring */
	uint64_t holes_put;           /* HOLES_MAX at most since the block before */
	bool lost;                    /* there were more than can be put in, at some time */
	double noise_n;               /* rms of one sample's white noise */
	double swing_n;               /* running mean of the rises */
};

#endif
