/* A cell of the misfit table: all trials of one family and severity, or so many good recordings, run in processes of their
 * own and summed up. */
#ifndef PENRIG_TESTS_BENCH_MISFIT_CELLS_H
#define PENRIG_TESTS_BENCH_MISFIT_CELLS_H

#include "tests/bench/misfit_trial.h"
#include "tests/bench/misfits.h"

#define REASONS_MAX   12
#define REASON_LENGTH 100

struct misfit_cell {
	const struct misfit_family *family; /* NULL: good recordings */
	double severity;
	unsigned first; /* number of its first trial */
};

struct reason_counts {
	unsigned kinds, count[REASONS_MAX];
	char text[REASONS_MAX][REASON_LENGTH]; /* figures in them are '#' */
};

/* Of n values. */
struct sum {
	double n, sum, squares;
};

struct misfit_row {
	unsigned trials, trusted, miscounted;
	double error, error_rel, error_rel2, u; /* sums over the trusted: of error, error / truth and its square, U */
	double median_u, worst;                 /* of the trusted; worst |error| / U */
	struct sum outside;                     /* of the trusted */
	struct sum accept;                      /* of all: limits above and below in turn, or above alone */
	double upper, lower;                    /* sums over the trusted: passes of limits above, and below */
	struct reason_counts reasons;
};

/* By what one sees that a cell's recordings and results are those of an earlier time: of its trial 0, rms of the force [N],
 * depth and its U [mm]. */
struct misfit_mark {
	double rms_n, depth_mm, expanded_u_mm;
};

struct recording misfit_cell_recording(const struct misfit_cell *cell, unsigned trial);

/* The outcomes of that many trials in order, whatever the number of processes; the caller frees them. Exits with a
 * message where a trial ends its process. */
struct misfit_outcome *misfit_cell_run(const struct misfit_cell *cell, unsigned trials, unsigned processes);

struct misfit_row misfit_row_of(const struct misfit_outcome *all, unsigned trials, enum misfit_claim claim);

struct misfit_mark misfit_cell_mark(const struct misfit_cell *cell);

void misfit_print_reasons(const struct reason_counts *reasons);

#endif
