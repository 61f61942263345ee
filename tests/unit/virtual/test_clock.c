/* The virtual clock beside a person: how long a question waits in real time shows nowhere, and the hands take their
 * second of virtual time whether the answer was there before the question or came late. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixtures/virtual/inproc.h"

#define BEGIN_NS (1000 * NS_PER_S)
#define TICK_NS  (1 * NS_PER_MS)
#define LATE_NS  (30 * NS_PER_MS) /* real time; an age for a clock that jumps from tick to tick */

struct bench {
	struct virtual_clock clock;
	struct loop *loop;
	struct loop_timer tick;
	int person[2], other[2];
	unsigned ticks;
	uint64_t answered_ns, other_ns;
};

static void on_tick(void *ctx, uint64_t now_ns)
{
	struct bench *b = ctx;

	b->ticks++;
	loop_timer_at(b->loop, &b->tick, now_ns + TICK_NS);
}

static void on_answer(void *ctx, int fd, short revents)
{
	struct bench *b = ctx;
	char c;

	(void)revents;
	assert_int_equal(read(fd, &c, 1), 1);
	if (c != '\n')
		return;
	b->answered_ns = loop_now_ns(b->loop);
	loop_fd_remove(b->loop, fd);
	loop_stop(b->loop);
}

static void on_other(void *ctx, int fd, short revents)
{
	struct bench *b = ctx;
	char c;

	(void)revents;
	assert_int_equal(read(fd, &c, 1), 1);
	b->other_ns = loop_now_ns(b->loop);
	loop_stop(b->loop);
}

static void write_all(int fd, const char *text, size_t len)
{
	assert_int_equal(write(fd, text, len), (ssize_t)len);
}

static void *late(void *ctx)
{
	const struct timespec pause = {.tv_nsec = LATE_NS};

	nanosleep(&pause, NULL);
	write_all(*(int *)ctx, "y\n", 2);
	return NULL;
}

static int set_up(void **state)
{
	static struct bench b;
	struct err err;

	b = (struct bench){.clock = {.now_ns = BEGIN_NS}, .tick = {.fn = on_tick, .ctx = &b}};
	if (pipe(b.person) < 0 || pipe(b.other) < 0 || loop_new(&virtual_clock_ops, &b.clock, &b.loop, &err) < 0)
		return -1;
	b.clock.person_fd = b.person[0];
	*state = &b;
	return loop_timer_at(b.loop, &b.tick, BEGIN_NS + TICK_NS) < 0 ||
	       loop_fd_add(b.loop, b.other[0], POLLIN, on_other, &b) < 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	loop_timer_cancel(b->loop, &b->tick);
	loop_free(b->loop);
	for (int i = 0; i < 2; i++) {
		close(b->person[i]);
		close(b->other[i]);
	}
	return 0;
}

static void ask(struct bench *b)
{
	assert_int_equal(loop_fd_add(b->loop, b->person[0], POLLIN, on_answer, b), 0);
	assert_int_equal(loop_run(b->loop), 0);
}

static void answer_there_before(void **state)
{
	struct bench *b = *state;

	write_all(b->person[1], "y\n", 2);
	ask(b);
	assert_int_equal(b->answered_ns, BEGIN_NS + VIRTUAL_HANDS_NS);
	assert_int_equal(b->ticks, VIRTUAL_HANDS_NS / TICK_NS); /* the bench went on meanwhile */
}

static void answer_comes_late(void **state)
{
	struct bench *b = *state;
	pthread_t hand;

	assert_int_equal(pthread_create(&hand, NULL, late, &b->person[1]), 0);
	ask(b);
	pthread_join(hand, NULL);
	assert_int_equal(b->answered_ns, BEGIN_NS + VIRTUAL_HANDS_NS);
	assert_int_equal(b->ticks, VIRTUAL_HANDS_NS / TICK_NS);
}

/* What stands behind the first line waits for the next question, and takes its own second. */
static void each_answer_takes_its_time(void **state)
{
	struct bench *b = *state;

	write_all(b->person[1], "y\n\n", 3);
	ask(b);
	assert_int_equal(loop_turn(b->loop, LOOP_NEVER), 0);
	ask(b);
	assert_in_range(b->answered_ns, BEGIN_NS + 2 * VIRTUAL_HANDS_NS, BEGIN_NS + 2 * VIRTUAL_HANDS_NS + TICK_NS);
}

/* A signal at the question is seen at once, and once nothing is asked time passes again. */
static void others_are_seen_while_it_stands(void **state)
{
	struct bench *b = *state;
	pthread_t hand;

	assert_int_equal(pthread_create(&hand, NULL, late, &b->other[1]), 0);
	ask(b);
	pthread_join(hand, NULL);
	assert_int_equal(b->other_ns, BEGIN_NS);
	loop_fd_remove(b->loop, b->person[0]);
	assert_int_equal(loop_run(b->loop), 0); /* its second byte */
	assert_int_equal(loop_turn(b->loop, LOOP_NEVER), 0);
	assert_int_equal(loop_now_ns(b->loop), BEGIN_NS + TICK_NS);
	assert_int_equal(b->ticks, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answer_there_before, set_up, tear_down),
		cmocka_unit_test_setup_teardown(answer_comes_late, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_answer_takes_its_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(others_are_seen_while_it_stands, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
