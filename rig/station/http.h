/* The page over HTTP, in the loop: files, the event stream, orders. Around libmicrohttpd, which http.c alone includes.
 *
 * Who may ask: exactly one Host, of the list, else 421; an order also needs the page's Origin and the header X-Penrig, else 403.
 * A GET changes nothing; anything but GET and POST is 405. A body has at most HTTP_BODY_MAX bytes (413). A connection that has
 * not told its request within 5 s is closed, as is a page that does not take its events for 3 s. */
#ifndef PENRIG_STATION_HTTP_H
#define PENRIG_STATION_HTTP_H

#include "rig/base/loop.h"
#include "rig/station/feed.h"

#define HTTP_BODY_MAX  2048
#define HTTP_HOSTS_MAX 10
#define HTTP_HOST_TEXT 80

struct http_host { /* what the station lends it; an agent lends ctx and metrics alone, and there is no page, feed NULL */
	void *ctx;
	/* For "/metrics": malloc'd OpenMetrics text. NULL: no memory. */
	char *(*metrics)(void *ctx, size_t *ret_len);
	/* An order as it came: status of the answer. */
	unsigned (*order)(void *ctx, const char *body, size_t len);
	/* A page needs everything anew: malloc'd text of whole events, without ids. NULL: no memory. */
	char *(*snapshot)(void *ctx);
	/* Path of a report to send for "/reports/NAME"; false: none. */
	bool (*report)(void *ctx, const char *name, char *ret, size_t size);
	/* The same for "/pictures/NAME", and what kind of picture it is. */
	bool (*picture)(void *ctx, const char *name, const char **ret_path, const char **ret_type);
};

struct http;

/* Listens at address:port (0: any free one). hosts: what a Host may be besides ADDRESS:PORT and localhost:PORT. -errno with
 * text: the port is in use, this program was built without the library. */
int http_open(struct loop *loop, const struct feed *feed, const struct http_host *host, const char *address,
	      unsigned port, const char (*hosts)[64], unsigned count, struct http **ret, struct err *err);
void http_close(struct http *http); /* NULL is fine */
unsigned http_port(const struct http *http);

/* The stream has new events. Never calls back before it returns. */
void http_wake(struct http *http);
/* Once a second: closes what is too slow, and lets in who waited. */
void http_sweep(struct http *http);

#endif
