/* A whole session in one call: the product's own drivers in front of the virtual bench, on a clock that jumps, with a tap
 * between session and drivers. Through the tap a test counts orders, bends answers and blocks, and tells what a device
 * would tell. */
#ifndef PENRIG_TESTS_SESSION_TAPPED_BENCH_H
#define PENRIG_TESTS_SESSION_TAPPED_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixtures/virtual/inproc.h"
#include "rig/base/db.h"
#include "rig/session/session.h"

#define MAYBE_UNUSED __attribute__((unused))
#define ORDERS_MAX   8

enum tap {
	TAP_SET_RATE,
	TAP_SET_DEPTH,
	TAP_RUN,
	TAP_STOP,
	TAP_DEADMAN,
	TAP_HEARTBEAT,
	TAP_TELEMETRY,
	TAP_STREAM_START,
	TAP_STREAM_STOP,
	TAPS
};

struct tapped_order {
	enum tap tap;
	device_done_fn done; /* NULL: the slot is free */
	void *ctx;
	bool bent;
	int status; /* the device's own */
	struct loop_timer timer;
};

/* What a test bends, and what it sees; zeroed before each. Hooks may be NULL. */
struct tapped {
	/* before the run */
	const char *plan; /* text; NULL: one_point */
	const char *faults[WORLD_FAULTS_MAX];
	bool no_prompt;
	void (*prepare)(struct bench *bench);
	void (*prepare_config)(struct session_config *config);
	/* while it runs */
	int status[TAPS];          /* not 0: the answer to this order, whatever the device says */
	unsigned slow_ms;          /* all answers but those to heartbeats come so much later */
	unsigned from_order[TAPS]; /* from which order of its kind on, from 0 */
	int finish_status;
	double wait_fails_at_s; /* 0: never */
	unsigned wait_fails;    /* so many times */
	bool drop_blocks, saturate, press;
	bool replay;        /* the block before comes again and again: alive, and nothing moves in it */
	bool bar_untold;    /* the displacement channel says no mm: only force tells */
	bool pen_mute;      /* it never says that it is ready */
	int pen_status;     /* not 0: it says so in place of being ready */
	int open_status;    /* not 0: opening the pen gives this */
	double rate_factor; /* not 0: channels say so many times their rate */
	const char *calibration_id, *calibration_due, *sensor_serial, *pen_serial;
	void (*on_stage)(enum session_stage stage);
	void (*on_order)(enum tap tap);
	void (*on_prompt)(void);
	/* what was seen */
	unsigned sent[TAPS], finishes, stages[STAGE_DONE + 1], prompts, shouts, pace, point;
	bool ended;
	enum session_stage stage;
	uint64_t stop_sent_ns;
	/* kept for the hooks */
	struct session *session;
	struct loop *loop;
	struct world *world;
	struct record *record;
	struct plan *plan_read;
	struct bench *bench;
	struct plan_point *points;
	struct driver_host pen_host, sensor_host;
	struct device_identity pen_identity, sensor_identity;
	struct virtual_clock clock;
	struct loop_timer later;
	char folder[160];
};
static struct tapped tapped;

/* Orders under way whose answers are bent. */
static struct tapped_order slots[ORDERS_MAX];

static const struct driver *product_driver(const char *name)
{
	const struct driver *const *d = driver_table;
	while (strcmp((*d)->name, name) != 0)
		d++;
	return *d;
}

/* ---- orders ---------------------------------------------------------------------------------------------------- */

static void answer(void *ctx, uint64_t now_ns)
{
	struct tapped_order *slot = ctx;
	struct tapped_order order = *slot;
	int status = order.bent ? tapped.status[order.tap] : order.status;
	struct err err = {""};
	(void)now_ns;
	slot->done = NULL;
	if (status)
		err_set(&err, status, "bent by the test");
	order.done(order.ctx, status, status ? &err : NULL);
}

static void tapped_done(void *ctx, int status, const struct err *err)
{
	struct tapped_order *slot = ctx;
	uint64_t now_ns = loop_now_ns(tapped.loop);
	(void)err;
	slot->status = status;
	slot->timer.fn = answer;
	slot->timer.ctx = slot;
	if (status != -ECANCELED && tapped.slow_ms && slot->tap != TAP_HEARTBEAT)
		loop_timer_at(tapped.loop, &slot->timer, now_ns + tapped.slow_ms * NS_PER_MS);
	else
		answer(slot, now_ns);
}

