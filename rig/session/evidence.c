/* See evidence.h. */
#include "rig/session/evidence.h"

#include <math.h>

#include "rig/base/loop.h"
#include "rig/config/takt.h"

#define FRESH_NS       (100 * NS_PER_MS)
#define SILENT_NS      (300 * NS_PER_MS)
#define FRESH_PERIODS  3
#define SILENT_PERIODS 6
#define STOP_MARGIN_NS (200 * NS_PER_MS) /* of the verification's deadline, for transport and re-tries */
#define CAUGHT_UP_NS   (30 * NS_PER_S)
#define LATENCY_NS     FRESH_NS          /* by which a sample may arrive later than it was taken */
#define STRUCK_NS      (150 * NS_PER_MS) /* between two strokes of a pen that runs, and for what arrives late */
#define BAR_TELLS_MM   0.05 /* a stroke in two seconds moves the bar by more within 20 ms, but for its ends */

struct patience patience_of(double rate_hz)
{
	double period_ns = fmax((double)DRIVER_TICK_NS, 1e9 / rate_hz);
	return (struct patience){
		.fresh_ns = (uint64_t)fmax((double)FRESH_NS, FRESH_PERIODS * period_ns),
		.silent_ns = (uint64_t)fmax((double)SILENT_NS, SILENT_PERIODS * period_ns),
	};
}

/* ---- signals --------------------------------------------------------------------------------------------------- */

static enum watch_verdict alive(const struct watched *channel, uint64_t now_ns)
{
	return watch_alive(&channel->watch, now_ns, channel->patience.fresh_ns);
}

static enum watch_verdict still(const struct watched *channel, uint64_t now_ns, double quiet_s)
{
	return watch_still(&channel->watch, now_ns, channel->patience.fresh_ns, quiet_s);
}

enum watch_verdict signals_alive(const struct signals *signals, uint64_t now_ns)
{
	if (!signals->streaming)
		return WATCH_NO_DATA;
	enum watch_verdict verdict = alive(&signals->force, now_ns);
	return signals->free_run && verdict == WATCH_OK ? alive(&signals->bar, now_ns) : verdict;
}

enum watch_verdict signals_still(const struct signals *signals, uint64_t now_ns, double quiet_s)
{
	if (!signals->streaming)
		return WATCH_NO_DATA;
	enum watch_verdict force = still(&signals->force, now_ns, quiet_s);
	if (!signals->has_bar || force != WATCH_OK)
		return force;
	enum watch_verdict bar = still(&signals->bar, now_ns, quiet_s);
	return signals->free_run || bar == WATCH_MOVING ? bar : WATCH_OK;
}

double signals_quiet_s(const struct signals *signals)
{
	double force_s = watch_quiet_s(&signals->force.watch);

	return signals->has_bar ? fmin(force_s, watch_quiet_s(&signals->bar.watch)) : force_s;
}

static enum watch_verdict steady(const struct watched *channel, uint64_t now_ns, double quiet_s)
{
	return watch_steady(&channel->watch, now_ns, channel->patience.fresh_ns, quiet_s);
}

/* No bar shows slow motion: strokes of force come when they come, and the level between them must not shift either. */
static bool only_force_tells(const struct signals *signals, uint64_t now_ns)
{
	return !signals->has_bar || signals->bar.watch.config.still_n > BAR_TELLS_MM ||
	       alive(&signals->bar, now_ns) != WATCH_OK;
}

/* A bar must not have gone anywhere in all that time: what moves too slowly to swing moves all the same. Where the force
 * alone tells, its level must not have drifted: a whole stroke of the slowest creep goes through more than any relaxation. */
static enum watch_verdict proven_still(const struct signals *signals, uint64_t now_ns, double quiet_s)
{
	const struct watched *force = &signals->force;
	enum watch_verdict verdict = signals_still(signals, now_ns, quiet_s);
	if (verdict != WATCH_OK)
		return verdict;
	if (signals->has_bar && steady(&signals->bar, now_ns, quiet_s) == WATCH_MOVING)
		return WATCH_MOVING;
	if (!only_force_tells(signals, now_ns))
		return WATCH_OK;
	return watch_level(&force->watch, now_ns, force->patience.fresh_ns, quiet_s);
}

/* The last stop of a complete run: a bar that creeps at a stroke in twenty seconds has left its dead centre, about which
 * it keeps still for a while. Where only the force tells, needles in the air show nothing until they touch, so they are
 * waited for through a whole stroke of the slowest creep. */
