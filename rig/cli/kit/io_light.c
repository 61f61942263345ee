/* A text that was begun is ended before the next one: half of one and all of another would be a third to the light. */
#include "rig/cli/kit/io_light.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void io_light_set(struct io_light *l, const char *text)
{
	l->wanted = text;
	l->due = true;
}

void io_light_opened(struct io_light *l, int fd)
{
	l->fd = fd;
	l->sending = NULL;
	l->due = l->wanted != NULL;
}

static int went(struct io_light *l, int rc)
{
	l->sending = NULL;
	l->due = l->wanted != NULL;
	return rc;
}

int io_light_write(struct io_light *l)
{
	while (l->sending || l->due) {
		ssize_t n;

		if (l->fd < 0)
			return went(l, -ENODEV);
		if (!l->sending) {
			l->sending = l->wanted;
			l->at = 0;
			l->due = false;
		}
		n = write(l->fd, l->sending + l->at, strlen(l->sending + l->at));
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (n < 0 && errno == EAGAIN))
			return 1;
		if (n < 0)
			return went(l, -errno);
		l->at += (size_t)n;
		if (!l->sending[l->at])
			l->sending = NULL;
	}
	return 0;
}
