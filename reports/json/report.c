/* NAME.report.json, schema penrig/report/2: everything a reader needs to judge the run again, in the order he asks for
 * it: what became of it, what is not well, who and how, then the figures. docs/report.md. */
#include <stdio.h>
#include <string.h>

#include "reports/json/json.h"
#include "reports/report.h"
#include "rig/judge/verdict.h"
#include "rig/record/sessions.h"

static void put_run_risk(struct json_stream *out, const struct record *record)
{
	struct joint_risk joint;
	if (!verdict_risk(record, &joint)) {
		json_put_null(out, "run_risk");
		return;
	}
	json_object(out, "run_risk", JSON_LINE);
	json_put_int(out, "limits", joint.limits);
	put_real(out, "bound", joint_risk_bound(&joint), 3);
	put_real(out, "independent", joint_risk_independent(&joint), 3);
	put_real(out, "largest", joint.largest, 3);
	json_end(out);
}

static void put_verdict(struct json_stream *out, const struct record *record)
{
	char causes[VERDICT_CAUSES_MAX];

	json_put_string(out, "kind", "penrig/report/2");
	put_text(out, "name", record->name);
	json_put_string(out, "dut_verdict", record->has_verdict ? verdict_name(record) : NULL);
	put_text(out, "verdict_reason", record->verdict_reason);
	if (verdict_measured_again(record))
		json_put_int(out, "points_measured_again", verdict_measured_again(record));
	if (verdict_retried(record, causes))
		json_put_int(out, "points_retried", verdict_retried(record, causes));
	put_run_risk(out, record);
	json_put_bool(out, "conditional_pass_accepted", record->accept_conditional);
	json_put_bool(out, "pass_on_statement_accepted", record->accept_statement);
	json_put_string(out, "run_status", run_status_name(record->run_status));
	put_text(out, "status_reason", record->status_reason);
	json_put_int(out, "exit_code", verdict_exit_code(record));
}

static void put_stop(struct json_stream *out, const struct record *record)
{
	json_object(out, "stop", JSON_LINES);

	json_put_bool(out, "moved", record->moved);
	json_put_bool(out, "verified", record->moved && record->stop_verified);
	if (record->moved && !record->stop_verified) {
		char text[sizeof(record->stop_text) + 32];
		snprintf(text, sizeof(text), "STOP UNVERIFIED: %s", record->stop_text);
		put_text(out, "text", text);
	} else {
		put_text(out, "text", record->stop_text);
	}
	json_end(out);
}

static void put_attributes(struct json_stream *out, const struct record *record)
{
	json_array(out, "attributes", JSON_LINES);

	for (unsigned i = 0; i < record->attrs; i++) {
		json_object(out, NULL, JSON_LINE);
		put_text(out, "key", record->attr[i].key);
		put_text(out, "value", record->attr[i].value);
		json_end(out);
	}
	json_end(out);
}

static void put_who(struct json_stream *out, const struct record *record)
{
	put_text(out, "dut", record->dut);
	put_text(out, "lot", record->lot);
	put_text(out, "cartridge", record->cartridge);
	put_text(out, "operator", record->operator_name);
	put_attributes(out, record);
	put_text(out, "started", record->started_utc);
	put_text(out, "ended", record->ended_utc);
}

static bool was_tested(const struct record *record, const char *test)
{
	for (unsigned i = 0; i < record->tests; i++)
		if (record->test[i].done && !record->test[i].session && strcmp(record->test[i].name, test) == 0)
			return true;
	return false;
}

static void put_said(struct json_stream *out, const struct record_identity *said)
{
	if (!said->wanted)
		return;
	json_object(out, "dut_read_by_operator", JSON_LINES);
	put_text(out, "before", said->before);
	put_text(out, "after", said->after);
	json_end(out);
}

static void put_inputs(struct json_stream *out, const struct record *record)
{
	if (!record->inputs)
		return;
	json_array(out, "safety_inputs", JSON_LINES);
	for (unsigned i = 0; i < record->inputs; i++) {
		const struct record_input *input = &record->input[i];
		json_object(out, NULL, JSON_LINES);
		put_text(out, "name", input->name);
		json_put_bool(out, "tried", input->tried);
		json_put_bool(out, "opened", input->opened);
		json_end(out);
	}
	json_end(out);
}

