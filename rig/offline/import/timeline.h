/* What a column of times (or of row numbers) says of a recording's rows: how many per second, and where some are missing.
 * Rows are taken to lie on a grid of equal steps; what a row's time lies beside its place on it is jitter, and where all
 * that follows lies a step or more later, rows were lost. Pure; its memory is fixed. */
#ifndef PENRIG_OFFLINE_IMPORT_TIMELINE_H
#define PENRIG_OFFLINE_IMPORT_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/error.h"

#define TIMELINE_AHEAD 1024  /* rows that are looked at before a row's place is decided */
#define TIMELINE_HEAD  16384 /* rows from which the step is learned */

struct timeline_row {
	double value; /* of the time column */
	uint64_t line;
};

struct timeline {
	double unit_s, resolution_s; /* of the column; unit 0: it counts rows */
	double step_s;               /* of the grid; fixed or learned */
	bool learning;               /* the step follows what is seen */
	unsigned ahead;              /* rows that decide; <= TIMELINE_AHEAD */
	double coarse_s;             /* as fine as times are seen to be: the resolution, or bursts of equal stamps */
	/* of the row that was placed last */
	bool started;
	uint64_t index, rows, first_index;
	double first_s, last_s;
	double expect_s; /* where the grid has that row */
	/* sums */
	double jitter2, jitter_max_s;
	/* rows that wait for what follows */
	struct timeline_row wait[TIMELINE_AHEAD];
	unsigned at, held;
};

/* The step from the first rows of a column, in its own unit: the median of spans, so that lost rows do not count. NAN:
 * too few rows, or they do not rise. Sorts nothing of the caller's. */
double timeline_step(const double *value, unsigned n, double resolution, double *ret_coarse);

/* step_s: of the grid (learning: to begin with). coarse_s as timeline_step() gave it. */
void timeline_init(struct timeline *t, double unit_s, double resolution_s, double step_s, double coarse_s,
		   bool learning);

/* Places a row of times that lies where the grid has it, where none waits: most do. False: it must be pushed. */
bool timeline_quick(struct timeline *t, double value, uint64_t *ret_index);
/* Gives a row. Its place is known when enough rows followed, at once where it lies where the grid has it: */
void timeline_push(struct timeline *t, const struct timeline_row *row);
/* The next row's place: 1 with its index and how many rows are missing before it; 0: more rows are needed first (never
 * with `last`, while rows wait). -EINVAL: time goes back, or does not fit the grid; the text (without the path) names
 * the line. */
int timeline_next(struct timeline *t, bool last, uint64_t *ret_index, uint64_t *ret_missing, struct err *err);

/* Rows per second over all that was placed, and its relative resolution. */
double timeline_rate_hz(const struct timeline *t, double *ret_rel);
double timeline_jitter_s(const struct timeline *t); /* RMS */

/* The number with the fewest digits within a relative distance: 5000 for 5000.0000001. */
double timeline_round(double value, double rel);

#endif
