/* NAME.report.json, schema penrig/report/1: everything a reader needs to judge the run again, in the order he asks for
 * it. Values are rounded only so far that the same limits give the same outcome from the printed digits.
 * docs/report.md. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/digits.h"
#include "reports/report.h"
#include "rig/base/json.h"
#include "rig/judge/verdict.h"
#include "rig/record/record_json.h"

#define EXACT       DIGITS_EXACT
#define INTEGER_MAX (1ull << 53)
#define CLEAN_MAX   600 /* the longest text of a record */

/* "" writes null: nothing was said. */
static void put_text(struct json_out *out, const char *key, const char *text)
{
	char clean[CLEAN_MAX];

	json_out_string(out, key, text && text[0] ? text_clean(text, clean, sizeof(clean)) : NULL);
}

static void put_real(struct json_out *out, const char *key, double value, int digits)
{
	if (isfinite(value))
		json_out_number(out, key, value, digits);
	else
		json_out_null(out, key);
}

static void put_count(struct json_out *out, const char *key, uint64_t count)
{
	if (count < INTEGER_MAX)
		json_out_int(out, key, (int64_t)count);
	else
		json_out_null(out, key);
}

static void put_index(struct json_out *out, const char *key, uint64_t index)
{
	if (index == UINT64_MAX)
		json_out_null(out, key);
	else
		json_out_u64(out, key, index);
}

static void put_budget(struct json_out *out, const struct result *result)
{
	struct json_out *budget = json_out_add_array(out, "budget");

	for (unsigned i = 0; i < result->budget_lines && i < BUDGET_MAX; i++) {
		const struct budget_line *line = &result->budget[i];
		struct json_out *entry = json_out_add_object(budget, NULL);
		put_text(entry, "name", line->name);
		put_real(entry, "standard_uncertainty", line->u, 4);
		put_real(entry, "degrees_of_freedom", line->dof, 6);
		json_out_int(entry, "correlation", line->correlation);
	}
}

/* Coefficients that the lines' numbers do not say; the key stands only where there are some. */
static void put_correlations(struct json_out *out, const struct result *result)
{
	if (!result->pairs)
		return;
	struct json_out *array = json_out_add_array(out, "correlations");
	for (unsigned p = 0; p < result->pairs; p++) {
		struct json_out *entry = json_out_add_object(array, NULL);
		put_text(entry, "line", result->budget[result->pair[p].i].name);
		put_text(entry, "other_line", result->budget[result->pair[p].j].name);
		put_real(entry, "coefficient", result->pair[p].r, DIGITS_EXACT);
	}
}

static void put_limits(struct json_out *out, const struct finding *r)
{
	if (!r->has_limit) {
		json_out_null(out, "limits");
		return;
	}
	struct json_out *limits = json_out_add_object(out, "limits");
	put_real(limits, "lower", r->limit.has_lower ? r->limit.lower : NAN, EXACT);
	put_real(limits, "upper", r->limit.has_upper ? r->limit.upper : NAN, EXACT);
	put_text(limits, "unit", r->limit.unit);
	json_out_string(limits, "rule", "guard band w = guard_r * expanded_uncertainty (JCGM 106, ILAC-G8)");
	put_real(limits, "guard_r", r->limit.guard_r, EXACT);
	put_real(limits, "guard_band", r->judgement.guard_band, 4);
	json_out_bool(limits, "conditional_pass_accepted", r->limit.accept_conditional);
}

static void put_judgement(struct json_out *out, const struct finding *r)
{
	json_out_bool(out, "required", r->has_limit && r->limit.required);
	if (!r->has_limit) {
		json_out_null(out, "outcome");
		json_out_null(out, "margin");
		json_out_null(out, "false_accept_risk");
		return;
	}
	json_out_string(out, "outcome", outcome_name(r->judgement.outcome));
	put_real(out, "margin", r->judgement.margin, 6);
	put_real(out, "false_accept_risk", r->judgement.false_accept_risk, 3);
}

