/* What a run stored against what is derived again: new results are none of its differences, everything else is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "rig/offline/replay_compare.h"
#include "tests/unit/record/record_sample.h"

struct pair {
	struct record *record; /* as stored */
	struct record_point again;
	struct record_sweep sweep_again;
	struct replay_summary summary;
	char said[600];
	unsigned changes;
	char changed[1000]; /* "stored|again of point or sweep N", one behind the other */
};

static void hear_change(void *ctx, const struct replay_change *change)
{
	struct pair *pair = ctx;
	size_t at = strlen(pair->changed);
	pair->changes++;
	snprintf(pair->changed + at, sizeof(pair->changed) - at, "%s %s|%s %s of %s %u; ",
		 change->stored ? change->stored->result.name : "none",
		 change->stored ? change->stored->result.method : "",
		 change->again ? change->again->result.name : "none", change->again ? change->again->result.method : "",
		 change->point ? "point" : "sweep", change->point ? change->point->plan.number : change->sweep);
}

static void hear(void *ctx, const char *text)
{
	struct pair *pair = ctx;
	snprintf(pair->said, sizeof(pair->said), "%s", text);
}

static int set_up(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	if (!pair)
		abort();
	pair->record = sample_record("/tmp", "r");
	pair->again = pair->record->point[0];
	pair->sweep_again = pair->record->sweep[0];
	*state = pair;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *pair = *state;
	record_free(pair->record);
	free(pair);
	return 0;
}

static void compare(struct pair *pair)
{
	struct differences d = {.summary = &pair->summary,
				.listener = {.difference = hear, .changed = hear_change, .ctx = pair}};
	struct err err = {0};
	pair->summary = (struct replay_summary){.points = 0};
	pair->said[0] = pair->changed[0] = '\0';
	pair->changes = 0;
	differences_know(&d, pair->record);
	assert_int_equal(compare_point(&d, &pair->record->point[0], &pair->again, &err), 0);
	assert_int_equal(compare_sweep(&d, 0, &pair->record->sweep[0], &pair->sweep_again, &err), 0);
}

/* Something in front of the second result, as a newer program may put it. */
static struct finding *insert(struct record_point *point, const char *name, const char *unit)
{
	memmove(&point->result[2], &point->result[1], (point->results - 1) * sizeof(point->result[0]));
	point->results++;
	sample_result(&point->result[1], name, "", unit, 0.75, 0.01);
	return &point->result[1];
}

static void assert_differs(struct pair *pair, unsigned differences, const char *said)
{
	compare(pair);
	assert_int_equal(pair->summary.differences, differences);
	assert_int_equal(pair->summary.beyond, differences);
	if (!strstr(pair->said, said))
		fail_msg("\"%s\" is not \"%s\"", pair->said, said);
}

static void the_same_is_the_same(void **state)
{
	struct pair *pair = *state;
	assert_differs(pair, 0, "");
	assert_int_equal(pair->summary.results, 6);
	for (unsigned i = 0; i < MEASURANDS; i++)
		assert_false(pair->summary.added[i]);
}

static void what_the_file_does_not_know_is_new(void **state)
{
	struct pair *pair = *state;
	insert(&pair->again, "peak_force_n", "N");
	sample_result(&pair->sweep_again.result[1], "depth_hysteresis_mm", "", "mm", 0.003, 0.001);
	pair->sweep_again.results = 2;
	assert_differs(pair, 0, "");
	assert_int_equal(pair->summary.results, 6);
	for (unsigned i = 0; i < MEASURANDS; i++)
		assert_true(pair->summary.added[i] == (i == MEASURAND_PEAK_FORCE || i == MEASURAND_DEPTH_HYSTERESIS));
	assert_int_equal(pair->again.results, 6); /* it stands, to be judged by other limits */
	assert_int_equal(pair->again.result[1].result.id, MEASURAND_PEAK_FORCE);
}

static void what_the_file_knows_elsewhere_is_missing_here(void **state)
{
	struct pair *pair = *state;
	insert(&pair->record->point[1], "peak_force_n", "N");
	insert(&pair->again, "peak_force_n", "N");
	compare(pair);
	assert_true(pair->summary.differences > 0 && !pair->summary.added[MEASURAND_PEAK_FORCE]);
	assert_non_null(strstr(pair->summary.first, "the number of results"));
}

static void a_result_that_is_not_derived_again_is_missed(void **state)
{
	struct pair *pair = *state;
	pair->again.results--;
	assert_differs(pair, 1, "the number of results is 5 in the file and 4 derived again");
	insert(&pair->again, "peak_force_n", "N"); /* no number makes up for it */
	assert_differs(pair, 1, "the number of results is 5 in the file and 4 derived again");
}

static void a_name_of_another_version_is_missed(void **state)
{
	struct pair *pair = *state;
	sample_result(&pair->record->point[0].result[5], "loudness_db", "", "dB", 70, 1);
	pair->record->point[0].results = 6;
	assert_differs(pair, 1, "the number of results is 6 in the file and 5 derived again");
}

