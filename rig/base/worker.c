/* A bounded queue in front of one thread. Whoever waits is woken when half of the queue is free or when all is done,
 * not at every job: a switch of threads costs as much as a small job. */
#include "rig/base/worker.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

struct worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work, room;
	void (*fn)(void *ctx, const void *job);
	void *ctx;
	size_t job_size;
	unsigned depth, first, count; /* count: posted and not yet done */
	unsigned wait_for;            /* the poster sleeps until so few are left; UINT_MAX: it does not sleep */
	bool idle, ends;
	_Alignas(max_align_t) char jobs[];
};

static void *work(void *arg)
{
	struct worker *w = arg;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (w->count == 0 && !w->ends) {
			w->idle = true;
			pthread_cond_wait(&w->work, &w->lock);
		}
		w->idle = false;
		if (w->count == 0)
			break;
		pthread_mutex_unlock(&w->lock);
		w->fn(w->ctx, w->jobs + w->first * w->job_size);
		pthread_mutex_lock(&w->lock);
		w->first = (w->first + 1) % w->depth;
		w->count--;
		if (w->count == w->wait_for)
			pthread_cond_signal(&w->room);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Signals are the business of the thread that waits for them. */
static int start(struct worker *w)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = -pthread_create(&w->thread, NULL, work, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

int worker_new(size_t job_size, unsigned depth, void (*fn)(void *ctx, const void *job), void *ctx, struct worker **ret)
{
	size_t align = _Alignof(max_align_t);

	job_size = (job_size + align - 1) / align * align;
	struct worker *w = calloc(1, sizeof(*w) + depth * job_size);

	if (!w)
		return -ENOMEM;
	w->fn = fn;
	w->ctx = ctx;
	w->job_size = job_size;
	w->depth = depth;
	w->wait_for = UINT_MAX;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	pthread_cond_init(&w->room, NULL);
	int rc = start(w);
	if (rc) {
		free(w);
		return rc;
	}
	*ret = w;
	return 0;
}

static void wait_until(struct worker *w, unsigned left)
{
	while (w->count > left) {
		w->wait_for = left;
		pthread_cond_wait(&w->room, &w->lock);
	}
	w->wait_for = UINT_MAX;
}

void *worker_slot(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	if (w->count == w->depth)
		wait_until(w, w->depth / 2);
	char *slot = w->jobs + (w->first + w->count) % w->depth * w->job_size;
	pthread_mutex_unlock(&w->lock);
	return slot;
}

void worker_post(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->count++;
	if (w->idle)
		pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
}

void worker_drain(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	wait_until(w, 0);
	pthread_mutex_unlock(&w->lock);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	wait_until(w, 0);
	w->ends = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->room);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
