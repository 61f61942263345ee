/* `penrig compare`: did a build get worse? Reads the run files of both, compares each judged measurand at each setpoint. */
#include "rig/study/compare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reports/draw/interval_picture.h"
#include "rig/base/json.h"
#include "rig/cli/kit/far_runs.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/table.h"
#include "rig/measure/measurand.h"
#include "rig/offline/reopen.h"

#define MORE_SHOWN 1000 /* beyond that "more runs" is no advice */

struct compare_options {
	struct option_list margin;
	const char *margin_percent, *svg, *db, *store_secret, *store_ca;
	bool json, csv;
};

#define AT(member) offsetof(struct compare_options, member)
static const struct cli_option compare_table[] = {
	{.name = "margin",
	 .letter = 'm',
	 .kind = OPTION_LIST,
	 .arg = "MEASURAND=VALUE",
	 .offset = AT(margin),
	 .help = "Differences of this measurand up to VALUE, in its unit, do not matter; also compares one that no "
		 "limit "
		 "is for. May be repeated."},
	{.name = "margin-percent",
	 .kind = OPTION_TEXT,
	 .arg = "P",
	 .offset = AT(margin_percent),
	 .help = "The margin where none was given: so much of the width between its limits, or of the distance from "
		 "the base to its only one. Default: the equivalence_margin of the plan's limit, else 10 %."},
	{.name = "svg",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(svg),
	 .help = "Draw each difference with its interval, in margins. Overwrites."},
	{.name = "json", .kind = OPTION_FLAG, .offset = AT(json), .help = "One JSON object on standard output."},
	CSV_ROW(AT(csv)),
	{.name = "db",
	 .kind = OPTION_TEXT,
	 .arg = "CONNECTION",
	 .offset = AT(db),
	 .help = "Ask the server of a fleet for the run files, as libpq takes it (penrig help fleet). BASE and NEW are "
		 "then " FAR_RUNS_OPERAND_HELP "."},
	FLEET_STORE_ROWS(AT(store_secret), AT(store_ca)),
	{.name = NULL},
};

struct row { /* one measurand at one setpoint */
	enum measurand id;
	char method[32], phantom[64];
	bool sweep, limited, limits_differ;
	double depth_mm, rate_hz, lower, upper;
	unsigned n, room, missing[2]; /* missing: runs of each build that gave no value that can be trusted */
	struct compare_value *value;
	struct value_of { /* a value: its run, and how many it is the mean of */
		unsigned run, n;
	} * of;
	double margin; /* the smallest that a plan states; 0: none does */
	struct compare_rule rule;
	struct comparison comparison;
	struct compared compared;
};

struct comparing {
	const struct compare_options *options;
	double percent;
	unsigned rows, row_room, files, runs, units, room, of_build[2], unfinished[2], method;
	bool methods_differ;
	struct row *row;
	char (*unit)[64];
	char (*file)[192]; /* name and start: the same run twice is a slip */
	struct compare_run {
		char first[192]; /* of the first part of one that was resumed: all its parts are one run */
		bool is_new, complete;
	} * run;
	struct err *err;
};

/* ---- what was measured --------------------------------------------------------------------------------------------- */

static bool same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static struct row *row_for(struct comparing *c, const struct result *result, bool sweep, const struct plan_point *at,
			   const char *phantom)
{
	for (unsigned i = 0; i < c->rows; i++) {
		struct row *r = &c->row[i];
		if (r->id == result->id && strcmp(r->method, result->method) == 0 && r->sweep == sweep &&
		    same(r->depth_mm, at->depth_mm) && same(r->rate_hz, at->rate_hz) &&
		    strcmp(r->phantom, phantom) == 0)
			return r;
	}
	if (c->rows == c->row_room) {
		unsigned room = c->row_room ? 2 * c->row_room : 32;
		struct row *more = realloc(c->row, room * sizeof(*more));
		if (!more)
			return NULL;
		c->row = more;
		c->row_room = room;
	}
	struct row *r = &c->row[c->rows++];
	*r = (struct row){.id = result->id,
			  .sweep = sweep,
			  .depth_mm = at->depth_mm,
			  .rate_hz = at->rate_hz,
			  .lower = NAN,
			  .upper = NAN};
	memcpy(r->method, result->method, sizeof(r->method));
	snprintf(r->phantom, sizeof(r->phantom), "%s", phantom);
	return r;
}

