/* GRBL's lines, and the life of a stage against them: greeting, settings, homing before the first move, both legs of a move,
 * what it makes of alarms, errors, a stage that stands elsewhere or never rests, and the traps of its documents. */
#include "tests/unit/drivers/fake_link.h"

#include "drivers/grbl/device.h"
#include "drivers/grbl/wire.h"

static struct device *device;
static uint64_t now_ns;
static unsigned dones;
static int done_status;
static char done_why[ERR_TEXT_MAX];

/* ---- lines --------------------------------------------------------------------------------------------------------- */

static void test_lines(void **state)
{
	struct grbl_said said;

	(void)state;
	assert_int_equal(grbl_read("ok").kind, GRBL_OK);
	said = grbl_read("error:9");
	assert_true(said.kind == GRBL_ERROR && said.number == 9);
	said = grbl_read("ALARM:1");
	assert_true(said.kind == GRBL_ALARM && said.number == 1);
	said = grbl_read("Grbl 1.1h ['$' for help]");
	assert_int_equal(said.kind, GRBL_BANNER);
	assert_string_equal(said.text, "1.1h");
	said = grbl_read("[MSG:'$H'|'$X' to unlock]");
	assert_int_equal(said.kind, GRBL_REMARK);
	said = grbl_read("$100=250.000");
	assert_true(said.kind == GRBL_SETTING && said.number == 100 && said.value == 250);
	said = grbl_read("$0=10 (step pulse, usec)"); /* as older ones say it */
	assert_true(said.kind == GRBL_SETTING && said.number == 0 && said.value == 10);
}

static void test_reports(void **state)
{
	static const struct {
		const char *line;
		enum grbl_state state;
		bool has;
		double x;
	} rows[] = {
		{"<Idle|MPos:0.000,0.000,0.000|FS:0,0>", GRBL_IDLE, true, 0},
		{"<Run|MPos:-12.504,1.000,0.000|FS:480,0|Ov:100,100,100>", GRBL_RUN, true, -12.504},
		{"<Hold:0|MPos:1.5,0,0|FS:0,0>", GRBL_HELD, true, 1.5},
		{"<Jog|FS:0,0|MPos:2.000,0.000,0.000>", GRBL_JOG, true, 2},
		{"<Alarm|MPos:0.000,0.000,0.000|FS:0,0|Pn:X>", GRBL_ALARMED, true, 0},
		{"<Home|MPos:0.000,0.000,0.000>", GRBL_RUN, true, 0},
		{"<Door:1|WPos:0.000,0.000,0.000|FS:0,0>", GRBL_OTHER, false, 0},
		{"<Idle>", GRBL_IDLE, false, 0},
		{"<Idler|MPos:0,0,0>", GRBL_OTHER, true, 0},
	};
	static const char *const bad[] = {
		"<Idle|MPos:0.000,0.000|FS:0,0>",
		"<Idle|MPos:0.000,0.000,0.000,0.000|FS:0,0>",
		"<Idle|MPos:0.000,0.000,nan|FS:0,0>",
		"<Idle|MPos:1e3,0.000,0.000>",
		"<Idle|MPos:0x1,0.000,0.000>",
		"<Idle|MPos:0,0,0|MPos:1,0,0>",
		"<Idle|MPos:0.000,0.000,0.000|FS:0,0",
		"<>",
		"okay",
		"error:",
		"error:9x",
		"error:1234",
		"ALARM:-1",
		"",
		"[MSG",
		"$=1",
		"$10",
		"$10=x",
		"$1000=1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct grbl_said said = grbl_read(rows[i].line);
		if (said.kind != GRBL_REPORT || said.state != rows[i].state || said.has_position != rows[i].has ||
		    (rows[i].has && said.position_mm[0] != rows[i].x))
			fail_msg("\"%s\" is read wrong", rows[i].line);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (grbl_read(bad[i]).kind != GRBL_NONSENSE)
			fail_msg("\"%s\" is taken", bad[i]);
}

static void test_moves(void **state)
{
	char line[GRBL_LINE_MAX];

	(void)state;
	assert_int_equal(grbl_move('X', -12.5, 60, line), strlen("G90 G21 G1 X-12.500 F60.0\n"));
	assert_string_equal(line, "G90 G21 G1 X-12.500 F60.0\n");
	assert_int_equal(grbl_move('A', 1, 60, line), 0);
	assert_int_equal(grbl_move('X', NAN, 60, line), 0);
	assert_int_equal(grbl_move('X', 1, 0, line), 0);
}

/* ---- a stage ------------------------------------------------------------------------------------------------------- */

static void on_moved(void *ctx, int status, const struct err *err)
{
	(void)ctx;
	dones++;
	done_status = status;
	if (status)
		snprintf(done_why, sizeof(done_why), "%s", err->text);
}

static void says(const char *text)
{
	fake.sink.bytes(fake.sink.ctx, (const uint8_t *)text, strlen(text), false, now_ns);
}

static void wait_ms(unsigned ms)
{
	for (uint64_t end_ns = now_ns + ms * NS_PER_MS; now_ns < end_ns;) {
		now_ns += DRIVER_TICK_NS;
		device->driver->on_tick(device, now_ns);
	}
}

/* What it has written since the last look. */
static void hears(const char *text)
{
	size_t len = fake.written_len - fake.read_to;

	if (len != strlen(text) || memcmp(fake.written + fake.read_to, text, len) != 0)
		fail_msg("it wrote \"%.*s\", not \"%s\"", (int)len, (const char *)fake.written + fake.read_to, text);
	fake.read_to = fake.written_len;
}

static int setup(void **state)
{
	static const struct stage_setup stage = {
		.axis = 'X', .feed_mm_min = 600, .backlash_mm = 0.5, .tolerance_mm = 0.01};
	const struct device_open open = {
		.links = fake_table, .uri = "serial:by-id=TEST", .stage = &stage, .host = test_host};
	struct err err;

	(void)state;
	now_ns = NS_PER_S;
	memset(&heard, 0, sizeof(heard));
	memset(&fake, 0, sizeof(fake));
	dones = 0;
	done_status = 1;
	return driver_grbl.open(&open, now_ns, &device, &err);
}

static int teardown(void **state)
{
	(void)state;
	driver_grbl.close(device);
	return fake.open;
}

static void greet(const char *settings)
{
	hears("\x18");
	says("\r\nGrbl 1.1h ['$' for help]\r\n[MSG:'$H'|'$X' to unlock]\r\n");
	hears("$I\n");
	says("[VER:1.1h.20190830:]\r\n[OPT:V,15,128]\r\nok\r\n");
	hears("$$\n");
	says(settings);
	says("ok\r\n");
}

static void open_ready(void)
{
	greet("$10=1\r\n$13=0\r\n$22=1\r\n");
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, 0);
	assert_string_equal(driver_grbl.identity(device)->firmware, "1.1h");
}

