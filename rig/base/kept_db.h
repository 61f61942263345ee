/* An SQLite file that outlives a run, and that several processes and users have open at once: the state of a bench, its
 * history. Made where there is none, with the folder's own permissions, so that whoever may write there shares it; every
 * change is a transaction of its own, and on the disk when it returns. */
#ifndef PENRIG_BASE_KEPT_DB_H
#define PENRIG_BASE_KEPT_DB_H

#include "rig/base/db.h"

#define KEPT_BUSY_MS 5000 /* how long to wait for another process */

struct kept_format {
	int application_id, version;
	const char *what;   /* for messages: "state file" */
	const char *option; /* that names another one: "--state" */
	const char *schema; /* SQL that makes the tables of a new file */
	const char *anew;   /* what makes a file of an earlier format anew, for messages; NULL: nothing does */
	/* What else a new file begins with, in the same transaction; NULL: nothing. */
	int (*begin)(struct db *db, const void *ctx, struct err *err);
};

/* The file `path`, made where it is not there, its folder too. -EACCES, -EROFS, -ENOSPC; -EBADMSG: not a file of this
 * kind, or a damaged one; -ENOTSUP: of a newer format; -EBUSY. */
int kept_db_open(const char *path, const struct kept_format *format, const void *ctx, struct db **ret, struct err *err);

#endif
