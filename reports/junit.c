/* NAME.junit.xml for CI: the pen out of its limits is a failure, trouble of the rig is an error, and nothing that the
 * plan asked for is silently absent. One suite per step, one case per limit and point, in the class PLAN.DUT.STEP. A point's
 * time stands with its first case: the others are judged from the same window. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/digits.h"
#include "reports/foreign/foreign.h"
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
	char class_name[256]; /* PLAN.DUT.STEP */
	uint64_t ms;          /* of all cases */
	uint64_t case_ms;     /* of the next one */
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

static void put_property(FILE *out, const char *name, const char *value)
{
	if (!value[0])
		return;
	fputs("        <property", out);
	xml_put_attribute(out, "name", name);
	xml_put_attribute(out, "value", value);
	fputs("/>\n", out);
}

static void put_figure(FILE *out, const char *name, double value)
{
	char text[DIGITS_TEXT_MAX];

	if (!isfinite(value))
		return;
	digits_text(value, DIGITS_EXACT, text);
	put_property(out, name, text);
}

/* All that its outcome is judged from, in full digits. */
static void put_figures(FILE *out, const struct finding *f)
{
	const struct result *r = &f->result;
	const struct limit *limit = &f->limit;

	fputs("      <properties>\n", out);
	put_property(out, "outcome", outcome_name(f->judgement.outcome));
	put_figure(out, "value", r->valid ? r->value : NAN);
	put_figure(out, "expanded_uncertainty", r->valid ? r->expanded_u : NAN);
	put_figure(out, "coverage_factor", r->valid ? r->k : NAN);
	put_property(out, "unit", r->unit);
	put_figure(out, "lower", limit->has_lower ? limit->lower : NAN);
	put_figure(out, "upper", limit->has_upper ? limit->upper : NAN);
	put_figure(out, "guard_r", limit->guard_r);
	put_property(out, "trusted", r->valid && r->trusted ? "true" : "false");
	put_property(out, "required", limit->required ? "true" : "false");
	put_property(out, "conditional_pass_accepted", limit->accept_conditional ? "true" : "false");
	fputs("      </properties>\n", out);
}

struct test_case {
	const char *name;
	enum mark mark;
	const char *type;              /* an outcome or a status */
	const char *text;              /* why, also beside a case that is well */
	const struct finding *finding; /* NULL: it has no figure */
};

static void put_mark(FILE *out, const struct test_case *c)
{
	static const char *const element[] = {"system-out", "failure", "error", "skipped"};

	fprintf(out, "      <%s", element[c->mark]);
	if (c->mark == MARK_OK) {
		fputc('>', out);
		xml_put_text(out, c->text);
		fputs("</system-out>\n", out);
		return;
	}
	if (c->mark != MARK_SKIPPED)
		xml_put_attribute(out, "type", c->type);
	xml_put_attribute(out, "message", c->text);
	fputs("/>\n", out);
}

static void put_case(struct suite *suite, const struct test_case *c)
{
	FILE *out = suite->cases;

	suite->count[c->mark]++;
	fputs("    <testcase", out);
	xml_put_attribute(out, "classname", suite->class_name);
	xml_put_attribute(out, "name", c->name);
	fprintf(out, " time=\"%.3f\">\n", (double)suite->case_ms / 1000);
	suite->ms += suite->case_ms;
	suite->case_ms = 0;
	if (c->finding)
		put_figures(out, c->finding);
	put_mark(out, c);
	fputs("    </testcase>\n", out);
}

static int suite_begin(struct suite *suite, const struct record *record, const char *name)
{
	*suite = (struct suite){0};
	snprintf(suite->class_name, sizeof(suite->class_name), "%s.%s.%s", record->plan_name, record->dut, name);
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
	fprintf(out, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%.3f\"",
		n[MARK_OK] + n[MARK_FAILURE] + n[MARK_ERROR] + n[MARK_SKIPPED], n[MARK_FAILURE], n[MARK_ERROR],
		n[MARK_SKIPPED], (double)suite->ms / 1000);
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

static void put_result(struct suite *suite, const char *where, const struct finding *r)
{
	char name[256], text[TEXT_MAX];

	if (!r->has_limit)
		return;
	snprintf(name, sizeof(name), "%s%s%s%s %s%s", r->result.name, r->result.method[0] ? " (" : "", r->result.method,
		 r->result.method[0] ? ")" : "", where, r->limit.required ? "" : " (informative)");
	result_text(r, text, sizeof(text));
	enum mark mark = r->limit.required ? mark_of(r->judgement.outcome, r->limit.accept_conditional) : MARK_OK;
	put_case(suite, &(struct test_case){name, mark, outcome_name(r->judgement.outcome), text, r});
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
static void put_unexplained(struct suite *suite, const char *where, const struct record_point *point)
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
	put_case(suite, &(struct test_case){name, mark_of(point->outcome, false), outcome_name(point->outcome),
					    point->reason[0] ? point->reason : "a required limit met no result", NULL});
}

static void put_attempt(struct suite *suite, const struct record *record, const struct record_point *point)
{
	char where[128], name[192];

	suite->case_ms = foreign_point_ms(record, point);
	point_name(point, where, sizeof(where));
	if (!point->counts) {
		snprintf(name, sizeof(name), "attempt %u %s", point->attempt, where);
		put_case(suite,
			 &(struct test_case){name, MARK_SKIPPED, "",
					     point->reason[0] ? point->reason : "superseded by a later attempt", NULL});
		return;
	}
	if (!point->measured) {
		snprintf(name, sizeof(name), "measurement %s", where);
		put_case(suite,
			 &(struct test_case){name, MARK_ERROR, "not_measured",
					     point->reason[0] ? point->reason : "it did not reach its end", NULL});
	} else if (plan_point_is_free(&point->plan)) {
		snprintf(name, sizeof(name), "free run %s", where);
		put_case(suite, &(struct test_case){name, mark_of(point->outcome, false), outcome_name(point->outcome),
						    point->reason, NULL});
	}
	for (unsigned i = 0; i < point->results; i++)
		put_result(suite, where, &point->result[i]);
	if (point->measured && !plan_point_is_free(&point->plan))
		put_unexplained(suite, where, point);
}

static void put_sweeps(struct suite *suite, const struct record *record, unsigned step)
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
			put_result(suite, where, &sweep->result[j]);
	}
}