/* Counts; where its answer is to be bent or held back, takes the place of done and ctx. */
static void tap_order(enum tap tap, device_done_fn *done, void **ctx)
{
	unsigned number = tapped.sent[tap]++;
	if (tap == TAP_STOP)
		tapped.stop_sent_ns = loop_now_ns(tapped.loop);
	if (tapped.on_order)
		tapped.on_order(tap);
	bool bent = tapped.status[tap] && number >= tapped.from_order[tap];
	if (!*done || (!bent && !tapped.slow_ms))
		return;
	unsigned i = 0;
	while (slots[i].done)
		assert_true(++i < ORDERS_MAX);
	slots[i] = (struct tapped_order){.tap = tap, .bent = bent, .done = *done, .ctx = *ctx};
	*done = tapped_done;
	*ctx = &slots[i];
}

#define TAP(which, verb)                                                                                               \
	static void tap_##verb(struct device *device, device_done_fn done, void *ctx)                                  \
	{                                                                                                              \
		tap_order(which, &done, &ctx);                                                                         \
		product_driver("scpi-pen")->pen->verb(device, done, ctx);                                              \
	}
TAP(TAP_RUN, run)
TAP(TAP_STOP, stop)
TAP(TAP_HEARTBEAT, heartbeat)
TAP(TAP_TELEMETRY, telemetry)

static void tap_set_rate(struct device *device, double rate_hz, device_done_fn done, void *ctx)
{
	tap_order(TAP_SET_RATE, &done, &ctx);
	product_driver("scpi-pen")->pen->set_rate(device, rate_hz, done, ctx);
}

static void tap_set_depth(struct device *device, double depth_mm, device_done_fn done, void *ctx)
{
	tap_order(TAP_SET_DEPTH, &done, &ctx);
	product_driver("scpi-pen")->pen->set_depth(device, depth_mm, done, ctx);
}

static void tap_deadman(struct device *device, uint32_t timeout_ms, device_done_fn done, void *ctx)
{
	tap_order(TAP_DEADMAN, &done, &ctx);
	product_driver("scpi-pen")->pen->deadman(device, timeout_ms, done, ctx);
}

static void tap_stream_start(struct device *device, device_done_fn done, void *ctx)
{
	tap_order(TAP_STREAM_START, &done, &ctx);
	product_driver("load-stream")->stream->start(device, done, ctx);
}

static void tap_stream_stop(struct device *device, device_done_fn done, void *ctx)
{
	tap_order(TAP_STREAM_STOP, &done, &ctx);
	product_driver("load-stream")->stream->stop(device, done, ctx);
}

/* ---- what devices tell ------------------------------------------------------------------------------------------ */

static void tap_block(void *ctx, const struct sample_block *block)
{
	static int32_t counts[SAMPLES_PER_BLOCK_MAX], before[SAMPLES_PER_BLOCK_MAX];
	struct sample_block bent = *block;
	size_t bytes = sizeof(int32_t) * block->frames * block->channels;
	(void)ctx;
	if (tapped.drop_blocks)
		return;
	if (block->stream == 0 && !tapped.replay)
		memcpy(before, block->counts, bytes);
	memcpy(counts, block->stream == 0 ? before : block->counts, bytes);
	for (uint32_t i = 0; tapped.press && block->stream == 0 && i < block->frames; i++)
		counts[i * block->channels] += 1000000; /* force stands first in its stream */
	if (tapped.saturate)
		bent.flags |= SAMPLE_SATURATED;
	bent.counts = counts;
	tapped.sensor_host.block(tapped.sensor_host.ctx, &bent);
}

static void tap_ready(void *ctx, int status, const struct err *err)
{
	const struct err bent = {"bent by the test"};
	(void)ctx;
	if (!tapped.pen_mute)
		tapped.pen_host.ready(tapped.pen_host.ctx, tapped.pen_status ? tapped.pen_status : status,
				      tapped.pen_status ? &bent : err);
}

static int tap_open_pen(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct device_open bent = *open;
	tapped.pen_host = open->host;
	bent.host.ready = tap_ready;
	if (tapped.open_status)
		return err_set(err, tapped.open_status, "bent by the test");
	return product_driver("scpi-pen")->open(&bent, now_ns, ret, err);
}

