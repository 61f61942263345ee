/* A command of this very program as a child: its output kept whole, its time limited, its end told in the loop. It reads nothing,
 * and what it writes reaches nobody but by way of this. */
#ifndef PENRIG_CLI_MCP_CHILD_H
#define PENRIG_CLI_MCP_CHILD_H

#include "rig/base/json.h"
#include "rig/base/loop.h"

#define MCP_OUTPUT_MAX JSON_FILE_MAX /* bytes on its standard output; one that writes more is ended */
#define MCP_SAID_MAX   2000          /* of its standard error, the last ones */

struct mcp_words {   /* of a command line; zero-initialised */
	char **word; /* NULL-terminated once there is one */
	unsigned count, room;
	bool out_of_memory;
};
__attribute__((format(printf, 2, 3))) void mcp_words_add(struct mcp_words *words, const char *fmt, ...);
void mcp_words_free(struct mcp_words *words);

enum mcp_why { MCP_BY_ITSELF, MCP_STOPPED, MCP_TIMED_OUT, MCP_TOO_LONG };

struct mcp_end {
	int exit_code; /* 128 + n: ended by signal n */
	enum mcp_why why;
	const char *output, *said; /* borrowed until the callback returns; NUL-terminated */
	size_t output_len;
};

struct mcp_child;
struct mcp_child_host {
	void *ctx;
	int end_signal; /* by which it is ended, also where this program dies: SIGKILL, or SIGTERM where it has to stop something first */
	double limit_s;                                      /* 0: none */
	void (*ended)(void *ctx, const struct mcp_end *end); /* once, from the loop; may free the child */
};
/* The words are those behind the program's own name. -errno with text: nothing runs. */
int mcp_child_start(struct loop *loop, const struct mcp_words *words, const struct mcp_child_host *host,
		    struct mcp_child **ret, struct err *err);
void mcp_child_stop(struct mcp_child *child); /* by its signal; it then ends as stopped. NULL is fine */
void mcp_child_free(struct mcp_child *child); /* one that still runs is killed; NULL is fine */

#endif
