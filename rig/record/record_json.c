/* The record as JSON and back, without loss. Which members there are stands here, how they are written in members.c.
 * Leaves out the points' and sweeps' places in the record: open.c. */
#include "rig/record/record_json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/record/members.h"

#define SEAL_KIND "penrig/seal/1"

static const struct member budget_members[] = {
	ONE(struct budget_line, name, TEXT),
	ONE(struct budget_line, u, REAL),
	ONE(struct budget_line, dof, REAL),
	ONE(struct budget_line, correlation, INT),
	END,
};

static const struct member pair_members[] = {
	ONE(struct budget_pair, i, UINT),
	ONE(struct budget_pair, j, UINT),
	ONE(struct budget_pair, r, REAL),
	END,
};

static const struct member result_members[] = {
	ONE(struct result, name, TEXT),
	ONE(struct result, method, TEXT),
	ONE(struct result, unit, TEXT),
	ONE(struct result, valid, BOOL),
	ONE(struct result, trusted, BOOL),
	ONE(struct result, value, REAL),
	ONE(struct result, n, U64),
	ONE(struct result, u, REAL),
	ONE(struct result, dof, REAL),
	ONE(struct result, k, REAL),
	ONE(struct result, expanded_u, REAL),
	ONE(struct result, reason, TEXT),
	MANY(struct result, budget, budget_lines, budget_members),
	SOME(struct result, pair, pairs, pair_members),
	END,
};

static const struct member input_members[] = {
	ONE(struct budget_input, name, TEXT),
	ONE(struct budget_input, unit, TEXT),
	ONE(struct budget_input, value, REAL),
	ONE(struct budget_input, assumed, BOOL),
	END,
};

static const struct member check_members[] = {
	ONE(struct check_result, name, TEXT),
	ONE(struct check_result, state, INT),
	ONE(struct check_result, statistic, REAL),
	ONE(struct check_result, threshold, REAL),
	ONE(struct check_result, effect_mm, REAL),
	ONE(struct check_result, u_mm, REAL),
	ONE(struct check_result, n, U64),
	ONE(struct check_result, reason, TEXT),
	END,
};

static const struct member limit_members[] = {
	ONE(struct limit, measurand, TEXT),
	ONE(struct limit, unit, TEXT),
	ONE(struct limit, has_lower, BOOL),
	ONE(struct limit, has_upper, BOOL),
	ONE(struct limit, lower, REAL),
	ONE(struct limit, upper, REAL),
	ONE(struct limit, guard_r, REAL),
	ONE(struct limit, required, BOOL),
	ONE(struct limit, accept_conditional, BOOL),
	MAYBE_REAL(struct limit, equivalence_margin),
	END,
};

static const struct member judgement_members[] = {
	ONE(struct judgement, outcome, INT),     ONE(struct judgement, margin, REAL),
	ONE(struct judgement, guard_band, REAL), ONE(struct judgement, false_accept_risk, REAL),
	ONE(struct judgement, reason, TEXT),     END,
};

static const struct member prior_members[] = {
	ONE(struct prior, shape, INT),
	ONE(struct prior, mean, REAL),
	ONE(struct prior, sd, REAL),
	END,
};

static const struct member global_risk_members[] = {
	ONE(struct global_risk, consumer, REAL),
	ONE(struct global_risk, producer, REAL),
	ONE(struct global_risk, conforming, REAL),
	END,
};

static const struct member band_members[] = {
	ONE(struct band, lower, REAL),
	ONE(struct band, upper, REAL),
	END,
};

static const struct member process_members[] = {
	NESTED(struct finding_process, prior, prior_members),
	NESTED(struct finding_process, risk, global_risk_members),
	ONE(struct finding_process, consumer_risk, REAL),
	NESTED(struct finding_process, acceptance, band_members),
	END,
};

static const struct member record_result_members[] = {
	NESTED(struct finding, result, result_members),
	ONE(struct finding, has_limit, BOOL),
	NESTED(struct finding, limit, limit_members),
	NESTED(struct finding, judgement, judgement_members),
	MAYBE_NESTED(struct finding, process, has_process, process_members),
	END,
};

