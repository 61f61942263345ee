/* Which limit of a step meets which result of a point, and what the required ones come to together. */
#include "rig/judge/judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is_judged_method(const struct plan *plan, const struct result *result)
{
	const char *judged = plan_judged_method(plan, result->id);
	return !judged || !result->method[0] || strcmp(result->method, judged) == 0;
}

static bool passes(enum outcome outcome)
{
	return outcome == OUTCOME_PASS || outcome == OUTCOME_CONDITIONAL_PASS;
}

/* Hardly a stroke is a rate that may fail a lower limit, but no pen that does not strike is slow enough to pass, none that
 * stops early comes to rest at once, and none gets hot by it. */
static void distrust_standstill(const struct result *result, const char *unmoved, struct judgement *judgement)
{
	const struct measurand_row *row = measurand_row(result->id);
	bool of_motion = row->moving || (row->needs & NEEDS_STROKES);
	if (!unmoved[0] || !of_motion || !passes(judgement->outcome))
		return;
	judgement->outcome = OUTCOME_INCONCLUSIVE;
	snprintf(judgement->reason, sizeof(judgement->reason), "%.100s: a pen that does not strike passes no limit",
		 unmoved);
}

/* The results of a point or of a sweep, and what the limits make of them. */
struct judging {
	const struct plan *plan;
	unsigned step;
	const struct limit *limit[STEP_LIMITS_MAX];
	unsigned limits;
	struct finding *at;
	unsigned count, room;
	const char *unmoved; /* as in struct record_point */
};

static struct band within(const struct limit *limit, double w)
{
	return (struct band){limit->has_lower ? limit->lower + w : -INFINITY,
			     limit->has_upper ? limit->upper - w : INFINITY};
}

/* What the production risks by this limit and a measurement as good as this one; nothing of one that could not be judged. */
static void weigh_production(const struct judging *j, struct finding *f)
{
	const struct process *process = plan_process_at(j->plan, j->step, f->result.id);
	const struct measuring measuring = {.u = f->result.u, .dof = f->result.dof};
	struct band tolerance = within(&f->limit, 0);
	struct band accepted = within(&f->limit, f->limit.accept_conditional ? 0 : f->judgement.guard_band);

	if (!process || f->judgement.outcome == OUTCOME_INCONCLUSIVE)
		return;
	f->has_process = true;
	f->process = (struct finding_process){
		.prior = process->prior, .consumer_risk = process->consumer_risk, .acceptance = {NAN, NAN}};
	global_risk(&process->prior, &tolerance, &accepted, &measuring, &f->process.risk);
	if (process->consumer_risk > 0)
		f->process.acceptance = acceptance_for(&process->prior, &tolerance, &measuring, process->consumer_risk);
}

static void judge_finding(const struct judging *j, struct finding *f)
{
	f->has_limit = f->has_process = false;
	for (unsigned i = 0; i < j->limits; i++) {
		const struct limit *limit = j->limit[i];
		if (f->result.id != limit->id || !measurand_is_judged(limit->id) ||
		    !is_judged_method(j->plan, &f->result))
			continue;
		f->has_limit = true;
		f->limit = *limit;
		decide(&f->result, limit, &f->judgement);
		distrust_standstill(&f->result, j->unmoved, &f->judgement);
		weigh_production(j, f);
	}
}

bool judge_is_of_sweep(const struct limit *limit)
{
	return measurand_row(limit->id)->scope == SCOPE_SWEEP;
}

bool judge_is_unmet(const struct finding *finding)
{
	return finding->has_limit && !finding->result.valid && !finding->result.reason[0];
}

bool judge_counts(const struct finding *finding)
{
	return finding->has_limit && finding->limit.required && measurand_is_judged(finding->result.id);
}

bool judge_met(const struct limit *limit, const struct finding *findings, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (judge_counts(&findings[i]) && findings[i].result.id == limit->id)
			return true;
	return false;
}

static void add_unmet(struct judging *j, const struct limit *limit)
{
	struct finding *f = &j->at[j->count++];
	*f = (struct finding){.has_limit = true, .limit = *limit};
	f->result = (struct result){.id = limit->id, .value = NAN, .dof = INFINITY, .k = NAN};
	memcpy(f->result.name, limit->measurand, sizeof(f->result.name));
	memcpy(f->result.unit, limit->unit, sizeof(f->result.unit));
	f->judgement = (struct judgement){
		.outcome = OUTCOME_INCONCLUSIVE, .margin = NAN, .guard_band = NAN, .false_accept_risk = NAN};
	snprintf(f->judgement.reason, sizeof(f->judgement.reason), "it is required and was not measured");
}

/* Returns the worst of what is required. Where there is no room to say that something is missing, that weighs no less.
 */
static enum outcome judge_all(struct judging *j, bool sweep)
{
	enum outcome worst = OUTCOME_PASS;
	while (j->count && judge_is_unmet(&j->at[j->count - 1])) /* by the limits before these */
		j->count--;
	for (unsigned i = 0; i < j->count; i++)
		judge_finding(j, &j->at[i]);
	for (unsigned i = 0; i < j->limits; i++) {
		const struct limit *limit = j->limit[i];
		if (!limit->required || judge_is_of_sweep(limit) != sweep || judge_met(limit, j->at, j->count))
			continue;
		worst = OUTCOME_INCONCLUSIVE;
		if (j->count < j->room)
			add_unmet(j, limit);
	}
	for (unsigned i = 0; i < j->count; i++)
		if (judge_counts(&j->at[i]) && j->at[i].judgement.outcome > worst)
			worst = j->at[i].judgement.outcome;
	return worst;
}

