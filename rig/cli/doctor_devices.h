/* The devices of a bench, as `penrig doctor` looks at them: found, looked at from outside, opened and asked who they are. */
#ifndef PENRIG_CLI_DOCTOR_DEVICES_H
#define PENRIG_CLI_DOCTOR_DEVICES_H

#include "rig/cli/cli.h"
#include "rig/config/bench.h"
#include "rig/system/diagnosis.h"

struct doctor {
	const struct cli_tables *tables;
	const struct bench *bench;
	const char *root;   /* as in rig/system/port.h */
	const char *dut;    /* which pen; NULL: whichever of this bench's kind is plugged in */
	bool modem_manager; /* it runs */
	struct diagnoses *findings;
};

/* open: they are opened, too, one after the other. A pen is ordered off with that, and never run. */
void doctor_devices(const struct doctor *doctor, bool open);

#endif
