/* OCP Test and Validation events on a descriptor while a run goes on (docs/guide.md). No line is left out: what a slow reader has
 * not taken is kept, and the loop that feeds the pen's dead-man never waits for it. */
#ifndef PENRIG_CLI_KIT_OCP_LIVE_H
#define PENRIG_CLI_KIT_OCP_LIVE_H

#include "rig/session/session.h"

struct ocp_live;

/* fd -1: nobody listens; *ret is NULL, with which every call does nothing. -EBADF with text: not open for writing; -ENOMEM. */
int ocp_live_new(int fd, struct ocp_live **ret, struct err *err);
void ocp_live_free(struct ocp_live *live);
/* As a session tells of it; record is that of the session. */
void ocp_live_progress(struct ocp_live *live, const struct record *record, const struct session_progress *now);
/* The last lines, once the pen stands, `code` what the program ends with: now a reader is waited for, 10 s. -errno with text where it
 * did not take them all: -EPIPE or -ECONNRESET it went away, -ETIMEDOUT it does not read, else they could not be written or made. */
int ocp_live_end(struct ocp_live *live, const struct record *record, int code, struct err *err);

#endif
