/* `penrig run`: reads plan and bench, hands them to a session in the poll loop, keeps people informed, writes the
 * reports. What happens to the pen is the session's business alone. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/cli/kit/command.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/kit/progress.h"
#include "rig/cli/kit/prompt.h"
#include "rig/cli/kit/render.h"
#include "rig/cli/kit/signals.h"
#include "rig/cli/version.h"
#include "rig/judge/verdict.h"

struct run_options {
	const char *bench, *dut, *operator_name, *lot, *cartridge, *output_dir, *name, *progress_fd;
	struct option_list attr, report;
	bool json, no_input, quiet;
	int color;
};

#define AT(member) offsetof(struct run_options, member)
static const struct cli_option run_table[] = {
	{.name = "bench",
	 .letter = 'b',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(bench),
	 .group = "What is tested",
	 .help = "The bench file: devices, calibrations, phantoms. Default: the environment's PENRIG_BENCH."},
	{.name = "dut",
	 .letter = 'd',
	 .kind = OPTION_TEXT,
	 .arg = "SERIAL",
	 .offset = AT(dut),
	 .help = "Serial number of the pen under test. A pen that tells another one is refused. Required."},
	{.name = "operator",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(operator_name),
	 .group = "For the record",
	 .help = "Who runs the test."},
	{.name = "lot", .kind = OPTION_TEXT, .arg = "LOT", .offset = AT(lot), .help = "Production lot of the pen."},
	{.name = "cartridge",
	 .kind = OPTION_TEXT,
	 .arg = "ID",
	 .offset = AT(cartridge),
	 .help = "Needle cartridge in use."},
	{.name = "attr",
	 .letter = 'a',
	 .kind = OPTION_LIST,
	 .arg = "KEY=VALUE",
	 .offset = AT(attr),
	 .help = "Anything else that the report shall carry; may be repeated."},
	{.name = "output-dir",
	 .letter = 'o',
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(output_dir),
	 .group = "Output",
	 .help = "Where the run file and the reports go; made where it does not exist. Default: the current folder."},
	{.name = "name",
	 .letter = 'n',
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(name),
	 .help = "Stem of their names. Default: DUT-PLAN-TIME in UTC."},
	{.name = "report",
	 .letter = 'r',
	 .kind = OPTION_LIST,
	 .arg = "FORMAT",
	 .offset = AT(report),
	 .help = "One more report beside the JSON one, which is always written: junit. May be repeated."},
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = AT(json),
	 .help = "Print the JSON report alone on standard output; everything else goes to standard error."},
	{.name = "quiet",
	 .letter = 'q',
	 .kind = OPTION_FLAG,
	 .offset = AT(quiet),
	 .help = "No progress and no table: the verdict and the files only."},
	{.name = "progress-fd",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = AT(progress_fd),
	 .help = "Write one line of JSON per event to descriptor N, for programs that watch."},
	{.name = "color",
	 .kind = OPTION_WORD,
	 .arg = "WHEN",
	 .offset = AT(color),
	 .words = colour_words,
	 .help = "auto, always or never. auto heeds NO_COLOR and whether the output is a terminal."},
	{.name = "no-input",
	 .kind = OPTION_FLAG,
	 .offset = AT(no_input),
	 .group = "Behaviour",
	 .help = "Ask nothing. A plan that needs the operator's hand is refused before anything moves."},
	{.name = NULL},
};

struct run {
	const struct cli_tables *tables;
	const struct run_options *options;
	struct plan *plan;
	struct bench *bench;
	struct plan_point *points;
	unsigned point_count;
	struct record *record;
	struct loop *loop;
	struct signals signals;
	struct progress progress;
	struct prompt prompt;
	struct session *session;
	FILE *people; /* where tables and verdict go */
	bool suspend;
	bool reported; /* a report was written while the record said `reported_status` */
	enum run_status reported_status;
};

/* ---- reports --------------------------------------------------------------------------------------------------- */

static bool wanted(const struct run *run, const struct report_writer *writer)
{
	if (strcmp(writer->id, "json") == 0)
		return true;
	for (unsigned i = 0; i < run->options->report.count; i++)
		if (strcmp(run->options->report.item[i], writer->id) == 0)
			return true;
	return false;
}

static const struct report_writer *find_writer(const struct cli_tables *tables, const char *id)
{
	for (unsigned i = 0; tables->reports[i]; i++)
		if (strcmp(tables->reports[i]->id, id) == 0)
			return tables->reports[i];
	return NULL;
}

static void report_path(const struct record *record, const struct report_writer *writer, char *ret, size_t size)
{
	snprintf(ret, size, "%s/%s%s", record->folder, record->name, writer->extension);
}

