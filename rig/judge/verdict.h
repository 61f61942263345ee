/* The verdict on a run. Pure: live, in replay, for a recording. */
#ifndef PENRIG_JUDGE_VERDICT_H
#define PENRIG_JUDGE_VERDICT_H

#include <stdbool.h>

#include "rig/config/plan.h"
#include "rig/measure/risk.h"
#include "rig/record/record.h"

/* Worst of required results, tests and conditions of the points that count; then the rule that a pass needs a complete
 * run with every required measurement. Fills has_verdict, dut_verdict, on_statement, verdict_reason and what the plan
 * accepts. plan NULL: what was required is not known, so the verdict is inconclusive or a proven fail. */
void verdict_form(struct record *record, const struct plan *plan);

/* The result whose limit decided: the one that verdict_reason tells of. */
struct verdict_decided {
	const struct finding *finding;    /* both borrowed from the record */
	const struct record_point *point; /* NULL: of a sweep */
};
/* False, and `ret` untouched, where there is no verdict or something else decided it: a test, a condition, what is missing. */
bool verdict_decided(const struct record *record, const struct plan *plan, struct verdict_decided *ret);

/* How likely it is that a pass of all limits is wrong: the required results that count, together. False, and `ret`
 * untouched, where the verdict is no pass or one of them has no risk. */
bool verdict_risk(const struct record *record, struct joint_risk *ret);

/* A verdict as it is told: one row for each. */
struct verdict_row {
	const char *name;   /* "pass_on_statement" */
	const char *banner; /* words of big letters, a line for each: "STATEMENT PASS" */
	bool passes;        /* all that was measured is within its limits */
	int code;           /* of a complete run */
	int accepted_code;  /* the same where the plan accepts such a pass */
};
const struct verdict_row *verdict_row(enum outcome outcome, bool on_statement);
/* Of a record; "none" where it has no verdict. */
const char *verdict_name(const struct record *record);
/* Does it count as a pass: one, or one of another kind that the plan accepts? */
bool verdict_accepted(const struct record *record);

/* The exit code, by the table of docs/exit-codes.md. */
int verdict_exit_code(const struct record *record);

/* Earlier sessions that a lost device ended after the pen had been told to run. */
unsigned verdict_devices_lost(const struct record *record);
/* Points whose first attempt is not the one that counts: what passes, passed only then. */
unsigned verdict_measured_again(const struct record *record);
/* Of them, those with an attempt that the rig lost (rig_cause); ret_causes: by what, each once, "timing, samples". */
#define VERDICT_CAUSES_MAX 40
unsigned verdict_retried(const struct record *record, char ret_causes[VERDICT_CAUSES_MAX]);

#endif
