/* NAME.wsjf.json: a UUT report in the WATS Standard JSON Format. A sequence for each attempt at a point and each sweep with a
 * numeric limit step for each figure, and one for the checks. WATS knows passed, failed, error and terminated; what it has no
 * member for (uncertainty, guard band) stands in the step's report text, as JSON. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reports/digits.h"
#include "reports/foreign/foreign.h"
#include "reports/report.h"

/* D: done, without weight. */
static const char *const statuses[GRADES] = {
	[GRADE_NONE] = "D", [GRADE_PASS] = "P", [GRADE_FAIL] = "F", [GRADE_ERROR] = "E", [GRADE_ABORTED] = "T"};

struct sheet {
	struct json_stream *js;
	unsigned id;
	bool out_of_memory;
};

static void begin_step(struct sheet *sheet, const char *type, const char *name, enum grade grade)
{
	json_object(sheet->js, NULL, JSON_LINES);
	json_put_int(sheet->js, "id", ++sheet->id);
	json_put_string(sheet->js, "group", "M");
	json_put_string(sheet->js, "stepType", type);
	foreign_put_text(sheet->js, "name", name);
	json_put_string(sheet->js, "status", statuses[grade]);
	json_put_bool(sheet->js, "causedUUTFailure", grade == GRADE_FAIL);
}

static void put_measure(struct sheet *sheet, const struct finding *f)
{
	bool lower = f->has_limit && f->limit.has_lower, upper = f->has_limit && f->limit.has_upper;

	json_array(sheet->js, "numericMeas", JSON_LINE);
	json_object(sheet->js, NULL, JSON_LINE);
	json_put_string(sheet->js, "compOp", lower && upper ? "GELE" : lower ? "GE" : upper ? "LE" : "LOG");
	json_put_string(sheet->js, "status", statuses[grade_of_finding(f)]);
	foreign_put_text(sheet->js, "unit", f->result.unit);
	json_put_number(sheet->js, "value", f->result.value, DIGITS_EXACT);
	if (lower)
		json_put_number(sheet->js, "lowLimit", f->limit.lower, DIGITS_EXACT);
	if (upper)
		json_put_number(sheet->js, "highLimit", f->limit.upper, DIGITS_EXACT);
	json_end(sheet->js);
	json_end(sheet->js);
}

/* A figure that is not there is no number: a step that only passes or does not. */
static void put_finding(struct sheet *sheet, const struct finding *f)
{
	char name[FOREIGN_NAME_MAX], *text = foreign_judgement(f);

	foreign_name(f, name);
	begin_step(sheet, f->result.valid ? "ET_NLT" : "ET_PFT", name, grade_of_finding(f));
	if (text)
		json_put_string(sheet->js, "reportText", text);
	sheet->out_of_memory |= !text;
	free(text);
	if (f->result.valid) {
		put_measure(sheet, f);
	} else {
		json_array(sheet->js, "booleanMeas", JSON_LINE);
		json_object(sheet->js, NULL, JSON_LINE);
		json_put_string(sheet->js, "status", statuses[grade_of_finding(f)]);
		json_end(sheet->js);
		json_end(sheet->js);
	}
	json_end(sheet->js);
}

static void put_group(void *ctx, const struct foreign_group *g)
{
	struct sheet *sheet = ctx;
	char utc[FOREIGN_UTC_MAX];

	begin_step(sheet, "SequenceCall", g->name, g->grade);
	foreign_utc_text(g->begin_ms, utc);
	json_put_string(sheet->js, "start", utc);
	json_put_number(sheet->js, "totTime", (double)(g->end_ms - g->begin_ms) * 1e-3, DIGITS_EXACT);
	foreign_put_text(sheet->js, "reportText",
			 g->point && !g->point->counts ? "superseded: a later attempt counts" : g->reason);
	json_array(sheet->js, "steps", JSON_LINES);
	for (unsigned i = 0; i < g->results; i++)
		put_finding(sheet, &g->result[i]);
	json_end(sheet->js);
	json_end(sheet->js);
}

