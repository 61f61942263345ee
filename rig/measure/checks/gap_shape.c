/* Explanations of what a gap shows: a force in step, a lobe. */
#include "rig/measure/checks/gap_shape.h"

#include <math.h>
#include <stddef.h>

#include "rig/measure/checks/linear_fit.h"

#define STEP_DOUBT   1.5    /* of the step's s */
#define STEP_LEAST_N 0.0002 /* N: it never is known better than this */
#define STEP_KNOWN_N 1.0    /* N: above, it says nothing */
#define LOBE_WIDTHS  13
#define LOBE_PLACES  20
#define LOBE_LEAST   0.1 /* of the gap */
#define LOBE_ROUNDS  5
#define LONG_GAP     0.4 /* of the period: the second harmonic is told from a lobe */

/* Model of a gap: a level, and harmonics of the strokes. */
struct in_step {
	double chi2, extra_n, s_n;
};

static double scatter_of_range(unsigned n)
{
	return 1.6 * sqrt(2.0 * log(n));
}

static void harmonics_row(double phase, unsigned harmonics, double *row)
{
	row[0] = 1.0;
	for (unsigned m = 1; m <= harmonics; m++)
		sincos(2.0 * M_PI * m * phase, &row[2 * m], &row[2 * m - 1]);
}

static void mean_row(const struct profile_point *points, unsigned n, unsigned harmonics, double *ret)
{
	double row[FIT_TERMS_MAX];

	for (unsigned k = 0; k <= 2 * harmonics; k++)
		ret[k] = 0.0;
	for (unsigned i = 0; i < n; i++) {
		harmonics_row(points[i].phase, harmonics, row);
		for (unsigned k = 0; k <= 2 * harmonics; k++)
			ret[k] += row[k] / n;
	}
}

/* The pen at rest has no force in step: the step of the level is the harmonics' mean over the gap. At the deepest point
 * each cosine is 1. */
static struct in_step fit_in_step(const struct profile_point *points, unsigned n, unsigned harmonics, double step_n,
				  double step_s_n)
{
	struct in_step ret = {.chi2 = INFINITY, .s_n = INFINITY};
	unsigned terms = 2 * harmonics + 1;
	double row[FIT_TERMS_MAX], mean[FIT_TERMS_MAX], s = STEP_DOUBT * step_s_n + STEP_LEAST_N, variance = 0.0;
	struct linear_fit fit;

	linear_fit_begin(&fit, terms);
	for (unsigned i = 0; i < n; i++) {
		harmonics_row(points[i].phase, harmonics, row);
		linear_fit_add(&fit, row, points[i].y, 1.0 / (points[i].u * points[i].u));
	}
	mean_row(points, n, harmonics, mean);
	mean[0] = 0.0;
	if (step_s_n < STEP_KNOWN_N)
		linear_fit_add(&fit, mean, step_n, 1.0 / (s * s));
	if (!linear_fit_solve(&fit))
		return ret;
	row[0] = 0.0;
	for (unsigned k = 1; k < terms; k++)
		row[k] = k % 2 - mean[k];
	ret.chi2 = fit.chi2;
	ret.extra_n = 0.0;
	for (unsigned r = 0; r < terms; r++) {
		ret.extra_n += row[r] * fit.value[r];
		for (unsigned c = 0; c < terms; c++)
			variance += row[r] * fit.covariance[r][c] * row[c];
	}
	ret.s_n = sqrt(fmax(0.0, variance));
	return ret;
}

struct lobe {
	double centre, width, height_n, chi2;
};

/* A level and half a cosine on it, as high as fits. */
static struct lobe fit_lobe(const struct profile_point *points, unsigned n, double centre, double width)
{
	struct lobe ret = {.centre = centre, .width = width, .chi2 = INFINITY};
	double s = 0.0, f1 = 0.0, f2 = 0.0, y1 = 0.0, fy = 0.0, yy = 0.0;

	for (unsigned i = 0; i < n; i++) {
		double w = 1.0 / (points[i].u * points[i].u), v = (points[i].phase - centre) / width, y = points[i].y;
		double f = fabs(v) < 0.5 ? cos(M_PI * v) : 0.0;

		s += w;
		f1 += w * f;
		f2 += w * f * f;
		y1 += w * y;
		fy += w * f * y;
		yy += w * y * y;
	}
	double det = s * f2 - f1 * f1;

