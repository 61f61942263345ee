/* tcp: links over the loopback: a listener of the test is the device. Waits are for events: a turn of the loop that nothing
 * wakes for 5 s fails the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig/link/link.h"
#include "rig/link/name.h"

static struct loop *loop;
static struct link *opened;
static int listener, peer;
static char uri[64], got[4096], why[ERR_TEXT_MAX];
static size_t got_len;
static int gone, done_status;
static unsigned dones;
static bool close_in_bytes;

static void close_link(void)
{
	link_close(opened);
	opened = NULL;
}

static void on_bytes(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	(void)ctx;
	assert_true(!end && host_ns > 0 && !gone && got_len + len < sizeof(got));
	memcpy(got + got_len, data, len);
	got_len += len;
	if (close_in_bytes)
		close_link();
}

static void on_gone(void *ctx, const struct err *err)
{
	(void)ctx;
	snprintf(why, sizeof(why), "%s", err->text);
	gone++;
}

static void on_done(void *ctx, int status)
{
	(void)ctx;
	done_status = status;
	dones++;
}

static int setup(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);

	(void)state;
	got_len = 0;
	gone = 0;
	dones = 0;
	done_status = 1;
	peer = -1;
	close_in_bytes = false;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&at, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&at, &len))
		return -1;
	snprintf(uri, sizeof(uri), "tcp:127.0.0.1:%u", ntohs(at.sin_port));
	return loop_new(&loop_clock_monotonic, NULL, &loop, NULL);
}

static int teardown(void **state)
{
	(void)state;
	close_link();
	loop_free(loop);
	if (peer >= 0)
		close(peer);
	if (listener >= 0)
		close(listener);
	return 0;
}

#define TURN_UNTIL(done)                                                                                               \
	while (!(done)) {                                                                                              \
		uint64_t limit_ns = loop_now_ns(loop) + 5 * NS_PER_S;                                                  \
		assert_int_equal(loop_turn(loop, limit_ns), 0);                                                        \
		assert_true(loop_now_ns(loop) < limit_ns);                                                             \
	}

static int try_open(const char *name, const struct link_settings *settings, uint16_t port, struct err *err)
{
	const struct link_opening opening = {.table = link_table,
					     .loop = loop,
					     .uri = name,
					     .wants = {.tcp_port = port},
					     .settings = settings ? *settings : (struct link_settings){.baud = 0},
					     .sink = {.bytes = on_bytes, .gone = on_gone}};

	return link_open(&opening, &opened, err);
}

static void open_link(void)
{
	struct err err;

	if (try_open(uri, NULL, 502, &err))
		fail_msg("%s", err.text);
	assert_true(opened->connecting);
}

static void accept_peer(void)
{
	peer = accept(listener, NULL, NULL);
	assert_true(peer >= 0);
}

static int write_text(const char *text)
{
	return opened->ops->write(opened, (const uint8_t *)text, strlen(text), loop_now_ns(loop) + 5 * NS_PER_S,
				  on_done, NULL);
}

/* What is written before the other side has answered waits, and leaves in order. */
static void test_both_ways(void **state)
{
	char text[16] = {0};
	struct link_counters counters;

	(void)state;
	open_link();
	assert_int_equal(write_text("ab"), 0);
	assert_int_equal(write_text("cd"), 0);
	assert_int_equal(dones, 0);
	accept_peer();
	TURN_UNTIL(dones == 2);
	assert_false(opened->connecting);
	assert_int_equal(done_status, 0);
	assert_int_equal(recv(peer, text, 4, MSG_WAITALL), 4);
	assert_string_equal(text, "abcd");
	assert_int_equal(send(peer, "answer", 6, 0), 6);
	TURN_UNTIL(got_len == 6);
	assert_memory_equal(got, "answer", 6);
	opened->ops->counters(opened, &counters);
	assert_int_equal(counters.bytes_out, 4);
	assert_int_equal(counters.transfers_out, 2);
	assert_int_equal(counters.bytes_in, 6);
	assert_int_equal(gone, 0);
}

static void test_identity(void **state)
{
	struct link_identity id;

	(void)state;
	open_link();
	opened->ops->identity(opened, &id);
	assert_string_equal(id.uri, uri);
	assert_string_equal(id.serial, "");
}

static void test_closed_by_device(void **state)
{
	(void)state;
	open_link();
	accept_peer();
	assert_int_equal(send(peer, "last", 4, 0), 4);
	close(peer);
	peer = -1;
	TURN_UNTIL(gone);
	assert_int_equal(got_len, 4);
	assert_int_equal(gone, 1);
	assert_non_null(strstr(why, "has closed the connection"));
	assert_int_equal(write_text("x"), -ENODEV);
}

