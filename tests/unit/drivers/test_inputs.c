/* Safety inputs over a link made of bytes: the control lines of a port, a Modbus module and an instrument that is asked; what
 * each says before it is ready, how an open contact is told, and what of an answer that makes no sense, or of none. */
#include "drivers/inputs/device.h"
#include "fake_link.h"
#include "rig/driver/modbus.h"

#define MS NS_PER_MS

static struct device *device;
static uint64_t now;
static unsigned tells;
static uint32_t closed;
static unsigned lines;
static int lines_status;

static int control_lines(const struct link *link, unsigned *ret)
{
	(void)link;
	*ret = lines;
	return lines_status;
}

static void on_inputs(void *ctx, const struct inputs_state *state)
{
	assert_ptr_equal(ctx, &heard);
	assert_int_equal(heard.lost, 0);
	closed = state->closed;
	tells++;
}

static void tick(uint64_t ms)
{
	for (uint64_t end = now + ms * MS; now < end;) {
		now += DRIVER_TICK_NS;
		device->driver->on_tick(device, now);
	}
}

static void begin(const struct driver *driver, const struct inputs_setup *setup)
{
	struct device_open open = {.links = fake_table, .uri = "serial:by-id=TEST", .inputs = setup, .host = test_host};
	struct err err = {""};

	open.host.inputs = on_inputs;
	memset(&heard, 0, sizeof(heard));
	tells = 0;
	lines_status = 0;
	now = 5000 * MS;
	assert_int_equal(driver->open(&open, now, &device, &err), 0);
}

static void finish(void)
{
	device->driver->close(device);
	assert_false(fake.open);
}

static const struct inputs_setup two = {.count = 2,
					.input = {{.name = "stop", .line = 2}, {.name = "door", .line = 0}}};

/* ---- a serial port --------------------------------------------------------------------------------------------- */

static struct link_ops lined;

static void begin_lined(void)
{
	begin(&driver_serial_inputs, &two);
	lined = *fake.link.ops;
	lined.control_lines = control_lines;
	fake.link.ops = &lined;
}

static void test_serial(void **state)
{
	(void)state;
	lines = LINK_DCD | LINK_DSR;
	begin_lined();
	assert_int_equal(heard.ready, 0);
	tick(5);
	assert_int_equal(heard.ready, 1);
	assert_int_equal(tells, 1);
	assert_int_equal(closed, 1 << 0); /* DCD is the stop's; nothing hangs on DSR */
	lines = LINK_CTS | LINK_DCD;
	tick(5);
	assert_int_equal(closed, 3);
	lines = LINK_RI;
	tick(5);
	assert_int_equal(closed, 0);
	assert_int_equal(tells, 3); /* with each tick */
	lines_status = -ENODEV;
	tick(10);
	assert_int_equal(heard.lost, 1);
	assert_int_equal(tells, 3);
	assert_int_equal(fake.writes, 0);
	finish();
}

static void test_no_lines(void **state)
{
	(void)state;
	begin_lined();
	lines_status = -ENOTSUP;
	tick(5);
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, -ENOTSUP);
	assert_int_equal(heard.lost, 0);
	finish();
}

/* ---- Modbus ---------------------------------------------------------------------------------------------------- */

static size_t frame_of(const char *hex, uint8_t *frame)
{
	size_t len = from_hex(hex, frame, MODBUS_FRAME_MAX - 2);
	uint16_t crc = modbus_crc(frame, len);

	frame[len++] = (uint8_t)crc;
	frame[len++] = (uint8_t)(crc >> 8);
	return len;
}

static void expect(const char *hex)
{
	uint8_t due[MODBUS_FRAME_MAX];
	size_t len = frame_of(hex, due);

	for (unsigned i = 0; i < 60 && fake.read_to == fake.written_len; i++)
		tick(5);
	if (fake.written_len - fake.read_to != len || memcmp(fake.written + fake.read_to, due, len) != 0)
		fail_msg("not sent where it is due: %s", hex);
	fake.read_to += len;
}

static void say(const char *hex)
{
	uint8_t frame[MODBUS_FRAME_MAX];

	now += MS;
	arrive(frame, frame_of(hex, frame), 3, now);
}

