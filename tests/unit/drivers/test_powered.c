/* A pen made of parts with a stage at its dial, against a supply and a stage of the test's own: when the dial may be turned, and
 * what becomes of a point while whose pen ran the stage lost its position. */
#include "tests/unit/drivers/fake_link.h"

#include "drivers/powered/device.h"

static struct device supply = {NULL}, stage = {NULL}, *pen;
static struct driver_host supply_host, stage_host;
static uint64_t now_ns;

struct verb { /* the newest of its kind */
	unsigned calls;
	device_done_fn done;
	void *ctx;
};

static struct verb on, off, set, move, look;
static unsigned halts;

static void note(struct verb *verb, device_done_fn done, void *ctx)
{
	*verb = (struct verb){verb->calls + 1, done, ctx};
}

static void finish(struct verb *verb, int status)
{
	struct verb ended = *verb;
	struct err err;

	if (status)
		err_set(&err, status, "it stands elsewhere");
	verb->done = NULL;
	assert_non_null(ended.done);
	ended.done(ended.ctx, status, status ? &err : NULL);
}

static void power_set(struct device *device, double volts_v, double current_a, device_done_fn done, void *ctx)
{
	(void)device, (void)volts_v, (void)current_a;
	note(&set, done, ctx);
}

static void power_on(struct device *device, device_done_fn done, void *ctx)
{
	(void)device;
	note(&on, done, ctx);
}

static void power_off(struct device *device, device_done_fn done, void *ctx)
{
	(void)device;
	note(&off, done, ctx);
}

static void stage_move(struct device *device, double position_mm, device_done_fn done, void *ctx)
{
	(void)device, (void)position_mm;
	note(&move, done, ctx);
}

static void stage_halt(struct device *device)
{
	(void)device;
	halts++;
}

static void stage_look(struct device *device, device_done_fn done, void *ctx)
{
	(void)device;
	note(&look, done, ctx);
}

static int open_supply(const struct device_open *open, uint64_t at_ns, struct device **ret, struct err *err)
{
	(void)at_ns, (void)err;
	supply_host = open->host;
	*ret = &supply;
	return 0;
}

static int open_stage(const struct device_open *open, uint64_t at_ns, struct device **ret, struct err *err)
{
	(void)at_ns, (void)err;
	stage_host = open->host;
	*ret = &stage;
	return 0;
}

static void close_part(struct device *device)
{
	if (device == &stage && look.done)
		finish(&look, -ECANCELED);
}

static void tick_part(struct device *device, uint64_t at_ns)
{
	(void)device, (void)at_ns;
}

static const struct device_identity *identity_of(const struct device *device)
{
	static const struct device_identity identity = {.model = "part"};

	(void)device;
	return &identity;
}

static const struct power_verbs power_verbs = {.set = power_set, .on = power_on, .off = power_off};
static const struct stage_verbs stage_verbs = {.move = stage_move, .halt = stage_halt, .look = stage_look};
static const struct driver supply_driver = {.name = "supply",
					    .roles = ROLE_BIT(ROLE_POWER),
					    .open = open_supply,
					    .close = close_part,
					    .on_tick = tick_part,
					    .identity = identity_of,
					    .power = &power_verbs};
static const struct driver stage_driver = {.name = "stage",
					   .roles = ROLE_BIT(ROLE_STAGE),
					   .open = open_stage,
					   .close = close_part,
					   .on_tick = tick_part,
					   .identity = identity_of,
					   .stage = &stage_verbs};

static void tick(void)
{
	now_ns += DRIVER_TICK_NS;
	driver_powered.on_tick(pen, now_ns);
}

static int setup(void **state)
{
	const struct power_setup parts = {
		.driver = &supply_driver,
		.limits = {.rate_min_hz = 60, .rate_max_hz = 300, .depth_min_mm = 0.2, .depth_max_mm = 3},
		.points = 1,
		.volts_v = {4.8},
		.dial = {.driver = &stage_driver, .uri = "serial:by-id=DIAL", .mm_per_mm = 4},
	};
	const struct device_open open = {.uri = "serial:by-id=TEST", .host = test_host, .power = &parts};
	struct err err;

	(void)state;
	memset(&heard, 0, sizeof(heard));
	on = off = set = move = look = (struct verb){0};
	halts = 0;
	now_ns = NS_PER_S;
	assert_int_equal(driver_powered.open(&open, now_ns, &pen, &err), 0);
	supply_host.ready(supply_host.ctx, 0, NULL);
	tick();
	stage_host.ready(stage_host.ctx, 0, NULL);
	assert_int_equal(heard.ready, 1);
	heard.events = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	driver_powered.close(pen);
	return 0;
}

static void set_dial(int status)
{
	struct outcome done = {0};

	driver_powered.pen->set_depth(pen, 1, on_done, &done);
	finish(&move, status);
	assert_int_equal(done.status, status);
}

static void start(void)
{
	struct outcome done = {0};

	driver_powered.pen->set_rate(pen, 120, on_done, &done);
	finish(&set, 0);
	driver_powered.pen->run(pen, on_done, &done);
	finish(&on, 0);
	assert_true(done.calls == 2 && done.status == 0);
}

static void refused(void (*verb)(struct outcome *done))
{
	struct outcome done = {0};

	verb(&done);
	tick();
	assert_true(done.calls == 1 && done.status == -EAGAIN);
}

static void turn(struct outcome *done)
{
	driver_powered.pen->set_depth(pen, 2, on_done, done);
}

static void run(struct outcome *done)
{
	driver_powered.pen->run(pen, on_done, done);
}

