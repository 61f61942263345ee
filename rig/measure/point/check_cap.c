/* Whether the top of the pulse is as sharp as an eccentric's: heights are the maximum of a polynomial, and of another top
 * another polynomial has another maximum. And whether it is one: what follows the force at its own speed and not at the force's
 * meets it again on its way down, in a corner, and what the top was is lost. */
#include <math.h>

#include "rig/measure/point/cell.h"
#include "rig/measure/point/check_cell.h"
#include "rig/measure/point/pulse_view.h"

#define STROKES_MIN 3.0
#define CAP_DEGREE  6
#define SPREAD_SD   2.5
#define SEXTIC      4.785 /* variance of that maximum for unit noise, times the samples: pulse.c */
#define RESIDUAL    1.5   /* times the largest residual: what may hide between a polynomial and the points */
#define RESIDUAL_SD 3.3
#define NEIGHBOURS  6     /* points that a residual is the mean of */
#define CORNER      0.605 /* filled of the box about a cap: of smooth tops 0.63 and more, of two straight lines 0.56 */
#define CORNER_SD   3.0
#define SQRT3       1.7320508075688772

struct cap {
	const struct pulse_view *view;
	struct points points; /* above the lowest share that is looked at */
	struct points_top top;
};

/* Half-width of the maxima of other polynomials over other parts. */
static double spread(const struct cap *c)
{
	static const struct {
		unsigned degree;
		double share;
	} others[] = {{4, 0.75}, {8, 0.5}, {6, 0.7}};
	double worst = 0.0, lo, hi;

	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct points_top other;

		if (points_above(&c->points, others[i].share, &lo, &hi) &&
		    points_top(&c->points, lo, hi, others[i].degree, &other))
			worst = fmax(worst, fabs(other.value - c->top.value));
	}

	double samples = 2.0 * c->top.half;

	return worst - SPREAD_SD * c->view->noise_n * sqrt(SEXTIC / (samples * (double)c->view->strokes));
}

/* What the points have that the polynomial has not. */
static double residual(const struct cap *c)
{
	double worst = 0.0;

	for (unsigned i = 0; i + NEIGHBOURS <= c->points.n; i++) {
		double sum = 0.0, weight = 0.0;

		if (points_at(&c->points, i) < c->view->cap_lo ||
		    points_at(&c->points, i + NEIGHBOURS - 1) > c->view->cap_hi)
			continue;
		for (unsigned k = i; k < i + NEIGHBOURS; k++) {
			sum += c->points.weight[k] *
			       (c->points.y[k] - points_top_at(&c->top, CAP_DEGREE, points_at(&c->points, k)));
			weight += c->points.weight[k];
		}
		if (weight > 0.0)
			worst = fmax(worst, fabs(sum) / weight - RESIDUAL_SD * c->view->noise_n / sqrt(weight));
	}
	return RESIDUAL * worst;
}

/* How much of the box that has the cap's width and height lies under the polynomial, and a standard uncertainty: that of the
 * top alone, because of what noise does to edges, mean and top together it is less. */
static double filled(const struct cap *c, double *ret_u)
{
	double mean = 0.0, edge = 0.0;

	for (unsigned k = 0; k <= CAP_DEGREE; k += 2) {
		mean += c->top.coefficient[k] / (k + 1.0);
		edge += c->top.coefficient[k];
	}

	double height = c->top.value - edge, samples = 2.0 * c->top.half * (double)c->view->strokes;

	*ret_u = c->view->noise_n * sqrt(SEXTIC / samples) / height;
	return (mean - edge) / height;
}

static void judge_corner(const struct cap *c, struct check_result *ret)
{
	double u, share = filled(c, &u);

	if (share + CORNER_SD * u >= CORNER)
		return;
	ret->statistic = share;
	ret->threshold = CORNER;
	check_trip(ret,
		   "pulses end in a corner: a front end slower than the force (slew rate), or thrown back needles");
}

void check_cap(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	struct cell_inverse inverse;
	struct pulse_view view;
	struct cap cap = {.view = &view};
	double reach;

	if (!(scale->strokes >= STROKES_MIN) || !pulse_view(a, &view))
		return;
	reach = 0.5 * (view.cap_hi - view.cap_lo);
	cell_inverse_design(&a->config->cell, view.fs_hz, &inverse);
	mean_pulse_points(view.mean, &(struct mean_filter){inverse.weight, inverse.reach}, view.cap_lo - reach,
			  view.cap_hi + reach, &cap.points);
	if (!points_top(&cap.points, view.cap_lo, view.cap_hi, CAP_DEGREE, &cap.top))
		return;

	double half_n = fmax(0.0, fmax(spread(&cap), residual(&cap)));

	ret->state = CHECK_PASSED;
	ret->n = view.strokes;
	ret->statistic = half_n / view.height_n;
	ret->effect_mm = half_n * scale->mm_per_n;
	ret->u_mm = ret->effect_mm / SQRT3;
	if (a->check[CHECK_CELL].state != CHECK_TRIPPED) /* one that rings as it should not makes corners, too */
		judge_corner(&cap, ret);
}
