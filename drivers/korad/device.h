/* The driver of Korad supplies and their kin. For the driver table and for tests. */
#ifndef PENRIG_DRIVERS_KORAD_DEVICE_H
#define PENRIG_DRIVERS_KORAD_DEVICE_H

#include "rig/driver/driver.h"

#define KORAD_PAUSE_NS                                                                                                 \
	(90 * NS_PER_MS) /* from one request to the next: sooner, it is dropped, or taken for the same one */
#define KORAD_SLOW_NS  (1 * NS_PER_S)   /* a stop takes four requests, behind a reading of two */
#define KORAD_QUIET_NS (20 * NS_PER_MS) /* that ends an answer */

extern const struct driver driver_korad;

#endif
