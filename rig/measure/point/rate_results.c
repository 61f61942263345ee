/* Rates, counts and events: results of when strokes came. */
#include "rig/measure/point/summary_parts.h"

#include <math.h>
#include <stdio.h>

#include "rig/measure/point/model_checks.h"
#include "rig/measure/point/stroke_noise.h"

#define START_OFF  0.1  /* of a pen that starts: how far its intervals are from the others */
#define EDGE_SLACK 0.25 /* of a period: a stroke that is this late at an edge of the window is missing */

static void timing_budget(struct result *r, const struct account *a, double rate, double timing, double dof)
{
	double clock = a->config->u.clock_rel * rate;

	results_budget(r, "repeatability", timing, dof);
	results_budget(r, "clock", clock, INFINITY);
}

/* Strokes that were due inside the window, before its first and after its last one: no interval shows them. A pen that
 * has not made a stroke before the window is starting, not missing any. */
static uint64_t missed_at_edges(const struct account *a)
{
	double before, after;

	window_edges(a, &before, &after);
	const struct blind *blind = &a->tally->rhythm.blind;

	before = a->tally->rhythm.started_before ? before : 0.0;
	before = fmax(0.0, floor(before - EDGE_SLACK) - (double)blind->excused_first);
	after = fmax(0.0, floor(after - EDGE_SLACK) - (double)blind->excused);
	return (uint64_t)before + (uint64_t)after;
}

/* Where intervals resemble their neighbours (a speed that wanders slowly), there are fewer of them than it seems. */
double nominal_period(const struct account *a, double *ret_u)
{
	const struct tally *t = a->tally;
	double period = ticks_period(&t->rhythm.ticks, ret_u);

	if (!isfinite(period)) {
		*ret_u = M_SQRT2 * sqrt(fmax(interval_scatter_of(a).instant, 1e-8));
		return tally_period(t);
	}
	*ret_u *= sqrt((double)t->rhythm.interval.n / moments_effective_n(&t->rhythm.interval));
	return period;
}

double unseen_at_start(const struct account *a)
{
	double before, after;

	window_edges(a, &before, &after);
	return a->tally->rhythm.started_before ? 0.0 : fmax(0.0, floor(before - EDGE_SLACK));
}

/* A stroke that was not seen may have been made, and one that came twice not; and of a pen that was seen to start within
 * the window, the first strokes may not have been: of those only their intervals' difference to the others is missing. In
 * intervals. */
static double unsure_intervals(const struct account *a)
{
	const struct rhythm *r = &a->tally->rhythm;

	return hypot((double)(r->missed + r->doubled + r->blind.doubled), START_OFF * unseen_at_start(a));
}

#define AFTER_MOST 0.5 /* of a period: by how much more an interval behind the window counts as longer */

static double held(double change, double period)
{
	double most = AFTER_MOST * period;

	return isnan(change) ? 0.0 : fmax(-most, fmin(most, change));
}

/* Square of the shift of the last stroke by what the pen does behind the window: by the change of the interval at that stroke, and
 * by the change at the next one, as far as a speed that bends from stroke to stroke begins to change with it. */
static double last_shift2(const struct account *a, double shift2, double scatter)
{
	const struct rhythm *r = &a->tally->rhythm;
	const struct speed_change *speed = &a->observed->noise.speed;
	double period = tally_period(a->tally), now = held(r->after[0] - r->last_at - period, period);
	double next = held(r->after[1] - 2.0 * r->after[0] + r->last_at, period);
	double bends = CHECK_COVERS * speed_change_next(speed, period) * next;

	return shift2 * fmax(2.0 * scatter, now * now) + bends * bends;
}

struct rate_errors rate_errors_of(const struct account *a)
{
	struct interval_scatter intervals = interval_scatter_of(a);
	double acting = a->stroke_noise->shares.instant, scatter = fmax(0.0, intervals.made);
	double shift2 = intervals.shift * intervals.shift + intervals.u_shift * intervals.u_shift;
	double besides = 2.0 * (intervals.baseline + intervals.coloured);

	return (struct rate_errors){.noise = sqrt(fmax(acting * tally_ends_variance(a->tally) + besides, 2e-8)),
				    .ends = sqrt(shift2 * 2.0 * scatter + last_shift2(a, shift2, scatter)),
				    .unsure = unsure_intervals(a) / sqrt(3.0)};
}

#define SURE_STROKES 26.0 /* three or four beyond those by which speed_change.c tells where a pen's speed changes */
#define GUESSED_DOF  2.0

