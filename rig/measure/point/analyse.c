/* From detected strokes to instants, heights and depths: per block, baseline and hum from what no needle touches,
 * template from the strokes themselves, least squares per stroke. Holds no result: it fills the tally. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "rig/measure/point/state.h"

#define LEARN_STROKES_MIN 16
#define LEARN_REGULAR     0.05
#define LEARN_ALIKE       4.0 /* standard deviations of a height: within these the depth has come to rest */
#define LEARN_PASSES      4
#define LEARN_MAX         2048
#define WIDTH_STRANGE     0.2 /* relative: the template is of another pulse */
#define RELEARN_MAX       4   /* templates given up in a point: a pen whose pulses are never alike is not learned */
#define REBUILD_AT        64
#define HUM_SMALL         0.1 /* of a stroke */
#define FOLD_MEMORY       20000.0
#define REGULAR           0.35 /* an interval within 35 % of the period fits the template's time scale */
#define STILL_SHARE       0.03 /* of a period, to both sides of the middle between strokes, before a template is known */

struct span {
	long start, end, limit; /* block, and the end of the samples at hand; local axis */
};

static const struct candidate *candidate(const struct point *p, unsigned i)
{
	return &p->candidates[p->candidate_head + i];
}

static unsigned waiting(const struct point *p)
{
	return p->candidate_count - p->candidate_head;
}

static void add_run(struct point *p, const struct span *span, double from, double to)
{
	long a = (long)ceil(fmax(from, (double)span->start)), b = (long)floor(fmin(to, (double)span->end - 1.0)) + 1;

	if (b > a)
		baseline_add(&p->baseline, p->force + (a - p->base), a - span->start, (unsigned)(b - a));
}

/* The stretch between two strokes that surely holds no contact. */
static void add_gap(struct point *p, const struct span *span, double before, double after)
{
	double interval = after - before, period = p->pulse.ready ? p->pulse_period : interval,
	       scale = interval / period;

	if (p->pulse.ready && fabs(scale - 1.0) < REGULAR) {
		add_run(p, span, before + scale * p->pulse.gap_lo, after - scale * p->pulse.gap_hi);
	} else if (p->pulse.ready && scale > 1.0 && axis_phase_at(&p->axis, before) == POINT_MEASURE) {
		add_run(p, span, before + p->pulse.gap_lo, before + period - p->pulse.gap_hi); /* a stroke is missing */
	} else if (!p->pulse.ready || axis_phase_at(&p->axis, before) < POINT_COAST) {
		double middle = 0.5 * (before + after), half = STILL_SHARE * interval;

		add_run(p, span, middle - half, middle + half);
	}
}

static void add_still(struct point *p, const struct span *span)
{
	double tare_end = INFINITY;

	if (p->axis.phase_start[POINT_TARE] == INT64_MAX)
		return;
	for (unsigned i = POINT_SPIN_UP; i < POINT_PHASES; i++) {
		if (p->axis.phase_start[i] != INT64_MAX)
			tare_end = fmin(tare_end, axis_local(&p->axis, p->axis.phase_start[i]));
	}
	add_run(p, span, axis_local(&p->axis, p->axis.phase_start[POINT_TARE]), tare_end - 1.0);
}

static void add_quiet(struct point *p, const struct span *span)
{
	double before = p->previous_at;

	add_still(p, span);
	if (waiting(p) == 0 && !(before > (double)span->start) &&
	    axis_phase_at(&p->axis, (double)span->start) == POINT_REST)
		add_run(p, span, (double)span->start, (double)span->end);
	for (unsigned i = 0; i < waiting(p); i++) {
		double at = candidate(p, i)->at;

		if (isfinite(before) && at > before)
			add_gap(p, span, before, at);
		else if (isnan(before) && p->pulse.ready && axis_phase_at(&p->axis, at) == POINT_MEASURE)
			add_run(p, span, at - p->pulse_period + p->pulse.gap_lo, at - p->pulse.gap_hi);
		before = at;
		if (at > (double)span->end + p->grid.period)
			break;
	}
}

