/* The driver of pens that speak docs/protocols/scpi-pen.md: for the driver table and for tests. */
#ifndef PENRIG_DRIVERS_SCPI_PEN_DEVICE_H
#define PENRIG_DRIVERS_SCPI_PEN_DEVICE_H

#include "rig/driver/driver.h"

extern const struct driver driver_scpi_pen;

#endif
