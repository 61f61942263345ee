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

/* A share with the sd that it has from trial to trial. */
struct share {
	double mean, sd;
};

struct misfit_row {
	unsigned trials, trusted, miscounted;
	double bias, bias_rel, median_u, worst; /* means of error, error / truth; worst |error| / U */
	struct share outside;                   /* of the trusted */
	struct share accept;                    /* of all: limits above and below in turn, or above alone */
	double accept_worse;                    /* of all: the worse of the two */
	struct reason_counts reasons;
};

struct recording misfit_cell_recording(const struct misfit_cell *cell, unsigned trial);

/* The outcomes of that many trials in order, whatever the number of processes; the caller frees them. Exits with a
 * message where a trial ends its process. */
struct misfit_outcome *misfit_cell_run(const struct misfit_cell *cell, unsigned trials, unsigned processes);

struct misfit_row misfit_row_of(const struct misfit_outcome *all, unsigned trials, enum misfit_claim claim);

void misfit_print_reasons(const struct reason_counts *reasons);

#endif
