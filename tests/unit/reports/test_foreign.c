/* Forms of other programs: none of them looks like a pass where the run is none, whatever it was that said so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>

#include "reports/foreign/foreign.h"
#include "reports/report.h"
#include "rig/judge/judge.h"
#include "rig/judge/verdict.h"
#include "tests/unit/record/record_sample.h"

static char *text_of(const struct report_writer *writer, const struct record *record)
{
	char *text = NULL;
	struct err err = {""};

	if (report_string(writer, record, &text, &err) != 0)
		fail_msg("%s: %s", writer->id, err.text);
	return text;
}

static struct record *good_record(void)
{
	struct record *record = sample_record("/nowhere", "f");

	record->moved = record->stop_verified = record->has_verdict = true;
	record->run_status = RUN_COMPLETE;
	record->dut_verdict = OUTCOME_PASS;
	return record;
}

/* ---- what a program that knows a form takes for a pass ------------------------------------------------------------- */

static bool dfq_passes(const char *text)
{
	char line[64];
	unsigned number;

	assert_int_equal(sscanf(text, "K0100 %u", &number), 1);
	snprintf(line, sizeof(line), "K0001/%u 0\r\nK0002/%u 0\r\n", number, number);
	return strstr(text, line) != NULL;
}

static bool wsjf_passes(const char *text)
{
	return strstr(text, "\"result\": \"P\"") || strstr(text, "Callback\",\n    \"status\": \"P\"");
}

static bool first_is(const char *text, const char *key, const char *value)
{
	const char *found = strstr(text, key);

	assert_non_null(found);
	return strncmp(found + strlen(key), value, strlen(value)) == 0;
}

static bool atml_passes(const char *text)
{
	return first_is(text, "<tr:Outcome value=", "\"Passed\"");
}

static bool dcc_passes(const char *text)
{
	return first_is(text, "<dcc:conformity>", "pass<");
}

static bool openhtf_passes(const char *text)
{
	return first_is(text, "\"outcome\": ", "\"PASS\"");
}

static bool jsonl_passes(const char *text)
{
	return strstr(text, "\"result\":\"PASS\"") != NULL;
}

static bool csv_passes(const char *text)
{
	return strstr(text, ",pass,complete,") != NULL;
}

static bool junit_passes(const char *text)
{
	return !strstr(text, "<failure") && !strstr(text, "<error");
}

static bool tap_passes(const char *text)
{
	return !strstr(text, "\nnot ok");
}

static bool prom_passes(const char *text)
{
	return first_is(strstr(text, "\npenrig_run_exit_code{"), "} ", "0\n");
}

static bool strokes_pass(const char *text)
{
	return strstr(text, "pass") != NULL;
}

static const struct {
	const struct report_writer *writer;
	bool (*passes)(const char *text);
	bool silent; /* it says of no run how it came out */
	bool strict; /* it knows no pass but a plain one */
} forms[] = {
	{&report_dfq, dfq_passes, false, false},      {&report_wsjf, wsjf_passes, false, false},
	{&report_atml, atml_passes, false, false},    {&report_openhtf, openhtf_passes, false, false},
	{&report_dcc, dcc_passes, false, false},      {&report_jsonl, jsonl_passes, false, false},
	{&report_junit, junit_passes, false, false},  {&report_tap, tap_passes, false, false},
	{&report_prom, prom_passes, false, false},    {&report_csv, csv_passes, false, true},
	{&report_strokes, strokes_pass, true, false},
};

/* ---- what a run may come to ---------------------------------------------------------------------------------------- */

enum change { AS_IT_IS, ACCEPTED, ON_STATEMENT, EARLIER_STOP, STOP, SUPERSEDED, POINT_LACKS };