/* What makes the pen move, and what stops it; of a pen made of parts, whose word stands for what no device told. */
static void put_made_of(struct json_stream *out, const struct record *record)
{
	if (record->dead_man[0])
		put_text(out, "dead_man", record->dead_man);
	if (record->dead_man[0])
		json_put_bool(out, "dead_man_tested", was_tested(record, "dead_man"));
	if (record->proof.run[0]) {
		json_object(out, "dead_man_tested_before", JSON_LINES);
		put_text(out, "run", record->proof.run);
		put_text(out, "started", record->proof.utc);
		json_end(out);
	}
	if (record->depth_by[0])
		put_text(out, "depth_by", record->depth_by);
	if (record->rate_by[0])
		put_text(out, "rate_by", record->rate_by);
	put_said(out, &record->dut_said);
	put_inputs(out, record);
}

static void put_golden(struct json_stream *out, const struct record_golden *golden)
{
	if (!golden->asked)
		return;
	json_object(out, "golden", JSON_LINES);
	json_put_bool(out, "valid", golden->valid);
	put_text(out, "pen", golden->pen);
	put_text(out, "run", golden->run);
	put_text(out, "started", golden->started_utc);
	put_text(out, "journal_head", golden->head);
	put_text(out, "text", golden->text);
	json_end(out);
}

static void put_sources(struct json_stream *out, const struct record *record)
{
	if (record->approvals[0])
		put_text(out, "approvals", record->approvals);
	if (record->override[0])
		put_text(out, "override", record->override);
	json_object(out, "plan", JSON_LINES);

	put_text(out, "name", record->plan_name);
	put_text(out, "description", record->plan_description);
	json_put_file(out, record_file_of(record, "plan"));
	json_put_int(out, "points", record->points_planned);
	bool nominal = record->judge_nominal_rate, displacement = record->judge_displacement;
	json_put_string(out, "judged_rate", measurand_method(JUDGED_BY_RATE, nominal, displacement));
	json_put_string(out, "judged_depth", measurand_method(JUDGED_BY_DEPTH, nominal, displacement));
	put_text(out, "thermal_basis", record->thermal_basis);
	json_end(out);
	json_object(out, "bench", JSON_LINES);
	put_text(out, "name", record->bench_name);
	put_text(out, "site", record->bench_site);
	if (record->bench_found[0])
		put_text(out, "found", record->bench_found);
	put_golden(out, &record->golden);
	put_made_of(out, record);
	json_put_file(out, record_file_of(record, "bench"));
	json_end(out);
	json_array(out, "phantoms", JSON_LINES);
	for (unsigned i = 0, n = 0; i < record->files; i++) {
		if (strcmp(record->file[i].kind, "phantom") != 0)
			continue;
		json_object(out, NULL, JSON_LINES);
		put_text(out, "serial", json_phantom_name(record, (int)n++));
		json_put_file(out, &record->file[i]);
		json_end(out);
	}
	json_end(out);
}

static void put_machine(struct json_stream *out, const struct record *record)
{
	json_object(out, "software", JSON_LINES);

	json_put_string(out, "name", "penrig");
	put_text(out, "version", record->software_version);
	put_text(out, "build", record->software_build);
	json_put_int(out, "method", record->method);
	json_end(out);
	json_object(out, "host", JSON_LINES);
	put_text(out, "name", record->host);
	put_text(out, "kernel", record->host_kernel);
	json_object(out, "clock", JSON_LINES);
	json_put_bool(out, "synchronised", record->host_clock_synchronised);
	put_real(out, "estimated_error_s", record->host_clock_error_s, 4);
	put_real(out, "frequency_ppm", record->host_clock_frequency_ppm, 6);
	json_end(out);
	json_end(out);
}

/* The key stands only in the report of a run that went on with another. */
static void put_session(struct json_stream *out, const struct record *record, unsigned session)
{
	if (record->sessions)
		json_put_int(out, "session", session_number(record, session));
}

