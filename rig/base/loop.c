/* The poll loop: two fixed tables (descriptors, a binary heap of timers) over a clock that is handed in.
 * It allocates once, so arming a timer in the middle of a run cannot run out of memory. No threads, no signals. */
#include "rig/base/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct watch {
	loop_fd_fn fn;
	void *ctx;
};

struct loop {
	const struct loop_clock *clock;
	void *clock_ctx;
	struct pollfd fds[LOOP_FDS_MAX]; /* fd -1: removed during this turn */
	struct watch watches[LOOP_FDS_MAX];
	unsigned nfds;
	struct loop_timer *heap[LOOP_TIMERS_MAX + 1]; /* from 1, so that slot 0 means "not armed" */
	unsigned ntimers;
	uint64_t sequence;
	uint64_t turn_now_ns;
	bool in_turn, stopped;
};

static uint64_t clock_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t loop_boot_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

static uint64_t monotonic_now(void *ctx)
{
	(void)ctx;
	return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t monotonic_wall(void *ctx)
{
	(void)ctx;
	return clock_ns(CLOCK_REALTIME);
}

static int monotonic_wait(void *ctx, struct pollfd *fds, unsigned nfds, uint64_t deadline_ns)
{
	uint64_t now_ns = monotonic_now(ctx);
	uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
	struct timespec left = {.tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};
	int n = ppoll(fds, nfds, deadline_ns == LOOP_NEVER ? NULL : &left, NULL);

	return n < 0 ? -errno : n;
}

const struct loop_clock loop_clock_monotonic = {
	.now_ns = monotonic_now,
	.wall_ns = monotonic_wall,
	.wait = monotonic_wait,
	.paced = true,
};

int loop_new(const struct loop_clock *clock, void *clock_ctx, struct loop **ret, struct err *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return err_set(err, -ENOMEM, "out of memory for the event loop");
	loop->clock = clock;
	loop->clock_ctx = clock_ctx;
	*ret = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	free(loop);
}

uint64_t loop_now_ns(const struct loop *loop)
{
	return loop->clock->now_ns(loop->clock_ctx);
}

uint64_t loop_wall_ns(const struct loop *loop)
{
	return loop->clock->wall_ns(loop->clock_ctx);
}

bool loop_paced(const struct loop *loop)
{
	return loop->clock->paced;
}

/* ---- descriptors ---- */

static int watch_find(const struct loop *loop, int fd)
{
	for (unsigned i = 0; i < loop->nfds; i++)
		if (loop->fds[i].fd == fd)
			return (int)i;
	return -1;
}

int loop_fd_add(struct loop *loop, int fd, short events, loop_fd_fn fn, void *ctx)
{
	if (fd < 0 || !fn)
		return -EINVAL;
	if (watch_find(loop, fd) >= 0)
		return -EEXIST;
	if (loop->nfds == LOOP_FDS_MAX)
		return -ENOSPC;
	loop->fds[loop->nfds] = (struct pollfd){.fd = fd, .events = events};
	loop->watches[loop->nfds] = (struct watch){.fn = fn, .ctx = ctx};
	loop->nfds++;
	return 0;
}

int loop_fd_events(struct loop *loop, int fd, short events)
{
	int i = fd < 0 ? -1 : watch_find(loop, fd);

	if (i < 0)
		return -ENOENT;
	loop->fds[i].events = events;
	return 0;
}

static void watches_compact(struct loop *loop)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < loop->nfds; i++) {
		if (loop->fds[i].fd < 0)
			continue;
		loop->fds[kept] = loop->fds[i];
		loop->watches[kept] = loop->watches[i];
		kept++;
	}
	loop->nfds = kept;
}

void loop_fd_remove(struct loop *loop, int fd)
{
	int i = fd < 0 ? -1 : watch_find(loop, fd);

	if (i < 0)
		return;
	loop->fds[i].fd = -1;
	if (!loop->in_turn)
		watches_compact(loop);
}

/* Descriptors added by a callback stand behind `n` and wait for the next turn, even under a number that was just
 * closed. */
