/* The path of the needle from the flank, drawn on to the surface; and what the force has more than it should there. */
#include "rig/measure/checks/foot.h"

#include <math.h>
#include <string.h>

#define TERMS        3
#define POINTS_MIN   8
#define STRAIGHT_MIN 4
#define STRAIGHT     1e-3 /* of the rate: its sine is a straight line */
#define BLUR_U       0.5  /* of what strokes of different depths blur: their paths are moved, or scaled */
#define SPREAD       1.0  /* times the difference of the two: its standard uncertainty */
#define FAR          1.3  /* sd of a delay: what adds its force further behind the end of contact is none */
#define FAR_PART     0.8  /* the same of the beginning of a force that goes on further behind */

/* Depth as an eccentric moves the needle: c0 + c1 cos wt + c2 sin wt, mm. */
struct path {
	double w, c[TERMS];
	double own[TERMS][TERMS],
		noise[TERMS][TERMS]; /* normal matrix; what noise of 1 N in each sample makes of its right side */
};

/* Of the height: the forces that a path is taken from. */
struct share {
	double lo, hi;
};
static const struct share flank = {0.12, 0.55};
static const struct share other_flank = {0.18, 0.70}; /* to see how well a path is drawn on to the surface */
static const struct share high_flank = {0.50, 0.90};  /* where less of what rounds the end of contact reaches */

static double path_at(const struct path *p, double t, double *ret_speed)
{
	*ret_speed = p->w * (p->c[2] * cos(p->w * t) - p->c[1] * sin(p->w * t));
	return p->c[0] + p->c[1] * cos(p->w * t) + p->c[2] * sin(p->w * t);
}

static bool solve_three(double a[TERMS][TERMS], double b[TERMS])
{
	for (unsigned c = 0; c < TERMS; c++) {
		if (!(fabs(a[c][c]) > 1e-12))
			return false;
		for (unsigned r = c + 1; r < TERMS; r++) {
			double f = a[r][c] / a[c][c];

			for (unsigned k = c; k < TERMS; k++)
				a[r][k] -= f * a[c][k];
			b[r] -= f * b[c];
		}
	}
	for (unsigned c = TERMS; c-- > 0;) {
		for (unsigned k = c + 1; k < TERMS; k++)
			b[c] -= a[c][k] * b[k];
		b[c] /= a[c][c];
	}
	return true;
}

static double force_at(const struct foot_question *q, double depth)
{
	double force, slope;

	return depth > 0.0 && curve_force(q->curve, depth, &force, &slope) == 0 ? force : 0.0;
}

/* Of a share of the forces on the way down. straight: as if it moved evenly. */
static bool find_path(const struct points *p, const struct foot_question *q, double level, const struct share *share,
		      bool straight, struct path *ret)
{
	double a[TERMS][TERMS] = {{0}}, depth, slope, weight = 0.0;
	double lo = share->lo * q->height_n, hi = share->hi * q->height_n;
	unsigned n = 0;

	*ret = (struct path){.w = (straight ? STRAIGHT : 1.0) * 2.0 * M_PI / q->period};
	for (unsigned i = 0; i < p->n; i++) {
		double t = points_at(p, i), row[TERMS] = {1.0, cos(ret->w * t), sin(ret->w * t)}, y = p->y[i] - level;

		if (p->weight[i] <= 0.0 || y > hi)
			continue;
		if (y < lo)
			break;
		if (curve_depth(q->curve, y, &depth, &slope) != 0)
			continue;
		for (unsigned r = 0; r < TERMS; r++) {
			ret->c[r] += p->weight[i] * row[r] * depth;
			for (unsigned c = 0; c < TERMS; c++) {
				a[r][c] += p->weight[i] * row[r] * row[c];
				ret->noise[r][c] += p->weight[i] * row[r] * row[c] / (slope * slope);
			}
		}
		weight += p->weight[i];
		n++;
	}
	for (unsigned r = 0; r < TERMS; r++) {
		ret->c[r] /= weight;
		for (unsigned c = 0; c < TERMS; c++) {
			a[r][c] /= weight;
			ret->own[r][c] = a[r][c];
			ret->noise[r][c] /= weight * weight;
		}
	}
	if (straight) { /* the cosine is as good as 1 */
		for (unsigned r = 0; r < TERMS; r++)
			a[1][r] = a[r][1] = r == 1;
		ret->c[1] = 0.0;
	}
	return n >= (straight ? STRAIGHT_MIN : POINTS_MIN) && solve_three(a, ret->c);
}

