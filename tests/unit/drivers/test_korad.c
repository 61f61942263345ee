/* Korad supplies over a link made of bytes: requests and answers without an end, opening, every verb, and what can go wrong. */
#include "drivers/korad/device.h"
#include "drivers/korad/wire.h"
#include "fake_link.h"

#define MS NS_PER_MS

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

static void nothing_sent(void)
{
	assert_int_equal(fake.read_to, fake.written_len);
}

/* What is sent within a pause, and not sooner than one behind what was sent before. */
static void expect(const char *text)
{
	static uint64_t sent_ns;
	uint64_t begun_ns = now;

	for (unsigned ms = 0; ms < 100 && fake.read_to == fake.written_len; ms += 5)
		tick(5);
	assert_int_equal(fake.written_len - fake.read_to, strlen(text));
	assert_memory_equal(fake.written + fake.read_to, text, strlen(text));
	fake.read_to += strlen(text);
	assert_true(now == begun_ns || now >= sent_ns + KORAD_PAUSE_NS);
	sent_ns = now;
}

static void say(const char *bytes, size_t len)
{
	now += MS;
	arrive(bytes, len, 2, now);
}

static void answer(const char *asked, const char *said)
{
	expect(asked);
	say(said, strlen(said));
	tick(25); /* nothing more comes */
}

static void begin(const struct device_open *how)
{
	struct device_open open = *how;
	struct err err = {""};

	open.links = fake_table;
	open.uri = "serial:by-id=TEST";
	open.host = test_host;
	open.host.power = on_power;
	memset(&heard, 0, sizeof(heard));
	tells = 0;
	now += 5000 * MS;
	assert_int_equal(driver_korad.open(&open, now, &device, &err), 0);
}

static void finish(void)
{
	device->driver->close(device);
	assert_false(fake.open);
}

#define ON  "\x51" /* and constant voltage, and that it beeps */
#define OFF "\x11"

static void open_korad(void)
{
	begin(&(const struct device_open){.output = 1, .volts_max_v = 12, .amps_max_a = 1.5});
	answer("*IDN?", "KORADKA3005PV2.0");
	expect("OUT0");
	answer("STATUS?", OFF);
	assert_int_equal(heard.ready, 0); /* once is not enough */
	answer("STATUS?", OFF);
	assert_true(heard.ready == 1 && heard.ready_status == 0);
	nothing_sent();
}

/* ---- bytes ----------------------------------------------------------------------------------------------------- */

static void encodes(enum korad_ask ask, double value, const char *want)
{
	char text[16];
	size_t len = korad_encode(ask, value, text, sizeof(text));

	assert_int_equal(len, strlen(want));
	assert_memory_equal(text, want, len);
}

static void test_requests(void **state)
{
	(void)state;
	encodes(KORAD_SET_VOLTS, 5, "VSET1:05.00");
	encodes(KORAD_SET_VOLTS, 3.306, "VSET1:03.31");
	encodes(KORAD_SET_VOLTS, 12, "VSET1:12.00");
	encodes(KORAD_SET_AMPS, 1, "ISET1:1.000");
	encodes(KORAD_SET_AMPS, 0.0456, "ISET1:0.046");
	encodes(KORAD_OFF, 0, "OUT0");
	encodes(KORAD_SET_VOLTS, 100, "");
	encodes(KORAD_SET_VOLTS, -1, "");
	encodes(KORAD_SET_AMPS, 10, "");
	encodes(KORAD_SET_AMPS, NAN, "");
	for (enum korad_ask ask = KORAD_OFF; ask < KORAD_ASKS; ask++) {
		char text[16];
		size_t len = korad_encode(ask, 1, text, sizeof(text));
		assert_int_equal(korad_answers(ask), text[len - 1] == '?');
		assert_int_equal(korad_encode(ask, 1, text, len - 1), 0);
	}
}

static bool volts(const char *text, double *ret)
{
	return korad_read_volts((const uint8_t *)text, strlen(text), ret);
}

static bool amps(const char *text, double *ret)
{
	return korad_read_amps((const uint8_t *)text, strlen(text), ret);
}

