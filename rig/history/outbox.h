/* Runs that a server shall have, in the bench's own history: written before the pen moves, taken out when the server has said
 * that it has the run. So there is no moment at which a run is neither here nor there, whatever dies.
 * Each call is one transaction, and on the disk when it returns. */
#ifndef PENRIG_HISTORY_OUTBOX_H
#define PENRIG_HISTORY_OUTBOX_H

#include <stdbool.h>

#include "rig/base/json.h"
#include "rig/history/history.h"

#define OUTBOX_RUN_ATTRIBUTE "fleet.run" /* of a run's record: the id that it has in the outbox */

struct outbox_item {
	int64_t seq;               /* never given again */
	char run_id[40];           /* a UUID */
	char bench[64], name[128]; /* of the bench in the fleet; of the run */
	int64_t job, fence;
	char folder[FILE_PATH_MAX], output[FILE_PATH_MAX]; /* of the agent that began it; "": it did not say */
	bool ended;
	int exit_code;   /* of one that ended; -1: not known */
	int64_t begun_s; /* UTC by the bench's clock */
};

/* Makes its table where there is none. */
int outbox_open(struct history *history, struct err *err);
/* The run begins now. seq is set. -EEXIST: this id is there. */
int outbox_begin(struct history *history, struct outbox_item *item, struct err *err);
/* It has ended, and the history has it if it left a file. */
int outbox_end(struct history *history, int64_t seq, int exit_code, struct err *err);
/* The server has it, or has an answer that no further sending changes. */
int outbox_done(struct history *history, int64_t seq, struct err *err);
/* The server will never take it: kept, and stands in nobody's way. */
int outbox_refuse(struct history *history, int64_t seq, const char *why, struct err *err);

struct outbox_counts {
	int64_t waiting, refused; /* ended and not sent yet; see outbox_refuse() */
	int64_t oldest_s;         /* UTC, of those that wait; 0: none */
};
int outbox_count(struct history *history, struct outbox_counts *ret, struct err *err);

/* In the order in which they began; not those that were refused. fn returns 0 to go on. */
int outbox_each(struct history *history, bool ended, int (*fn)(void *ctx, const struct outbox_item *item), void *ctx,
		struct err *err);

/* What the server is told of the run with this id: a JSON object (docs/fleet-protocol.md, "A run"), for the caller to free; its
 * file's path. 1; 0: the history has no such run. */
int outbox_run(struct history *history, const char *run_id, struct json_out **ret, char ret_path[FILE_PATH_MAX],
	       struct err *err);

#endif