/* One move at a time, and only while the pen stands still; it starts only while the dial does. */
static void test_one_move(void **state)
{
	struct outcome first = {0}, second = {0}, third = {0}, stopped = {0};

	(void)state;
	start();
	refused(turn);
	driver_powered.pen->stop(pen, on_done, &stopped);
	refused(turn);
	finish(&off, 0);
	assert_int_equal(stopped.calls, 0);
	refused(turn); /* it is looked at */
	refused(run);
	finish(&look, 0);
	assert_true(stopped.calls == 1 && stopped.status == 0);
	turn(&first);
	refused(turn);
	refused(run);
	assert_int_equal(move.calls, 1);
	halts = 0;
	driver_powered.pen->stop(pen, on_done, &stopped);
	assert_int_equal(halts, 1);
	assert_int_equal(look.calls, 1); /* the pen has not run since */
	finish(&off, 0);
	tick();
	assert_true(first.calls == 1 && first.status == -ECANCELED);
	turn(&second); /* it has not come to rest yet: that is waited for */
	refused(turn);
	refused(run);
	driver_powered.pen->stop(pen, on_done, &stopped);
	finish(&off, 0);
	tick();
	assert_true(second.calls == 1 && second.status == -ECANCELED);
	turn(&third);
	assert_int_equal(move.calls, 1);
	finish(&move, -EREMOTEIO);
	assert_true(first.calls == 1 && second.calls == 1); /* whoever asked hears nothing of it any more */
	assert_int_equal(move.calls, 2);
	finish(&move, 0);
	assert_true(third.calls == 1 && third.status == 0);
	set_dial(0);
}

/* What it says or does not say while the pen runs makes the point worth nothing, once. */
static void test_lost_while_it_runs(void **state)
{
	struct err err;
	struct outcome stopped = {0};

	(void)state;
	set_dial(0);
	start();
	stage_host.event(stage_host.ctx, 0, "a remark");
	assert_int_equal(heard.conditions, 0);
	stage_host.event(stage_host.ctx, STAGE_UNSURE, "an alarm");
	assert_int_equal(heard.conditions, PEN_DIAL_LOST);
	heard.conditions = 0;
	err_set(&err, -ENODEV, "gone");
	stage_host.lost(stage_host.ctx, -ENODEV, &err);
	assert_int_equal(heard.conditions, 0);
	driver_powered.pen->stop(pen, on_done, &stopped);
	finish(&off, 0);
	assert_true(stopped.calls == 1 && stopped.status == 0);
	assert_int_equal(look.calls, 0); /* it is known already */
	set_dial(0);
	start();
	stage_host.lost(stage_host.ctx, -ENODEV, &err);
	assert_int_equal(heard.conditions, PEN_DIAL_LOST);
}

/* Before the start nothing is measured yet: it counts once the pen runs, unless the dial is set anew. */
static void test_lost_before(void **state)
{
	(void)state;
	set_dial(0);
	stage_host.event(stage_host.ctx, STAGE_UNSURE, "an alarm");
	assert_int_equal(heard.conditions, 0);
	start();
	assert_int_equal(heard.conditions, PEN_DIAL_LOST);
}

static void test_set_anew(void **state)
{
	(void)state;
	stage_host.event(stage_host.ctx, STAGE_UNSURE, "an alarm");
	set_dial(0);
	start();
	assert_int_equal(heard.conditions, 0);
}

static void test_not_set(void **state)
{
	(void)state;
	set_dial(-EREMOTEIO);
	start();
	assert_int_equal(heard.conditions, PEN_DIAL_LOST);
}

/* Behind the stop, with the point still open. */
static void test_elsewhere_behind_a_stop(void **state)
{
	(void)state;
	for (unsigned late = 0; late < 2; late++) {
		struct outcome stopped = {0};

		heard.conditions = 0;
		set_dial(0);
		start();
		driver_powered.pen->stop(pen, on_done, &stopped);
		assert_int_equal(look.calls, late + 1);
		if (late)
			finish(&off, 0);
		assert_int_equal(stopped.calls, 0);
		finish(&look, -EREMOTEIO);
		assert_int_equal(heard.conditions, PEN_DIAL_LOST);
		if (!late)
			finish(&off, 0);
		assert_true(stopped.calls == 1 && stopped.status == 0);
	}
}

/* Each stop is done once, in whichever order they end: none waits for a look that another has asked for. */
static void test_two_stops(void **state)
{
	struct outcome first = {0}, second = {0};

	(void)state;
	set_dial(0);
	start();
	driver_powered.pen->stop(pen, on_done, &first);
	finish(&off, 0);
	driver_powered.pen->stop(pen, on_done, &second);
	assert_int_equal(look.calls, 1);
	tick();
	assert_true(first.calls == 1 && first.status == 0);
	finish(&off, 0);
	assert_int_equal(second.calls, 0);
	finish(&look, 0);
	assert_true(second.calls == 1 && second.status == 0);
	assert_int_equal(heard.conditions, 0);
}

/* A supply that does not say off is told again at once, whatever the stage does. */
static void test_stop_fails(void **state)
{
	struct outcome stopped = {0};

	(void)state;
	set_dial(0);
	start();
	driver_powered.pen->stop(pen, on_done, &stopped);
	finish(&off, -EREMOTEIO);
	assert_true(stopped.calls == 1 && stopped.status == -EREMOTEIO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_move), TEST(test_lost_while_it_runs),      TEST(test_lost_before), TEST(test_set_anew),
		TEST(test_not_set),  TEST(test_elsewhere_behind_a_stop), TEST(test_two_stops),   TEST(test_stop_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
