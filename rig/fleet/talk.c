/* What an agent and the server say to each other (docs/fleet-protocol.md), one statement each. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rig/base/digest.h"
#include "rig/fleet/parcel.h"
#include "rig/fleet/seat.h"

/* Goes on while the computer sleeps, as the server's clock does. */
static double boot_s(void)
{
	return 1e-9 * (double)loop_boot_ns();
}

/* ---- how it is ----------------------------------------------------------------------------------------------------- */

static int health_of(const struct seat *seat, char **ret, struct err *err)
{
	const struct agent *agent = seat->agent;
	struct outbox_counts counts = {0};
	struct json_out *out = json_out_object();
	int64_t begun = 0;
	int rc = outbox_count(agent->history, &counts, err);

	if (!rc)
		rc = outbox_begun(agent->history, seat_name(seat), &begun, err);
	/* begun: also what an agent that died left, and this one has not looked at yet */
	json_out_string(out, "state", seat_state(seat, begun));
	if (seat->child)
		json_out_int(out, "job", seat->item.job);
	json_out_int(out, "outbox", counts.waiting);
	json_out_int(out, "outbox_oldest_s", counts.waiting ? (int64_t)time(NULL) - counts.oldest_s : 0);
	json_out_int(out, "refused", counts.refused);
	json_out_string(out, "version", agent->config->version);
	if (!rc)
		rc = json_out_print(out, false, ret, err);
	json_out_free(out);
	return rc;
}

int talk_begin(struct seat *seat, struct err *err)
{
	const struct agent_bench *bench = &seat->agent->config->bench[seat->index];
	char *labels = words_array(bench->label, bench->labels), *health = NULL;
	struct answer *answer = NULL;
	int rc = labels ? health_of(seat, &health, err) : err_set(err, -ENOMEM, "out of memory");

	const char *const values[] = {bench->name, labels, health};
	if (!rc)
		rc = server_ask(seat->agent->server, "SELECT register($1, $2, $3)", values, 3, &answer, err);
	if (!rc)
		seat->epoch = answer_int(answer, 0, 0);
	answer_free(answer);
	free(labels);
	free(health);
	return rc;
}

static const char *number(char ret[24], int64_t value)
{
	snprintf(ret, 24, "%lld", (long long)value);
	return ret;
}

static bool is_own(void *ctx, const char *bench, const char *path)
{
	(void)path;
	return seat_of(ctx, bench) != NULL;
}

/* A disposition or a later verdict of a run that the server has goes there, too. */
static int tell_decided(struct agent *agent, struct err *err)
{
	unsigned put;

	return agent->version < 2 ? 0 : outbox_push(agent->history, true, is_own, agent, &put, err);
}

int talk_beat(struct agent *agent, struct err *err)
{
	int rc = tell_decided(agent, err);

	for (unsigned i = 0; i < agent->seats && !rc; i++) {
		char epoch[24], *health = NULL;
		rc = health_of(&agent->seat[i], &health, err);
		const char *const values[] = {seat_name(&agent->seat[i]), number(epoch, agent->seat[i].epoch), health};
		if (!rc)
			rc = server_ask(agent->server, "SELECT heartbeat($1, $2, $3)", values, 3, NULL, err);
		free(health);
	}
	return rc ? rc : server_ask(agent->server, "SELECT expire()", NULL, 0, NULL, err);
}

/* ---- a lease ------------------------------------------------------------------------------------------------------- */

static const char *interval(char ret[32], double seconds)
{
	snprintf(ret, 32, "%.3f s", seconds);
	return ret;
}

static void heed(struct seat *seat, const char *word)
{
	bool lost = strcmp(word, "lost") == 0, stop = strcmp(word, "stop") == 0;

	if (!seat->child || seat->stopping || !(stop || (lost && !seat->moved)))
		return;
	seat->stopping = true;
	agent_say(seat->agent, "%s: job %lld %s: run %s is told to stop", seat_name(seat), (long long)seat->item.job,
		  lost ? "has gone to another bench before the pen moved" : "is wanted no more", seat->item.name);
	(void)child_stop(seat->child);
}

