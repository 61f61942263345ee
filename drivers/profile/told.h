/* What a bench says of a device beside its profile: whether the two fit, and the channels that follow. */
#ifndef PENRIG_DRIVERS_PROFILE_TOLD_H
#define PENRIG_DRIVERS_PROFILE_TOLD_H

#include "drivers/profile/profile.h"
#include "rig/driver/driver.h"

/* The profile of `told`, read: 0 and *ret, or the errors of driver_profiles.check. */
int told_load(const struct device_told *told, struct profile **ret, struct err *err);

/* Whether it fits: roles, unit, g, sites, rate. -EINVAL. */
int told_check(const struct device_told *told, const struct profile *profile, struct err *err);

/* Whether readings come by the stream (true) or are asked for one by one, and how many a second. Of what told_check() let
 * pass. */
bool told_streams(const struct device_told *told, const struct profile *profile, double *ret_rate_hz);

/* One channel for each value of a reading; *ret_factor makes the channel's unit of the profile's. Returns how many. */
unsigned told_channels(const struct device_told *told, const struct profile *profile, struct channel *ret,
		       double *ret_factor);

#endif