static void home(void)
{
	hears("\x18");
	says("Grbl 1.1h ['$' for help]\r\n[MSG:'$H'|'$X' to unlock]\r\n");
	hears("$H\n");
	wait_ms(5000);
	says("ok\r\n");
}

static void move_to(double mm)
{
	driver_grbl.stage->move(device, mm, on_moved, NULL);
}

/* Each position is approached from the same side. */
static void test_move(void **state)
{
	(void)state;
	open_ready();
	move_to(-10);
	home();
	hears("G90 G21 G1 X-10.500 F600.0\n");
	says("ok\r\n");
	wait_ms(250);
	hears("?");
	says("<Run|MPos:-5.000,0.000,0.000|FS:600,0>\r\n");
	wait_ms(250);
	hears("?");
	says("<Idle|MPos:-10.500,0.000,0.000|FS:0,0>\r\n");
	hears("G90 G21 G1 X-10.000 F600.0\n");
	says("ok\r\n");
	wait_ms(250);
	hears("?");
	assert_int_equal(dones, 0);
	says("<Idle|MPos:-10.000,0.000,0.000|FS:0,0|WCO:0.000,0.000,0.000>\r\n");
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, 0);
	move_to(-9); /* homed already */
	hears("G90 G21 G1 X-9.500 F600.0\n");
}

/* Until its "ok" it may say that it is at rest: it is not asked before. */
static void test_asks_behind_ok(void **state)
{
	(void)state;
	open_ready();
	move_to(-10);
	home();
	hears("G90 G21 G1 X-10.500 F600.0\n");
	wait_ms(1000);
	hears("");
	says("<Idle|MPos:-1.000,0.000,0.000|FS:0,0>\r\n"); /* nobody asked for it */
	hears("");
	assert_int_equal(dones, 0);
}

