/* The log of what was purged: lines of JSON, each with the SHA-256 of the line before, so that none can be taken out of the middle
 * unseen. One process writes at a time. */
#ifndef PENRIG_CLI_KIT_PURGE_LOG_H
#define PENRIG_CLI_KIT_PURGE_LOG_H

#include <stdio.h>

#include "rig/base/digest.h"
#include "rig/base/error.h"
#include "rig/base/json.h"

struct purge_log {
	const char *path; /* borrowed */
	FILE *file;
	char previous[DIGEST_HEX]; /* of the last line; "": there is none */
};

/* Opens it for writing at its end, or makes it, durably. -EBUSY: another process has it; -EBADMSG: its last line is torn, or no
 * line of such a log; -errno. */
int purge_log_open(struct purge_log *log, const char *path, struct err *err);
/* Adds "previous" to the object and writes it as one line, to the disk. Frees the object. -EIO, -ENOMEM. */
int purge_log_add(struct purge_log *log, struct json_out *line, struct err *err);
void purge_log_close(struct purge_log *log);

#endif
