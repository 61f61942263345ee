/* Runs that a server shall have, in the bench's own history: written before the pen moves, taken out when the server has said
 * that it has the run. So there is no moment at which a run is neither here nor there, whatever dies.
 * Each call is one transaction, and on the disk when it returns. */
#ifndef PENRIG_HISTORY_OUTBOX_H
#define PENRIG_HISTORY_OUTBOX_H

#include <stdbool.h>

#include "rig/history/told.h"

#define OUTBOX_RUN_ATTRIBUTE "fleet.run" /* of a run's record: the id that it has in the outbox */

struct outbox_item {
	int64_t seq;                                       /* never given again */
	char run_id[40];                                   /* a UUID */
	char bench[64], name[128];                         /* of the bench in the fleet; of the run */
	int64_t job, fence;                                /* 0: it began without a job */
	char head[72];                                     /* of such a run: of its journal's chain, in hex */
	char folder[FILE_PATH_MAX], output[FILE_PATH_MAX]; /* of the agent that began it; "": it did not say */
	bool ended;
	int exit_code;     /* of one that ended; -1: not known */
	char refused[200]; /* why the server did not take it; "" otherwise */
	bool lacks;        /* see outbox_lacks() */
	int64_t begun_s;   /* UTC by the bench's clock; 0 for outbox_begin(): now */
};

/* Makes its table where there is none. */
int outbox_open(struct history *history, struct err *err);
/* The run begins now, or, of an item that is ended, was over before. seq is set. -EEXIST: this id is there. */
int outbox_begin(struct history *history, struct outbox_item *item, struct err *err);
/* It has ended, and the history has it if it left a file. */
int outbox_end(struct history *history, int64_t seq, int exit_code, struct err *err);
/* The server has it, or has an answer that no further sending changes. */
int outbox_done(struct history *history, int64_t seq, struct err *err);
/* The same, and what of it was told is remembered, so that what is decided later is told later. */
int outbox_handed(struct history *history, const struct outbox_item *item, const struct told *told, struct err *err);
/* The server will never take it: kept, and stands in nobody's way. */
int outbox_refuse(struct history *history, int64_t seq, const char *why, struct err *err);

/* The server has the run, and not all of its files: kept like one that is refused. Tried again, it is sent with its files. */
int outbox_lacks(struct history *history, int64_t seq, const char *why, struct err *err);
/* What was refused of this bench, or lacks a file, is tried again; not a job's run that the server refused. */
int outbox_again(struct history *history, const char *bench, struct err *err);

struct outbox_counts {
	int64_t waiting, refused; /* ended and not sent yet; see outbox_refuse() */
	int64_t oldest_s;         /* UTC, of those that wait; 0: none */
};
/* Runs of this bench that began, and of which nobody said that they ended. */
int outbox_begun(struct history *history, const char *bench, int64_t *ret, struct err *err);
int outbox_count(struct history *history, struct outbox_counts *ret, struct err *err);

/* In the order in which they began; not those that were refused. fn returns 0 to go on. */
int outbox_each(struct history *history, bool ended, int (*fn)(void *ctx, const struct outbox_item *item), void *ctx,
		struct err *err);

int outbox_each_refused(struct history *history, int (*fn)(void *ctx, const struct outbox_item *item), void *ctx,
			struct err *err);

/* What the server is told of this run. 1; 0: the history has no such run. */
int outbox_run(struct history *history, const struct outbox_item *item, struct json_out **ret, struct told *ret_told,
	       struct err *err);

/* Puts the history's runs into the outbox that were not handed over yet, or of which something was decided since; decided_only:
 * those alone. wanted: chooses among them, by bench and path of the run file. Imported recordings are no runs of a bench.
 * *ret_put: how many. */
int outbox_push(struct history *history, bool decided_only,
		bool (*wanted)(void *ctx, const char *bench, const char *path), void *ctx, unsigned *ret_put,
		struct err *err);

#endif
