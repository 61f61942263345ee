/* Which samples of a block no needle touches, and what the baseline is by them. */
#include "rig/measure/point/quiet.h"

#include <math.h>
#include <string.h>

#define REGULAR          0.35 /* an interval within 35 % of the period fits the template's time scale */
#define STILL_SHARE      0.03 /* of a period, to both sides of the middle between strokes, before a template is known */
#define OBSERVATIONS_MIN 4
#define NOISE_MAX        100.0 /* variance, of the white noise's: more is no noise */

static void add_samples(struct analysis *a, const struct span *span, long first, long end)
{
	baseline_add(&a->baseline, a->now.samples.force + (first - a->now.samples.base), first - span->start,
		     (unsigned)(end - first));
}

static void add_run(struct analysis *a, const struct span *span, double from, double to)
{
	long first = (long)ceil(fmax(from, (double)span->start));
	long end = (long)floor(fmin(to, (double)span->end - 1.0)) + 1;

	for (unsigned i = 0; i < a->holes.count && first < end; i++) {
		const struct hole *hole = &a->holes.at[i];

		if (hole->end <= first || hole->from >= end)
			continue;
		if (hole->from > first)
			add_samples(a, span, first, hole->from);
		first = hole->end;
	}
	if (end > first)
		add_samples(a, span, first, end);
}

/* The stretch between two strokes that surely holds no contact. */
static void add_gap(struct analysis *a, const struct span *span, double before, double after)
{
	const struct pulse *pulse = &a->template.pulse;
	double interval = after - before, period = pulse->ready ? a->template.period : interval,
	       scale = interval / period;

	if (pulse->ready && fabs(scale - 1.0) < REGULAR) {
		add_run(a, span, before + scale * pulse->gap.lo, after - scale * pulse->gap.hi);
	} else if (pulse->ready && scale > 1.0 && axis_phase_at(&a->now.axis, before) == POINT_MEASURE) {
		add_run(a, span, before + pulse->gap.lo, before + period - pulse->gap.hi); /* a stroke is missing */
	} else if (!pulse->ready || axis_phase_at(&a->now.axis, before) < POINT_COAST) {
		double middle = 0.5 * (before + after), half = STILL_SHARE * interval;

		add_run(a, span, middle - half, middle + half);
	}
}

static void add_still(struct analysis *a, const struct span *span)
{
	const struct axis *axis = &a->now.axis;
	double end = INFINITY;

	if (!axis_begun(axis, POINT_TARE))
		return;
	for (unsigned i = POINT_SPIN_UP; i < POINT_PHASES; i++) {
		if (axis_begun(axis, (enum point_phase)i))
			end = fmin(end, axis_local(axis, axis->phase_start[i]));
	}
	add_run(a, span, axis_local(axis, axis->phase_start[POINT_TARE]), end - 1.0);
}

static void add_quiet(struct analysis *a, const struct span *span)
{
	const struct axis *axis = &a->now.axis;
	const struct pulse *pulse = &a->template.pulse;
	double before = a->previous_at;

	add_still(a, span);
	if (analysis_waiting(a) == 0 && !(before > (double)span->start) &&
	    axis_phase_at(axis, (double)span->start) == POINT_REST)
		add_run(a, span, (double)span->start, (double)span->end);
	for (unsigned i = 0; i < analysis_waiting(a); i++) {
		double at = analysis_candidate(a, i)->at;

		if (isfinite(before) && at > before)
			add_gap(a, span, before, at);
		else if (isnan(before) && pulse->ready && axis_phase_at(axis, at) == POINT_MEASURE)
			add_run(a, span, at - a->template.period + pulse->gap.lo, at - pulse->gap.hi);
		before = at;
		if (at > (double)span->end + a->grid.period)
			break;
	}
}

double quiet_level(const struct analysis *a, const struct span *span)
{
	long bin = a->grid.bin;
	double low = INFINITY;

	if (isfinite(a->baseline.level))
		return a->baseline.level;
	for (long i = span->start / bin; i < span->end / bin; i++) {
		double value = (double)a->now.samples.bins[i - a->now.samples.base / bin];

		if (value < low) /* fmin() makes gcc 12.2 die on aarch64 */
			low = value;
	}
	return low;
}

void quiet_solve(struct analysis *a, const struct span *span, unsigned passes)
{
	unsigned len = (unsigned)(span->end - span->start);
	double white = fmax(a->now.noise_n * a->now.noise_n, pow(a->config->force.scale, 2.0) / 12.0);
	double sigma2 = a->baseline_known ? fmax(white, fmin(a->baseline.sigma2, NOISE_MAX * white)) : white;

	for (unsigned pass = 0; pass < passes; pass++) {
		struct baseline kept = a->baseline;

		baseline_begin(&a->baseline, len, sigma2);
		add_quiet(a, span);
		if (a->baseline.observations < OBSERVATIONS_MIN) {
			a->baseline = kept;
			baseline_predict(&a->baseline, len, quiet_level(a, span));
			return;
		}
		baseline_solve(&a->baseline);
		if (pass + 1 == passes)
			break;
		/* The prior counts once; of this pass stay the point of linearisation and the noise. */
		sigma2 = fmax(white, fmin(a->baseline.sigma2, NOISE_MAX * white));
		memcpy(a->baseline.hum_cov, kept.hum_cov, sizeof(kept.hum_cov));
		a->baseline.level = kept.level;
	}
	a->baseline_known = true;
}

void quiet_flatten(struct analysis *a, const struct span *span)
{
	long end = span->end + a->template.pulse.half_max + 2;

	end = end > span->limit ? span->limit : end;
	baseline_flatten(&a->baseline, a->now.samples.force + (span->start - a->now.samples.base),
			 a->flat + (span->start - a->flat_base), (unsigned)(end - span->start));
}
