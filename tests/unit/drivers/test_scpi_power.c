/* Power supplies that speak SCPI, and the pen that is made of one, over a link made of bytes: each make's lines, every verb,
 * and the ways in which a supply can fail it. */
#include "drivers/powered/device.h"
#include "drivers/scpi-power/device.h"
#include "drivers/scpi-power/wire.h"
#include "fake_link.h"

#define MS NS_PER_MS

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

static void expect(const char *line)
{
	const uint8_t *start = fake.written + fake.read_to;
	const uint8_t *lf = memchr(start, '\n', fake.written_len - fake.read_to);

	if (!lf)
		fail_msg("nothing was sent where '%s' is due", line);
	assert_int_equal((size_t)(lf - start), strlen(line));
	assert_memory_equal(start, line, strlen(line));
	fake.read_to += strlen(line) + 1;
}

static void nothing_sent(void)
{
	assert_int_equal(fake.read_to, fake.written_len);
}

static void say(const char *line)
{
	char bytes[300];

	snprintf(bytes, sizeof(bytes), "%s\n", line);
	now += MS;
	arrive(bytes, strlen(bytes), 3, now);
}

static const char *known;        /* dialect that the supply is opened with */
static struct power_rating most; /* that it will be set to */

static void begin(const struct driver *driver, unsigned output, const struct power_setup *power)
{
	struct device_open open = {.links = fake_table,
				   .uri = "serial:by-id=TEST",
				   .host = test_host,
				   .output = output,
				   .dialect = known,
				   .volts_max_v = most.volts_v,
				   .amps_max_a = most.amps_a,
				   .power = power};
	struct err err = {""};

	open.host.power = on_power;
	memset(&heard, 0, sizeof(heard));
	tells = 0;
	now = 5000 * MS;
	assert_int_equal(driver->open(&open, now, &device, &err), 0);
}

#define RIGOL    "RIGOL TECHNOLOGIES,DP832,DP8A1,00.01.16"
#define KEITHLEY "Keithley instruments, 2200-20-5, 9010001, 1.02-1.02"
#define OFF      ":INST:NSEL 2;:OUTP OFF;:OUTP?"

static void open_rigol(void)
{
	begin(&driver_scpi_power, 2, NULL);
	expect("*IDN?");
	say(RIGOL);
	expect(OFF);
	say("OFF");
	assert_int_equal(heard.ready, 0); /* once is not enough */
	expect(OFF);
	say("OFF");
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, 0);
}

static void finish(void)
{
	device->driver->close(device);
	assert_false(fake.open);
}

/* ---- lines ----------------------------------------------------------------------------------------------------- */

static void encodes(const char *maker, const char *model, enum power_line line, double value, const char *want)
{
	struct power_identity identity = {.model = ""};
	char text[POWER_LINE_MAX];

	snprintf(identity.maker, sizeof(identity.maker), "%s", maker);
	snprintf(identity.model, sizeof(identity.model), "%s", model);
	const struct power_dialect *dialect = power_dialect_of(&identity, NULL);
	assert_non_null(dialect);
	size_t n = power_encode(dialect, line, 1, value, text, sizeof(text));
	assert_int_equal(n, strlen(text));
	assert_string_equal(text, want);
}

