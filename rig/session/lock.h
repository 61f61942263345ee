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
/* The same, and what bench_lock_leave() left stays for the next holder. */
void bench_lock_keep(struct bench_lock *lock);

/* What it is held for, and until when, for whoever finds it taken; written with the next bench_lock_leave(). */
void bench_lock_work(struct bench_lock *lock, const char *work);
/* All is in order, and it is held on for this: as if it had been released and taken anew. */
void bench_lock_hold(struct bench_lock *lock, const char *work);
/* One line for the next holder, should this one not come to its release: the second of the lock's file. */
void bench_lock_leave(struct bench_lock *lock, const char *text);
/* What an earlier holder left, which did not come to its release; "" where all was in order. */
const char *bench_lock_left(const struct bench_lock *lock);
/* Whether that may be acted on: 0, or -EPERM where the file is another user's (nor root's), no regular file, or has another
 * name beside this one: anybody may have written it there. */
int bench_lock_trusted(const struct bench_lock *lock, struct err *err);
const char *bench_lock_path(const struct bench_lock *lock);
/* Shared by whoever inherits it: the lock goes when the last of them does. */
int bench_lock_descriptor(const struct bench_lock *lock);

#endif
