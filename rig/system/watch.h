/* What is plugged in and pulled out, as the kernel and udev tell it. */
#ifndef PENRIG_SYSTEM_WATCH_H
#define PENRIG_SYSTEM_WATCH_H

#include "rig/base/error.h"

/* A descriptor for system_watch_wait(), the caller's to close; -errno, with what keeps it from being had. */
int system_watch_open(struct err *err);

/* Waits until something has changed and 0.3 s of quiet have passed: udev names a device step by step. 0; -errno where
 * nothing more can be heard (-EINTR: a signal came). */
int system_watch_wait(int fd);

#endif