static void test_makes(void **state)
{
	struct power_identity stranger = {.maker = "GW INSTEK", .model = "DP832"};

	(void)state;
	encodes("RIGOL TECHNOLOGIES", "DP832A", POWER_SET_VOLTS, 3.3,
		"*CLS;:INST:NSEL 1;:SOUR:VOLT 3.300;:SYST:ERR?\n");
	encodes("Keysight Technologies", "E36312A", POWER_OFF, 0, ":INST:NSEL 1;:OUTP:STAT OFF;:OUTP:STAT?\n");
	encodes("Siglent Technologies", "SPD3303X-E", POWER_OFF, 0, "OUTP CH1,OFF;:SYST:STAT?\n");
	encodes("Siglent", "SPD3303C", POWER_AMPS, 0, "MEAS:CURR? CH1\n");
	encodes("Keithley instruments", "2200-20-5", POWER_FEED, 1.5, ":OUTP:TIM:DEL 1.500;:OUTP:TIM:DEL?\n");
	assert_null(power_dialect_of(&stranger, NULL));
	encodes("RIGOL TECHNOLOGIES", "DP712", POWER_SET_VOLTS, 3.337,
		"*CLS;:INST:NSEL 1;:SOUR:VOLT 3.340;:SYST:ERR?\n");
	for (const struct power_dialect *d = power_dialects; d->name; d++) {
		char text[POWER_LINE_MAX];
		for (unsigned line = 0; line < POWER_LINES; line++) {
			bool timer = line >= POWER_SET_TIMER;
			size_t n = power_encode(d, (enum power_line)line, d->model[0].outputs, 12.3456, text,
						sizeof(text));
			assert_int_equal(n > 0, !timer || d->timer_max_s > 0);
			assert_true(n == 0 || (strchr(text, '?') && strchr(text, '?') == strrchr(text, '?')));
		}
		assert_int_equal(power_encode(d, POWER_OFF, 1, 0, text, 8), 0);
		size_t n = power_encode_unasked(d, POWER_OFF, 1, 0, text, sizeof(text));
		assert_int_equal(n, strlen(text));
		assert_true(strstr(text, "OFF\n") && !strchr(text, '?'));
		assert_ptr_equal(power_dialect_named(d->name), d);
	}
}

/* Never truncated: 0.29 is a little less than 290 of its steps. */
static void test_rounding(void **state)
{
	const struct power_dialect *d = &power_dialects[0];

	(void)state;
	assert_float_equal(power_as_sent(d, POWER_SET_VOLTS, 3.2996), 3.3, 1e-9);
	assert_float_equal(power_as_sent(d, POWER_SET_AMPS, 0.29), 0.29, 1e-9);
	assert_float_equal(power_as_sent(d, POWER_SET_VOLTS, 1.0004), 1.0, 1e-9);
	assert_float_equal(power_as_sent(d, POWER_OUTPUT, 0.12345), 0.12345, 0);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		double value; /* NaN: refused */
	} cases[] = {{"5", 5},
		     {"5.000", 5},
		     {"+5.00000000E+00", 5},
		     {"-1.5e-3", -0.0015},
		     {" .5 ", 0.5},
		     {"5.", 5},
		     {"5 E +1", 50},
		     {"", NAN},
		     {".", NAN},
		     {"5V", NAN},
		     {"5,0", NAN},
		     {"1E", NAN},
		     {"9.91E37", NAN},
		     {"9.9E37", NAN},
		     {"1e9999", NAN},
		     {"ON", NAN},
		     {"nan", NAN},
		     {"0x10", NAN},
		     {"--1", NAN}};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double value = 7;
		bool right = power_read_number(cases[i].text, &value);
		if (right != !isnan(cases[i].value))
			fail_msg("'%s'", cases[i].text);
		assert_float_equal(value, right ? cases[i].value : 7, 1e-12);
	}
}

static void test_words(void **state)
{
	const struct power_dialect *siglent = power_dialect_named("siglent-spd");
	const struct power_dialect *rigol = power_dialect_named("rigol-dp800");
	char text[POWER_TEXT_MAX];
	bool on = true;
	int code = 7;

	(void)state;
	assert_true(power_read_output(rigol, 1, "OFF", &on) && !on);
	assert_true(power_read_output(rigol, 1, " 1 ", &on) && on);
	assert_false(power_read_output(rigol, 1, "0.000", &on)); /* an answer to another question */
	assert_false(power_read_output(rigol, 1, "0,\"No error\"", &on));
	assert_false(power_read_output(rigol, 1, "", &on));
	assert_true(power_read_output(siglent, 1, "0x24", &on) && !on);
	assert_true(power_read_output(siglent, 2, "0x24", &on) && on);
	assert_true(power_read_output(siglent, 1, "0x14", &on) && on);
	assert_false(power_read_output(siglent, 1, "24", &on));
	assert_false(
		power_read_output(siglent, 1, "0x20", &on)); /* 00; series 11 and parallel 10 are told apart from 01 */
	assert_false(power_read_output(siglent, 1, "0x28", &on));
	assert_false(power_read_output(siglent, 1, "0x2C", &on));
	assert_true(power_read_coupled(siglent, "0x28") && power_read_coupled(siglent, "0x2C"));
	assert_false(power_read_coupled(siglent, "0x24") || power_read_coupled(siglent, "0x20"));
	assert_false(power_read_coupled(siglent, "OFF") || power_read_coupled(rigol, "0x28"));
	assert_false(power_read_output(siglent, 1, "0x", &on));
	assert_false(power_read_output(siglent, 1, "0", &on));
	assert_true(power_read_error("-222,\"Data out of range\"", &code, text) && code == -222);
	assert_string_equal(text, "Data out of range");
	assert_true(power_read_error("0  No Error", &code, text) && code == 0);
	assert_true(power_read_error("+0,\"No error\"", &code, text) && code == 0);
	assert_false(power_read_error("OFF", &code, text));
	assert_false(power_read_error("0", &code, text)); /* of an output that is off */
	assert_false(power_read_error("0 ", &code, text));
	assert_false(power_read_error("0,", &code, text));
	assert_false(power_read_error("5.000", &code, text));
}

