/* Why values may not be judged: each doubt says what was seen. */
#include "rig/measure/point/doubts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rig/measure/point/actual_rate.h"

#define SAMPLES_PER_STROKE_MIN 10.0
#define SAMPLES_PER_PULSE_MIN  10.0
#define DEPTH_STROKES_MIN      10
#define EDGE_PERIODS_MAX       3.0 /* without a stroke at an edge; more, and the strokes do not speak for the window */
#define NOISE_SHARE_MAX        0.5 /* of a stroke's rise: 0.6 of it is what a stroke is told by, (6) */
#define ALIGNED_SHARE          (1.0 / 12.0) /* of a stroke: further away the fitted third of it may miss the deepest point */

void doubt(char *reason, const char *format, ...)
{
	va_list args;

	if (reason[0])
		return;
	va_start(args, format);
	vsnprintf(reason, REASON_MAX, format, args);
	va_end(args);
}

static const char lack[] = "samples "; /* no other doubt begins so */

bool doubt_is_lack(const char *reason)
{
	return strncmp(reason, lack, sizeof(lack) - 1) == 0;
}

/* Of counts at rest. Without any, nothing is known to be chance. */
static double equal_share(const struct quality *rest)
{
	return rest->samples > 0 ? 1.0 - (double)rest->changes / (double)rest->samples : 1.0;
}

void doubt_channel(const struct account *a, enum point_phase phase, const char *where, char *reason)
{
	const struct quality *q = &a->quality[phase];

	if (q->saturated) /* which no sample that is missing explains */
		doubt(reason, "the force channel saturated or left its range in the %s", where);
	if (q->gap)
		doubt(reason, "%sare missing in the %s", lack, where);
	if (q->stuck)
		doubt(reason, "the force channel stood still (stuck) in the %s", where);
	if (repeated_is_sure(&q->repeated, &a->quality[POINT_TARE].repeated, equal_share(&a->quality[POINT_TARE])))
		doubt(reason, "the force channel repeats itself in the %s: samples are those of %.3g ms before", where,
		      1e3 * (double)q->repeated.lag / a->config->fs_hz);
}

void doubt_tare(const struct account *a, char *reason)
{
	const struct point_config *c = a->config;

	doubt_channel(a, POINT_TARE, "tare", reason);
	if (!axis_begun(a->axis, POINT_TARE) ||
	    (double)a->quality[POINT_TARE].samples < 0.999 * POINT_TARE_MIN_S * c->fs_hz)
		doubt(reason, "tare too short: %.3f s of at least %.1f s",
		      (double)a->quality[POINT_TARE].samples / c->fs_hz, POINT_TARE_MIN_S);
	if (c->preload_hi_n > c->preload_lo_n && a->tally->level.tare.n > 0 &&
	    !(a->tally->level.tare.mean >= c->preload_lo_n && a->tally->level.tare.mean <= c->preload_hi_n))
		doubt(reason, "seating force %.3g N outside its window of %.3g to %.3g N", a->tally->level.tare.mean,
		      c->preload_lo_n, c->preload_hi_n);
}

void doubt_rate(const struct account *a, char *reason)
{
	const struct point_config *c = a->config;
	double per_stroke = c->fs_hz / c->rate_set_hz, seen = tally_period(a->tally) * a->axis->decimation;

	if (a->quality[POINT_MEASURE].samples == 0)
		doubt(reason, "no samples in the measure window");
	doubt_channel(a, POINT_MEASURE, "measure window", reason);
	doubt_tare(a, reason);
	if (per_stroke < SAMPLES_PER_STROKE_MIN)
		doubt(reason, "under-sampled: %.2g samples per stroke at the commanded rate, at least 10 needed",
		      per_stroke);
	if (seen < SAMPLES_PER_STROKE_MIN)
		doubt(reason, "under-sampled: %.2g samples per stroke at the rate seen, at least 10 needed", seen);
	if (a->tally->candidates_lost)
		doubt(reason, "more pulses than any stroke rate explains");
}

void doubt_pulses(const struct account *a, char *reason)
{
	double width = (a->template->pulse.support_hi - a->template->pulse.support_lo) * a->axis->decimation;
	double scale = a->grid->fs_hz / a->config->rate_set_hz / a->template->period;

	if (!a->template->pulse.ready) {
		doubt(reason, "too few regular strokes to learn the pen's pulse from");
		return;
	}
	if (width * fmin(1.0, scale) < SAMPLES_PER_PULSE_MIN)
		doubt(reason, "under-sampled: %.2g samples per pulse, at least 10 needed", width * fmin(1.0, scale));
}

static void doubt_bandwidth(const struct point_config *c, char *reason)
{
	if (c->bandwidth_hz > 0.0 && c->bandwidth_hz < POINT_BANDWIDTH_PER_RATE * c->rate_set_hz)
		doubt(reason, "channel bandwidth of %.4g Hz is below 10 times the commanded rate of %.4g Hz",
		      c->bandwidth_hz, c->rate_set_hz);
}

