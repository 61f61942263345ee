/* Reads a plan and refuses what could not be carried out or could not fail. Expansion is expand.c, limits are limit.c.
 */
#include "rig/config/plan.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/config/filekind.h"
#include "rig/config/limit.h"
#include "rig/measure/point/point.h"

/* ---- setpoint lists --------------------------------------------------------------------------------------------- */

struct values_rule {
	const char *key, *unit;
	double lo, hi;
};

static const struct values_rule depth_rule = {.key = "depth_mm", .unit = "mm", .lo = 0.01, .hi = 10};
static const struct values_rule rate_rule = {.key = "rate_hz", .unit = "Hz", .lo = 1, .hi = 1000};

static int read_value(const struct json_doc *doc, const struct json *node, const struct values_rule *rule, double *ret,
		      struct err *err)
{
	if (json_kind(node) != JSON_NUMBER)
		return json_error(
			doc, node, err,
			"\"%s\" must be a number in %s, a list of them, or {\"from\": ..., \"to\": ..., \"step\": ...}",
			rule->key, rule->unit);
	double value = json_number(node);
	if (value < rule->lo || value > rule->hi)
		return json_error(doc, node, err, "%s %.10g %s; allowed is %.10g to %.10g %s", rule->key, value,
				  rule->unit, rule->lo, rule->hi, rule->unit);
	*ret = value;
	return 0;
}

struct range {
	double from, to, step;
};

/* Rounded to 1e-9 so that 0.2 + 0.1 is the 0.3 that a person means. */
static unsigned expand_range(const struct range *range, double *values)
{
	double n = floor(fabs(range->to - range->from) / range->step + 1e-6);
	double sign = range->to < range->from ? -1 : 1;

	if (n >= STEP_VALUES_MAX)
		return 0;
	for (unsigned i = 0; i <= (unsigned)n; i++)
		values[i] = round((range->from + sign * i * range->step) * 1e9) / 1e9;
	return (unsigned)n + 1;
}

static int read_range(const struct json_doc *doc, const struct json *node, const struct values_rule *rule,
		      double *values, unsigned *ret_count, struct err *err)
{
	const struct json_field fields[] = {
		{.key = "from",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct range, from),
		 .required = true,
		 .lo = rule->lo,
		 .hi = rule->hi,
		 .unit = rule->unit},
		{.key = "to",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct range, to),
		 .required = true,
		 .lo = rule->lo,
		 .hi = rule->hi,
		 .unit = rule->unit},
		{.key = "step",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct range, step),
		 .required = true,
		 .lo = 1e-6,
		 .hi = rule->hi,
		 .unit = rule->unit},
		{.key = NULL},
	};
	struct range range = {.from = 0};
	int ret = json_read_object(doc, node, fields, &range, err);

	if (ret)
		return ret;
	unsigned count = expand_range(&range, values);
	if (count == 0)
		return json_error(doc, node, err, "this range has more than %d values: take a wider step",
				  STEP_VALUES_MAX);
	*ret_count = count;
	return 0;
}

