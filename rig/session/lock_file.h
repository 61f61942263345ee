/* Files that stand for a bench on this computer, the same for every user and every name of the bench file. */
#ifndef PENRIG_SESSION_LOCK_FILE_H
#define PENRIG_SESSION_LOCK_FILE_H

#include "rig/base/error.h"

#define LOCK_PATH_MAX 64

/* Opens the file of this kind ("lock", "queue"), made where there is none, in /run/lock, else in /tmp. ret_path names it.
 * A descriptor that a new program does not inherit; -ENOENT: no such bench file; else why it cannot be opened. */
int lock_file_open(const char *bench_path, const char *kind, char ret_path[LOCK_PATH_MAX], struct err *err);

#endif
