/* The product: its own links, drivers, report writers and the machine's clock. */
#include "rig/cli/cli.h"

int main(int argc, char **argv)
{
	const struct cli_tables tables = {
		.links = link_table,
		.drivers = driver_table,
		.reports = report_table,
		.clock = &loop_clock_monotonic,
	};

	return cli_main(argc, argv, &tables);
}