static int read_values(const struct json_doc *doc, const struct json *node, const struct values_rule *rule,
		       double *values, unsigned *ret_count, struct err *err)
{
	if (json_kind(node) == JSON_OBJECT)
		return read_range(doc, node, rule, values, ret_count, err);
	if (json_kind(node) != JSON_ARRAY) {
		*ret_count = 1;
		return read_value(doc, node, rule, values, err);
	}
	if (json_size(node) == 0 || json_size(node) > STEP_VALUES_MAX)
		return json_error(doc, node, err, "\"%s\" must hold 1 to %d numbers, not %zu", rule->key,
				  STEP_VALUES_MAX, json_size(node));
	for (size_t i = 0; i < json_size(node); i++) {
		int ret = read_value(doc, json_at(node, i), rule, &values[i], err);
		if (ret)
			return ret;
	}
	*ret_count = (unsigned)json_size(node);
	return 0;
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

static int read_depths(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct plan_step *step = dst;

	json_position(node, &step->depth_line, &step->depth_column);
	return read_values(doc, node, &depth_rule, step->depth_mm, &step->depths, err);
}

static int read_rates(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct plan_step *step = dst;

	json_position(node, &step->rate_line, &step->rate_column);
	return read_values(doc, node, &rate_rule, step->rate_hz, &step->rates, err);
}

static int read_phantom_name(const struct json_doc *doc, const struct json *node, struct plan_step *step,
			     struct err *err)
{
	char(*name)[48] = &step->phantom[step->phantoms];

	if (json_kind(node) != JSON_STRING || !*json_string(node) || strlen(json_string(node)) >= sizeof(*name))
		return json_error(doc, node, err, "a phantom is named by its serial number, a string of 1 to %zu bytes",
				  sizeof(*name) - 1);
	for (unsigned i = 0; i < step->phantoms; i++)
		if (strcmp(step->phantom[i], json_string(node)) == 0)
			return json_error(doc, node, err, "phantom %s is named twice: for more points use \"repeats\"",
					  json_string(node));
	strcpy(*name, json_string(node));
	step->phantoms++;
	return 0;
}

static int read_phantom_names(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	if (json_kind(node) != JSON_ARRAY || json_size(node) == 0 || json_size(node) > BENCH_PHANTOMS_MAX)
		return json_error(doc, node, err,
				  "\"phantom\" must be a list of 1 to %d serial numbers, as in [\"SIL-STD-01\"]; leave "
				  "it out for "
				  "the bench's first phantom",
				  BENCH_PHANTOMS_MAX);
	for (size_t i = 0; i < json_size(node); i++) {
		int ret = read_phantom_name(doc, json_at(node, i), dst, err);
		if (ret)
			return ret;
	}
	return 0;
}

static int read_step_limits(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct plan_step *step = dst;

	return limits_read(doc, node, step->limit, PLAN_LIMITS_MAX, &step->limits, err);
}

static int read_step_process(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct plan_step *step = dst;

	return processes_read(doc, node, step->process, &step->processes, err);
}

static int read_measure(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct plan_step *step = dst;

	return window_read(doc, node, &step->measure, err);
}

static int read_settle(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct plan_step *step = dst;

	return window_read_settle(doc, node, &step->settle, err);
}

struct step_text {
	struct plan_step step;
	int64_t repeats, seed, attempts, repeat_failed, retry;
	int order;
};

#define SIZE(type, member) sizeof(((struct type *)0)->member)
#define IN_STEP(member)    offsetof(struct step_text, step.member)

static const char *const orders[] = {
	[ORDER_AS_WRITTEN] = "as_written", [ORDER_UP_DOWN] = "up_down", [ORDER_RANDOM] = "random", NULL};

static const struct json_field step_fields[] = {
	{.key = "name", .kind = FIELD_STRING, .offset = IN_STEP(name), .size = SIZE(plan_step, name), .lo = 1},
	{.key = "depth_mm", .kind = FIELD_CUSTOM, .required = true, .read = read_depths},
	{.key = "rate_hz", .kind = FIELD_CUSTOM, .required = true, .read = read_rates},
	{.key = "phantom", .kind = FIELD_CUSTOM, .read = read_phantom_names},
	{.key = "repeats", .kind = FIELD_INT, .offset = offsetof(struct step_text, repeats), .lo = 1, .hi = 1000},
	{.key = "order", .kind = FIELD_WORD, .offset = offsetof(struct step_text, order), .words = orders},
	{.key = "seed", .kind = FIELD_INT, .offset = offsetof(struct step_text, seed), .lo = 0, .hi = 0x1p53},
	{.key = "tare_s",
	 .kind = FIELD_NUMBER,
	 .offset = IN_STEP(tare_s),
	 .lo = POINT_TARE_MIN_S,
	 .hi = 60,
	 .unit = "s"},
	{.key = "settle_s", .kind = FIELD_CUSTOM, .read = read_settle},
	{.key = "measure_s", .kind = FIELD_CUSTOM, .required = true, .read = read_measure},
	{.key = "attempts", .kind = FIELD_INT, .offset = offsetof(struct step_text, attempts), .lo = 1, .hi = 10},
	{.key = "repeat_failed",
	 .kind = FIELD_INT,
	 .offset = offsetof(struct step_text, repeat_failed),
	 .lo = 0,
	 .hi = 9},
	{.key = "retry", .kind = FIELD_INT, .offset = offsetof(struct step_text, retry), .lo = 0, .hi = 9},
	{.key = "still", .kind = FIELD_BOOL, .offset = IN_STEP(still)},
	{.key = "free_run", .kind = FIELD_BOOL, .offset = IN_STEP(free_run)},
	{.key = "limits", .kind = FIELD_CUSTOM, .read = read_step_limits},
	{.key = "process", .kind = FIELD_CUSTOM, .read = read_step_process},
	{.key = NULL},
};

static int check_seed(const struct json_doc *doc, const struct json *node, int order, struct err *err)
{
	const struct json *seed = json_get(node, "seed");

	if (order == ORDER_RANDOM && !seed)
		return json_error(
			doc, json_get(node, "order"), err,
			"order random needs a seed, so that the sequence can be had again: write \"seed\": 1");
	if (order != ORDER_RANDOM && seed)
		return json_error(doc, seed, err, "a seed belongs to \"order\": \"random\"; leave it out");
	return 0;
}

static int check_still(const struct json_doc *doc, const struct json *node, const struct plan_step *step,
		       struct err *err)
{
	if (!step->still || !step->free_run)
		return 0;
	return json_error(doc, json_get(node, "still"), err,
			  "\"still\" asks for no motion, and \"free_run\" measures one: leave one of them out");
}

static int read_step(const struct json_doc *doc, const struct json *node, unsigned number, struct plan_step *ret,
		     struct err *err)
{
	struct step_text text = {
		.step = {.tare_s = 0.3, .settle = {.min_s = 0.5, .max_s = 0.5}},
		.repeats = 1,
		.attempts = 1,
	};

	snprintf(text.step.name, sizeof(text.step.name), "step %u", number + 1);
	int status = json_read_object(doc, node, step_fields, &text, err);
	if (status == 0)
		status = check_seed(doc, node, text.order, err);
	if (status == 0)
		status = check_still(doc, node, &text.step, err);
	if (status)
		return status;
	*ret = text.step;
	ret->repeats = (unsigned)text.repeats;
	ret->attempts = (unsigned)text.attempts;
	ret->repeat_failed = (unsigned)text.repeat_failed;
	ret->retry = (unsigned)text.retry;
	ret->seed = (uint64_t)text.seed;
	ret->order = (enum plan_order)text.order;
	json_position(node, &ret->line, &ret->column);
	return 0;
}

static int read_steps(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct plan *plan = dst;

	if (json_kind(node) != JSON_ARRAY || json_size(node) == 0 || json_size(node) > PLAN_STEPS_MAX)
		return json_error(doc, node, err, "\"steps\" must be a list of 1 to %d steps", PLAN_STEPS_MAX);
	plan->step = calloc(json_size(node), sizeof(*plan->step));
	if (!plan->step)
		return err_set(err, -ENOMEM, "%s: no memory", json_file(doc));
	plan->steps = (unsigned)json_size(node);
	for (unsigned i = 0; i < plan->steps; i++) {
		int ret = read_step(doc, json_at(node, i), i, &plan->step[i], err);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- plan ------------------------------------------------------------------------------------------------------- */

static int read_judge(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const char *const rates[] = {"realised", "nominal", NULL};
	static const char *const depths[] = {"force_equivalent", "displacement", NULL};
	struct judge_text {
		int rate, depth;
	} text = {.rate = 0};
	static const struct json_field fields[] = {
		{.key = "rate", .kind = FIELD_WORD, .offset = offsetof(struct judge_text, rate), .words = rates},
		{.key = "depth", .kind = FIELD_WORD, .offset = offsetof(struct judge_text, depth), .words = depths},
		{.key = NULL},
	};
	struct plan *plan = dst;
	int ret = json_read_object(doc, node, fields, &text, err);

	if (ret)
		return ret;
	plan->judge_nominal_rate = text.rate == 1;
	plan->judge_displacement = text.depth == 1;
	return 0;
}

static int read_tests(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "dead_man", .kind = FIELD_BOOL, .offset = offsetof(struct plan, test_deadman)},
		{.key = "refusal", .kind = FIELD_BOOL, .offset = offsetof(struct plan, test_refusal)},
		{.key = NULL},
	};

	return json_read_object(doc, node, fields, dst, err);
}

static int read_fleet(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "strict", .kind = FIELD_BOOL, .offset = offsetof(struct plan, fleet_strict)},
		{.key = NULL},
	};

	return json_read_object(doc, node, fields, dst, err);
}

