/* A verb that takes several requests, one after the other, as one: the first that fails ends it. */
#ifndef PENRIG_DRIVER_STEPS_H
#define PENRIG_DRIVER_STEPS_H

#include "rig/driver/dialogue.h"

#define STEPS_MAX 8

struct steps; /* on the heap until its done has run */

struct steps *steps_new(struct dialogue *dialogue, device_done_fn done, void *ctx);
void steps_add(struct steps *steps, int what, double value);
/* At a good end, before done(0). */
void steps_then(struct steps *steps, void (*good)(void *device, unsigned arg), void *device, unsigned arg);

void steps_go(struct steps *steps);   /* submits the first */
void steps_stop(struct steps *steps); /* the first jumps the queue, dialogue_stop() */

#endif
