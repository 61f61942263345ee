/* A control chart as SVG: values in order with their limits, and the chart of scatter beneath. */
#ifndef PENRIG_REPORTS_DRAW_CONTROL_PICTURE_H
#define PENRIG_REPORTS_DRAW_CONTROL_PICTURE_H

#include <stdbool.h>
#include <stdio.h>

#define CONTROL_PANEL_HEIGHT 470 /* px of one chart with its scatter */

struct control_picture {
	const char *title, *words, *value_label, *scatter_label; /* words: a line beneath the title */
	unsigned n;
	const double *value;
	const bool *broken;            /* a rule is broken there */
	const double *half_width;      /* of the limits at each value; NULL: the same for all */
	double centre, lower, upper;   /* control limits */
	double spec_lower, spec_upper; /* limits of the product; NaN: none, or not for these values */
	const char (*label)[24];       /* beneath each value */
	const double *scatter;         /* NULL: none; NaN where a value has none */
	double scatter_centre, scatter_upper, scatter_lower;
};

void control_page_begin(FILE *out, unsigned pictures);
/* One picture inside an HTML page. */
void control_page_begin_inline(FILE *out, const char *title);
void control_picture_draw(FILE *out, const struct control_picture *picture,
			  unsigned number); /* from 0, from top to bottom */
void control_page_end(FILE *out);

#endif
