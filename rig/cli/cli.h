/* The command line: one option table that feeds getopt, help and man pages; one file per command. Only this folder
 * prints. */
#ifndef PENRIG_CLI_CLI_H
#define PENRIG_CLI_CLI_H

#include "reports/report.h"
#include "rig/base/loop.h"
#include "rig/driver/driver.h"
#include "rig/link/link.h"

struct cli_tables {
	const struct link_ops *const *links;
	const struct driver *const *drivers;
	const struct report_writer *const *reports;
	const struct loop_clock *clock;
	void *clock_ctx;
	int (*on_loop)(struct loop *loop); /* called once the loop exists; may be NULL */
	void (*on_question)(int fd);       /* a program is asked to answer at fd; -1: no longer; may be NULL */
	bool stopper;     /* the devices are of this computer: another process stops the pen where this one cannot */
	bool honest;      /* clock is this computer's: one that stands behind what is known was set back */
	uint64_t made_ns; /* UTC of the newest change in the program's source; 0: not known */
};

enum exit_code { /* the only exit codes; 128 + n for signals besides */
		 EXIT_PASS = 0,
		 EXIT_FAIL = 1,
		 EXIT_USAGE = 2,
		 EXIT_INCONCLUSIVE = 3,
		 EXIT_DEVICE_LOST = 4,
		 EXIT_BUSY = 5,
		 EXIT_STORAGE = 6,
		 EXIT_INTERNAL = 7,
		 EXIT_REFUSED = 8,
		 EXIT_OTHER_METHOD =
			 9, /* of analyze and requalify: judged by another version of the method; history --impact */
};

int cli_main(int argc, char **argv, const struct cli_tables *tables);

#endif
