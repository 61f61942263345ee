/* A PostgreSQL server, as this room talks to it: one statement at a time, each with a deadline of its own, because a server that
 * is frozen keeps its connections open and says nothing. Connects by itself when it is asked. No type of libpq stands above it.
 *
 * Errors of everything here:
 *   -ENOLINK  not reached, or lost on the way: what was asked may have happened, or not
 *   -EAGAIN   it does not do this now (it starts, ends, is full, or two statements met): later it may
 *   -EACCES   this role may not (42501)
 *   -EREMOTE  it says no for any other reason: server_code() says which
 *   -EINVAL   the connection string; -ENOENT, -ENOTSUP: libpq; -ENOMEM */
#ifndef PENRIG_FLEET_SERVER_H
#define PENRIG_FLEET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/base/error.h"

#define SERVER_DEADLINE_MS 10000 /* of a connection, and of a statement */

struct server;
struct answer; /* rows of one statement, all as text */

/* conninfo: as libpq takes it, keys and values or a URI; NULL or "": what the environment says (PGSERVICE, PGHOST ...). One that
 * holds a password is refused: it would be seen by whoever lists processes. Connects not yet. */
int server_new(const char *conninfo, const char *application, struct server **ret, struct err *err);
void server_free(struct server *server); /* NULL is fine */
/* Connects if it is not connected. Over a network sslmode has to be verify-full. */
int server_connect(struct server *server, struct err *err);
void server_disconnect(struct server *server);

/* values: one for each $n; NULL is NULL. ret may be NULL. */
int server_ask(struct server *server, const char *sql, const char *const *values, unsigned count, struct answer **ret,
	       struct err *err);
/* Several statements, without parameters, in one transaction of their own. deadline_ms: of all of them; 0: none. */
int server_script(struct server *server, const char *sql, int deadline_ms, struct err *err);
const char *server_code(const struct server *server); /* SQLSTATE of the last refusal; "" */
/* Whether a later try may go better. */
bool server_may_pass(int rc);

/* Is told of this channel from now on, behind every new connection too. At most four; the name is borrowed. */
void server_listen(struct server *server, const char *channel);
/* What was told goes there as well, from within any statement and server_heard(); fn asks nothing of the server. */
void server_hear(struct server *server, void (*fn)(void *ctx, const char *channel, const char *payload), void *ctx);
int server_fd(const struct server *server); /* readable: server_heard(); -1: not connected */
/* Whether anything was told since it was last asked. Never waits. Counts a new connection as something. */
bool server_heard(struct server *server);

void answer_free(struct answer *answer); /* NULL is fine */
unsigned answer_rows(const struct answer *answer);
const char *answer_text(const struct answer *answer, unsigned row, unsigned column); /* NULL is "" */
bool answer_is_null(const struct answer *answer, unsigned row, unsigned column);
int64_t answer_int(const struct answer *answer, unsigned row, unsigned column);
double answer_real(const struct answer *answer, unsigned row, unsigned column); /* NULL is NaN */

#endif