/* What the force has more than the path makes of the curve. */
struct excess {
	double area, moment;   /* N x samples; about the surface */
	double near;           /* the largest area from the beginning on whose centroid is near the surface */
	double u_area;         /* from noise, by way of the path */
	double slope_n, speed; /* where the path leaves the surface: N and mm per sample, negative */
	double surface;        /* where that is */
};

/* Whether its centroid lies nearer than so many sd of the delay that would add this area. */
static bool is_near(const struct excess *e, double slope_n, double sd)
{
	return e->area > 0.0 && e->moment < e->area * sd * sqrt(2.0 * e->area / -slope_n);
}

/* Trapezoids, once the points are below `from`. */
static struct excess excess_of(const struct points *p, const struct foot_question *q, double level, double from,
			       const struct path *path, double slope_n)
{
	struct excess sum = {.area = 0.0};
	double before = 0.0, at = NAN, surface = NAN, speed;

	for (unsigned i = 0; i < p->n && points_at(p, i) <= q->settled; i++) {
		double y = p->y[i] - level, t = points_at(p, i), depth = path_at(path, t, &speed);

		if (p->weight[i] <= 0.0 || (isnan(at) && y > from))
			continue;
		if (isnan(surface) &&
		    depth <= 0.0) /* the path returns to it later, the needle of this stroke does not */
			surface = t;

		double more = y - (isnan(surface) ? force_at(q, depth) : 0.0);

		if (isfinite(at)) {
			sum.area += 0.5 * (more + before) * (t - at);
			sum.moment += isnan(surface) ? 0.0 : 0.5 * (more + before) * (t - at) * (t - surface);
			if (!isnan(surface) && is_near(&sum, slope_n, FAR_PART))
				sum.near = fmax(sum.near, sum.area);
		}
		before = more;
		at = t;
	}
	return sum;
}

static double level_of(const struct points *p, double from, double *ret_weight)
{
	double sum = 0.0;

	*ret_weight = 0.0;
	for (unsigned i = 0; i < p->n; i++) {
		if (points_at(p, i) < from)
			continue;
		sum += p->weight[i] * p->y[i];
		*ret_weight += p->weight[i];
	}
	return sum / *ret_weight;
}

/* Speed of the path where it leaves the surface, mm per sample; NaN: it does not. */
static double end_speed(const struct points *p, const struct path *path, double *ret_at)
{
	double speed;

	for (unsigned i = 0; i < p->n; i++) {
		*ret_at = points_at(p, i);
		if (path_at(path, *ret_at, &speed) <= 0.0)
			return speed;
	}
	return NAN;
}

/* Standard uncertainty of the area from noise of 1 N in each sample, by way of the path alone. */
static double area_u(const struct points *p, const struct foot_question *q, double level, double from,
		     const struct path *path)
{
	double gradient[TERMS] = {0.0}, own[TERMS][TERMS], sum = 0.0, speed, force, slope;

	for (unsigned i = 0; i < p->n; i++) {
		double t = points_at(p, i), depth = path_at(path, t, &speed);
		double row[TERMS] = {1.0, cos(path->w * t), sin(path->w * t)};

		if (p->weight[i] <= 0.0 || p->y[i] - level > from)
			continue;
		if (depth <= 0.0 || curve_force(q->curve, depth, &force, &slope) != 0)
			break;
		for (unsigned r = 0; r < TERMS; r++)
			gradient[r] += slope * row[r] * p->step;
	}
	memcpy(own, path->own, sizeof(own));
	if (!solve_three(own, gradient))
		return NAN;
	for (unsigned r = 0; r < TERMS; r++) {
		for (unsigned c = 0; c < TERMS; c++)
			sum += gradient[r] * path->noise[r][c] * gradient[c];
	}
	return sqrt(sum);
}

