/* The queue for a bench that is in use: who came first begins first. A place is a lock on one byte of a file beside the
 * bench's own lock (lock.h), which the kernel frees with its holder: nobody waits for a process that is gone, and nothing
 * is left to clear away. */
#ifndef PENRIG_SESSION_QUEUE_H
#define PENRIG_SESSION_QUEUE_H

#include <stdbool.h>

#include "rig/session/lock.h"

struct bench_queue;

/* Sees the queue, and has no place in it yet. make: for who means to join; else *ret is NULL where nobody ever did.
 * -ENOENT: no such bench file; else why its file cannot be opened. */
int bench_queue_new(const char *bench_path, bool make, struct bench_queue **ret, struct err *err);
/* Takes the last place; where it has one, keeps it. -EAGAIN: another process takes one at this moment: ask again. */
int bench_queue_join(struct bench_queue *queue);
/* 0: nobody waits before this one; without a place, nobody waits at all. -EBUSY: err says how many do, and who is next.
 * NULL: nobody waits. */
int bench_queue_turn(const struct bench_queue *queue, const char *bench_path, struct err *err);
/* The bench's lock at once, for whoever has no place: -EBUSY where somebody holds it, or waits for it; else as
 * bench_lock_take(). */
int bench_queue_pass(const char *bench_path, struct bench_lock **ret, struct err *err);
/* Gives the place up. NULL: nothing. */
void bench_queue_free(struct bench_queue *queue);

#endif
