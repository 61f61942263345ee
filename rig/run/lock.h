/* One process drives one bench: an flock on a file named after the bench's real path, holding the holder's name and pid. */
#ifndef PENRIG_RUN_LOCK_H
#define PENRIG_RUN_LOCK_H

#include "rig/base/error.h"

struct bench_lock;

/* -EBUSY: err names who holds it since when. Locks stand in $XDG_RUNTIME_DIR/penrig, /run/lock or /tmp, per user-independent
 * bench path, mode 0666. The lock goes with the process. */
int bench_lock_take(const char *bench_path, struct bench_lock **ret, struct err *err);
void bench_lock_release(struct bench_lock *lock);

#endif
