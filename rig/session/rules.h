/* What follows from what is known (evidence.h), as tables to be read beside docs/exit-codes.md: whether a pen that was
 * ordered to stop is shown to stand still, and whose doing it is what a pen reports. Pure. */
#ifndef PENRIG_SESSION_RULES_H
#define PENRIG_SESSION_RULES_H

#include <stddef.h>

#include "rig/session/evidence.h"

enum ruling {
	RULING_WAIT,       /* it is not known yet */
	RULING_PROVEN,     /* it stands still */
	RULING_AS_BEFORE,  /* the answer that was given before holds */
	RULING_UNVERIFIED, /* it cannot be shown, and people must be told */
};

/* A row applies where all of `holds` and nothing of `lacks` is known; the first that applies counts. */
struct stop_rule {
	uint32_t holds, lacks; /* enum fact */
	enum ruling ruling;
	const char *text; /* for people: RULING_PROVEN, all of it; RULING_UNVERIFIED, what is wrong with the signal */
	const char *pen;  /* RULING_UNVERIFIED: instead of what the pen's word says */
};
const struct stop_rule *stop_rule_for(const struct evidence *evidence); /* never NULL: the last row always applies */

/* What people are told of it. why: of an abandoned run, in place of the signal's; else NULL. */
void stop_text(const struct stop_rule *rule, const struct evidence *evidence, const struct known *known,
	       const char *why, char *ret, size_t size);

/* The pen's own doing in a stop: it says that it is off, and was seen to run on. For people; NULL: nothing of the kind. A
 * motor that only creeps, and strokes after a pause, may be another's doing: the stop is unverified then, and that is all. */
const char *stop_blame(const struct evidence *evidence);

/* Whose doing it is what a heartbeat reports: the pen's own fails it, anything else makes the point inconclusive. */
enum blame { BLAME_NOBODY, BLAME_BENCH, BLAME_PEN };

struct report {             /* a heartbeat's reply, and what was wanted of the pen */
	uint32_t condition; /* enum pen_condition */
	bool running;
	bool should_run;       /* it was told to run and not yet to stop */
	bool deadman_expected; /* its dead-man is being tested */
};
/* By what the rig lost an attempt, as record_point.rig_cause says it: all that is set is its doing alone, whatever the pen
 * did. NULL: the pen may have had a part in it, or nobody knows. */
const char *condition_cause(uint32_t condition);
/* The same of a load sensor that is not alive under a running pen, and of what sensors say of themselves (enum
 * sensor_condition). */
const char *sickness_cause(enum watch_verdict verdict);
const char *sensor_cause(uint32_t condition);

/* "the pen reports undervoltage", all that are set. */
void condition_text(uint32_t condition, char *text, size_t size);
/* ret_condition: what counts of the condition; a motor that switched itself off is a stall. text: for people; both
 * untouched where nobody is to blame. */
enum blame report_blame(const struct report *report, uint32_t *ret_condition, char *text, size_t size);

#endif
