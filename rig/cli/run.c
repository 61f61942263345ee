/* `penrig run`: reads plan and bench, hands them to a session in the poll loop, keeps people informed, writes the
 * reports. What happens to the pen is the session's business alone. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/cli/kit/allowing.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/indexing.h"
#include "rig/cli/kit/sealing.h"
#include "rig/cli/kit/waiting.h"
#include "rig/cli/replug.h"
#include "rig/cli/run_inside.h"
#include "rig/judge/verdict.h"

const char *const run_report_words[] = {"json",  "junit", "text", "html", "csv",     "strokes", "tap", "prom",
					"jsonl", "dfq",   "wsjf", "atml", "openhtf", "dcc",     NULL};

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
	RUN_ROWS_CONTROL,
	{.name = "output-dir",
	 .letter = 'o',
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(output_dir),
	 .group = "Output",
	 .help = "Where the run file and the reports go; made where it does not exist. Default: the current folder."},
	RUN_ROWS_OUTPUT,
	{.name = "start-within",
	 .kind = OPTION_TEXT,
	 .arg = "TIME",
	 .offset = AT(start_within),
	 .help = "Where the pen has not been started when TIME is over (90s, 15m), do not start it, and end with exit "
		 "code 5. For programs that hand out work."},
	{.name = "start-by",
	 .kind = OPTION_TEXT,
	 .arg = "SECONDS",
	 .offset = AT(start_by),
	 .help = "The same, once this computer's CLOCK_BOOTTIME has reached SECONDS: counted from when the work was "
		 "handed "
		 "out, not from when this program began."},
	{.name = "end-by",
	 .kind = OPTION_TEXT,
	 .arg = "SECONDS",
	 .offset = AT(end_by),
	 .help = "Once CLOCK_BOOTTIME has reached SECONDS, interrupt the run as a signal would: whoever waits for its "
		 "bench, or for what it uses, may rely on it."},
	{.name = NULL},
};

/* ---- what the session tells and asks --------------------------------------------------------------------------- */

static void on_progress(void *ctx, const struct session_progress *now)
{
	struct run *run = ctx;

	if (now->stage < STAGE_SAVING)
		events_setpoint(&run->progress.events, run->plan, run->points, run->point_count, now->point);
	progress_show(&run->progress, now);
	ocp_live_progress(run->ocp, run->record, now);
}

static void on_prompt(void *ctx, const struct session_prompt *prompt)
{
	struct run *run = ctx;

	run->wants_words = prompt->question == QUESTION_SCAN_PEN;
	progress_prompt(&run->progress, prompt);
	prompt_cancel(&run->prompt); /* an urgent question takes the place of the one that is open */
	if (run->answers.fd >= 0)
		answers_ask(&run->answers, run->progress.events.asked, run->wants_words);
	else if (prompt_ask(&run->prompt) < 0)
		session_answer(run->session, false);
}

static void on_words(void *ctx, const char *words)
{
	session_answer_words(((struct run *)ctx)->session, words);
}

static void on_answer(void *ctx, bool go_on)
{
	session_answer(((struct run *)ctx)->session, go_on);
}

/* Nothing that was typed is swallowed: it is said what would be an answer. */
static int on_other_answer(void *ctx, const char *line)
{
	struct run *run = ctx;

	if (run->wants_words) {
		prompt_cancel(&run->prompt);
		on_words(run, line);
		return 0;
	}
	progress_remind(&run->progress, line);
	return 0;
}

static void on_signal(void *ctx, int number)
{
	struct run *run = ctx;

	if (number == SIGTSTP && run->suspend)
		return;
	run->suspend = run->suspend || number == SIGTSTP;
	answers_cancel(&run->answers);
	prompt_cancel(&run->prompt); /* what is typed from now on belongs to whoever reads next */
	session_interrupt(run->session, number);
}

static void on_stop(void *ctx)
{
	on_signal(ctx, SIGTERM);
}

static void on_refused(void *ctx, const char *line, const char *why)
{
	events_refused(&((struct run *)ctx)->progress.events, line, why);
}

static int on_finish(void *ctx, struct record *record, struct runfile *rf, struct err *err)
{
	return deliver(&((struct run *)ctx)->delivery, record, rf, err);
}

