/* What keeps a pen from running unwatched: heartbeats, watchdogs, and the one place that stops it and shows that it
 * stands still. Every road out of a step comes through safety_stop(). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/session/state.h"

#define STOP_RETRY_NS  (250 * NS_PER_MS) /* a stop that was not confirmed is sent again */
#define STOP_MARGIN_NS (200 * NS_PER_MS) /* of the verification's deadline, for transport and re-tries */
#define SICK_NS        (100 * NS_PER_MS) /* a channel that is not alive for so long under a running pen ends the point */
#define PENS_OWN                                                                                                       \
	(PEN_OVER_TEMPERATURE | PEN_UNDERVOLTAGE | PEN_STALL | PEN_REBOOTED) /* the rest is the bench's doing */
#define BAR_TELLS_MM 0.05 /* a stroke in two seconds moves the bar by more within 20 ms, but for its ends */
#define NO_SENSE_NS  (500 * NS_PER_MS) /* without a sensible answer to a heartbeat a pen is as good as gone */
#define SLEPT_NS     (50 * NS_PER_MS)  /* the process itself did not run for so long: what it missed is still queued */

enum watch_verdict safety_alive(const struct session *s)
{
	if (!s->streaming)
		return WATCH_NO_DATA;
	uint64_t now_ns = loop_now_ns(s->loop);
	enum watch_verdict verdict = watch_alive(&s->watch, now_ns, FRESH_NS);
	return s->free && verdict == WATCH_OK ? watch_alive(&s->bar, now_ns, FRESH_NS) : verdict;
}

/* With a phantom the force proves it, and a needle bar that is seen to move disproves it; without one both must be
 * alive and still. */
enum watch_verdict safety_still(const struct session *s, double quiet_s)
{
	if (!s->streaming)
		return WATCH_NO_DATA;
	uint64_t now_ns = loop_now_ns(s->loop);
	enum watch_verdict force = watch_still(&s->watch, now_ns, FRESH_NS, quiet_s);
	if (!s->has_bar || force != WATCH_OK)
		return force;
	enum watch_verdict bar = watch_still(&s->bar, now_ns, FRESH_NS, quiet_s);
	return s->free || bar == WATCH_MOVING ? bar : WATCH_OK;
}

void safety_free(struct session *s, bool free)
{
	s->free = free;
	s->watch.config.preload_lo_n = free ? -INFINITY : s->bench->sensor.preload_lo_n;
	s->watch.config.preload_hi_n = free ? INFINITY : s->bench->sensor.preload_hi_n;
}

bool safety_hopeless(enum watch_verdict verdict, uint64_t waited_ns)
{
	bool may_settle = verdict == WATCH_PRELOAD || verdict == WATCH_MOVING;
	return waited_ns > (may_settle ? INTERLOCK_TIMEOUT_NS : INTERLOCK_SICK_NS);
}

/* ---- heartbeat ------------------------------------------------------------------------------------------------- */

static const struct {
	uint32_t bit;
	const char *text;
} conditions[] = {
	{PEN_OVER_TEMPERATURE, "over-temperature"},
	{PEN_UNDERVOLTAGE, "undervoltage"},
	{PEN_STALL, "motor stall"},
	{PEN_DEADMAN_TRIPPED, "dead-man tripped"},
	{PEN_CARTRIDGE_MISSING, "cartridge missing"},
	{PEN_REBOOTED, "restarted by itself"},
};

static void condition_text(uint32_t condition, char *ret, size_t size)
{
	size_t n = (size_t)snprintf(ret, size, "the pen reports");
	for (unsigned i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++)
		if ((condition & conditions[i].bit) && n < size)
			n += (size_t)snprintf(ret + n, size - n, " %s", conditions[i].text);
}

static void judge_heartbeat(struct session *s)
{
	uint32_t condition = s->telemetry.condition;
	if (s->deadman_expected || !s->should_run) /* the trip stays latched until the next start */
		condition &= ~(uint32_t)PEN_DEADMAN_TRIPPED;
	bool dropped = s->should_run && !s->telemetry.running;
	if (!condition && !dropped) {
		s->odd_heartbeats = 0;
		return;
	}
	/* Text has no checksum: what is odd is asked twice, at once, before it counts. */
	if (++s->odd_heartbeats < 2) {
		s->next_heartbeat_ns = loop_now_ns(s->loop);
		return;
	}
	char text[120] = "the pen switched its motor off by itself";
	if (condition)
		condition_text(condition, text, sizeof(text));
	if (condition & ~(uint32_t)PENS_OWN && !(condition & PENS_OWN))
		attempt_fault(s, text);
	else
		session_condition(s, condition ? condition : PEN_STALL, text);
}