static int read_thermal(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "rated_ambient_c",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct plan, rated_ambient_c),
		 .lo = -20,
		 .hi = 60,
		 .unit = "degC"},
		{.key = "basis",
		 .kind = FIELD_STRING,
		 .offset = offsetof(struct plan, thermal_basis),
		 .size = SIZE(plan, thermal_basis),
		 .required = true,
		 .lo = 1},
		{.key = NULL},
	};

	return json_read_object(doc, node, fields, dst, err);
}

static int read_plan_limits(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct plan *plan = dst;

	return limits_read(doc, node, plan->limit, PLAN_LIMITS_MAX, &plan->limits, err);
}

static int read_plan_process(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct plan *plan = dst;

	return processes_read(doc, node, plan->process, &plan->processes, err);
}

static int read_accept(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct plan *plan = dst;
	if (json_kind(node) != JSON_ARRAY || json_size(node) != 1)
		return json_error(doc, node, err, "\"accept\" must be [\"pass_on_statement\"]");
	const struct json *word = json_at(node, 0);
	if (json_kind(word) != JSON_STRING || strcmp(json_string(word), "pass_on_statement") != 0)
		return json_error(doc, word, err,
				  "\"accept\" knows \"pass_on_statement\" alone; a conditional pass is accepted by the "
				  "rule of each limit");
	plan->accept_statement = true;
	return 0;
}

