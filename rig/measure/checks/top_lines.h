/* Do the pulses swing with the mains where the force between them does not? Heights are above the level between strokes, hum taken
 * off: what they still have of a line of the mains is under the pulse alone, as where a front end ends between strokes and
 * lets neither hum nor level through. Constant memory. */
#ifndef PENRIG_MEASURE_CHECKS_TOP_LINES_H
#define PENRIG_MEASURE_CHECKS_TOP_LINES_H

#include <stdbool.h>

#include "rig/measure/checks/linear_fit.h"

#define TOP_LINES_MAX 6
#define TOP_STROKES   96 /* a piece: the mains keep their phase over so many */

struct top_lines {   /* zeroed is empty */
	double from; /* of the piece, samples */
	unsigned n;  /* strokes in it */
	struct top_line {
		struct linear_fit fit; /* level, slope, cosine and sine, in the piece at hand */
		double seen; /* sum over pieces of half the square of the amplitude in its own noise: 1 each by chance */
		double power; /* sum of the amplitudes' squares, less noise, N^2 of the height */
		unsigned pieces;
	} line[TOP_LINES_MAX];
};

/* w: of each line, rad per sample; 0: this one is not asked for. */
void top_lines_add(struct top_lines *tops, double at, double height_n, const double *w, unsigned lines);

/* Amplitude in heights of a line, N; 0: no more than chance. */
double top_line_seen(const struct top_lines *tops, unsigned line);

/* Can a line be told from what a pen does of itself: from slow changes and from every second stroke? period: samples. */
bool top_line_told(double w, double period);

#endif
