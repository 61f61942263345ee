/* A run as it is told to others, and taken in as others tell it: a JSON object (docs/fleet-protocol.md, "A run"). */
#ifndef PENRIG_HISTORY_TOLD_H
#define PENRIG_HISTORY_TOLD_H

#include "rig/base/json.h"
#include "rig/history/history.h"

struct told {
	char path[FILE_PATH_MAX]; /* of its run file */
	int64_t judged, disposed; /* later verdicts, and dispositions, that stand in it */
};
/* The run in this row of the history, with this id; for the caller to free. 1; 0: there is no such row. */
int told_run(struct history *history, int64_t row, const char *run_id, struct json_out **ret, struct told *ret_told,
	     struct err *err);

/* Takes in a run that told_run() told, or a server; into history_none(), where runs of others are asked as a bench's own are. Members that are missing are empty. -EBADMSG: it is none. */
int told_take(struct history *history, const struct json *run, struct err *err);

#endif
