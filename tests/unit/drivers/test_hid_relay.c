/* Relay boards on USB over a link made of reports: what is known before anything is sent, opening, every verb, and what can go
 * wrong. */
#include "drivers/hid-relay/device.h"
#include "drivers/hid-relay/wire.h"
#include "fake_link.h"

#define MS NS_PER_MS

static struct device *device;
static struct loop *the_loop;
static uint64_t now;
static struct power_state told;
static unsigned tells;

static uint64_t test_now(void *ctx)
{
	(void)ctx;
	return now;
}

static int no_wait(void *ctx, struct pollfd *fds, unsigned nfds, uint64_t deadline_ns)
{
	(void)ctx, (void)fds, (void)nfds, (void)deadline_ns;
	return 0;
}

static const struct loop_clock clock_of_test = {.now_ns = test_now, .wall_ns = test_now, .wait = no_wait};

static void on_power(void *ctx, const struct power_state *state)
{
	assert_ptr_equal(ctx, &heard);
	told = *state;
	tells++;
}

/* ---- a wire of control requests --------------------------------------------------------------------------------- */

static struct {
	link_control_fn done;
	void *ctx;
	bool sets;
} request[256];
static unsigned begun, ended; /* requests */

/* What is set is noted as hidraw would have it, and what only is read as its number alone. */
static int fake_control(struct link *link, const struct link_setup *setup, const uint8_t *data, uint64_t deadline_ns,
			link_control_fn done, void *ctx)
{
	bool sets = data != NULL, reads_back = !sets && begun > 0 && request[begun - 1].sets;

	assert_ptr_equal(link, &fake.link);
	assert_true(deadline_ns > 0 && begun < sizeof(request) / sizeof(request[0]));
	assert_int_equal(setup->value, 0x0300);
	assert_int_equal(setup->length, HID_RELAY_REPORT_LEN);
	if (!reads_back)
		fake.written[fake.written_len++] = 0;
	for (unsigned i = 0; sets && i < setup->length; i++)
		fake.written[fake.written_len++] = data[i];
	request[begun].done = done;
	request[begun].ctx = ctx;
	request[begun++].sets = sets;
	return 0;
}

static void end_request(int status, const uint8_t *data, size_t len)
{
	unsigned i = ended++;

	request[i].done(request[i].ctx, status, data, len);
}

static void wire_close(struct link *link)
{
	while (ended < begun)
		end_request(-ECANCELED, NULL, 0);
	fake_close(link);
}

static int wire_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		     struct link **ret, struct err *err);

static const struct link_ops wire_ops = {
	.name = "fake",
	.scheme = "usb",
	.open = wire_open,
	.close = wire_close,
	.control = fake_control,
	.identity = fake_identity,
	.counters = fake_counters,
};
static const struct link_ops *const wire_table[] = {&wire_ops, NULL};

static int wire_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		     struct link **ret, struct err *err)
{
	assert_string_equal(uri, "port=1-1");
	begun = ended = 0;
	int status = fake_open(loop, "by-id=TEST", wants, sink, ret, err);
	fake.link.ops = &wire_ops;
	return status;
}

static void tick(uint64_t ms)
{
	for (uint64_t end = now + ms * MS; now < end;) {
		now += DRIVER_TICK_NS;
		device->driver->on_tick(device, now);
	}
}

static void nothing_sent(void)
{
	assert_int_equal(fake.read_to, fake.written_len);
}

static void expect_bytes(const uint8_t *bytes, size_t len)
{
	assert_int_equal(fake.written_len - fake.read_to, len);
	assert_memory_equal(fake.written + fake.read_to, bytes, len);
	fake.read_to += len;
}

static void expect_order(uint8_t order, uint8_t relay)
{
	const uint8_t bytes[HID_RELAY_ORDER_LEN] = {0, order, relay};

	expect_bytes(bytes, sizeof(bytes));
}

static void expect_ask(void)
{
	expect_bytes((const uint8_t[]){0}, 1);
}

static void say_len(const char *name, uint8_t on, size_t len)
{
	uint8_t report[9] = {0};

	memcpy(report, name, 5);
	report[7] = on;
	now += MS;
	while (ended + 1 < begun)
		end_request(0, NULL, 0);
	end_request(0, report, len);
}