int talk_renew(struct seat *seat, struct lease *held, struct err *err)
{
	char epoch[24], job[24], fence[24], lease[32];
	const char *const values[] = {seat_name(seat), number(epoch, seat->epoch), number(job, held->job),
				      number(fence, held->fence), interval(lease, seat->agent->config->lease_s)};
	struct answer *answer = NULL;
	int rc = server_ask(seat->agent->server, "SELECT renew($1, $2, $3, $4, $5)", values, 5, &answer, err);

	if (rc)
		return rc;
	if (held->seq == seat->item.seq)
		heed(seat, answer_text(answer, 0, 0));
	held->renew_ns = loop_now_ns(seat->agent->loop) + (uint64_t)(seat->agent->config->lease_s / 3 * 1e9);
	if (strcmp(answer_text(answer, 0, 0), "lost") == 0)
		seat_let_go(seat, held->seq); /* for good: a fence never comes back */
	answer_free(answer);
	return 0;
}

/* ---- a claim ------------------------------------------------------------------------------------------------------- */

enum { JOB, FENCE, PLAN_NAME, PLAN, PLAN_SHA256, DUT, LOT, REPORTS, LEASE, DEADLINE };
#define CLAIM_COLUMNS                                                                                                  \
	"job_id, fence, plan_name, plan, plan_sha256, dut, lot, array_to_string(reports, ','), lease_s, deadline_s"

static int give_back(struct seat *seat, const struct answer *answer, const char *why, struct err *err)
{
	const char *const values[] = {seat_name(seat), answer_text(answer, 0, JOB), answer_text(answer, 0, FENCE), why};

	agent_say(seat->agent, "%s: job %s goes back: %s", seat_name(seat), answer_text(answer, 0, JOB), why);
	return server_ask(seat->agent->server, "SELECT give_back($1, $2, $3, NULL, $4, false, '30 s')", values, 4, NULL,
			  err);
}

static void part_reports(char *text, struct seat_order *order)
{
	const unsigned most = sizeof(order->report) / sizeof(order->report[0]);
	char *word;

	while (order->reports < most && (word = strsep(&text, ",")))
		if (*word)
			order->report[order->reports++] = word;
}

struct more {            /* of a claimed job, asked for before it begins */
	double end_by_s; /* 0: no bound */
	char image[DIGEST_HEX];
};

/* By the tables' version. Whoever waits for what the job uses may rely on its end: the server notes it, and the run knows it, before it
 * begins. */
static const char *more_sql(int version)
{
	return version < 3   ? NULL
	       : version < 5 ? "SELECT begins($1, $2, $3, $4), ''"
			     : "SELECT begins($1, $2, $3, $4), job_image($1, $2, $3, $4)";
}

static int ask_more(const struct seat *seat, const struct answer *claimed, struct more *ret, struct err *err)
{
	const char *sql = more_sql(seat->agent->version);
	char epoch[24];
	const char *const values[] = {seat_name(seat), number(epoch, seat->epoch), answer_text(claimed, 0, JOB),
				      answer_text(claimed, 0, FENCE)};
	struct answer *answer = NULL;
	double asked_s = boot_s();
	int rc = sql ? server_ask(seat->agent->server, sql, values, 4, &answer, err) : 0;

	if (answer) {
		ret->end_by_s = answer_is_null(answer, 0, 0) ? 0 : asked_s + answer_real(answer, 0, 0);
		snprintf(ret->image, sizeof(ret->image), "%s", answer_text(answer, 0, 1));
	}
	answer_free(answer);
	return rc;
}

/* A program of the bench gets it as it stands: an image is nothing else. */
static bool is_digest(const char *text)
{
	return strlen(text) == DIGEST_HEX - 1 && strspn(text, "0123456789abcdef") == DIGEST_HEX - 1;
}

