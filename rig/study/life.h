/* A course of sessions on one unit: what wears with the strokes, and how many are left before a limit is met. Pure. */
#ifndef PENRIG_STUDY_LIFE_H
#define PENRIG_STUDY_LIFE_H

#include <stdbool.h>

#include "rig/study/interval.h"

#define LIFE_CARTRIDGES 64

struct life_value {
	double strokes; /* that the unit had made by then */
	double value;
	unsigned cartridge; /* from 0, in the order in which they came: below LIFE_CARTRIDGES */
};

/* value = level of its cartridge + slope strokes, by least squares. */
struct life_drift {
	unsigned n, cartridges;
	bool levels_apart; /* each cartridge has a level of its own; else there are too few values, and all share one */
	double dof, sd;    /* about the lines; sd NaN without degrees of freedom */
	struct interval slope; /* per stroke */
	/* of the newest cartridge's values, or of all: their number, mean place and mean */
	unsigned own;
	double mean_strokes, mean_value,
		spread; /* sum of the squared distances of all strokes from the mean of their level */
};

/* -ENODATA: fewer than three values, or all at one number of strokes (within each cartridge, where those are kept apart there is
 * one at least that has two). Values in the order in which they came. */
int life_drift(const struct life_value *value, unsigned n, double confidence, struct life_drift *ret);

/* How many strokes after `now` the line meets a limit, with what it may be by the line's own uncertainty (Fieller's theorem: where
 * the band of the line, widened by the expanded uncertainty that all values share, meets it). INFINITY: never; 0: it is met already. lower, upper: NaN where
 * there is none. */
struct interval life_left(const struct life_drift *drift, double lower, double upper, double now, double expanded_u,
			  double confidence);

#endif