static const struct member plan_point_members[] = {
	ONE(struct plan_point, number, UINT),
	ONE(struct plan_point, step, UINT),
	ONE(struct plan_point, repeat, UINT),
	ONE(struct plan_point, phantom, INT),
	ONE(struct plan_point, depth_mm, REAL),
	ONE(struct plan_point, rate_hz, REAL),
	ONE(struct plan_point, upward, BOOL),
	ONE(struct plan_point, phantom_change, BOOL),
	END,
};

static const struct member place_members[] = {
	ONE(struct record_place, device, UINT),
	FIXED(struct record_place, index, U64, STREAMS_MAX),
	END,
};

static const struct member mark_members[] = {
	ONE(struct record_mark, host_ns, U64),
	FIXED(struct record_mark, index, U64, STREAMS_MAX),
	ONE(struct record_mark, telemetry, U64),
	SOME(struct record_mark, other, others, place_members),
	END,
};

static const struct member target_members[] = {
	ONE(struct record_target, measurand, TEXT),
	ONE(struct record_target, wanted_u, REAL),
	ONE(struct record_target, u, REAL),
	ONE(struct record_target, reached, BOOL),
	END,
};

static const struct member point_members[] = {
	NESTED(struct record_point, plan, plan_point_members),
	MAYBE_UINT(struct record_point, session),
	ONE(struct record_point, attempt, UINT),
	ONE(struct record_point, counts, BOOL),
	ONE(struct record_point, measured, BOOL),
	ONE(struct record_point, collected, BOOL),
	ONE(struct record_point, fault, TEXT),
	MAYBE(struct record_point, rig_cause),
	TABLE(struct record_point, mark, mark_members, POINT_MARKS),
	ONE(struct record_point, reason, TEXT),
	ONE(struct record_point, start_wall_ns, U64),
	FIXED(struct record_point, phase_index, U64, POINT_PHASES),
	FIXED(struct record_point, command_index, REAL, POINT_PHASES),
	ONE(struct record_point, end_index, U64),
	ONE(struct record_point, stop_latency_ms, REAL),
	SOME(struct record_point, target, targets, target_members),
	SOME(struct record_point, input, inputs, input_members),
	SOME(struct record_point, check, checks, check_members),
	MANY(struct record_point, result, results, record_result_members),
	ONE(struct record_point, outcome, INT),
	END,
};

static const struct member sweep_members[] = {
	ONE(struct record_sweep, step, UINT),
	ONE(struct record_sweep, phantom, INT),
	ONE(struct record_sweep, rate_hz, REAL),
	MANY(struct record_sweep, result, results, record_result_members),
	END,
};

static const struct member identity_members[] = {
	ONE(struct device_identity, maker, TEXT),
	ONE(struct device_identity, model, TEXT),
	ONE(struct device_identity, serial, TEXT),
	ONE(struct device_identity, firmware, TEXT),
	ONE(struct device_identity, calibration_id, TEXT),
	ONE(struct device_identity, calibration_due, TEXT),
	ONE(struct device_identity, cartridge, TEXT),
	ONE(struct device_identity, needles, UINT),
	ONE(struct device_identity, cartridge_strokes, U64),
	ONE(struct device_identity, protocol_version, UINT),
	MAYBE(struct device_identity, profile),
	MAYBE(struct device_identity, profile_sha256),
	MAYBE(struct device_identity, loss),
	MAYBE(struct device_identity, dial),
	END,
};

static const struct member link_members[] = {
	ONE(struct link_identity, uri, TEXT),
	ONE(struct link_identity, node, TEXT),
	ONE(struct link_identity, port, TEXT),
	ONE(struct link_identity, vid, U16),
	ONE(struct link_identity, pid, U16),
	ONE(struct link_identity, serial, TEXT),
	ONE(struct link_identity, maker, TEXT),
	ONE(struct link_identity, product, TEXT),
	ONE(struct link_identity, usb_class, U8),
	ONE(struct link_identity, usb_subclass, U8),
	ONE(struct link_identity, usb_protocol, U8),
	ONE(struct link_identity, holder, TEXT),
	END,
};

