/* `penrig import`: a run file from a recording that other equipment took. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rig/cli/kit/command.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/indexing.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/version.h"
#include "rig/judge/verdict.h"
#include "rig/offline/import/import.h"
#include "rig/offline/import/statement.h"
#include "rig/offline/import/text_dialect.h"

struct import_options {
	int format;
	bool gaps;
	const char *dataset, *column, *time_column, *time_unit, *unit, *separator, *decimal, *rate, *scale, *offset,
		*bench, *plan, *dut, *operator_name, *lot, *output_dir, *name, *history, *recorded;
	const char *tare_until, *start, *measure_from, *measure_to, *points, *displacement, *witness, *statement;
	struct option_list attr, temperature;
};

/* "auto", and the names of reader_table; a test holds the two against each other. */
static const char *const format_words[] = {"auto", "wav", "npy", "hdf5", "csv", "i16", "i32", NULL};
static const char *const separator_words[] = {"comma", "semicolon", "tab", "pipe", "blanks", NULL};
static const char *const decimal_words[] = {"point", "comma", NULL};

#define AT(member) offsetof(struct import_options, member)
static const struct cli_option import_table[] = {
	{.name = "format",
	 .letter = 'f',
	 .kind = OPTION_WORD,
	 .arg = "FORMAT",
	 .offset = AT(format),
	 .words = format_words,
	 .group = "The recording",
	 .help = "auto: by what the file holds. i16 or i32: little-endian integers of one channel, nothing else, which "
		 "is "
		 "never recognised; csv: text, numbers in columns; wav, npy, hdf5. Default: auto."},
	{.name = "dataset",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(dataset),
	 .help = "Of HDF5: the dataset, or the group of equally long ones, each a column. Default: the only one."},
	{.name = "rate",
	 .kind = OPTION_TEXT,
	 .arg = "HZ",
	 .offset = AT(rate),
	 .help = "Samples per second. Needed where the file does not say it, by a column of times or in its header."},
	{.name = "scale",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = AT(scale),
	 .help = "Newtons per count, or per number of the column. Needed where the column has no unit of force."},
	{.name = "offset",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = AT(offset),
	 .help = "Newtons at zero. Default: 0."},
	{.name = "column",
	 .kind = OPTION_TEXT,
	 .arg = "COLUMN",
	 .offset = AT(column),
	 .help = "The force's column: its name, or its number from 1. Default: the only one, or the only one with a "
		 "unit of "
		 "force."},
	{.name = "displacement",
	 .kind = OPTION_TEXT,
	 .arg = "COLUMN[:SCALE[:OFFSET]]",
	 .offset = AT(displacement),
	 .help = "The needle bar's, beyond the cap plane positive. SCALE: mm per number, OFFSET: mm at zero, where the "
		 "column has no unit of length. The bench states its displacement_u_mm."},
	{.name = "temperature",
	 .kind = OPTION_LIST,
	 .arg = "NAME=COLUMN[:SCALE[:OFFSET]]",
	 .offset = AT(temperature),
	 .help = "NAME is handle, tip or ambient; SCALE and OFFSET in degC, where the column has no unit. May be "
		 "repeated. The bench states its temperature_u_k."},
	{.name = "unit",
	 .kind = OPTION_TEXT,
	 .arg = "UNIT",
	 .offset = AT(unit),
	 .help = "The force's unit in place of the file's: N, mN, kN, gf, kgf, lbf ...; none: --scale alone counts."},
	{.name = "time-column",
	 .kind = OPTION_TEXT,
	 .arg = "COLUMN",
	 .offset = AT(time_column),
	 .help = "The column of times, which shows rate and missing rows. none: nothing that the file says of time is "
		 "taken. "
		 "Default: as the file shows it."},
	{.name = "time-unit",
	 .kind = OPTION_TEXT,
	 .arg = "UNIT",
	 .offset = AT(time_unit),
	 .help = "Of that column in place of the file's: s, ms, us, ns."},
	{.name = "gaps",
	 .kind = OPTION_FLAG,
	 .offset = AT(gaps),
	 .help = "A cell that is empty or no number, and a blank line, is a gap. Without it: an error."},
	{.name = "separator",
	 .kind = OPTION_TEXT,
	 .arg = "WORD",
	 .offset = AT(separator),
	 .words = separator_words,
	 .help = "Of text, between columns: comma, semicolon, tab, pipe, blanks. Default: as the first lines show it."},
	{.name = "decimal",
	 .kind = OPTION_TEXT,
	 .arg = "WORD",
	 .offset = AT(decimal),
	 .words = decimal_words,
	 .help = "Of text: point or comma. Default: as the first lines show it."},
	{.name = "recorded",
	 .kind = OPTION_TEXT,
	 .arg = "DATE",
	 .offset = AT(recorded),
	 .help = "YYYY-MM-DD when it was recorded: the calibrations must have been valid then. Default: today."},
	{.name = "tare-until",
	 .kind = OPTION_TEXT,
	 .arg = "S",
	 .offset = AT(tare_until),
	 .group = "What happened when, in s from the first sample; else as strokes show it",
	 .help = "Until then the pen stood still in its seat: at least 0.2 s, at most --start."},
	{.name = "start", .kind = OPTION_TEXT, .arg = "S", .offset = AT(start), .help = "The pen was started."},
	{.name = "measure-from",
	 .kind = OPTION_TEXT,
	 .arg = "S",
	 .offset = AT(measure_from),
	 .help = "Begin of the window that is judged."},
	{.name = "measure-to",
	 .kind = OPTION_TEXT,
	 .arg = "S",
	 .offset = AT(measure_to),
	 .help = "Its end, where the pen was told to stop."},
	{.name = "points",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(points),
	 .help = "The same of each point of the plan, in order, as a file: penrig/points/1."},
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
	 .help = "Setpoints and limits: the points in the order in which they were recorded. Required."},
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
	{.name = "witness",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(witness),
	 .help = "Who vouches for what penrig did not see: that it was this pen, at these setpoints, on this bench, "
		 "stopped and still. With --statement; the best verdict is pass_on_statement then."},
	{.name = "statement",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(statement),
	 .help = "Their statement: text, UTF-8, 16 kB at most. Run file and reports keep it."},
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
	{.name = "history",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(history),
	 .help = "The history that this run goes into at its end. Default: the file \"history\" in the folder of what "
		 "outlives a run."},
	{.name = NULL},
};

