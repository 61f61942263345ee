/* Times as people read them: a clock, with or without a date. Pure. */
#ifndef PENRIG_OFFLINE_IMPORT_TEXT_TIME_H
#define PENRIG_OFFLINE_IMPORT_TEXT_TIME_H

#include <stdbool.h>
#include <stddef.h>

struct text_time {
	double second; /* of the day; where there is no date, as counted: minutes and hours may go on beyond 24 h */
	bool dated;
	long day;     /* from 1970-01-01, where there is a date */
	int decimals; /* digits of the seconds' fraction */
};

/* "12:00:01.0005", "0:01.250" (min:s), "01:02:03 PM", "2026-03-01T12:00:01.5Z", "01.03.2026 12:00:01,5", "3/1/2026
 * 12:00:01" (month first unless it is above 12), "[10:00:00.000 01/01/2000]". The fraction's mark may be either. A zone
 * is read over: within a file it is one. False: no clock is in it, or something else as well. */
bool text_time(const char *at, size_t len, struct text_time *ret);

#endif
