/* See opening.h. */
#include "rig/cli/kit/opening.h"

#include <errno.h>
#include <string.h>

#define READY_NS (3 * NS_PER_S)

int opening_loop(const struct cli_tables *tables, struct loop **ret, struct err *err)
{
	int status = loop_new(tables->clock, tables->clock_ctx, ret, err);

	if (!status && tables->on_loop && tables->on_loop(*ret))
		status = err_set(err, -ENOMEM, "the devices cannot be reached");
	return status;
}

uint64_t opening_patience_ns(const struct bench_device *device)
{
	return READY_NS + device->line.wait_ns + device->command.setup.start_ns;
}

const struct driver *opening_driver(const struct cli_tables *tables, const char *name)
{
	for (unsigned i = 0; tables->drivers[i]; i++)
		if (strcmp(tables->drivers[i]->name, name) == 0)
			return tables->drivers[i];
	return NULL;
}

int opening_open(const struct opening *opening, struct device **ret, struct err *err)
{
	const struct bench_device *bench = opening->device;
	const struct driver *driver = opening_driver(opening->tables, bench->driver);
	struct power_setup power;
	struct device_told told;

	if (!driver)
		return err_set(err, -EINVAL, "there is no driver named \"%s\"; `penrig version` lists them",
			       bench->driver);
	int status = driver->powered ? bench_power_setup(opening->bench, opening->tables->drivers, &power, err) : 0;
	if (status)
		return status;
	bench_device_told(bench, &told);
	const struct device_open open = {
		.power = driver->powered ? &power : NULL,
		.links = opening->tables->links,
		.loop = opening->loop,
		.uri = opening->uri,
		.settings = bench->line,
		.rate_hz = bench->rate_hz,
		.told = bench->profile[0] ? &told : NULL,
		.command = bench->command.there ? &bench->command.setup : NULL,
		.daq = bench->daq.there ? &bench->daq.setup : NULL,
		.inputs = bench->inputs.settled ? &bench->inputs.setup : NULL,
		.host = opening->host,
	};
	return driver->open(&open, loop_now_ns(opening->loop), ret, err);
}
