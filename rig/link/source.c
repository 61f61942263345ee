/* exec: and file: links, from which bytes only come: the standard output of a program that is started and stopped here, and
 * a FIFO or a device of the kernel that is read. Nobody can be asked anything over them.
 * What a program says on its standard error goes to the sink's `said`, line by line. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/link/child.h"
#include "rig/link/link.h"

#define READ_BYTES  16384
#define SAID_BYTES  240              /* of one line on standard error; the rest of a longer one is dropped */
#define ENDING_NS   (60 * NS_PER_MS) /* from the end of its output to "gone": the program may still say why */
#define SAID_ROUNDS 16

struct source {
	struct link link;
	struct loop *loop;
	struct link_sink sink;
	struct link_identity id;
	struct link_counters counters;
	struct link_child child; /* pid 0: it is a file */
	int fd;                  /* of the samples; the child's own where there is one */
	bool ending, gone, busy, closed;
	int code; /* errno that ended it; 0: end of file */
	struct loop_timer timer;
	size_t said_len;
	char said[SAID_BYTES];
	uint8_t buffer[READ_BYTES];
};

static struct source *source_of(struct link *link)
{
	return (struct source *)link;
}

static void release(struct source *self)
{
	if (self->child.pid)
		link_child_stop(&self->child);
	else if (self->fd >= 0)
		close(self->fd);
	free(self);
}

static void leave(struct source *self)
{
	self->busy = false;
	if (self->closed)
		release(self);
}

/* ---- standard error ---------------------------------------------------------------------------------------------- */

static void end_said(struct source *self)
{
	size_t len = self->said_len;

	self->said_len = 0;
	if (len > 0 && self->sink.said && !self->closed)
		self->sink.said(self->sink.ctx, self->said, len);
}

static void take_said(struct source *self, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n')
			end_said(self);
		else if (bytes[i] != '\r' && self->said_len < SAID_BYTES)
			self->said[self->said_len++] = bytes[i];
	}
}

/* As read(): 0 at its end. */
static ssize_t read_said(struct source *self)
{
	char bytes[1024];
	ssize_t n = read(self->child.error, bytes, sizeof(bytes));

	if (n > 0)
		take_said(self, bytes, (size_t)n);
	else if (n == 0)
		end_said(self);
	return n;
}

