/* What a point's tally amounts to: values, budgets, and the reasons why a value may not be judged. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rig/measure/point/state.h"

#define SAMPLES_PER_STROKE_MIN 10.0
#define SAMPLES_PER_PULSE_MIN  10.0
#define BANDWIDTH_PER_RATE_MIN 10.0
#define RATE_STROKES_MIN       3
#define TIMING_STROKES_MIN     16
#define DEPTH_STROKES_MIN      10
#define DEPTH_RATE_SLACK       0.1
#define BAD_SHARE_MAX          0.02
#define EDGE_SLACK             0.25 /* of a period: a stroke that is this late at an edge of the window is missing */
#define EDGE_PERIODS_MAX       3.0  /* without a stroke at an edge; more, and the strokes do not speak for the window */
#define U_CELL_REL             0.02 /* natural frequency, where the bench file gives no uncertainty */
#define DAMPING_MAX            0.4  /* of the cell; beyond it a correction of the peak has no first order */
#define WEAR_CHANCE            2.576 /* sd of a trend that is noise: 1 window of 100 shows more */
#define SPIN_UP_BAND           0.05
#define SPIN_UP_STAYS          5
#define CONTENT                0.95
#define CONFIDENCE             0.99

struct list {
	struct result *at;
	unsigned n, cap;
	struct result spare;
};

static struct result *add(struct list *list, const char *name, const char *method, const char *unit)
{
	struct result *r = list->n < list->cap ? &list->at[list->n++] : &list->spare;

	*r = (struct result){.value = NAN, .k = NAN, .dof = INFINITY};
	r->id = measurand_find(name);
	snprintf(r->name, sizeof(r->name), "%s", name);
	snprintf(r->method, sizeof(r->method), "%s", method);
	snprintf(r->unit, sizeof(r->unit), "%s", unit);
	return r;
}

static void budget(struct result *r, const char *name, double u, double dof)
{
	struct budget_line *line;

	if (u <= 0.0 || r->budget_lines == BUDGET_MAX) /* NaN stays: what is not known must not look like nothing */
		return;
	line = &r->budget[r->budget_lines++];
	*line = (struct budget_line){.u = u, .dof = dof};
	snprintf(line->name, sizeof(line->name), "%s", name);
}

static void value(struct result *r, double v, uint64_t n, const char *why_not)
{
	r->valid = isfinite(v);
	r->value = v;
	r->n = n;
	result_combine(r);
	r->trusted = r->valid && why_not[0] == '\0' && isfinite(r->expanded_u);
	if (!r->trusted)
		snprintf(r->reason, sizeof(r->reason), "%s", why_not[0] ? why_not : "no value could be formed");
}

static void none(struct result *r, const char *reason)
{
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
}

struct reasons {
	char count[160], rate[160], depth[160], event[160];
};

__attribute__((format(printf, 2, 3))) static void because(char *reason, const char *format, ...)
{
	va_list args;

	if (reason[0])
		return;
	va_start(args, format);
	vsnprintf(reason, 160, format, args);
	va_end(args);
}

static void distrust_channel(const struct point *p, enum point_phase phase, const char *where, char *reason)
{
	const struct quality *q = &p->quality[phase];

	if (q->gap)
		because(reason, "samples are missing in the %s", where);
	if (q->saturated)
		because(reason, "the force channel saturated or left its range in the %s", where);
	if (q->stuck)
		because(reason, "the force channel stood still (stuck) in the %s", where);
}

static void distrust_tare(const struct point *p, char *reason)
{
	const struct point_config *c = &p->config;

	distrust_channel(p, POINT_TARE, "tare", reason);
	if (p->axis.phase_start[POINT_TARE] == INT64_MAX ||
	    (double)p->quality[POINT_TARE].samples < 0.999 * POINT_TARE_MIN_S * c->fs_hz)
		because(reason, "tare too short: %.3f s of at least %.1f s",
			(double)p->quality[POINT_TARE].samples / c->fs_hz, POINT_TARE_MIN_S);
	if (c->preload_hi_n > c->preload_lo_n && p->tare_level.n > 0 &&
	    !(p->tare_level.mean >= c->preload_lo_n && p->tare_level.mean <= c->preload_hi_n))
		because(reason, "seating force %.3g N outside its window of %.3g to %.3g N", p->tare_level.mean,
			c->preload_lo_n, c->preload_hi_n);
}