static void heartbeat_done(void *ctx, int status, const struct err *err)
{
	struct session *s = ctx;
	s->heartbeat.pending = false;
	if (status == 0) {
		s->heard_ns = loop_now_ns(s->loop);
		judge_heartbeat(s);
	} else if (status != -ECANCELED)
		journal_text(s, "event", "heartbeat: %s", err ? err->text : strerror(-status));
}

/* This process did not run, or the line was blocked, for longer than the pen waits: it may have stopped, and for no
 * fault of its own. What was measured meanwhile is still queued and would be taken for its doing. */
static void watch_starvation(struct session *s, uint64_t now_ns)
{
	if (!s->armed || s->heartbeat_held || !s->should_run ||
	    now_ns - s->last_heartbeat_ns < s->bench->pen.deadman_ms * NS_PER_MS)
		return;
	char text[120];
	snprintf(text, sizeof(text), "no heartbeat left this computer for %.2f s, longer than the pen's dead-man waits",
		 (double)(now_ns - s->last_heartbeat_ns) * 1e-9);
	attempt_fault(s, text);
}

static void heartbeat(struct session *s, uint64_t now_ns)
{
	if (!s->armed || s->heartbeat_held || s->heartbeat.pending || s->pen.lost || s->senseless ||
	    now_ns < s->next_heartbeat_ns)
		return;
	uint64_t period_ns = s->bench->pen.heartbeat_ms * NS_PER_MS;
	s->next_heartbeat_ns = now_ns + period_ns;
	s->last_heartbeat_ns = now_ns;
	verb_begin(&s->heartbeat);
	s->pen.driver->pen->heartbeat(s->pen.device, heartbeat_done, s);
}

/* ---- watchdogs ------------------------------------------------------------------------------------------------- */

/* A pen that answers, but never with sense, could report anything and nobody would know; one that falls silent shows
 * here or to its driver first. */
static void watch_pen(struct session *s, uint64_t now_ns)
{
	if (!s->armed || s->heartbeat_held || s->pen.lost)
		s->heard_ns = now_ns;
	if (s->senseless || now_ns - s->heard_ns <= NO_SENSE_NS)
		return;
	s->senseless = true; /* now its dead-man stops it, should it not hear the order */
	session_lost(
		s,
		"the pen has not answered its heartbeat with sense for 0.5 s: check its cable and the baud rate in the "
		"bench file");
}

static void sensor_silent(struct session *s)
{
	s->streaming = false;
	s->sensor.lost = true;
	s->sensor.status = -ETIMEDOUT;
	err_set(&s->sensor.err, -ETIMEDOUT, "no sample for %llu ms",
		(unsigned long long)(SENSOR_SILENT_NS / NS_PER_MS));
	session_lost(s, "the load sensor is silent: no sample for 300 ms");
}

/* Under a running pen the channel must stay alive; its seating force cannot be seen then. */
static void watch_channel(struct session *s, uint64_t now_ns)
{
	struct attempt *at = &s->at;
	enum watch_verdict verdict = s->should_run ? safety_alive(s) : WATCH_OK;
	if (verdict == WATCH_OK || verdict == WATCH_PRELOAD || verdict == WATCH_MOVING) {
		at->sick_since_ns = 0;
		return;
	}
	if (!at->sick_since_ns)
		at->sick_since_ns = now_ns;
	if (now_ns - at->sick_since_ns < SICK_NS)
		return;
	char text[160];
	snprintf(text, sizeof(text), "load sensor while the pen ran: %s", watch_verdict_text(verdict));
	attempt_fault(s, text);
}

static void read_telemetry(struct session *s, uint64_t now_ns)
{
	if (!s->should_run || now_ns < s->at.next_telemetry_ns)
		return;
	s->at.next_telemetry_ns = now_ns + TELEMETRY_NS;
	s->pen.driver->pen->telemetry(s->pen.device, NULL, NULL);
}

static void watch_storage(struct session *s)
{
	uint64_t lost = 0;
	struct err err;
	if (!s->runfile || s->ending)
		return;
	int status = runfile_status(s->runfile, &lost, &err);
	if (status)
		session_end(s, RUN_STORAGE_FAILED, err.text);
	else if (lost)
		session_end(s, RUN_STORAGE_FAILED,
			    "the disk stalled for longer than the buffer holds: raw samples were lost");
}