static void test_answers(void **state)
{
	static const char *const no_volts[] = {"",      "05.0",  "05.000", "0500.", "5.000",
					       " 5.00", "+5.00", "05,00",  "Q05.0"};
	double said = -1;
	bool on = false;

	(void)state;
	assert_true(volts("05.00", &said) && fabs(said - 5) < 1e-9);
	assert_true(amps("1.250", &said) && fabs(said - 1.25) < 1e-9);
	assert_true(amps("1.250K", &said) && fabs(said - 1.25) < 1e-9);
	assert_false(amps("1.250KK", &said) || amps("01.25", &said));
	for (size_t i = 0; i < sizeof(no_volts) / sizeof(no_volts[0]); i++)
		assert_false(volts(no_volts[i], &said));
	assert_true(korad_read_on((const uint8_t *)ON, 1, &on) && on);
	assert_true(korad_read_on((const uint8_t *)"0", 1, &on) && !on);
	/* A number that comes late is no status, though each of its digits were one that says off. */
	assert_false(korad_read_on((const uint8_t *)"05.00", 5, &on) || korad_read_on((const uint8_t *)"", 0, &on));
}

static void test_identities(void **state)
{
	struct korad_identity said;

	(void)state;
	assert_true(korad_read_identity((const uint8_t *)"KORADKA3005PV2.0\x01\xBC", 18, &said));
	assert_string_equal(said.text, "KORADKA3005PV2.0");
	assert_true(said.model && said.model->volts_max_v == 30 && said.model->amps_max_a == 5);
	assert_string_equal(said.serial, "");
	assert_true(korad_read_identity((const uint8_t *)"TENMA 72-2540 V5.8 SN:01234567", 30, &said));
	assert_string_equal(said.text, "TENMA 72-2540 V5.8");
	assert_string_equal(said.serial, "01234567");
	assert_true(korad_read_identity((const uint8_t *)"KORAD KWR103 V1", 15, &said) && !said.model);
	assert_false(korad_read_identity((const uint8_t *)"POS58 printer", 13, &said));
	assert_false(korad_read_identity((const uint8_t *)"", 0, &said));
	assert_ptr_equal(korad_model_named("KA6003P"), korad_model_named("KA6003P"));
	assert_null(korad_model_named("KA9999P"));
}

/* ---- a supply -------------------------------------------------------------------------------------------------- */

static void test_verbs(void **state)
{
	struct outcome done = {0};

	(void)state;
	open_korad();
	assert_string_equal(device->driver->identity(device)->dialect, "korad");
	device->driver->power->set(device, 4.8, 1.5, on_done, &done);
	expect("ISET1:1.500");
	expect("VSET1:04.80");
	answer("ISET1?", "1.500K");
	answer("VSET1?", "04.80");
	assert_true(done.calls == 1 && done.status == 0);
	device->driver->power->on(device, on_done, &done);
	expect("OUT1");
	answer("STATUS?", ON);
	assert_true(done.calls == 2 && done.status == 0);
	device->driver->power->read(device, 0, on_done, &done);
	answer("STATUS?", ON);
	answer("VOUT1?", "04.79");
	assert_true(tells == 1 && told.on && isnan(told.current_a));
	assert_float_equal(told.volts_v, 4.79, 1e-9);
	device->driver->power->off(device, on_done, &done);
	expect("OUT0");
	answer("STATUS?", OFF);
	answer("STATUS?", OFF);
	assert_true(done.calls == 4 && done.status == 0);
	finish();
	nothing_sent();
}

static void test_not_as_set(void **state)
{
	struct outcome done = {0};

	(void)state;
	open_korad();
	device->driver->power->set(device, 4.8, 1.5, on_done, &done);
	expect("ISET1:1.500");
	expect("VSET1:04.80");
	answer("ISET1?", "1.500");
	for (unsigned i = 0; i < 2; i++) {
		answer("VSET1?", "04.79"); /* the command was dropped, or another hand is at the knob */
		tick(DRIVER_REPLY_NS / MS);
	}
	assert_int_equal(done.status, -EREMOTEIO);
	device->driver->power->set(device, 4.8, 10, on_done, &done);
	answer("STATUS?", OFF);
	assert_int_equal(done.status, -ERANGE);
	finish();
}

