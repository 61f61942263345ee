/* Do the runs that were given stand for the bench? Whoever picks the files can leave out the failures, and give those of another
 * pen: the bench file says which pen and plan it is, the history which runs there were. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/cli/kit/reference.h"
#include "rig/cli/qualify/qualify.h"
#include "rig/cli/version.h"
#include "rig/offline/reopen.h"

/* The bench file that was named, else the one that the first run names. */
static struct bench *read_bench(struct qualify *q)
{
	const char *path = q->bench ? q->bench : getenv("PENRIG_BENCH");
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct bench *bench = NULL;
	struct err err = {""};
	int rc = 0;

	if (!path || !*path) {
		rc = reopen(q->run[0], &reader, &record, &err);
		path = rc ? "" : record_file_of(record, "bench")->path;
	}
	if (!rc)
		rc = bench_read(path, &bench, &err);
	if (rc)
		evidence(q, QUALIFIED_UNKNOWN, "the bench file", "can be read: --bench FILE names it", "%s", err.text);
	else if (!bench->golden.present)
		evidence(q, QUALIFIED_BROKEN, bench->path, "names a reference pen: \"golden\"", "none");
	runfile_reader_free(reader);
	record_free(record);
	if (bench && bench->golden.present)
		return bench;
	bench_free(bench);
	return NULL;
}

/* ---- one bench, its pen, its plan --------------------------------------------------------------------------------- */

struct standing {
	const struct bench *bench;
	const char *plan_sha256;
	char setup[SHA256_HEX];
};

static void look_bench(struct qualify *q, void *ctx, struct runfile_reader *reader, const struct record *record)
{
	const char *path = runfile_reader_path(reader);
	const struct record_file *plan = record_file_of(record, "plan");
	const struct standing *s = ctx;
	char setup[SHA256_HEX], wanted[240];

	history_setup(record, setup);
	snprintf(wanted, sizeof(wanted), "on bench %.60s, with its file, phantoms and profiles as they are now: %s",
		 s->bench->name, s->setup);
	evidence_if(q, strcmp(setup, s->setup) == 0 && strcmp(record->bench_name, s->bench->name) == 0, path, wanted,
		    "bench %s: %s", record->bench_name, setup);
	snprintf(wanted, sizeof(wanted), "of its reference pen, %.60s", s->bench->golden.pen);
	evidence_if(q, strcmp(record->dut, s->bench->golden.pen) == 0, path, wanted, "of %s", record->dut);
	snprintf(wanted, sizeof(wanted), "by the plan %.100s, SHA-256 %s", s->bench->golden.plan, s->plan_sha256);
	evidence_if(q, plan && strcmp(plan->sha256, s->plan_sha256) == 0, path, wanted, "%s, SHA-256 %s",
		    record->plan_name, plan ? plan->sha256 : "none");
}

void qualify_pen_bench(struct qualify *q, const void *argument)
{
	struct bench *bench = read_bench(q);
	struct record *now = record_new();
	struct plan *plan = NULL;
	struct err err = {""};

	(void)argument;
	if (!now) {
		q->no_memory = true;
	} else if (bench && plan_read(bench->golden.plan, &plan, &err) < 0) {
		evidence(q, QUALIFIED_UNKNOWN, bench->golden.plan, "can be read", "%s", err.text);
	} else if (bench && record_inputs(now, plan, bench) < 0) {
		q->no_memory = true;
	} else if (bench) {
		struct standing s = {.bench = bench, .plan_sha256 = record_file_of(now, "plan")->sha256};
		history_setup(now, s.setup);
		qualify_each_run(q, look_bench, &s);
	}
	record_free(now);
	plan_free(plan);
	bench_free(bench);
}

/* ---- none left out ------------------------------------------------------------------------------------------------ */

struct seeking {
	struct qualify *q;
	struct history *history;
	const struct golden_pass *pass;
	const struct bench *bench;
	const char *head; /* of the run that is looked for */
	bool found, newest;
	char first[20]; /* when the first of them began */
	char plan[64];
	unsigned runs;
};

static int on_same(void *ctx, const struct history_run *run)
{
	struct seeking *s = ctx;

	s->found |= strcmp(run->head, s->head) == 0;
	return 0;
}

static void look_known(struct qualify *q, void *ctx, struct runfile_reader *reader, const struct record *record)
{
	const struct history_filter named = {.count = 1, .item = {{BY_NAME, record->name}}};
	const char *path = runfile_reader_path(reader);
	struct seeking *s = ctx;
	struct err err = {""};

	s->head = record->journal_head;
	s->found = false;
	s->newest |= strcmp(record->journal_head, s->pass->head) == 0;
	if (!s->first[0] || strncmp(record->started_utc, s->first, sizeof(s->first) - 1) < 0)
		snprintf(s->first, sizeof(s->first), "%.19s", record->started_utc);
	snprintf(s->plan, sizeof(s->plan), "%s", record->plan_name);
	if (history_each_run(s->history, &named, ORDER_TIME, on_same, s, &err) < 0)
		evidence(q, QUALIFIED_UNKNOWN, "the history", "can be read", "%s", err.text);
	else
		evidence(q, s->found ? QUALIFIED_HOLDS : QUALIFIED_UNKNOWN, path, "the bench's history knows it", "%s",
			 s->found ? "it does" : "it does not: --history FILE or --state DIR says where it is");
}

static int on_since(void *ctx, const struct history_run *run)
{
	struct seeking *s = ctx;

	if (strcmp(run->dut, s->bench->golden.pen) != 0 || strcmp(run->bench, s->bench->name) != 0 || !golden_ran(run))
		return 0;
	s->runs++;
	evidence_if(s->q, golden_passed(run), run->name,
		    "since the first of these runs the reference pen passed each time", "%s%s%s, %s, at %.19s",
		    run->verdict, *run->later ? ", later " : "", run->later, run->status, run->started);
	return 0;
}

static void seek(struct qualify *q, struct seeking *s)
{
	struct err err = {""};

	qualify_each_run(q, look_known, s);
	evidence_if(q, s->newest, s->pass->run, "the newest run of the reference pen is among these", "%s",
		    s->newest ? "it is" : "it is not");
	const struct history_filter since = {
		.count = 3, .item = {{BY_DUT, s->bench->golden.pen}, {BY_PLAN, s->plan}, {BY_SINCE, s->first}}};
	if (history_each_run(s->history, &since, ORDER_TIME, on_since, s, &err) < 0)
		evidence(q, QUALIFIED_UNKNOWN, "the history", "can be read", "%s", err.text);
}

void qualify_pen_history(struct qualify *q, const void *argument)
{
	const struct indexing where = {.history = q->history, .state = q->state};
	struct bench *bench = read_bench(q);
	struct history *history = NULL;
	struct golden_pass pass;
	struct err err = {""};

	(void)argument;
	if (!bench)
		return;
	if (reference_look(bench, &where, q->tables->clock->wall_ns(q->tables->clock_ctx), &pass, &err) < 0 ||
	    indexing_ask(&where, &history, &err) < 0) {
		evidence(q, QUALIFIED_UNKNOWN, "the history", "can be read", "%s", err.text);
	} else {
		struct seeking s = {.q = q, .history = history, .pass = &pass, .bench = bench};
		evidence_if(q, pass.state == GOLDEN_VALID, bench->name, "its reference pen has a valid pass now",
			    "%s: %s", golden_state_name[pass.state], pass.text);
		seek(q, &s);
	}
	history_close(history);
	bench_free(bench);
}
