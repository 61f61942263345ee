/* Around libmicrohttpd with an event loop of ours. Three of its ways decide how this file looks: a connection that is resumed
 * wakes nobody, its timeout does not count resumed connections, and its own timeout is for idle connections alone. So one
 * function turns it, again where something was resumed meanwhile, and at least once a second; slow connections are found by a
 * sweep of our own, and who is let in is decided here. */
#include "rig/station/http.h"

#include <errno.h>
#include <string.h>

#ifndef PENRIG_HTTP

int http_open(struct loop *loop, const struct feed *feed, const struct http_host *host, const char *address,
	      unsigned port, const char (*hosts)[64], unsigned count, struct http **ret, struct err *err)
{
	(void)loop, (void)feed, (void)host, (void)address, (void)port, (void)hosts, (void)count, (void)ret;
	return err_set(err, -ENOTSUP,
		       "this penrig was built without libmicrohttpd: install libmicrohttpd-dev, and build it again");
}

void http_close(struct http *http)
{
	(void)http;
}

unsigned http_port(const struct http *http)
{
	(void)http;
	return 0;
}

void http_wake(struct http *http)
{
	(void)http;
}

void http_sweep(struct http *http)
{
	(void)http;
}

#else

#include <arpa/inet.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/station/page.h"

#define CONNECTIONS_MAX 64u
#define CONNECTIONS_FEW                                                                                                \
	(CONNECTIONS_MAX + 16u) /* the library's own limit, never reached: room for those that are on their way out */
#define LISTENERS_MAX   32u     /* half: hoarded streams leave room for orders */
#define ACCEPTS_MAX     32      /* in one turn of the loop */
#define CONNECTION_ROOM 16384   /* header and what the library keeps of it */
#define REQUEST_NS      (5 * NS_PER_S)
#define STALLED_NS      (3 * NS_PER_S)
#define SEND_BUFFER     65536

struct connection { /* of the sweep */
	struct connection *next;
	int fd;
	uint64_t since_ns;
	bool busy; /* its request is complete: an answer, or a stream, goes out */
	struct listener *listener;
	bool shut; /* is on its way out */
};

struct listener { /* a page that listens */
	struct http *http;
	struct listener *next;
	struct MHD_Connection *connection;
	uint64_t at;                  /* number of its next event */
	char *first;                  /* what it is told at the beginning */
	size_t first_len, sent, part; /* sent of `first`; of event `at` */
	bool suspended, gone;
	uint64_t moved_ns; /* when it last took something */
};

struct request {
	bool post, seen;
	size_t len;
	char body[HTTP_BODY_MAX + 1];
};

struct http {
	struct loop *loop;
	const struct feed *feed;
	struct http_host host;
	struct MHD_Daemon *daemon;
	struct loop_timer timer;
	int epoll_fd, listen_fd;
	unsigned port, hosts;
	char name[HTTP_HOSTS_MAX][HTTP_HOST_TEXT];
	bool again;
	struct connection *connections;
	struct listener *listeners;
};

/* ---- turning --------------------------------------------------------------------------------------------------- */

static void turn(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	h->again = false;
	MHD_run(h->daemon);
	if (h->again)
		loop_timer_at(h->loop, &h->timer, loop_now_ns(h->loop));
	else if (MHD_get_timeout(h->daemon, &ms) == MHD_YES)
		loop_timer_at(h->loop, &h->timer, loop_now_ns(h->loop) + ms * NS_PER_MS);
	else
		loop_timer_cancel(h->loop, &h->timer);
}

/* Once more: what was resumed and closed goes at the second turn. */
static void http_again(struct http *h)
{
	h->again = true;
	loop_timer_at(h->loop, &h->timer, loop_now_ns(h->loop));
}

static void on_timer(void *ctx, uint64_t now_ns)
{
	(void)now_ns;
	turn(ctx);
}

static void on_ready(void *ctx, int fd, short revents)
{
	(void)fd;
	(void)revents;
	turn(ctx);
}

void http_wake(struct http *h)
{
	if (!h)
		return;
	for (struct listener *l = h->listeners; l; l = l->next)
		if (l->suspended) {
			l->suspended = false;
			l->moved_ns = loop_now_ns(h->loop);
			MHD_resume_connection(l->connection);
		}
	http_again(h);
}

