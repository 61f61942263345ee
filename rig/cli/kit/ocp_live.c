/* Lines are made in memory and handed on as the reader takes them. */
#include "rig/cli/kit/ocp_live.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reports/foreign/ocp.h"
#include "rig/cli/kit/handing.h"

#define WAIT_MS  10000
#define AGAIN_MS 20 /* a terminal that polls writable may still take nothing */

struct ocp_live {
	int fd;
	FILE *out; /* a stream in memory, of the next two */
	char *text;
	size_t length, sent;
	struct ocp_stream *stream;
	struct err err; /* the first one */
	int rc;
};

static bool may_write(int fd)
{
	int mode = fcntl(fd, F_GETFL);

	return mode >= 0 && (mode & O_ACCMODE) != O_RDONLY;
}

int ocp_live_new(int fd, struct ocp_live **ret, struct err *err)
{
	*ret = NULL;
	if (fd < 0)
		return 0;
	if (!may_write(fd))
		return err_set(err, -EBADF,
			       "--ocp-fd %d: not open for writing; open it in the shell, for example %d>events.jsonl",
			       fd, fd);
	struct ocp_live *live = calloc(1, sizeof(*live));
	if (!live)
		return err_set(err, -ENOMEM, "out of memory");
	live->fd = fd;
	live->out = open_memstream(&live->text, &live->length);
	live->stream = live->out ? ocp_stream_new(live->out) : NULL;
	if (!live->stream) {
		ocp_live_free(live);
		return err_set(err, -ENOMEM, "out of memory");
	}
	if (fd > STDERR_FILENO)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	*ret = live;
	return 0;
}

void ocp_live_free(struct ocp_live *live)
{
	if (!live)
		return;
	ocp_stream_free(live->stream);
	if (live->out)
		fclose(live->out);
	free(live->text);
	free(live);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* As much as is taken within that time; 0: at once. */
static void hand_on(struct ocp_live *live, int wait_ms)
{
	struct pollfd p = {.fd = live->fd, .events = POLLOUT};
	int64_t left_ms = wait_ms, until_ms = wait_ms ? now_ms() + wait_ms : 0;

	if (fflush(live->out) != 0)
		live->rc = live->rc ? live->rc : err_set(&live->err, -ENOMEM, "out of memory");
	while (!live->rc && live->sent < live->length && poll(&p, 1, (int)left_ms) == 1) {
		size_t left = live->length - live->sent;
		ssize_t n = hand_over(live->fd, live->text + live->sent, left < HANDING_MAX ? left : HANDING_MAX);

		if (n > 0)
			live->sent += (size_t)n;
		else if (n == -EAGAIN && wait_ms)
			poll(NULL, 0, AGAIN_MS);
		else if (n == -EAGAIN)
			return;
		else if (n != -EINTR)
			live->rc = err_set(&live->err, (int)n, "%s", strerror((int)-n));
		left_ms = wait_ms ? until_ms - now_ms() : 0;
		left_ms = left_ms < 0 ? 0 : left_ms;
	}
}

void ocp_live_progress(struct ocp_live *live, const struct record *record, const struct session_progress *now)
{
	if (!live || live->rc)
		return;
	if (now->finished)
		live->rc = ocp_stream_point(live->stream, record, now->finished, &live->err);
	else if (now->stage > STAGE_OPENING && record->started_utc[0])
		live->rc = ocp_stream_begin(live->stream, record, &live->err);
	hand_on(live, 0);
}

int ocp_live_end(struct ocp_live *live, const struct record *record, int code, struct err *err)
{
	if (!live)
		return 0;
	if (!live->rc)
		live->rc = ocp_stream_end(live->stream, record, code, &live->err);
	hand_on(live, WAIT_MS);
	if (!live->rc && live->sent == live->length)
		return 0;
	return err_set(err, live->rc ? live->rc : -ETIMEDOUT, "--ocp-fd %d: the events are not whole: %s", live->fd,
		       live->rc ? live->err.text : "they are not read");
}