static void goes_wrong(const char *what, const char *why)
{
	open_ready();
	move_to(-10);
	home();
	hears("G90 G21 G1 X-10.500 F600.0\n");
	says("ok\r\n");
	wait_ms(250);
	hears("?");
	says(what);
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, -EREMOTEIO);
	if (!strstr(done_why, why))
		fail_msg("it says \"%s\"", done_why);
	fake.read_to = fake.written_len;
	move_to(-10); /* where it stands is not known any more */
	home();
	hears("G90 G21 G1 X-10.500 F600.0\n");
}

static void test_alarm(void **state)
{
	(void)state;
	goes_wrong("ALARM:1\r\n[MSG:Reset to continue]\r\n", "limit switch");
}

static void test_elsewhere(void **state)
{
	(void)state;
	goes_wrong("<Idle|MPos:-10.489,0.000,0.000|FS:0,0>\r\n", "stands at -10.489");
}

/* Where it was a moment ago is not where it is. */
static void test_no_position(void **state)
{
	(void)state;
	open_ready();
	move_to(-10);
	home();
	says("ok\r\n");
	wait_ms(250);
	says("<Run|MPos:-10.500,0.000,0.000|FS:600,0>\r\n");
	wait_ms(250);
	says("<Idle|WPos:-10.500,0.000,0.000|FS:0,0>\r\n");
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, -EREMOTEIO);
	assert_non_null(strstr(done_why, "stands at nan"));
}

static void test_held(void **state)
{
	(void)state;
	goes_wrong("<Hold:0|MPos:-10.500,0.000,0.000|FS:0,0>\r\n", "stopped on its way");
}

static void test_restarted(void **state)
{
	(void)state;
	goes_wrong("Grbl 1.1h ['$' for help]\r\n", "restarted");
}

/* "error:9" while it jogs or is locked. */
static void test_refuses(void **state)
{
	(void)state;
	open_ready();
	move_to(-10);
	home();
	hears("G90 G21 G1 X-10.500 F600.0\n");
	says("error:9\r\n");
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, -EREMOTEIO);
	assert_non_null(strstr(done_why, "locked"));
}

/* A stray "ok" behind a homing that has failed is no success, and not the next line's answer. */
static void test_homing_fails(void **state)
{
	(void)state;
	open_ready();
	move_to(-10);
	hears("\x18");
	says("Grbl 1.1h ['$' for help]\r\n");
	hears("$H\n");
	says("ALARM:9\r\n");
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, -EREMOTEIO);
	assert_non_null(strstr(done_why, "homing has failed"));
	move_to(-10);
	hears("\x18");
	says("ok\r\n"); /* of the homing, not of the reset */
	hears("");
	says("\r\nGrbl 1.1h ['$' for help]\r\n");
	hears("$H\n");
	says("ok\r\n");
	hears("G90 G21 G1 X-10.500 F600.0\n");
	assert_int_equal(dones, 1);
}

static void test_never_rests(void **state)
{
	(void)state;
	open_ready();
	move_to(-10);
	home();
	says("ok\r\n");
	for (unsigned i = 0; i < 60 && dones == 0; i++) {
		wait_ms(250);
		says("<Run|MPos:-5.000,0.000,0.000|FS:600,0>\r\n");
	}
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, -EREMOTEIO);
	assert_non_null(strstr(done_why, "come to rest"));
	assert_int_equal(fake.written[fake.written_len - 1], '!');
}

/* A stop on the way holds it, also between two looks, and the move fails. */
static void test_halt(void **state)
{
	(void)state;
	open_ready();
	move_to(-10);
	home();
	says("ok\r\n");
	wait_ms(250);
	says("<Run|MPos:-5.000,0.000,0.000|FS:600,0>\r\n");
	fake.read_to = fake.written_len;
	driver_grbl.stage->halt(device);
	hears("!");
	wait_ms(250);
	says("<Hold:0|MPos:-5.200,0.000,0.000|FS:0,0>\r\n");
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, -EREMOTEIO);
	fake.read_to = fake.written_len;
	driver_grbl.stage->halt(device); /* nothing moves: nothing is said */
	hears("");
}

static void fails_halted(void)
{
	hears("");
	assert_int_equal(dones, 1);
	assert_true(done_status < 0);
	move_to(-10);
	home(); /* where it stands is not known any more */
	hears("G90 G21 G1 X-10.500 F600.0\n");
}