static int tap_open_sensor(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct device_open bent = *open;
	tapped.sensor_host = open->host;
	bent.host.block = tap_block;
	return product_driver("load-stream")->open(&bent, now_ns, ret, err);
}

static const struct device_identity *tap_identity_pen(const struct device *device)
{
	tapped.pen_identity = *product_driver("scpi-pen")->identity(device);
	if (tapped.pen_serial)
		snprintf(tapped.pen_identity.serial, sizeof(tapped.pen_identity.serial), "%s", tapped.pen_serial);
	return &tapped.pen_identity;
}

static const struct device_identity *tap_identity_sensor(const struct device *device)
{
	struct device_identity *id = &tapped.sensor_identity;
	*id = *product_driver("load-stream")->identity(device);
	if (tapped.calibration_id)
		snprintf(id->calibration_id, sizeof(id->calibration_id), "%s", tapped.calibration_id);
	if (tapped.calibration_due)
		snprintf(id->calibration_due, sizeof(id->calibration_due), "%s", tapped.calibration_due);
	if (tapped.sensor_serial)
		snprintf(id->serial, sizeof(id->serial), "%s", tapped.sensor_serial);
	return id;
}

static const struct channel *tap_channels(const struct device *device, unsigned *ret_count)
{
	static struct channel bent[CHANNELS_MAX];
	const struct channel *channels = product_driver("load-stream")->channels(device, ret_count);
	for (unsigned i = 0; i < *ret_count; i++) {
		bent[i] = channels[i];
		if (tapped.bar_untold && bent[i].quantity == QUANTITY_DISPLACEMENT)
			snprintf(bent[i].unit, sizeof(bent[i].unit), "um");
		bent[i].rate_hz *= tapped.rate_factor ? tapped.rate_factor : 1;
	}
	return bent;
}

static struct pen_verbs tapped_pen_verbs;
static struct stream_verbs tapped_stream_verbs;
static struct driver tapped_pen, tapped_sensor;
static const struct driver *const tapped_drivers[] = {&tapped_pen, &tapped_sensor, NULL};

static void make_drivers(void)
{
	tapped_pen = *product_driver("scpi-pen");
	tapped_pen_verbs = *tapped_pen.pen;
	tapped_pen_verbs.set_rate = tap_set_rate;
	tapped_pen_verbs.set_depth = tap_set_depth;
	tapped_pen_verbs.run = tap_run;
	tapped_pen_verbs.stop = tap_stop;
	tapped_pen_verbs.deadman = tap_deadman;
	tapped_pen_verbs.heartbeat = tap_heartbeat;
	tapped_pen_verbs.telemetry = tap_telemetry;
	tapped_pen.pen = &tapped_pen_verbs;
	tapped_pen.open = tap_open_pen;
	tapped_pen.identity = tap_identity_pen;
	tapped_sensor = *product_driver("load-stream");
	tapped_stream_verbs = *tapped_sensor.stream;
	tapped_stream_verbs.start = tap_stream_start;
	tapped_stream_verbs.stop = tap_stream_stop;
	tapped_sensor.stream = &tapped_stream_verbs;
	tapped_sensor.open = tap_open_sensor;
	tapped_sensor.identity = tap_identity_sensor;
	tapped_sensor.channels = tap_channels;
}

/* ---- the session's surroundings --------------------------------------------------------------------------------- */

static void on_progress(void *ctx, const struct session_progress *progress)
{
	(void)ctx;
	assert_false(tapped.ended);
	tapped.point = progress->point;
	tapped.pace += progress->stage == tapped.stage && !progress->text && !progress->finished;
	tapped.shouts += progress->alarm && strncmp(progress->text, "STOP UNVERIFIED", 15) == 0;
	if (progress->stage == tapped.stage)
		return;
	tapped.stage = progress->stage;
	tapped.stages[progress->stage]++;
	if (tapped.on_stage)
		tapped.on_stage(progress->stage);
}

static void on_prompt(void *ctx, const struct session_prompt *prompt)
{
	(void)ctx;
	(void)prompt;
	tapped.prompts++;
	if (tapped.on_prompt)
		tapped.on_prompt();
}

