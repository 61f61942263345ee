/* `penrig report`: any report from any run file. Verifies the file first; writes beside it, and never over what is there
 * unless told to. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reports/deliver.h"
#include "rig/base/disk.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/keys.h"
#include "rig/cli/kit/lot.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/kit/pdf.h"
#include "rig/offline/reopen.h"

struct report_options {
	struct option_list format;
	const char *output, *output_dir, *judged;
	bool force;
};

#define AT(member) offsetof(struct report_options, member)
static const char *const format_words[] = {"json",  "junit", "text", "html", "csv",     "strokes", "tap", "prom",
					   "jsonl", "dfq",   "wsjf", "atml", "openhtf", "dcc",     "pdf", NULL};

static const struct cli_option report_options_table[] = {
	{.name = "format",
	 .letter = 'f',
	 .kind = OPTION_LIST,
	 .arg = "FORMAT",
	 .offset = AT(format),
	 .words = format_words,
	 .help = "json (default), junit, text, html, pdf, csv, strokes, tap, prom, jsonl, dfq, wsjf, atml, openhtf or "
		 "dcc; "
		 "may "
		 "be repeated."},
	{.name = "judged",
	 .letter = 'j',
	 .kind = OPTION_TEXT,
	 .arg = "WHICH",
	 .offset = AT(judged),
	 .help = "Which verdict: own, that of the run (default); the number of a later one, as penrig show lists them; "
		 "or latest, the newest of all."},
	{.name = "output",
	 .letter = 'o',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(output),
	 .group = "Output",
	 .help = "Where one report goes; - is standard output. Default: the names that penrig run and penrig analyze "
		 "give, beside the run file."},
	{.name = "output-dir",
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(output_dir),
	 .help = "Another folder for those names; made where it does not exist."},
	{.name = "force", .kind = OPTION_FLAG, .offset = AT(force), .help = "Replace files that are there."},
	{.name = NULL},
};

struct reporting {
	const struct cli_tables *tables;
	const struct report_options *options;
	const char *path; /* of the run file */
	const struct report_writer *writer[OPTION_LIST_MAX];
	char *target[OPTION_LIST_MAX]; /* of each writer; NULL: standard output */
	bool taken[OPTION_LIST_MAX];   /* made here, and empty as yet */
	unsigned writers;
	struct runfile_reader *reader;
	struct record *record;
	char *stored; /* the kept report's text as the run file has it; NULL: it has none */
};

/* Formats that a program of the computer's makes of one of ours: no two times the same bytes, so nothing that is verified. */
static const struct report_writer *const made_elsewhere[] = {&report_pdf, NULL};

/* ---- what is wanted -------------------------------------------------------------------------------------------- */

static void want(struct reporting *r, const struct report_writer *writer)
{
	for (unsigned i = 0; i < r->writers; i++)
		if (r->writer[i] == writer)
			return;
	r->writer[r->writers++] = writer;
}

static int choose_formats(struct reporting *r, struct err *err)
{
	const struct option_list *format = &r->options->format;

	for (unsigned i = 0; i < format->count; i++) {
		const struct report_writer *writer = report_find(r->tables->reports, format->item[i]);

		if (!writer)
			writer = report_find(made_elsewhere, format->item[i]);
		if (!writer)
			return err_set(err, -EINVAL, "--format %s: no such format; \"penrig version\" lists them",
				       format->item[i]);
		want(r, writer);
	}
	if (!r->writers)
		want(r, report_kept(r->tables->reports));
	if (r->options->output && r->writers > 1)
		return err_set(err, -EINVAL, "--output names one file, and %u formats are wanted: use --output-dir",
			       r->writers);
	if (r->options->output && r->options->output_dir)
		return err_set(err, -EINVAL, "--output names the whole path: leave out --output-dir");
	return 0;
}

static int on_judged(void *ctx, const struct record_judged *judged)
{
	*(unsigned *)ctx = judged->number;
	return 0;
}

/* 0: the run's own. */
static int choose_verdict(const struct reporting *r, unsigned *ret, struct err *err)
{
	const char *which = r->options->judged ? r->options->judged : "own";
	char *end;

	if (strcmp(which, "own") == 0)
		return 0;
	if (strcmp(which, "latest") == 0)
		return runfile_each_judged(r->reader, on_judged, ret, err);
	unsigned long number = strtoul(which, &end, 10);
	if (*which < '1' || *which > '9' || *end || number > INT_MAX)
		return err_set(err, -EINVAL, "--judged %s: must be own, latest or the number of a verdict, from 1",
			       which);
	*ret = (unsigned)number;
	return 0;
}

/* ---- the run file ---------------------------------------------------------------------------------------------- */

