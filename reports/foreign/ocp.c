/* NAME.jsonl: the run as a stream of events, one JSON object on each line, in the form of the OCP Test and Validation
 * Output Specification 2.0 (https://github.com/opencomputeproject/ocp-diag-core, json_spec). A test step for each attempt at
 * a point, each sweep and each check; what is needed to judge a figure again stands in its metadata. */
#include "reports/foreign/ocp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reports/digits.h"
#include "reports/foreign/foreign.h"
#include "reports/report.h"
#include "rig/judge/verdict.h"

#define STEP_ID_MAX 16

struct told { /* an attempt */
	unsigned number, attempt;
};

struct ocp_stream {
	const struct record *record; /* of the call at hand */
	struct json_stream *js;
	struct told *told;
	unsigned tolds;
	bool begun;
	FILE *out;
	struct err *err;
	int rc; /* the first error */
	unsigned sequence, step;
	uint64_t ms; /* of the artifact at hand; never goes back */
};

/* ---- one line ----------------------------------------------------------------------------------------------------- */

static void begin_line(struct ocp_stream *s)
{
	json_stream_open(s->js, s->out);
	json_object(s->js, NULL, JSON_LINE);
}

static void end_line(struct ocp_stream *s)
{
	char utc[FOREIGN_UTC_MAX];

	foreign_utc_text(s->ms, utc);
	json_put_int(s->js, "sequenceNumber", s->sequence++);
	json_put_string(s->js, "timestamp", utc);
	json_end(s->js);
	int rc = json_stream_close(s->js, s->rc ? NULL : s->err);
	s->rc = s->rc ? s->rc : rc;
}

static void begin_step(struct ocp_stream *s, const char *artifact)
{
	char id[STEP_ID_MAX];

	begin_line(s);
	json_object(s->js, "testStepArtifact", JSON_LINE);
	snprintf(id, sizeof(id), "%u", s->step);
	json_put_string(s->js, "testStepId", id);
	json_object(s->js, artifact, JSON_LINE);
}

static void end_step(struct ocp_stream *s)
{
	json_end(s->js);
	json_end(s->js);
	end_line(s);
}

static void at(struct ocp_stream *s, uint64_t ms)
{
	s->ms = ms > s->ms ? ms : s->ms;
}

/* ---- a step ------------------------------------------------------------------------------------------------------- */

static void put_validator(struct json_stream *js, const char *type, double value)
{
	json_object(js, NULL, JSON_LINE);
	json_put_string(js, "type", type);
	json_put_number(js, "value", value, DIGITS_EXACT);
	json_end(js);
}

static void put_measurement(struct ocp_stream *s, const struct finding *f)
{
	char name[FOREIGN_NAME_MAX];

	foreign_name(f, name);
	begin_step(s, "measurement");
	json_put_string(s->js, "name", name);
	json_put_number(s->js, "value", f->result.value, DIGITS_EXACT);
	foreign_put_text(s->js, "unit", f->result.unit);
	if (f->has_limit) {
		json_array(s->js, "validators", JSON_LINE);
		if (f->limit.has_lower)
			put_validator(s->js, "GREATER_THAN_OR_EQUAL", f->limit.lower);
		if (f->limit.has_upper)
			put_validator(s->js, "LESS_THAN_OR_EQUAL", f->limit.upper);
		json_end(s->js);
	}
	json_object(s->js, "metadata", JSON_LINE);
	foreign_put_judgement(s->js, f);
	json_end(s->js);
	end_step(s);
}

/* There is no measurement without a value. */
static void put_unmeasured(struct ocp_stream *s, const struct finding *f)
{
	char name[FOREIGN_NAME_MAX], text[900];

	foreign_name(f, name);
	snprintf(text, sizeof(text), "%s: %s", name,
		 f->has_limit && f->judgement.reason[0] ? f->judgement.reason : f->result.reason);
	begin_step(s, f->has_limit && f->limit.required ? "error" : "log");
	if (f->has_limit && f->limit.required)
		json_put_string(s->js, "symptom", "not-measured");
	else
		json_put_string(s->js, "severity", "INFO");
	foreign_put_text(s->js, "message", text);
	end_step(s);
}

