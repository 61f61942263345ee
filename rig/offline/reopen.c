/* A run file opened again, with a verdict whatever became of its run. */
#include "rig/offline/reopen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/config/limit.h"
#include "rig/judge/verdict.h"
#include "rig/offline/replay.h"

int reopen(const char *path, struct runfile_reader **ret, struct record **ret_record, struct err *err)
{
	int rc = runfile_open(path, ret, ret_record, err);

	if (!rc && !runfile_is_final(*ret))
		verdict_form(*ret_record, NULL);
	return rc;
}

int reopen_sound(const char *path, struct runfile_reader **ret, struct record **ret_record, struct err *err)
{
	int rc = reopen(path, ret, ret_record, err);

	return rc ? rc : runfile_verify_words(*ret, err);
}

/* ---- later verdicts -------------------------------------------------------------------------------------------- */

struct wanted {
	unsigned number;
	struct record_judged judged; /* number 0: not found yet */
};

static int on_judged(void *ctx, const struct record_judged *judged)
{
	struct wanted *wanted = ctx;

	if (judged->number == wanted->number)
		wanted->judged = *judged;
	return 0;
}

static int judge_by(struct record *record, const struct record_judged *judged, const char *limits, struct err *err)
{
	struct replay_inputs inputs = {.plan = NULL};
	struct limits_file *file = NULL;
	int rc = replay_inputs_read(record, &inputs, err);

	if (!rc)
		rc = limits_file_parse(judged->limits_path, limits, strlen(limits), &file, err);
	if (!rc)
		rc = limits_apply(file, inputs.plan, err);
	if (!rc)
		replay_judge(record, inputs.plan);
	limits_file_free(file);
	replay_inputs_free(&inputs);
	return rc;
}

int reopen_judged(struct runfile_reader *reader, struct record *record, unsigned number, struct err *err)
{
	struct wanted wanted = {.number = number};
	char *limits = NULL;
	int rc = runfile_each_judged(reader, on_judged, &wanted, err);

	if (!rc && wanted.judged.number == 0)
		rc = err_set(err, -ENOENT, "the run file has no verdict number %u", number);
	if (!rc && wanted.judged.method != record->method)
		rc = err_set(err, -ESTALE,
			     "verdict %u was formed on results of method %u, and the run file holds those of method "
			     "%u: penrig analyze --limits forms it again",
			     number, wanted.judged.method, record->method);
	if (!rc)
		rc = runfile_judged_limits(reader, number, &limits, err);
	if (!rc)
		rc = judge_by(record, &wanted.judged, limits, err);
	free(limits);
	if (rc)
		return rc;
	record->judged = wanted.judged;
	if (record->dut_verdict == wanted.judged.dut_verdict && record->on_statement == wanted.judged.on_statement)
		return 0;
	return err_set(err, -ESTALE, "penrig %s judged this run %s by %s, this penrig %s",
		       wanted.judged.software_version,
		       verdict_row(wanted.judged.dut_verdict, wanted.judged.on_statement)->name,
		       wanted.judged.limits_name, verdict_name(record));
}
