/* An import under way: what import.c learned of the recording, and where course.c stands in it. For these two alone. */
#ifndef PENRIG_OFFLINE_IMPORT_IMPORTING_H
#define PENRIG_OFFLINE_IMPORT_IMPORTING_H

#include "rig/base/loop.h"
#include "rig/estimate/estimator.h"
#include "rig/offline/import/beside_columns.h"
#include "rig/offline/import/import.h"
#include "rig/offline/import/source.h"

#define IMPORT_BASE_NS NS_PER_S /* host time of the first sample */
#define IMPORT_BLOCK   512      /* frames */
#define IMPORT_SLOW_HZ 10.0     /* frames of temperatures, at most */
#define STREAM_FORCE   0        /* and displacement */
#define STREAM_SLOW    1

struct importing {
	const struct import_config *config;
	struct record *record;
	struct runfile *rf;
	struct estimator estimator;
	unsigned channels,
		paired; /* force, displacement, temperatures; and how many of them share the force's stream */
	struct channel channel[1 + STREAM_BESIDE];
	struct source_file source;
	const struct recording_reader *reader;
	struct recording_layout layout;
	struct columns columns;
	struct beside_columns beside;
	struct stream_times stream_times;
	bool timed; /* by a column of times, whose word `stream_times` is */
	double rate_hz;
	struct point_times *found; /* owned: where the command line has no times */

	/* the block that is being filled */
	int32_t counts[2 * IMPORT_BLOCK];
	uint32_t held;
	bool gap;            /* samples are missing before it */
	uint64_t next_index; /* of its first */
	uint64_t slow_rows;  /* rows to a frame of temperatures */
	uint64_t slow_frame; /* the next one */
	/* the point under way */
	unsigned at;
	unsigned phase; /* the next to begin; POINT_REST: its end */
	uint64_t due;   /* row at which that is */
	uint64_t wall_ns;
	struct err *err;
};

uint64_t importing_host_ns(const struct importing *im, uint64_t index);

/* Channels, phases and slow frames, before the first row. */
void course_begin(struct importing *im);
/* Rows in order: blocks into run file and estimators, points opened and closed where their times are. */
int course_take(struct importing *im, const struct stream_piece *piece);
/* No more rows, `end` of them on the grid. -EINVAL: a point's window lies behind it. */
int course_end(struct importing *im, uint64_t end);

/* A check that a live bench makes, and this recording does not allow: no statement stands for it. The first one is told. */
void importing_unchecked(struct importing *im, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
