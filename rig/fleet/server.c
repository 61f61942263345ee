/* libpq in the manner of docs/fleet-protocol.md. Leaves out what is asked: tables.c, agent.c, submit.c. */
#include "rig/fleet/server.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rig/fleet/pq_library.h"

bool server_may_pass(int rc)
{
	return rc == -ENOLINK || rc == -EAGAIN;
}

#ifdef PENRIG_PQ

#define CHANNELS_MAX 4

struct server {
	char *conninfo, *application;
	PGconn *connection; /* NULL: not connected */
	char code[8];
	unsigned channels, listened; /* of the channels, this connection listens to so many */
	const char *channel[CHANNELS_MAX];
	bool heard;
	void (*hear)(void *ctx, const char *channel, const char *payload);
	void *hear_ctx;
};

struct answer {
	PGresult *result;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 1: ready; 0: the deadline has passed. deadline -1: none. */
static int await(int fd, short events, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = deadline < 0 ? -1 : deadline - now_ms();
		if (deadline >= 0 && left <= 0)
			return 0;
		int n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
		if (n > 0)
			return 1;
		if (n < 0 && errno != EINTR)
			return 0;
	}
}

/* libpq's text: several lines, the last one ended. */
static const char *first_line(const char *text, char ret[300])
{
	snprintf(ret, 300, "%.*s", (int)strcspn(text, "\n"), text);
	return ret;
}

/* ---- what to connect to -------------------------------------------------------------------------------------------- */

static int refuse_secrets(const char *conninfo, struct err *err)
{
	char *why = NULL, line[300];
	PQconninfoOption *options = pq.PQconninfoParse(conninfo, &why);
	int rc = 0;

	if (!options) {
		rc = err_set(err, -EINVAL, "--db: %.300s", first_line(why ? why : "out of memory", line));
		pq.PQfreemem(why);
		return rc;
	}
	for (const PQconninfoOption *o = options; o->keyword && !rc; o++)
		if (*o->dispchar == '*' && o->val && *o->val)
			rc = err_set(
				err, -EINVAL,
				"--db holds \"%s\", which everybody sees who lists processes: put it into a password "
				"file (~/.pgpass, or PGPASSFILE) that only its owner can read",
				o->keyword);
	pq.PQconninfoFree(options);
	return rc;
}

static const char *option_of(const PQconninfoOption *options, const char *keyword)
{
	for (const PQconninfoOption *o = options; o->keyword; o++)
		if (strcmp(o->keyword, keyword) == 0)
			return o->val ? o->val : "";
	return "";
}

/* A comma parts several. */
static bool names_network(const char *hosts)
{
	for (const char *at = hosts; *at; at += strcspn(at, ","), at += *at == ',')
		if (*at != '/' && *at != '@' && *at != ',')
			return true;
	return false;
}

/* Before anything was sent: anybody can stand in the way of a network, and take password and plans. */
static int check_network(PGconn *connection, struct err *err)
{
	PQconninfoOption *options = pq.PQconninfo(connection);
	int rc = 0;

	if (!options)
		return err_set(err, -ENOMEM, "out of memory");
	const char *host = option_of(options, "host"), *mode = option_of(options, "sslmode");
	bool network = names_network(host) || *option_of(options, "hostaddr");
	if (network && strcmp(mode, "verify-full") != 0)
		rc = err_set(
			err, -EINVAL,
			"the server %.100s is reached over a network with sslmode=%.20s: give sslmode=verify-full and "
			"sslrootcert=FILE, or nobody knows who answers",
			host, *mode ? mode : "prefer");
	pq.PQconninfoFree(options);
	return rc;
}

/* ---- connecting ---------------------------------------------------------------------------------------------------- */