static const struct member calibration_members[] = {
	ONE(struct calibration, certificate, TEXT),
	ONE(struct calibration, laboratory, TEXT),
	ONE(struct calibration, date, TEXT),
	ONE(struct calibration, due, TEXT),
	END,
};

static const struct member channel_members[] = {
	ONE(struct channel, name, TEXT),         ONE(struct channel, unit, TEXT),
	ONE(struct channel, quantity, INT),      ONE(struct channel, stream, U8),
	ONE(struct channel, position, U8),       ONE(struct channel, bits, U8),
	ONE(struct channel, rate_hz, REAL),      ONE(struct channel, scale, REAL),
	ONE(struct channel, offset, REAL),       ONE(struct channel, range_lo, REAL),
	ONE(struct channel, range_hi, REAL),     ONE(struct channel, noise_rms, REAL),
	ONE(struct channel, bandwidth_hz, REAL), END,
};

static const struct member link_counter_members[] = {
	ONE(struct link_counters, bytes_in, U64),        ONE(struct link_counters, bytes_out, U64),
	ONE(struct link_counters, transfers_in, U64),    ONE(struct link_counters, transfers_out, U64),
	ONE(struct link_counters, overruns, U64),        ONE(struct link_counters, framing_errors, U64),
	ONE(struct link_counters, stalls, U64),          ONE(struct link_counters, short_transfers, U64),
	ONE(struct link_counters, zero_length, U64),     MAYBE_U64(struct link_counters, failed_in),
	ONE(struct link_counters, counters_known, BOOL), END,
};

static const struct member counter_members[] = {
	ONE(struct device_counters, frames, U64),
	ONE(struct device_counters, crc_errors, U64),
	ONE(struct device_counters, resyncs, U64),
	ONE(struct device_counters, lost_samples, U64),
	ONE(struct device_counters, repeated_requests, U64),
	ONE(struct device_counters, odd_replies, U64),
	NESTED(struct device_counters, link, link_counter_members),
	END,
};

static const struct member pen_limit_members[] = {
	ONE(struct pen_limits, rate_min_hz, REAL),
	ONE(struct pen_limits, rate_max_hz, REAL),
	ONE(struct pen_limits, depth_min_mm, REAL),
	ONE(struct pen_limits, depth_max_mm, REAL),
	END,
};

static const struct member device_members[] = {
	MAYBE(struct record_device, name),
	ONE(struct record_device, role, TEXT),
	ONE(struct record_device, driver, TEXT),
	NESTED(struct record_device, identity, identity_members),
	NESTED(struct record_device, link, link_members),
	NESTED(struct record_device, calibration, calibration_members),
	MANY(struct record_device, channel, channels, channel_members),
	NESTED(struct record_device, counters, counter_members),
	NESTED(struct record_device, limits, pen_limit_members),
	ONE(struct record_device, clock_ppm, REAL),
	ONE(struct record_device, clock_u_ppm, REAL),
	ONE(struct record_device, clock_applied, BOOL),
	END,
};

static const struct member attr_members[] = {
	ONE(struct record_attr, key, TEXT),
	ONE(struct record_attr, value, TEXT),
	END,
};

#define CONTROL(type)                                                                                                  \
	MAYBE_IN(type, control, revision), MAYBE_IN(type, control, effective), MAYBE_IN(type, control, approver),      \
		MAYBE_IN(type, control, approver_key), MAYBE_IN(type, control, approved_utc)

static const struct member file_members[] = {
	ONE(struct record_file, kind, TEXT),
	ONE(struct record_file, path, TEXT),
	ONE(struct record_file, sha256, TEXT),
	CONTROL(struct record_file),
	END,
};

static const struct member test_members[] = {
	ONE(struct record_test, name, TEXT), MAYBE_UINT(struct record_test, session),
	ONE(struct record_test, done, BOOL), ONE(struct record_test, outcome, INT),
	ONE(struct record_test, text, TEXT), ONE(struct record_test, value, REAL),
	ONE(struct record_test, unit, TEXT), END,
};

