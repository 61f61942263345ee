/* The verdict on a run. Pure: live, in replay, for a recording. */
#ifndef PENRIG_JUDGE_VERDICT_H
#define PENRIG_JUDGE_VERDICT_H

#include <stdbool.h>

#include "rig/config/plan.h"
#include "rig/measure/risk.h"
#include "rig/record/record.h"

/* Worst of required results, tests and conditions of the points that count; then the rule that a pass needs a complete
 * run with every required measurement. Fills has_verdict, dut_verdict, verdict_reason, accept_conditional. plan NULL:
 * what was required is not known, so the verdict is inconclusive or a proven fail. */
void verdict_form(struct record *record, const struct plan *plan);

/* How likely it is that a pass of all limits is wrong: the required results that count, together. False, and `ret`
 * untouched, where the verdict is no pass or one of them has no risk. */
bool verdict_risk(const struct record *record, struct joint_risk *ret);

/* The exit code, by the table of docs/exit-codes.md. */
int verdict_exit_code(const struct record *record);

#endif
