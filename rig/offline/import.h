/* A run file from a raw recording of a force signal, taken with other equipment: the point is estimated on the same
 * road as any other, and the record says that nobody watched over the pen. */
#ifndef PENRIG_OFFLINE_IMPORT_H
#define PENRIG_OFFLINE_IMPORT_H

#include "rig/config/plan.h"
#include "rig/runfile/runfile.h"

enum import_format { IMPORT_I16, IMPORT_I32, IMPORT_CSV };

struct import_config {
	const char *path;
	enum import_format format;
	unsigned csv_column; /* from 1 */
	double rate_hz;
	double scale_n, offset_n; /* N = offset + scale * number in the file */
	/* seconds from the first sample: quiet until, start commanded, window from, stop commanded and window's end */
	double tare_until_s, start_s, measure_from_s, measure_to_s;
	const struct plan *plan;
	const struct bench *bench;
	const struct plan_point *point;
};

/* Fills the record (name, folder, who and texts of the files are set) and writes its run file; finish as in a session.
 * -EINVAL: the recording does not fit the options; -errno of files. */
int import_run(const struct import_config *config, struct record *record, uint64_t wall_ns,
	       int (*finish)(void *ctx, struct record *record, struct runfile *rf, struct err *err), void *ctx,
	       struct err *err);

#endif
