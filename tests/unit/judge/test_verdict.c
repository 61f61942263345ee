/* The verdict and the exit code, row by row of the design's table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>

#include "rig/judge/judge.h"
#include "rig/judge/verdict.h"
#include "tests/unit/record/record_sample.h"

static struct plan_step step = {.name = "fine lines"};
static struct plan plan = {.steps = 1, .step = &step};

static void require(const char *measurand, const char *unit, bool required)
{
	struct limit *limit = &plan.limit[plan.limits++];
	*limit = (struct limit){.has_upper = true, .upper = 1, .guard_r = 1, .required = required};
	limit->id = measurand_find(measurand);
	snprintf(limit->measurand, sizeof(limit->measurand), "%s", measurand);
	snprintf(limit->unit, sizeof(limit->unit), "%s", unit);
}

static int set_up(void **state)
{
	plan.limits = 0;
	plan.test_deadman = true;
	plan.test_refusal = false;
	require("depth_mm", "mm", true);
	require("stroke_rate_hz", "Hz", true);
	require("depth_linearity_mm", "mm", true);
	require("handle_temperature_c", "degC", false);
	*state = sample_record("/tmp", "r");
	return 0;
}

static int tear_down(void **state)
{
	record_free(*state);
	return 0;
}

static struct finding *depth(struct record *record, unsigned row)
{
	return &record->point[row].result[0];
}

static void measured(struct record *record, unsigned row, double value)
{
	depth(record, row)->result.value = value;
	decide(&depth(record, row)->result, &depth(record, row)->limit, &depth(record, row)->judgement);
}

static void assert_verdict(struct record *record, enum outcome verdict, int code, const char *reason)
{
	verdict_form(record, &plan);
	assert_true(record->has_verdict);
	if (record->dut_verdict != verdict)
		fail_msg("verdict %s, not %s: %s", outcome_name(record->dut_verdict), outcome_name(verdict),
			 record->verdict_reason);
	assert_int_equal(verdict_exit_code(record), code);
	if (!strstr(record->verdict_reason, reason))
		fail_msg("\"%s\" lacks \"%s\"", record->verdict_reason, reason);
}

static void test_on_the_statement_of_a_witness(void **state)
{
	struct record *record = *state;
	struct record_origin *o = &record->origin;
	strcpy(o->path, "x");
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "the importer's word");
	assert_false(record->on_statement);
	strcpy(o->witness, "A. Smith");
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "on the statement of A. Smith");
	assert_true(record->on_statement && !record->accept_statement && !verdict_accepted(record));
	assert_string_equal(verdict_name(record), "pass_on_statement");
	plan.accept_statement = true;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 0, "on the statement of A. Smith");
	assert_true(record->accept_statement && verdict_accepted(record));
	record->dut_said = (struct record_identity){.wanted = true, .after = "another"};
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "it is not known whose results these are");
	assert_string_equal(verdict_name(record), "inconclusive");
	record->dut_said.wanted = false;
	strcpy(o->unchecked, "whether it was the phantom");
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "no statement stands for a check: whether it was the phantom");
	assert_false(record->on_statement || record->accept_statement);
	o->unchecked[0] = '\0';
	strcpy(o->path, "");
	assert_verdict(record, OUTCOME_PASS, 0, "nearest to its limit");
	assert_false(record->on_statement);
	plan.accept_statement = false;
}

/* A statement makes nothing better that was measured, nothing that was not, and no test that was not done. */
static void test_a_statement_excuses_nothing(void **state)
{
	struct record *record = *state;
	double u = depth(record, 0)->result.expanded_u;
	strcpy(record->origin.path, "x");
	strcpy(record->origin.witness, "A. Smith");
	plan.accept_statement = true;
	measured(record, 0, 0.7);
	assert_verdict(record, OUTCOME_FAIL, 1, "depth_mm at point 1");
	measured(record, 0, 0.65 + 0.5 * u);
	assert_verdict(record, OUTCOME_CONDITIONAL_FAIL, 1, "depth_mm at point 1");
	measured(record, 0, 0.65 - 0.5 * u);
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "inside a guard band, which the plan does not accept");
	assert_string_equal(verdict_name(record), "inconclusive");
	depth(record, 0)->limit.accept_conditional = true;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 0, "on the statement of A. Smith");
	depth(record, 0)->limit.accept_conditional = false;
	measured(record, 0, 0.5);
	depth(record, 0)->judgement.outcome = OUTCOME_INCONCLUSIVE;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "depth_mm at point 1");
	assert_false(record->on_statement);
	measured(record, 0, 0.5);
	plan.test_deadman = true;
	record->tests = 0;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "dead_man test that the plan asks for was not done");
	assert_false(record->on_statement);
	plan.test_deadman = false;
	plan.accept_statement = false;
}

static void test_all_within(void **state)
{
	assert_verdict(*state, OUTCOME_PASS, 0, "nearest to its limit: depth_mm at point 2");
}

