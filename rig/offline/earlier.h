/* The run that a resumed one went on with, found beside it (docs/records.md). */
#ifndef PENRIG_OFFLINE_EARLIER_H
#define PENRIG_OFFLINE_EARLIER_H

#include "rig/runfile/runfile.h"

/* Opens the run that `record`, read by `reader`, went on with: the newest of its sessions, by its name in the same folder.
 * Its file must be sound from end to end (runfile_verify), and its journal hold the head that the record names. -ENOENT: it
 * is not there; -EBADMSG: it is not as it was. Reader and record are the caller's where this gives 0. */
int earlier_open(const struct runfile_reader *reader, const struct record *record, struct runfile_reader **ret,
		 struct record **ret_record, struct err *err);

/* A new record with nothing but what `record` must have taken over from `before`, as its newest session names it. The
 * caller frees it. -EBADMSG: `record` holds other sessions, attempts, tests or conditions of them; of attempts their number
 * alone is looked at. */
int earlier_taken(const struct record *record, const struct record *before, struct record **ret, struct err *err);

/* Whether the attempts themselves are what the earlier run's file holds, but for which of them counts. -EBADMSG names the first
 * that is not. */
int earlier_same_points(const struct record *record, const struct record *taken, struct err *err);

#endif
