/* When a template is learned, and from which strokes. */
#include "rig/measure/point/learn.h"

#include <math.h>
#include <string.h>

#include "rig/measure/point/holes.h"
#include "rig/measure/point/quiet.h"

#define REGULAR      0.05 /* an interval's deviation from the median one, relative: at least, */
#define JITTER_MOST  0.2  /* and at most, where a pen's intervals scatter: */
#define JITTER_SD    4.0  /* so many of their standard deviations */
#define ALIKE        4.0  /* standard deviations of a height: within these the depth has come to rest */
#define PASSES       4
#define STROKES_MAX  2048
#define WINDOW_SLACK 1.04 /* of the period, for the window that is allocated */
#define GAP_GUESS    0.1  /* share of the period without contact, before it is known */

/* Strokes at hand from first to end whose intervals are regular: `regular` of them, about one period. */
struct regular {
	unsigned count, first, end;
	double period;
};

/* Of n strokes at hand, how many at the end are alike in height, by how the last few scatter from one to the next. */
static unsigned alike_strokes(struct analysis *a, unsigned n)
{
	double steps[LEARN_STROKES_MIN], sum = 0.0;

	if (n <= LEARN_STROKES_MIN)
		return n;
	for (unsigned i = 0; i < LEARN_STROKES_MIN; i++)
		steps[i] = fabs(analysis_candidate(a, n - 1 - i)->swing_n - analysis_candidate(a, n - 2 - i)->swing_n);

	double most = ALIKE / (0.6745 * M_SQRT2) * select_kth(steps, LEARN_STROKES_MIN, LEARN_STROKES_MIN / 2);
	unsigned alike = 0;

	for (; alike < n; alike++) {
		double swing_n = analysis_candidate(a, n - 1 - alike)->swing_n;

		if (alike > LEARN_STROKES_MIN && fabs(swing_n - sum / alike) > most)
			break;
		sum += swing_n;
	}
	return alike;
}

/* By the median deviation of n intervals from their median; puts them into another order. */
static double regular_limit(double *intervals, unsigned n, double median)
{
	for (unsigned i = 0; i < n; i++)
		intervals[i] = fabs(intervals[i] / median - 1.0);
	return fmax(REGULAR, fmin(JITTER_MOST, JITTER_SD / 0.6745 * select_kth(intervals, n, n / 2)));
}

/* Strokes at hand before `until` with regular intervals to both neighbours; the period is their median interval. */
static struct regular regular_strokes(struct analysis *a, double until)
{
	double intervals[STROKES_MAX];
	unsigned waiting = analysis_waiting(a), n = waiting < STROKES_MAX ? waiting : STROKES_MAX;
	struct regular ret = {.count = 0};

	while (n > 0 && analysis_candidate(a, n - 1)->at >= until)
		n--;
	if (n < 3)
		return ret;
	for (unsigned i = 0; i + 1 < n; i++)
		intervals[i] = analysis_candidate(a, i + 1)->at - analysis_candidate(a, i)->at;
	ret.period = select_kth(intervals, n - 1, (n - 1) / 2);
	ret.first = ret.end = n;

	double limit = regular_limit(intervals, n - 1, ret.period);

	for (unsigned i = n - 1, last = isfinite(until) ? n - alike_strokes(a, n) : 0; i-- > last;) {
		double interval = analysis_candidate(a, i + 1)->at - analysis_candidate(a, i)->at;

		if (fabs(interval / ret.period - 1.0) > limit)
			break;
		ret.first = i;
		ret.count++;
	}
	return ret;
}

static bool learn_pass(struct analysis *a, const struct span *span, const struct regular *strokes, bool recentre)
{
	struct template *t = &a->template;
	const float *flat = a->flat + (span->start - a->flat_base);
	bool fitted = t->pulse.ready;
	double shift;

	pulse_start(&t->pulse, strokes->period);
	t->widths_learned = (struct widths){.noise2 = 0.0};
	for (unsigned i = strokes->first; i < strokes->end; i++) {
		struct candidate *c = analysis_candidate(a, i);
		struct pulse_fit fit;
		double height = 1.0;

		if (c->at - t->pulse.half - 2.0 < (double)span->start ||
		    c->at + t->pulse.half + 2.0 > (double)span->end || holes_touch(a, c->at))
			continue;
		if (fitted && pulse_fit(&t->pulse, flat, (double)span->start, c->at, &fit)) {
			c->at = fit.at;
			height = fit.height2;
			widths_add(&t->widths_learned, &fit, a->now.noise_n);
		} else if (fitted) {
			continue;
		}
		pulse_fold(&t->pulse, flat, (double)span->start, c->at, height);
	}
	t->pulse.width_sd = sqrt(widths_variance(&t->widths_learned));
	return t->pulse.fold.strokes >= LEARN_STROKES_MIN / 2 &&
	       pulse_build(&t->pulse, strokes->period, a->now.noise_n, recentre, &shift);
}

static void learn_passes(struct analysis *a, const struct span *wide, const struct regular *strokes)
{
	struct baseline before = a->baseline;
	double rate_hz = a->grid.fs_hz / strokes->period;

	baseline_set_strokes(&a->baseline, rate_hz, GAP_GUESS);
	for (unsigned pass = 0; pass < PASSES; pass++) {
		struct baseline now = before;

		memcpy(now.use, a->baseline.use, sizeof(now.use));
		a->baseline = now;
		quiet_solve(a, wide, 2);
		quiet_flatten(a, wide);
		if (!learn_pass(a, wide, strokes, pass + 1 == PASSES)) {
			a->template.pulse.ready = false;
			break;
		}
		baseline_set_strokes(&a->baseline, rate_hz, a->template.pulse.gap.share);
	}
	memcpy(before.use, a->baseline.use, sizeof(before.use));
	a->baseline = before;
	a->baseline_known = a->baseline_known && isfinite(before.level);
}

/* All that is known at the end: the template over this block and the one after it, whose baseline is this block's. */
static void learn(struct analysis *a, const struct span *span, double until)
{
	struct template *t = &a->template;
	struct regular strokes = regular_strokes(a, until);
	const struct span wide = {.start = span->start, .end = span->limit, .limit = span->limit};

	if (strokes.count < LEARN_STROKES_MIN || strokes.period * WINDOW_SLACK > 2.0 * t->pulse.half_max)
		return;
	t->pulse.ready = false; /* another one's tables do not stand on this one's window */
	t->period = strokes.period;
	learn_passes(a, &wide, &strokes);
	if (t->pulse.ready)
		pulse_set_origin(&t->pulse);
	t->peak_offset = pulse_origin(&t->pulse);
	t->learned = t->pulse.fold.strokes;
	pulse_start(&t->pulse, strokes.period);
}

/* While the pen spins up its depth may still travel: what serves the first strokes of the window is learned anew from
 * the last strokes before it. */
void learn_block(struct analysis *a, const struct span *span)
{
	const struct axis *axis = &a->now.axis;
	enum point_phase first = axis_phase_at(axis, (double)span->start);
	enum point_phase last = axis_phase_at(axis, (double)span->limit - 1.0);

	if (first < POINT_MEASURE && last >= POINT_MEASURE)
		learn(a, span, axis_local(axis, axis->phase_start[POINT_MEASURE]));
	if (!a->template.pulse.ready && last >= POINT_SPIN_UP)
		learn(a, span, INFINITY);
}
