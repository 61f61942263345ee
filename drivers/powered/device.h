/* The driver of a pen without a plug of its own: made of a power supply, and of figures that the bench file states. For the
 * driver table and for tests. */
#ifndef PENRIG_DRIVERS_POWERED_DEVICE_H
#define PENRIG_DRIVERS_POWERED_DEVICE_H

#include "rig/driver/driver.h"

#define POWERED_LOW_REL 0.05 /* the supply's volts may be off by so much of what was set, ... */
#define POWERED_LOW_V   0.1  /* ... and this besides */
#define POWERED_TIMER_NS                                                                                               \
	(1 * NS_PER_S)      /* with the first heartbeat after so long it is asked whether the timer is armed */
#define POWERED_LOW_READS 5 /* in a row: a motor that starts draws more for a while */

extern const struct driver driver_powered;

/* The voltage at which the pen makes this rate: straight between two points of the setup, that of the only one whatever the
 * rate. NaN outside of them. Pure. */
double powered_volts(const struct power_setup *setup, double rate_hz);

#endif