static void put_diagnosis(struct ocp_stream *s, const char *verdict, enum grade grade, const char *text)
{
	static const char *const types[GRADES] = {[GRADE_NONE] = "UNKNOWN",
						  [GRADE_PASS] = "PASS",
						  [GRADE_FAIL] = "FAIL",
						  [GRADE_ERROR] = "UNKNOWN",
						  [GRADE_ABORTED] = "UNKNOWN"};

	begin_step(s, "diagnosis");
	json_put_string(s->js, "verdict", verdict);
	json_put_string(s->js, "type", types[grade]);
	foreign_put_text(s->js, "message", text);
	end_step(s);
}

static void put_step_start(struct ocp_stream *s, const char *name)
{
	begin_step(s, "testStepStart");
	foreign_put_text(s->js, "name", name);
	end_step(s);
}

static void put_step_end(struct ocp_stream *s, const char *status)
{
	begin_step(s, "testStepEnd");
	json_put_string(s->js, "status", status);
	end_step(s);
	s->step++;
}

static void put_group(void *ctx, const struct foreign_group *g)
{
	struct ocp_stream *s = ctx;
	bool superseded = g->point && !g->point->counts;

	at(s, g->begin_ms);
	put_step_start(s, g->name);
	at(s, g->end_ms);
	for (unsigned i = 0; i < g->results; i++) {
		if (g->result[i].result.valid)
			put_measurement(s, &g->result[i]);
		else
			put_unmeasured(s, &g->result[i]);
	}
	put_diagnosis(s,
		      superseded ? "superseded"
		      : g->point ? outcome_name(g->point->outcome)
				 : "over-all-depths",
		      g->grade, superseded && !g->reason[0] ? "a later attempt counts" : g->reason);
	put_step_end(s, superseded ? "SKIP" : g->grade == GRADE_ERROR ? "ERROR" : "COMPLETE");
}

static void put_check(void *ctx, const struct foreign_check *check)
{
	struct ocp_stream *s = ctx;

	at(s, foreign_utc_ms(s->record->ended_utc));
	put_step_start(s, check->name);
	put_diagnosis(s,
		      check->grade == GRADE_PASS   ? "shown"
		      : check->grade == GRADE_FAIL ? "fail"
						   : "not-shown",
		      check->grade, check->text);
	put_step_end(s, check->grade == GRADE_ERROR ? "ERROR" : "COMPLETE");
}

/* ---- the run ------------------------------------------------------------------------------------------------------ */

static void put_version(struct ocp_stream *s)
{
	begin_line(s);
	json_object(s->js, "schemaVersion", JSON_LINE);
	json_put_int(s->js, "major", 2);
	json_put_int(s->js, "minor", 0);
	json_end(s->js);
	end_line(s);
}

static void put_dut(struct ocp_stream *s)
{
	const struct record *r = s->record;
	const struct record_device *pen = foreign_pen(r);

	json_object(s->js, "dutInfo", JSON_LINE);
	foreign_put_text(s->js, "dutInfoId", r->dut);
	foreign_put_text(s->js, "id", r->dut);
	if (pen) {
		json_array(s->js, "hardwareInfos", JSON_LINE);
		json_object(s->js, NULL, JSON_LINE);
		json_put_string(s->js, "hardwareInfoId", "pen");
		foreign_put_text(s->js, "name", pen->identity.model);
		foreign_put_text(s->js, "manufacturer", pen->identity.maker);
		foreign_put_text(s->js, "serialNumber", pen->identity.serial);
		foreign_put_text(s->js, "version", pen->identity.firmware);
		json_end(s->js);
		json_end(s->js);
	}
	json_object(s->js, "metadata", JSON_LINE);
	foreign_put_text(s->js, "lot", r->lot);
	foreign_put_text(s->js, "cartridge", r->cartridge);
	json_end(s->js);
	json_end(s->js);
}

static void put_start(struct ocp_stream *s)
{
	const struct record *r = s->record;

	begin_line(s);
	json_object(s->js, "testRunArtifact", JSON_LINE);
	json_object(s->js, "testRunStart", JSON_LINE);
	foreign_put_text(s->js, "name", r->plan_name);
	foreign_put_text(s->js, "version", r->software_version);
	json_put_string(s->js, "commandLine", "penrig run");
	json_object(s->js, "parameters", JSON_LINE);
	foreign_put_text(s->js, "run", r->name);
	foreign_put_text(s->js, "bench", r->bench_name);
	foreign_put_text(s->js, "operator", r->operator_name);
	json_end(s->js);
	put_dut(s);
	json_end(s->js);
	json_end(s->js);
	end_line(s);
}

