/* `penrig history`: runs, and what is known of units, from the history; the history made again from run files. */
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/json.h"
#include "rig/cli/history_impact.h"
#include "rig/cli/history_options.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/indexing.h"
#include "rig/history/unit.h"

#define FOLDERS_AT_ONCE 16 /* descriptors */

struct history_options {
	struct choice choice;
	const char *impact;
	bool units, results, rebuild, json, csv;
};

#define AT(member) offsetof(struct history_options, member)
static const struct cli_option history_table[] = {
	CHOICE_ROWS(AT(choice)),
	{.name = "units",
	 .letter = 'u',
	 .kind = OPTION_FLAG,
	 .offset = AT(units),
	 .group = "What is done",
	 .help = "Show how each pen of these runs stands, by all runs of it, chosen or not."},
	{.name = "results",
	 .kind = OPTION_FLAG,
	 .offset = AT(results),
	 .help = "Show every result of these runs that a limit can name, with its expanded uncertainty and what it was "
		 "judged."},
	{.name = "impact",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(impact),
	 .help = "A calibration was found wrong: judge the runs that rest on it again by the corrected one in FILE, a "
		 "certificate (penrig/certificate/1) or a phantom's file, and list the verdicts that change. Writes "
		 "nothing."},
	{.name = "rebuild",
	 .kind = OPTION_FLAG,
	 .offset = AT(rebuild),
	 .help = "Take in every run file under the folders that are named; what the history has of these runs is made "
		 "anew."},
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = AT(json),
	 .group = "Output",
	 .help = "One JSON array on standard output, an object on each line; of --impact one object."},
	{.name = "csv", .kind = OPTION_FLAG, .offset = AT(csv), .help = "A row for each, RFC 4180."},
	{.name = NULL},
};

/* ---- rows in three forms ------------------------------------------------------------------------------------------- */

struct cell {
	const char *name, *text; /* text NULL: a number */
	long long number;
	double real; /* where `is_real`; NaN: there is none */
	bool is_real;
};

enum form { FORM_PEOPLE, FORM_JSON, FORM_CSV };

struct listing {
	enum form form;
	unsigned rows, passes, failures, again;
	struct unit unit; /* at hand, where units are listed */
	struct err *err;
};

static void csv_row(const struct cell *cell, unsigned count, bool names)
{
	for (unsigned i = 0; i < count; i++) {
		fputs(i ? "," : "", stdout);
		if (names)
			fputs(cell[i].name, stdout);
		else if (cell[i].text)
			print_csv(stdout, cell[i].text);
		else if (cell[i].is_real)
			isnan(cell[i].real) ? 0 : printf("%.10g", cell[i].real);
		else
			printf("%lld", cell[i].number);
	}
	fputs("\r\n", stdout);
}

static int json_row(const struct cell *cell, unsigned count, struct err *err)
{
	struct json_out *object = json_out_object();
	char *text = NULL;
	int rc = object ? 0 : err_set(err, -ENOMEM, "out of memory");

	for (unsigned i = 0; i < count && !rc; i++)
		if (cell[i].text)
			json_out_string(object, cell[i].name, cell[i].text);
		else if (cell[i].is_real && isnan(cell[i].real))
			json_out_null(object, cell[i].name);
		else if (cell[i].is_real)
			json_out_number(object, cell[i].name, cell[i].real, 17);
		else
			json_out_int(object, cell[i].name, cell[i].number);
	if (!rc)
		rc = json_out_print(object, false, &text, err);
	json_out_free(object);
	if (!rc) {
		size_t len = strlen(text);
		fwrite(text, 1, len && text[len - 1] == '\n' ? len - 1 : len, stdout);
	}
	free(text);
	return rc;
}

/* The first row brings what stands before it. */
static int put_row(struct listing *l, const struct cell *cell, unsigned count)
{
	if (l->form == FORM_CSV) {
		if (l->rows == 0)
			csv_row(cell, count, true);
		csv_row(cell, count, false);
		return 0;
	}
	fputs(l->rows ? ",\n" : "[\n", stdout);
	return json_row(cell, count, l->err);
}

