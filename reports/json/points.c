/* What was measured: failures on top, every attempt at every point, sweeps. Values are rounded only so far that the same
 * limits give the same outcome from the printed digits. */
#include <stdio.h>

#include "reports/failures.h"
#include "reports/json/json.h"
#include "rig/record/sessions.h"

/* ---- one result --------------------------------------------------------------------------------------------------- */

static void put_budget(struct json_stream *out, const struct result *result, struct json_tables *tables)
{
	json_array(out, NULL, JSON_LINE);
	for (unsigned i = 0; i < result->budget_lines && i < BUDGET_MAX; i++) {
		const struct budget_line *line = &result->budget[i];

		json_array(out, NULL, JSON_ROW);
		json_put_int(out, NULL, json_table_place(&tables->lines, line));
		put_real(out, NULL, line->u, 4);
		put_real(out, NULL, line->dof, 6);
		if (line->correlation)
			json_put_int(out, NULL, line->correlation);
		json_end(out);
	}
	json_end(out);
}

/* Coefficients that the lines' numbers do not say. */
static void put_correlations(struct json_stream *out, const struct result *result)
{
	if (!result->pairs) {
		json_put_null(out, NULL);
		return;
	}
	json_array(out, NULL, JSON_LINE);
	for (unsigned p = 0; p < result->pairs; p++) {
		json_object(out, NULL, JSON_LINE);
		put_text(out, "line", result->budget[result->pair[p].i].name);
		put_text(out, "other_line", result->budget[result->pair[p].j].name);
		put_real(out, "coefficient", result->pair[p].r, DIGITS_EXACT);
		json_end(out);
	}
	json_end(out);
}

static void put_nulls(struct json_stream *out, unsigned count)
{
	while (count--)
		json_put_null(out, NULL);
}

static const char *reason_of(const struct finding *r)
{
	return r->has_limit && r->judgement.reason[0] ? r->judgement.reason : r->result.reason;
}

static void put_judgement(struct json_stream *out, const struct finding *r, struct json_tables *tables)
{
	if (!r->has_limit) {
		put_nulls(out, 4);
		return;
	}
	json_put_int(out, NULL, json_table_place(&tables->limits, r));
	json_put_string(out, NULL, outcome_name(r->judgement.outcome));
	put_real(out, NULL, r->judgement.margin, 6);
	put_real(out, NULL, r->judgement.false_accept_risk, 3);
}

/* Stands only where the plan tells the process. */
static void put_process(struct json_stream *out, const struct finding *r)
{
	const struct finding_process *p = &r->process;

	if (!r->has_process) {
		json_put_null(out, NULL);
		return;
	}
	json_object(out, NULL, JSON_LINE);
	json_put_string(out, "distribution", prior_names[p->prior.shape]);
	put_real(out, "mean", p->prior.mean, DIGITS_EXACT);
	put_real(out, "sd", p->prior.sd, DIGITS_EXACT);
	put_real(out, "conforming", p->risk.conforming, 6);
	put_real(out, "consumer_risk", p->risk.consumer, 4);
	put_real(out, "producer_risk", p->risk.producer, 4);
	put_real(out, "wanted_consumer_risk", p->consumer_risk, DIGITS_EXACT);
	put_real(out, "acceptance_lower", p->acceptance.lower, 8);
	put_real(out, "acceptance_upper", p->acceptance.upper, 8);
	json_end(out);
}

/* Stands only where one was asked for. */
static void put_opinion(struct json_stream *out, const struct finding *r)
{
	static const char *const words[] = {[CARLO_GOOD_ENOUGH] = "good_enough",
					    [CARLO_NOT_GOOD] = "not_good_enough",
					    [CARLO_TOO_FEW] = "too_few_trials"};
	const struct carlo_outcome *o = &r->opinion;

	if (!r->has_opinion) {
		json_put_null(out, NULL);
		return;
	}
	json_object(out, NULL, JSON_LINE);
	put_count(out, "trials", o->trials);
	put_real(out, "mean", o->mean, 9);
	put_real(out, "standard_deviation", o->sd, 4);
	put_real(out, "lower", o->lower, 9);
	put_real(out, "upper", o->upper, 9);
	put_real(out, "symmetric_lower", o->even_lower, 9);
	put_real(out, "symmetric_upper", o->even_upper, 9);
	put_real(out, "apart", o->apart, 4);
	put_real(out, "tolerance", o->tolerance, 4);
	put_real(out, "beyond_curve", o->outside, 4);
	json_put_string(out, "first_order", words[o->opinion]);
	json_end(out);
}

