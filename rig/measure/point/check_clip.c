/* What a cut top says of a point. */
#include <math.h>
#include <stdio.h>

#include "rig/measure/checks/linear_fit.h"
#include "rig/measure/point/checks_raw.h"
#include "rig/measure/point/stroke_noise.h"

#define FOLLOWS        0.5 /* of what moves all else: a flat top that is known to follow by so much is the pen's own */
#define HEIGHT_CHANCE  3.0 /* standard uncertainties of a swing of heights that was seen beyond chance */
#define MAINS_SHARE    1.1 /* of what the gaps have of a line: tops that are cut off lack as much as that */
#define PATH_FROM      0.3 /* of the height */
#define PATH_TO        0.9
#define PATH_LEAST     8   /* points */
#define RESPONSE_LEAST 0.2 /* of a line's amplitude, that a height takes in: of one that it does not it tells nothing */
#define SWING_SURE     3.0 /* standard uncertainties by which one is farther off than the other */
#define RATIO_U        0.03 /* of what a path or a floor makes of it: curve, template, width */
#define STEPS          32.0 /* over the pulse, at least: a short one is looked at between its samples, too */

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

/* Flanks' movement per that of the heights, by a pen of itself: by either path, and by what is between them. */
struct own {
	double least, most;
};

static bool own_ratio(const struct account *a, struct own *ret)
{
	struct paths height, flank;

	if (!paths_by_curve(a, WEIGHTS_HEIGHT, &height) || !paths_by_curve(a, WEIGHTS_FLANK, &flank) ||
	    !(height.scaled > 0.0) || !(height.moved > 0.0))
		return false;

	double scaled = flank.scaled / height.scaled, moved = flank.moved / height.moved;

	*ret = (struct own){fmin(scaled, moved), fmax(scaled, moved)};
	return true;
}

/* The same where the mains are in all of the pulse. */
static double mains_ratio(const struct account *a, double w)
{
	const struct weights *weights = &a->observed->noise.weights;
	double cosines = 0.0;

	for (unsigned i = 0; i < weights->count; i++)
		cosines += weights->at[WEIGHTS_FLANK][i] *
			   cos(w * ((double)(weights->first + (long)i) - a->template->pulse.peak_at));
	return cosines / template_response(a->template, w);
}

/* By how much the heights' swing with a line is less a pen's own than that of something else, which would move the flanks by
 * `other` per height: difference of the squares of how far what is seen is off, in standard uncertainties. NaN: not known. */
static double against_own(const struct account *a, unsigned line, double other)
{
	const struct top_lines *tops = &a->observed->tops;
	double seen = top_line_ratio(tops, line), edge, side, beyond, lacks;
	struct own own;

	if (isnan(seen) || !own_ratio(a, &own))
		return NAN;
	edge = fmin(fmax(other, own.least), own.most);
	side = other > edge ? 1.0 : -1.0;
	beyond = other == edge ? 0.0 : fmax(0.0, side * (seen - edge));
	lacks = other == edge ? fabs(other - seen) : fmax(0.0, side * (other - seen));
	beyond /= hypot(RATIO_U, top_line_ratio_u(tops, line, edge));
	lacks /= hypot(RATIO_U, top_line_ratio_u(tops, line, other));
	return beyond * beyond - lacks * lacks;
}

/* The pen itself swings with the mains: that its tops do not move as the gaps do says nothing. */
static bool swings_of_itself(const struct account *a)
{
	for (unsigned i = 0; i < a->baseline->lines && i < TOP_LINES_MAX; i++) {
		if (top_line_seen(&a->observed->tops, i) > 0.0 && against_own(a, i, 0.0) < -SWING_SURE * SWING_SURE)
			return true;
	}
	return false;
}

enum swing {
	SWING_OWN,
	SWING_UNTOLD, /* or rather the pen's own */
	SWING_LIKELY,
	SWING_FLOOR,
	SWINGS
};