/* The level that stands when nothing of this block can be used: the last one, or the lowest bin. */
static double level_guess(const struct point *p, const struct span *span)
{
	double low = INFINITY;

	if (isfinite(p->baseline.level))
		return p->baseline.level;
	for (long i = span->start / p->grid.bin; i < span->end / p->grid.bin; i++)
		low = fmin(low, (double)p->bins[i - p->base / p->grid.bin]);
	return low;
}

static void solve_baseline(struct point *p, const struct span *span, unsigned passes)
{
	double white = fmax(p->noise_n * p->noise_n, pow(p->config.force.scale, 2.0) / 12.0);
	double sigma2 = p->baseline_known ? fmax(white, fmin(p->baseline.sigma2, 100.0 * white)) : white;

	for (unsigned pass = 0; pass < passes; pass++) {
		struct baseline kept = p->baseline;

		baseline_begin(&p->baseline, (unsigned)(span->end - span->start), sigma2);
		add_quiet(p, span);
		if (p->baseline.observations < 4) {
			p->baseline = kept;
			baseline_predict(&p->baseline, (unsigned)(span->end - span->start), level_guess(p, span));
			return;
		}
		baseline_solve(&p->baseline);
		if (pass + 1 <
		    passes) { /* the prior counts once; of this pass stay the point of linearisation and the noise */
			sigma2 = fmax(white, fmin(p->baseline.sigma2, 100.0 * white));
			memcpy(p->baseline.hum_cov, kept.hum_cov, sizeof(kept.hum_cov));
			p->baseline.level = kept.level;
		}
	}
	p->baseline_known = true;
}

static void flatten(struct point *p, const struct span *span)
{
	long end = span->end + p->pulse.half_max + 2;

	end = end > span->limit ? span->limit : end;
	baseline_flatten(&p->baseline, p->force + (span->start - p->base), p->flat + (span->start - p->base),
			 (unsigned)(end - span->start));
}

static bool window_held(const struct point *p, double at, long limit)
{
	return at - p->pulse.half - 2.0 > (double)p->from && at + p->pulse.half + 2.0 < (double)limit;
}

/* Of n strokes at hand, how many at the end are alike in height, by how the last few scatter from one to the next. */
static unsigned alike_strokes(const struct point *p, unsigned n)
{
	double steps[LEARN_STROKES_MIN], sum = 0.0, most;
	unsigned alike = 0;

	if (n <= LEARN_STROKES_MIN)
		return n;
	for (unsigned i = 0; i < LEARN_STROKES_MIN; i++)
		steps[i] = fabs(candidate(p, n - 1 - i)->swing_n - candidate(p, n - 2 - i)->swing_n);
	most = LEARN_ALIKE / (0.6745 * M_SQRT2) * select_kth(steps, LEARN_STROKES_MIN, LEARN_STROKES_MIN / 2);
	for (; alike < n; alike++) {
		double swing_n = candidate(p, n - 1 - alike)->swing_n;

		if (alike > LEARN_STROKES_MIN && fabs(swing_n - sum / alike) > most)
			break;
		sum += swing_n;
	}
	return alike;
}

/* Strokes at hand before `until` whose intervals to both neighbours are regular; their median interval is the period.
 */
static unsigned regular_strokes(const struct point *p, double until, double *ret_period, unsigned *ret_first,
				unsigned *ret_end)
{
	double intervals[LEARN_MAX];
	unsigned n = waiting(p) < LEARN_MAX ? waiting(p) : LEARN_MAX, regular = 0;

	while (n > 0 && candidate(p, n - 1)->at >= until)
		n--;
	if (n < 3)
		return 0;
	for (unsigned i = 0; i + 1 < n; i++)
		intervals[i] = candidate(p, i + 1)->at - candidate(p, i)->at;
	*ret_period = select_kth(intervals, n - 1, (n - 1) / 2);
	*ret_first = *ret_end = n;
	for (unsigned i = n - 1, last = isfinite(until) ? n - alike_strokes(p, n) : 0; i-- > last;) {
		if (fabs((candidate(p, i + 1)->at - candidate(p, i)->at) / *ret_period - 1.0) > LEARN_REGULAR)
			break;
		*ret_first = i;
		regular++;
	}
	return regular;
}

