/* NAME.junit.xml for CI: the pen out of its limits is a failure, trouble of the rig is an error, and nothing that the
 * plan asked for is silently absent. One suite per step, one case per limit and point. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/digits.h"
#include "reports/render.h"
#include "reports/report.h"
#include "reports/xml.h"
#include "rig/judge/verdict.h"
#include "rig/record/record_json.h"
#include "rig/record/sessions.h"

#define TEXT_MAX XML_TEXT_MAX

enum mark { MARK_OK, MARK_FAILURE, MARK_ERROR, MARK_SKIPPED };

struct suite {
	char *text; /* its cases */
	size_t len;
	FILE *cases;
	unsigned count[MARK_SKIPPED + 1];
};

static enum mark mark_of(enum outcome outcome, bool accept_conditional)
{
	switch (outcome) {
	case OUTCOME_PASS: return MARK_OK;
	case OUTCOME_CONDITIONAL_PASS: return accept_conditional ? MARK_OK : MARK_ERROR;
	case OUTCOME_INCONCLUSIVE: return MARK_ERROR;
	case OUTCOME_CONDITIONAL_FAIL:
	case OUTCOME_FAIL: break;
	}
	return MARK_FAILURE;
}

/* type: an outcome or a status; text: why, also beside a case that is well. */
static void put_case(struct suite *suite, const char *class_name, const char *name, enum mark mark, const char *type,
		     const char *text)
{
	static const char *const element[] = {"system-out", "failure", "error", "skipped"};
	FILE *out = suite->cases;

	suite->count[mark]++;
	fputs("    <testcase", out);
	xml_put_attribute(out, "classname", class_name);
	xml_put_attribute(out, "name", name);
	if (mark == MARK_OK) {
		fputs("><system-out>", out);
		xml_put_text(out, text);
		fputs("</system-out></testcase>\n", out);
		return;
	}
	fprintf(out, "><%s", element[mark]);
	if (mark != MARK_SKIPPED)
		xml_put_attribute(out, "type", type);
	xml_put_attribute(out, "message", text);
	fputs("/></testcase>\n", out);
}

static int suite_begin(struct suite *suite)
{
	*suite = (struct suite){0};
	suite->cases = open_memstream(&suite->text, &suite->len);
	return suite->cases ? 0 : -ENOMEM;
}

static int suite_end(struct suite *suite, const char *name, const struct record *record, FILE *out)
{
	bool broken = ferror(suite->cases) != 0;

	if (fclose(suite->cases) != 0 || broken) {
		free(suite->text);
		return -ENOMEM;
	}
	const unsigned *n = suite->count;
	fputs("  <testsuite", out);
	xml_put_attribute(out, "name", name);
	fprintf(out, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\"",
		n[MARK_OK] + n[MARK_FAILURE] + n[MARK_ERROR] + n[MARK_SKIPPED], n[MARK_FAILURE], n[MARK_ERROR],
		n[MARK_SKIPPED]);
	char timestamp[20]; /* JUnit's schema has neither fraction nor zone: YYYY-MM-DDTHH:MM:SS */
	snprintf(timestamp, sizeof(timestamp), "%.19s", record->started_utc);
	xml_put_attribute(out, "timestamp", timestamp);
	xml_put_attribute(out, "hostname", record->host);
	fputs(">\n", out);
	fwrite(suite->text, 1, suite->len, out);
	fputs("  </testsuite>\n", out);
	free(suite->text);
	return 0;
}

static void result_text(const struct finding *r, char *ret, size_t size)
{
	const char *reason = r->judgement.reason[0] ? r->judgement.reason : r->result.reason;
	bool count = strcmp(r->result.unit, "1") == 0;
	struct digits digits = digits_of(r);
	char value[DIGITS_TEXT_MAX], u[DIGITS_TEXT_MAX];

	if (!r->result.valid) {
		snprintf(ret, size, "%s: no value: %s", outcome_name(r->judgement.outcome), reason);
		return;
	}
	digits_text(r->result.value, digits.value, value);
	digits_text(r->result.expanded_u, digits.u, u);
	snprintf(ret, size, "%s: %s%s%s, U = %s: %s", outcome_name(r->judgement.outcome), value, count ? "" : " ",
		 count ? "" : r->result.unit, u, reason);
}

static void put_result(struct suite *suite, const char *class_name, const char *where, const struct finding *r)
{
	char name[256], text[TEXT_MAX];

	if (!r->has_limit)
		return;
	snprintf(name, sizeof(name), "%s%s%s%s %s%s", r->result.name, r->result.method[0] ? " (" : "", r->result.method,
		 r->result.method[0] ? ")" : "", where, r->limit.required ? "" : " (informative)");
	result_text(r, text, sizeof(text));
	enum mark mark = r->limit.required ? mark_of(r->judgement.outcome, r->limit.accept_conditional) : MARK_OK;
	put_case(suite, class_name, name, mark, outcome_name(r->judgement.outcome), text);
}

