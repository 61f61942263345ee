/* Noise of single strokes as it acts, and the share of a depth that is seen. docs/method.md, "Noise as it acts". */
#include "rig/measure/point/stroke_noise.h"

#include <math.h>

#include "rig/measure/curve.h"
#include "rig/measure/point/check_noise.h"
#include "rig/measure/point/model_checks.h"
#include "rig/measure/point/summary_parts.h"

#define BASELINE_U   0.5   /* relative, of the variance that the baseline adds: few blocks, priors in it */
#define INSTANT_U    0.08  /* relative, of an instant's variance by residuals */
#define INSTANT_MORE 1.5   /* of the intervals' noise: what there may be of it besides */
#define END_MORE     2.0   /* times its noise, at the ends of a rate: what else may act on an instant */
#define ROUGH_NOISE  0.1   /* of the pulse */
#define ROUGH_MORE   1.6   /* of the intervals' noise, at that */
#define INTERVAL_U   0.006 /* relative, of the intervals' variance: second order of the speed's changes */
#define EDGE         0.003 /* of the height: below it there is no contact */
#define EITHER       0.4   /* standard uncertainty of what is one of two, of their distance: 1.96 of it hold both */
#define MOVED_FOLD   2.0   /* of the variance between strokes: what moves the strokes may be so much more there */
#define LOCKED       8.0   /* of a line, whose phase all strokes may share: seen up to 1.8 times its sd off */
#define NOISE_SHARE  0.3   /* difference of what top and height make of noise that both halves of the samples have */

/* The baseline is fitted to the very samples of the stretches: it takes from their noise as much as it adds to the strokes. To that
 * of the tare all samples go, of the gaps a share of the period. */
static double taken_by_baseline(const struct account *a, double tare, double gap)
{
	const struct noise_seen *seen = &a->observed->noise;
	double square = seen->weights.square[WEIGHTS_HEIGHT];

	if (seen->baselined == 0 || !(square > 0.0))
		return 0.0;
	return seen->baseline_n2 / (double)seen->baselined / square * (gap + a->template->pulse.gap.share * tare);
}

struct acting_shares acting_shares_of(const struct account *a)
{
	const struct noise_seen *seen = &a->observed->noise;
	struct acting_noise tare = noise_seen_tare(seen);

	return acting_noise_shares(&tare, &seen->gap, seen->white_n2 / fmax(1.0, (double)seen->white),
				   taken_by_baseline(a, (double)tare.height.n, (double)seen->gap.height.n));
}

static double beyond_chance(double share, double n)
{
	return sqrt(fmax(0.0, (share - 1.0) * (share - 1.0) - 2.0 / n));
}

/* Of the variance of intervals, samples^2 for a line of 1 N in amplitude and of any phase: what it moves an instant by, less
 * what it moves the next one by. */
static double moves_intervals(double w, const void *context)
{
	const struct account *a = context;
	const struct weights *weights = &a->observed->noise.weights;
	double cosine = 0.0, sine = 0.0, height = a->tally->height.seen.mean, half = sin(0.5 * w * a->template->period);

	for (unsigned i = 0; i < weights->count; i++) {
		double s, c;

		sincos(w * i, &s, &c);
		cosine += weights->at[WEIGHTS_INSTANT][i] * c;
		sine += weights->at[WEIGHTS_INSTANT][i] * s;
	}
	return 2.0 * half * half * (cosine * cosine + sine * sine) / (height * height);
}

struct stroke_noise stroke_noise_of(const struct account *a)
{
	const struct noise_seen *seen = &a->observed->noise;
	const struct depths *d = &a->tally->depth;
	double n = (double)d->seen.n, slope = d->slope / n;
	struct stroke_noise ret = {.shares = acting_shares_of(a)};

	ret.interval_lines = gap_lines_act(&a->observed->lines, a->template->period, moves_intervals, a);

	if (d->seen.n < 2)
		return ret;
	ret.white = d->noise_mm2 / n;
	ret.acting = ret.shares.height * ret.white;
	if (seen->baselined > 0)
		ret.baseline =
			fmax(0.0, seen->baseline_n2 / (double)seen->baselined - d->zero_n2 / (n * n)) / (slope * slope);

	double per_n = level_gain(a) / slope, white_n2 = a->noise_n * a->noise_n,
	       noise_n2 = fmax(1.0, ret.shares.height) * white_n2;

	ret.moved = MOVED_FOLD * per_n * per_n * level_jump_moved(&a->observed->jump, noise_n2, white_n2);
	/* The pulse has what is not white by another transfer than a stretch without contact: all of it is in doubt. */
	ret.u = hypot(hypot(ret.acting * sqrt(2.0 / ret.shares.n), BASELINE_U * ret.baseline),
		      ret.white * beyond_chance(ret.shares.height, ret.shares.n));
	ret.u = hypot(ret.u, ret.moved);
	return ret;
}

