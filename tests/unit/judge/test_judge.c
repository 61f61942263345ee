/* Which limit meets which result, what has met none, and what a point and a sweep come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "rig/judge/judge.h"
#include "rig/judge/sweeps.h"
#include "rig/judge/verdict.h"
#include "tests/unit/record/record_sample.h"

#define ROOM (sizeof(((struct record_point *)NULL)->result) / sizeof(struct finding))

struct desk {
	struct plan_step step;
	struct plan plan;
	struct record *record;
	struct record_point *point;
};

static int set_up(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));
	if (!d || !(d->record = record_new()) || !(d->point = record_add_point(d->record)))
		abort();
	d->plan.steps = 1;
	d->plan.step = &d->step;
	d->point->plan = (struct plan_point){.depth_mm = 1, .rate_hz = 100};
	*state = d;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *d = *state;
	record_free(d->record);
	free(d);
	return 0;
}

static struct limit limit_on(enum measurand id, double upper, bool required)
{
	const struct measurand_row *row = measurand_row(id);
	struct limit limit = {.id = id, .has_upper = true, .upper = upper, .guard_r = 1, .required = required};
	snprintf(limit.measurand, sizeof(limit.measurand), "%s", row->name);
	snprintf(limit.unit, sizeof(limit.unit), "%s", row->unit);
	return limit;
}

static void demand(struct desk *d, enum measurand id, double upper, bool required)
{
	d->plan.limit[d->plan.limits++] = limit_on(id, upper, required);
}

static struct finding *measure(struct desk *d, enum measurand id, const char *method, double value)
{
	struct finding *f = &d->point->result[d->point->results++];
	const struct measurand_row *row = measurand_row(id);
	sample_result(f, row->name, method, row->unit, value, 0.001);
	return f;
}

static void assert_point(struct desk *d, enum outcome outcome, const char *reason)
{
	judge_point(&d->plan, d->point, true);
	assert_string_equal(outcome_name(d->point->outcome), outcome_name(outcome));
	assert_string_equal(d->point->reason, reason);
}

static void set_unmoved(struct desk *d, const char *reason)
{
	snprintf(d->point->unmoved, sizeof(d->point->unmoved), "%s", reason);
}

static void set_still(struct desk *d, bool still)
{
	d->step.still = still;
}

/* ---- which limit meets which result ---- */

static void the_plan_s_method_is_judged_and_no_other(void **state)
{
	static const struct {
		enum measurand id;
		const char *method;
		bool nominal, displacement, judged;
	} trials[] = {
		{MEASURAND_STROKE_RATE, "realised", false, false, true},
		{MEASURAND_STROKE_RATE, "nominal", false, false, false},
		{MEASURAND_STROKE_RATE, "nominal", true, false, true},
		{MEASURAND_STROKE_RATE, "realised", true, false, false},
		{MEASURAND_DEPTH, "force_equivalent", false, false, true},
		{MEASURAND_DEPTH, "force_equivalent", false, true, false},
		{MEASURAND_DEPTH, "displacement", false, true, true},
		{MEASURAND_DEPTH, "force_equivalent_process", false, false, false},
		{MEASURAND_DEPTH, "", false, true, true},
		{MEASURAND_DEPTH, "x", false, false, false},
		{MEASURAND_PERIOD_JITTER, "random_walk", true, true, true},
	};
	struct desk *d = *state;
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		d->plan.limits = d->point->results = 0;
		d->plan.judge_nominal_rate = trials[i].nominal;
		d->plan.judge_displacement = trials[i].displacement;
		demand(d, trials[i].id, 200, false);
		const struct finding *f = measure(d, trials[i].id, trials[i].method, 1);
		judge_point(&d->plan, d->point, true);
		if (f->has_limit != trials[i].judged)
			fail_msg("trial %u", i);
	}
}

/* Unit 1 makes no count of it. */
static void a_ratio_is_judged_with_its_guard_band(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_CREST_FACTOR, 3, true);
	struct finding *f = measure(d, MEASURAND_CREST_FACTOR, "", 2.6);
	assert_point(d, OUTCOME_PASS, "");
	assert_string_equal(f->judgement.reason, "2.6000 is 0.40 below the upper limit of 3");
	f->result.value = 2.9985;
	assert_point(d, OUTCOME_CONDITIONAL_PASS, "");
	f->result.value = 3.1;
	assert_point(d, OUTCOME_FAIL, "");
}

