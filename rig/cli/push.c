/* `penrig push`: runs that no agent began reach the server, and what was decided of runs since. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "rig/cli/kit/fleet.h"
#include "rig/cli/kit/indexing.h"
#include "rig/cli/kit/rows.h"
#include "rig/fleet/parcel.h"

#define NEEDS       2 /* version of the tables */
#define BENCHES_MAX 64
#define OTHERS_MAX  8

struct push_options {
	const char *db, *history, *state, *store_secret, *store_ca;
};

#define AT(member) offsetof(struct push_options, member)
static const struct cli_option push_table[] = {
	FLEET_DB_ROW(AT(db)),
	FLEET_STORE_ROWS(AT(store_secret), AT(store_ca)),
	HISTORY_ROW(AT(history), NULL),
	STATE_ROW(AT(state), NULL),
	{.name = NULL},
};

struct push {
	struct server *server;
	struct history *history;
	const char *const *path; /* as realpath() says; none: every run */
	unsigned paths;
	struct depot_config store;
	struct answer *bench; /* for which this login may speak */
	unsigned others;
	char other[OTHERS_MAX][64]; /* benches of runs that are left out */
	unsigned sent, bad;
	char lacks[300]; /* the run at hand: a file of it that was not sent */
};

/* ---- which runs ---------------------------------------------------------------------------------------------------- */

static bool may_speak_for(const struct push *p, const char *bench)
{
	for (unsigned i = 0; i < answer_rows(p->bench); i++)
		if (strcmp(answer_text(p->bench, i, 0), bench) == 0)
			return true;
	return false;
}

static void note_other(struct push *p, const char *bench)
{
	for (unsigned i = 0; i < p->others; i++)
		if (strcmp(p->other[i], bench) == 0)
			return;
	if (p->others < OTHERS_MAX)
		snprintf(p->other[p->others++], sizeof(p->other[0]), "%s", bench);
}

static bool wanted(void *ctx, const char *bench, const char *path)
{
	struct push *p = ctx;
	bool named = !p->paths;

	for (unsigned i = 0; i < p->paths && !named; i++)
		named = strcmp(p->path[i], path) == 0;
	if (named && !may_speak_for(p, bench))
		note_other(p, bench);
	return named && may_speak_for(p, bench);
}

/* What is named goes into the history first, where it is as it was written. */
static int take_files(struct push *p, const char *const *operands, char **real, unsigned count, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < count && !rc; i++) {
		rc = indexing_take_file(p->history, operands[i], err);
		if (rc == -EEXIST)
			rc = err_set(err, -EINVAL, "%s", err->text);
		real[i] = rc ? NULL : realpath(operands[i], NULL);
		if (!rc && !real[i])
			rc = err_set(err, -errno, "%.300s: %s", operands[i], strerror(errno));
	}
	p->path = (const char *const *)real;
	p->paths = count;
	return rc;
}

/* ---- sending ------------------------------------------------------------------------------------------------------- */

static int nothing_else(void *ctx, struct err *err)
{
	(void)ctx, (void)err;
	return 0;
}

static void left_out(void *ctx, const char *path, const char *why)
{
	struct push *p = ctx;

	snprintf(p->lacks, sizeof(p->lacks), "without %.200s: %.80s", path, why);
	p->bad++;
	cli_error(0, "%s cannot be sent, and its run is without it: %s", path, why);
}

struct oldest {
	const struct push *push;
	struct outbox_item item;
};

static int on_item(void *ctx, const struct outbox_item *item)
{
	struct oldest *oldest = ctx;

	if ((item->job && !item->lacks) || !may_speak_for(oldest->push, item->bench))
		return 0; /* of an agent, which has its job's lease */
	oldest->item = *item;
	return 1;
}

/* As the agent does: what is not recorded answers no job, and no other bench makes good what it had found. */
static int give_up(struct push *p, const struct outbox_item *item, struct err *err)
{
	int rc = parcel_give_up(p->server, item, err);

	return rc == -EREMOTE ? 0 : rc;
}

static int refuse(struct push *p, const struct outbox_item *item, struct err *err)
{
	const struct err why = *err;
	int rc = give_up(p, item, err);

	if (rc)
		return rc;
	p->bad++;
	cli_error(0, "the server does not take run %s: %s", item->name, why.text);
	return outbox_refuse(p->history, item->seq, why.text, err);
}

#define OTHERWISE                                                                                                      \
	"ALARM: it has the run, and somebody decided otherwise of it, on another copy of its file; the worse counts "  \
	"until the last decision on both is the same"