static int make_room(struct row *r)
{
	unsigned room = r->room ? 2 * r->room : 16;
	struct compare_value *more = realloc(r->value, room * sizeof(*more));

	if (!more)
		return -ENOMEM;
	r->value = more;
	struct value_of *of = realloc(r->of, room * sizeof(*of));
	if (!of)
		return -ENOMEM;
	r->of = of;
	r->room = room;
	return 0;
}

/* A setpoint that a run visits several times gives one value: their mean. */
static int take_value(struct row *r, unsigned run, const struct compare_value *value)
{
	for (unsigned i = r->n; i-- > 0;)
		if (r->of[i].run == run) {
			r->value[i].value += (value->value - r->value[i].value) / ++r->of[i].n;
			return 0;
		}
	if (r->n == r->room && make_room(r) < 0)
		return -ENOMEM;
	r->value[r->n] = *value;
	r->of[r->n++] = (struct value_of){.run = run, .n = 1};
	return 0;
}

static const char *margin_of(const struct comparing *c, enum measurand id)
{
	const char *name = measurand_row(id)->name;

	for (unsigned i = 0; i < c->options->margin.count; i++) {
		const char *item = c->options->margin.item[i], *equals = strchr(item, '=');
		if (equals && strlen(name) == (size_t)(equals - item) && strncmp(item, name, strlen(name)) == 0)
			return equals + 1;
	}
	return NULL;
}

static void take_limit(struct row *r, const struct limit *limit)
{
	double lower = limit->has_lower ? limit->lower : NAN, upper = limit->has_upper ? limit->upper : NAN;

	r->limits_differ |= r->limited && (!same(r->lower, lower) || !same(r->upper, upper));
	r->limited = true;
	r->lower = lower;
	r->upper = upper;
	if (limit->equivalence_margin > 0 && !(r->margin > 0 && r->margin < limit->equivalence_margin))
		r->margin = limit->equivalence_margin;
}

struct part { /* of a run: what a file holds */
	unsigned run;
	struct compare_value value;
};

/* What has a limit and no value that can be trusted makes a row too: that a build gives none is told. */
static int take_finding(struct comparing *c, const struct finding *f, bool sweep, const struct plan_point *at,
			const char *phantom, const struct part *of)
{
	struct compare_value value = of->value;
	bool trusted = f->result.valid && f->result.trusted && isfinite(f->result.value);

	if (!measurand_is_judged(f->result.id) || !(f->has_limit || (trusted && margin_of(c, f->result.id))))
		return 0;
	struct row *r = row_for(c, &f->result, sweep, at, phantom);
	if (!r)
		return -ENOMEM;
	if (f->has_limit)
		take_limit(r, &f->limit);
	if (!trusted)
		return 0;
	value.value = f->result.value;
	return take_value(r, of->run, &value);
}

static const char *phantom_of(const struct record *r, int phantom)
{
	return phantom >= 0 && phantom < BENCH_PHANTOMS_MAX ? r->phantom_serial[phantom] : "";
}

/* Of an earlier session's points the figures stand with the run that measured them. */
static int take_record(struct comparing *c, const struct record *r, const struct part *of)
{
	int rc = 0;

	for (unsigned i = 0; i < r->points && !rc; i++)
		for (unsigned k = 0; k < r->point[i].results && r->point[i].counts && r->point[i].collected &&
				     !r->point[i].session && !rc;
		     k++)
			rc = take_finding(c, &r->point[i].result[k], false, &r->point[i].plan,
					  phantom_of(r, r->point[i].plan.phantom), of);
	for (unsigned i = 0; i < r->sweeps && !rc; i++)
		for (unsigned k = 0; k < r->sweep[i].results && !rc; k++)
			rc = take_finding(c, &r->sweep[i].result[k], true,
					  &(struct plan_point){.depth_mm = NAN, .rate_hz = r->sweep[i].rate_hz},
					  phantom_of(r, r->sweep[i].phantom), of);
	return rc ? err_set(c->err, rc, "out of memory") : 0;
}

static unsigned unit_number(struct comparing *c, const char *dut)
{
	unsigned i = 0;

	while (i < c->units && strcmp(c->unit[i], dut) != 0)
		i++;
	if (i == c->units)
		snprintf(c->unit[c->units++], sizeof(c->unit[0]), "%s", dut);
	return i;
}

