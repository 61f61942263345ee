/* A device of a bench opened beside a run: to ask who it is, or what it reads. */
#ifndef PENRIG_CLI_KIT_OPENING_H
#define PENRIG_CLI_KIT_OPENING_H

#include "rig/cli/cli.h"
#include "rig/config/bench.h"

struct opening {
	const struct cli_tables *tables;
	const struct bench *bench;
	const struct bench_device *device;
	const char *uri; /* of its link, a pen's serial number in its place */
	struct loop *loop;
	struct driver_host host;
};

/* A loop on the program's clock, which the tables' devices can be reached from. The caller frees it, where this fails too. */
int opening_loop(const struct cli_tables *tables, struct loop **ret, struct err *err);
/* How long it may take to say who it is: as a run waits, and what the bench says that it needs on top. */
uint64_t opening_patience_ns(const struct bench_device *device);
/* NULL: the tables have none of this name. */
const struct driver *opening_driver(const struct cli_tables *tables, const char *name);
/* As the driver's open(), with what the bench says of the device. A pen is ordered off with that, and never run. */
int opening_open(const struct opening *opening, struct device **ret, struct err *err);

#endif