static void test_beyond(void **state)
{
	struct record *record = *state;
	measured(record, 0, 0.7); /* upper 0.65 */
	assert_verdict(record, OUTCOME_FAIL, 1, "depth_mm at point 1 (0.5 mm, 116.667 Hz): ");
	measured(record, 1, 1.4); /* upper 1.15, farther beyond */
	assert_verdict(record, OUTCOME_FAIL, 1, "depth_mm at point 2");
	assert_non_null(strstr(record->verdict_reason, "(and 1 more)"));
}

static void test_which_limit_decided(void **state)
{
	struct record *record = *state;
	struct verdict_decided decided;

	assert_false(verdict_decided(record, &plan, &decided)); /* no verdict yet */
	verdict_form(record, &plan);
	assert_true(verdict_decided(record, &plan, &decided));
	assert_ptr_equal(decided.finding, depth(record, 1));
	measured(record, 0, 0.7);
	assert_true(verdict_decided(record, &plan, &decided));
	assert_ptr_equal(decided.finding, depth(record, 0));
	assert_ptr_equal(decided.point, &record->point[0]);
	record->tests = 0; /* not done: inconclusive, and the failure decides all the same */
	assert_true(verdict_decided(record, &plan, &decided));
	measured(record, 0, 0.5);
	assert_false(verdict_decided(record, &plan, &decided));
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "dead_man test");
}

static void test_guard_band(void **state)
{
	struct record *record = *state;
	double u = depth(record, 0)->result.expanded_u;
	measured(record, 0, 0.65 - 0.5 * u);
	assert_verdict(record, OUTCOME_CONDITIONAL_PASS, 3, "depth_mm at point 1");
	depth(record, 0)->limit.accept_conditional = true;
	assert_verdict(record, OUTCOME_CONDITIONAL_PASS, 0, "depth_mm at point 1");
	measured(record, 1, 1.15 - 0.5 * u); /* one that the plan does not accept */
	assert_verdict(record, OUTCOME_CONDITIONAL_PASS, 3, "depth_mm");
	measured(record, 0, 0.65 + 0.5 * u);
	assert_verdict(record, OUTCOME_CONDITIONAL_FAIL, 1, "depth_mm at point 1");
}

static void test_untrusted_is_inconclusive(void **state)
{
	struct record *record = *state;
	depth(record, 0)->result.trusted = false;
	measured(record, 0, 0.5);
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "depth_mm at point 1");
	measured(record, 1, 2); /* proven in spite of that */
	assert_verdict(record, OUTCOME_FAIL, 1, "depth_mm at point 2");
}

static void test_informative_has_no_weight(void **state)
{
	struct record *record = *state;
	struct finding *r = &record->point[0].result[4];
	r->result.value = 60;
	decide(&r->result, &r->limit, &r->judgement);
	assert_int_equal(r->judgement.outcome, OUTCOME_FAIL);
	assert_verdict(record, OUTCOME_PASS, 0, "nearest");
}

static void test_the_pen_does_not_judge_itself(void **state)
{
	struct record *record = *state;
	struct finding *r = &record->point[0].result[5];
	sample_result(r, "pen.handle_temperature_c", "", "degC", 30, 1);
	sample_limit(r, NAN, 10, true);
	record->point[0].results = 6;
	assert_verdict(record, OUTCOME_PASS, 0, "nearest");
	require("pen.handle_temperature_c", "degC", true);
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "pen.handle_temperature_c is required at point 1");
}

static void test_what_is_missing_is_never_a_pass(void **state)
{
	struct record *record = *state;
	record->point[0].results = 0;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "depth_mm is required at point 1");
	record->point[0].results = 5;
	record->points_planned = 3;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "point 3 of 3 was not measured");
	record->points_planned = 2;
	record->point[1].counts = false;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "point 2 of 2 was not measured");
	record->point[1].counts = true;
	record->point[1].measured = false;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3,
		       "nothing was measured at point 2 (1 mm, 116.667 Hz): it did not");
	strcpy(record->point[1].reason, "x");
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "nothing was measured at point 2 (1 mm, 116.667 Hz): x");
	record->point[1].measured = true;
	record->sweeps = 0;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "depth_linearity_mm is required");
	record->sweeps = 1;
	record->test[0].done = false;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "dead_man");
	record->test[0].done = true;
	plan.test_refusal = true;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "refusal");
	plan.test_refusal = false;
	record->samples_lost = 4;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "4 samples");
	record->samples_lost = 0;
	assert_verdict(record, OUTCOME_PASS, 0, "nearest");
}

static void test_a_point_that_lacks_something_as_a_whole(void **state)
{
	struct record *record = *state;
	record->point[1].outcome = OUTCOME_INCONCLUSIVE;
	strcpy(record->point[1].reason, "no pass without a measured motion");
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "at point 2 (1 mm, 116.667 Hz): no pass without");
	measured(record, 0, 2);
	assert_verdict(record, OUTCOME_FAIL, 1, "depth_mm at point 1");
	measured(record, 0, 0.5);
	depth(record, 1)->result.trusted = false; /* one of its results says why: that alone */
	strcpy(depth(record, 1)->result.reason, "the cable fell out");
	measured(record, 1, 1);
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "depth_mm at point 2 (1 mm, 116.667 Hz): the cable fell out");
	assert_null(strstr(record->verdict_reason, "more"));
}

