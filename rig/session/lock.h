/* One process drives one bench: an flock on a file named after the bench's real path, holding the holder's name and
 * pid. */
#ifndef PENRIG_SESSION_LOCK_H
#define PENRIG_SESSION_LOCK_H

#include "rig/base/error.h"

struct bench_lock;

/* -EBUSY: err names who holds it since when. Locks stand in /run/lock, else in /tmp, mode 0666: the same file for every
 * user of the machine. The lock goes with the process; its file stays. -ENOENT: no such bench file. */
int bench_lock_take(const char *bench_path, struct bench_lock **ret, struct err *err);
void bench_lock_release(struct bench_lock *lock);

#endif