static int on_finish(void *ctx, struct record *record, struct runfile *rf, struct err *err)
{
	(void)ctx;
	(void)record;
	(void)rf;
	tapped.finishes++;
	return tapped.finish_status ? err_set(err, tapped.finish_status, "the report could not be written") : 0;
}

static void on_ended(void *ctx)
{
	(void)ctx;
	tapped.ended = true;
	loop_stop(tapped.loop);
}

static int wait_or_fail(void *ctx, struct pollfd *fds, unsigned nfds, uint64_t deadline_ns)
{
	uint64_t at_ns = 1000 * NS_PER_S + (uint64_t)(tapped.wait_fails_at_s * 1e9);
	if (!tapped.wait_fails || tapped.clock.now_ns < at_ns)
		return virtual_clock_ops.wait(ctx, fds, nfds, deadline_ns);
	tapped.wait_fails--;
	return -ENOMEM;
}

/* As a signal or a device would come: from the loop, not from inside a call. */
static MAYBE_UNUSED void later(void (*fn)(void *ctx, uint64_t now_ns), unsigned ms)
{
	tapped.later.fn = fn;
	loop_timer_at(tapped.loop, &tapped.later, loop_now_ns(tapped.loop) + ms * NS_PER_MS);
}

/* ---- one session ------------------------------------------------------------------------------------------------- */

#define PLAN_HEAD "{\"kind\": \"penrig/plan/1\", \"name\": \"unit\", "
#define PLAN_STEP                                                                                                      \
	"\"name\": \"one\", \"depth_mm\": 1.0, \"rate_hz\": 120, \"tare_s\": 0.25, \"settle_s\": 0.3, "                \
	"\"measure_s\": 0.6"
#define EASY_LIMIT "{\"measurand\": \"stroke_rate_error_pct\", \"unit\": \"%\", \"lower\": -10, \"upper\": 10}"
static const char one_point[] = PLAN_HEAD "\"limits\": [" EASY_LIMIT "], \"steps\": [{" PLAN_STEP "}]}";

static MAYBE_UNUSED struct bench_device *bench_device_of(struct bench *bench, enum device_role role)
{
	unsigned i = 0;
	while (!(bench->device[i].roles & ROLE_BIT(role)))
		i++;
	return &bench->device[i];
}

