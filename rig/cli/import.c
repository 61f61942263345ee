/* `penrig import`: a run file from a recording that other equipment took. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rig/cli/kit/command.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/version.h"
#include "rig/judge/verdict.h"
#include "rig/offline/import.h"

struct import_options {
	int format;
	const char *column, *rate, *scale, *offset, *bench, *plan, *dut, *operator_name, *lot, *output_dir, *name,
		*recorded;
	const char *tare_until, *start, *measure_from, *measure_to;
	struct option_list attr;
};

static const char *const format_words[] = {"i16", "i32", "csv", NULL};

#define AT(member) offsetof(struct import_options, member)
static const struct cli_option import_table[] = {
	{.name = "format",
	 .letter = 'f',
	 .kind = OPTION_WORD,
	 .arg = "FORMAT",
	 .offset = AT(format),
	 .words = format_words,
	 .group = "The recording",
	 .help = "i16 or i32: little-endian integers of one channel, nothing else; csv: one number per line and "
		 "column. "
		 "Default: i16."},
	{.name = "rate", .kind = OPTION_TEXT, .arg = "HZ", .offset = AT(rate), .help = "Samples per second. Required."},
	{.name = "scale",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = AT(scale),
	 .help = "Newtons per count, or per unit of the CSV column. Required."},
	{.name = "offset",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = AT(offset),
	 .help = "Newtons at zero. Default: 0."},
	{.name = "column",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = AT(column),
	 .help = "Of a CSV file, from 1; separated by comma, semicolon or tab. Default: 1."},
	{.name = "recorded",
	 .kind = OPTION_TEXT,
	 .arg = "DATE",
	 .offset = AT(recorded),
	 .help = "YYYY-MM-DD when it was recorded: the calibrations must have been valid then. Default: today."},
	{.name = "tare-until",
	 .kind = OPTION_TEXT,
	 .arg = "S",
	 .offset = AT(tare_until),
	 .group = "What happened when, in seconds from the first sample",
	 .help = "Until then the pen stood still in its seat: at least 0.2 s, at most --start. Required."},
	{.name = "start",
	 .kind = OPTION_TEXT,
	 .arg = "S",
	 .offset = AT(start),
	 .help = "The pen was started. Required."},
	{.name = "measure-from",
	 .kind = OPTION_TEXT,
	 .arg = "S",
	 .offset = AT(measure_from),
	 .help = "Begin of the window that is judged. Required."},
	{.name = "measure-to",
	 .kind = OPTION_TEXT,
	 .arg = "S",
	 .offset = AT(measure_to),
	 .help = "Its end, where the pen was told to stop. Required."},
	{.name = "bench",
	 .letter = 'b',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(bench),
	 .group = "What was measured",
	 .help = "A bench file whose sensor section describes the load cell, and whose phantom was under the pen. "
		 "Required."},
	{.name = "plan",
	 .letter = 'p',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(plan),
	 .help = "A plan of exactly one point: setpoint and limits. Required."},
	{.name = "dut",
	 .letter = 'd',
	 .kind = OPTION_TEXT,
	 .arg = "SERIAL",
	 .offset = AT(dut),
	 .help = "The pen. Required."},
	{.name = "operator",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(operator_name),
	 .help = "Who imports it."},
	{.name = "lot", .kind = OPTION_TEXT, .arg = "LOT", .offset = AT(lot), .help = "Production lot of the pen."},
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
	 .help = "Where run file and report go. Default: the current folder."},
	{.name = "name",
	 .letter = 'n',
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(name),
	 .help = "Stem of their names. Default: DUT-PLAN-TIME in UTC."},
	{.name = NULL},
};

struct import {
	const struct import_options *options;
	struct import_config config;
	struct plan *plan;
	struct bench *bench;
	struct plan_point *points;
	struct record *record;
	struct delivery delivery;
};

static int number_of(const char *option, const char *text, double lo, double hi, double *ret, struct err *err)
{
	char *end;

	if (!text)
		return err_set(err, -EINVAL, "%s is missing; \"penrig help import\" explains it", option);
	double value = strtod(text, &end);
	if (end == text || *end || !isfinite(value) || value < lo || value > hi)
		return err_set(err, -EINVAL, "%s %s: must be a number from %g to %g", option, text, lo, hi);
	*ret = value;
	return 0;
}

static int read_numbers(const struct import_options *o, struct import_config *c, struct err *err)
{
	double column = 1;
	int rc;

	if ((rc = number_of("--rate", o->rate, 100, 1e7, &c->rate_hz, err)) < 0 ||
	    (rc = number_of("--scale", o->scale, -1e6, 1e6, &c->scale_n, err)) < 0 ||
	    (rc = number_of("--offset", o->offset ? o->offset : "0", -1e6, 1e6, &c->offset_n, err)) < 0 ||
	    (rc = number_of("--column", o->column ? o->column : "1", 1, 1000, &column, err)) < 0 ||
	    (rc = number_of("--tare-until", o->tare_until, 0, 1e7, &c->tare_until_s, err)) < 0 ||
	    (rc = number_of("--start", o->start, 0, 1e7, &c->start_s, err)) < 0 ||
	    (rc = number_of("--measure-from", o->measure_from, 0, 1e7, &c->measure_from_s, err)) < 0 ||
	    (rc = number_of("--measure-to", o->measure_to, 0, 1e7, &c->measure_to_s, err)) < 0)
		return rc;
	c->csv_column = (unsigned)column;
	if (c->scale_n == 0)
		return err_set(err, -EINVAL, "--scale 0: a count must mean some force");
	if (c->tare_until_s < POINT_TARE_MIN_S || c->tare_until_s > c->start_s || c->start_s >= c->measure_from_s ||
	    c->measure_from_s >= c->measure_to_s)
		return err_set(err, -EINVAL,
			       "the times must rise: %g s <= --tare-until <= --start < --measure-from < --measure-to",
			       POINT_TARE_MIN_S);
	return 0;
}

static int read_files(struct import *im, struct err *err)
{
	const struct import_options *o = im->options;
	unsigned count;
	int rc;

	if (!o->bench || !o->plan)
		return err_set(err, -EINVAL, "%s is missing: --%s FILE", o->bench ? "--plan" : "--bench",
			       o->bench ? "plan" : "bench");
	if ((rc = plan_read(o->plan, &im->plan, err)) < 0 || (rc = bench_read(o->bench, &im->bench, err)) < 0 ||
	    (rc = plan_expand(im->plan, im->bench, &im->points, &count, err)) < 0)
		return rc;
	if (count != 1)
		return err_set(
			err, -EINVAL,
			"%s has %u points; a recording is one: write a plan of one depth, one rate and one repeat",
			o->plan, count);
	im->config.plan = im->plan;
	im->config.bench = im->bench;
	im->config.point = im->points;
	return 0;
}

static int fill_record(struct import *im, struct err *err)
{
	const struct import_options *o = im->options;
	struct record *r = im->record;
	int rc;

	version_record(r);
	if (!o->dut)
		return err_set(err, -EINVAL, "--dut is missing: --dut SERIAL names the pen that was recorded");
	if ((rc = record_text("--dut", o->dut, r->dut, sizeof(r->dut), err)) < 0 ||
	    (rc = record_text("--operator", o->operator_name, r->operator_name, sizeof(r->operator_name), err)) < 0 ||
	    (rc = record_text("--lot", o->lot, r->lot, sizeof(r->lot), err)) < 0 ||
	    (rc = record_text("--output-dir", o->output_dir ? o->output_dir : ".", r->folder, sizeof(r->folder), err)) <
		    0)
		return rc;
	for (unsigned i = 0; i < o->attr.count && rc == 0; i++)
		rc = record_attribute(o->attr.item[i], r, err);
	if (rc == 0)
		rc = record_inputs(r, im->plan, im->bench);
	return rc;
}

static int choose_name(struct import *im, uint64_t wall_ns, struct err *err)
{
	if (im->options->name)
		return name_chosen(&im->delivery, im->record, im->options->name, err);
	return name_default(&im->delivery, im->record, im->plan->name, wall_ns, err);
}

static int check_due(const struct import *im, uint64_t wall_ns, struct err *err)
{
	const char *recorded = im->options->recorded;
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	char today[16];
	struct tm tm;

	if (recorded && !json_date_valid(recorded))
		return err_set(err, -EINVAL, "--recorded %s: must be a date, as 2026-03-01", recorded);
	strftime(today, sizeof(today), "%Y-%m-%d", gmtime_r(&seconds, &tm));
	return bench_check_due(im->bench, recorded ? recorded : today, err);
}

static int on_finish(void *ctx, struct record *record, struct runfile *rf, struct err *err)
{
	return deliver(&((struct import *)ctx)->delivery, record, rf, err);
}

static uint64_t wall_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* A run file that could not be closed is no evidence: a report of it must not say that all is saved. */
static void storage_failed(struct import *im, const struct err *err)
{
	struct record *r = im->record;

	r->run_status = RUN_STORAGE_FAILED;
	snprintf(r->status_reason, sizeof(r->status_reason), "%s", err->text);
	verdict_form(r, im->plan);
	(void)deliver_last_word(&im->delivery, r);
}

