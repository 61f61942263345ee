/* Depths, by force and by displacement. */
#include "rig/measure/point/summary_parts.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "rig/measure/align.h"
#include "rig/measure/point/actual_rate.h"
#include "rig/measure/point/model_checks.h"
#include "rig/measure/point/stroke_noise.h"

#define WEAR_CHANCE   2.576 /* sd of a trend that is noise: 1 window of 100 shows more */
#define LARGEST_TREND 1.0   /* the same of the largest stroke, which is one: 1 window of 3 */
#define CUT_SEEN      0.88  /* of the line: what a top lacks is more than two of its own standard uncertainties */

/* Lines that scale with the force, beside those of the cell. */
static const struct {
	const char *line;
	size_t offset; /* in struct point_uncertainties: relative to force */
} of_force[] = {
	{"cartridge", offsetof(struct point_uncertainties, cartridge_rel)},
	{"position", offsetof(struct point_uncertainties, position_rel)},
	{"ageing", offsetof(struct point_uncertainties, ageing_rel)},
	{"needle speed", offsetof(struct point_uncertainties, needle_speed_rel)},
	{"phantom temperature", offsetof(struct point_uncertainties, phantom_temperature_rel)},
};

/* What no model check has to do with: certificates, and noise. depth per force: mean F / F' for what scales with the
 * force. */
static void known_budget(struct result *r, const struct account *a)
{
	const struct point_uncertainties *u = &a->config->u;
	const struct depths *d = &a->tally->depth;
	double n = (double)d->seen.n, gain_mm = d->gain_mm / n, slope = d->slope / n;

	results_budget(r, "calibration", u->gain_rel * gain_mm, INFINITY);
	results_budget(r, "curve", u->curve_force_rel * gain_mm, INFINITY);
	results_budget(r, "curve fit", u->curve_fit_mm, INFINITY);
	results_budget(r, "curve rate", actual_rate_u(a), INFINITY);
	results_budget(r, "depth reference", u->depth_cal_mm, INFINITY);
	results_budget(r, "temperature", u->temperature_rel * gain_mm, INFINITY);
	add_cell_lines(r, u, gain_mm);
	for (unsigned i = 0; i < sizeof(of_force) / sizeof(of_force[0]); i++) {
		const double *rel = (const double *)((const char *)u + of_force[i].offset);

		results_budget(r, of_force[i].line, *rel * gain_mm, INFINITY);
	}
	results_budget(r, "needle angle", u->angle_rel * d->seen.mean, INFINITY);
	results_budget(r, "template", sqrt(a->stroke_noise->shares.height * d->template_n2) / n / slope, INFINITY);
	results_budget(r, "zero", sqrt(d->zero_n2) / n / slope, INFINITY);
	results_budget(r, "resolution", fabs(a->config->force.scale) / sqrt(12.0) / slope / sqrt(n), INFINITY);
}

struct depth_trend depth_trend_of(const struct depths *d)
{
	double n = (double)d->seen.n, trend = d->trend_kk - d->trend_k * d->trend_k / n;
	double per_stroke = trend > 0.0 ? (d->trend_kd - d->trend_k * d->trend_d / n) / trend : 0.0;

	return (struct depth_trend){per_stroke * n, moments_sd(&d->seen) * sqrt(12.0 / n)};
}

/* A trend over the window, where it is so many times what the noise of the strokes makes of none. mm. */
static double trend_mm(const struct depths *d, double chance)
{
	struct depth_trend trend = depth_trend_of(d);

	return fabs(trend.over_mm) > chance * trend.noise_mm ? fabs(trend.over_mm) : 0.0;
}

/* Of the mean: anywhere within half of it, standard uncertainty. */
static double wear_mm(const struct depths *d)
{
	return trend_mm(d, WEAR_CHANCE) / sqrt(12.0);
}

/* An error that was seen lies on one side of the value: a limit there is judged by it and the rest together, not by the
 * root of their squares. (223) */
static void add_one_side(struct result *r, const struct account *a)
{
	double wear = wear_mm(&a->tally->depth), seen2 = check_effects_mm2(a), all2 = 0.0;
	double error = sqrt(seen2 + 3.0 * wear * wear);

	for (unsigned i = 0; i < r->budget_lines; i++)
		all2 += r->budget[i].u * r->budget[i].u;

	double rest = sqrt(fmax(0.0, all2 - CHECK_COVERS * CHECK_COVERS * seen2 - wear * wear));

	results_budget(r, "one side", sqrt(fmax(0.0, pow(rest + 0.5 * error, 2.0) - all2)), INFINITY);
}

/* Components that all strokes share. */
static void calibration_budget(struct result *r, const struct account *a)
{
	const struct tally *t = a->tally;
	double slope = t->depth.slope / (double)t->depth.seen.n;

	known_budget(r, a);
	if (!cell_is_seen(a)) /* else its check leaves the line */
		results_budget(r, "cell", cell_u_n(a) / slope, INFINITY);
	results_budget(r, "bandwidth", filter_u_n(a) / slope, INFINITY);
	results_budget(r, "hum", hidden_hum(a) * M_SQRT1_2 / slope, INFINITY);
	results_budget(r, "wear", wear_mm(&t->depth), INFINITY);
	add_check_lines(r, a);
	add_one_side(r, a);
}

