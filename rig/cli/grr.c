/* `penrig grr`: gauge repeatability and reproducibility, from run files. */
#include "rig/cli/grr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/digest.h"
#include "rig/cli/history_options.h"
#include "rig/cli/kit/indexing.h"

struct grr_options {
	const char *appraiser, *since, *until, *history, *state, *svg;
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
	{.name = "since",
	 .kind = OPTION_TEXT,
	 .arg = "TIME",
	 .offset = AT(since),
	 .group = "Runs of a plan, from the history",
	 .help = "Begun then or later: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS, in UTC."},
	{.name = "until",
	 .kind = OPTION_TEXT,
	 .arg = "TIME",
	 .offset = AT(until),
	 .help = "Begun before the end of that day or second."},
	{.name = "history",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(history),
	 .help = "The history. Default: the file \"history\" in the folder of --state."},
	{.name = "state",
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(state),
	 .help = "The folder of what outlives a run. Default: /var/lib/penrig where it stands, else the user's own."},
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

/* ---- runs of a plan ------------------------------------------------------------------------------------------------ */

struct of_plan {
	struct grr_study *study;
	const struct grr_wanted *wanted;
	char digest[DIGEST_HEX];
	struct err *err;
};

static int on_run(void *ctx, const struct history_run *run)
{
	const struct of_plan *p = ctx;

	if (strcmp(run->plan_sha256, p->digest) != 0 || run->again || strcmp(run->status, "refused") == 0)
		return 0;
	return grr_take_file(p->study, p->wanted, run->path, p->err);
}

static int take_plan(const struct grr_options *o, struct of_plan *p, const char *path)
{
	const struct indexing where = {.history = o->history, .state = o->state};
	struct history_filter filter;
	struct history *history = NULL;
	struct plan *plan = NULL;
	size_t len = 0;
	int rc = plan_read(path, &plan, p->err);

	if (rc)
		return rc;
	const char *text = json_text(plan->doc, &len);
	digest_text(text, len, p->digest);
	const struct choice choice = {.since = o->since, .until = o->until};
	rc = choice_filter(&choice, &filter, p->err);
	if (!rc)
		rc = indexing_open(&where, &history, p->err);
	if (!rc)
		rc = history_each_run(history, &filter, ORDER_TIME, on_run, p, p->err);
	history_close(history);
	plan_free(plan);
	if (!rc && p->study->runs == 0)
		rc = err_set(p->err, -ENOENT, "the history has no run by %.300s as this file is now", path);
	return rc;
}

static bool is_run_file(const char *path)
{
	size_t len = strlen(path), tail = strlen(RUNFILE_EXTENSION);

	return len > tail && strcmp(path + len - tail, RUNFILE_EXTENSION) == 0;
}

static int take(const struct grr_options *o, const struct grr_wanted *wanted, struct grr_study *study,
		const char *const *operands, unsigned count, struct err *err)
{
	struct of_plan plan = {.study = study, .wanted = wanted, .err = err};
	int rc = 0;

	if (count == 1 && !is_run_file(operands[0]))
		return take_plan(o, &plan, operands[0]);
	for (unsigned i = 0; i < count && !rc; i++)
		rc = grr_take_file(study, wanted, operands[i], err);
	return rc;
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
	int rc = take(o, &wanted, &study, operands, count, &err);
	if (!rc)
		rc = grr_evaluate(&study, &err);
	if (!rc && (rc = show(o, &study, &err)) < 0)
		code = cli_error(rc == -ENOMEM ? EXIT_INTERNAL : EXIT_STORAGE, "%s", err.text);
	else
		code = rc < 0 ? cli_error(cli_exit_code(rc), "%s", err.text) : exit_code_of(&study);
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
		   "  penrig grr gauge.json --appraiser setup --since 2026-03-01\n",
	.options = grr_table,
	.options_size = sizeof(struct grr_options),
	.run = grr_run,
};