static void on_ended(void *ctx)
{
	loop_stop(((struct run *)ctx)->loop);
}

static int descriptor_of(const char *option, const char *text, int *ret, struct err *err)
{
	char *end;
	long n;

	if (!text)
		return 0;
	errno = 0;
	n = strtol(text, &end, 10);
	if (*end || end == text || errno || n < 0 || n > 65535)
		return err_set(err, -EINVAL, "%s %s: must be the number of an open descriptor, for example 3", option,
			       text);
	*ret = (int)n;
	return 0;
}

/* Lines of two kinds in one stream would be read as neither. */
static int check_apart(const struct run_options *o, int event_fd, int ocp_fd, struct err *err)
{
	if (ocp_fd >= 0 && ocp_fd == event_fd)
		return err_set(err, -EINVAL, "--progress-fd %d and --ocp-fd %d: give each a descriptor of its own",
			       event_fd, ocp_fd);
	if (o->json && (ocp_fd == STDOUT_FILENO || event_fd == STDOUT_FILENO))
		return err_set(err, -EINVAL, "--%s-fd 1: with --json the report goes to standard output: take another",
			       ocp_fd == STDOUT_FILENO ? "ocp" : "progress");
	return 0;
}

static int open_surroundings(struct run *run, struct err *err)
{
	struct style style = style_of(stderr, (enum colour_choice)run->options->color);
	int event_fd = -1, ocp_fd = -1, rc;

	run->answers = (struct answers){.fd = -1,
					.waits = run->tables->on_question,
					.answer = on_answer,
					.say = on_words,
					.stop = on_stop,
					.refused = on_refused,
					.ctx = run};
	if ((rc = descriptor_of("--answer-fd", run->options->answer_fd, &run->answers.fd, err)) < 0 ||
	    (rc = answers_check(&run->answers, err)) < 0 || run->loop)
		return rc; /* a later part goes on with what the first one opened */
	if ((rc = descriptor_of("--progress-fd", run->options->progress_fd, &event_fd, err)) < 0 ||
	    (rc = progress_init(&run->progress, STDERR_FILENO, event_fd, run->options->quiet, style, err)) < 0 ||
	    (rc = descriptor_of("--ocp-fd", run->options->ocp_fd, &ocp_fd, err)) < 0 ||
	    (rc = check_apart(run->options, event_fd, ocp_fd, err)) < 0 ||
	    (rc = ocp_live_new(ocp_fd, &run->ocp, err)) < 0 || (rc = signals_block(err)) < 0 ||
	    (rc = loop_new(run->tables->clock, run->tables->clock_ctx, &run->loop, err)) < 0)
		return rc;
	if (run->tables->on_loop && (rc = run->tables->on_loop(run->loop)) < 0)
		return err_set(err, rc, "cannot begin: %s", strerror(-rc));
	return 0;
}

/* 0, -EKEYREJECTED: it must not begin, or what else went wrong. */
static int check_allowed(struct run *run, struct err *err)
{
	const struct run_options *o = run->options;
	const struct allowing allowing = {.plan = run->plan,
					  .bench = run->bench,
					  .exactly = &o->exactly,
					  .keys = o->keys,
					  .override = o->override,
					  .production = o->production,
					  .wall_ns = loop_wall_ns(run->loop)};
	int rc = allowing_files(&allowing, err);

	return rc ? rc : allowing_control(&allowing, run->record, err);
}

/* 0, or an exit code with the reason said. */
static int take_over(struct run *run)
{
	const bool production = run->options->production || run->bench->production;
	const struct resuming_plan now = {.plan = run->plan,
					  .bench = run->bench,
					  .points = run->points,
					  .point_count = run->point_count,
					  .production = production,
					  .wall_ns = loop_wall_ns(run->loop)};
	struct err err = {0};
	int rc = run->resuming ? resuming_take(run->resuming, run->record, &now, &err) : 0;

	if (rc < 0)
		return cli_error(rc == -EKEYREJECTED ? EXIT_REFUSED : cli_exit_code(rc), "%s", err.text);
	return run_check_operator(run, &err) < 0 ? cli_error(EXIT_USAGE, "%s", err.text) : 0;
}