/* A homing does not heed a hold: it is reset, and nothing that is answered takes the move on. */
static void test_halt_while_homing(void **state)
{
	static const char *const answers[] = {
		"ok\r\n",
		"ALARM:6\r\n\r\nGrbl 1.1h ['$' for help]\r\n[MSG:'$H'|'$X' to unlock]\r\n",
		"\r\nGrbl 1.1h ['$' for help]\r\n",
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (i > 0) {
			driver_grbl.close(device);
			setup(state);
		}
		open_ready();
		move_to(-10);
		hears("\x18");
		says("Grbl 1.1h ['$' for help]\r\n[MSG:'$H'|'$X' to unlock]\r\n");
		hears("$H\n");
		wait_ms(1000);
		driver_grbl.stage->halt(device);
		hears("\x18");
		wait_ms(1000);
		says(answers[i]);
		fails_halted();
	}
}

/* Between reset and banner, and between a leg and its "ok". */
static void test_halt_before_an_answer(void **state)
{
	(void)state;
	open_ready();
	move_to(-10);
	hears("\x18");
	driver_grbl.stage->halt(device);
	hears("!");
	says("Grbl 1.1h ['$' for help]\r\n");
	fails_halted();
	driver_grbl.stage->halt(device);
	hears("!");
	says("ok\r\n");
	wait_ms(1000);
	hears("");
	assert_int_equal(dones, 2);
	assert_true(done_status < 0);
}

/* Silence is asked again, but nothing that moves. */
static void test_halted_and_silent(void **state)
{
	(void)state;
	open_ready();
	move_to(-10);
	home();
	hears("G90 G21 G1 X-10.500 F600.0\n");
	driver_grbl.stage->halt(device);
	hears("!");
	wait_ms(2100);
	hears("?");
	wait_ms(2100);
	assert_int_equal(heard.lost, 0);
	assert_int_equal(dones, 1);
	assert_true(done_status < 0);
}

/* What comes late belongs to nothing: the stage starts anew, and only one that does not greet then is lost. */
static void test_late(void **state)
{
	(void)state;
	open_ready();
	move_to(-10);
	home();
	hears("G90 G21 G1 X-10.500 F600.0\n");
	says("ok\r\n");
	wait_ms(210);
	hears("?");
	wait_ms(2100);
	hears("?");
	wait_ms(2100);
	hears("!");
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, -ETIMEDOUT);
	move_to(-10);
	says("<Idle|MPos:-10.000,0.000,0.000|FS:0,0>\r\n<Idle|MPos:-10.000,0.000,0.000|FS:0,0>\r\nok\r\n");
	home();
	hears("G90 G21 G1 X-10.500 F600.0\n");
	says("ok\r\n");
	assert_int_equal(heard.lost, 0);
	driver_grbl.stage->halt(device);
	hears("!");
	wait_ms(210);
	says("<Hold:0|MPos:-3.000,0.000,0.000|FS:0,0>\r\n");
	assert_int_equal(dones, 2);
	move_to(-10);
	wait_ms(3100);
	assert_int_equal(heard.lost, 1);
	assert_int_equal(dones, 3);
}

/* One that ends leaves the other to be halted. */
static void test_two_moves(void **state)
{
	(void)state;
	open_ready();
	move_to(-10);
	home();
	hears("G90 G21 G1 X-10.500 F600.0\n");
	move_to(-12);
	says("error:9\r\n");
	hears("G90 G21 G1 X-12.500 F600.0\n");
	assert_int_equal(dones, 1);
	driver_grbl.stage->halt(device);
	hears("!");
	says("ok\r\n");
	assert_int_equal(dones, 2);
	assert_true(done_status < 0);
}

/* At rest at -10 mm. */
static void stand(void)
{
	open_ready();
	move_to(-10);
	home();
	for (unsigned leg = 0; leg < 2; leg++) {
		says("ok\r\n");
		wait_ms(250);
		says(leg ? "<Idle|MPos:-10.000,0.000,0.000|FS:0,0>\r\n" : "<Idle|MPos:-10.500,0.000,0.000|FS:0,0>\r\n");
	}
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, 0);
	fake.read_to = fake.written_len;
}