static double mean_period(const struct tally *t)
{
	return t->strokes < 2 ? NAN : (t->last_at - t->first_at) / (double)(t->strokes - 1);
}

static void distrust_rate(const struct point *p, char *reason)
{
	const struct point_config *c = &p->config;
	double per_stroke = c->fs_hz / c->rate_set_hz, seen = mean_period(&p->tally) * p->axis.decimation;

	if (p->quality[POINT_MEASURE].samples == 0)
		because(reason, "no samples in the measure window");
	distrust_channel(p, POINT_MEASURE, "measure window", reason);
	distrust_tare(p, reason);
	if (per_stroke < SAMPLES_PER_STROKE_MIN)
		because(reason, "under-sampled: %.2g samples per stroke at the commanded rate, at least 10 needed",
			per_stroke);
	if (seen < SAMPLES_PER_STROKE_MIN)
		because(reason, "under-sampled: %.2g samples per stroke at the rate seen, at least 10 needed", seen);
	if (p->candidates_lost)
		because(reason, "more pulses than any stroke rate explains");
	if (p->tally.misfits + p->tally.unfitted > BAD_SHARE_MAX * (double)p->tally.strokes + 2.0 &&
	    p->tally.misfits > p->tally.strokes / 10)
		because(reason, "%llu of %llu pulses do not have the pen's own pulse shape",
			(unsigned long long)p->tally.misfits, (unsigned long long)p->tally.strokes);
}

static void distrust_pulses(const struct point *p, char *reason)
{
	const struct tally *t = &p->tally;
	double width = (p->pulse.support_hi - p->pulse.support_lo) * p->axis.decimation;
	double scale = p->grid.fs_hz / p->config.rate_set_hz / p->pulse_period;
	uint64_t bad = t->misfits + t->unfitted;

	if (!p->pulse.ready) {
		because(reason, "too few regular strokes to learn the pen's pulse from");
		return;
	}
	if (width * fmin(1.0, scale) < SAMPLES_PER_PULSE_MIN)
		because(reason, "under-sampled: %.2g samples per pulse, at least 10 needed", width * fmin(1.0, scale));
	if ((double)bad > BAD_SHARE_MAX * (double)t->strokes + 2.0)
		because(reason, "%llu of %llu pulses do not have the pen's own pulse shape", (unsigned long long)bad,
			(unsigned long long)t->strokes);
}

static void distrust_depth(const struct point *p, char *reason)
{
	const struct point_config *c = &p->config;
	const struct tally *t = &p->tally;
	double rate = p->grid.fs_hz / mean_period(t);
	double top = t->peak_force_n + (t->level_count ? t->level_n / t->level_weight : 0.0);

	if (t->height.n < DEPTH_STROKES_MIN)
		because(reason, "too few strokes for a depth: %llu of at least %d", (unsigned long long)t->height.n,
			DEPTH_STROKES_MIN);
	distrust_pulses(p, reason);
	if (c->bandwidth_hz > 0.0 && c->bandwidth_hz < BANDWIDTH_PER_RATE_MIN * c->rate_set_hz)
		because(reason, "channel bandwidth of %.4g Hz is below 10 times the commanded rate of %.4g Hz",
			c->bandwidth_hz, c->rate_set_hz);
	if (fabs(rate / c->rate_set_hz - 1.0) > DEPTH_RATE_SLACK)
		because(reason, "stroke rate %.4g Hz is too far from the %.4g Hz that the curve is for", rate,
			c->rate_set_hz);
	if (c->force_hi_n > c->force_lo_n && top > c->force_hi_n)
		because(reason, "peak force %.4g N above the sensor's calibrated %.4g N", top, c->force_hi_n);
	if (t->out_of_curve > 0)
		because(reason, "%llu strokes outside the calibrated range of the curve",
			(unsigned long long)t->out_of_curve);
}