/* The key stands only where the plan tells the process. */
static void put_process(struct json_out *out, const struct finding *r)
{
	const struct finding_process *p = &r->process;
	if (!r->has_process)
		return;
	struct json_out *process = json_out_add_object(out, "process");
	json_out_string(process, "distribution", prior_names[p->prior.shape]);
	put_real(process, "mean", p->prior.mean, DIGITS_EXACT);
	put_real(process, "sd", p->prior.sd, DIGITS_EXACT);
	put_real(process, "conforming", p->risk.conforming, 6);
	put_real(process, "consumer_risk", p->risk.consumer, 4);
	put_real(process, "producer_risk", p->risk.producer, 4);
	put_real(process, "wanted_consumer_risk", p->consumer_risk, DIGITS_EXACT);
	put_real(process, "acceptance_lower", p->acceptance.lower, 8);
	put_real(process, "acceptance_upper", p->acceptance.upper, 8);
}

/* The key stands only where one was asked for. */
static void put_opinion(struct json_out *out, const struct finding *r)
{
	static const char *const words[] = {[CARLO_GOOD_ENOUGH] = "good_enough",
					    [CARLO_NOT_GOOD] = "not_good_enough",
					    [CARLO_TOO_FEW] = "too_few_trials"};
	const struct carlo_outcome *o = &r->opinion;
	if (!r->has_opinion)
		return;
	struct json_out *opinion = json_out_add_object(out, "monte_carlo");
	put_count(opinion, "trials", o->trials);
	put_real(opinion, "mean", o->mean, 9);
	put_real(opinion, "standard_deviation", o->sd, 4);
	put_real(opinion, "lower", o->lower, 9);
	put_real(opinion, "upper", o->upper, 9);
	put_real(opinion, "symmetric_lower", o->even_lower, 9);
	put_real(opinion, "symmetric_upper", o->even_upper, 9);
	put_real(opinion, "apart", o->apart, 4);
	put_real(opinion, "tolerance", o->tolerance, 4);
	put_real(opinion, "beyond_curve", o->outside, 4);
	json_out_string(opinion, "first_order", words[o->opinion]);
}

static const char *reason_of(const struct finding *r)
{
	if (r->has_limit && r->judgement.reason[0])
		return r->judgement.reason;
	return r->result.reason;
}

static void put_result(struct json_out *results, const struct finding *r)
{
	const struct result *result = &r->result;
	struct digits digits = digits_of(r);
	struct json_out *out = json_out_add_object(results, NULL);

	put_text(out, "measurand", result->name);
	put_text(out, "method", result->method);
	put_real(out, "value", result->valid ? result->value : NAN, digits.value);
	put_text(out, "unit", result->unit);
	put_count(out, "n", result->n);
	put_real(out, "expanded_uncertainty", result->valid ? result->expanded_u : NAN, digits.u);
	put_real(out, "coverage_factor", result->valid ? result->k : NAN, 4);
	put_real(out, "standard_uncertainty", result->valid ? result->u : NAN, digits.u);
	put_real(out, "degrees_of_freedom", result->valid ? result->dof : NAN, 6);
	json_out_bool(out, "trusted", result->valid && result->trusted);
	put_limits(out, r);
	put_judgement(out, r);
	put_process(out, r);
	put_opinion(out, r);
	put_text(out, "reason", reason_of(r));
	put_budget(out, result);
	put_correlations(out, result);
}

static void put_results(struct json_out *out, const struct finding *results, unsigned count)
{
	struct json_out *array = json_out_add_array(out, "results");

	for (unsigned i = 0; i < count; i++)
		put_result(array, &results[i]);
}

static const char *phantom_name(const struct record *record, int phantom)
{
	return phantom >= 0 && phantom < BENCH_PHANTOMS_MAX ? record->phantom_serial[phantom] : "";
}

static void put_step(struct json_out *out, const struct record *record, unsigned step)
{
	struct json_out *object = json_out_add_object(out, "step");

	json_out_int(object, "number", step + 1);
	put_text(object, "name", step < record->step_count ? record->step_name[step] : "");
}

static void put_setpoint(struct json_out *out, const struct record *record, const struct plan_point *plan)
{
	struct json_out *setpoint = json_out_add_object(out, "setpoint");

	put_real(setpoint, "depth_mm", plan->depth_mm, EXACT);
	put_real(setpoint, "rate_hz", plan->rate_hz, EXACT);
	put_text(setpoint, "phantom", phantom_name(record, plan->phantom));
	json_out_int(setpoint, "repeat", plan->repeat + 1);
	json_out_string(setpoint, "direction", plan->upward ? "up" : "down");
}