/* Among equals the nearest decides; how near a count is, its own number says. */
static void test_a_count_beside_a_measured_value(void **state)
{
	struct record *record = *state;
	struct finding *count = &record->point[1].result[2];
	require("strokes", "1", true);
	for (unsigned i = 0; i < 2; i++)
		sample_limit(&record->point[i].result[2], NAN, 2400, true);
	assert_verdict(record, OUTCOME_PASS, 0, "nearest to its limit: depth_mm"); /* on its limit, and exact */
	count->result.value = 2403;
	decide(&count->result, &count->limit, &count->judgement);
	double u = depth(record, 0)->result.expanded_u;
	measured(record, 0, 0.65 + 2 * u);
	assert_verdict(record, OUTCOME_FAIL, 1, "strokes at point 2");
	measured(record, 0, 0.65 + 10 * u);
	assert_verdict(record, OUTCOME_FAIL, 1, "depth_mm at point 1");
}

static void test_a_free_run_must_be_good(void **state)
{
	struct record *record = *state;
	struct record_point *free = record_add_point(record);
	free->plan = (struct plan_point){.number = 2, .phantom = PHANTOM_NONE, .depth_mm = 1, .rate_hz = 120};
	free->counts = free->measured = true;
	record->points_planned = 3;
	assert_verdict(record, OUTCOME_PASS, 0, "nearest");
	free->outcome = OUTCOME_INCONCLUSIVE;
	strcpy(free->reason, "the needles touched something");
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "the free run at point 3 (1 mm, 120 Hz): the needles touched");
}

static void test_a_recording_is_no_supervised_run(void **state)
{
	struct record *record = *state;
	strcpy(record->origin.path, "x");
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3,
		       "imported recording, every required figure within its limits: ");
	measured(record, 0, 0.65 - 0.5 * depth(record, 0)->result.expanded_u);
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3,
		       "imported recording, every required figure within its limits: ");
	measured(record, 0, 2);
	assert_verdict(record, OUTCOME_FAIL, 1, "depth_mm at point 1");
	record->points = record->points_planned = record->sweeps = record->tests = 0;
	plan.test_deadman = false;
	record->run_status = RUN_INTERRUPTED;
	verdict_form(record, &plan);
	assert_int_equal(record->dut_verdict, OUTCOME_INCONCLUSIVE);
	assert_non_null(strstr(record->verdict_reason, "interrupted"));
}

static void test_a_test_is_never_a_conditional_pass_that_is_accepted(void **state)
{
	struct record *record = *state;
	record->test[0].outcome = OUTCOME_CONDITIONAL_PASS;
	assert_verdict(record, OUTCOME_CONDITIONAL_PASS, 3, "dead_man test");
}

/* How many more there are is never cut off. */
static void test_long_reasons(void **state)
{
	struct record *record = *state;
	record->tests = 2;
	record->test[1] = record->test[0];
	for (unsigned i = 0; i < 2; i++) {
		record->test[i].outcome = OUTCOME_FAIL;
		memset(record->test[i].text, 'a', sizeof(record->test[i].text) - 1);
		memset(record->test[i].name, 'b', sizeof(record->test[i].name) - 1);
	}
	plan.test_deadman = false;
	verdict_form(record, &plan);
	assert_int_equal(strlen(record->verdict_reason), sizeof(record->verdict_reason) - 1);
	assert_string_equal(record->verdict_reason + strlen(record->verdict_reason) - 13, " (and 1 more)");
}

static void test_nothing_required_shows_nothing(void **state)
{
	plan.limits = 0;
	assert_verdict(*state, OUTCOME_INCONCLUSIVE, 3, "");
	struct record *empty = record_new();
	plan.test_deadman = false;
	assert_verdict(empty, OUTCOME_INCONCLUSIVE, 3, "nothing was shown");
	record_free(empty);
}

static void test_only_the_counting_attempt(void **state)
{
	struct record *record = *state;
	sample_point(record, 1, 1.0, 1.01);
	record->point[1].counts = false;
	record->point[2].attempt = 2;
	depth(record, 1)->result.trusted = false;
	measured(record, 1, 1);
	assert_verdict(record, OUTCOME_PASS, 0, "nearest");
}

/* The first of two attempts at point 2, whose limit is 1.15 mm; the second passes. */
static struct finding *tried_again(struct record *record)
{
	struct record_point *first = &record->point[1];
	sample_point(record, 1, 1.0, 1.01);
	first = &record->point[1];
	first->counts = false;
	record->point[2].attempt = 2;
	strcpy(first->result[0].result.reason, "samples are missing");
	return &first->result[0];
}

