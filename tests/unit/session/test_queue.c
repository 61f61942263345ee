/* The queue for a bench that is in use: who came first begins first, and nobody waits for who is gone. */
#include "tests/unit/session/tapped_bench.h"

#include "rig/judge/verdict.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "rig/session/lock.h"
#include "rig/session/lock_file.h"
#include "rig/session/queue.h"

#define MANY 12

static char bench_file[64];

static int make_bench_file(void **state)
{
	(void)state;
	strcpy(bench_file, "/tmp/penrig-bench-XXXXXX");
	int fd = mkstemp(bench_file);
	return fd >= 0 ? close(fd) : -1;
}

static int remove_bench_file(void **state)
{
	(void)state;
	char path[LOCK_PATH_MAX];
	struct err err = {""};
	int fd = lock_file_open(bench_file, "queue", path, &err);
	return fd >= 0 && close(fd) == 0 && unlink(path) == 0 ? unlink(bench_file) : -1;
}

static struct bench_queue *see(void)
{
	struct bench_queue *queue = NULL;
	struct err err = {""};
	assert_int_equal(bench_queue_new(bench_file, &queue, &err), 0);
	return queue;
}

static struct bench_queue *join(void)
{
	struct bench_queue *queue = see();
	assert_int_equal(bench_queue_join(queue), 0);
	return queue;
}

static void who_came_first_is_first(void **state)
{
	(void)state;
	struct bench_queue *passer_by = see(), *a = join(), *b = join(), *c = join();
	assert_int_equal(bench_queue_before(a), 0);
	assert_int_equal(bench_queue_before(b), 1);
	assert_int_equal(bench_queue_before(c), 2);
	assert_int_equal(bench_queue_before(passer_by), 3);
	assert_int_equal(bench_queue_join(a), 0); /* keeps its place */
	assert_int_equal(bench_queue_before(a), 0);
	bench_queue_free(b);
	struct bench_queue *d = join(); /* not into the gap */
	assert_int_equal(bench_queue_before(c), 1);
	assert_int_equal(bench_queue_before(d), 2);
	bench_queue_free(a);
	assert_int_equal(bench_queue_before(c), 0);
	assert_int_equal(bench_queue_before(d), 1);
	bench_queue_free(c);
	bench_queue_free(d);
	assert_int_equal(bench_queue_before(passer_by), 0);
	bench_queue_free(passer_by);
	bench_queue_free(NULL);
}

/* In whatever order the kernel tells of them. */
static void each_is_counted_once(void **state)
{
	(void)state;
	struct bench_queue *queue[MANY];
	static const unsigned leave[] = {3, 0, 7, 4, 8};
	bool here[MANY];
	for (unsigned i = 0; i < MANY; i++) {
		queue[i] = join();
		here[i] = true;
	}
	for (unsigned k = 0; k < sizeof(leave) / sizeof(leave[0]); k++) {
		bench_queue_free(queue[leave[k]]);
		here[leave[k]] = false;
		for (unsigned i = 0, before = 0; i < MANY; i++) {
			if (here[i])
				assert_int_equal(bench_queue_before(queue[i]), before++);
		}
	}
	for (unsigned i = 0; i < MANY; i++)
		if (here[i])
			bench_queue_free(queue[i]);
}

static void two_at_the_door(void **state)
{
	(void)state;
	char path[LOCK_PATH_MAX];
	struct err err = {""};
	struct bench_queue *queue = see();
	struct flock door = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	int fd = lock_file_open(bench_file, "queue", path, &err);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &door), 0);
	assert_int_equal(bench_queue_join(queue), -EAGAIN);
	assert_int_equal(bench_queue_before(queue), 0);
	close(fd);
	assert_int_equal(bench_queue_join(queue), 0);
	bench_queue_free(queue);
}

