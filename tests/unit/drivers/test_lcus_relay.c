/* Relay boards that are told and never answer, and the pen behind one, over a link made of bytes. */
#include "drivers/lcus-relay/device.h"
#include "drivers/lcus-relay/wire.h"
#include "drivers/powered/device.h"
#include "fake_link.h"

#define MS       NS_PER_MS
#define STOOD_MS 600

static struct device *device;
static uint64_t now;
static struct power_state told;
static unsigned tells;

static void on_power(void *ctx, const struct power_state *state)
{
	assert_ptr_equal(ctx, &heard);
	told = *state;
	tells++;
}

static void tick(uint64_t ms)
{
	for (uint64_t end = now + ms * MS; now < end;) {
		now += DRIVER_TICK_NS;
		device->driver->on_tick(device, now);
	}
}

static void expect(uint8_t relay, uint8_t on, unsigned times)
{
	const uint8_t frame[] = {0xA0, relay, on, (uint8_t)(0xA0 + relay + on)};

	assert_int_equal(fake.written_len - fake.read_to, times * sizeof(frame));
	for (unsigned i = 0; i < times; i++) {
		assert_memory_equal(fake.written + fake.read_to, frame, sizeof(frame));
		fake.read_to += sizeof(frame);
	}
}

static void begin(const struct driver *driver, unsigned output, const struct power_setup *power)
{
	struct device_open open = {
		.links = fake_table, .uri = "serial:by-id=TEST", .host = test_host, .output = output, .power = power};
	struct err err = {""};

	open.host.power = on_power;
	open.stood_ns = STOOD_MS * MS;
	memset(&heard, 0, sizeof(heard));
	tells = 0;
	now = 5000 * MS;
	assert_int_equal(driver->open(&open, now, &device, &err), 0);
	expect((uint8_t)output, 0, 1); /* before anything else */
	assert_int_equal(heard.ready, 0);
	tick(60);
	expect((uint8_t)output, 0, LCUS_TOLD - 1);
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, 0);
}

static void finish(void)
{
	device->driver->close(device);
	assert_false(fake.open);
}

static void test_frames(void **state)
{
	static const uint8_t documented[][LCUS_FRAME_LEN] = {{0xA0, 0x01, 0x01, 0xA2}, {0xA0, 0x01, 0x00, 0xA1},
							     {0xA0, 0x02, 0x01, 0xA3}, {0xA0, 0x02, 0x00, 0xA2},
							     {0xA0, 0x03, 0x01, 0xA4}, {0xA0, 0x04, 0x01, 0xA5}};
	uint8_t frame[LCUS_FRAME_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(documented) / sizeof(documented[0]); i++) {
		assert_int_equal(lcus_encode(documented[i][1], documented[i][2], frame), LCUS_FRAME_LEN);
		assert_memory_equal(frame, documented[i], LCUS_FRAME_LEN);
	}
	assert_int_equal(lcus_encode(255, true, frame), LCUS_FRAME_LEN);
	assert_int_equal(frame[3], 0xA0); /* the sum's low byte */
	assert_int_equal(lcus_encode(0, true, frame), 0);
	assert_int_equal(lcus_encode(256, true, frame), 0);
}

/* Each order three times, and a stop ends with "told". */
static void test_orders(void **state)
{
	struct outcome on = {0}, off = {0}, read = {0};

	(void)state;
	begin(&driver_lcus_relay, 2, NULL);
	device->driver->power->on(device, on_done, &on);
	expect(2, 1, 1);
	device->driver->power->read(device, POWER_READ_FEED, on_done, &read);
	tick(60);
	expect(2, 1, LCUS_TOLD - 1);
	assert_true(on.calls == 1 && on.status == 0);
	assert_true(read.calls == 1 && read.status == 0 && tells == 1);
	assert_true(told.on && isnan(told.volts_v) && isnan(told.current_a) && !told.timer_off);
	device->driver->power->off(device, on_done, &off);
	expect(2, 0, 1); /* before the verb returns */
	tick(60);
	expect(2, 0, LCUS_TOLD - 1);
	assert_int_equal(off.status, -ENODATA);
	arrive("\xA0\x02\x00\xA2", 4, 1, now); /* a board that echoes says nothing of its contact */
	tick(200);
	assert_int_equal(off.calls, 1);
	finish();
	expect(2, 0, 1); /* it has never said that it is off */
}

static void test_a_stop_overtakes(void **state)
{
	struct outcome on = {0}, off = {0}, read = {0};

	(void)state;
	begin(&driver_lcus_relay, 1, NULL);
	device->driver->power->on(device, on_done, &on);
	device->driver->power->read(device, 0, on_done, &read);
	device->driver->power->off(device, on_done, &off);
	assert_true(!on.calls && !read.calls && !off.calls);
	fake.read_to += LCUS_FRAME_LEN; /* the one on */
	tick(100);
	assert_int_equal(on.status, -ECANCELED);
	assert_int_equal(read.status, -ECANCELED);
	assert_int_equal(tells, 0);
	assert_int_equal(off.status, -ENODATA);
	expect(1, 0, LCUS_TOLD); /* and no on behind it */
	finish();
}