static void put_window(struct json_out *out, const struct record_point *point)
{
	struct json_out *window = json_out_add_object(out, "window");

	put_index(window, "tare_index", point->phase_index[POINT_TARE]);
	put_index(window, "spin_up_index", point->phase_index[POINT_SPIN_UP]);
	put_index(window, "first_index", point->phase_index[POINT_MEASURE]);
	put_index(window, "coast_index", point->phase_index[POINT_COAST]);
	put_index(window, "rest_index", point->phase_index[POINT_REST]);
	put_index(window, "end_index", point->end_index);
	put_real(window, "start_command_index", point->command_index[POINT_SPIN_UP], EXACT);
	put_real(window, "stop_command_index", point->command_index[POINT_COAST], EXACT);
}

static void put_points(struct json_out *out, const struct record *record)
{
	struct json_out *points = json_out_add_array(out, "points");

	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *point = &record->point[i];
		struct json_out *entry = json_out_add_object(points, NULL);
		json_out_int(entry, "number", point->plan.number + 1);
		put_step(entry, record, point->plan.step);
		put_setpoint(entry, record, &point->plan);
		json_out_int(entry, "attempt", point->attempt);
		json_out_bool(entry, "counts", point->counts);
		json_out_bool(entry, "measured", point->measured);
		json_out_string(entry, "outcome", point->measured ? outcome_name(point->outcome) : NULL);
		put_text(entry, "reason", point->reason);
		put_index(entry, "started_utc_ns", point->start_wall_ns);
		put_real(entry, "stop_latency_ms", point->stop_latency_ms, 6);
		put_window(entry, point);
		put_results(entry, point->result, point->results);
	}
}

static void put_sweeps(struct json_out *out, const struct record *record)
{
	struct json_out *sweeps = json_out_add_array(out, "sweeps");

	for (unsigned i = 0; i < record->sweeps; i++) {
		const struct record_sweep *sweep = &record->sweep[i];
		struct json_out *entry = json_out_add_object(sweeps, NULL);
		put_step(entry, record, sweep->step);
		put_real(entry, "rate_hz", sweep->rate_hz, EXACT);
		put_text(entry, "phantom", phantom_name(record, sweep->phantom));
		put_results(entry, sweep->result, sweep->results);
	}
}

static void put_tests(struct json_out *out, const struct record *record)
{
	struct json_out *tests = json_out_add_array(out, "tests");

	for (unsigned i = 0; i < record->tests; i++) {
		const struct record_test *test = &record->test[i];
		struct json_out *entry = json_out_add_object(tests, NULL);
		put_text(entry, "name", test->name);
		json_out_bool(entry, "done", test->done);
		json_out_string(entry, "outcome", test->done ? outcome_name(test->outcome) : NULL);
		put_text(entry, "reason", test->text);
		put_real(entry, "value", test->unit[0] ? test->value : NAN, 6);
		put_text(entry, "unit", test->unit);
	}
}

static void put_run_risk(struct json_out *out, const struct record *record)
{
	struct joint_risk joint;
	if (!verdict_risk(record, &joint)) {
		json_out_null(out, "run_risk");
		return;
	}
	struct json_out *risk = json_out_add_object(out, "run_risk");
	json_out_int(risk, "limits", joint.limits);
	put_real(risk, "bound", joint_risk_bound(&joint), 3);
	put_real(risk, "independent", joint_risk_independent(&joint), 3);
	put_real(risk, "largest", joint.largest, 3);
}

static void put_verdict(struct json_out *out, const struct record *record)
{
	json_out_string(out, "kind", "penrig/report/1");
	put_text(out, "name", record->name);
	json_out_string(out, "dut_verdict", record->has_verdict ? outcome_name(record->dut_verdict) : NULL);
	put_text(out, "verdict_reason", record->verdict_reason);
	put_run_risk(out, record);
	json_out_bool(out, "conditional_pass_accepted", record->accept_conditional);
	json_out_string(out, "run_status", run_status_name(record->run_status));
	put_text(out, "status_reason", record->status_reason);
	json_out_int(out, "exit_code", verdict_exit_code(record));
}

static void put_stop(struct json_out *out, const struct record *record)
{
	struct json_out *stop = json_out_add_object(out, "stop");

	json_out_bool(stop, "moved", record->moved);
	json_out_bool(stop, "verified", record->moved && record->stop_verified);
	if (record->moved && !record->stop_verified) {
		char text[sizeof(record->stop_text) + 32];
		snprintf(text, sizeof(text), "STOP UNVERIFIED: %s", record->stop_text);
		put_text(stop, "text", text);
	} else {
		put_text(stop, "text", record->stop_text);
	}
}

