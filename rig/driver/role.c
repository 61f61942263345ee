/* The table of roles. */
#include "rig/driver/role.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const struct role_row rows[ROLES_COUNT] = {
	[ROLE_PEN] = {.name = "pen", .label = "pen", .at_least = 1, .at_most = 1, .verbs = true},
	[ROLE_POWER] = {.name = "power", .label = "power supply", .at_most = 1, .verbs = true},
	[ROLE_STAGE] = {.name = "stage", .label = "stage", .at_most = ROLE_ANY_NUMBER, .verbs = true},
	[ROLE_LOAD_SENSOR] =
		{.name = "load_sensor", .label = "load sensor", .at_least = 1, .at_most = 1, .channels = true},
	[ROLE_DISPLACEMENT] = {.name = "displacement",
			       .label = "displacement sensor",
			       .at_most = ROLE_ANY_NUMBER,
			       .channels = true},
	[ROLE_THERMOMETER] = {.name = "thermometer",
			      .label = "thermometer",
			      .at_most = ROLE_ANY_NUMBER,
			      .channels = true},
	[ROLE_TACHOMETER] = {.name = "tachometer", .label = "tachometer", .at_most = ROLE_ANY_NUMBER, .channels = true},
	[ROLE_CURRENT] = {.name = "current", .label = "current sensor", .at_most = ROLE_ANY_NUMBER, .channels = true},
	[ROLE_REFERENCE] = {.name = "reference",
			    .label = "reference instrument",
			    .at_most = ROLE_ANY_NUMBER,
			    .channels = true},
	[ROLE_IO] = {.name = "io", .label = "input and output device", .at_most = ROLE_ANY_NUMBER, .verbs = true},
};

const struct role_row *role_row(enum device_role role)
{
	assert(role < ROLES_COUNT);
	return &rows[role];
}

int role_find(const char *name, enum device_role *ret)
{
	for (unsigned i = 0; i < ROLES_COUNT; i++) {
		if (strcmp(rows[i].name, name) == 0) {
			*ret = (enum device_role)i;
			return 0;
		}
	}
	return -ENOENT;
}