static void doubt_range(const struct account *a, char *reason)
{
	const struct point_config *c = a->config;
	const struct tally *t = a->tally;
	double top = t->height.largest_n + (t->level.window_count ? tally_window_level(t) : 0.0);

	if (c->force_hi_n > c->force_lo_n && top > c->force_hi_n)
		doubt(reason, "peak force %.4g N above the sensor's calibrated %.4g N", top, c->force_hi_n);
}

void doubt_depth(const struct account *a, char *reason)
{
	const struct point_config *c = a->config;
	const struct tally *t = a->tally;
	double rate = a->grid->fs_hz / tally_period(t);

	if (t->height.seen.n < DEPTH_STROKES_MIN)
		doubt(reason, "too few strokes for a depth: %llu of at least %d", (unsigned long long)t->height.seen.n,
		      DEPTH_STROKES_MIN);
	doubt_pulses(a, reason);
	doubt_bandwidth(c, reason);
	if (!actual_rate_covered(a))
		doubt(reason, "stroke rate %.4g Hz is too far from the %.4g Hz that the curve is for", rate,
		      c->rate_set_hz);
	doubt_range(a, reason);
	if (t->depth.out_of_curve > 0)
		doubt(reason, "%llu strokes outside the calibrated range of the curve",
		      (unsigned long long)t->depth.out_of_curve);
}

/* Where nothing strikes, nothing is missing, nothing comes twice and everything stands still at once. */
void doubt_few(const struct account *a, char *reason)
{
	if (a->tally->rhythm.strokes < RATE_STROKES_MIN)
		doubt(reason, "%llu strokes seen in the measure window, at least %d needed",
		      (unsigned long long)a->tally->rhythm.strokes, RATE_STROKES_MIN);
}

void doubt_noise(const struct account *a, char *reason)
{
	if (a->tare_swing_n > NOISE_SHARE_MAX * a->swing_n)
		doubt(reason, "noise moves the force in the tare by %.2g N, more than half of a stroke's %.2g N",
		      a->tare_swing_n, a->swing_n);
}

/* Periods of the measure window before its first stroke and after its last one. */
void window_edges(const struct account *a, double *ret_before, double *ret_after)
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

void doubt_edges(const struct account *a, char *reason)
{
	double before, after;

	window_edges(a, &before, &after);
	if (fmax(before, after) > EDGE_PERIODS_MAX)
		doubt(reason, "no strokes in the %s %.3g s of the measure window", before > after ? "first" : "last",
		      fmax(before, after) * a->tally->rhythm.local_period / a->grid->fs_hz);
}

void doubt_holes(const struct account *a, char *reason)
{
	const struct rhythm *r = &a->tally->rhythm;

	if (r->longest > EDGE_PERIODS_MAX + 1.0)
		doubt(reason, "no strokes for %.3g s within the measure window",
		      r->longest * r->local_period / a->grid->fs_hz);
}

static void doubt_other_bar(const struct account *a, char *reason)
{
	const struct point_config *c = a->config;
	double u_s = c->u.alignment_s;

	if (!(c->bar_rate_hz > 0.0))
		return;
	if (a->quality[POINT_MEASURE].displacement_missing)
		doubt(reason, "%sof the displacement device are missing in the measure window", lack);
	if (c->bar_rate_hz < SAMPLES_PER_STROKE_MIN * c->rate_set_hz)
		doubt(reason,
		      "under-sampled: %.2g displacement samples per stroke at the commanded rate, at least 10 needed",
		      c->bar_rate_hz / c->rate_set_hz);
	if (!(u_s * c->rate_set_hz <= ALIGNED_SHARE))
		doubt(reason,
		      "force and displacement are aligned to %.2g ms only, a %.2g of a stroke: see \"latency_ms\"",
		      1e3 * u_s, u_s * c->rate_set_hz);
}

void doubt_displacement(const struct account *a, char *reason)
{
	const struct quality *q = &a->quality[POINT_MEASURE];

	if (a->config->displacement.position < 0)
		doubt(reason, "no displacement channel");
	else if (a->tally->protrusion.seen.n < DEPTH_STROKES_MIN)
		doubt(reason, "too few strokes for a depth");
	doubt_other_bar(a, reason);
	if (q->displacement_ended)
		doubt(reason, "the displacement channel stood at an end of its range in the measure window");
	if (q->displacement_stuck)
		doubt(reason, "the displacement channel stood still (stuck) in the measure window");
}

/* Of the pulse as a whole, not of its peak alone. */
void doubt_shape(const struct account *a, const char *force, char *reason)
{
	doubt(reason, "%s", force);
	doubt_few(a, reason);
	doubt_pulses(a, reason);
	doubt_bandwidth(a->config, reason);
	doubt_range(a, reason);
}
