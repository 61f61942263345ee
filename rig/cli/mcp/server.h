/* One client on standard input and output: what it asks, which command answers, and who is asked before a pen moves. */
#ifndef PENRIG_CLI_MCP_SERVER_H
#define PENRIG_CLI_MCP_SERVER_H

#include "rig/base/loop.h"
#include "rig/cli/mcp/tools.h"

struct mcp_runs { /* how a run may be asked for */
	bool allowed, production;
	const char *terminal;          /* where the person is asked */
	double answer_s;               /* so long */
	const char *output_dir, *keys; /* keys NULL: the run's default */
};

struct mcp_server;

/* in: read until its end. place and runs live as long as the server. */
int mcp_server_open(struct loop *loop, int in, int out, const struct mcp_place *place, const struct mcp_runs *runs,
		    struct mcp_server **ret, struct err *err);
/* Nothing more is begun; a run is stopped, what else is under way is ended. The loop is stopped once nothing is left. */
void mcp_server_stop(struct mcp_server *server);
void mcp_server_free(struct mcp_server *server); /* NULL is fine */

#endif