static void put_end(struct ocp_stream *s, int code)
{
	enum grade of_record = grade_of_run(s->record);
	enum grade grade = of_record == GRADE_PASS && code ? GRADE_ERROR : of_record;
	bool shown = grade == GRADE_PASS || grade == GRADE_FAIL;
	char why[FOREIGN_VERDICT_MAX], text[FOREIGN_VERDICT_MAX + 80] = "";

	at(s, foreign_utc_ms(s->record->ended_utc));
	put_step_start(s, "verdict");
	if (grade != of_record)
		snprintf(text, sizeof(text), "not all was kept: penrig ended with exit code %d; ", code);
	strcat(text, foreign_why(s->record, why));
	put_diagnosis(s, s->record->has_verdict ? verdict_name(s->record) : "none", grade, text);
	put_step_end(s, shown ? "COMPLETE" : "ERROR");
	begin_line(s);
	json_object(s->js, "testRunArtifact", JSON_LINE);
	json_object(s->js, "testRunEnd", JSON_LINE);
	json_put_string(s->js, "status", shown ? "COMPLETE" : "ERROR");
	json_put_string(s->js, "result",
			grade == GRADE_PASS   ? "PASS"
			: grade == GRADE_FAIL ? "FAIL"
					      : "NOT_APPLICABLE");
	json_end(s->js);
	json_end(s->js);
	end_line(s);
}

struct ocp_stream *ocp_stream_new(FILE *out)
{
	struct ocp_stream *s = calloc(1, sizeof(*s));
	struct json_stream *js = malloc(sizeof(*js));

	if (!s || !js) {
		free(s);
		free(js);
		return NULL;
	}
	s->js = js;
	s->out = out;
	return s;
}

void ocp_stream_free(struct ocp_stream *s)
{
	if (!s)
		return;
	free(s->told);
	free(s->js);
	free(s);
}

static int done(struct ocp_stream *s)
{
	if (!s->rc && ferror(s->out))
		s->rc = err_set(s->err, -EIO, "the events cannot be written: %s", strerror(EIO));
	return s->rc;
}

int ocp_stream_begin(struct ocp_stream *s, const struct record *record, struct err *err)
{
	if (s->begun)
		return s->rc;
	s->begun = true;
	s->record = record;
	s->err = err;
	at(s, foreign_utc_ms(record->started_utc));
	put_version(s);
	put_start(s);
	return done(s);
}

static bool is_told(const struct ocp_stream *s, const struct record_point *p)
{
	for (unsigned i = 0; i < s->tolds; i++)
		if (s->told[i].number == p->plan.number && s->told[i].attempt == p->attempt)
			return true;
	return false;
}

int ocp_stream_point(struct ocp_stream *s, const struct record *record, const struct record_point *point,
		     struct err *err)
{
	struct told *told = realloc(s->told, (s->tolds + 1) * sizeof(*told));
	struct foreign_group group;

	if (!told)
		return err_set(err, -ENOMEM, "out of memory");
	s->told = told;
	s->told[s->tolds++] = (struct told){.number = point->plan.number, .attempt = point->attempt};
	(void)ocp_stream_begin(s, record, err);
	s->record = record;
	s->err = err;
	foreign_point_group(record, point, &group);
	put_group(s, &group);
	return done(s);
}

static void put_untold(void *ctx, const struct foreign_group *group)
{
	struct ocp_stream *s = ctx;

	if (!group->point || !is_told(s, group->point))
		put_group(s, group);
}

int ocp_stream_end(struct ocp_stream *s, const struct record *record, int code, struct err *err)
{
	(void)ocp_stream_begin(s, record, err);
	s->record = record;
	s->err = err;
	foreign_each_group(record, put_untold, s);
	foreign_each_check(record, put_check, s);
	put_end(s, code);
	return done(s);
}

static int write_ocp(const struct record *record, FILE *out, struct err *err)
{
	struct ocp_stream *s = ocp_stream_new(out);
	int rc = s ? ocp_stream_end(s, record, verdict_exit_code(record), err) : err_set(err, -ENOMEM, "out of memory");

	ocp_stream_free(s);
	return rc;
}

const struct report_writer report_jsonl = {
	.id = "jsonl",
	.extension = ".jsonl",
	.description = "events on a line each, as the OCP Test and Validation specification has them",
	.write = write_ocp,
};