static void put_attributes(struct json_out *out, const struct record *record)
{
	struct json_out *attributes = json_out_add_array(out, "attributes");

	for (unsigned i = 0; i < record->attrs; i++) {
		struct json_out *entry = json_out_add_object(attributes, NULL);
		put_text(entry, "key", record->attr[i].key);
		put_text(entry, "value", record->attr[i].value);
	}
}

static void put_who(struct json_out *out, const struct record *record)
{
	put_text(out, "dut", record->dut);
	put_text(out, "lot", record->lot);
	put_text(out, "cartridge", record->cartridge);
	put_text(out, "operator", record->operator_name);
	put_attributes(out, record);
	put_text(out, "started", record->started_utc);
	put_text(out, "ended", record->ended_utc);
}

static void put_file(struct json_out *out, const struct record_file *file)
{
	put_text(out, "path", file ? file->path : "");
	put_text(out, "sha256", file ? file->sha256 : "");
}

static const struct record_file *file_of(const struct record *record, const char *kind)
{
	for (unsigned i = 0; i < record->files; i++) {
		if (strcmp(record->file[i].kind, kind) == 0)
			return &record->file[i];
	}
	return NULL;
}

static void put_sources(struct json_out *out, const struct record *record)
{
	struct json_out *plan = json_out_add_object(out, "plan");

	put_text(plan, "name", record->plan_name);
	put_text(plan, "description", record->plan_description);
	put_file(plan, file_of(record, "plan"));
	json_out_int(plan, "points", record->points_planned);
	bool nominal = record->judge_nominal_rate, displacement = record->judge_displacement;
	json_out_string(plan, "judged_rate", measurand_method(JUDGED_BY_RATE, nominal, displacement));
	json_out_string(plan, "judged_depth", measurand_method(JUDGED_BY_DEPTH, nominal, displacement));
	put_text(plan, "thermal_basis", record->thermal_basis);
	struct json_out *bench = json_out_add_object(out, "bench");
	put_text(bench, "name", record->bench_name);
	put_text(bench, "site", record->bench_site);
	put_file(bench, file_of(record, "bench"));
	struct json_out *phantoms = json_out_add_array(out, "phantoms");
	for (unsigned i = 0, n = 0; i < record->files; i++) {
		if (strcmp(record->file[i].kind, "phantom") != 0)
			continue;
		struct json_out *phantom = json_out_add_object(phantoms, NULL);
		put_text(phantom, "serial", phantom_name(record, (int)n++));
		put_file(phantom, &record->file[i]);
	}
}

static void put_machine(struct json_out *out, const struct record *record)
{
	struct json_out *software = json_out_add_object(out, "software");

	json_out_string(software, "name", "penrig");
	put_text(software, "version", record->software_version);
	put_text(software, "build", record->software_build);
	json_out_int(software, "method", record->method);
	struct json_out *host = json_out_add_object(out, "host");
	put_text(host, "name", record->host);
	put_text(host, "kernel", record->host_kernel);
	struct json_out *clock = json_out_add_object(host, "clock");
	json_out_bool(clock, "synchronised", record->host_clock_synchronised);
	put_real(clock, "estimated_error_s", record->host_clock_error_s, 4);
	put_real(clock, "frequency_ppm", record->host_clock_frequency_ppm, 6);
}

static void put_identity(struct json_out *out, const struct record_device *device)
{
	const struct device_identity *id = &device->identity;

	put_text(out, "maker", id->maker);
	put_text(out, "model", id->model);
	put_text(out, "serial", id->serial);
	put_text(out, "firmware", id->firmware);
	json_out_int(out, "protocol_version", id->protocol_version);
	put_text(out, "cartridge", id->cartridge);
	json_out_int(out, "needles", id->needles);
	json_out_u64(out, "cartridge_strokes", id->cartridge_strokes);
}

