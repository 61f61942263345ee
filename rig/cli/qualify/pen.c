/* Runs of the bench's reference pen, made with `penrig golden` or `penrig run`, as evidence of this very installation. */
#include <errno.h>
#include <string.h>

#include "rig/cli/qualify/qualify.h"
#include "rig/cli/version.h"
#include "rig/judge/verdict.h"
#include "rig/measure/method.h"
#include "rig/offline/reopen.h"

static void each(struct qualify *q, void (*look)(struct qualify *q, const char *path, const struct record *record))
{
	for (unsigned i = 0; i < q->runs; i++) {
		struct runfile_reader *reader = NULL;
		struct record *record = NULL;
		struct err err = {""};

		if (reopen(q->run[i], &reader, &record, &err) < 0)
			evidence(q, QUALIFIED_BROKEN, q->run[i], "can be read", "%s", err.text);
		else
			look(q, q->run[i], record);
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

static void look_program(struct qualify *q, const char *path, const struct record *record)
{
	struct record *now = record_new();

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
	each(q, look_program);
}

static void look_verdict(struct qualify *q, const char *path, const struct record *record)
{
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
}

void qualify_pen_verdict(struct qualify *q, const void *argument)
{
	(void)argument;
	each(q, look_verdict);
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
