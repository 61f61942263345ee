/* See deadman.h. */
#include "rig/session/deadman.h"

#include <math.h>
#include <stdio.h>

#include "rig/session/rules.h"

#define MOTION_S 0.02 /* a swing is taken over so long (measure/watch.h), and as much may pass on the way to the pen */

double deadman_earliest_s(const struct deadman_seen *seen)
{
	return seen->set_s - seen->period_s - MOTION_S;
}

double deadman_latest_s(const struct deadman_seen *seen)
{
	return seen->fed_by_s + seen->set_s + DEADMAN_LATE_S + seen->coast_down_s;
}

static bool is_early(const struct deadman_seen *seen)
{
	return seen->ran_s < deadman_earliest_s(seen) || seen->said_off_s < seen->set_s;
}

static bool is_late(const struct deadman_seen *seen)
{
	return seen->ran_s > deadman_latest_s(seen) || seen->said_on_s > seen->fed_by_s + seen->set_s + DEADMAN_LATE_S;
}

static enum outcome unknown(const struct deadman_seen *seen, char *text, size_t size)
{
	char why[120] = "it does not say that its dead-man tripped";
	if (!seen->said_off)
		snprintf(why, sizeof(why), "it has not said that its motor is off");
	else if (seen->condition & ~(uint32_t)PEN_DEADMAN_TRIPPED)
		condition_text(seen->condition, why, sizeof(why));
	snprintf(text, size, "cannot tell: the pen stood still %.3f s after the last heartbeat, and %s", seen->ran_s,
		 why);
	return OUTCOME_INCONCLUSIVE;
}

enum outcome deadman_judge(const struct deadman_seen *seen, char *text, size_t size)
{
	const char *what = "stood still", *whose = "";
	enum outcome outcome = OUTCOME_PASS;
	if (!seen->still) {
		what = "still running";
		outcome = OUTCOME_FAIL;
	} else if (!seen->said_off || seen->condition != PEN_DEADMAN_TRIPPED) {
		return unknown(seen, text, size);
	} else if (is_early(seen) || is_late(seen)) {
		what = is_early(seen) ? "tripped too early: stood still" : "tripped too late: stood still";
		outcome = OUTCOME_FAIL;
	}
	if (seen->of_parts && outcome == OUTCOME_FAIL) {
		outcome = OUTCOME_INCONCLUSIVE;
		whose = ", which is the power supply's timer's doing and not the pen's";
	}
	snprintf(text, size,
		 "%s %.3f s after the last heartbeat; set to %.3f s, allowed %.3f s to %.3f s with coast-down%s", what,
		 seen->ran_s, seen->set_s, fmax(deadman_earliest_s(seen), 0.0), deadman_latest_s(seen), whose);
	return outcome;
}
