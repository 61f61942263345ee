/* Relay boards and power supplies on Modbus RTU over a link made of bytes: requests, opening, every verb, a timer that is fed, and
 * the ways in which a device or the line can fail them. */
#include "drivers/modbus-power/device.h"
#include "drivers/modbus-power/wire.h"
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
	assert_false(inside_verb);
	told = *state;
	tells++;
}

static void tick(uint64_t ms)
{
	for (uint64_t end = now + ms * MS; now < end;) {
		now += DRIVER_TICK_NS < end - now ? DRIVER_TICK_NS : end - now;
		device->driver->on_tick(device, now);
	}
}

static size_t frame_of(const char *hex, uint8_t *frame)
{
	size_t len = from_hex(hex, frame, MODBUS_FRAME_MAX - 2);
	uint16_t crc = modbus_crc(frame, len);

	frame[len++] = (uint8_t)crc;
	frame[len++] = (uint8_t)(crc >> 8);
	return len;
}

static void nothing_sent(void)
{
	assert_int_equal(fake.read_to, fake.written_len);
}

/* Within what a request may wait for the line. */
static void expect(const char *hex)
{
	uint8_t due[MODBUS_FRAME_MAX];
	size_t len = frame_of(hex, due);

	for (unsigned ms = 0; ms < 110 && fake.read_to == fake.written_len; ms++)
		tick(1);
	if (fake.written_len - fake.read_to < len || memcmp(fake.written + fake.read_to, due, len) != 0)
		fail_msg("not sent where it is due: %s", hex);
	fake.read_to += len;
}

static void say(const char *hex)
{
	uint8_t frame[MODBUS_FRAME_MAX];

	now += MS;
	arrive(frame, frame_of(hex, frame), 3, now);
}

static void answer(const char *asked, const char *said)
{
	expect(asked);
	say(said);
}

static void begin(const struct driver *driver, const struct device_open *how)
{
	struct device_open open = *how;
	struct err err = {""};

	open.links = fake_table;
	open.uri = "serial:by-id=TEST";
	open.host = test_host;
	open.host.power = on_power;
	open.stood_ns = STOOD_MS * MS;
	memset(&heard, 0, sizeof(heard));
	tells = 0;
	now = 5000 * MS;
	assert_int_equal(driver->open(&open, now, &device, &err), 0);
}

static void finish(void)
{
	device->driver->close(device);
	assert_false(fake.open);
}

#define OFF      "010500020000"
#define ON       "01050002FF00"
#define PULSE    "01050202000F" /* 1.5 s */
#define STATE    "010100020001"
#define SAYS_OFF "01010100"
#define SAYS_ON  "01010101"

static void open_relay(void)
{
	begin(&driver_modbus_relay, &(const struct device_open){.output = 3});
	answer(OFF, OFF);
	answer(STATE, SAYS_OFF);
	assert_int_equal(heard.ready, 0); /* once is not enough */
	answer(STATE, SAYS_OFF);
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, 0);
	nothing_sent();
}

static void stop_relay(struct outcome *done)
{
	device->driver->power->off(device, on_done, done);
	answer(OFF, OFF);
	answer(STATE, SAYS_OFF);
	answer(STATE, SAYS_OFF);
}

/* ---- requests -------------------------------------------------------------------------------------------------- */

static void asks(const struct modpower_family *family, const struct modpower_model *model, enum modpower_ask ask,
		 double value, unsigned function, unsigned at, unsigned written)
{
	struct modbus_request request;

	assert_true(modpower_request(family, model, 1, ask, 1, value, &request));
	assert_int_equal(request.function, function);
	assert_int_equal(request.at, at);
	assert_int_equal(request.value, written);
}

