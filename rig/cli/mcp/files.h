/* The files that a run stands on, as they are when a person is asked about it. */
#ifndef PENRIG_CLI_MCP_FILES_H
#define PENRIG_CLI_MCP_FILES_H

#include "rig/base/digest.h"
#include "rig/config/bench.h"

struct mcp_files { /* plan, bench, then the bench's phantoms */
	char sha256[2 + BENCH_PHANTOMS_MAX][DIGEST_HEX];
	unsigned count;
};

/* -EINVAL and the like with text that says no word of a file: one of them is not there, or is none of its kind. */
int mcp_files_read(const char *plan, const char *bench, struct mcp_files *ret, struct err *err);

#endif
