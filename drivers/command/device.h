/* The driver of samples without a word about themselves: the output of a program, a FIFO, a device of the kernel. */
#ifndef PENRIG_DRIVERS_COMMAND_DEVICE_H
#define PENRIG_DRIVERS_COMMAND_DEVICE_H

#include "rig/driver/driver.h"

extern const struct driver driver_command;

#endif