static void test_what_an_attempt_showed_stays(void **state)
{
	static const struct {
		double value; /* U 0.0082, limit 1.15 */
		bool trusted;
		enum outcome verdict;
		int code;
		const char *reason;
	} trials[] = {
		{1.01, true, OUTCOME_PASS, 0, "nearest to its limit: depth_mm at point 2 (1 mm, 116.667 Hz): "},
		{1.145, true, OUTCOME_CONDITIONAL_PASS, 3,
		 "depth_mm at point 2 (1 mm, 116.667 Hz), attempt 1: 1.1450 mm"},
		{1.155, true, OUTCOME_CONDITIONAL_FAIL, 1, "attempt 1: 1.1550 mm is 0.0050 mm above"},
		{1.2, true, OUTCOME_FAIL, 1, "attempt 1: 1.2000 mm is 0.050 mm above the upper limit of 1.15 mm"},
		{1.01, false, OUTCOME_PASS, 0, "nearest"},
		{1.145, false, OUTCOME_CONDITIONAL_PASS, 3, "though not trusted: samples are missing"},
		{1.155, false, OUTCOME_INCONCLUSIVE, 3, "though not trusted: samples are missing"},
		{1.2, false, OUTCOME_INCONCLUSIVE, 3,
		 "attempt 1: 1.2000 mm is 0.050 mm above the upper limit of 1.15 mm, though not trusted: samples are "
		 "missing"},
	};
	struct record *record = *state;
	struct finding *f = tried_again(record);
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		f->result.trusted = trials[i].trusted;
		measured(record, 1, trials[i].value);
		assert_verdict(record, trials[i].verdict, trials[i].code, trials[i].reason);
	}
	f->limit.required = false;
	assert_verdict(record, OUTCOME_PASS, 0, "nearest");
	f->limit.required = true;
	f->result.valid = false;
	measured(record, 1, 1.2);
	assert_verdict(record, OUTCOME_PASS, 0, "nearest");
}

/* Every attempt again, whatever it shows, ends no better. */
static void test_no_number_of_attempts_washes_a_failure_out(void **state)
{
	struct record *record = *state;
	tried_again(record)->result.trusted = false;
	measured(record, 1, 1.2);
	for (unsigned attempt = 3; attempt <= 10; attempt++) {
		record->point[record->points - 1].counts = false;
		sample_point(record, 1, 1.0, 1.01);
		record->point[record->points - 1].attempt = attempt;
		assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "attempt 1: 1.2000 mm");
	}
	depth(record, 0)->limit.accept_conditional = depth(record, 1)->limit.accept_conditional = true;
	measured(record, 1, 1.145);
	assert_verdict(record, OUTCOME_CONDITIONAL_PASS, 0, "attempt 1: 1.1450 mm");
}

/* What lies between strokes, a gap in the samples makes or hides: a later attempt is there to measure it. */
static void test_what_a_gap_makes_does_not_stay(void **state)
{
	static const struct {
		const char *measurand, *unit;
		bool stays;
	} trials[] = {
		{"missed_strokes", "1", false}, {"period_jitter_pct", "%", false},
		{"depth_sd_mm", "mm", false},   {"stroke_rate_hz", "Hz", false},
		{"strokes", "1", false},        {"depth_tolerance_hi_mm", "mm", false},
		{"depth_max_mm", "mm", true},   {"depth_error_mm", "mm", true},
		{"peak_force_n", "N", true},    {"double_strokes", "1", true},
		{"coast_down_s", "s", true},    {"handle_temperature_c", "degC", true},
	};
	struct record *record = *state;
	struct finding *f = tried_again(record);
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		sample_result(f, trials[i].measurand, "", trials[i].unit, 9, 0.001);
		f->result.trusted = false;
		sample_limit(f, NAN, 1, true);
		char why[240] = "";
		if ((judge_what_stays(&record->point[1], f, why) == OUTCOME_INCONCLUSIVE) != trials[i].stays)
			fail_msg("%s: %s", trials[i].measurand, why);
		f->result.trusted = true;
		decide(&f->result, &f->limit, &f->judgement);
		assert_int_equal(judge_what_stays(&record->point[1], f, why),
				 OUTCOME_FAIL); /* what was trusted was not made by a gap */
	}
}

