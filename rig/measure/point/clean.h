/* Between intake and detection: glitches and frozen stretches of the force are found and bridged by a line, so that
 * detection sees nothing of them; where they were is handed on. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_CLEAN_H
#define PENRIG_MEASURE_POINT_CLEAN_H

#include <stdbool.h>
#include <stddef.h>

#include "rig/measure/checks/glitch.h"
#include "rig/measure/point/axis.h"
#include "rig/measure/point/handover.h"

/* One way to look for them. */
struct watch_for {
	struct glitch_scan scan;
	long open; /* first sample of a glitch that has not ended; -1: none */
	long last; /* its last flag */
};

struct clean {
	unsigned merged;              /* samples: flags nearer than this are of one glitch */
	unsigned chunk;               /* samples */
	unsigned frozen_most;         /* of equal samples in a row: more is no pen whatever the noise */
	long margin;                  /* samples about a chunk that are looked at, too */
	long done;                    /* chunks end here, local axis */
	long same;                    /* samples before `done` that equal the one before it, with it; at least 1 */
	long known;                   /* up to here nothing changes any more */
	unsigned put_here;            /* holes of the chunk at hand */
	struct watch_for sharp, wide; /* single samples; knocks that are short beside a stroke */
	bool both;
	struct glitch_swing swing; /* of the chunk at hand */
	struct hole ring[HOLES_RING];
	uint64_t put;
};

/* count_n: N per count of the samples as they are. */
void clean_init(struct clean *clean, const struct grid *grid, double count_n);
/* force: samples from local index base to end. What is bridged is written into it, behind `known` alone. */
void clean_follow(struct clean *clean, const struct axis *axis, float *force, long base, long end);
/* How many of the newest samples may not be known yet, at most. */
size_t clean_unknown(const struct clean *clean);
/* No sample follows. */
void clean_end(struct clean *clean, const struct axis *axis, float *force, long base, long end);

#endif
