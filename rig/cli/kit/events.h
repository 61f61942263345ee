/* What a run tells programs: one line of JSON per event on a descriptor (docs/guide.md). Never waits for a reader: heartbeats
 * to the pen go through the same loop. A line that would block is left out, and the next one says how many are missing. */
#ifndef PENRIG_CLI_KIT_EVENTS_H
#define PENRIG_CLI_KIT_EVENTS_H

#include "rig/session/session.h"

struct events {
	int fd;           /* -1: nobody listens, and every call does nothing */
	unsigned dropped; /* that their reader was too slow for, since the last one sent */
	bool partial;     /* the last one was cut: the next begins on a line of its own */
	uint64_t asked;   /* number of the last question; from 1 */
	unsigned told;    /* setpoint told last, by the point's number from 1; 0: none */
};

/* fd -1: nobody listens. From then on children do not inherit fd. A regular file is locked (flock, exclusive) for as long as
 * this process holds it, so that its lock tells whether the run lives; it may have been locked on the same open file before.
 * -EBADF with text: not open for writing; -EBUSY: another process has locked it. */
int events_init(struct events *events, int fd, struct err *err);

/* The first one: who is running what. points: planned. */
void events_begin(struct events *events, const struct record *record, const struct plan *plan, const char *bench,
		  unsigned points);
/* A point is next, and within what its live figures are expected by its limits. Told once for each. */
void events_setpoint(struct events *events, const struct plan *plan, const struct plan_point *points, unsigned count,
		     unsigned point);
void events_progress(struct events *events, const struct session_progress *now);
/* Takes the next number: events->asked. */
void events_prompt(struct events *events, const struct session_prompt *prompt);
/* A line that came as an answer and was none: cleaned, and why. */
void events_refused(struct events *events, const char *line, const char *why);
/* The last one, and the last thing that a run does: exit_code is believed by who cannot wait for this process, so nothing that
 * could change it may follow. plan NULL: which limit decided is not told. */
void events_end(struct events *events, const struct record *record, const struct plan *plan, int exit_code);

#endif
