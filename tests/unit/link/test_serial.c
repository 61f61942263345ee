/* The serial link's own I/O on a pty. libserialport cannot open one (a pty has no sysfs entry), so the link is put
 * together here around the descriptor; finding, locking and configuring are tested end to end instead. What a port says
 * of its settings is compared here: libserialport's configurations need no port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pty.h>

#include "rig/link/serial.c"

static struct loop *loop;
static struct serial_link *serial;
static int master;
static char got[1024], told[256];
static size_t got_len;
static int gone, turns;
static bool close_in_bytes, close_in_gone;

static void close_serial(void)
{
	int fd = serial->fd;

	link_close(&serial->link);
	close(fd); /* sp_close() has no port to close it through */
	serial = NULL;
}

static void on_bytes(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	(void)ctx;
	assert_false(end);
	assert_true(host_ns > 0 && got_len + len < sizeof(got));
	memcpy(got + got_len, data, len);
	got_len += len;
	if (close_in_bytes)
		close_serial();
}

static void on_gone(void *ctx, const struct err *why)
{
	(void)ctx;
	assert_non_null(strstr(why->text, "is gone"));
	gone++;
	if (close_in_gone)
		close_serial();
}

static void on_told(void *ctx, int status)
{
	size_t len = strlen(told);

	snprintf(told + len, sizeof(told) - len, "%s:%d ", (const char *)ctx, status);
}

static int setup(void **state)
{
	struct termios raw = {.c_cflag = CS8 | CREAD | CLOCAL}; /* VMIN 0, as libserialport leaves it */
	int slave;

	(void)state;
	got_len = 0;
	gone = turns = 0;
	close_in_bytes = close_in_gone = false;
	memset(told, 0, sizeof(told));
	if (loop_new(&loop_clock_monotonic, NULL, &loop, NULL) || openpty(&master, &slave, NULL, &raw, NULL))
		return -1;
	fcntl(slave, F_SETFL, O_NONBLOCK);
	fcntl(master, F_SETFL, O_NONBLOCK);
	serial = calloc(1, sizeof(*serial));
	*serial = (struct serial_link){.link = {.ops = &link_serial},
				       .loop = loop,
				       .sink = {.bytes = on_bytes, .gone = on_gone},
				       .fd = slave,
				       .id = {.node = "/dev/pts/x", .uri = "serial:test"},
				       .timer = {.fn = on_timer, .ctx = serial}};
	return loop_fd_add(loop, slave, POLLIN, on_fd, serial);
}

static int teardown(void **state)
{
	(void)state;
	if (serial)
		close_serial();
	close(master);
	loop_free(loop);
	return 0;
}

/* Turns the loop until `done` holds; a turn that nothing wakes for 2 s fails the test. */
#define TURN_UNTIL(done)                                                                                               \
	while (!(done)) {                                                                                              \
		uint64_t limit_ns = loop_now_ns(loop) + 2 * NS_PER_S;                                                  \
		assert_int_equal(loop_turn(loop, limit_ns), 0);                                                        \
		assert_true(loop_now_ns(loop) < limit_ns);                                                             \
		turns++;                                                                                               \
	}

static int say(const char *text, uint64_t deadline_ns)
{
	return serial->link.ops->write(&serial->link, (const uint8_t *)text, strlen(text), deadline_ns, on_told,
				       (void *)text);
}

static void bytes_go_both_ways(void **state)
{
	struct link_counters counters;
	char back[16] = {0};

	(void)state;
	assert_int_equal(write(master, "hello", 5), 5);
	TURN_UNTIL(got_len == 5);
	assert_memory_equal(got, "hello", 5);
	assert_int_equal(say("OUTP OFF\n", LOOP_NEVER), 0);
	assert_string_equal(told, "");
	assert_int_equal(read(master, back, sizeof(back)), 9); /* sent at once, without a turn of the loop */
	assert_string_equal(back, "OUTP OFF\n");
	TURN_UNTIL(*told);
	assert_string_equal(told, "OUTP OFF\n:0 ");
	serial->link.ops->counters(&serial->link, &counters);
	assert_int_equal(counters.bytes_in, 5);
	assert_int_equal(counters.bytes_out, 9);
	assert_false(counters.counters_known); /* a pty has no TIOCGICOUNT */
}

