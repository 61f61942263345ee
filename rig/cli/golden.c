/* `penrig golden`: runs a bench's reference pen, and says whether its pass holds. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/json.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/reference.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/table.h"
#include "rig/cli/run.h"

struct golden_options {
	struct run_options run;
	bool status, json, csv;
};

#define GOLDEN_AT(member) offsetof(struct golden_options, member)
static const struct cli_option golden_table[] = {
	{.name = "bench",
	 .letter = 'b',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = GOLDEN_AT(run.bench),
	 .group = "What is tested",
	 .help = "The bench file; its \"golden\" names pen and plan. Default: the environment's PENRIG_BENCH."},
	{.name = "status",
	 .letter = 's',
	 .kind = OPTION_FLAG,
	 .offset = GOLDEN_AT(status),
	 .help = "Run nothing: say whether the last pass holds."},
	{.name = "operator",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = GOLDEN_AT(run.operator_name),
	 .group = "For the record",
	 .help = "Who runs the test."},
	{.name = "attr",
	 .letter = 'a',
	 .kind = OPTION_LIST,
	 .arg = "KEY=VALUE",
	 .offset = GOLDEN_AT(run.attr),
	 .help = "Anything else that the report shall carry; may be repeated."},
	{.name = "output-dir",
	 .letter = 'o',
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = GOLDEN_AT(run.output_dir),
	 .group = "Output",
	 .help = "Where the run file and the reports go. Default: the current folder."},
	{.name = "name",
	 .letter = 'n',
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = GOLDEN_AT(run.name),
	 .help = "Stem of their names. Default: PEN-PLAN-TIME in UTC."},
	STATE_ROW(GOLDEN_AT(run.state), NULL),
	{.name = "history",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = GOLDEN_AT(run.history),
	 .help = "The history that the run goes into, and that is asked. Default: the file \"history\" in the folder "
		 "of "
		 "--state."},
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = GOLDEN_AT(json),
	 .help = "One JSON object about the pass on standard output; what the run prints goes to standard error."},
	CSV_ROW(GOLDEN_AT(csv)),
	{.name = "quiet",
	 .letter = 'q',
	 .kind = OPTION_FLAG,
	 .offset = GOLDEN_AT(run.quiet),
	 .help = "No progress and no table of the run."},
	{.name = "color",
	 .kind = OPTION_WORD,
	 .arg = "WHEN",
	 .offset = GOLDEN_AT(run.color),
	 .words = colour_words,
	 .help = "auto, always or never."},
	{.name = "wait",
	 .kind = OPTION_TEXT,
	 .arg = "TIME",
	 .offset = GOLDEN_AT(run.wait),
	 .group = "Behaviour",
	 .help = "Where the bench is in use, wait so long for it (90s, 15m, 2h). Default: do not wait."},
	{.name = "no-input", .kind = OPTION_FLAG, .offset = GOLDEN_AT(run.no_input), .help = "Ask nothing."},
	{.name = NULL},
};

static void add_worst(struct json_out *root, const struct golden_worst *w)
{
	struct json_out *node = json_out_add_object(root, "farthest");

	json_out_string(node, "measurand", w->measurand);
	json_out_string(node, "method", *w->method ? w->method : NULL);
	json_out_string(node, "unit", w->unit);
	json_out_number(node, "value", w->value, 17);
	json_out_number(node, "mean", w->mean, 17);
	json_out_number(node, "allowed", w->allowed, 17);
}

static const struct table_column columns[] = {
	{"pen", TABLE_STRING, NULL},
	{"bench", TABLE_STRING, NULL},
	{"valid", TABLE_BOOLEAN, NULL},
	{"state", TABLE_STRING, NULL},
	{"text", TABLE_STRING, NULL},
	{"run", TABLE_STRING, NULL},
	{"started", TABLE_STRING, "UTC"},
	{"journal_head", TABLE_STRING, NULL},
	{"runs_since", TABLE_INTEGER, "1"},
	{"earlier_passes", TABLE_INTEGER, "1"},
	{"compared", TABLE_INTEGER, "1"},
	{"not_compared", TABLE_INTEGER, "1"},
	{"not_compared_measurands", TABLE_STRING, NULL},
	{"farthest/measurand", TABLE_STRING, NULL},
	{"farthest/method", TABLE_STRING, NULL},
	{"farthest/unit", TABLE_STRING, NULL},
	{"farthest/value", TABLE_NUMBER, "farthest_unit"},
	{"farthest/mean", TABLE_NUMBER, "farthest_unit"},
	{"farthest/allowed", TABLE_NUMBER, "farthest_unit"},
	{.path = NULL},
};
const struct table table_golden = {"golden", "", columns};

static int print_form(const struct bench *bench, const struct golden_pass *pass, bool csv, struct err *err)
{
	struct json_out *root = json_out_object();

	if (!root)
		return err_set(err, -ENOMEM, "out of memory");
	json_out_string(root, "pen", bench->golden.pen);
	json_out_string(root, "bench", bench->name);
	json_out_bool(root, "valid", pass->state == GOLDEN_VALID);
	json_out_string(root, "state", golden_state_name[pass->state]);
	json_out_string(root, "text", pass->text);
	json_out_string(root, "run", *pass->run ? pass->run : NULL);
	json_out_string(root, "started", *pass->started ? pass->started : NULL);
	json_out_string(root, "journal_head", *pass->head ? pass->head : NULL);
	json_out_int(root, "runs_since", pass->runs_since);
	json_out_int(root, "earlier_passes", pass->earlier);
	json_out_int(root, "compared", pass->compared);
	json_out_int(root, "not_compared", pass->not_compared);
	json_out_string(root, "not_compared_measurands", *pass->others ? pass->others : NULL);
	if (pass->worst.share > 0.0)
		add_worst(root, &pass->worst);
	return table_print(root, &table_golden, csv, err);
}

static void print_for_people(const struct bench *bench, const struct golden_pass *pass)
{
	const struct golden_worst *w = &pass->worst;

	printf("\nreference pen ");
	print_clean(stdout, bench->golden.pen);
	printf(": %s: ", pass->state == GOLDEN_VALID ? "valid pass" : "NO VALID PASS");
	print_clean(stdout, pass->text);
	fputc('\n', stdout);
	if (pass->compared && pass->state == GOLDEN_VALID)
		printf("farthest from its history: %s %.5g %s, mean %.5g, allowed %.2g either way (%u values)\n",
		       w->measurand, w->value, w->unit, w->mean, w->allowed, pass->compared);
	if (pass->not_compared && pass->state == GOLDEN_VALID)
		printf("%u value%s not compared, with fewer than %d earlier passes: %s\n", pass->not_compared,
		       pass->not_compared == 1 ? "" : "s", GOLDEN_EARLIER_MIN, pass->others);
}

/* The code of a run that is no pass tells more than that there is no valid one. */
static int say(const struct cli_tables *tables, const struct golden_options *o, const struct bench *bench, int code)
{
	const struct indexing where = {.history = o->run.history, .state = o->run.state};
	struct golden_pass pass;
	struct err err = {""};
	int rc = reference_look(bench, &where, tables->clock->wall_ns(tables->clock_ctx), &pass, &err);

	if (!rc && (o->json || o->csv))
		rc = print_form(bench, &pass, o->csv, &err);
	else if (!rc)
		print_for_people(bench, &pass);
	if (rc)
		return cli_error(code ? code : EXIT_STORAGE, "%s", err.text);
	return code ? code : pass.state == GOLDEN_VALID ? EXIT_PASS : EXIT_REFUSED;
}