static double seconds(const char *utc)
{
	struct tm tm = {.tm_year = 0};
	const char *rest = strptime(utc, "%Y-%m-%dT%H:%M:%S", &tm);

	return rest ? (double)timegm(&tm) + (*rest == '.' ? strtod(rest, NULL) : 0.0) : NAN;
}

static int know_file(struct comparing *c, const char *path, const struct record *r)
{
	char name[sizeof(c->file[0])];

	if (*r->origin.sha256) /* a recording imported twice is one run */
		snprintf(name, sizeof(name), "recording %.100s", r->origin.sha256);
	else
		snprintf(name, sizeof(name), "%.140s %.32s", r->name, r->started_utc);
	for (unsigned i = 0; i < c->files; i++)
		if (strcmp(c->file[i], name) == 0)
			return err_set(c->err, -EINVAL,
				       "%.200s: this run, or its recording, was named before; each counts once", path);
	memcpy(c->file[c->files++], name, sizeof(name));
	return 0;
}

static int know_run(struct comparing *c, const char *path, const struct record *r, struct part *part)
{
	struct compare_run run = {.is_new = part->value.is_new};
	unsigned i = 0;

	memcpy(run.first, c->file[c->files - 1], sizeof(run.first));
	if (r->sessions)
		snprintf(run.first, sizeof(run.first), "%.140s %.32s", r->session[0].name, r->session[0].started_utc);
	while (i < c->runs && strcmp(c->run[i].first, run.first) != 0)
		i++;
	if (i == c->runs)
		c->run[c->runs++] = run;
	if (c->run[i].is_new != run.is_new)
		return err_set(c->err, -EINVAL, "%.200s goes on with a run of the other build", path);
	c->run[i].complete |= r->run_status == RUN_COMPLETE;
	part->run = i;
	return 0;
}

static int take_file(struct comparing *c, const char *path, bool is_new)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct part part = {.value.is_new = is_new};
	int rc = reopen_sound(path, &reader, &record, c->err);

	if (!rc)
		rc = know_file(c, path, record);
	if (!rc)
		rc = know_run(c, path, record, &part);
	if (!rc) {
		c->methods_differ |= c->files > 1 && c->method != record->method;
		c->method = record->method;
		part.value.unit = unit_number(c, record->dut);
		/* an imported one: when it was measured is not known */
		part.value.time = *record->origin.sha256 ? NAN : seconds(record->started_utc);
		rc = take_record(c, record, &part);
	}
	runfile_reader_free(reader);
	record_free(record);
	return rc;
}

static void count_runs(struct comparing *c)
{
	for (unsigned i = 0; i < c->runs; i++) {
		c->of_build[c->run[i].is_new]++;
		c->unfinished[c->run[i].is_new] += !c->run[i].complete;
	}
}

/* ---- what it comes to ---------------------------------------------------------------------------------------------- */

static double default_margin(const struct comparing *c, const struct row *r)
{
	double limit = isfinite(r->upper) ? r->upper : r->lower;

	if (r->margin > 0 && !c->options->margin_percent)
		return r->margin;
	if (isfinite(r->lower) && isfinite(r->upper))
		return c->percent / 100.0 * (r->upper - r->lower);
	return c->percent / 100.0 * fabs(limit - r->comparison.base_mean);
}

/* More of the new build than of the base, or half of them. */
static bool too_many(const unsigned part[2], const unsigned of[2])
{
	return part[1] && (part[1] * of[0] > part[0] * of[1] || 2 * part[1] >= of[1]);
}

/* What forbids to say that nothing got worse, whatever the values say. */
static void forbid(const struct comparing *c, struct row *r)
{
	char why[COMPARE_REASON_MAX] = "";

	for (unsigned i = 0; i < 2; i++)
		r->missing[i] = c->of_build[i];
	for (unsigned i = 0; i < r->n; i++)
		r->missing[r->value[i].is_new]--;
	if (c->methods_differ)
		snprintf(why, sizeof(why),
			 "the runs were judged by different methods: penrig requalify tells what it makes");
	else if (r->limits_differ)
		snprintf(why, sizeof(why), "the runs met different limits");
	else if (too_many(r->missing, c->of_build))
		snprintf(why, sizeof(why), "%u of %u runs of the new build gave no value that can be trusted",
			 r->missing[1], c->of_build[1]);
	else if (too_many(c->unfinished, c->of_build))
		snprintf(why, sizeof(why), "%u of %u runs of the new build did not complete", c->unfinished[1],
			 c->of_build[1]);
	bool untellable = c->methods_differ || r->limits_differ;
	if (!*why || (r->compared.outcome == COMPARE_WORSE && !untellable))
		return;
	memcpy(r->comparison.reason, why, sizeof(why));
	r->compared.outcome = COMPARE_CANNOT_TELL;
	r->compared.more = INFINITY;
}