/* Its lease is counted from before it was asked for, so that it never ends later here than on the server. */
static int begin(struct seat *seat, const struct answer *answer, double asked_s, const struct more *more,
		 struct err *err)
{
	const char *plan = answer_text(answer, 0, PLAN);
	char sha256[DIGEST_HEX], reports[256];
	struct seat_order order = {.job = answer_int(answer, 0, JOB),
				   .fence = answer_int(answer, 0, FENCE),
				   .plan = plan,
				   .dut = answer_text(answer, 0, DUT),
				   .lot = answer_text(answer, 0, LOT),
				   .image = more->image,
				   .end_by_s = more->end_by_s};
	struct err why;

	digest_text(plan, strlen(plan), sha256);
	if (*more->image && !is_digest(more->image))
		return give_back(seat, answer, "it names what is to be on the unit by something else than a SHA-256",
				 err);
	if (strcmp(sha256, answer_text(answer, 0, PLAN_SHA256)) != 0)
		return give_back(seat, answer, "its plan arrived otherwise than it was submitted", err);
	snprintf(reports, sizeof(reports), "%s", answer_text(answer, 0, REPORTS));
	part_reports(reports, &order);
	order.start_by_s = asked_s + fmin(answer_real(answer, 0, LEASE), answer_real(answer, 0, DEADLINE));
	if (!(order.start_by_s > boot_s()))
		return give_back(seat, answer, "it came too late to be started", err);
	if (seat_start(seat, &order, &why) < 0)
		return give_back(seat, answer, why.text, err);
	agent_say(seat->agent, "%s: job %lld, plan %s on %s, is run %s", seat_name(seat), (long long)order.job,
		  answer_text(answer, 0, PLAN_NAME), order.dut, seat->item.name);
	return 0;
}

static int ask_claim(struct seat *seat, bool again, struct answer **ret, struct err *err)
{
	char epoch[24], lease[32];
	const char *const values[] = {seat_name(seat), number(epoch, seat->epoch), seat->token,
				      interval(lease, seat->agent->config->lease_s)};

	return again ? server_ask(seat->agent->server, "SELECT " CLAIM_COLUMNS " FROM claimed($1, $2, $3)", values, 3,
				  ret, err)
		     : server_ask(seat->agent->server, "SELECT " CLAIM_COLUMNS " FROM claim($1, $2, $3, $4)", values, 4,
				  ret, err);
}

/* With a token that is known here alone a claim whose answer was lost on the way is found again, instead of made twice. */
int talk_claim(struct seat *seat, struct err *err)
{
	bool again = *seat->token;
	struct answer *answer = NULL;
	struct more more = {.end_by_s = 0};
	double asked_s = boot_s();
	int rc = again ? ask_claim(seat, true, &answer, err) : uuid_draw(seat->token, err);

	if (!rc && again && answer_rows(answer)) {
		/* lease_s is what is left of it now */
	} else if (!rc) {
		answer_free(answer);
		answer = NULL;
		asked_s = boot_s();
		rc = ask_claim(seat, false, &answer, err);
		if (rc == -EREMOTE && strcmp(server_code(seat->agent->server), "23505") == 0)
			return -EAGAIN; /* the lost one has arrived meanwhile: asked for at the next try */
	}
	if (!rc && answer_rows(answer))
		rc = ask_more(seat, answer, &more, err);
	if (!rc) { /* else it is found again by its token */
		*seat->token = '\0';
		rc = answer_rows(answer) ? begin(seat, answer, asked_s, &more, err) : 0;
	}
	answer_free(answer);
	return rc;
}

/* ---- the outbox ---------------------------------------------------------------------------------------------------- */

struct oldest {
	struct agent *agent;
	struct outbox_item item;
};

/* A history may serve several agents, and none may speak for another's benches. */
static int take_own(void *ctx, const struct outbox_item *item)
{
	struct oldest *oldest = ctx;

	if (!seat_of(oldest->agent, item->bench))
		return 0;
	oldest->item = *item;
	return 1;
}

