/* A run on its way to the server: its files first, piece by piece, then run, results, devices and the job's answer in one
 * statement. May be sent any number of times. */
#ifndef PENRIG_FLEET_PARCEL_H
#define PENRIG_FLEET_PARCEL_H

#include "rig/fleet/server.h"
#include "rig/history/outbox.h"

enum parcel_end {
	PARCEL_RECORDED, /* now, or it was before */
	PARCEL_BACK,     /* there is no run: the job went back, or failed */
	PARCEL_CONFLICT, /* another run has this id: an alarm */
};

/* What else must not wait while a large file goes over a slow line; NULL: nothing. An error of it ends the sending. */
struct parcel_between {
	int (*fn)(void *ctx, struct err *err);
	void *ctx;
};

/* item: one that ended. log: the run's own complaints, for a job that did not begin; may not be there. ret_label: what the
 * server said. A file that is gone is not sent. Errors: server.h, those of the history, -EIO for a file that cannot be read. */
int parcel_send(struct server *server, struct history *history, const struct outbox_item *item, const char *log,
		const struct parcel_between *between, enum parcel_end *ret, char ret_label[16], struct err *err);

#endif