/* What one process has opened another takes over: nothing that was unread before is its answer, and the port stays open
 * when the second lets go. */
static void a_port_is_taken_over(void **state)
{
	const struct link_sink sink = {.bytes = on_bytes, .gone = on_gone};
	struct link *second = NULL;
	char back[32] = {0};
	struct err err;

	(void)state;
	assert_int_equal(serial->link.ops->descriptor(&serial->link), serial->fd);
	assert_int_equal(write(master, "stale", 5), 5);
	loop_fd_remove(loop, serial->fd); /* its first holder stands still */
	assert_int_equal(link_serial.adopt(loop, "test", serial->fd, &sink, &second, &err), 0);
	assert_int_equal(second->ops->write(second, (const uint8_t *)"OUTP OFF\n", 9, LOOP_NEVER, NULL, NULL), 0);
	assert_int_equal(read(master, back, sizeof(back)), 9);
	assert_int_equal(write(master, "1\n", 2), 2);
	TURN_UNTIL(got_len);
	assert_int_equal(got_len, 2);
	assert_memory_equal(got, "1\n", 2);
	link_close(second);
	assert_int_equal(loop_fd_add(loop, serial->fd, POLLIN, on_fd, serial), 0);
	assert_int_equal(write(master, "on", 2), 2);
	TURN_UNTIL(got_len == 4);
	close(master);
	TURN_UNTIL(gone);
	assert_int_equal(serial->link.ops->descriptor(&serial->link), -ENODEV);
	master = -1;
	assert_int_equal(link_serial.adopt(loop, "test", -1, &sink, &second, &err), -EBADF);
}

/* Fills the pty until the kernel takes no more, so that the next write stays in the queue. */
static void stuff(void)
{
	static uint8_t much[32768];
	struct link_counters counters;

	assert_int_equal(
		serial->link.ops->write(&serial->link, much, sizeof(much), LOOP_NEVER, on_told, (void *)"much"), 0);
	serial->link.ops->counters(&serial->link, &counters);
	assert_true(counters.bytes_out > 0 && counters.bytes_out < sizeof(much));
}

static void deadline_passes_in_the_queue(void **state)
{
	(void)state;
	stuff();
	assert_int_equal(say("late", loop_now_ns(loop) + 5 * NS_PER_MS), 0);
	TURN_UNTIL(*told);
	assert_string_equal(told, "late:-110 ");
}

static void queue_drains_when_the_reader_wakes(void **state)
{
	size_t total = 0;

	(void)state;
	stuff();
	assert_int_equal(say("end", LOOP_NEVER), 0);
	while (!strstr(told, "end")) {
		char buf[4096];
		ssize_t n = read(master, buf, sizeof(buf));

		total += n > 0 ? (size_t)n : 0;
		assert_int_equal(loop_turn(loop, loop_now_ns(loop) + NS_PER_MS), 0);
		assert_true(turns++ < 10000);
	}
	assert_string_equal(told, "much:0 end:0 ");
	for (char buf[4096]; total < 32768 + 3;) {
		ssize_t n = read(master, buf, sizeof(buf));

		assert_true(n > 0 || errno == EAGAIN);
		total += n > 0 ? (size_t)n : 0;
		assert_true(turns++ < 100000);
	}
	assert_int_equal(total, 32768 + 3);
}

static void stuck_reader_fills_the_queue(void **state)
{
	static uint8_t much[LINK_QUEUE_BYTES];

	(void)state;
	stuff();
	assert_int_equal(serial->link.ops->write(&serial->link, much, sizeof(much), LOOP_NEVER, NULL, NULL), -ENOBUFS);
}

static void unplug_is_told_once_and_does_not_spin(void **state)
{
	(void)state;
	stuff();
	assert_int_equal(write(master, "last", 4), 4);
	close(master);
	TURN_UNTIL(gone);
	assert_string_equal(told, "much:-19 ");
	assert_true(turns <= 4);
	assert_int_equal(loop_turn(loop, LOOP_NEVER), -EDEADLK); /* nothing of it is left in the loop */
	assert_int_equal(gone, 1);
	assert_int_equal(say("x", LOOP_NEVER), -ENODEV);
}