static int save_reports(struct run *run, struct err *err)
{
	char path[FILE_PATH_MAX + 160];
	int rc = 0;

	for (unsigned i = 0; run->tables->reports[i] && rc == 0; i++) {
		if (!wanted(run, run->tables->reports[i]))
			continue;
		report_path(run->record, run->tables->reports[i], path, sizeof(path));
		rc = report_save(run->tables->reports[i], run->record, path, err);
		if (rc == 0) {
			run->reported = true;
			run->reported_status = run->record->run_status;
		}
	}
	return rc;
}

/* What was written before the record's last word must not outlive it: a report that says more than was saved is worse
 * than none. */
static void correct_reports(struct run *run)
{
	char path[FILE_PATH_MAX + 160];
	struct err err = {0};

	for (unsigned i = 0; run->tables->reports[i]; i++) {
		const struct report_writer *writer = run->tables->reports[i];

		report_path(run->record, writer, path, sizeof(path));
		if (!wanted(run, writer) || report_save(writer, run->record, path, &err) == 0)
			continue;
		cli_error(0, "%s", err.text);
		if (unlink(path) < 0 && errno != ENOENT)
			cli_error(0, "%s says what is no longer true and cannot be removed: %s", path, strerror(errno));
	}
}

static int json_text_of(const struct run *run, char **ret, struct err *err)
{
	const struct report_writer *writer = find_writer(run->tables, "json");
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int rc = out ? writer->write(run->record, out, err) : err_set(err, -ENOMEM, "out of memory");

	if (out && fclose(out) != 0 && rc == 0)
		rc = err_set(err, -ENOMEM, "out of memory");
	if (rc < 0)
		free(text);
	else
		*ret = text;
	return rc;
}

/* Without a run file (refused before there was one) the reports are a courtesy: their failure must not hide the
 * refusal. */
static int on_finish(void *ctx, struct record *record, struct runfile *rf, struct err *err)
{
	struct run *run = ctx;
	struct err ignored = {0};
	char *text = NULL;
	int rc;

	if (!rf) {
		if (save_reports(run, &ignored) < 0)
			cli_error(0, "%s", ignored.text);
		return 0;
	}
	rc = json_text_of(run, &text, err);
	if (rc == 0)
		rc = runfile_finish(rf, record, text, err);
	if (rc == 0)
		rc = save_reports(run, err);
	else if (record->run_status == RUN_STORAGE_FAILED) /* what is known of the pen is told all the same */
		(void)save_reports(run, &ignored);
	free(text);
	return rc;
}

/* ---- what the session tells and asks --------------------------------------------------------------------------- */

static void on_progress(void *ctx, const struct session_progress *now)
{
	progress_show(&((struct run *)ctx)->progress, now);
}

static void on_prompt(void *ctx, const char *text)
{
	struct run *run = ctx;

	progress_prompt(&run->progress, text);
	if (prompt_ask(&run->prompt) < 0)
		session_answer(run->session, false);
}

static void on_answer(void *ctx, bool go_on)
{
	session_answer(((struct run *)ctx)->session, go_on);
}

static void on_signal(void *ctx, int number)
{
	struct run *run = ctx;

	if (number == SIGTSTP && run->suspend)
		return;
	run->suspend = run->suspend || number == SIGTSTP;
	session_interrupt(run->session, number);
}

static void on_ended(void *ctx)
{
	loop_stop(((struct run *)ctx)->loop);
}

/* ---- before ---------------------------------------------------------------------------------------------------- */

static int fill_record(struct run *run, struct err *err)
{
	const struct run_options *o = run->options;
	struct record *r = run->record;
	int rc = 0;

	version_record(r);
	if (!o->dut)
		return err_set(err, -EINVAL, "--dut is missing: --dut SERIAL names the pen under test");
	if ((rc = record_text("--dut", o->dut, r->dut, sizeof(r->dut), err)) < 0 ||
	    (rc = record_text("--operator", o->operator_name, r->operator_name, sizeof(r->operator_name), err)) < 0 ||
	    (rc = record_text("--lot", o->lot, r->lot, sizeof(r->lot), err)) < 0 ||
	    (rc = record_text("--cartridge", o->cartridge, r->cartridge, sizeof(r->cartridge), err)) < 0 ||
	    (rc = record_text("--output-dir", o->output_dir ? o->output_dir : ".", r->folder, sizeof(r->folder), err)) <
		    0)
		return rc;
	for (unsigned i = 0; i < o->attr.count && rc == 0; i++)
		rc = record_attribute(o->attr.item[i], r, err);
	return rc;
}

