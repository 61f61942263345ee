/* The driver of relay boards on USB that answer with HID reports. For the driver table and for tests. */
#ifndef PENRIG_DRIVERS_HID_RELAY_DEVICE_H
#define PENRIG_DRIVERS_HID_RELAY_DEVICE_H

#include "rig/driver/driver.h"

extern const struct driver driver_hid_relay;

#endif