static void decide_rows(struct comparing *c)
{
	for (unsigned i = 0; i < c->rows; i++) {
		struct row *r = &c->row[i];
		const char *given = margin_of(c, r->id);
		compare_values(r->value, r->n, &r->comparison);
		r->rule = (struct compare_rule){.margin = given ? strtod(given, NULL) : default_margin(c, r),
						.lower = r->lower,
						.upper = r->upper,
						.family = c->rows};
		compare_decide(&r->comparison, &r->rule, &r->compared);
		forbid(c, r);
	}
}

static enum compare_outcome worst(const struct comparing *c)
{
	enum compare_outcome outcome = c->rows ? COMPARE_EQUIVALENT : COMPARE_CANNOT_TELL;

	for (unsigned i = 0; i < c->rows; i++)
		if (c->row[i].compared.outcome > outcome)
			outcome = c->row[i].compared.outcome;
	return outcome;
}

static int exit_code_of(enum compare_outcome outcome)
{
	return outcome == COMPARE_WORSE ? EXIT_FAIL : outcome == COMPARE_CANNOT_TELL ? EXIT_INCONCLUSIVE : EXIT_PASS;
}

/* ---- told ---------------------------------------------------------------------------------------------------------- */

static void row_title(const struct row *r, char *ret, size_t size)
{
	int n = snprintf(ret, size, "%s%s%s%s at ", measurand_row(r->id)->name, *r->method ? " (" : "", r->method,
			 *r->method ? ")" : "");

	if (n < 0 || (size_t)n >= size)
		return;
	if (r->sweep)
		snprintf(ret + n, size - (size_t)n, "sweeps, %.6g Hz", r->rate_hz);
	else
		snprintf(ret + n, size - (size_t)n, "%.6g mm, %.6g Hz", r->depth_mm, r->rate_hz);
	size_t len = strlen(ret);
	if (*r->phantom)
		snprintf(ret + len, size - len, ", phantom %s", r->phantom);
}

static void print_more(const struct row *r)
{
	const char *what = r->comparison.model == COMPARE_GROUPS ? "pens" : "runs";

	if (r->compared.more > 0.0 && r->compared.more <= MORE_SHOWN)
		printf("  about %.0f more %s of each build would tell, if scatter and difference stay\n",
		       r->compared.more, what);
	else if (r->compared.more > MORE_SHOWN && !*r->comparison.reason && r->comparison.model != COMPARE_NONE)
		printf("  the difference lies at the margin: more than %d %s of each build would be needed\n",
		       MORE_SHOWN, what);
}

static void print_row(const struct row *r)
{
	const struct comparison *k = &r->comparison;
	const char *unit = measurand_row(r->id)->unit;
	char title[160];

	row_title(r, title, sizeof(title));
	printf("%-12s %s\n", compare_outcome_name[r->compared.outcome], title);
	if (*k->reason)
		printf("  %s\n", k->reason);
	if (k->model == COMPARE_NONE)
		return;
	printf("  %.5g -> %.5g %s: difference %+.4g [%.4g, %.4g], margin %.4g\n", k->base_mean, k->new_mean, unit,
	       k->difference, r->compared.lo, r->compared.hi, r->rule.margin);
	printf("  %s%s: %u and %u runs, %.3g degrees of freedom", compare_model_name[k->model],
	       k->drift ? ", less a drift in time" : "", k->base, k->fresh, k->dof);
	if (k->left_out)
		printf("; %u runs of pens that ran one build only are left out", k->left_out);
	putchar('\n');
	print_more(r);
}

static const char *const verdict_words[] = {[COMPARE_EQUIVALENT] = "no regression",
					    [COMPARE_BETTER] = "no regression",
					    [COMPARE_CANNOT_TELL] = "the data cannot tell",
					    [COMPARE_WORSE] = "REGRESSION"};

