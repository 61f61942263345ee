/* `penrig grr`: gauge repeatability and reproducibility, from run files. */
#include "rig/cli/grr.h"

#include <errno.h>
#include <stdlib.h>

#include "rig/cli/kit/far_runs.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/plan_runs.h"

struct grr_options {
	const char *appraiser, *since, *until, *history, *state, *svg, *db, *store_secret, *store_ca;
	struct option_list measurand;
	bool nested, json, csv;
	int method;
};

static const char *const method_words[] = {"anova", "range", NULL};

#define AT(member) offsetof(struct grr_options, member)
static const struct cli_option grr_table[] = {
	{.name = "appraiser",
	 .letter = 'a',
	 .kind = OPTION_TEXT,
	 .arg = "WHAT",
	 .offset = AT(appraiser),
	 .group = "The study",
	 .help = "What tells appraisers or set-ups apart: operator (default), bench, cartridge, lot, or the key of an "
		 "attribute that the runs carry."},
	{.name = "nested",
	 .kind = OPTION_FLAG,
	 .offset = AT(nested),
	 .help = "Each appraiser measured pens of its own. Default: crossed, each measured every pen."},
	{.name = "method",
	 .kind = OPTION_WORD,
	 .arg = "WHICH",
	 .offset = AT(method),
	 .words = method_words,
	 .help = "anova (default): analysis of variance, with intervals; range: average and range."},
	{.name = "measurand",
	 .letter = 'm',
	 .kind = OPTION_LIST,
	 .arg = "NAME",
	 .offset = AT(measurand),
	 .help = "This one; may be repeated. Default: those that a limit is for."},
	SINCE_ROW(AT(since), "Runs of a plan, from the history"),
	UNTIL_ROW(AT(until), NULL),
	HISTORY_ROW(AT(history), NULL),
	STATE_ROW(AT(state), NULL),
	{.name = "db",
	 .kind = OPTION_TEXT,
	 .arg = "CONNECTION",
	 .offset = AT(db),
	 .help = "Ask the server of a fleet in its place, as libpq takes it (penrig help fleet). Instead of run "
		 "files: " FAR_RUNS_OPERAND_HELP "."},
	FLEET_STORE_ROWS(AT(store_secret), AT(store_ca)),
	{.name = "svg",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(svg),
	 .group = "Output",
	 .help = "Draw the studies into FILE, one below the other. A file of that name is replaced."},
	{.name = "json", .kind = OPTION_FLAG, .offset = AT(json), .help = "One JSON object on standard output."},
	{.name = "csv", .kind = OPTION_FLAG, .offset = AT(csv), .help = "A row for each component, RFC 4180."},
	{.name = NULL},
};

static int check_words(const struct grr_options *o, struct err *err)
{
	if (o->nested && o->method != 0)
		return err_set(err, -EINVAL, "--nested goes by analysis of variance: leave --method range out");
	for (unsigned i = 0; i < o->measurand.count; i++)
		if (!measurand_is_judged(measurand_find(o->measurand.item[i])))
			return err_set(err, -EINVAL,
				       "--measurand %s: there is none of this name; \"penrig help measurands\" lists "
				       "them",
				       o->measurand.item[i]);
	return 0;
}

/* ---- its runs ------------------------------------------------------------------------------------------------------ */

struct taking {
	struct grr_study *study;
	const struct grr_wanted *wanted;
};

static int take(void *ctx, const char *path, struct err *err)
{
	const struct taking *t = ctx;

	return grr_take_file(t->study, t->wanted, path, err);
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int show(const struct grr_options *o, const struct grr_study *study, struct err *err)
{
	int rc = 0;

	if (o->json)
		rc = grr_print_json(study, err);
	else if (o->csv)
		grr_print_csv(study);
	else
		grr_print(study);
	return rc || !o->svg ? rc : grr_draw(o->svg, study, err);
}

/* 3 where a study could not be evaluated: it is told which, and why. */
static int exit_code_of(const struct grr_study *study)
{
	for (unsigned i = 0; i < study->rows; i++)
		if (*study->row[i].why_not)
			return EXIT_INCONCLUSIVE;
	return study->rows ? EXIT_PASS : EXIT_INCONCLUSIVE;
}

static int grr_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct grr_options *o = options;
	const struct grr_wanted wanted = {.appraiser = o->appraiser ? o->appraiser : "operator",
					  .nested = o->nested,
					  .by_range = o->method == 1,
					  .measurand = &o->measurand};
	struct grr_study study = {.rows = 0};
	struct err err = {""};
	int code;

	(void)tables;
	if (check_words(o, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	struct taking taking = {&study, &wanted};
	const struct plan_runs where = {.history = o->history,
					.state = o->state,
					.since = o->since,
					.until = o->until,
					.db = o->db,
					.store_secret = o->store_secret,
					.store_ca = o->store_ca};
	int rc = plan_runs_each(&where, operands, count, take, &taking, &err);
	if (!rc)
		rc = grr_evaluate(&study, &err);
	if (!rc && (rc = show(o, &study, &err)) < 0)
		code = cli_error(rc == -ENOMEM ? EXIT_INTERNAL : EXIT_STORAGE, "%s", err.text);
	else
		code = rc < 0 ? cli_error(o->db ? fleet_exit_code(rc) : cli_exit_code(rc), "%s", err.text)
			      : exit_code_of(&study);
	grr_study_free(&study);
	return code;
}

const struct command command_grr = {
	.name = "grr",
	.operands = "PLAN|RUNFILE...",
	.operands_min = 1,
	.operands_max = OPERANDS_MAX,
	.summary = "Evaluate a gauge study: repeatability and reproducibility",
	.description =
		"From run files of several pens, each measured several times by several operators or in several "
		"set-ups: "
		"of each measurand at each setpoint what repeats, appraisers and pens make of its scatter, as standard "
		"deviations with 95 % intervals, as shares of the study and of the tolerance, and the number of "
		"distinct "
		"categories. With a PLAN instead of run files: all its runs that the history has.\n\n"
		"Crossed, each appraiser measures every pen as often; with --nested each has pens of its own. An "
		"interaction with p of 0.25 or more is pooled into repeatability, and said so. A trial that gave no "
		"value "
		"to be trusted leaves its study unevaluated, and is named. A setpoint that a run visits several times "
		"is "
		"one trial.\n\n"
		"The exit code is 0 all evaluated, whatever the figures say; 3 a study could not be; 2 wrong usage; 6 "
		"a "
		"file was changed or is damaged.",
	.example = "  penrig grr study/*.penrig --appraiser operator --svg study.svg\n"
		   "  penrig grr gauge.json --appraiser setup --since 2026-03-01\n"
		   "  penrig grr gauge.json --appraiser bench --db service=penrig\n",
	.options = grr_table,
	.options_size = sizeof(struct grr_options),
	.run = grr_run,
};
