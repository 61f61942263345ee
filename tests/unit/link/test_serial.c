/* The serial link's own I/O on a pty. libserialport cannot open one (a pty has no sysfs entry), so the link is put
 * together here around the descriptor; finding, locking and configuring are tested end to end instead. */
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
	*serial = (struct serial_link){.link = {&link_serial},
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

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(bytes_go_both_ways),
		T(deadline_passes_in_the_queue),
		T(queue_drains_when_the_reader_wakes),
		T(stuck_reader_fills_the_queue),
		T(unplug_is_told_once_and_does_not_spin),
		T(write_to_an_unplugged_port_tells_from_the_loop),
		T(close_cancels_and_may_come_from_anywhere),
		T(close_from_inside_bytes),
		T(close_from_inside_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
