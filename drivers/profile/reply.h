/* Lines of a profile's device to what they say. Pure: no I/O, no clock, no memory of the line before. */
#ifndef PENRIG_DRIVERS_PROFILE_REPLY_H
#define PENRIG_DRIVERS_PROFILE_REPLY_H

#include "drivers/profile/profile.h"

#define REPLY_TEXT_MAX 48 /* of maker, model, serial number, firmware: as struct device_identity keeps them */

struct reading {
	enum profile_state state;
	unsigned values;                  /* 0: the line had none, or one that its state forbids to use */
	double value[PROFILE_VALUES_MAX]; /* in profile_measures_unit() */
	char unit[PROFILE_WORD_MAX];      /* as the device, the profile or the bench names it */
};

enum reply_kind {
	REPLY_DONE,    /* one of the awaited forms; `reading` and the texts hold what it said */
	REPLY_REFUSED, /* one of them, and it says no */
	REPLY_ERROR,   /* the device reports an error */
	REPLY_IGNORED, /* a line that nobody asked for and the profile knows */
	REPLY_ODD,     /* none of all */
};

struct reply {
	enum reply_kind kind;
	struct reading reading;
	char maker[REPLY_TEXT_MAX], model[REPLY_TEXT_MAX], serial[REPLY_TEXT_MAX], firmware[REPLY_TEXT_MAX];
	const struct profile_alternative *form; /* that it has; NULL: none of the awaited */
	const char *means; /* of REFUSED and ERROR, the profile's; of ODD, why, or NULL: no form fits */
};

/* awaited: NULL for none. bench_unit: the unit by the bench file, empty where it says none. The line is printable. */
void reply_read(const struct profile *profile, const struct profile_alternatives *awaited, const char *bench_unit,
		const char *line, struct reply *ret);

/* A decimal number as gauges write it: blanks around it, a sign with blanks behind it, digits, one decimal mark with a digit
 * at least beside it; no exponent, at most 15 digits, so that each is exact to the last. */
bool reply_number(const char *text, char decimal, double *ret);

#endif