/* Strokes that a pen which jams misses are not taken back because the fault which that made ended the attempt. */
static void test_what_a_fault_ended_stays(void **state)
{
	static const struct {
		const char *measurand, *unit;
		double value;
		bool stays;
	} trials[] = {
		{"missed_strokes", "1", 9, true},    {"stroke_rate_hz", "Hz", 9, true},
		{"period_jitter_pct", "%", 9, true}, {"depth_sd_mm", "mm", 9, true},
		{"missed_strokes", "1", 1, false},   {"stroke_rate_hz", "Hz", 1.0005, false},
		{"strokes", "1", 9, false},          {"depth_tolerance_hi_mm", "mm", 9, false},
		{"depth_error_mm", "mm", 9, true},
	};
	struct record *record = *state;
	struct finding *f = tried_again(record);
	struct record_point *point = &record->point[1];
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		char why[240] = "";
		sample_result(f, trials[i].measurand, "", trials[i].unit, trials[i].value, 0.001);
		f->result.trusted = false;
		sample_limit(f, NAN, 1, true);
		memset(point->fault, 'x', sizeof(point->fault) - 1);
		snprintf(f->result.reason, sizeof(f->result.reason), "%.159s", point->fault);
		decide(&f->result, &f->limit, &f->judgement);
		if ((judge_what_stays(point, f, why) == OUTCOME_INCONCLUSIVE) != trials[i].stays)
			fail_msg("%s: %s", trials[i].measurand, why);
	}
	sample_result(f, "missed_strokes", "", "1", 9, 0);
	f->result.trusted = false;
	sample_limit(f, NAN, 1, true);
	strcpy(point->fault, "the pen reports that its power supply does not hold its voltage");
	strcpy(f->result.reason, point->fault);
	decide(&f->result, &f->limit, &f->judgement);
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3,
		       "attempt 1: 9 missed, limit 1, though not trusted: the pen reports");
	strcpy(f->result.reason, "samples are missing in the measure window");
	assert_verdict(record, OUTCOME_PASS, 0, "");
}

static void test_the_pen_s_own_troubles(void **state)
{
	static const uint32_t failing[] = {PEN_OVER_TEMPERATURE, PEN_STALL,           PEN_UNDERVOLTAGE,
					   PEN_REBOOTED,         PEN_DEADMAN_TRIPPED, PEN_RAN_ON};
	struct record *record = *state;
	record->conditions = 1;
	strcpy(record->condition[0].text, "what it said");
	for (unsigned i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
		record->condition[0].condition = failing[i];
		assert_verdict(record, OUTCOME_FAIL, 1, "what it said");
	}
	record->condition[0].condition = PEN_CARTRIDGE_MISSING;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "what it said");
	record->conditions = 0;
	record->test[0].outcome = OUTCOME_FAIL;
	strcpy(record->test[0].text, "it ran on for 3 s");
	assert_verdict(record, OUTCOME_FAIL, 1, "dead_man test: it ran on for 3 s");
}

static void test_a_timer_that_nobody_saw_trip(void **state)
{
	struct record *record = *state;
	plan.test_deadman = false;
	record->proof.wanted = true;
	assert_verdict(record, OUTCOME_PASS, 0, "nearest to its limit"); /* this run tested it */
	record->test[0].done = false;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "timer of the pen's power supply");
	record->tests = 0;
	strcpy(record->proof.why, "it was never tested on this bench");
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "never tested on this bench: let the plan say");
	strcpy(record->proof.run, "r-1");
	assert_verdict(record, OUTCOME_PASS, 0, "nearest to its limit");
	record->proof.run[0] = '\0';
	measured(record, 0, 2);
	assert_verdict(record, OUTCOME_FAIL, 1, "depth_mm"); /* what the pen fails, it fails */
	record->proof.wanted = false;
	measured(record, 0, 0.51);
	assert_verdict(record, OUTCOME_PASS, 0, "nearest to its limit"); /* a pen that stops itself, or an older file */
}

static void test_unverified_stop_is_no_pass(void **state)
{
	struct record *record = *state;
	record->stop_verified = false;
	strcpy(record->stop_text, "the sensor is silent");
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "STOP UNVERIFIED: the sensor is silent");
	measured(record, 0, 2);
	assert_verdict(record, OUTCOME_FAIL, 1, "depth_mm");
	measured(record, 0, 0.5);
	record->moved = false;
	assert_verdict(record, OUTCOME_PASS, 0, "nearest");
}

static const struct row {
	enum run_status status;
	enum refusal refusal;
	int signal_number;
	int good, failed; /* exit codes: nothing proven against the pen, and a proven fail */
} rows[] = {
	{RUN_DEVICE_LOST, REFUSED_NOT, 0, 4, 1},           {RUN_INTERRUPTED, REFUSED_NOT, SIGINT, 130, 130},
	{RUN_INTERRUPTED, REFUSED_NOT, SIGTERM, 143, 143}, {RUN_INTERRUPTED, REFUSED_NOT, SIGHUP, 129, 129},
	{RUN_INTERRUPTED, REFUSED_NOT, SIGQUIT, 131, 131}, {RUN_INTERRUPTED, REFUSED_NOT, 0, 130, 130},
	{RUN_STORAGE_FAILED, REFUSED_NOT, 0, 6, 6},        {RUN_INTERNAL_ERROR, REFUSED_NOT, 0, 7, 7},
};

static void test_incomplete_runs(void **state)
{
	struct record *record = *state;
	strcpy(record->status_reason, "because");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		record->run_status = rows[i].status;
		record->signal_number = rows[i].signal_number;
		measured(record, 0, 0.5);
		assert_verdict(record, OUTCOME_INCONCLUSIVE, rows[i].good, "because");
		measured(record, 0, 2); /* a proven fail survives */
		assert_verdict(record, OUTCOME_FAIL, rows[i].failed, "depth_mm at point 1");
	}
}

