/* Noise, shares and changes of speed from blocks and strokes. A long window is thinned out: what is asked of strokes is
 * known well enough after a thousand. */
#include "rig/measure/point/observe_noise.h"

#include <math.h>
#include <string.h>

#define EVERY_STROKE  1024 /* this many; then one run of RUN in RUN_OF */
#define RUN           16
#define RUN_OF        128
#define BASELINE_EACH 8 /* the baseline's share changes slowly */

static bool looked_at(uint64_t number)
{
	return number < EVERY_STROKE || number % RUN_OF < RUN;
}

void observe_noise_block(struct analysis *a, const struct span *span)
{
	struct noise_seen *seen = &a->observed.noise;
	const struct axis *axis = &a->now.axis;
	long n = 0;

	if (!axis_begun(axis, POINT_TARE))
		return;
	while (span->start + n < span->end && axis_phase_at(axis, (double)(span->start + n)) == POINT_TARE)
		n++;
	long skip = n > TARE_KEPT ? n - TARE_KEPT : 0, over = (long)seen->tared + n - skip - TARE_KEPT;

	if (over > 0) {
		memmove(seen->tare, seen->tare + over, (seen->tared - (size_t)over) * sizeof(float));
		seen->tared -= (unsigned)over;
	}
	memcpy(seen->tare + seen->tared, a->flat + (span->start + skip - a->flat_base),
	       (size_t)(n - skip) * sizeof(float));
	seen->tared += (unsigned)(n - skip);
}

static struct pseudo_stroke pseudo_stroke(const struct weights *w, const float *x)
{
	return (struct pseudo_stroke){.height_n = weights_apply(w, WEIGHTS_HEIGHT, x) / sqrt(w->square[WEIGHTS_HEIGHT]),
				      .instant_n =
					      weights_apply(w, WEIGHTS_INSTANT, x) / sqrt(w->square[WEIGHTS_INSTANT]),
				      .square_n2 = weights_mean_square(w, x)};
}

/* The stretch in the middle of the gap before the stroke, where the gap is as long as a pulse. */
static void look_at_gap(struct analysis *a, const struct pulse_fit *fit)
{
	struct noise_seen *seen = &a->observed.noise;
	const struct weights *w = &seen->weights;
	const struct template *t = &a->template;
	double before = t->period - t->pulse.gap.hi, middle = 0.5 * (before + t->pulse.gap.lo) - t->period;
	long at = lround(fit->at + middle - 0.5 * w->count) - w->first;

	if (!(before - t->pulse.gap.lo > (double)w->count) || at + w->first < a->from)
		return;

	struct pseudo_stroke stretch = pseudo_stroke(w, a->flat + (at - a->flat_base));

	acting_noise_gap(&seen->gap, a->observed.strokes, &stretch);
}

static void look_at_shape(struct analysis *a, const struct pulse_fit *fit, const float *x, struct speed_stroke *ret)
{
	struct noise_seen *seen = &a->observed.noise;
	const struct weights *w = &seen->weights;

	ret->told = true;
	for (unsigned m = 0; m < SPEED_SHAPES; m++) {
		enum weights_of kind = m == 0 ? WEIGHTS_EDGE : WEIGHTS_BEND;

		ret->unlike[m] = -weights_apply(w, kind, x) / fit->height;
		ret->shift[m] = w->shift[m];
		ret->weight[m] =
			fit->height * fit->height / (w->square[kind] * fmax(1e-30, a->now.noise_n * a->now.noise_n));
	}
	if (w->square[WEIGHTS_TOP] > 0.0) {
		const struct seen_stroke stroke = {.top_n = weights_apply(w, WEIGHTS_TOP, x),
						   .odd_n = weights_apply(w, WEIGHTS_ODD, x),
						   .even_n = weights_apply(w, WEIGHTS_EVEN, x)};

		seen_share_add(&seen->share, &stroke);
	}
	seen->white_n2 += a->now.noise_n * a->now.noise_n;
	seen->white++;
}

/* Variance that the baseline puts into this stroke's height alone, and into its instant. */
static void look_at_baseline(struct analysis *a, const struct span *span, const struct pulse_fit *fit)
{
	struct noise_seen *seen = &a->observed.noise;
	const struct weights *w = &seen->weights;
	double height[BASELINE_STATES] = {0}, instant[BASELINE_STATES] = {0}, k = fit->at - (double)span->start;

	baseline_row(&a->baseline, k, a->gains.offset, a->gains.line, height);
	seen->baseline_n2 += baseline_row_variance(&a->baseline, height);
	seen->baselined++;
	if (w->count > 0 && seen->instant_builds != w->builds) {
		seen->instant = baseline_sum_of(&a->baseline, w->at[WEIGHTS_INSTANT], w->count, w->first);
		seen->instant_builds = w->builds;
	}
	baseline_sum_row(&a->baseline, k, &seen->instant, instant);
	seen->baseline_instant_n2 += baseline_row_variance(&a->baseline, instant);
}

void observe_noise_stroke(struct analysis *a, const struct span *span, const struct pulse_fit *fit)
{
	struct noise_seen *seen = &a->observed.noise;
	struct speed_stroke stroke = {.at = fit->at + a->template.peak_offset};
	uint64_t number = a->observed.strokes;

	if (weights_update(&seen->weights, &a->template) && looked_at(number)) {
		look_at_gap(a, fit);
		look_at_shape(a, fit, a->flat + (lround(fit->at) - a->flat_base), &stroke);
	}
	if (number % BASELINE_EACH == 0)
		look_at_baseline(a, span, fit);
	speed_change_add(&seen->speed, &stroke, a->template.period);
}

struct acting_noise noise_seen_tare(const struct noise_seen *seen)
{
	const struct weights *w = &seen->weights;
	struct acting_noise ret = {.last = 0};

	for (unsigned i = 0; w->count > 0 && i + w->count <= seen->tared; i += w->count) {
		struct pseudo_stroke stretch = pseudo_stroke(w, seen->tare + i - w->first);

		acting_noise_add(&ret, &stretch);
	}
	return ret;
}
