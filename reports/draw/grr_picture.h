/* A gauge study as SVG: how much of the study and of the tolerance each component makes, and the pens' means by each appraiser. */
#ifndef PENRIG_REPORTS_DRAW_GRR_PICTURE_H
#define PENRIG_REPORTS_DRAW_GRR_PICTURE_H

#include <stdio.h>

#define GRR_PANEL_HEIGHT 330 /* px of one study */
#define GRR_COMPONENTS   4   /* EV, AV, GRR, PV */

struct grr_picture {
	const char *title, *value_label;
	double percent_study[GRR_COMPONENTS], percent_tolerance[GRR_COMPONENTS]; /* NaN: there is none */
	unsigned parts, appraisers;
	const char (*part)[24];
	const char *const *appraiser;
	const double *mean; /* [appraiser * parts + part]; NaN: none */
};

void grr_page_begin(FILE *out, unsigned pictures);
void grr_picture_draw(FILE *out, const struct grr_picture *picture, unsigned number); /* from 0, from top to bottom */
void grr_page_end(FILE *out);

#endif