/* Variance of an instant from noise: of the residuals' squares what does not grow with the square of the distance from
 * the mean height, for that is the shape of deeper and shallower pulses. By regression; with few strokes, all. */
static double instant_variance(const struct timing *t)
{
	double n = t->power[0], mean = t->power[1] / n, v = t->variance[0] / n, m2 = t->power[2] / n - mean * mean;
	double m4 =
		(t->power[4] - 4.0 * mean * t->power[3] + 6.0 * mean * mean * t->power[2]) / n - 3.0 * pow(mean, 4.0);
	double with_m2 = (t->variance[2] - 2.0 * mean * t->variance[1]) / n + mean * mean * v - v * m2;
	double spread = m4 - m2 * m2;

	if (n < TIMING_STROKES_MIN || !(spread > 0.0) || !(with_m2 > 0.0))
		return n > 0.0 ? v : 0.0;
	return fmax(0.0, v - with_m2 / spread * m2);
}

/* Where nothing strikes, nothing is missing, nothing comes twice and everything stands still at once. */
static void distrust_few(const struct point *p, char *reason)
{
	if (p->tally.strokes < RATE_STROKES_MIN)
		because(reason, "%llu strokes seen in the measure window, at least %d needed",
			(unsigned long long)p->tally.strokes, RATE_STROKES_MIN);
}

static void timing_budget(struct result *r, const struct point *p, double rate, double timing, double dof)
{
	double clock = p->config.u.clock_rel * rate;

	budget(r, "repeatability", timing, dof);
	budget(r, "clock", clock, INFINITY);
}

/* Periods of the measure window before its first stroke and after its last one. */
static void edges(const struct point *p, double *ret_before, double *ret_after)
{
	const struct tally *t = &p->tally;
	int64_t first = p->axis.phase_start[POINT_MEASURE], end = (int64_t)p->next_index;

	*ret_before = *ret_after = 0.0;
	if (first == INT64_MAX || t->strokes < RATE_STROKES_MIN)
		return;
	for (unsigned i = POINT_COAST; i < POINT_PHASES; i++)
		end = p->axis.phase_start[i] < end ? p->axis.phase_start[i] : end;
	double period = t->interval.n > 0 ? t->interval.mean : t->local_period;

	*ret_before = (t->first_at - (double)(first - (int64_t)p->axis.origin) / p->axis.decimation) / period;
	*ret_after = ((double)(end - (int64_t)p->axis.origin) / p->axis.decimation - t->last_at) / t->local_period;
}

/* Strokes that were due inside the window, before its first and after its last one: no interval shows them. A pen that
 * has not made a stroke before the window is starting, not missing any. */
static uint64_t missed_at_edges(const struct point *p)
{
	double before, after;

	edges(p, &before, &after);
	before = p->tally.started_before ? before : 0.0;
	return (uint64_t)fmax(0.0, floor(before - EDGE_SLACK)) + (uint64_t)fmax(0.0, floor(after - EDGE_SLACK));
}

static void distrust_edges(const struct point *p, char *reason)
{
	double before, after;

	edges(p, &before, &after);
	if (fmax(before, after) > EDGE_PERIODS_MAX)
		because(reason, "no strokes in the %s %.3g s of the measure window", before > after ? "first" : "last",
			fmax(before, after) * p->tally.local_period / p->grid.fs_hz);
}

/* Where intervals resemble their neighbours (a speed that wanders slowly), there are fewer of them than it seems. */
static double nominal_period(const struct tally *t, double timing, double *ret_u)
{
	double period = ticks_period(&t->ticks, ret_u);

	if (!isfinite(period)) {
		*ret_u = timing;
		return mean_period(t);
	}
	*ret_u *= sqrt((double)t->interval.n / moments_effective_n(&t->interval));
	return period;
}