static void test_requests(void **state)
{
	const struct modpower_model *rd = modpower_model_of(&modpower_riden, 60062);
	const struct modpower_model *rd6012 = modpower_model_of(&modpower_riden, 60121);
	struct modbus_request request;

	(void)state;
	asks(&modpower_riden, rd, MODPOWER_SET_VOLTS, 3.3, 16, 8, 330); /* rounded: 3.3 / 0.01 is below 330 */
	asks(&modpower_riden, rd, MODPOWER_SET_AMPS, 1.5, 16, 9, 1500);
	asks(&modpower_riden, rd6012, MODPOWER_SET_AMPS, 1.5, 16, 9, 150);
	asks(&modpower_dps, modpower_model_of(&modpower_dps, 5005), MODPOWER_SET_VOLTS, 4.806, 16, 0, 481);
	asks(&modpower_dps, NULL, MODPOWER_ON, 0, 16, 9, 1);
	asks(&modpower_relay, NULL, MODPOWER_PULSE, 0.7, 5, 0x200, 7);
	assert_false(modpower_request(&modpower_relay, NULL, 1, MODPOWER_PULSE, 1, 0.75, &request));
	assert_false(modpower_request(&modpower_relay, NULL, 1, MODPOWER_PULSE, 1, 0.2, &request));
	assert_false(modpower_request(&modpower_relay, NULL, 1, MODPOWER_PULSE, 1, 3300, &request));
	assert_false(modpower_request(&modpower_relay, NULL, 1, MODPOWER_SET_VOLTS, 1, 1, &request));
	assert_false(modpower_request(&modpower_relay, NULL, 1, MODPOWER_OFF, 9, 0, &request));
	assert_false(modpower_request(&modpower_riden, rd, 1, MODPOWER_OFF, 2, 0, &request));
	assert_false(modpower_request(&modpower_riden, rd, 1, MODPOWER_SET_VOLTS, 1, 60.01, &request));
	assert_false(modpower_request(&modpower_riden, NULL, 1, MODPOWER_SET_VOLTS, 1, 1, &request));
	assert_false(modpower_request(&modpower_riden, rd, 1, MODPOWER_SET_VOLTS, 1, NAN, &request));
	assert_null(modpower_model_of(&modpower_riden, 60125)); /* its amps hang on its range */
}

static void test_states(void **state)
{
	const struct modpower_model *dps = modpower_model_of(&modpower_dps, 5005);
	struct modbus_answer said = {.count = 10, .value = {480, 1500, 479, 150, [9] = 1}};
	struct modpower_state ret;

	(void)state;
	assert_true(modpower_read_state(&modpower_dps, dps, &said, &ret));
	assert_true(ret.on);
	assert_float_equal(ret.volts_v, 4.79, 1e-9);
	assert_float_equal(ret.amps_a, 0.15, 1e-9);
	said.value[9] = 2;
	assert_false(modpower_read_state(&modpower_dps, dps, &said, &ret));
	said = (struct modbus_answer){.count = 1};
	assert_true(modpower_read_state(&modpower_relay, NULL, &said, &ret));
	assert_true(!ret.on && isnan(ret.volts_v) && isnan(ret.amps_a));
	assert_false(modpower_read_state(&modpower_dps, dps, &said, &ret));
}

/* ---- a relay --------------------------------------------------------------------------------------------------- */

static void test_relay_switches(void **state)
{
	struct outcome done = {0};

	(void)state;
	open_relay();
	device->driver->power->on(device, on_done, &done);
	answer(ON, ON);
	assert_int_equal(done.calls, 0);
	answer(STATE, SAYS_ON);
	assert_int_equal(done.calls, 1);
	assert_int_equal(done.status, 0);
	device->driver->power->read(device, 0, on_done, &done);
	answer(STATE, SAYS_ON);
	assert_true(tells == 1 && told.on && isnan(told.volts_v) && !told.timer_off);
	stop_relay(&done);
	assert_int_equal(done.calls, 3);
	assert_int_equal(done.status, 0);
	finish();
	nothing_sent(); /* it is off */
}

/* One that says off and then on was not heard right, or sticks. */
static void test_relay_stays_on(void **state)
{
	struct outcome done = {0};

	(void)state;
	open_relay();
	device->driver->power->off(device, on_done, &done);
	answer(OFF, OFF);
	answer(STATE, SAYS_OFF);
	for (unsigned i = 0; i < 2; i++)
		answer(STATE, SAYS_ON);
	assert_int_equal(done.status, -EREMOTEIO);
	finish();
	expect(OFF); /* with the last words */
}

static void run_relay(void)
{
	struct outcome done = {0};

	open_relay();
	device->driver->power->on(device, on_done, &done);
	answer(ON, ON);
	answer(STATE, SAYS_ON);
	assert_true(done.calls == 1 && done.status == 0);
}