void safety_tick(struct session *s, uint64_t now_ns)
{
	if (now_ns - s->last_tick_ns > SLEPT_NS)
		s->grace_until_ns = now_ns + SENSOR_SILENT_NS;
	s->last_tick_ns = now_ns;
	watch_starvation(s, now_ns);
	heartbeat(s, now_ns);
	read_telemetry(s, now_ns);
	watch_storage(s);
	if (now_ns < s->grace_until_ns)
		return;
	watch_pen(s, now_ns);
	if (s->streaming && now_ns - s->watch.last_host_ns > SENSOR_SILENT_NS)
		sensor_silent(s);
	else if (s->streaming)
		watch_channel(s, now_ns);
}

/* ---- run --------------------------------------------------------------------------------------------------------- */

void safety_run(struct session *s, const char *what, bool deadman_expected)
{
	s->record->moved = true;
	s->record->stop_verified = false;
	s->stop.answered = false;
	s->stop.proven_s = 0;
	s->stop.run_index = s->watch.next_index;
	s->stop.bar_run_index = s->bar.next_index;
	s->stop.run_ns = loop_now_ns(s->loop);
	s->should_run = true;
	s->odd_heartbeats = 0;
	s->deadman_expected = deadman_expected;
	s->telemetry.running = true; /* until a reply says otherwise */
	journal_text(s, "command", "%s", what);
	verb_begin(&s->verb);
	s->pen.driver->pen->run(s->pen.device, verb_done, &s->verb);
}

/* ---- stop and verify ------------------------------------------------------------------------------------------- */

static void send_stop(struct session *s, uint64_t now_ns)
{
	s->stop.next_try_ns = now_ns + STOP_RETRY_NS;
	if (s->stop.verb.pending || s->pen.lost || !s->pen.device || !s->pen.ready)
		return;
	verb_begin(&s->stop.verb);
	s->pen.driver->pen->stop(s->pen.device, verb_done, &s->stop.verb);
}

static void stop_finished(struct session *s, bool verified, const char *text)
{
	bool news = text != s->record->stop_text;
	s->stop.active = false;
	s->stop.answered = true;
	s->record->stop_verified = verified;
	s->stop.proven_s = verified ? fmax(s->stop.proven_s, s->stop.quiet_s) : 0;
	if (news)
		snprintf(s->record->stop_text, sizeof(s->record->stop_text), "%s", text);
	journal_text(s, "stop", "%s", text);
	if (news && !verified) {
		char shout[sizeof(s->record->stop_text) + 32];
		snprintf(shout, sizeof(shout), "STOP UNVERIFIED: %s", text);
		session_say(s, shout, true);
	}
	s->stop.then(s, verified);
}

static bool pen_says_off(const struct session *s)
{
	return !s->stop.verb.pending && s->stop.verb.status == 0 && s->pen.ready && !s->pen.lost;
}

/* A signal that never showed the pen run cannot show that it stands still: the needles may strike the air. Too short a
 * run shows no stroke; then the pen's own word must do. */
static bool signal_proves(const struct session *s, uint64_t now_ns)
{
	if (s->watch.last_motion > s->stop.run_index || (s->has_bar && s->bar.last_motion > s->stop.bar_run_index))
		return true;
	return pen_says_off(s) && now_ns - s->stop.run_ns < (uint64_t)(2 * VERIFY_MIN_S * 1e9);
}

static void give_up_verifying(struct session *s, enum watch_verdict verdict)
{
	char text[sizeof(s->record->stop_text)];
	const char *pen = s->pen.lost       ? "the pen does not answer"
			  : pen_says_off(s) ? "the pen says that its motor is off"
					    : "the pen has not confirmed the stop";
	const char *signal = s->sensor.lost ? "the load sensor is gone"
			     : verdict == WATCH_OK
				     ? "the load signal did not show the pen run, so it cannot show it stop"
				     : watch_verdict_text(verdict);
	snprintf(text, sizeof(text), "%s; %s. Take the pen's power away before you touch it", signal, pen);
	stop_finished(s, false, text);
}

static enum watch_verdict proven_still(const struct session *s, double quiet_s)
{
	enum watch_verdict verdict = safety_still(s, quiet_s);
	if (verdict != WATCH_OK || quiet_s < VERIFY_END_S)
		return verdict;
	return watch_steady(&s->watch, loop_now_ns(s->loop), FRESH_NS, quiet_s);
}

/* A pen that has not run since the last answer needs no new one; a sensor that is gone cannot give one, so only the
 * pen's word is waited for, and the time that its needles may run on. */
