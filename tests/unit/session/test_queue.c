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
	int fd = lock_file_open(bench_file, "queue", true, path, &err);
	return fd >= 0 && close(fd) == 0 && unlink(path) == 0 ? unlink(bench_file) : -1;
}

static struct bench_queue *see(void)
{
	struct bench_queue *queue = NULL;
	struct err err = {""};
	assert_int_equal(bench_queue_new(bench_file, true, &queue, &err), 0);
	return queue;
}

static struct bench_queue *join(void)
{
	struct bench_queue *queue = see();
	assert_int_equal(bench_queue_join(queue), 0);
	return queue;
}

static void assert_before(const struct bench_queue *queue, unsigned want)
{
	struct err err = {""};
	char text[40];
	int status = bench_queue_turn(queue, bench_file, &err);
	assert_int_equal(status, want ? -EBUSY : 0);
	snprintf(text, sizeof(text), "%u other%s for", want, want == 1 ? " waits" : "s wait");
	if (want)
		assert_non_null(strstr(err.text, text));
}

static void who_came_first_is_first(void **state)
{
	(void)state;
	struct bench_queue *passer_by = see(), *a = join(), *b = join(), *c = join();
	assert_before(a, 0);
	assert_before(b, 1);
	assert_before(c, 2);
	assert_before(passer_by, 3);
	assert_int_equal(bench_queue_join(a), 0); /* keeps its place */
	assert_before(a, 0);
	bench_queue_free(b);
	struct bench_queue *d = join(); /* not into the gap */
	assert_before(c, 1);
	assert_before(d, 2);
	bench_queue_free(a);
	assert_before(c, 0);
	assert_before(d, 1);
	bench_queue_free(c);
	bench_queue_free(d);
	assert_before(passer_by, 0);
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
				assert_before(queue[i], before++);
		}
	}
	for (unsigned i = 0; i < MANY; i++)
		if (here[i])
			bench_queue_free(queue[i]);
}

static int strange_lock(off_t start, off_t length)
{
	char path[LOCK_PATH_MAX];
	struct err err = {""};
	struct flock bytes = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
	int fd = lock_file_open(bench_file, "queue", true, path, &err);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &bytes), 0);
	return fd;
}

static void two_at_the_door(void **state)
{
	(void)state;
	struct bench_queue *queue = see();
	int fd = strange_lock(0, 1);
	assert_int_equal(bench_queue_join(queue), -EAGAIN);
	assert_before(queue, 0);
	close(fd);
	assert_int_equal(bench_queue_join(queue), 0);
	bench_queue_free(queue);
}

/* The file is open to everybody. */
static void a_lock_that_is_no_place(void **state)
{
	(void)state;
	static const struct {
		off_t start, length;
	} strange[] = {{0, 0}, {1, 0}, {0, 5}, {2, 3}};
	for (unsigned i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		struct bench_queue *queue = see();
		int fd = strange_lock(strange[i].start, strange[i].length);
		assert_before(queue, 1);
		close(fd);
		assert_before(queue, 0);
		bench_queue_free(queue);
	}
}

static void who_is_next_is_named(void **state)
{
	(void)state;
	int ready[2];
	char byte, text[80];
	struct err err = {""};
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
	assert_int_equal(bench_queue_turn(queue, bench_file, &err), -EBUSY);
	snprintf(text, sizeof(text), ", next is process %ld", (long)child);
	assert_non_null(strstr(err.text, text));
	assert_null(strstr(err.text, "stopped"));
	assert_int_equal(kill(child, SIGSTOP), 0);
	assert_int_equal(waitpid(child, NULL, WUNTRACED), child);
	assert_int_equal(bench_queue_turn(queue, bench_file, &err), -EBUSY);
	assert_non_null(strstr(err.text, "which is stopped"));
	assert_int_equal(kill(child, SIGKILL), 0); /* nobody waits for who was killed */
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_before(queue, 0);
	bench_queue_free(queue);
	close(ready[0]);
	close(ready[1]);
}

static void without_a_file(void **state)
{
	(void)state;
	struct bench_queue *queue = NULL;
	struct err err = {""};
	assert_int_equal(bench_queue_new("/tmp/penrig-there-is-none", true, &queue, &err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot be found"));
	assert_int_equal(bench_queue_new(bench_file, false, &queue, &err), 0); /* nobody ever waited */
	assert_null(queue);
	assert_before(queue, 0);
	bench_queue_free(see());
}

/* ---- runs ------------------------------------------------------------------------------------------------------ */

static struct bench_queue *ahead;
static struct bench_lock *held;

static void one_waits(struct session_config *config)
{
	struct err err = {""};
	assert_int_equal(bench_queue_new(config->bench->path, true, &ahead, &err), 0);
	assert_int_equal(bench_queue_join(ahead), 0);
}

static void a_run_overtakes_nobody(void **state)
{
	(void)state;
	tapped.prepare_config = one_waits;
	const struct record *r = run_session();
	bench_queue_free(ahead);
	assert_refused(r, REFUSED_BUSY, "1 other waits for the bench");
	assert_int_equal(verdict_exit_code(r), 5);
}

static void it_has_the_lock(struct session_config *config)
{
	struct err err = {""};
	one_waits(config); /* who waits now came later */
	assert_int_equal(bench_lock_take(config->bench->path, &held, &err), 0);
	config->lock = held;
}

static void who_has_no_place_takes_a_bench_that_nobody_waits_for(void **state)
{
	(void)state;
	struct bench_queue *waits = join();
	struct bench_lock *lock = NULL;
	struct err err = {""};
	assert_int_equal(bench_queue_pass(bench_file, &lock, &err), -EBUSY);
	assert_null(lock);
	bench_queue_free(waits);
	assert_int_equal(bench_queue_pass(bench_file, &lock, &err), 0);
	bench_lock_release(lock);
}

static void a_run_whose_bench_was_waited_for_has_it(void **state)
{
	(void)state;
	tapped.prepare_config = it_has_the_lock;
	const struct record *r = run_session();
	bench_queue_free(ahead);
	assert_int_equal(r->run_status, RUN_COMPLETE);
	assert_int_equal(tapped.sent[TAP_RUN], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_came_first_is_first, make_bench_file, remove_bench_file),
		cmocka_unit_test_setup_teardown(each_is_counted_once, make_bench_file, remove_bench_file),
		cmocka_unit_test_setup_teardown(two_at_the_door, make_bench_file, remove_bench_file),
		cmocka_unit_test_setup_teardown(a_lock_that_is_no_place, make_bench_file, remove_bench_file),
		cmocka_unit_test_setup_teardown(who_is_next_is_named, make_bench_file, remove_bench_file),
		cmocka_unit_test_setup_teardown(without_a_file, make_bench_file, remove_bench_file),
		cmocka_unit_test_setup_teardown(who_has_no_place_takes_a_bench_that_nobody_waits_for, make_bench_file,
						remove_bench_file),
		TEST(a_run_overtakes_nobody),
		TEST(a_run_whose_bench_was_waited_for_has_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
