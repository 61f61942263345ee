/* What relay boards and power supplies on Modbus RTU are asked, docs/protocols/modbus-power.md, as pure functions: families
 * as rows of a table, requests to frames, answers to values. */
#ifndef PENRIG_DRIVERS_MODBUS_POWER_WIRE_H
#define PENRIG_DRIVERS_MODBUS_POWER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/driver/modbus.h"

enum modpower_ask {
	MODPOWER_OFF,
	MODPOWER_IDENTIFY,
	MODPOWER_STATE,
	MODPOWER_ON,
	MODPOWER_PULSE,    /* s: on, and off by itself after so long; again: from then on */
	MODPOWER_SET_AMPS, /* A */
	MODPOWER_SET_VOLTS,
	MODPOWER_SET, /* what is set */
	MODPOWER_ASKS,
};

struct modpower_model {
	uint16_t id;
	const char *name;
	double volts_max_v, amps_max_a;
	double step_v, step_a; /* of what is set and of what is measured */
};

#define MODPOWER_MODELS_MAX 9

struct modpower_family {
	const char *name; /* as a dialect */
	/* By modpower_ask; value and `at` are filled in. function 0: it has no such thing. */
	struct modbus_request request[MODPOWER_ASKS];
	unsigned outputs;                              /* `at` of each follows that of the first */
	uint16_t on, off;                              /* what is written */
	unsigned on_at, volts_at, amps_at;             /* in the answer to MODPOWER_STATE */
	double pulse_step_s, pulse_min_s, pulse_max_s; /* 0: no pulse */
	uint64_t between_ns; /* from one question to the next, at least; an order to stop waits for none */
	struct modpower_model model[MODPOWER_MODELS_MAX]; /* the last has no name; none: it tells no model */
};

extern const struct modpower_family modpower_relay, modpower_riden, modpower_dps;

/* NULL: it is not in the table. */
const struct modpower_model *modpower_model_of(const struct modpower_family *family, uint16_t id);

/* model: NULL where none is needed: for all but SET_AMPS and SET_VOLTS. false: the family has no such request, or not of
 * such a value. output: from 1. */
bool modpower_request(const struct modpower_family *family, const struct modpower_model *model, uint8_t unit,
		      enum modpower_ask ask, unsigned output, double value, struct modbus_request *ret);

struct modpower_state {
	bool on;
	double volts_v, amps_a; /* NaN: it measures none */
};

/* false: neither on nor off. */
bool modpower_read_state(const struct modpower_family *family, const struct modpower_model *model,
			 const struct modbus_answer *answer, struct modpower_state *ret);

#endif