static const struct {
	enum run_status status;
	enum outcome verdict; /* of a run that was not refused */
	enum change change;
} ends[] = {
	{RUN_COMPLETE, OUTCOME_PASS, AS_IT_IS},
	{RUN_COMPLETE, OUTCOME_CONDITIONAL_PASS, AS_IT_IS},
	{RUN_COMPLETE, OUTCOME_CONDITIONAL_PASS, ACCEPTED},
	{RUN_COMPLETE, OUTCOME_INCONCLUSIVE,
	 AS_IT_IS}, /* all figures are good: an import, another pen, a proof that lacks */
	{RUN_COMPLETE, OUTCOME_INCONCLUSIVE, ON_STATEMENT},
	{RUN_COMPLETE, OUTCOME_INCONCLUSIVE, EARLIER_STOP},
	{RUN_COMPLETE, OUTCOME_INCONCLUSIVE, STOP},
	{RUN_COMPLETE, OUTCOME_INCONCLUSIVE, SUPERSEDED},
	{RUN_COMPLETE, OUTCOME_INCONCLUSIVE, POINT_LACKS},
	{RUN_COMPLETE, OUTCOME_CONDITIONAL_FAIL, AS_IT_IS},
	{RUN_COMPLETE, OUTCOME_FAIL, AS_IT_IS},
	{RUN_COMPLETE, OUTCOME_FAIL, SUPERSEDED},
	{RUN_INTERRUPTED, OUTCOME_INCONCLUSIVE, AS_IT_IS},
	{RUN_DEVICE_LOST, OUTCOME_INCONCLUSIVE, AS_IT_IS},
	{RUN_DEVICE_LOST, OUTCOME_FAIL, AS_IT_IS},
	{RUN_STORAGE_FAILED, OUTCOME_INCONCLUSIVE, AS_IT_IS},
	{RUN_INTERNAL_ERROR, OUTCOME_INCONCLUSIVE, AS_IT_IS},
	{RUN_REFUSED, OUTCOME_INCONCLUSIVE, AS_IT_IS},
};

static void supersede(struct record *record)
{
	record->point[0].counts = false;
	sample_point(record, 0, 0.5, 0.51);
	record->point[record->points - 1].attempt = 2;
}

static struct record *ended(unsigned i)
{
	struct record *record = good_record();

	record->run_status = ends[i].status;
	record->has_verdict = ends[i].status != RUN_REFUSED;
	record->refusal = REFUSED_BENCH;
	record->signal_number = SIGINT;
	record->dut_verdict = ends[i].verdict;
	record->accept_conditional = ends[i].change == ACCEPTED;
	record->on_statement = ends[i].change == ON_STATEMENT;
	record->stop_verified = ends[i].change != STOP;
	if (ends[i].change == SUPERSEDED)
		supersede(record);
	if (ends[i].change == POINT_LACKS)
		record->points--;
	if (ends[i].change == EARLIER_STOP) {
		record->sessions = 1;
		record->session[0] = (struct record_session){.moved = true, .name = "earlier"};
	}
	return record;
}

static void no_form_looks_like_a_pass(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct record *record = ended(i);
		bool accepted = verdict_exit_code(record) == 0;

		for (unsigned k = 0; k < sizeof(forms) / sizeof(forms[0]); k++) {
			char *text = text_of(forms[k].writer, record);
			bool passes = forms[k].passes(text);

			if (passes && !accepted)
				fail_msg("end %u: %s looks like a pass", i, forms[k].writer->id);
			if (!passes && accepted && !forms[k].silent && !(forms[k].strict && i > 0))
				fail_msg("end %u: %s does not look like a pass", i, forms[k].writer->id);
			free(text);
		}
		record_free(record);
	}
}

/* ---- Q-DAS: which values count -------------------------------------------------------------------------------------- */

static unsigned times(const char *text, const char *what, const char *end)
{
	unsigned count = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at++) {
		const char *value = strchr(at, ' ');
		count += strncmp(value + 1, end, strlen(end)) == 0 && value[1 + strlen(end)] == '\r';
	}
	return count;
}

static void values_count_where_something_was_shown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct record *record = ended(i);
		enum grade grade = grade_of_run(record);
		bool decided = ends[i].status == RUN_COMPLETE && (grade == GRADE_PASS || grade == GRADE_FAIL);
		char *text = text_of(&report_dfq, record);
		unsigned invalid = times(text, "\nK0002/", "129"), all = times(text, "\nK2004/", "0");

		assert_true(all > 8);
		if (!decided) /* but what is counted of the run, and how it came out */
			assert_int_equal(times(text, "\nK0002/", "0"), 2);
		else if (ends[i].change == SUPERSEDED) /* each figure of the first attempt, and its uncertainty */
			assert_int_equal(invalid, 2 * 3);
		else
			assert_int_equal(invalid, 0);
		free(text);
		record_free(record);
	}
}