static void add_rates(struct list *list, const struct point *p, const struct reasons *why)
{
	const struct tally *t = &p->tally;
	struct result *realised = add(list, "stroke_rate_hz", "realised", "Hz");
	struct result *nominal = add(list, "stroke_rate_hz", "nominal", "Hz");
	double seconds = (double)p->quality[POINT_MEASURE].samples / p->config.fs_hz;
	double n = (double)t->strokes;

	if (seconds <= 0.0) {
		none(realised, why->rate);
		none(nominal, why->rate);
		return;
	}
	if (t->strokes < RATE_STROKES_MIN) {
		budget(realised, "resolution", 1.0 / (seconds * sqrt(3.0)), INFINITY);
		value(realised, n / seconds, t->strokes, why->rate);
		budget(nominal, "resolution", 1.0 / (seconds * sqrt(3.0)), INFINITY);
		value(nominal, n / seconds, t->strokes, why->rate);
		return;
	}
	double period = mean_period(t), rate = p->grid.fs_hz / period;
	double sigma_t = sqrt(fmax(instant_variance(&t->timing), 1e-8));
	double timing = rate * sigma_t * M_SQRT2 / ((n - 1.0) * period);
	double u_nominal, nominal_at = nominal_period(t, M_SQRT2 * sigma_t, &u_nominal);

	timing_budget(realised, p, rate, timing, n - 1.0);
	value(realised, rate, t->strokes, why->rate);
	timing_budget(nominal, p, rate, rate * u_nominal / nominal_at, fmax(1.0, n - 2.0));
	value(nominal, p->grid.fs_hz / nominal_at, t->strokes, why->rate);
}

static void add_rate_error(struct list *list, const struct point *p, const struct reasons *why, struct result rate)
{
	struct result *r = add(list, "stroke_rate_error_pct", rate.method, "%");
	double scale = 100.0 / p->config.rate_set_hz;

	for (unsigned i = 0; i < rate.budget_lines; i++)
		budget(r, rate.budget[i].name, rate.budget[i].u * scale, rate.budget[i].dof);
	value(r, scale * rate.value - 100.0, p->tally.strokes, why->rate);
}

static void add_rate_details(struct list *list, const struct point *p, const struct reasons *why)
{
	const struct tally *t = &p->tally;
	double rho = moments_lag1(&t->interval);
	double sd = moments_sd(&t->interval), jitter = 100.0 * sd / t->interval.mean;
	struct result *r = add(list, "period_jitter_pct", rho < -0.25 ? "independent" : "random_walk", "%");
	if (t->interval.n >= 3) {
		budget(r, "repeatability", jitter / sqrt(2.0 * (double)(t->interval.n - 1)),
		       (double)(t->interval.n - 1));
		budget(r, "noise", 100.0 * M_SQRT2 * sqrt(instant_variance(&t->timing)) / t->interval.mean, INFINITY);
		value(r, jitter, t->interval.n, why->rate);
	} else {
		none(r, why->rate[0] ? why->rate : "jitter needs at least 3 intervals");
	}
	char counting[160];

	snprintf(counting, sizeof(counting), "%s", why->count);
	distrust_few(p, counting);
	value(add(list, "missed_strokes", "", "1"), (double)(t->missed + missed_at_edges(p)), t->strokes, counting);
	value(add(list, "double_strokes", "", "1"), (double)t->doubled, t->strokes, counting);
}

/* First interval from which SPIN_UP_STAYS in a row run within the band; between it and the one before, the rate is
 * taken as a straight line over the middles of the intervals. */
static double spin_up_at(const struct point *p, double period)
{
	double previous_rate = 0.0, previous_at = p->command[POINT_SPIN_UP];

	for (unsigned i = 0; i + SPIN_UP_STAYS < p->spin_ups; i++) {
		bool stays = true;
		double interval = p->spin_up[i + 1] - p->spin_up[i], rate = period / interval;
		double middle = 0.5 * (p->spin_up[i + 1] + p->spin_up[i]);
		double edge =
			rate > 1.0 + SPIN_UP_BAND || previous_rate > 1.0 ? 1.0 + SPIN_UP_BAND : 1.0 - SPIN_UP_BAND;

		for (unsigned k = i; k < i + SPIN_UP_STAYS && stays; k++)
			stays = fabs(period / (p->spin_up[k + 1] - p->spin_up[k]) - 1.0) <= SPIN_UP_BAND;
		if (stays) {
			double share = (edge - previous_rate) / (rate - previous_rate);

			return i == 0 || !(share >= 0.0 && share <= 1.0) ? (i == 0 ? p->spin_up[0] : middle)
									 : previous_at + share * (middle - previous_at);
		}
		previous_rate = rate;
		previous_at = middle;
	}
	return NAN;
}