static void test_modbus(void **state)
{
	struct inputs_setup setup = two;

	(void)state;
	setup.address = 7;
	begin(&driver_modbus_inputs, &setup);
	expect("070200000003"); /* as many as the highest line */
	say("07020105");
	assert_int_equal(heard.ready, 1);
	assert_int_equal(closed, 3);
	expect("070200000003");
	say("07020104");
	assert_int_equal(closed, 1);
	expect("070200000003");
	say("07020100");
	assert_int_equal(closed, 0);
	unsigned before = tells;
	expect("070200000003");
	say("06020105"); /* another's */
	assert_int_equal(tells, before);
	expect("070200000003"); /* asked again behind silence */
	say("07020105");
	assert_int_equal(closed, 3);
	expect("070200000003");
	say("078204"); /* it refuses, twice; and is asked on */
	expect("070200000003");
	say("078204");
	assert_int_equal(heard.lost, 0);
	expect("070200000003");
	tick(400);
	assert_int_equal(heard.lost, 1);
	assert_int_equal(heard.lost_status, -ETIMEDOUT);
	finish();
}

/* ---- an instrument --------------------------------------------------------------------------------------------- */

static void hears(const char *text)
{
	for (unsigned i = 0; i < 20 && fake.read_to == fake.written_len; i++)
		tick(5);
	if (fake.written_len - fake.read_to != strlen(text) ||
	    memcmp(fake.written + fake.read_to, text, strlen(text)) != 0)
		fail_msg("not asked: %s", text);
	fake.read_to = fake.written_len;
}

static void says(const char *text)
{
	arrive(text, strlen(text), 4, now);
}

static void test_instrument(void **state)
{
	struct inputs_setup setup = two;

	(void)state;
	strcpy(setup.query, "DIG:DATA:BYTE?");
	begin(&driver_scpi_inputs, &setup);
	hears("*IDN?\n");
	says("MAKER,MODEL,S-1,1.0\n");
	assert_int_equal(heard.ready, 0);
	hears("DIG:DATA:BYTE?\n");
	says("+5\r\n");
	assert_int_equal(heard.ready, 1);
	assert_string_equal(driver_scpi_inputs.identity(device)->serial, "S-1");
	assert_int_equal(closed, 3);
	hears("DIG:DATA:BYTE?\n");
	says("1.0E+0\n");
	assert_int_equal(closed, 2);
	unsigned before = tells;
	for (unsigned i = 0; i < 2; i++) { /* no number, twice: nothing is told, and it is asked on */
		for (unsigned ms = 0; ms < 300 && fake.read_to == fake.written_len; ms += 5)
			tick(5);
		hears("DIG:DATA:BYTE?\n");
		says(i ? ":DIG:DATA:WORD 0\n" : "1;0\n");
	}
	assert_int_equal(tells, before);
	hears("DIG:DATA:BYTE?\n");
	says("#B100\n");
	assert_int_equal(closed, 1);
	finish();
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		int value; /* -1: none */
	} rows[] = {{"0", 0},
		    {" 255 ", 255},
		    {"+1", 1},
		    {"1.5", -1},
		    {"-1", -1},
		    {"6.5535E4", 65535},
		    {"65536", -1},
		    {"#HfF", 255},
		    {"#Q17", 15},
		    {"#B101", 5},
		    {"#B102", -1},
		    {"#H", -1},
		    {"#H1 0", -1},
		    {"ON", 1},
		    {"off", 0},
		    {"", -1},
		    {"nan", -1},
		    {"1,2", -1},
		    {"0x10", -1},
		    {"#H+1", -1},
		    {"inf", -1},
		    {":DIG:DATA:BYTE 5", 5},
		    {"DIGITAL:DATA:BYTE ON", 1},
		    {":DIG:DATA:WORD 5", -1},
		    {":OUTP ON", -1}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t value = 0;
		bool is = inputs_read_number("DIG:DATA:BYTE?", rows[i].text, &value);
		if (is != (rows[i].value >= 0) || (is && value != (uint32_t)rows[i].value))
			fail_msg("\"%s\" is read as %d, %u", rows[i].text, is, value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_serial),     cmocka_unit_test(test_no_lines), cmocka_unit_test(test_modbus),
		cmocka_unit_test(test_instrument), cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