static void point_name(const struct record_point *point, char *ret, size_t size)
{
	snprintf(ret, size, "at point %u: %.4g mm, %.6g Hz%s%s", point->plan.number + 1, point->plan.depth_mm,
		 point->plan.rate_hz, point->plan.repeat ? ", repeat " : "", point->plan.upward ? "" : ", downward");
	if (point->plan.repeat) {
		size_t len = strlen(ret);
		snprintf(ret + len, size - len, " %u", point->plan.repeat + 1);
	}
}

/* An outcome that no result explains is told by itself. */
static void put_unexplained(struct suite *suite, const char *class_name, const char *where,
			    const struct record_point *point)
{
	enum outcome worst = OUTCOME_PASS;
	char name[256];

	for (unsigned i = 0; i < point->results; i++) {
		const struct finding *r = &point->result[i];
		if (r->has_limit && r->limit.required && r->judgement.outcome > worst)
			worst = r->judgement.outcome;
	}
	if (point->outcome <= worst)
		return;
	snprintf(name, sizeof(name), "required limits %s", where);
	put_case(suite, class_name, name, mark_of(point->outcome, false), outcome_name(point->outcome),
		 point->reason[0] ? point->reason : "a required limit met no result");
}

static void put_attempt(struct suite *suite, const char *class_name, const struct record_point *point)
{
	char where[128], name[192];

	point_name(point, where, sizeof(where));
	if (!point->counts) {
		snprintf(name, sizeof(name), "attempt %u %s", point->attempt, where);
		put_case(suite, class_name, name, MARK_SKIPPED, "",
			 point->reason[0] ? point->reason : "superseded by a later attempt");
		return;
	}
	if (!point->measured) {
		snprintf(name, sizeof(name), "measurement %s", where);
		put_case(suite, class_name, name, MARK_ERROR, "not_measured",
			 point->reason[0] ? point->reason : "it did not reach its end");
	} else if (plan_point_is_free(&point->plan)) {
		snprintf(name, sizeof(name), "free run %s", where);
		put_case(suite, class_name, name, mark_of(point->outcome, false), outcome_name(point->outcome),
			 point->reason);
	}
	for (unsigned i = 0; i < point->results; i++)
		put_result(suite, class_name, where, &point->result[i]);
	if (point->measured && !plan_point_is_free(&point->plan))
		put_unexplained(suite, class_name, where, point);
}

static void put_sweeps(struct suite *suite, const char *class_name, const struct record *record, unsigned step)
{
	for (unsigned i = 0; i < record->sweeps; i++) {
		const struct record_sweep *sweep = &record->sweep[i];
		char where[128];
		if (sweep->step != step)
			continue;
		const char *phantom = sweep->phantom >= 0 && sweep->phantom < BENCH_PHANTOMS_MAX
					      ? record->phantom_serial[sweep->phantom]
					      : "";
		snprintf(where, sizeof(where), "over the sweep at %.6g Hz%s%s", sweep->rate_hz,
			 phantom[0] ? " on " : "", phantom);
		for (unsigned j = 0; j < sweep->results; j++)
			put_result(suite, class_name, where, &sweep->result[j]);
	}
}

static int put_step(const struct record *record, unsigned step, FILE *out)
{
	struct suite suite;
	const char *name = step < record->step_count && record->step_name[step][0] ? record->step_name[step] : "step";

	if (suite_begin(&suite) != 0)
		return -ENOMEM;
	for (unsigned i = 0; i < record->points; i++) {
		if (record->point[i].plan.step == step)
			put_attempt(&suite, name, &record->point[i]);
	}
	put_sweeps(&suite, name, record, step);
	return suite_end(&suite, name, record, out);
}

/* Points that never began stand in no step's suite, because nothing says which step they were in. */
static void put_missing_points(struct suite *suite, const struct record *record)
{
	bool *begun = calloc(record->points_planned + 1u, sizeof(*begun));

	for (unsigned i = 0; begun && i < record->points; i++) {
		if (record->point[i].counts && record->point[i].plan.number < record->points_planned)
			begun[record->point[i].plan.number] = true;
	}
	for (unsigned number = 0; number < record->points_planned; number++) {
		char name[64];
		if (begun && begun[number])
			continue;
		snprintf(name, sizeof(name), "point %u of %u", number + 1, record->points_planned);
		put_case(suite, "run", name, MARK_ERROR, "not_run",
			 record->status_reason[0] ? record->status_reason : "it was not run");
	}
	free(begun);
}

static void put_pen(struct suite *suite, const struct record *record)
{
	for (unsigned i = 0; i < record->tests; i++) {
		const struct record_test *test = &record->test[i];
		char name[64], session[SESSION_TEXT_MAX];
		snprintf(name, sizeof(name), "%s test%s", test->name, session_text(record, test->session, session));
		put_case(suite, "pen", name, test->done ? mark_of(test->outcome, false) : MARK_ERROR,
			 test->done ? outcome_name(test->outcome) : "not_done", test->text);
	}
	for (unsigned i = 0; i < record->conditions; i++) {
		bool rig = record->condition[i].condition == PEN_CARTRIDGE_MISSING;
		char name[64];
		snprintf(name, sizeof(name), "condition %u reported by the pen", i + 1);
		put_case(suite, "pen", name, rig ? MARK_ERROR : MARK_FAILURE, rig ? "inconclusive" : "fail",
			 record->condition[i].text);
	}
}