static void another_measurand_s_limit_meets_nothing(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_DEPTH, 2, true);
	const struct finding *depth = measure(d, MEASURAND_DEPTH, "force_equivalent", 1);
	const struct finding *rate = measure(d, MEASURAND_STROKE_RATE, "realised", 100);
	d->point->result[2].has_limit = true; /* no result of this point */
	assert_point(d, OUTCOME_PASS, "");
	assert_true(d->point->result[2].has_limit);
	assert_true(depth->has_limit && depth->judgement.outcome == OUTCOME_PASS);
	assert_false(rate->has_limit);
	assert_int_equal(d->point->results, 2);
}

/* As a file of another version may leave it. */
static void a_name_without_a_row_is_never_judged(void **state)
{
	struct desk *d = *state;
	struct finding *f = measure(d, MEASURAND_NONE, "", 5);
	d->plan.limit[d->plan.limits++] = limit_on(MEASURAND_NONE, 1, true);
	strcpy(f->result.name, "loudness_db");
	judge_point(&d->plan, d->point, true);
	assert_false(f->has_limit);
	assert_int_equal(d->point->outcome, OUTCOME_INCONCLUSIVE);
}

static void what_was_met_before_is_forgotten(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_DEPTH, 0.5, true);
	const struct finding *depth = measure(d, MEASURAND_DEPTH, "force_equivalent", 1);
	judge_point(&d->plan, d->point, true);
	assert_int_equal(d->point->outcome, OUTCOME_FAIL);
	d->plan.limits = 0;
	demand(d, MEASURAND_STROKES, 0.5, false);
	assert_point(d, OUTCOME_PASS, "");
	assert_false(depth->has_limit);
}

/* ---- no pen that does not strike passes ---- */

static void what_does_not_strike_passes_nothing_but_may_fail(void **state)
{
	static const struct {
		enum measurand id;
		bool moved;
		double upper;
		enum outcome outcome;
	} trials[] = {
		{MEASURAND_STROKE_RATE, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_STROKE_RATE, false, 1.001, OUTCOME_INCONCLUSIVE}, /* by itself a conditional pass */
		{MEASURAND_STROKE_RATE, true, 200, OUTCOME_PASS},
		{MEASURAND_STROKE_RATE, false, 0.5, OUTCOME_FAIL},
		{MEASURAND_STROKE_RATE, false, 0.9995, OUTCOME_CONDITIONAL_FAIL},
		{MEASURAND_STROKE_RATE_ERROR, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_PERIOD_JITTER, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_MISSED_STROKES, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_DOUBLE_STROKES, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_STROKES, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_STROKES, false, 0.5, OUTCOME_FAIL},
		{MEASURAND_COAST_DOWN, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_SPIN_UP, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_DEPTH_MAX, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_PEAK_FORCE, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_CREST_FACTOR, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_IMPULSE, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_RATE_DROOP, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_HANDLE_TEMPERATURE, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_TEMPERATURE_RISE, false, 200, OUTCOME_INCONCLUSIVE},
		{MEASURAND_TEMPERATURE_RISE, false, 0.5, OUTCOME_FAIL},
		{MEASURAND_SEATING_FORCE, true, 200, OUTCOME_PASS},
		{MEASURAND_AMBIENT_TEMPERATURE, true, 200, OUTCOME_PASS},
	};
	set_still(*state, true); /* of what strikes it demands that no less */
	struct desk *d = *state;
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		d->plan.limits = d->point->results = 0;
		demand(d, trials[i].id, trials[i].upper, true);
		struct finding *f = measure(d, trials[i].id, "", 1);
		set_unmoved(d, trials[i].moved ? "" : "2 strokes seen");
		judge_point(&d->plan, d->point, true);
		if (f->judgement.outcome != trials[i].outcome || d->point->outcome != trials[i].outcome)
			fail_msg("trial %u: %s", i, outcome_name(f->judgement.outcome));
		bool said = strstr(f->judgement.reason, "2 strokes seen: a pen that does not strike") != NULL;
		assert_true(said == (trials[i].outcome == OUTCOME_INCONCLUSIVE));
	}
}

