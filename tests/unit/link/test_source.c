/* exec: and file: links with real programs: what they write, how they end, and that nothing of them is left. Waits are for
 * events: a turn of the loop that nothing wakes for 5 s fails the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig/link/link.h"

static struct loop *loop;
static struct link *opened;
static char got[65536], said[512], why[ERR_TEXT_MAX], folder[64];
static size_t got_len, said_count;
static int gone;
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

static void on_said(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	snprintf(said, sizeof(said), "%.*s", (int)len, text);
	said_count++;
}

static int setup(void **state)
{
	(void)state;
	memset(got, 0, sizeof(got));
	got_len = said_count = 0;
	gone = 0;
	close_in_bytes = false;
	strcpy(folder, "/tmp/penrig-source-XXXXXX");
	return loop_new(&loop_clock_monotonic, NULL, &loop, NULL) || !mkdtemp(folder) ? -1 : 0;
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	close_link();
	loop_free(loop);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

#define TURN_UNTIL(done)                                                                                               \
	while (!(done)) {                                                                                              \
		uint64_t limit_ns = loop_now_ns(loop) + 5 * NS_PER_S;                                                  \
		assert_int_equal(loop_turn(loop, limit_ns), 0);                                                        \
		assert_true(loop_now_ns(loop) < limit_ns);                                                             \
	}

static int try_open(const char *uri, const char *const *arguments, struct err *err)
{
	const struct link_opening opening = {.table = link_table,
					     .loop = loop,
					     .uri = uri,
					     .wants = {.source = true, .arguments = arguments},
					     .sink = {.bytes = on_bytes, .gone = on_gone, .said = on_said}};

	return link_open(&opening, &opened, err);
}

static void run(const char *script)
{
	struct err err;
	const char *const arguments[] = {"-c", script, folder, NULL};

	if (try_open("exec:/bin/sh", arguments, &err))
		fail_msg("%s", err.text);
}

static void test_output(void **state)
{
	struct link_identity identity;
	struct link_counters counters;

	(void)state;
	run("printf 'hel'; printf 'lo\\n'; exit 3");
	opened->ops->identity(opened, &identity);
	assert_string_equal(identity.uri, "exec:/bin/sh");
	assert_string_equal(identity.product, "sh");
	TURN_UNTIL(gone);
	assert_string_equal(got, "hello\n");
	assert_string_equal(why, "exec:/bin/sh has ended with exit status 3");
	opened->ops->counters(opened, &counters);
	assert_int_equal(counters.bytes_in, 6);
	assert_int_equal(opened->ops->write(opened, (const uint8_t *)"x", 1, LOOP_NEVER, NULL, NULL), -ENODEV);
}

/* Arguments reach it as they are: no shell takes them apart. */
static void test_arguments(void **state)
{
	static const char *const arguments[] = {"%s|", "a b", "$HOME", "*", NULL};
	struct err err;

	(void)state;
	assert_int_equal(try_open("exec:printf", arguments, &err), 0);
	TURN_UNTIL(gone);
	assert_string_equal(got, "a b|$HOME|*|");
}

static void test_standard_error(void **state)
{
	char line[512];

	(void)state;
	run("echo one >&2; printf 'two\\r\\n' >&2; printf '%0400d\\n' 7 >&2; printf last >&2; exec 2>&-; echo out; "
	    "read x");
	TURN_UNTIL(said_count == 4 && got_len);
	assert_string_equal(said, "last");
	close_link();
	said_count = 0;
	run("printf '%0400d\\n' 7 >&2; read x");
	TURN_UNTIL(said_count);
	snprintf(line, sizeof(line), "%0240d", 0);
	assert_string_equal(said, line);
}

static void test_ended_by_a_signal(void **state)
{
	(void)state;
	run("echo last words >&2; kill -9 $$");
	TURN_UNTIL(gone);
	assert_non_null(strstr(why, "signal 9"));
	assert_string_equal(said, "last words");
	assert_int_equal(gone, 1);
}

static void test_output_closed(void **state)
{
	(void)state;
	run("exec >&-; read x");
	TURN_UNTIL(gone);
	assert_non_null(strstr(why, "runs on"));
}

/* Its standard input stays open as long as it is wanted, and ends then. */
static void test_signals_and_input_are_as_usual(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN); /* as penrig has it */
	run("kill -PIPE $$; echo ignored");
	TURN_UNTIL(gone);
	assert_int_equal(got_len, 0);
	signal(SIGPIPE, SIG_DFL);
}

