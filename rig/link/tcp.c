/* tcp: links: one connection to a device on the network, opened without waiting. Nothing is looked up, nothing is listed:
 * a bench file names the address. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig/link/link.h"
#include "rig/link/name.h"
#include "rig/link/queue.h"

#define READ_BYTES    65536
#define CONNECT_NS    (2 * NS_PER_S)
#define PROBE_S       1         /* a connection on which nothing moves is asked after so long, and so often */
#define PROBES        2         /* without an answer: the device is gone */
#define UNHEARD_MS    2000      /* so long may what was sent stay unheard */
#define RECEIVE_BYTES (1 << 20) /* the kernel's queue: what a held-up host has not read yet is not lost */

struct tcp_link {
	struct link link;
	struct loop *loop;
	struct link_sink sink;
	int fd;
	struct link_identity id;
	struct link_counters counters;
	struct link_queue queue, finished;
	struct loop_timer timer; /* deadlines, and reports that link_write() may not make itself */
	uint64_t connect_by_ns;
	bool busy, closed, gone;
	int fatal_errno; /* a write failed with this; the loop reports it */
	uint8_t buffer[READ_BYTES];
};

static struct tcp_link *tcp_of(struct link *link)
{
	return (struct tcp_link *)link;
}

static void release(struct tcp_link *self)
{
	if (self->fd >= 0)
		close(self->fd);
	free(self);
}