static int judge(struct reporting *r, struct err *err)
{
	unsigned judged = 0;
	int rc = choose_verdict(r, &judged, err);

	if (rc == 0 && judged)
		rc = reopen_judged(r->reader, r->record, judged, err);
	if (rc == -ENOENT)
		err_prefix(err, "--judged %s", r->options->judged);
	if (rc == 0)
		rc = runfile_report(r->reader, judged, &r->stored, err);
	return rc == -ENOENT && r->record->judged.number == judged ? 0 : rc;
}

/* ---- where to -------------------------------------------------------------------------------------------------- */

static const char *name_in(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int name_target(struct reporting *r, unsigned i, struct err *err)
{
	const struct record_judged *judged = &r->record->judged;
	const char *from = r->options->output_dir ? name_in(r->path) : r->path;
	char rest[120], beside[FILE_PATH_MAX], path[2 * FILE_PATH_MAX];
	int n = 0;

	snprintf(rest, sizeof(rest), "%s%s%s", judged->number ? ".limits-" : "", judged->limits_name,
		 r->writer[i]->extension);
	if (r->options->output)
		n = snprintf(path, sizeof(path), "%s", r->options->output);
	else if (name_beside(from, rest, beside, sizeof(beside)) < 0)
		n = -1;
	else
		n = snprintf(path, sizeof(path), "%s%s%s", r->options->output_dir ? r->options->output_dir : "",
			     r->options->output_dir ? "/" : "", beside);
	if (n < 0 || (size_t)n >= sizeof(path))
		return err_set(err, -ENAMETOOLONG, "the name of a report is too long: give --output");
	r->target[i] = strdup(path);
	return r->target[i] ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static bool is_the_run_file(const struct reporting *r, const char *path)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat(r->path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A device or a pipe, or the way to one (/dev/stdout), would be gone, and a file in its place. */
static bool is_no_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static int take_target(struct reporting *r, unsigned i, struct err *err)
{
	int rc;

	if (is_no_file(r->target[i]))
		return err_set(err, -EEXIST, "%s is there already, and is no file: --output - is standard output",
			       r->target[i]);

	if (is_the_run_file(r, r->target[i]))
		return err_set(err, -EEXIST, "%s is the run file: name another file with --output", r->target[i]);
	rc = r->options->force ? 0 : disk_make_file(r->target[i], err);
	if (rc == -EEXIST)
		return err_set(err, rc, "%s is there already: --force replaces it, --output names another file",
			       r->target[i]);
	r->taken[i] = rc == 0 && !r->options->force;
	return rc;
}

static void give_targets_back(struct reporting *r)
{
	for (unsigned i = 0; i < r->writers; i++)
		if (r->taken[i])
			unlink(r->target[i]);
}

/* All names before the first byte, so that either all reports are new or nothing was done. */
static int take_targets(struct reporting *r, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < r->writers && rc == 0; i++)
		rc = name_target(r, i, err);
	for (unsigned i = 0; i < r->writers && rc == 0; i++)
		rc = take_target(r, i, err);
	return rc;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static int print(const struct reporting *r, struct err *err)
{
	if (!r->stored || !r->writer[0]->kept)
		return report_write(r->writer[0], r->record, r->reader, stdout, err);
	fputs(r->stored, stdout);
	return 0;
}

static int write_reports(struct reporting *r, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < r->writers && rc == 0; i++) {
		rc = r->stored && r->writer[i]->kept
			     ? report_save_text(r->stored, r->target[i], err)
			     : report_save_run(r->writer[i], r->record, r->reader, r->target[i], err);
		if (rc < 0)
			break;
		r->taken[i] = false;
		fputs("report:   ", stdout);
		print_clean(stdout, r->target[i]);
		fputc('\n', stdout);
	}
	return rc;
}

static int deliver_files(struct reporting *r)
{
	struct err err = {0};

	if (r->options->output_dir && name_folder(r->options->output_dir, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err.text);
	int rc = take_targets(r, &err);
	if (rc == -EEXIST || rc == -ENAMETOOLONG) {
		give_targets_back(r);
		return cli_error(EXIT_USAGE, "%s", err.text);
	}
	if (rc == 0)
		rc = write_reports(r, &err);
	if (rc == 0)
		return EXIT_PASS;
	give_targets_back(r);
	return cli_error(rc == -ENOMEM ? EXIT_INTERNAL : rc == -ENOSYS ? EXIT_USAGE : EXIT_STORAGE, "%s", err.text);
}

/* ---- the command ----------------------------------------------------------------------------------------------- */

static int execute(struct reporting *r)
{
	struct err err = {0};
	int rc = choose_formats(r, &err);

	if (rc == 0)
		rc = reopen(r->path, &r->reader, &r->record, &err);
	if (rc < 0)
		return cli_error(cli_exit_code(rc), "%s", err.text);
	if (runfile_verify(r->reader, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s; no report is written of a file that is damaged or was changed",
				 err.text);
	rc = judge(r, &err);
	if (rc == 0)
		rc = keys_read_seals(r->reader, r->record, &err);
	if (rc < 0)
		return cli_error(rc == -ESTALE ? EXIT_INTERNAL : cli_exit_code(rc), "%s", err.text);
	keys_say_rejected(r->record);
	if (!r->options->output || strcmp(r->options->output, "-") != 0)
		return deliver_files(r);
	rc = print(r, &err);
	return rc < 0 ? cli_error(EXIT_STORAGE, "%s", err.text) : EXIT_PASS;
}

static int report_one(const struct cli_tables *tables, const struct report_options *options, const char *path)
{
	struct reporting r = {.tables = tables, .options = options, .path = path};
	int code;

	code = execute(&r);
	for (unsigned i = 0; i < r.writers; i++)
		free(r.target[i]);
	free(r.stored);
	runfile_reader_free(r.reader);
	record_free(r.record);
	return code;
}

/* In one folder the reports of the second would stand in place of the first one's. */
static int check_names(const char *const *path, unsigned count)
{
	for (unsigned i = 1; i < count; i++)
		for (unsigned k = 0; k < i; k++)
			if (strcmp(name_in(path[i]), name_in(path[k])) == 0)
				return cli_error(
					EXIT_USAGE,
					"%s and %s have the same name, so --output-dir cannot hold the reports of "
					"both: name one at a time",
					path[k], path[i]);
	return EXIT_PASS;
}

/* Several runs into one file are a page of their own; else each has its reports. */
static int report_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct report_options *o = options;
	int worst = o->output_dir ? check_names(operands, count) : EXIT_PASS;

	if (worst)
		return worst;
	if (count > 1 && o->output) {
		if (o->format.count != 1 || strcmp(o->format.item[0], "html") != 0 || o->judged || o->output_dir)
			return cli_error(EXIT_USAGE, "several runs in one file are a page: --format html --output "
						     "FILE, without --judged and --output-dir");
		return lot_report(operands, count, o->output, o->force, tables->clock->wall_ns(tables->clock_ctx));
	}
	for (unsigned i = 0; i < count; i++) {
		int code = report_one(tables, o, operands[i]);
		worst = code > worst ? code : worst;
	}
	return worst;
}

const struct command command_report = {
	.name = "report",
	.operands = "RUNFILE...",
	.operands_min = 1,
	.operands_max = OPERANDS_MAX,
	.summary = "Write a report of a run file, in any format",
	.description =
		"json: NAME.report.json, for programs, byte for byte as the run file keeps it; of a run that ended "
		"before "
		"there was one, made of what it recorded. junit: NAME.junit.xml, for CI. text: NAME.report.txt, for "
		"people, what penrig show prints. html: NAME.report.html, a page with pictures, for people and "
		"printers. pdf: NAME.report.pdf, that page by weasyprint (PDF/A) or chromium, whichever is installed. "
		"csv: NAME.results.csv, a row per result. tap: NAME.tap, for prove. prom: NAME.prom, for "
		"Prometheus. strokes: NAME.strokes.csv, a row per stroke and per answer of the pen. jsonl: NAME.jsonl, "
		"events as OCP Test and Validation has them, once the run has ended (while it runs: penrig run "
		"--ocp-fd). dfq: NAME.dfq, Q-DAS. wsjf: NAME.wsjf.json, WATS. atml: "
		"NAME.atml.xml, "
		"IEEE 1636.1. openhtf: NAME.openhtf.json. dcc: NAME.dcc.xml, measurement data as PTB's Digital "
		"Calibration Certificate has them.\n\n"
		"Of several run files each has its reports; with --format html --output FILE they become one page: how "
		"many units passed, what "
		"each run came to and what failed it, every judged measurand over the runs against its limits with "
		"Ppk, and each run. A unit "
		"that ran more than once counts there by the worst of its runs.\n\n"
		"Works with every run file: finished, interrupted, killed, imported, a calibration. The report of a "
		"verdict that penrig analyze formed later is NAME.limits-<name> with the same extension.\n\n"
		"The file's hash chain and every block's digest are recomputed first; of a file that is damaged or was "
		"changed no report is written. Nothing is overwritten: where one of the files is there already, none "
		"is "
		"written, unless --force says so.\n\n"
		"The exit code says whether the reports were written, not what the verdict is: 0 written, 2 wrong "
		"usage, "
		"no such run file or verdict, or a file that is there already, 6 not a run file, damaged, or a report "
		"could "
		"not be written, 7 a later verdict that this penrig would not form so.",
	.example = "  penrig report RUN.penrig --format junit --format text\n"
		   "  penrig report out/*.penrig --format html --output lot-7.html\n"
		   "  penrig report RUN.penrig --format text --judged latest --output -\n",
	.options = report_options_table,
	.options_size = sizeof(struct report_options),
	.run = report_run,
};
