/* The force of a recording on its grid: values with the index of their rows, whatever tells where those lie. What the
 * file has no value for, or no row, is an index that is left out. */
#ifndef PENRIG_OFFLINE_IMPORT_STREAM_H
#define PENRIG_OFFLINE_IMPORT_STREAM_H

#include "rig/offline/import/columns.h"
#include "rig/offline/import/source.h"

#define STREAM_PIECE  4096
#define STREAM_BESIDE 4 /* columns beside the force */

struct stream_config {
	const struct recording_reader *reader;
	const char *path;
	const struct source_file
		*source; /* as it was looked at: a file that changes is an error, and would have no end */
	struct recording_wish wish;
	const struct recording_layout *layout;
	const struct columns *columns;
	unsigned beside; /* so many columns more, of the same rows */
	int column[STREAM_BESIDE];
	bool paired; /* a row without a value in the first of them is none, as one without a force */
};

/* What the rows' times say. */
struct stream_times {
	double rate_hz, rel; /* and its relative resolution */
	double unit_s, coarse_s, jitter_s, jitter_max_s;
};

/* Samples without a gap between them. */
struct stream_piece {
	unsigned n;
	uint64_t index, line;                       /* of the first one */
	double value[STREAM_PIECE];                 /* of the force's column, as the reader gives it; never NAN */
	double beside[STREAM_BESIDE][STREAM_PIECE]; /* NAN: no value in this row */
};

/* Reads the whole column of times. rate_hz: as the command line says, 0 where it does not; it decides which unit the
 * times have where the file does not. -EINVAL: no rate follows, or rows do not fit it; -errno. */
int stream_learn(const struct stream_config *config, double rate_hz, struct stream_times *ret, struct err *err);

struct stream;
/* times: as learned; NULL where there is no column of times or rows are counted (the grid of the rows themselves). */
int stream_open(const struct stream_config *config, double rate_hz, const struct stream_times *times,
		struct stream **ret, struct err *err);
/* 1, or 0: the end. */
int stream_next(struct stream *s, struct stream_piece *ret, struct err *err);
uint64_t stream_rows(const struct stream *s); /* that the grid has had so far, gaps at the end among them */
void stream_close(struct stream *s);

#endif
