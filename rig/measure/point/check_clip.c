/* What a cut top says of a point. */
#include <math.h>
#include <stdio.h>

#include "rig/measure/checks/linear_fit.h"
#include "rig/measure/point/checks_raw.h"

#define FOLLOWS     0.5 /* of what moves all else: a flat top that is known to follow by so much is the pen's own */
#define MAINS_SHARE 1.1 /* of what the gaps have of a line: tops that are cut off lack as much as that */
#define PATH_FROM   0.3 /* of the height */
#define PATH_TO     0.9
#define PATH_LEAST  8    /* points */
#define STEPS       32.0 /* over the pulse, at least: a short one is looked at between its samples, too */

/* A parabola cut by e shows a wall of 2 e / bin or more at any bin, so no more than wall bin / 2 can be hidden; where the
 * noise is below half a count nothing else would tell. */
static double hidden_mm(const struct clip *clip, const struct clip_verdict *verdict, const struct check_scale *scale)
{
	return isnan(verdict->noise) ? verdict->wall * clip->bin_n / (2.0 * sqrt(3.0)) * scale->mm_per_n : 0.0;
}

static double step_of(const struct pulse *pulse)
{
	return fmin(1.0, (pulse->support_hi - pulse->support_lo) / STEPS);
}

/* What the template lacks at its top against its own flanks. */
static double template_dent(const struct account *a, const struct check_scale *scale, double *ret_u)
{
	const struct pulse *pulse = &a->template->pulse;
	double half = 0.5 * (pulse->support_hi - pulse->support_lo), step = step_of(pulse), stretch;
	struct clip_dent dent = {.n = 0};

	*ret_u = NAN;
	if (!pulse->ready)
		return NAN;
	for (double tau = ceil(pulse->support_lo); tau <= pulse->support_hi; tau += step)
		clip_dent_add(&dent, (tau - pulse->peak_at) / half, pulse_shape(pulse, tau, &stretch));
	return clip_dent_solve(&dent, scale->noise_n / scale->height_n / sqrt(step * scale->strokes), ret_u);
}

/* What the top lacks against an eccentric's path through the flanks, in depth: mm, and its standard uncertainty. NaN: there
 * is no path. */
static double path_lack(const struct account *a, const struct check_scale *scale, double *ret_u)
{
	const struct pulse *pulse = &a->template->pulse;
	double w = 2.0 * M_PI / a->template->period, step = step_of(pulse);
	double u_n = scale->noise_n / sqrt(step * scale->strokes), depth, slope, stretch;
	struct linear_fit fit;

	*ret_u = NAN;
	if (!pulse->ready || !a->config->curve || curve_depth(a->config->curve, scale->height_n, &depth, &slope) != 0)
		return NAN;

	double top = depth;

	linear_fit_begin(&fit, 3);
	for (double tau = ceil(pulse->support_lo); tau <= pulse->support_hi; tau += step) {
		double share = pulse_shape(pulse, tau, &stretch), at = w * (tau - pulse->peak_at);
		double row[3] = {1.0, cos(at) - 1.0, sin(at)};

		if (share < PATH_FROM || share > PATH_TO ||
		    curve_depth(a->config->curve, share * scale->height_n, &depth, &slope) != 0)
			continue;
		linear_fit_add(&fit, row, depth, pow(slope / u_n, 2.0));
	}
	if (fit.n < PATH_LEAST || !linear_fit_solve(&fit))
		return NAN;

	double c = fit.value[1], highest = fit.value[0] - c + hypot(c, fit.value[2]);

	*ret_u = sqrt(fit.covariance[0][0] * fmax(1.0, fit.chi2 / fit.n));
	return highest - top;
}

/* A top that is flat, and that is not seen to move as the baseline does, is not known to be the pen's own. */
static bool is_own(const struct clip_verdict *v)
{
	return v->follows_u < CLIP_TOLD && v->follows > FOLLOWS;
}

static bool is_flat(const struct clip_verdict *v, double dent, double dent_u)
{
	return !is_own(v) && dent > CLIP_DENT_MAX + CLIP_CHANCE * dent_u;
}

/* A flat top that is the pen's own is deep; of any other one it is not known what of it is cut off. Without a curve there
 * is no path, and the forces have what the polynomial says. */
