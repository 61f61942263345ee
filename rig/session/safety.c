/* What the session lends its guard, the pen's verbs, the clock and the run file; what it does at the guard's word; and
 * which channels are to be watched. Every road out of a step comes through session_stop(). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/session/rules.h"
#include "rig/session/state.h"

#define BAR_STILL_MM    0.01 /* a swing of the needle bar above this is motion: 20 ms of one stroke in ten seconds */
#define BAR_STILL_NOISE 10.0 /* and above so many times its noise */
#define BAR_UNSURE_MM   0.1  /* where the sensor does not tell its noise */
#define BAR_MIN_HZ      500  /* of a box: a slower one shows motion long after it ended, and aliases strokes */

/* ---- what the guard asks for ----------------------------------------------------------------------------------- */

static uint64_t host_now_ns(void *ctx)
{
	const struct session *s = ctx;
	return loop_now_ns(s->loop);
}

static void host_heartbeat(void *ctx, device_done_fn done, void *done_ctx)
{
	const struct session *s = ctx;
	s->pen->driver->pen->heartbeat(s->pen->device, done, done_ctx);
}

static void host_run(void *ctx, device_done_fn done, void *done_ctx)
{
	struct session *s = ctx;
	standby_beat(s, true);
	s->pen->driver->pen->run(s->pen->device, done, done_ctx);
}

static void host_stop(void *ctx, device_done_fn done, void *done_ctx)
{
	const struct session *s = ctx;
	s->pen->driver->pen->stop(s->pen->device, done, done_ctx);
}

static void host_telemetry(void *ctx)
{
	const struct session *s = ctx;
	s->pen->driver->pen->telemetry(s->pen->device, NULL, NULL);
}

static int host_storage(void *ctx, struct err *err)
{
	const struct session *s = ctx;
	uint64_t lost = 0;
	if (!s->runfile || s->ending.begun)
		return 0;
	int status = runfile_status(s->runfile, &lost, err);
	if (!status && lost)
		return err_set(err, -EIO, "the disk stalled for longer than the buffer holds: raw samples were lost");
	return status;
}

/* ---- what it tells --------------------------------------------------------------------------------------------- */

static void note_answer(struct session *s)
{
	struct record *r = s->record;
	const struct stop_answer *answer = guard_answer(s->guard);
	r->moved = guard_moved(s->guard);
	r->stop_verified = answer->verified;
	if (answer->given)
		snprintf(r->stop_text, sizeof(r->stop_text), "%s%s", answer->text, s->hands.off.came_of_it);
}

static void stopped(struct session *s, const struct guard_event *event)
{
	bool verified = guard_answer(s->guard)->verified;
	journal_text(s, "stop", "%s", event->text);
	if (event->news && !verified) {
		char shout[sizeof(s->record->stop_text) + 32];
		snprintf(shout, sizeof(shout), "STOP UNVERIFIED: %s", event->text);
		session_say(s, shout, true);
	}
	s->after_stop(s, verified);
}

static void lost(struct session *s, const struct guard_event *event)
{
	if (event->sensor)
		devices_silent(s, event->text);
	session_lost(s, event->text);
}

static void faulty(struct session *s, const struct guard_event *event)
{
	if (event->unmeasured)
		attempt_unmeasured(s, event->text);
	else
		attempt_fault(s, event->cause, event->text);
}

/* Whoever pressed may do so again: what a safety input ends, this ends. */
static void switched_on(struct session *s, const char *text)
{
	journal_text(s, "event", "%s", text);
	session_safety_stop(s, text);
}

static void on_event(void *ctx, const struct guard_event *event)
{
	struct session *s = ctx;
	note_answer(s);
	switch (event->kind) {
	case GUARD_ORDERED: journal_text(s, "command", "%s", event->text); break;
	case GUARD_NOTED: journal_text(s, "event", "%s", event->text); break;
	case GUARD_FAULT: faulty(s, event); break;
	case GUARD_CONDITION: session_condition(s, event->condition, event->text); break;
	case GUARD_LOST: lost(s, event); break;
	case GUARD_STORAGE: session_end(s, RUN_STORAGE_FAILED, event->text); break;
	case GUARD_SWITCHED_ON: switched_on(s, event->text); break;
	case GUARD_STOPPED: stopped(s, event); break;
	}
}

