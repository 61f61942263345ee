/* What a run stored against what was derived again: every difference is one line of text. */
#ifndef PENRIG_OFFLINE_REPLAY_COMPARE_H
#define PENRIG_OFFLINE_REPLAY_COMPARE_H

#include "rig/offline/replay.h"

struct differences {
	struct replay_summary *summary;  /* counts them and keeps the first */
	struct replay_listener listener; /* zeroed: nobody wants to hear them */
	bool other_method;               /* the file was judged by another one */
	bool known[MEASURANDS];          /* those of which the file has a result somewhere */
	bool any_known;                  /* a file without results makes none of them new */
};

/* Notes what the file holds; before any of it is derived again. */
void differences_know(struct differences *d, const struct record *stored);

__attribute__((format(printf, 2, 3))) void differs(struct differences *d, const char *fmt, ...);

/* where: the point or sweep; what: of it. Two NaN are alike, 0 and -0 are not. */
void compare_real(struct differences *d, const char *where, const char *what, double stored, double again);
void compare_whole(struct differences *d, const char *where, const char *what, uint64_t stored, uint64_t again);
void compare_text(struct differences *d, const char *where, const char *what, const char *stored, const char *again);
/* `again` goes the road into the file and back first, as `stored` did: what is equal as text is equal. Its results of
 * measurands that the file does not know are noted as new in the summary, counted in neither, and not compared, nor are inputs
 * of budgets that the stored point does not name. */
int compare_point(struct differences *d, const struct record_point *stored, struct record_point *again,
		  struct err *err);
/* Results alone; sweep: its number, from 0. The same road. */
int compare_sweep(struct differences *d, unsigned sweep, const struct record_sweep *stored, struct record_sweep *again,
		  struct err *err);

/* "point 3, attempt 1 (1.5 mm, 120 Hz)" */
void point_name(const struct record_point *point, char *ret, size_t size);

#endif
