/* What a client may ask for: each tool is a command of penrig and the arguments that it may be given. A client names no option, no
 * history, no bench to run on and no folder to write into: those are the words of who started the server. */
#ifndef PENRIG_CLI_MCP_TOOLS_H
#define PENRIG_CLI_MCP_TOOLS_H

#include <stdbool.h>

#include "rig/base/json.h"
#include "rig/cli/mcp/child.h"

#define MCP_ROOTS_MAX 16

struct mcp_place {                           /* as the server was started */
	const char *bench, *state, *history; /* NULL: the command's own default */
	unsigned roots;
	const char *root[MCP_ROOTS_MAX]; /* real names of folders: what a client names lies in one of them */
};

enum mcp_kind {
	MCP_TEXT,    /* a text of at most 200 bytes without control characters */
	MCP_WORD,    /* one of `words` */
	MCP_INTEGER, /* from lo to hi */
	MCP_NUMBER,  /* above lo, at most hi */
	MCP_FLAG,
	MCP_PATH,  /* of a file that is there, in one of the roots */
	MCP_TEXTS, /* a list of at most 32 */
	MCP_PATHS, /* a list of at most 1000 */
};

struct mcp_argument {
	const char *name, *option; /* option NULL: an operand */
	enum mcp_kind kind;
	bool required, dashes; /* dashes: "--" stands before the operand */
	double lo, hi;
	const char *const *words; /* NULL for MCP_WORD: the names of measurands that a limit can have */
	const char *about;
};

struct mcp_tool {
	const char *name, *title, *about;
	bool where;    /* it looks into the history: --history and --state are handed on */
	bool on_bench; /* the server's bench is named to it */
	bool moves; /* it makes the pen move: only where a person allows it. Its words are not those of mcp_tool_words() */
	const struct mcp_argument *argument; /* ends with name NULL */
};

extern const struct mcp_tool mcp_tools[]; /* ends with name NULL; those that move stand last */
const struct mcp_tool *mcp_tool_find(const char *name);

/* As tools/list tells it. */
void mcp_tool_describe(const struct mcp_tool *tool, struct json_out *list);
/* The command line, "--json" among it, of what a client said (an object, or NULL). -EINVAL with what is wrong and what would be right. */
int mcp_tool_words(const struct mcp_tool *tool, const struct mcp_place *place, const struct json *arguments,
		   struct mcp_words *ret, struct err *err);
/* The real name of a path in one of the roots; malloc'd. -EINVAL, -EACCES with text. */
int mcp_path(const struct mcp_place *place, const char *path, char **ret, struct err *err);

#endif