/* ---- a supply that hears and is not heard ---------------------------------------------------------------------- */

#define BLIND_OFF ":INST:NSEL 2;:OUTP OFF"

/* What it speaks is known from before: it is ordered off before anything is asked, and with each question. */
static void test_off_before_identity(void **state)
{
	struct device_counters counters;

	(void)state;
	known = "rigol-dp800";
	begin(&driver_scpi_power, 2, NULL);
	known = NULL;
	expect(BLIND_OFF);
	expect("*IDN?");
	device->driver->counters(device, &counters);
	assert_int_equal(counters.stops, 1);
	tick(205);
	expect(BLIND_OFF);
	expect("*IDN?");
	say(RIGOL);
	expect(OFF);
	say("OFF");
	expect(OFF);
	say("OFF");
	assert_int_equal(heard.ready, 1);
	assert_string_equal(device->driver->identity(device)->dialect, "rigol-dp800");
	nothing_sent();
	finish();
	nothing_sent(); /* confirmed off: nothing is left to say */
}

static void test_silent_from_the_start(void **state)
{
	struct device_counters counters;

	(void)state;
	known = "no such dialect";
	begin(&driver_scpi_power, 2, NULL);
	known = NULL;
	expect("*IDN?");
	tick(205);
	expect("*IDN?");
	tick(205);
	assert_int_equal(heard.ready_status, -ETIMEDOUT);
	device->driver->counters(device, &counters);
	assert_int_equal(counters.stops, 0);
	finish();
	nothing_sent(); /* nobody knows how */
}

/* Silent under a running pen: ordered off when that is seen, with every stop, and with the last words. */
static void test_silent_while_on(void **state)
{
	struct outcome done = {0};

	(void)state;
	open_rigol();
	device->driver->power->on(device, NULL, NULL);
	expect(":INST:NSEL 2;:OUTP ON;:OUTP?");
	say("ON");
	device->driver->power->read(device, 0, NULL, NULL);
	expect(":INST:NSEL 2;:OUTP?");
	tick(205);
	expect(":INST:NSEL 2;:OUTP?");
	nothing_sent();
	tick(205);
	assert_int_equal(heard.lost, 1);
	expect(BLIND_OFF);
	nothing_sent();
	for (unsigned i = 0; i < 2; i++) {
		device->driver->power->off(device, on_done, &done);
		expect(BLIND_OFF);
		nothing_sent();
		tick(5);
		assert_int_equal(done.calls, i + 1);
		assert_int_equal(done.status, -ENODEV);
	}
	finish();
	expect(BLIND_OFF);
	nothing_sent();
}

/* A header that is not the question's: never the voltage, never that it is off. */
static void test_answers_to_something_else(void **state)
{
	struct outcome done = {0};

	(void)state;
	open_rigol();
	device->driver->power->off(device, on_done, &done);
	expect(OFF);
	say(":OUTP:TIM 0");
	expect(OFF);
	say(":OUTPUT:STATE OFF");
	expect(OFF);
	say(":OUTP OFF");
	assert_int_equal(done.calls, 1);
	assert_int_equal(done.status, 0);
	device->driver->power->read(device, 0, on_done, &done);
	expect(":INST:NSEL 2;:OUTP?");
	say("OFF");
	for (unsigned i = 0; i < 2; i++) {
		expect(":INST:NSEL 2;:MEAS:VOLT?");
		say(":SOUR:VOLT 4.8");
	}
	assert_int_equal(done.calls, 2);
	assert_int_equal(done.status, -EPROTO);
	finish();
}