/* Everything that still holds the FIFO open has ended when reading it gives its end. */
static int watch(const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(mkfifo(path, 0600), 0);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void assert_all_ended(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	char c;

	assert_int_equal(poll(&poller, 1, 5000), 1);
	while (read(fd, &c, 1) == 1)
		;
	assert_true(poller.revents & POLLHUP);
	close(fd);
}

static void test_closing_ends_all_of_it(void **state)
{
	int fd = watch("alive");

	(void)state;
	run("sleep 1000 3>$0/alive & exec 3>$0/alive; echo up; wait");
	TURN_UNTIL(got_len);
	close_link();
	assert_all_ended(fd);
	assert_int_equal(gone, 0);
}

static void test_it_will_not_end(void **state)
{
	int fd = watch("alive");

	(void)state;
	run("trap '' TERM INT HUP PIPE; exec 3>$0/alive; echo up; while :; do sleep 1000; done");
	TURN_UNTIL(got_len);
	uint64_t began_ns = loop_now_ns(loop);
	close_link();
	assert_true(loop_now_ns(loop) >= began_ns + 500 * NS_PER_MS); /* it was asked first */
	assert_all_ended(fd);
}

/* One that cleans up when it is asked to end is given the time. */
static void test_it_is_asked_first(void **state)
{
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/tidy", folder);
	for (unsigned busy = 0; busy < 20 && access(path, F_OK) != 0;
	     busy++) { /* a computer may take all of that time */
		got_len = 0;
		run("trap 'echo done >$0/tidy; exit' TERM; echo up; while :; do sleep 0.01; done");
		TURN_UNTIL(got_len);
		close_link();
	}
	assert_int_equal(access(path, F_OK), 0);
}

/* kill -9 of the process that started it: nothing of that process can do anything any more. */
static void test_killed_parent(void **state)
{
	int fd = watch("alive"), status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		run("trap '' TERM INT HUP PIPE; exec 3>$0/alive; echo up; while read x; do :; done; exec sleep 1000");
		TURN_UNTIL(got_len);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_all_ended(fd);
}

static void test_close_in_its_own_callback(void **state)
{
	(void)state;
	close_in_bytes = true;
	run("echo up; read x");
	TURN_UNTIL(!opened);
	assert_int_equal(gone, 0);
}

/* A computer that was held up finds a lot, and loses nothing of it. */
static void test_much_output(void **state)
{
	(void)state;
	run("i=0; while [ $i -lt 1000 ]; do echo 123456789012345678901234567890; i=$((i+1)); done");
	TURN_UNTIL(gone);
	assert_int_equal(got_len, 31000);
}

static void assert_refused(const char *uri, int status, const char *text)
{
	struct err err;

	assert_int_equal(try_open(uri, NULL, &err), status);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" says nothing of \"%s\"", err.text, text);
	assert_null(opened);
}

static void test_refused(void **state)
{
	char uri[128], path[96];

	(void)state;
	assert_refused("exec:/no/such/program", -ENOENT, "there is no program /no/such/program");
	assert_refused("exec:no-such-program", -ENOENT, "in PATH");
	assert_refused("exec:/etc/passwd", -EACCES, "chmod +x");
	assert_refused("exec:/tmp", -EACCES, "that it is a file");
	assert_refused("exec:", -ENOENT, "there is no program");
	assert_refused("file:/no/such/file", -ENOENT, "cannot read");
	assert_refused("file:/etc/passwd", -EINVAL, "penrig import");
	assert_refused("file:/tmp", -EINVAL, "neither a FIFO nor a device");
	assert_refused("serial:1209:0003:X", -EINVAL, "exec:PROGRAM");
	snprintf(path, sizeof(path), "%s/tool", folder);
	int fd = open(path, O_CREAT | O_WRONLY, 0700);
	assert_int_equal(write(fd, "no first line\n", 14), 14);
	close(fd);
	snprintf(uri, sizeof(uri), "exec:%s", path);
	assert_refused(uri, -ENOEXEC, "#!/bin/sh");
	const struct link_opening opening = {
		.table = link_table, .loop = loop, .uri = "exec:/bin/true", .wants = {.serial = {.baud = 9600}}};
	struct err err;
	assert_int_equal(link_open(&opening, &opened, &err), -EINVAL);
	assert_non_null(strstr(err.text, "nothing can be asked"));
	assert_true(link_uri_is_source(link_table, "file:/dev/x"));
	assert_false(link_uri_is_source(link_table, "usb:port=1-2"));
	assert_false(link_uri_is_source(link_table, "nonsense"));
}

static void test_a_fifo(void **state)
{
	char uri[128], path[96];
	struct err err;

	(void)state;
	snprintf(path, sizeof(path), "%s/fifo", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(uri, sizeof(uri), "file:%s", path);
	assert_int_equal(try_open(uri, NULL, &err), 0);
	assert_int_equal(loop_turn(loop, loop_now_ns(loop) + NS_PER_MS), 0); /* nobody writes yet: it is not gone */
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, "1,2\n", 4), 4);
	TURN_UNTIL(got_len == 4);
	assert_int_equal(gone, 0);
	close(fd);
	TURN_UNTIL(gone);
	assert_non_null(strstr(why, "nobody writes"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_output),
		TEST(test_arguments),
		TEST(test_standard_error),
		TEST(test_ended_by_a_signal),
		TEST(test_output_closed),
		TEST(test_signals_and_input_are_as_usual),
		TEST(test_closing_ends_all_of_it),
		TEST(test_it_will_not_end),
		TEST(test_it_is_asked_first),
		TEST(test_killed_parent),
		TEST(test_close_in_its_own_callback),
		TEST(test_much_output),
		TEST(test_refused),
		TEST(test_a_fifo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