double quiet_needed_s(double rate_hz, bool last, bool force_alone)
{
	if (last)
		return force_alone ? PROOF_ALONE_S : PROOF_END_S;
	return rate_hz > 0 ? fmax(PROOF_STROKES / rate_hz, PROOF_MIN_S) : PROOF_MIN_S;
}

static bool is_behind(const struct watched *channel)
{
	return channel->watch.behind_ns > channel->patience.fresh_ns;
}

bool signals_behind(const struct signals *signals)
{
	return signals->streaming && (is_behind(&signals->force) || (signals->has_bar && is_behind(&signals->bar)));
}

uint64_t signals_awaited_ns(const struct signals *signals, uint64_t since_ns)
{
	uint64_t latest_ns = since_ns + CAUGHT_UP_NS;
	uint64_t behind_ns = signals->behind_ns < latest_ns ? signals->behind_ns : latest_ns;
	return behind_ns > since_ns ? behind_ns : since_ns;
}

/* ---- the pen and its stop -------------------------------------------------------------------------------------- */

enum pen_word pen_word(const struct pen_known *pen)
{
	if (pen->lost)
		return PEN_IS_GONE;
	if (!pen->ready)
		return PEN_NEVER_CAME;
	if (pen->off)
		return pen->senseless ? PEN_IS_OFF_OR_SO : PEN_IS_OFF;
	if (pen->told)
		return PEN_WAS_TOLD;
	return pen->senseless ? PEN_MAKES_NO_SENSE : PEN_OWES_AN_ANSWER;
}

static bool is_off(enum pen_word word)
{
	return word == PEN_IS_OFF || word == PEN_IS_OFF_OR_SO;
}

/* A signal that never showed the pen run cannot show that it stands still: the needles may strike the air. Too short a
 * run shows no stroke; then the pen's own word must do. */
static bool signal_showed_it(const struct known *known, bool off, uint64_t now_ns)
{
	const struct signals *signals = &known->signals;
	if (signals->force.watch.last_motion > known->run.index ||
	    (signals->has_bar && signals->bar.watch.last_motion > known->run.bar_index))
		return true;
	return off && now_ns - known->run.ns < (uint64_t)(2 * PROOF_MIN_S * 1e9);
}

static bool seen_long_enough(const struct known *known, double quiet_s)
{
	const struct watch *force = &known->signals.force.watch;
	double seen_s = ((double)force->next_index - (double)known->order.first_index) / force->config.fs_hz;
	return known->signals.streaming && seen_s >= quiet_s;
}

/* A pen that confirmed has only its coast-down to do; one that does not hear, or does not obey, runs until its dead-man
 * trips. A sensor that
 * is gone shows nothing, so its time is not waited for. */
static bool is_overdue(const struct known *known, bool off, double quiet_s, uint64_t now_ns)
{
	const struct stop_order *order = &known->order;
	uint64_t due_ns = signals_awaited_ns(&known->signals, order->coasted_ns);
	due_ns += off && !known->pen.tripped ? 0 : order->alone_ns;
	if (!known->signals.lost)
		due_ns += (uint64_t)(quiet_s * 1e9) + STOP_MARGIN_NS;
	return now_ns >= due_ns;
}

static uint64_t taken_ns(const struct watch *watch, uint64_t index)
{
	double age_s = (double)(watch->next_index - index) / watch->config.fs_hz;
	return watch->last_host_ns - watch->behind_ns - (uint64_t)(age_s * 1e9);
}

/* Where the strokes of a stop's order show; NULL: moments say nothing, or there were none. */
static const struct watch *struck(const struct known *known)
{
	const struct signals *signals = &known->signals;
	const struct watch *watch = signals->free_run ? &signals->bar.watch : &signals->force.watch;
	return signals->streaming && !known->order.held_up && watch->strokes.last ? watch : NULL;
}

bool strikes_anew(const struct known *known)
{
	const struct watch *watch = struck(known);
	return watch && taken_ns(watch, watch->strokes.since) > known->order.ns;
}

bool strikes_past(const struct known *known, uint64_t until_ns)
{
	const struct watch *watch = struck(known);
	return watch && taken_ns(watch, watch->strokes.since) < known->order.ns &&
	       taken_ns(watch, watch->strokes.last) >= until_ns;
}

/* Where the dead-man could only trip after the pen said that it is off, its trip says that it was not. */
static bool tripped_on(const struct known *known)
{
	uint64_t trips_ns = known->order.trips_ns;
	return known->pen.tripped && trips_ns > known->pen.off_ns && strikes_past(known, trips_ns);
}

/* A drift past all coast-down is a push too slow to swing, and once it is over the needles may creep on through the air,
 * where no force shows them for longer than any proof lasts. */