/* Seating force and room are as they should be, whether the pen works or not. */
static void a_pass_needs_a_measured_motion_unless_the_step_is_still(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_SEATING_FORCE, 2, true);
	const struct finding *f = measure(d, MEASURAND_SEATING_FORCE, "", 1);
	set_unmoved(d, "no strokes in the last 0.6 s of the measure window");
	assert_point(d, OUTCOME_INCONCLUSIVE,
		     "no pass without a measured motion: no strokes in the last 0.6 s of the measure window");
	assert_int_equal(f->judgement.outcome, OUTCOME_PASS);
	d->plan.limit[0].upper = 1.0005;
	assert_point(d, OUTCOME_INCONCLUSIVE,
		     "no pass without a measured motion: no strokes in the last 0.6 s of the measure window");
	set_still(d, true);
	assert_point(d, OUTCOME_CONDITIONAL_PASS, "");
	d->plan.limit[0].upper = 2;
	assert_point(d, OUTCOME_PASS, "");
	set_still(d, false);
	d->plan.limit[0].upper = 0.5;
	assert_point(d, OUTCOME_FAIL, "");
	strcpy(d->point->fault, "the cable fell out"); /* what was there before is said first */
	d->plan.limit[0].upper = 2;
	assert_point(d, OUTCOME_INCONCLUSIVE, "the cable fell out");
}

/* ---- what met nothing ---- */

static void a_required_limit_that_met_nothing_is_a_result(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_DEPTH, 2, true);
	demand(d, MEASURAND_PEAK_FORCE, 2, true);
	demand(d, MEASURAND_STROKES, 2, false);         /* not required */
	demand(d, MEASURAND_DEPTH_HYSTERESIS, 2, true); /* of a sweep */
	measure(d, MEASURAND_DEPTH, "force_equivalent", 1);
	assert_point(d, OUTCOME_INCONCLUSIVE, "peak_force_n: it is required and was not measured");
	assert_int_equal(d->point->results, 2);
	const struct finding *f = &d->point->result[1];
	assert_int_equal(f->result.id, MEASURAND_PEAK_FORCE);
	assert_string_equal(f->result.name, "peak_force_n");
	assert_string_equal(f->result.unit, "N");
	assert_true(f->has_limit && f->limit.required && f->limit.id == MEASURAND_PEAK_FORCE);
	assert_true(!f->result.valid && !f->result.trusted && isnan(f->result.value) && f->result.n == 0);
	assert_int_equal(f->judgement.outcome, OUTCOME_INCONCLUSIVE);
	assert_true(isnan(f->judgement.margin) && isnan(f->judgement.guard_band));
	assert_true(judge_is_unmet(f) && !judge_is_unmet(&d->point->result[0]));
	d->point->result[0].result.valid = false;
	strcpy(d->point->result[0].result.reason, "x"); /* that it could not be measured was found out */
	assert_false(judge_is_unmet(&d->point->result[0]));
}

/* Of two judged anew, one is met in the other's place. */
static void it_goes_with_the_limits_that_it_came_from(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_PEAK_FORCE, 2, true);
	demand(d, MEASURAND_SPIN_UP, 2, true);
	measure(d, MEASURAND_DEPTH, "force_equivalent", 1);
	judge_point(&d->plan, d->point, true);
	assert_int_equal(d->point->results, 3);
	judge_point(&d->plan, d->point, true);
	assert_int_equal(d->point->results, 3);
	d->plan.limits = 0;
	demand(d, MEASURAND_DEPTH, 2, true);
	assert_point(d, OUTCOME_PASS, "");
	assert_int_equal(d->point->results, 1);
}

static void a_point_without_results_says_so_as_a_whole(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_DEPTH, 2, true);
	strcpy(d->point->fault, "the cable fell out");
	judge_point(&d->plan, d->point, false);
	assert_int_equal(d->point->results, 0);
	assert_int_equal(d->point->outcome, OUTCOME_INCONCLUSIVE);
	assert_string_equal(d->point->reason, "the cable fell out");
	assert_false(d->point->measured);
	d->plan.limit[0].required = false; /* nothing required: still no pass */
	judge_point(&d->plan, d->point, false);
	assert_int_equal(d->point->outcome, OUTCOME_INCONCLUSIVE);
	d->point->fault[0] = '\0';
	measure(d, MEASURAND_DEPTH, "", 1)->limit.required = true;
	d->point->result[0].has_limit = true;
	d->point->result[0].judgement.outcome = OUTCOME_INCONCLUSIVE;
	d->point->results = 0; /* what stands behind its results is not its reason */
	judge_point(&d->plan, d->point, false);
	assert_string_equal(d->point->reason, "");
}

