/* Which limit of a step meets which result of a point, and what the required ones come to together. */
#include "rig/judge/judge.h"

#include <stdio.h>
#include <string.h>

#define STROKES_MIN 3 /* in a window, to be told from a knock */

/* Some measurands stand in a point under several methods; the plan says which one is judged. */
static bool is_judged_method(const struct plan *plan, const struct result *result)
{
	const char *method = result->method;
	if (strncmp(result->name, "stroke_rate", 11) == 0 && method[0])
		return strcmp(method, plan->judge_nominal_rate ? "nominal" : "realised") == 0;
	if (strncmp(result->name, "depth", 5) == 0 && method[0])
		return strcmp(method, plan->judge_displacement ? "displacement" : "force_equivalent") == 0;
	return true;
}

/* Hardly a stroke is a rate that may fail a lower limit, but no pen that does not strike is slow enough to pass. */
static void distrust_standstill(const struct result *result, struct judgement *judgement)
{
	bool passes = judgement->outcome == OUTCOME_PASS || judgement->outcome == OUTCOME_CONDITIONAL_PASS;
	if (!passes || strncmp(result->name, "stroke_rate", 11) != 0 || result->n >= STROKES_MIN)
		return;
	judgement->outcome = OUTCOME_INCONCLUSIVE;
	snprintf(judgement->reason, sizeof(judgement->reason),
		 "%llu strokes seen: a pen that does not strike passes no limit", (unsigned long long)result->n);
}

void judge_results(const struct plan *plan, unsigned step, struct finding *results, unsigned count)
{
	const struct limit *limits[STEP_LIMITS_MAX];
	unsigned limit_count = plan_limits_at(plan, step, limits);
	for (unsigned i = 0; i < count; i++) {
		results[i].has_limit = false;
		for (unsigned j = 0; j < limit_count; j++) {
			if (strcmp(results[i].result.name, limits[j]->measurand) != 0 ||
			    !is_judged_method(plan, &results[i].result))
				continue;
			results[i].has_limit = true;
			results[i].limit = *limits[j];
			decide(&results[i].result, limits[j], &results[i].judgement);
			distrust_standstill(&results[i].result, &results[i].judgement);
		}
	}
}

/* These two stand in a point once for each part. */
static bool is_of_a_part(const char *name)
{
	return strcmp(name, "temperature_rise_k") == 0 || strcmp(name, "steady_temperature_c") == 0;
}

void judge_label(const struct result *result, char *ret, size_t size)
{
	if (is_of_a_part(result->name) && result->method[0])
		snprintf(ret, size, "%s (%s)", result->name, result->method);
	else
		snprintf(ret, size, "%s", result->name);
}

static bool is_sweep_measurand(const char *name)
{
	return strcmp(name, "depth_linearity_mm") == 0 || strcmp(name, "depth_hysteresis_mm") == 0;
}

enum outcome judge_worst(const struct plan *plan, unsigned step, const struct finding *results, unsigned count)
{
	const struct limit *limits[STEP_LIMITS_MAX];
	unsigned limit_count = plan_limits_at(plan, step, limits);
	enum outcome worst = OUTCOME_PASS;
	for (unsigned j = 0; j < limit_count; j++) {
		if (!limits[j]->required || is_sweep_measurand(limits[j]->measurand))
			continue;
		bool met = false;
		for (unsigned i = 0; i < count; i++) {
			if (!results[i].has_limit || strcmp(results[i].limit.measurand, limits[j]->measurand) != 0)
				continue;
			met = true;
			if (results[i].judgement.outcome > worst)
				worst = results[i].judgement.outcome;
		}
		if (!met && worst < OUTCOME_INCONCLUSIVE)
			worst = OUTCOME_INCONCLUSIVE;
	}
	return worst;
}

static void why_inconclusive(struct record_point *point)
{
	for (unsigned i = 0; i < point->results && !point->reason[0]; i++) {
		const struct finding *r = &point->result[i];
		char label[JUDGE_LABEL_MAX];
		if (!r->has_limit || !r->limit.required || r->judgement.outcome != OUTCOME_INCONCLUSIVE)
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

void judge_point(const struct plan *plan, struct record_point *point, bool collected)
{
	if (plan_point_is_free(&point->plan)) {
		judge_free_run(point, collected);
		return;
	}
	judge_results(plan, point->plan.step, point->result, point->results);
	point->outcome = judge_worst(plan, point->plan.step, point->result, point->results);
	point->measured = collected && !point->fault[0];
	snprintf(point->reason, sizeof(point->reason), "%s", point->fault);
	if (!point->measured && point->outcome < OUTCOME_INCONCLUSIVE)
		point->outcome = OUTCOME_INCONCLUSIVE;
	if (point->outcome == OUTCOME_INCONCLUSIVE)
		why_inconclusive(point);
}

void judge_supersede(struct record *record, unsigned row)
{
	for (unsigned i = 0; i < row; i++)
		if (record->point[i].plan.number == record->point[row].plan.number)
			record->point[i].counts = false;
	record->point[row].counts = true;
}