/* An end that comes before the answers to the stop. */
static void test_closed_while_on(void **state)
{
	(void)state;
	open_rigol();
	device->driver->power->on(device, NULL, NULL);
	expect(":INST:NSEL 2;:OUTP ON;:OUTP?");
	say("ON");
	device->driver->power->off(device, NULL, NULL);
	expect(OFF);
	say("OFF"); /* once is not confirmed */
	expect(OFF);
	finish();
	expect(BLIND_OFF);
	nothing_sent();
}

/* ---- the supply ------------------------------------------------------------------------------------------------ */

static void test_set(void **state)
{
	struct outcome done = {0};

	(void)state;
	open_rigol();
	device->driver->power->set(device, 4.8, 1.5, on_done, &done);
	expect("*CLS;:INST:NSEL 2;:SOUR:CURR 1.500;:SYST:ERR?");
	say("0,\"No error\"");
	expect(":INST:NSEL 2;:SOUR:CURR?");
	say("1.5000");
	expect("*CLS;:INST:NSEL 2;:SOUR:VOLT 4.800;:SYST:ERR?");
	say("0,\"No error\"");
	expect(":INST:NSEL 2;:SOUR:VOLT?");
	assert_int_equal(done.calls, 0);
	say("4.800");
	assert_int_equal(done.calls, 1);
	assert_int_equal(done.status, 0);
	device->driver->power->set(device, 40, 1.5, on_done, &done);
	for (unsigned i = 0; i < 2; i++) {
		expect(i ? ":INST:NSEL 2;:SOUR:CURR?" : "*CLS;:INST:NSEL 2;:SOUR:CURR 1.500;:SYST:ERR?");
		say(i ? "1.5" : "0,\"No error\"");
	}
	for (unsigned i = 0; i < 2; i++) {
		expect("*CLS;:INST:NSEL 2;:SOUR:VOLT 40.000;:SYST:ERR?");
		say("-222,\"Data out of range\"");
	}
	assert_int_equal(done.calls, 2);
	assert_int_equal(done.status, -ERANGE);
	nothing_sent();
	finish();
}

static void test_reads_back_another(void **state)
{
	struct outcome done = {0};

	(void)state;
	open_rigol();
	device->driver->power->set(device, 4.8, 1.5, on_done, &done);
	expect("*CLS;:INST:NSEL 2;:SOUR:CURR 1.500;:SYST:ERR?");
	say("0,\"No error\"");
	for (unsigned i = 0; i < 2; i++) {
		expect(":INST:NSEL 2;:SOUR:CURR?");
		say("1.501");
	}
	assert_int_equal(done.status, -EREMOTEIO);
	assert_non_null(strstr(done.err, "1.501"));
	finish();
}

/* A stop overtakes a read, whose answer still comes: it is none to the stop. */
static void test_off_overtakes(void **state)
{
	struct outcome read = {0}, off = {0};

	(void)state;
	open_rigol();
	device->driver->power->read(device, 0, on_done, &read);
	expect(":INST:NSEL 2;:OUTP?");
	inside_verb = true;
	device->driver->power->off(device, on_done, &off);
	inside_verb = false;
	expect(OFF);
	say("ON"); /* to the read */
	expect(OFF);
	say("OFF");
	expect(OFF);
	assert_int_equal(off.calls, 0);
	say("OFF");
	tick(5);
	assert_int_equal(read.status, -ECANCELED);
	assert_int_equal(off.calls, 1);
	assert_int_equal(off.status, 0);
	finish();
}

static void test_welded_word(void **state)
{
	struct outcome off = {0};

	(void)state;
	open_rigol();
	device->driver->power->off(device, on_done, &off);
	for (unsigned i = 0; i < 5; i++) {
		expect(OFF);
		say(i == 0 || i == 2 ? "OFF" : "ON"); /* one no between is no agreement */
	}
	assert_int_equal(off.status, -EREMOTEIO);
	nothing_sent();
	finish();
}

static void test_no_timer(void **state)
{
	struct outcome done = {0};

	(void)state;
	open_rigol();
	device->driver->power->timer(device, 500, on_done, &done);
	for (unsigned i = 0; i < 3; i++)
		say(i ? "0.000" : "OFF");
	assert_int_equal(done.status, -ERANGE);
	assert_non_null(strstr(done.err, "no timer"));
	finish();
}

