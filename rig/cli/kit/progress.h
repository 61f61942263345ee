/* What is said while a run runs: a status line on a terminal, one line per point in a log, and for programs the events of
 * events.h. Never waits for a reader: heartbeats to the pen go through the same loop. */
#ifndef PENRIG_CLI_KIT_PROGRESS_H
#define PENRIG_CLI_KIT_PROGRESS_H

#include "rig/cli/kit/events.h"
#include "rig/cli/kit/format.h"
#include "rig/session/session.h"

struct progress {
	int fd; /* where people read: standard error */
	bool quiet, terminal;
	struct style style;
	bool drawn; /* an unfinished status line stands on the terminal */
	struct events events;
};

/* event_fd and errors as events_init(). */
int progress_init(struct progress *progress, int fd, int event_fd, bool quiet, struct style style, struct err *err);
void progress_show(struct progress *progress, const struct session_progress *now);
void progress_prompt(struct progress *progress, const struct session_prompt *prompt);
/* To the person only: what was typed is no answer. */
void progress_remind(struct progress *progress, const char *typed);
/* Clears the status line, before anything else is printed. The last event is events_end()'s: it comes when all is done. */
void progress_end(struct progress *progress);

#endif