/* How the depth would move with the displacement's place on the force's axis, measured on the strokes themselves by
 * shifting it: the first order, and the second with its bias (GUM 5.1.2, note). At the deepest point, which the fit finds
 * by its own phase, both are small. */
static double alignment_mm(const struct account *a)
{
	const struct protrusions *p = &a->tally->protrusion;
	double shift = BAR_SHIFT * tally_period(a->tally), n = (double)p->shifted;
	double r = a->config->u.alignment_s * a->grid->fs_hz / shift;

	return hypot(p->first_mm / n * r, sqrt(0.75) * p->second_mm / n * r * r);
}

/* Where the top is not an eccentric's, the fit of twice the width errs by at most three times what the narrower one
 * moves it, but for tops whose error is small beside the rest: 1.96 * 1.6 = 3.1. */
#define CROWN_WEIGHT 1.6

double bar_shape_mm(const struct protrusions *p)
{
	return p->crowns > 0 ? CROWN_WEIGHT * fabs(p->crown_mm) / (double)p->crowns : 0.0;
}

static void displacement_budget(struct result *r, const struct account *a)
{
	const struct point_config *c = a->config;
	const struct protrusions *p = &a->tally->protrusion;

	results_budget(r, "calibration", c->u.displacement_mm, INFINITY);
	results_budget(r, "cartridge", c->u.cartridge_mm, INFINITY);
	results_budget(r, "seating", c->u.seating_mm, INFINITY);
	results_budget(r, "needle angle", c->u.angle_rel * p->seen.mean, INFINITY);
	results_budget(r, "bar shape", bar_shape_mm(p), INFINITY);
	if (!(c->bar_rate_hz > 0.0) || p->shifted == 0)
		return;
	double rate_hz = a->grid->fs_hz / tally_period(a->tally), travel_mm = p->travel_mm / (double)p->seen.n;
	results_budget(r, "alignment", alignment_mm(a), INFINITY);
	results_budget(r, "interpolation", align_interpolation_rel(c->bar_rate_hz, rate_hz) * travel_mm / sqrt(3.0),
		       INFINITY);
}

/* One way to the depth of strokes, and why its values may not be judged. */
struct depth_method {
	const char *name;
	const struct moments *seen;
	double max_mm;                                                    /* of all strokes, whatever their shape */
	double noise_mm;                                                  /* of one stroke's depth, rms */
	void (*shared_budget)(struct result *r, const struct account *a); /* what all strokes have in common */
	const char *why;
};

/* As variances added up over n strokes. */
static double noise_of_one(double sum_mm2, uint64_t n)
{
	return sqrt(sum_mm2 / fmax(1.0, (double)n));
}

/* realised: how well the strokes of this window are known; process: the mean that the pen would keep to. */
enum mean_kind { MEAN_REALISED, MEAN_PROCESS };

/* The realised mean lacks the strokes that the sensor did not show: e of n + e, each as far off as any. */
static double excluded_mm(const struct account *a, const struct moments *m)
{
	double n = (double)m->n, e = (double)a->tally->rhythm.blind.touched;

	return moments_sd(m) * sqrt(e / (n * (n + e)));
}

double strokes_unseen(const struct account *a)
{
	const struct rhythm *r = &a->tally->rhythm;

	return (double)(r->missed + r->blind.hidden) + unseen_at_start(a);
}

/* Nor what it did not see at all, though it may have been made: m of n + m, of which nobody says that they are like the
 * others. Each is up to two sd off. */
static double missed_mm(const struct account *a, const struct moments *m)
{
	double missed = strokes_unseen(a);

	return 2.0 * moments_sd(m) * missed / (((double)m->n + missed) * sqrt(3.0));
}

static void add_mean_depth(struct result_list *list, const struct account *a, const struct depth_method *method,
			   enum mean_kind kind, enum measurand id, double offset)
{
	const struct moments *m = method->seen;
	bool process = kind == MEAN_PROCESS;
	char full[32];

	snprintf(full, sizeof(full), "%s%s", method->name, process ? "_process" : "");

	struct result *r = results_add(list, id, full);

	if (m->n < 2) {
		results_none(r, method->why);
		return;
	}

	double effective = process ? moments_effective_n(m) : (double)m->n;
	double one = process ? moments_sd(m) : method->noise_mm;

	results_budget(r, "repeatability", one / sqrt(effective), fmax(1.0, effective - 1.0));
	if (!process) {
		results_budget(r, "excluded strokes", excluded_mm(a, m), INFINITY);
		results_budget(r, "missed strokes", missed_mm(a, m), INFINITY);
	}
	method->shared_budget(r, a);
	results_value(r, m->mean - offset, m->n, method->why);
}