static void widths_add(struct widths *widths, const struct pulse_fit *fit, double noise_n)
{
	moments_add(&widths->seen, fit->width);
	widths->noise2 += pow(noise_n * fit->u_width_rel / fit->height, 2.0);
}

static double widths_variance(const struct widths *widths)
{
	return fmax(0.0, (widths->seen.m2 - widths->noise2) / fmax(1.0, (double)widths->seen.n));
}

/* Share of the seen variance that is not noise; 0 where it may be chance. */
static double widths_weight(const struct widths *widths)
{
	double n = (double)widths->seen.n, weight = widths_variance(widths) * n / fmax(widths->seen.m2, 1e-300);

	return weight * n < 6.0 * sqrt(n) ? 0.0 : weight;
}

static bool learn_pass(struct point *p, const struct span *span, unsigned first, unsigned end, double period,
		       unsigned pass)
{
	double shift;

	bool fitted = p->pulse.ready;
	struct pulse_fit fit;

	pulse_start(&p->pulse, period);
	p->widths_learned = (struct widths){.noise2 = 0.0};
	for (unsigned i = first; i < end; i++) {
		struct candidate *c = &p->candidates[p->candidate_head + i];
		const float *flat = p->flat + (span->start - p->base);
		double height = 1.0;

		if (c->at - p->pulse.half - 2.0 < (double)span->start ||
		    c->at + p->pulse.half + 2.0 > (double)span->end)
			continue;
		if (fitted && pulse_fit(&p->pulse, flat, (double)span->start, c->at, &fit)) {
			c->at = fit.at;
			height = fit.height2;
			widths_add(&p->widths_learned, &fit, p->noise_n);
		} else if (fitted) {
			continue;
		}
		pulse_fold(&p->pulse, flat, (double)span->start, c->at, height);
	}
	p->pulse.width_sd = sqrt(widths_variance(&p->widths_learned));
	if (p->pulse.folded < LEARN_STROKES_MIN / 2 ||
	    !pulse_build(&p->pulse, period, p->noise_n, pass + 1 == LEARN_PASSES, &shift))
		return false;
	return true;
}

/* All that is known at the end: the template over this block and the one after it, whose baseline is this block's. */
static void learn(struct point *p, const struct span *span, double until)
{
	struct span wide = *span;
	unsigned first, end;
	double period;

	if (regular_strokes(p, until, &period, &first, &end) < LEARN_STROKES_MIN)
		return;
	if (period * 1.04 > 2.0 * p->pulse.half_max)
		return;
	wide.end = span->limit;
	struct baseline before = p->baseline;

	p->pulse.ready = false; /* another one's tables do not stand on this one's window */
	p->pulse_period = period;
	baseline_set_strokes(&p->baseline, p->grid.fs_hz / period, 0.1);
	for (unsigned pass = 0; pass < LEARN_PASSES; pass++) {
		struct baseline now = before;

		memcpy(now.use, p->baseline.use, sizeof(now.use));
		p->baseline = now;
		solve_baseline(p, &wide, 2);
		flatten(p, &wide);
		if (!learn_pass(p, &wide, first, end, period, pass)) {
			p->pulse.ready = false;
			break;
		}
		baseline_set_strokes(&p->baseline, p->grid.fs_hz / period, p->pulse.gap_share);
	}
	memcpy(before.use, p->baseline.use, sizeof(before.use));
	p->baseline = before;
	p->baseline_known = p->baseline_known && isfinite(before.level);
	if (p->pulse.ready)
		pulse_set_origin(&p->pulse);
	p->peak_offset = pulse_origin(&p->pulse);
	p->learned = p->pulse.folded;
	pulse_start(&p->pulse, period);
}

