/* The stopper's own side: what it holds, when it acts, and how. It watches the socket to penrig. It acts when penrig is gone
 * (the socket closes unannounced), when penrig gives no sign for the recipe's time while the pen may run, and when it is
 * ordered to; never else. Time in which this process itself did not run is not counted.
 *
 * To act: the pen is opened over its own link, penrig's open port where there is one; where the link has to be taken from a
 * penrig that only stands still, penrig is killed first. The driver's opening orders the pen to stop and asks whether it is
 * off, its stop does so again; all of it until both are confirmed, for 10 s at most. Then the note is written. The lock is kept
 * until this process ends. */
#ifndef PENRIG_STOPPER_WARDEN_H
#define PENRIG_STOPPER_WARDEN_H

#include "rig/base/loop.h"
#include "rig/driver/driver.h"

struct warden_config {
	struct loop *loop;
	const struct link_ops *const *links;
	const struct driver *const *drivers;
	int socket; /* to penrig; the warden's */
	int lock;   /* of the bench; -1: none. Its text is renewed when the warden acts */
};

/* Until penrig dismisses it, or is gone and all is done that can be. 0, or -errno: it could not begin. */
int warden_run(const struct warden_config *config);

#endif