static void put_end(const struct listing *l)
{
	if (l->form == FORM_JSON)
		fputs(l->rows ? "\n]\n" : "[]\n", stdout);
}

static void column(const char *text, int width)
{
	print_clean(stdout, text);
	printf("%*s", (int)strlen(text) < width ? width - (int)strlen(text) : 0, "");
	fputc(' ', stdout);
}

/* ---- runs ---------------------------------------------------------------------------------------------------------- */

static void show_run(struct listing *l, const struct history_run *run)
{
	char when[20], verdict[80];

	if (l->rows == 0)
		printf("%-19s %-16s %-14s %-18s run\n", "started, UTC", "unit", "plan", "verdict");
	snprintf(when, sizeof(when), "%.19s", run->started);
	snprintf(verdict, sizeof(verdict), "%s%s%s%s%s", run->verdict, *run->later ? ", later " : "", run->later,
		 run->again ? ", again" : "", run->disposition == DISPOSITIONS ? "" : " *");
	column(when, 19);
	column(run->dut, 16);
	column(run->plan, 14);
	column(verdict, 18);
	print_clean(stdout, run->name);
	if (strcmp(run->status, "complete") != 0)
		printf(" (%s)", run->status);
	fputc('\n', stdout);
	if (run->disposition != DISPOSITIONS) {
		printf("%20s* %s, %.10s, ", "", disposition_words[run->disposition], run->disposed_utc);
		print_clean(stdout, run->disposed_by);
		fputs(": ", stdout);
		print_clean(stdout, run->disposed_why);
		fputc('\n', stdout);
	}
}

static int list_run(struct listing *l, const struct history_run *run)
{
	const struct cell cell[] = {
		{.name = "started", .text = run->started},
		{.name = "ended", .text = run->ended},
		{.name = "dut", .text = run->dut},
		{.name = "lot", .text = run->lot},
		{.name = "plan", .text = run->plan},
		{.name = "bench", .text = run->bench},
		{.name = "operator", .text = run->operator_name},
		{.name = "dut_verdict", .text = run->verdict},
		{.name = "later_verdict", .text = run->later},
		{.name = "later_reason", .text = run->later_why},
		{.name = "run_status", .text = run->status},
		{.name = "exit_code", .number = run->exit_code},
		{.name = "reason", .text = run->reason},
		{.name = "disposition",
		 .text = run->disposition == DISPOSITIONS ? "" : disposition_words[run->disposition]},
		{.name = "disposed_by", .text = run->disposed_by},
		{.name = "disposed_why", .text = run->disposed_why},
		{.name = "disposed_utc", .text = run->disposed_utc},
		{.name = "software", .text = run->software},
		{.name = "recording", .text = run->origin},
		{.name = "recording_sha256", .text = run->recording},
		{.name = "imported_again", .number = run->again},
		{.name = "host", .text = run->host},
		{.name = "run", .text = run->name},
		{.name = "path", .text = run->path},
	};

	return put_row(l, cell, sizeof(cell) / sizeof(cell[0]));
}

static int on_run(void *ctx, const struct history_run *run)
{
	struct listing *l = ctx;
	int rc = 0;

	if (l->form == FORM_PEOPLE)
		show_run(l, run);
	else
		rc = list_run(l, run);
	enum unit_standing standing = unit_standing_of(run->verdict, run->later);
	l->rows++;
	l->again += run->again;
	l->passes += standing == UNIT_PASS && !run->again;
	l->failures += standing == UNIT_FAIL && !run->again;
	return rc;
}

/* A verdict that was formed later counts where it is the worse one, a recording that was imported again not at all. */
static void print_sum(const struct listing *l)
{
	unsigned runs = l->rows - l->again;

	printf("%s%u run%s: %u pass, %u fail, %u neither", l->rows ? "\n" : "", runs, runs == 1 ? "" : "s", l->passes,
	       l->failures, runs - l->passes - l->failures);
	if (l->again)
		printf("; and %u import%s of the same recordings", l->again, l->again == 1 ? "" : "s");
	putchar('\n');
}