static int on_known(void *ctx, struct record *record, struct err *err)
{
	const struct run *run = ctx;

	return reference_check_devices(run->bench, &run->stands_on, record, err);
}

/* Of both bounds the earlier one. */
static uint64_t start_by_boot_ns(const struct run *run)
{
	double within_s = run->start_within_s > 0 ? 1e-9 * (double)run->began_boot_ns + run->start_within_s : INFINITY;
	double by_s = run->start_by_s > 0 ? fmin(run->start_by_s, within_s) : within_s;

	return isfinite(by_s) ? (uint64_t)(by_s * 1e9) : 0;
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
		.observer = {.ctx = run, .progress = on_progress, .prompt = run_can_ask(run) ? on_prompt : NULL},
		.lock = run->lock,
		.lock_for = run->replug_s > 0 ? REPLUG_LOCK_FOR : NULL,
		.resume = run->resuming ? resuming_session(run->resuming) : NULL,
		.stopper = run->tables->stopper,
		.start_by_ns = run->start_within_s > 0 ? run->began_ns + (uint64_t)(run->start_within_s * 1e9) : 0,
		.start_by_boot_ns = start_by_boot_ns(run),
		.end_by_boot_ns = (uint64_t)(run->end_by_s * 1e9),
		.known = on_known,
		.known_ctx = run,
		.finish = on_finish,
		.finish_ctx = run,
		.ended = on_ended,
		.ended_ctx = run,
	};
	int rc;

	run->prompt = (struct prompt){
		.loop = run->loop, .fd = STDIN_FILENO, .answer = on_answer, .other = on_other_answer, .ctx = run};
	rc = session_start(&config, &run->session, err);
	if (rc < 0)
		return rc;
	run->lock = NULL;
	rc = answers_open(&run->answers, run->loop, err);
	if (rc < 0)
		return rc;
	rc = signals_open(&run->signals, run->loop, on_signal, run, err);
	if (rc < 0)
		return rc;
	session_run(run->session);
	prompt_cancel(&run->prompt);
	answers_close(&run->answers);
	signals_close(&run->signals);
	return 0;
}

/* ---- after ----------------------------------------------------------------------------------------------------- */