static const struct json_field plan_fields[] = {
	FILE_KIND_FIELDS,
	{.key = "name",
	 .kind = FIELD_STRING,
	 .offset = offsetof(struct plan, name),
	 .size = SIZE(plan, name),
	 .required = true,
	 .lo = 1},
	{.key = "description",
	 .kind = FIELD_STRING,
	 .offset = offsetof(struct plan, description),
	 .size = SIZE(plan, description)},
	{.key = "judge", .kind = FIELD_CUSTOM, .read = read_judge},
	{.key = "tests", .kind = FIELD_CUSTOM, .read = read_tests},
	{.key = "accept", .kind = FIELD_CUSTOM, .read = read_accept},
	{.key = "fleet", .kind = FIELD_CUSTOM, .read = read_fleet},
	{.key = "thermal", .kind = FIELD_CUSTOM, .read = read_thermal},
	{.key = "limits", .kind = FIELD_CUSTOM, .read = read_plan_limits},
	{.key = "process", .kind = FIELD_CUSTOM, .read = read_plan_process},
	{.key = "steps", .kind = FIELD_CUSTOM, .required = true, .read = read_steps},
	{.key = NULL},
};

/* The limit's own place in the file: its step's list if it stands there, else the plan's. */
static const struct json *limit_node(const struct plan *plan, unsigned step, const struct limit *limit)
{
	const struct json *root = json_root(plan->doc);
	const struct plan_step *s = &plan->step[step];

	if (limit >= s->limit && limit < s->limit + s->limits)
		return json_at(json_get(json_at(json_get(root, "steps"), step), "limits"), (size_t)(limit - s->limit));
	return json_at(json_get(root, "limits"), (size_t)(limit - plan->limit));
}

static unsigned different(const double *values, unsigned count)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		unsigned j = 0;
		while (j < i && values[j] != values[i])
			j++;
		n += j == i;
	}
	return n;
}

static bool both_ways(const struct plan_step *step)
{
	return step->order == ORDER_UP_DOWN && different(step->depth_mm, step->depths) >= 2;
}