/* Where not one more finds room, what is missing weighs all the same, in the point and in the verdict. */
static void no_room_is_no_pass(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_PEAK_FORCE, 2, true);
	demand(d, MEASURAND_SPIN_UP, 2, true);
	while (d->point->results < ROOM - 1)
		measure(d, MEASURAND_STROKES, "", 3);
	judge_point(&d->plan, d->point, true);
	assert_int_equal(d->point->results, ROOM);
	assert_string_equal(d->point->result[ROOM - 1].result.name, "peak_force_n");
	d->point->results = 0;
	while (d->point->results < ROOM)
		measure(d, MEASURAND_STROKES, "", 3);
	assert_point(d, OUTCOME_INCONCLUSIVE, "");
	assert_int_equal(d->point->results, ROOM);
	d->point->counts = true;
	d->record->points_planned = 1;
	verdict_form(d->record, &d->plan);
	assert_int_equal(d->record->dut_verdict, OUTCOME_INCONCLUSIVE);
	assert_non_null(strstr(d->record->verdict_reason, "peak_force_n is required at point 1"));
	assert_non_null(strstr(d->record->verdict_reason, "(and 1 more)"));
}

static void the_verdict_names_it_as_it_names_any(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_PEAK_FORCE, 2, true);
	judge_point(&d->plan, d->point, true);
	d->point->counts = true;
	d->record->points_planned = 1;
	verdict_form(d->record, &d->plan);
	assert_string_equal(d->record->verdict_reason,
			    "peak_force_n is required at point 1 (1 mm, 100 Hz) and was not measured");
}

/* ---- the point ---- */

static void the_worst_required_one_decides(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_DEPTH, 2, true);
	demand(d, MEASURAND_SPIN_UP, 0.5, false);
	measure(d, MEASURAND_DEPTH, "force_equivalent", 1);
	measure(d, MEASURAND_SPIN_UP, "", 1);
	assert_point(d, OUTCOME_PASS, "");
	d->plan.limit[1].required = true;
	assert_point(d, OUTCOME_FAIL, "");
	d->point->result[0].result.trusted = false;
	strcpy(d->point->result[0].result.reason, "the sensor dozed");
	assert_point(d, OUTCOME_FAIL, "");
	d->plan.limit[1].upper = 2;
	assert_point(d, OUTCOME_INCONCLUSIVE, "depth_mm: the sensor dozed");
	strcpy(d->point->fault, "the cable fell out");
	assert_point(d, OUTCOME_INCONCLUSIVE, "the cable fell out");
}

/* The first that has weight, not one that is for information. */
static void the_reason_is_of_one_that_counts(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_SPIN_UP, 2, false);
	demand(d, MEASURAND_DEPTH, 2, true);
	demand(d, MEASURAND_STEADY_TEMPERATURE, 50, true);
	static const char *const why[] = {"of no weight", "first", "second"};
	measure(d, MEASURAND_SPIN_UP, "", 1);
	measure(d, MEASURAND_DEPTH, "force_equivalent", 1);
	measure(d, MEASURAND_STEADY_TEMPERATURE, "tip", 40);
	for (unsigned i = 0; i < 3; i++) {
		d->point->result[i].result.trusted = false;
		strcpy(d->point->result[i].result.reason, why[i]);
	}
	assert_point(d, OUTCOME_INCONCLUSIVE, "depth_mm: first");
	d->point->result[1].result.trusted = true;
	assert_point(d, OUTCOME_INCONCLUSIVE, "steady_temperature_c (tip): second");
}

static void a_fault_leaves_no_pass(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_DEPTH, 2, true);
	measure(d, MEASURAND_DEPTH, "force_equivalent", 1);
	strcpy(d->point->fault, "the cable fell out");
	assert_point(d, OUTCOME_INCONCLUSIVE, "the cable fell out");
	assert_false(d->point->measured);
	d->plan.limit[0].upper = 0.5; /* what is proven stays */
	assert_point(d, OUTCOME_FAIL, "the cable fell out");
}