static void nobody_waits_for_who_was_killed(void **state)
{
	(void)state;
	int ready[2];
	char byte;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		(void)join();
		(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	struct bench_queue *queue = join();
	assert_int_equal(bench_queue_before(queue), 1);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(bench_queue_before(queue), 0);
	bench_queue_free(queue);
	close(ready[0]);
	close(ready[1]);
}

static void without_a_bench_file(void **state)
{
	(void)state;
	struct bench_queue *queue = NULL;
	struct err err = {""};
	assert_int_equal(bench_queue_new("/tmp/penrig-there-is-none", &queue, &err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot be found"));
}

/* ---- runs ------------------------------------------------------------------------------------------------------ */

static struct bench_lock *held;
static struct bench_queue *ahead;
static struct loop_timer let_go_timer;
static double wait_s, let_go_s;

static void let_go(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	(void)now_ns;
	bench_lock_release(held);
	bench_queue_free(ahead);
	held = NULL;
	ahead = NULL;
}

static void in_use(struct session_config *config)
{
	struct err err = {""};
	config->wait_s = wait_s;
	if (!ahead)
		assert_int_equal(bench_lock_take(config->bench->path, &held, &err), 0);
	let_go_timer = (struct loop_timer){.fn = let_go};
	assert_int_equal(
		loop_timer_at(config->loop, &let_go_timer, loop_now_ns(config->loop) + (uint64_t)(let_go_s * 1e9)), 0);
}

static void one_is_ahead(struct session_config *config)
{
	struct err err = {""};
	assert_int_equal(bench_queue_new(config->bench->path, &ahead, &err), 0);
	assert_int_equal(bench_queue_join(ahead), 0);
	in_use(config);
}

static const struct record *run_behind(void (*prepare)(struct session_config *), double may_wait_s, double free_after_s)
{
	tapped.prepare_config = prepare;
	wait_s = may_wait_s;
	let_go_s = free_after_s;
	const struct record *record = run_session();
	let_go(NULL, 0);
	return record;
}

static void a_run_waits_for_its_bench(void **state)
{
	(void)state;
	const struct record *r = run_behind(in_use, 10, 3);
	assert_int_equal(r->run_status, RUN_COMPLETE);
	assert_int_equal(tapped.sent[TAP_RUN], 1);
	assert_true(r->takt.s[TAKT_OPENING] < 2.5); /* what it waited is no part of it */
}

static void a_run_waits_behind_who_came_before(void **state)
{
	(void)state;
	assert_int_equal(run_behind(one_is_ahead, 10, 3)->run_status, RUN_COMPLETE);
}

static void a_run_waits_no_longer_than_it_may(void **state)
{
	(void)state;
	const struct record *r = run_behind(in_use, 2, 5);
	assert_refused(r, REFUSED_BUSY, "is in use by");
	assert_int_equal(verdict_exit_code(r), 5);
	assert_int_equal(tapped.sent[TAP_STOP], 0);
}

static void a_run_that_may_not_wait_overtakes_nobody(void **state)
{
	(void)state;
	const struct record *r = run_behind(one_is_ahead, 0, 3);
	assert_refused(r, REFUSED_BUSY, "1 other waits for the bench");
	assert_int_equal(verdict_exit_code(r), 5);
}

static void interrupt(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	(void)now_ns;
	session_interrupt(tapped.session, SIGINT);
}

static void interrupted_soon(struct session_config *config)
{
	in_use(config);
	tapped.later = (struct loop_timer){.fn = interrupt};
	assert_int_equal(loop_timer_at(config->loop, &tapped.later, loop_now_ns(config->loop) + 1000000000), 0);
}

static void a_waiting_run_is_interrupted(void **state)
{
	(void)state;
	const struct record *r = run_behind(interrupted_soon, 10, 5);
	assert_int_equal(r->run_status, RUN_INTERRUPTED);
	assert_int_equal(tapped.sent[TAP_STOP], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_came_first_is_first, make_bench_file, remove_bench_file),
		cmocka_unit_test_setup_teardown(each_is_counted_once, make_bench_file, remove_bench_file),
		cmocka_unit_test_setup_teardown(two_at_the_door, make_bench_file, remove_bench_file),
		cmocka_unit_test_setup_teardown(nobody_waits_for_who_was_killed, make_bench_file, remove_bench_file),
		cmocka_unit_test(without_a_bench_file),
		TEST(a_run_waits_for_its_bench),
		TEST(a_run_waits_behind_who_came_before),
		TEST(a_run_waits_no_longer_than_it_may),
		TEST(a_run_that_may_not_wait_overtakes_nobody),
		TEST(a_waiting_run_is_interrupted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