static int check_reports(const struct run *run, struct err *err)
{
	for (unsigned i = 0; i < run->options->report.count; i++)
		if (!find_writer(run->tables, run->options->report.item[i]))
			return err_set(err, -EINVAL, "--report %s: no such format; \"penrig version\" lists them",
				       run->options->report.item[i]);
	return 0;
}

static bool needs_operator(const struct run *run)
{
	for (unsigned i = 0; i < run->point_count; i++)
		if (run->points[i].phantom_change)
			return true;
	return false;
}

static bool can_ask(const struct run *run)
{
	return !run->options->no_input && isatty(STDIN_FILENO);
}

static int read_inputs(struct run *run, const char *plan_path, struct err *err)
{
	const char *bench = run->options->bench ? run->options->bench : getenv("PENRIG_BENCH");
	int rc;

	if (!bench || !*bench)
		return err_set(err, -EINVAL, "--bench is missing: --bench FILE, or PENRIG_BENCH in the environment");
	if ((rc = fill_record(run, err)) < 0 || (rc = check_reports(run, err)) < 0 ||
	    (rc = plan_read(plan_path, &run->plan, err)) < 0 || (rc = bench_read(bench, &run->bench, err)) < 0 ||
	    (rc = plan_expand(run->plan, run->bench, &run->points, &run->point_count, err)) < 0 ||
	    (rc = plan_check_still(run->plan, run->bench, err)) < 0)
		return rc;
	if (needs_operator(run) && !can_ask(run))
		return err_set(err, -EINVAL,
			       "%s changes phantoms or takes them away during the run, which needs an operator: run it "
			       "on a terminal%s",
			       plan_path, run->options->no_input ? " without --no-input" : "");
	return 0;
}

/* The folder and the parents it lacks. */
static int make_folder(const char *folder, struct err *err)
{
	char path[FILE_PATH_MAX];

	snprintf(path, sizeof(path), "%s", folder);
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0777);
		*slash = '/';
	}
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return err_set(err, -errno, "cannot make the output folder %s: %s", folder, strerror(errno));
	if (access(path, W_OK | X_OK) < 0)
		return err_set(err, -errno, "cannot write into the output folder %s: %s", folder, strerror(errno));
	return 0;
}

static int choose_name(struct run *run, struct err *err)
{
	const char *chosen = run->options->name;
	struct record *r = run->record;
	int rc;

	if (!chosen) {
		name_default(r->dut, run->plan->name, loop_wall_ns(run->loop), r->folder, run->tables->reports,
			     r->name);
		return 0;
	}
	rc = name_check(chosen, r->folder, run->tables->reports, err);
	if (rc == 0)
		snprintf(r->name, sizeof(r->name), "%s", chosen);
	return rc;
}

static int descriptor_of(const char *text, int *ret, struct err *err)
{
	char *end;
	long n;

	if (!text)
		return 0;
	errno = 0;
	n = strtol(text, &end, 10);
	if (*end || end == text || errno || n < 0 || n > 65535)
		return err_set(err, -EINVAL,
			       "--progress-fd %s: must be the number of an open descriptor, for example 3", text);
	*ret = (int)n;
	return 0;
}

