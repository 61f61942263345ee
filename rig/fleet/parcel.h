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

/* item: one that ended. log: the run's own complaints, for a job that did not begin; may not be there. ret_label: what the
 * server said. Errors: server.h, and those of the history and of files: -EIO, -ENOENT ... */
int parcel_send(struct server *server, struct history *history, const struct outbox_item *item, const char *log,
		enum parcel_end *ret, char ret_label[16], struct err *err);

#endif
