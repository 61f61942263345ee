/* A host for a guard: a pen that answers as the test says, a sensor that sends signal.h, a clock that the test turns, and
 * a list of the events. No device, no loop, no run file. */
#ifndef PENRIG_TESTS_SESSION_FAKE_HOST_H
#define PENRIG_TESTS_SESSION_FAKE_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/session/signal.h"

#define TICK_NS        (5 * NS_PER_MS)
#define EVENTS_MAX     256
#define GUARD_EVENTS   (GUARD_STOPPED + 1)
#define ZERO_NS        (1000 * NS_PER_S)
#define HEARTBEAT_MS   100
#define DEADMAN_MS     500
#define COAST_DOWN_S   0.4
#define COAST_DOWN_MS  400
#define STOP_MARGIN_MS 200

struct order { /* to the pen, and its answer that is due */
	unsigned sent;
	uint64_t last_ns;
	device_done_fn done; /* NULL: none is under way */
	void *ctx;
};

struct event {
	enum guard_event_kind kind;
	char text[200];
	const char *cause; /* "": none */
	uint32_t condition;
	bool sensor, news, verified, unmeasured;
	uint64_t ns;
};

struct host {
	struct guard *guard;
	uint64_t now_ns;
	struct order heartbeat, run, stop;
	bool answers, confirms_stop; /* heartbeats, and stops, are answered in the tick in which they are sent */
	int stop_status;             /* with which */
	unsigned telemetry_reads;
	uint64_t telemetry_ns;
	struct pen_telemetry says;
	int storage;
	bool sends;       /* the sensor, once it is watched */
	unsigned waiting; /* blocks that it sent and nobody took yet */
	unsigned at_once; /* blocks that a tick can take at most */
	struct signal signal;
	unsigned events;
	struct event event[EVENTS_MAX];
};

static uint64_t host_now_ns(void *ctx)
{
	return ((struct host *)ctx)->now_ns;
}

static void ordered(struct host *h, struct order *order, device_done_fn done, void *ctx)
{
	assert_null(order->done);
	order->sent++;
	order->last_ns = h->now_ns;
	order->done = done;
	order->ctx = ctx;
}

static void host_heartbeat(void *ctx, device_done_fn done, void *done_ctx)
{
	struct host *h = ctx;
	ordered(h, &h->heartbeat, done, done_ctx);
}

static void host_run(void *ctx, device_done_fn done, void *done_ctx)
{
	struct host *h = ctx;
	ordered(h, &h->run, done, done_ctx);
}

static void host_stop(void *ctx, device_done_fn done, void *done_ctx)
{
	struct host *h = ctx;
	ordered(h, &h->stop, done, done_ctx);
}

static void host_telemetry(void *ctx)
{
	struct host *h = ctx;
	h->telemetry_reads++;
	h->telemetry_ns = h->now_ns;
}

static int host_storage(void *ctx, struct err *err)
{
	const struct host *h = ctx;
	return h->storage ? err_set(err, h->storage, "the disk is full") : 0;
}

static void host_event(void *ctx, const struct guard_event *event)
{
	struct host *h = ctx;
	assert_true(h->events < EVENTS_MAX);
	struct event *e = &h->event[h->events++];
	*e = (struct event){.kind = event->kind,
			    .condition = event->condition,
			    .sensor = event->sensor,
			    .news = event->news,
			    .unmeasured = event->unmeasured,
			    .cause = event->cause ? event->cause : "",
			    .verified = guard_answer(h->guard)->verified,
			    .ns = h->now_ns};
	snprintf(e->text, sizeof(e->text), "%s", event->text);
}

static const struct guard_host fake_host = {
	.now_ns = host_now_ns,
	.heartbeat = host_heartbeat,
	.run = host_run,
	.stop = host_stop,
	.telemetry = host_telemetry,
	.storage = host_storage,
	.event = host_event,
};

