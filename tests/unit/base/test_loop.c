/* The poll loop on a clock of its own: order of timers, self-modifying callbacks, descriptor reuse, deadlock, stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/loop.h"

/* A clock that jumps to the deadline when no descriptor is ready. */
struct jump_clock {
	uint64_t now_ns;
	int fail; /* the next wait returns this */
};

static uint64_t jump_now(void *ctx)
{
	return ((struct jump_clock *)ctx)->now_ns;
}

static int jump_wait(void *ctx, struct pollfd *fds, unsigned nfds, uint64_t deadline_ns)
{
	struct jump_clock *clock = ctx;
	int n = clock->fail;

	clock->fail = 0;
	if (n)
		return n;
	n = poll(fds, nfds, 0);
	if (n == 0 && deadline_ns > clock->now_ns && deadline_ns != LOOP_NEVER)
		clock->now_ns = deadline_ns;
	return n;
}

static const struct loop_clock jump = {.now_ns = jump_now, .wall_ns = jump_now, .wait = jump_wait};

struct fixture {
	struct jump_clock clock;
	struct loop *loop;
	char log[4096];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->clock.now_ns = 1000;
	*state = f;
	return loop_new(&jump, &f->clock, &f->loop, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	loop_free(f->loop);
	free(f);
	return 0;
}

struct tick {
	struct loop_timer timer;
	struct fixture *f;
	char name;
	uint64_t again_ns; /* rearm to this absolute time, `times` more */
	int times;
	struct loop_timer *cancel;
};

static void tick_fn(void *ctx, uint64_t now_ns)
{
	struct tick *tick = ctx;
	size_t len = strlen(tick->f->log);

	assert_int_equal(now_ns, tick->f->clock.now_ns);
	tick->f->log[len] = tick->name;
	if (tick->cancel)
		loop_timer_cancel(tick->f->loop, tick->cancel);
	if (tick->times-- > 0)
		assert_int_equal(loop_timer_at(tick->f->loop, &tick->timer, tick->again_ns), 0);
}

static struct tick tick_new(struct fixture *f, char name)
{
	return (struct tick){.f = f, .name = name, .timer = {.fn = tick_fn}};
}

static void timers_fire_in_order(void **state)
{
	struct fixture *f = *state;
	struct tick t[4];

	for (int i = 0; i < 4; i++) {
		t[i] = tick_new(f, (char)('a' + i));
		t[i].timer.ctx = &t[i];
	}
	loop_timer_at(f->loop, &t[0].timer, 5000);
	loop_timer_at(f->loop, &t[1].timer, 3000);
	loop_timer_at(f->loop, &t[2].timer, 5000);
	loop_timer_at(f->loop, &t[3].timer, 10);
	assert_int_equal(loop_run(f->loop), -EDEADLK);
	assert_string_equal(f->log, "dbac");
	assert_int_equal(f->clock.now_ns, 5000);
	for (int i = 0; i < 4; i++)
		assert_int_equal(t[i].timer.slot, 0);
}

/* Against a plain sort, with cancels and rearms in between. */
static void heap_agrees_with_sorting(void **state)
{
	enum { N = 300 };
	struct fixture *f = *state;
	static struct tick t[N];
	uint64_t last = 0;
	unsigned seed = 12345, armed = 0;

	for (unsigned i = 0; i < 3 * N; i++) {
		struct tick *one = &t[i % N];

		*one = i < N ? tick_new(f, 'x') : *one;
		one->timer.ctx = one;
		seed = seed * 1103515245 + 12345;
		if (seed >> 30 == 0)
			loop_timer_cancel(f->loop, &one->timer);
		else
			assert_int_equal(loop_timer_at(f->loop, &one->timer, 2000 + (seed >> 8) % 50), 0);
	}
	for (int i = 0; i < N; i++)
		armed += t[i].timer.slot > 0;
	assert_true(armed > N / 2);
	while (armed) {
		uint64_t next = LOOP_NEVER;
		unsigned due = 0, left = 0;

		for (int i = 0; i < N; i++)
			if (t[i].timer.slot && t[i].timer.deadline_ns < next)
				next = t[i].timer.deadline_ns;
		for (int i = 0; i < N; i++)
			due += t[i].timer.slot && t[i].timer.deadline_ns == next;
		memset(f->log, 0, sizeof(f->log));
		assert_int_equal(loop_turn(f->loop, LOOP_NEVER), 0);
		assert_int_equal(f->clock.now_ns, next);
		assert_int_equal(strlen(f->log), due);
		assert_true(next > last);
		last = next;
		for (int i = 0; i < N; i++)
			left += t[i].timer.slot > 0;
		assert_int_equal(left, armed - due);
		armed = left;
	}
}

static void past_deadline_waits_a_turn_and_starves_nobody(void **state)
{
	struct fixture *f = *state;
	struct tick greedy = tick_new(f, 'g'), other = tick_new(f, 'o');

	greedy.timer.ctx = &greedy;
	other.timer.ctx = &other;
	greedy.again_ns = 1;
	greedy.times = 2;
	loop_timer_at(f->loop, &greedy.timer, 900);
	loop_timer_at(f->loop, &other.timer, 950);
	assert_int_equal(loop_turn(f->loop, LOOP_NEVER), 0);
	assert_string_equal(f->log, "go");
	assert_int_equal(loop_turn(f->loop, LOOP_NEVER), 0);
	assert_string_equal(f->log, "gog");
	assert_int_equal(loop_run(f->loop), -EDEADLK);
	assert_string_equal(f->log, "gogg");
	assert_int_equal(f->clock.now_ns, 1000);
}

static void timer_cancels_the_next(void **state)
{
	struct fixture *f = *state;
	struct tick a = tick_new(f, 'a'), b = tick_new(f, 'b'), c = tick_new(f, 'c');

	a.timer.ctx = &a;
	b.timer.ctx = &b;
	c.timer.ctx = &c;
	a.cancel = &b.timer;
	loop_timer_at(f->loop, &a.timer, 2000);
	loop_timer_at(f->loop, &b.timer, 2000);
	loop_timer_at(f->loop, &c.timer, 2000);
	loop_timer_cancel(f->loop, &b.timer);
	loop_timer_at(f->loop, &b.timer, 2000);
	assert_int_equal(loop_run(f->loop), -EDEADLK);
	assert_string_equal(f->log, "ac");
}

static void never_is_never(void **state)
{
	struct fixture *f = *state;
	struct tick a = tick_new(f, 'a');

	a.timer.ctx = &a;
	loop_timer_at(f->loop, &a.timer, LOOP_NEVER);
	assert_int_equal(loop_turn(f->loop, LOOP_NEVER), -EDEADLK);
	assert_int_equal(loop_turn(f->loop, 7000), 0);
	assert_int_equal(f->clock.now_ns, 7000);
	assert_string_equal(f->log, "");
}

static void timer_table_is_bounded(void **state)
{
	struct fixture *f = *state;
	static struct tick t[LOOP_TIMERS_MAX + 1];

	for (int i = 0; i <= LOOP_TIMERS_MAX; i++) {
		t[i] = tick_new(f, 't');
		t[i].timer.ctx = &t[i];
		assert_int_equal(loop_timer_at(f->loop, &t[i].timer, 5000), i < LOOP_TIMERS_MAX ? 0 : -ENOSPC);
	}
	assert_int_equal(loop_timer_at(f->loop, &t[0].timer, 6000), 0);
	assert_int_equal(t[LOOP_TIMERS_MAX].timer.slot, 0);
}

struct reader {
	struct fixture *f;
	int calls;
	int remove_fd;    /* -1: none */
	bool stop, reuse; /* reuse: close remove_fd and put a readable pipe under its number */
	struct reader *fresh;
};

static void read_fn(void *ctx, int fd, short revents)
{
	struct reader *r = ctx;

	assert_true(revents & (POLLIN | POLLHUP));
	r->calls++;
	if (r->remove_fd >= 0) {
		loop_fd_remove(r->f->loop, r->remove_fd);
		if (r->reuse) {
			assert_int_equal(dup2(fd, r->remove_fd), r->remove_fd);
			assert_int_equal(loop_fd_add(r->f->loop, r->remove_fd, POLLIN, read_fn, r->fresh), 0);
		}
		r->remove_fd = -1;
	}
	if (r->stop)
		loop_stop(r->f->loop);
}

static void ready_pipe(int fds[2])
{
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
}

static void close_pipe(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void removed_descriptor_is_not_called(void **state)
{
	struct fixture *f = *state;
	struct reader fresh = {.f = f, .remove_fd = -1}, a = {.f = f, .fresh = &fresh}, b = {.f = f, .remove_fd = -1};
	int pa[2], pb[2];

	ready_pipe(pa);
	ready_pipe(pb);
	a.remove_fd = pb[0];
	a.reuse = true;
	assert_int_equal(loop_fd_add(f->loop, pa[0], POLLIN, read_fn, &a), 0);
	assert_int_equal(loop_fd_add(f->loop, pb[0], POLLIN, read_fn, &b), 0);
	assert_int_equal(loop_fd_add(f->loop, pb[0], POLLIN, read_fn, &b), -EEXIST);
	assert_int_equal(loop_turn(f->loop, LOOP_NEVER), 0);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 0);
	assert_int_equal(fresh.calls, 0);
	assert_int_equal(loop_turn(f->loop, LOOP_NEVER), 0);
	assert_int_equal(fresh.calls, 1);
	assert_int_equal(b.calls, 0);
	close_pipe(pa);
	close_pipe(pb);
}

static void descriptor_may_remove_itself(void **state)
{
	struct fixture *f = *state;
	struct reader a = {.f = f};
	int pa[2];

	ready_pipe(pa);
	a.remove_fd = pa[0];
	assert_int_equal(loop_fd_add(f->loop, pa[0], POLLIN, read_fn, &a), 0);
	assert_int_equal(loop_run(f->loop), -EDEADLK);
	assert_int_equal(a.calls, 1);
	assert_int_equal(loop_fd_events(f->loop, pa[0], 0), -ENOENT);
	close_pipe(pa);
}

static void events_can_be_masked(void **state)
{
	struct fixture *f = *state;
	struct reader a = {.f = f, .remove_fd = -1};
	int pa[2];

	ready_pipe(pa);
	assert_int_equal(loop_fd_add(f->loop, pa[0], 0, read_fn, &a), 0);
	assert_int_equal(loop_turn(f->loop, 2000), 0);
	assert_int_equal(a.calls, 0);
	assert_int_equal(loop_fd_events(f->loop, pa[0], POLLIN), 0);
	assert_int_equal(loop_turn(f->loop, 2000), 0);
	assert_int_equal(a.calls, 1);
	loop_fd_remove(f->loop, pa[0]);
	loop_fd_remove(f->loop, pa[0]);
	close_pipe(pa);
}

static void stop_and_failures(void **state)
{
	struct fixture *f = *state;
	struct reader a = {.f = f, .remove_fd = -1, .stop = true};
	int pa[2];

	ready_pipe(pa);
	assert_int_equal(loop_fd_add(f->loop, -1, POLLIN, read_fn, &a), -EINVAL);
	assert_int_equal(loop_fd_add(f->loop, pa[0], POLLIN, read_fn, &a), 0);
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(a.calls, 1);
	loop_stop(f->loop);
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(a.calls, 1);
	f->clock.fail = -EINTR;
	assert_int_equal(loop_turn(f->loop, LOOP_NEVER), 0);
	assert_int_equal(a.calls, 1);
	f->clock.fail = -ENOMEM;
	assert_int_equal(loop_run(f->loop), -ENOMEM);
	close_pipe(pa);
}

static void monotonic_clock_waits_for_either(void **state)
{
	struct fixture *f = *state;
	const struct loop_clock *clock = &loop_clock_monotonic;
	struct pollfd fd = {.events = POLLIN};
	uint64_t start_ns = clock->now_ns(NULL);
	int pa[2];

	(void)f;
	ready_pipe(pa);
	fd.fd = pa[0];
	assert_int_equal(clock->wait(NULL, &fd, 1, LOOP_NEVER), 1);
	assert_int_equal(clock->wait(NULL, &fd, 1, 0), 1);
	assert_int_equal(clock->wait(NULL, NULL, 0, start_ns), 0);
	while (clock->wait(NULL, NULL, 0, start_ns + NS_PER_MS) != 0)
		;
	assert_true(clock->now_ns(NULL) >= start_ns + NS_PER_MS);
	assert_true(clock->wall_ns(NULL) > 1600000000ULL * NS_PER_S);
	assert_true(clock->paced);
	close_pipe(pa);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(timers_fire_in_order),
		T(heap_agrees_with_sorting),
		T(past_deadline_waits_a_turn_and_starves_nobody),
		T(timer_cancels_the_next),
		T(never_is_never),
		T(timer_table_is_bounded),
		T(removed_descriptor_is_not_called),
		T(descriptor_may_remove_itself),
		T(events_can_be_masked),
		T(stop_and_failures),
		T(monotonic_clock_waits_for_either),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