static void a_free_run_is_only_to_be_trusted(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_DEPTH, 2, true);
	d->point->plan.phantom = PHANTOM_NONE;
	struct finding *rate = measure(d, MEASURAND_FREE_RATE, "displacement", 120);
	assert_point(d, OUTCOME_PASS, "");
	assert_true(d->point->measured && d->point->results == 1);
	rate->result.trusted = false;
	strcpy(rate->result.reason, "the needles touched something");
	assert_point(d, OUTCOME_INCONCLUSIVE, "free run: the needles touched something");
	rate->result.trusted = true;
	rate->result.valid = false;
	assert_point(d, OUTCOME_INCONCLUSIVE, "free run: the needles touched something");
	rate->result.valid = true;
	strcpy(d->point->fault, "x");
	assert_point(d, OUTCOME_INCONCLUSIVE, "x");
	assert_false(d->point->measured);
	d->point->fault[0] = '\0';
	judge_point(&d->plan, d->point, false);
	assert_int_equal(d->point->outcome, OUTCOME_INCONCLUSIVE);
	assert_false(d->point->measured);
	d->point->results = 0;
	assert_point(d, OUTCOME_INCONCLUSIVE, "");
}

/* The rig lost a point only where nothing but samples that are missing stands between it and its judgement. */
static void what_samples_alone_leave_open(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_DEPTH, 2, true);
	demand(d, MEASURAND_HANDLE_TEMPERATURE, 40, true);
	demand(d, MEASURAND_STROKE_RATE, 200, false);
	struct finding *depth = measure(d, MEASURAND_DEPTH, "force_equivalent", 1);
	struct finding *heat = measure(d, MEASURAND_HANDLE_TEMPERATURE, "", 30);
	struct finding *rate = measure(d, MEASURAND_STROKE_RATE, "realised", 100);
	assert_point(d, OUTCOME_PASS, "");
	assert_false(judge_lacks_samples(d->point));
	depth->result.trusted = false;
	depth->result.lacks = true;
	judge_point(&d->plan, d->point, true);
	assert_true(judge_lacks_samples(d->point));
	rate->result.trusted = false; /* has no weight */
	judge_point(&d->plan, d->point, true);
	assert_true(judge_lacks_samples(d->point));
	strcpy(d->point->unmoved, "no strokes");
	assert_false(judge_lacks_samples(d->point));
	d->point->unmoved[0] = '\0';
	heat->result.trusted = false;
	judge_point(&d->plan, d->point, true);
	assert_false(judge_lacks_samples(d->point));
	heat->result.trusted = true;
	depth->result.lacks = false; /* whatever else was lost */
	judge_point(&d->plan, d->point, true);
	assert_false(judge_lacks_samples(d->point));
}

static void labels_name_the_part_where_there_are_several(void **state)
{
	static const struct {
		enum measurand id;
		const char *method, *label;
	} trials[] = {
		{MEASURAND_TEMPERATURE_RISE, "tip", "temperature_rise_k (tip)"},
		{MEASURAND_TEMPERATURE_RISE, "x", "temperature_rise_k (x)"},
		{MEASURAND_TEMPERATURE_RISE, "", "temperature_rise_k"},
		{MEASURAND_DEPTH, "displacement", "depth_mm"},
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		struct result r = {.value = 1};
		char label[JUDGE_LABEL_MAX];
		result_name(&r, trials[i].id, trials[i].method);
		judge_label(&r, label, sizeof(label));
		assert_string_equal(label, trials[i].label);
	}
}

static void the_last_attempt_is_the_one_that_counts(void **state)
{
	static const unsigned numbers[] = {0, 1, 1, 1};
	struct desk *d = *state;
	for (unsigned i = 1; i < 4; i++)
		d->point = record_add_point(d->record);
	for (unsigned i = 0; i < 4; i++) {
		d->record->point[i].plan.number = numbers[i];
		d->record->point[i].counts = i != 2;
	}
	judge_supersede(d->record, 2);
	assert_true(d->record->point[0].counts && d->record->point[2].counts);
	assert_false(d->record->point[1].counts);
	assert_true(d->record->point[3].counts); /* what comes later is none of its business */
}

/* Rows of one point: the first failed, what is measured after it does not take its place, nor does a later failure. */
static void an_attempt_that_failed_counts_for_good(void **state)
{
	static const enum outcome outcomes[] = {OUTCOME_INCONCLUSIVE, OUTCOME_FAIL, OUTCOME_PASS, OUTCOME_FAIL};
	struct desk *d = *state;

	for (unsigned i = 1; i < 4; i++)
		d->point = record_add_point(d->record);
	for (unsigned i = 0; i < 4; i++) {
		d->record->point[i].plan.number = 0;
		d->record->point[i].outcome = outcomes[i];
		judge_supersede(d->record, i);
		for (unsigned k = 0; k <= i; k++)
			assert_int_equal(d->record->point[k].counts, k == (i == 0 ? 0 : 1));
	}
}