static void write_to_an_unplugged_port_tells_from_the_loop(void **state)
{
	(void)state;
	close(master);
	assert_int_equal(say("x", LOOP_NEVER), 0);
	assert_string_equal(told, "");
	TURN_UNTIL(gone);
	assert_string_equal(told, "x:-19 ");
	assert_int_equal(loop_turn(loop, LOOP_NEVER), -EDEADLK);
}

static void close_cancels_and_may_come_from_anywhere(void **state)
{
	(void)state;
	stuff();
	close_serial();
	assert_string_equal(told, "much:-125 ");
	assert_int_equal(loop_turn(loop, LOOP_NEVER), -EDEADLK);
}

static void close_from_inside_bytes(void **state)
{
	(void)state;
	close_in_bytes = true;
	assert_int_equal(write(master, "x", 1), 1);
	TURN_UNTIL(got_len);
	assert_null(serial);
	assert_int_equal(loop_turn(loop, LOOP_NEVER), -EDEADLK);
}

static void close_from_inside_gone(void **state)
{
	(void)state;
	close_in_gone = true;
	close(master);
	TURN_UNTIL(gone);
	assert_null(serial);
	assert_int_equal(loop_turn(loop, LOOP_NEVER), -EDEADLK);
}

/* ---- the wait after opening ------------------------------------------------------------------------------------ */

static void hold(uint64_t ns)
{
	serial->held = true;
	serial->link.held_until_ns = loop_now_ns(loop) + ns;
	rearm(serial);
}

static void no_byte_leaves_before_the_wait_is_over(void **state)
{
	struct link_counters counters;
	uint64_t written_ns = 0;
	char back[16] = {0};

	(void)state;
	hold(20 * NS_PER_MS);
	assert_int_equal(say("*IDN?\n", serial->link.held_until_ns + NS_PER_S), 0);
	assert_int_equal(write(master, "boot: ", 6), 6);
	while (!*told) {
		assert_int_equal(loop_turn(loop, loop_now_ns(loop) + NS_PER_S), 0);
		serial->link.ops->counters(&serial->link, &counters);
		if (counters.bytes_out > 0 && !written_ns)
			written_ns = loop_now_ns(loop);
		assert_true(turns++ < 10); /* no spinning on POLLOUT meanwhile */
	}
	assert_string_equal(told, "*IDN?\n:0 ");
	assert_true(written_ns >= serial->link.held_until_ns);
	assert_int_equal(read(master, back, sizeof(back)), 6);
	assert_string_equal(back, "*IDN?\n");
	assert_int_equal(got_len, 0); /* what it said while it restarted */
	assert_int_equal(write(master, "PEN\n", 4), 4);
	TURN_UNTIL(got_len == 4);
	assert_memory_equal(got, "PEN\n", 4);
}

/* Nothing was asked, and the loop did not turn: what lies in the port when the wait ends is dropped all the same. */
static void what_arrived_during_the_wait_is_dropped(void **state)
{
	(void)state;
	hold(0);
	assert_int_equal(write(master, "boot", 4), 4);
	TURN_UNTIL(!serial->held);
	assert_int_equal(write(master, "x", 1), 1);
	TURN_UNTIL(got_len == 1);
	assert_memory_equal(got, "x", 1);
}

static void deadline_passes_during_the_wait(void **state)
{
	char back[16];

	(void)state;
	hold(NS_PER_S);
	assert_int_equal(say("late", loop_now_ns(loop) + NS_PER_MS), 0);
	TURN_UNTIL(*told);
	assert_string_equal(told, "late:-110 ");
	assert_true(read(master, back, sizeof(back)) < 0);
	assert_true(serial->held);
}

/* ---- what a port says of its settings -------------------------------------------------------------------------- */

static const struct link_settings usual = {
	.baud = 9600, .data_bits = 8, .stop_bits = 1, .parity = LINK_PARITY_NONE, .flow = LINK_FLOW_NONE};

/* A port that runs with exactly `settings`. */
static struct sp_port_config *config_of(const struct link_settings *settings)
{
	struct sp_port_config *config;

	assert_int_equal(sp_new_config(&config), SP_OK);
	ask_for(config, settings);
	sp_set_config_flowcontrol(config, flows[settings->flow]);
	return config;
}