static void silent(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

int server_new(const char *conninfo, const char *application, struct server **ret, struct err *err)
{
	int rc = pq_load(err);

	if (!rc)
		rc = refuse_secrets(conninfo ? conninfo : "", err);
	if (rc)
		return rc;
	struct server *server = calloc(1, sizeof(*server));
	if (server) {
		server->conninfo = strdup(conninfo ? conninfo : "");
		server->application = strdup(application);
	}
	if (!server || !server->conninfo || !server->application) {
		server_free(server);
		return err_set(err, -ENOMEM, "out of memory");
	}
	*ret = server;
	return 0;
}

void server_disconnect(struct server *server)
{
	if (server->connection)
		pq.PQfinish(server->connection);
	server->connection = NULL;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	server_disconnect(server);
	free(server->conninfo);
	free(server->application);
	free(server);
}

static int lost(struct server *server, const char *what, struct err *err)
{
	char line[300];

	if (server->connection && *pq.PQerrorMessage(server->connection))
		first_line(pq.PQerrorMessage(server->connection), line);
	else
		snprintf(line, sizeof(line), "%s", what);
	server_disconnect(server);
	return err_set(err, -ENOLINK, "the server: %s", line);
}

static int shake_hands(struct server *server, struct err *err)
{
	int64_t deadline = now_ms() + SERVER_DEADLINE_MS;
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	while (status != PGRES_POLLING_OK) {
		if (status == PGRES_POLLING_FAILED)
			return lost(server, "it refuses", err);
		if (!await(pq.PQsocket(server->connection), status == PGRES_POLLING_READING ? POLLIN : POLLOUT,
			   deadline))
			return lost(server, "no answer in time", err);
		status = pq.PQconnectPoll(server->connection);
	}
	return pq.PQsetnonblocking(server->connection, 1) == 0 ? 0 : lost(server, "it is gone", err);
}

/* Whatever was told before, nobody heard it. */
static int listen_to_all(struct server *server, struct err *err)
{
	char sql[80];
	int rc = 0;

	while (server->listened < server->channels && !rc) {
		snprintf(sql, sizeof(sql), "LISTEN %s", server->channel[server->listened++]);
		rc = server_ask(server, sql, NULL, 0, NULL, err);
		server->heard = true;
	}
	return rc;
}

int server_connect(struct server *server, struct err *err)
{
	static const char options[] = "-c search_path=penrig,pg_temp -c jit=off -c timezone=UTC";
	const char *const keywords[] = {
		"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "gssencmode",
		"dbname",          "application_name",    "client_encoding",  "options",          NULL};
	const char *const values[] = {"2",    "1",     "3", "4000", "disable", server->conninfo, server->application,
				      "UTF8", options, NULL};

	if (server->connection)
		return listen_to_all(server, err);
	server->listened = 0;
	server->connection = pq.PQconnectStartParams(keywords, values, 1);
	if (!server->connection)
		return err_set(err, -ENOMEM, "out of memory");
	pq.PQsetNoticeProcessor(server->connection, silent, NULL);
	if (pq.PQstatus(server->connection) == CONNECTION_BAD)
		return lost(server, "it is not there", err);
	int rc = check_network(server->connection, err);
	if (rc) {
		server_disconnect(server);
		return rc;
	}
	rc = shake_hands(server, err);
	return rc ? rc : listen_to_all(server, err);
}

/* ---- asking -------------------------------------------------------------------------------------------------------- */

static bool is_passing(const char *code)
{
	static const char *const classes[] = {"25", "40", "53", "55", "57", "58", "XX"};

	for (unsigned i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strncmp(code, classes[i], 2) == 0)
			return true;
	return strcmp(code, "PR003") == 0; /* a file has not arrived: it is sent again */
}

static int refused(struct server *server, const PGresult *result, struct err *err)
{
	const char *code = pq.PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = pq.PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (!code || strncmp(code, "08", 2) == 0 || strncmp(code, "57P", 3) == 0)
		return lost(server, "it is gone", err);
	snprintf(server->code, sizeof(server->code), "%s", code);
	if (strcmp(code, "42501") == 0)
		return err_set(err, -EACCES, "the server refuses: %.400s", text ? text : code);
	return err_set(err, is_passing(code) ? -EAGAIN : -EREMOTE, "the server refuses (%s): %.400s", code,
		       text ? text : "");
}

/* The next result: 1 with it, 0 behind the last one, -ENOLINK. */
static int next_result(struct server *server, int64_t deadline, PGresult **ret, struct err *err)
{
	PGconn *c = server->connection;

	for (;;) {
		int flushed = pq.PQflush(c);
		if (flushed < 0)
			return lost(server, "it is gone", err);
		if (!pq.PQisBusy(c)) {
			*ret = pq.PQgetResult(c);
			return *ret != NULL;
		}
		if (!await(pq.PQsocket(c), (short)(POLLIN | (flushed ? POLLOUT : 0)), deadline))
			return lost(server, "no answer in time", err);
		if (!pq.PQconsumeInput(c))
			return lost(server, "it is gone", err);
	}
}

static void take_notes(struct server *server)
{
	PGnotify *note;

	while (server->connection && (note = pq.PQnotifies(server->connection))) {
		server->heard = true;
		if (server->hear)
			server->hear(server->hear_ctx, note->relname, note->extra);
		pq.PQfreemem(note);
	}
}

/* All results are read, for the next statement; the last one with rows, or the first refusal, counts. */
static int collect(struct server *server, int64_t deadline, struct answer **ret, struct err *err)
{
	PGresult *result = NULL, *kept = NULL;
	int rc, refusal = 0;

	while ((rc = next_result(server, deadline, &result, err)) == 1) {
		ExecStatusType status = pq.PQresultStatus(result);
		if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && !refusal)
			refusal = refused(server, result, err);
		pq.PQclear(kept);
		kept = result;
		if (!server->connection) {
			rc = refusal;
			break;
		}
	}
	take_notes(server);
	if (!rc)
		rc = refusal;
	if (!rc && ret && (*ret = malloc(sizeof(**ret))))
		**ret = (struct answer){.result = kept};
	else
		pq.PQclear(kept);
	return !rc && ret && !*ret ? err_set(err, -ENOMEM, "out of memory") : rc;
}