/* ---- sweeps ---- */

#define DEPTHS 4

/* Up over 0.5, 1, 1.5, 2 mm, then down. */
static void visit(struct desk *d, struct plan_point points[2 * DEPTHS])
{
	d->record->points = 0;
	for (unsigned i = 0; i < 2 * DEPTHS; i++) {
		bool up = i < DEPTHS;
		double depth_mm = 0.5 * (up ? i + 1 : 2 * DEPTHS - i);
		points[i] = (struct plan_point){.number = i, .depth_mm = depth_mm, .rate_hz = 100, .upward = up};
		d->point = record_add_point(d->record);
		d->point->plan = points[i];
		d->point->counts = d->point->measured = true;
		measure(d, MEASURAND_DEPTH, "displacement", depth_mm + 0.2);
		measure(d, MEASURAND_DEPTH, "force_equivalent", depth_mm + (up ? 0.01 : 0));
	}
}

static const struct record_sweep *collect(struct desk *d, const struct plan_point *points, unsigned count)
{
	d->record->sweeps = 0;
	sweeps_collect(d->record, &d->plan, points, count);
	return d->record->sweep;
}

static void assert_sweep(struct desk *d, const struct plan_point *points, bool trusted, const char *reason)
{
	const struct record_sweep *sweep = collect(d, points, 2 * DEPTHS);
	assert_int_equal(d->record->sweeps, 1);
	assert_int_equal(sweep->results, 2);
	for (unsigned i = 0; i < 2; i++) {
		const struct finding *f = &sweep->result[i];
		assert_true(f->result.trusted == trusted && f->has_limit);
		assert_string_equal(f->result.reason, reason);
		assert_int_equal(f->judgement.outcome, trusted ? OUTCOME_PASS : OUTCOME_INCONCLUSIVE);
	}
}

static void a_sweep_with_gaps_is_not_trusted(void **state)
{
	struct desk *d = *state;
	struct plan_point points[2 * DEPTHS];
	demand(d, MEASURAND_DEPTH_LINEARITY, 1, true);
	demand(d, MEASURAND_DEPTH_HYSTERESIS, 1, true);
	visit(d, points);
	assert_sweep(d, points, true, "");
	const struct result *hysteresis =
		&d->record->sweep[0].result[1].result; /* of 0.01 mm seen, some may be noise */
	assert_true(hysteresis->value <= 0.01 && hysteresis->value + hysteresis->expanded_u > 0.01);
	d->record->point[2].result[1].result.valid = false;
	assert_sweep(d, points, false, "depths of the sweep that could not be measured: 1");
	d->record->point[5].results = 1; /* without a depth by the method that is judged */
	assert_sweep(d, points, false, "depths of the sweep that could not be measured: 2");
	visit(d, points);
	d->record->point[2].result[1].result.trusted = false;
	assert_sweep(d, points, false, "a depth of the sweep is not trusted");
	d->record->point[3].result[1].result.valid = false; /* the first reason stays */
	assert_sweep(d, points, false, "a depth of the sweep is not trusted");
	visit(d, points);
	d->record->point[2].result[1].result.valid = false;
	d->record->point[2].counts = false; /* an attempt that was superseded leaves no gap */
	assert_sweep(d, points, true, "");
}

static void sweeps_go_by_step_phantom_and_rate(void **state)
{
	struct desk *d = *state;
	struct plan_point points[2 * DEPTHS];
	visit(d, points);
	d->record->point[1].plan.rate_hz = points[1].rate_hz = 120;
	d->record->point[2].plan.phantom = points[2].phantom = 1;
	points[3].phantom = PHANTOM_NONE;
	const struct record_sweep *sweep = collect(d, points, 2 * DEPTHS);
	assert_int_equal(d->record->sweeps, 3);
	assert_true(sweep[0].rate_hz == 100 && sweep[0].phantom == 0 && sweep[0].result[0].result.n == 6);
	assert_true(sweep[1].rate_hz == 120 && sweep[1].phantom == 0 && !sweep[1].result[0].result.valid);
	assert_true(sweep[2].rate_hz == 100 && sweep[2].phantom == 1);
	sweeps_collect(d->record, &d->plan, points, 2 * DEPTHS); /* those that it has stay */
	assert_int_equal(d->record->sweeps, 3);
	d->plan.judge_displacement = true;
	sweep = collect(d, points, 1);
	assert_int_equal(d->record->sweeps, 1);
	assert_true(sweep->result[1].result.value < 1e-9);
}