/* Variance of an instant, samples^2, of errors of that variance of the samples under the pulse. */
static double instant_of(const struct account *a, double sample_n2)
{
	double height = a->tally->height.seen.mean;

	return sample_n2 * a->observed->noise.weights.square[WEIGHTS_INSTANT] / (height * height);
}

static double instant_by_baseline(const struct account *a)
{
	const struct noise_seen *seen = &a->observed->noise;
	double height = a->tally->height.seen.mean;

	return seen->baselined > 0 ? seen->baseline_instant_n2 / (double)seen->baselined / (height * height) : 0.0;
}

/* By what the fit's weights make of stretches of tare and gaps. */
static double instant_without_pulse(const struct account *a)
{
	const struct noise_seen *seen = &a->observed->noise;
	struct acting_noise tare = noise_seen_tare(seen);
	double n = fmax(1.0, (double)(tare.instant.n + seen->gap.instant.n));

	return instant_of(a, (tare.instant.m2 + seen->gap.instant.m2) / n);
}

/* Of noise that is not white, and of a converter's steps, nobody knows what they do to instants under a pulse. All that the
 * intervals tell beyond white noise is theirs, or what they do where there is no pulse; steps come on top. */
static double coloured_intervals(const struct account *a, const struct interval_scatter *s, double told)
{
	const struct acting_shares *shares = &a->stroke_noise->shares;
	const struct stroke_noise *noise = a->stroke_noise;
	double moved = noise->acting > 0.0 ? noise->moved / noise->acting : 0.0;
	double count = a->config->force.scale,
	       strange = fmin(1.0, fmax(moved, beyond_chance(shares->height, shares->n)));

	if (quantiser_shows(a))
		return told + s->per_instant * instant_of(a, count * count / 12.0);
	double locked = moved > 0.0 ? LOCKED : 1.0;

	return strange * fmax(told, locked * s->per_instant * (instant_without_pulse(a) - s->instant));
}

/* Of what intervals tell beyond white noise nearly all is the pen's own where its instants scatter. */
static double coloured_ends(const struct account *a, const struct interval_scatter *s, double coloured)
{
	const struct acting_shares *shares = &a->stroke_noise->shares;
	double strange = fmin(1.0, beyond_chance(shares->height, shares->n));
	double noise = s->per_instant * fmax(instant_without_pulse(a), s->instant);

	if (a->stroke_noise->moved > 0.0 || quantiser_shows(a))
		return coloured;
	return fmin(coloured, END_MORE * strange * noise);
}

/* At a noise of a tenth of the pulse instants scatter by up to so much more than white noise explains, at less by the square of
 * it. No more than the intervals can hold, were the pen's own as alike as neighbours can be. */
static double rough_intervals(const struct account *a, const struct interval_scatter *s)
{
	const struct moments *intervals = &a->tally->rhythm.interval;
	double share = a->noise_n / (ROUGH_NOISE * a->tally->height.seen.mean);
	double most = 0.5 * s->per_instant *
			      (0.5 * moments_autocovariance(intervals, 0) - moments_autocovariance(intervals, 1)) -
		      s->noise;

	return fmin(fmax(0.0, most), ROUGH_MORE * s->noise * fmin(1.0, share * share));
}

/* Where fits leave no residual both are nothing; the factor is the filter's own. */
static double noise_per_instant(double shift, double instant, double noise)
{
	const double unit[SPEED_LAGS + 1] = {2.0, -1.0};

	return instant > 0.0 ? noise / instant : speed_change_undo(shift, unit);
}

struct interval_scatter interval_scatter_of(const struct account *a)
{
	const struct acting_shares *shares = &a->stroke_noise->shares;
	const struct moments *intervals = &a->tally->rhythm.interval;
	double instant = shares->instant * tally_timing_variance(a->tally);
	double noise[SPEED_LAGS + 1] = {2.0 * instant, -instant}, seen[SPEED_LAGS + 1];
	struct speed_shift shift = speed_change_shift(&a->observed->noise.speed, instant, intervals->mean);
	struct interval_scatter ret = {
		.instant = instant, .baseline = instant_by_baseline(a), .shift = shift.shift, .u_shift = shift.u};

	for (unsigned k = 0; k <= SPEED_LAGS; k++)
		seen[k] = moments_autocovariance(intervals, k) - noise[k];
	ret.made = speed_change_undo(shift.shift, seen);
	ret.noise = speed_change_undo(shift.shift, noise);
	ret.per_instant = noise_per_instant(shift.shift, instant, ret.noise);

	double unsure = hypot(hypot(INSTANT_U, sqrt(2.0 / shares->n)), beyond_chance(shares->instant, shares->n));