int server_ask(struct server *server, const char *sql, const char *const *values, unsigned count, struct answer **ret,
	       struct err *err)
{
	int rc = server_connect(server, err);

	server->code[0] = '\0';
	if (rc)
		return rc;
	if (!pq.PQsendQueryParams(server->connection, sql, (int)count, NULL, values, NULL, NULL, 0))
		return lost(server, "it is gone", err);
	return collect(server, now_ms() + SERVER_DEADLINE_MS, ret, err);
}

int server_script(struct server *server, const char *sql, int deadline_ms, struct err *err)
{
	int rc = server_connect(server, err);

	server->code[0] = '\0';
	if (rc)
		return rc;
	if (!pq.PQsendQuery(server->connection, sql))
		return lost(server, "it is gone", err);
	return collect(server, deadline_ms ? now_ms() + deadline_ms : -1, NULL, err);
}

const char *server_code(const struct server *server)
{
	return server->code;
}

void server_listen(struct server *server, const char *channel)
{
	if (server->channels < CHANNELS_MAX)
		server->channel[server->channels++] = channel;
}

void server_hear(struct server *server, void (*fn)(void *ctx, const char *channel, const char *payload), void *ctx)
{
	server->hear = fn;
	server->hear_ctx = ctx;
}

int server_fd(const struct server *server)
{
	return server->connection ? pq.PQsocket(server->connection) : -1;
}

bool server_heard(struct server *server)
{
	bool heard;

	if (server->connection && !pq.PQconsumeInput(server->connection)) {
		server_disconnect(server);
		server->heard = true;
	}
	take_notes(server);
	heard = server->heard;
	server->heard = false;
	return heard;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

void answer_free(struct answer *answer)
{
	if (!answer)
		return;
	pq.PQclear(answer->result);
	free(answer);
}

unsigned answer_rows(const struct answer *answer)
{
	return (unsigned)pq.PQntuples(answer->result);
}

const char *answer_text(const struct answer *answer, unsigned row, unsigned column)
{
	return pq.PQgetvalue(answer->result, (int)row, (int)column);
}

bool answer_is_null(const struct answer *answer, unsigned row, unsigned column)
{
	return pq.PQgetisnull(answer->result, (int)row, (int)column);
}

#else

/* Nobody gets a server, so nobody asks one. */
int server_new(const char *conninfo, const char *application, struct server **ret, struct err *err)
{
	(void)conninfo;
	(void)application;
	(void)ret;
	return err_set(err, -ENOENT,
		       "this penrig was built without libpq: install it (Debian, Ubuntu: apt-get install %s) and build "
		       "it again",
		       PQ_PACKAGE_BUILD);
}

void server_free(struct server *server)
{
	(void)server;
}

int server_connect(struct server *server, struct err *err)
{
	return server_new(NULL, (const char *)server, NULL, err);
}

void server_disconnect(struct server *server)
{
	(void)server;
}

int server_ask(struct server *server, const char *sql, const char *const *values, unsigned count, struct answer **ret,
	       struct err *err)
{
	(void)sql;
	(void)values;
	(void)count;
	(void)ret;
	return server_connect(server, err);
}

int server_script(struct server *server, const char *sql, int deadline_ms, struct err *err)
{
	(void)sql;
	(void)deadline_ms;
	return server_connect(server, err);
}

const char *server_code(const struct server *server)
{
	(void)server;
	return "";
}

void server_listen(struct server *server, const char *channel)
{
	(void)server;
	(void)channel;
}

void server_hear(struct server *server, void (*fn)(void *ctx, const char *channel, const char *payload), void *ctx)
{
	(void)server;
	(void)fn;
	(void)ctx;
}

int server_fd(const struct server *server)
{
	(void)server;
	return -1;
}

bool server_heard(struct server *server)
{
	(void)server;
	return false;
}

void answer_free(struct answer *answer)
{
	(void)answer;
}

unsigned answer_rows(const struct answer *answer)
{
	(void)answer;
	return 0;
}

const char *answer_text(const struct answer *answer, unsigned row, unsigned column)
{
	(void)answer;
	(void)row;
	(void)column;
	return "";
}

bool answer_is_null(const struct answer *answer, unsigned row, unsigned column)
{
	(void)answer;
	(void)row;
	(void)column;
	return true;
}

#endif

int64_t answer_int(const struct answer *answer, unsigned row, unsigned column)
{
	return strtoll(answer_text(answer, row, column), NULL, 10);
}

double answer_real(const struct answer *answer, unsigned row, unsigned column)
{
	return answer_is_null(answer, row, column) ? NAN : strtod(answer_text(answer, row, column), NULL);
}
