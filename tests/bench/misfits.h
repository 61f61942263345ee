/* Families of signals that the model does not fit, each from harmless to gross: what the misfit table has a row for. */
#ifndef PENRIG_TESTS_BENCH_MISFITS_H
#define PENRIG_TESTS_BENCH_MISFITS_H

#include "tests/bench/recording.h"

#define SEVERITIES_MAX 8

struct misfit_family {
	const char *name;
	const char *unit;                /* of the severity */
	double severity[SEVERITIES_MAX]; /* the first 0 behind the first ends them */
	/* Makes the recording one of the family. */
	void (*apply)(struct recording *r, double severity);
	bool depth_wrong; /* what is wrong with it no force signal tells: of its trusted points nothing is asked here */
	bool as_drawn;    /* tried on the nominal recording alone */
	bool fits;        /* no misfit at all: of these every result is asked for its accuracy */
};

extern const struct misfit_family misfit_families[];
extern const unsigned misfit_family_count;

/* Aborts where there is none of that name. */
const struct misfit_family *misfit_family_find(const char *name);
/* How many severities it has. */
unsigned misfit_severities(const struct misfit_family *family);

/* The trial-th recording of a family and severity. Even trials are made of the nominal recording, odd ones of usual ones.
 * It depends on nothing but the three. */
struct recording misfit_recording(const struct misfit_family *family, double severity, unsigned trial);

#endif
