/* The driver of power supplies that speak SCPI, docs/protocols/scpi-power.md: for the driver table and for tests. */
#ifndef PENRIG_DRIVERS_SCPI_POWER_DEVICE_H
#define PENRIG_DRIVERS_SCPI_POWER_DEVICE_H

#include "rig/driver/driver.h"

extern const struct driver driver_scpi_power;

#endif