static int list_runs(struct listing *l, struct history *history, const struct history_filter *filter, struct err *err)
{
	int rc = history_each_run(history, filter, ORDER_TIME, on_run, l, err);

	if (rc)
		return rc;
	put_end(l);
	if (l->form == FORM_PEOPLE)
		print_sum(l);
	return 0;
}

/* ---- results ------------------------------------------------------------------------------------------------------- */

static void show_result(const struct listing *l, const struct history_result *r)
{
	char when[20];

	if (l->rows == 0)
		printf("%-19s %-16s %-22s %10s %7s %12s %9s %-5s %-18s run\n", "started, UTC", "unit", "measurand",
		       "depth mm", "rate Hz", "value", "U", "", "");
	snprintf(when, sizeof(when), "%.19s", r->started);
	column(when, 19);
	column(r->dut, 16);
	column(r->measurand, 22);
	isnan(r->depth_mm) ? printf("%10s", "sweep") : printf("%10.4g", r->depth_mm);
	printf(" %7.4g", r->rate_hz);
	isnan(r->value) ? printf(" %12s %9s", "no value", "") : printf(" %12.5g %9.2g", r->value, r->expanded_u);
	putchar(' ');
	column(r->unit, 5);
	column(*r->outcome ? r->outcome : "no limit", 18);
	print_clean(stdout, r->run);
	putchar('\n');
}

static int list_result(struct listing *l, const struct history_result *r)
{
	const struct cell cell[] = {
		{.name = "started", .text = r->started},
		{.name = "dut", .text = r->dut},
		{.name = "lot", .text = r->lot},
		{.name = "run", .text = r->run},
		{.name = "measurand", .text = r->measurand},
		{.name = "method", .text = r->method},
		{.name = "phantom", .text = r->phantom},
		{.name = "depth_mm", .real = r->depth_mm, .is_real = true},
		{.name = "rate_hz", .real = r->rate_hz, .is_real = true},
		{.name = "value", .real = r->value, .is_real = true},
		{.name = "u", .real = r->u, .is_real = true},
		{.name = "expanded_u", .real = r->expanded_u, .is_real = true},
		{.name = "unit", .text = r->unit},
		{.name = "lower", .real = r->lower, .is_real = true},
		{.name = "upper", .real = r->upper, .is_real = true},
		{.name = "outcome", .text = r->outcome},
	};

	return put_row(l, cell, sizeof(cell) / sizeof(cell[0]));
}

static int on_result(void *ctx, const struct history_result *result)
{
	struct listing *l = ctx;
	int rc = 0;

	if (l->form == FORM_PEOPLE)
		show_result(l, result);
	else
		rc = list_result(l, result);
	l->rows++;
	return rc;
}

static int list_results(struct listing *l, struct history *history, const struct history_filter *filter,
			struct err *err)
{
	int rc = history_each_result(history, filter, NULL, NULL, false, on_result, l, err);

	if (rc)
		return rc;
	put_end(l);
	if (l->form == FORM_PEOPLE)
		printf("%s%u result%s\n", l->rows ? "\n" : "", l->rows, l->rows == 1 ? "" : "s");
	return 0;
}

/* ---- units --------------------------------------------------------------------------------------------------------- */

static void show_unit(struct listing *l, const struct unit *u)
{
	if (l->rows == 0)
		printf("%-20s %-12s %5s %5s %5s %5s  %s\n", "unit", "stands", "runs", "pass", "fail", "other",
		       "last run, UTC");
	column(u->dut, 20);
	printf("%-12s %5u %5u %5u %5u  %.19s\n", unit_standing_name(u->standing), u->runs, u->passes, u->failures,
	       u->others, u->last);
	if (u->standing == UNIT_PASS || u->standing == UNIT_UNKNOWN)
		return;
	fputs("  by ", stdout);
	print_clean(stdout, u->decided_by);
	fputs(": ", stdout);
	print_clean(stdout, u->decided_why);
	fputc('\n', stdout);
}

