/* How long a point is measured, and settles before it: for a fixed time, or until what is asked for is known well enough,
 * or travels no more. */
#ifndef PENRIG_CONFIG_WINDOW_H
#define PENRIG_CONFIG_WINDOW_H

#include "rig/base/json.h"
#include "rig/measure/measurand.h"

#define WINDOW_TARGETS_MAX 8

struct window_target {
	enum measurand id;
	double u; /* expanded uncertainty, or travel, that is wanted at most, in the measurand's unit, > 0 */
};

struct window {
	double min_s, max_s; /* equal where the time is fixed */
	unsigned targets;    /* 0: the time is fixed. Else the window ends between the two, when all are met */
	struct window_target
		target[WINDOW_TARGETS_MAX]; /* no measurand twice; each one's row says `narrows`, or `travels` */
};

/* "measure_s": a number, or {"min", "max", "until": {MEASURAND: U}}. -EINVAL with file:line:column. For a table of
 * fields: dst is a struct window. */
int window_read(const struct json_doc *doc, const struct json *node, struct window *ret, struct err *err);
/* "settle_s", from 0 s on: a number, or {"min", "max", "until": {MEASURAND: TRAVEL}}. As above. */
int window_read_settle(const struct json_doc *doc, const struct json *node, struct window *ret, struct err *err);

#endif
