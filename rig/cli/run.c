/* `penrig run`: reads plan and bench, hands them to a session in the poll loop, keeps people informed, writes the
 * reports. What happens to the pen is the session's business alone. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "rig/base/digest.h"
#include "rig/cli/kit/answers.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/indexing.h"
#include "rig/cli/kit/keeping.h"
#include "rig/cli/kit/keys.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/kit/progress.h"
#include "rig/cli/kit/prompt.h"
#include "rig/cli/kit/reference.h"
#include "rig/cli/kit/sealing.h"
#include "rig/cli/kit/signals.h"
#include "rig/cli/kit/waiting.h"
#include "rig/cli/replug.h"
#include "rig/cli/resuming.h"
#include "rig/cli/run.h"
#include "rig/cli/version.h"
#include "rig/judge/verdict.h"

#define REPLUG_TRIES     3 /* to go on, in a row, before the pen was started: a device that is listed then does not work */
#define REPLUG_AGAIN_NS  (1 * NS_PER_S)  /* until it is tried again */
#define REPLUG_RARELY_NS (30 * NS_PER_S) /* the same, at most, where only a try tells whether a device is there */
#define REPLUG_MAX_S     3600.0
#define REPLUG_LOCK_S    15.0 /* for the bench: longer than a stopper tries its pen, and no signal is heard meanwhile */

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
	bool wants_words; /* the question that is open */
	struct answers answers;
	struct session *session;
	struct keeping keeping;
	FILE *people; /* where tables and verdict go */
	bool suspend;
	double start_within_s;  /* 0: no bound */
	double start_by_s;      /* on loop_boot_ns(); 0: no bound */
	double end_by_s;        /* the same */
	uint64_t began_ns;      /* of the program, by the loop's clock */
	uint64_t began_boot_ns; /* and by loop_boot_ns() */
	struct bench_lock
		*lock; /* of a bench that was waited for, until the session has it; and behind a lost device */
	struct delivery delivery;
	struct golden_pass stands_on; /* where record->golden is valid */
	struct resuming *resuming;    /* NULL: the run begins with its first point */
	bool began;                   /* a session: else nothing of it is told but why */
	unsigned part;                /* from 1; one more each time a lost device was back */
	double replug_s;              /* 0: a lost device is not waited for */
	unsigned tries;               /* parts in a row that did not start the pen */
	uint64_t back_by_ns;          /* of those: until when it is waited */
	bool unheard;                 /* session_unheard() of this part */
	int signal;                   /* by which the wait for its device ended */
	struct signing_key *key;      /* NULL: the run is not sealed */
	bool sealed;                  /* it is, and once is enough */
	int unsealed;                 /* exit code of a pass with an earlier part that is not sealed; else EXIT_PASS */
	char bench_owner[KEY_OWNER_MAX];
};

/* ---- what the session tells and asks --------------------------------------------------------------------------- */