/* A bench file of its own, so that tests can run at the same time: the lock goes by its name. */
static void own_bench(void)
{
	char path[200];
	struct err err;
	if (bench_read("fixtures/benches/virtual-usb.json", &tapped.bench, &err))
		fail_msg("%s", err.text);
	const char *tmp = getenv("TMPDIR");
	if (access("/dev/shm", W_OK) == 0) /* where a disk's fsync need not be waited for */
		tmp = "/dev/shm";
	snprintf(tapped.folder, sizeof(tapped.folder), "%s/penrig-session-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(tapped.folder));
	snprintf(path, sizeof(path), "%s/bench.json", tapped.folder);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	snprintf(tapped.bench->path, sizeof(tapped.bench->path), "%s", path);
	if (tapped.prepare)
		tapped.prepare(tapped.bench);
}

static void own_world(void)
{
	static struct loop_clock clock;
	struct world_config world = {.bench_path = "fixtures/benches/virtual-usb.json", .seed = 1};
	struct err err;
	for (unsigned i = 0; i < WORLD_FAULTS_MAX && tapped.faults[i]; i++)
		world.faults[world.fault_count++] = tapped.faults[i];
	clock = virtual_clock_ops;
	clock.wait = wait_or_fail;
	tapped.clock = (struct virtual_clock){.now_ns = 1000 * NS_PER_S, .wall_zero_ns = 1780303400ULL * NS_PER_S};
	if (world_new(&world, &tapped.world, &err) || loop_new(&clock, &tapped.clock, &tapped.loop, &err))
		fail_msg("%s", err.text);
	inproc_attach(tapped.world, tapped.loop);
}

static struct session_config session_of(unsigned point_count)
{
	struct session_config config = {
		.loop = tapped.loop,
		.links = inproc_link_table,
		.drivers = tapped_drivers,
		.plan = tapped.plan_read,
		.bench = tapped.bench,
		.points = tapped.points,
		.point_count = point_count,
		.record = tapped.record,
		.observer = {.progress = on_progress, .prompt = tapped.no_prompt ? NULL : on_prompt},
		.finish = on_finish,
		.ended = on_ended,
	};
	if (tapped.prepare_config)
		tapped.prepare_config(&config);
	return config;
}

/* Runs it to its end; the record stays until clean_up(). */
static const struct record *run_session(void)
{
	const char *text = tapped.plan ? tapped.plan : one_point;
	struct err err = {""};
	unsigned count = 0;
	make_drivers();
	memset(slots, 0, sizeof(slots));
	own_bench();
	own_world();
	if (plan_parse("unit.json", text, strlen(text), &tapped.plan_read, &err) ||
	    plan_expand(tapped.plan_read, tapped.bench, &tapped.points, &count, &err))
		fail_msg("%s", err.text);
	tapped.record = record_new();
	snprintf(tapped.record->name, sizeof(tapped.record->name), "run");
	snprintf(tapped.record->folder, sizeof(tapped.record->folder), "%s", tapped.folder);
	snprintf(tapped.record->dut, sizeof(tapped.record->dut), "PEN-GOOD-01");
	const struct session_config config = session_of(count);
	if (session_start(&config, &tapped.session, &err))
		fail_msg("%s", err.text);
	session_run(tapped.session);
	return tapped.record;
}

static bool needles_move(void)
{
	struct world_truth truth;
	world_truth(tapped.world, &truth);
	return truth.motor_on || truth.moving;
}

static int set_up(void **state)
{
	(void)state;
	memset(&tapped, 0, sizeof(tapped));
	return 0;
}

static int clean_up(void **state)
{
	char command[200];
	(void)state;
	session_free(tapped.session);
	inproc_detach();
	world_free(tapped.world);
	loop_free(tapped.loop);
	record_free(tapped.record);
	free(tapped.points);
	plan_free(tapped.plan_read);
	bench_free(tapped.bench);
	snprintf(command, sizeof(command), "rm -rf %s", tapped.folder);
	return tapped.folder[0] ? system(command) : 0;
}

/* ---- what a test demands ---------------------------------------------------------------------------------------- */

static inline const struct record_point *point(const struct record *r, unsigned i)
{
	assert_true(i < r->points);
	return &r->point[i];
}

/* The pen was told to stop, stands, and was seen to. */
static inline void assert_stopped(const struct record *r)
{
	assert_true(tapped.sent[TAP_STOP] >= 2); /* one before anything, one after the run */
	assert_true(r->moved && r->stop_verified);
	assert_false(needles_move());
	assert_false(session_moving(tapped.session));
	assert_int_equal(tapped.shouts, 0);
}

static inline void assert_refused(const struct record *r, enum refusal refusal, const char *why)
{
	assert_int_equal(r->run_status, RUN_REFUSED);
	assert_int_equal(r->refusal, refusal);
	if (!strstr(r->status_reason, why))
		fail_msg("\"%s\" does not say \"%s\"", r->status_reason, why);
	assert_int_equal(tapped.sent[TAP_RUN], 0);
	assert_int_equal(r->points, 0);
	assert_false(r->moved);
}

static inline void assert_ended(const struct record *r, enum run_status status, const char *why)
{
	assert_int_equal(r->run_status, status);
	if (!strstr(r->status_reason, why))
		fail_msg("\"%s\" does not say \"%s\"", r->status_reason, why);
}

static inline void assert_unverified(const struct record *r, const char *why)
{
	assert_true(r->moved);
	assert_false(r->stop_verified);
	assert_non_null(strstr(r->stop_text, why));
	assert_int_equal(tapped.shouts, 1);
	assert_true(session_moving(tapped.session));
	assert_int_not_equal(r->dut_verdict, OUTCOME_PASS);
}

static inline void saturate_when_the_depth_is_set(enum tap tap)
{
	if (tap == TAP_SET_DEPTH)
		tapped.saturate = true;
}

/* How many rows of its run file this condition meets. */
static inline int rows_where(const char *table_and_condition)
{
	char path[240], sql[320];
	struct db *db;
	struct err err;
	int64_t rows = 0;
	snprintf(path, sizeof(path), "%s/run.penrig", tapped.folder);
	snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM %s", table_and_condition);
	if (db_open(path, path, DB_READ, 0, &db, &err) || db_number(db, sql, &rows, &err))
		fail_msg("%s", err.text);
	db_close(db);
	return (int)rows;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, clean_up)

#endif