/* That it was off once, before it was switched on, is no reason to leave it on. */
static void test_closed_while_on(void **state)
{
	struct outcome done = {0};

	(void)state;
	run_relay();
	finish();
	expect(OFF);
	run_relay();
	device->driver->power->read(device, 0, on_done, &done);
	expect(STATE);
	device->driver->power->off(device, on_done, &done); /* waits for the line */
	nothing_sent();
	finish();
	expect(OFF);
	run_relay();
	tick(40);
	device->driver->power->off(device, on_done, &done);
	answer(OFF, OFF);
	answer(STATE, SAYS_OFF);
	finish(); /* once is not enough */
	expect(OFF);
}

/* One that another hand has switched on is not off, whatever it said before. */
static void test_closed_while_found_on(void **state)
{
	struct outcome done = {0};

	(void)state;
	open_relay();
	tick(40);
	device->driver->power->read(device, 0, on_done, &done);
	answer(STATE, SAYS_ON);
	finish();
	expect(OFF);
}

/* The line is half duplex: an order into an answer would be heard by nobody. It waits for that answer's time and no longer. */
static void test_stop_waits_for_the_line(void **state)
{
	struct outcome read = {0}, off = {0};

	(void)state;
	open_relay();
	tick(40);
	device->driver->power->read(device, 0, on_done, &read);
	expect(STATE);
	device->driver->power->off(device, on_done, &off);
	nothing_sent();
	say(SAYS_OFF); /* to what was given up: it is dropped */
	assert_int_equal(read.calls, 0);
	tick(20);
	nothing_sent();
	tick(15);
	assert_int_equal(read.status, -ECANCELED);
	answer(OFF, OFF);
	answer(STATE, SAYS_OFF);
	answer(STATE, SAYS_OFF);
	assert_int_equal(off.status, 0);
	finish();
}

/* What comes when it is overdue is dropped, and is not the answer to the same question asked again. */
static void test_late_answer(void **state)
{
	struct outcome done = {0};

	(void)state;
	open_relay();
	tick(40);
	device->driver->power->read(device, 0, on_done, &done);
	expect(STATE);
	tick(MODPOWER_REPLY_NS / MS + 5);
	say(SAYS_ON);
	tick(50);
	assert_int_equal(done.calls, 0);
	nothing_sent();
	answer(STATE, SAYS_OFF);
	assert_int_equal(done.calls, 1);
	assert_false(told.on);
	device->driver->power->read(device, 0, on_done, &done);
	expect(STATE);
	tick(2 * MODPOWER_REPLY_NS / MS + 5);
	expect(STATE);
	tick(MODPOWER_REPLY_NS / MS + 5);
	assert_int_equal(done.status, -ETIMEDOUT);
	assert_int_equal(heard.lost, 1);
	expect(OFF); /* it may hear all the same */
	device->driver->power->off(device, on_done, &done);
	expect(OFF);
	tick(5);
	assert_int_equal(done.status, -ENODEV);
	finish();
}

static void test_refused(void **state)
{
	struct outcome done = {0};

	(void)state;
	begin(&driver_modbus_relay, &(const struct device_open){.output = 8, .address = 7});
	answer("070500070000", "078502");
	answer("070500070000", "078502");
	assert_int_equal(heard.ready_status, -EREMOTEIO);
	assert_non_null(strstr(heard.err, "no such address"));
	finish();
	open_relay();
	device->driver->power->timer(device, 1550, on_done, &done); /* tenths of a second alone */
	answer(STATE, SAYS_OFF);
	assert_int_equal(done.status, -ERANGE);
	finish();
}

/* ---- its timer ------------------------------------------------------------------------------------------------- */

static void arm_and_run(void)
{
	struct outcome done = {0};

	open_relay();
	device->driver->power->timer(device, 1500, on_done, &done);
	answer(STATE, SAYS_OFF);
	assert_int_equal(done.status, 0);
	tick(40);
	device->driver->power->on(device, on_done, &done);
	answer(PULSE, PULSE);
	answer(STATE, SAYS_ON);
	assert_int_equal(done.calls, 2);
	assert_int_equal(done.status, 0);
}