/* Of a pen made of parts, how slow what switches it is. Its driver is there: the bench was checked. */
static uint64_t slow_ns(const struct session *s)
{
	struct power_setup setup;
	struct err err;

	if (!s->bench->pen.power.present || bench_power_setup(s->bench, s->config.drivers, &setup, &err))
		return 0;
	return setup.driver->power->slow_ns;
}

int safety_new(struct session *s)
{
	static const struct guard_host host = {
		.now_ns = host_now_ns,
		.heartbeat = host_heartbeat,
		.run = host_run,
		.stop = host_stop,
		.telemetry = host_telemetry,
		.storage = host_storage,
		.event = on_event,
	};
	const struct guard_config config = {
		.host = &host,
		.ctx = s,
		.heartbeat_ms = s->bench->pen.heartbeat_ms,
		.deadman_ms = s->bench->pen.deadman_ms,
		.slow_ns = slow_ns(s),
		.of_parts = s->bench->pen.power.present,
		.coast_down_max_s = s->bench->pen.coast_down_max_s,
		.preload_lo_n = s->bench->sensor.preload_lo_n,
		.preload_hi_n = s->bench->sensor.preload_hi_n,
	};
	return guard_new(&config, &s->guard);
}

/* ---- which channels -------------------------------------------------------------------------------------------- */

static struct guard_channel force_channel(const struct session *s, const struct channel *force)
{
	const struct bench_sensor *bench = &s->bench->sensor;
	return (struct guard_channel){
		.patience = patience_of(force->rate_hz),
		.watch =
			{
				.fs_hz = force->rate_hz,
				.channel = s->estimator.force_scale,
				.preload_lo_n = bench->preload_lo_n,
				.preload_hi_n = bench->preload_hi_n,
				.still_n = bench->still_n,
			},
	};
}

/* A bench need not have calibrated it to show that something moves. */
static struct guard_channel bar_channel(const struct channel *bar)
{
	double noise_mm = bar->noise_rms;
	return (struct guard_channel){
		.patience = patience_of(bar->rate_hz),
		.watch =
			{
				.fs_hz = bar->rate_hz,
				.channel = channel_scale_of(bar),
				.preload_lo_n = -INFINITY,
				.preload_hi_n = INFINITY,
				.still_n =
					noise_mm > 0 ? fmax(BAR_STILL_MM, BAR_STILL_NOISE * noise_mm) : BAR_UNSURE_MM,
			},
	};
}

const struct channel *safety_bar(const struct session *s, unsigned *ret_device)
{
	const struct channel *bar = estimator_bar(&s->estimator, ret_device);
	if (!bar || strcmp(bar->unit, "mm") != 0)
		return NULL;
	return *ret_device == s->sensor->index || bar->rate_hz >= BAR_MIN_HZ ? bar : NULL;
}

void safety_watch(struct session *s)
{
	unsigned device = 0;
	const struct channel *channel = safety_bar(s, &device);
	struct guard_channel force = force_channel(s, &s->sensor->channels[s->estimator.force]), bar;
	if (channel) {
		bar = bar_channel(channel);
		bar.apart = device != s->sensor->index;
	}
	guard_watch(s->guard, &force, channel ? &bar : NULL);
}

/* ---- the one stop ---------------------------------------------------------------------------------------------- */

void session_stop(struct session *s, const char *why, void (*then)(struct session *s, bool verified))
{
	bool done = s->at.point >= s->config.point_count;
	bool complete = s->ending.begun && s->record->run_status == RUN_COMPLETE && !s->record->status_reason[0];
	s->after_stop = then;
	if (guard_stop(s->guard, why, done ? 0 : s->config.points[s->at.point].rate_hz, complete))
		session_go(s, s->ending.begun ? STAGE_SAVING : STAGE_STOPPING, NULL);
}
