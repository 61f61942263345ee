/* One inotify instance of a loop. */
#include "rig/station/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

struct watches {
	struct loop *loop;
	int fd;
	struct watch *list;
};

/* The kernel has lost some: each file may have grown. Those that are called may be gone by then, so all are asked by number,
 * which is never given twice. */
static void tell(struct watches *w, int number)
{
	for (struct watch *one = w->list; one; one = one->next)
		if (one->number == number) {
			one->fn(one->ctx);
			return;
		}
}

static void tell_all(struct watches *w)
{
	int last = 0;

	for (;;) {
		const struct watch *next = NULL;

		for (const struct watch *one = w->list; one; one = one->next)
			if (one->number > last && (!next || one->number < next->number))
				next = one;
		if (!next)
			return;
		last = next->number;
		tell(w, last);
	}
}

static void ready(void *ctx, int fd, short revents)
{
	_Alignas(struct inotify_event) char bytes[4096];
	struct inotify_event event;
	struct watches *w = ctx;
	ssize_t n;

	(void)revents;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n; i += (ssize_t)(sizeof(event) + event.len)) {
			memcpy(&event, bytes + i, sizeof(event));
			if (event.mask & IN_Q_OVERFLOW)
				tell_all(w);
			else if (event.mask & IN_MODIFY)
				tell(w, event.wd);
		}
}

int watches_new(struct loop *loop, struct watches **ret, struct err *err)
{
	struct watches *w = malloc(sizeof(*w));
	int rc;

	if (!w)
		return err_set(err, -ENOMEM, "out of memory");
	*w = (struct watches){.loop = loop, .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
	rc = w->fd < 0 ? -errno : loop_fd_add(loop, w->fd, POLLIN, ready, w);
	if (rc == 0) {
		*ret = w;
		return 0;
	}
	if (w->fd >= 0)
		close(w->fd);
	free(w);
	return err_set(err, rc, "inotify: %s", strerror(-rc));
}

void watches_free(struct watches *w)
{
	if (!w)
		return;
	loop_fd_remove(w->loop, w->fd);
	close(w->fd);
	free(w);
}

int watch_add(struct watches *w, struct watch *watch, const char *path)
{
	watch->number = inotify_add_watch(w->fd, path, IN_MODIFY);
	if (watch->number < 0)
		return -errno;
	watch->next = w->list;
	w->list = watch;
	return 0;
}

void watch_remove(struct watches *w, struct watch *watch)
{
	struct watch **at = &w->list;

	while (*at && *at != watch)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = watch->next;
	inotify_rm_watch(w->fd, watch->number);
}