static void add_events(struct list *list, const struct point *p, const struct reasons *why)
{
	double fs = p->config.fs_hz, period = mean_period(&p->tally) * p->axis.decimation;
	struct result *r = add(list, "spin_up_s", "", "s");
	char reason[160] = "";

	snprintf(reason, sizeof(reason), "%s", why->event);
	distrust_channel(p, POINT_SPIN_UP, "spin-up", reason);
	if (!isfinite(p->command[POINT_SPIN_UP])) {
		none(r, "no start command on the sample axis");
	} else if (!isfinite(period) || !isfinite(spin_up_at(p, period))) {
		none(r, "no stretch of strokes within 5 % of the final rate");
	} else {
		budget(r, "resolution", 0.5 * period / fs / sqrt(3.0), INFINITY);
		budget(r, "clock", 0.001, INFINITY);
		value(r, (spin_up_at(p, period) - p->command[POINT_SPIN_UP]) / fs, p->spin_ups, reason);
	}

	r = add(list, "coast_down_s", "", "s");
	snprintf(reason, sizeof(reason), "%s", why->event);
	distrust_channel(p, POINT_COAST, "coast-down", reason);
	distrust_few(p, reason);
	if (!isfinite(p->command[POINT_COAST])) {
		none(r, "no stop command on the sample axis");
	} else {
		double last = isfinite(p->coast_last) ? p->coast_last : p->command[POINT_COAST];

		budget(r, "resolution", 1.0 / fs, INFINITY);
		budget(r, "clock", 0.001, INFINITY);
		value(r, fmax(0.0, (last - p->command[POINT_COAST]) / fs), 1, reason);
	}
}

/* Amplitude of the hum that cannot be told from the strokes within the window: |line - m rate| T < 1. */
static double hidden_hum(const struct point *p)
{
	double period = mean_period(&p->tally), rate = p->grid.fs_hz / period, worst = p->hum_left_n;
	double seconds = period * (double)p->tally.strokes / p->grid.fs_hz;

	for (unsigned i = 0; i < p->baseline.lines; i++) {
		double line = p->baseline.nominal_hz[i] + p->baseline.multiple[i] * p->baseline.detune_hz;
		double order = fmax(1.0, round(line / rate));

		if (fabs(line - order * rate) * seconds < 1.0)
			worst = fmax(worst, baseline_amplitude(&p->baseline, i));
	}
	return worst;
}

/* Relative change of the cell's correction per relative change of its natural frequency, times the uncertainty of that,
 * with the next order (GUM 5.1.2, note). At the peak of the force the correction is (1 - 4 zeta^2) y'' / w^2. */
static double cell_u_rel(const struct point_config *c)
{
	double u = c->cell.u_rel > 0.0 ? c->cell.u_rel : U_CELL_REL, damping = fmin(c->cell.damping, DAMPING_MAX);
	double square = 4.0 * damping * damping;

	return (2.0 - square) / (1.0 - square) * u * sqrt(1.0 + 16.5 * u * u);
}