static const struct member condition_members[] = {
	ONE(struct record_condition, condition, UINT),
	MAYBE_UINT(struct record_condition, session),
	ONE(struct record_condition, host_ns, U64),
	ONE(struct record_condition, text, TEXT),
	END,
};

static const struct member safety_input_members[] = {
	ONE(struct record_input, name, TEXT),   ONE(struct record_input, device, UINT),
	ONE(struct record_input, number, UINT), ONE(struct record_input, tried, BOOL),
	ONE(struct record_input, opened, BOOL), END,
};

static const struct member proof_members[] = {
	ONE(struct record_proof, run, TEXT),
	ONE(struct record_proof, utc, TEXT),
	ONE(struct record_proof, why, TEXT),
	END,
};

static const struct member dut_said_members[] = {
	ONE(struct record_identity, before, TEXT),
	ONE(struct record_identity, after, TEXT),
	END,
};

static const struct member session_members[] = {
	ONE(struct record_session, name, TEXT),
	ONE(struct record_session, started_utc, TEXT),
	ONE(struct record_session, ended_utc, TEXT),
	ONE(struct record_session, started_host_ns, U64),
	ONE(struct record_session, operator_name, TEXT),
	MAYBE(struct record_session, override),
	ONE(struct record_session, run_status, INT),
	ONE(struct record_session, status_reason, TEXT),
	ONE(struct record_session, moved, BOOL),
	ONE(struct record_session, stop_verified, BOOL),
	ONE(struct record_session, stop_text, TEXT),
	MAYBE_NESTED(struct record_session, proof, proof.wanted, proof_members),
	MAYBE_NESTED(struct record_session, dut_said, dut_said.wanted, dut_said_members),
	ONE(struct record_session, entries, U64),
	ONE(struct record_session, head, TEXT),
	END,
};

static const struct member judged_members[] = {
	ONE(struct record_judged, number, UINT),
	ONE(struct record_judged, limits_name, TEXT),
	ONE(struct record_judged, limits_path, TEXT),
	ONE(struct record_judged, limits_sha256, TEXT),
	MAYBE(struct record_judged, approvals),
	CONTROL(struct record_judged),
	ONE(struct record_judged, utc, TEXT),
	ONE(struct record_judged, software_version, TEXT),
	ONE(struct record_judged, software_build, TEXT),
	MAYBE_UINT(struct record_judged, method),
	ONE(struct record_judged, dut_verdict, INT),
	MAYBE_BOOL(struct record_judged, on_statement),
	ONE(struct record_judged, verdict_reason, TEXT),
	END,
};

static const struct member seal_mark_members[] = {
	ONE(struct seal_mark, entry, U64),
	ONE(struct seal_mark, head, TEXT),
	END,
};

static const struct member seal_members[] = {
	ONE(struct record_seal, number, UINT),
	ONE(struct record_seal, bench, BOOL),
	ONE(struct record_seal, signer, TEXT),
	ONE(struct record_seal, meaning, TEXT),
	ONE(struct record_seal, utc, TEXT),
	ONE(struct record_seal, run, TEXT),
	ONE(struct record_seal, dut, TEXT),
	ONE(struct record_seal, judged, UINT),
	ONE(struct record_seal, verdict, TEXT),
	ONE(struct record_seal, report_sha256, TEXT),
	ONE(struct record_seal, entries, U64),
	ONE(struct record_seal, head, TEXT),
	MANY(struct record_seal, mark, marks, seal_mark_members),
	ONE(struct record_seal, software_version, TEXT),
	ONE(struct record_seal, software_build, TEXT),
	END,
};

static const struct member gaps_members[] = {
	ONE(struct record_gaps, count, U64),
	ONE(struct record_gaps, rows, U64),
	ONE(struct record_gaps, longest, U64),
	ONE(struct record_gaps, first_line, U64),
	END,
};

