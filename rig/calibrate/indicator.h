/* What an indicator or laser shows of a stage that stands still: readings in a row that agree, or why there are none.
 * Leaves out where they come from and who waits for them. */
#ifndef PENRIG_CALIBRATE_INDICATOR_H
#define PENRIG_CALIBRATE_INDICATOR_H

#include "rig/base/error.h"
#include "rig/base/samples.h"
#include "rig/config/bench.h"

#define INDICATOR_READINGS 5
#define INDICATOR_NS       1000000000ULL /* and over so long, however quick it is */
#define INDICATOR_SPAN_U   2.0           /* all of them lie within so many standard uncertainties of one reading */

struct indicator {
	const struct bench_device *device; /* of the bench; NULL: whoever sets the stage reads it */
	double span_mm;                    /* that readings of a stage at rest may be apart */
	bool wanted, fresh;                /* fresh: what was asked before it was wanted has come */
	unsigned n;
	uint64_t since_ns;
	double sum_mm, lo_mm, hi_mm;
};

/* The bench's device `name`: a reference with a profile, with a certificate, that measures a length. span_mm: as above,
 * over 0. -EINVAL with text. */
int indicator_choose(struct indicator *indicator, const struct bench *bench, const char *name, double span_mm,
		     struct err *err);

/* From now on readings count, but for one that is under way. */
void indicator_want(struct indicator *indicator);

/* Readings of one block, channel as the device describes it. 1: *ret_mm is the mean of at least
 * INDICATOR_READINGS that agree, and no more are wanted; 0: more are needed, or none is wanted; -EDOM with text, and none is wanted: it is not settled, out
 * of its range, one is missing, or it is no length. */
int indicator_block(struct indicator *indicator, const struct channel *channel, const struct sample_block *block,
		    double *ret_mm, struct err *err);

#endif
