/* A call on a thread of its own: the loop turns while it lasts, hears of its end once, and may give it up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <semaphore.h>

#include "rig/link/blocking.h"

static struct loop *loop;
static struct blocking *blocking;
static sem_t go, went;
static unsigned dones;
static int came_to;

static int call(void *arg)
{
	sem_wait(&go);
	sem_post(&went);
	return *(const int *)arg;
}

static void on_done(void *ctx, int result)
{
	assert_ptr_equal(ctx, &dones);
	dones++;
	came_to = result;
}

static void on_timer(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	assert_int_equal(dones, 0); /* the loop is here, and the call still waits */
	sem_post(ctx);
}

static int setup(void **state)
{
	struct err err;

	(void)state;
	dones = 0;
	sem_init(&go, 0, 0);
	sem_init(&went, 0, 0);
	return loop_new(&loop_clock_monotonic, NULL, &loop, &err);
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void test_loop_goes_on(void **state)
{
	static const int results[] = {0, -7};
	struct loop_timer timer = {.fn = on_timer, .ctx = &go};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		dones = 0;
		int arg = results[i];
		assert_int_equal(blocking_start(loop, call, &arg, on_done, &dones, &blocking), 0);
		assert_int_equal(loop_timer_at(loop, &timer, 0), 0);
		while (dones == 0)
			assert_int_equal(loop_turn(loop, LOOP_NEVER), 0);
		assert_int_equal(came_to, results[i]);
		assert_int_equal(loop_turn(loop, LOOP_NEVER), -EDEADLK); /* nothing is left of it */
		assert_int_equal(dones, 1);
	}
}

static void test_given_up_behind_its_end(void **state)
{
	int arg = 3;

	(void)state;
	assert_int_equal(blocking_start(loop, call, &arg, on_done, &dones, &blocking), 0);
	sem_post(&go);
	assert_true(blocking_end(blocking, 10 * NS_PER_S));
	assert_int_equal(loop_turn(loop, LOOP_NEVER), -EDEADLK);
	assert_int_equal(dones, 0);
}

static void test_given_up_before_its_end(void **state)
{
	static int arg = 3;

	(void)state;
	assert_int_equal(blocking_start(loop, call, &arg, on_done, &dones, &blocking), 0);
	assert_false(blocking_end(blocking, NS_PER_MS));
	assert_int_equal(loop_turn(loop, LOOP_NEVER), -EDEADLK);
	sem_post(&go);
	sem_wait(&went);
	assert_int_equal(loop_turn(loop, LOOP_NEVER), -EDEADLK);
	assert_int_equal(dones, 0);
}

static void on_fd(void *ctx, int fd, short revents)
{
	(void)ctx, (void)fd, (void)revents;
}

static void test_no_room(void **state)
{
	int arg = 3;

	(void)state;
	for (int fd = 1000; fd < 1000 + LOOP_FDS_MAX; fd++)
		assert_int_equal(loop_fd_add(loop, fd, POLLIN, on_fd, NULL), 0);
	assert_int_equal(blocking_start(loop, call, &arg, on_done, &dones, &blocking), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_loop_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_given_up_behind_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_given_up_before_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