/* The device's own word and the bench file's, apart: a reader compares them. */
static void put_calibration(struct json_out *out, const struct record_device *device)
{
	const struct calibration *c = &device->calibration;
	struct json_out *calibration = json_out_add_object(out, "calibration");

	put_text(calibration, "certificate", c->certificate);
	put_text(calibration, "laboratory", c->laboratory);
	put_text(calibration, "date", c->date);
	put_text(calibration, "due", c->due);
	put_text(calibration, "declared_certificate", device->identity.calibration_id);
	put_text(calibration, "declared_due", device->identity.calibration_due);
}

static void put_link(struct json_out *out, const struct link_identity *link)
{
	char id[16];
	struct json_out *object = json_out_add_object(out, "link");

	snprintf(id, sizeof(id), "%04x:%04x", link->vid, link->pid);
	put_text(object, "uri", link->uri);
	put_text(object, "node", link->node);
	put_text(object, "port", link->port);
	put_text(object, "usb_id", link->vid || link->pid ? id : "");
	put_text(object, "serial", link->serial);
	put_text(object, "product", link->product);
}

static void put_counters(struct json_out *out, const struct device_counters *c)
{
	struct json_out *counters = json_out_add_object(out, "counters");

	json_out_u64(counters, "frames", c->frames);
	json_out_u64(counters, "crc_errors", c->crc_errors);
	json_out_u64(counters, "resyncs", c->resyncs);
	json_out_u64(counters, "lost_samples", c->lost_samples);
	json_out_u64(counters, "repeated_requests", c->repeated_requests);
	json_out_u64(counters, "odd_replies", c->odd_replies);
	json_out_u64(counters, "bytes_in", c->link.bytes_in);
	json_out_u64(counters, "bytes_out", c->link.bytes_out);
	json_out_u64(counters, "stalls", c->link.stalls);
	json_out_u64(counters, "short_transfers", c->link.short_transfers);
	put_index(counters, "overruns", c->link.counters_known ? c->link.overruns : UINT64_MAX);
	put_index(counters, "framing_errors", c->link.counters_known ? c->link.framing_errors : UINT64_MAX);
}

static void put_channels(struct json_out *out, const struct record_device *device)
{
	struct json_out *channels = json_out_add_array(out, "channels");

	for (unsigned i = 0; i < device->channels && i < CHANNELS_MAX; i++) {
		const struct channel *channel = &device->channel[i];
		struct json_out *entry = json_out_add_object(channels, NULL);
		put_text(entry, "name", channel->name);
		put_text(entry, "unit", channel->unit);
		json_out_int(entry, "stream", channel->stream);
		json_out_int(entry, "position", channel->position);
		json_out_int(entry, "bits", channel->bits);
		put_real(entry, "rate_hz", channel->rate_hz, EXACT);
		put_real(entry, "scale", channel->scale, EXACT);
		put_real(entry, "offset", channel->offset, EXACT);
		put_real(entry, "range_lo", channel->range_lo, EXACT);
		put_real(entry, "range_hi", channel->range_hi, EXACT);
		put_real(entry, "noise_rms", channel->noise_rms, EXACT);
		put_real(entry, "bandwidth_hz", channel->bandwidth_hz, EXACT);
	}
}

static void put_pen_limits(struct json_out *out, const struct record_device *device)
{
	if (strcmp(device->role, "pen") != 0) {
		json_out_null(out, "limits");
		return;
	}
	struct json_out *limits = json_out_add_object(out, "limits");
	put_real(limits, "rate_min_hz", device->limits.rate_min_hz, EXACT);
	put_real(limits, "rate_max_hz", device->limits.rate_max_hz, EXACT);
	put_real(limits, "depth_min_mm", device->limits.depth_min_mm, EXACT);
	put_real(limits, "depth_max_mm", device->limits.depth_max_mm, EXACT);
}

static void put_devices(struct json_out *out, const struct record *record)
{
	struct json_out *devices = json_out_add_array(out, "devices");

	for (unsigned i = 0; i < record->devices && i < RECORD_DEVICES_MAX; i++) {
		const struct record_device *device = &record->device[i];
		struct json_out *entry = json_out_add_object(devices, NULL);
		if (device->name[0])
			put_text(entry, "name", device->name);
		put_text(entry, "role", device->role);
		put_text(entry, "driver", device->driver);
		put_identity(entry, device);
		put_calibration(entry, device);
		put_link(entry, &device->link);
		put_pen_limits(entry, device);
		put_channels(entry, device);
		put_real(entry, "clock_ppm", device->clock_ppm, 6);
		put_real(entry, "clock_standard_uncertainty_ppm", device->clock_u_ppm, 3);
		json_out_bool(entry, "clock_applied", device->clock_applied);
		put_counters(entry, &device->counters);
	}
}