static void shut(struct http *h, struct connection *c)
{
	struct listener *l = c->listener;

	c->shut = true;
	shutdown(c->fd, SHUT_RDWR);
	if (!l)
		return;
	l->gone = true;
	if (l->suspended) {
		l->suspended = false;
		MHD_resume_connection(l->connection);
		h->again = true;
	}
}

void http_sweep(struct http *h)
{
	uint64_t now;

	if (!h)
		return;
	now = loop_now_ns(h->loop);
	for (struct connection *c = h->connections; c; c = c->next) {
		const struct listener *l = c->listener;
		bool stalled = l && !l->suspended && now - l->moved_ns > STALLED_NS;

		if (stalled || (!c->busy && now - c->since_ns > REQUEST_NS))
			shut(h, c);
	}
	turn(h);
}

/* ---- who may stay ----------------------------------------------------------------------------------------------
 * All clients of a loopback address look alike, so none can be given a share. Whoever comes is let in; where the house is
 * full, the one that goes is the oldest that has not told its request, then the oldest whose answer goes out, then the
 * oldest page: that one comes back by itself within a second, and hoarded connections keep nobody out. */

static unsigned worth(const struct connection *c)
{
	return c->listener ? 2 : c->busy ? 1 : 0;
}

static struct connection *least(struct http *h, bool pages_alone, unsigned *ret_count)
{
	struct connection *found = NULL;

	*ret_count = 0;
	for (struct connection *c = h->connections; c; c = c->next) {
		if (c->shut || (pages_alone && !c->listener))
			continue;
		++*ret_count;
		/* the newest stand in front: of the same worth, the last one seen is the oldest */
		if (!found || worth(c) <= worth(found))
			found = c;
	}
	return found;
}

static void make_room(struct http *h, bool pages_alone, unsigned max)
{
	unsigned count;
	struct connection *c = least(h, pages_alone, &count);

	if (c && count >= max)
		shut(h, c);
}

static void on_knock(void *ctx, int fd, short revents)
{
	struct http *h = ctx;

	(void)revents;
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		int one = accept4(fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (one < 0)
			break;
		make_room(h, false, CONNECTIONS_MAX);
		if (MHD_add_connection(h->daemon, one, (struct sockaddr *)&from, len) != MHD_YES)
			continue; /* it has closed it */
		MHD_run(h->daemon);
	}
	turn(h);
	http_again(h);
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

#define OWN_POLICY      "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
#define REPORT_POLICY   "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"

static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response,
				     const char *type, const char *policy)
{
	enum MHD_Result rc;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", type);
	MHD_add_response_header(response, "Content-Security-Policy", policy);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	rc = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *text)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

	return send_response(connection, status, response, "text/plain; charset=utf-8", OWN_POLICY);
}

static enum MHD_Result send_page(struct MHD_Connection *connection, const struct page_file *file)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		(size_t)(file->end - file->bytes), (void *)(uintptr_t)file->bytes, MHD_RESPMEM_PERSISTENT);

	return send_response(connection, MHD_HTTP_OK, response, file->type, OWN_POLICY);
}

static enum MHD_Result send_disk_file(struct MHD_Connection *connection, const char *path, const char *type,
				      const char *policy)
{
	struct stat st;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		return say(connection, MHD_HTTP_NOT_FOUND, "no such file\n");
	}
	return send_response(connection, MHD_HTTP_OK, MHD_create_response_from_fd64((uint64_t)st.st_size, fd), type,
			     policy);
}

static enum MHD_Result send_report(struct http *h, struct MHD_Connection *connection, const char *name)
{
	char path[1024];
	const bool there = h->host.report(h->host.ctx, name, path, sizeof(path));

	return send_disk_file(connection, there ? path : NULL, "text/html; charset=utf-8", REPORT_POLICY);
}

static enum MHD_Result send_picture(struct http *h, struct MHD_Connection *connection, const char *name)
{
	const char *path = NULL, *type = "";
	const bool there = h->host.picture && h->host.picture(h->host.ctx, name, &path, &type);

	return send_disk_file(connection, there ? path : NULL, type, OWN_POLICY);
}

/* ---- the stream ------------------------------------------------------------------------------------------------ */