static void refused(unsigned output, double volts, double amps, const char *idn, const char *why)
{
	most.volts_v = volts;
	most.amps_a = amps;
	begin(&driver_scpi_power, output, NULL);
	most = (struct power_rating){.volts_v = 0};
	expect("*IDN?");
	say(idn);
	assert_int_equal(heard.ready_status, -ENOTSUP);
	if (!strstr(heard.err, why))
		fail_msg("\"%s\" lacks \"%s\"", heard.err, why);
	nothing_sent();
	finish();
}

/* What a model has and can, and a model that nobody has looked up. */
static void test_models(void **state)
{
	(void)state;
	refused(2, 5, 1, "RIGOL TECHNOLOGIES,DP811A,S,1", "DP811A has 1 output that may feed a pen");
	refused(3, 5, 1, "RIGOL TECHNOLOGIES,DP831,S,1", "has 2 outputs"); /* its third makes negative volts */
	refused(3, 4, 3.1, "RIGOL TECHNOLOGIES,DP832,S,1",
		"output 3 of the power supply DP832 makes up to 5 V and 3 A");
	refused(1, 12, 1, "Keysight Technologies,E36312A,MY1,2", "up to 6.18 V and 5.15 A");
	refused(3, 5, 1, "Keysight Technologies,E36311A,MY1,2", "has 2 outputs");
	refused(1, 5, 1, "RIGOL TECHNOLOGIES,DP8000,S,1", "says how one is added");
	refused(1, 5, 1, "Keysight Technologies,E36441A,MY1,2", "E36441A");
	refused(1, 5, 1, "RIGOL TECHNOLOGIES,DP832,S12345678901234567890123456789012345678901234567890,1",
		"more than 47 characters");
	most = (struct power_rating){.volts_v = 25.75, .amps_a = 1.03};
	begin(&driver_scpi_power, 2, NULL);
	most = (struct power_rating){.volts_v = 0};
	say("Keysight Technologies,E36312A,MY1,2");
	assert_int_equal(heard.ready_status, 0);
	finish();
}

static void test_coupled_outputs(void **state)
{
	(void)state;
	begin(&driver_scpi_power, 1, NULL);
	say("Siglent Technologies,SPD3303X,SPD1,1.01");
	for (unsigned i = 0; i < 5; i++)
		say("0x28");
	assert_int_equal(heard.ready_status, -EREMOTEIO);
	assert_non_null(strstr(heard.err, "set them to independent at its front panel"));
	finish();
}

static void test_strangers(void **state)
{
	(void)state;
	begin(&driver_scpi_power, 1, NULL);
	say("GW INSTEK,PSP-603,1,2");
	assert_int_equal(heard.ready_status, -ENOTSUP);
	assert_non_null(strstr(heard.err, "PSP-603"));
	finish();
	begin(&driver_scpi_power, 4, NULL);
	say(RIGOL);
	assert_int_equal(heard.ready_status, -ENOTSUP);
	finish();
	begin(&driver_scpi_power, 1, NULL);
	tick(600);
	assert_int_equal(heard.ready_status, -ETIMEDOUT);
	finish();
}

/* ---- the pen --------------------------------------------------------------------------------------------------- */

static struct power_setup setup_of(void)
{
	return (struct power_setup){
		.driver = &driver_scpi_power,
		.output = 1,
		.current_max_a = 1,
		.fed = true,
		.limits = {.rate_min_hz = 60, .rate_max_hz = 300, .depth_min_mm = 0.2, .depth_max_mm = 3},
		.points = 3,
		.volts_v = {2.4, 4.8, 12},
		.rate_hz = {60, 120, 300},
	};
}

static void test_volts(void **state)
{
	struct power_setup setup = setup_of();

	(void)state;
	assert_float_equal(powered_volts(&setup, 60), 2.4, 1e-12);
	assert_float_equal(powered_volts(&setup, 90), 3.6, 1e-12);
	assert_float_equal(powered_volts(&setup, 210), 8.4, 1e-12);
	assert_float_equal(powered_volts(&setup, 300), 12, 1e-12);
	assert_true(isnan(powered_volts(&setup, 59.9)) && isnan(powered_volts(&setup, 301)));
	setup.points = 1;
	assert_float_equal(powered_volts(&setup, 999), 2.4, 0);
}