/* A required limit that a step's sweep can never yield would make every run of the plan inconclusive. */
static int check_sweep_limit(const struct plan *plan, unsigned index, const struct limit *limit, struct err *err)
{
	const struct plan_step *step = &plan->step[index];
	const struct json *at = limit_node(plan, index, limit);
	const struct measurand_row *row = measurand_row(limit->id);

	if (row->sweep == SWEEP_BOTH_WAYS && !both_ways(step))
		return json_error(
			plan->doc, at, err,
			"%s cannot be met in step \"%s\", which does not visit its depths both ways: write \"order\": "
			"\"up_down\" with two depths or more there, or move this limit into the step that does",
			limit->measurand, step->name);
	if (row->sweep == SWEEP_THREE_DEPTHS && different(step->depth_mm, step->depths) < 3)
		return json_error(plan->doc, at, err,
				  "%s cannot be met in step \"%s\", which has %u depths: a straight line is judged "
				  "from 3 depths on; "
				  "add depths there, or move this limit into the step that has them",
				  limit->measurand, step->name, different(step->depth_mm, step->depths));
	return 0;
}

static int check_limit(const struct plan *plan, unsigned step, const struct limit *limit, struct err *err)
{
	if (measurand_row(limit->id)->thermal_basis && !plan->thermal_basis[0])
		return json_error(plan->doc, limit_node(plan, step, limit), err,
				  "%s is judged, so the plan must say on what basis: write \"thermal\": {\"basis\": "
				  "\"table, contact "
				  "time, material\"}, with \"rated_ambient_c\" where the limit holds at the rated "
				  "maximum ambient",
				  limit->measurand);
	return limit->required ? check_sweep_limit(plan, step, limit, err) : 0;
}

static bool is_judged_at(const struct plan *plan, unsigned step, enum measurand id)
{
	const struct limit *limits[STEP_LIMITS_MAX];
	unsigned count = plan_limits_at(plan, step, limits);

	for (unsigned i = 0; i < count; i++)
		if (limits[i]->id == id)
			return true;
	return false;
}

static int check_judged(const struct plan *plan, const struct json *node, const struct process *process, bool judged,
			struct err *err)
{
	if (judged)
		return 0;
	return json_error(
		plan->doc, node, err,
		"%s has no limit here, so there is no risk to tell: write one into \"limits\", or leave this out",
		process->measurand);
}

/* A production that is told of what nothing judges is a slip of the pen. */
static int check_processes(const struct plan *plan, struct err *err)
{
	const struct json *root = json_root(plan->doc);
	int ret = 0;

	for (unsigned i = 0; ret == 0 && i < plan->processes; i++) {
		bool judged = false;
		for (unsigned s = 0; s < plan->steps; s++)
			judged |= is_judged_at(plan, s, plan->process[i].id);
		ret = check_judged(plan, json_at(json_get(root, "process"), i), &plan->process[i], judged, err);
	}
	for (unsigned s = 0; s < plan->steps; s++) {
		const struct json *list = json_get(json_at(json_get(root, "steps"), s), "process");
		for (unsigned i = 0; ret == 0 && i < plan->step[s].processes; i++) {
			const struct process *process = &plan->step[s].process[i];
			ret = check_judged(plan, json_at(list, i), process, is_judged_at(plan, s, process->id), err);
		}
	}
	return ret;
}

/* How a nominal rate scatters is an estimate, and its U small where that is: a window that ends by it is too sure. */
static int check_window(const struct plan *plan, unsigned index, struct err *err)
{
	const struct window *window = &plan->step[index].measure;
	const struct json *step = json_at(json_get(json_root(plan->doc), "steps"), index);
	const struct json *until = json_get(json_get(step, "measure_s"), "until");

	for (unsigned i = 0; i < window->targets; i++) {
		const struct measurand_row *row = measurand_row(window->target[i].id);

		if (row->judged_by == JUDGED_BY_RATE && plan->judge_nominal_rate)
			return json_error(
				plan->doc, json_get(until, row->name), err,
				"a nominal rate cannot end a window, for its uncertainty is small where the pen "
				"looks steady by chance: leave %s out here, or judge the realised rate",
				row->name);
	}
	return 0;
}