/* Of a sweep's own limits, as far as there is room. */
static void what_a_sweep_does_not_show_is_a_result_of_it(void **state)
{
	struct desk *d = *state;
	struct record_sweep *sweep = record_add_sweep(d->record);
	demand(d, MEASURAND_DEPTH, 1, true);
	demand(d, MEASURAND_DEPTH_LINEARITY, 1, true);
	demand(d, MEASURAND_DEPTH_HYSTERESIS, 1, true);
	sample_result(&sweep->result[0], "depth_linearity_mm", "", "mm", 0.1, 0.001);
	sweep->results = 1;
	judge_sweep(&d->plan, sweep);
	assert_int_equal(sweep->results, 2);
	assert_int_equal(sweep->result[0].judgement.outcome, OUTCOME_PASS);
	assert_int_equal(sweep->result[1].result.id, MEASURAND_DEPTH_HYSTERESIS);
	assert_true(judge_is_unmet(&sweep->result[1]));
	sample_result(&sweep->result[1], "depth_linearity_mm", "", "mm", 0.1, 0.001);
	judge_sweep(&d->plan, sweep);
	assert_int_equal(sweep->results, 2);
	assert_int_equal(sweep->result[1].result.id, MEASURAND_DEPTH_LINEARITY);
}

/* The limit of a sweep meets a sweep's result: one that does not stand is missing at each of its points. */
static void a_sweep_that_does_not_stand_is_missed(void **state)
{
	struct desk *d = *state;
	struct plan_point points[2 * DEPTHS];
	demand(d, MEASURAND_DEPTH_HYSTERESIS, 1, true);
	visit(d, points);
	d->record->points_planned = 2 * DEPTHS;
	d->record->moved = d->record->stop_verified = true;
	collect(d, points, 2 * DEPTHS);
	verdict_form(d->record, &d->plan);
	assert_int_equal(d->record->dut_verdict, OUTCOME_PASS);
	d->record->sweep[0].rate_hz = 120;
	verdict_form(d->record, &d->plan);
	assert_int_equal(d->record->dut_verdict, OUTCOME_INCONCLUSIVE);
	assert_string_equal(d->record->verdict_reason, "depth_hysteresis_mm is required at point 1 (0.5 mm, 100 Hz) "
						       "and was not measured (and 7 more)");
}

static void tell_process(struct desk *d, unsigned step, enum measurand id, double mean, double sd)
{
	struct process *list = step ? d->step.process : d->plan.process;
	unsigned *count = step ? &d->step.processes : &d->plan.processes;
	struct process *p = &list[(*count)++];
	*p = (struct process){.id = id, .prior = {PRIOR_NORMAL, mean, sd}, .consumer_risk = NAN};
}

static void without_a_process_no_production_is_weighed(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_DEPTH, 1.1, true);
	struct finding *f = measure(d, MEASURAND_DEPTH, "force_equivalent", 1.05);
	f->has_process = true; /* what it met before is forgotten */
	judge_point(&d->plan, d->point, true);
	assert_true(f->has_limit && !f->has_process);
	tell_process(d, 0, MEASURAND_PEAK_FORCE, 1, 1);
	judge_point(&d->plan, d->point, true);
	assert_false(f->has_process);
}

