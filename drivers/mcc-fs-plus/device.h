/* Driver for a load cell on Measurement Computing's USB-1608FS-Plus: eight inputs of 16 bits, sampled at one moment
 * (docs/protocols/mcc-fs-plus.md). */
#ifndef PENRIG_DRIVERS_MCC_FS_PLUS_DEVICE_H
#define PENRIG_DRIVERS_MCC_FS_PLUS_DEVICE_H

#include "rig/driver/driver.h"

extern const struct driver driver_mcc_fs_plus;

#endif