	/* Neighbouring intervals share an instant: they tell its noise too, unless the pen's own instants scatter so. */
	double pen = 2.0 * shift.shift * (1.0 - 2.0 * shift.shift) * fmax(0.0, ret.made); /* by the shift of centres */
	double told = 2.0 * (pen - moments_autocovariance(intervals, 1)) - noise[0];

	told = fmax(0.0, told);

	double coloured = coloured_intervals(a, &ret, told);

	ret.coloured = 0.5 * coloured_ends(a, &ret, coloured);
	told = fmax(coloured, fmin(INSTANT_MORE * ret.noise, told));
	told = fmax(told, rough_intervals(a, &ret));
	told = fmax(told, 0.5 * CHECK_COVERS * a->stroke_noise->interval_lines * ret.per_instant);
	ret.u = hypot(hypot(unsure * ret.noise, told), fmax(0.0, ret.made) * hypot(4.0 * shift.u, INTERVAL_U));
	return ret;
}

bool paths_by_curve(const struct account *a, enum weights_of kind, struct paths *ret)
{
	const struct weights *w = &a->observed->noise.weights;
	const struct pulse *pulse = &a->template->pulse;
	double height = a->tally->height.seen.mean, deepest, steepest;

	*ret = (struct paths){.scaled = 0.0};
	if (a->config->curve == NULL || w->count != pulse->table.count || !(w->square[kind] > 0.0) ||
	    curve_depth(a->config->curve, height, &deepest, &steepest) != 0)
		return false;
	for (unsigned i = 0; i < w->count; i++) {
		double g = pulse->table.shape[0][i], depth, slope;

		if (!(g > EDGE) || curve_depth(a->config->curve, height * fmin(g, 1.0), &depth, &slope) != 0)
			continue;
		ret->scaled += w->at[kind][i] * slope * depth / (steepest * deepest);
		ret->moved += w->at[kind][i] * slope / steepest;
	}
	return true;
}

static struct paths seen_by_curve(const struct account *a)
{
	struct paths ret;

	if (!paths_by_curve(a, WEIGHTS_HEIGHT, &ret) || !(ret.scaled > 0.5) || !(ret.moved > 0.5))
		return (struct paths){1.0, 1.0};
	return ret;
}

/* Top per height as the strokes show it, beside both paths. */
struct told_share {
	double slope,
		u;   /* not below what either path makes of it, and its u by the strokes; INFINITY: they do not tell */
	double held; /* share of their movement that something takes from the tops: a front end that ends there */
};

/* The share of the baseline's movement that the tops lack, beyond chance. */
static double held_by_baseline(const struct account *a)
{
	struct clip_verdict v;

	clip_judge(&a->observed->clip, a->noise_n, fabs(a->config->force.scale), &v);
	return v.follows_u < CLIP_TOLD ? fmin(1.0, fmax(0.0, 1.0 - v.follows - v.follows_u)) : 0.0;
}

static struct told_share told_share_of(const struct account *a, double scaled, double moved)
{
	double u, slope = seen_share_slope(&a->observed->noise.share, &u), lowest = fmin(scaled, moved);
	struct told_share ret = {.slope = lowest, .u = INFINITY, .held = held_by_baseline(a)};

	if (!isfinite(slope))
		return ret;
	ret.held = fmax(ret.held, lowest - slope);
	ret.slope = fmax(slope, lowest);
	ret.u = u;
	return ret;
}

struct depth_share depth_share_of(const struct account *a, const struct stroke_noise *noise, double scatter_mm2)
{
	double own = fmax(0.0, scatter_mm2 - noise->acting - noise->baseline);

	if (a->config->curve == NULL || !a->template->pulse.ready)
		return (struct depth_share){.kappa = 1.0};

	struct paths paths = seen_by_curve(a);
	double scaled = 1.0 / paths.scaled, moved = 1.0 / paths.moved;
	double known = 0.5 * (scaled + moved), u = EITHER * fabs(scaled - moved);
	struct told_share told = told_share_of(a, scaled, moved);

	if (own > 0.0 && isfinite(told.u)) {
		/* Noise that is in both halves of the samples, and the baseline's error, pull it to what noise does. */
		double common = fabs(noise->shares.height - 1.0) * noise->white + noise->baseline;
		/* What takes from the tops makes the slope less, not more. */
		double held = told.slope > known ? 0.0 : told.held;
		double u_strokes = hypot(hypot(told.u, held), NOISE_SHARE * common / own),
		       weight = u * u / (u * u + u_strokes * u_strokes);

		known += weight * (told.slope - known);
		u *= u_strokes / hypot(u, u_strokes);
	}
	return (struct depth_share){.kappa = 1.0 / known,
				    .u = hypot(u, CHECK_COVERS * told.held) / (known * known),
				    .u_told = u / (known * known),
				    .held = told.held};
}