/* It stands where the last move has left it, or says why that is not known. */
static void test_look(void **state)
{
	static const struct {
		const char *says, *why;
	} rows[] = {
		{"<Idle|MPos:-10.009,0.000,0.000|FS:0,0>\r\n", NULL},
		{"<Idle|MPos:-10.011,0.000,0.000|FS:0,0>\r\n", "stands at -10.011"},
		{"<Idle|WPos:-10.000,0.000,0.000|FS:0,0>\r\n", "stands at nan"},
		{"<Alarm|MPos:-10.000,0.000,0.000|FS:0,0>\r\n", "locked"},
		{"<Run|MPos:-10.000,0.000,0.000|FS:0,0>\r\n", "moves by itself"},
		{"ALARM:1\r\n", "limit switch"},
		{"Grbl 1.1h ['$' for help]\r\n", "restarted"},
		{"", "not answered"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (i > 0) {
			driver_grbl.close(device);
			setup(state);
		}
		stand();
		driver_grbl.stage->look(device, on_moved, NULL);
		hears("?");
		says(rows[i].says);
		if (!rows[i].says[0])
			wait_ms(400);
		assert_int_equal(dones, 2);
		assert_true((done_status == 0) == (rows[i].why == NULL));
		if (rows[i].why && !strstr(done_why, rows[i].why))
			fail_msg("it says \"%s\"", done_why);
		fake.read_to = fake.written_len;
		move_to(-10);
		hears(!rows[i].why ? "G90 G21 G1 X-10.500 F600.0\n" : "\x18");
		assert_int_equal(heard.lost, 0);
	}
}

/* What it says by itself is told; the banner that it was told to write is not. */
static void test_unasked(void **state)
{
	static const char *const lines[] = {"ALARM:1\r\n", "Grbl 1.1h ['$' for help]\r\n"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (i > 0) {
			driver_grbl.close(device);
			setup(state);
		}
		stand();
		assert_int_equal(heard.events, 0);
		says("ok\r\n<Idle|MPos:0.000,0.000,0.000|FS:0,0>\r\n[MSG:x]\r\n");
		assert_int_equal(heard.events, 0);
		says(lines[i]);
		assert_int_equal(heard.events, 1);
		assert_int_equal(heard.conditions, STAGE_UNSURE);
		driver_grbl.stage->look(device, on_moved, NULL);
		says("<Idle|MPos:-10.000,0.000,0.000|FS:0,0>\r\n"); /* a number that means nothing any more */
		assert_int_equal(done_status, -EREMOTEIO);
		move_to(-10);
		fake.read_to = fake.written_len - 1;
		home();
		driver_grbl.stage->halt(device);
	}
	driver_grbl.close(device);
	setup(state);
	open_ready();
	move_to(-10);
	says("Grbl 1.1h ['$' for help]\r\n");
	driver_grbl.stage->halt(device); /* while it homes */
	says("ALARM:6\r\nGrbl 1.1h ['$' for help]\r\n");
	assert_int_equal(heard.events, 0);
}

static void test_settings(void **state)
{
	static const struct {
		const char *settings, *why;
	} rows[] = {
		{"$10=1\r\n$13=1\r\n$22=1\r\n", "$13=0"},
		{"$10=0\r\n$13=0\r\n$22=1\r\n", "$10=1"},
		{"$10=1\r\n$13=0\r\n$22=0\r\n", "$22=1"},
		{"$10=1\r\n$22=1\r\n", "is it GRBL"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (i > 0) {
			driver_grbl.close(device);
			setup(state);
		}
		greet(rows[i].settings);
		assert_int_equal(heard.ready, 1);
		assert_true(heard.ready_status < 0);
		assert_non_null(strstr(heard.err, rows[i].why));
	}
}

/* Opening a port may or may not restart it: the banner is asked for, twice. */
static void test_silent(void **state)
{
	(void)state;
	hears("\x18");
	wait_ms(1600);
	hears("\x18");
	wait_ms(1600);
	assert_int_equal(heard.ready, 1);
	assert_int_equal(heard.ready_status, -ETIMEDOUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_moves),
		TEST(test_move),
		TEST(test_asks_behind_ok),
		TEST(test_alarm),
		TEST(test_elsewhere),
		TEST(test_no_position),
		TEST(test_held),
		TEST(test_restarted),
		TEST(test_refuses),
		TEST(test_homing_fails),
		TEST(test_never_rests),
		TEST(test_halt),
		TEST(test_halt_while_homing),
		TEST(test_halt_before_an_answer),
		TEST(test_halted_and_silent),
		TEST(test_late),
		TEST(test_two_moves),
		TEST(test_look),
		TEST(test_unasked),
		TEST(test_settings),
		TEST(test_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