static void settings_that_were_taken(void **state)
{
	(void)state;
	for (enum link_parity parity = LINK_PARITY_NONE; parity <= LINK_PARITY_SPACE; parity++) {
		for (enum link_flow flow = LINK_FLOW_NONE; flow <= LINK_FLOW_XON_XOFF; flow++) {
			struct link_settings settings = usual;
			struct err err = {""};
			settings.data_bits = (uint8_t)(5 + (unsigned)parity % 4);
			settings.stop_bits = (uint8_t)(1 + (unsigned)flow % 2);
			settings.parity = parity;
			settings.flow = flow;
			struct sp_port_config *config = config_of(&settings);
			assert_int_equal(check_config("/dev/x", &settings, config, &err), 0);
			assert_string_equal(err.text, "");
			sp_free_config(config);
		}
	}
}

/* Adapters say OK and do something else: the error names the port, the setting, and both values. */
static void settings_that_were_not_taken(void **state)
{
	static const struct {
		struct link_settings asked;
		const char *text;
	} cases[] = {
		{{.baud = 12345678}, "/dev/x was asked for 12345678 baud and runs at 9600"},
		{{.baud = 9408}, "/dev/x was asked for 9408 baud and runs at 9600"},
		{{.data_bits = 7}, "/dev/x was asked for data bits 7 and runs with 8"},
		{{.stop_bits = 2}, "/dev/x was asked for stop bits 2 and runs with 1"},
		{{.parity = LINK_PARITY_EVEN}, "/dev/x was asked for parity even and runs with none"},
		{{.parity = LINK_PARITY_ODD}, "/dev/x was asked for parity odd and runs with none"},
		{{.flow = LINK_FLOW_RTS_CTS}, "/dev/x was asked for flow control rts-cts and runs with none"},
		{{.flow = LINK_FLOW_XON_XOFF}, "/dev/x was asked for flow control xon-xoff and runs with none"},
	};
	struct sp_port_config *config = config_of(&usual);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct link_settings asked = link_settings_over(&cases[i].asked, &usual);
		struct err err = {""};
		assert_int_equal(check_config("/dev/x", &asked, config, &err), -EINVAL);
		assert_non_null(strstr(err.text, cases[i].text));
	}
	struct link_settings close_enough = usual;
	close_enough.baud = 9412; /* 9600 is within 2 % of it */
	assert_int_equal(check_config("/dev/x", &close_enough, config, NULL), 0);
	sp_free_config(config);
}

/* Flow control that is half on, or on where none was asked for, and a parity that libserialport cannot tell. */
static void settings_that_nobody_asked_for(void **state)
{
	struct link_settings flowing = usual;
	struct err err = {""};

	(void)state;
	flowing.flow = LINK_FLOW_RTS_CTS;
	struct sp_port_config *config = config_of(&flowing);
	assert_int_equal(check_config("/dev/x", &usual, config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "flow control none and runs with rts-cts"));
	sp_set_config_xon_xoff(config, SP_XONXOFF_INOUT);
	assert_int_equal(check_config("/dev/x", &flowing, config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "flow control rts-cts and runs with mixed"));
	sp_free_config(config);
	config = config_of(&usual);
	sp_set_config_xon_xoff(config, SP_XONXOFF_IN);
	assert_int_equal(check_config("/dev/x", &usual, config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "flow control none and runs with mixed"));
	sp_free_config(config);
	assert_int_equal(sp_new_config(&config), SP_OK); /* nothing is known of it */
	sp_set_config_baudrate(config, 9600);
	sp_set_config_bits(config, 8);
	assert_int_equal(check_config("/dev/x", &usual, config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "parity none and runs with something else"));
	sp_free_config(config);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(bytes_go_both_ways),
		T(a_port_is_taken_over),
		T(deadline_passes_in_the_queue),
		T(queue_drains_when_the_reader_wakes),
		T(stuck_reader_fills_the_queue),
		T(unplug_is_told_once_and_does_not_spin),
		T(write_to_an_unplugged_port_tells_from_the_loop),
		T(close_cancels_and_may_come_from_anywhere),
		T(close_from_inside_bytes),
		T(close_from_inside_gone),
		T(no_byte_leaves_before_the_wait_is_over),
		T(what_arrived_during_the_wait_is_dropped),
		T(deadline_passes_during_the_wait),
		cmocka_unit_test(settings_that_were_taken),
		cmocka_unit_test(settings_that_were_not_taken),
		cmocka_unit_test(settings_that_nobody_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
