/* What is plugged in: each device under a name that no other has, what could drive it, and its entry for a bench file. */
#ifndef PENRIG_CLI_KIT_PLUGGED_H
#define PENRIG_CLI_KIT_PLUGGED_H

#include "rig/base/json.h"
#include "rig/cli/cli.h"

#define PLUGGED_MAX 256 /* two buses of 127 addresses; what is beyond is told */

struct plugged {
	const char *scheme;          /* of its link */
	struct link_identity id;     /* its uri stands for no other device; empty: it has none that stays */
	const struct driver *driver; /* NULL: none of ours by its ids and class */
	int certainty;               /* 2: certainly its driver; 1: by class */
	uint32_t could;              /* drivers of the table that a bench file may name, by their places in it */
	char kernel_driver[32];
};

struct plugged_list { /* zero-initialised */
	unsigned count, beyond;
	struct plugged device[PLUGGED_MAX];
};

/* Of all links of the tables, and the IIO devices of this computer; sorted, those with a driver first. EXIT_PASS, or
 * EXIT_DEVICE_LOST where a list could not be had, which is told on standard error. */
int plugged_find(const struct cli_tables *tables, struct plugged_list *ret);

/* Its link as a bench file has it: a pen's serial number makes way for {dut} where its name ends in it. */
void plugged_link(const struct plugged *device, enum device_role role, char *ret, size_t size);

/* What of its entry is known: name, roles, driver, link, and of a serial port its baud rate. False: no driver is known. */
bool plugged_entry(const struct plugged *device, struct json_out *ret);

#endif