static const struct member origin_members[] = {
	ONE(struct record_origin, path, TEXT),
	ONE(struct record_origin, sha256, TEXT),
	ONE(struct record_origin, format, TEXT),
	ONE(struct record_origin, rate_hz, REAL),
	ONE(struct record_origin, scale_n, REAL),
	ONE(struct record_origin, offset_n, REAL),
	MAYBE(struct record_origin, dialect),
	MAYBE(struct record_origin, column),
	MAYBE(struct record_origin, time_column),
	MAYBE(struct record_origin, rate_from),
	MAYBE(struct record_origin, beside),
	MAYBE(struct record_origin, times_from),
	MAYBE_BOOL(struct record_origin, times_found),
	MAYBE(struct record_origin, witness),
	MAYBE(struct record_origin, unchecked),
	MAYBE_NESTED(struct record_origin, gaps, has_gaps, gaps_members),
	END,
};

#define PART(part, name)                                                                                               \
	{                                                                                                              \
		.key = name, .kind = REAL, .at = offsetof(struct takt, s[part]), .size = sizeof(double)                \
	}

/* Keys are those of takt_name(). */
static const struct member takt_members[] = {
	PART(TAKT_OPENING, "opening_s"), PART(TAKT_INTERLOCK, "interlock_s"), PART(TAKT_TESTS, "tests_s"),
	PART(TAKT_PROMPT, "prompt_s"),   PART(TAKT_TARE, "tare_s"),           PART(TAKT_SETTING, "setting_s"),
	PART(TAKT_SETTLE, "settle_s"),   PART(TAKT_WINDOW, "window_s"),       PART(TAKT_COAST, "coast_s"),
	PART(TAKT_PROOF, "proof_s"),     PART(TAKT_REST, "rest_s"),           END,
};

static const struct member golden_members[] = {
	ONE(struct record_golden, valid, BOOL),
	ONE(struct record_golden, pen, TEXT),
	ONE(struct record_golden, run, TEXT),
	ONE(struct record_golden, started_utc, TEXT),
	ONE(struct record_golden, head, TEXT),
	ONE(struct record_golden, text, TEXT),
	END,
};

static const struct member record_members[] = {
	ONE(struct record, name, TEXT),
	ONE(struct record, folder, TEXT),
	ONE(struct record, software_version, TEXT),
	ONE(struct record, software_build, TEXT),
	MAYBE_UINT(struct record, method),
	ONE(struct record, started_utc, TEXT),
	ONE(struct record, ended_utc, TEXT),
	ONE(struct record, started_host_ns, U64),
	ONE(struct record, ended_host_ns, U64),
	ONE(struct record, host, TEXT),
	ONE(struct record, host_kernel, TEXT),
	ONE(struct record, host_clock_synchronised, BOOL),
	ONE(struct record, host_clock_error_s, REAL),
	ONE(struct record, host_clock_frequency_ppm, REAL),
	ONE(struct record, operator_name, TEXT),
	ONE(struct record, lot, TEXT),
	ONE(struct record, cartridge, TEXT),
	ONE(struct record, dut, TEXT),
	MANY(struct record, attr, attrs, attr_members),
	ONE(struct record, plan_name, TEXT),
	ONE(struct record, plan_description, TEXT),
	ONE(struct record, bench_name, TEXT),
	ONE(struct record, bench_site, TEXT),
	ONE(struct record, thermal_basis, TEXT),
	MAYBE(struct record, approvals),
	MAYBE(struct record, override),
	ONE(struct record, judge_nominal_rate, BOOL),
	ONE(struct record, judge_displacement, BOOL),
	MANY(struct record, file, files, file_members),
	FIXED(struct record, phantom_serial, TEXT, BENCH_PHANTOMS_MAX),
	MANY(struct record, device, devices, device_members),
	ONE(struct record, points_planned, UINT),
	MANY(struct record, test, tests, test_members),
	SOME(struct record, session, sessions, session_members),
	SOME(struct record, input, inputs, safety_input_members),
	MANY(struct record, condition, conditions, condition_members),
	ONE(struct record, has_verdict, BOOL),
	ONE(struct record, dut_verdict, INT),
	ONE(struct record, verdict_reason, TEXT),
	ONE(struct record, run_status, INT),
	ONE(struct record, refusal, INT),
	ONE(struct record, status_reason, TEXT),
	MAYBE(struct record, dead_man),
	MAYBE(struct record, depth_by),
	MAYBE(struct record, rate_by),
	MAYBE_NESTED(struct record, dut_said, dut_said.wanted, dut_said_members),
	MAYBE_NESTED(struct record, proof, proof.wanted, proof_members),
	MAYBE_NESTED(struct record, golden, golden.asked, golden_members),
	MAYBE(struct record, bench_found),
	ONE(struct record, moved, BOOL),
	ONE(struct record, stop_verified, BOOL),
	ONE(struct record, stop_text, TEXT),
	ONE(struct record, signal_number, INT),
	ONE(struct record, accept_conditional, BOOL),
	MAYBE_BOOL(struct record, on_statement),
	MAYBE_BOOL(struct record, accept_statement),
	MAYBE_NESTED(struct record, takt, has_takt, takt_members),
	ONE(struct record, samples_lost, U64),
	NESTED(struct record, origin, origin_members),
	ONE(struct record, journal_head, TEXT),
	END,
};

