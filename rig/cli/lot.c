/* `penrig lot`: what a sampling plan accepts, and whether a lot is. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/draw/oc_picture.h"
#include "rig/base/json.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/indexing.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/table.h"
#include "rig/config/lot.h"
#include "rig/history/unit.h"
#include "rig/measure/measurand.h"
#include "rig/study/acceptance.h"
#include "rig/study/series.h"

#define POINTS 81 /* of the curve */
#define ROWS   11 /* of the chart in letters */
#define WIDTH  61

struct lot_options {
	const char *lot, *history, *state, *svg;
	bool json, csv;
};

#define AT(member) offsetof(struct lot_options, member)
static const struct cli_option lot_table[] = {
	{.name = "lot",
	 .kind = OPTION_TEXT,
	 .arg = "LOT",
	 .offset = AT(lot),
	 .group = "What is judged",
	 .help = "Judge this lot: by attributes by how its pens stand in the history, by variables by the values of "
		 "the "
		 "plan's measurand."},
	HISTORY_ROW(AT(history), "Where"),
	STATE_ROW(AT(state), NULL),
	{.name = "svg",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(svg),
	 .group = "Output",
	 .help = "Draw the curve."},
	JSON_ROW(AT(json)),
	CSV_ROW(AT(csv)),
	{.name = NULL},
};

#define GROUPS_MAX 64

struct lot_group { /* by variables: the units' values at one setpoint */
	char title[200], unit[8];
	struct acceptance_sample sample;
	struct acceptance_quality quality;
	unsigned missing; /* units without a value that could be judged */
	bool limits_differ, methods_differ;
};

struct lot_study {
	const struct lot_options *options;
	struct lot_file file;
	struct acceptance_plan exact, measured;
	bool uncertain; /* measuring is no exact one */
	double percent[POINTS], chance[POINTS], seen[POINTS];
	unsigned units, passed, failed, neither;
	enum acceptance_outcome outcome; /* of --lot */
	struct unit unit;                /* at hand */
	unsigned groups;
	struct lot_group group[GROUPS_MAX];
	unsigned set_aside, set_aside_room; /* runs whose failure a supervisor set aside: their values count no more */
	int64_t *set_aside_run;
};

static const double shares[] = {0.99, 0.95, 0.50, 0.10, 0.01}; /* of lots accepted, for the table */

/* ---- the curve ----------------------------------------------------------------------------------------------------- */

static void plans_of(struct lot_study *s)
{
	const struct lot_file *f = &s->file;

	s->exact = (struct acceptance_plan){.variables = f->variables,
					    .sigma_known = f->sigma == 1,
					    .n = (unsigned)f->n,
					    .c = (unsigned)f->c,
					    .k = f->k,
					    .lot = f->variables ? 0 : (unsigned)f->lot_size};
	s->measured = s->exact;
	s->measured.measuring = (struct acceptance_measuring){
		.u_random = f->measuring.u_random, .u_common = f->measuring.u_common, .guard = f->measuring.guard};
	s->uncertain = f->measuring.u_random > 0 || f->measuring.u_common > 0 || f->measuring.guard > 0;
}

/* From 0 to where hardly a lot is accepted. */
static void draw_curve(struct lot_study *s)
{
	double end = fmax(acceptance_share(&s->exact, 0.005), s->uncertain ? acceptance_share(&s->measured, 0.005) : 0);

	if (!(end > 0.0))
		end = 1.0;
	for (unsigned i = 0; i < POINTS; i++) {
		double share = end * i / (POINTS - 1.0);
		s->percent[i] = 100.0 * share;
		s->chance[i] = 100.0 * acceptance_chance(&s->exact, share);
		s->seen[i] = s->uncertain ? 100.0 * acceptance_chance(&s->measured, share) : s->chance[i];
	}
}

/* ---- a lot --------------------------------------------------------------------------------------------------------- */

