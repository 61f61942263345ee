/* What an agent does when: one timer, which the server's notes, ended runs and leases bring forward. A statement may take as long
 * as its deadline; nothing that stops a pen waits for it, for a run has all of that itself. */
#include "rig/fleet/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "rig/fleet/metrics.h"
#include "rig/fleet/news.h"
#include "rig/fleet/seat.h"
#include "rig/fleet/tables.h"
#include "rig/station/http.h"

#define POLL_NS      (15 * NS_PER_S) /* without any note: a job that nobody was told of is found all the same */
#define BEAT_NS      (30 * NS_PER_S)
#define BACK_OFF_NS  (500 * NS_PER_MS)
#define CANCELS      "penrig_cancel"
#define BACK_OFF_MAX 6 /* doublings: 32 s */

void agent_say(const struct agent *agent, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX + 200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	agent->host.say(agent->host.ctx, text);
}

/* ---- work ---------------------------------------------------------------------------------------------------------- */

static int greet(struct agent *agent, struct err *err)
{
	int rc = agent->fits ? 0 : tables_check(agent->server, FLEET_OLDEST, &agent->version, err);

	agent->fits = rc == 0;
	for (unsigned i = 0; i < agent->seats && !rc; i++)
		if (!agent->seat[i].epoch)
			rc = talk_begin(&agent->seat[i], err);
	return rc;
}

static int agent_renew(struct agent *agent, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < agent->seats * SEAT_LEASES && !rc; i++) {
		struct seat *seat = &agent->seat[i / SEAT_LEASES];
		struct lease *lease = &seat->lease[i % SEAT_LEASES];
		if (lease->seq && seat->epoch && loop_now_ns(agent->loop) >= lease->renew_ns)
			rc = talk_renew(seat, lease, err);
	}
	return rc;
}

static int beat(struct agent *agent, struct err *err)
{
	uint64_t now_ns = loop_now_ns(agent->loop);
	int rc = now_ns >= agent->beat_ns ? talk_beat(agent, err) : 0;

	if (!rc && now_ns >= agent->beat_ns)
		agent->beat_ns = now_ns + BEAT_NS;
	return rc;
}

int agent_meanwhile(struct agent *agent, struct err *err)
{
	int rc = agent_renew(agent, err);

	return rc ? rc : beat(agent, err);
}

static int send_all(struct agent *agent, struct err *err)
{
	bool more = true;
	int rc = 0;

	while (more && !rc) {
		rc = talk_send(agent, &more, err);
		if (!rc)
			rc = agent_renew(agent, err);
	}
	return rc;
}

/* Of a penrig that was renewed the file is another one. */
static void look_for_program(struct agent *agent)
{
	bool gone = !runs_can_begin(agent);

	if (gone && !agent->gone)
		agent_say(agent,
			  "ALARM: the program that does the jobs is gone, or was renewed: no job is taken until the "
			  "agent is started again");
	agent->gone = gone;
}

static int claim_all(struct agent *agent, struct err *err)
{
	int rc = 0;

	look_for_program(agent);
	agent->full = !runs_have_room(agent);
	for (unsigned i = 0; i < agent->seats && !rc && !agent->full && !agent->gone; i++)
		if (!agent->seat[i].child && !agent->seat[i].ended && !seat_is_withheld(&agent->seat[i]))
			rc = talk_claim(&agent->seat[i], err);
	return rc;
}

static int work(struct agent *agent, struct err *err)
{
	struct err why = {""};
	int rc, sent;

	(void)server_heard(agent->server);
	if ((rc = greet(agent, err)) || (rc = agent_renew(agent, err)))
		return rc;
	/* Trouble with one run's files keeps neither claims nor heartbeats waiting; trouble with the server does. */
	sent = send_all(agent, &why);
	if (!sent || sent == -EAGAIN || sent == -EIO)
		rc = claim_all(agent, err);
	if (!rc && (!sent || sent == -EAGAIN || sent == -EIO))
		rc = beat(agent, err);
	if (!rc && sent)
		*err = why;
	return rc ? rc : sent;
}

