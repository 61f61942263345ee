/* `penrig life`: a course of sessions on one unit: wear against strokes, and how many are left. */
#include "rig/cli/life.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "rig/cli/kit/indexing.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/table.h"
#include "rig/cli/plan_runs.h"

struct life_options {
	const char *dut, *since, *until, *history, *state, *svg;
	struct option_list measurand;
	bool json, csv;
};

#define AT(member) offsetof(struct life_options, member)
static const struct cli_option life_table[] = {
	{.name = "dut",
	 .letter = 'd',
	 .kind = OPTION_TEXT,
	 .arg = "SERIAL",
	 .offset = AT(dut),
	 .group = "The course",
	 .help = "Of this pen. Default: every pen that has runs of the plan."},
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
	{.name = "svg",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(svg),
	 .group = "Output",
	 .help = "Draw the lines into FILE, one below the other. A file of that name is replaced."},
	JSON_ROW(AT(json)),
	CSV_ROW(AT(csv)),
	{.name = NULL},
};

static int check_words(const struct life_options *o, struct err *err)
{
	for (unsigned i = 0; i < o->measurand.count; i++)
		if (!measurand_is_judged(measurand_find(o->measurand.item[i])))
			return err_set(err, -EINVAL,
				       "--measurand %s: there is none of this name; \"penrig help measurands\" lists "
				       "them",
				       o->measurand.item[i]);
	return 0;
}

struct taking {
	struct life_study *study;
	const struct life_wanted *wanted;
};

static int take(void *ctx, const char *path, struct err *err)
{
	const struct taking *t = ctx;

	return life_take_file(t->study, t->wanted, path, err);
}

/* A course of run files needs no history: where there is none, that is told. */
static int gather_others(const struct life_options *o, struct life_study *study, struct err *err)
{
	const struct indexing where = {.history = o->history, .state = o->state};
	struct history *history = NULL;
	struct err none = {""};

	if (indexing_ask(&where, &history, &none) < 0) {
		study->alone = true;
		return 0;
	}
	int rc = life_take_others(study, history, o->until, err);
	history_close(history);
	return rc;
}

static int gather(const struct life_options *o, const char *const *operands, unsigned count, struct life_study *study,
		  struct err *err)
{
	const struct life_wanted wanted = {.dut = o->dut, .measurand = &o->measurand};
	const struct plan_runs where = {.history = o->history, .state = o->state, .since = o->since, .until = o->until};
	struct taking taking = {study, &wanted};
	int rc = plan_runs_each(&where, operands, count, take, &taking, err);

	if (!rc && !study->sessions)
		rc = err_set(err, -ENOENT, "no run of %s among them", o->dut);
	if (!rc)
		rc = gather_others(o, study, err);
	return rc ? rc : life_evaluate(study, err);
}

static int show(const struct life_options *o, const struct life_study *study, struct err *err)
{
	int rc = 0;

	if (o->json || o->csv)
		rc = life_print_form(study, o->csv, err);
	else
		life_print(study);
	return rc || !o->svg ? rc : life_draw(o->svg, study, err);
}

/* 1 where the line of something has met its limit; 3 where there is no line, or it does not say what is left. */
static int exit_code_of(const struct life_study *s)
{
	int code = s->rows ? EXIT_PASS : EXIT_INCONCLUSIVE;

	for (unsigned i = 0; i < s->units; i++)
		if (s->unit[i].failed)
			return EXIT_FAIL;
	for (unsigned i = 0; i < s->rows; i++) {
		if (s->row[i].left.value == 0.0)
			return EXIT_FAIL;
		if (*s->row[i].why_not || (s->row[i].limited && isnan(s->row[i].left.value)))
			code = EXIT_INCONCLUSIVE;
	}
	return code;
}

static int life_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct life_options *o = options;
	struct life_study study = {.rows = 0};
	struct err err = {""};
	int code;

	(void)tables;
	if (check_words(o, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	int rc = gather(o, operands, count, &study, &err);
	if (rc < 0)
		code = cli_error(cli_exit_code(rc), "%s", err.text);
	else if ((rc = show(o, &study, &err)) < 0)
		code = cli_error(rc == -ENOMEM ? EXIT_INTERNAL : EXIT_STORAGE, "%s", err.text);
	else
		code = exit_code_of(&study);
	life_study_free(&study);
	return code;
}

const struct command command_life = {
	.name = "life",
	.operands = "PLAN|RUNFILE...",
	.operands_min = 1,
	.operands_max = OPERANDS_MAX,
	.summary = "Evaluate a course of sessions: wear, and the strokes left",
	.description =
		"From the runs of one plan on a pen, weeks apart: how many strokes it has made (in these and in all "
		"other runs that the history has of it, and beyond them by the pen's own counter), how each "
		"measurand that "
		"has a limit moves with them, as a straight line with its 95 % interval and a level for each "
		"cartridge, and how "
		"many strokes are left before the line meets the limit, with the interval that the line's own "
		"uncertainty "
		"leaves. With a PLAN instead of run files: all its runs that the history has.\n\n"
		"Of several pens also the lives by Weibull's distribution: those that failed, and those that "
		"have lived so long "
		"without.\n\n"
		"The exit code is 0 shown; 1 a pen failed, or a line has met its limit; 3 something has no "
		"line: three sessions "
		"are needed; or what is left of it is not told, as where its cartridge is out; 2 wrong usage; 6 a file "
		"was changed or is damaged.",
	.example = "  penrig life session.json --dut SN-0417 --svg wear.svg\n"
		   "  penrig life course/*.penrig --measurand depth_error_mm\n",
	.options = life_table,
	.options_size = sizeof(struct life_options),
	.run = life_run,
};
