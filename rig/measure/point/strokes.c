/* Fits of single strokes: by the template, or of the cap alone; what is told of them, and what is tallied. */
#include "rig/measure/point/strokes.h"

#include <math.h>
#include <string.h>

#include "rig/measure/point/holes.h"
#include "rig/measure/point/observe.h"
#include "rig/measure/point/quiet.h"

#define WIDTH_STRANGE 0.2  /* relative: the template is of another pulse */
#define HUM_SMALL     0.1  /* of a stroke */
#define SAME_SCALE    0.25 /* an interval's deviation from the template's period, relative */
#define CAP_SHARE     0.3  /* of the rise before it, from the top down */

static double flat_at(const struct analysis *a, long i)
{
	return (double)a->flat[i - a->flat_base];
}

static bool window_held(const struct analysis *a, double at, long limit)
{
	const struct pulse *pulse = &a->template.pulse;

	return at - pulse->half - 2.0 > (double)a->from && at + pulse->half + 2.0 < (double)limit;
}

/* Hum is a small thing beside the strokes: they can be placed as if it were not there. */
static bool hum_is_small(const struct analysis *a)
{
	double sum = 0.0;

	for (unsigned i = 0; i < a->baseline.lines; i++)
		sum += baseline_amplitude(&a->baseline, i);
	return sum < HUM_SMALL * a->now.swing_n;
}

void strokes_place(struct analysis *a, const struct span *span)
{
	const struct stretch *samples = &a->now.samples;
	const float *x = samples->force;
	double level = quiet_level(a, span);

	if (!a->template.pulse.ready)
		return;
	if (!hum_is_small(a)) {
		baseline_predict(&a->baseline, (unsigned)(span->end - span->start), level);
		quiet_flatten(a, span);
		level = 0.0;
		x = a->flat;
	}
	for (unsigned i = 0; i < analysis_waiting(a); i++) {
		struct candidate *c = analysis_candidate(a, i);

		if (c->at > (double)span->end)
			break;
		if (c->at >= (double)span->start && window_held(a, c->at, span->limit))
			pulse_place(&a->template.pulse, x, (double)samples->base, c->at, level, &c->at);
	}
}

struct parabola { /* c0 + c1 v + c2 v^2 */
	double c0, c1, c2;
};

/* Least squares from the sums of v^k, and of v^k y; false where the places do not tell. */
static bool solve_parabola(const double s[5], const double r[3], struct parabola *ret)
{
	double det = s[0] * (s[2] * s[4] - s[3] * s[3]) - s[1] * (s[1] * s[4] - s[2] * s[3]) +
		     s[2] * (s[1] * s[3] - s[2] * s[2]);

	if (!(fabs(det) > 1e-12))
		return false;
	ret->c0 = (r[0] * (s[2] * s[4] - s[3] * s[3]) - s[1] * (r[1] * s[4] - r[2] * s[3]) +
		   s[2] * (r[1] * s[3] - r[2] * s[2])) /
		  det;
	ret->c1 = (s[0] * (r[1] * s[4] - r[2] * s[3]) - r[0] * (s[1] * s[4] - s[2] * s[3]) +
		   s[2] * (s[1] * r[2] - s[2] * r[1])) /
		  det;
	ret->c2 = (s[0] * (s[2] * r[2] - s[3] * r[1]) - s[1] * (s[1] * r[2] - s[2] * r[1]) +
		   r[0] * (s[1] * s[3] - s[2] * s[2])) /
		  det;
	return true;
}

/* Samples of a cap: from lo to hi about mid, in units of scale; s: sums of v^k. */
struct cap {
	long lo, hi;
	double mid, scale, s[5];
};

/* Variance of the top's place, of unit v, by what the parabola leaves: noise, and what is no parabola. */
static double top_variance(const struct analysis *a, const struct cap *cap, const struct parabola *p)
{
	const double slope[3] = {0.0, -0.5 / p->c2, 0.5 * p->c1 / (p->c2 * p->c2)};
	struct parabola w;
	double rest = 0.0;

	for (long i = cap->lo; i <= cap->hi; i++) {
		double v = ((double)i - cap->mid) / cap->scale, r = flat_at(a, i) - (p->c0 + v * (p->c1 + v * p->c2));

		rest += r * r;
	}
	if (!solve_parabola(cap->s, slope, &w))
		return 1.0;
	return rest / fmax(1.0, (double)(cap->hi - cap->lo) - 2.0) * (slope[1] * w.c1 + slope[2] * w.c2);
}

/* Where an instant lies, how high the stroke is, and the variance of the instant, samples^2. */
struct top {
	double at, height_n, instant_s2;
};

