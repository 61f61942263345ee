/* A stage behind a GRBL 1.1 controller: what turns a pen's depth dial. */
#ifndef PENRIG_DRIVERS_GRBL_DEVICE_H
#define PENRIG_DRIVERS_GRBL_DEVICE_H

#include "rig/driver/driver.h"

extern const struct driver driver_grbl;

#endif
