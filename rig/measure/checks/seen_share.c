/* The slope of top over height, by an instrument. */
#include "rig/measure/checks/seen_share.h"

#include <math.h>

#define STROKES_MIN 32

enum { TOP, ODD, EVEN };

void seen_share_add(struct seen_share *s, const struct seen_stroke *stroke)
{
	if (s->n++ == 0)
		s->first = *stroke;

	const double y[3] = {stroke->top_n - s->first.top_n, stroke->odd_n - s->first.odd_n,
			     stroke->even_n - s->first.even_n};

	for (unsigned i = 0; i < 3; i++) {
		s->sum[i] += y[i];
		for (unsigned k = 0; k < 3; k++)
			s->product[i][k] += y[i] * y[k];
	}
}

static double covariance(const struct seen_share *s, unsigned i, unsigned k)
{
	double n = (double)s->n;

	return (s->product[i][k] - s->sum[i] * s->sum[k] / n) / (n - 1.0);
}

double seen_share_slope(const struct seen_share *s, double *ret_u)
{
	*ret_u = INFINITY;
	if (s->n < STROKES_MIN)
		return NAN;

	double common = covariance(s, ODD, EVEN), slope = covariance(s, TOP, EVEN) / common;
	double left = covariance(s, TOP, TOP) - 2.0 * slope * covariance(s, TOP, ODD) +
		      slope * slope * covariance(s, ODD, ODD);

	if (!(common > 0.0))
		return NAN;
	*ret_u = sqrt(fmax(0.0, left) * covariance(s, EVEN, EVEN) / (double)s->n) / common;
	return slope;
}
