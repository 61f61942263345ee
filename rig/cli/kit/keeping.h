/* What a run tells its bench's state: that it began, that it ended, and what it struck. Before the first device is opened
 * and after the last one is closed, because a disk may stall and a pen may not be left alone meanwhile. */
#ifndef PENRIG_CLI_KIT_KEEPING_H
#define PENRIG_CLI_KIT_KEEPING_H

#include "rig/session/session.h"
#include "rig/state/state.h"

struct keeping {
	struct state *state; /* NULL: none is kept */
	struct state_run run;
};

/* The state of this bench, opened as --state says (NULL: wherever it is kept by itself). -errno with text. */
int keeping_open(const char *wanted, const char *bench_path, struct state **ret, struct err *err);

/* The run begins now. Where --state was given, what fails is an error; else it is said on standard error, and the run goes
 * on without. */
int keeping_begin(struct keeping *keeping, const char *wanted, const struct bench *bench, const struct record *record,
		  uint64_t wall_ns, struct err *err);
/* It has ended; said on standard error where it could not be kept. session NULL: it could not begin. Closes. */
void keeping_end(struct keeping *keeping, const struct bench *bench, const struct session *session, uint64_t wall_ns);

#endif
