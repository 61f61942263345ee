/* The level that the force channel reads with no needle in contact, by time: the end of the tare, the first gaps between
 * strokes, gaps all along, the last of them, and the beginning of the rest. From these follows how the level steps as the
 * strokes begin and as they end, whatever it drifts meanwhile. */
#ifndef PENRIG_MEASURE_CHECKS_LEVEL_SERIES_H
#define PENRIG_MEASURE_CHECKS_LEVEL_SERIES_H

#include <stdbool.h>

#define LEVEL_SIDE   20 /* bins to one side of a step */
#define LEVEL_PSEUDO 7

/* Mean of the levels within one bin of time. */
struct level_bin {
	double t, y, n;
};

/* The newest bins, or the first ones. */
struct level_run {
	struct level_bin at[2 * LEVEL_SIDE];
	unsigned most; /* places in use */
	bool newest;   /* older ones make room; else what comes late is passed over */
	unsigned long closed;
	struct level_bin open; /* sums */
	double open_end;
};

struct level_series {
	double width; /* of a bin, in the unit of t */
	struct level_run tare, first, gaps, rest;
	unsigned long window_gaps; /* bins of gaps since the window began */
	double first_at, last_at;  /* of the strokes; NaN: none */
	double pseudo[LEVEL_PSEUDO];
	unsigned pseudos; /* steps taken inside the window, where there are none */
};

void level_series_init(struct level_series *series, double width);
/* Levels with the number of samples that they are means of, each kind in order of t. */
void level_series_tare(struct level_series *series, double t, double level, unsigned n);
void level_series_rest(struct level_series *series, double t, double level, unsigned n);
/* Between two strokes, the second of which stands at `after`. */
void level_series_gap(struct level_series *series, double t, double level, unsigned n, bool in_window);
void level_series_stroke(struct level_series *series, double at);

struct level_step {
	double d, s; /* between strokes less at rest, and its standard uncertainty; INFINITY: it cannot be told */
};

/* As the strokes begin and as they end. */
void level_series_steps(const struct level_series *series, double period, struct level_step *ret_start,
			struct level_step *ret_stop);

/* By how much slope and bend explain the levels of tare, gaps and rest better than one level does: a chi-square of two
 * degrees where nothing moves but white noise, of noise_n per sample or louder, as the bins scatter about slope and bend. NaN: too
 * few bins to tell. */
double level_series_trend(const struct level_series *series, double noise_n);

#endif