static int put_unit(struct listing *l)
{
	struct unit *u = &l->unit;
	const struct cell cell[] = {
		{.name = "dut", .text = u->dut},
		{.name = "stands", .number = 0},
		{.name = "runs", .number = u->runs},
		{.name = "pass", .number = u->passes},
		{.name = "fail", .number = u->failures},
		{.name = "other", .number = u->others},
		{.name = "set_aside", .number = u->set_aside},
		{.name = "last_started", .text = u->last},
		{.name = "decided_by", .text = u->decided_by},
		{.name = "decided_started", .text = u->decided_on},
		{.name = "decided_why", .text = u->decided_why},
	};
	struct cell filled[sizeof(cell) / sizeof(cell[0])];
	int rc = 0;

	if (u->runs == 0)
		return 0;
	unit_end(u);
	memcpy(filled, cell, sizeof(cell));
	filled[1].text = unit_standing_name(u->standing);
	if (l->form == FORM_PEOPLE)
		show_unit(l, u);
	else
		rc = put_row(l, filled, sizeof(cell) / sizeof(cell[0]));
	l->rows++;
	*u = (struct unit){.runs = 0};
	return rc;
}

static int on_unit_run(void *ctx, const struct history_run *run)
{
	struct listing *l = ctx;
	int rc = l->unit.runs && strcmp(l->unit.dut, run->dut) != 0 ? put_unit(l) : 0;

	unit_add(&l->unit, run);
	return rc;
}

static int list_units(struct listing *l, struct history *history, const struct history_filter *filter, struct err *err)
{
	int rc = history_each_run(history, filter, ORDER_UNIT, on_unit_run, l, err);

	if (!rc)
		rc = put_unit(l);
	if (rc)
		return rc;
	put_end(l);
	if (l->form == FORM_PEOPLE && l->rows == 0)
		printf("no run\n");
	return 0;
}

/* ---- made again ---------------------------------------------------------------------------------------------------- */

static struct { /* nftw() hands nothing through */
	struct history *history;
	unsigned taken, refused;
	int rc; /* of the history itself: then no file is looked at any more */
	struct err err;
} rebuilding;

static bool is_run_file(const char *path)
{
	size_t len = strlen(path), tail = strlen(RUNFILE_EXTENSION);

	return len > tail && strcmp(path + len - tail, RUNFILE_EXTENSION) == 0;
}

/* What a full or locked disk refuses, it refuses for every file. */
static bool ends_all(int rc)
{
	return rc == -ENOSPC || rc == -EROFS || rc == -EBUSY || rc == -ENOMEM || rc == -EIO;
}

static int on_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)at;
	if (type == FTW_DNR || type == FTW_NS) {
		rebuilding.refused++;
		cli_error(0, "%s cannot be read; left out", path);
		return 0;
	}
	if (type != FTW_F || !is_run_file(path))
		return 0;
	if (st->st_size == 0 && runfile_holds_nothing(path)) {
		cli_error(0, "%s is empty: its name was taken, and no run began", path);
		return 0;
	}
	int rc = indexing_take_file(rebuilding.history, path, &rebuilding.err);
	if (ends_all(rc)) {
		rebuilding.rc = rc;
		return 1;
	}
	if (rc) {
		rebuilding.refused++;
		cli_error(0, "%s; left out", rebuilding.err.text);
	} else {
		rebuilding.taken++;
	}
	return 0;
}

