/* Is the force between strokes flat? */
#include "rig/measure/point/gap_view.h"

#include <math.h>

#include "rig/measure/point/doubts.h"
#include "rig/measure/point/summary_parts.h"

#define EDGE       0.005 /* of the period, at either end of a gap */
#define KINK_INNER 0.8   /* of a gap that kinks end */
#define SURE       6.0   /* standard uncertainties */
#define LEAST_MM   0.002 /* no judgement on a needle turns on less, however good the certificates are */
#define K95        1.96
#define SHORT_GAP  0.25 /* of the period: what goes on under the pulse is not seen well in it */

/* Points of the gap by phase about the deepest point. */
static unsigned gap_points(const struct account *a, const struct lift_off_look *look, struct profile_point *points)
{
	const struct template *t = a->template;
	const struct pulse *pulse = &t->pulse;
	double lo = pulse->gap.lo / t->period + EDGE, hi = 1.0 - pulse->gap.hi / t->period - EDGE;

	if (!pulse->gap.natural) {
		double middle = 0.5 * (lo + hi), half = KINK_INNER * look->half;

		lo = middle - half;
		hi = middle + half;
	}
	unsigned n = profile_join(points, period_profile_points(&a->observed->profile, lo, hi, points), GAP_POINTS_MAX);

	for (unsigned i = 0; i < n; i++)
		points[i].phase -= pulse->peak_at / t->period;
	return n;
}

static void name_cause(const struct gap_shape *shape, char *reason)
{
	if (shape->in_step)
		doubt(reason, "force of %.2g mN in step with the strokes (inertia, or a line of the mains)",
		      1e3 * fabs(shape->extra_n));
	else if (shape->lobe_n < 0.0)
		doubt(reason, "force between strokes is not flat: %.2g mN down (adhesion)", 1e3 * shape->range_n);
	else
		doubt(reason, "force between strokes is not flat: %.2g mN up (bounce, contact)", 1e3 * shape->range_n);
}

/* The effect on depth, and whether it is seen for sure. */
static bool weigh(const struct gap_shape *shape, const struct check_scale *scale, struct check_result *ret)
{
	double mm = scale->mm_per_n;

	if (shape->in_step) {
		ret->statistic = fabs(shape->extra_n) / shape->s_n;
		ret->effect_mm = shape->extra_n * mm;
		ret->u_mm = check_line(ret->effect_mm, shape->s_n * mm);
	} else {
		ret->statistic = shape->worst_z;
		ret->effect_mm = 0.5 * shape->range_n * mm;
		ret->u_mm = check_line(ret->effect_mm, 0.0);
	}
	ret->threshold = SURE;
	return fmax(ret->statistic, shape->worst_z) > SURE;
}

/* What is left of the cell's own ring, as far as its frequency is not known, is no structure of the force: it stands in
 * the budget already. */
static struct check_scale beside_the_cell(const struct account *a, const struct check_scale *scale)
{
	const struct heights *h = &a->tally->height;
	struct check_scale ret = *scale;

	if (h->cell_count > 0)
		ret.rest_u_mm = hypot(scale->rest_u_mm, K95 * h->cell_n / (double)h->cell_count *
								cell_u_rel(a->config) * scale->mm_per_n);
	ret.rest_u_mm = fmax(ret.rest_u_mm, LEAST_MM);
	return ret;
}

/* A lobe and a step may be one force: then their effects add up. */
static double beside_the_step(const struct gap_shape *shape, const struct gap_level *level,
			      const struct check_scale *scale)
{
	return shape->in_step ? 0.0 : fabs(level->step_n) * scale->mm_per_n;
}

void check_gap(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	struct profile_point points[PROFILE_BINS];

	if (!a->template->pulse.ready || !(scale->strokes >= RATE_STROKES_MIN))
		return;
	if (a->check[CHECK_CELL].state == CHECK_TRIPPED) {
		check_not_made(ret, "the load cell hides whether the force between strokes is flat");
		return;
	}

	struct check_scale beside = beside_the_cell(a, scale);
	struct lift_off_look look = gap_lift_off(a, scale);
	struct gap_level level = gap_level(a);
	unsigned n = gap_points(a, &look, points);
	struct gap_shape shape = gap_shape_look(points, n, level.d_n, level.s_n);
	bool bounded = a->template->pulse.gap.share < SHORT_GAP && level.known;

	if (n < GAP_POINTS_MIN && !bounded)
		return;
	ret->n = a->observed->profile.folded;
	ret->state = CHECK_PASSED;
	if (n >= GAP_POINTS_MIN && weigh(&shape, scale, ret) &&
	    check_outweighs(&beside, fabs(ret->effect_mm) + beside_the_step(&shape, &level, scale))) {
		ret->state = CHECK_TRIPPED;
		name_cause(&shape, ret->reason);
	}
	if (bounded)
		ret->u_mm = hypot(ret->u_mm, check_line(2.0 * (fabs(level.d_n) + level.s_n) * scale->mm_per_n, 0.0));
}