/* ---- when ---------------------------------------------------------------------------------------------------------- */

static uint64_t jittered(unsigned failures)
{
	uint8_t chance = 128;
	unsigned doublings = failures - 1 < BACK_OFF_MAX ? failures - 1 : BACK_OFF_MAX;

	(void)!getrandom(&chance, 1, 0);
	return (BACK_OFF_NS << doublings) / 256 * (128 + chance);
}

static void fail(struct agent *agent, int rc, const struct err *why)
{
	agent->failure = rc;
	agent->why = *why;
	loop_stop(agent->loop);
}

static void stumble(struct agent *agent, int rc, const struct err *why)
{
	bool taken_over = rc == -EREMOTE && strcmp(server_code(agent->server), "PR001") == 0;

	if (taken_over || rc == -EACCES || rc == -ENOTSUP || rc == -EINVAL || rc == -ENOENT) {
		fail(agent, taken_over ? -EOWNERDEAD : rc, why);
		return;
	}
	if (agent->failures++ == 0)
		agent_say(agent, "%s; it is tried again, and what runs goes on", why->text);
	agent->not_before_ns = loop_now_ns(agent->loop) + jittered(agent->failures);
}

struct left { /* of an agent before this one */
	unsigned count;
	struct outbox_item item[4 * AGENT_BENCHES_MAX];
};

static int on_left(void *ctx, const struct outbox_item *item)
{
	struct left *left = ctx;

	left->item[left->count++] = *item;
	return left->count == sizeof(left->item) / sizeof(left->item[0]);
}

static int take_over(struct agent *agent, struct err *err)
{
	struct left left = {.count = 0};
	int rc = outbox_each(agent->history, false, on_left, &left, err);

	for (unsigned i = 0; i < left.count && rc >= 0; i++) {
		struct seat *seat = seat_of(agent, left.item[i].bench);
		rc = 0;
		if (seat && !seat->child && !seat->ended)
			rc = seat_adopt(seat, &left.item[i], err);
	}
	agent->opened = true;
	return rc < 0 ? rc : 0;
}

/* What cannot be kept is tried again, and told of once. */
static bool settle_all(struct agent *agent)
{
	struct err err = {""};
	bool settled = false;

	for (unsigned i = 0; i < agent->seats; i++) {
		struct seat *seat = &agent->seat[i];
		bool ended = seat->ended;
		int rc = ended ? seat_settle(seat, &err) : 0;
		if (rc < 0 && !seat->told)
			agent_say(agent, "%s: the end of run %s cannot be kept yet: %s", seat_name(seat),
				  seat->item.name, err.text);
		seat->told = rc < 0;
		settled |= ended && rc == 0;
	}
	/* A bench may have more than one that an agent before this one began. */
	if (settled && take_over(agent, &err) < 0)
		agent_say(agent, "%s", err.text);
	return settled;
}

static uint64_t next_look(const struct agent *agent)
{
	uint64_t now_ns = loop_now_ns(agent->loop), next = now_ns + POLL_NS;

	for (unsigned i = 0; i < agent->seats; i++) {
		const struct seat *seat = &agent->seat[i];
		for (unsigned k = 0; k < SEAT_LEASES; k++)
			if (seat->lease[k].seq && seat->lease[k].renew_ns < next)
				next = seat->lease[k].renew_ns;
		if (seat->ended && now_ns + NS_PER_S < next) /* not kept yet */
			next = now_ns + NS_PER_S;
	}
	if (agent->failures)
		next = agent->not_before_ns;
	return next;
}

static void on_note(void *ctx, int fd, short revents);

/* A statement may have made another connection of it, even with the same number. */
static void watch(struct agent *agent)
{
	agent->watched = server_fd(agent->server);
	if (agent->watched >= 0 && loop_fd_add(agent->loop, agent->watched, POLLIN, on_note, agent) < 0)
		agent->watched = -1;
}

static void unwatch(struct agent *agent)
{
	if (agent->watched >= 0)
		loop_fd_remove(agent->loop, agent->watched);
	agent->watched = -1;
}