static void print_for_people(const struct comparing *c)
{
	for (unsigned i = 0; i < c->rows; i++)
		print_row(&c->row[i]);
	if (c->rows == 0)
		printf("nothing that a limit or a margin is for was measured\n");
	printf("\n%s (%u comparisons, intervals together at 95 %%)\n", verdict_words[worst(c)], c->rows);
}

static void add_real(struct json_out *node, const char *key, double value)
{
	if (isfinite(value))
		json_out_number(node, key, value, 17);
	else
		json_out_null(node, key);
}

static void add_row(struct json_out *list, const struct row *r)
{
	const struct comparison *k = &r->comparison;
	struct json_out *node = json_out_add_object(list, NULL);

	json_out_string(node, "measurand", measurand_row(r->id)->name);
	json_out_string(node, "method", *r->method ? r->method : NULL);
	json_out_string(node, "unit", measurand_row(r->id)->unit);
	json_out_string(node, "phantom", *r->phantom ? r->phantom : NULL);
	json_out_bool(node, "sweep", r->sweep);
	add_real(node, "depth_mm", r->depth_mm);
	add_real(node, "rate_hz", r->rate_hz);
	json_out_string(node, "outcome", compare_outcome_name[r->compared.outcome]);
	json_out_string(node, "model", compare_model_name[k->model]);
	json_out_string(node, "reason", *k->reason ? k->reason : NULL);
	json_out_bool(node, "drift", k->drift);
	json_out_int(node, "base_runs", k->base);
	json_out_int(node, "new_runs", k->fresh);
	json_out_int(node, "base_missing", r->missing[0]);
	json_out_int(node, "new_missing", r->missing[1]);
	json_out_int(node, "left_out", k->left_out);
	add_real(node, "base_mean", k->model ? k->base_mean : NAN);
	add_real(node, "new_mean", k->model ? k->new_mean : NAN);
	add_real(node, "difference", k->difference);
	add_real(node, "standard_error", k->se);
	add_real(node, "degrees_of_freedom", k->model ? k->dof : NAN);
	add_real(node, "lower", r->compared.lo);
	add_real(node, "upper", r->compared.hi);
	add_real(node, "margin", r->rule.margin);
	add_real(node, "more", r->compared.more);
}

static const struct table_column columns[] = {
	{"measurand", TABLE_STRING, NULL},
	{"method", TABLE_STRING, NULL},
	{"unit", TABLE_STRING, NULL},
	{"phantom", TABLE_STRING, NULL},
	{"sweep", TABLE_BOOLEAN, NULL},
	{"depth_mm", TABLE_NUMBER, "mm"},
	{"rate_hz", TABLE_NUMBER, "Hz"},
	{"outcome", TABLE_STRING, NULL},
	{"model", TABLE_STRING, NULL},
	{"reason", TABLE_STRING, NULL},
	{"drift", TABLE_BOOLEAN, NULL},
	{"base_runs", TABLE_INTEGER, "1"},
	{"new_runs", TABLE_INTEGER, "1"},
	{"base_missing", TABLE_INTEGER, "1"},
	{"new_missing", TABLE_INTEGER, "1"},
	{"left_out", TABLE_INTEGER, "1"},
	{"base_mean", TABLE_NUMBER, "unit"},
	{"new_mean", TABLE_NUMBER, "unit"},
	{"difference", TABLE_NUMBER, "unit"},
	{"standard_error", TABLE_NUMBER, "unit"},
	{"degrees_of_freedom", TABLE_NUMBER, "1"},
	{"lower", TABLE_NUMBER, "unit"},
	{"upper", TABLE_NUMBER, "unit"},
	{"margin", TABLE_NUMBER, "unit"},
	{"more", TABLE_NUMBER, "1"},
	{.path = NULL},
};
const struct table table_compare = {"compare", "comparisons", columns};