/* Components that all strokes share. depth per force: mean F / F' for what scales with the force. */
static void calibration_budget(struct result *r, const struct point *p)
{
	const struct point_config *c = &p->config;
	const struct tally *t = &p->tally;
	double n = (double)t->depth.n, gain_mm = t->gain_mm / n, slope = t->slope / n, zero;
	double trend = t->trend_kk - t->trend_k * t->trend_k / n;
	double per_stroke = trend > 0.0 ? (t->trend_kd - t->trend_k * t->trend_d / n) / trend : 0.0;
	double drift = per_stroke * n, drift_u = moments_sd(&t->depth) * sqrt(12.0 / n);

	budget(r, "calibration", c->u.gain_rel * gain_mm, INFINITY);
	budget(r, "curve", c->u.curve_force_rel * gain_mm, INFINITY);
	budget(r, "curve fit", c->u.curve_fit_mm, INFINITY);
	budget(r, "depth reference", c->u.depth_cal_mm, INFINITY);
	budget(r, "temperature", c->u.temperature_rel * gain_mm, INFINITY);
	zero = sqrt(t->zero_n2) / n;
	if (!p->pulse.gap_natural && p->tare_level.n > 0 && t->level_count > 0)
		zero = hypot(zero, (t->level_n / t->level_weight - p->tare_level.mean) / sqrt(3.0));
	budget(r, "template", sqrt(t->template_n2) / n / slope, INFINITY);
	budget(r, "zero", zero / slope, INFINITY);
	if (t->cell_count > 0)
		budget(r, "cell", fabs(t->cell_n / (double)t->cell_count) * cell_u_rel(c) / slope, INFINITY);
	budget(r, "hum", hidden_hum(p) * M_SQRT1_2 / slope, INFINITY);
	budget(r, "resolution", fabs(c->force.scale) / sqrt(12.0) / slope / sqrt(n), INFINITY);
	if (fabs(drift) > WEAR_CHANCE * drift_u)
		budget(r, "wear", fabs(drift) / sqrt(12.0), INFINITY);
}

/* What of one stroke's depth is noise, rms. */
static double stroke_noise(const struct tally *t, bool force)
{
	return force ? sqrt(t->noise_mm2 / fmax(1.0, (double)t->depth.n))
		     : sqrt(t->protrusion_mm2 / fmax(1.0, (double)t->protrusion.n));
}

static void add_mean_depth(struct list *list, const struct point *p, const char *method, bool process, double offset,
			   const char *name, const char *why)
{
	const struct tally *t = &p->tally;
	bool force = strcmp(method, "force_equivalent") == 0;
	const struct moments *m = force ? &t->depth : &t->protrusion;
	double n = (double)m->n, sd = moments_sd(m), noise = stroke_noise(t, force);
	char full[32];
	struct result *r;

	snprintf(full, sizeof(full), "%s%s", method, process ? "_process" : "");
	r = add(list, name, full, "mm");
	if (m->n < 2) {
		none(r, why);
		return;
	}
	double effective = process ? moments_effective_n(m) : n;

	budget(r, "repeatability", (process ? sd : noise) / sqrt(effective), fmax(1.0, effective - 1.0));
	if (force)
		calibration_budget(r, p);
	else
		budget(r, "calibration", p->config.u.displacement_mm, INFINITY);
	value(r, m->mean - offset, m->n, why);
}

/* The largest of n normal values lies z_n sd above the mean (Blom); of that the noise has its share of the variance. A
 * stroke that n normal values do not explain is a deep stroke, not luck, and keeps its value. */
static double corrected_max(const struct moments *m, double noise)
{
	double sd = moments_sd(m), excess = m->max - m->mean, n = (double)m->n;
	double share = sd > 0.0 ? fmax(0.0, 1.0 - noise * noise / (sd * sd)) : 0.0;
	double likely = sqrt(2.0 * log(fmax(n, 2.0))) + 1.0;

	if (excess > likely * sd)
		return m->max;
	return fmax(m->mean + share * excess, m->max - likely * noise);
}

static void add_depth_spread(struct list *list, const struct point *p, const char *method, const char *why)
{
	static const char *const names[] = {"depth_sd_mm", "depth_tolerance_lo_mm", "depth_tolerance_hi_mm",
					    "depth_max_mm", "depth_max_raw_mm"};
	const struct tally *t = &p->tally;
	bool force = strcmp(method, "force_equivalent") == 0;
	const struct moments *m = force ? &t->depth : &t->protrusion;
	double noise = stroke_noise(t, force), sd = moments_sd(m), n = moments_effective_n(m);
	double own = sqrt(fmax(0.0, sd * sd - noise * noise)), k = tolerance_k(n, CONTENT, CONFIDENCE);
	double values[] = {own, m->mean - k * own, m->mean + k * own, corrected_max(m, noise), m->max};

	for (unsigned i = 0; i < 5; i++) {
		struct result *r = add(list, names[i], method, "mm");

		if (m->n < 3) {
			none(r, why);
			continue;
		}
		budget(r, "repeatability",
		       i == 0  ? sd / sqrt(2.0 * (n - 1.0))
		       : i < 3 ? sd / sqrt(n)
			       : noise,
		       fmax(1.0, n - 1.0));
		if (i > 0 && force)
			calibration_budget(r, p);
		else if (i > 0)
			budget(r, "calibration", p->config.u.displacement_mm, INFINITY);
		value(r, values[i], m->n, why);
	}
}