static void what_differs_beside_a_new_one_differs(void **state)
{
	struct pair *pair = *state;
	insert(&pair->again, "peak_force_n", "N");
	pair->again.result[2].result.value = nextafter(pair->again.result[2].result.value, 0);
	compare(pair);
	assert_int_equal(pair->summary.differences, 1);
	assert_int_equal(pair->summary.beyond, 0); /* a rounding */
	assert_non_null(strstr(pair->said, "stroke_rate_hz realised: value"));
	pair->again.result[2].result.value = pair->record->point[0].result[1].result.value;
	pair->again.result[2].result.budget[1].correlation = 2; /* nobody looks at it by itself */
	assert_differs(pair, 1, "not stored as it is derived again");
}

/* As another class of processor rounds, relative or, near nothing, absolute; and what no rounding makes. */
static void roundings_are_told_apart(void **state)
{
	static const struct {
		double stored, again;
		unsigned differences, beyond;
	} trials[] = {
		{1e6, 1e6 * (1 + 0.9e-7), 1, 0},
		{1e6 * (1 + 0.9e-7), 1e6, 1, 0},
		{1e6, 1e6 * (1 + 1.1e-7), 1, 1},
		{1e-6, 1e-6 + 0.9e-12, 1, 0},
		{0, 0.9e-12, 1, 0},
		{0, 1.1e-12, 1, 1},
		{NAN, 1, 1, 1},
		{1, NAN, 1, 1},
		{NAN, NAN, 0, 0},
	};
	struct pair *pair = *state;
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		pair->record->point[0].result[3].result.value = trials[i].stored;
		pair->again.result[3].result.value = trials[i].again;
		compare(pair);
		if (pair->summary.differences != trials[i].differences || pair->summary.beyond != trials[i].beyond)
			fail_msg("trial %u: %u differences, %u beyond", i, pair->summary.differences,
				 pair->summary.beyond);
	}
	strcpy(pair->again.result[3].result.reason, "another one");
	assert_differs(pair, 1, "reason is \"no channel shows the free rate\" in the file and \"another one\"");
}

static void a_sweep_that_differs_is_told(void **state)
{
	struct pair *pair = *state;
	pair->sweep_again.result[0].result.value = 0.004;
	assert_differs(pair, 1, "sweep 1 depth_linearity_mm : value");
}

/* Of a sweep no text is compared: each member must be. */
static void each_member_of_a_result_is_compared(void **state)
{
	struct pair *pair = *state;
	const struct record_sweep good = pair->sweep_again;
	struct finding *f = &pair->sweep_again.result[0];
	struct result *r = &f->result;
	static const char *const said[] = {
		"method",          "standard uncertainty", "degrees of freedom",
		"coverage factor", "expanded uncertainty", ": n is 2400",
		"valid is",        "trusted is",           "reason",
		"budget lines",    "budget: calibration",  "outcome",
		"margin",
	};
	for (unsigned i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		pair->sweep_again = good;
		switch (i) {
		case 0: strcpy(r->method, "displacement"); break;
		case 1: r->u *= 2; break;
		case 2: r->dof += 1; break;
		case 3: r->k *= 2; break;
		case 4: r->expanded_u *= 2; break;
		case 5: r->n++; break;
		case 6: r->valid = false; break;
		case 7: r->trusted = false; break;
		case 8: strcpy(r->reason, "none"); break;
		case 9: r->budget_lines--; break;
		case 10: r->budget[1].u *= 2; break;
		case 11: f->judgement.outcome = OUTCOME_FAIL; break;
		case 12: f->judgement.margin *= 2; break;
		}
		assert_differs(pair, 1, said[i]);
	}
	pair->sweep_again = good;
	result_name(r, MEASURAND_DEPTH, ""); /* known to the file, at another place */
	assert_differs(pair, 1, "the name of a result is \"depth_linearity_mm\" in the file and \"depth_mm\"");
}

static void each_member_of_a_point_is_named(void **state)
{
	struct pair *pair = *state;
	const struct record_point good = pair->again;
	static const char *const said[] = {"the first sample of a phase",
					   "the place of a command",
					   "the last sample",
					   "measured",
					   "outcome",
					   "reason"};
	for (unsigned i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		pair->again = good;
		switch (i) {
		case 0: pair->again.phase_index[POINT_COAST]++; break;
		case 1: pair->again.command_index[POINT_SPIN_UP] += 0.5; break;
		case 2: pair->again.end_index++; break;
		case 3: pair->again.measured = false; break;
		case 4: pair->again.outcome = OUTCOME_FAIL; break;
		case 5: strcpy(pair->again.reason, "none"); break;
		}
		assert_differs(pair, 1, said[i]);
	}
}

static void nothing_is_new_to_a_file_without_results(void **state)
{
	struct pair *pair = *state;
	pair->record->point[0].results = pair->record->point[1].results = pair->record->sweep[0].results = 0;
	assert_differs(pair, 2, "sweep 1: the number of results is 0 in the file and 1 derived again");
	assert_non_null(strstr(pair->summary.first, "the number of results is 0 in the file and 5 derived again"));
	for (unsigned i = 0; i < MEASURANDS; i++)
		assert_false(pair->summary.added[i]);
}