/* The runs that this one went on with, the oldest first; session N is the Nth of them, and the run itself the one behind. */
static void put_sessions(struct json_stream *out, const struct record *record)
{
	if (!record->sessions)
		return;
	json_array(out, "sessions", JSON_LINES);
	for (unsigned i = 0; i < record->sessions; i++) {
		const struct record_session *s = &record->session[i];
		json_object(out, NULL, JSON_LINES);
		json_put_int(out, "session", i + 1);
		put_text(out, "name", s->name);
		put_text(out, "started", s->started_utc);
		put_text(out, "ended", s->ended_utc);
		put_text(out, "operator", s->operator_name);
		put_said(out, &s->dut_said);
		if (s->override[0])
			put_text(out, "override", s->override);
		json_put_string(out, "run_status", run_status_name(s->run_status));
		put_text(out, "status_reason", s->status_reason);
		json_put_bool(out, "stop_verified", s->moved && s->stop_verified);
		put_text(out, "stop_text", s->stop_text);
		json_put_u64(out, "journal_entries", s->entries);
		put_text(out, "journal_head", s->head);
		json_end(out);
	}
	json_end(out);
}

static void put_conditions(struct json_stream *out, const struct record *record)
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
		{PEN_RAN_ITSELF, "ran_by_itself"},
		{PEN_MAY_HAVE_RUN, "may_have_run_by_itself"},
	};
	json_array(out, "pen_conditions", JSON_LINES);
	for (unsigned i = 0; i < record->conditions; i++) {
		const struct record_condition *c = &record->condition[i];
		json_object(out, NULL, JSON_LINE);
		json_array(out, "conditions", JSON_LINE);
		for (unsigned j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
			if (c->condition & names[j].bit)
				json_put_string(out, NULL, names[j].name);
		}
		json_end(out);
		uint64_t started_ns = session_started_ns(record, c->session);
		double at_s = ((double)c->host_ns - (double)started_ns) * 1e-9;
		put_session(out, record, c->session);
		put_real(out, "seconds_from_start", at_s, 6);
		put_text(out, "text", c->text);
		json_end(out);
	}
	json_end(out);
}

static void put_tests(struct json_stream *out, const struct record *record)
{
	json_array(out, "tests", JSON_LINES);

	for (unsigned i = 0; i < record->tests; i++) {
		const struct record_test *test = &record->test[i];
		json_object(out, NULL, JSON_LINE);
		put_text(out, "name", test->name);
		put_session(out, record, test->session);
		json_put_bool(out, "done", test->done);
		json_put_string(out, "outcome", test->done ? outcome_name(test->outcome) : NULL);
		put_text(out, "reason", test->text);
		put_real(out, "value", test->unit[0] ? test->value : NAN, 6);
		put_text(out, "unit", test->unit);
		json_end(out);
	}
	json_end(out);
}

static void put_run_file(struct json_stream *out, const struct record *record)
{
	char name[sizeof(record->name) + 8];
	json_object(out, "run_file", JSON_LINES);

	snprintf(name, sizeof(name), "%s.penrig", record->name);
	bool exists = record->journal_head[0] != '\0';
	put_text(out, "name", exists ? name : "");
	put_text(out, "journal_head", record->journal_head);
	json_put_u64(out, "samples_lost", record->samples_lost);
	json_end(out);
}

/* The key stands only in what a run of this version or a later one tells. */
static void put_takt(struct json_stream *out, const struct record *record)
{
	if (!record->has_takt)
		return;
	json_object(out, "takt", JSON_LINE);
	for (unsigned i = 0; i < TAKT_PARTS; i++)
		put_real(out, takt_name((enum takt_part)i), record->takt.s[i], 6);
	json_end(out);
}

static int write_json(const struct record *record, FILE *out, struct err *err)
{
	struct json_tables tables;
	struct json_stream js;
	int rc = json_tables_collect(&tables, record);

	json_stream_open(&js, out);
	json_object(&js, NULL, JSON_LINES);
	put_verdict(&js, record);
	json_put_failures(&js, record);
	put_who(&js, record);
	put_stop(&js, record);
	put_takt(&js, record);
	put_sources(&js, record);
	put_machine(&js, record);
	json_put_devices(&js, record);
	put_sessions(&js, record);
	put_conditions(&js, record);
	put_tests(&js, record);
	json_put_tables(&js, &tables);
	json_put_points(&js, record, &tables);
	json_put_sweeps(&js, record, &tables);
	put_run_file(&js, record);
	json_put_origin(&js, record);
	json_end(&js);
	json_tables_free(&tables);
	return rc < 0 ? err_set(err, rc, "no memory for the JSON report") : json_stream_close(&js, err);
}

const struct report_writer report_json = {
	.id = "json",
	.extension = ".report.json",
	.description = "conformance report, schema penrig/report/2",
	.kept = true,
	.write = write_json,
};
