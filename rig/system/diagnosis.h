/* What was found of a computer or a device of a bench, and the command that mends it. Plain data. */
#ifndef PENRIG_SYSTEM_DIAGNOSIS_H
#define PENRIG_SYSTEM_DIAGNOSIS_H

#include <stdbool.h>

enum diagnosis_state {
	DIAGNOSIS_GOOD,
	DIAGNOSIS_WARNING, /* a run starts, and may be worse for it */
	DIAGNOSIS_UNKNOWN, /* it could not be looked at: a run may start or not */
	DIAGNOSIS_FAULT,   /* a run does not start */
};
extern const char *const diagnosis_states[]; /* "good", "warning", "unknown", "fault" */

struct diagnosis {
	enum diagnosis_state state;
	const char *check; /* "permission", "clock"; static */
	char subject[192]; /* the device's name, a file's; empty: the computer */
	char text[400];    /* what was found */
	char remedy[400];  /* the command that mends it; empty: nothing to mend, or none is known */
	int exit_code;     /* of a fault: that with which a run would end */
};

#define DIAGNOSES_MAX 128

struct diagnoses {              /* zero-initialised */
	unsigned count, beyond; /* beyond: those that found no place */
	struct diagnosis finding[DIAGNOSES_MAX];
};

/* One more, with its text; NULL where there is no place, which is counted. */
__attribute__((format(printf, 5, 6))) struct diagnosis *diagnosis_add(struct diagnoses *findings,
								      enum diagnosis_state state, const char *check,
								      const char *subject, const char *fmt, ...);
/* What mends it. `finding` may be NULL. */
__attribute__((format(printf, 2, 3))) void diagnosis_mend(struct diagnosis *finding, const char *fmt, ...);

/* The worst of all. DIAGNOSIS_UNKNOWN too where there was no place for one. */
enum diagnosis_state diagnoses_worst(const struct diagnoses *findings);

#endif
