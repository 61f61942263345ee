/* A run that ended goes into the history; which history that is. */
#ifndef PENRIG_CLI_KIT_INDEXING_H
#define PENRIG_CLI_KIT_INDEXING_H

#include "rig/history/history.h"
#include "rig/runfile/runfile.h"

struct indexing { /* as the command line says it; each may be NULL */
	const char *history, *state;
};

/* To be written, made where there is none. */
int indexing_open(const struct indexing *where, struct history **ret, struct err *err);
/* To be asked: nothing is made. Where nobody named it and none is there, no run has ended here yet, and it is empty; -ENOENT
 * where it was named, for it would answer for another. */
int indexing_ask(const struct indexing *where, struct history **ret, struct err *err);

/* The run has ended and its file is saved: takes it into the history. What fails is said on standard error with the way to
 * make it good, and the run's exit code stays; a reference pen's older pass has ended before (kit/keeping.h). A run that left no file is not taken in. */
void indexing_end(const struct indexing *where, const struct record *record);

/* Takes in what a run file holds, where it is as it was written (reopen_sound). */
int indexing_take_file(struct history *history, const char *path, struct err *err);

#endif