static void rearm(struct tcp_link *self)
{
	bool report = self->finished.head || self->fatal_errno;
	bool waits = self->link.connecting || (self->queue.head && !self->fatal_errno);
	uint64_t next_ns = link_queue_deadline(&self->queue);

	if (self->gone || self->closed)
		return;
	if (self->link.connecting && self->connect_by_ns < next_ns)
		next_ns = self->connect_by_ns;
	loop_timer_at(self->loop, &self->timer, report ? 0 : next_ns);
	loop_fd_events(self->loop, self->fd, waits ? POLLIN | POLLOUT : POLLIN);
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

static const char *meaning(int code)
{
	switch (code) {
	case 0: return "has closed the connection: it restarted, or serves another program";
	case ECONNREFUSED: return "refuses the connection: is this its address, and its port?";
	case ECONNRESET: return "has broken the connection off: it restarted, or has lost its power";
	case ETIMEDOUT: return "does not answer: without power, unplugged, or another address";
	case EHOSTUNREACH:
	case ENETUNREACH: return "is not to be reached: unplugged, or another address";
	default: return strerror(code);
	}
}

static void go(struct tcp_link *self, int code)
{
	struct err why;

	self->gone = true;
	self->link.connecting = false;
	loop_timer_cancel(self->loop, &self->timer);
	loop_fd_remove(self->loop, self->fd);
	link_queue_finish_all(&self->queue, -ENODEV, &self->finished);
	link_queue_report(&self->finished);
	if (self->closed)
		return;
	err_set(&why, -ENODEV, "%s %s", self->id.uri, meaning(code));
	self->sink.gone(self->sink.ctx, &why);
}

static void leave(struct tcp_link *self)
{
	self->busy = false;
	if (self->closed)
		release(self);
	else
		rearm(self);
}

/* ---- reading and writing ------------------------------------------------------------------------------------------- */

static void write_some(struct tcp_link *self)
{
	while (self->queue.head && !self->fatal_errno && !self->link.connecting) {
		struct link_write *head = self->queue.head;
		ssize_t n = send(self->fd, head->data + head->sent, head->len - head->sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			self->fatal_errno = errno;
		if (n <= 0)
			return;
		head->sent += (size_t)n;
		self->counters.bytes_out += (uint64_t)n;
		if (head->sent < head->len)
			return;
		self->counters.transfers_out++;
		link_queue_finish(link_queue_take(&self->queue), 0, &self->finished);
	}
}

/* A write that was cut in two must be finished: half a message would be taken for the beginning of the next. */
static void expire(struct tcp_link *self, uint64_t now_ns)
{
	const struct link_write *head = self->queue.head;

	if (head && head->sent > 0 && head->deadline_ns <= now_ns)
		self->fatal_errno = ETIMEDOUT;
	else
		link_queue_expire(&self->queue, now_ns, &self->finished);
}

/* 0, or what ended it: an errno, -1 for its end. */
static int read_some(struct tcp_link *self)
{
	uint64_t host_ns = loop_now_ns(self->loop);
	ssize_t n = recv(self->fd, self->buffer, sizeof(self->buffer), 0);

	if (n == 0)
		return -1;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : errno;
	self->counters.bytes_in += (uint64_t)n;
	self->counters.transfers_in++;
	self->sink.bytes(self->sink.ctx, self->buffer, (size_t)n, false, host_ns);
	return 0;
}

/* 0, or the errno with which the connection failed. */
static int connected(struct tcp_link *self)
{
	socklen_t len = sizeof(int);
	int code = 0;

	if (getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		return errno;
	self->link.connecting = code != 0;
	return code;
}

static void on_fd(void *ctx, int fd, short revents)
{
	struct tcp_link *self = ctx;
	int ended = 0;

	(void)fd;
	self->busy = true;
	if (self->link.connecting && revents)
		ended = connected(self);
	if (!ended && (revents & (POLLIN | POLLHUP | POLLERR)))
		ended = read_some(self);
	if (!self->closed && !ended && (revents & POLLOUT))
		write_some(self);
	if (!self->closed && (ended || self->fatal_errno))
		go(self, ended == -1 ? 0 : ended ? ended : self->fatal_errno);
	if (!self->closed)
		link_queue_report(&self->finished);
	leave(self);
}

static void on_timer(void *ctx, uint64_t now_ns)
{
	struct tcp_link *self = ctx;

	self->busy = true;
	expire(self, now_ns);
	link_queue_report(&self->finished);
	if (!self->closed && self->link.connecting && now_ns >= self->connect_by_ns)
		self->fatal_errno = ETIMEDOUT;
	if (!self->closed && self->fatal_errno)
		go(self, self->fatal_errno);
	leave(self);
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static void set_option(int fd, int level, int option, int value)
{
	(void)setsockopt(fd, level, option, &value, sizeof(value)); /* what is missing shows later, and is waited out */
}

static void set_options(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, PROBE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNHEARD_MS);
}

static int begin_connection(struct tcp_link *self, const struct link_address *address, struct err *err)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
	const struct sockaddr *to = address->v6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;

	inet_pton(to->sa_family, address->host, address->v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr);
	self->fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (self->fd < 0)
		return err_set(err, -EIO, "no socket for %s: %s", self->id.uri, strerror(errno));
	set_options(self->fd);
	self->link.connecting = true;
	if (connect(self->fd, to, address->v6 ? sizeof(v6) : sizeof(v4)) < 0 && errno != EINPROGRESS)
		return err_set(err, errno == EACCES || errno == EPERM ? -EACCES : -ENODEV, "%s %s", self->id.uri,
			       meaning(errno));
	return loop_fd_add(self->loop, self->fd, POLLIN | POLLOUT, on_fd, self)
		       ? err_set(err, -ENOSPC, "no room for %s in the event loop", self->id.uri)
		       : 0;
}

static int tcp_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		    struct link **ret, struct err *err)
{
	struct link_address address;
	struct tcp_link *self;
	int status = link_address_parse(uri, &address, err);

	if (status)
		return status;
	address.port = address.port ? address.port : wants->tcp_port;
	self = calloc(1, sizeof(*self));
	if (!self)
		return err_set(err, -ENOMEM, "out of memory for tcp:%s", uri);
	*self = (struct tcp_link){.link = {.ops = &link_tcp},
				  .loop = loop,
				  .sink = *sink,
				  .fd = -1,
				  .timer = {.fn = on_timer, .ctx = self},
				  .connect_by_ns = loop_now_ns(loop) + CONNECT_NS};
	snprintf(self->id.uri, sizeof(self->id.uri), address.v6 ? "tcp:[%s]:%u" : "tcp:%s:%u", address.host,
		 address.port);
	snprintf(self->id.node, sizeof(self->id.node), "%s", self->id.uri);
	status = begin_connection(self, &address, err);
	if (status) {
		release(self);
		return status;
	}
	rearm(self);
	*ret = &self->link;
	return 0;
}

/* ---- the operations ------------------------------------------------------------------------------------------------ */

static void tcp_close(struct link *link)
{
	struct tcp_link *self = tcp_of(link);
	bool busy = self->busy;

	self->busy = true;
	if (!self->gone) {
		loop_timer_cancel(self->loop, &self->timer);
		loop_fd_remove(self->loop, self->fd);
		write_some(self); /* a last command; the kernel sends it behind us */
	}
	self->closed = true;
	link_queue_finish_all(&self->queue, -ECANCELED, &self->finished);
	link_queue_report(&self->finished);
	if (!busy)
		release(self);
}

static int tcp_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		     void *ctx)
{
	struct tcp_link *self = tcp_of(link);
	bool idle = !self->queue.head;
	int status;

	if (self->gone || self->closed || self->fatal_errno)
		return -ENODEV;
	status = link_queue_add(&self->queue, data, len, deadline_ns, done, ctx);
	if (status)
		return status;
	if (idle)
		write_some(self);
	rearm(self);
	return 0;
}

static void tcp_identity(const struct link *link, struct link_identity *ret)
{
	*ret = ((const struct tcp_link *)link)->id;
}

static void tcp_counters(const struct link *link, struct link_counters *ret)
{
	*ret = ((const struct tcp_link *)link)->counters;
}

/* None of them is plugged in: a bench file names them. */
static int tcp_list(void (*each)(void *ctx, const struct link_identity *id), void *ctx, struct err *err)
{
	(void)each, (void)ctx, (void)err;
	return 0;
}

const struct link_ops link_tcp = {
	.name = "tcp",
	.scheme = "tcp",
	.unlisted = true,
	.open = tcp_open,
	.close = tcp_close,
	.write = tcp_write,
	.identity = tcp_identity,
	.counters = tcp_counters,
	.list = tcp_list,
};
