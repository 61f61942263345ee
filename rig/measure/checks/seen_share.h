/* How much of a stroke's greater depth its fitted height shows, from the strokes themselves. A deeper stroke has another
 * shape than the template; what its top does is told by a polynomial over the cap, which knows no template. Height and top
 * are taken from odd samples, the height that they are regressed on from even ones, whose noise is another: an instrument.
 */
#ifndef PENRIG_MEASURE_CHECKS_SEEN_SHARE_H
#define PENRIG_MEASURE_CHECKS_SEEN_SHARE_H

#include <stdint.h>

/* One stroke, N: height by the template and top by the polynomial, from odd samples; height from even ones. */
struct seen_stroke {
	double top_n, odd_n, even_n;
};

/* zero-initialise. Sums about the first stroke. */
struct seen_share {
	uint64_t n;
	struct seen_stroke first;
	double sum[3], product[3][3]; /* of top, odd, even */
};

void seen_share_add(struct seen_share *share, const struct seen_stroke *stroke);
/* Change of the top per change of the height, and its standard uncertainty; NaN, INFINITY where the strokes do not tell.
 */
double seen_share_slope(const struct seen_share *share, double *ret_u);

#endif