/* Before a template exists, and for strokes on another time scale: a parabola over the cap. */
static bool cap_fit(const struct point *p, double start, double swing, long limit, double *ret_at, double *ret_height)
{
	long top = lround(start), lo, hi, reach = (long)p->grid.period;
	double s[5] = {0}, r[3] = {0};

	if (top - 2 < p->from || top + 3 > limit)
		return false;
	double level = (double)p->flat[top - p->base] - 0.3 * swing;

	for (lo = top; lo - 1 >= p->from && top - lo < reach && (double)p->flat[lo - 1 - p->base] > level;)
		lo--;
	for (hi = top; hi + 1 < limit && hi - top < reach && (double)p->flat[hi + 1 - p->base] > level;)
		hi++;
	double mid = 0.5 * (double)(lo + hi), scale = fmax(1.0, 0.5 * (double)(hi - lo));

	for (long i = lo; i <= hi; i++) {
		double v = ((double)i - mid) / scale, y = (double)p->flat[i - p->base], power = 1.0;

		for (unsigned k = 0; k < 5; k++, power *= v) {
			s[k] += power;
			if (k < 3)
				r[k] += power * y;
		}
	}
	double det = s[0] * (s[2] * s[4] - s[3] * s[3]) - s[1] * (s[1] * s[4] - s[2] * s[3]) +
		     s[2] * (s[1] * s[3] - s[2] * s[2]);

	if (hi - lo < 2 || !(fabs(det) > 1e-12))
		return false;
	double a = (r[0] * (s[2] * s[4] - s[3] * s[3]) - s[1] * (r[1] * s[4] - r[2] * s[3]) +
		    s[2] * (r[1] * s[3] - r[2] * s[2])) /
		   det;
	double b = (s[0] * (r[1] * s[4] - r[2] * s[3]) - r[0] * (s[1] * s[4] - s[2] * s[3]) +
		    s[2] * (s[1] * r[2] - s[2] * r[1])) /
		   det;
	double c = (s[0] * (s[2] * r[2] - s[3] * r[1]) - s[1] * (s[1] * r[2] - s[2] * r[1]) +
		    r[0] * (s[1] * s[3] - s[2] * s[2])) /
		   det;
	double v = -0.5 * b / c;

	if (!(c < 0.0) || fabs(v) > 1.0)
		return false;
	*ret_at = mid + scale * v;
	*ret_height = a - 0.25 * b * b / c;
	return true;
}

/* Solves the symmetric positive 3 x 3 system by elimination, both right-hand sides in place. */
static void solve_three(double s[3][3], double r[2][3])
{
	for (unsigned c = 0; c < 3; c++) {
		for (unsigned k = c + 1; k < 3; k++) {
			double f = s[k][c] / s[c][c];

			for (unsigned m = c; m < 3; m++)
				s[k][m] -= f * s[c][m];
			r[0][k] -= f * r[0][c];
			r[1][k] -= f * r[1][c];
		}
	}
	for (unsigned c = 3; c-- > 0;) {
		for (unsigned i = 0; i < 2; i++) {
			for (unsigned k = c + 1; k < 3; k++)
				r[i][c] -= s[c][k] * r[i][k];
			r[i][c] /= s[c][c];
		}
	}
}

/* Protrusion at its largest: the eccentric's sine at the stroke's own rate, fitted to a third of a period about it. The
 * variance is that of the largest value, from the residuals. */
static double protrusion(const struct point *p, double at, double period, long limit, double *ret_variance)
{
	double s[3][3] = {{0}}, r[2][3] = {{0}, {1.0, 1.0, 0.0}}, moment[3], w = 2.0 * M_PI / period, squares = 0.0;
	long lo = (long)ceil(at - period / 6.0), hi = (long)floor(at + period / 6.0);

	if (p->displacement == NULL || lo < p->from || hi >= limit || hi - lo < 4)
		return NAN;
	double level = (double)p->displacement[lo - p->base];

	for (long i = lo; i <= hi; i++) {
		double h[3] = {1.0, cos(w * ((double)i - at)), sin(w * ((double)i - at))};
		double y = (double)p->displacement[i - p->base] - level;

		squares += y * y;
		for (unsigned a = 0; a < 3; a++) {
			r[0][a] += h[a] * y;
			for (unsigned b = 0; b < 3; b++)
				s[a][b] += h[a] * h[b];
		}
	}
	memcpy(moment, r[0], sizeof(moment));
	solve_three(s, r);
	for (unsigned k = 0; k < 3; k++)
		squares -= moment[k] * r[0][k];
	*ret_variance = fmax(0.0, squares) / fmax(1.0, (double)(hi - lo) - 2.0) * (r[1][0] + r[1][1]);
	return level + r[0][0] + hypot(r[0][1], r[0][2]);
}

