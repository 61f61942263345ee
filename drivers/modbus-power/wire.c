/* The families. Registers and coils count from 0, as they stand on the wire. */
#include "drivers/modbus-power/wire.h"

#include <math.h>
#include <string.h>

/* "Modbus RTU Relay" by Waveshare, and boards of its map. */
const struct modpower_family modpower_relay = {
	.name = "modbus-relay",
	.request = {[MODPOWER_OFF] = {.function = MODBUS_WRITE_COIL},
		    [MODPOWER_ON] = {.function = MODBUS_WRITE_COIL},
		    [MODPOWER_PULSE] = {.function = MODBUS_WRITE_COIL, .at = 0x0200},
		    [MODPOWER_STATE] = {.function = MODBUS_READ_COILS, .count = 1}},
	.outputs = 8,
	.on = 0xFF00,
	.pulse_step_s = 0.1,
	.pulse_min_s = 0.3,
	.pulse_max_s = 3276.7,
};

const struct modpower_family modpower_riden = {
	.name = "riden",
	.request = {[MODPOWER_OFF] = {.function = MODBUS_WRITE_REGISTERS, .at = 18},
		    [MODPOWER_ON] = {.function = MODBUS_WRITE_REGISTERS, .at = 18},
		    [MODPOWER_IDENTIFY] = {.function = MODBUS_READ_HOLDING, .at = 0, .count = 4},
		    [MODPOWER_STATE] = {.function = MODBUS_READ_HOLDING, .at = 8, .count = 11},
		    [MODPOWER_SET_VOLTS] = {.function = MODBUS_WRITE_REGISTERS, .at = 8},
		    [MODPOWER_SET_AMPS] = {.function = MODBUS_WRITE_REGISTERS, .at = 9},
		    [MODPOWER_SET] = {.function = MODBUS_READ_HOLDING, .at = 8, .count = 2}},
	.outputs = 1,
	.on = 1,
	.on_at = 10,
	.volts_at = 2,
	.amps_at = 3,
	.between_ns = 100000000,
	.model = {{60061, "RD6006", 60, 6, 0.01, 0.001},
		  {60062, "RD6006", 60, 6, 0.01, 0.001},
		  {60065, "RD6006P", 60, 6, 0.001, 0.0001},
		  {60121, "RD6012", 60, 12, 0.01, 0.01},
		  {60181, "RD6018", 60, 18, 0.01, 0.01},
		  {60241, "RD6024", 60, 24, 0.01, 0.01},
		  {.name = NULL}},
};

const struct modpower_family modpower_dps = {
	.name = "dps",
	.request = {[MODPOWER_OFF] = {.function = MODBUS_WRITE_REGISTERS, .at = 9},
		    [MODPOWER_ON] = {.function = MODBUS_WRITE_REGISTERS, .at = 9},
		    [MODPOWER_IDENTIFY] = {.function = MODBUS_READ_HOLDING, .at = 0x0B, .count = 2},
		    [MODPOWER_STATE] = {.function = MODBUS_READ_HOLDING, .at = 0, .count = 10},
		    [MODPOWER_SET_VOLTS] = {.function = MODBUS_WRITE_REGISTERS, .at = 0},
		    [MODPOWER_SET_AMPS] = {.function = MODBUS_WRITE_REGISTERS, .at = 1},
		    [MODPOWER_SET] = {.function = MODBUS_READ_HOLDING, .at = 0, .count = 2}},
	.outputs = 1,
	.on = 1,
	.on_at = 9,
	.volts_at = 2,
	.amps_at = 3,
	.between_ns = 100000000,
	.model = {{3005, "DPS3005", 30, 5, 0.01, 0.001},
		  {5005, "DPS5005", 50, 5, 0.01, 0.001},
		  {5205, "DPH5005", 50, 5, 0.01, 0.001},
		  {5015, "DPS5015", 50, 15, 0.01, 0.01},
		  {5020, "DPS5020", 50, 20, 0.01, 0.01},
		  {8005, "DPS8005", 80, 5, 0.01, 0.001},
		  {.name = NULL}},
};

const struct modpower_model *modpower_model_of(const struct modpower_family *family, uint16_t id)
{
	for (const struct modpower_model *model = family->model; model->name; model++)
		if (model->id == id)
			return model;
	return NULL;
}

/* Rounded, never cut off: 3.3 / 0.01 is less than 330. */
static bool in_steps(double value, double step, double most, uint16_t *ret)
{
	double steps = round(value / step);

	if (!(value >= 0 && value <= most && steps <= UINT16_MAX))
		return false;
	*ret = (uint16_t)steps;
	return true;
}

static bool pulse(const struct modpower_family *family, double s, uint16_t *ret)
{
	return family->pulse_step_s > 0 && s >= family->pulse_min_s &&
	       in_steps(s, family->pulse_step_s, family->pulse_max_s, ret) &&
	       fabs(*ret * family->pulse_step_s - s) < 1e-6;
}

bool modpower_request(const struct modpower_family *family, const struct modpower_model *model, uint8_t unit,
		      enum modpower_ask ask, unsigned output, double value, struct modbus_request *ret)
{
	struct modbus_request request = family->request[ask];

	if (!request.function || output < 1 || output > family->outputs)
		return false;
	request.unit = unit;
	request.at = (uint16_t)(request.at + output - 1);
	switch (ask) {
	case MODPOWER_OFF: request.value = family->off; break;
	case MODPOWER_ON: request.value = family->on; break;
	case MODPOWER_PULSE:
		if (!pulse(family, value, &request.value))
			return false;
		break;
	case MODPOWER_SET_AMPS:
		if (!model || !in_steps(value, model->step_a, model->amps_max_a, &request.value))
			return false;
		break;
	case MODPOWER_SET_VOLTS:
		if (!model || !in_steps(value, model->step_v, model->volts_max_v, &request.value))
			return false;
		break;
	case MODPOWER_IDENTIFY:
	case MODPOWER_STATE:
	case MODPOWER_SET:
	case MODPOWER_ASKS: break;
	}
	*ret = request;
	return true;
}

bool modpower_read_state(const struct modpower_family *family, const struct modpower_model *model,
			 const struct modbus_answer *answer, struct modpower_state *ret)
{
	uint16_t on = answer->value[family->on_at];

	if (answer->count != family->request[MODPOWER_STATE].count || on > 1)
		return false;
	*ret = (struct modpower_state){.on = on, .volts_v = NAN, .amps_a = NAN};
	if (model) {
		ret->volts_v = answer->value[family->volts_at] * model->step_v;
		ret->amps_a = answer->value[family->amps_at] * model->step_a;
	}
	return true;
}