/* It is heard behind the pause alone, so a stop waits for that, and for nothing else. */
static void test_a_stop_overtakes(void **state)
{
	struct outcome read = {0}, off = {0};

	(void)state;
	open_korad();
	tick(100);
	device->driver->power->read(device, 0, on_done, &read);
	expect("STATUS?");
	device->driver->power->off(device, on_done, &off);
	nothing_sent();
	say(ON, 1); /* to what was given up */
	tick(80);
	nothing_sent();
	expect("OUT0");
	assert_int_equal(read.status, -ECANCELED);
	answer("STATUS?", OFF);
	answer("STATUS?", OFF);
	assert_true(off.calls == 1 && off.status == 0);
	finish();
}

static void test_silent(void **state)
{
	struct outcome on = {0}, off = {0};

	(void)state;
	open_korad();
	device->driver->power->on(device, on_done, &on);
	expect("OUT1");
	expect("STATUS?");
	tick(2 * DRIVER_REPLY_NS / MS + 10);
	fake.read_to += strlen("STATUS?"); /* asked again */
	tick(DRIVER_REPLY_NS / MS + 10);
	assert_true(heard.lost == 1 && on.status == -ETIMEDOUT);
	assert_memory_equal(fake.written + fake.read_to, "OUT0", 4); /* it may hear all the same */
	fake.read_to += 4;
	device->driver->power->off(device, on_done, &off);
	tick(5);
	assert_int_equal(off.status, -ENODEV);
	assert_memory_equal(fake.written + fake.read_to, "OUT0", 4);
	finish();
}

static void run_korad(void)
{
	struct outcome done = {0};

	open_korad();
	device->driver->power->on(device, on_done, &done);
	expect("OUT1");
	answer("STATUS?", ON);
	assert_true(done.calls == 1 && done.status == 0);
}

/* That it was off once, before it was switched on, is no reason to leave it on. */
static void test_closed_while_on(void **state)
{
	struct outcome done = {0};

	(void)state;
	run_korad();
	finish();
	expect("OUT0");
	run_korad();
	device->driver->power->read(device, 0, on_done, &done);
	expect("STATUS?");
	device->driver->power->off(device, on_done, &done); /* waits for the pause */
	nothing_sent();
	finish();
	expect("OUT0");
	run_korad();
	tick(100);
	device->driver->power->off(device, on_done, &done);
	expect("OUT0");
	answer("STATUS?", OFF);
	finish(); /* once is not enough */
	expect("OUT0");
}

static void test_openings(void **state)
{
	(void)state;
	begin(&(const struct device_open){.output = 1}); /* nothing is switched before it is known what it is */
	answer("*IDN?", "POS58");
	tick(DRIVER_REPLY_NS / MS);
	answer("*IDN?", "POS58");
	assert_int_equal(heard.ready_status, -EPROTO);
	nothing_sent();
	finish();
	nothing_sent();
	begin(&(const struct device_open){.output = 1, .amps_max_a = 6});
	answer("*IDN?", "KORADKA3005PV2.0");
	assert_int_equal(heard.ready_status, -ENOTSUP);
	finish();
	begin(&(const struct device_open){.output = 1, .dialect = "korad"});
	expect("OUT0"); /* where it is known, that comes first */
	answer("*IDN?", "KORADKA3005PV2.0");
	expect("OUT0");
	answer("STATUS?", OFF);
	answer("STATUS?", OFF);
	assert_int_equal(heard.ready, 1);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),        cmocka_unit_test(test_answers),
		cmocka_unit_test(test_identities),      cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_not_as_set),      cmocka_unit_test(test_a_stop_overtakes),
		cmocka_unit_test(test_silent),          cmocka_unit_test(test_openings),
		cmocka_unit_test(test_closed_while_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