static void on_said(void *ctx, int fd, short revents)
{
	struct source *self = ctx;

	(void)revents;
	self->busy = true;
	ssize_t n = read_said(self);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		loop_fd_remove(self->loop, fd);
	leave(self);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void stop_listening(struct source *self)
{
	loop_timer_cancel(self->loop, &self->timer);
	if (self->fd >= 0)
		loop_fd_remove(self->loop, self->fd);
	if (self->child.error >= 0)
		loop_fd_remove(self->loop, self->child.error);
}

static void go(struct source *self)
{
	char how[96];
	struct err why;

	stop_listening(self);
	for (int i = 0; self->child.error >= 0 && i < SAID_ROUNDS && read_said(self) > 0; i++)
		;
	self->gone = true;
	if (self->closed)
		return;
	if (!self->child.pid)
		snprintf(how, sizeof(how), "%s",
			 self->code ? strerror(self->code) : "has ended: nobody writes to it any more");
	else if (!link_child_ended(&self->child, how, sizeof(how)))
		snprintf(how, sizeof(how), "has closed its standard output, and runs on");
	err_set(&why, -ENODEV, "%s %s", self->id.uri, how);
	self->sink.gone(self->sink.ctx, &why);
}

static void on_timer(void *ctx, uint64_t now_ns)
{
	struct source *self = ctx;

	(void)now_ns;
	self->busy = true;
	go(self);
	leave(self);
}

/* A program whose output ends is about to end itself: how it did, and what it says, is known a moment later. */
static void end_soon(struct source *self, int code)
{
	self->code = code;
	self->ending = true;
	loop_fd_remove(self->loop, self->fd);
	loop_timer_at(self->loop, &self->timer, loop_now_ns(self->loop) + (self->child.pid ? ENDING_NS : 0));
}

static void on_fd(void *ctx, int fd, short revents)
{
	struct source *self = ctx;
	uint64_t host_ns = loop_now_ns(self->loop);
	ssize_t n = read(fd, self->buffer, sizeof(self->buffer));

	(void)revents;
	self->busy = true;
	if (n > 0) {
		self->counters.bytes_in += (uint64_t)n;
		self->counters.transfers_in++;
		self->sink.bytes(self->sink.ctx, self->buffer, (size_t)n, false, host_ns);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		end_soon(self, n == 0 ? 0 : errno);
	}
	leave(self);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static int start_program(struct source *self, const char *program, const struct link_wants *wants, struct err *err)
{
	int status = link_child_start(program, wants->arguments, &self->child, err);

	self->fd = self->child.out;
	return status;
}

static int open_file(struct source *self, const char *path, struct err *err)
{
	struct stat st;

	self->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (self->fd < 0 || fstat(self->fd, &st))
		return err_set(err, -errno, "cannot read %s: %s", path, strerror(errno));
	if (isatty(self->fd))
		return err_set(err, -EINVAL, "%s is a serial port: its link is serial:…, see `penrig list`", path);
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return err_set(err, -EINVAL,
			       "%s is neither a FIFO nor a device: a file that lies on a disk has no pace of its own; "
			       "`penrig import` reads recordings",
			       path);
	return 0;
}

static int listen_to(struct source *self, struct err *err)
{
	int status = loop_fd_add(self->loop, self->fd, POLLIN, on_fd, self);

	if (!status && self->child.error >= 0)
		status = loop_fd_add(self->loop, self->child.error, POLLIN, on_said, self);
	return status ? err_set(err, status, "no room for %s in the event loop", self->id.uri) : 0;
}

static int open_source(const struct link_ops *ops, struct loop *loop, const char *path, const struct link_wants *wants,
		       const struct link_sink *sink, struct link **ret, struct err *err)
{
	const char *slash = strrchr(path, '/');
	struct source *self = calloc(1, sizeof(*self));
	int status;

	if (!self)
		return err_set(err, -ENOMEM, "out of memory for %s", path);
	self->link.ops = ops;
	self->loop = loop;
	self->sink = *sink;
	self->fd = -1;
	self->child = (struct link_child){.in = -1, .out = -1, .error = -1};
	self->timer = (struct loop_timer){.fn = on_timer, .ctx = self};
	snprintf(self->id.uri, sizeof(self->id.uri), "%s:%.140s", ops->scheme, path);
	snprintf(self->id.node, sizeof(self->id.node), "%.140s", path);
	snprintf(self->id.product, sizeof(self->id.product), "%.63s", slash ? slash + 1 : path);
	status = ops == &link_exec ? start_program(self, path, wants, err) : open_file(self, path, err);
	if (!status)
		status = listen_to(self, err);
	if (status) {
		stop_listening(self);
		release(self);
		return status;
	}
	*ret = &self->link;
	return 0;
}

static int exec_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		     struct link **ret, struct err *err)
{
	return open_source(&link_exec, loop, uri, wants, sink, ret, err);
}

static int file_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		     struct link **ret, struct err *err)
{
	return open_source(&link_file, loop, uri, wants, sink, ret, err);
}

/* ---- the operations ---------------------------------------------------------------------------------------------- */

static void source_close(struct link *link)
{
	struct source *self = source_of(link);

	self->closed = true;
	if (!self->gone)
		stop_listening(self);
	if (!self->busy)
		release(self);
}

static int source_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
			void *ctx)
{
	(void)data, (void)len, (void)deadline_ns, (void)done, (void)ctx;
	return source_of(link)->gone ? -ENODEV : -ENOTSUP;
}

static void source_identity(const struct link *link, struct link_identity *ret)
{
	*ret = ((const struct source *)link)->id;
}

static void source_counters(const struct link *link, struct link_counters *ret)
{
	*ret = ((const struct source *)link)->counters;
}

/* None of them is plugged in: a bench file names them. */
static int source_list(void (*each)(void *ctx, const struct link_identity *id), void *ctx, struct err *err)
{
	(void)each, (void)ctx, (void)err;
	return 0;
}

const struct link_ops link_exec = {
	.name = "exec",
	.scheme = "exec",
	.source = true,
	.unlisted = true,
	.open = exec_open,
	.close = source_close,
	.write = source_write,
	.identity = source_identity,
	.counters = source_counters,
	.list = source_list,
};

const struct link_ops link_file = {
	.name = "file",
	.scheme = "file",
	.source = true,
	.unlisted = true,
	.midway = true,
	.open = file_open,
	.close = source_close,
	.write = source_write,
	.identity = source_identity,
	.counters = source_counters,
	.list = source_list,
};