static inline void reply(struct order *order, int status, const struct err *err)
{
	device_done_fn done = order->done;
	assert_non_null(done);
	order->done = NULL;
	done(order->ctx, status, err);
}

static inline void reply_heartbeat(struct host *h, uint32_t condition, bool running)
{
	h->says.condition = condition;
	h->says.running = running;
	guard_telemetry(h->guard, &h->says);
	reply(&h->heartbeat, 0, NULL);
}

/* One tick after `gap_ms`: what came meanwhile, then the guard's tick, then the pen's answers. */
static inline bool tick_after(struct host *h, unsigned gap_ms)
{
	h->now_ns += gap_ms * NS_PER_MS;
	h->waiting += h->sends ? (gap_ms + BLOCK_FRAMES - 1) / BLOCK_FRAMES : 0;
	for (unsigned i = 0; i < h->at_once && h->waiting; i++, h->waiting--) {
		struct sample_block block = next_block(&h->signal, h->now_ns);
		guard_block(h->guard, &block);
	}
	bool proving = guard_tick(h->guard, h->now_ns);
	if (h->answers && h->heartbeat.done)
		reply_heartbeat(h, h->says.condition, h->says.running);
	if (h->confirms_stop && h->stop.done) {
		h->says.running = false;
		reply(&h->stop, h->stop_status, NULL);
	}
	return proving;
}

static inline void turn(struct host *h, unsigned ms)
{
	for (unsigned at = 0; at < ms; at += 5)
		tick_after(h, 5);
}

static inline unsigned count_of(const struct host *h, enum guard_event_kind kind)
{
	unsigned n = 0;
	for (unsigned i = 0; i < h->events; i++)
		n += h->event[i].kind == kind;
	return n;
}

/* The newest event of the kind; there must be one. */
static inline const struct event *newest(const struct host *h, enum guard_event_kind kind)
{
	unsigned at = h->events;
	while (at > 0 && h->event[at - 1].kind != kind)
		at--;
	assert_true(at > 0);
	return &h->event[at - 1];
}

/* deadman_ms: 0 of a pen made of parts, behind what has no timer. */
static inline int new_host_of(void **state, unsigned deadman_ms)
{
	struct host *h = calloc(1, sizeof(*h));
	if (!h)
		abort();
	*h = (struct host){
		.now_ns = ZERO_NS, .answers = true, .confirms_stop = true, .says.running = true, .at_once = UINT_MAX};
	h->signal = (struct signal){.seat = SEAT_COUNTS, .seed = 1};
	const struct guard_config config = {
		.host = &fake_host,
		.ctx = h,
		.heartbeat_ms = HEARTBEAT_MS,
		.deadman_ms = deadman_ms,
		.of_parts = deadman_ms == 0,
		.coast_down_max_s = COAST_DOWN_S,
		.preload_lo_n = 0.1,
		.preload_hi_n = 0.3,
	};
	*state = h;
	return guard_new(&config, &h->guard);
}

static inline int new_host(void **state)
{
	return new_host_of(state, DEADMAN_MS);
}

static inline int free_host(void **state)
{
	struct host *h = *state;
	guard_free(h->guard);
	free(h);
	return 0;
}

static inline void begin_streams(struct host *h, bool with_bar)
{
	const struct guard_channel force = force_watched(), bar = bar_watched();
	guard_watch(h->guard, &force, with_bar ? &bar : NULL);
	h->sends = true;
}

/* A pen that is there and armed, a sensor that streams, half a second of it seen. */
static inline void begin(struct host *h)
{
	guard_pen_ready(h->guard);
	guard_arm(h->guard);
	begin_streams(h, false);
	turn(h, 500);
}

static inline void run_pen(struct host *h, unsigned ms)
{
	guard_run(h->guard, "run", false, NULL, NULL);
	h->run.done = NULL;
	h->says.running = true;
	h->signal.strokes_hz = 50;
	turn(h, ms);
}

#endif