/* Told of once: a monitor sees by its age that the file is no longer written. */
static void tell_monitor(struct agent *agent, uint64_t now_ns)
{
	struct err err = {""};

	if (!agent->config->metrics || now_ns < agent->metrics_ns)
		return;
	agent->metrics_ns = now_ns + POLL_NS;
	bool failed = metrics_write(agent, agent->config->metrics, &err) < 0;
	if (failed && !agent->metrics_failed)
		agent_say(agent, "no metrics: %s", err.text);
	agent->metrics_failed = failed;
}

static void look(void *ctx, uint64_t now_ns)
{
	struct agent *agent = ctx;
	struct err err = {""};

	unwatch(agent);
	bool settled = settle_all(agent);
	if (now_ns >= agent->not_before_ns) {
		int rc = work(agent, &err);
		if (rc < 0) {
			stumble(agent, rc, &err);
		} else {
			if (agent->failures > 1)
				agent_say(agent, "the server is back");
			agent->failures = 0;
		}
	}
	watch(agent);
	if (settled)
		agent->metrics_ns = 0;
	tell_monitor(agent, now_ns);
	news_state(agent, now_ns);
	if (agent->failure)
		return;
	/* What was told while statements were under way is not read again. */
	bool heard = !agent->failures && server_heard(agent->server);
	loop_timer_at(agent->loop, &agent->timer, heard ? now_ns : next_look(agent));
}

/* Something was told, or the connection has ended. */
static void on_note(void *ctx, int fd, short revents)
{
	struct agent *agent = ctx;

	(void)fd;
	(void)revents;
	unwatch(agent);
	if (server_heard(agent->server))
		loop_timer_at(agent->loop, &agent->timer, 0);
	watch(agent);
}

/* Whoever wants a job no more is heard at once, not at the next renewal. */
static void on_word(void *ctx, const char *channel, const char *payload)
{
	struct agent *agent = ctx;

	for (unsigned i = 0; i < agent->seats * SEAT_LEASES && strcmp(channel, CANCELS) == 0; i++) {
		struct lease *lease = &agent->seat[i / SEAT_LEASES].lease[i % SEAT_LEASES];
		if (lease->job == strtoll(payload, NULL, 10))
			lease->renew_ns = 0;
	}
}

/* ---- beginning and end --------------------------------------------------------------------------------------------- */