static ssize_t give(struct listener *l, const char *text, size_t len, size_t *done, char *to, size_t max)
{
	size_t n = len - *done < max ? len - *done : max;

	memcpy(to, text + *done, n);
	*done += n;
	l->moved_ns = loop_now_ns(l->http->loop);
	return (ssize_t)n;
}

static ssize_t read_stream(void *ctx, uint64_t pos, char *to, size_t max)
{
	struct listener *l = ctx;
	const char *text;
	size_t len = 0;
	ssize_t n;

	(void)pos;
	if (l->gone) /* its write meets a closed socket; the end with an error would be seen at the socket's next event, and there is none */
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (l->sent < l->first_len)
		return give(l, l->first, l->first_len, &l->sent, to, max);
	if (l->at == feed_next(l->http->feed)) {
		l->suspended = true;
		MHD_suspend_connection(l->connection);
		return 0;
	}
	text = feed_text(l->http->feed, l->at, &len);
	if (!text)
		return MHD_CONTENT_READER_END_OF_STREAM; /* overtaken: it comes back, and is told everything anew */
	n = give(l, text, len, &l->part, to, max);
	if (l->part == len) {
		l->part = 0;
		l->at++;
	}
	return n;
}

static struct connection *connection_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void free_listener(void *ctx)
{
	struct listener *l = ctx, **at = &l->http->listeners;

	while (*at && *at != l)
		at = &(*at)->next;
	if (*at)
		*at = l->next;
	for (struct connection *c = l->http->connections; c; c = c->next)
		if (c->listener == l)
			c->listener = NULL;
	free(l->first);
	free(l);
}

static bool prepare_listener(struct listener *l, const char *last_id)
{
	struct http *h = l->http;
	char *snapshot = NULL;
	int n;

	l->at = feed_after(h->feed, last_id);
	if (!l->at) {
		l->at = feed_next(h->feed);
		snapshot = h->host.snapshot(h->host.ctx);
		if (!snapshot)
			return false;
	}
	n = asprintf(&l->first, "retry: 500\n\n%s", snapshot ? snapshot : "");
	free(snapshot);
	if (n < 0)
		return false;
	l->first_len = (size_t)n;
	return true;
}

static enum MHD_Result send_stream(struct http *h, struct MHD_Connection *connection)
{
	struct listener *l = calloc(1, sizeof(*l));
	struct connection *c = connection_of(connection);
	struct MHD_Response *response = NULL;

	make_room(h, true, LISTENERS_MAX);
	if (!l)
		return MHD_NO;
	*l = (struct listener){.http = h, .connection = connection, .moved_ns = loop_now_ns(h->loop), .first = NULL};
	if (prepare_listener(l, MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID")))
		response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 8192, read_stream, l, free_listener);
	if (!response) {
		free(l->first);
		free(l);
		return MHD_NO;
	}
	l->next = h->listeners;
	h->listeners = l;
	if (c)
		c->listener = l;
	return send_response(connection, MHD_HTTP_OK, response, "text/event-stream", OWN_POLICY);
}

/* ---- who asks what --------------------------------------------------------------------------------------------- */

struct counted {
	const char *name, *value;
	unsigned count;
};

static enum MHD_Result count_header(void *ctx, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct counted *counted = ctx;

	(void)kind;
	if (strcasecmp(key, counted->name) == 0) {
		counted->count++;
		counted->value = value;
	}
	return MHD_YES;
}

/* Its only value; NULL: there is none, or several. */
static const char *header(struct MHD_Connection *connection, const char *name)
{
	struct counted counted = {.name = name};

	MHD_get_connection_values(connection, MHD_HEADER_KIND, count_header, &counted);
	return counted.count == 1 ? counted.value : NULL;
}

static bool is_host(const struct http *h, const char *text)
{
	for (unsigned i = 0; text && i < h->hosts; i++)
		if (strcasecmp(h->name[i], text) == 0)
			return true;
	return false;
}

static bool is_origin(const struct http *h, const char *text)
{
	if (!text)
		return false;
	if (strncmp(text, "http://", 7) == 0)
		return is_host(h, text + 7);
	return strncmp(text, "https://", 8) == 0 && is_host(h, text + 8);
}

/* The first look, at headers alone: 0, or the status that refuses. */
static unsigned refusal_of(const struct http *h, struct MHD_Connection *connection, const char *path, bool post)
{
	const char *length = header(connection, "Content-Length");

	if (!is_host(h, header(connection, "Host")))
		return MHD_HTTP_MISDIRECTED_REQUEST;
	if (!post) /* one with a body would hold its connection for as long as that comes */
		return (length && strcmp(length, "0") != 0) || header(connection, "Transfer-Encoding")
			       ? MHD_HTTP_BAD_REQUEST
			       : 0;
	if (!is_origin(h, header(connection, "Origin")) || !header(connection, "X-Penrig"))
		return MHD_HTTP_FORBIDDEN;
	if (strcmp(path, "/do") != 0 || !h->host.order)
		return MHD_HTTP_NOT_FOUND;
	if (length && strtoull(length, NULL, 10) > HTTP_BODY_MAX)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	return 0;
}

/* A monitor that does not ask for OpenMetrics reads the same text as Prometheus' own. */
static enum MHD_Result send_metrics(struct http *h, struct MHD_Connection *connection)
{
	const char *accept = header(connection, "Accept");
	bool open_metrics = accept && strstr(accept, "application/openmetrics-text");
	size_t len;
	char *text = h->host.metrics(h->host.ctx, &len);

