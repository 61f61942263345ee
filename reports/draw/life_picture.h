/* Values of one unit over its strokes, with the line through them and where it meets a limit, as SVG. */
#ifndef PENRIG_REPORTS_DRAW_LIFE_PICTURE_H
#define PENRIG_REPORTS_DRAW_LIFE_PICTURE_H

#include <stdio.h>

struct life_mark {
	double strokes, value;
	unsigned cartridge; /* told apart by the mark's shape */
};

struct life_picture {
	const char *title, *words, *value_label; /* words: a line beneath the title */
	unsigned n;
	const struct life_mark *mark;
	/* from `line_from` strokes on: */
	double line_from, line_value, slope; /* per stroke */
	double now, lower, upper;            /* strokes made; limits, NaN: none */
	double left_lo, left_hi; /* strokes from now in which the limit is met; INFINITY: never; NaN: not known */
};

void life_page_begin(FILE *out, unsigned pictures);
void life_picture_draw(FILE *out, const struct life_picture *picture, unsigned number); /* from 0, from top to bottom */
void life_page_end(FILE *out);

#endif
