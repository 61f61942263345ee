/* Values of one measurand over many runs, a series for each setpoint, method and phantom. */
#ifndef PENRIG_STUDY_SERIES_H
#define PENRIG_STUDY_SERIES_H

#include "rig/history/history.h"

struct series_value {
	double value, u, expanded_u;
	char started[32], run[128], dut[64];
	bool judged, passed; /* it met a limit; by more than its guard band */
};

struct series { /* what its values have in common */
	char method[32], unit[8], phantom[64];
	bool sweep;
	double depth_mm, rate_hz; /* NaN: none */
	double lower, upper;      /* of the newest value; NaN: none */
	bool limits_changed;      /* an older value met others */
	unsigned n, room;
	struct series_value *value; /* in order of time */
};

struct series_list {
	unsigned n, room;
	struct series *item;
};

/* Every series of this measurand in the runs that the filter chooses. method NULL: those that a limit was for; where none was,
 * all. Zero-initialise *ret; series_free() also after an error. */
int series_read(struct history *history, const struct history_filter *filter, const char *measurand, const char *method,
		struct series_list *ret, struct err *err);
void series_free(struct series_list *list);

#endif
