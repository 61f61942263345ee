/* Landmarks of a mean pulse. */
#include "rig/measure/point/pulse_view.h"

#include <math.h>

#include "rig/measure/point/cell.h"

#define STROKES_MIN 2
#define CAP         0.6
#define FLANK       0.5 /* the slope is that from here on: a ring of the cell bends it further down */
#define DEGREE      6
#define MARGIN      1.0 /* samples before the next contact, and as many sd of the intervals: */
#define MARGIN_SD   4.0

static bool find_top(const struct pulse_view *v, const struct load_cell *cell, struct points_top *ret)
{
	struct cell_inverse inverse = {.reach = 0};
	struct points points;

	if (cell)
		cell_inverse_design(cell, v->fs_hz, &inverse);
	mean_pulse_points(v->mean, &(struct mean_filter){inverse.weight, inverse.reach}, v->cap_lo, v->cap_hi, &points);
	return points_top(&points, v->cap_lo, v->cap_hi, DEGREE, ret);
}

double pulse_view_height(const struct pulse_view *v, const struct load_cell *cell)
{
	struct points_top top;

	return find_top(v, cell, &top) ? top.value : NAN;
}

/* Where contact begins and ends, and the slope there. What pulls at the needles in between moves the level that heights
 * are counted from: then a foot is found higher up. */
static bool find_feet(struct pulse_view *v, const struct points *points, double *ret_begin)
{
	static const double feet[] = {0.02, 0.05, 0.10};
	double unused, above;

	if (!points_above(points, FLANK, &unused, &above))
		return false;
	for (unsigned i = 0; i < sizeof(feet) / sizeof(feet[0]); i++) {
		if (!points_above(points, feet[i], ret_begin, &v->end))
			continue;
		v->slope_n = (feet[i] - FLANK) * v->height_n / (v->end - above);
		return true;
	}
	return false;
}

/* Of three strokes the last interval counts, too. */
static double interval_sd(const struct rhythm *r)
{
	return r->interval.n > 1 ? moments_sd(&r->interval) : fabs(r->last.length - r->interval.mean) * M_SQRT1_2;
}

bool pulse_view(const struct account *a, struct pulse_view *v)
{
	const struct mean_pulse *mean = &a->observed->mean_pulse;
	double period = tally_period(a->tally), begin, count_n = fabs(a->config->force.scale) / sqrt(12.0);
	struct cell_inverse inverse;
	struct points points;
	struct points_top top;

	*v = (struct pulse_view){.mean = mean,
				 .fs_hz = a->grid->fs_hz,
				 .strokes = mean_pulse_strokes(mean),
				 .noise_n = hypot(a->noise_n, count_n / sqrt(a->grid->decimation))};
	if (v->strokes < STROKES_MIN || !(period > 0.0))
		return false;
	cell_inverse_design(&a->config->cell, v->fs_hz, &inverse);
	mean_pulse_points(mean, &(struct mean_filter){inverse.weight, inverse.reach}, -0.5 * period, 0.5 * period,
			  &points);
	if (!points_above(&points, CAP, &v->cap_lo, &v->cap_hi) || !find_top(v, &a->config->cell, &top))
		return false;
	v->height_n = top.value;
	v->second_n = top.second;
	if (!(top.value > 0.0) || !find_feet(v, &points, &begin))
		return false;
	v->next = begin + period - MARGIN - MARGIN_SD * interval_sd(&a->tally->rhythm);
	return true;
}
