/* Levels of tare, gaps and rest, and the force between two strokes. */
#include "rig/measure/point/observe_gap.h"

#include <math.h>

#include "rig/measure/clones.h"

#define LEVEL_BIN_S 0.02
#define PIECES      4    /* of a bin, of tare or rest */
#define SAME_SCALE  0.35 /* an interval's deviation from the template's period, relative */
#define REGULAR     0.1  /* the same, for what is folded */
#define INNER       0.05 /* of a gap, left out at either end */
#define STILL_SHARE 0.03 /* of an interval, to both sides of its middle, before a template is known */
#define FLANK       0.5  /* of the pulse: what is folded begins there */
#define LANES       8

VECTOR_CLONES static double mean_of(const float *x, unsigned n)
{
	double lane[LANES] = {0}, sum = 0.0;
	unsigned i = 0;

	for (; i + LANES <= n; i += LANES) {
		for (unsigned k = 0; k < LANES; k++)
			lane[k] += (double)x[i + k];
	}
	for (; i < n; i++)
		lane[0] += (double)x[i];
	for (unsigned k = 0; k < LANES; k++)
		sum += lane[k];
	return sum / n;
}

VECTOR_CLONES static double mean_square_of(const float *x, unsigned n)
{
	double lane[LANES] = {0}, sum = 0.0;
	unsigned i = 0;

	for (; i + LANES <= n; i += LANES) {
		for (unsigned k = 0; k < LANES; k++)
			lane[k] += (double)x[i + k] * (double)x[i + k];
	}
	for (; i < n; i++)
		lane[0] += (double)x[i] * (double)x[i];
	for (unsigned k = 0; k < LANES; k++)
		sum += lane[k];
	return sum / n;
}

/* Force less hum, mean over the samples of this block in between; the number of them. */
static unsigned level_between(const struct analysis *a, const struct span *span, double from, double to, double *ret_t,
			      double *ret_level)
{
	long first = (long)ceil(fmax(from, (double)span->start)),
	     end = (long)floor(fmin(to, (double)span->end - 1.0)) + 1;

	if (end <= first)
		return 0;
	*ret_t = 0.5 * (double)(first + end - 1);
	*ret_level = mean_of(a->flat + (first - a->flat_base), (unsigned)(end - first)) +
		     baseline_level(&a->baseline, lround(*ret_t) - span->start);
	return (unsigned)(end - first);
}

/* Local places where a phase begins and where the next one does. */
static void phase_span(const struct axis *axis, enum point_phase phase, double *ret_from, double *ret_to)
{
	*ret_from = axis_begun(axis, phase) ? axis_local(axis, axis->phase_start[phase]) : INFINITY;
	*ret_to = INFINITY;
	for (unsigned i = phase + 1; i < POINT_PHASES; i++) {
		if (axis_begun(axis, (enum point_phase)i))
			*ret_to = fmin(*ret_to, axis_local(axis, axis->phase_start[i]));
	}
}

static void observe_still(struct analysis *a, const struct span *span, enum point_phase phase,
			  void (*add)(struct level_series *series, double t, double level, unsigned n))
{
	struct level_series *levels = &a->observed.levels;
	double from, to, t, level, piece = levels->width / PIECES;

	phase_span(&a->now.axis, phase, &from, &to);
	for (double at = fmax(from, (double)span->start); at < fmin(to, (double)span->end); at += piece) {
		unsigned n = level_between(a, span, at, fmin(at + piece, to) - 1.0, &t, &level);

		if (n > 0)
			add(levels, t, level, n);
	}
}

/* The part of the stretch between two strokes that surely holds no contact, if most of it is of this block. */
static void observe_gap(struct analysis *a, const struct span *span, double before, double after)
{
	const struct pulse *pulse = &a->template.pulse;
	double interval = after - before, scale = pulse->ready ? interval / a->template.period : 1.0, t, level;
	double from = before + (0.5 - STILL_SHARE) * interval, to = before + (0.5 + STILL_SHARE) * interval;

	if (fabs(scale - 1.0) > SAME_SCALE)
		return;
	if (pulse->ready) {
		from = before + scale * pulse->gap.lo;
		to = after - scale * pulse->gap.hi;
	}
	double inner = INNER * (to - from);

	if (from + to < 2.0 * (double)span->start)
		return;

	unsigned n = level_between(a, span, from + inner, to - inner, &t, &level);

	if (n > 0)
		level_series_gap(&a->observed.levels, t, level, n, axis_phase_at(&a->now.axis, after) == POINT_MEASURE);
}

void observe_gap_block(struct analysis *a, const struct span *span)
{
	struct level_series *levels = &a->observed.levels;
	double before = a->previous_at;

	if (!(levels->width > 0.0))
		level_series_init(levels, fmax(LEVEL_BIN_S * a->grid.fs_hz, a->grid.period));
	observe_still(a, span, POINT_TARE, level_series_tare);
	for (unsigned i = 0; i < analysis_waiting(a); i++) {
		double at = analysis_candidate(a, i)->at;

		if (!(at < (double)span->end))
			break;
		if (isfinite(before) && at > before)
			observe_gap(a, span, before, at);
		level_series_stroke(levels, at);
		before = at;
	}
	observe_still(a, span, POINT_REST, level_series_rest);
}

/* What the baseline leaves of the gap before the stroke. */
static void observe_level(struct analysis *a, double before, double at)
{
	const struct pulse *pulse = &a->template.pulse;
	double scale = (at - before) / a->template.period, from = before + scale * pulse->gap.lo,
	       to = at - scale * pulse->gap.hi, inner = INNER * (to - from);
	long first = (long)ceil(from + inner), end = (long)floor(to - inner) + 1;
	struct observed *seen = &a->observed;

	if (end - first < 2 || first < a->from)
		return;

	const float *x = a->flat + (first - a->flat_base);
	unsigned half = (unsigned)(end - first) / 2;
	struct level_gap gap = {mean_of(x, half), mean_of(x + half, half), half, mean_square_of(x, 2 * half)};

	level_jump_add(&seen->jump, &gap, seen->strokes == seen->jump_at + 1);
	seen->jump_at = seen->strokes;
	clip_rest(&seen->clip, a->now.samples.raw + (first - a->now.samples.base), (unsigned)(end - first));
	gap_lines_add(&seen->lines, x, first, (unsigned)(end - first), a->template.period);
}

/* The stretch before the stroke: what follows it may not be flattened yet. */
void observe_gap_stroke(struct analysis *a, const struct pulse_fit *fit)
{
	const struct template *t = &a->template;
	double before = a->previous_at, interval = fit->at - before;
	double phase[2] = {FLANK * t->pulse.support_hi / t->period, 1.0 + FLANK * t->pulse.support_lo / t->period};

	if (!(fabs(interval / t->period - 1.0) < REGULAR) || before + phase[0] * interval < (double)a->from + 1.0)
		return;
	observe_level(a, before, fit->at);
	if (period_profile_wants(&a->observed.profile))
		period_profile_add(&a->observed.profile, a->flat, a->flat_base, before, fit->at, phase);
}
