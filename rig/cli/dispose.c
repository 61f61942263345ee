/* `penrig dispose`: what a supervisor decides about a pen that failed a run, in that run's file and the history. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "rig/cli/kit/command.h"
#include "rig/cli/kit/indexing.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/kit/rows.h"
#include "rig/offline/reopen.h"
#include "rig/record/host.h"

struct dispose_options {
	const char *decision, *by, *reason, *history, *state;
};

#define AT(member) offsetof(struct dispose_options, member)
static const struct cli_option dispose_table[] = {
	{.name = "decision",
	 .kind = OPTION_TEXT,
	 .arg = "WHICH",
	 .offset = AT(decision),
	 .words = disposition_words,
	 .group = "Decision",
	 .help = "retest: this failure is set aside, a newer run by the same plan decides; accept: the pen is used as "
		 "it "
		 "is, a concession; reject: it is not used, whatever later runs say. Required."},
	{.name = "by", .kind = OPTION_TEXT, .arg = "NAME", .offset = AT(by), .help = "Who decides. Required."},
	{.name = "reason",
	 .kind = OPTION_TEXT,
	 .arg = "TEXT",
	 .offset = AT(reason),
	 .help = "Why, for the record. Required."},
	HISTORY_ROW(AT(history), "Where"),
	STATE_ROW(AT(state), NULL),
	{.name = NULL},
};

static int read_words(const struct dispose_options *o, struct disposition *ret, struct err *err)
{
	struct timespec now;
	int rc;

	unsigned kind = 0;

	while (kind < DISPOSITIONS && o->decision && strcmp(o->decision, disposition_words[kind]) != 0)
		kind++;
	if (kind == DISPOSITIONS || !o->decision)
		return err_set(err, -EINVAL, "--decision %s: retest, accept or reject",
			       o->decision ? o->decision : "is missing");
	if (!o->by || !o->reason)
		return err_set(err, -EINVAL, "%s is missing: a decision stands with a name and a reason",
			       o->by ? "--reason TEXT" : "--by NAME");
	ret->kind = (enum disposition_kind)kind;
	if ((rc = record_text("--by", o->by, ret->by, sizeof(ret->by), err)) < 0 ||
	    (rc = record_text("--reason", o->reason, ret->reason, sizeof(ret->reason), err)) < 0)
		return rc;
	clock_gettime(CLOCK_REALTIME, &now);
	utc_text((uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec, ret->utc);
	return 0;
}

static int on_judged(void *ctx, const struct record_judged *judged)
{
	bool *failed = ctx;

	*failed |= judged->dut_verdict >= OUTCOME_CONDITIONAL_FAIL;
	return 0;
}

/* Only a failure needs one, by its own verdict or a later one, and nothing is added to a file that was changed. */
static int check_file(const char *path, struct err *err)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	int rc = reopen_sound(path, &reader, &record, err);

	bool failed = !rc && record->has_verdict && record->dut_verdict >= OUTCOME_CONDITIONAL_FAIL;
	if (!rc)
		rc = runfile_each_judged(reader, on_judged, &failed, err);
	if (!rc && !failed)
		rc = err_set(err, -EINVAL, "%.300s is no failure, so there is nothing to decide", path);
	runfile_reader_free(reader);
	record_free(record);
	return rc;
}

static int take_in(const struct dispose_options *o, const char *path, struct err *err)
{
	const struct indexing where = {.history = o->history, .state = o->state};
	struct history *history = NULL;
	int rc = indexing_open(&where, &history, err);

	if (!rc)
		rc = indexing_take_file(history, path, err);
	history_close(history);
	return rc;
}

static int dispose_run(const struct cli_tables *tables, const void *options, const char *const *operands,
		       unsigned count)
{
	const struct dispose_options *o = options;
	struct disposition disposition;
	struct err err = {""};

	(void)tables, (void)count;
	if (read_words(o, &disposition, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	int rc = check_file(operands[0], &err);
	if (!rc)
		rc = runfile_append_disposition(operands[0], &disposition, &err);
	if (rc)
		return cli_error(cli_exit_code(rc), "%s", err.text);
	printf("%s: ", disposition_words[disposition.kind]);
	print_clean(stdout, operands[0]);
	fputc('\n', stdout);
	if (take_in(o, operands[0], &err) < 0)
		return cli_error(EXIT_STORAGE,
				 "%s; the decision stands in the run file, and not in the history: penrig history "
				 "--rebuild takes it in",
				 err.text);
	return EXIT_PASS;
}

const struct command command_dispose = {
	.name = "dispose",
	.operands = "RUNFILE",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Put on record what a supervisor decides about a pen that failed",
	.description =
		"Appends the decision, who made it and why to the journal of the run file, under its hash chain, and "
		"takes "
		"it into the history. The verdict of the run stays what it was; how the pen stands by all its runs "
		"(penrig history --units) follows from the last decision about each failure.\n\n"
		"The exit code is 0 on record, 2 wrong usage, or a run that is no failure, 6 the run file was changed "
		"or cannot be written, or the history could not be.",
	.example = "  penrig dispose SN-0417-….penrig --decision retest --by \"R. Chief\" --reason \"phantom torn, "
		   "exchanged\"\n",
	.options = dispose_table,
	.options_size = sizeof(struct dispose_options),
	.run = dispose_run,
};
