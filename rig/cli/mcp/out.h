/* Lines to a client that may not read: they are kept, up to a bound, and whoever waits for them waits for nothing else. */
#ifndef PENRIG_CLI_MCP_OUT_H
#define PENRIG_CLI_MCP_OUT_H

#include <stdbool.h>
#include <stddef.h>

#include "rig/base/loop.h"

struct mcp_out {
	struct loop *loop;
	int fd;                  /* made non-blocking; -1: given up */
	void (*gone)(void *ctx); /* once, from the loop: it reads no more, or not for two minutes */
	void *ctx;
	char *bytes;
	size_t len, size;
	struct loop_timer patience;
	bool waiting;
};

/* ctx, gone: set before. */
void mcp_out_open(struct mcp_out *out, struct loop *loop, int fd);
/* Copies the line and an end of line. Nothing where it was given up. */
void mcp_out_line(struct mcp_out *out, const char *text);
/* What is left is written while it can be without waiting. */
void mcp_out_close(struct mcp_out *out);

#endif