void add_rates(struct result_list *list, const struct account *a, const struct reasons *why)
{
	const struct tally *t = a->tally;
	struct result *realised =
		results_add(list, MEASURAND_STROKE_RATE, measurand_method(JUDGED_BY_RATE, false, false));
	struct result *nominal =
		results_add(list, MEASURAND_STROKE_RATE, measurand_method(JUDGED_BY_RATE, true, false));
	double seconds = (double)a->quality[POINT_MEASURE].samples / a->config->fs_hz;
	double n = (double)t->rhythm.strokes;

	if (seconds <= 0.0) {
		results_none(realised, why->rate);
		results_none(nominal, why->rate);
		return;
	}
	if (t->rhythm.strokes < RATE_STROKES_MIN) {
		results_budget(realised, "resolution", 1.0 / (seconds * sqrt(3.0)), INFINITY);
		results_value(realised, n / seconds, t->rhythm.strokes, why->rate);
		results_budget(nominal, "resolution", 1.0 / (seconds * sqrt(3.0)), INFINITY);
		results_value(nominal, n / seconds, t->rhythm.strokes, why->rate);
		return;
	}
	double period = tally_period(t), rate = a->grid->fs_hz / period;
	struct rate_errors errors = rate_errors_of(a);
	double timing = rate * errors.noise / ((n - 1.0) * period);
	double u_nominal, nominal_at = nominal_period(a, &u_nominal);

	timing_budget(realised, a, rate, timing, n - 1.0);
	/* Of few strokes the change of speed is itself a guess, and by chance a small one. */
	results_budget(realised, "ends", rate * errors.ends / ((n - 1.0) * period),
		       n < SURE_STROKES ? GUESSED_DOF : n - 1.0);
	results_budget(realised, "strokes", rate * errors.unsure / (n - 1.0), INFINITY);
	results_value(realised, rate, t->rhythm.strokes, why->rate);
	timing_budget(nominal, a, rate, rate * u_nominal / nominal_at, fmax(1.0, n - 2.0));
	results_value(nominal, a->grid->fs_hz / nominal_at, t->rhythm.strokes, why->rate);
}

void add_rate_error(struct result_list *list, const struct account *a, const struct reasons *why, struct result rate)
{
	struct result *r = results_add(list, MEASURAND_STROKE_RATE_ERROR, rate.method);
	double scale = 100.0 / a->config->rate_set_hz;

	for (unsigned i = 0; i < rate.budget_lines; i++)
		results_budget(r, rate.budget[i].name, rate.budget[i].u * scale, rate.budget[i].dof);
	results_value(r, scale * rate.value - 100.0, a->tally->rhythm.strokes, why->rate);
}

/* What the intervals scatter, in percent of their mean: by the square, in which noise and the shift of centres are taken
 * off. */
static void add_jitter(struct result_list *list, const struct account *a, const struct reasons *why)
{
	const struct moments *intervals = &a->tally->rhythm.interval;
	double rho = moments_lag1(intervals), percent = 100.0 / intervals->mean, square = percent * percent;
	struct result *r = results_add(list, MEASURAND_PERIOD_JITTER, rho < -0.25 ? "independent" : "random_walk");
	char reason[REASON_MAX];

	snprintf(reason, sizeof(reason), "%s", why->rate);
	doubt_checks(a, DOUBTS_JITTER, reason);
	if (a->tally->rhythm.doubled + a->tally->rhythm.blind.doubled > 0)
		doubt(reason, "a double stroke, or a glitch that looks like one, cuts an interval in two");
	if (intervals->n < 3) {
		results_none(r, reason[0] ? reason : "jitter needs at least 3 intervals");
		return;
	}
	struct interval_scatter s = interval_scatter_of(a);
	double dof = fmax(1.0, moments_effective_n(intervals) - 1.0);

	results_budget(r, "repeatability", square * (fmax(0.0, s.made) + s.noise) * sqrt(2.0 / dof), dof);
	results_budget(r, "noise", square * s.u, INFINITY);
	results_root(r, square * s.made, intervals->n, reason);
}

/* A second stroke that is none of the pen's shape, or that could not be fitted, may be a knock. */
static void doubt_doubles(const struct tally *t, char *reason)
{
	uint64_t strange = t->height.misfits + t->height.unfitted;

	if (t->rhythm.doubled > 0 && strange >= t->rhythm.doubled)
		doubt(reason, "strokes that came too soon may be knocks: %llu pulses do not have the pen's own shape",
		      (unsigned long long)strange);
}

void add_rate_details(struct result_list *list, const struct account *a, const struct reasons *why)
{
	const struct tally *t = a->tally;
	add_jitter(list, a, why);
	char counting[REASON_MAX];

	snprintf(counting, sizeof(counting), "%s", why->count);
	doubt_few(a, counting);
	doubt_noise(a, counting);
	doubt_doubles(t, counting);
	results_value(results_add(list, MEASURAND_MISSED_STROKES, ""), (double)(t->rhythm.missed + missed_at_edges(a)),
		      t->rhythm.strokes, counting);
	results_value(results_add(list, MEASURAND_DOUBLE_STROKES, ""), (double)t->rhythm.doubled, t->rhythm.strokes,
		      counting);
}
