/* What is known of a unit from all its runs, on every bench that the history knows. Pure.
 *
 * A failure stays: no later pass washes it out, but a supervisor's disposition of that run may concede it, or set it aside, with
 * a reason; then a newer run by the same plan (name and SHA-256) decides.
 * Of a run and the verdicts that were formed of it later the worst counts. Where nothing failed, the newest verdict by each plan says how the unit stands by that plan, and the worst of the
 * plans how it stands. A run without a verdict (refused) says nothing of the unit. */
#ifndef PENRIG_HISTORY_UNIT_H
#define PENRIG_HISTORY_UNIT_H

#include "rig/history/history.h"

enum unit_standing {               /* in order of severity */
		     UNIT_UNKNOWN, /* no run has a verdict */
		     UNIT_PASS,
		     UNIT_CONCEDED, /* failed, and a supervisor accepts it as it is */
		     UNIT_CONDITIONAL,
		     UNIT_INCONCLUSIVE,
		     UNIT_FAIL,
		     UNIT_REJECTED /* by a supervisor */
};
const char *unit_standing_name(enum unit_standing standing); /* "pass", "conceded", "fail" ... */
/* What one run makes of its unit: the worse of its verdict and of the worst that was formed of it later, both as told by
 * verdict_name(), "": none. */
enum unit_standing unit_standing_of(const char *verdict, const char *later);

struct unit {
	char dut[64];
	enum unit_standing standing;
	char decided_by[128];                               /* name of the run that decides */
	char decided_on[32];                                /* when it started */
	char decided_why[240];                              /* its reason, or the supervisor's with the name */
	char last[32];                                      /* start of the last run */
	unsigned runs, passes, failures, others, set_aside; /* a recording that was imported again is no run more */
	/* of the plan at hand */
	char plan[64], plan_sha256[72];
	enum unit_standing plan_standing;
	char plan_by[128], plan_on[32], plan_why[240];
};

/* Zero-initialise; runs come in ORDER_UNIT. */
void unit_add(struct unit *unit, const struct history_run *run);
/* Once, behind its last run. */
void unit_end(struct unit *unit);

#endif