static void add_depths(struct list *list, const struct point *p, struct reasons *why)
{
	const struct point_config *c = &p->config;
	char displacement[160] = "";

	if (c->curve == NULL)
		because(why->depth, "%s", c->curve_reason[0] ? c->curve_reason : "no calibration curve");
	because(why->depth, "%s", why->rate);
	distrust_depth(p, why->depth);
	because(displacement, "%s", why->rate);
	if (c->displacement.position < 0)
		because(displacement, "no displacement channel");
	else if (p->tally.protrusion.n < DEPTH_STROKES_MIN)
		because(displacement, "too few strokes for a depth");
	if (p->quality[POINT_MEASURE].displacement_ended)
		because(displacement, "the displacement channel stood at an end of its range in the measure window");
	if (p->quality[POINT_MEASURE].displacement_stuck)
		because(displacement, "the displacement channel stood still (stuck) in the measure window");

	add_mean_depth(list, p, "force_equivalent", false, 0.0, "depth_mm", why->depth);
	add_mean_depth(list, p, "displacement", false, 0.0, "depth_mm", displacement);
	add_mean_depth(list, p, "force_equivalent", true, 0.0, "depth_mm", why->depth);
	add_mean_depth(list, p, "displacement", true, 0.0, "depth_mm", displacement);
	add_mean_depth(list, p, "force_equivalent", false, c->depth_set_mm, "depth_error_mm", why->depth);
	add_mean_depth(list, p, "displacement", false, c->depth_set_mm, "depth_error_mm", displacement);
	add_depth_spread(list, p, "force_equivalent", why->depth);
	add_depth_spread(list, p, "displacement", displacement);
}

static void add_forces(struct list *list, const struct point *p, const struct reasons *why)
{
	const struct point_config *c = &p->config;
	const struct tally *t = &p->tally;
	struct result *r = add(list, "peak_force_n", "", "N");
	double level = t->level_count ? t->level_n / t->level_weight : p->tare_level.mean;

	if (t->height.n > 0) {
		budget(r, "repeatability", sqrt(p->baseline.sigma2), INFINITY);
		budget(r, "calibration", c->u.gain_rel * t->peak_force_n, INFINITY);
		value(r, t->peak_force_n, t->height.n, why->rate);
	} else {
		none(r, why->rate[0] ? why->rate : "no strokes");
	}
	r = add(list, "seating_force_n", "", "N");
	if (t->level_count + p->tare_level.n == 0) {
		none(r, "no stretch without contact");
	} else {
		budget(r, "zero", t->level_count ? sqrt(1.0 / t->level_weight) : moments_sd(&p->tare_level), INFINITY);
		budget(r, "calibration", c->u.gain_rel * fabs(level), INFINITY);
		if (p->rest_level.n > 0 && p->tare_level.n > 0)
			budget(r, "drift", fabs(p->rest_level.mean - p->tare_level.mean) / sqrt(12.0), INFINITY);
		value(r, level, t->level_count + p->tare_level.n, why->event);
	}
	value(add(list, "strokes", "", "1"), (double)t->strokes, t->strokes, why->count);
}

unsigned point_finish(struct point *point, struct result *results, unsigned cap)
{
	struct list list = {.at = results, .cap = cap};
	struct reasons why = {.count = ""};

	point_end_of_samples(point);
	distrust_rate(point, why.count);
	because(why.rate, "%s", why.count);
	distrust_edges(point, why.rate);
	distrust_tare(point, why.event);
	add_rates(&list, point, &why);
	for (unsigned i = 0; i < 2 && i < cap; i++) /* realised and nominal stand first */
		add_rate_error(&list, point, &why, results[i]);
	add_rate_details(&list, point, &why);
	add_events(&list, point, &why);
	add_depths(&list, point, &why);
	add_forces(&list, point, &why);
	return list.n;
}
