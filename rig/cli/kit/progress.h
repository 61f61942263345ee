/* What is said while a run runs: a status line on a terminal, one line per point in a log, one JSON line per event on a
 * descriptor for programs (docs/guide.md). Never waits for a reader: heartbeats to the pen go through the same loop. */
#ifndef PENRIG_CLI_KIT_PROGRESS_H
#define PENRIG_CLI_KIT_PROGRESS_H

#include "rig/cli/kit/format.h"
#include "rig/session/session.h"

struct progress {
	int fd;       /* where people read: standard error */
	int event_fd; /* -1: none */
	bool quiet, terminal;
	struct style style;
	bool drawn;              /* an unfinished status line stands on the terminal */
	unsigned dropped_events; /* events that their reader was too slow for, since the last one sent */
	bool partial_event;      /* the last one was cut: the next begins on a line of its own */
};

/* -EBADF with text for an event_fd that is not open for writing. */
int progress_init(struct progress *progress, int fd, int event_fd, bool quiet, struct style style, struct err *err);
void progress_show(struct progress *progress, const struct session_progress *now);
void progress_prompt(struct progress *progress, const char *text);
void progress_end(struct progress *progress, const struct record *record, int exit_code); /* clears the status line */

#endif
