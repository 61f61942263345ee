/* Every driver of the product, in the order in which `penrig list` asks them. A new driver is one line here. */
#include <stddef.h>

#include "drivers/command/device.h"
#include "drivers/grbl/device.h"
#include "drivers/hid-relay/device.h"
#include "drivers/hid-scale/device.h"
#include "drivers/iio/device.h"
#include "drivers/inputs/device.h"
#include "drivers/korad/device.h"
#include "drivers/labjack/device.h"
#include "drivers/lcus-relay/device.h"
#include "drivers/load-stream/device.h"
#include "drivers/mcc-fs-plus/device.h"
#include "drivers/modbus-power/device.h"
#include "drivers/powered/device.h"
#include "drivers/profile/device.h"
#include "drivers/scpi-pen/device.h"
#include "drivers/scpi-power/device.h"

/* clang-format off */
const struct driver *const driver_table[] = {
	&driver_scpi_pen, &driver_load_stream, &driver_profile, &driver_powered, &driver_scpi_power,
	&driver_command,  &driver_hid_relay, &driver_lcus_relay,  &driver_modbus_relay, &driver_riden, &driver_dps, &driver_korad,
	&driver_labjack,  &driver_mcc_fs_plus, &driver_iio, &driver_grbl, &driver_hid_scale,
	&driver_serial_inputs, &driver_modbus_inputs, &driver_scpi_inputs,
	NULL,
};
/* clang-format on */