/* Its columns: tables.c. */
static void put_result(struct json_stream *out, const struct finding *r, struct json_tables *tables)
{
	const struct result *result = &r->result;
	struct digits digits = digits_of(r);

	json_array(out, NULL, JSON_ROW);
	json_put_int(out, NULL, json_table_place(&tables->measurands, r));
	put_real(out, NULL, result->valid ? result->value : NAN, digits.value);
	put_real(out, NULL, result->valid ? result->expanded_u : NAN, digits.u);
	put_real(out, NULL, result->valid ? result->k : NAN, 4);
	put_real(out, NULL, result->valid ? result->u : NAN, digits.u);
	put_real(out, NULL, result->valid ? result->dof : NAN, 6);
	put_count(out, NULL, result->n);
	json_put_bool(out, NULL, result->valid && result->trusted);
	put_budget(out, result, tables);
	put_judgement(out, r, tables);
	put_text(out, NULL, reason_of(r));
	put_process(out, r);
	put_opinion(out, r);
	put_correlations(out, result);
	json_end(out);
}

static void put_results(struct json_stream *out, const struct finding *results, unsigned count,
			struct json_tables *tables)
{
	json_array(out, "results", JSON_LINES);
	for (unsigned i = 0; i < count; i++)
		put_result(out, &results[i], tables);
	json_end(out);
}

/* ---- one point ---------------------------------------------------------------------------------------------------- */

const char *json_phantom_name(const struct record *record, int phantom)
{
	return phantom >= 0 && phantom < BENCH_PHANTOMS_MAX ? record->phantom_serial[phantom] : "";
}

static void put_step(struct json_stream *out, const struct record *record, unsigned step)
{
	json_object(out, "step", JSON_LINE);
	json_put_int(out, "number", step + 1);
	put_text(out, "name", step < record->step_count ? record->step_name[step] : "");
	json_end(out);
}

static void put_setpoint(struct json_stream *out, const struct record *record, const struct plan_point *plan)
{
	json_object(out, "setpoint", JSON_LINE);
	put_real(out, "depth_mm", plan->depth_mm, EXACT);
	put_real(out, "rate_hz", plan->rate_hz, EXACT);
	put_text(out, "phantom", json_phantom_name(record, plan->phantom));
	json_put_int(out, "repeat", plan->repeat + 1);
	json_put_string(out, "direction", plan->upward ? "up" : "down");
	json_end(out);
}

static void put_window(struct json_stream *out, const struct record_point *point)
{
	json_object(out, "window", JSON_LINE);
	put_index(out, "tare_index", point->phase_index[POINT_TARE]);
	put_index(out, "spin_up_index", point->phase_index[POINT_SPIN_UP]);
	put_index(out, "first_index", point->phase_index[POINT_MEASURE]);
	put_index(out, "coast_index", point->phase_index[POINT_COAST]);
	put_index(out, "rest_index", point->phase_index[POINT_REST]);
	put_index(out, "end_index", point->end_index);
	put_real(out, "start_command_index", point->command_index[POINT_SPIN_UP], EXACT);
	put_real(out, "stop_command_index", point->command_index[POINT_COAST], EXACT);
	json_end(out);
}

/* What the window was measured until. The key stands only where the plan left its length open. */
static void put_targets(struct json_stream *out, const struct record_point *point)
{
	if (!point->targets)
		return;
	json_array(out, "until", JSON_LINES);
	for (unsigned i = 0; i < point->targets; i++) {
		const struct record_target *target = &point->target[i];

		json_object(out, NULL, JSON_LINE);
		put_text(out, "measurand", target->measurand);
		put_real(out, "wanted_uncertainty", target->wanted_u, EXACT);
		put_real(out, "expanded_uncertainty", target->u, 6);
		json_put_bool(out, "reached", target->reached);
		json_end(out);
	}
	json_end(out);
}

/* What the budgets are made of, in the order of the table. The key stands only where a point was measured. */
static void put_inputs(struct json_stream *out, const struct record_point *point, const struct json_tables *tables)
{
	const struct json_table *table = &tables->inputs;

	if (!point->inputs)
		return;
	json_array(out, "budget_inputs", JSON_ROW);
	for (unsigned i = 0, next = 0; i < table->count; i++) {
		double value = NAN;

		for (unsigned k = 0; k < point->inputs; k++, next++) {
			next = next >= point->inputs ? 0 : next;
			if (table->same(&point->input[next], table->item[i])) {
				value = point->input[next].value;
				break;
			}
		}
		put_real(out, NULL, value, 8);
	}
	json_end(out);
}

