/* Runs of the bench's reference pen, made with `penrig golden` or `penrig run`, as evidence of this very installation. */
#include <errno.h>
#include <string.h>

#include "rig/cli/qualify/qualify.h"
#include "rig/cli/version.h"
#include "rig/judge/verdict.h"
#include "rig/measure/method.h"
#include "rig/offline/reopen.h"

void qualify_each_run(struct qualify *q, qualify_look_fn look, void *ctx)
{
	for (unsigned i = 0; i < q->runs; i++) {
		struct runfile_reader *reader = NULL;
		struct record *record = NULL;
		struct err err = {""};

		if (reopen(q->run[i], &reader, &record, &err) < 0)
			evidence(q, QUALIFIED_BROKEN, q->run[i], "can be read", "%s", err.text);
		else
			look(q, ctx, reader, record);
		runfile_reader_free(reader);
		record_free(record);
	}
}

void qualify_pen_sound(struct qualify *q, const void *argument)
{
	char sum[DIGEST_HEX];

	(void)argument;
	for (unsigned i = 0; i < q->runs; i++) {
		const char *const words[] = {q->program, "verify", q->run[i], NULL};
		int code = trial(q, "verify", words);
		evidence_if(q,
			    (code == EXIT_PASS || code == EXIT_INCONCLUSIVE) &&
				    digest_read_file(q->run[i], sum, NULL) == 0,
			    q->run[i], "is as it was written", "penrig verify: exit code %d; SHA-256 %s", code, sum);
	}
}

static void look_program(struct qualify *q, void *ctx, struct runfile_reader *reader, const struct record *record)
{
	const char *path = runfile_reader_path(reader);
	struct record *now = record_new();

	(void)ctx;
	if (!now) {
		q->no_memory = true;
		return;
	}
	version_record(now);
	evidence_if(q,
		    strcmp(now->software_version, record->software_version) == 0 &&
			    strcmp(now->software_build, record->software_build) == 0 &&
			    record->method == METHOD_VERSION,
		    path, "made by this program", "penrig %s (%s), method %u", record->software_version,
		    record->software_build, record->method);
	evidence_if(q, !record->origin.path[0], path, "a run that was supervised", "%s",
		    record->origin.path[0] ? "a recording that was imported" : "a supervised run");
	record_free(now);
}

void qualify_pen_program(struct qualify *q, const void *argument)
{
	(void)argument;
	qualify_each_run(q, look_program, NULL);
}

struct later {
	struct qualify *q;
	const char *path;
};

static int on_judged(void *ctx, const struct record_judged *judged)
{
	struct later *l = ctx;

	evidence_if(l->q, judged->dut_verdict == OUTCOME_PASS && !judged->on_statement, l->path,
		    "no later verdict took the pass back", "%s by %s at %s",
		    verdict_row(judged->dut_verdict, judged->on_statement)->name, judged->limits_name, judged->utc);
	return 0;
}

static int on_disposition(void *ctx, const struct disposition *disposition)
{
	struct later *l = ctx;

	evidence(l->q, QUALIFIED_BROKEN, l->path, "nobody had to decide about it", "%s: %s", disposition->by,
		 disposition->reason);
	return 0;
}

static void look_later(struct qualify *q, struct runfile_reader *reader)
{
	struct later l = {q, runfile_reader_path(reader)};
	struct err err = {""};

	if (runfile_each_judged(reader, on_judged, &l, &err) < 0 ||
	    runfile_each_disposition(reader, on_disposition, &l, &err) < 0)
		evidence(q, QUALIFIED_BROKEN, l.path, "what was said of it later can be read", "%s", err.text);
}

static void look_verdict(struct qualify *q, void *ctx, struct runfile_reader *reader, const struct record *record)
{
	const char *path = runfile_reader_path(reader);

	(void)ctx;
	evidence_if(q, record->run_status == RUN_COMPLETE && record->has_verdict && record->dut_verdict == OUTCOME_PASS,
		    path, "complete, pass", "%s, %s: %s, on bench %s, %s", run_status_name(record->run_status),
		    verdict_name(record), record->dut, record->bench_name, record->started_utc);
	evidence_if(q, record->moved && record->stop_verified, path, "the needles were seen to stand still in the end",
		    "%s", record->stop_text);
	evidence_if(q, !record->override[0], path, "nothing was overridden", "%s",
		    record->override[0] ? record->override : "nothing");
	for (unsigned i = 0; i < record->tests; i++)
		evidence_if(q, record->test[i].done && record->test[i].outcome == OUTCOME_PASS, record->test[i].name,
			    "passed", "%s", record->test[i].text);
	evidence_if(q, record->sessions == 0, path, "no part of it was measured before its start", "%u earlier part%s",
		    record->sessions, record->sessions == 1 ? "" : "s");
	look_later(q, reader);
}

void qualify_pen_verdict(struct qualify *q, const void *argument)
{
	(void)argument;
	qualify_each_run(q, look_verdict, NULL);
}

void qualify_pen_again(struct qualify *q, const void *argument)
{
	(void)argument;
	for (unsigned i = 0; i < q->runs; i++) {
		const char *const words[] = {q->program, "analyze", "--quiet", q->run[i], NULL};
		int code = trial(q, "analyze", words);
		evidence_if(q, code == EXIT_PASS, q->run[i], "derived again from its samples: the same",
			    "penrig analyze: exit code %d", code);
	}
}