static void leave(const struct account *a, const struct check_scale *scale, const struct clip_verdict *v, double dent,
		  double dent_u, struct check_result *ret)
{
	double mm = scale->height_n * scale->mm_per_n, u = dent_u * mm;
	double lack = a->config->curve ? path_lack(a, scale, &u) : dent * mm;

	ret->u_mm = hidden_mm(&a->observed->clip, v, scale);
	if (is_own(v))
		return;
	if (isnan(lack)) {
		ret->u_mm = NAN;
		return;
	}
	ret->effect_mm = fmax(0.0, lack);
	ret->u_mm = hypot(ret->u_mm, check_line(ret->effect_mm, u));
}

/* The line of the mains that the heights have most of, where the gaps have less: N; 0: none. */
static double mains_of_tops(const struct account *a)
{
	double most = 0.0;

	for (unsigned i = 0; i < a->baseline->lines && i < TOP_LINES_MAX; i++) {
		double w = 2.0 * M_PI * a->baseline->nominal_hz[i] / a->grid->fs_hz;
		double seen = top_line_seen(&a->observed->tops, i) / fabs(template_response(a->template, w));

		if (seen > MAINS_SHARE * baseline_amplitude(a->baseline, i) +
				   CLIP_CHANCE * baseline_amplitude_u(a->baseline, i))
			most = fmax(most, seen);
	}
	return most;
}

static void trip(struct check_result *ret, double statistic, double threshold)
{
	ret->state = CHECK_TRIPPED;
	ret->statistic = statistic;
	ret->threshold = threshold;
}

/* Between strokes a front end may end, too. */
static void say_floor(const struct account *a, const struct clip_verdict *v, struct check_result *ret)
{
	double mains_n = mains_of_tops(a);

	if (v->floored) {
		trip(ret, v->floor, CLIP_FLOOR_SHARE);
		snprintf(ret->reason, sizeof(ret->reason),
			 "clipped: between strokes the force ends in a wall at %.4g N",
			 (double)a->observed->clip.floor.lowest_n);
	} else if (mains_n > 0.0) {
		trip(ret, mains_n, 0.0);
		snprintf(ret->reason, sizeof(ret->reason),
			 "clipped: pulses swing with the mains by %.2g mN, the force between them does not",
			 1e3 * mains_n);
	}
}

static void say_cause(const struct clip_verdict *v, bool flat, double dent, struct check_result *ret)
{
	if (v->walled) {
		trip(ret, v->wall, v->wall_most);
		snprintf(ret->reason, sizeof(ret->reason), "clipped: the force ends in a wall at %.4g N", v->end_n);
	} else if (v->quiet) {
		trip(ret, v->noise, v->noise_least);
		snprintf(ret->reason, sizeof(ret->reason),
			 "clipped: at the top of the pulses the square of the noise is %.2g of what it is beside",
			 v->noise);
	} else if (v->stays) {
		trip(ret, v->follows, v->follows_least);
		snprintf(ret->reason, sizeof(ret->reason),
			 "clipped: of what moves all else the tops of the pulses show %.2g", fmax(0.0, v->follows));
	} else if (flat) {
		trip(ret, dent, CLIP_DENT_MAX);
		snprintf(ret->reason, sizeof(ret->reason),
			 "clipped, or the needles meet a stop: the pulses lack %.2g %% at their top", 100.0 * dent);
	}
}

void check_clip(const struct account *a, const struct check_scale *scale, struct check_result *ret)
{
	const struct clip *clip = &a->observed->clip;
	double dent_u, dent = template_dent(a, scale, &dent_u);
	struct clip_verdict v;

	clip_judge(clip, scale->noise_n, fabs(a->config->force.scale), &v);
	if (isnan(v.wall) && isnan(v.noise) && isnan(dent))
		return;
	ret->state = CHECK_PASSED;
	ret->statistic = v.wall;
	ret->threshold = v.wall_most;
	ret->n = clip->strokes;
	say_cause(&v, is_flat(&v, dent, dent_u), dent, ret);
	if (ret->state == CHECK_PASSED)
		say_floor(a, &v, ret);
	if (ret->state == CHECK_PASSED)
		leave(a, scale, &v, dent, dent_u, ret);
}
