/* What is not well in a run, the worst first: the one list that reports in every format, and a terminal, show. It judges
 * nothing: every outcome and reason is the record's own. */
#ifndef PENRIG_REPORTS_FAILURES_H
#define PENRIG_REPORTS_FAILURES_H

#include "rig/record/record.h"

enum failure_kind {
	FAILURE_RESULT,    /* a required limit of a point or a sweep that was not met, or not shown to be */
	FAILURE_POINT,     /* an attempt that counts and did not reach its end, or whose outcome no result explains */
	FAILURE_NOT_RUN,   /* a planned point without an attempt */
	FAILURE_TEST,      /* of the pen */
	FAILURE_CONDITION, /* the pen reported it */
	FAILURE_STOP,      /* the needles were not seen to stop */
	FAILURE_RUN,       /* it did not end well */
};

/* Borrowed from the record for the call. */
struct failure {
	enum failure_kind kind;
	enum outcome outcome;
	const struct finding *finding;    /* FAILURE_RESULT */
	const struct record_point *point; /* of a result; NULL: of a sweep */
	const struct record_sweep *sweep;
	const struct record_test *test;
	unsigned number;    /* FAILURE_NOT_RUN: of the point, from 1 */
	const char *name;   /* measurand, test; a word for the others: "stop" */
	const char *reason; /* may be "" */
};

const char *failure_kind_name(enum failure_kind kind); /* "result", "test", "not_run" ... */

/* An attempt that does not count stands there where what it showed of the pen stays with it: outcomes other than
 * inconclusive. Returns how many there are; fn NULL: counts only. */
unsigned failures_each(const struct record *record, void (*fn)(void *ctx, const struct failure *failure), void *ctx);

/* "point 3 (1.5 mm, 120 Hz)", "step 1 at 120 Hz", "" where it is of the whole run. */
void failure_place(const struct failure *failure, char *ret, size_t size);

#endif