static int put_step(const struct record *record, unsigned step, FILE *out)
{
	struct suite suite;
	const char *name = step < record->step_count && record->step_name[step][0] ? record->step_name[step] : "step";

	if (suite_begin(&suite, record, name) != 0)
		return -ENOMEM;
	for (unsigned i = 0; i < record->points; i++) {
		if (record->point[i].plan.step == step)
			put_attempt(&suite, record, &record->point[i]);
	}
	put_sweeps(&suite, record, step);
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
		put_case(suite, &(struct test_case){name, MARK_ERROR, "not_run",
						    record->status_reason[0] ? record->status_reason : "it was not run",
						    NULL});
	}
	free(begun);
}

static void put_pen(struct suite *suite, const struct record *record)
{
	for (unsigned i = 0; i < record->tests; i++) {
		const struct record_test *test = &record->test[i];
		char name[64], session[SESSION_TEXT_MAX];
		snprintf(name, sizeof(name), "%s test%s", test->name, session_text(record, test->session, session));
		put_case(suite,
			 &(struct test_case){name, test->done ? mark_of(test->outcome, false) : MARK_ERROR,
					     test->done ? outcome_name(test->outcome) : "not_done", test->text, NULL});
	}
	for (unsigned i = 0; i < record->conditions; i++) {
		bool rig = record->condition[i].condition == PEN_CARTRIDGE_MISSING;
		char name[64];
		snprintf(name, sizeof(name), "condition %u reported by the pen", i + 1);
		put_case(suite, &(struct test_case){name, rig ? MARK_ERROR : MARK_FAILURE,
						    rig ? "inconclusive" : "fail", record->condition[i].text, NULL});
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
	char text[TEXT_MAX];

	put_case(suite, &(struct test_case){"run status", complete ? MARK_OK : MARK_ERROR, status,
					    record->status_reason[0] ? record->status_reason : status, NULL});
	if (record->moved) {
		snprintf(text, sizeof(text), "%s%s",
			 record->stop_verified ? "" : "STOP UNVERIFIED: ", record->stop_text);
		put_case(suite, &(struct test_case){"stop verified", record->stop_verified ? MARK_OK : MARK_ERROR,
						    "stop_unverified", text, NULL});
	}
	if (record->has_verdict)
		put_case(suite, &(struct test_case){"verdict on the pen", mark_of_verdict(record), verdict_name(record),
						    record->verdict_reason, NULL});
	else
		put_case(suite, &(struct test_case){"verdict on the pen", MARK_ERROR, "none",
						    "there is none: the run was refused", NULL});
	if (*render_rejected(record, text))
		put_case(suite, &(struct test_case){"not rejected since", MARK_ERROR, "rejected", text, NULL});
}

static int put_run(const struct record *record, FILE *out)
{
	struct suite suite;

	if (suite_begin(&suite, record, "run") != 0)
		return -ENOMEM;
	put_verdict(&suite, record);
	put_pen(&suite, record);
	put_missing_points(&suite, record);
	return suite_end(&suite, "run", record, out);
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

/* Of the run: in the first suite, which holds no case. */
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

static double seconds_of(const struct record *record)
{
	uint64_t begin = foreign_utc_ms(record->started_utc), end = foreign_utc_ms(record->ended_utc);

	return end > begin ? (double)(end - begin) / 1000 : 0;
}

static int write_junit(const struct record *record, FILE *out, struct err *err)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", out);
	xml_put_attribute(out, "name", record->name);
	fprintf(out, " time=\"%.3f\">\n", seconds_of(record));
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
