/* Inside of the history, for the files of this room. */
#ifndef PENRIG_HISTORY_INSIDE_H
#define PENRIG_HISTORY_INSIDE_H

#include "rig/base/kept_db.h"
#include "rig/history/history.h"

struct history {
	struct db *db;
	int64_t looked; /* how often it had been changed when outbox_push() last found nothing decided */
};

extern const struct kept_format history_format; /* tables.c */

#endif
