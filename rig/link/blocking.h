/* One call of a library that waits for a device, made on a thread of its own: the loop goes on meanwhile, for a pen may run on
 * another device of the bench. What it comes to arrives in the loop. */
#ifndef PENRIG_LINK_BLOCKING_H
#define PENRIG_LINK_BLOCKING_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/loop.h"

struct blocking;

/* Calls fn(arg) on a thread that takes no signals, and then, once, done(ctx, what it returned) from the loop, before which *ret
 * is freed. `arg` must last as long as the call. -EAGAIN, -ENOMEM: no thread or no memory is to be had; -ENOSPC: no room in the
 * loop; -EMFILE, -ENFILE: no descriptor. */
int blocking_start(struct loop *loop, int (*fn)(void *arg), void *arg, void (*done)(void *ctx, int result), void *ctx,
		   struct blocking **ret);

/* Gives the call up: no done follows. Waits for its end, at most wait_ns of real time. False: it still runs, `arg` is its own for
 * good, and what it has of memory goes when it ends. */
bool blocking_end(struct blocking *blocking, uint64_t wait_ns);

#endif
