/* A device that was lost may come back: waiting for it, so that the run can go on. */
#ifndef PENRIG_CLI_REPLUG_H
#define PENRIG_CLI_REPLUG_H

#include "rig/cli/kit/signals.h"
#include "rig/config/bench.h"
#include "rig/link/link.h"

enum replug { REPLUG_BACK, REPLUG_LATE, REPLUG_INTERRUPTED };
#define REPLUG_LOCK_FOR "waits for a device that was lost" /* what a bench's lock says meanwhile */

struct replug_wait {
	struct loop *loop;
	const struct link_ops *const *links;
	const struct bench *bench;
	const char *dut;
	uint64_t from_ns;  /* not looked at before then */
	uint64_t until_ns; /* on the loop's clock */
};

struct replug_came {
	enum replug how;
	int signal; /* REPLUG_INTERRUPTED: which */
};

/* Whether the bench has a device that no link lists (a network's, a program, a file): that it is back shows when it is opened. */
bool replug_is_tried(const struct link_ops *const *links, const struct bench *bench);

/* Turns the loop until every device of the bench that its links can list is there, the stage at the pen's dial among them, the
 * time is over, or a signal asks for the end. Opens nothing, and looks twice a second. -errno with text. */
int replug_wait(const struct replug_wait *wait, struct replug_came *ret, struct err *err);

#endif
