/* `penrig trend`: a measurand over many runs: control chart, capability, yield. */
#include "rig/cli/trend.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/json.h"
#include "rig/cli/history_options.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/indexing.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/table.h"

struct trend_options {
	struct choice choice;
	const char *method, *run, *subgroup, *lambda, *svg, *html;
	int chart, rules;
	bool json, csv;
};

static const char *const rule_words[] = {"western-electric", "nelson", NULL};
static const struct rule_set *const rule_sets[] = {&rules_western_electric, &rules_nelson};

#define AT(member) offsetof(struct trend_options, member)
static const struct cli_option trend_table[] = {
	CHOICE_ROWS(AT(choice)),
	{.name = "method",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(method),
	 .group = "Chart",
	 .help = "Values of this method: realised, displacement and so on. Default: those that a limit was for."},
	{.name = "chart",
	 .kind = OPTION_WORD,
	 .arg = "WHICH",
	 .offset = AT(chart),
	 .words = chart_words,
	 .help = "individuals (default), with moving ranges; means-range or means-sd of subgroups; ewma."},
	{.name = "subgroup",
	 .kind = OPTION_TEXT,
	 .arg = "M",
	 .offset = AT(subgroup),
	 .help = "Values in a row that make one mean, 2 to 100. Default: 5."},
	{.name = "lambda",
	 .kind = OPTION_TEXT,
	 .arg = "L",
	 .offset = AT(lambda),
	 .help = "Weight of the newest value in the moving average, above 0 and at most 1. Default: 0.2."},
	{.name = "rules",
	 .kind = OPTION_WORD,
	 .arg = "WHICH",
	 .offset = AT(rules),
	 .words = rule_words,
	 .help = "western-electric (default): beyond 3 sigma, runs on one side, two of three, four of five; nelson: "
		 "all "
		 "eight."},
	{.name = "run",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = AT(run),
	 .help = "How many in a row on one side are a run, 6 to 30. Default: 8, of Nelson's 9."},
	{.name = "svg",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(svg),
	 .group = "Output",
	 .help = "Draw the charts into FILE, one below the other. A file of that name is replaced."},
	{.name = "html",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(html),
	 .help = "Write charts, capability and broken rules as one page. A file of that name is replaced."},
	{.name = "json", .kind = OPTION_FLAG, .offset = AT(json), .help = "One JSON object on standard output."},
	CSV_ROW(AT(csv)),
	{.name = NULL},
};

/* ---- what is wanted ------------------------------------------------------------------------------------------------ */

static int number_of(const char *option, const char *text, double lo, double hi, double *ret, struct err *err)
{
	char *end;

	if (!text)
		return 0;
	double value = strtod(text, &end);
	if (end == text || *end || !(value >= lo && value <= hi))
		return err_set(err, -EINVAL, "%s %s: must be a number from %g to %g", option, text, lo, hi);
	*ret = value;
	return 0;
}

static int count_of(const char *option, const char *text, unsigned lo, unsigned hi, unsigned *ret, struct err *err)
{
	double value = *ret;
	int rc = number_of(option, text, lo, hi, &value, err);

	if (!rc && value != floor(value))
		rc = err_set(err, -EINVAL, "%s %s: must be a whole number", option, text);
	if (!rc)
		*ret = (unsigned)value;
	return rc;
}

static int read_settings(const struct trend_options *o, struct trend_settings *ret, struct err *err)
{
	int rc;

	*ret = (struct trend_settings){
		.chart = (enum chart)o->chart, .rules = *rule_sets[o->rules], .subgroup = 5, .lambda = 0.2};
	rc = count_of("--subgroup", o->subgroup, 2, SUBGROUP_MAX, &ret->subgroup, err);
	if (!rc)
		rc = count_of("--run", o->run, 6, 30, &ret->rules.run, err);
	return rc ? rc : number_of("--lambda", o->lambda, 1e-3, 1.0, &ret->lambda, err);
}