static void watches_dispatch(struct loop *loop, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		short revents = loop->fds[i].revents;

		if (loop->fds[i].fd >= 0 && revents)
			loop->watches[i].fn(loop->watches[i].ctx, loop->fds[i].fd, revents);
	}
}

/* ---- timers ---- */

static bool timer_before(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->sequence < b->sequence;
}

static void heap_put(struct loop *loop, unsigned slot, struct loop_timer *timer)
{
	loop->heap[slot] = timer;
	timer->slot = (int)slot;
}

static void heap_up(struct loop *loop, unsigned slot, struct loop_timer *timer)
{
	for (; slot > 1 && timer_before(timer, loop->heap[slot / 2]); slot /= 2)
		heap_put(loop, slot, loop->heap[slot / 2]);
	heap_put(loop, slot, timer);
}

static void heap_down(struct loop *loop, unsigned slot, struct loop_timer *timer)
{
	for (unsigned child = 2 * slot; child <= loop->ntimers; child = 2 * slot) {
		if (child < loop->ntimers && timer_before(loop->heap[child + 1], loop->heap[child]))
			child++;
		if (!timer_before(loop->heap[child], timer))
			break;
		heap_put(loop, slot, loop->heap[child]);
		slot = child;
	}
	heap_put(loop, slot, timer);
}

int loop_timer_at(struct loop *loop, struct loop_timer *timer, uint64_t deadline_ns)
{
	assert(timer->fn);
	loop_timer_cancel(loop, timer);
	if (loop->ntimers == LOOP_TIMERS_MAX)
		return -ENOSPC;
	/* Set during a turn, a timer sorts behind everything that was due before it: it cannot starve the others. */
	if (loop->in_turn && deadline_ns < loop->turn_now_ns)
		deadline_ns = loop->turn_now_ns;
	timer->deadline_ns = deadline_ns;
	timer->sequence = ++loop->sequence;
	heap_up(loop, ++loop->ntimers, timer);
	return 0;
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	unsigned slot = (unsigned)timer->slot;
	struct loop_timer *last;

	if (!slot)
		return;
	assert(slot <= loop->ntimers && loop->heap[slot] == timer);
	timer->slot = 0;
	last = loop->heap[loop->ntimers--];
	if (last == timer)
		return;
	if (slot > 1 && timer_before(last, loop->heap[slot / 2]))
		heap_up(loop, slot, last);
	else
		heap_down(loop, slot, last);
}

/* Fires what was armed before this turn began and is due; what the callbacks arm waits for the next turn. */
static void timers_dispatch(struct loop *loop, uint64_t last_sequence)
{
	while (loop->ntimers) {
		struct loop_timer *timer = loop->heap[1];

		if (timer->deadline_ns > loop->turn_now_ns || timer->sequence > last_sequence)
			return;
		loop_timer_cancel(loop, timer);
		timer->fn(timer->ctx, loop_now_ns(loop));
	}
}

/* ---- turning ---- */

int loop_turn(struct loop *loop, uint64_t max_deadline_ns)
{
	uint64_t deadline_ns = max_deadline_ns, last_sequence = loop->sequence;
	unsigned n = loop->nfds;
	int ready;

	assert(!loop->in_turn);
	if (loop->ntimers && loop->heap[1]->deadline_ns < deadline_ns)
		deadline_ns = loop->heap[1]->deadline_ns;
	if (deadline_ns == LOOP_NEVER && !n)
		return -EDEADLK;
	ready = loop->clock->wait(loop->clock_ctx, loop->fds, n, deadline_ns);
	if (ready < 0 && ready != -EINTR)
		return ready;
	loop->in_turn = true;
	loop->turn_now_ns = loop_now_ns(loop);
	if (ready > 0)
		watches_dispatch(loop, n);
	timers_dispatch(loop, last_sequence);
	loop->in_turn = false;
	watches_compact(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	int status = 0;

	while (!loop->stopped && !status)
		status = loop_turn(loop, LOOP_NEVER);
	loop->stopped = false;
	return status;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
