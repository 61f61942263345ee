/* NAME.openhtf.json: the record of a test as OpenHTF's JSON output has it (openhtf/core/test_record.py). A phase for each
 * attempt at a point, each sweep and each check. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reports/digits.h"
#include "reports/foreign/foreign.h"
#include "reports/report.h"

static const char *const outcomes[GRADES] = {[GRADE_NONE] = "SKIP",
					     [GRADE_PASS] = "PASS",
					     [GRADE_FAIL] = "FAIL",
					     [GRADE_ERROR] = "ERROR",
					     [GRADE_ABORTED] = "ABORTED"};
/* A measurement has no error: one that is not shown is unset, and its phase in error. */
static const char *const measured[GRADES] = {
	[GRADE_NONE] = "UNSET", [GRADE_PASS] = "PASS", [GRADE_FAIL] = "FAIL", [GRADE_ERROR] = "UNSET"};

/* One without a limit that was taken passes there. Where there is a limit without weight, only what keeps it passes: a
 * phase that passes has no measurement that fails. */
static const char *outcome_of(const struct finding *f)
{
	if (!f->result.valid)
		return grade_of_finding(f) == GRADE_FAIL ? "FAIL" : "UNSET";
	if (grade_of_finding(f) != GRADE_NONE)
		return measured[grade_of_finding(f)];
	return f->has_limit && f->judgement.outcome != OUTCOME_PASS ? "UNSET" : "PASS";
}

static void put_code(struct json_stream *js, const char *key, const char *name)
{
	json_object(js, key, JSON_LINE);
	foreign_put_text(js, "name", name);
	json_put_null(js, "docstring");
	json_put_string(js, "sourcecode", "");
	json_end(js);
}

/* "0.9 <= x <= 1.1", as OpenHTF prints a range. */
static void put_validators(struct json_stream *js, const struct finding *f)
{
	char lower[DIGITS_TEXT_MAX], upper[DIGITS_TEXT_MAX], text[3 * DIGITS_TEXT_MAX] = "";

	digits_text(f->limit.lower, DIGITS_EXACT, lower);
	digits_text(f->limit.upper, DIGITS_EXACT, upper);
	if (f->has_limit && f->limit.has_lower && f->limit.has_upper)
		snprintf(text, sizeof(text), "%s <= x <= %s", lower, upper);
	else if (f->has_limit && f->limit.has_lower)
		snprintf(text, sizeof(text), "%s <= x", lower);
	else if (f->has_limit)
		snprintf(text, sizeof(text), "x <= %s", upper);
	json_array(js, "validators", JSON_LINE);
	if (*text)
		json_put_string(js, NULL, text);
	json_end(js);
}

static void put_measurement(struct json_stream *js, const struct finding *f)
{
	char name[FOREIGN_NAME_MAX];

	foreign_name(f, name);
	json_object(js, name, JSON_LINES);
	json_put_string(js, "name", name);
	json_put_string(js, "outcome", outcome_of(f));
	if (f->result.valid)
		json_put_number(js, "measured_value", f->result.value, DIGITS_EXACT);
	json_object(js, "units", JSON_LINE);
	foreign_put_text(js, "name", f->result.unit);
	json_put_string(js, "code", "NONE");
	foreign_put_text(js, "suffix", f->result.unit);
	json_end(js);
	put_validators(js, f);
	json_object(js, "penrig", JSON_LINE);
	foreign_put_judgement(js, f);
	json_end(js);
	json_end(js);
}

static void begin_phase(struct json_stream *js, const char *name, enum grade grade, uint64_t begin_ms, uint64_t end_ms)
{
	json_object(js, NULL, JSON_LINES);
	foreign_put_text(js, "name", name);
	json_put_string(js, "outcome", outcomes[grade]);
	json_put_int(js, "start_time_millis", (int64_t)begin_ms);
	json_put_int(js, "end_time_millis", (int64_t)end_ms);
	put_code(js, "codeinfo", name);
	json_object(js, "attachments", JSON_LINE);
	json_end(js);
	json_array(js, "diagnosis_results", JSON_LINE);
	json_end(js);
	json_array(js, "failure_diagnosis_results", JSON_LINE);
	json_end(js);
	json_put_null(js, "options");
}

