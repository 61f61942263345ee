/* What a device is on a bench: its role. A bench is a list of devices with roles, a driver serves roles, and nothing
 * above the drivers knows a device by its make. Rules that differ from role to role are members of its row. */
#ifndef PENRIG_DRIVER_ROLE_H
#define PENRIG_DRIVER_ROLE_H

#include <stdbool.h>
#include <stdint.h>

enum device_role {
	ROLE_PEN,          /* rate, depth, run, stop, heartbeat, telemetry */
	ROLE_POWER,        /* feeds a pen: on, off, volts, amps */
	ROLE_STAGE,        /* a position: the pen's depth dial, or a calibration stage */
	ROLE_LOAD_SENSOR,  /* force */
	ROLE_DISPLACEMENT, /* the needles' or the phantom's travel */
	ROLE_THERMOMETER,
	ROLE_TACHOMETER,
	ROLE_CURRENT,   /* the pen's supply current, by an instrument of the bench */
	ROLE_REFERENCE, /* a slow, accurate instrument: gauge, indicator, balance */
	ROLE_IO,        /* e-stop, door, foot switch; stack light, lock */
	ROLES_COUNT,
};

/* A set of roles: the ROLE_BITs of its members. */
#define ROLE_BIT(role)  (UINT32_C(1) << (role))

#define ROLE_ANY_NUMBER UINT32_MAX

struct role_row {
	const char *name;           /* in bench and run files: "load_sensor" */
	const char *label;          /* in sentences: "load sensor" */
	uint32_t at_least, at_most; /* devices with this role that one bench has */
	bool channels;              /* its samples feed a run: the driver has stream verbs */
	bool verbs;                 /* it is told what to do: the driver has the role's own table of verbs */
};

/* The row of a role, never NULL. */
const struct role_row *role_row(enum device_role role);

/* By the name of bench files: 0, or -ENOENT. */
int role_find(const char *name, enum device_role *ret);

#endif
