/* The interrupted run that a new one goes on with: looked at, held against the plan and bench of now, taken over. */
#ifndef PENRIG_CLI_RESUMING_H
#define PENRIG_CLI_RESUMING_H

#include "rig/session/session.h"

struct resuming;

/* Opens the run file and reads its record: enough to know its names. -errno with text; the caller frees it. */
int resuming_open(const char *path, struct resuming **ret, struct err *err);
void resuming_free(struct resuming *resuming); /* NULL is fine */
const struct record *resuming_before(const struct resuming *resuming);

/* The program itself goes on, where a device was lost and is back. unheard: as session_unheard() said of the try before. */
void resuming_at_once(struct resuming *resuming, bool unheard);
/* Whether the run has been taken over: no other can go on with it. */
bool resuming_taken(const struct resuming *resuming);
const char *resuming_path(const struct resuming *resuming);

/* What does not change from session to session: attributes. */
void resuming_name(const struct resuming *resuming, struct record *record);

struct resuming_plan {
	const struct plan *plan;
	const struct bench *bench;
	struct plan_point *points; /* the phantom of the first point is asked for anew where the plan changed it */
	unsigned point_count;
	bool production; /* only approved files count */
	uint64_t wall_ns;
};
/* Reads the file anew, verifies and derives it, and takes what it measured into the record. The bench is locked by now.
 * -EKEYREJECTED: it cannot be gone on with, and why; else what went wrong with the file. */
int resuming_take(struct resuming *resuming, struct record *record, const struct resuming_plan *now, struct err *err);

/* After resuming_take(); borrowed. */
const struct session_resume *resuming_session(const struct resuming *resuming);
unsigned resuming_point(const struct resuming *resuming); /* from 0 */

#endif