static void beat(bool feeds, const char *said)
{
	struct outcome done = {0};

	device->driver->power->read(device, POWER_READ_FEED, on_done, &done);
	answer(STATE, said);
	if (feeds)
		answer(PULSE, PULSE);
	else
		answer(STATE, said);
	assert_int_equal(done.status, 0);
	assert_int_equal(done.calls, 1);
}

static void test_timer_is_fed(void **state)
{
	struct outcome done = {0};

	(void)state;
	arm_and_run();
	for (unsigned i = 0; i < 12; i++) {
		tick(200);
		beat(true, SAYS_ON);
		assert_true(told.on);
	}
	stop_relay(&done);
	assert_int_equal(done.status, 0);
	beat(false, SAYS_OFF); /* to feed it would be to switch it on */
	assert_false(told.on);
	finish();
}

/* A board whose contact is slower than its answer stands as before when it is asked first: its pulse was begun all the same. */
static void test_on_late(void **state)
{
	struct outcome done = {0};

	(void)state;
	open_relay();
	device->driver->power->timer(device, 1500, on_done, &done);
	answer(STATE, SAYS_OFF);
	tick(40);
	device->driver->power->on(device, on_done, &done);
	answer(PULSE, PULSE);
	answer(STATE, SAYS_OFF);
	assert_int_equal(done.calls, 1);
	answer(STATE, SAYS_ON);
	assert_int_equal(done.calls, 2);
	assert_int_equal(done.status, 0);
	for (unsigned i = 0; i < 12; i++) {
		tick(200);
		beat(true, SAYS_ON);
		assert_true(told.on);
	}
	beat(false, SAYS_OFF); /* and one that says so behind that has ended it */
	beat(false, SAYS_ON);
	assert_false(told.on);
	finish();
}

/* It is not fed where that may come behind its end, and so switch the pen on again. */
static void test_too_late_to_feed(void **state)
{
	(void)state;
	arm_and_run();
	tick(1300);
	beat(true, SAYS_ON);
	tick(1400);
	beat(false, SAYS_ON);
	assert_true(told.on); /* as yet */
	tick(200);
	beat(false, SAYS_OFF);
	assert_false(told.on);
	finish();
}

/* Somebody opened it, or the board restarted: to feed it would be to switch the pen on again, behind their back. */
static void test_off_unasked(void **state)
{
	struct outcome done = {0};

	(void)state;
	arm_and_run();
	tick(200);
	beat(true, SAYS_ON);
	tick(200);
	beat(false, SAYS_OFF);
	assert_false(told.on);
	tick(200);
	beat(false, SAYS_ON); /* and whoever switches it on again, it was not on all the time */
	assert_false(told.on);
	stop_relay(&done);
	assert_int_equal(done.status, 0);
	device->driver->power->on(device, on_done, &done);
	answer(PULSE, PULSE);
	answer(STATE, SAYS_ON);
	tick(200);
	beat(true, SAYS_ON);
	assert_true(told.on);
	finish();
}

/* In time by its own clock, but not alone any more. */
static void test_not_fed_behind_a_standstill(void **state)
{
	struct outcome done = {0}, on = {0};

	(void)state;
	for (int early = 0; early < 2; early++) {
		arm_and_run();
		tick(200);
		beat(true, SAYS_ON);
		device->driver->power->read(device, POWER_READ_FEED, on_done, &done);
		expect(STATE);
		now += (STOOD_MS - 1) * MS; /* and one more with the answer */
		if (!early) {
			now += MS;
			device->driver->on_tick(device, now);
		}
		say(SAYS_ON);
		answer(STATE, SAYS_ON);
		beat(false, SAYS_ON);
		finish();
		expect(OFF);
	}
	arm_and_run();
	tick(200);
	beat(true, SAYS_ON);
	now += STOOD_MS * MS - 5 * MS;
	device->driver->on_tick(device, now);
	beat(true, SAYS_ON); /* a pause that nobody can have noticed */
	finish();
	expect(OFF);
	open_relay();
	tick(5);
	device->driver->power->read(device, 0, on_done, &done);
	expect(STATE);
	device->driver->power->on(device, on_done, &on);
	now += STOOD_MS * MS;
	say(SAYS_OFF);
	tick(200);
	assert_int_equal(on.status, -ECANCELED);
	nothing_sent();
	finish();
}