/* Somebody else may have told it to switch off meanwhile; that is told three times all the same. */
static void test_a_standstill_ends_an_on(void **state)
{
	struct outcome on = {0}, off = {0};

	(void)state;
	begin(&driver_lcus_relay, 1, NULL);
	device->driver->power->on(device, on_done, &on);
	expect(1, 1, 1);
	now += STOOD_MS * MS;
	tick(60);
	expect(1, 1, 0);
	assert_int_equal(on.status, -ECANCELED);
	device->driver->power->off(device, on_done, &off);
	expect(1, 0, 1);
	now += STOOD_MS * MS;
	tick(60);
	expect(1, 0, LCUS_TOLD - 1);
	assert_int_equal(off.status, -ENODATA);
	finish();
}

static void test_gone(void **state)
{
	struct outcome on = {0}, off = {0}, read = {0};
	struct err why;

	(void)state;
	begin(&driver_lcus_relay, 1, NULL);
	device->driver->power->on(device, on_done, &on);
	expect(1, 1, 1);
	err_set(&why, -ENODEV, "unplugged");
	fake.sink.gone(fake.sink.ctx, &why);
	expect(1, 0, 1); /* it may hear all the same */
	assert_int_equal(heard.lost, 1);
	device->driver->power->read(device, 0, on_done, &read);
	device->driver->power->off(device, on_done, &off);
	expect(1, 0, 1);
	tick(60);
	assert_true(on.calls == 1 && on.status < 0);
	assert_true(read.calls == 1 && read.status < 0);
	assert_true(off.calls == 1 && off.status == -ENODEV);
	expect(1, 0, 0);
	finish();
}

static void test_closed_while_on(void **state)
{
	struct outcome on = {0};

	(void)state;
	begin(&driver_lcus_relay, 1, NULL);
	device->driver->power->on(device, on_done, &on);
	expect(1, 1, 1);
	finish();
	assert_int_equal(on.status, -ECANCELED);
	expect(1, 0, 1);
}

/* One that was told once of three times may not have heard. */
static void test_closed_while_a_stop_is_told(void **state)
{
	struct outcome on = {0}, off = {0};

	(void)state;
	begin(&driver_lcus_relay, 1, NULL);
	device->driver->power->on(device, on_done, &on);
	tick(60);
	expect(1, 1, LCUS_TOLD);
	device->driver->power->off(device, on_done, &off);
	expect(1, 0, 1);
	finish();
	assert_int_equal(off.status, -ECANCELED);
	expect(1, 0, 1);
}

/* ---- the pen behind it ----------------------------------------------------------------------------------------- */

static const struct power_setup setup = {
	.driver = &driver_lcus_relay, .output = 1, .limits = {.rate_max_hz = 150, .depth_max_mm = 3}};

static void test_pen(void **state)
{
	struct outcome rate = {0}, timer = {0}, ran = {0}, beat = {0}, off = {0}, put_back = {0};
	const struct pen_verbs *pen = driver_powered.pen;

	(void)state;
	begin(&driver_powered, 1, &setup);
	pen->run(device, on_done, &ran); /* nothing was set */
	tick(5);
	assert_int_equal(ran.status, -EAGAIN);
	pen->deadman(device, 1500, on_done, &timer);
	pen->set_rate(device, 120, on_done, &rate);
	tick(5);
	assert_int_equal(timer.status, -ERANGE);
	assert_int_equal(rate.status, 0); /* its own */
	expect(1, 0, 0);
	pen->run(device, on_done, &ran);
	tick(60);
	expect(1, 1, LCUS_TOLD);
	assert_true(ran.calls == 2 && ran.status == 0);
	for (unsigned i = 0; i < 3 * POWERED_LOW_READS; i++) {
		pen->heartbeat(device, on_done, &beat);
		tick(10);
	}
	assert_int_equal(beat.calls, 3 * POWERED_LOW_READS);
	assert_true(heard.telemetry.running && heard.telemetry.condition == 0); /* no volts are not low volts */
	pen->stop(device, on_done, &off);
	tick(60);
	expect(1, 0, LCUS_TOLD);
	assert_int_equal(off.status, -ENODATA);
	pen->release(device, on_done, &put_back);
	tick(5);
	assert_true(put_back.calls == 1 && put_back.status == 0);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_a_stop_overtakes),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_closed_while_on),
		cmocka_unit_test(test_closed_while_a_stop_is_told),
		cmocka_unit_test(test_a_standstill_ends_an_on),
		cmocka_unit_test(test_pen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