static int rebuild(struct history *history, const char *const *folder, unsigned count)
{
	memset(&rebuilding, 0, sizeof(rebuilding));
	rebuilding.history = history;
	for (unsigned i = 0; i < count; i++)
		if (nftw(folder[i], on_file, FOLDERS_AT_ONCE, FTW_PHYS) < 0)
			return cli_error(EXIT_USAGE, "%s: %s", folder[i], strerror(errno));
		else if (rebuilding.rc)
			return cli_error(EXIT_STORAGE, "%s; %u run files were taken in before", rebuilding.err.text,
					 rebuilding.taken);
	printf("%u run file%s taken in, %u left out\n", rebuilding.taken, rebuilding.taken == 1 ? "" : "s",
	       rebuilding.refused);
	return rebuilding.refused ? EXIT_STORAGE : EXIT_PASS;
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int check_words(const struct history_options *o, unsigned count, struct err *err)
{
	if (o->rebuild && count == 0)
		return err_set(err, -EINVAL,
			       "--rebuild wants the folders of the run files: penrig history --rebuild DIR");
	if (o->units + o->results + o->rebuild + (o->impact != NULL) > 1)
		return err_set(err, -EINVAL, "--units, --results, --rebuild, --impact: choose one");
	if (o->rebuild && o->choice.db)
		return err_set(err, -EINVAL, "--rebuild makes a bench's own history: penrig push brings it to --db");
	if (o->impact && o->choice.db)
		return err_set(err, -EINVAL, "--impact judges the run files of this computer again: not those of --db");
	if (!o->rebuild && count)
		return err_set(err, -EINVAL, "folders are named for --rebuild alone; runs are chosen by options");
	return 0;
}

static int answer(const struct history_options *o, struct history *history, const struct history_filter *filter)
{
	struct err err = {""};
	struct listing l = {.form = o->json ? FORM_JSON : o->csv ? FORM_CSV : FORM_PEOPLE, .err = &err};
	int rc = o->units     ? list_units(&l, history, filter, &err)
		 : o->results ? list_results(&l, history, filter, &err)
			      : list_runs(&l, history, filter, &err);

	return rc ? cli_error(EXIT_STORAGE, "%s", err.text) : EXIT_PASS;
}

static int history_run(const struct cli_tables *tables, const void *options, const char *const *operands,
		       unsigned count)
{
	const struct history_options *o = options;
	struct history_filter filter;
	struct history *history = NULL;
	struct err err = {""};
	int code;

	(void)tables;
	if (check_words(o, count, &err) < 0 || choice_filter(&o->choice, &filter, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	const struct indexing where = {.history = o->choice.history, .state = o->choice.state};
	int rc = o->rebuild ? indexing_open(&where, &history, &err)
			    : choice_open(&o->choice, &filter, o->units, &history, &err);
	if (rc)
		return cli_error(choice_exit_code(&o->choice, rc), "%s", err.text);
	const struct impact_request impact = {.file = o->impact, .json = o->json, .csv = o->csv, .filter = filter};
	code = o->impact    ? history_impact(history, &impact)
	       : o->rebuild ? rebuild(history, operands, count)
			    : answer(o, history, &filter);
	history_close(history);
	return code;
}

const struct command command_history = {
	.name = "history",
	.operands = "[DIR...]",
	.operands_min = 0,
	.operands_max = OPERANDS_MAX,
	.group = "Many runs",
	.summary = "Show a bench's runs, and how each pen stands by all of its runs",
	.description =
		"Every run goes into the history at its end, also one that was interrupted or lost a device. Runs are "
		"listed in the order of their start, those that all the options choose.\n\n"
		"--units says how each pen stands: a failure stays, whatever passes come later, unless a supervisor's "
		"disposition of that run says otherwise (penrig dispose). Where nothing failed, the newest verdict by "
		"each plan counts, and the worst of the plans.\n\n"
		"The history holds nothing that the run files do not hold. A run that could not be taken in at its end "
		"says so; --rebuild DIR takes in every run file under DIR that is as it was written.\n\n"
		"--db asks the server of a fleet: all benches' runs that it has, superseded ones too, with what was "
		"decided of them later. Imported recordings are not there. A run that no bench has handed over yet is "
		"not known there (penrig benches: outbox).\n\n"
		"The exit code is 0 shown, 2 wrong usage, 6 the history cannot be read or written, or a run file was "
		"left out, could not be judged again, or the server is not reached; 9 with --impact: a verdict "
		"changes; 3 with --impact: no run rests on what its file names.",
	.example = "  penrig history --device LC-2001 --since 2026-03-01 --results\n"
		   "  penrig history --impact LC-2001-corrected.json --since 2026-03-01\n"
		   "  penrig history --units --lot L7\n"
		   "  penrig history --rebuild /srv/runs\n",
	.options = history_table,
	.options_size = sizeof(struct history_options),
	.run = history_run,
};
