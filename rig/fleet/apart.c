#include "rig/fleet/apart.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TICK_MS 500
#define TICKS   240

struct apart { /* of both threads: whoever leaves last frees it */
	void (*fn)(void *job), (*release)(void *job);
	void *job;
	int done;
	atomic_int left;
};

static atomic_int under_way;

static void leave(struct apart *apart)
{
	if (atomic_fetch_sub(&apart->left, 1) > 1)
		return;
	if (apart->job)
		apart->release(apart->job);
	close(apart->done);
	free(apart);
}

static void *work(void *ctx)
{
	struct apart *apart = ctx;

	apart->fn(apart->job);
	atomic_fetch_sub(&under_way, 1);
	(void)!eventfd_write(apart->done, 1);
	leave(apart);
	return NULL;
}

static int start(struct apart *apart, struct err *err)
{
	pthread_t thread;

	atomic_init(&apart->left, 2);
	atomic_fetch_add(&under_way, 1);
	int code = apart->done < 0 ? errno : pthread_create(&thread, NULL, work, apart);
	if (code) {
		atomic_fetch_sub(&under_way, 1);
		return err_set(err, -EAGAIN, "the store: no thread: %s", strerror(code));
	}
	pthread_detach(thread);
	return 0;
}

static int await(const struct apart *apart, const struct depot_tick *tick, struct err *err)
{
	struct pollfd done = {.fd = apart->done, .events = POLLIN};
	int rc = 0;

	for (unsigned i = 0; i < TICKS; i++) {
		if (poll(&done, 1, TICK_MS) > 0)
			return 0;
		rc = tick->fn(tick->ctx, err);
		if (rc)
			return rc;
	}
	return err_set(err, -EAGAIN, "the store: it does not answer");
}

int apart_run(void (*fn)(void *job), void (*release)(void *job), void *job, const struct depot_tick *tick,
	      struct err *err)
{
	struct apart *apart = atomic_load(&under_way) ? NULL : malloc(sizeof(*apart));

	if (!apart) {
		release(job);
		return err_set(err, -EAGAIN, "the store: it has not answered since");
	}
	*apart = (struct apart){.fn = fn, .release = release, .job = job, .done = eventfd(0, EFD_CLOEXEC)};
	int rc = start(apart, err);
	if (rc) {
		atomic_store(&apart->left, 1);
	} else {
		rc = await(apart, tick, err);
		if (!rc)
			apart->job = NULL; /* the caller's; its thread has done with it */
	}
	leave(apart);
	return rc;
}
