/* The product: its own links, drivers, report writers and the machine's clock. */
#include "rig/cli/cli.h"

#include "build-id.h"

int main(int argc, char **argv)
{
	const struct cli_tables tables = {
		.links = link_table,
		.drivers = driver_table,
		.reports = report_table,
		.clock = &loop_clock_monotonic,
		.stopper = true,
		.honest = true,
		.made_ns = PENRIG_MADE_S * NS_PER_S,
	};

	return cli_main(argc, argv, &tables);
}