static int print_form(const struct comparing *c, bool csv, struct err *err)
{
	struct json_out *root = json_out_object();

	if (!root)
		return err_set(err, -ENOMEM, "out of memory");
	json_out_string(root, "outcome", compare_outcome_name[worst(c)]);
	json_out_int(root, "exit_code", exit_code_of(worst(c)));
	struct json_out *list = json_out_add_array(root, "comparisons");
	for (unsigned i = 0; i < c->rows; i++)
		add_row(list, &c->row[i]);
	return table_print(root, &table_compare, csv, err);
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int check_number(const char *option, const char *text, const char *number, struct err *err)
{
	char *end;
	double value = strtod(number, &end);

	return end != number && !*end && isfinite(value) && value >= 0.0
		       ? 0
		       : err_set(err, -EINVAL, "%s %s: must be a number, 0 or more", option, text);
}

static int check_words(struct comparing *c, struct err *err)
{
	const struct compare_options *o = c->options;
	int rc = o->margin_percent ? check_number("--margin-percent", o->margin_percent, o->margin_percent, err) : 0;

	c->percent = o->margin_percent ? strtod(o->margin_percent, NULL) : 10.0;
	for (unsigned i = 0; i < o->margin.count && !rc; i++) {
		const char *item = o->margin.item[i], *equals = strchr(item, '=');
		char name[64];

		snprintf(name, sizeof(name), "%.*s", equals ? (int)(equals - item) : 0, item);
		if (!equals || !measurand_is_judged(measurand_find(name)))
			return err_set(err, -EINVAL,
				       "--margin %s: must be MEASURAND=VALUE, as depth_error_mm=0.02; \"penrig help "
				       "measurands\" lists them",
				       item);
		rc = check_number("--margin", item, equals + 1, err);
	}
	return rc;
}

struct far_side {
	struct comparing *c;
	bool is_new;
};

static int on_far_run(void *ctx, const char *path, struct err *err)
{
	const struct far_side *side = ctx;

	if (side->c->files == side->c->room)
		return err_set(err, -E2BIG, "more than %u runs in one comparison: choose fewer", side->c->room);
	return take_file(side->c, path, side->is_new);
}

static int take_far(struct comparing *c, const char *const *operands, unsigned count, unsigned split)
{
	const struct depot_config store = fleet_store(c->options->store_secret, c->options->store_ca);
	struct far_runs *runs = NULL;
	int rc = far_runs_open(c->options->db, &store, &runs, c->err);

	for (unsigned i = 0; i < count && !rc; i++) {
		const struct chosen_question question = {.words = operands[i]};
		struct far_side side = {c, i > split};
		rc = i == split ? 0 : far_runs_each(runs, &question, on_far_run, &side, c->err);
	}
	far_runs_close(runs);
	return rc;
}

static int take_files(struct comparing *c, const char *const *operands, unsigned count)
{
	unsigned split = 0;
	int rc = 0;

	while (split < count && strcmp(operands[split], "--") != 0)
		split++;
	if (split == 0 || split + 1 >= count)
		return err_set(
			c->err, -EINVAL,
			"run files of both builds are wanted, with -- between them: penrig compare BASE... -- NEW...");
	c->room = c->options->db ? OPERANDS_MAX : count;
	c->unit = calloc(c->room, sizeof(*c->unit));
	c->file = calloc(c->room, sizeof(*c->file));
	c->run = calloc(c->room, sizeof(*c->run));
	if (!c->unit || !c->file || !c->run)
		return err_set(c->err, -ENOMEM, "out of memory");
	if (c->options->db)
		return take_far(c, operands, count, split);
	for (unsigned i = 0; i < count && !rc; i++)
		rc = i == split ? 0 : take_file(c, operands[i], i > split);
	return rc;
}

/* ---- drawn --------------------------------------------------------------------------------------------------------- */

static void lane_of(const struct row *r, struct interval_row *ret)
{
	const double margin = r->rule.margin > 0.0 && r->comparison.model != COMPARE_NONE ? r->rule.margin : NAN;

	*ret = (struct interval_row){.value = r->comparison.difference / margin,
				     .lo = r->compared.lo / margin,
				     .hi = r->compared.hi / margin,
				     .near_lo = r->compared.near_lo / margin,
				     .near_hi = r->compared.near_hi / margin,
				     .beyond = r->compared.outcome == COMPARE_WORSE};
	row_title(r, ret->title, sizeof(ret->title));
	snprintf(ret->words, sizeof(ret->words), "%s: %+.3g %s, margin %.3g", compare_outcome_name[r->compared.outcome],
		 r->comparison.difference, measurand_row(r->id)->unit, r->rule.margin);
	if (r->comparison.model == COMPARE_NONE)
		snprintf(ret->words, sizeof(ret->words), "%s", compare_outcome_name[r->compared.outcome]);
}

static int draw(const struct comparing *c, struct err *err)
{
	const char *path = c->options->svg;
	struct interval_row *row = calloc(c->rows + 1, sizeof(*row));
	FILE *out = row ? fopen(path, "we") : NULL;
	int rc = !row ? -ENOMEM : out ? 0 : -errno;
	char words[120];

	for (unsigned i = 0; i < c->rows && !rc; i++)
		lane_of(&c->row[i], &row[i]);
	snprintf(words, sizeof(words),
		 "%u and %u runs; %s; intervals together at 95 %%, thick: each at 90 %%; the band is the margin",
		 c->of_build[0], c->of_build[1], verdict_words[worst(c)]);
	if (!rc) {
		interval_page_begin(out, interval_picture_height(c->rows));
		interval_picture_draw(out,
				      &(struct interval_picture){.title = "New build less base",
								 .words = words,
								 .x_label = "difference, in margins",
								 .band = 1.0,
								 .rows = c->rows,
								 .row = row},
				      0);
		interval_page_end(out);
		rc = ferror(out) ? -EIO : 0;
	}
	if (out && fclose(out) != 0 && !rc)
		rc = -errno;
	free(row);
	return rc ? err_set(err, rc, "%.300s cannot be written: %s", path, strerror(-rc)) : 0;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------- */

static int answer(struct comparing *c)
{
	struct err err = {""};

	count_runs(c);
	decide_rows(c);
	if (c->options->svg && draw(c, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err.text);
	if (!c->options->json && !c->options->csv)
		print_for_people(c);
	else if (print_form(c, c->options->csv, &err) < 0)
		return cli_error(EXIT_INTERNAL, "%s", err.text);
	return exit_code_of(worst(c));
}

static int compare_run(const struct cli_tables *tables, const void *options, const char *const *operands,
		       unsigned count)
{
	struct err err = {""};
	struct comparing c = {.options = options, .err = &err};
	int code;

	(void)tables;
	if (check_words(&c, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	int rc = take_files(&c, operands, count);
	code = rc < 0 ? cli_error(c.options->db ? fleet_exit_code(rc) : cli_exit_code(rc), "%s", err.text) : answer(&c);
	for (unsigned i = 0; i < c.rows; i++) {
		free(c.row[i].value);
		free(c.row[i].of);
	}
	free(c.row);
	free(c.unit);
	free(c.file);
	free(c.run);
	return code;
}

const struct command command_compare = {
	.name = "compare",
	.operands = "BASE... -- NEW...",
	.operands_min = 1,
	.operands_max = OPERANDS_MAX,
	.two_sides = true,
	.summary = "Say whether a build got worse, from run files of both",
	.description =
		"For each measurand that a limit is for, at each setpoint: the difference of NEW from BASE with its "
		"interval. Where several pens ran both builds the difference of each pen counts once; where one pen "
		"did, "
		"its runs, less a straight drift in time; where none did, the mean of each pen. So neither a pen nor a "
		"night "
		"that warms up passes for a change of the build.\n\n"
		"worse, better: the interval lies beyond the margin; all intervals together hold at 95 %. equivalent: "
		"within "
		"the margin, by two one-sided tests at 5 %. Else the data cannot tell, and how many more runs would is "
		"said. Where half of the runs of NEW, or a larger share of them than of BASE, gave no value that can "
		"be "
		"trusted or did not complete, and where limits or methods differ, the data cannot tell. Options stand "
		"before the first --.\n\n"
		"The exit code is 0 no regression, 1 something got worse, 3 nothing did but of something the data "
		"cannot "
		"tell, 2 wrong usage, 6 not a run file, damaged or changed.",
	.example = "  penrig compare base/*.penrig -- new/*.penrig\n"
		   "  penrig compare --svg builds.svg base/*.penrig -- new/*.penrig\n"
		   "  penrig compare --margin depth_error_mm=0.02 base/*.penrig -- new/*.penrig\n"
		   "  penrig compare --db service=penrig plan=smoke,build=4.1 -- plan=smoke,build=4.2\n",
	.options = compare_table,
	.options_size = sizeof(struct compare_options),
	.run = compare_run,
};
