/* A run that goes on where an earlier one was interrupted: what of the earlier one stands in its record, and where it goes
 * on. Pure. */
#ifndef PENRIG_RECORD_SESSIONS_H
#define PENRIG_RECORD_SESSIONS_H

#include "rig/record/record.h"

/* Takes over what `before` measured into a record that holds nothing measured yet: its sessions and itself as the newest of
 * them, every attempt, pen tests, conditions. Sweeps are formed anew, over all points. entries, head: of the journal of
 * `before` as it was read. -ENOMEM; -E2BIG: gone on with too often. */
int sessions_take_over(struct record *record, const struct record *before, uint64_t entries,
		       const char head[SHA256_HEX], struct err *err);

/* Where it goes on: at the point whose attempt was interrupted, or that the plan lets be tried again, else at the one behind
 * it. */
struct sessions_place {
	unsigned point;    /* from 0; record.points_planned: there is none left */
	unsigned attempts; /* at that point so far */
	unsigned tried;    /* of them, those that came to their end: what counts against the plan's attempts */
	unsigned lost;     /* of those, the ones that the rig lost */
	unsigned failed;   /* the first of those, from 1, that failed; 0: none did */
};
struct sessions_place sessions_next(const struct record *record, const struct plan *plan);

/* From 1; that of the record itself is sessions + 1. `session` as in a point, a test or a condition. */
unsigned session_number(const struct record *record, unsigned session);
/* ", session 2" of a record that has several; else "". */
#define SESSION_TEXT_MAX 24
const char *session_text(const struct record *record, unsigned session, char ret[SESSION_TEXT_MAX]);

/* When that session began: by its own clock, which no other session's times can be held against, and in UTC (borrowed). */
uint64_t session_started_ns(const struct record *record, unsigned session);
const char *session_started_utc(const struct record *record, unsigned session);

/* Why a run that ended so cannot be gone on with; NULL: it can. Leaves out whether it took over the run that it went on with
 * itself. at_once: by the same program, where it ended a moment ago; then it need not have measured anything. */
const char *session_dead_end(const struct record *before, const struct plan *plan, bool at_once);

/* The record's own session, the newest, showed something against its pen: a condition of it, a test that it did not pass, a
 * point that failed. Such a session is never left behind, nor gone on with unasked. */
bool session_shows_failure(const struct record *record);

/* What was not the same when `before` ran: the first difference in words into `ret`, from software, pen and the files of
 * kind plan, bench, phantom and profile. True: nothing. Both records have their inputs (record_inputs()). */
bool sessions_alike(const struct record *record, const struct record *before, char *ret, size_t size);

#endif