static void by_this_method_no_result_is_matched(void **state)
{
	struct pair *pair = *state;
	pair->again.result[0].result.value += 1e-3;
	compare(pair);
	assert_true(pair->summary.differences > 0);
	assert_int_equal(pair->changes + pair->summary.changed + pair->summary.in_results, 0);
}

static void another_method_has_its_own_results(void **state)
{
	struct pair *pair = *state;
	pair->record->method = METHOD_VERSION + 1;
	compare(pair);
	assert_int_equal(pair->summary.differences + pair->changes, 0);

	pair->again.result[1].result.value += 1e-3; /* same place, other value */
	memmove(&pair->again.result[0], &pair->again.result[1], 4 * sizeof(pair->again.result[0]));
	pair->again.results = 4; /* the first one is gone, all others stand elsewhere */
	sample_result(&pair->again.result[4], "depth_mm", "displacement", "mm", 0.5, 0.004);
	pair->again.results = 5;
	pair->sweep_again.result[0].result.u *= 2;
	compare(pair);
	assert_string_equal(pair->changed, "depth_mm force_equivalent|none  of point 0; "
					   "stroke_rate_hz realised|stroke_rate_hz realised of point 0; "
					   "none |depth_mm displacement of point 0; "
					   "depth_linearity_mm |depth_linearity_mm  of sweep 0; ");
	assert_int_equal(pair->summary.changed, 4);
	assert_int_equal(pair->summary.in_results, pair->summary.differences);
	pair->again.end_index++;
	compare(pair);
	assert_int_equal(pair->summary.in_results + 1, pair->summary.differences);
}

static void what_stands_once_goes_by_any_method(void **state)
{
	struct pair *pair = *state;
	pair->record->method = METHOD_VERSION + 1;
	strcpy(pair->again.result[4].result.method, "rise_plus_rated_ambient");
	compare(pair);
	assert_string_equal(pair->changed,
			    "handle_temperature_c |handle_temperature_c rise_plus_rated_ambient of point 0; ");
}

/* Of a measurand with parts, and of one that nothing is known of, the method tells which is which. */
static void what_stands_several_times_goes_by_its_method(void **state)
{
	struct pair *pair = *state;
	pair->record->method = METHOD_VERSION + 1;
	struct record_point *stored = &pair->record->point[0];
	sample_result(&stored->result[5], "temperature_rise_k", "handle", "K", 3, 0.1);
	sample_result(&stored->result[6], "temperature_rise_k", "tip", "K", 2, 0.1);
	sample_result(&stored->result[7], "of_another_version", "a", "N", 3, 0.1);
	sample_result(&stored->result[8], "of_another_version", "b", "N", 2, 0.1);
	stored->results = 9;
	pair->again = *stored;
	pair->again.result[6].result.value += 1;
	pair->again.result[8].result.value += 1;
	compare(pair);
	assert_string_equal(pair->changed, "temperature_rise_k tip|temperature_rise_k tip of point 0; "
					   "of_another_version b|of_another_version b of point 0; ");
}

/* What a file has of a budget's inputs is held against; what it had no name for yet is none of its differences. */
static void an_input_that_the_file_does_not_know(void **state)
{
	struct pair *pair = *state;
	struct record_point *stored = &pair->record->point[0], *again = &pair->again;

	stored->inputs = again->inputs = budget_input_add(stored->input, 0, "sensor", "K", 0.06);
	stored->inputs = budget_input_add(stored->input, 1, "step", "K", 0.08);
	again->inputs = budget_input_add(again->input, 0, "sensor", "K", 0.06);
	again->inputs = budget_input_add(again->input, 1, "fit_end", "K", 8.9);
	again->inputs = budget_input_add(again->input, 2, "step", "K", 0.08);
	compare(pair);
	assert_int_equal(pair->summary.differences, 0);
	assert_int_equal(again->inputs, 3); /* it is told all the same */
	again->input[2].value = 0.09;
	assert_differs(pair, 1, "input step is");
	again->inputs = 2; /* one that the file has is gone */
	assert_differs(pair, 1, "inputs of budgets is 2 in the file and 1 derived again");
	stored->inputs = 0;
	assert_differs(pair, 1, "inputs of budgets is 0 in the file and 2 derived again");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(the_same_is_the_same),
		T(an_input_that_the_file_does_not_know),
		T(what_the_file_does_not_know_is_new),
		T(what_the_file_knows_elsewhere_is_missing_here),
		T(a_result_that_is_not_derived_again_is_missed),
		T(a_name_of_another_version_is_missed),
		T(what_differs_beside_a_new_one_differs),
		T(roundings_are_told_apart),
		T(a_sweep_that_differs_is_told),
		T(each_member_of_a_result_is_compared),
		T(each_member_of_a_point_is_named),
		T(nothing_is_new_to_a_file_without_results),
		T(by_this_method_no_result_is_matched),
		T(another_method_has_its_own_results),
		T(what_stands_once_goes_by_any_method),
		T(what_stands_several_times_goes_by_its_method),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