static void count_interval(struct tally *t, double at)
{
	double interval = at - t->last_at, ratio = interval / t->local_period;

	if (ratio > 1.5) {
		t->missed += (uint64_t)(ratio + 0.5) - 1;
		ticks_add(&t->ticks, at, (unsigned)fmin(ratio + 0.5, 1e6));
		return;
	}
	if (ratio < 0.5) {
		t->doubled++;
		return;
	}
	ticks_add(&t->ticks, at, 1);
	moments_add(&t->interval, interval);
	t->local_period += 0.1 * (interval - t->local_period);
}

static void tally_instant(struct point *p, double at)
{
	struct tally *t = &p->tally;

	if (t->strokes == 0) {
		t->first_at = at;
		t->started_before = p->number > 1;
		t->local_period = p->pulse.ready ? p->pulse_period : p->grid.period;
		ticks_add(&t->ticks, at, 1);
	} else {
		count_interval(t, at);
	}
	t->last_at = at;
	t->strokes++;
}

static void tally_depth(struct point *p, const struct stroke *stroke, double slope, double noise_n)
{
	struct tally *t = &p->tally;
	double k = (double)t->strokes;

	moments_add(&t->depth, stroke->depth_mm);
	t->trend_k += k;
	t->trend_kk += k * k;
	t->trend_d += stroke->depth_mm;
	t->trend_kd += k * stroke->depth_mm;
	t->gain_mm += stroke->height_n / slope;
	t->slope += slope;
	/* Of two templates the later holds the earlier's strokes: their covariance is the later's variance. */
	if (p->pulse.ready)
		t->template_n2 += p->noise_n * p->noise_n * pulse_peak_variance(&p->pulse, p->width_weight) *
				  stroke->height_n * (stroke->height_n + 2.0 * t->template_heights);
	t->template_heights += stroke->height_n;
	t->noise_mm2 += noise_n * noise_n / (slope * slope);
}

/* Of the height as fit_stroke() blends it: what the free width adds is independent of the height without it. */
static double height_noise(const struct point *p, const struct pulse_fit *fit)
{
	double fixed = p->pulse.gram_inv2[0][0][0], free = fit->u_height_rel * fit->u_height_rel;

	return p->noise_n * sqrt(fixed + p->width_weight * p->width_weight * fmax(0.0, free - fixed));
}

static void tally_stroke(struct point *p, const struct stroke *stroke, const struct pulse_fit *fit, double slope)
{
	struct tally *t = &p->tally;
	double sigma = p->noise_n, noise_n = fit ? height_noise(p, fit) : sigma;

	moments_add(&t->height, stroke->height_n);
	t->peak_force_n = fmax(t->peak_force_n, stroke->height_n);
	if (isfinite(stroke->protrusion_mm))
		moments_add(&t->protrusion, stroke->protrusion_mm);
	if (fit == NULL)
		t->unfitted++;
	else if (fit->rms > fmax(5.0 * sigma, 0.12 * fit->height))
		t->misfits++;
	if (p->force != p->raw && fit != NULL) {
		t->cell_n += pulse_cap(&p->pulse, p->force, (double)p->base, fit->at) -
			     pulse_cap(&p->pulse, p->raw, (double)p->base, fit->at);
		t->cell_count++;
	}
	if (isfinite(stroke->depth_mm))
		tally_depth(p, stroke, slope, noise_n);
	else if (p->config.curve != NULL)
		t->out_of_curve++;
}

static void tally_timing(struct point *p, const struct pulse_fit *fit)
{
	struct timing *t = &p->tally.timing;
	double variance = pow(fit->rms / fit->height, 2.0) * p->pulse.gram_inv2[0][1][1], power = 1.0;

	if (t->power[0] == 0.0)
		t->first = fit->height;
	for (unsigned k = 0; k < 5; k++, power *= fit->height / t->first - 1.0) {
		t->power[k] += power;
		if (k < 3)
			t->variance[k] += variance * power;
	}
}

static double nearby_period(const struct point *p, unsigned i)
{
	double at = candidate(p, i)->at, before = at - p->previous_at, after = INFINITY;

	if (i + 1 < waiting(p))
		after = candidate(p, i + 1)->at - at;
	if (!isfinite(before))
		return isfinite(after) ? after : p->grid.period;
	return fmin(before, after);
}