/* One that failed and was conceded does not conform all the same. */
static void count_unit(struct lot_study *s)
{
	if (!s->unit.runs)
		return;
	unit_end(&s->unit);
	s->units++;
	switch (s->unit.standing) {
	case UNIT_PASS: s->passed++; break;
	case UNIT_FAIL:
	case UNIT_REJECTED:
	case UNIT_CONCEDED: s->failed++; break;
	default: s->neither++; break;
	}
	s->unit = (struct unit){.runs = 0};
}

static int set_aside(struct lot_study *s, int64_t run)
{
	if (s->set_aside == s->set_aside_room) {
		unsigned room = s->set_aside_room ? 2 * s->set_aside_room : 16;
		int64_t *more = realloc(s->set_aside_run, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->set_aside_run = more;
		s->set_aside_room = room;
	}
	s->set_aside_run[s->set_aside++] = run;
	return 0;
}

static int on_run(void *ctx, const struct history_run *run)
{
	struct lot_study *s = ctx;

	if (run->disposition == DISPOSITION_RETEST && set_aside(s, run->id) < 0)
		return -ENOMEM;
	if (s->unit.runs && strcmp(s->unit.dut, run->dut) != 0)
		count_unit(s);
	unit_add(&s->unit, run);
	return 0;
}

static int count_units(struct lot_study *s, struct history *history, const struct history_filter *filter,
		       struct err *err)
{
	int rc = history_each_run(history, filter, ORDER_UNIT, on_run, s, err);

	count_unit(s);
	return rc == -ENOMEM ? err_set(err, rc, "out of memory") : rc;
}

static int look_at_lot(struct lot_study *s, struct err *err)
{
	const struct indexing where = {.history = s->options->history, .state = s->options->state};
	const struct history_filter filter = {.count = 1, .item = {{BY_LOT, s->options->lot}}};
	struct history *history = NULL;
	int rc = indexing_ask(&where, &history, err);

	if (!rc)
		rc = count_units(s, history, &filter, err);
	history_close(history);
	s->outcome = acceptance_judge(&s->exact, s->passed, s->failed, s->neither);
	return rc;
}

/* ---- a lot by its units' values ------------------------------------------------------------------------------------- */

static bool is_set_aside(const struct lot_study *s, int64_t run)
{
	for (unsigned i = 0; i < s->set_aside; i++)
		if (s->set_aside_run[i] == run)
			return true;
	return false;
}

/* The first value of each unit that no supervisor set aside: no later one takes its place. Values stand in order of time. */
static bool is_first_of_unit(const struct lot_study *lot, const struct series *s, unsigned i)
{
	if (is_set_aside(lot, s->value[i].run_id))
		return false;
	for (unsigned k = 0; k < i; k++)
		if (strcmp(s->value[k].dut, s->value[i].dut) == 0 && !is_set_aside(lot, s->value[k].run_id))
			return false;
	return true;
}

static void sum_up(const struct lot_study *lot, const struct series *s, struct acceptance_sample *ret)
{
	double squares = 0.0;

	for (unsigned i = 0; i < s->n; i++) {
		if (!is_first_of_unit(lot, s, i))
			continue;
		double away = s->value[i].value - ret->mean;
		ret->mean += away / ++ret->n;
		squares += away * (s->value[i].value - ret->mean);
		ret->expanded_u =
			fmax(ret->expanded_u, isfinite(s->value[i].expanded_u) ? s->value[i].expanded_u : 0.0);
	}
	ret->sd = sqrt(squares / (ret->n - 1.0));
}

static void judge_group(struct lot_study *s, const struct series *series)
{
	const struct lot_file *f = &s->file;
	struct lot_group *g = &s->group[s->groups++];
	struct lot_group group = {.missing = series->unjudged,
				  .limits_differ = series->limits_changed,
				  .methods_differ = series->oldest_method != series->newest_method,
				  .sample = {.sigma = f->sigma_value,
					     .lower = series->lower,
					     .upper = series->upper,
					     .most = f->most_percent / 100.0}};

	snprintf(group.title, sizeof(group.title), "%s (%s) at %.6g mm, %.6g Hz", f->measurand, series->method,
		 series->depth_mm, series->rate_hz);
	snprintf(group.unit, sizeof(group.unit), "%s", series->unit);
	sum_up(s, series, &group.sample);
	if (s->units > group.sample.n + group.missing)
		group.missing = s->units - group.sample.n;
	group.quality.outcome = LOT_UNDECIDED;
	if (group.sample.n >= 2 && group.sample.sd > 0.0)
		acceptance_measure(&s->exact, &group.sample, &group.quality);
	if (group.quality.outcome == LOT_ACCEPTED && (group.missing || group.limits_differ || group.methods_differ))
		group.quality.outcome = LOT_UNDECIDED;
	*g = group;
}

/* Rejected where it is at one setpoint, accepted where it is at each. */
static void judge_values(struct lot_study *s, const struct series_list *list)
{
	unsigned accepted = 0;
	bool rejected = false;

	for (unsigned i = 0; i < list->n && s->groups < GROUPS_MAX; i++)
		if (isfinite(list->item[i].lower) || isfinite(list->item[i].upper))
			judge_group(s, &list->item[i]);
	for (unsigned i = 0; i < s->groups; i++) {
		accepted += s->group[i].quality.outcome == LOT_ACCEPTED;
		rejected |= s->group[i].quality.outcome == LOT_REJECTED;
	}
	/* a unit that fails by another limit, or in another run, is in the lot whatever this measurand's values say */
	bool all = s->groups && s->groups < GROUPS_MAX && accepted == s->groups && !s->failed && !s->neither;
	s->outcome = rejected ? LOT_REJECTED : all ? LOT_ACCEPTED : LOT_UNDECIDED;
}

static int look_at_values(struct lot_study *s, struct err *err)
{
	const struct indexing where = {.history = s->options->history, .state = s->options->state};
	const struct history_filter filter = {.count = 1, .item = {{BY_LOT, s->options->lot}}};
	const struct lot_file *f = &s->file;
	struct history *history = NULL;
	struct series_list list = {.n = 0};
	int rc = indexing_ask(&where, &history, err);

	if (!rc)
		rc = count_units(s, history, &filter, err);
	if (!rc)
		rc = series_read(history, &filter, f->measurand, *f->method ? f->method : NULL, &list, err);
	if (!rc)
		judge_values(s, &list);
	series_free(&list);
	history_close(history);
	return rc;
}

static const char *outcome_of(const struct lot_study *s)
{
	static const char *const names[] = {"accepted", "rejected", "undecided"};

	return names[s->outcome];
}

/* ---- for people ---------------------------------------------------------------------------------------------------- */

static void print_plan(const struct lot_study *s)
{
	const struct lot_file *f = &s->file;

	fputs("sampling plan: ", stdout);
	print_clean(stdout, f->standard);
	if (f->variables)
		printf("\n  by variables, one limit: n %lld, k %g, sigma %s\n", (long long)f->n, f->k,
		       f->sigma ? "known" : "unknown");
	else if (f->lot_size)
		printf("\n  by attributes: n %lld, accepted with up to %lld nonconforming; of a lot of %lld\n",
		       (long long)f->n, (long long)f->c, (long long)f->lot_size);
	else
		printf("\n  by attributes: n %lld, accepted with up to %lld nonconforming\n", (long long)f->n,
		       (long long)f->c);
	if (s->uncertain)
		printf("  measured: u of each unit %g, u in common %g, guard band %g standard deviations of the lot\n",
		       f->measuring.u_random, f->measuring.u_common, f->measuring.guard);
}

static void print_percent(double share)
{
	isfinite(share) ? printf("%14.3g", 100.0 * share) : printf("%14s", "-");
}

static void print_at(const struct lot_study *s, const char *name, double percent, bool risk)
{
	if (!isfinite(percent))
		return;
	printf("  %s %.4g %%: accepted %.1f %%", name, percent, 100.0 * acceptance_chance(&s->exact, 0.01 * percent));
	double chance = acceptance_chance(&s->measured, 0.01 * percent);
	if (s->uncertain)
		printf(", as it is measured %.1f %%", 100.0 * chance);
	printf("; the %s's risk is %.1f %%\n", risk ? "producer" : "consumer", 100.0 * (risk ? 1.0 - chance : chance));
}

static void print_table(const struct lot_study *s)
{
	printf("  %-22s %14s%s\n", "lots accepted", "nonconforming, %", s->uncertain ? "   as measured, %" : "");
	for (unsigned i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		printf("  %-22g ", 100.0 * shares[i]);
		print_percent(acceptance_share(&s->exact, shares[i]));
		if (s->uncertain)
			print_percent(acceptance_share(&s->measured, shares[i]));
		putchar('\n');
	}
	print_at(s, "AQL", s->file.aql_percent, true);
	print_at(s, "LQ ", s->file.lq_percent, false);
}

static void print_chart(const struct lot_study *s)
{
	for (unsigned row = 0; row < ROWS; row++) {
		char line[WIDTH + 1] = "";
		double level = 100.0 - 100.0 * row / (ROWS - 1);
		for (unsigned x = 0; x < WIDTH; x++) {
			unsigned i = x * (POINTS - 1) / (WIDTH - 1);
			double half = 50.0 / (ROWS - 1);
			line[x] = fabs(s->seen[i] - level) <= half && s->uncertain ? 'm'
				  : fabs(s->chance[i] - level) <= half             ? 'o'
										   : ' ';
		}
		line[WIDTH] = '\0';
		printf("  %5.0f %% |%s\n", level, line);
	}
	printf("  %8s+%.*s\n  %8s 0 %*.3g %% nonconforming%s\n", "", WIDTH,
	       "-------------------------------------------------------------------------------", "", WIDTH - 4,
	       s->percent[POINTS - 1], s->uncertain ? "; o exact, m as measured" : "");
}

static void print_group(const struct lot_study *s, const struct lot_group *g)
{
	static const char *const names[] = {"accepted", "rejected", "undecided"};
	const struct acceptance_sample *v = &g->sample;
	const struct acceptance_quality *q = &g->quality;

	printf("  %s\n    %u units, mean %.6g %s, s %.4g", g->title, v->n, v->mean, g->unit, v->sd);
	if (isfinite(q->lower))
		printf(", %.4g s above %.6g", q->lower, v->lower);
	if (isfinite(q->upper))
		printf(", %.4g s below %.6g", q->upper, v->upper);
	printf("\n    %.3g %% estimated nonconforming: %s", 100.0 * q->share, names[q->outcome]);
	if (v->n != s->exact.n)
		printf("; the plan draws %u", s->exact.n);
	if (g->missing)
		printf("; %u without a value that could be judged", g->missing);
	if (q->guarded)
		printf("; not by more than the measurement's U of %.3g %s", v->expanded_u, g->unit);
	if (g->limits_differ)
		fputs("; the limits were not the same for all", stdout);
	if (g->methods_differ)
		fputs("; judged by different versions of the method", stdout);
	putchar('\n');
}

static void print_values(const struct lot_study *s)
{
	fputs("\nlot ", stdout);
	print_clean(stdout, s->options->lot);
	printf(": %s%s\n", outcome_of(s), s->groups ? "" : ": no values with a limit in the history");
	for (unsigned i = 0; i < s->groups; i++)
		print_group(s, &s->group[i]);
	if (s->failed || s->neither)
		printf("  %u of its %u units do not conform by all their runs and limits, %u neither: the values alone "
		       "do not accept "
		       "it (penrig history --units)\n",
		       s->failed, s->units, s->neither);
	if (s->set_aside)
		printf("  %u run%s set aside for a retest: the next value of the unit counts\n", s->set_aside,
		       s->set_aside == 1 ? "" : "s");
}

static void print_lot(const struct lot_study *s)
{
	fputs("\nlot ", stdout);
	print_clean(stdout, s->options->lot);
	printf(": %s: %u units, %u pass, %u do not conform, %u neither", outcome_of(s), s->units, s->passed, s->failed,
	       s->neither);
	if (s->outcome == LOT_UNDECIDED && s->neither)
		fputs("; a unit that is neither decides nothing: test it again", stdout);
	else if (s->outcome == LOT_UNDECIDED)
		printf("; the plan draws %u", s->exact.n);
	putchar('\n');
}

/* ---- for programs -------------------------------------------------------------------------------------------------- */

static void put_number(struct json_out *out, const char *key, double value)
{
	if (isfinite(value))
		json_out_number(out, key, value, 9);
	else
		json_out_null(out, key);
}

static void put_plan(struct json_out *out, const struct lot_study *s)
{
	const struct lot_file *f = &s->file;

	json_out_string(out, "standard", f->standard);
	json_out_string(out, "by", f->variables ? "variables" : "attributes");
	json_out_int(out, "n", f->n);
	if (f->variables) {
		json_out_number(out, "k", f->k, 17);
		json_out_string(out, "sigma", f->sigma ? "known" : "unknown");
	} else {
		json_out_int(out, "c", f->c);
	}
	put_number(out, "aql_percent", f->aql_percent);
	put_number(out, "lq_percent", f->lq_percent);
	json_out_bool(out, "measured_exactly", !s->uncertain);
}

static void put_values(struct json_out *out, const struct lot_study *s)
{
	struct json_out *lot = json_out_add_object(out, "lot");

	json_out_string(lot, "name", s->options->lot);
	json_out_string(lot, "outcome", outcome_of(s));
	json_out_int(lot, "units", s->units);
	json_out_int(lot, "pass", s->passed);
	json_out_int(lot, "nonconforming", s->failed);
	json_out_int(lot, "neither", s->neither);
	json_out_int(lot, "set_aside", s->set_aside);
	struct json_out *list = json_out_add_array(lot, "values");
	for (unsigned i = 0; i < s->groups; i++) {
		const struct lot_group *g = &s->group[i];
		struct json_out *one = json_out_add_object(list, NULL);
		json_out_string(one, "title", g->title);
		json_out_int(one, "units", g->sample.n);
		put_number(one, "mean", g->sample.mean);
		put_number(one, "sd", g->sample.sd);
		put_number(one, "lower_limit", g->sample.lower);
		put_number(one, "upper_limit", g->sample.upper);
		put_number(one, "expanded_u", g->sample.expanded_u);
		put_number(one, "quality_lower", g->quality.lower);
		put_number(one, "quality_upper", g->quality.upper);
		put_number(one, "nonconforming_percent", 100.0 * g->quality.share);
		json_out_bool(one, "guarded", g->quality.guarded);
		json_out_int(one, "missing", g->missing);
	}
}

static const struct table_column columns[] = {
	{"nonconforming_percent", TABLE_NUMBER, "%"},
	{"accepted_percent", TABLE_NUMBER, "%"},
	{"accepted_as_measured_percent", TABLE_NUMBER, "%"},
	{.path = NULL},
};
const struct table table_lot = {"lot", "curve", columns};

static int print_rows(const struct lot_study *s, struct err *err)
{
	struct json_out *out = json_out_object(), *list;

	if (!out)
		return err_set(err, -ENOMEM, "out of memory");
	put_plan(out, s);
	list = json_out_add_array(out, "curve");
	for (unsigned i = 0; i < POINTS; i++) {
		struct json_out *point = json_out_add_object(list, NULL);
		put_number(point, "nonconforming_percent", s->percent[i]);
		put_number(point, "accepted_percent", s->chance[i]);
		put_number(point, "accepted_as_measured_percent", s->seen[i]);
	}
	if (s->options->lot && s->file.variables)
		put_values(out, s);
	else if (s->options->lot) {
		struct json_out *lot = json_out_add_object(out, "lot");
		json_out_string(lot, "name", s->options->lot);
		json_out_string(lot, "outcome", outcome_of(s));
		json_out_int(lot, "units", s->units);
		json_out_int(lot, "pass", s->passed);
		json_out_int(lot, "nonconforming", s->failed);
		json_out_int(lot, "neither", s->neither);
	}
	return table_print(out, &table_lot, s->options->csv, err);
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int draw(const struct lot_study *s, struct err *err)
{
	FILE *out = fopen(s->options->svg, "we");
	int rc = out ? 0 : err_set(err, -errno, "%.300s cannot be written: %s", s->options->svg, strerror(errno));

	if (rc)
		return rc;
	oc_picture_draw(out, &(struct oc_picture){.title = s->file.standard,
						  .n = POINTS,
						  .percent = s->percent,
						  .exact = s->chance,
						  .measured = s->uncertain ? s->seen : NULL,
						  .aql_percent = s->file.aql_percent,
						  .lq_percent = s->file.lq_percent});
	bool bad = ferror(out) != 0;
	if (fclose(out) != 0 || bad)
		rc = err_set(err, -EIO, "%.300s cannot be written", s->options->svg);
	return rc;
}

static int check_lot(const struct lot_study *s, struct err *err)
{
	const char *lot = s->options->lot;

	if (lot && s->file.variables && !*s->file.measurand)
		return err_set(err, -EINVAL,
			       "--lot by variables needs \"measurand\" in the file: whose values the lot is judged by");
	if (*s->file.measurand && !measurand_is_judged(measurand_find(s->file.measurand)))
		return err_set(err, -EINVAL,
			       "\"measurand\" %s: there is none of this name; \"penrig help measurands\" lists them",
			       s->file.measurand);
	if (lot && (!*lot || strpbrk(lot, "*?")))
		return err_set(err, -EINVAL, "--lot %s: name one lot", lot);
	return 0;
}

static int lot_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	static const int codes[] = {EXIT_PASS, EXIT_FAIL, EXIT_INCONCLUSIVE};
	struct lot_study s = {.options = options};
	struct err err = {""};

	(void)tables, (void)count;
	if (lot_read(operands[0], &s.file, &err) < 0 || check_lot(&s, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	plans_of(&s);
	draw_curve(&s);
	int rc = !s.options->lot ? 0 : s.file.variables ? look_at_values(&s, &err) : look_at_lot(&s, &err);
	free(s.set_aside_run); /* only the judgement needs it */
	if (!rc && s.options->svg)
		rc = draw(&s, &err);
	const bool rows = s.options->json || s.options->csv;
	if (!rc && rows)
		rc = print_rows(&s, &err);
	if (rc)
		return cli_error(cli_exit_code(rc), "%s", err.text);
	if (!rows) {
		print_plan(&s);
		print_table(&s);
		print_chart(&s);
		if (s.options->lot && s.file.variables)
			print_values(&s);
		else if (s.options->lot)
			print_lot(&s);
	}
	return s.options->lot ? codes[s.outcome] : EXIT_PASS;
}

const struct command command_lot = {
	.name = "lot",
	.operands = "FILE",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Show what a sampling plan accepts, and judge a lot by it",
	.description =
		"FILE cites a plan as the procedure does: the standard's name in words, n and c (attributes) or n and "
		"k "
		"(variables, one limit), AQL and limiting quality. Shown is its operating characteristic, the chance "
		"that a lot is accepted over its share nonconforming, and what the uncertainty of the measurement "
		"makes "
		"of it.\n\n"
		"--lot LOT counts how the pens of the lot stand by all their runs (penrig history --units): one that "
		"failed does not conform, also where a supervisor conceded it. A pen that is neither decides "
		"nothing. By variables it takes the first value of each pen (that no supervisor set aside for a "
		"retest), accepts no lot with a pen that does not conform or is neither, and holds mean and standard "
		"deviation "
		"against the limits by "
		"k, or what share is estimated to lie beyond them by most_percent.\n\n"
		"The exit code is 0 shown, or the lot is accepted; 1 it is rejected; 3 undecided: too few pens or too "
		"many, or one without a verdict; 2 wrong usage; 6 the history cannot be read, or the picture written.",
	.example = "  penrig lot sop-12.json --svg oc.svg\n"
		   "  penrig lot sop-12.json --lot L7\n",
	.options = lot_table,
	.options_size = sizeof(struct lot_options),
	.run = lot_run,
};
