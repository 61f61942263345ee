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

/* Square of what the last interval is off the others' mean: all that few of them tell is seen in it, too. */
static double last_off2(const struct rhythm *r)
{
	return pow(r->last.length - r->interval.mean, 2.0);
}

/* Variance of the intervals as seen, with the last one. NaN where fewer than two are. */
static double all_intervals(const struct rhythm *r)
{
	double n = (double)r->interval.n;

	return (r->interval.m2 + last_off2(r) * n / (n + 1.0)) / n;
}

/* Where intervals resemble their neighbours (a speed that wanders slowly), there are fewer of them than it seems. */
double nominal_period(const struct account *a, double *ret_u)
{
	const struct tally *t = a->tally;
	double period = ticks_period(&t->rhythm.ticks, ret_u);

	if (!isfinite(period)) {
		double noise = 2.0 * fmax(interval_scatter_of(a).instant, 1e-8);

		*ret_u = sqrt(noise + all_intervals(&t->rhythm));
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

#define AFTER_MOST                                                                                                     \
	0.5           /* of a period: a stroke that comes by more later, or sooner, does not follow the one before it */
#define AFTER_SDS 3.0 /* of intervals: the same, where nothing tells by how much that moves the stroke */
#define NEXT_MOST 2.0 /* of a period: what a speed that bends makes of a stroke that never comes */

/* A stroke behind the one at `at` would have been seen, had it come in time. Else the samples end: of the pen nothing is known. */
static bool was_due(const struct account *a, double at)
{
	return axis_local(a->axis, (int64_t)a->end_index) > at + (1.0 + AFTER_MOST) * a->tally->rhythm.local_period;
}

static bool last_is_followed(const struct account *a)
{
	const struct rhythm *r = &a->tally->rhythm;
	double change = fabs(r->after[0] - r->last_at - r->local_period);
	bool told = a->observed->noise.speed.n >= 1.0;

	return change <= AFTER_MOST * r->local_period && (told || change <= AFTER_SDS * moments_sd(&r->interval));
}

/* The stroke by which the window's rate ends: the last one, unless none follows it in time. What moved that one, nothing tells. */
static struct rhythm_end rate_end(const struct account *a)
{
	const struct rhythm *r = &a->tally->rhythm;
	bool alone = was_due(a, r->last_at) && !last_is_followed(a);

	return alone && r->interval.n >= 2 ? r->before : tally_last(a->tally);
}

static bool ends_early(const struct account *a, const struct rhythm_end *end)
{
	return end->intervals < tally_last(a->tally).intervals;
}

/* By what the interval behind the end is longer than the period, and by what the next one is longer than that, as far as a pulse
 * before it shows that: samples. */
static void behind_end(const struct account *a, const struct rhythm_end *end, double period, double *ret_now,
		       double *ret_next)
{
	const struct rhythm *r = &a->tally->rhythm;
	const double at[] = {r->last_at, r->after[0], r->after[1]}, *behind = at + !ends_early(a, end);
	double most = AFTER_MOST * period, next = behind[1] - 2.0 * behind[0] + end->at;

	*ret_now = isnan(behind[0]) ? 0.0 : fmax(-most, fmin(most, behind[0] - end->at - period));
	*ret_next = !isnan(next)            ? next / (1.0 + fmax(-most, next) / (NEXT_MOST * period))
		    : was_due(a, behind[0]) ? NEXT_MOST * period
					    : 0.0;
}

/* Square of the shift of the end by what the pen does behind it: by the change of the interval at that stroke, and by the change at
 * the next one, as far as a speed that bends from stroke to stroke begins to change with it. */
static double end_shift2(const struct account *a, const struct rhythm_end *end, double shift2, double scatter)
{
	double period = tally_period(a->tally), now, next;

	behind_end(a, end, period, &now, &next);

	double bends = CHECK_COVERS * speed_change_next(&a->observed->noise.speed, period) * next;

	return shift2 * fmax(2.0 * scatter, now * now) + bends * bends;
}

#define TELL_SCATTER                                                                                                   \
	4 /* intervals; fewer are alike by chance, and a pen that goes on then looks like one that does not */

/* Variance of what the window's last interval makes of its mean one, where it is left out. */
static double left_out(const struct account *a, const struct rhythm_end *end, double scatter)
{
	const struct rhythm *r = &a->tally->rhythm;
	double told = scatter * (1.0 + 1.0 / (double)end->intervals);

	if (!ends_early(a, end))
		return 0.0;
	return r->interval.n < TELL_SCATTER ? fmax(told, last_off2(r)) : told;
}

#define SURE_STROKES 26.0 /* three or four beyond those by which speed_change.c tells where a pen's speed changes */
#define GUESSED_DOF  2.0

/* Of few strokes the change of speed is itself a guess, and by chance a small one. */
static double ends_dof(const struct account *a, const struct rhythm_end *end)
{
	const struct rhythm *r = &a->tally->rhythm;
	double dof = (double)(ends_early(a, end) ? r->interval.n : r->strokes) - 1.0;

	return (double)r->strokes < SURE_STROKES ? fmin(GUESSED_DOF, dof) : dof;
}

struct rate_errors rate_errors_of(const struct account *a)
{
	struct rhythm_end end = rate_end(a);
	struct interval_scatter intervals = interval_scatter_of(a);
	double acting = a->stroke_noise->shares.instant, scatter = fmax(0.0, intervals.made);
	double shift2 = intervals.shift * intervals.shift + intervals.u_shift * intervals.u_shift;
	double besides = 2.0 * (intervals.baseline + intervals.coloured);
	double ends = shift2 * 2.0 * scatter + end_shift2(a, &end, shift2, scatter) + left_out(a, &end, scatter);

	return (struct rate_errors){.intervals = (double)end.intervals,
				    .period = (end.at - a->tally->rhythm.first_at) / (double)end.intervals,
				    .ends_dof = ends_dof(a, &end),
				    .noise = sqrt(fmax(acting * tally_ends_variance(a->tally, &end) + besides, 2e-8)),
				    .ends = sqrt(ends),
				    .unsure = unsure_intervals(a) / sqrt(3.0)};
}

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
	struct rate_errors errors = rate_errors_of(a);
	double rate = a->grid->fs_hz / errors.period, per_sample = rate / (errors.intervals * errors.period);
	double u_nominal, nominal_at = nominal_period(a, &u_nominal);

	timing_budget(realised, a, rate, per_sample * errors.noise, n - 1.0);
	results_budget(realised, "ends", per_sample * errors.ends, errors.ends_dof);
	results_budget(realised, "strokes", rate * errors.unsure / errors.intervals, INFINITY);
	results_value(realised, rate, t->rhythm.strokes, why->rate);
	timing_budget(nominal, a, rate, rate * u_nominal / nominal_at, fmax(1.0, (double)t->rhythm.ticks.n - 2.0));
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