static int check_plan(const struct plan *plan, struct err *err)
{
	bool can_fail = false;

	for (unsigned i = 0; i < plan->steps; i++) {
		const struct limit *limits[STEP_LIMITS_MAX];
		unsigned count = plan_limits_at(plan, i, limits);
		int open = check_window(plan, i, err);
		if (open)
			return open;
		for (unsigned j = 0; j < count; j++) {
			int ret = check_limit(plan, i, limits[j], err);
			if (ret)
				return ret;
			can_fail |= limits[j]->required;
		}
	}
	if (!can_fail)
		return json_error(plan->doc, json_root(plan->doc), err,
				  "no limit of this plan is required, so it could only ever pass: write \"limits\" "
				  "with at least one "
				  "that is");
	return check_processes(plan, err);
}

static int new_plan(const char *path, struct plan **ret, struct err *err)
{
	struct plan *plan;

	if (strlen(path) >= sizeof(plan->path))
		return err_set(err, -ENAMETOOLONG, "%.200s...: a path of more than %d bytes", path, FILE_PATH_MAX - 1);
	plan = calloc(1, sizeof(*plan));
	if (!plan)
		return err_set(err, -ENOMEM, "%s: no memory", path);
	strcpy(plan->path, path);
	plan->rated_ambient_c = NAN;
	*ret = plan;
	return 0;
}

/* Takes the plan: gives it out or frees it. */
static int read_document(struct plan *plan, struct plan **ret, struct err *err)
{
	int status = file_kind_check(plan->doc, "plan", err);

	if (status == 0)
		status = json_read_object(plan->doc, json_root(plan->doc), plan_fields, plan, err);
	if (status == 0)
		status = check_plan(plan, err);
	if (status == 0)
		approval_stated(plan->doc, &plan->approval);
	if (status) {
		plan_free(plan);
		return status;
	}
	*ret = plan;
	return 0;
}

int plan_read(const char *path, struct plan **ret, struct err *err)
{
	struct plan *plan;
	int status = new_plan(path, &plan, err);

	if (status)
		return status;
	status = json_read(path, &plan->doc, err);
	if (status) {
		plan_free(plan);
		return status;
	}
	return read_document(plan, ret, err);
}

int plan_parse(const char *path, const char *text, size_t len, struct plan **ret, struct err *err)
{
	struct plan *plan;
	int status = new_plan(path, &plan, err);

	if (status)
		return status;
	status = json_parse(path, text, len, &plan->doc, err);
	if (status) {
		plan_free(plan);
		return status;
	}
	return read_document(plan, ret, err);
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	json_doc_free(plan->doc);
	approval_free(&plan->approval);
	free(plan->step);
	free(plan);
}

static bool replaced(const struct plan_step *step, enum measurand id)
{
	for (unsigned i = 0; i < step->limits; i++)
		if (step->limit[i].id == id)
			return true;
	return false;
}

unsigned plan_limits_at(const struct plan *plan, unsigned step, const struct limit *ret[STEP_LIMITS_MAX])
{
	const struct plan_step *s = &plan->step[step];
	unsigned n = 0;

	for (unsigned i = 0; i < plan->limits; i++)
		if (!replaced(s, plan->limit[i].id))
			ret[n++] = &plan->limit[i];
	for (unsigned i = 0; i < s->limits; i++)
		ret[n++] = &s->limit[i];
	return n;
}

const struct process *plan_process_at(const struct plan *plan, unsigned step, enum measurand id)
{
	const struct plan_step *s = &plan->step[step];

	for (unsigned i = 0; i < s->processes; i++)
		if (s->process[i].id == id)
			return &s->process[i];
	for (unsigned i = 0; i < plan->processes; i++)
		if (plan->process[i].id == id)
			return &plan->process[i];
	return NULL;
}

const char *plan_judged_method(const struct plan *plan, enum measurand id)
{
	return measurand_method(measurand_row(id)->judged_by, plan->judge_nominal_rate, plan->judge_displacement);
}
