/* The person at the bench, whose word a run needs: on a terminal that the protocol does not reach. Who allows a run types the serial
 * number that stands on the pen, and a name; nothing else is a yes. Then the same terminal can stop the run. */
#ifndef PENRIG_CLI_MCP_PERSON_H
#define PENRIG_CLI_MCP_PERSON_H

#include "rig/base/loop.h"

#define MCP_NAME_MAX 80

struct mcp_request_to_run { /* borrowed until the answer */
	const char *client, *plan, *plan_sha256, *bench, *bench_sha256, *dut;
};

struct mcp_person_host {
	void *ctx;
	/* Once: allowed, and by whom; or why not. */
	void (*answered)(void *ctx, bool allowed, const char *text);
	/* Once, while a run that was allowed goes on: it must stop, and why. */
	void (*stop)(void *ctx, const char *why);
};

struct mcp_person;

/* Asks on the terminal `path` and waits for at most so long. -ENOTTY with text: that is no terminal; -EBUSY: another
 * program asks there, or has a run; -errno of opening it. */
int mcp_person_ask(struct loop *loop, const char *path, const struct mcp_request_to_run *what, double seconds,
		   const struct mcp_person_host *host, struct mcp_person **ret, struct err *err);
/* A line on the terminal. */
void mcp_person_tell(struct mcp_person *person, const char *text);
void mcp_person_free(struct mcp_person *person); /* an open question is withdrawn; NULL is fine */

#endif