static int open_surroundings(struct run *run, struct err *err)
{
	struct style style = style_of(stderr, (enum colour_choice)run->options->color);
	int event_fd = -1, rc;

	if ((rc = descriptor_of(run->options->progress_fd, &event_fd, err)) < 0 ||
	    (rc = progress_init(&run->progress, STDERR_FILENO, event_fd, run->options->quiet, style, err)) < 0 ||
	    (rc = signals_block(err)) < 0 ||
	    (rc = loop_new(run->tables->clock, run->tables->clock_ctx, &run->loop, err)) < 0)
		return rc;
	if (run->tables->on_loop && (rc = run->tables->on_loop(run->loop)) < 0)
		return err_set(err, rc, "cannot begin: %s", strerror(-rc));
	return 0;
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

static int drive(struct run *run, struct err *err)
{
	struct session_config config = {
		.loop = run->loop,
		.links = run->tables->links,
		.drivers = run->tables->drivers,
		.plan = run->plan,
		.bench = run->bench,
		.points = run->points,
		.point_count = run->point_count,
		.record = run->record,
		.observer = {.ctx = run, .progress = on_progress, .prompt = can_ask(run) ? on_prompt : NULL},
		.finish = on_finish,
		.finish_ctx = run,
		.ended = on_ended,
		.ended_ctx = run,
	};
	int rc;

	run->prompt = (struct prompt){.loop = run->loop, .fd = STDIN_FILENO, .answer = on_answer, .ctx = run};
	rc = session_start(&config, &run->session, err);
	if (rc < 0)
		return rc;
	rc = signals_open(&run->signals, run->loop, on_signal, run, err);
	if (rc < 0) {
		session_free(run->session);
		return rc;
	}
	session_run(run->session);
	prompt_cancel(&run->prompt);
	signals_close(&run->signals);
	session_free(run->session);
	return 0;
}

/* ---- after ----------------------------------------------------------------------------------------------------- */

static void print_files(const struct run *run)
{
	const struct record *r = run->record;
	char path[FILE_PATH_MAX + 160];

	snprintf(path, sizeof(path), "%s/%s.penrig", r->folder, r->name);
	if (access(path, F_OK) == 0)
		fprintf(run->people, "run file: %s\n", path);
	for (unsigned i = 0; run->tables->reports[i]; i++) {
		report_path(r, run->tables->reports[i], path, sizeof(path));
		if (wanted(run, run->tables->reports[i]) && access(path, F_OK) == 0)
			fprintf(run->people, "report:   %s\n", path);
	}
}

static int print_json(const struct run *run, int code)
{
	struct err err = {0};
	char *text = NULL;

	if (json_text_of(run, &text, &err) < 0)
		return cli_error(code ? code : EXIT_INTERNAL, "%s", err.text);
	fputs(text, stdout);
	free(text);
	return code;
}

static int conclude(struct run *run)
{
	const struct record *r = run->record;
	struct style style = style_of(run->people, (enum colour_choice)run->options->color);
	struct style shout = run->progress.style;
	int code = verdict_exit_code(r);

	if (run->reported && run->reported_status != r->run_status)
		correct_reports(run);
	progress_end(&run->progress, r, code);
	if (!run->options->quiet) {
		fputc('\n', run->people);
		render_header(run->people, r);
		render_points(run->people, &style, r);
		render_extras(run->people, &style, r);
	}
	render_verdict(run->people, &style, r);
	print_files(run);
	if (run->options->json)
		code = print_json(run, code);
	if (r->run_status != RUN_COMPLETE && run->people == stdout && !style.big)
		cli_error(0, "%s", *r->status_reason ? r->status_reason : run_status_name(r->run_status));
	fflush(run->people);
	if (r->moved && !r->stop_verified)
		render_stop_unverified(stderr, &shout, r->stop_text);
	return code;
}

static int execute(struct run *run, const char *plan_path)
{
	struct err err = {0};

	if (read_inputs(run, plan_path, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	if (make_folder(run->record->folder, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err.text);
	if (open_surroundings(run, &err) < 0 || choose_name(run, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	if (drive(run, &err) < 0)
		return cli_error(EXIT_INTERNAL, "%s", err.text);
	if (run->suspend)
		signals_suspend();
	return conclude(run);
}

static int run_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	struct run run = {.tables = tables, .options = options, .record = record_new()};
	int code;

	(void)count;
	if (!run.record)
		return cli_error(EXIT_INTERNAL, "out of memory");
	run.people = run.options->json ? stderr : stdout;
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	code = execute(&run, operands[0]);
	loop_free(run.loop);
	free(run.points);
	record_free(run.record);
	bench_free(run.bench);
	plan_free(run.plan);
	return code;
}

const struct command command_run = {
	.name = "run",
	.operands = "PLAN",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Test a pen against a plan and write the report",
	.description = "Drives the pen named by --dut through every point of PLAN on the bench named by --bench, "
		       "measures, judges, and "
		       "writes NAME.penrig (the run file: everything the verdict rests on) and NAME.report.json.\n\n"
		       "Whatever ends a run, the pen is stopped first and the load signal is watched until it shows "
		       "that the needles "
		       "stand still. SIGINT (Ctrl-C), SIGTERM, SIGHUP and SIGQUIT end the run so and save what was "
		       "proven; a second "
		       "signal skips saving, never stopping. Ctrl-Z ends the run too, and suspends the process after "
		       "that: a pen is "
		       "not resumed unattended.\n\n"
		       "A plan that changes phantoms or takes them away asks on the terminal; Enter means done, q "
		       "gives up.\n\n"
		       "The exit code is 0 for a pass, or a conditional pass that the plan accepts, only: 1 the pen "
		       "failed, 2 wrong usage, plan or bench file, 3 inconclusive or within a guard band, 4 device "
		       "lost, 5 bench in use, 6 storage, 7 internal error, 8 refused, "
		       "128+n signal n.",
	.example = "  penrig run conformance.json --bench bench-3.json --dut SN-0417 --operator \"A. Meier\" --report "
		   "junit\n",
	.options = run_table,
	.options_size = sizeof(struct run_options),
	.run = run_run,
};
