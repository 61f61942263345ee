/* A scale on USB that is a HID: a reference for what rests on it. docs/benches.md. */
#ifndef PENRIG_DRIVERS_HID_SCALE_DEVICE_H
#define PENRIG_DRIVERS_HID_SCALE_DEVICE_H

#include "rig/driver/driver.h"

extern const struct driver driver_hid_scale;

#endif
