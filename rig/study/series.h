/* Values of one measurand over many runs, a series for each setpoint, method and phantom. A recording that was imported several
 * times counts once for a unit: by its newest import, which passed only where all did. */
#ifndef PENRIG_STUDY_SERIES_H
#define PENRIG_STUDY_SERIES_H

#include "rig/history/history.h"

struct series_value {
	double value, u, expanded_u; /* value NaN while it is read: could not be judged */
	char started[32], run[128], dut[64];
	char recording[65]; /* digest; "": penrig measured */
	int64_t run_id;
	unsigned order; /* as read: by time, then by place in the run */
	unsigned method_version;
	bool failed_later;   /* its run, by a verdict that was formed later */
	bool judged, passed; /* it met a limit; by more than its guard band */
};

struct series { /* what its values have in common */
	char method[32], unit[8], phantom[64];
	bool sweep;
	double depth_mm, rate_hz; /* NaN: none */
	double lower, upper;      /* of the newest value; NaN: none */
	bool limits_changed;      /* an older value met others */
	bool measured;            /* a value was */
	unsigned oldest_method,
		newest_method; /* versions of the method that derived the values; other than equal: they mix */
	unsigned unjudged;     /* for these a limit was, and no value that could be judged */
	unsigned repeated;     /* values of recordings that were imported again, left out */
	unsigned failed_later; /* runs that failed by a verdict that was formed later */
	unsigned n, room;
	struct series_value *value; /* in order of time; of those that have one */
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