/* A question between two beats says so as well. */
static void test_off_between_beats(void **state)
{
	struct outcome done = {0};

	(void)state;
	arm_and_run();
	tick(40);
	device->driver->power->read(device, 0, on_done, &done);
	answer(STATE, SAYS_OFF);
	assert_false(told.on);
	tick(40);
	beat(false, SAYS_ON);
	finish();
}

/* A pulse whose answer comes behind the end of the one before: it was off in between, whatever it says now. */
static void test_fed_behind_its_end(void **state)
{
	struct outcome done = {0};

	(void)state;
	arm_and_run();
	tick(1330);
	device->driver->power->read(device, POWER_READ_FEED, on_done, &done);
	answer(STATE, SAYS_ON);
	expect(PULSE);
	now += 200 * MS; /* in which this process did not run */
	say(PULSE);
	assert_int_equal(done.status, 0);
	assert_false(told.on);
	tick(100);
	beat(false, SAYS_ON);
	assert_false(told.on);
	finish();
}

/* ---- supplies -------------------------------------------------------------------------------------------------- */

#define RD_OFF   "011000120001020000"
#define RD_SET   "010300080002"
#define RD_STATE "01030008000B"
#define RD_IDLE                                                                                                        \
	"010316"                                                                                                       \
	"00000000000000000000000000000000000000000000"

static const struct device_open rd = {.volts_max_v = 12, .amps_max_a = 1.5};

static void open_riden(void)
{
	begin(&driver_riden, &rd);
	answer(RD_OFF, "011000120001");
	answer("010300000004", "010308EA9E000030390080");
	answer(RD_STATE, RD_IDLE);
	answer(RD_STATE, RD_IDLE);
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, 0);
}

static void test_riden(void **state)
{
	struct outcome done = {0};

	(void)state;
	open_riden();
	const struct device_identity *identity = device->driver->identity(device);
	assert_string_equal(identity->model, "RD6006");
	assert_string_equal(identity->serial, "12345");
	assert_string_equal(identity->firmware, "1.28");
	assert_string_equal(identity->dialect, "riden");
	device->driver->power->set(device, 4.8, 1.5, on_done, &done);
	answer("01100009000102"
	       "05DC",
	       "011000090001");
	answer("01100008000102"
	       "01E0",
	       "011000080001");
	answer(RD_SET, "01030401E005DC");
	answer(RD_SET, "01030401E005DC");
	assert_int_equal(done.status, 0);
	device->driver->power->set(device, 4.8, 1.5, on_done, &done);
	answer("01100009000102"
	       "05DC",
	       "011000090001");
	answer("01100008000102"
	       "01E0",
	       "011000080001");
	answer(RD_SET, "01030401DF05DC");
	answer(RD_SET, "01030401DF05DC");
	assert_int_equal(done.status, -EREMOTEIO);
	device->driver->power->set(device, 61, 1.5, on_done, &done);
	answer(RD_STATE, RD_IDLE);
	assert_int_equal(done.status, -ERANGE);
	finish();
}

static void test_not_this_supply(void **state)
{
	struct device_open greedy = rd;

	(void)state;
	begin(&driver_riden, &rd);
	answer(RD_OFF, "011000120001");
	answer("010300000004", "010308"
			       "1234000030390080");
	assert_int_equal(heard.ready_status, -ENOTSUP);
	finish();
	greedy.amps_max_a = 7;
	begin(&driver_riden, &greedy);
	answer(RD_OFF, "011000120001");
	answer("010300000004", "010308EA9E000030390080");
	assert_int_equal(heard.ready_status, -ENOTSUP);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_relay_switches),
		cmocka_unit_test(test_relay_stays_on),
		cmocka_unit_test(test_closed_while_on),
		cmocka_unit_test(test_closed_while_found_on),
		cmocka_unit_test(test_stop_waits_for_the_line),
		cmocka_unit_test(test_late_answer),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_timer_is_fed),
		cmocka_unit_test(test_on_late),
		cmocka_unit_test(test_too_late_to_feed),
		cmocka_unit_test(test_off_unasked),
		cmocka_unit_test(test_off_between_beats),
		cmocka_unit_test(test_not_fed_behind_a_standstill),
		cmocka_unit_test(test_fed_behind_its_end),
		cmocka_unit_test(test_riden),
		cmocka_unit_test(test_not_this_supply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