/* As if it were trusted. */
static void judge_untrusted(const struct finding *f, struct judgement *ret)
{
	struct result result = f->result;
	result.trusted = true;
	decide(&result, &f->limit, ret);
}

/* Nothing else was against it. */
static bool fault_alone(const struct record_point *point, const struct result *result)
{
	return point->fault[0] && strncmp(result->reason, point->fault, REASON_MAX - 1) == 0;
}

enum outcome judge_what_stays(const struct record_point *point, const struct finding *f, char ret_reason[240])
{
	const struct measurand_row *row = measurand_row(f->result.id);
	bool doubted = f->result.valid && !f->result.trusted;
	bool cut = doubted && row->outlasts && fault_alone(point, &f->result);
	struct judgement shown = f->judgement;
	if (!judge_counts(f))
		return OUTCOME_PASS;
	if (doubted && (row->stays || cut))
		judge_untrusted(f, &shown);
	if (shown.outcome == OUTCOME_INCONCLUSIVE || (cut && shown.outcome != OUTCOME_FAIL))
		return OUTCOME_PASS;
	snprintf(ret_reason, 240, "%.120s%s%.90s", shown.reason, doubted ? ", though not trusted: " : "",
		 doubted ? f->result.reason : "");
	return doubted && shown.outcome > OUTCOME_INCONCLUSIVE ? OUTCOME_INCONCLUSIVE : shown.outcome;
}

bool judge_lacks_samples(const struct record_point *point)
{
	bool lacks = plan_point_is_free(&point->plan) && point->results && point->result[0].result.lacks;

	for (unsigned i = 0; i < point->results; i++) {
		const struct finding *f = &point->result[i];
		if (!judge_counts(f) || f->judgement.outcome != OUTCOME_INCONCLUSIVE)
			continue;
		if (!f->result.lacks)
			return false;
		lacks = true;
	}
	return lacks && !point->unmoved[0];
}

void judge_label(const struct result *result, char *ret, size_t size)
{
	if (measurand_row(result->id)->parts && result->method[0])
		snprintf(ret, size, "%s (%s)", result->name, result->method);
	else
		snprintf(ret, size, "%s", result->name);
}

static void why_inconclusive(struct record_point *point)
{
	for (unsigned i = 0; i < point->results && !point->reason[0]; i++) {
		const struct finding *r = &point->result[i];
		char label[JUDGE_LABEL_MAX];
		if (!judge_counts(r) || r->judgement.outcome != OUTCOME_INCONCLUSIVE)
			continue;
		judge_label(&r->result, label, sizeof(label));
		snprintf(point->reason, sizeof(point->reason), "%.48s: %.148s", label, r->judgement.reason);
	}
}

/* Of a free run nothing is demanded but that it can be compared with: its limits are those of the points it serves. */
static void judge_free_run(struct record_point *point, bool collected)
{
	const struct result *rate = point->results ? &point->result[0].result : NULL;
	bool good = rate && rate->valid && rate->trusted;
	point->measured = collected && !point->fault[0];
	point->outcome = point->measured && good ? OUTCOME_PASS : OUTCOME_INCONCLUSIVE;
	snprintf(point->reason, sizeof(point->reason), "%s", point->fault);
	if (!point->reason[0] && !good && rate)
		snprintf(point->reason, sizeof(point->reason), "free run: %.150s", rate->reason);
}

/* Whatever its limits are about: of a pen that was not seen to work nothing is known that would let it pass. */
static void demand_motion(const struct plan *plan, struct record_point *point)
{
	if (!point->unmoved[0] || !passes(point->outcome) || plan->step[point->plan.step].still)
		return;
	point->outcome = OUTCOME_INCONCLUSIVE;
	snprintf(point->reason, sizeof(point->reason), "no pass without a measured motion: %s", point->unmoved);
}

void judge_point(const struct plan *plan, struct record_point *point, bool collected)
{
	if (plan_point_is_free(&point->plan)) {
		judge_free_run(point, collected);
		return;
	}
	unsigned room = collected ? sizeof(point->result) / sizeof(point->result[0]) : point->results;
	struct judging j = {
		.plan = plan,
		.step = point->plan.step,
		.at = point->result,
		.count = point->results,
		.room = room,
		.unmoved = point->unmoved,
	};
	j.limits = plan_limits_at(plan, point->plan.step, j.limit);
	point->outcome = judge_all(&j, false);
	point->results = j.count;
	point->measured = collected && !point->fault[0];
	snprintf(point->reason, sizeof(point->reason), "%s", point->fault);
	if (!point->measured && point->outcome < OUTCOME_INCONCLUSIVE)
		point->outcome = OUTCOME_INCONCLUSIVE;
	if (point->outcome == OUTCOME_INCONCLUSIVE)
		why_inconclusive(point);
	demand_motion(plan, point);
}

void judge_sweep(const struct plan *plan, struct record_sweep *sweep)
{
	unsigned room = sizeof(sweep->result) / sizeof(sweep->result[0]);
	struct judging j = {
		.plan = plan,
		.step = sweep->step,
		.at = sweep->result,
		.count = sweep->results,
		.room = room,
		.unmoved = "",
	};
	j.limits = plan_limits_at(plan, sweep->step, j.limit);
	judge_all(&j, true);
	sweep->results = j.count;
}

void judge_supersede(struct record *record, unsigned row)
{
	bool failed = false;

	for (unsigned i = 0; i < row; i++) {
		struct record_point *earlier = &record->point[i];
		if (earlier->plan.number != record->point[row].plan.number)
			continue;
		earlier->counts = earlier->counts && earlier->outcome >= OUTCOME_CONDITIONAL_FAIL;
		failed |= earlier->counts;
	}
	record->point[row].counts = !failed;
}
