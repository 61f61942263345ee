/* An operating characteristic as SVG: the chance that a lot is accepted over its share nonconforming. */
#ifndef PENRIG_REPORTS_DRAW_OC_PICTURE_H
#define PENRIG_REPORTS_DRAW_OC_PICTURE_H

#include <stdio.h>

struct oc_picture {
	const char *title;
	unsigned n;
	const double *percent, *exact, *measured; /* chances in %; measured NULL: measuring is exact */
	double aql_percent, lq_percent;           /* NaN: not said */
};

void oc_picture_draw(FILE *out, const struct oc_picture *picture);

#endif
