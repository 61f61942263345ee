/* When in a recording each point of a plan was measured: as a person states it, in options or in a file, or as the
 * stretches of strokes in it show. */
#ifndef PENRIG_OFFLINE_IMPORT_TIMES_H
#define PENRIG_OFFLINE_IMPORT_TIMES_H

#include "rig/config/plan.h"
#include "rig/offline/import/stretches.h"

/* Seconds from the first row, rising. */
/* Of the plan's measure_s and settle_s: the first stroke comes a little after the command, and a window that was found ends
 * before the coast. */
#define WINDOW_LEAST 0.9

struct point_times {
	double tare_from_s, tare_until_s;    /* the pen stood still in its seat */
	double start_s;                      /* it was started */
	double measure_from_s, measure_to_s; /* the window; at its end the pen was told to stop */
};

/* Each rises, and tares for POINT_TARE_MIN_S at least? -EINVAL: names `what`. */
int point_times_check(const struct point_times *times, const char *what, struct err *err);

/* A points file ("kind": "penrig/points/1") for exactly these points, in their order. *ret: one for each, free() it; the
 * document, for its text, is the caller's. -EINVAL with the file's line: also where a setpoint that it states is another
 * than the plan's. */
int point_times_read(const char *path, const struct plan_point *points, unsigned count, struct point_times **ret,
		     struct json_doc **ret_doc, struct err *err);

/* From what was found: stretch for point, in order, each long enough for its step's settle_s and measure_s, and with a
 * tare before it; the window ends where the pen slows down, if that is within the last tenth of it. Stretches of less than half of the shortest such time are what handling leaves, and no points;
 * *ret_left_out counts them. -EINVAL, with a list of what was found: their number is another, one is too short, has no
 * quiet before it or strikes at a rate that is far from its point's. */
int point_times_find(const struct stretch *found, unsigned found_count, double rate_hz, const struct plan *plan,
		     const struct plan_point *points, unsigned count, const char *path, struct point_times **ret,
		     unsigned *ret_left_out, struct err *err);

/* The pause that ends a stretch, for these points. */
double point_times_pause_s(const struct plan_point *points, unsigned count);

#endif
