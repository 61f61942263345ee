/* `penrig resume`: a run that goes on where an earlier one was interrupted, as a run of its own. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rig/cli/kit/format.h"
#include "rig/cli/kit/waiting.h"
#include "rig/cli/resuming.h"
#include "rig/cli/run.h"

struct resume_options {
	struct run_options run; /* first: its rows count from here */
	const char *plan;
};

static const struct cli_option resume_table[] = {
	{.name = "plan",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = offsetof(struct resume_options, plan),
	 .group = "What is tested",
	 .help = "Where the plan lies now. Default: where it lay then. It must be the same, to the byte."},
	{.name = "bench",
	 .letter = 'b',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(bench),
	 .help = "Where the bench file lies now. Default: where it lay then. It and its phantoms must be the same, to "
		 "the byte."},
	{.name = "operator",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(operator_name),
	 .group = "For the record",
	 .help = "Who runs this part of the test."},
	RUN_ROWS_CONTROL,
	RUN_ROWS_OUTPUT,
	{.name = NULL},
};

static const char *path_of(const struct record *before, const char *kind, const char *given)
{
	const struct record_file *file = record_file_of(before, kind);

	return given ? given : file ? file->path : "";
}

/* Both files must lie in one folder: by the name alone the second leads to the first. */
static void folder_of(const char *path, char ret[FILE_PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	if (slash)
		snprintf(ret, FILE_PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	else
		snprintf(ret, FILE_PATH_MAX, ".");
}

static void say_stop(const struct record *before)
{
	if (before->moved && !before->stop_verified)
		cli_error(
			0,
			"nobody saw the pen stop at the end of %s (%s): the verdict over both parts can be a fail, but "
			"no pass",
			before->name, before->stop_text);
}

/* Before the file is read for good: a run that is still under way has the bench. */
static int lock(const struct resume_options *o, const char *bench, struct bench_lock **ret)
{
	struct err err = {0};
	double wait_s = 0;

	if (o->run.wait && parse_duration(o->run.wait, &wait_s) < 0)
		return cli_error(EXIT_USAGE, "--wait %s: must be a time above zero, for example 90s, 15m or 2h",
				 o->run.wait);
	int rc = bench_wait(bench, wait_s, ret, &err);
	if (rc == -EBUSY)
		return cli_error(EXIT_BUSY, "%s", err.text);
	return rc < 0 ? cli_error(rc == -ENOENT ? EXIT_USAGE : EXIT_REFUSED, "%s", err.text) : 0;
}

static int go_on(const struct cli_tables *tables, const struct resume_options *o, const char *path,
		 struct resuming *resuming)
{
	/* Read anew once the bench is locked: these words are those that name the run, and cannot change. */
	const struct record *before = resuming_before(resuming);
	struct run_options options = o->run;
	struct bench_lock *held = NULL;
	char plan[FILE_PATH_MAX], bench[FILE_PATH_MAX], folder[FILE_PATH_MAX];
	char dut[sizeof(before->dut)], lot[sizeof(before->lot)], cartridge[sizeof(before->cartridge)];

	snprintf(plan, sizeof(plan), "%s", path_of(before, "plan", o->plan));
	snprintf(bench, sizeof(bench), "%s", path_of(before, "bench", o->run.bench));
	snprintf(dut, sizeof(dut), "%s", before->dut);
	snprintf(lot, sizeof(lot), "%s", before->lot);
	snprintf(cartridge, sizeof(cartridge), "%s", before->cartridge);
	folder_of(path, folder);
	options.bench = bench;
	options.output_dir = folder;
	options.dut = dut;
	options.lot = lot[0] ? lot : NULL;
	options.cartridge = cartridge[0] ? cartridge : NULL;
	int code = lock(o, bench, &held);
	if (code)
		return code;
	say_stop(before);
	return run_plan(tables, &options, plan, resuming, held);
}

static int resume_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	struct resuming *resuming = NULL;
	struct err err = {0};

	(void)count;
	int rc = resuming_open(operands[0], &resuming, &err);
	if (rc < 0)
		return cli_error(cli_exit_code(rc), "%s", err.text);
	int code = go_on(tables, options, operands[0], resuming);
	resuming_free(resuming);
	return code;
}

const struct command command_resume = {
	.name = "resume",
	.operands = "RUN",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Go on with a run that was interrupted, at its next point",
	.description = "RUN is the run file of a run that a signal, a lost device or the end of the program "
		       "interrupted. Its points "
		       "that were measured are taken over; the one that was interrupted is measured again, and its "
		       "attempt stays in "
		       "the report. The resumed run is a run of its own, with files of its own beside RUN, and its "
		       "verdict is that of "
		       "both parts: each has its own interlocks, tares and tests of the pen, a failure that was seen "
		       "in the first "
		       "part stays, and a stop that nobody saw there leaves no pass.\n\n"
		       "Plan, bench, phantoms, pen, cartridge, devices, calibrations and the program must be the same; "
		       "else it is "
		       "refused, and what differs is named. RUN is verified and derived again from its samples before "
		       "anything "
		       "moves, and keeps a note of who went on with it: no run is resumed twice. A resumed run that "
		       "was interrupted "
		       "can be resumed itself. Keep both run files in one folder: verify, analyze and requalify read "
		       "the first with "
		       "the second.\n\n"
		       "Exit codes are those of run: 8 where it is refused, 5 where the bench is in use, as by RUN "
		       "itself, 6 where "
		       "RUN was damaged or changed, 2 where it is not there.",
	.example = "  penrig resume out/SN-0417-conformance-20260601T220000Z.penrig --operator \"A. Meier\"\n",
	.options = resume_table,
	.options_size = sizeof(struct resume_options),
	.run = resume_run,
};
