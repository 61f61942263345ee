/* The driver of load sensors that speak docs/protocols/load-stream.md: for the driver table and for tests. */
#ifndef PENRIG_DRIVERS_LOAD_STREAM_DEVICE_H
#define PENRIG_DRIVERS_LOAD_STREAM_DEVICE_H

#include "rig/driver/driver.h"

extern const struct driver driver_load_stream;

#endif
