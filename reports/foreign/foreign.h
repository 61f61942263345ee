/* What formats of other programs have in common: a run as groups of judged figures, one for each attempt at a point and for
 * each sweep, and checks without a figure. What the pen did and what could not be shown stay apart in every one of them:
 * a format may know no "inconclusive", but it knows an error that is no pass and no fail of the unit. */
#ifndef PENRIG_REPORTS_FOREIGN_FOREIGN_H
#define PENRIG_REPORTS_FOREIGN_FOREIGN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "rig/base/json_stream.h"
#include "rig/record/record.h"

enum grade {
	GRADE_NONE, /* it has no weight: no limit, not required, superseded by a later attempt */
	GRADE_PASS,
	GRADE_FAIL,
	GRADE_ERROR,   /* nothing is shown: inconclusive, or a conditional pass that the plan does not accept */
	GRADE_ABORTED, /* of a run alone: interrupted before anything was shown */
	GRADES,
};

/* GRADE_PASS exactly where `penrig run` returned 0, and nobody rejected the run since; a fail that was proven stays one, whatever became of the run. */
enum grade grade_of_run(const struct record *record);
enum grade grade_of_finding(const struct finding *finding);
/* The verdict by its own name, which a grade has not, and why: "pass_on_statement: every required measurement ...". Without
 * one, "none" and why the run ended. Returns ret. */
#define FOREIGN_VERDICT_MAX 900
const char *foreign_verdict(const struct record *record, char ret[FOREIGN_VERDICT_MAX]);
/* Why alone, and whether points had to be measured again for it. Returns ret. */
const char *foreign_why(const struct record *record, char ret[FOREIGN_VERDICT_MAX]);

/* Borrowed for the call. */
struct foreign_group {
	char place[160]; /* "point 3: 1.5 mm, 120 Hz on SIL-STD-01": the same in every run of the plan */
	char name[200];  /* that and the attempt; one of its kind in a run */
	const struct record_point *point; /* NULL: a sweep */
	const struct record_sweep *sweep;
	unsigned results;
	const struct finding *result;
	enum grade grade; /* with what no result explains */
	const char *reason;
	uint64_t begin_ms, end_ms; /* UTC since 1970; of a sweep, when the run ended */
};
/* Of one attempt alone. */
void foreign_point_group(const struct record *record, const struct record_point *point, struct foreign_group *ret);
void foreign_each_group(const struct record *record, void (*fn)(void *ctx, const struct foreign_group *group),
			void *ctx);

/* How long an attempt took, in milliseconds; 0 where it did not reach its end. */
uint64_t foreign_point_ms(const struct record *record, const struct record_point *point);

/* A measurand of a group: one of its kind in it. "depth_mm (force_equivalent)". */
#define FOREIGN_NAME_MAX 100
void foreign_name(const struct finding *finding, char ret[FOREIGN_NAME_MAX]);

/* What is said without a figure: how the run ended, the stop, tests of the pen, what it reported, points that were not run. */
struct foreign_check {
	char name[80];
	enum grade grade;
	const char *text;
};
void foreign_each_check(const struct record *record, void (*fn)(void *ctx, const struct foreign_check *check),
			void *ctx);

/* Milliseconds of UTC since 1970; 0 where the text is none. */
uint64_t foreign_utc_ms(const char *iso);
#define FOREIGN_UTC_MAX 32
void foreign_utc_text(uint64_t ms, char ret[FOREIGN_UTC_MAX]); /* "2026-11-29T10:00:00.250Z" */

/* A UUID (RFC 9562, version 8) of this run: the same each time. */
#define FOREIGN_UUID_MAX 37
void foreign_uuid(const struct record *record, char ret[FOREIGN_UUID_MAX]);

/* What a format has no member for, as one line of JSON that a program can read: all that (71) needs to judge the figure again.
 * "{"outcome":"pass","value":1.02,"expanded_uncertainty":0.0078,...}". free() it. NULL: no memory. */
char *foreign_judgement(const struct finding *finding);
/* The same as members of an object that is open. */
void foreign_put_judgement(struct json_stream *out, const struct finding *finding);

void foreign_put_text(struct json_stream *out, const char *key, const char *text); /* cleaned; "" stays "" */
/* The first attribute of that name (--attr NAME=VALUE), else `other`. */
const char *foreign_attribute(const struct record *record, const char *name, const char *other);
/* The pen's device; NULL: none was opened. */
const struct record_device *foreign_pen(const struct record *record);

#endif