static void say(uint8_t on)
{
	say_len("BITFT", on, 8);
}

static int try_open(const char *maker, const char *product, unsigned output, struct err *err)
{
	const struct device_open open = {
		.links = wire_table, .loop = the_loop, .uri = "usb:port=1-1", .output = output, .host = test_host};
	struct device_open how = open;

	how.host.power = on_power;
	fake.identity = (struct link_identity){.vid = 0x16C0, .pid = 0x05DF};
	snprintf(fake.identity.maker, sizeof(fake.identity.maker), "%s", maker);
	snprintf(fake.identity.product, sizeof(fake.identity.product), "%s", product);
	memset(&heard, 0, sizeof(heard));
	tells = 0;
	now += 5000 * MS;
	return driver_hid_relay.open(&how, now, &device, err);
}

static void open_relay(unsigned output, uint8_t others)
{
	struct err err = {""};

	assert_int_equal(try_open("www.dcttech.com", "USBRelay4", output, &err), 0);
	expect_order(0xFD, (uint8_t)output);
	say(others);
	expect_ask();
	assert_int_equal(heard.ready, 0); /* once is not enough */
	say(others);
	assert_true(heard.ready == 1 && heard.ready_status == 0);
	assert_string_equal(driver_hid_relay.identity(device)->serial, "BITFT");
	assert_string_equal(driver_hid_relay.identity(device)->model, "USBRelay4");
	nothing_sent();
}

static void finish(void)
{
	driver_hid_relay.close(device);
	assert_false(fake.open);
}

/* ---- bytes ----------------------------------------------------------------------------------------------------- */