static void open_pen(void)
{
	struct power_setup setup = setup_of();

	begin(&driver_powered, 0, &setup);
	expect("*IDN?");
	say(KEITHLEY);
	for (unsigned i = 0; i < 2; i++) {
		expect(":OUTP OFF;:OUTP?");
		say("0");
	}
	assert_int_equal(heard.ready, 1);
	assert_string_equal(device->driver->identity(device)->serial, "9010001");
}

static void set_rate(struct outcome *done)
{
	static const char *const answers[] = {"0,\"No error\"", "1.0", "0,\"No error\"", "4.8000"};

	device->driver->pen->set_rate(device, 120, on_done, done);
	for (unsigned i = 0; i < 4; i++)
		say(answers[i]);
	assert_int_equal(done->status, 0);
	fake.read_to = fake.written_len;
}

/* A voltage counts once the supply has confirmed it, and no longer than until it is to be another. */
static void test_runs_on_a_confirmed_voltage_alone(void **state)
{
	struct outcome ran = {0}, set = {0};

	(void)state;
	open_pen();
	for (unsigned i = 0; i < 2; i++) {
		if (i)
			set_rate(&set);
		device->driver->pen->set_rate(device, 130, on_done, &set);
		device->driver->pen->run(device, on_done, &ran); /* before the answers */
		tick(5);
		assert_int_equal(ran.status, -EAGAIN);
		fake.read_to = fake.written_len;
		for (unsigned n = 0; n < 2; n++)
			say("-222,\"Data out of range\"");
		assert_int_equal(set.status, -ERANGE);
		fake.read_to = fake.written_len;
		device->driver->pen->run(device, on_done, &ran);
		tick(5);
		assert_int_equal(ran.calls, 2 * i + 2);
		assert_int_equal(ran.status, -EAGAIN);
		nothing_sent();
	}
	finish();
}

static void answer(const char *line, const char *said)
{
	expect(line);
	say(said);
}

static const char *found_on = "0", *found_s = "60"; /* the timer, before it is armed */

static void arm_and_run(void)
{
	struct outcome done = {0};

	set_rate(&done);
	device->driver->pen->deadman(device, 500, on_done, &done);
	answer(":OUTP:TIM?", found_on);
	answer(":OUTP:TIM:DEL?", found_s);
	answer(":OUTP:TIM:DEL 0.500;:OUTP:TIM ON;:OUTP:TIM:DEL?", "0.5");
	answer(":OUTP:TIM?", "1");
	device->driver->pen->run(device, on_done, &done);
	answer(":OUTP:TIM?", "1");
	answer(":OUTP ON;:OUTP?", "1");
	assert_int_equal(done.calls, 3);
	assert_int_equal(done.status, 0);
	tick(5);
}

static void beat(const char *on, const char *volts)
{
	device->driver->pen->heartbeat(device, NULL, NULL);
	expect(":OUTP:TIM:DEL 0.500;:OUTP:TIM:DEL?");
	say("0.50");
	expect(":OUTP?");
	say(on);
	expect(":MEAS:VOLT?");
	say(volts);
	expect(":MEAS:CURR?");
	say("0.3");
}

static void test_pen_runs(void **state)
{
	struct outcome done = {0};

	(void)state;
	open_pen();
	device->driver->pen->run(device, on_done, &done); /* nothing is set */
	device->driver->pen->set_depth(device, 3.5, on_done, &done);
	assert_int_equal(done.calls, 0);
	tick(5);
	assert_int_equal(done.calls, 2);
	assert_int_equal(done.status, -ERANGE);
	nothing_sent();
	arm_and_run();
	beat("1", "4.79");
	assert_true(heard.telemetry.running && heard.telemetry.condition == 0);
	assert_float_equal(heard.telemetry.battery_v, 4.79, 1e-9);
	assert_true(isnan(heard.telemetry.rate_hz));
	for (unsigned i = 0; i < POWERED_LOW_READS; i++) {
		assert_int_equal(heard.telemetry.condition, 0);
		beat("1", "4.4");
	}
	assert_int_equal(heard.telemetry.condition, PEN_POWER_LOW);
	finish();
}

static struct outcome off;

static void order_off(void)
{
	off = (struct outcome){0};
	device->driver->pen->stop(device, on_done, &off);
	answer(":OUTP OFF;:OUTP?", "0");
	answer(":OUTP OFF;:OUTP?", "0");
}

static void stop_pen(void)
{
	order_off();
	assert_int_equal(off.calls, 1);
	assert_int_equal(off.status, 0);
}