/* ---- OpenHTF ------------------------------------------------------------------------------------------------------- */

/* Of the figure with that name: the first outcome behind it. */
static void check_measurement(const struct record *record, const char *name, const char *outcome)
{
	char *text = text_of(&report_openhtf, record), key[64];

	snprintf(key, sizeof(key), "\"name\": \"%s\"", name);
	const char *at = strstr(text, key);
	assert_non_null(at);
	assert_true(first_is(at, "\"outcome\": ", outcome));
	free(text);
}

static void a_limit_without_weight_is_no_pass_when_it_is_missed(void **state)
{
	const struct {
		double value;
		const char *outcome;
	} rows[] = {{31.25, "\"PASS\""}, {80.0, "\"UNSET\""}, {41.05, "\"UNSET\""}, {40.95, "\"UNSET\""}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct record *record = good_record();
		struct finding *f = &record->point[0].result[4];

		f->result.value = rows[i].value;
		decide(&f->result, &f->limit, &f->judgement);
		check_measurement(record, "handle_temperature_c", rows[i].outcome);
		check_measurement(record, "strokes", "\"PASS\""); /* no limit */
		record_free(record);
	}
}

/* ---- sessions ------------------------------------------------------------------------------------------------------ */

struct seen {
	uint64_t begin_ms[8], end_ms[8];
	unsigned groups;
	char name[8][80];
	unsigned checks;
};

static void see_group(void *ctx, const struct foreign_group *group)
{
	struct seen *seen = ctx;

	assert_true(seen->groups < 8);
	seen->begin_ms[seen->groups] = group->begin_ms;
	seen->end_ms[seen->groups++] = group->end_ms;
}

static void see_check(void *ctx, const struct foreign_check *check)
{
	struct seen *seen = ctx;

	for (unsigned i = 0; i < seen->checks; i++)
		assert_string_not_equal(seen->name[i], check->name);
	assert_true(seen->checks < 8);
	snprintf(seen->name[seen->checks++], sizeof(seen->name[0]), "%s", check->name);
}

/* A computer that was started anew in between: the earlier session's clock was far ahead of this one's. */
static struct record *resumed(void)
{
	struct record *record = good_record();

	record->sessions = 1;
	record->session[0] = (struct record_session){.name = "earlier",
						     .started_utc = "2026-09-20T10:00:00.000Z",
						     .started_host_ns = 500000000000,
						     .moved = true,
						     .stop_verified = true};
	record->point[0].session = 1;
	record->point[0].mark[MARK_OPEN].host_ns = 502000000000;
	record->point[0].mark[MARK_CLOSE].host_ns = 507500000000;
	record->point[1].mark[MARK_OPEN].host_ns = 4000000000;
	record->point[1].mark[MARK_CLOSE].host_ns = 9000000000;
	record->tests = 2;
	for (unsigned i = 0; i < 2; i++)
		record->test[i] = (struct record_test){
			.name = "dead_man", .done = true, .outcome = OUTCOME_PASS, .session = 1 - i};
	return record;
}

static void times_are_of_the_session(void **state)
{
	struct record *record = resumed();
	struct seen seen = {.groups = 0};
	char utc[FOREIGN_UTC_MAX];

	(void)state;
	foreign_each_group(record, see_group, &seen);
	assert_true(seen.groups >= 2);
	foreign_utc_text(seen.begin_ms[0], utc);
	assert_string_equal(utc, "2026-09-20T10:00:02.000Z");
	assert_int_equal(seen.end_ms[0] - seen.begin_ms[0], 5500);
	foreign_utc_text(seen.begin_ms[1], utc);
	assert_string_equal(utc, "2026-09-21T14:13:23.500Z");
	foreign_each_check(record, see_check, &seen);
	assert_int_equal(seen.checks, 4);
	record->session[0].stop_verified = false;
	seen.checks = 0;
	foreign_each_check(record, see_check, &seen);
	assert_int_equal(seen.checks, 5);
	record_free(record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_form_looks_like_a_pass),
		cmocka_unit_test(values_count_where_something_was_shown),
		cmocka_unit_test(a_limit_without_weight_is_no_pass_when_it_is_missed),
		cmocka_unit_test(times_are_of_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
