/* What keeps a pen from running unwatched: heartbeats, watchdogs, and the one place that stops it and shows that it
 * stands still. Every road out of a step comes through safety_stop(). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/run/state.h"

#define STOP_RETRY_NS  (250 * NS_PER_MS) /* a stop that was not confirmed is sent again */
#define STOP_MARGIN_NS (200 * NS_PER_MS) /* of the verification's deadline, for transport and re-tries */
#define SICK_NS        (100 * NS_PER_MS) /* a channel that is not alive for so long under a running pen ends the point */
#define PENS_OWN                                                                                                       \
	(PEN_OVER_TEMPERATURE | PEN_UNDERVOLTAGE | PEN_STALL | PEN_REBOOTED) /* the rest is the bench's doing */
#define NO_SENSE_NS (1000 * NS_PER_MS) /* without an answer to a heartbeat that makes sense a pen is as good as gone   \
					*/
#define SLEPT_NS (50 * NS_PER_MS)      /* the process itself did not run for so long: what it missed is still queued */

enum watch_verdict safety_alive(const struct session *s)
{
	if (!s->streaming)
		return WATCH_NO_DATA;
	return watch_alive(&s->watch, loop_now_ns(s->loop), FRESH_NS);
}

enum watch_verdict safety_still(const struct session *s, double quiet_s)
{
	if (!s->streaming)
		return WATCH_NO_DATA;
	return watch_still(&s->watch, loop_now_ns(s->loop), FRESH_NS, quiet_s);
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
	if (s->deadman_expected)
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
		measuring_fault(s, text);
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

static void heartbeat(struct session *s, uint64_t now_ns)
{
	if (!s->armed || s->heartbeat_held || s->heartbeat.pending || s->pen.lost || now_ns < s->next_heartbeat_ns)
		return;
	uint64_t period_ns = s->bench->pen.heartbeat_ms * NS_PER_MS;
	s->next_heartbeat_ns = now_ns + period_ns;
	s->last_heartbeat_ns = now_ns;
	verb_begin(&s->heartbeat);
	s->pen.driver->pen->heartbeat(s->pen.device, heartbeat_done, s);
}

/* ---- watchdogs ------------------------------------------------------------------------------------------------- */

/* A pen that answers, but never with sense, could report anything and nobody would know. */
static void watch_pen(struct session *s, uint64_t now_ns)
{
	if (!s->armed || s->heartbeat_held || s->pen.lost)
		s->heard_ns = now_ns;
	if (now_ns - s->heard_ns <= NO_SENSE_NS)
		return;
	s->heard_ns = now_ns;
	session_lost(
		s,
		"the pen's answers to the heartbeat have made no sense for 1 s: check its cable and the baud rate in "
		"the bench file");
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
	struct measuring *at = &s->at;
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
	measuring_fault(s, text);
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
	s->stop.active = false;
	s->record->stop_verified = verified;
	if (text != s->record->stop_text)
		snprintf(s->record->stop_text, sizeof(s->record->stop_text), "%s", text);
	journal_text(s, "stop", "%s", text);
	if (!verified)
		session_say(s, text, true);
	s->stop.then(s, verified);
}

static bool pen_says_off(const struct session *s)
{
	return !s->stop.verb.pending && s->stop.verb.status == 0 && s->pen.ready && !s->pen.lost;
}

static void give_up_verifying(struct session *s, enum watch_verdict verdict)
{
	char text[sizeof(s->record->stop_text)];
	const char *pen = s->pen.lost       ? "the pen does not answer"
			  : pen_says_off(s) ? "the pen says that its motor is off"
					    : "the pen has not confirmed the stop";
	snprintf(text, sizeof(text), "STOP UNVERIFIED: %s; %s. Take the pen's power away before you touch it",
		 s->sensor.lost ? "the load sensor is gone" : watch_verdict_text(verdict), pen);
	stop_finished(s, false, text);
}

/* A pen that has not been told to run since its last proven stop needs no new proof; a sensor that is gone cannot give
 * one, so only the pen's word is waited for. */
static void verify_step(struct session *s, uint64_t now_ns)
{
	struct stopping *stop = &s->stop;
	if (now_ns >= stop->next_try_ns && !pen_says_off(s))
		send_stop(s, now_ns);
	bool told = pen_says_off(s) || s->pen.lost || !s->pen.ready;
	bool proven = !s->record->moved || s->record->stop_verified;
	if (told && proven) {
		stop_finished(s, true, s->record->moved ? s->record->stop_text : "the pen was never told to run");
		return;
	}
	enum watch_verdict verdict = safety_still(s, stop->quiet_s);
	double seen_s = s->streaming ? (double)(s->watch.next_index - stop->first_index) / s->fs_hz : 0;
	if (told && verdict == WATCH_OK && seen_s >= stop->quiet_s) {
		char text[160];
		snprintf(text, sizeof(text), "stopped: no stroke for %.2f s with a live load signal%s", stop->quiet_s,
			 s->pen.lost ? ", though the pen itself is gone" : "");
		stop_finished(s, true, text);
		return;
	}
	bool blind = s->sensor.lost && told && !s->pen.lost && now_ns >= stop->coasted_ns;
	if (now_ns >= stop->deadline_ns || blind)
		give_up_verifying(s, verdict);
}

static double quiet_needed_s(const struct session *s)
{
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
	s->stop.ordered_ns = now_ns;
	s->stop.quiet_s = quiet_needed_s(s);
	s->stop.first_index = s->watch.next_index;
	s->stop.verb = (struct verb){.status = -EAGAIN};
	s->stop.coasted_ns = now_ns + (uint64_t)(s->bench->pen.coast_down_max_s * 1e9);
	/* Without its link the pen runs until its dead-man trips, counted from the last heartbeat. */
	uint64_t alone_ns = s->armed ? s->bench->pen.deadman_ms * NS_PER_MS : 0;
	s->stop.deadline_ns = now_ns + alone_ns + (uint64_t)((s->bench->pen.coast_down_max_s + s->stop.quiet_s) * 1e9) +
			      STOP_MARGIN_NS;
	send_stop(s, now_ns);
	session_go(s, s->ending ? STAGE_SAVING : STAGE_STOPPING, verify_step);
}