	if (!(det > 1e-9 * s * s))
		return ret;
	ret.height_n = (s * fy - f1 * y1) / det;
	ret.chi2 = yy - ret.height_n * fy - (y1 - ret.height_n * f1) / s * y1;
	return ret;
}

static bool is_better(const struct lobe *lobe, const struct lobe *than)
{
	return lobe->chi2 < than->chi2;
}

/* About a place of the grid, in ever smaller steps; a lobe that turns over is another one. */
static struct lobe refined(const struct profile_point *points, unsigned n, struct lobe best, double step)
{
	for (unsigned round = 0; round < LOBE_ROUNDS; round++, step *= 0.5) {
		const struct lobe from = best;

		for (int k = 0; k < 9; k++) {
			struct lobe at = fit_lobe(points, n, from.centre + step * (k / 3 - 1),
						  from.width * (1.0 + 0.2 * pow(0.5, round) * (k % 3 - 1)));

			if (is_better(&at, &best) && at.height_n * from.height_n > 0.0)
				best = at;
		}
	}
	return best;
}

static struct lobe best_lobe(const struct profile_point *points, unsigned n)
{
	double from = points[0].phase, length = points[n - 1].phase - from;
	struct lobe best[2] = {{.chi2 = INFINITY}, {.chi2 = INFINITY}}; /* down, up */

	for (unsigned w = 0; w < LOBE_WIDTHS; w++) {
		double width = length * LOBE_LEAST * pow(1.0 / LOBE_LEAST, (double)w / (LOBE_WIDTHS - 1));

		for (unsigned k = 0; k < LOBE_PLACES; k++) {
			struct lobe at = fit_lobe(points, n, from + length * k / (LOBE_PLACES - 1), width);
			unsigned up = at.height_n > 0.0;

			if (is_better(&at, &best[up]))
				best[up] = at;
		}
	}
	for (unsigned up = 0; up < 2; up++)
		best[up] = refined(points, n, best[up], 0.5 * length / LOBE_PLACES);
	return best[is_better(&best[1], &best[0])];
}

static void note_points(const struct profile_point *points, unsigned n, struct gap_shape *ret, double *ret_flat)
{
	double weight = 0.0, mean = 0.0, lo = INFINITY, hi = -INFINITY, u = 0.0;

	for (unsigned i = 0; i < n; i++) {
		double w = 1.0 / (points[i].u * points[i].u);

		weight += w;
		mean += w * points[i].y;
		lo = fmin(lo, points[i].y);
		hi = fmax(hi, points[i].y);
		u += points[i].u / n;
	}
	mean /= weight;
	*ret_flat = 0.0;
	for (unsigned i = 0; i < n; i++) {
		double z = fabs(points[i].y - mean) / points[i].u;

		*ret_flat += z * z;
		ret->worst_z = fmax(ret->worst_z, z);
	}
	ret->range_n = fmax(0.0, hi - lo - 2.0 * scatter_of_range(n) * u);
}

static bool explains(const struct in_step *model, double flat, double lobe, unsigned n)
{
	return model->chi2 < 1.3 * lobe + 8.0 && model->chi2 < fmax(3.0 * n, 0.15 * flat);
}

struct gap_shape gap_shape_look(const struct profile_point *points, unsigned n, double step_n, double step_s_n)
{
	struct gap_shape ret = {.points = n, .s_n = INFINITY};
	double flat;

	if (n < GAP_POINTS_MIN)
		return ret;
	note_points(points, n, &ret, &flat);

	double length = points[n - 1].phase - points[0].phase;
	struct lobe lobe = best_lobe(points, n);
	struct in_step one = fit_in_step(points, n, 1, step_n, step_s_n);
	struct in_step two = {.chi2 = INFINITY};

	if (length > LONG_GAP && n > 2 * GAP_POINTS_MIN)
		two = fit_in_step(points, n, 2, step_n, step_s_n);

	const struct in_step *best = explains(&one, flat, lobe.chi2, n)         ? &one
				     : explains(&two, flat, 0.4 * lobe.chi2, n) ? &two
										: NULL;

	ret.lobe_n = lobe.height_n;
	if (best) {
		ret.in_step = true;
		ret.extra_n = best->extra_n;
		ret.s_n = best->s_n;
	}
	return ret;
}
