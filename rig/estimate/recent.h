/* The newest samples of the force's stream, as points take them in: what stood still behind one point can be the tare of
 * the next, which is opened only afterwards. */
#ifndef PENRIG_ESTIMATE_RECENT_H
#define PENRIG_ESTIMATE_RECENT_H

#include <stdbool.h>

#include "rig/base/samples.h"

struct recent {
	int32_t *counts; /* owned; NULL: nothing is kept */
	unsigned channels;
	uint32_t room, held; /* frames; `held` of them, without a gap or a flag that speaks against them */
	uint64_t next_index; /* one past the newest */
};

/* Keeps so many frames of that many channels. -ENOMEM. Released in either case. */
int recent_init(struct recent *recent, uint32_t frames, unsigned channels);
void recent_release(struct recent *recent);

/* A block in order of index; one with a gap before it, of other channels, saturated, out of range or without its bar
 * begins anew: what is given out has no flags. */
void recent_take(struct recent *recent, const struct sample_block *block);
/* Whether all from that index on are held, and there are any. */
bool recent_holds(const struct recent *recent, uint64_t first_index);
/* Gives out what is held from *first_index on, at most a block's worth of it, and moves *first_index behind it. False:
 * there is nothing. The counts are borrowed until the next recent_take(). */
bool recent_next(const struct recent *recent, uint64_t *first_index, struct sample_block *ret);

#endif
