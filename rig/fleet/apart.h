/* Work that may hang for as long as another computer does not answer, on a thread of its own, while what must not wait goes on. */
#ifndef PENRIG_FLEET_APART_H
#define PENRIG_FLEET_APART_H

#include "rig/fleet/depot.h"

/* fn(job) on another thread; tick meanwhile. 0: it has returned. Else the job is no longer the caller's, and release(job) is called
 * when fn has returned, if ever: the error of tick; -EAGAIN with text where it has not returned for two minutes, or an earlier one
 * has not by now, or there is no thread to be had. One thread alone calls this. */
int apart_run(void (*fn)(void *job), void (*release)(void *job), void *job, const struct depot_tick *tick,
	      struct err *err);

#endif
