/* The runs of a fleet as a history: what is asked of one bench's history is asked of all of them. */
#ifndef PENRIG_FLEET_MIRROR_H
#define PENRIG_FLEET_MIRROR_H

#include "rig/fleet/server.h"
#include "rig/history/history.h"

/* Fetches at least the runs that the filter chooses, of the sites that this login sees, into a history in memory; units: and
 * every run of their units, for ORDER_UNIT. The filter still has to be asked of it. Errors: server.h; -EBADMSG, -ENOMEM. */
int mirror_fetch(struct server *server, const struct history_filter *filter, bool units, struct history **ret,
		 struct err *err);

#endif