static bool has_crept(const struct known *known, uint64_t now_ns)
{
	const struct watch *force = &known->signals.force.watch;
	return known->signals.streaming && !known->order.held_up && force->crept >= known->order.first_index &&
	       force->crept && only_force_tells(&known->signals, now_ns) &&
	       taken_ns(force, force->crept) > known->order.rests_ns + LATENCY_NS;
}

/* Anything, also what is no longer a stroke of a running motor. */
static bool moves_past(const struct known *known, uint64_t until_ns)
{
	const struct signals *signals = &known->signals;
	const struct watch *force = &signals->force.watch, *bar = &signals->bar.watch;

	return known->order.held_up || taken_ns(force, force->last_motion) >= until_ns ||
	       (signals->has_bar && taken_ns(bar, bar->last_motion) >= until_ns);
}

/* What ended the strokes of a pen that ran on in spite of its word may be an empty battery. Its dead-man did, if they
 * ended as it tripped. */
static bool deadman_ended_it(const struct known *known)
{
	const struct stop_order *order = &known->order;
	uint64_t coast_ns = order->coasted_ns - order->ns;

	return known->pen.tripped && !moves_past(known, order->trips_ns + coast_ns + LATENCY_NS);
}

/* Needles that struck until they were told to stop, and no longer than they take to come to rest, were stopped by that,
 * where nothing says so: a jam that came just then would be a great coincidence. What struck on first did not heed it.
 * Once that was seen, a hand at the bench is no stroke. */
static bool stopped_as_told(const struct known *known)
{
	const struct signals *signals = &known->signals;
	const struct watch *watch = signals->free_run ? &signals->bar.watch : &signals->force.watch;
	const struct stop_order *order = &known->order;

	return known->pen.told && signals->streaming && !order->held_up && watch->strokes.last &&
	       taken_ns(watch, watch->strokes.last) + STRUCK_NS >= order->first_ns &&
	       (known->answer.verified || !moves_past(known, order->rests_ns + LATENCY_NS));
}

/* Of a pen made of parts its power must be gone: needles that keep still may be a motor's that is jammed and goes on once it
 * comes free. Nothing has fed its supply's timer since the order. */
static bool has_no_power(const struct known *known, bool off, uint64_t now_ns)
{
	const struct stop_order *order = &known->order;

	if (!known->pen.of_parts)
		return !known->run.ran_on || deadman_ended_it(known);
	return (off && !known->run.ran_on) || stopped_as_told(known) ||
	       (order->alone_ns > 0 && now_ns >= order->ns + order->alone_ns + LATENCY_NS);
}

static uint32_t fact(bool holds, enum fact fact)
{
	return holds ? fact : 0;
}

struct evidence evidence_of(const struct known *known, uint64_t now_ns)
{
	const struct stop_answer *answer = &known->answer;
	double quiet_s = only_force_tells(&known->signals, now_ns) ? known->order.alone_s : known->order.quiet_s;
	struct evidence e = {.pen = pen_word(&known->pen),
			     .signal = proven_still(&known->signals, now_ns, quiet_s),
			     .quiet_s = quiet_s};
	bool off = is_off(e.pen);
	bool moves = signals_still(&known->signals, now_ns, INTERLOCK_QUIET_S) == WATCH_MOVING;
	bool crept = has_crept(known, now_ns);
	bool outran = known->pen.off_again && strikes_past(known, known->order.coasted_ns + LATENCY_NS);
	e.facts = fact(e.pen != PEN_OWES_AN_ANSWER, FACT_TOLD) | fact(off, FACT_OFF) |
		  fact(known->run.moved || moves, FACT_MOVED) | fact(answer->given, FACT_ANSWERED) |
		  fact(!answer->verified || (answer->proven_s >= quiet_s && !crept), FACT_LASTS) |
		  fact(e.signal == WATCH_OK, FACT_STILL) | fact(seen_long_enough(known, quiet_s), FACT_SEEN) |
		  fact(signal_showed_it(known, off, now_ns), FACT_SHOWN) |
		  fact(now_ns >= known->order.coasted_ns, FACT_COASTED) |
		  fact(is_overdue(known, off, quiet_s, now_ns), FACT_OVERDUE) |
		  fact(known->signals.lost, FACT_SENSOR_LOST) | fact(outran, FACT_OUTRAN) |
		  fact(tripped_on(known), FACT_TRIPPED) | fact(crept, FACT_CREPT) |
		  fact(has_no_power(known, off, now_ns), FACT_NO_POWER) | fact(known->run.ran_on, FACT_RAN_ON);
	return e;
}