	if (!text)
		return MHD_NO;
	return send_response(connection, MHD_HTTP_OK, MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE),
			     open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
					  : "text/plain; version=0.0.4; charset=utf-8",
			     OWN_POLICY);
}

static enum MHD_Result answer_get(struct http *h, struct MHD_Connection *connection, const char *path)
{
	const struct page_file *file = h->host.order ? page_find(path) : NULL;

	if (strcmp(path, "/metrics") == 0)
		return send_metrics(h, connection);
	if (!h->host.order)
		return say(connection, MHD_HTTP_NOT_FOUND, "/metrics is here\n");
	if (file)
		return send_page(connection, file);
	if (strcmp(path, "/events") == 0)
		return send_stream(h, connection);
	if (strncmp(path, "/reports/", 9) == 0)
		return send_report(h, connection, path + 9);
	if (strncmp(path, "/pictures/", 10) == 0)
		return send_picture(h, connection, path + 10);
	return say(connection, MHD_HTTP_NOT_FOUND, "nothing is here\n");
}

static enum MHD_Result take_body(struct http *h, struct MHD_Connection *connection, struct request *r, const char *data,
				 size_t *size)
{
	struct connection *c;
	unsigned status;

	if (*size) {
		if (r->len <= HTTP_BODY_MAX) {
			size_t n = *size < HTTP_BODY_MAX + 1 - r->len ? *size : HTTP_BODY_MAX + 1 - r->len;

			memcpy(r->body + r->len, data, n);
			r->len += n;
		}
		*size = 0;
		return MHD_YES;
	}
	c = connection_of(connection);
	if (c)
		c->busy = true;
	if (r->len > HTTP_BODY_MAX)
		return say(connection, MHD_HTTP_CONTENT_TOO_LARGE, "too long\n");
	status = h->host.order(h->host.ctx, r->body, r->len);
	return say(connection, status, status == MHD_HTTP_OK ? "ok\n" : "not an order\n");
}

static enum MHD_Result begin_request(struct http *h, struct MHD_Connection *connection, const char *path,
				     const char *method, void **req)
{
	struct request *r;
	struct connection *c = connection_of(connection);
	bool post = strcmp(method, "POST") == 0;
	unsigned status = post || strcmp(method, "GET") == 0 ? refusal_of(h, connection, path, post)
							     : MHD_HTTP_METHOD_NOT_ALLOWED;

	if (status)
		return say(connection, status, "refused\n");
	r = calloc(1, sizeof(*r));
	if (!r)
		return MHD_NO;
	r->post = post;
	*req = r;
	if (c && !post)
		c->busy = true;
	return MHD_YES;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path, const char *method,
				  const char *version, const char *data, size_t *size, void **req)
{
	struct request *r = *req;

	(void)version;
	if (!r)
		return begin_request(ctx, connection, path, method, req);
	return r->post ? take_body(ctx, connection, r, data, size) : answer_get(ctx, connection, path);
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **req, enum MHD_RequestTerminationCode code)
{
	struct connection *c = connection_of(connection);

	(void)code;
	if (c) {
		c->busy = false;
		c->since_ns = loop_now_ns(((struct http *)ctx)->loop);
	}
	free(*req);
	*req = NULL;
}