/* A device that restarts knows nothing of the connection. */
static void test_broken_off(void **state)
{
	const struct linger now = {.l_onoff = 1};

	(void)state;
	open_link();
	accept_peer();
	TURN_UNTIL(!opened->connecting);
	assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(peer);
	peer = -1;
	TURN_UNTIL(gone);
	assert_int_equal(gone, 1);
	assert_non_null(strstr(why, "broken the connection off"));
}

static void test_refused(void **state)
{
	struct err err = {""};

	(void)state;
	close(listener);
	listener = -1;
	int status = try_open(uri, NULL, 502, &err);
	if (status == 0) {
		assert_int_equal(write_text("x"), 0);
		TURN_UNTIL(gone);
		assert_int_equal(dones, 1);
		assert_int_equal(done_status, -ENODEV);
	}
	assert_non_null(strstr(status ? err.text : why, "refuses the connection"));
}

static void test_close_inside(void **state)
{
	(void)state;
	open_link();
	accept_peer();
	close_in_bytes = true;
	assert_int_equal(send(peer, "x", 1, 0), 1);
	TURN_UNTIL(!opened);
	assert_int_equal(gone, 0);
}

/* A last command leaves although the link is closed behind it. */
static void test_last_words(void **state)
{
	char text[8] = {0};

	(void)state;
	open_link();
	accept_peer();
	TURN_UNTIL(!opened->connecting);
	assert_int_equal(write_text("stop"), 0);
	close_link();
	assert_int_equal(dones, 1);
	assert_int_equal(recv(peer, text, 4, MSG_WAITALL), 4);
	assert_string_equal(text, "stop");
	assert_int_equal(recv(peer, text, 1, 0), 0);
}

static void test_never_connected(void **state)
{
	(void)state;
	open_link();
	assert_int_equal(write_text("x"), 0);
	close_link();
	assert_int_equal(dones, 1);
	assert_int_equal(done_status, -ECANCELED);
}

static void test_full(void **state)
{
	static uint8_t much[LINK_QUEUE_BYTES];
	int status = 0;

	(void)state;
	open_link();
	accept_peer();
	TURN_UNTIL(!opened->connecting);
	for (unsigned i = 0; i < 1000 && status == 0; i++)
		status = opened->ops->write(opened, much, sizeof(much), loop_now_ns(loop) + NS_PER_S, NULL, NULL);
	assert_int_equal(status, -ENOBUFS);
}

static unsigned late;

static void count_late(void *ctx, int status)
{
	(void)ctx;
	late += status == -ETIMEDOUT;
}

/* Half of a message went: what would follow would be taken for its rest, so none is dropped by itself. */
static void test_half_a_message(void **state)
{
	static uint8_t much[LINK_QUEUE_BYTES];
	int status = 0;

	(void)state;
	open_link();
	accept_peer();
	TURN_UNTIL(!opened->connecting);
	for (unsigned i = 0; i < 1000 && status == 0; i++)
		status = opened->ops->write(opened, much, sizeof(much), loop_now_ns(loop) + 1, count_late, NULL);
	TURN_UNTIL(gone);
	assert_int_equal(late, 0);
	assert_non_null(strstr(why, "does not answer"));
}

static void test_faces(void **state)
{
	const struct link_settings settings = {.baud = 9600};
	struct err err;

	(void)state;
	assert_int_equal(try_open(uri, NULL, 0, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no network interface"));
	assert_int_equal(try_open(uri, &settings, 502, &err), -EINVAL);
	assert_non_null(strstr(err.text, "leave them out"));
}

static void test_addresses(void **state)
{
	static const struct {
		const char *uri, *host;
		unsigned port;
		bool v6;
	} rows[] = {
		{"192.168.1.20", "192.168.1.20", 0, false},
		{"192.168.1.20:502", "192.168.1.20", 502, false},
		{"[fe80:0::1]:65535", "fe80::1", 65535, true},
		{"[::1]", "::1", 0, true},
	};
	static const char *const bad[] = {
		"",
		"labjack",
		"labjack.local:502",
		"192.168.1.20:",
		"192.168.1.20:0",
		"1.2.3",
		"1.2.3.4:99x",
		"1.2.3.4:65536",
		"fe80::1",
		"[::1",
		"[::1]x",
		"[1.2.3.4]:5",
		"1.2.3.4:-5",
		"1.2.3.4: 5",
		"1.2.3.4.5",
		"01.2.3.4x",
		"[::1]:502:502",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct link_address address;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(link_address_parse(rows[i].uri, &address, &err), 0);
		assert_string_equal(address.host, rows[i].host);
		assert_int_equal(address.port, rows[i].port);
		assert_int_equal(address.v6, rows[i].v6);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (link_address_parse(bad[i], &address, &err) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	assert_int_equal(link_uri_check(link_table, "tcp:labjack:502", &err), -EINVAL);
	assert_non_null(strstr(err.text, "getent"));
	assert_int_equal(link_uri_check(link_table, "tcp:10.0.0.1", &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed_by_device, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_connected, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_a_message, setup, teardown),
		cmocka_unit_test_setup_teardown(test_faces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