static void put_conditions(struct json_out *out, const struct record *record)
{
	static const struct {
		uint32_t bit;

		const char *name;
	} names[] = {
		{PEN_UNDERVOLTAGE, "undervoltage"},
		{PEN_OVER_TEMPERATURE, "over_temperature"},
		{PEN_STALL, "stall"},
		{PEN_DEADMAN_TRIPPED, "deadman_tripped"},
		{PEN_CARTRIDGE_MISSING, "cartridge_missing"},
		{PEN_REBOOTED, "rebooted"},
		{PEN_RAN_ON, "ran_on"},
	};
	struct json_out *conditions = json_out_add_array(out, "pen_conditions");
	for (unsigned i = 0; i < record->conditions; i++) {
		const struct record_condition *c = &record->condition[i];
		struct json_out *entry = json_out_add_object(conditions, NULL);
		struct json_out *bits = json_out_add_array(entry, "conditions");
		for (unsigned j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
			if (c->condition & names[j].bit)
				json_out_string(bits, NULL, names[j].name);
		}
		double at_s = ((double)c->host_ns - (double)record->started_host_ns) * 1e-9;
		put_real(entry, "seconds_from_start", at_s, 6);
		put_text(entry, "text", c->text);
	}
}

static void put_run_file(struct json_out *out, const struct record *record)
{
	char name[sizeof(record->name) + 8];
	struct json_out *file = json_out_add_object(out, "run_file");

	snprintf(name, sizeof(name), "%s.penrig", record->name);
	bool exists = record->journal_head[0] != '\0';
	put_text(file, "name", exists ? name : "");
	put_text(file, "journal_head", record->journal_head);
	json_out_u64(file, "samples_lost", record->samples_lost);
}

/* null: penrig took the samples itself, and judged them by the plan's limits. */
static void put_origin(struct json_out *out, const struct record *record)
{
	const struct record_origin *o = &record->origin;
	const struct record_judged *j = &record->judged;
	struct json_out *imported = o->path[0] ? json_out_add_object(out, "imported") : NULL;

	if (imported) {
		put_text(imported, "path", o->path);
		put_text(imported, "sha256", o->sha256);
		put_text(imported, "format", o->format);
		put_real(imported, "rate_hz", o->rate_hz, EXACT);
		put_real(imported, "scale_n", o->scale_n, EXACT);
		put_real(imported, "offset_n", o->offset_n, EXACT);
	} else {
		json_out_null(out, "imported");
	}
	struct json_out *judged = j->number ? json_out_add_object(out, "judged_anew") : NULL;
	if (judged) {
		json_out_int(judged, "number", j->number);
		put_text(judged, "limits", j->limits_name);
		put_text(judged, "path", j->limits_path);
		put_text(judged, "sha256", j->limits_sha256);
		put_text(judged, "utc", j->utc);
		put_text(judged, "software_version", j->software_version);
		put_text(judged, "software_build", j->software_build);
		json_out_int(judged, "method", j->method);
	} else {
		json_out_null(out, "judged_anew");
	}
}

static int write_json(const struct record *record, FILE *out, struct err *err)
{
	struct json_out *root = json_out_object();
	char *text;

	put_verdict(root, record);
	put_who(root, record);
	put_stop(root, record);
	put_sources(root, record);
	put_machine(root, record);
	put_devices(root, record);
	put_conditions(root, record);
	put_tests(root, record);
	put_points(root, record);
	put_sweeps(root, record);
	put_run_file(root, record);
	put_origin(root, record);
	int rc = json_out_print(root, true, &text, err);
	json_out_free(root);
	if (rc)
		return rc;
	size_t len = strlen(text);
	bool newline = len && text[len - 1] == '\n';
	bool written = fputs(text, out) >= 0 && (newline || fputc('\n', out) != EOF);
	free(text);
	return written ? 0 : err_set(err, -EIO, "the JSON report cannot be written: %s", strerror(errno));
}

const struct report_writer report_json = {
	.id = "json",
	.extension = ".report.json",
	.description = "conformance report, schema penrig/report/1",
	.kept = true,
	.write = write_json,
};
