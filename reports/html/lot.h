/* The page of several runs: a lot, a batch. First how many passed and what each unit's run came to; then every judged measurand
 * over the runs against its limits; then each run. Takes one run at a time: what it keeps of one is a row of text, in a file that
 * has no name, and a figure for each limit. */
#ifndef PENRIG_REPORTS_HTML_LOT_H
#define PENRIG_REPORTS_HTML_LOT_H

#include <stdio.h>

#include "rig/record/record.h"

struct lot;

/* One measurand at one setpoint over the runs. */
struct lot_group {
	char title[160], unit[8]; /* "depth_error_mm, force_equivalent, at 1 mm, 120 Hz on SIL-STD-01" */
	double lower, upper;      /* NAN where there is none */
	bool limits_differ;       /* between runs */
	unsigned values;          /* that are trusted */
	const double *value;      /* of them; in the order of the runs */
	unsigned missing;         /* runs with this limit and without a trusted value */
};

int lot_new(struct lot **ret, struct err *err);
void lot_free(struct lot *lot); /* NULL is fine */
struct lot_run {                /* borrowed for the call */
	const struct record *record;
	const char *path;  /* of its run file, as the page links it */
	const char *later; /* what was said of it afterwards: verdicts by other limits, a rejection; "": nothing */
	enum outcome
		worst_later; /* by which its unit counts where it is worse than the run's own; OUTCOME_PASS: nothing was */
	bool part; /* another run of the page went on with it and holds its figures: they count there, and not here */
};
/* -ENOMEM, -EIO. */
int lot_add(struct lot *lot, const struct lot_run *run, struct err *err);
unsigned lot_groups(const struct lot *lot);
void lot_group(const struct lot *lot, unsigned i, struct lot_group *ret); /* i below their number; borrowed */
/* What is said beneath the picture of a group: "Ppk 1.31 ...". */
void lot_say(struct lot *lot, unsigned i, const char *text);
/* The page. made: when and by what. -EIO, -ENOMEM. */
int lot_write(struct lot *lot, const char *made, FILE *out, struct err *err);

#endif
