/* A quick look at a run file: every point's window through the light pass, one walk over the force stream. Never
 * judged, nothing is compared with what the run stored; the full road is replay.h. */
#ifndef PENRIG_OFFLINE_QUICK_H
#define PENRIG_OFFLINE_QUICK_H

#include "rig/measure/light.h"
#include "rig/offline/replay.h"

struct quick_point {
	const struct record_point *point; /* borrowed; every attempt that has a window */
	struct light_summary light;
	double depth_mm; /* of the mean height by the phantom's curve; NaN: outside it */
};

/* Calls fn for each point in order, on a thread of its own. 0; -EBADMSG, -ENOMEM ... with text. Memory does not grow
 * with the run. */
int quick_look(struct runfile_reader *reader, const struct record *record, const struct replay_inputs *inputs,
	       void (*fn)(void *ctx, const struct quick_point *point), void *ctx, struct err *err);

#endif