/* The nearest, where it is none. */
static int check_measurand(const char *name, struct err *err)
{
	const char *names[MEASURANDS + 1] = {NULL};
	unsigned count = 0;

	for (unsigned id = MEASURAND_NONE + 1; id < MEASURANDS; id++)
		if (measurand_is_judged((enum measurand)id))
			names[count++] = measurand_row((enum measurand)id)->name;
	for (unsigned i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return 0;
	const char *near = nearest_word(name, names);
	return err_set(err, -EINVAL,
		       "%s: no measurand of this name is kept%s%s%s; \"penrig help measurands\" lists them", name,
		       near ? "; did you mean \"" : "", near ? near : "", near ? "\"" : "");
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static void add_real(struct json_out *node, const char *key, double value)
{
	if (isfinite(value))
		json_out_number(node, key, value, 17);
	else
		json_out_null(node, key);
}

static void add_interval(struct json_out *node, const char *key, struct interval i)
{
	struct json_out *object = json_out_add_object(node, key);

	add_real(object, "value", i.value);
	add_real(object, "lower", i.lo);
	add_real(object, "upper", i.hi);
}

static void add_capability(struct json_out *node, const struct trend *t)
{
	struct json_out *c = json_out_add_object(node, "capability");

	json_out_number(c, "confidence", TREND_CONFIDENCE, 17);
	add_real(c, "sigma_within", t->capability.within);
	add_real(c, "sigma_within_dof", t->capability.within_dof);
	add_real(c, "sigma_overall", t->capability.overall);
	add_interval(c, "cp", t->capability.cp);
	add_interval(c, "cpk", t->capability.cpk);
	add_interval(c, "pp", t->capability.pp);
	add_interval(c, "ppk", t->capability.ppk);
}

static void add_values(struct json_out *node, const struct trend *t)
{
	struct json_out *values = json_out_add_array(node, "values");

	for (unsigned i = 0; i < t->n; i++) {
		struct json_out *v = json_out_add_object(values, NULL);
		const struct series_value *of = trend_last_value(t, i);
		json_out_string(v, "run", of->run);
		json_out_string(v, "dut", of->dut);
		json_out_string(v, "started", of->started);
		add_real(v, "value", t->plotted[i]);
		add_real(v, "scatter", t->scatter[i]);
		if (t->half_width)
			add_real(v, "half_width", t->half_width[i]);
		struct json_out *rules = json_out_add_array(v, "rules");
		for (unsigned rule = 0; rule < RUN_RULES; rule++)
			if (t->broken[i] & RULE_BIT(rule))
				json_out_string(rules, NULL, run_rule_text[rule]);
	}
}

static void add_trend(struct json_out *list, const struct trend *t)
{
	const struct series *s = t->series;
	struct json_out *node = json_out_add_object(list, NULL);

	json_out_string(node, "method", *s->method ? s->method : NULL);
	json_out_string(node, "unit", s->unit);
	json_out_string(node, "phantom", *s->phantom ? s->phantom : NULL);
	json_out_bool(node, "sweep", s->sweep);
	add_real(node, "depth_mm", s->depth_mm);
	add_real(node, "rate_hz", s->rate_hz);
	json_out_int(node, "n", s->n);
	add_real(node, "centre", t->limits.centre);
	add_real(node, "lower_control", t->limits.lower);
	add_real(node, "upper_control", t->limits.upper);
	add_real(node, "lower_limit", s->lower);
	add_real(node, "upper_limit", s->upper);
	json_out_bool(node, "limits_changed", s->limits_changed);
	json_out_int(node, "alarms", t->alarms);
	json_out_int(node, "judged", t->judged);
	json_out_int(node, "passed", t->passed);
	json_out_int(node, "unjudged", s->unjudged);
	json_out_int(node, "failed_later", s->failed_later);
	json_out_int(node, "imported_again", s->repeated);
	json_out_int(node, "oldest_method", s->oldest_method);
	json_out_int(node, "newest_method", s->newest_method);
	add_interval(node, "yield", t->yield);
	add_real(node, "measured_share", t->measured_share);
	if (t->has_capability)
		add_capability(node, t);
	add_values(node, t);
}

static const struct table_column columns[] = {
	{"^method", TABLE_STRING, NULL},
	{"^unit", TABLE_STRING, NULL},
	{"^phantom", TABLE_STRING, NULL},
	{"^sweep", TABLE_BOOLEAN, NULL},
	{"^depth_mm", TABLE_NUMBER, "mm"},
	{"^rate_hz", TABLE_NUMBER, "Hz"},
	{"run", TABLE_STRING, NULL},
	{"dut", TABLE_STRING, NULL},
	{"started", TABLE_STRING, "UTC"},
	{"value", TABLE_NUMBER, "unit"},
	{"scatter", TABLE_NUMBER, "unit"},
	{"half_width", TABLE_NUMBER, "unit"},
	{"rules", TABLE_STRING, NULL},
	{"^centre", TABLE_NUMBER, "unit"},
	{"^lower_control", TABLE_NUMBER, "unit"},
	{"^upper_control", TABLE_NUMBER, "unit"},
	{"^lower_limit", TABLE_NUMBER, "unit"},
	{"^upper_limit", TABLE_NUMBER, "unit"},
	{.path = NULL},
};
const struct table table_trend = {"trend", "series/values", columns};

static int print_form(const char *measurand, const struct trend *trend, unsigned count, bool csv, struct err *err)
{
	struct json_out *root = json_out_object();

	if (!root)
		return err_set(err, -ENOMEM, "out of memory");
	json_out_string(root, "measurand", measurand);
	json_out_string(root, "chart", count ? chart_words[trend->settings->chart] : NULL);
	struct json_out *list = json_out_add_array(root, "series");
	for (unsigned i = 0; i < count; i++)
		add_trend(list, &trend[i]);
	return table_print(root, &table_trend, csv, err);
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

/* Series that are too short are said, and left out. */
static int compute(const char *measurand, const struct series_list *list, const struct trend_settings *settings,
		   struct trend *trend, unsigned *ret_count, struct err *err)
{
	char title[200];

	for (unsigned i = 0; i < list->n; i++) {
		int rc = trend_of(&list->item[i], settings, &trend[*ret_count], err);
		if (rc == -ENODATA) {
			trend_title(measurand, &list->item[i], title, sizeof(title));
			cli_error(0, "%s: %s; left out", title, err->text);
			trend_free(&trend[*ret_count]);
			continue;
		}
		(*ret_count)++;
		if (rc)
			return rc;
	}
	return 0;
}

static int show(const struct trend_options *o, const char *measurand, const struct trend *trend, unsigned count,
		struct err *err)
{
	if (o->json || o->csv)
		return print_form(measurand, trend, count, o->csv, err);
	if (count == 0)
		printf("no values of %s in the runs that were chosen\n", measurand);
	for (unsigned i = 0; i < count; i++) {
		if (i)
			putchar('\n');
		trend_print(measurand, &trend[i], terminal_width(STDOUT_FILENO));
	}
	return 0;
}

static int answer(const struct trend_options *o, const char *measurand, const struct series_list *list,
		  const struct trend_settings *settings, struct err *err)
{
	struct trend *trend = calloc(list->n + 1, sizeof(*trend));
	unsigned count = 0;
	int rc =
		trend ? compute(measurand, list, settings, trend, &count, err) : err_set(err, -ENOMEM, "out of memory");

	if (!rc)
		rc = show(o, measurand, trend, count, err);
	if (!rc && o->svg && count)
		rc = trend_draw(o->svg, measurand, trend, count, err);
	if (!rc && o->html && count)
		rc = trend_page(o->html, measurand, trend, count, err);
	for (unsigned i = 0; i < count; i++)
		trend_free(&trend[i]);
	free(trend);
	return rc;
}

static int trend_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct trend_options *o = options;
	struct trend_settings settings;
	struct history_filter filter;
	struct history *history = NULL;
	struct series_list list = {.n = 0};
	struct err err = {""};

	(void)tables, (void)count;
	if (check_measurand(operands[0], &err) < 0 || read_settings(o, &settings, &err) < 0 ||
	    choice_filter(&o->choice, &filter, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	int rc = choice_open(&o->choice, &filter, false, &history, &err);
	if (rc)
		return cli_error(choice_exit_code(&o->choice, rc), "%s", err.text);
	rc = series_read(history, &filter, operands[0], o->method, &list, &err);
	if (!rc)
		rc = answer(o, operands[0], &list, &settings, &err);
	series_free(&list);
	history_close(history);
	return rc ? cli_error(rc == -ENOMEM ? EXIT_INTERNAL : EXIT_STORAGE, "%s", err.text) : EXIT_PASS;
}

const struct command command_trend = {
	.name = "trend",
	.operands = "MEASURAND",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Show a measurand over many runs: control chart, capability, yield",
	.description =
		"Takes every trusted value of MEASURAND in the runs of the history that the options choose, a series "
		"for "
		"each setpoint and method, in order of time, and prints its control chart, the values that break a "
		"rule, "
		"the yield with Wilson's interval (what could not be judged did not pass) and, where a limit stands, "
		"the capability: Cp and Cpk by the sigma "
		"within, Pp and Ppk by the overall one, with 95 % intervals.\n\n"
		"The exit code is 0 shown, whatever the chart says; 2 wrong usage; 6 the history cannot be read or the "
		"picture not be written.",
	.example = "  penrig trend depth_error_mm --plan conformance --since 2026-03-01\n"
		   "  penrig trend stroke_rate_hz --chart ewma --svg rate.svg\n"
		   "  penrig trend depth_error_mm --lot L7 --html depth.html\n",
	.options = trend_table,
	.options_size = sizeof(struct trend_options),
	.run = trend_run,
};