static int golden_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	struct golden_options o = *(const struct golden_options *)options;
	struct bench *bench = NULL;
	struct err err = {""};
	int code = 0;

	(void)operands, (void)count;
	if (!o.run.bench)
		o.run.bench = getenv("PENRIG_BENCH");
	if (!o.run.bench || !*o.run.bench)
		return cli_error(EXIT_USAGE, "--bench is missing: --bench FILE, or PENRIG_BENCH in the environment");
	if (bench_read(o.run.bench, &bench, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	if (!bench->golden.present) {
		bench_free(bench);
		return cli_error(EXIT_USAGE,
				 "%s names no reference pen: \"golden\" with \"pen\", \"plan\" and \"valid_h\"",
				 o.run.bench);
	}
	o.run.dut = bench->golden.pen;
	o.run.to_stderr = o.json || o.csv;
	if (!o.status)
		code = run_plan(tables, &o.run, bench->golden.plan, NULL, NULL);
	code = say(tables, &o, bench, code);
	bench_free(bench);
	return code;
}

const struct command command_golden = {
	.name = "golden",
	.operands = "",
	.operands_min = 0,
	.operands_max = 0,
	.summary = "Run a bench's reference pen, and say whether its pass holds",
	.description =
		"Runs the pen that the bench file names in \"golden\" by the plan named there, as penrig run would, "
		"and "
		"holds its values against those of its earlier passes in the history. A bench that requires a valid "
		"pass refuses other pens without one; every report names the pass that it stands on.\n\n"
		"The newest run of the reference pen decides. Its pass is valid for the time and the number of runs "
		"that the bench file says, while bench file, phantoms, plan and penrig are the same, and while no "
		"value "
		"lies beside its own history.\n\n"
		"The exit code is 0 for a valid pass, else that of the run, or 8: there is no valid pass, though the "
		"run "
		"passed; 6 the history cannot be read.",
	.example = "  penrig golden --bench bench-3.json --operator \"A. Meier\"\n"
		   "  penrig golden --bench bench-3.json --status\n",
	.options = golden_table,
	.options_size = sizeof(struct golden_options),
	.run = golden_run,
};