static void print_files(const struct run *run)
{
	const struct record *r = run->record;
	const struct delivery *d = &run->delivery;
	char path[DELIVERY_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s" RUNFILE_EXTENSION, r->folder, r->name);
	if (access(path, F_OK) == 0)
		fprintf(run->people, "run file: %s\n", path);
	else if (r->refusal == REFUSED_DUT)
		fputs("no pen was tested, so no run file and no report are left\n", run->people);
	for (unsigned i = 0; i < d->writers; i++) {
		delivery_path(r, d->writer[i], path);
		if (delivery_stands(r, d->writer[i]))
			fprintf(run->people, "report:   %s\n", path);
	}
}

/* The last thing of all: nothing is written into the file behind it. Without a file (the run was refused) there is nothing
 * to seal. */
int run_seal(struct run *run, int code)
{
	const struct record *r = run->record;
	const struct sealing sealing = {.key = run->key,
					.bench = true,
					.signer = run->bench_owner,
					.meaning = "measured",
					.wall_ns = loop_wall_ns(run->loop),
					.head = r->journal_head};
	struct err err = {0};
	char path[DELIVERY_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s" RUNFILE_EXTENSION, r->folder, r->name);
	if (!run->key || run->sealed || access(path, F_OK) != 0)
		return code;
	run->sealed = seal_run(path, &sealing, run->people, &err) == 0;
	if (run->sealed)
		return code;
	cli_error(0, "the run is NOT sealed: %s", err.text);
	return code == EXIT_PASS ? EXIT_STORAGE : code;
}

static int print_json(const struct run *run, int code)
{
	struct err err = {0};
	char *text = NULL;

	if (report_string(report_kept(run->tables->reports), run->record, &text, &err) < 0)
		return cli_error(code ? code : EXIT_INTERNAL, "%s", err.text);
	fputs(text, stdout);
	free(text);
	return code;
}

/* No exit code says that a reader went away: what it would have read stands in the report. A full disk is no reader. */
static int end_ocp(struct run *run, int code)
{
	struct err err = {0};
	int rc = ocp_live_end(run->ocp, run->record, code, &err);

	if (!rc)
		return code;
	cli_error(0, "%s; \"penrig report --format jsonl\" writes them all", err.text);
	return code != EXIT_PASS || rc == -EPIPE || rc == -ECONNRESET || rc == -ETIMEDOUT ? code : EXIT_STORAGE;
}

static int conclude(struct run *run)
{
	const struct record *r = run->record;
	struct style style = style_of(run->people, (enum colour_choice)run->options->color);
	struct style shout = run->progress.style;
	int code = verdict_exit_code(r);

	(void)deliver_last_word(&run->delivery, r);
	if (run->options->outcome) {
		struct run_outcome *o = run->options->outcome;
		snprintf(o->name, sizeof(o->name), "%s", r->name);
		snprintf(o->verdict, sizeof(o->verdict), "%s", verdict_name(r));
		o->stop_unverified = r->moved && !r->stop_verified;
		if (r->safety_stop)
			snprintf(o->safety_stop, sizeof(o->safety_stop), "%.199s", r->status_reason);
	}
	progress_end(&run->progress);
	if (!run->options->quiet) {
		fputc('\n', run->people);
		render_header(run->people, r);
		render_points(run->people, &style, r);
		render_extras(run->people, &style, r);
	}
	render_verdict(run->people, &style, r);
	if (run->options->quiet && r->has_verdict) /* of a refused run nothing else is to be said */
		render_failures(run->people, r);
	print_files(run);
	code = run_seal(run, code);
	if (code == EXIT_PASS)
		code = run->unsealed;
	if (run->signal && code == EXIT_DEVICE_LOST)
		code = 128 + run->signal;
	if (run->options->json)
		code = print_json(run, code);
	if (r->run_status != RUN_COMPLETE && run->people == stdout && !style.big)
		cli_error(0, "%s", *r->status_reason ? r->status_reason : run_status_name(r->run_status));
	code = cli_flush(code);
	if (r->moved && !r->stop_verified)
		render_stop_unverified(stderr, &shout, r->stop_text);
	code = end_ocp(run, code);
	events_end(&run->progress.events, r, run->plan, code);
	return code;
}

void run_free(struct run *run)
{
	loop_free(run->loop);
	ocp_live_free(run->ocp);
	free(run->points);
	record_free(run->record);
	signing_key_free(run->key);
	bench_free(run->bench);
	plan_free(run->plan);
	/* Nothing was seen to of what an earlier run may have left: the next one must find it. */
	bench_lock_keep(run->lock);
}

int run_execute(struct run *run, const char *plan_path)
{
	const struct indexing where = {.history = run->options->history, .state = run->options->state};
	struct err err = {0};
	int rc;

	rc = run_read_inputs(run, plan_path, &err);
	if (rc < 0)
		return cli_error(cli_usage_code(rc), "%s", err.text);
	if (name_folder(run->record->folder, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err.text);
	rc = open_surroundings(run, &err);
	if (rc < 0)
		return cli_error(cli_usage_code(rc), "%s", err.text);
	if (keeping_check_made(run->tables->made_ns, loop_wall_ns(run->loop), &err) < 0)
		return cli_error(EXIT_REFUSED, "%s", err.text);
	rc = check_allowed(run, &err);
	if (rc < 0)
		return cli_error(rc == -EKEYREJECTED ? EXIT_REFUSED : cli_exit_code(rc), "%s", err.text);
	int refused = take_over(run);
	if (refused)
		return refused;
	if (reference_stand_on(run->bench, run->record->dut, &where, loop_wall_ns(run->loop), &run->record->golden,
			       &run->stands_on, &err) < 0)
		return cli_error(EXIT_REFUSED, "%s", err.text);
	rc = run_choose_name(run, &err);
	if (rc < 0)
		return cli_error(cli_exit_code(rc), "%s", err.text);
	rc = keeping_begin(&run->keeping, run->options->state, run->bench, run->record, run->loop, run->tables->honest,
			   &err);
	if (rc >= 0)
		rc = keeping_begin_proof(&run->keeping, run->plan, run->bench, run->record, &err);
	if (rc >= 0)
		rc = keeping_begin_reference(&run->keeping, run->plan, run->bench, run->record, &err);
	if (rc < 0) {
		delivery_give_name_back(run->record);
		return cli_error(rc == -EKEYEXPIRED ? EXIT_REFUSED : EXIT_STORAGE, "%s", err.text);
	}
	run->began = true;
	events_begin(&run->progress.events, run->record, run->plan, run->bench->name, run->point_count);
	rc = drive(run, &err);
	delivery_give_name_back(run->record);
	keeping_end(&run->keeping, run->bench, run->session, run->record);
	indexing_end(&where, run->record);
	run->unheard = run->session && session_unheard(run->session);
	run->lock = run->session ? session_take_lock(run->session) : run->lock;
	session_free(run->session);
	if (rc < 0)
		return cli_error(EXIT_INTERNAL, "%s", err.text);
	if (run_goes_on(run, plan_path, &rc))
		return rc;
	bench_lock_release(run->lock);
	run->lock = NULL;
	if (run->suspend || run->signal == SIGTSTP)
		signals_suspend();
	return conclude(run);
}

/* What is wrong with the files is said before the waiting. They are read anew behind it, as is all that hangs on the day: it
 * may have been long. Nothing of the run has begun until then, so a signal just ends it. */
static int wait_first(const struct run *before, const char *plan_path, struct bench_lock **ret)
{
	struct run look = {.tables = before->tables, .options = before->options, .record = record_new()};
	const char *time_text = before->options->wait;
	double wait_s;
	struct err err = {0};
	int rc = look.record ? run_read_inputs(&look, plan_path, &err) : -ENOMEM;

	if (rc == 0)
		rc = run_check_operator(&look, &err);
	run_free(&look);
	if (rc < 0)
		return cli_error(cli_usage_code(rc), "%s", err.text);
	if (parse_duration(time_text, &wait_s) < 0)
		return cli_error(EXIT_USAGE, "--wait %s: must be a time above zero, for example 90s, 15m or 2h",
				 time_text);
	rc = bench_wait(run_bench_path(before->options), wait_s, ret, &err);
	return rc < 0 ? cli_error(rc == -EBUSY ? EXIT_BUSY : EXIT_REFUSED, "%s", err.text) : 0;
}

int run_plan(const struct cli_tables *tables, const struct run_options *options, const char *plan_path,
	     struct resuming *resuming, struct bench_lock *lock)
{
	struct run run = {.tables = tables,
			  .options = options,
			  .record = record_new(),
			  .resuming = resuming,
			  .part = 1,
			  .lock = lock};
	int code = 0;

	run.began_ns = tables->clock->now_ns(tables->clock_ctx);
	run.began_boot_ns = loop_boot_ns();
	run.people = options->json || options->to_stderr ? stderr : stdout;
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	if (!run.record)
		code = cli_error(EXIT_INTERNAL, "out of memory");
	else if (options->wait && !lock)
		code = wait_first(&run, plan_path, &run.lock);
	if (!code)
		code = run_execute(&run, plan_path);
	run_free(&run);
	return code;
}

static int run_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	(void)count;
	return run_plan(tables, options, operands[0], NULL, NULL);
}

const struct command command_run = {
	.name = "run",
	.operands = "PLAN",
	.operands_min = 1,
	.operands_max = 1,
	.group = "Test a pen",
	.summary = "Test a pen against a plan and write the report",
	.description =
		"Drives the pen named by --dut through every point of PLAN on the bench named by --bench, "
		"measures, judges, and "
		"writes NAME.penrig (the run file: everything the verdict rests on) and NAME.report.json.\n\n"
		"Whatever ends a run, the pen is stopped first and the load signal is watched until it shows "
		"that the needles "
		"stand still. SIGINT (Ctrl-C), SIGTERM, SIGHUP and SIGQUIT end the run so and save what was "
		"proven; a second "
		"signal skips saving, never stopping. Ctrl-Z ends the run too, and suspends the process after "
		"that: a pen is "
		"not resumed unattended. Where penrig itself is killed, or stands still for longer than the bench file "
		"says, a process of its own stops the pen (docs/safety.md).\n\n"
		"A plan that changes phantoms or takes them away asks on the terminal; Enter means done, q "
		"gives up. With --answer-fd it asks by an event, and a program answers.\n\n"
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