static int send_one(struct push *p, const struct outbox_item *item, struct err *err)
{
	const struct parcel_left left = {.log = "", .file = true};
	const struct parcel_between between = {nothing_else, left_out, p, &p->store};
	struct parcel_receipt receipt = {.label = ""};
	enum parcel_end end = PARCEL_RECORDED;
	*p->lacks = '\0';
	int rc = parcel_send(p->server, p->history, item, &left, &between, &end, &receipt, err);

	if (rc == -EREMOTE)
		return refuse(p, item, err);
	if (!rc && end == PARCEL_LOST)
		return refuse(p, item, (err_set(err, -EBADMSG, "it is not in the history any more"), err));
	if (rc)
		return rc;
	if (end == PARCEL_CONFLICT)
		return refuse(p, item, (err_set(err, -EEXIST, "ALARM: it has another run with this id"), err));
	if (end == PARCEL_OTHERWISE)
		return refuse(p, item, (err_set(err, -EEXIST, OTHERWISE), err));
	p->sent++;
	print_clean(stdout, item->name);
	printf(": %s\n", strcmp(receipt.label, "known") == 0 ? "is there" : "recorded");
	if (*p->lacks)
		return outbox_lacks(p->history, item->seq, p->lacks, err);
	return outbox_handed(p->history, item, &receipt.told, err);
}

static int send_all(struct push *p, struct err *err)
{
	int rc = 1;

	while (rc == 1) {
		struct oldest oldest = {.push = p};
		rc = outbox_each(p->history, true, on_item, &oldest, err);
		int sent = rc == 1 ? send_one(p, &oldest.item, err) : 0;
		rc = sent ? sent : rc;
	}
	return rc;
}

static int again(struct push *p, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < answer_rows(p->bench) && !rc; i++)
		rc = outbox_again(p->history, answer_text(p->bench, i, 0), err);
	return rc;
}

struct refused {
	struct push *push;
	struct err *err;
};

/* Of an agent, whose job's run was refused: no push brings it, and an agent of another version may have left its job to others. */
static int on_refused(void *ctx, const struct outbox_item *item)
{
	const struct refused *refused = ctx;
	struct push *p = refused->push;

	if (!item->job || item->lacks || !may_speak_for(p, item->bench))
		return 0;
	p->bad++;
	cli_error(0, "the server did not take run %s of job %lld: %s", item->name, (long long)item->job, item->refused);
	return give_up(p, item, refused->err);
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int push(struct push *p, const struct push_options *o, const char *const *operands, char **real, unsigned count,
		struct err *err)
{
	const struct indexing where = {.history = o->history, .state = o->state};
	unsigned put = 0;
	int rc = fleet_open(o->db, NEEDS, NULL, &p->server, err);

	if (!rc)
		rc = server_ask(p->server, "SELECT name FROM bench WHERE login = session_user", NULL, 0, &p->bench,
				err);
	if (!rc && !answer_rows(p->bench))
		rc = err_set(err, -EACCES, "this login may speak for no bench: penrig fleet admit LOGIN --as agent");
	if (!rc)
		rc = indexing_open(&where, &p->history, err);
	if (!rc)
		rc = outbox_open(p->history, err);
	if (!rc)
		rc = take_files(p, operands, real, count, err);
	if (!rc)
		rc = again(p, err);
	if (!rc)
		rc = outbox_push(p->history, false, wanted, p, &put, err);
	if (!rc)
		rc = send_all(p, err);
	return rc ? rc : outbox_each_refused(p->history, on_refused, &(struct refused){p, err}, err);
}

static int push_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct push_options *o = options;
	struct push p = {.store = fleet_store(o->store_secret, o->store_ca)};
	struct err err = {""};
	char **real = calloc(count + 1, sizeof(*real));
	int rc = real ? push(&p, o, operands, real, count, &err) : err_set(&err, -ENOMEM, "out of memory");

	(void)tables;
	for (unsigned i = 0; i < p.others; i++)
		cli_error(0, "runs of bench \"%s\" are left out: this login may not speak for it", p.other[i]);
	answer_free(p.bench);
	history_close(p.history);
	server_free(p.server);
	for (unsigned i = 0; real && i < count; i++)
		free(real[i]);
	free(real);
	if (rc)
		return cli_error(fleet_exit_code(rc), "%s", err.text);
	if (!p.sent && !p.bad)
		printf("the server has them all\n");
	return p.bad ? EXIT_STORAGE : p.others ? EXIT_USAGE : EXIT_PASS;
}

const struct command command_push = {
	.name = "push",
	.operands = "[RUN...]",
	.operands_min = 0,
	.operands_max = OPERANDS_MAX,
	.summary = "Hand a bench's own runs over to the server of a fleet",
	.description =
		"Runs that nobody submitted reach the server, with their files, and what was decided of runs since "
		"they were there: dispositions and later verdicts. RUN: these run files. Default: every run of the "
		"history that was not handed over yet, oldest first.\n\n"
		"A run has an id that follows from the head of its journal's chain, so that it is recorded once, "
		"however often and from wherever it is pushed. The login is that of an agent, admitted for the run's "
		"bench. What did not arrive stays in the outbox: the same command again, or the bench's agent, sends "
		"it.\n\n"
		"Exit code: 0; 2 wrong usage, or runs of a bench for which this login may not speak; 6 the server is "
		"not reached, or did not take one, now or before, or has one without a file.",
	.example = "  penrig push --db service=penrig\n  penrig push runs/SN-0417.penrig --db service=penrig\n",
	.options = push_table,
	.options_size = sizeof(struct push_options),
	.run = push_run,
};