static bool fit_stroke(struct point *p, const struct candidate *c, double period, long limit, struct pulse_fit *ret)
{
	bool regular = p->pulse.ready && fabs(period / p->pulse_period - 1.0) < 0.25;

	if (!regular || !window_held(p, c->at, limit))
		return false;
	if (!pulse_fit(&p->pulse, p->flat, (double)p->base, c->at, ret))
		return false;
	if (axis_phase_at(&p->axis, ret->at) == POINT_MEASURE)
		widths_add(&p->widths, ret, p->noise_n);
	const struct widths *known = p->widths.seen.n > REBUILD_AT ? &p->widths : &p->widths_learned;
	double weight = known == &p->widths ? p->width_weight : widths_weight(known);
	double width = weight * (ret->width - known->seen.mean);

	if (weight > 0.0)
		ret->height /= pulse_widened(&p->pulse, width, widths_variance(known));
	ret->height = ret->height2 + p->width_weight * (ret->height - ret->height2);
	return ret->height > 0.0;
}

/* From the middle of the stretch without contact before the stroke to that after it, as far as samples are flattened.
 */
static void tell_residual(const struct point *p, const struct pulse_fit *fit, uint64_t number, const struct span *span)
{
	double middle = 0.5 * (p->pulse.gap_lo + p->pulse_period - p->pulse.gap_hi), stretch;
	long flat_end = span->end + p->pulse.half_max + 2, end = (long)ceil(fit->at + middle);
	long i = (long)ceil(fit->at + middle - p->pulse_period);
	float phase[RESIDUAL_CHUNK_MAX], pulse_n[RESIDUAL_CHUNK_MAX], residual_n[RESIDUAL_CHUNK_MAX];

	i = i < p->from ? p->from : i;
	end = end > flat_end ? flat_end : end;
	end = end > span->limit ? span->limit : end;
	while (i < end) {
		long from = i;
		unsigned n = 0;

		for (; i < end && n < RESIDUAL_CHUNK_MAX; i++, n++) {
			double tau = (double)i - fit->at, g = pulse_shape(&p->pulse, tau, &stretch);

			phase[n] = (float)((tau - p->pulse.peak_at) / p->pulse_period);
			pulse_n[n] = p->flat[i - p->base];
			residual_n[n] = (float)((double)pulse_n[n] -
						fit->height * (g - p->width_weight * fit->width * stretch));
		}
		p->on_residual(p->on_residual_ctx,
			       &(struct residual_chunk){.stroke = number,
							.first_index = (uint64_t)axis_absolute(&p->axis, (double)from),
							.stride = p->axis.decimation,
							.n = n,
							.phase = phase,
							.pulse_n = pulse_n,
							.residual_n = residual_n,
							.height_n = fit->height,
							.templated = p->pulse.folded_at_build,
							.learned = p->learned,
							.noise_n = p->noise_n});
	}
}

static void emit(struct point *p, const struct candidate *c, double period, const struct span *span)
{
	long limit = span->limit;
	struct stroke stroke = {.number = p->number++, .depth_mm = NAN, .protrusion_mm = NAN, .misfit_n = NAN};
	struct pulse_fit fit;
	double at = c->at, slope = NAN, protrusion_mm2 = 0.0;
	bool fitted = fit_stroke(p, c, period, limit, &fit);

	if (fitted) {
		at = fit.at + p->peak_offset;
		stroke.height_n = fit.height;
		stroke.misfit_n = fit.rms;
		bool strange = fabs(fit.width) >= WIDTH_STRANGE;

		p->block_fitted++;
		p->block_strange += strange;
		if (!strange && axis_phase_at(&p->axis, at) == POINT_MEASURE)
			pulse_fold(&p->pulse, p->flat, (double)p->base, fit.at, fit.height);
		if (p->on_residual && axis_phase_at(&p->axis, at) == POINT_MEASURE)
			tell_residual(p, &fit, stroke.number, span);
	} else if (!cap_fit(p, c->at, c->swing_n, limit, &at, &stroke.height_n)) {
		stroke.height_n = c->swing_n;
	}
	stroke.phase = axis_phase_at(&p->axis, at);
	stroke.instant = axis_instant(&p->axis, at);
	stroke.protrusion_mm = protrusion(p, at, period, limit, &protrusion_mm2);
	if (p->config.curve != NULL)
		curve_depth(p->config.curve, stroke.height_n, &stroke.depth_mm, &slope);
	if (stroke.phase == POINT_MEASURE) {
		tally_stroke(p, &stroke, fitted ? &fit : NULL, slope);
		tally_instant(p, at);
		p->tally.protrusion_mm2 += protrusion_mm2;
		if (isfinite(stroke.depth_mm))
			baseline_row(&p->baseline, at - (double)span->start, p->offset_gain, p->line_gain, p->zero_row);
		if (fitted)
			tally_timing(p, &fit);
	}
	if (stroke.phase <= POINT_MEASURE && p->spin_ups < SPIN_UP_KEPT)
		p->spin_up[p->spin_ups++] = stroke.instant;
	if (stroke.phase >= POINT_COAST)
		p->coast_last = stroke.instant;
	p->previous_at = fitted ? fit.at : at;
	if (p->on_stroke)
		p->on_stroke(p->on_stroke_ctx, &stroke);
}