static void put_check(void *ctx, const struct foreign_check *check)
{
	struct sheet *sheet = ctx;

	begin_step(sheet, "ET_PFT", check->name, check->grade);
	foreign_put_text(sheet->js, "reportText", check->text);
	json_array(sheet->js, "booleanMeas", JSON_LINE);
	json_object(sheet->js, NULL, JSON_LINE);
	json_put_string(sheet->js, "status", statuses[check->grade]);
	json_end(sheet->js);
	json_end(sheet->js);
	json_end(sheet->js);
}

static double seconds_of(const struct record *record)
{
	uint64_t begin = foreign_utc_ms(record->started_utc), end = foreign_utc_ms(record->ended_utc);

	return end > begin ? (double)(end - begin) * 1e-3 : 0;
}

static void put_head(struct sheet *sheet, const struct record *record)
{
	const struct record_device *pen = foreign_pen(record);
	char uuid[FOREIGN_UUID_MAX], verdict[FOREIGN_VERDICT_MAX];

	foreign_uuid(record, uuid);
	json_put_string(sheet->js, "type", "T");
	json_put_string(sheet->js, "id", uuid);
	foreign_put_text(sheet->js, "pn",
			 foreign_attribute(record, "part_number", pen ? pen->identity.model : record->plan_name));
	foreign_put_text(sheet->js, "sn", record->dut);
	foreign_put_text(sheet->js, "rev",
			 foreign_attribute(record, "part_revision", pen ? pen->identity.firmware : ""));
	json_put_int(sheet->js, "processCode", atoi(foreign_attribute(record, "process_code", "0")));
	foreign_put_text(sheet->js, "processName", record->plan_name);
	json_put_string(sheet->js, "result", statuses[grade_of_run(record)]);
	foreign_put_text(sheet->js, "machineName", record->bench_name);
	foreign_put_text(sheet->js, "location", record->bench_site);
	json_put_string(sheet->js, "purpose", "");
	foreign_put_text(sheet->js, "start", record->started_utc);
	json_object(sheet->js, "uut", JSON_LINES);
	foreign_put_text(sheet->js, "user", record->operator_name);
	json_put_number(sheet->js, "execTime", seconds_of(record), DIGITS_EXACT);
	foreign_put_text(sheet->js, "batchSN", record->lot);
	foreign_put_text(sheet->js, "comment", foreign_verdict(record, verdict));
	json_end(sheet->js);
}

static int write_wsjf(const struct record *record, FILE *out, struct err *err)
{
	struct sheet sheet = {.js = malloc(sizeof(*sheet.js))};

	if (!sheet.js)
		return err_set(err, -ENOMEM, "out of memory");
	json_stream_open(sheet.js, out);
	json_object(sheet.js, NULL, JSON_LINES);
	put_head(&sheet, record);
	json_object(sheet.js, "root", JSON_LINES);
	json_put_int(sheet.js, "id", 0);
	json_put_string(sheet.js, "group", "M");
	json_put_string(sheet.js, "stepType", "SequenceCall");
	json_put_string(sheet.js, "name", "MainSequence Callback");
	json_put_string(sheet.js, "status", statuses[grade_of_run(record)]);
	json_object(sheet.js, "seqCall", JSON_LINE);
	foreign_put_text(sheet.js, "path", record->name);
	foreign_put_text(sheet.js, "name", record->plan_name);
	foreign_put_text(sheet.js, "version", record->software_version);
	json_end(sheet.js);
	json_array(sheet.js, "steps", JSON_LINES);
	foreign_each_group(record, put_group, &sheet);
	foreign_each_check(record, put_check, &sheet);
	json_end(sheet.js);
	json_end(sheet.js);
	json_end(sheet.js);
	int rc = json_stream_close(sheet.js, err);
	free(sheet.js);
	return !rc && sheet.out_of_memory ? err_set(err, -ENOMEM, "out of memory") : rc;
}

const struct report_writer report_wsjf = {
	.id = "wsjf",
	.extension = ".wsjf.json",
	.description = "a UUT report in the WATS Standard JSON Format",
	.write = write_wsjf,
};
