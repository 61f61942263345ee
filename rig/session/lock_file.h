/* Files that stand for a bench on this computer, the same for every user and every name of the bench file. */
#ifndef PENRIG_SESSION_LOCK_FILE_H
#define PENRIG_SESSION_LOCK_FILE_H

#include <stdbool.h>

#include "rig/base/error.h"

#define LOCK_PATH_MAX 64

/* Opens the file of this kind ("lock", "queue"), in /run/lock, else in /tmp; make: where there is none, it is made. ret_path
 * names it. A descriptor that a new program does not inherit; -ENOENT: no such bench file, or none of the other kind; else
 * why it cannot be opened. */
int lock_file_open(const char *bench_path, const char *kind, bool make, char ret_path[LOCK_PATH_MAX], struct err *err);

/* Whether that process is there and stopped, by a signal or a debugger. */
bool lock_holder_stopped(long pid);

#endif