/* Hum is a small thing beside the strokes: they can be placed as if it were not there. */
static bool hum_is_small(const struct point *p)
{
	double sum = 0.0;

	for (unsigned i = 0; i < p->baseline.lines; i++)
		sum += baseline_amplitude(&p->baseline, i);
	return sum < HUM_SMALL * p->swing_n;
}

/* Positions of the strokes before the baseline is known, so that the gaps between them are known to a sample. */
static void place(struct point *p, const struct span *span)
{
	double level = level_guess(p, span);
	const float *x = p->force;

	if (!p->pulse.ready)
		return;
	if (!hum_is_small(p)) {
		baseline_predict(&p->baseline, (unsigned)(span->end - span->start), level);
		flatten(p, span);
		level = 0.0;
		x = p->flat;
	}
	for (unsigned i = 0; i < waiting(p); i++) {
		struct candidate *c = &p->candidates[p->candidate_head + i];

		if (c->at > (double)span->end)
			break;
		if (c->at >= (double)span->start && window_held(p, c->at, span->limit))
			pulse_place(&p->pulse, x, (double)p->base, c->at, level, &c->at);
	}
}

static void note_level(struct point *p, const struct span *span)
{
	enum point_phase phase = axis_phase_at(&p->axis, (double)span->start);
	enum point_phase last = axis_phase_at(&p->axis, (double)span->end - 1.0);

	if (p->baseline.observations == 0)
		return;
	if (phase == POINT_TARE && p->axis.phase_start[POINT_TARE] != INT64_MAX)
		moments_add(&p->tare_level, baseline_level(&p->baseline, last == POINT_TARE ? p->baseline.len / 2 : 0));
	if (phase == POINT_REST && last == POINT_REST)
		moments_add(&p->rest_level, p->baseline.poly[0]);
	if (phase <= POINT_MEASURE && last >= POINT_MEASURE) {
		double weight = 1.0 / (p->baseline.level_u * p->baseline.level_u);

		p->tally.level_n += weight * p->baseline.poly[0];
		p->tally.level_weight += weight;
		p->tally.level_count++;
	}
	for (unsigned i = 0; i < p->baseline.lines; i++) {
		if (p->baseline.use[i] != LINE_ESTIMATED)
			p->hum_left_n = fmax(p->hum_left_n, baseline_amplitude(&p->baseline, i));
	}
}

static void refresh_template(struct point *p)
{
	double shift;

	if (p->pulse.folded < REBUILD_AT || (double)p->pulse.folded < 1.5 * (double)p->pulse.folded_at_build)
		return;
	p->pulse.width_sd = sqrt(widths_variance(&p->widths));
	pulse_build(&p->pulse, p->pulse_period, p->noise_n, false, &shift);
	p->peak_offset = pulse_origin(&p->pulse);
	if (!p->template_renewed) /* the first one held other strokes: no covariance with what follows */
		p->tally.template_heights = 0.0;
	p->template_renewed = true;
	if ((double)p->pulse.folded > FOLD_MEMORY)
		pulse_forget_half(&p->pulse);
	p->width_weight = widths_weight(&p->widths);
}