static void on_connection(void *ctx, struct MHD_Connection *connection, void **socket_ctx,
			  enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct http *h = ctx;
	struct connection *c = *socket_ctx, **at = &h->connections;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		c = calloc(1, sizeof(*c));
		if (!c || !info) {
			free(c);
			return;
		}
		*c = (struct connection){
			.fd = info->connect_fd, .since_ns = loop_now_ns(h->loop), .next = h->connections};
		h->connections = c;
		*socket_ctx = c;
		return;
	}
	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	free(c);
	*socket_ctx = NULL;
}

/* ---- listening ------------------------------------------------------------------------------------------------- */

static int listen_at(const char *address, unsigned port, unsigned *ret_port, struct err *err)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	socklen_t len = sizeof(at);
	int one = 1, buffer = SEND_BUFFER, code;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && inet_pton(AF_INET, address, &at.sin_addr) == 1 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer)) == 0 &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0 &&
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 256) == 0 &&
	    getsockname(fd, (struct sockaddr *)&at, &len) == 0) {
		*ret_port = ntohs(at.sin_port);
		return fd;
	}
	code = errno;
	if (fd >= 0)
		close(fd);
	return err_set(err, -code, "cannot listen at %s:%u: %s%s", address, port, strerror(code),
		       code == EADDRINUSE ? "; another station, or another program, does: stop it, or change \"listen\""
					  : "");
}

static void name_hosts(struct http *h, const char *address, const char (*hosts)[64], unsigned count)
{
	snprintf(h->name[h->hosts++], HTTP_HOST_TEXT, "%.64s:%u", address, h->port);
	snprintf(h->name[h->hosts++], HTTP_HOST_TEXT, "localhost:%u", h->port);
	for (unsigned i = 0; i < count && h->hosts < HTTP_HOSTS_MAX; i++)
		snprintf(h->name[h->hosts++], HTTP_HOST_TEXT, "%s", hosts[i]);
}

static int start_daemon(struct http *h, int fd, struct err *err)
{
	h->daemon =
		MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
				 on_request, h, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_FEW,
				 MHD_OPTION_CONNECTION_TIMEOUT, 15u, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				 (size_t)CONNECTION_ROOM, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION,
				 on_connection, h, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_END);
	if (!h->daemon) {
		close(fd);
		return err_set(err, -EIO, "the web server cannot begin");
	}
	h->listen_fd = fd;
	h->epoll_fd = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	int rc = loop_fd_add(h->loop, h->epoll_fd, POLLIN, on_ready, h);

	return rc < 0 ? rc : loop_fd_add(h->loop, fd, POLLIN, on_knock, h);
}

int http_open(struct loop *loop, const struct feed *feed, const struct http_host *host, const char *address,
	      unsigned port, const char (*hosts)[64], unsigned count, struct http **ret, struct err *err)
{
	struct http *h = calloc(1, sizeof(*h));
	int fd, rc;

	if (!h)
		return err_set(err, -ENOMEM, "out of memory");
	*h = (struct http){.loop = loop, .feed = feed, .host = *host, .timer = {.fn = on_timer, .ctx = h}};
	fd = listen_at(address, port, &h->port, err);
	if (fd < 0) {
		free(h);
		return fd;
	}
	name_hosts(h, address, hosts, count);
	rc = start_daemon(h, fd, err);
	if (rc < 0) {
		free(h);
		return rc;
	}
	turn(h);
	*ret = h;
	return 0;
}

unsigned http_port(const struct http *h)
{
	return h->port;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	for (struct listener *l = h->listeners; l; l = l->next)
		if (l->suspended) {
			l->suspended = false;
			MHD_resume_connection(l->connection);
		}
	loop_timer_cancel(h->loop, &h->timer);
	loop_fd_remove(h->loop, h->epoll_fd);
	loop_fd_remove(h->loop, h->listen_fd);
	close(h->listen_fd);
	MHD_stop_daemon(h->daemon);
	free(h);
}

#endif
