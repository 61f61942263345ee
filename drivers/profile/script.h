/* A recorded dialogue, played to the driver: the device's side of a line as a file says it, on a clock that stands still
 * between two lines of it. docs/profiles.md has the form. Each case is played twice, with the device's bytes whole and one by
 * one. */
#ifndef PENRIG_DRIVERS_PROFILE_SCRIPT_H
#define PENRIG_DRIVERS_PROFILE_SCRIPT_H

#include "rig/driver/driver.h"

/* As driver_profiles.rehearse. */
int script_rehearse(const struct device_told *told, const char *file, const char *dialogue, size_t len,
		    struct rehearsal *ret, struct err *err);

#endif
