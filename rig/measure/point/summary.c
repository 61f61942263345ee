/* Results from a tally. */
#include "rig/measure/point/summary.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rig/measure/align.h"

#define SAMPLES_PER_STROKE_MIN 10.0
#define SAMPLES_PER_PULSE_MIN  10.0
#define BANDWIDTH_PER_RATE_MIN 10.0
#define RATE_STROKES_MIN       3
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
#define ALIGNED_SHARE          (1.0 / 12.0) /* of a stroke: further away the fitted third of it may miss the deepest point */
#define CONTENT                0.95
#define CONFIDENCE             0.99

struct list {
	struct result *at;
	unsigned n, cap;
	struct result spare;
};

static struct result *add(struct list *list, enum measurand id, const char *method)
{
	struct result *r = list->n < list->cap ? &list->at[list->n++] : &list->spare;

	*r = (struct result){.value = NAN, .k = NAN, .dof = INFINITY};
	result_name(r, id, method);
	return r;
}

static void budget(struct result *r, const char *name, double u, double dof)
{
	if (u <= 0.0 || r->budget_lines == BUDGET_MAX) /* NaN stays: what is not known must not look like nothing */
		return;

	struct budget_line *line = &r->budget[r->budget_lines++];

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

static void distrust_channel(const struct account *a, enum point_phase phase, const char *where, char *reason)
{
	const struct quality *q = &a->quality[phase];

	if (q->gap)
		because(reason, "samples are missing in the %s", where);
	if (q->saturated)
		because(reason, "the force channel saturated or left its range in the %s", where);
	if (q->stuck)
		because(reason, "the force channel stood still (stuck) in the %s", where);
}

static void distrust_tare(const struct account *a, char *reason)
{
	const struct point_config *c = a->config;

	distrust_channel(a, POINT_TARE, "tare", reason);
	if (!axis_begun(a->axis, POINT_TARE) ||
	    (double)a->quality[POINT_TARE].samples < 0.999 * POINT_TARE_MIN_S * c->fs_hz)
		because(reason, "tare too short: %.3f s of at least %.1f s",
			(double)a->quality[POINT_TARE].samples / c->fs_hz, POINT_TARE_MIN_S);
	if (c->preload_hi_n > c->preload_lo_n && a->tally->level.tare.n > 0 &&
	    !(a->tally->level.tare.mean >= c->preload_lo_n && a->tally->level.tare.mean <= c->preload_hi_n))
		because(reason, "seating force %.3g N outside its window of %.3g to %.3g N", a->tally->level.tare.mean,
			c->preload_lo_n, c->preload_hi_n);
}

static void distrust_rate(const struct account *a, char *reason)
{
	const struct point_config *c = a->config;
	double per_stroke = c->fs_hz / c->rate_set_hz, seen = tally_period(a->tally) * a->axis->decimation;

	if (a->quality[POINT_MEASURE].samples == 0)
		because(reason, "no samples in the measure window");
	distrust_channel(a, POINT_MEASURE, "measure window", reason);
	distrust_tare(a, reason);
	if (per_stroke < SAMPLES_PER_STROKE_MIN)
		because(reason, "under-sampled: %.2g samples per stroke at the commanded rate, at least 10 needed",
			per_stroke);
	if (seen < SAMPLES_PER_STROKE_MIN)
		because(reason, "under-sampled: %.2g samples per stroke at the rate seen, at least 10 needed", seen);
	if (a->tally->candidates_lost)
		because(reason, "more pulses than any stroke rate explains");
	if (a->tally->height.misfits + a->tally->height.unfitted >
		    BAD_SHARE_MAX * (double)a->tally->rhythm.strokes + 2.0 &&
	    a->tally->height.misfits > a->tally->rhythm.strokes / 10)
		because(reason, "%llu of %llu pulses do not have the pen's own pulse shape",
			(unsigned long long)a->tally->height.misfits, (unsigned long long)a->tally->rhythm.strokes);
}

static void distrust_pulses(const struct account *a, char *reason)
{
	const struct tally *t = a->tally;
	double width = (a->template->pulse.support_hi - a->template->pulse.support_lo) * a->axis->decimation;
	double scale = a->grid->fs_hz / a->config->rate_set_hz / a->template->period;
	uint64_t bad = t->height.misfits + t->height.unfitted;

	if (!a->template->pulse.ready) {
		because(reason, "too few regular strokes to learn the pen's pulse from");
		return;
	}
	if (width * fmin(1.0, scale) < SAMPLES_PER_PULSE_MIN)
		because(reason, "under-sampled: %.2g samples per pulse, at least 10 needed", width * fmin(1.0, scale));
	if ((double)bad > BAD_SHARE_MAX * (double)t->rhythm.strokes + 2.0)
		because(reason, "%llu of %llu pulses do not have the pen's own pulse shape", (unsigned long long)bad,
			(unsigned long long)t->rhythm.strokes);
}

static void distrust_bandwidth(const struct point_config *c, char *reason)
{
	if (c->bandwidth_hz > 0.0 && c->bandwidth_hz < BANDWIDTH_PER_RATE_MIN * c->rate_set_hz)
		because(reason, "channel bandwidth of %.4g Hz is below 10 times the commanded rate of %.4g Hz",
			c->bandwidth_hz, c->rate_set_hz);
}

static void distrust_range(const struct account *a, char *reason)
{
	const struct point_config *c = a->config;
	const struct tally *t = a->tally;
	double top = t->height.largest_n + (t->level.window_count ? tally_window_level(t) : 0.0);

	if (c->force_hi_n > c->force_lo_n && top > c->force_hi_n)
		because(reason, "peak force %.4g N above the sensor's calibrated %.4g N", top, c->force_hi_n);
}

static void distrust_depth(const struct account *a, char *reason)
{
	const struct point_config *c = a->config;
	const struct tally *t = a->tally;
	double rate = a->grid->fs_hz / tally_period(t);

	if (t->height.seen.n < DEPTH_STROKES_MIN)
		because(reason, "too few strokes for a depth: %llu of at least %d",
			(unsigned long long)t->height.seen.n, DEPTH_STROKES_MIN);
	distrust_pulses(a, reason);
	distrust_bandwidth(c, reason);
	if (fabs(rate / c->rate_set_hz - 1.0) > DEPTH_RATE_SLACK)
		because(reason, "stroke rate %.4g Hz is too far from the %.4g Hz that the curve is for", rate,
			c->rate_set_hz);
	distrust_range(a, reason);
	if (t->depth.out_of_curve > 0)
		because(reason, "%llu strokes outside the calibrated range of the curve",
			(unsigned long long)t->depth.out_of_curve);
}

/* Where nothing strikes, nothing is missing, nothing comes twice and everything stands still at once. */
static void distrust_few(const struct account *a, char *reason)
{
	if (a->tally->rhythm.strokes < RATE_STROKES_MIN)
		because(reason, "%llu strokes seen in the measure window, at least %d needed",
			(unsigned long long)a->tally->rhythm.strokes, RATE_STROKES_MIN);
}

static void timing_budget(struct result *r, const struct account *a, double rate, double timing, double dof)
{
	double clock = a->config->u.clock_rel * rate;

	budget(r, "repeatability", timing, dof);
	budget(r, "clock", clock, INFINITY);
}

/* Periods of the measure window before its first stroke and after its last one. */
static void edges(const struct account *a, double *ret_before, double *ret_after)
{
	const struct rhythm *r = &a->tally->rhythm;
	int64_t first = a->axis->phase_start[POINT_MEASURE], end = (int64_t)a->end_index;

	*ret_before = *ret_after = 0.0;
	if (!axis_begun(a->axis, POINT_MEASURE) || r->strokes < RATE_STROKES_MIN)
		return;
	for (unsigned i = POINT_COAST; i < POINT_PHASES; i++)
		end = a->axis->phase_start[i] < end ? a->axis->phase_start[i] : end;

	double period = r->interval.n > 0 ? r->interval.mean : r->local_period;

	*ret_before = (r->first_at - axis_local(a->axis, first)) / period;
	*ret_after = (axis_local(a->axis, end) - r->last_at) / r->local_period;
}

/* Strokes that were due inside the window, before its first and after its last one: no interval shows them. A pen that
 * has not made a stroke before the window is starting, not missing any. */
static uint64_t missed_at_edges(const struct account *a)
{
	double before, after;

	edges(a, &before, &after);
	before = a->tally->rhythm.started_before ? before : 0.0;
	return (uint64_t)fmax(0.0, floor(before - EDGE_SLACK)) + (uint64_t)fmax(0.0, floor(after - EDGE_SLACK));
}

static void distrust_edges(const struct account *a, char *reason)
{
	double before, after;

	edges(a, &before, &after);
	if (fmax(before, after) > EDGE_PERIODS_MAX)
		because(reason, "no strokes in the %s %.3g s of the measure window", before > after ? "first" : "last",
			fmax(before, after) * a->tally->rhythm.local_period / a->grid->fs_hz);
}

static void distrust_holes(const struct account *a, char *reason)
{
	const struct rhythm *r = &a->tally->rhythm;

	if (r->longest > EDGE_PERIODS_MAX + 1.0)
		because(reason, "no strokes for %.3g s within the measure window",
			r->longest * r->local_period / a->grid->fs_hz);
}

/* Where intervals resemble their neighbours (a speed that wanders slowly), there are fewer of them than it seems. */
static double nominal_period(const struct tally *t, double timing, double *ret_u)
{
	double period = ticks_period(&t->rhythm.ticks, ret_u);

	if (!isfinite(period)) {
		*ret_u = timing;
		return tally_period(t);
	}
	*ret_u *= sqrt((double)t->rhythm.interval.n / moments_effective_n(&t->rhythm.interval));
	return period;
}

static void add_rates(struct list *list, const struct account *a, const struct reasons *why)
{
	const struct tally *t = a->tally;
	struct result *realised = add(list, MEASURAND_STROKE_RATE, measurand_method(JUDGED_BY_RATE, false, false));
	struct result *nominal = add(list, MEASURAND_STROKE_RATE, measurand_method(JUDGED_BY_RATE, true, false));
	double seconds = (double)a->quality[POINT_MEASURE].samples / a->config->fs_hz;
	double n = (double)t->rhythm.strokes;

	if (seconds <= 0.0) {
		none(realised, why->rate);
		none(nominal, why->rate);
		return;
	}
	if (t->rhythm.strokes < RATE_STROKES_MIN) {
		budget(realised, "resolution", 1.0 / (seconds * sqrt(3.0)), INFINITY);
		value(realised, n / seconds, t->rhythm.strokes, why->rate);
		budget(nominal, "resolution", 1.0 / (seconds * sqrt(3.0)), INFINITY);
		value(nominal, n / seconds, t->rhythm.strokes, why->rate);
		return;
	}
	double period = tally_period(t), rate = a->grid->fs_hz / period;
	double sigma_t = sqrt(fmax(tally_instant_variance(t), 1e-8));
	double timing = rate * sigma_t * M_SQRT2 / ((n - 1.0) * period);
	double u_nominal, nominal_at = nominal_period(t, M_SQRT2 * sigma_t, &u_nominal);

	timing_budget(realised, a, rate, timing, n - 1.0);
	value(realised, rate, t->rhythm.strokes, why->rate);
	timing_budget(nominal, a, rate, rate * u_nominal / nominal_at, fmax(1.0, n - 2.0));
	value(nominal, a->grid->fs_hz / nominal_at, t->rhythm.strokes, why->rate);
}

static void add_rate_error(struct list *list, const struct account *a, const struct reasons *why, struct result rate)
{
	struct result *r = add(list, MEASURAND_STROKE_RATE_ERROR, rate.method);
	double scale = 100.0 / a->config->rate_set_hz;

	for (unsigned i = 0; i < rate.budget_lines; i++)
		budget(r, rate.budget[i].name, rate.budget[i].u * scale, rate.budget[i].dof);
	value(r, scale * rate.value - 100.0, a->tally->rhythm.strokes, why->rate);
}

static void add_rate_details(struct list *list, const struct account *a, const struct reasons *why)
{
	const struct tally *t = a->tally;
	double rho = moments_lag1(&t->rhythm.interval);
	double sd = moments_sd(&t->rhythm.interval), jitter = 100.0 * sd / t->rhythm.interval.mean;
	struct result *r = add(list, MEASURAND_PERIOD_JITTER, rho < -0.25 ? "independent" : "random_walk");
	if (t->rhythm.interval.n >= 3) {
		budget(r, "repeatability", jitter / sqrt(2.0 * (double)(t->rhythm.interval.n - 1)),
		       (double)(t->rhythm.interval.n - 1));
		budget(r, "noise", 100.0 * M_SQRT2 * sqrt(tally_instant_variance(t)) / t->rhythm.interval.mean,
		       INFINITY);
		value(r, jitter, t->rhythm.interval.n, why->rate);
	} else {
		none(r, why->rate[0] ? why->rate : "jitter needs at least 3 intervals");
	}
	char counting[160];

	snprintf(counting, sizeof(counting), "%s", why->count);
	distrust_few(a, counting);
	value(add(list, MEASURAND_MISSED_STROKES, ""), (double)(t->rhythm.missed + missed_at_edges(a)),
	      t->rhythm.strokes, counting);
	value(add(list, MEASURAND_DOUBLE_STROKES, ""), (double)t->rhythm.doubled, t->rhythm.strokes, counting);
}

/* First interval from which SPIN_UP_STAYS in a row run within the band; between it and the one before, the rate is
 * taken as a straight line over the middles of the intervals. */
static double spin_up_at(const struct account *a, double period)
{
	double previous_rate = 0.0, previous_at = a->command[POINT_SPIN_UP];

	for (unsigned i = 0; i + SPIN_UP_STAYS < a->tally->spin_ups; i++) {
		bool stays = true;
		double interval = a->tally->spin_up[i + 1] - a->tally->spin_up[i], rate = period / interval;
		double middle = 0.5 * (a->tally->spin_up[i + 1] + a->tally->spin_up[i]);
		double edge =
			rate > 1.0 + SPIN_UP_BAND || previous_rate > 1.0 ? 1.0 + SPIN_UP_BAND : 1.0 - SPIN_UP_BAND;

		for (unsigned k = i; k < i + SPIN_UP_STAYS && stays; k++)
			stays = fabs(period / (a->tally->spin_up[k + 1] - a->tally->spin_up[k]) - 1.0) <= SPIN_UP_BAND;
		if (stays) {
			double share = (edge - previous_rate) / (rate - previous_rate);

			return i == 0 || !(share >= 0.0 && share <= 1.0) ? (i == 0 ? a->tally->spin_up[0] : middle)
									 : previous_at + share * (middle - previous_at);
		}
		previous_rate = rate;
		previous_at = middle;
	}
	return NAN;
}

static void add_events(struct list *list, const struct account *a, const struct reasons *why)
{
	double fs = a->config->fs_hz, period = tally_period(a->tally) * a->axis->decimation;
	struct result *r = add(list, MEASURAND_SPIN_UP, "");
	char reason[160] = "";

	snprintf(reason, sizeof(reason), "%s", why->event);
	distrust_channel(a, POINT_SPIN_UP, "spin-up", reason);
	if (!isfinite(a->command[POINT_SPIN_UP])) {
		none(r, "no start command on the sample axis");
	} else if (!isfinite(period) || !isfinite(spin_up_at(a, period))) {
		none(r, "no stretch of strokes within 5 % of the final rate");
	} else {
		budget(r, "resolution", 0.5 * period / fs / sqrt(3.0), INFINITY);
		budget(r, "clock", 0.001, INFINITY);
		value(r, (spin_up_at(a, period) - a->command[POINT_SPIN_UP]) / fs, a->tally->spin_ups, reason);
	}

	r = add(list, MEASURAND_COAST_DOWN, "");
	snprintf(reason, sizeof(reason), "%s", why->event);
	distrust_channel(a, POINT_COAST, "coast-down", reason);
	distrust_few(a, reason);
	if (!isfinite(a->command[POINT_COAST])) {
		none(r, "no stop command on the sample axis");
	} else {
		double last = isfinite(a->tally->coast_last) ? a->tally->coast_last : a->command[POINT_COAST];

		budget(r, "resolution", 1.0 / fs, INFINITY);
		budget(r, "clock", 0.001, INFINITY);
		value(r, fmax(0.0, (last - a->command[POINT_COAST]) / fs), 1, reason);
	}
}

/* Amplitude of the hum that cannot be told from the strokes within the window: |line - m rate| T < 1. */
static double hidden_hum(const struct account *a)
{
	double period = tally_period(a->tally), rate = a->grid->fs_hz / period, worst = a->tally->level.hum_left_n;
	double seconds = period * (double)a->tally->rhythm.strokes / a->grid->fs_hz;

	for (unsigned i = 0; i < a->baseline->lines; i++) {
		double line = a->baseline->nominal_hz[i] + a->baseline->multiple[i] * a->baseline->detune_hz;
		double order = fmax(1.0, round(line / rate));

		if (fabs(line - order * rate) * seconds < 1.0)
			worst = fmax(worst, baseline_amplitude(a->baseline, i));
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
static void calibration_budget(struct result *r, const struct account *a)
{
	const struct point_config *c = a->config;
	const struct tally *t = a->tally;
	double n = (double)t->depth.seen.n, gain_mm = t->depth.gain_mm / n, slope = t->depth.slope / n, zero;
	double trend = t->depth.trend_kk - t->depth.trend_k * t->depth.trend_k / n;
	double per_stroke = trend > 0.0 ? (t->depth.trend_kd - t->depth.trend_k * t->depth.trend_d / n) / trend : 0.0;
	double drift = per_stroke * n, drift_u = moments_sd(&t->depth.seen) * sqrt(12.0 / n);

	budget(r, "calibration", c->u.gain_rel * gain_mm, INFINITY);
	budget(r, "curve", c->u.curve_force_rel * gain_mm, INFINITY);
	budget(r, "curve fit", c->u.curve_fit_mm, INFINITY);
	budget(r, "depth reference", c->u.depth_cal_mm, INFINITY);
	budget(r, "temperature", c->u.temperature_rel * gain_mm, INFINITY);
	zero = sqrt(t->depth.zero_n2) / n;
	if (!a->template->pulse.gap.natural && a->tally->level.tare.n > 0 && t->level.window_count > 0)
		zero = hypot(zero, (tally_window_level(t) - t->level.tare.mean) / sqrt(3.0));
	budget(r, "template", sqrt(t->depth.template_n2) / n / slope, INFINITY);
	budget(r, "zero", zero / slope, INFINITY);
	if (t->height.cell_count > 0)
		budget(r, "cell", fabs(t->height.cell_n / (double)t->height.cell_count) * cell_u_rel(c) / slope,
		       INFINITY);
	budget(r, "hum", hidden_hum(a) * M_SQRT1_2 / slope, INFINITY);
	budget(r, "resolution", fabs(c->force.scale) / sqrt(12.0) / slope / sqrt(n), INFINITY);
	if (fabs(drift) > WEAR_CHANCE * drift_u)
		budget(r, "wear", fabs(drift) / sqrt(12.0), INFINITY);
}

/* How the depth would move with the displacement's place on the force's axis, measured on the strokes themselves by
 * shifting it: the first order, and the second with its bias (GUM 5.1.2, note). At the deepest point, which the fit finds
 * by its own phase, both are small. */
static double alignment_mm(const struct account *a)
{
	const struct protrusions *p = &a->tally->protrusion;
	double shift = BAR_SHIFT * tally_period(a->tally), n = (double)p->shifted;
	double r = a->config->u.alignment_s * a->grid->fs_hz / shift;

	return hypot(p->first_mm / n * r, sqrt(0.75) * p->second_mm / n * r * r);
}

static void displacement_budget(struct result *r, const struct account *a)
{
	const struct point_config *c = a->config;
	const struct protrusions *p = &a->tally->protrusion;

	budget(r, "calibration", c->u.displacement_mm, INFINITY);
	if (!(c->bar_rate_hz > 0.0) || p->shifted == 0)
		return;
	double rate_hz = a->grid->fs_hz / tally_period(a->tally), travel_mm = p->travel_mm / (double)p->seen.n;
	budget(r, "alignment", alignment_mm(a), INFINITY);
	budget(r, "interpolation", align_interpolation_rel(c->bar_rate_hz, rate_hz) * travel_mm / sqrt(3.0), INFINITY);
}

/* One way to the depth of strokes, and why its values may not be judged. */
struct depth_method {
	const char *name;
	const struct moments *seen;
	double noise_mm;                                                  /* of one stroke's depth, rms */
	void (*shared_budget)(struct result *r, const struct account *a); /* what all strokes have in common */
	const char *why;
};

/* As variances added up over n strokes. */
static double noise_of_one(double sum_mm2, uint64_t n)
{
	return sqrt(sum_mm2 / fmax(1.0, (double)n));
}

/* realised: how well the strokes of this window are known; process: the mean that the pen would keep to. */
enum mean_kind { MEAN_REALISED, MEAN_PROCESS };

static void add_mean_depth(struct list *list, const struct account *a, const struct depth_method *method,
			   enum mean_kind kind, enum measurand id, double offset)
{
	const struct moments *m = method->seen;
	bool process = kind == MEAN_PROCESS;
	char full[32];

	snprintf(full, sizeof(full), "%s%s", method->name, process ? "_process" : "");

	struct result *r = add(list, id, full);

	if (m->n < 2) {
		none(r, method->why);
		return;
	}

	double effective = process ? moments_effective_n(m) : (double)m->n;
	double one = process ? moments_sd(m) : method->noise_mm;

	budget(r, "repeatability", one / sqrt(effective), fmax(1.0, effective - 1.0));
	method->shared_budget(r, a);
	value(r, m->mean - offset, m->n, method->why);
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

static void add_depth_spread(struct list *list, const struct account *a, const struct depth_method *method)
{
	const struct moments *m = method->seen;
	double noise = method->noise_mm, sd = moments_sd(m), n = moments_effective_n(m);
	double own = sqrt(fmax(0.0, sd * sd - noise * noise)), k = tolerance_k(n, CONTENT, CONFIDENCE);
	const struct {
		enum measurand id;
		double value, u;
		bool shared; /* the strokes' common errors move it */
	} rows[] = {
		{MEASURAND_DEPTH_SD, own, sd / sqrt(2.0 * (n - 1.0)), false},
		{MEASURAND_DEPTH_TOLERANCE_LO, m->mean - k * own, sd / sqrt(n), true},
		{MEASURAND_DEPTH_TOLERANCE_HI, m->mean + k * own, sd / sqrt(n), true},
		{MEASURAND_DEPTH_MAX, corrected_max(m, noise), noise, true},
		{MEASURAND_DEPTH_MAX_RAW, m->max, noise, true},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct result *r = add(list, rows[i].id, method->name);

		if (m->n < 3) {
			none(r, method->why);
			continue;
		}
		budget(r, "repeatability", rows[i].u, fmax(1.0, n - 1.0));
		if (rows[i].shared)
			method->shared_budget(r, a);
		value(r, rows[i].value, m->n, method->why);
	}
}

static void distrust_other_bar(const struct account *a, char *reason)
{
	const struct point_config *c = a->config;
	double u_s = c->u.alignment_s;

	if (!(c->bar_rate_hz > 0.0))
		return;
	if (a->quality[POINT_MEASURE].displacement_missing)
		because(reason, "samples of the displacement device are missing in the measure window");
	if (c->bar_rate_hz < SAMPLES_PER_STROKE_MIN * c->rate_set_hz)
		because(reason,
			"under-sampled: %.2g displacement samples per stroke at the commanded rate, at least 10 needed",
			c->bar_rate_hz / c->rate_set_hz);
	if (!(u_s * c->rate_set_hz <= ALIGNED_SHARE))
		because(reason,
			"force and displacement are aligned to %.2g ms only, a %.2g of a stroke: see \"latency_ms\"",
			1e3 * u_s, u_s * c->rate_set_hz);
}

static void distrust_displacement(const struct account *a, char *reason)
{
	const struct quality *q = &a->quality[POINT_MEASURE];

	if (a->config->displacement.position < 0)
		because(reason, "no displacement channel");
	else if (a->tally->protrusion.seen.n < DEPTH_STROKES_MIN)
		because(reason, "too few strokes for a depth");
	distrust_other_bar(a, reason);
	if (q->displacement_ended)
		because(reason, "the displacement channel stood at an end of its range in the measure window");
	if (q->displacement_stuck)
		because(reason, "the displacement channel stood still (stuck) in the measure window");
}

static void add_depths(struct list *list, const struct account *a, struct reasons *why)
{
	const struct point_config *c = a->config;
	const struct depths *d = &a->tally->depth;
	const struct protrusions *p = &a->tally->protrusion;
	char displacement[160] = "";

	if (c->curve == NULL)
		because(why->depth, "%s", c->curve_reason[0] ? c->curve_reason : "no calibration curve");
	because(why->depth, "%s", why->rate);
	distrust_depth(a, why->depth);
	because(displacement, "%s", why->rate);
	distrust_displacement(a, displacement);

	const struct depth_method methods[] = {
		{measurand_method(JUDGED_BY_DEPTH, false, false), &d->seen, noise_of_one(d->noise_mm2, d->seen.n),
		 calibration_budget, why->depth},
		{measurand_method(JUDGED_BY_DEPTH, false, true), &p->seen, noise_of_one(p->noise_mm2, p->seen.n),
		 displacement_budget, displacement},
	};
	const struct {
		enum measurand id;
		enum mean_kind kind;
		double offset;
	} means[] = {
		{MEASURAND_DEPTH, MEAN_REALISED, 0.0},
		{MEASURAND_DEPTH, MEAN_PROCESS, 0.0},
		{MEASURAND_DEPTH_ERROR, MEAN_REALISED, c->depth_set_mm},
	};

	for (unsigned i = 0; i < sizeof(means) / sizeof(means[0]); i++) {
		for (unsigned k = 0; k < 2; k++)
			add_mean_depth(list, a, &methods[k], means[i].kind, means[i].id, means[i].offset);
	}
	for (unsigned k = 0; k < 2; k++)
		add_depth_spread(list, a, &methods[k]);
}

static void add_forces(struct list *list, const struct account *a, const struct reasons *why)
{
	const struct point_config *c = a->config;
	const struct tally *t = a->tally;
	const struct levels *l = &t->level;
	struct result *r = add(list, MEASURAND_PEAK_FORCE, "");

	if (t->height.seen.n > 0) {
		budget(r, "repeatability", sqrt(a->baseline->sigma2), INFINITY);
		budget(r, "calibration", c->u.gain_rel * t->height.largest_n, INFINITY);
		value(r, t->height.largest_n, t->height.seen.n, why->rate);
	} else {
		none(r, why->rate[0] ? why->rate : "no strokes");
	}
	r = add(list, MEASURAND_SEATING_FORCE, "");
	if (l->window_count + l->tare.n == 0) {
		none(r, "no stretch without contact");
	} else {
		double level = l->window_count ? tally_window_level(t) : l->tare.mean;

		budget(r, "zero", l->window_count ? sqrt(1.0 / l->window_weight) : moments_sd(&l->tare), INFINITY);
		budget(r, "calibration", c->u.gain_rel * fabs(level), INFINITY);
		if (l->rest.n > 0 && l->tare.n > 0)
			budget(r, "drift", fabs(l->rest.mean - l->tare.mean) / sqrt(12.0), INFINITY);
		value(r, level, l->window_count + l->tare.n, why->event);
	}
	value(add(list, MEASURAND_STROKES, ""), (double)t->rhythm.strokes, t->rhythm.strokes, why->count);
}

/* Of the pulse as a whole, not of its peak alone. */
static void distrust_shape(const struct account *a, const char *rate, char *reason)
{
	because(reason, "%s", rate);
	distrust_few(a, reason);
	distrust_pulses(a, reason);
	distrust_bandwidth(a->config, reason);
	distrust_range(a, reason);
}

/* Standard uncertainty of the level that forces count from. */
static double zero_u_n(const struct account *a)
{
	const struct levels *l = &a->tally->level;
	double u = l->window_count ? sqrt(1.0 / l->window_weight) : moments_sd(&l->tare);

	if (!a->template->pulse.gap.natural && l->tare.n > 0 && l->window_count > 0)
		u = hypot(u, (tally_window_level(a->tally) - l->tare.mean) / sqrt(3.0));
	return u;
}

static double mean_square(const struct moments *m)
{
	return m->mean * m->mean + m->m2 / (double)m->n;
}

/* (73), (74). What scales the force scales peak and rms alike. */
static void add_crest_factor(struct list *list, const struct account *a, const char *rate)
{
	const struct heights *h = &a->tally->height;
	const struct pulse *pulse = &a->template->pulse;
	struct result *r = add(list, MEASURAND_CREST_FACTOR, "");
	double area, energy, peak = h->largest_n, period = tally_period(a->tally);
	char reason[160] = "";

	distrust_shape(a, rate, reason);
	if (!pulse->ready || h->seen.n < RATE_STROKES_MIN) {
		none(r, reason);
		return;
	}
	pulse_integrals(pulse, &area, &energy);

	double square = mean_square(&h->seen) * energy / period, crest = peak / sqrt(square);
	double mean = h->seen.mean * area / period, sigma2 = a->baseline->sigma2;
	double per_n = fmax(1.0 / peak, mean / square); /* of a force that is not the needles' */

	budget(r, "repeatability", crest * sqrt(sigma2) / peak, INFINITY);
	budget(r, "noise", crest * sqrt(sigma2 / (period * square * (double)h->seen.n)), INFINITY);
	budget(r, "template", crest * sqrt(sigma2 * pulse_peak_variance(pulse, a->template->width_weight)), INFINITY);
	budget(r, "zero", crest * zero_u_n(a) * fabs(1.0 / peak - mean / square), INFINITY);
	if (h->cell_count > 0)
		budget(r, "cell",
		       crest * fabs(h->cell_n / (double)h->cell_count) * cell_u_rel(a->config) / h->seen.mean,
		       INFINITY);
	budget(r, "hum", crest * hidden_hum(a) * M_SQRT1_2 * per_n, INFINITY);
	value(r, crest, h->seen.n, reason);
}

/* (75), (76). */
static void add_impulse(struct list *list, const struct account *a, const char *rate)
{
	const struct point_uncertainties *u = &a->config->u;
	const struct moments *heights = &a->tally->height.seen;
	const struct pulse *pulse = &a->template->pulse;
	struct result *r = add(list, MEASURAND_IMPULSE, "");
	double area, energy, fs = a->grid->fs_hz, n = (double)heights->n;
	char reason[160] = "";

	distrust_shape(a, rate, reason);
	if (!pulse->ready || heights->n < RATE_STROKES_MIN) {
		none(r, reason);
		return;
	}
	pulse_integrals(pulse, &area, &energy);

	double impulse = heights->mean * area / fs, contact = pulse->gap.lo + pulse->gap.hi;
	uint64_t made_of = pulse->fold.built_from ? pulse->fold.built_from : a->template->learned;

	budget(r, "repeatability", moments_sd(heights) * area / fs / sqrt(n), n - 1.0);
	budget(r, "calibration", u->gain_rel * impulse, INFINITY);
	budget(r, "temperature", u->temperature_rel * impulse, INFINITY);
	budget(r, "clock", u->clock_rel * impulse, INFINITY);
	budget(r, "template", sqrt(a->baseline->sigma2 * contact / fmax(1.0, (double)made_of)) / fs, INFINITY);
	budget(r, "zero", zero_u_n(a) * contact / fs, INFINITY);
	budget(r, "hum", hidden_hum(a) * M_SQRT1_2 * contact / fs, INFINITY);
	value(r, impulse, heights->n, reason);
}

void summarise_motion(const struct account *a, char reason[160])
{
	reason[0] = '\0';
	distrust_few(a, reason);
	distrust_edges(a, reason);
	distrust_holes(a, reason);
}

unsigned summarise(const struct account *a, struct result *results, unsigned cap)
{
	struct list list = {.at = results, .cap = cap};
	struct reasons why = {.count = ""};

	distrust_rate(a, why.count);
	because(why.rate, "%s", why.count);
	distrust_edges(a, why.rate);
	distrust_tare(a, why.event);
	add_rates(&list, a, &why);
	for (unsigned i = 0; i < 2 && i < cap; i++) /* realised and nominal stand first */
		add_rate_error(&list, a, &why, results[i]);
	add_rate_details(&list, a, &why);
	add_events(&list, a, &why);
	add_depths(&list, a, &why);
	add_forces(&list, a, &why);
	add_crest_factor(&list, a, why.rate);
	add_impulse(&list, a, why.rate);
	return list.n;
}