/* A proven fail is the pen's; what is no pass and no fail, the rig's. */
static enum mark mark_of_verdict(const struct record *record)
{
	return verdict_accepted(record) ? MARK_OK : mark_of(record->dut_verdict, false);
}

static void put_verdict(struct suite *suite, const struct record *record)
{
	const char *status = run_status_name(record->run_status);
	bool complete = record->run_status == RUN_COMPLETE;

	put_case(suite, "run", "run status", complete ? MARK_OK : MARK_ERROR, status,
		 record->status_reason[0] ? record->status_reason : status);
	if (record->moved) {
		char text[TEXT_MAX];
		snprintf(text, sizeof(text), "%s%s",
			 record->stop_verified ? "" : "STOP UNVERIFIED: ", record->stop_text);
		put_case(suite, "run", "stop verified", record->stop_verified ? MARK_OK : MARK_ERROR, "stop_unverified",
			 text);
	}
	if (record->has_verdict)
		put_case(suite, "run", "verdict on the pen", mark_of_verdict(record), verdict_name(record),
			 record->verdict_reason);
	else
		put_case(suite, "run", "verdict on the pen", MARK_ERROR, "none", "there is none: the run was refused");
}

static int put_run(const struct record *record, FILE *out)
{
	struct suite suite;

	if (suite_begin(&suite) != 0)
		return -ENOMEM;
	put_verdict(&suite, record);
	put_pen(&suite, record);
	put_missing_points(&suite, record);
	return suite_end(&suite, "run", record, out);
}

static void put_property(FILE *out, const char *name, const char *value)
{
	if (!value[0])
		return;
	fputs("      <property", out);
	xml_put_attribute(out, "name", name);
	xml_put_attribute(out, "value", value);
	fputs("/>\n", out);
}

static void put_statement(FILE *out, const struct record *record)
{
	const struct record_file *file = record_file_of(record, "statement");

	if (!record->origin.witness[0] || !file || !file->text)
		return;
	put_property(out, "witness", record->origin.witness);
	put_property(out, "statement", file->text);
	put_property(out, "statement_sha256", file->sha256);
}

/* JUnit has properties only inside a suite: the first one, which holds no case. */
static void put_properties(const struct record *record, FILE *out)
{
	char golden[500], again[16], causes[VERDICT_CAUSES_MAX];

	fputs("  <testsuite name=\"about\" tests=\"0\" failures=\"0\" errors=\"0\" skipped=\"0\">\n    <properties>\n",
	      out);
	put_property(out, "dut", record->dut);
	put_property(out, "operator", record->operator_name);
	put_property(out, "lot", record->lot);
	put_property(out, "cartridge", record->cartridge);
	put_property(out, "plan", record->plan_name);
	put_property(out, "bench", record->bench_name);
	put_property(out, "penrig", record->software_version);
	put_property(out, "run_status", run_status_name(record->run_status));
	put_property(out, "dut_verdict", verdict_name(record));
	put_property(out, "journal_head", record->journal_head);
	snprintf(again, sizeof(again), "%u", verdict_measured_again(record));
	put_property(out, "points_measured_again", again);
	snprintf(again, sizeof(again), "%u", verdict_retried(record, causes));
	put_property(out, "points_retried", again);
	put_property(out, "points_retried_because_of", causes);
	put_property(out, "golden", render_golden(&record->golden, golden, sizeof(golden)));
	put_property(out, "golden_run", record->golden.run);
	put_property(out, "golden_journal_head", record->golden.head);
	put_statement(out, record);
	for (unsigned i = 0; i < record->attrs; i++)
		put_property(out, record->attr[i].key, record->attr[i].value);
	fputs("    </properties>\n  </testsuite>\n", out);
}

static unsigned steps_of(const struct record *record)
{
	unsigned steps = record->step_count;

	for (unsigned i = 0; i < record->points; i++) {
		if (record->point[i].plan.step >= steps)
			steps = record->point[i].plan.step + 1;
	}
	return steps;
}

static int write_junit(const struct record *record, FILE *out, struct err *err)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", out);
	xml_put_attribute(out, "name", record->name);
	fputs(">\n", out);
	put_properties(record, out);
	int rc = put_run(record, out);
	for (unsigned step = 0, steps = steps_of(record); !rc && step < steps; step++)
		rc = put_step(record, step, out);
	fputs("</testsuites>\n", out);
	if (!rc && ferror(out))
		rc = -EIO;
	return rc ? err_set(err, rc, "the JUnit report cannot be written: %s", strerror(-rc)) : 0;
}

const struct report_writer report_junit = {
	.id = "junit",
	.extension = ".junit.xml",
	.description = "JUnit XML for CI: the pen's faults are failures, the rig's are errors",
	.write = write_junit,
};