static void test_refused_runs(void **state)
{
	static const struct {
		enum refusal refusal;
		int code;
	} codes[] = {{REFUSED_PLAN, 2}, {REFUSED_BUSY, 5}, {REFUSED_BENCH, 8}, {REFUSED_DEVICE, 8}};
	struct record *record = *state;
	record->run_status = RUN_REFUSED;
	for (unsigned i = 0; i < 4; i++) {
		record->refusal = codes[i].refusal;
		record->has_verdict = record->accept_conditional = true;
		strcpy(record->verdict_reason, "what was before");
		verdict_form(record, &plan);
		assert_false(record->has_verdict || record->accept_conditional);
		assert_string_equal(record->verdict_reason, "");
		assert_int_equal(verdict_exit_code(record), codes[i].code);
	}
}

/* Every verdict with every status: the code is that of the table, and 0 only for a complete run. */
static void test_every_pair(void **state)
{
	static const int complete[] = {0, 3, 3, 1, 1};
	struct record *record = *state;
	record->has_verdict = true;
	for (unsigned status = RUN_COMPLETE; status <= RUN_INTERNAL_ERROR; status++) {
		for (unsigned verdict = OUTCOME_PASS; verdict <= OUTCOME_FAIL; verdict++) {
			record->run_status = (enum run_status)status;
			record->dut_verdict = (enum outcome)verdict;
			int code = verdict_exit_code(record);
			assert_true(code != 0 || status == RUN_COMPLETE);
			if (status == RUN_COMPLETE)
				assert_int_equal(code, complete[verdict]);
			if (status == RUN_DEVICE_LOST)
				assert_int_equal(code, verdict >= OUTCOME_CONDITIONAL_FAIL ? 1 : 4);
		}
	}
}

static void test_without_a_plan_nothing_passes(void **state)
{
	struct record *record = *state;
	verdict_form(record, NULL);
	assert_int_equal(record->dut_verdict, OUTCOME_INCONCLUSIVE);
	measured(record, 0, 2);
	verdict_form(record, NULL);
	assert_int_equal(record->dut_verdict, OUTCOME_FAIL);
}

static void test_the_risk_of_a_pass(void **state)
{
	struct record *record = *state;
	struct joint_risk joint = {.limits = 77};
	assert_false(verdict_risk(record, &joint)); /* no verdict yet */
	assert_int_equal(joint.limits, 77);
	verdict_form(record, &plan);
	assert_true(verdict_risk(record, &joint));
	assert_int_equal(joint.limits, 5); /* of each point depth and rate, of the sweep its linearity */
	const double risks[] = {0.01, 0.02, 0.03, 0.005};
	depth(record, 0)->judgement.false_accept_risk = risks[0];
	depth(record, 1)->judgement.false_accept_risk = risks[1];
	record->sweep[0].result[0].judgement.false_accept_risk = risks[2];
	record->point[0].result[1].judgement.false_accept_risk = risks[3];
	record->point[1].result[4].judgement.false_accept_risk = 0.5; /* informative */
	assert_true(verdict_risk(record, &joint));
	assert_true(fabs(joint_risk_bound(&joint) - 0.065) < 1e-9 && joint.largest == 0.03);
	record->point[0].counts = false;
	assert_true(verdict_risk(record, &joint));
	assert_int_equal(joint.limits, 3);
	assert_true(fabs(joint_risk_bound(&joint) - 0.05) < 1e-9);
	record->dut_verdict = OUTCOME_CONDITIONAL_PASS;
	assert_true(verdict_risk(record, &joint));
	record->dut_verdict = OUTCOME_INCONCLUSIVE;
	assert_false(verdict_risk(record, &joint));
	record->dut_verdict = OUTCOME_PASS;
	record->sweep[0].result[0].judgement.false_accept_risk = NAN;
	assert_false(verdict_risk(record, &joint));
	record->sweeps = 0;
	depth(record, 1)->judgement.false_accept_risk = NAN;
	assert_false(verdict_risk(record, &joint));
	record->point[1].counts = false;
	assert_false(verdict_risk(record, &joint)); /* nothing counts */
}