static int print(struct json_out *out, char **ret, struct err *err)
{
	int rc = json_out_print(out, false, ret, err);
	json_out_free(out);
	return rc;
}

static int print_object(const struct member *members, const void *base, char **ret, struct err *err)
{
	struct json_out *out = json_out_object();
	members_write(out, members, base);
	return print(out, ret, err);
}

int record_to_json(const struct record *record, char **ret, struct err *err)
{
	struct json_out *out = json_out_object();
	members_write(out, record_members, record);
	struct json_out *names = json_out_add_array(out, "step_name");
	for (unsigned i = 0; i < record->step_count; i++)
		member_write_text(names, NULL, record->step_name[i], sizeof(record->step_name[i]));
	return print(out, ret, err);
}

int point_to_json(const struct record_point *point, char **ret, struct err *err)
{
	return print_object(point_members, point, ret, err);
}

int sweep_to_json(const struct record_sweep *sweep, char **ret, struct err *err)
{
	return print_object(sweep_members, sweep, ret, err);
}

int judged_to_json(const struct record_judged *judged, char **ret, struct err *err)
{
	return print_object(judged_members, judged, ret, err);
}

int seal_to_json(const struct record_seal *seal, char **ret, struct err *err)
{
	struct json_out *out = json_out_object();
	json_out_string(out, "kind", SEAL_KIND);
	members_write(out, seal_members, seal);
	int rc = json_out_print(out, true, ret, err);
	json_out_free(out);
	return rc;
}

int channels_to_json(const struct channel *channels, unsigned count, char **ret, struct err *err)
{
	struct json_out *out = json_out_array();
	for (unsigned i = 0; i < count; i++)
		members_write(json_out_add_object(out, NULL), channel_members, &channels[i]);
	return print(out, ret, err);
}

static int parse(const char *what, const char *text, size_t len, const struct member *members, void *base,
		 struct json_doc **ret, struct err *err)
{
	struct json_doc *doc;
	int rc = json_parse(what, text, len, &doc, err);
	if (rc)
		return rc == -ENOMEM ? rc : -EBADMSG;
	if (!members_read(json_root(doc), members, base)) {
		json_doc_free(doc);
		return err_set(err, -EBADMSG, "the %s in the run file is not one that this version of penrig wrote",
			       what);
	}
	*ret = doc;
	return 0;
}

static int read_step_names(const struct json *names, struct record *record)
{
	if (!names || json_kind(names) != JSON_ARRAY || json_size(names) > PLAN_STEPS_MAX)
		return -EBADMSG;
	unsigned count = (unsigned)json_size(names);
	char(*step_name)[64] = calloc(count ? count : 1, sizeof(*step_name));
	if (!step_name)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		if (!member_read_text(json_at(names, i), step_name[i], sizeof(step_name[i]))) {
			free(step_name);
			return -EBADMSG;
		}
	}
	free(record->step_name);
	record->step_name = step_name;
	record->step_count = count;
	return 0;
}

