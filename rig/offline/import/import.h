/* A run file from a recording of a force signal, taken with other equipment and read by one of reader_table: the point is
 * estimated on the same road as any other, and the record says that nobody watched over the pen. */
#ifndef PENRIG_OFFLINE_IMPORT_IMPORT_H
#define PENRIG_OFFLINE_IMPORT_IMPORT_H

#include "rig/config/plan.h"
#include "rig/offline/import/beside_columns.h"
#include "rig/offline/import/times.h"
#include "rig/runfile/runfile.h"

struct import_config {
	const char *path;
	const char *format;         /* a reader's name; NULL: by what the file holds */
	struct recording_wish wish; /* `wanted` is not looked at */
	struct columns_wish columns;
	struct beside_wish beside;
	double rate_hz; /* 0: as the file says */
	const struct plan *plan;
	const struct bench *bench;
	const struct plan_point *points; /* all of the plan, in order */
	unsigned point_count;
	/* Of each of them; NULL: as the strokes in the recording show. Then nobody says when the pen was told to start and to
	 * stop, so how long that took is not measured. */
	const struct point_times *times;
	const char
		*recorded; /* the day, where the calibrations were valid then and no longer are; NULL: they are today */
	const char *
		witness; /* who vouches for what penrig did not see, NULL: nobody; the statement is in the record's files */
};

/* Fills the record (name, folder, who and texts of the files are set) and writes its run file; finish as in a session.
 * -EINVAL: the recording does not fit the options, or cannot be understood: the text names file, line and remedy, and no
 * run file is left; -errno of files. */
int import_run(const struct import_config *config, struct record *record, uint64_t wall_ns,
	       int (*finish)(void *ctx, struct record *record, struct runfile *rf, struct err *err), void *ctx,
	       struct err *err);

#endif