static void verify_step(struct session *s, uint64_t now_ns)
{
	struct stopping *stop = &s->stop;
	if (now_ns >= stop->next_try_ns && !pen_says_off(s))
		send_stop(s, now_ns);
	bool told = pen_says_off(s) || s->pen.lost || s->senseless || !s->pen.ready;
	if (!s->record->moved && safety_still(s, INTERLOCK_QUIET_S) == WATCH_MOVING)
		s->record->moved = true; /* whoever told it */
	if (told && !s->record->moved) {
		stop_finished(s, true, "the pen was never told to run");
		return;
	}
	if (told && stop->answered && (!s->record->stop_verified || stop->proven_s >= stop->quiet_s)) {
		stop_finished(s, s->record->stop_verified, s->record->stop_text);
		return;
	}
	enum watch_verdict verdict = proven_still(s, stop->quiet_s);
	double seen_s = s->streaming ? (double)(s->watch.next_index - stop->first_index) / s->fs_hz : 0;
	bool quiet = told && verdict == WATCH_OK && seen_s >= stop->quiet_s, proven = signal_proves(s, now_ns);
	if (quiet && proven) {
		char text[160];
		snprintf(text, sizeof(text), "stopped: no stroke for %.2f s with a live %s signal%s", stop->quiet_s,
			 s->free ? "displacement" : "load",
			 s->pen.lost    ? ", though the pen itself is gone"
			 : s->senseless ? ", though the pen itself makes no sense"
					: "");
		stop_finished(s, true, text);
		return;
	}
	/* A pen that confirmed has only its coast-down to do; without its link it runs until its dead-man trips. */
	uint64_t due_ns = stop->coasted_ns + (s->sensor.lost ? 0 : (uint64_t)(stop->quiet_s * 1e9) + STOP_MARGIN_NS);
	bool in_vain = quiet && pen_says_off(s) && now_ns >= stop->coasted_ns; /* nothing more will show */
	if (in_vain || now_ns >= (pen_says_off(s) ? due_ns : due_ns + stop->alone_ns))
		give_up_verifying(s, verdict);
}

/* A bar that creeps is seen to do so at once, in any third of a second; strokes of force come when they come. A run
 * that did not complete is no pass anyway, and ends soon. */
static bool only_force_tells(const struct session *s)
{
	bool bar_tells = s->has_bar && s->bar.config.still_n <= BAR_TELLS_MM &&
			 watch_alive(&s->bar, loop_now_ns(s->loop), FRESH_NS) == WATCH_OK;
	return !bar_tells;
}

static double quiet_needed_s(const struct session *s)
{
	bool complete = s->ending && s->record->run_status == RUN_COMPLETE && !s->record->status_reason[0];
	if (complete && only_force_tells(s))
		return VERIFY_END_S;
	bool done = s->at.next >= s->config.point_count;
	double rate_hz = done ? 0 : s->config.points[s->at.next].rate_hz;
	double quiet_s = rate_hz > 0 ? VERIFY_STROKES / rate_hz : VERIFY_MIN_S;
	return quiet_s > VERIFY_MIN_S ? quiet_s : VERIFY_MIN_S;
}

void safety_stop(struct session *s, const char *why, void (*then)(struct session *s, bool verified))
{
	uint64_t now_ns = loop_now_ns(s->loop);
	s->stop.then = then;
	if (s->stop.active)
		return;
	journal_text(s, "command", "stop: %s", why);
	s->should_run = false;
	s->stop.active = true;
	s->stop.quiet_s = quiet_needed_s(s);
	if (!s->stop.answered) /* else nothing has run since the order that was given then */
		s->stop.first_index = s->watch.next_index;
	s->stop.verb = (struct verb){.status = -EAGAIN};
	s->stop.coasted_ns = now_ns + (uint64_t)(s->bench->pen.coast_down_max_s * 1e9);
	s->stop.alone_ns = s->armed ? s->bench->pen.deadman_ms * NS_PER_MS : 0;
	send_stop(s, now_ns);
	session_go(s, s->ending ? STAGE_SAVING : STAGE_STOPPING, verify_step);
}

void safety_abandon(struct session *s, const char *why)
{
	char text[sizeof(s->record->stop_text)];
	if (!s->stop.active)
		return;
	if (!s->record->moved) {
		stop_finished(s, true, "the pen was never told to run");
	} else if (s->stop.answered) {
		stop_finished(s, s->record->stop_verified, s->record->stop_text);
	} else {
		snprintf(text, sizeof(text),
			 "%.80s; the pen was ordered to stop and nothing shows that it did. Take the pen's power away "
			 "before you touch it",
			 why);
		stop_finished(s, false, text);
	}
}