/* Before a template exists, and for strokes on another time scale: a parabola over the cap. */
static bool cap_fit(const struct analysis *a, const struct candidate *c, long limit, struct top *ret)
{
	long top = lround(c->at), lo = top, hi = top, reach = (long)a->grid.period;

	if (top - 2 < a->from || top + 3 > limit)
		return false;

	double level = flat_at(a, top) - CAP_SHARE * c->swing_n;

	while (lo - 1 >= a->from && top - lo < reach && flat_at(a, lo - 1) > level)
		lo--;
	while (hi + 1 < limit && hi - top < reach && flat_at(a, hi + 1) > level)
		hi++;

	struct cap cap = {lo, hi, 0.5 * (double)(lo + hi), fmax(1.0, 0.5 * (double)(hi - lo)), {0}};
	struct parabola p;
	double r[3] = {0};

	for (long i = lo; i <= hi; i++) {
		double v = ((double)i - cap.mid) / cap.scale, y = flat_at(a, i), power = 1.0;

		for (unsigned k = 0; k < 5; k++, power *= v) {
			cap.s[k] += power;
			if (k < 3)
				r[k] += power * y;
		}
	}
	if (hi - lo < 2 || !solve_parabola(cap.s, r, &p))
		return false;

	double v = -0.5 * p.c1 / p.c2;

	if (!(p.c2 < 0.0) || fabs(v) > 1.0)
		return false;
	ret->at = cap.mid + cap.scale * v;
	ret->height_n = p.c0 - 0.25 * p.c1 * p.c1 / p.c2;
	ret->instant_s2 = cap.scale * cap.scale * top_variance(a, &cap, &p);
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

/* Of a period, either way of the deepest point; the narrower fit beside it half as far. */
#define SINE_REACH (1.0 / 6.0)

struct sine {
	double largest_mm;
	double variance_mm2, gain; /* of one sample, from the residuals; of the largest value over that */
	double amplitude_mm;
};

/* Protrusion at its largest: the eccentric's sine at the stroke's own rate, fitted to `reach` of a period either way of
 * it. False where there is none. */
static bool fit_sine(const struct analysis *a, double at, double period, double reach, long limit, struct sine *ret)
{
	const struct stretch *samples = &a->now.samples;
	long lo = (long)ceil(at - reach * period), hi = (long)floor(at + reach * period);

	if (samples->displacement == NULL || lo < a->from || hi >= limit || hi - lo < 4)
		return false;

	double s[3][3] = {{0}}, r[2][3] = {{0}, {1.0, 1.0, 0.0}}, moment[3], squares = 0.0;
	double w = 2.0 * M_PI / period, level = (double)samples->displacement[lo - samples->base];

	for (long i = lo; i <= hi; i++) {
		double h[3] = {1.0, cos(w * ((double)i - at)), sin(w * ((double)i - at))};
		double y = (double)samples->displacement[i - samples->base] - level;

		squares += y * y;
		for (unsigned row = 0; row < 3; row++) {
			r[0][row] += h[row] * y;
			for (unsigned column = 0; column < 3; column++)
				s[row][column] += h[row] * h[column];
		}
	}
	memcpy(moment, r[0], sizeof(moment));
	solve_three(s, r);
	for (unsigned k = 0; k < 3; k++)
		squares -= moment[k] * r[0][k];
	ret->variance_mm2 = fmax(0.0, squares) / fmax(1.0, (double)(hi - lo) - 2.0);
	ret->gain = r[1][0] + r[1][1];
	ret->amplitude_mm = hypot(r[0][1], r[0][2]);
	ret->largest_mm = level + r[0][0] + ret->amplitude_mm;
	return true;
}

/* The protrusion of the stroke at s->at. A top that is no eccentric's leaves residuals that are no noise: the narrower
 * fit has hardly any of them. Where another device has the displacement, also what it would be were that device's clock
 * mapped a little earlier or later. */
static void add_protrusion(const struct analysis *a, double period, long limit, struct tallied *s)
{
	struct sine sine, narrow;

	s->protrusion_mm = s->crown_mm = s->earlier_mm = s->later_mm = NAN;
	if (!fit_sine(a, s->at, period, SINE_REACH, limit, &sine))
		return;
	s->protrusion_mm = sine.largest_mm;
	s->travel_mm = sine.amplitude_mm;
	s->protrusion_mm2 = sine.variance_mm2 * sine.gain;
	if (fit_sine(a, s->at, period, SINE_REACH / 2.0, limit, &narrow)) {
		s->crown_mm = sine.largest_mm - narrow.largest_mm;
		s->protrusion_mm2 = narrow.variance_mm2 * sine.gain;
	}
	if (!(a->config->bar_rate_hz > 0.0))
		return;
	if (fit_sine(a, s->at + BAR_SHIFT * period, period, SINE_REACH, limit, &sine))
		s->earlier_mm = sine.largest_mm;
	if (fit_sine(a, s->at - BAR_SHIFT * period, period, SINE_REACH, limit, &sine))
		s->later_mm = sine.largest_mm;
}

/* From the middle of the stretch without contact before the stroke to that after it, as far as it is flattened. */
static void tell_residual(const struct analysis *a, const struct pulse_fit *fit, uint64_t number,
			  const struct span *span)
{
	const struct template *t = &a->template;
	double middle = 0.5 * (t->pulse.gap.lo + t->period - t->pulse.gap.hi), stretch;
	long flat_end = span->end + t->pulse.half_max + 2, end = (long)ceil(fit->at + middle);
	long i = (long)ceil(fit->at + middle - t->period);
	float phase[RESIDUAL_CHUNK_MAX], pulse_n[RESIDUAL_CHUNK_MAX], residual_n[RESIDUAL_CHUNK_MAX];
	struct residual_chunk chunk = {.stroke = number,
				       .stride = a->grid.decimation,
				       .phase = phase,
				       .pulse_n = pulse_n,
				       .residual_n = residual_n,
				       .height_n = fit->height,
				       .templated = t->pulse.fold.built_from,
				       .learned = t->learned,
				       .noise_n = a->now.noise_n};

	i = i < a->from ? a->from : i;
	end = end > flat_end ? flat_end : end;
	end = end > span->limit ? span->limit : end;
	while (i < end) {
		chunk.first_index = (uint64_t)axis_absolute(&a->now.axis, (double)i);
		for (chunk.n = 0; i < end && chunk.n < RESIDUAL_CHUNK_MAX; i++, chunk.n++) {
			double tau = (double)i - fit->at, g = pulse_shape(&t->pulse, tau, &stretch);

			phase[chunk.n] = (float)((tau - t->pulse.peak_at) / t->period);
			pulse_n[chunk.n] = (float)flat_at(a, i);
			residual_n[chunk.n] =
				(float)(flat_at(a, i) - fit->height * (g - t->width_weight * fit->width * stretch));
		}
		a->listeners.on_residual(a->listeners.on_residual_ctx, &chunk);
	}
}

/* To the nearer neighbour; where there is none, as commanded. */
static double nearby_period(struct analysis *a)
{
	double at = analysis_candidate(a, 0)->at, before = at - a->previous_at, after = INFINITY;

	if (analysis_waiting(a) > 1)
		after = analysis_candidate(a, 1)->at - at;
	if (!isfinite(before))
		return isfinite(after) ? after : a->grid.period;
	return fmin(before, after);
}

static bool fit_stroke(struct analysis *a, const struct candidate *c, double period, long limit, struct pulse_fit *ret)
{
	struct template *t = &a->template;
	bool regular = t->pulse.ready && fabs(period / t->period - 1.0) < SAME_SCALE;

	if (!regular || !window_held(a, c->at, limit))
		return false;
	if (!pulse_fit(&t->pulse, a->flat, (double)a->flat_base, c->at, ret))
		return false;
	if (axis_phase_at(&a->now.axis, ret->at) == POINT_MEASURE)
		widths_add(&t->widths, ret, a->now.noise_n);
	return template_blend(t, ret);
}

/* What a fitted stroke leaves in the template, and tells. */
static void note_fit(struct analysis *a, const struct pulse_fit *fit, uint64_t number, const struct span *span)
{
	struct template *t = &a->template;
	bool strange = fabs(fit->width) >= WIDTH_STRANGE;

	t->fitted++;
	t->strange += strange;
	if (axis_phase_at(&a->now.axis, fit->at + t->peak_offset) != POINT_MEASURE)
		return;
	observe_stroke(a, span, fit);
	if (!strange)
		pulse_fold(&t->pulse, a->flat, (double)a->flat_base, fit->at, fit->height);
	if (a->listeners.on_residual)
		tell_residual(a, fit, number, span);
}

static void add_fit(const struct analysis *a, const struct pulse_fit *fit, struct tallied *ret)
{
	const struct template *t = &a->template;
	const struct stretch *samples = &a->now.samples;
	double base = (double)samples->base;

	ret->fitted = true;
	ret->width = fit->width;
	/* The noise in the template's slope answers no shift: the fit moves by more than it says. */
	ret->instant_s2 =
		pow(fit->rms / fit->height * (1.0 + t->pulse.slope_noise), 2.0) * t->pulse.table.gram_inv3[0][1][1];
	ret->noise_n = template_height_noise(t, fit, a->now.noise_n);
	ret->has_cell = samples->force != samples->raw;
	if (ret->has_cell)
		ret->cell_n = pulse_cap(&t->pulse, samples->force, base, fit->at) -
			      pulse_cap(&t->pulse, samples->raw, base, fit->at);
}

/* fit: NULL where there is none. */
static void tally(struct analysis *a, const struct stroke *stroke, const struct pulse_fit *fit, struct tallied *s)
{
	const struct template *t = &a->template;
	double noise_n = a->now.noise_n;

	s->period = t->pulse.ready ? t->period : a->grid.period;
	s->first_ever = stroke->number == 0;
	s->height_n = stroke->height_n;
	s->depth_mm = stroke->depth_mm;
	s->out_of_curve = a->config->curve != NULL && !isfinite(stroke->depth_mm);
	s->noise_n = noise_n;
	if (t->pulse.ready)
		s->template_n2 = noise_n * noise_n * pulse_peak_variance(&t->pulse, t->width_weight);
	if (fit)
		add_fit(a, fit, s);
	s->push = s->height_n * (1.0 + s->width) * a->gains.area;
	s->square = s->height_n * s->height_n * (1.0 + s->width) * a->gains.energy;
	tally_stroke(&a->tally, s);
}

static void after_window(struct analysis *a, const struct stroke *stroke, double at)
{
	tally_coast(&a->tally, stroke->instant, stroke->height_n);
	tally_after(&a->tally, at, stroke->height_n);
}

/* That the pen struck is seen, how is not. */
static void touched(struct analysis *a, const struct candidate *c)
{
	struct stroke stroke = {.number = a->number++,
				.phase = axis_phase_at(&a->now.axis, c->at),
				.instant = axis_instant(&a->now.axis, c->at),
				.height_n = c->swing_n,
				.depth_mm = NAN,
				.protrusion_mm = NAN,
				.misfit_n = NAN};

	if (stroke.phase == POINT_MEASURE)
		tally_touched(&a->tally, c->swing_n);
	if (stroke.phase <= POINT_MEASURE)
		tally_spin_up(&a->tally, stroke.instant);
	else
		after_window(a, &stroke, c->at);
	a->previous_at = c->at;
	if (a->listeners.on_stroke)
		a->listeners.on_stroke(a->listeners.on_stroke_ctx, &stroke);
}

void strokes_next(struct analysis *a, const struct span *span)
{
	double period = nearby_period(a);
	const struct candidate c = a->waiting.at[a->waiting.head++];

	holes_tell(a, c.at);
	if (holes_touch(a, c.at)) {
		touched(a, &c);
		return;
	}
	struct stroke stroke = {.number = a->number++, .depth_mm = NAN, .protrusion_mm = NAN, .misfit_n = NAN};
	struct tallied seen = {.at = c.at, .slope = NAN};
	struct pulse_fit fit;
	bool fitted = fit_stroke(a, &c, period, span->limit, &fit);

	if (fitted) {
		seen.at = fit.at + a->template.peak_offset;
		stroke.height_n = fit.height;
		stroke.misfit_n = fit.rms;
		seen.misfits = strange_stroke(&a->observed.strange, fit.height, fit.rms, a->now.noise_n);
		note_fit(a, &fit, stroke.number, span);
	} else {
		struct top top = {c.at, c.swing_n, (double)a->grid.bin * (double)a->grid.bin / 3.0};

		cap_fit(a, &c, span->limit, &top);
		seen.at = top.at;
		seen.instant_s2 = top.instant_s2;
		stroke.height_n = top.height_n;
	}
	stroke.phase = axis_phase_at(&a->now.axis, seen.at);
	stroke.instant = axis_instant(&a->now.axis, seen.at);
	add_protrusion(a, period, span->limit, &seen);
	stroke.protrusion_mm = seen.protrusion_mm;
	if (a->config->curve != NULL)
		curve_depth(a->config->curve, stroke.height_n, &stroke.depth_mm, &seen.slope);
	if (stroke.phase == POINT_MEASURE) {
		tally(a, &stroke, fitted ? &fit : NULL, &seen);
		observe_tallied(a, &seen, seen.at - a->previous_at);
		if (isfinite(stroke.depth_mm) && !seen.misfits)
			baseline_row(&a->baseline, seen.at - (double)span->start, a->gains.offset, a->gains.line,
				     a->gains.row);
	}
	if (stroke.phase < POINT_MEASURE && fitted)
		observe_before(a, stroke.depth_mm);
	if (stroke.phase <= POINT_MEASURE)
		tally_spin_up(&a->tally, stroke.instant);
	else
		after_window(a, &stroke, seen.at);
	a->previous_at = fitted ? fit.at : seen.at;
	if (a->listeners.on_stroke)
		a->listeners.on_stroke(a->listeners.on_stroke_ctx, &stroke);
}
