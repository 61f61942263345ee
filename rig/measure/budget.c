/* The table of budget lines that points of a run share. */
#include "rig/measure/budget.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *line;
	enum budget_shared shared;
} rows[] = {
	{"calibration", SHARED_BY_RUN},
	{"curve", SHARED_BY_RUN},
	{"depth reference", SHARED_BY_RUN},
	{"temperature", SHARED_BY_RUN},
	{"cell", SHARED_BY_RUN},
	{"bandwidth", SHARED_BY_RUN},
	{"alignment", SHARED_BY_RUN},
	{"cell linearity", SHARED_BY_SETPOINT},
	{"cell drift", SHARED_BY_RUN},
	{"cartridge", SHARED_BY_RUN},
	{"position", SHARED_BY_RUN},
	{"ageing", SHARED_BY_RUN},
	{"needle speed", SHARED_BY_SETPOINT},
	{"phantom temperature", SHARED_BY_RUN},
	{"needle angle", SHARED_BY_RUN},
	{"seating", SHARED_BY_RUN},
	{"curve fit", SHARED_BY_SETPOINT},
};

enum budget_shared budget_shared(const char *line)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].line, line) == 0)
			return rows[i].shared;
	}
	return SHARED_BY_NONE;
}