static int make(struct import *im, uint64_t wall_ns)
{
	struct err err = {0};
	int rc = choose_name(im, wall_ns, &err);

	if (rc < 0)
		return cli_error(cli_exit_code(rc), "%s", err.text);
	rc = import_run(&im->config, im->record, wall_ns, on_finish, im, &err);
	delivery_give_name_back(im->record);
	if (rc == 0)
		return EXIT_PASS;
	storage_failed(im, &err);
	return cli_error(cli_exit_code(rc), "%s", err.text);
}

static void print_outcome(const struct import *im)
{
	struct style style = style_of(stdout, COLOUR_AUTO);
	const struct record *r = im->record;

	render_points(stdout, &style, r);
	render_verdict(stdout, &style, r);
	printf("imported, not a supervised run: it cannot pass\nrun file: %s/%s" RUNFILE_EXTENSION "\n", r->folder,
	       r->name);
	for (unsigned i = 0; i < im->delivery.writers; i++)
		printf("report:   %s/%s%s\n", r->folder, r->name, im->delivery.writer[i]->extension);
}

static int execute(struct import *im, const char *path)
{
	struct err err = {0};
	uint64_t wall_ns = wall_now_ns();
	int rc;

	im->config.path = path;
	im->config.format = (enum import_format)im->options->format;
	if (read_numbers(im->options, &im->config, &err) < 0 || read_files(im, &err) < 0 || fill_record(im, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	rc = check_due(im, wall_ns, &err);
	if (rc < 0)
		return cli_error(rc == -EKEYEXPIRED ? EXIT_REFUSED : EXIT_USAGE, "%s", err.text);
	if (name_folder(im->record->folder, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err.text);
	rc = make(im, wall_ns);
	if (rc != EXIT_PASS)
		return rc;
	print_outcome(im);
	return verdict_exit_code(im->record);
}

static int import_command(const struct cli_tables *tables, const void *options, const char *const *operands,
			  unsigned count)
{
	struct import im = {.options = options, .record = record_new()};
	int code;

	(void)count;
	if (!im.record)
		return cli_error(EXIT_INTERNAL, "out of memory");
	(void)delivery_init(&im.delivery, tables->reports, NULL, 0, NULL);
	im.delivery.complain = cli_complain;
	code = execute(&im, operands[0]);
	free(im.points);
	record_free(im.record);
	bench_free(im.bench);
	plan_free(im.plan);
	return code;
}

const struct command command_import = {
	.name = "import",
	.operands = "FILE",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Make a run file from a force recording taken elsewhere",
	.description =
		"FILE holds the force signal of one point. It is cut, measured and judged as a run's own samples are, "
		"and "
		"kept with plan and bench in NAME.penrig, so that penrig analyze, show and export work with it.\n\n"
		"Nobody watched over the pen: that it was this pen, at this setpoint, on this bench, stopped and "
		"still, is "
		"the word of whoever imports. So an imported recording can fail, but never pass: at best it is "
		"inconclusive, with an outcome for every limit. The report names the recording and its digest under "
		"\"imported\".\n\n"
		"The exit code is 1 the recording shows a failure, 3 inconclusive, 2 wrong options or files, 6 "
		"storage, 8 a "
		"calibration was overdue on the day of --recorded.",
	.example = "  penrig import force.i16 --rate 50000 --scale 0.0002 --tare-until 0.5 --start 0.5 --measure-from "
		   "1.5 \\\n"
		   "    --measure-to 11.5 --bench bench-3.json --plan one-point.json --dut SN-0417\n",
	.options = import_table,
	.options_size = sizeof(struct import_options),
	.run = import_command,
};