static enum swing whose(const struct account *a, unsigned line, double w)
{
	double evidence = against_own(a, line, mains_ratio(a, w)), sure = SWING_SURE * SWING_SURE;

	return evidence > sure    ? SWING_FLOOR
	       : evidence > 0.0   ? SWING_LIKELY
	       : evidence < -sure ? SWING_OWN
				  : SWING_UNTOLD;
}

/* Lines of the mains that the heights have more of than the gaps: the largest of each kind. */
struct swings {
	double most_n[SWINGS], hz[SWINGS];
};

static struct swings swings_of(const struct account *a)
{
	struct swings ret = {.hz = {0.0}};

	for (unsigned i = 0; i < a->baseline->lines && i < TOP_LINES_MAX; i++) {
		double hz = a->baseline->nominal_hz[i], w = 2.0 * M_PI * hz / a->grid->fs_hz;
		double response = fabs(template_response(a->template, w));
		double seen_n = top_line_seen(&a->observed->tops, i) / response;

		if (!(response > RESPONSE_LEAST) ||
		    !(seen_n > MAINS_SHARE * baseline_amplitude(a->baseline, i) +
				       hypot(CLIP_CHANCE * baseline_amplitude_u(a->baseline, i),
					     HEIGHT_CHANCE * top_line_seen_u(&a->observed->tops, i) / response)))
			continue;

		enum swing of = whose(a, i, w);

		if (seen_n > ret.most_n[of]) {
			ret.most_n[of] = seen_n;
			ret.hz[of] = hz;
		}
	}
	return ret;
}

static void trip(struct check_result *ret, double statistic, double threshold)
{
	ret->state = CHECK_TRIPPED;
	ret->statistic = statistic;
	ret->threshold = threshold;
}

static void say_swings(const struct check_scale *scale, const struct swings *swings, struct check_result *ret)
{
	double clip_n = swings->most_n[SWING_FLOOR], untold_n = swings->most_n[SWING_UNTOLD];
	enum swing untold = swings->most_n[SWING_LIKELY] > 0.0 ? SWING_LIKELY : SWING_UNTOLD;

	if (clip_n > 0.0) {
		trip(ret, clip_n, 0.0);
		snprintf(ret->reason, sizeof(ret->reason),
			 "clipped: pulses swing with the mains by %.2g mN, the force between them does not",
			 1e3 * clip_n);
	} else if (untold == SWING_LIKELY || check_outweighs(scale, untold_n * scale->mm_per_n)) {
		check_not_made(ret,
			       "pulses swing by %.2g mN at the mains' %g Hz, the force between them does not: a clip, "
			       "or the pen",
			       1e3 * swings->most_n[untold], swings->hz[untold]);
	}
}

/* Between strokes a front end may end, too. */
static void say_floor(const struct account *a, const struct check_scale *scale, const struct clip_verdict *v,
		      struct check_result *ret)
{
	struct swings swings = swings_of(a);

	if (v->floored) {
		trip(ret, v->floor, CLIP_FLOOR_SHARE);
		snprintf(ret->reason, sizeof(ret->reason),
			 "clipped: between strokes the force ends in a wall at %.4g N",
			 (double)a->observed->clip.floor.lowest_n);
		return;
	}
	say_swings(scale, &swings, ret);
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
	v.stays = v.stays && !swings_of_itself(a);
	if (isnan(v.wall) && isnan(v.noise) && isnan(dent))
		return;
	ret->state = CHECK_PASSED;
	ret->statistic = v.wall;
	ret->threshold = v.wall_most;
	ret->n = clip->strokes;
	say_cause(&v, is_flat(&v, dent, dent_u), dent, ret);
	if (ret->state == CHECK_PASSED)
		say_floor(a, scale, &v, ret);
	if (ret->state == CHECK_PASSED)
		leave(a, scale, &v, dent, dent_u, ret);
}
