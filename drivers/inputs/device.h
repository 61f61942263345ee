/* Drivers of devices with safety inputs (rig/driver/inputs.h): the control lines of a serial port, the discrete inputs of a
 * Modbus module, and what an instrument answers to a query of the bench file's. */
#ifndef PENRIG_DRIVERS_INPUTS_DEVICE_H
#define PENRIG_DRIVERS_INPUTS_DEVICE_H

#include "rig/driver/driver.h"

extern const struct driver driver_serial_inputs, driver_modbus_inputs, driver_scpi_inputs;

/* An answer to the query as a whole number, behind the query's own response header or none: as ieee488_uint() of
 * rig/driver/ieee488.h, or ON and OFF; at most 65535. false: it is none. */
bool inputs_read_number(const char *query, const char *text, uint32_t *ret);

#endif