static void test_reports(void **state)
{
	uint8_t order[HID_RELAY_ORDER_LEN];
	struct hid_relay_said said = {.name = "kept"};

	(void)state;
	assert_int_equal(hid_relay_order(8, true, order), HID_RELAY_ORDER_LEN);
	assert_memory_equal(order, ((const uint8_t[]){0, 0xFF, 8, 0, 0, 0, 0, 0, 0}), sizeof(order));
	assert_int_equal(hid_relay_order(1, false, order), HID_RELAY_ORDER_LEN);
	assert_memory_equal(order, ((const uint8_t[]){0, 0xFD, 1, 0, 0, 0, 0, 0, 0}), sizeof(order));
	assert_int_equal(hid_relay_order(0, true, order), 0);
	assert_int_equal(hid_relay_order(9, true, order), 0);

	assert_false(hid_relay_read((const uint8_t *)"HW554\0\0", 7, 4, &said));
	assert_false(hid_relay_read((const uint8_t *)"HW554\0\0\x10", 8, 4, &said)); /* a fifth relay of four */
	assert_false(hid_relay_read((const uint8_t *)"HW 54\0\0\x01", 8, 4, &said));
	assert_false(hid_relay_read((const uint8_t *)"HW55\xB4\0\0\x01", 8, 4, &said));
	assert_string_equal(said.name, "kept");
	assert_true(hid_relay_read((const uint8_t *)"HW554\0\0\x0F", 8, 4, &said));
	assert_string_equal(said.name, "HW554");
	assert_int_equal(said.on, 0x0F);
	assert_true(hid_relay_read((const uint8_t *)"HW554\0\0\xFF", 8, 8, &said));
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

/* What only has the ids is sent nothing. */
static void test_another_thing(void **state)
{
	struct err err = {""};

	(void)state;
	assert_int_equal(try_open("www.obdev.at", "USBRelay4", 1, &err), -EINVAL);
	assert_non_null(strstr(err.text, "www.obdev.at"));
	assert_int_equal(fake.written_len, 0);
	assert_false(fake.open);
	assert_int_equal(try_open("www.dcttech.com", "USBRelay2", 3, &err), -EINVAL);
	assert_non_null(strstr(err.text, "2 relays"));
	assert_int_equal(fake.written_len, 0);
}

static void test_does_not_open(void **state)
{
	struct err err = {""};

	(void)state;
	assert_int_equal(try_open("www.dcttech.com", "USBRelay1", 0, &err), 0);
	expect_order(0xFD, 1);
	say(1);
	expect_order(0xFD, 1);
	say(1);
	assert_true(heard.ready == 1 && heard.ready_status == -EREMOTEIO);
	expect_order(0xFD, 1); /* lost, and told once more */
	finish();
}

/* ---- verbs ----------------------------------------------------------------------------------------------------- */

static void test_on_off(void **state)
{
	struct outcome on = {0}, off = {0}, read = {0};

	(void)state;
	open_relay(2, 0x09);
	driver_hid_relay.power->on(device, on_done, &on);
	expect_order(0xFF, 2);
	say(0x0B);
	tick(5);
	assert_true(on.calls == 1 && on.status == 0);
	driver_hid_relay.power->read(device, 0, on_done, &read);
	expect_ask();
	say(0x0B);
	tick(5);
	assert_true(read.calls == 1 && read.status == 0 && tells == 1 && told.on && isnan(told.volts_v));
	driver_hid_relay.power->off(device, on_done, &off);
	expect_order(0xFD, 2);
	say(0x09); /* the others stay as they are */
	tick(5);
	assert_int_equal(off.calls, 0);
	expect_ask();
	say(0x09);
	tick(5);
	assert_true(off.calls == 1 && off.status == 0);
	finish();
	nothing_sent();
}

/* An order that the board does not obey is given again, and then said. */
static void test_deaf(void **state)
{
	struct outcome on = {0}, off = {0};

	(void)state;
	open_relay(1, 0);
	driver_hid_relay.power->on(device, on_done, &on);
	for (unsigned i = 0; i < 2; i++) {
		expect_order(0xFF, 1);
		say(0);
	}
	tick(5);
	assert_true(on.calls == 1 && on.status == -EREMOTEIO);
	driver_hid_relay.power->off(device, on_done, &off);
	for (unsigned i = 0; i < 2; i++) {
		expect_order(0xFD, 1);
		say(1);
	}
	tick(5);
	assert_true(off.calls == 1 && off.status == -EREMOTEIO);
	driver_hid_relay.close(device);
	expect_order(0xFD, 1);
}

static void test_odd_answers(void **state)
{
	struct outcome read = {0};
	struct device_counters counters;

	(void)state;
	open_relay(1, 0);
	driver_hid_relay.power->read(device, 0, on_done, &read);
	expect_ask();
	say_len("BITFT", 0, 3);
	expect_ask();
	say_len("HW554", 0, 8); /* another board's */
	tick(5);
	assert_true(read.calls == 1 && read.status == -EPROTO && tells == 0);
	assert_non_null(strstr(read.err, "8 bytes"));
	driver_hid_relay.counters(device, &counters);
	assert_int_equal(counters.resyncs, 2);
	finish();
	nothing_sent();
}

/* A stop is written while an answer is awaited; silence ends with an order to switch off. */
static void test_stop_jumps_and_silence(void **state)
{
	struct outcome read = {0}, off = {0};

	(void)state;
	open_relay(1, 0);
	driver_hid_relay.power->read(device, 0, on_done, &read);
	expect_ask();
	driver_hid_relay.power->off(device, on_done, &off);
	expect_order(0xFD, 1);
	tick(210);
	expect_order(0xFD, 1); /* again */
	tick(210);
	expect_order(0xFD, 1); /* lost */
	assert_true(heard.lost == 1 && heard.lost_status == -ETIMEDOUT);
	assert_true(off.calls == 1 && off.status == -ETIMEDOUT && read.calls == 1 && read.status == -ECANCELED);
	off.calls = 0;
	driver_hid_relay.power->off(device, on_done, &off);
	expect_order(0xFD, 1);
	tick(5);
	assert_true(off.calls == 1 && off.status == -ENODEV);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_another_thing),
		cmocka_unit_test(test_on_off),
		cmocka_unit_test(test_does_not_open),
		cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_odd_answers),
		cmocka_unit_test(test_stop_jumps_and_silence),
	};

	(void)fake_table;
	if (loop_new(&clock_of_test, NULL, &the_loop, NULL))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	loop_free(the_loop);
	return failed;
}