/* An enum read from a damaged file must not index past a table. */
static bool record_in_range(const struct record *record)
{
	bool good = record->dut_verdict <= OUTCOME_FAIL && record->run_status <= RUN_INTERNAL_ERROR &&
		    record->refusal <= REFUSED_DUT;
	for (unsigned i = 0; i < record->tests; i++)
		good &= record->test[i].outcome <= OUTCOME_FAIL && record->test[i].session <= record->sessions;
	for (unsigned i = 0; i < record->sessions; i++)
		good &= record->session[i].run_status <= RUN_INTERNAL_ERROR;
	for (unsigned i = 0; i < record->conditions; i++)
		good &= record->condition[i].session <= record->sessions;
	return good;
}

static bool pairs_in_range(const struct result *result)
{
	for (unsigned p = 0; p < result->pairs; p++) {
		const struct budget_pair *pair = &result->pair[p];
		if (pair->i == pair->j || pair->i >= result->budget_lines || pair->j >= result->budget_lines ||
		    !(fabs(pair->r) <= 1))
			return false;
	}
	return true;
}

/* What a file knows by its name alone; a name without a row stays MEASURAND_NONE. */
static bool restore_findings(struct finding *findings, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct finding *f = &findings[i];
		if (f->judgement.outcome > OUTCOME_FAIL || !pairs_in_range(&f->result))
			return false;
		if (f->has_process && f->process.prior.shape > PRIOR_GAMMA)
			return false;
		f->result.id = measurand_find(f->result.name);
		f->limit.id = measurand_find(f->limit.measurand);
	}
	return true;
}

/* The same of checks. */
static bool restore_checks(struct check_result *checks, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (checks[i].state > CHECK_NOT_MADE)
			return false;
		checks[i].check = model_check_find(checks[i].name);
	}
	return true;
}

int record_from_json(const char *text, size_t len, struct record *record, struct err *err)
{
	struct json_doc *doc;
	int rc = parse("record", text, len, record_members, record, &doc, err);
	if (rc)
		return rc;
	rc = read_step_names(json_get(json_root(doc), "step_name"), record);
	json_doc_free(doc);
	record->method = record->method ? record->method : METHOD_UNNAMED;
	if (!rc && !record_in_range(record))
		rc = -EBADMSG;
	return rc ? err_set(err, rc, "the record in the run file cannot be restored: %s", strerror(-rc)) : 0;
}

int point_from_json(const char *text, size_t len, struct record_point *point, struct err *err)
{
	struct json_doc *doc;
	int rc = parse("point", text, len, point_members, point, &doc, err);
	if (rc)
		return rc;
	json_doc_free(doc);
	if (point->outcome > OUTCOME_FAIL || !restore_findings(point->result, point->results) ||
	    !restore_checks(point->check, point->checks))
		return err_set(err, -EBADMSG,
			       "a point in the run file has an outcome or a check's state that does not exist");
	return 0;
}

int sweep_from_json(const char *text, size_t len, struct record_sweep *sweep, struct err *err)
{
	struct json_doc *doc;
	int rc = parse("sweep", text, len, sweep_members, sweep, &doc, err);
	if (rc)
		return rc;
	json_doc_free(doc);
	if (!restore_findings(sweep->result, sweep->results))
		return err_set(err, -EBADMSG, "a sweep in the run file has an outcome that does not exist");
	return 0;
}

int seal_from_json(const char *text, size_t len, struct record_seal *seal, struct err *err)
{
	struct json_doc *doc;
	int rc = parse("seal", text, len, seal_members, seal, &doc, err);
	if (rc)
		return rc;
	const struct json *kind = json_get(json_root(doc), "kind");
	bool known = kind && json_kind(kind) == JSON_STRING && strcmp(json_string(kind), SEAL_KIND) == 0;
	json_doc_free(doc);
	return known ? 0 : err_set(err, -EBADMSG, "a seal of a kind that this version of penrig does not know");
}

int judged_from_json(const char *text, size_t len, struct record_judged *judged, struct err *err)
{
	struct json_doc *doc;
	int rc = parse("verdict", text, len, judged_members, judged, &doc, err);
	if (rc)
		return rc;
	json_doc_free(doc);
	judged->method = judged->method ? judged->method : METHOD_UNNAMED;
	if (judged->dut_verdict > OUTCOME_FAIL)
		return err_set(err, -EBADMSG, "a verdict in the run file does not exist");
	return 0;
}
