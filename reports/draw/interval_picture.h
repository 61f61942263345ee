/* Differences with their intervals, one beneath the other, as SVG: what reaches beyond the band matters. */
#ifndef PENRIG_REPORTS_DRAW_INTERVAL_PICTURE_H
#define PENRIG_REPORTS_DRAW_INTERVAL_PICTURE_H

#include <stdbool.h>
#include <stdio.h>

struct interval_row {
	char title[160], words[80]; /* above it, and to its right */
	double value, lo, hi;       /* NaN: nothing can be drawn */
	double near_lo, near_hi;    /* a narrower interval, drawn thick; NaN: none */
	bool beyond;                /* it is what is looked for: in red, with a square */
};

struct interval_picture {
	const char *title, *words, *x_label; /* words: a line beneath the title */
	double band;                         /* half of its width, about 0; NaN: there is none */
	unsigned rows;
	const struct interval_row *row;
};

unsigned interval_picture_height(unsigned rows); /* px */
void interval_page_begin(FILE *out, unsigned height);
void interval_picture_draw(FILE *out, const struct interval_picture *picture,
			   unsigned top); /* px from the page's edge */
void interval_page_end(FILE *out);

#endif