static void on_progress(void *ctx, const struct session_progress *now)
{
	struct run *run = ctx;

	if (now->stage < STAGE_SAVING)
		events_setpoint(&run->progress.events, run->plan, run->points, run->point_count, now->point);
	progress_show(&run->progress, now);
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

/* ---- before ---------------------------------------------------------------------------------------------------- */

static int fill_record(struct run *run, struct err *err)
{
	const struct run_options *o = run->options;
	struct record *r = run->record;
	char reason[160] = "";
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
	if (o->override && !o->operator_name)
		return err_set(err, -EINVAL, "--override needs --operator: who overrides stands in the record");
	if ((rc = record_text("--override", o->override, reason, sizeof(reason), err)) < 0)
		return rc;
	for (unsigned i = 0; i < o->attr.count && rc == 0; i++)
		rc = record_attribute(o->attr.item[i], r, err);
	if (rc == 0 && run->resuming)
		resuming_name(run->resuming, r);
	return rc;
}

static int want_reports(struct run *run, struct err *err)
{
	const struct option_list *wanted = &run->options->report;
	int rc = delivery_init(&run->delivery, run->tables->reports, wanted->item, wanted->count, err);

	run->delivery.complain = cli_complain;
	if (rc < 0)
		err_prefix(err, "--report");
	return rc;
}

static bool needs_operator(const struct run *run)
{
	for (unsigned i = run->resuming ? resuming_point(run->resuming) : 0; i < run->point_count; i++)
		if (run->points[i].phantom_change)
			return true;
	return false;
}

static bool can_ask(const struct run *run)
{
	return !run->options->no_input && (run->options->answer_fd || isatty(STDIN_FILENO));
}

/* Before anything moves: a run that cannot be sealed in the end is not begun. */
static int load_key(struct run *run, struct err *err)
{
	const struct run_options *o = run->options;
	int rc = o->sign && !run->key ? keys_load(o->sign, o->password_file, &run->key, err) : 0;

	if (rc == 0 && o->sign && !run->bench_owner[0])
		rc = keys_signer(run->key, true, NULL, run->bench_owner, err);
	if (rc < 0)
		err_prefix(err, "--sign");
	return rc;
}

static int read_boot_s(const char *option, const char *text, double *ret_s, struct err *err)
{
	char *end = NULL;

	if (!text)
		return 0;
	*ret_s = strtod(text, &end);
	return end != text && !*end && *ret_s > 0 && *ret_s < 1e9
		       ? 0
		       : err_set(err, -EINVAL, "%s %.40s: must be seconds since this computer began, above zero",
				 option, text);
}

static int read_replug(struct run *run, struct err *err)
{
	const char *text = run->options->replug_timeout;

	if (!text || strcmp(text, "0") == 0)
		return 0;
	if (parse_duration(text, &run->replug_s) == 0 && run->replug_s <= REPLUG_MAX_S)
		return 0;
	return err_set(err, -EINVAL,
		       "--replug-timeout %.40s: must be 0, or a time up to an hour, for example 30s or 2m", text);
}

static bool has_inputs(const struct bench *bench)
{
	for (unsigned i = 0; i < bench->devices; i++)
		if (bench->device[i].inputs.there)
			return true;
	return false;
}

/* A pen that runs when it is back fails: one whose driver stops it unasked would not be found out. Nor would an emergency stop
 * that is pressed and released while nothing is read: it may be what took the pen's power. */
static int check_replug(const struct run *run, struct err *err)
{
	const struct bench_device *pen = bench_device(run->bench, ROLE_PEN);
	const struct driver *const *driver = run->tables->drivers;

	while (*driver && strcmp((*driver)->name, pen->driver) != 0)
		driver++;
	if (run->replug_s > 0 && has_inputs(run->bench))
		return err_set(
			err, -EINVAL,
			"--replug-timeout: this bench has safety inputs, which nobody reads while it is waited, and "
			"behind them no pen starts again by itself: leave it out, and go on by `penrig resume`");
	if (run->replug_s <= 0 || (*driver && (*driver)->says_it_ran))
		return 0;
	return err_set(
		err, -EINVAL,
		"--replug-timeout: with the driver \"%s\" nothing tells whether the pen ran when it is back: leave "
		"it out, and go on by `penrig resume`",
		pen->driver);
}

/* Of both bounds the earlier one. */
static uint64_t start_by_boot_ns(const struct run *run)
{
	double within_s = run->start_within_s > 0 ? 1e-9 * (double)run->began_boot_ns + run->start_within_s : INFINITY;
	double by_s = run->start_by_s > 0 ? fmin(run->start_by_s, within_s) : within_s;

	return isfinite(by_s) ? (uint64_t)(by_s * 1e9) : 0;
}

/* NULL or empty: none is named. */
static const char *bench_path(const struct run_options *options)
{
	return options->bench ? options->bench : getenv("PENRIG_BENCH");
}

static int read_inputs(struct run *run, const char *plan_path, struct err *err)
{
	const char *bench = bench_path(run->options);
	int rc;

	if (run->options->start_within && parse_duration(run->options->start_within, &run->start_within_s) < 0)
		return err_set(err, -EINVAL, "--start-within %s: must be a time above zero, for example 90s or 15m",
			       run->options->start_within);
	if ((rc = read_boot_s("--start-by", run->options->start_by, &run->start_by_s, err)) < 0 ||
	    (rc = read_boot_s("--end-by", run->options->end_by, &run->end_by_s, err)) < 0 ||
	    (rc = read_replug(run, err)) < 0)
		return rc;
	if (!bench || !*bench)
		return err_set(err, -EINVAL, "--bench is missing: --bench FILE, or PENRIG_BENCH in the environment");
	if ((rc = fill_record(run, err)) < 0 || (rc = want_reports(run, err)) < 0 || (rc = load_key(run, err)) < 0 ||
	    (rc = plan_read(plan_path, &run->plan, err)) < 0 || (rc = bench_read(bench, &run->bench, err)) < 0 ||
	    (rc = bench_check_drivers(run->bench, run->tables->drivers, err)) < 0 ||
	    (rc = check_replug(run, err)) < 0 ||
	    (rc = plan_expand(run->plan, run->bench, &run->points, &run->point_count, err)) < 0 ||
	    (rc = plan_check_still(run->plan, run->bench, err)) < 0 ||
	    (rc = plan_check_power(run->plan, run->bench, err)) < 0)
		return rc;
	return 0;
}

static int check_operator(const struct run *run, struct err *err)
{
	if (needs_operator(run) && !can_ask(run))
		return err_set(err, -EINVAL,
			       "%s changes phantoms or takes them away during the run, which needs an operator: run it "
			       "on a terminal%s, or with --answer-fd",
			       run->plan->path, run->options->no_input ? " without --no-input" : "");
	return 0;
}

#define OVERRIDDEN_MAX 310 /* bytes that the record has for it, beside the reason */

/* Refusals are all named, one behind the other; anything else that went wrong comes before them. */
static void note(int rc, const struct err *why, int *ret_rc, struct err *ret_why)
{
	const size_t len = strlen(ret_why->text), room = sizeof(ret_why->text) - len;

	if (rc == 0 || (*ret_rc && *ret_rc != -EKEYREJECTED))
		return;
	if (*ret_rc == -EKEYREJECTED && rc == -EKEYREJECTED)
		snprintf(ret_why->text + len, room, "; %.*s", (int)room, why->text);
	else
		*ret_why = *why;
	*ret_rc = rc;
}

/* Who approved what. 0, or -EKEYREJECTED with all that production refuses. */
static int look_at_approvals(struct run *run, const struct keyring *ring, struct err *err)
{
	time_t seconds = (time_t)(loop_wall_ns(run->loop) / NS_PER_S);
	struct bench *bench = run->bench;
	struct err why = {0};
	char today[11];
	struct tm tm;
	int first = 0;

	gmtime_r(&seconds, &tm);
	strftime(today, sizeof(today), "%Y-%m-%d", &tm);
	note(approval_read(run->plan->doc, ring, today, &run->plan->approval, &why), &why, &first, err);
	note(approval_read(bench->doc, ring, today, &bench->approval, &why), &why, &first, err);
	for (unsigned i = 0; i < bench->phantoms; i++)
		note(approval_read(bench->phantom[i].doc, ring, today, &bench->phantom[i].approval, &why), &why, &first,
		     err);
	return first;
}

static int check_exactly(const struct option_list *wanted, const struct json_doc *doc, const char *what,
			 struct err *err)
{
	char sha256[DIGEST_HEX];
	size_t len = 0;
	const char *text = json_text(doc, &len);

	digest_text(text, len, sha256);
	for (unsigned i = 0; i < wanted->count; i++)
		if (strcasecmp(wanted->item[i], sha256) == 0)
			return 0;
	return wanted->count
		       ? err_set(err, -EKEYREJECTED,
				 "--exactly: the %s is another file, or was changed: its SHA-256 is %s", what, sha256)
		       : 0;
}

/* Whoever allowed this run saw these files. */
static int check_files(const struct run *run, struct err *err)
{
	const struct option_list *wanted = &run->options->exactly;
	const struct bench *bench = run->bench;
	int rc = check_exactly(wanted, run->plan->doc, "plan", err);

	if (!rc)
		rc = check_exactly(wanted, bench->doc, "bench", err);
	for (unsigned i = 0; i < bench->phantoms && !rc; i++)
		rc = check_exactly(wanted, bench->phantom[i].doc, "phantom's calibration", err);
	return rc;
}

/* Whether change control lets this run begin: 0, -EKEYREJECTED, or what else went wrong. */
static int check_control(struct run *run, struct err *err)
{
	const struct run_options *o = run->options;
	bool production = o->production || run->bench->production;
	const char *own = getenv("PENRIG_KEYS");
	bool outside =
		o->keys || (own && *own); /* a bench file is among what is approved: it names no approver of its own */
	const char *folder = o->keys ? o->keys : !outside && *run->bench->keys ? run->bench->keys : NULL;
	struct keyring *ring = calloc(1, sizeof(*ring));
	struct err why = {0}, version = {0};
	int refused = 0;

	if (!ring)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = keys_trusted(NULL, folder, ring, err);
	bool looked = !rc && (production ? outside : ring->count > 0);
	int approvals = looked ? look_at_approvals(run, ring, &why) : 0;
	if (production && !outside && !rc)
		approvals = err_set(&why, -EKEYREJECTED,
				    "whose approval counts is not told by what is approved: name the folder of keys by "
				    "--keys DIR or PENRIG_KEYS");
	free(ring);
	if (rc)
		return rc;
	snprintf(run->record->approvals, sizeof(run->record->approvals), "%s",
		 approval_demand_name(production ? APPROVALS_DEMANDED
				      : !looked  ? APPROVALS_NOT_LOOKED_AT
				      : outside  ? APPROVALS_LOOKED_AT
						 : APPROVALS_OWN_KEYS));
	*err = (struct err){0};
	note(bench_check_version(run->bench, run->record->software_version, &version), &version, &refused, err);
	note(production ? approvals : 0, &why, &refused, err);
	if (!refused || !o->override || refused != -EKEYREJECTED)
		return refused;
	const struct err all = *err;
	if (strlen(err->text) > OVERRIDDEN_MAX) /* only what the record names is overridden */
		return err_set(err, refused,
			       "%.300s...: more than the record of one --override can name; mend some of it first",
			       all.text);
	snprintf(run->record->override, sizeof(run->record->override), "%.159s (%.*s)", o->override, OVERRIDDEN_MAX,
		 err->text);
	return 0;
}

/* Beside the earlier parts, and whatever else stands there under such a name. */
static int name_part(struct run *run, struct err *err)
{
	char name[sizeof(run->record->name)];
	int rc = -EEXIST;

	for (unsigned n = run->part; n < run->part + 100 && rc == -EEXIST; n++) {
		snprintf(name, sizeof(name), "%.*s-%u", (int)sizeof(name) - 12, run->options->name, n);
		rc = name_chosen(&run->delivery, run->record, name, err);
	}
	return rc;
}

static int choose_name(struct run *run, struct err *err)
{
	if (run->options->name && run->part > 1)
		return name_part(run, err);
	if (run->options->name)
		return name_chosen(&run->delivery, run->record, run->options->name, err);
	return name_default(&run->delivery, run->record, run->plan->name, loop_wall_ns(run->loop), err);
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

static int open_surroundings(struct run *run, struct err *err)
{
	struct style style = style_of(stderr, (enum colour_choice)run->options->color);
	int event_fd = -1, rc;

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
	    (rc = signals_block(err)) < 0 ||
	    (rc = loop_new(run->tables->clock, run->tables->clock_ctx, &run->loop, err)) < 0)
		return rc;
	if (run->tables->on_loop && (rc = run->tables->on_loop(run->loop)) < 0)
		return err_set(err, rc, "cannot begin: %s", strerror(-rc));
	return 0;
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
	return check_operator(run, &err) < 0 ? cli_error(EXIT_USAGE, "%s", err.text) : 0;
}

static int on_known(void *ctx, struct record *record, struct err *err)
{
	const struct run *run = ctx;

	return reference_check_devices(run->bench, &run->stands_on, record, err);
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
static int seal(struct run *run, int code)
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
	code = seal(run, code);
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
	events_end(&run->progress.events, r, run->plan, code);
	return code;
}

static void run_free(struct run *run)
{
	loop_free(run->loop);
	free(run->points);
	record_free(run->record);
	signing_key_free(run->key);
	bench_free(run->bench);
	plan_free(run->plan);
	/* Nothing was seen to of what an earlier run may have left: the next one must find it. */
	bench_lock_keep(run->lock);
}

/* ---- a device that was lost and is back ------------------------------------------------------------------------ */

static int execute(struct run *run, const char *plan_path);

/* Which part the next one goes on with: one that never started the pen took nothing over. */
static void path_to_go_on(const struct run *run, char ret[DELIVERY_PATH_MAX])
{
	const struct record *r = run->record;

	if (run->resuming && !resuming_taken(run->resuming))
		snprintf(ret, DELIVERY_PATH_MAX, "%s", resuming_path(run->resuming));
	else
		snprintf(ret, DELIVERY_PATH_MAX, "%s/%s" RUNFILE_EXTENSION, r->folder, r->name);
}

/* All devices had said who they are, so it can be told whether they are the same. */
static bool were_known(const struct record *r)
{
	for (unsigned i = 0; i < r->devices; i++)
		if (r->device[i].limits.rate_max_hz > 0)
			return true;
	return false;
}

/* A pen that failed has nothing to be tried away. */
static bool may_go_on(const struct run *run)
{
	const struct record *r = run->record;
	bool took = !run->resuming || resuming_taken(run->resuming);

	if (run->replug_s <= 0 || r->run_status != RUN_DEVICE_LOST || session_shows_failure(r) ||
	    r->sessions == RECORD_SESSIONS_MAX)
		return false;
	if (took)
		return were_known(r) && !session_dead_end(r, run->plan, true);
	return run->tries < REPLUG_TRIES || replug_is_tried(run->tables->links, run->bench);
}

/* When the devices are opened next: what no link lists may need all of the time, and each try leaves a run file. */
static uint64_t next_try_ns(const struct run *run, uint64_t now_ns)
{
	uint64_t again_ns = REPLUG_AGAIN_NS;

	if (!run->tries)
		return now_ns;
	for (unsigned i = REPLUG_TRIES; i <= run->tries && again_ns < REPLUG_RARELY_NS; i++)
		again_ns *= 2;
	return now_ns + again_ns < run->back_by_ns ? now_ns + again_ns : run->back_by_ns;
}

/* Of both bounds the earlier one, by the loop's clock. */
static uint64_t back_by_ns(const struct run *run, uint64_t now_ns)
{
	uint64_t boot_ns = loop_boot_ns(), end_ns = (uint64_t)(run->end_by_s * 1e9);
	uint64_t wait_ns = (uint64_t)(run->replug_s * 1e9), left_ns = end_ns > boot_ns ? end_ns - boot_ns : 0;

	return now_ns + (end_ns && left_ns < wait_ns ? left_ns : wait_ns);
}

static bool too_late(const struct run *run)
{
	cli_error(0, "it was not plugged in again within %g s%s", run->replug_s,
		  run->end_by_s > 0 ? ", or by --end-by" : "");
	return false;
}

static bool is_back(struct run *run)
{
	const struct record *r = run->record;
	uint64_t now_ns = loop_now_ns(run->loop);
	struct replug_came came = {.how = REPLUG_LATE};
	struct err err = {0};
	char text[2 * ERR_TEXT_MAX];

	if (!run->tries)
		run->back_by_ns = back_by_ns(run, now_ns);
	else if (now_ns >= run->back_by_ns)
		return too_late(run);
	uint64_t try_ns = next_try_ns(run, now_ns);
	const struct replug_wait wait = {.loop = run->loop,
					 .links = run->tables->links,
					 .bench = run->bench,
					 .dut = r->dut,
					 .from_ns = now_ns < try_ns ? try_ns : now_ns,
					 .until_ns = run->back_by_ns};

	snprintf(text, sizeof(text), "%.400s; waiting %g s for it to be plugged in again, then the pen starts anew%s",
		 r->status_reason, (double)(run->back_by_ns - now_ns) * 1e-9,
		 r->moved && !r->stop_verified ? " (nobody saw the pen stop: the verdict can be a fail, but no pass)"
					       : "");
	progress_show(&run->progress, &(struct session_progress){.stage = STAGE_OPENING,
								 .points = run->point_count,
								 .depth_set_mm = NAN,
								 .rate_set_hz = NAN,
								 .rate_hz = NAN,
								 .depth_mm = NAN,
								 .force_n = NAN,
								 .handle_c = NAN,
								 .text = text});
	if (replug_wait(&wait, &came, &err) < 0)
		cli_error(0, "%s", err.text);
	else if (came.how == REPLUG_LATE)
		too_late(run);
	else if (came.how == REPLUG_INTERRUPTED)
		cli_error(0, "interrupted while it was waited for");
	run->signal = came.signal;
	return came.how == REPLUG_BACK;
}

/* False: it could not begin, which is said, and the part before is the last one. */
static bool next_part(struct run *before, const char *plan_path, struct resuming *resuming, int *ret_code)
{
	struct run_options options = *before->options;
	bool took = !before->resuming || resuming_taken(before->resuming);
	struct run run = {.tables = before->tables,
			  .options = &options,
			  .record = record_new(),
			  .loop = before->loop,
			  .progress = before->progress,
			  .people = before->people,
			  .lock = before->lock,
			  .resuming = resuming,
			  .part = before->part + 1,
			  .tries = took ? 1 : before->tries + 1,
			  .back_by_ns = before->back_by_ns,
			  .key = before->key,
			  .unsealed = seal(before, before->unsealed)};

	options.start_within = options.start_by = NULL; /* the pen was started in time */
	memcpy(run.bench_owner, before->bench_owner, sizeof(run.bench_owner));
	before->loop = NULL;
	before->key = NULL;
	before->lock = NULL;
	*ret_code = run.record ? execute(&run, plan_path) : cli_error(EXIT_INTERNAL, "out of memory");
	if (!run.began) {
		before->loop = run.loop;
		run.loop = NULL;
	}
	run_free(&run);
	return run.began;
}

/* As `penrig resume` does, where the device is there again in time: what this part measured is closed, and the next one has
 * everything looked at anew. False: it is this part that the program ends with. */
static bool goes_on(struct run *run, const char *plan_path, int *ret_code)
{
	struct resuming *resuming = NULL;
	char path[DELIVERY_PATH_MAX];
	struct err err = {0};

	if (run->resuming && resuming_taken(run->resuming))
		run->tries = 0;
	if (!may_go_on(run) || !is_back(run))
		return false;
	path_to_go_on(run, path);
	uint64_t now_ns = loop_now_ns(run->loop);
	double left_s = now_ns < run->back_by_ns ? (double)(run->back_by_ns - now_ns) * 1e-9 : 0;
	int rc = resuming_open(path, &resuming, &err);
	if (rc == 0 && !run->lock) /* the stopper has it, while it tries the pen */
		rc = bench_wait(bench_path(run->options), fmin(left_s, REPLUG_LOCK_S), &run->lock, &err);
	if (rc < 0) {
		resuming_free(resuming);
		cli_error(0, "the run does not go on: %s", err.text);
		return false;
	}
	resuming_at_once(resuming, run->unheard);
	(void)deliver_last_word(&run->delivery, run->record);
	bool began = next_part(run, plan_path, resuming, ret_code);
	resuming_free(resuming);
	return began;
}

static int execute(struct run *run, const char *plan_path)
{
	const struct indexing where = {.history = run->options->history, .state = run->options->state};
	struct err err = {0};
	int rc;

	rc = read_inputs(run, plan_path, &err);
	if (rc < 0)
		return cli_error(cli_usage_code(rc), "%s", err.text);
	if (name_folder(run->record->folder, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err.text);
	rc = open_surroundings(run, &err);
	if (rc < 0)
		return cli_error(cli_usage_code(rc), "%s", err.text);
	if (keeping_check_made(run->tables->made_ns, loop_wall_ns(run->loop), &err) < 0)
		return cli_error(EXIT_REFUSED, "%s", err.text);
	rc = check_files(run, &err);
	if (!rc)
		rc = check_control(run, &err);
	if (rc < 0)
		return cli_error(rc == -EKEYREJECTED ? EXIT_REFUSED : cli_exit_code(rc), "%s", err.text);
	int refused = take_over(run);
	if (refused)
		return refused;
	if (reference_stand_on(run->bench, run->record->dut, &where, loop_wall_ns(run->loop), &run->record->golden,
			       &run->stands_on, &err) < 0)
		return cli_error(EXIT_REFUSED, "%s", err.text);
	rc = choose_name(run, &err);
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
	if (goes_on(run, plan_path, &rc))
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
	int rc = look.record ? read_inputs(&look, plan_path, &err) : -ENOMEM;

	if (rc == 0)
		rc = check_operator(&look, &err);
	run_free(&look);
	if (rc < 0)
		return cli_error(cli_usage_code(rc), "%s", err.text);
	if (parse_duration(time_text, &wait_s) < 0)
		return cli_error(EXIT_USAGE, "--wait %s: must be a time above zero, for example 90s, 15m or 2h",
				 time_text);
	rc = bench_wait(bench_path(before->options), wait_s, ret, &err);
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
		code = execute(&run, plan_path);
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
