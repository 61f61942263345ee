/* A window that begins when rate and depth no longer travel: at which samples behind the start that is looked at, and what is
 * enough. Goes by strokes before the window alone, none of which is measured; docs/method.md, "Settling". */
#ifndef PENRIG_ESTIMATE_SETTLE_H
#define PENRIG_ESTIMATE_SETTLE_H

#include <stdbool.h>

#include "rig/base/samples.h"
#include "rig/config/window.h"
#include "rig/measure/curve.h"
#include "rig/measure/light.h"
#include "rig/measure/travel.h"

#define SETTLE_EVERY_S 0.05 /* of samples, from the shortest time on */

struct settle {
	const struct window *window; /* of the point at hand; NULL: its time is fixed, or nobody asks */
	const struct curve *curve;   /* borrowed; NULL: no stroke has a depth */
	double fs_hz;
	struct light *light; /* owned */
	struct travel travel;
	uint64_t start, next; /* sample before which it is looked at next; UINT64_MAX: it is not looked at */
	bool settled;
	struct travelled last; /* what the newest look found; infinite before the first one */
};

/* For a point of that step, with the force as `light` says. window NULL or without targets, or strokes with too few samples
 * for a light pass: it is never settled before the longest time. curve is borrowed until settle_release(). -ENOMEM. */
int settle_begin(struct settle *settle, const struct window *window, const struct light_config *light,
		 const struct curve *curve);
/* Not settled from then on. */
void settle_release(struct settle *settle);
/* The pen is started at that sample; the window begins, or the pen stops. */
void settle_start(struct settle *settle, uint64_t first_index);
void settle_stop(struct settle *settle);
/* Blocks of the force stream in order, also from before the start. Looks where one is due, however the samples come. */
void settle_feed(struct settle *settle, const struct sample_block *block);

/* Whether all targets are met by what was found. Pure. */
bool settle_met(const struct window *window, const struct travelled *found);

#endif
