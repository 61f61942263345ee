/* How depths scatter from stroke to stroke: sd, tolerance limits, largest stroke. */
#include "rig/measure/point/summary_parts.h"

#include <math.h>

#define CONTENT         0.95
#define CONFIDENCE      0.99
#define NOISE_CONFIDENT 2.3263 /* the normal quantile of that */
#define HELD_MAX        2.0   /* of the share of movement that tops lack, what the largest one lacks: it is cut whole */
#define SHAPE_U         0.003 /* relative: of a scatter, what curve and fit leave of second order */

/* Of the scatter of the strokes alone, its square: that of the depths as fitted, less noise, by the share that is seen. */
static double own_square(const struct depth_spread *s)
{
	double sd = moments_sd(s->seen);

	return (sd * sd - s->noise_mm2) / (s->kappa * s->kappa);
}

/* Of that square, but for sampling. */
static void square_budget(struct result *r, const struct depth_spread *s, double square)
{
	double kappa2 = s->kappa * s->kappa, twice = 2.0 * fmax(0.0, square);

	results_budget(r, "noise", s->u_noise_mm2 / kappa2, INFINITY);
	results_budget(r, "shape", twice * hypot(SHAPE_U, s->u_kappa / s->kappa), INFINITY);
	results_budget(r, "calibration", twice * s->gain_rel, INFINITY);
}

static void add_sd(struct result_list *list, const struct depth_spread *s, double n)
{
	struct result *r = results_add(list, MEASURAND_DEPTH_SD, s->name);
	double sd = moments_sd(s->seen), square = own_square(s);

	if (s->seen->n < 3) {
		results_none(r, s->why);
		return;
	}
	results_budget(r, "repeatability", sd * sd / (s->kappa * s->kappa) * sqrt(2.0 / (n - 1.0)), n - 1.0);
	square_budget(r, s, square);
	results_root(r, square, s->seen->n, s->why);
}

/* Standard uncertainty of the sd, but for sampling, which a tolerance factor has in it. */
static double known_sd_u(const struct depth_spread *s, double square)
{
	struct result sd = {.k = NAN};

	square_budget(&sd, s, square);
	result_root(&sd, square);
	return sd.u;
}

/* The largest of n normal values lies z_n sd above the mean (Blom), and that of the strokes alone z_n of their own sd. A
 * stroke that n normal values do not explain is a deep stroke, not luck, and keeps its value. */
static double corrected_max(const struct moments *m, double max, double noise)
{
	double sd = moments_sd(m), excess = max - m->mean, n = (double)m->n;
	double share = sd > 0.0 ? sqrt(fmax(0.0, 1.0 - noise * noise / (sd * sd))) : 0.0;
	double likely = sqrt(2.0 * log(fmax(n, 2.0))) + 1.0;

	if (excess > likely * sd)
		return max;
	return fmax(m->mean + share * excess, max - likely * noise);
}

/* Of what the largest stroke lies above the mean, what may not be the stroke's. */
static double moved_share(const struct depth_spread *s)
{
	double sd = moments_sd(s->seen);

	return sd > 0.0 ? fmin(1.0, s->moved_mm2 / (sd * sd)) : 0.0;
}

static double effective_n(const struct moments *m)
{
	return fmax(2.0, moments_effective_n(m));
}

double depth_tolerance_k(const struct account *a, const struct moments *m)
{
	double n = effective_n(m);

	if (m->n < 3)
		return NAN;
	return a->so_far ? tolerance_k(n, CONTENT, CONFIDENCE) : tolerance_k_exact(n, CONTENT, CONFIDENCE);
}

double depth_tolerance_low(const struct moments *m)
{
	return m->n < 3 ? NAN : chi2_share(1.0 - CONFIDENCE, effective_n(m) - 1.0);
}

/* Half the distance of the tolerance limits. K holds of depths that are known; where noise is taken off them, or only a share of
 * them is seen, the upper limit of what is left (modified large samples) takes the place of what sampling alone would leave of
 * it. */
static double tolerance_half(const struct depth_spread *s, double k, double square)
{
	double kappa2 = s->kappa * s->kappa, seen = moments_sd(s->seen), low = depth_tolerance_low(s->seen);
	double sampling = seen * seen / kappa2 * (1.0 / low - 1.0);
	double shape = 2.0 * fmax(0.0, square) * hypot(SHAPE_U, s->told_kappa_u / s->kappa);
	double known = NOISE_CONFIDENT * hypot(s->u_noise_mm2 / kappa2, shape);

	return k * sqrt(low * (fmax(0.0, square) + hypot(sampling, known)));
}

void add_depth_spread(struct result_list *list, const struct account *a, const struct depth_spread *s)
{
	const struct moments *m = s->seen;
	double n = effective_n(m), square = own_square(s), k = depth_tolerance_k(a, m);
	double half = m->n < 3 ? NAN : tolerance_half(s, k, square);
	double noise = sqrt(s->noise_mm2);
	double mean_u = moments_sd(m) / sqrt(n), spread_u = k * known_sd_u(s, square);
	double excess = (corrected_max(m, s->max_mm, noise) - m->mean) / s->kappa;
	double shape_u = hypot(SHAPE_U, s->u_kappa / s->kappa), ends_u = 0.5 * s->trend_mm;
	const struct {
		enum measurand id;
		double value, u, spread_u;
	} rows[] = {
		{MEASURAND_DEPTH_TOLERANCE_LO, m->mean - half, mean_u, spread_u},
		{MEASURAND_DEPTH_TOLERANCE_HI, m->mean + half, mean_u, spread_u},
		{MEASURAND_DEPTH_MAX, m->mean + excess, noise / s->kappa,
		 hypot(fabs(excess) * hypot(hypot(shape_u, HELD_MAX * s->held), moved_share(s)), ends_u)},
		{MEASURAND_DEPTH_MAX_RAW, s->max_mm, noise, ends_u},
	};

	add_sd(list, s, n);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct result *r = results_add(list, rows[i].id, s->name);

		if (m->n < 3) {
			results_none(r, s->why);
			continue;
		}
		results_budget(r, "repeatability", rows[i].u, fmax(1.0, n - 1.0));
		results_budget(r, "spread", rows[i].spread_u, INFINITY);
		s->shared_budget(r, a);
		results_value(r, rows[i].value, m->n, s->why);
	}
}
