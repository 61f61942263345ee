/* The drivers of relay boards and power supplies on Modbus RTU. For the driver table and for tests. */
#ifndef PENRIG_DRIVERS_MODBUS_POWER_DEVICE_H
#define PENRIG_DRIVERS_MODBUS_POWER_DEVICE_H

#include "rig/driver/driver.h"

#define MODPOWER_REPLY_NS (100 * NS_PER_MS) /* an answer is overdue then, and dropped for as long again */

/* A pulse that is fed later than so much before its end is not: what is written then may come behind it, and would switch the
 * pen on again. */
#define MODPOWER_FEED_MARGIN_NS (100 * NS_PER_MS)

extern const struct driver driver_modbus_relay, driver_riden, driver_dps;

#endif
