/* The bench lock: one holder, named to whoever comes second, gone with its process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig/session/lock.h"

static char bench[64], alias[80];

static int set_up(void **state)
{
	(void)state;
	strcpy(bench, "/tmp/penrig-bench-XXXXXX");
	int fd = mkstemp(bench);
	snprintf(alias, sizeof(alias), "%s.link", bench);
	return fd >= 0 && close(fd) == 0 && symlink(bench, alias) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(alias);
	return unlink(bench);
}

static void test_second_is_told_who(void **state)
{
	(void)state;
	struct bench_lock *lock = NULL, *second = NULL;
	struct err err = {""};
	char pid[32];
	assert_int_equal(bench_lock_take(bench, &lock, &err), 0);
	assert_int_equal(bench_lock_take(alias, &second, &err), -EBUSY); /* the same bench by another name */
	assert_null(second);
	snprintf(pid, sizeof(pid), "(pid %ld, user ", (long)getpid());
	assert_non_null(strstr(err.text, pid));
	assert_non_null(strstr(err.text, "since 2"));
	bench_lock_release(lock);
	assert_int_equal(bench_lock_take(alias, &lock, &err), 0);
	bench_lock_release(lock);
	bench_lock_release(NULL);
}

static void test_what_it_is_held_for(void **state)
{
	(void)state;
	struct bench_lock *lock = NULL, *second = NULL;
	struct err err = {""};
	assert_int_equal(bench_lock_take(bench, &lock, &err), 0);
	bench_lock_work(lock, "run R, expected to end about then");
	bench_lock_leave(lock, "{\"left\": 1}");
	assert_int_equal(bench_lock_take(bench, &second, &err), -EBUSY);
	assert_non_null(strstr(err.text, "run R, expected to end about then; wait until"));
	assert_null(strstr(err.text, "left"));
	bench_lock_release(lock);
}

/* Held on, it is in order, and nobody else's: not even what it found is left to the next. */
static void test_held_on(void **state)
{
	(void)state;
	struct bench_lock *lock = NULL, *second = NULL;
	struct err err = {""};
	assert_int_equal(bench_lock_take(bench, &lock, &err), 0);
	bench_lock_leave(lock, "the pen of R");
	bench_lock_keep(lock);
	assert_int_equal(bench_lock_take(bench, &lock, &err), 0);
	assert_string_equal(bench_lock_left(lock), "the pen of R");
	bench_lock_hold(lock, "waits for a device");
	assert_string_equal(bench_lock_left(lock), "");
	assert_int_equal(bench_lock_take(bench, &second, &err), -EBUSY);
	assert_non_null(strstr(err.text, "waits for a device"));
	bench_lock_keep(lock);
	assert_int_equal(bench_lock_take(bench, &lock, &err), 0);
	assert_string_equal(bench_lock_left(lock), "");
	bench_lock_release(lock);
}

/* What a holder leaves that dies is found by whoever comes next, until that one has seen to it. */
static void test_what_a_dead_holder_leaves(void **state)
{
	(void)state;
	struct bench_lock *lock = NULL;
	struct err err = {""};
	for (int i = 0; i < 2; i++) { /* the second dies before it has seen to it */
		pid_t child = fork();
		if (child == 0) {
			int status = bench_lock_take(bench, &lock, &err);
			if (!status && i == 0)
				bench_lock_leave(lock, "the pen of R");
			_exit(status ? 1 : 0);
		}
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	assert_int_equal(bench_lock_take(bench, &lock, &err), 0);
	assert_string_equal(bench_lock_left(lock), "the pen of R");
	bench_lock_leave(lock, "");
	bench_lock_release(lock);
	assert_int_equal(bench_lock_take(bench, &lock, &err), 0);
	assert_string_equal(bench_lock_left(lock), "");
	bench_lock_release(lock);
}

/* It goes on while anybody has the descriptor. */
static void test_shared(void **state)
{
	(void)state;
	struct bench_lock *lock = NULL, *second = NULL;
	struct err err = {""};
	assert_int_equal(bench_lock_take(bench, &lock, &err), 0);
	int shared = dup(bench_lock_descriptor(lock));
	bench_lock_release(lock);
	assert_int_equal(bench_lock_take(bench, &second, &err), -EBUSY);
	close(shared);
	assert_int_equal(bench_lock_take(bench, &second, &err), 0);
	bench_lock_release(second);
}

static void test_a_stopped_holder_is_shown_as_such(void **state)
{
	(void)state;
	struct bench_lock *lock = NULL;
	struct err err = {""};
	int status, pipe_fd[2];
	char ready;
	assert_int_equal(pipe(pipe_fd), 0);
	pid_t child = fork();
	if (child == 0) {
		bool held = bench_lock_take(bench, &lock, &err) == 0 && write(pipe_fd[1], "x", 1) == 1;
		for (;;)
			held ? pause() : _exit(1);
	}
	assert_int_equal(read(pipe_fd[0], &ready, 1), 1);
	assert_int_equal(bench_lock_take(bench, &lock, &err), -EBUSY);
	assert_null(strstr(err.text, "stopped"));
	kill(child, SIGSTOP);
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	assert_int_equal(bench_lock_take(bench, &lock, &err), -EBUSY);
	assert_non_null(strstr(err.text, "which is stopped: let it go on"));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static void test_no_bench_no_lock(void **state)
{
	(void)state;
	struct bench_lock *lock = NULL;
	struct err err = {""};
	assert_int_equal(bench_lock_take("/tmp/penrig/no/such/bench.json", &lock, &err), -ENOENT);
	assert_null(lock);
	assert_non_null(strstr(err.text, "no/such/bench.json"));
}

static void test_lock_dies_with_its_holder(void **state)
{
	(void)state;
	struct bench_lock *lock;
	struct err err = {""};
	int fds[2], status;
	char byte;
	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	if (child == 0) {
		if (bench_lock_take(bench, &lock, &err) != 0 || write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	assert_int_equal(bench_lock_take(bench, &lock, &err), -EBUSY);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	assert_int_equal(bench_lock_take(bench, &lock, &err), 0);
	bench_lock_release(lock);
}

/* Another user of the machine: he sees the same lock and may take it when it is free. */
static void test_another_user(void **state)
{
	(void)state;
	struct bench_lock *lock;
	struct err err = {""};
	int status;
	assert_int_equal(chmod(bench, 0644), 0);
	assert_int_equal(bench_lock_take(bench, &lock, &err), 0);
	for (int held = 1; held >= 0; held--) {
		pid_t child = fork();
		if (child == 0) {
			if (geteuid() == 0 && setuid(65534) != 0)
				_exit(1);
			int rc = bench_lock_take(bench, &lock, &err);
			_exit(rc == (held ? -EBUSY : 0) ? 0 : 2);
		}
		waitpid(child, &status, 0);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		if (held)
			bench_lock_release(lock);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_second_is_told_who),
		T(test_what_it_is_held_for),
		T(test_held_on),
		T(test_what_a_dead_holder_leaves),
		T(test_shared),
		T(test_a_stopped_holder_is_shown_as_such),
		T(test_no_bench_no_lock),
		T(test_lock_dies_with_its_holder),
		T(test_another_user),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
