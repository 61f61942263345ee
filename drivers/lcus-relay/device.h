/* The driver of relay boards that are told and say nothing. For the driver table and for tests. */
#ifndef PENRIG_DRIVERS_LCUS_RELAY_DEVICE_H
#define PENRIG_DRIVERS_LCUS_RELAY_DEVICE_H

#include "rig/driver/driver.h"

#define LCUS_TOLD     3                /* times, each order: a frame that noise has damaged is ignored */
#define LCUS_AGAIN_NS (20 * NS_PER_MS) /* between two of them */

extern const struct driver driver_lcus_relay;

#endif