static int lock_folder(struct agent *agent, struct err *err)
{
	char path[2 * FILE_PATH_MAX];
	int rc = disk_make_folder(agent->config->folder, err);

	if (!rc)
		rc = disk_make_folder(agent->config->output, err);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/agent.lock", agent->config->folder);
	agent->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (agent->lock < 0)
		return err_set(err, -errno, "%.300s: %s", path, strerror(errno));
	if (flock(agent->lock, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, -EBUSY, "another agent has %.300s: end it, or give this one another --folder",
			       agent->config->folder);
	return 0;
}

/* In another folder, with the same history: the second one would take the first one's runs for ended ones. */
static int lock_benches(struct agent *agent, struct err *err)
{
	char path[2 * FILE_PATH_MAX], name[64];

	for (unsigned i = 0; i < agent->seats; i++) {
		seat_file_name(&agent->seat[i], name);
		snprintf(path, sizeof(path), "%s.%s.lock", agent->config->history, name);
		agent->bench_lock[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
		if (agent->bench_lock[i] < 0)
			return err_set(err, -errno, "%.300s: %s", path, strerror(errno));
		if (flock(agent->bench_lock[i], LOCK_EX | LOCK_NB) != 0)
			return err_set(err, -EBUSY, "another agent has bench %s with the history %.300s: end it", name,
				       agent->config->history);
	}
	return 0;
}

/* A bench of the station's stands for each of the agent's, and a product whose plan is that of the job at hand. */
static int fill_station(struct agent *agent, struct err *err)
{
	const struct agent_config *from = agent->config;
	struct station_config *to = calloc(1, sizeof(*to));

	if (!to)
		return err_set(err, -ENOMEM, "out of memory");
	agent->station = to;
	snprintf(to->state, sizeof(to->state), "%s", from->folder);
	snprintf(to->output, sizeof(to->output), "%s", from->output);
	to->words = from->words;
	for (unsigned i = 0; i < from->words; i++)
		snprintf(to->word[i], sizeof(to->word[i]), "%s", from->word[i]);
	to->benches = to->products = from->benches;
	for (unsigned i = 0; i < from->benches; i++)
		snprintf(to->bench[i].file, sizeof(to->bench[i].file), "%s", from->bench[i].file);
	return 0;
}

static void sweep(void *ctx, uint64_t now_ns)
{
	struct agent *agent = ctx;

	http_sweep(agent->http);
	loop_timer_at(agent->loop, &agent->sweep, now_ns + NS_PER_S);
}

/* On this computer alone, as a station's page. */
static int listen_for_monitor(struct agent *agent, struct err *err)
{
	const struct http_host host = {.ctx = agent, .metrics = metrics_text};

	if (!agent->config->metrics_port)
		return 0;
	agent->sweep = (struct loop_timer){.fn = sweep, .ctx = agent};
	int rc = http_open(agent->loop, NULL, &host, "127.0.0.1", agent->config->metrics_port, NULL, 0, &agent->http,
			   err);
	return rc ? rc : loop_timer_at(agent->loop, &agent->sweep, loop_now_ns(agent->loop) + NS_PER_S);
}

static int open_parts(struct agent *agent, struct err *err)
{
	int rc = lock_folder(agent, err);

	if (!rc)
		rc = fill_station(agent, err);
	if (!rc)
		rc = server_new(agent->config->db, "penrig agent", &agent->server, err);
	if (!rc)
		rc = history_open(agent->config->history, &agent->history, err);
	if (!rc)
		rc = lock_benches(agent, err);
	if (!rc)
		rc = outbox_open(agent->history, err);
	if (!rc)
		rc = news_open(agent, err);
	if (!rc)
		rc = listen_for_monitor(agent, err);
	if (rc)
		return rc;
	server_listen(agent->server, "penrig_job");
	server_listen(agent->server, CANCELS);
	server_hear(agent->server, on_word, agent);
	return take_over(agent, err);
}

int agent_open(const struct agent_config *config, struct loop *loop, const struct agent_host *host, struct agent **ret,
	       struct err *err)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	int rc;

	if (!agent)
		return err_set(err, -ENOMEM, "out of memory");
	*agent = (struct agent){
		.config = config, .loop = loop, .host = *host, .lock = -1, .watched = -1, .seats = config->benches};
	agent->timer = (struct loop_timer){.fn = look, .ctx = agent};
	for (unsigned i = 0; i < agent->seats; i++)
		agent->seat[i] = (struct seat){.agent = agent, .index = i};
	for (unsigned i = 0; i < AGENT_BENCHES_MAX; i++)
		agent->bench_lock[i] = -1;
	rc = open_parts(agent, err);
	if (!rc)
		rc = loop_timer_at(loop, &agent->timer, 0);
	if (rc) {
		agent_close(agent);
		return rc;
	}
	*ret = agent;
	return 0;
}

int agent_failure(const struct agent *agent, struct err *err)
{
	if (agent->failure)
		*err = agent->why;
	return agent->failure;
}

void agent_close(struct agent *agent)
{
	if (!agent)
		return;
	news_close(agent);
	http_close(agent->http);
	unwatch(agent);
	loop_timer_cancel(agent->loop, &agent->sweep);
	loop_timer_cancel(agent->loop, &agent->timer);
	for (unsigned i = 0; i < agent->seats; i++)
		child_free(agent->seat[i].child);
	server_free(agent->server);
	history_close(agent->history);
	free(agent->station);
	for (unsigned i = 0; i < agent->seats; i++)
		if (agent->bench_lock[i] >= 0)
			close(agent->bench_lock[i]);
	if (agent->lock >= 0)
		close(agent->lock);
	free(agent);
}