/* As JCGM 106 has it, with the guard band taken off the limit. */
static void a_process_gives_the_global_risks(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_DEPTH, 1.1, true);
	tell_process(d, 0, MEASURAND_DEPTH, 1.0, 0.04);
	struct finding *f = measure(d, MEASURAND_DEPTH, "force_equivalent", 1.05);
	f->result.u = 0.02;
	f->result.dof = INFINITY;
	f->result.expanded_u = 0.04;
	judge_point(&d->plan, d->point, true);
	const struct prior prior = {PRIOR_NORMAL, 1.0, 0.04};
	const struct band tolerance = {-INFINITY, 1.1}, guarded = {-INFINITY, 1.1 - 0.04};
	const struct measuring measuring = {0.02, INFINITY};
	struct global_risk risk;
	global_risk(&prior, &tolerance, &guarded, &measuring, &risk);
	assert_true(f->has_process);
	assert_true(f->process.risk.consumer == risk.consumer && f->process.risk.producer == risk.producer);
	assert_true(f->process.risk.conforming == risk.conforming && risk.consumer < 1e-3);
	assert_true(isnan(f->process.acceptance.upper) && isnan(f->process.consumer_risk));

	d->plan.limit[0].accept_conditional = true; /* what is between is accepted, too */
	global_risk(&prior, &tolerance, &tolerance, &measuring, &risk);
	judge_point(&d->plan, d->point, true);
	assert_true(f->process.risk.consumer == risk.consumer && f->process.risk.producer == risk.producer);

	d->plan.process[0].consumer_risk = 1e-5;
	judge_point(&d->plan, d->point, true);
	struct band wanted = acceptance_for(&prior, &tolerance, &measuring, 1e-5);
	assert_true(f->process.acceptance.upper == wanted.upper && f->process.acceptance.lower == -INFINITY);
	assert_true(wanted.upper < 1.1);

	tell_process(d, 1, MEASURAND_DEPTH, 1.02, 0.04); /* the step's own goes before the plan's */
	judge_point(&d->plan, d->point, true);
	assert_true(f->process.prior.mean == 1.02);
}

static void what_cannot_be_judged_tells_nothing_of_a_production(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_DEPTH, 1.1, true);
	tell_process(d, 0, MEASURAND_DEPTH, 1.0, 0.04);
	struct finding *f = measure(d, MEASURAND_DEPTH, "force_equivalent", 1.05);
	f->result.trusted = false;
	judge_point(&d->plan, d->point, true);
	assert_true(f->has_limit && !f->has_process);
}

static void a_lower_limit_and_a_sweep_are_weighed_too(void **state)
{
	struct desk *d = *state;
	demand(d, MEASURAND_DEPTH_LINEARITY, 0.05, true);
	d->plan.limit[0].has_lower = true;
	d->plan.limit[0].lower = -0.03;
	tell_process(d, 0, MEASURAND_DEPTH_LINEARITY, 0.01, 0.02);
	struct record_sweep sweep = {.results = 1};
	sample_result(&sweep.result[0], "depth_linearity_mm", "", "mm", 0.01, 0.001);
	judge_sweep(&d->plan, &sweep);
	assert_true(sweep.result[0].has_process);
	double conforming = sweep.result[0].process.risk.conforming;
	assert_true(fabs(conforming - erf(2 / M_SQRT2)) < 1e-9);
	double w = sweep.result[0].judgement.guard_band;
	const struct band tolerance = {-0.03, 0.05}, guarded = {-0.03 + w, 0.05 - w};
	const struct measuring measuring = {sweep.result[0].result.u, sweep.result[0].result.dof};
	struct global_risk risk;
	global_risk(&d->plan.process[0].prior, &tolerance, &guarded, &measuring, &risk);
	assert_true(w > 0 && sweep.result[0].process.risk.producer == risk.producer);
	assert_true(sweep.result[0].process.risk.producer > 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(the_plan_s_method_is_judged_and_no_other),
		T(a_ratio_is_judged_with_its_guard_band),
		T(another_measurand_s_limit_meets_nothing),
		T(a_name_without_a_row_is_never_judged),
		T(what_was_met_before_is_forgotten),
		T(what_does_not_strike_passes_nothing_but_may_fail),
		T(a_pass_needs_a_measured_motion_unless_the_step_is_still),
		T(a_required_limit_that_met_nothing_is_a_result),
		T(it_goes_with_the_limits_that_it_came_from),
		T(a_point_without_results_says_so_as_a_whole),
		T(no_room_is_no_pass),
		T(the_verdict_names_it_as_it_names_any),
		T(the_worst_required_one_decides),
		T(the_reason_is_of_one_that_counts),
		T(a_fault_leaves_no_pass),
		T(a_free_run_is_only_to_be_trusted),
		T(what_samples_alone_leave_open),
		T(labels_name_the_part_where_there_are_several),
		T(the_last_attempt_is_the_one_that_counts),
		T(an_attempt_that_failed_counts_for_good),
		T(a_sweep_with_gaps_is_not_trusted),
		T(sweeps_go_by_step_phantom_and_rate),
		T(what_a_sweep_does_not_show_is_a_result_of_it),
		T(a_sweep_that_does_not_stand_is_missed),
		T(without_a_process_no_production_is_weighed),
		T(a_process_gives_the_global_risks),
		T(what_cannot_be_judged_tells_nothing_of_a_production),
		T(a_lower_limit_and_a_sweep_are_weighed_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