/* A template from strokes whose depth still moved fits none that follow: the next block learns anew. */
static void give_up_strange(struct point *p)
{
	bool strange = p->block_fitted >= LEARN_STROKES_MIN && 2 * p->block_strange > p->block_fitted;

	if (strange && p->relearned < RELEARN_MAX) {
		p->pulse.ready = false;
		p->relearned++;
	}
	p->block_fitted = p->block_strange = 0;
}

static double blend_width(const struct point *p, double w)
{
	double height, height2;

	pulse_response(&p->pulse, w, &height, &height2);
	return height2 + p->width_weight * (height - height2);
}

/* How much of an error of the baseline and of each line a height takes in. */
static void note_gains(struct point *p)
{
	bool fresh = p->pulse.ready && p->gains_of != p->pulse.builds;

	if (p->offset_gain == 0.0)
		p->offset_gain = 1.0;
	if (!fresh)
		return;
	p->gains_of = p->pulse.builds;
	p->offset_gain = blend_width(p, 0.0);
	for (unsigned i = 0; i < p->baseline.lines; i++)
		p->line_gain[i] = blend_width(p, 2.0 * M_PI * baseline_line_hz(&p->baseline, i) / p->grid.fs_hz);
}

/* While the pen spins up its depth may still travel: what serves the first strokes of the window is learned anew from
 * the last strokes before it. */
static void learn_block(struct point *p, const struct span *span)
{
	enum point_phase first = axis_phase_at(&p->axis, (double)span->start),
			 last = axis_phase_at(&p->axis, (double)span->limit - 1.0);

	if (first < POINT_MEASURE && last >= POINT_MEASURE)
		learn(p, span, axis_local(&p->axis, p->axis.phase_start[POINT_MEASURE]));
	if (!p->pulse.ready && last >= POINT_SPIN_UP)
		learn(p, span, INFINITY);
}

static void take_over(struct point *p, const struct handed *handed)
{
	const struct detector *d = &p->detector;

	for (; p->taken < handed->put; p->taken++) {
		assert(p->candidate_count < CANDIDATES_MAX);
		p->candidates[p->candidate_count++] = d->ring[p->taken % FOUND_RING];
	}
	p->candidates_lost = p->candidates_lost || handed->lost;
	p->noise_n = handed->noise_n;
	p->swing_n = handed->swing_n;
}

void analyse_block(struct point *p, const struct handed *handed)
{
	struct span span = {.start = handed->block * (long)p->grid.block, .limit = handed->limit};
	unsigned passes = handed->block < 4 ? 2 : 1;

	take_over(p, handed);
	p->from = span.start - point_look_back(p) > 0 ? span.start - point_look_back(p) : 0;
	span.end = span.start + (long)handed->len;
	learn_block(p, &span);
	bool still = p->axis.phase_start[POINT_TARE] != INT64_MAX &&
		     axis_phase_at(&p->axis, (double)span.start) == POINT_TARE;

	if (still) /* with no strokes about, every line can be told */
		baseline_set_strokes(&p->baseline, p->grid.fs_hz, 1.0);
	place(p, &span);
	solve_baseline(p, &span, passes);
	flatten(p, &span);
	if (p->pulse.ready)
		baseline_set_strokes(&p->baseline, p->grid.fs_hz / p->pulse_period, p->pulse.gap_share);
	note_level(p, &span);
	note_gains(p);
	while (waiting(p) > 0 && candidate(p, 0)->at < (double)span.end) {
		struct candidate c = *candidate(p, 0);
		double period = nearby_period(p, 0);

		p->candidate_head++;
		emit(p, &c, period, &span);
	}
	memmove(p->candidates, p->candidates + p->candidate_head, waiting(p) * sizeof(p->candidates[0]));
	p->candidate_count -= p->candidate_head;
	p->candidate_head = 0;
	p->tally.zero_n2 += baseline_row_variance(&p->baseline, p->zero_row);
	memset(p->zero_row, 0, sizeof(p->zero_row));
	refresh_template(p);
	give_up_strange(p);
	baseline_advance(&p->baseline);
}