/* What was asked of the signal before its results were believed. The key stands only where something was. */
static void put_checks(struct json_stream *out, const struct record_point *point)
{
	if (!point->checks)
		return;
	json_array(out, "model_checks", JSON_LINES);
	for (unsigned i = 0; i < point->checks; i++) {
		const struct check_result *check = &point->check[i];

		json_array(out, NULL, JSON_ROW);
		put_text(out, NULL, check->name);
		json_put_string(out, NULL, check_state_name(check->state));
		put_real(out, NULL, check->statistic, 6);
		put_real(out, NULL, check->threshold, 6);
		put_count(out, NULL, check->n);
		put_real(out, NULL, check->u_mm, 4);
		put_real(out, NULL, check->effect_mm, 4);
		put_text(out, NULL, check->reason);
		json_end(out);
	}
	json_end(out);
}

void json_put_points(struct json_stream *out, const struct record *record, struct json_tables *tables)
{
	json_array(out, "points", JSON_LINES);
	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *point = &record->point[i];

		json_tables_rewind(tables);
		json_object(out, NULL, JSON_LINES);
		json_put_int(out, "number", point->plan.number + 1);
		put_step(out, record, point->plan.step);
		put_setpoint(out, record, &point->plan);
		json_put_int(out, "attempt", point->attempt);
		if (record->sessions)
			json_put_int(out, "session", session_number(record, point->session));
		json_put_bool(out, "counts", point->counts);
		json_put_bool(out, "measured", point->measured);
		json_put_string(out, "outcome", point->measured ? outcome_name(point->outcome) : NULL);
		put_text(out, "reason", point->reason);
		if (point->rig_cause[0])
			put_text(out, "rig_cause", point->rig_cause);
		put_index(out, "started_utc_ns", point->start_wall_ns);
		put_real(out, "stop_latency_ms", point->stop_latency_ms, 6);
		put_window(out, point);
		put_targets(out, point);
		put_inputs(out, point, tables);
		put_checks(out, point);
		put_results(out, point->result, point->results, tables);
		json_end(out);
	}
	json_end(out);
}

void json_put_sweeps(struct json_stream *out, const struct record *record, struct json_tables *tables)
{
	json_array(out, "sweeps", JSON_LINES);
	for (unsigned i = 0; i < record->sweeps; i++) {
		const struct record_sweep *sweep = &record->sweep[i];

		json_tables_rewind(tables);
		json_object(out, NULL, JSON_LINES);
		put_step(out, record, sweep->step);
		put_real(out, "rate_hz", sweep->rate_hz, EXACT);
		put_text(out, "phantom", json_phantom_name(record, sweep->phantom));
		put_results(out, sweep->result, sweep->results, tables);
		json_end(out);
	}
	json_end(out);
}

/* ---- failures ----------------------------------------------------------------------------------------------------- */

static void put_failed_result(struct json_stream *out, const struct finding *f)
{
	struct digits digits = digits_of(f);
	const struct result *r = &f->result;

	put_text(out, "method", r->method);
	put_real(out, "value", r->valid ? r->value : NAN, digits.value);
	put_real(out, "expanded_uncertainty", r->valid ? r->expanded_u : NAN, digits.u);
	put_text(out, "unit", r->unit);
	put_real(out, "lower", f->limit.has_lower ? f->limit.lower : NAN, EXACT);
	put_real(out, "upper", f->limit.has_upper ? f->limit.upper : NAN, EXACT);
	put_real(out, "margin", f->judgement.margin, 6);
}

static void put_failure(void *ctx, const struct failure *f)
{
	struct json_stream *out = ctx;
	const struct plan_point *plan = f->point ? &f->point->plan : NULL;
	unsigned number = plan ? plan->number + 1 : f->number;

	json_object(out, NULL, JSON_LINE);
	json_put_string(out, "kind", failure_kind_name(f->kind));
	json_put_string(out, "outcome", outcome_name(f->outcome));
	put_text(out, f->finding ? "measurand" : "name", f->name);
	if (f->finding)
		put_failed_result(out, f->finding);
	if (number)
		json_put_int(out, "point", number);
	if (f->point)
		json_put_int(out, "attempt", f->point->attempt);
	if (plan || f->sweep)
		json_put_int(out, "step", (plan ? plan->step : f->sweep->step) + 1);
	if (plan)
		put_real(out, "depth_mm", plan->depth_mm, EXACT);
	if (plan || f->sweep)
		put_real(out, "rate_hz", plan ? plan->rate_hz : f->sweep->rate_hz, EXACT);
	put_text(out, "reason", f->reason);
	json_end(out);
}

void json_put_failures(struct json_stream *out, const struct record *record)
{
	json_array(out, "failures", JSON_LINES);
	failures_each(record, put_failure, out);
	json_end(out);
}
