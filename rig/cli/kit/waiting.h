/* Waiting for a bench that is in use. */
#ifndef PENRIG_CLI_KIT_WAITING_H
#define PENRIG_CLI_KIT_WAITING_H

#include "rig/base/error.h"
#include "rig/session/lock.h"

/* Takes the bench's lock, at the latest after so long, behind those who waited before; says on standard error whom it waits
 * for. The caller's, bench_lock_release(). -EBUSY: the time is over, err names who has the bench; else why there can be no
 * lock. */
int bench_wait(const char *bench_path, double seconds, struct bench_lock **ret, struct err *err);

#endif