double depth_rest_u(const struct account *a)
{
	const struct depths *d = &a->tally->depth;
	struct result rest = {.k = NAN, .expanded_u = NAN};

	if (d->seen.n < 2)
		return NAN;
	results_budget(&rest, "repeatability", noise_of_one(d->noise_mm2, d->seen.n) / sqrt((double)d->seen.n),
		       (double)d->seen.n - 1.0);
	known_budget(&rest, a);
	result_combine(&rest);
	return rest.expanded_u;
}

/* Standard uncertainty of all that scales the force, relative. */
static double scale_u_rel(const struct point_uncertainties *u)
{
	double sum = hypot(hypot(u->gain_rel, u->curve_force_rel), cell_lines_rel(u));

	for (unsigned i = 0; i < sizeof(of_force) / sizeof(of_force[0]); i++)
		sum = hypot(sum, *(const double *)((const char *)u + of_force[i].offset));
	return sum;
}

/* What a step of the converter, and a top that may be cut off, may add to the depths' variance or take from it: of each
 * stroke as much as of the mean. A cut that takes e from the mean takes up to 2 e sd from the variance. (192) */
static double hidden_mm2(const struct account *a, double sd)
{
	double step = a->check[CHECK_NOISE].u_mm, cut = a->check[CHECK_CLIP].u_mm, e = a->check[CHECK_CLIP].effect_mm;

	return step * step + cut * cut + (check_line(e, 0.0) > CUT_SEEN * cut ? 2.0 * e * sd : 0.0);
}

void spread_of_force(const struct account *a, const struct stroke_noise *noise, double sd, struct depth_spread *ret)
{
	struct depth_share share = depth_share_of(a, noise, sd * sd);

	ret->noise_mm2 = noise->acting + noise->baseline;
	/* A trend may be the pen's or the phantom's. */
	ret->u_noise_mm2 =
		hypot(hypot(noise->u, hidden_mm2(a, sd)), check_line(pow(wear_mm(&a->tally->depth), 2.0), 0.0));
	ret->moved_mm2 = noise->moved;
	ret->trend_mm = trend_mm(&a->tally->depth, LARGEST_TREND);
	ret->kappa = share.kappa;
	ret->u_kappa = share.u;
	ret->told_kappa_u = share.u_told;
	ret->held = share.held;
	ret->gain_rel = scale_u_rel(&a->config->u);
}

/* By force, by displacement. Of the force the strokes' own shapes are known. */
static void add_spreads(struct result_list *list, const struct account *a, const struct depth_method *methods)
{
	const struct stroke_noise *noise = a->stroke_noise;
	struct depth_spread spread[2];

	for (unsigned k = 0; k < 2; k++) {
		spread[k] = (struct depth_spread){.name = methods[k].name,
						  .seen = methods[k].seen,
						  .max_mm = methods[k].max_mm,
						  .noise_mm2 = methods[k].noise_mm * methods[k].noise_mm,
						  .kappa = 1.0,
						  .shared_budget = methods[k].shared_budget,
						  .why = methods[k].why};
	}
	if (methods[0].seen->n > 2)
		spread_of_force(a, noise, moments_sd(methods[0].seen), &spread[0]);
	for (unsigned k = 0; k < 2; k++)
		add_depth_spread(list, a, &spread[k]);
}

void add_depths(struct result_list *list, const struct account *a, struct reasons *why)
{
	const struct point_config *c = a->config;
	const struct protrusions *p = &a->tally->protrusion;
	char displacement[REASON_MAX] = "";
	struct actual_rate at;

	actual_rate(a, &at);

	if (c->curve == NULL)
		doubt(why->depth, "%s", c->curve_reason[0] ? c->curve_reason : "no calibration curve");
	doubt(why->depth, "%s", why->rate);
	doubt_pulses(a, why->depth);
	doubt_checks(a, DOUBTS_DEPTH, why->depth);
	doubt_depth(a, why->depth);
	doubt(displacement, "%s", why->count);
	doubt_edges(a, displacement);
	doubt_checks(a, DOUBTS_BAR, displacement);
	doubt_displacement(a, displacement);

	const struct depth_method methods[] = {
		{measurand_method(JUDGED_BY_DEPTH, false, false), &at.seen, at.max_mm,
		 at.scale * sqrt(a->stroke_noise->acting * a->stroke_noise->shares.mean), calibration_budget,
		 why->depth},
		{measurand_method(JUDGED_BY_DEPTH, false, true), &p->seen, p->seen.max,
		 noise_of_one(p->noise_mm2, p->seen.n), displacement_budget, displacement},
	};
	const struct {
		enum measurand id;
		enum mean_kind kind;
		double offset;
	} means[] = {
		{MEASURAND_DEPTH, MEAN_REALISED, 0.0},
		{MEASURAND_DEPTH, MEAN_PROCESS, 0.0},
		{MEASURAND_DEPTH_ERROR, MEAN_REALISED, c->depth_set_mm},
	};

	for (unsigned i = 0; i < sizeof(means) / sizeof(means[0]); i++) {
		for (unsigned k = 0; k < 2; k++)
			add_mean_depth(list, a, &methods[k], means[i].kind, means[i].id, means[i].offset);
	}
	add_spreads(list, a, methods);
}
