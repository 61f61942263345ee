/* Results of single events: how long the pen takes to come to speed, and to stand. */
#include <math.h>
#include <stdio.h>

#include "rig/measure/point/summary_parts.h"

#define BAND  0.05
#define STAYS 5
#define SLACK 0.01 /* of the rate: instants of a pen that changes its speed are not known better */
#define SQRT3 1.7320508075688772

/* Intervals of the strokes up to the window's end, and one reading of them. */
struct spin_up {
	const double *at;
	unsigned strokes;
	double period, command; /* samples; absolute index */
	double band;
	bool filled; /* an interval of several periods holds strokes that were not seen */
};

static double rate_of(const struct spin_up *s, unsigned i)
{
	double periods = (s->at[i + 1] - s->at[i]) / s->period;

	return (s->filled && periods > 1.5 ? round(periods) : 1.0) / periods;
}

static bool stays(const struct spin_up *s, unsigned from)
{
	for (unsigned k = from; k < from + STAYS; k++) {
		if (!(fabs(rate_of(s, k) - 1.0) <= s->band))
			return false;
	}
	return true;
}

static double middle_of(const struct spin_up *s, unsigned i)
{
	return 0.5 * (s->at[i] + s->at[i + 1]);
}

/* Between two intervals the rate is taken as a straight line over their middles. */
static double crossing(const struct spin_up *s, unsigned i)
{
	double before = rate_of(s, i - 1), rate = rate_of(s, i), edge = before > 1.0 ? 1.0 + s->band : 1.0 - s->band;
	double share = (edge - before) / (rate - before), from = middle_of(s, i - 1), to = middle_of(s, i);

	return share >= 0.0 && share <= 1.0 ? from + share * (to - from) : to;
}

/* Where the band is entered, from where STAYS intervals in a row run within; NaN: nowhere. */
static double entered(const struct spin_up *s)
{
	for (unsigned i = 0; i + STAYS < s->strokes; i++) {
		if (stays(s, i))
			return i == 0 ? s->at[0] : crossing(s, i);
	}
	return NAN;
}

/* How far off the moment may be: where the band is a little wider or narrower, where strokes were not seen, and where
 * the first one that was seen runs at speed, so that what came before it is not known. */
static double entry_worst(const struct spin_up *s, double at)
{
	struct spin_up other = *s;
	double worst = at == s->at[0] ? at - s->command : 0.0;

	for (unsigned k = 0; k < 6; k++) {
		other.band = BAND + (double)(k % 3) * SLACK - SLACK;
		other.filled = k >= 3;
		double then = entered(&other);

		worst = fmax(worst, fabs((isfinite(then) ? then : s->at[s->strokes - 1]) - at));
	}
	return worst;
}

static struct spin_up spin_up_of(const struct account *a)
{
	return (struct spin_up){.at = a->tally->spin_up,
				.strokes = a->tally->spin_ups,
				.period = tally_period(a->tally) * a->axis->decimation,
				.command = a->command[POINT_SPIN_UP],
				.band = BAND};
}

static void add_spin_up(struct result_list *list, const struct account *a, const char *event)
{
	double fs = a->config->fs_hz;
	struct spin_up s = spin_up_of(a);
	struct result *r = results_add(list, MEASURAND_SPIN_UP, "");
	char reason[REASON_MAX] = "";

	snprintf(reason, sizeof(reason), "%s", event);
	doubt_channel(a, POINT_SPIN_UP, "spin-up", reason);
	if (!isfinite(s.command)) {
		results_none(r, "no start command on the sample axis");
		return;
	}

	double at = isfinite(s.period) ? entered(&s) : NAN;

	if (!isfinite(at)) {
		results_none(r, "no stretch of strokes within 5 % of the final rate");
		return;
	}
	results_budget(r, "resolution", 0.5 * s.period / fs / SQRT3, INFINITY);
	results_budget(r, "entry", entry_worst(&s, at) / fs / SQRT3, INFINITY);
	results_budget(r, "clock", EVENT_CLOCK_S, INFINITY);
	results_value(r, (at - s.command) / fs, s.strokes, reason);
}

/* Stillness was proven before the rest began; a motor that creeps on strikes again in it. */
static void doubt_rest(const struct account *a, char *reason)
{
	int64_t rest = a->axis->phase_start[POINT_REST];

	if (axis_begun(a->axis, POINT_REST) && a->tally->coast_last >= (double)rest)
		doubt(reason, "a stroke %.2g s after the stop, when the pen had been seen to stand: it may creep on",
		      (a->tally->coast_last - a->command[POINT_COAST]) / a->config->fs_hz);
}

/* From the last full stroke of the coast to the last one of any height, samples. */
static double last_strokes(const struct account *a)
{
	const struct tally *t = a->tally;
	double command = a->command[POINT_COAST], last = isfinite(t->coast_last) ? t->coast_last : command;

	return last - (isfinite(t->coast_full) ? t->coast_full : command);
}

static void add_coast_down(struct result_list *list, const struct account *a, const char *event)
{
	const struct tally *t = a->tally;
	double fs = a->config->fs_hz, command = a->command[POINT_COAST];
	struct result *r = results_add(list, MEASURAND_COAST_DOWN, "");
	char reason[REASON_MAX] = "";

	snprintf(reason, sizeof(reason), "%s", event);
	doubt_channel(a, POINT_COAST, "coast-down", reason);
	doubt_few(a, reason);
	if (!isfinite(command)) {
		results_none(r, "no stop command on the sample axis");
		return;
	}
	doubt_rest(a, reason);

	double last = isfinite(t->coast_last) ? t->coast_last : command;

	results_budget(r, "resolution", 1.0 / fs, INFINITY);
	results_budget(r, "last stroke", last_strokes(a) / fs / SQRT3, INFINITY);
	results_budget(r, "clock", EVENT_CLOCK_S, INFINITY);
	results_value(r, fmax(0.0, (last - command) / fs), 1, reason);
}

struct event_widths event_widths_of(const struct account *a)
{
	struct spin_up s = spin_up_of(a);
	double at = isfinite(s.command) && isfinite(s.period) ? entered(&s) : NAN, fs = a->config->fs_hz;

	return (struct event_widths){.entry_s = isfinite(at) ? entry_worst(&s, at) / fs : NAN,
				     .last_stroke_s = last_strokes(a) / fs};
}

void add_events(struct result_list *list, const struct account *a, const struct reasons *why)
{
	add_spin_up(list, a, why->event);
	add_coast_down(list, a, why->event);
}