struct sending {
	struct agent *agent;
	char lacks[300]; /* a file that was not sent */
};

static int renew_meanwhile(void *ctx, struct err *err)
{
	struct sending *sending = ctx;

	return agent_meanwhile(sending->agent, err);
}

static void on_left_out(void *ctx, const char *path, const char *why)
{
	struct sending *sending = ctx;

	snprintf(sending->lacks, sizeof(sending->lacks), "without %.200s: %.80s", path, why);
	agent_say(sending->agent, "ALARM: %.300s cannot be sent, and its run is without it: %s", path, why);
}

/* What the server will never take stands in nobody's way, and is not thrown away. */
static int set_aside(struct agent *agent, const struct outbox_item *item, const struct err *why, struct err *err)
{
	agent_say(agent, "%s: ALARM: the server does not take run %s: %s", item->bench, item->name, why->text);
	return outbox_refuse(agent->history, item->seq, why->text, err);
}

/* A run that is not there answers no job, and another bench's pass would hide what it had found. */
static int refuse(struct agent *agent, const struct outbox_item *item, const struct err *why, struct err *err)
{
	int rc = parcel_give_up(agent->server, item, err);

	return rc && rc != -EREMOTE ? rc : set_aside(agent, item, why, err);
}

int talk_send(struct agent *agent, bool *ret_more, struct err *err)
{
	struct sending sending = {.agent = agent};
	const struct parcel_between between = {renew_meanwhile, on_left_out, &sending, &agent->config->store};
	struct oldest oldest = {.agent = agent};
	const struct outbox_item *item = &oldest.item;
	char log[2 * FILE_PATH_MAX], file[2 * FILE_PATH_MAX];
	struct parcel_receipt receipt = {.label = ""};
	enum parcel_end end = PARCEL_RECORDED;
	int rc = outbox_each(agent->history, true, take_own, &oldest, err);

	*ret_more = rc == 1;
	if (rc != 1)
		return rc;
	struct seat *seat = seat_of(agent, item->bench);
	seat_hold(seat, item);
	snprintf(log, sizeof(log), "%s/%s.log", folder_of(agent, item), item->name);
	run_file_of(agent, item, file, sizeof(file));
	const struct parcel_left left = {.log = log,
					 .file = access(file, F_OK) == 0 &&
						 !agent->host.holds_nothing(agent->host.ctx, file),
					 .withheld = seat_is_withheld_by(seat, item->name)};
	rc = parcel_send(agent->server, agent->history, item, &left, &between, &end, &receipt, err);
	if (rc == -EREMOTE && strcmp(server_code(agent->server), "PR001") != 0) {
		const struct err why = *err;
		seat_let_go(seat, item->seq);
		return refuse(agent, item, &why, err);
	}
	if (rc)
		return rc;
	seat_let_go(seat, item->seq);
	if (end == PARCEL_LOST) {
		struct err why;
		err_set(&why, -EBADMSG, "it ended with exit code %d and is not in the history", item->exit_code);
		return set_aside(agent, item, &why, err);
	}
	if (end == PARCEL_CONFLICT || end == PARCEL_OTHERWISE) {
		struct err why;
		err_set(&why, -EEXIST, "%s",
			end == PARCEL_CONFLICT ? "it has another run with this id"
					       : "somebody decided otherwise of it on another copy of its file");
		return end == PARCEL_CONFLICT ? refuse(agent, item, &why, err) : set_aside(agent, item, &why, err);
	}
	agent_say(agent, "%s: job %lld, run %s: %s", item->bench, (long long)item->job, item->name, receipt.label);
	if (end == PARCEL_RECORDED && *sending.lacks)
		return outbox_lacks(agent->history, item->seq, sending.lacks, err);
	return end == PARCEL_BACK ? outbox_done(agent->history, item->seq, err)
				  : outbox_handed(agent->history, item, &receipt.told, err);
}