/* By the path of an eccentric, or a straight one. */
static bool find_excess(const struct points *p, const struct foot_question *q, double level, const struct share *share,
			bool straight, struct excess *ret)
{
	double force, slope;
	struct path path;

	if (!find_path(p, q, level, share, straight, &path) || curve_force(q->curve, 0.0, &force, &slope) != 0)
		return false;

	double surface, speed = end_speed(p, &path, &surface);

	if (!(speed < 0.0) || !(slope > 0.0))
		return false;
	*ret = excess_of(p, q, level, flank.lo * q->height_n, &path, slope * speed);
	ret->slope_n = slope * speed;
	ret->speed = speed;
	ret->surface = surface;
	ret->u_area = q->noise_n * area_u(p, q, level, flank.lo * q->height_n, &path);
	return true;
}

static bool find_both(const struct points *p, const struct foot_question *q, double level, bool straight,
		      struct excess *ret, struct excess *ret_other)
{
	return find_excess(p, q, level, &flank, straight, ret) &&
	       find_excess(p, q, level, &other_flank, straight, ret_other);
}

static double variance_of(double area, double slope_n)
{
	return 2.0 * area / -slope_n;
}

/* Neighbouring points are means of different strokes, as many as there are places between samples: of their depths each point is then
 * a mean. */
static void even_out(const struct points *p, struct points *ret)
{
	unsigned wide = 1;

	while (wide < 4 && fmod(wide * p->step, 1.0) > 0.0)
		wide++;
	*ret = (struct points){.step = p->step, .first = p->first + 0.5 * (wide - 1) * p->step};
	for (unsigned i = 0; i + wide <= p->n; i++) {
		double sum = 0.0, weight = 0.0;
		unsigned n = 0;

		for (unsigned k = i; k < i + wide; k++) {
			sum += p->weight[k] > 0.0 ? p->y[k] : 0.0;
			weight += p->weight[k];
			n += p->weight[k] > 0.0;
		}
		ret->y[i] = n > 0 ? sum / n : 0.0;
		ret->weight[i] = weight / wide;
	}
	ret->n = p->n >= wide ? p->n - wide + 1 : 0;
}

static struct foot_part part_of(const struct excess *e)
{
	return (struct foot_part){variance_of(e->area, e->slope_n), variance_of(e->u_area, e->slope_n)};
}

/* A filter that is as slow as the flank is steep rounds the flank itself, and a path through that hides most of it: the nearer
 * to the top a path is taken from, the more of it is seen. Strokes of different depths blur both alike, once points are even. */
static void find_growth(const struct points *p, const struct foot_question *q, double level, struct foot *ret)
{
	static const struct foot_part untold = {NAN, NAN};
	struct excess high, low;
	struct points even;

	ret->low = ret->growth = untold;
	even_out(p, &even);
	if (!find_excess(&even, q, level, &flank, false, &low))
		return;
	ret->flank = low.surface;
	ret->low = part_of(&low);
	if (!find_excess(&even, q, level, &high_flank, false, &high))
		return;
	ret->growth = part_of(&high);
	ret->growth.variance -= ret->low.variance;
	ret->growth.u = hypot(ret->growth.u, ret->low.u);
}

void foot_find(const struct points *p, const struct foot_question *q, struct foot *ret)
{
	double weight, level = level_of(p, q->settled, &weight), per_sample = 0.0;
	struct excess more, other;

	*ret = (struct foot){.looked = false};
	if (!q->curve || !(weight > 0.0) ||
	    !(find_both(p, q, level, false, &more, &other) || find_both(p, q, level, true, &more, &other)))
		return;
	for (unsigned i = 0; i < p->n; i++)
		per_sample += p->weight[i];
	per_sample /= p->n * p->step;

	double long_n = q->settled - points_at(p, 0);
	double noise = q->noise_n * hypot(sqrt(long_n / per_sample), long_n / sqrt(weight));

	double blur = pow(q->scatter_mm / more.speed, 2.0);

	find_growth(p, q, level, ret);
	ret->looked = true;
	ret->slope_n = more.slope_n;
	ret->variance = variance_of(more.area, ret->slope_n) - blur;
	ret->u_variance =
		hypot(variance_of(hypot(SPREAD * (other.area - more.area), noise), ret->slope_n), BLUR_U * blur);
	ret->lag = is_near(&more, ret->slope_n, FAR) ? fmax(0.0, ret->variance) : 0.0;
	ret->lag_part = fmax(0.0, variance_of(more.near, ret->slope_n) - blur);
}