static void last_word(const char *armed)
{
	answer(":OUTP?", "0");
	answer(":MEAS:VOLT?", "0.01");
	answer(":OUTP:TIM?", armed);
}

/* It may have been disarmed since it was asked last. Once may be a garbled line. The stop is done with the last word: what it says
 * is of the point that the stop has ended. */
static void test_timer_disarmed_before_the_stop(void **state)
{
	(void)state;
	open_pen();
	arm_and_run();
	order_off();
	last_word("0");
	assert_int_equal(off.calls, 0);
	last_word("1");
	assert_int_equal(heard.conditions, 0);
	assert_true(off.calls == 1 && off.status == 0);
	nothing_sent();
	finish();
	open_pen();
	arm_and_run();
	order_off();
	last_word("0");
	expect(":OUTP?");
	order_off(); /* which overtakes the second question, and begins anew */
	last_word("0");
	assert_int_equal(heard.conditions, 0);
	last_word("0");
	assert_int_equal(heard.conditions, PEN_TIMER_OFF);
	assert_true(off.calls == 1 && off.status == 0);
	nothing_sent();
	stop_pen();
	nothing_sent();
	finish();
}

/* A last word without sense is asked for again, and then the point is worth nothing, and that at once. */
static void test_timer_without_a_last_word(void **state)
{
	struct outcome ran = {0};

	(void)state;
	for (unsigned odd = 0; odd < 2; odd++) {
		open_pen();
		arm_and_run();
		order_off();
		device->driver->pen->run(device, on_done, &ran); /* nor does it start before that */
		tick(5);
		assert_int_equal(ran.status, -EAGAIN);
		for (unsigned i = 0; i < 2 + odd; i++) { /* each asked twice */
			answer(":OUTP?", "what?");
			answer(":OUTP?", "what?");
		}
		assert_int_equal(off.calls, odd);
		assert_int_equal(heard.conditions, odd ? PEN_TIMER_OFF : 0);
		if (!odd)
			last_word("1");
		assert_true(off.calls == 1 && off.status == 0);
		nothing_sent();
		finish();
	}
}

/* One that falls silent had said off: that stands, and the loss is told by itself. */
static void test_silent_behind_a_stop(void **state)
{
	(void)state;
	open_pen();
	arm_and_run();
	order_off();
	expect(":OUTP?");
	tick(500);
	assert_int_equal(heard.lost, 1);
	assert_int_equal(heard.conditions, 0);
	assert_true(off.calls == 1 && off.status == 0);
	finish();
}

/* Once a second it is asked whether the timer is armed, in the amps' place. */
static void test_timer_disarmed_while_on(void **state)
{
	struct outcome ran = {0};

	(void)state;
	open_pen();
	arm_and_run();
	beat("1", "4.8");
	tick(POWERED_TIMER_NS / MS);
	device->driver->pen->heartbeat(device, NULL, NULL);
	answer(":OUTP:TIM:DEL 0.500;:OUTP:TIM:DEL?", "0.50");
	answer(":OUTP?", "1");
	answer(":MEAS:VOLT?", "4.8");
	answer(":OUTP:TIM?", "1");
	assert_int_equal(heard.telemetry.condition, 0);
	assert_true(isnan(heard.telemetry.current_a)); /* those of the read before are no news */
	beat("1", "4.8");
	assert_float_equal(heard.telemetry.current_a, 0.3, 1e-9);
	tick(POWERED_TIMER_NS / MS);
	device->driver->pen->heartbeat(device, NULL, NULL);
	answer(":OUTP:TIM:DEL 0.500;:OUTP:TIM:DEL?", "0.50");
	answer(":OUTP?", "1");
	answer(":MEAS:VOLT?", "4.8");
	answer(":OUTP:TIM?", "0");
	assert_int_equal(heard.telemetry.condition, PEN_TIMER_OFF);
	stop_pen();
	device->driver->pen->run(device, on_done, &ran); /* nor is it started again like that */
	for (unsigned i = 0; i < 2; i++)
		answer(":OUTP:TIM?", "0");
	assert_int_equal(ran.status, -EREMOTEIO);
	nothing_sent();
	finish();
}

