/* See out.h. */
#include "rig/cli/mcp/out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT_MAX    (16u << 20) /* three of the longest answers */
#define PATIENCE_NS (120 * NS_PER_S)

static void on_ready(void *ctx, int fd, short revents);

static void wait_no_more(struct mcp_out *out)
{
	if (!out->waiting)
		return;
	out->waiting = false;
	loop_fd_remove(out->loop, out->fd);
	loop_timer_cancel(out->loop, &out->patience);
}

/* Told by the loop, never from within a call. */
static void give_up(struct mcp_out *out)
{
	wait_no_more(out);
	out->fd = -1;
	out->len = 0;
	loop_timer_at(out->loop, &out->patience, 0);
}

static void on_patience(void *ctx, uint64_t now_ns)
{
	struct mcp_out *out = ctx;

	(void)now_ns;
	if (out->fd >= 0) {
		wait_no_more(out);
		out->fd = -1;
		out->len = 0;
	}
	out->gone(out->ctx);
}

static void write_some(struct mcp_out *out)
{
	while (out->len) {
		ssize_t n = write(out->fd, out->bytes, out->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			give_up(out);
		if (n <= 0)
			return;
		out->len -= (size_t)n;
		memmove(out->bytes, out->bytes + n, out->len);
		if (out->waiting) /* it reads: patience begins anew */
			loop_timer_at(out->loop, &out->patience, loop_now_ns(out->loop) + PATIENCE_NS);
	}
}

static void begin_to_wait(struct mcp_out *out)
{
	if (out->waiting || out->fd < 0)
		return;
	out->waiting = true;
	if (loop_fd_add(out->loop, out->fd, POLLOUT, on_ready, out) < 0 ||
	    loop_timer_at(out->loop, &out->patience, loop_now_ns(out->loop) + PATIENCE_NS) < 0)
		give_up(out);
}

static void on_ready(void *ctx, int fd, short revents)
{
	struct mcp_out *out = ctx;

	(void)fd;
	(void)revents;
	write_some(out);
	if (!out->len && out->fd >= 0)
		wait_no_more(out);
}

static bool keep(struct mcp_out *out, const char *text, size_t len)
{
	size_t need = out->len + len + 1;

	if (need > out->size) {
		char *p = need > KEPT_MAX ? NULL : realloc(out->bytes, 2 * need);
		if (!p)
			return false;
		out->bytes = p;
		out->size = 2 * need;
	}
	memcpy(out->bytes + out->len, text, len);
	out->bytes[out->len + len] = '\n';
	out->len = need;
	return true;
}

void mcp_out_open(struct mcp_out *out, struct loop *loop, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	out->loop = loop;
	out->fd = fd;
	out->patience = (struct loop_timer){.fn = on_patience, .ctx = out};
	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void mcp_out_line(struct mcp_out *out, const char *text)
{
	if (out->fd < 0)
		return;
	if (!keep(out, text, strlen(text))) {
		give_up(out);
		return;
	}
	if (!out->waiting)
		write_some(out);
	if (out->len)
		begin_to_wait(out);
}

void mcp_out_close(struct mcp_out *out)
{
	if (out->fd >= 0)
		write_some(out);
	wait_no_more(out);
	loop_timer_cancel(out->loop, &out->patience);
	free(out->bytes);
	*out = (struct mcp_out){.fd = -1};
}