struct import {
	const struct import_options *options;
	struct import_config config;
	struct plan *plan;
	struct bench *bench;
	struct plan_point *points;
	unsigned point_count;
	struct point_times *times;
	struct json_doc *points_file;
	char *statement;
	char witness[sizeof(((struct record_origin *)0)->witness)];
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

/* A number that may be left out: `missing` then. */
static int maybe_number(const char *option, const char *text, double lo, double hi, double missing, double *ret,
			struct err *err)
{
	*ret = missing;
	return text ? number_of(option, text, lo, hi, ret, err) : 0;
}

static int read_numbers(const struct import_options *o, struct import_config *c, struct err *err)
{
	int rc;

	if ((rc = maybe_number("--rate", o->rate, 100, 1e7, 0, &c->rate_hz, err)) < 0 ||
	    (rc = maybe_number("--scale", o->scale, -1e6, 1e6, NAN, &c->columns.scale_n, err)) < 0 ||
	    (rc = maybe_number("--offset", o->offset, -1e6, 1e6, 0, &c->columns.offset_n, err)) < 0)
		return rc;
	if (c->columns.scale_n == 0)
		return err_set(err, -EINVAL, "--scale 0: a count must mean some force");
	return 0;
}

static int times_of_options(const struct import_options *o, struct point_times *ret, struct err *err)
{
	int rc;

	if ((rc = number_of("--tare-until", o->tare_until, 0, 1e7, &ret->tare_until_s, err)) < 0 ||
	    (rc = number_of("--start", o->start, 0, 1e7, &ret->start_s, err)) < 0 ||
	    (rc = number_of("--measure-from", o->measure_from, 0, 1e7, &ret->measure_from_s, err)) < 0 ||
	    (rc = number_of("--measure-to", o->measure_to, 0, 1e7, &ret->measure_to_s, err)) < 0)
		return rc;
	return point_times_check(ret, "--tare-until, --start, --measure-from, --measure-to", err);
}

static int one_point_times(struct import *im, struct err *err)
{
	if (im->options->points)
		return err_set(
			err, -EINVAL,
			"--points states all times: leave out --tare-until, --start, --measure-from, --measure-to");
	if (im->point_count != 1)
		return err_set(err, -EINVAL,
			       "%s has %u points, and --tare-until, --start, --measure-from, --measure-to are the "
			       "times of one: "
			       "leave them out, or state each point's by --points FILE",
			       im->options->plan, im->point_count);
	im->times = calloc(1, sizeof(*im->times));
	if (!im->times)
		return err_set(err, -ENOMEM, "out of memory");
	return times_of_options(im->options, im->times, err);
}

/* Who says when the points were measured: options, a file, or nobody (the strokes themselves). */
static int read_times(struct import *im, struct err *err)
{
	const struct import_options *o = im->options;
	struct record_origin *origin = &im->record->origin;
	bool stated = o->tare_until || o->start || o->measure_from || o->measure_to;
	int rc = 0;

	if (stated) {
		rc = one_point_times(im, err);
		snprintf(origin->times_from, sizeof(origin->times_from),
			 "--tare-until %s, --start %s, --measure-from %s, --measure-to %s", o->tare_until, o->start,
			 o->measure_from, o->measure_to);
	} else if (o->points) {
		rc = point_times_read(o->points, im->points, im->point_count, &im->times, &im->points_file, err);
		snprintf(origin->times_from, sizeof(origin->times_from), "--points %.180s", o->points);
	}
	im->config.times = im->times;
	return rc;
}

static int read_words(const struct import_options *o, struct import_config *c, struct err *err)
{
	c->format = o->format > 0 ? format_words[o->format] : NULL;
	c->wish.gaps = o->gaps;
	c->wish.dataset = o->dataset;
	c->columns.column = o->column;
	c->columns.time_column = o->time_column;
	c->columns.unit = o->unit;
	c->beside = (struct beside_wish){.displacement = o->displacement,
					 .temperatures = o->temperature.count,
					 .temperature = o->temperature.item};
	c->columns.time_unit = o->time_unit;
	if (o->separator && !text_separator_of(o->separator, &c->wish.separator))
		return err_set(err, -EINVAL, "--separator %s: must be comma, semicolon, tab, pipe or blanks",
			       o->separator);
	if (!o->decimal)
		return 0;
	bool comma = strcmp(o->decimal, "comma") == 0 || strcmp(o->decimal, ",") == 0;
	if (!comma && strcmp(o->decimal, "point") != 0 && strcmp(o->decimal, ".") != 0)
		return err_set(err, -EINVAL, "--decimal %s: must be point or comma", o->decimal);
	c->wish.decimal = comma ? ',' : '.';
	return 0;
}

static int read_files(struct import *im, struct err *err)
{
	const struct import_options *o = im->options;
	int rc;

	if (!o->bench || !o->plan)
		return err_set(err, -EINVAL, "%s is missing: --%s FILE", o->bench ? "--plan" : "--bench",
			       o->bench ? "plan" : "bench");
	if ((rc = plan_read(o->plan, &im->plan, err)) < 0 || (rc = bench_read(o->bench, &im->bench, err)) < 0 ||
	    (rc = plan_expand(im->plan, im->bench, &im->points, &im->point_count, err)) < 0 ||
	    (rc = read_times(im, err)) < 0)
		return rc;
	im->config.plan = im->plan;
	im->config.bench = im->bench;
	im->config.points = im->points;
	im->config.point_count = im->point_count;
	return 0;
}

static void keep_points_file(struct import *im)
{
	size_t len;
	const char *text = json_text(im->points_file, &len);

	record_keep_file(im->record, "points", im->options->points, text, len);
}

/* A name without a statement vouches for nothing, a statement without a name is nobody's. */
static int read_statement(struct import *im, struct err *err)
{
	const struct import_options *o = im->options;
	size_t len;
	int rc;

	if (!o->witness && !o->statement)
		return 0;
	if (!o->witness || !o->statement || !*o->witness)
		return err_set(err, -EINVAL,
			       "--witness NAME and --statement FILE belong together: who vouches, and for what");
	if ((rc = record_text("--witness", o->witness, im->witness, sizeof(im->witness), err)) < 0 ||
	    (rc = statement_read(o->statement, &im->statement, &len, err)) < 0)
		return rc;
	im->config.witness = im->witness;
	record_keep_file(im->record, "statement", o->statement, im->statement, len);
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
	if (rc == 0 && im->points_file)
		keep_points_file(im);
	return rc < 0 ? rc : read_statement(im, err);
}

static int choose_name(struct import *im, uint64_t wall_ns, struct err *err)
{
	if (im->options->name)
		return name_chosen(&im->delivery, im->record, im->options->name, err);
	return name_default(&im->delivery, im->record, im->plan->name, wall_ns, err);
}

static int check_due(struct import *im, uint64_t wall_ns, struct err *err)
{
	const char *recorded = im->options->recorded;
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	char today[16];
	struct tm tm;

	if (recorded && !json_date_valid(recorded))
		return err_set(err, -EINVAL, "--recorded %s: must be a date, as 2026-03-01", recorded);
	strftime(today, sizeof(today), "%Y-%m-%d", gmtime_r(&seconds, &tm));
	if (recorded && bench_check_due(im->bench, today, err) < 0)
		im->config.recorded = recorded;
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

	render_origin(stdout, &r->origin);
	render_statement(stdout, r);
	render_points(stdout, &style, r);
	render_verdict(stdout, &style, r);
	puts(!r->on_statement ? "imported, not a supervised run: it cannot pass"
	     : r->accept_statement
		     ? "imported, not a supervised run: a pass on a statement, which the plan accepts"
		     : "imported, not a supervised run: a pass on a statement, which the plan does not accept");
	printf("run file: %s/%s" RUNFILE_EXTENSION "\n", r->folder, r->name);
	for (unsigned i = 0; i < im->delivery.writers; i++)
		printf("report:   %s/%s%s\n", r->folder, r->name, im->delivery.writer[i]->extension);
}

static int execute(struct import *im, const char *path)
{
	struct err err = {0};
	uint64_t wall_ns = wall_now_ns();
	int rc;

	im->config.path = path;
	if ((rc = read_words(im->options, &im->config, &err)) < 0 ||
	    (rc = read_numbers(im->options, &im->config, &err)) < 0 || (rc = read_files(im, &err)) < 0 ||
	    (rc = fill_record(im, &err)) < 0)
		return cli_error(cli_usage_code(rc), "%s", err.text);
	rc = check_due(im, wall_ns, &err);
	if (rc < 0)
		return cli_error(rc == -EKEYEXPIRED ? EXIT_REFUSED : EXIT_USAGE, "%s", err.text);
	if (name_folder(im->record->folder, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err.text);
	rc = make(im, wall_ns);
	if (rc != EXIT_PASS)
		return rc;
	indexing_end(&(struct indexing){.history = im->options->history}, im->record);
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
	free(im.times);
	record_free(im.record);
	json_doc_free(im.points_file);
	free(im.statement);
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
		"FILE holds the force signal of a point, or of a whole sweep. It is cut, measured and judged as a "
		"run's own "
		"samples are, and kept with plan and bench in NAME.penrig, so that penrig analyze, show and export "
		"work "
		"with it.\n\n"
		"When each point of the plan was measured is stated by options (one point) or by --points FILE, or "
		"else "
		"seen: stretches of strokes, as many as the plan has points and in its order, each with a tare in the "
		"quiet "
		"before it and the plan's settle_s and measure_s in it. How long start and stop took is not measured "
		"then.\n\n"
		"Nobody watched over the pen: that it was this pen, at this setpoint, on this bench, stopped and "
		"still, is "
		"the word of whoever imports. So an imported recording can fail, but never pass: at best it is "
		"inconclusive, with an outcome for every limit. Where a named witness vouches for it (--witness, "
		"--statement) it "
		"is pass_on_statement at best, which is exit code 3, too, unless the plan says \"accept\": "
		"[\"pass_on_statement\"]. A statement never stands for a check that was not made. The report names the "
		"recording and its digest under "
		"\"imported\", and says how it was read.\n\n"
		"What the file says of itself is taken: of text the separator, the decimal mark, names, units, a "
		"column of "
		"times, a rate in its header. What it leaves open, or what contradicts an option, is an error that "
		"names the "
		"option which decides. Rows that are missing by the times are gaps: their place is kept, and what "
		"rests on "
		"them is not trusted. No row is left out.\n\n"
		"The exit code is 0 a pass on a statement that the plan accepts, 1 the recording shows a failure, 3 "
		"inconclusive, 2 wrong options or files, 6 "
		"storage, 8 a "
		"calibration was overdue on the day of --recorded.",
	.example = "  penrig import force.csv --tare-until 0.5 --start 0.5 --measure-from 1.5 --measure-to 11.5 \\\n"
		   "    --bench bench-3.json --plan one-point.json --dut SN-0417\n"
		   "  penrig import force.i16 --format i16 --rate 50000 --scale 0.0002 --tare-until 0.5 --start 0.5 "
		   "--measure-from "
		   "1.5 \\\n"
		   "    --measure-to 11.5 --bench bench-3.json --plan one-point.json --dut SN-0417\n",
	.options = import_table,
	.options_size = sizeof(struct import_options),
	.run = import_command,
};