static void put_back(const char *on, const char *s, const char *time, bool disarmed)
{
	struct outcome done = {0};

	found_on = on;
	found_s = s;
	open_pen();
	arm_and_run();
	found_on = "0";
	found_s = "60";
	order_off();
	last_word("1");
	device->driver->pen->release(device, on_done, &done);
	answer(time, s);
	if (disarmed)
		answer(":OUTP:TIM OFF;:OUTP:TIM?", "0");
	assert_int_equal(done.calls, 1);
	assert_int_equal(done.status, 0);
	nothing_sent();
	finish();
	nothing_sent();
}

static void test_timer_as_it_was_found(void **state)
{
	struct outcome done = {0};

	(void)state;
	put_back("0", "60.00", ":OUTP:TIM:DEL 60.000;:OUTP:TIM:DEL?", true);
	put_back("1", "30", ":OUTP:TIM:DEL 30.000;:OUTP:TIM:DEL?", false); /* somebody's own */
	put_back("1", "0.5", ":OUTP:TIM:DEL 0.500;:OUTP:TIM:DEL?", true);  /* a killed run's */
	open_pen();
	arm_and_run();
	order_off();
	last_word("1");
	device->driver->pen->release(device, on_done, &done);
	answer(":OUTP:TIM:DEL 60.000;:OUTP:TIM:DEL?", "60");
	for (unsigned i = 0; i < 2; i++)
		answer(":OUTP:TIM OFF;:OUTP:TIM?", "1");
	assert_int_equal(done.status, -EREMOTEIO);
	finish();
	open_pen(); /* nothing was armed */
	device->driver->pen->release(device, on_done, &done);
	answer(":OUTP?", "0");
	assert_int_equal(done.status, 0);
	finish();
}

/* What was asked before the output was on says nothing of it. */
static void test_stale_state(void **state)
{
	(void)state;
	open_pen();
	arm_and_run();
	struct outcome on = {0};

	off = (struct outcome){0};
	device->driver->pen->stop(device, on_done, &off);
	say("0");
	say("0");
	assert_int_equal(off.status, 0);
	say("0");
	say("0.0");
	say("1"); /* the timer, to its end */
	fake.read_to = fake.written_len;
	device->driver->pen->telemetry(device, NULL, NULL);
	expect(":OUTP?");
	device->driver->pen->run(device, on_done, &on);
	say("0"); /* of before */
	answer(":OUTP:TIM?", "1");
	answer(":MEAS:VOLT?", "0.0");
	unsigned before = heard.telemetries;
	answer(":OUTP ON;:OUTP?", "1");
	assert_int_equal(on.status, 0);
	answer(":MEAS:CURR?", "0.0");
	assert_int_equal(heard.telemetries, before);
	assert_int_equal(heard.conditions, 0);
	finish();
}

static void test_switched_off(void **state)
{
	(void)state;
	for (unsigned late = 0; late < 2; late++) {
		open_pen();
		arm_and_run();
		beat("1", "4.8");
		tick(late ? 520 : 100);
		device->driver->pen->telemetry(device, NULL, NULL);
		expect(":OUTP?");
		say("0");
		say("0.0");
		say("0.0");
		assert_false(heard.telemetry.running);
		assert_int_equal(heard.conditions, late ? PEN_DEADMAN_TRIPPED : PEN_POWER_LOST);
		finish();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_makes),
		cmocka_unit_test(test_rounding),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_off_before_identity),
		cmocka_unit_test(test_silent_from_the_start),
		cmocka_unit_test(test_silent_while_on),
		cmocka_unit_test(test_answers_to_something_else),
		cmocka_unit_test(test_closed_while_on),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_reads_back_another),
		cmocka_unit_test(test_off_overtakes),
		cmocka_unit_test(test_welded_word),
		cmocka_unit_test(test_no_timer),
		cmocka_unit_test(test_models),
		cmocka_unit_test(test_coupled_outputs),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_volts),
		cmocka_unit_test(test_runs_on_a_confirmed_voltage_alone),
		cmocka_unit_test(test_pen_runs),
		cmocka_unit_test(test_timer_disarmed_while_on),
		cmocka_unit_test(test_timer_disarmed_before_the_stop),
		cmocka_unit_test(test_timer_without_a_last_word),
		cmocka_unit_test(test_silent_behind_a_stop),
		cmocka_unit_test(test_timer_as_it_was_found),
		cmocka_unit_test(test_stale_state),
		cmocka_unit_test(test_switched_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