static void put_result(struct json_stream *js, const char *text)
{
	json_object(js, "result", JSON_LINE);
	foreign_put_text(js, "phase_result", text);
	json_end(js);
}

static void put_group(void *ctx, const struct foreign_group *g)
{
	struct json_stream *js = ctx;
	enum grade grade = g->grade == GRADE_NONE && (!g->point || g->point->counts) ? GRADE_PASS : g->grade;

	begin_phase(js, g->name, grade, g->begin_ms, g->end_ms);
	json_object(js, "measurements", JSON_LINES);
	for (unsigned i = 0; i < g->results; i++)
		put_measurement(js, &g->result[i]);
	json_end(js);
	put_result(js, g->reason);
	json_end(js);
}

struct checks {
	struct json_stream *js;
	uint64_t ms;
};

static void put_check(void *ctx, const struct foreign_check *check)
{
	const struct checks *c = ctx;

	begin_phase(c->js, check->name, check->grade, c->ms, c->ms);
	json_object(c->js, "measurements", JSON_LINE);
	json_end(c->js);
	put_result(c->js, check->text);
	json_end(c->js);
}

static void put_metadata(struct json_stream *js, const struct record *record)
{
	json_object(js, "metadata", JSON_LINES);
	foreign_put_text(js, "test_name", record->plan_name);
	foreign_put_text(js, "test_version", record->software_version);
	foreign_put_text(js, "run", record->name);
	foreign_put_text(js, "lot", record->lot);
	foreign_put_text(js, "operator", record->operator_name);
	json_object(js, "config", JSON_LINE);
	json_end(js);
	json_end(js);
}

static void put_details(struct json_stream *js, const struct record *record)
{
	char verdict[FOREIGN_VERDICT_MAX];

	json_array(js, "outcome_details", JSON_LINE);
	json_object(js, NULL, JSON_LINE);
	json_put_string(js, "code", run_status_name(record->run_status));
	foreign_put_text(js, "description", foreign_verdict(record, verdict));
	json_end(js);
	json_end(js);
}

static int write_openhtf(const struct record *record, FILE *out, struct err *err)
{
	struct json_stream *js = malloc(sizeof(*js));
	struct checks checks = {.js = js, .ms = foreign_utc_ms(record->ended_utc)};

	if (!js)
		return err_set(err, -ENOMEM, "out of memory");
	json_stream_open(js, out);
	json_object(js, NULL, JSON_LINES);
	foreign_put_text(js, "dut_id", record->dut);
	foreign_put_text(js, "station_id", record->bench_name);
	json_put_int(js, "start_time_millis", (int64_t)foreign_utc_ms(record->started_utc));
	json_put_int(js, "end_time_millis", (int64_t)checks.ms);
	json_put_string(js, "outcome", outcomes[grade_of_run(record)]);
	put_details(js, record);
	put_code(js, "code_info", record->plan_name);
	put_metadata(js, record);
	json_array(js, "phases", JSON_LINES);
	foreign_each_group(record, put_group, js);
	foreign_each_check(record, put_check, &checks);
	json_end(js);
	json_array(js, "diagnoses", JSON_LINE);
	json_end(js);
	json_array(js, "log_records", JSON_LINE);
	json_end(js);
	json_end(js);
	int rc = json_stream_close(js, err);
	free(js);
	return rc;
}

const struct report_writer report_openhtf = {
	.id = "openhtf",
	.extension = ".openhtf.json",
	.description = "a test record as OpenHTF's JSON output has it",
	.write = write_openhtf,
};