/* Every check of every session: a test that one of them lacks, a stop that nobody saw. */
static void test_each_session_has_its_own_checks(void **state)
{
	struct record *record = *state;
	record->tests = 1;
	record->test[0] = (struct record_test){.name = "dead_man", .done = true, .outcome = OUTCOME_PASS};
	assert_verdict(record, OUTCOME_PASS, 0, "");
	record->sessions = 1;
	record->session[0].moved = record->session[0].stop_verified = true;
	assert_verdict(record, OUTCOME_PASS, 0, ""); /* nothing of it rests on its tests */
	record->point[0].session = 1;
	record->point[0].collected = true;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "not done in session 1");
	record->tests = 2;
	record->test[1] = record->test[0];
	record->test[1].session = 1;
	assert_verdict(record, OUTCOME_PASS, 0, "");
	record->test[1].done = false;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "not done in session 1");
	record->test[1].done = true;
	record->test[0].session = 1; /* twice in the first, never in this one */
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "was not done");
	record->test[0].session = 0;
	record->test[1].outcome = OUTCOME_FAIL; /* what the first one showed is not taken back by the second */
	assert_verdict(record, OUTCOME_FAIL, 1, "dead_man");
	record->test[1].outcome = OUTCOME_PASS;
	record->session[0].stop_verified = false;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "STOP UNVERIFIED at the end of session 1");
	record->session[0].moved = false;
	assert_verdict(record, OUTCOME_PASS, 0, "");
	record->tests = 1; /* it ended before anything could be tested, or needed to be */
	assert_verdict(record, OUTCOME_PASS, 0, "");
}

/* Once may be anybody's; what goes again may be the pen, and takes its link with it. */
static void test_devices_that_go_again_and_again(void **state)
{
	struct record *record = *state;

	record->sessions = 3;
	for (unsigned i = 0; i < 3; i++)
		record->session[i] =
			(struct record_session){.run_status = RUN_DEVICE_LOST, .moved = true, .stop_verified = true};
	assert_int_equal(verdict_devices_lost(record), 3);
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "a device was lost 3 times after the pen had been started");
	record->session[0].run_status = RUN_INTERRUPTED;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "a device was lost 2 times after the pen had been started");
	record->session[1].moved = false; /* the pen had no load then */
	assert_verdict(record, OUTCOME_PASS, 0, "");
	record->session[1].moved = true;
	measured(record, 1, 2);
	assert_verdict(record, OUTCOME_FAIL, 1, "depth_mm");
}

/* Whoever says it, and in whichever session: a pen that runs untold fails. */
static void test_a_pen_that_ran_by_itself_fails(void **state)
{
	struct record *record = *state;

	record->conditions = 1;
	record->condition[0] = (struct record_condition){.condition = PEN_RAN_ITSELF, .text = "it ran by itself"};
	assert_verdict(record, OUTCOME_FAIL, 1, "it ran by itself");
	record->condition[0].session = 1;
	assert_verdict(record, OUTCOME_FAIL, 1, "it ran by itself");
	record->condition[0] = (struct record_condition){.condition = PEN_MAY_HAVE_RUN, .text = "it may have run"};
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "it may have run");
}

/* What is shown of a timer later says nothing of what stood behind the pen in an earlier session. */
static void test_each_session_has_its_own_proof(void **state)
{
	struct record *record = *state;
	plan.test_deadman = false;
	record->tests = 0;
	record->proof = (struct record_proof){.wanted = true, .run = "r-1"};
	record->sessions = 1;
	record->session[0] = (struct record_session){
		.moved = true, .stop_verified = true, .proof = {.wanted = true, .why = "it was never tested"}};
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "stops it in session 1, as it was never tested");
	record->session[0].proof = (struct record_proof){.wanted = false}; /* as a file may leave it out */
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "stops it in session 1: let");
	strcpy(record->session[0].proof.run, "r-0");
	assert_verdict(record, OUTCOME_PASS, 0, "nearest");
	record->session[0].proof.run[0] = '\0';
	record->tests = 1;
	record->test[0] = (struct record_test){.name = "dead_man", .session = 1, .done = true, .outcome = OUTCOME_PASS};
	assert_verdict(record, OUTCOME_PASS, 0, "nearest");
	record->proof.run[0] = '\0'; /* and a test of then nothing of now */
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "stops it: let");
	record->proof.wanted = false; /* a pen that stops itself */
	assert_verdict(record, OUTCOME_PASS, 0, "nearest");
}

/* Neither passes nor fails by figures of which nobody knows whose they are. */
static void test_another_pen_in_the_clamp(void **state)
{
	struct record *record = *state;
	record->dut_said.wanted = true;
	snprintf(record->dut_said.after, sizeof(record->dut_said.after), "%s", record->dut);
	assert_verdict(record, OUTCOME_PASS, 0, "");
	strcpy(record->dut_said.after, "another");
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "whose results these are");
	measured(record, 1, 2);
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "whose results these are");
	strcpy(record->status_reason, "the pen stalled"); /* it ended before anybody was asked */
	assert_verdict(record, OUTCOME_FAIL, 1, "depth_mm");
	record->sessions = 1;
	record->test[record->tests] = record->test[0];
	record->test[record->tests++].session = 1;
	record->session[0].dut_said = (struct record_identity){.wanted = true}; /* it ended before anybody was asked */
	assert_verdict(record, OUTCOME_FAIL, 1, "depth_mm");
	strcpy(record->session[0].dut_said.after, "a third");
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "the operator read \"a third\"");
}

