/* A window that ends when what the plan names is known well enough: at which samples that is looked at, and what is
 * enough. Goes by uncertainties, never by a value or a judgement; docs/method.md, "Windows that end early". */
#ifndef PENRIG_ESTIMATE_UNTIL_H
#define PENRIG_ESTIMATE_UNTIL_H

#include "rig/config/plan.h"
#include "rig/measure/point/point.h"
#include "rig/record/record.h"

#define UNTIL_EVERY_S 0.25 /* of samples, from the shortest window on */

struct until {
	const struct plan *plan;
	const struct window *window; /* of the point at hand; NULL: its time is fixed, or nobody asks */
	double fs_hz;
	uint64_t seen; /* one past the newest sample that the point was fed */
	uint64_t next; /* sample before which it is looked at next; UINT64_MAX: it is not looked at */
	bool reached;
	uint64_t reached_at;    /* one past the last sample that was looked at then */
	struct result *results; /* RESULTS_PER_POINT_MAX of them, owned */
};

/* For a point of that step, whose samples come at fs_hz. window NULL or without targets: it is never looked at. -ENOMEM. */
int until_begin(struct until *until, const struct plan *plan, const struct window *window, double fs_hz);
void until_release(struct until *until);
/* The window begins at that sample. */
void until_window(struct until *until, uint64_t first_index);
/* Samples from first_index up to end come next: a look that falls into a gap before them is not made, for the point was
 * fed nothing since. */
void until_feed(struct until *until, uint64_t first_index, uint64_t end);
/* Looks, where all samples before until->next have been fed and no other: reached, or when to look again. */
void until_look(struct until *until, struct point *point);

/* Whether all targets are met by these results, and no check waits for more of the signal. A check that tripped does not
 * keep a window open: one that went on until it passes would choose the moment at which it looks best. Pure. */
bool until_met(const struct plan *plan, const struct window *window, const struct result *results, unsigned n,
	       const struct check_result *check, unsigned checks);

/* How well each target of the point's window was met in the end, from its results. */
void until_tell(const struct plan *plan, struct record_point *point);

#endif
