/* The run file's tables and format version: made, and recognised. Columns: docs/run-file.md. */
#ifndef PENRIG_RUNFILE_SCHEMA_H
#define PENRIG_RUNFILE_SCHEMA_H

#include "rig/base/db.h"

/* Somebody else's lock on the file counts as a stalled disk so long; at the end, where only the file's form is at
 * stake, not as long. */
#define BUSY_MS        60000
#define BUSY_AT_END_MS 5000

/* Into an empty database, which writes ahead and durably from then on. */
int schema_create(struct db *db, struct err *err);

/* 0: a run file that this penrig reads, with a record in it. -EBADMSG: none, or nothing in it; -ENOTSUP: of another
 * version. path: for the error's text. */
int schema_check(struct db *db, const char *path, struct err *err);
/* No table, or no record: of a run that was killed as it made its file. False where that cannot be seen. */
bool schema_holds_nothing(struct db *db);

#endif