/* A point, by its number, of one attempt; cause: what the rig lost it to. */
static void attempt(struct record *record, unsigned number, unsigned nth, bool counts, const char *cause)
{
	struct record_point *p = record_add_point(record);

	assert_non_null(p);
	p->plan.number = number;
	p->attempt = nth;
	p->counts = counts;
	snprintf(p->rig_cause, sizeof(p->rig_cause), "%s", cause);
}

static void test_what_was_measured_again(void **state)
{
	struct record *record = record_new();
	char causes[VERDICT_CAUSES_MAX];

	(void)state;
	assert_non_null(record);
	attempt(record, 0, 1, false, "timing");
	attempt(record, 1, 1, true, "");
	assert_int_equal(verdict_measured_again(record), 0);
	assert_int_equal(verdict_retried(record, causes), 0);
	assert_string_equal(causes, "");
	attempt(record, 0, 2, true, "samples"); /* its own cause is none of an attempt before it */
	attempt(record, 2, 1, false, "");       /* of the operator, not of the rig */
	attempt(record, 2, 2, true, "");
	assert_int_equal(verdict_measured_again(record), 2);
	assert_int_equal(verdict_retried(record, causes), 1);
	assert_string_equal(causes, "timing");
	attempt(record, 3, 1, false, "timing");
	attempt(record, 3, 2, false, ""); /* superseded in its turn, and counted once */
	attempt(record, 3, 3, true, "");
	attempt(record, 4, 1, false, "device");
	attempt(record, 4, 2, true, "");
	assert_int_equal(verdict_measured_again(record), 4);
	assert_int_equal(verdict_retried(record, causes), 3);
	assert_string_equal(causes, "timing, device");
	attempt(record, 5, 1, false, "fifteen letters");
	attempt(record, 5, 2, true, "");
	attempt(record, 6, 1, false, "and others");
	attempt(record, 6, 2, true, "");
	assert_int_equal(verdict_retried(record, causes), 5);
	assert_string_equal(causes, "timing, device, fifteen letters"); /* what has no room is counted, never cut */
	record_free(record);
}

/* Points behind one that is missing stand for themselves alone. */
static void test_a_point_between_is_missed(void **state)
{
	struct record *record = *state;

	record->point[1].plan.number = 2;
	record->points_planned = 3;
	assert_verdict(record, OUTCOME_INCONCLUSIVE, 3, "point 2 of 3 was not measured");
}

static void test_what_has_no_verdict(void **state)
{
	struct record *record = *state;
	struct verdict_decided decided = {.finding = NULL};

	assert_verdict(record, OUTCOME_PASS, 0, "nearest to its limit");
	assert_true(verdict_accepted(record) && verdict_decided(record, &plan, &decided) && decided.finding);
	strcpy(record->origin.path, "x");
	assert_false(verdict_decided(record, &plan, &decided)); /* no figure of a recording decides */
	record->origin.path[0] = '\0';
	record->run_status = RUN_INTERNAL_ERROR;
	assert_int_equal(verdict_exit_code(record), 7);
	record->has_verdict = false;
	assert_string_equal(verdict_name(record), "none");
	assert_false(verdict_accepted(record) || verdict_decided(record, &plan, &decided));
	record->run_status = RUN_COMPLETE;
	assert_int_equal(verdict_exit_code(record), 3);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_on_the_statement_of_a_witness),
		T(test_a_statement_excuses_nothing),
		T(test_all_within),
		T(test_beyond),
		T(test_which_limit_decided),
		T(test_guard_band),
		T(test_untrusted_is_inconclusive),
		T(test_informative_has_no_weight),
		T(test_the_pen_does_not_judge_itself),
		T(test_what_is_missing_is_never_a_pass),
		T(test_a_point_that_lacks_something_as_a_whole),
		T(test_a_count_beside_a_measured_value),
		T(test_a_free_run_must_be_good),
		T(test_a_recording_is_no_supervised_run),
		T(test_a_test_is_never_a_conditional_pass_that_is_accepted),
		T(test_long_reasons),
		T(test_nothing_required_shows_nothing),
		T(test_only_the_counting_attempt),
		T(test_what_an_attempt_showed_stays),
		T(test_no_number_of_attempts_washes_a_failure_out),
		T(test_what_a_gap_makes_does_not_stay),
		T(test_what_a_fault_ended_stays),
		T(test_the_pen_s_own_troubles),
		T(test_a_timer_that_nobody_saw_trip),
		T(test_unverified_stop_is_no_pass),
		T(test_each_session_has_its_own_checks),
		T(test_devices_that_go_again_and_again),
		T(test_a_pen_that_ran_by_itself_fails),
		T(test_each_session_has_its_own_proof),
		T(test_another_pen_in_the_clamp),
		T(test_incomplete_runs),
		T(test_refused_runs),
		T(test_every_pair),
		T(test_without_a_plan_nothing_passes),
		T(test_the_risk_of_a_pass),
		T(test_what_was_measured_again),
		T(test_a_point_between_is_missed),
		T(test_what_has_no_verdict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
