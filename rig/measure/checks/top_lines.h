/* Do the pulses swing with the mains where the force between them does not? Heights are above the level between strokes, hum taken
 * off: what they still have of a line of the mains is under the pulse alone, as where a front end ends between strokes and
 * lets neither hum nor level through. A pen that wanders with the mains of itself swings so, too; but what is added to the
 * force moves the flanks by as much as the top, and another depth moves them by less. Constant memory. */
#ifndef PENRIG_MEASURE_CHECKS_TOP_LINES_H
#define PENRIG_MEASURE_CHECKS_TOP_LINES_H

#include <stdbool.h>

#include "rig/measure/checks/linear_fit.h"

#define TOP_LINES_MAX 6
#define TOP_STROKES   96 /* a piece: the mains keep their phase over so many */
#define TOP_ALL       11 /* pieces one behind the other; then one in TOP_EACH: a long window tells as much by less */
#define TOP_EACH      8

enum { TOP_HEIGHT, TOP_FLANK, TOP_SUM, TOP_SERIES };

struct top_lines {       /* zeroed is empty */
	double from;     /* of the piece, samples */
	unsigned n;      /* strokes in it */
	unsigned ended;  /* pieces */
	unsigned passed; /* strokes to pass over until the next one */
	struct top_line {
		struct linear_fit fit[TOP_SERIES]; /* level, slope, cosine and sine, in the piece at hand */
		double seen; /* sum over pieces of half the square of the amplitude in its own noise: 1 each by chance */
		double power;  /* sum of the amplitudes' squares, less noise, N^2 of the height */
		double chance; /* sum of what noise makes of them */
		unsigned pieces;
		/* of the pieces in which all flanks are known: */
		double shared,
			squares; /* sums of flank times height, and of height squared, as amplitudes, less noise */
		double noise[TOP_SERIES]; /* sums of the variances beside the wave */
		unsigned flanked;
	} line[TOP_LINES_MAX];
};

/* A stroke's height and the force low on its flanks, N; the latter NaN: not known. */
struct top_seen {
	double height_n, flank_n;
};

/* Is the next stroke one of those to look at? Where it is not, top_lines_add() passes over it, whatever it is. */
bool top_lines_want(const struct top_lines *tops);
/* w: of each line, rad per sample; 0: this one is not asked for. */
void top_lines_add(struct top_lines *tops, double at, const struct top_seen *seen, const double *w, unsigned lines);

/* Amplitude in heights of a line, N; 0: no more than chance. */
double top_line_seen(const struct top_lines *tops, unsigned line);

/* Standard uncertainty of that by how the heights scatter, N; INFINITY: no piece has told. */
double top_line_seen_u(const struct top_lines *tops, unsigned line);

/* By how much the flanks move with the line per movement of the heights. NaN: not known. */
double top_line_ratio(const struct top_lines *tops, unsigned line);
/* Standard uncertainty of that, were it `ratio`: heights scatter of themselves, and flanks with them. INFINITY: not known. */
double top_line_ratio_u(const struct top_lines *tops, unsigned line, double ratio);

/* Can a line be told from what a pen does of itself: from slow changes and from every second stroke? period: samples. */
bool top_line_told(double w, double period);
/* And from another line? Strokes, one value each, see the sum of two that differ by whole turns per stroke, gaps their difference. */
bool top_lines_apart(double w, double other, double period);

#endif
