/* DAQs of LabJack's T series on the network: T4 and T7. */
#ifndef PENRIG_DRIVERS_LABJACK_DEVICE_H
#define PENRIG_DRIVERS_LABJACK_DEVICE_H

#include "rig/driver/driver.h"

extern const struct driver driver_labjack;

#endif
