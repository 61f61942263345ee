/* A run on its way to the server: its files first, piece by piece, then run, results, devices and the job's answer in one
 * statement. May be sent any number of times. */
#ifndef PENRIG_FLEET_PARCEL_H
#define PENRIG_FLEET_PARCEL_H

#include "rig/fleet/depot.h"
#include "rig/fleet/server.h"
#include "rig/history/outbox.h"

enum parcel_end {
	PARCEL_RECORDED, /* now, or it was before */
	PARCEL_BACK,     /* there is no run: the job went back, or failed */
	PARCEL_LOST, /* there was a run, and the history has it not: the job failed, and the run is looked at by hand */
	PARCEL_CONFLICT,  /* another run has this id: an alarm */
	PARCEL_OTHERWISE, /* the server has it, and somebody decided otherwise of it elsewhere: an alarm */
};

/* fn: what else must not wait while a large file goes over a slow line. An error of it ends the sending. left_out: is told of a
 * file that cannot be read. */
struct parcel_between {
	int (*fn)(void *ctx, struct err *err);
	void (*left_out)(void *ctx, const char *path, const char *why);
	void *ctx;
	const struct depot_config *store; /* for files, wherever the site has them */
};

struct parcel_left {     /* by a run that the history has not */
	const char *log; /* its own complaints; may not be there */
	bool file;       /* a run file that holds something */
	bool withheld;   /* its bench's safety inputs kept it from beginning: another bench may */
};

struct parcel_receipt {
	char label[16];   /* what the server said */
	struct told told; /* of a run: what of it */
};

/* item: one that ended. left_out is told where its run file is gone, or a file cannot be
 * read: the server has the run without it then (outbox_lacks()). What is no regular file is none. Errors: server.h, those of the history, -EAGAIN where a file cannot be opened now. */
int parcel_send(struct server *server, struct history *history, const struct outbox_item *item,
		const struct parcel_left *left, const struct parcel_between *between, enum parcel_end *ret,
		struct parcel_receipt *receipt, struct err *err);
/* Its run cannot be recorded: no other bench may make good what is lost here, and its job ends, with the failure where it was one. */
int parcel_give_up(struct server *server, const struct outbox_item *item, struct err *err);

#endif
