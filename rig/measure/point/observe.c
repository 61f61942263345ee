/* From a block and its strokes to the collectors of the model checks. */
#include "rig/measure/point/observe.h"

#include <math.h>

#include "rig/measure/point/observe_gap.h"
#include "rig/measure/point/observe_mean.h"
#include "rig/measure/point/observe_noise.h"

/* The samples of the block that lie in the tare, local axis; end <= first: none. */
static void tare_of(const struct axis *axis, const struct span *span, long *ret_first, long *ret_end)
{
	double end = (double)span->end;

	*ret_first = *ret_end = span->start;
	if (!axis_begun(axis, POINT_TARE))
		return;
	for (unsigned i = POINT_SPIN_UP; i < POINT_PHASES; i++) {
		if (axis_begun(axis, (enum point_phase)i))
			end = fmin(end, axis_local(axis, axis->phase_start[i]));
	}
	*ret_first = (long)ceil(fmax((double)span->start, axis_local(axis, axis->phase_start[POINT_TARE])));
	*ret_end = (long)ceil(end);
}

void observe_block(struct analysis *a, const struct span *span)
{
	long first, end;

	tare_of(&a->now.axis, span, &first, &end);
	if (end > first) {
		const float *x = a->now.samples.raw + (first - a->now.samples.base);

		clip_tare(&a->observed.clip, x, (unsigned)(end - first));
		clip_rest(&a->observed.clip, x, (unsigned)(end - first));
		tare_add(&a->observed.tare, x, (unsigned)(end - first));
	}
	observe_gap_block(a, span);
	observe_noise_block(a, span);
}

static double flank_of(const struct analysis *a, const struct pulse_fit *fit)
{
	const struct weights *w = &a->observed.noise.weights;

	if (!top_lines_want(&a->observed.tops) || w->count == 0 || !(w->square[WEIGHTS_FLANK] > 0.0))
		return NAN;
	return weights_apply(w, WEIGHTS_FLANK, a->flat + (lround(fit->at) - a->flat_base));
}

void observe_stroke(struct analysis *a, const struct span *span, const struct pulse_fit *fit)
{
	const struct pulse *pulse = &a->template.pulse;
	const struct stretch *samples = &a->now.samples;
	long top = lround(fit->at + pulse->peak_at);
	const struct clip_pulse place = {.peak = fit->at + pulse->peak_at,
					 .width = pulse->support_hi - pulse->support_lo,
					 .level_n = (double)samples->force[top - samples->base] -
						    (double)a->flat[top - a->flat_base]};

	observe_gap_stroke(a, fit);
	observe_noise_stroke(a, span, fit);
	observe_mean_stroke(a, span, fit);
	a->observed.flank_n = flank_of(a, fit);
	a->observed.strokes++;
	clip_stroke(&a->observed.clip, samples->raw, samples->base, &place, a->now.noise_n,
		    fabs(a->config->force.scale));
}

static bool is_told(const struct analysis *a, unsigned line, double turn)
{
	const struct baseline *bl = &a->baseline;
	bool told = top_line_told(turn, a->grid.period);

	for (unsigned k = 0; k < bl->lines && told; k++)
		told = k == line ||
		       top_lines_apart(turn, 2.0 * M_PI * bl->nominal_hz[k] / a->grid.fs_hz, a->grid.period);
	return told;
}

/* Of the mains, the turns of those lines that strokes of this rate tell apart: the same all along. */
static const double *told_turns(struct analysis *a)
{
	struct observed *seen = &a->observed;
	const struct baseline *bl = &a->baseline;

	for (unsigned i = 0; !seen->turns_known && i < bl->lines && i < TOP_LINES_MAX; i++) {
		double turn = 2.0 * M_PI * bl->nominal_hz[i] / a->grid.fs_hz;

		seen->turns[i] = is_told(a, i, turn) ? turn : 0.0;
	}
	seen->turns_known = true;
	return seen->turns;
}

/* Those that the gaps tell from the strokes, too. */
static void observe_tops(struct analysis *a, const struct tallied *s)
{
	const struct baseline *bl = &a->baseline;
	const struct top_seen seen = {s->height_n, a->observed.flank_n};
	const double *turns = told_turns(a);
	double w[TOP_LINES_MAX] = {0.0};

	for (unsigned i = 0; i < bl->lines && i < TOP_LINES_MAX; i++)
		w[i] = bl->use[i] == LINE_ESTIMATED ? turns[i] : 0.0;
	top_lines_add(&a->observed.tops, s->at, &seen, w, bl->lines);
}

void observe_tallied(struct analysis *a, const struct tallied *s, double interval)
{
	alternation_add(&a->observed.heights, s->height_n);
	if (a->tally.rhythm.strokes > 1)
		alternation_add(&a->observed.spacing, interval);
	if (s->fitted && !s->misfits)
		observe_tops(a, s);
	if (isfinite(s->depth_mm))
		settled_add(&a->observed.settled, s->depth_mm);
}

void observe_before(struct analysis *a, double depth_mm)
{
	if (isfinite(depth_mm))
		settled_before(&a->observed.settled, depth_mm);
}
