/* See blocking.h. Thread and loop share one struct; whoever leaves last frees it. */
#include "rig/link/blocking.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct blocking {
	struct loop *loop;
	int (*fn)(void *arg);
	void *arg;
	void (*done)(void *ctx, int result);
	void *ctx;
	int over_fd; /* readable once the call is over */
	int result;
	pthread_mutex_t lock;
	bool over, given_up;
};

static void free_blocking(struct blocking *b)
{
	close(b->over_fd);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

static void *call(void *arg)
{
	struct blocking *b = arg;
	int result = b->fn(b->arg);

	pthread_mutex_lock(&b->lock);
	bool last = b->given_up;
	b->result = result;
	b->over = true;
	(void)eventfd_write(b->over_fd, 1); /* of a counter that stands at 0 it cannot fail */
	pthread_mutex_unlock(&b->lock);
	if (last)
		free_blocking(b);
	return NULL;
}

/* The thread has seen to its end before it lets the lock go. */
static bool leave(struct blocking *b)
{
	pthread_mutex_lock(&b->lock);
	bool over = b->over;
	b->given_up = true;
	pthread_mutex_unlock(&b->lock);
	return over;
}

static void on_over(void *ctx, int fd, short revents)
{
	struct blocking *b = ctx;

	(void)revents;
	loop_fd_remove(b->loop, fd);
	(void)leave(b);
	int result = b->result;
	void (*done)(void *ctx, int result) = b->done;
	void *of = b->ctx;
	free_blocking(b);
	done(of, result);
}

/* Signals are the business of the thread that waits for them. */
static int start_thread(struct blocking *b)
{
	sigset_t all, before;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int status = -pthread_create(&thread, NULL, call, b);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!status)
		pthread_detach(thread);
	return status;
}

int blocking_start(struct loop *loop, int (*fn)(void *arg), void *arg, void (*done)(void *ctx, int result), void *ctx,
		   struct blocking **ret)
{
	struct blocking *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	*b = (struct blocking){.loop = loop, .fn = fn, .arg = arg, .done = done, .ctx = ctx};
	pthread_mutex_init(&b->lock, NULL);
	b->over_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int status = b->over_fd < 0 ? -errno : loop_fd_add(loop, b->over_fd, POLLIN, on_over, b);
	if (!status) {
		status = start_thread(b);
		if (status)
			loop_fd_remove(loop, b->over_fd);
	}
	if (status) {
		free_blocking(b);
		return status;
	}
	*ret = b;
	return 0;
}

bool blocking_end(struct blocking *b, uint64_t wait_ns)
{
	struct pollfd over = {.fd = b->over_fd, .events = POLLIN};
	uint64_t until_ns = loop_clock_monotonic.now_ns(NULL) + wait_ns, now_ns;

	loop_fd_remove(b->loop, b->over_fd);
	while ((now_ns = loop_clock_monotonic.now_ns(NULL)) < until_ns &&
	       poll(&over, 1, (int)((until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS)) < 0 && errno == EINTR)
		;
	if (!leave(b))
		return false;
	free_blocking(b);
	return true;
}
