/* The driver of everything that a profile describes. */
#ifndef PENRIG_DRIVERS_PROFILE_DEVICE_H
#define PENRIG_DRIVERS_PROFILE_DEVICE_H

#include "rig/driver/driver.h"

/* A stroke shows its rate and its depth from this many samples on; what gives fewer measures what stands still. */
#define PROFILE_STROKE_SAMPLES 10

extern const struct driver driver_profile;

#endif
