/* Converters of Linux' industrial I/O, over the network: what an iiod serves. */
#ifndef PENRIG_DRIVERS_IIO_DEVICE_H
#define PENRIG_DRIVERS_IIO_DEVICE_H

#include "rig/driver/driver.h"

extern const struct driver driver_iio;

#endif
