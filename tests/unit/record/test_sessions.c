/* A run that goes on with another: what it takes over, where it begins, and when it may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "rig/record/record_json.h"
#include "rig/record/sessions.h"
#include "tests/unit/record/record_sample.h"

static struct plan_step step = {.attempts = 2};
static const struct plan plan = {.steps = 1, .step = &step};
static const char head[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/* Two points of four, of which the second was interrupted. */
static int set_up(void **state)
{
	struct record *r = record_new();

	snprintf(r->name, sizeof(r->name), "one");
	snprintf(r->started_utc, sizeof(r->started_utc), "2026-06-01T09:00:00.000Z");
	r->run_status = RUN_INTERRUPTED;
	r->moved = r->stop_verified = true;
	r->proof = (struct record_proof){.wanted = true, .run = "zero", .utc = "2026-05-31", .why = "why"};
	r->dut_said = (struct record_identity){.wanted = true, .before = "PEN"};
	r->points_planned = 4;
	sample_point(r, 0, 0.5, 0.5);
	sample_point(r, 1, 1.0, 1.0);
	r->point[0].collected = true;
	r->point[1].measured = false;
	r->tests = r->conditions = 1;
	r->test[0] = (struct record_test){.name = "dead_man", .done = true};
	r->condition[0] = (struct record_condition){.condition = PEN_UNDERVOLTAGE, .text = "low"};
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	record_free(*state);
	return 0;
}

static struct record *taken(const struct record *before)
{
	struct record *r = record_new();
	struct err err;

	assert_int_equal(sessions_take_over(r, before, 17, head, &err), 0);
	return r;
}

static void everything_is_taken_over(void **state)
{
	struct record *r = taken(*state);

	assert_int_equal(r->sessions, 1);
	assert_string_equal(r->session[0].name, "one");
	assert_int_equal(r->session[0].entries, 17);
	assert_string_equal(r->session[0].head, head);
	assert_int_equal(r->session[0].run_status, RUN_INTERRUPTED);
	assert_true(r->session[0].moved && r->session[0].stop_verified);
	assert_true(r->session[0].proof.wanted);
	assert_string_equal(r->session[0].proof.run, "zero");
	assert_string_equal(r->session[0].proof.why, "why");
	assert_false(r->proof.wanted); /* its own is its own */
	assert_int_equal(r->points_planned, 4);
	assert_int_equal(r->points, 2);
	assert_int_equal(r->point[0].session, 1);
	assert_int_equal(r->point[1].session, 1);
	assert_int_equal(r->test[0].session, 1);
	assert_int_equal(r->condition[0].session, 1);
	assert_int_equal(session_number(r, 0), 2);
	assert_int_equal(session_number(r, 1), 1);
	record_free(r);
}

static void sessions_are_counted_on(void **state)
{
	struct record *second = taken(*state);

	snprintf(second->name, sizeof(second->name), "two");
	sample_point(second, 1, 1.0, 1.0);
	second->test[second->tests++] = (struct record_test){.name = "dead_man", .done = true};
	struct record *third = taken(second);
	assert_int_equal(third->sessions, 2);
	assert_string_equal(third->session[0].name, "one");
	assert_string_equal(third->session[1].name, "two");
	assert_int_equal(third->point[1].session, 1);
	assert_int_equal(third->point[2].session, 2);
	assert_int_equal(third->test[0].session, 1);
	assert_int_equal(third->test[1].session, 2);
	record_free(second);
	record_free(third);
}

static void not_for_ever(void **state)
{
	struct record *r = *state, *to = record_new();
	struct err err;

	r->sessions = RECORD_SESSIONS_MAX;
	assert_int_equal(sessions_take_over(to, r, 1, head, &err), -E2BIG);
	r->sessions = RECORD_SESSIONS_MAX - 1;
	assert_int_equal(sessions_take_over(to, r, 1, head, &err), 0);
	r->sessions = 0;
	r->conditions = 9;
	assert_int_equal(sessions_take_over(to, r, 1, head, &err), -E2BIG);
	record_free(to);
}

static void it_goes_into_the_file_and_back(void **state)
{
	struct record *r = taken(*state), *back = record_new();
	char *text, *again;
	struct err err;

	assert_int_equal(record_to_json(r, &text, &err), 0);
	assert_int_equal(record_from_json(text, strlen(text), back, &err), 0);
	assert_int_equal(record_to_json(back, &again, &err), 0);
	assert_string_equal(text, again);
	assert_int_equal(back->sessions, 1);
	assert_string_equal(back->session[0].head, head);
	assert_true(back->session[0].proof.wanted);
	assert_string_equal(back->session[0].proof.run, "zero");
	assert_string_equal(back->session[0].dut_said.before, "PEN");
	free(text);
	free(again);
	r->test[0].session = 2; /* there is no such session */
	assert_int_equal(record_to_json(r, &text, &err), 0);
	assert_int_equal(record_from_json(text, strlen(text), back, &err), -EBADMSG);
	free(text);
	record_free(r);
	record_free(back);
}

static void it_goes_on_at(const struct record *r, unsigned point, unsigned attempts, unsigned tried)
{
	struct sessions_place place = sessions_next(r, &plan);

	assert_int_equal(place.point, point);
	assert_int_equal(place.attempts, attempts);
	assert_int_equal(place.tried, tried);
}

static void where_it_goes_on(void **state)
{
	struct record *r = *state;

	it_goes_on_at(r, 1, 1, 0); /* the interrupted attempt is none of the two */
	r->point[1].collected = true;
	it_goes_on_at(r, 2, 0, 0);
	r->point[1].outcome = OUTCOME_INCONCLUSIVE; /* it was to be tried again */
	it_goes_on_at(r, 1, 1, 1);
	r->point[1].plan.step = 1; /* which the plan has not */
	it_goes_on_at(r, 2, 0, 0);
	r->point[1].plan.step = 0;
	r->point[1].outcome = OUTCOME_FAIL; /* a failure is never tried away */
	it_goes_on_at(r, 2, 0, 0);
	step.repeat_failed = 1; /* but measured again to learn of it */
	it_goes_on_at(r, 1, 1, 1);
	assert_int_equal(sessions_next(r, &plan).failed, 1);
	step.repeat_failed = 0;
	sample_point(r, 1, 1.0, 1.0);
	r->point[1].outcome = r->point[2].outcome = OUTCOME_INCONCLUSIVE;
	r->point[2].collected = true;
	it_goes_on_at(r, 2, 0, 0); /* tried twice */
	strcpy(r->point[1].rig_cause, "timing");
	it_goes_on_at(r, 2, 0, 0);
	step.retry = 1; /* what the rig lost has a try of its own */
	it_goes_on_at(r, 1, 2, 2);
	assert_int_equal(sessions_next(r, &plan).lost, 1);
	r->point[1].rig_cause[0] = '\0';
	it_goes_on_at(r, 2, 0, 0);
	step.retry = 0;
	r->point[2].collected = false;
	it_goes_on_at(r, 1, 2, 1);
	r->points = 0;
	it_goes_on_at(r, 0, 0, 0);
}

static void what_cannot_be_gone_on_with(void **state)
{
	static const enum run_status over[] = {RUN_COMPLETE, RUN_STORAGE_FAILED, RUN_REFUSED, RUN_INTERNAL_ERROR};
	struct record *r = *state;

	assert_null(session_dead_end(r, &plan, false));
	r->run_status = RUN_DEVICE_LOST;
	assert_null(session_dead_end(r, &plan, false));
	for (unsigned i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
		r->run_status = over[i];
		assert_non_null(session_dead_end(r, &plan, false));
	}
	r->sessions = 1;
	r->run_status = RUN_REFUSED; /* what an earlier one measured is not lost with it */
	assert_null(session_dead_end(r, &plan, false));
	r->sessions = 0;
	r->run_status = RUN_INTERRUPTED;
	r->samples_lost = 1;
	assert_non_null(session_dead_end(r, &plan, false));
	r->samples_lost = 0;
	strcpy(r->origin.path, "a.csv");
	assert_non_null(session_dead_end(r, &plan, false));
	r->origin.path[0] = '\0';
	r->points_planned = 1;
	r->points = 1;
	assert_string_equal(session_dead_end(r, &plan, false), "all of its points were measured");
	r->point[0].collected = false;
	assert_non_null(session_dead_end(r, &plan, false));
	assert_null(session_dead_end(r, &plan, true)); /* that it measured nothing keeps nobody who goes on at once */
	r->run_status = RUN_COMPLETE;
	assert_non_null(session_dead_end(r, &plan, true));
}

static void keep(struct record *r, const char *kind, const char *text)
{
	record_keep_file(r, kind, kind, text, strlen(text));
}

static void assert_differs(const struct record *a, const struct record *b, const char *what)
{
	char why[300];

	assert_false(sessions_alike(a, b, why, sizeof(why)));
	assert_non_null(strstr(why, what));
	assert_false(sessions_alike(b, a, why, sizeof(why)));
}

static void whatever_differs_is_named(void **state)
{
	struct record *before = *state, *now = record_new();
	char why[300];

	for (unsigned i = 0; i < 2; i++) {
		keep(i ? before : now, "plan", "{1}");
		keep(i ? before : now, "bench", "{2}");
		keep(i ? before : now, "phantom", "{3}");
	}
	assert_true(sessions_alike(now, before, why, sizeof(why)));
	keep(before, "phantom", "{4}");
	assert_differs(now, before, "phantom");
	assert_differs(now, before, "stands on one side alone");
	keep(now, "phantom", "{5}");
	assert_differs(now, before, "not as it was");
	now->files--;
	keep(now, "phantom", "{4}");
	assert_true(sessions_alike(now, before, why, sizeof(why)));
	now->method = 1;
	assert_differs(now, before, "method");
	now->method = 0;
	strcpy(now->dut, "B");
	assert_differs(now, before, "pen");
	assert_false(sessions_alike(now, before, why, sizeof(why)));
	assert_string_equal(why, "the pen is \"B\" now and was \"none\" then");
	assert_false(sessions_alike(before, now, why, sizeof(why)));
	assert_string_equal(why, "the pen is \"none\" now and was \"B\" then");
	now->dut[0] = '\0';
	strcpy(now->software_version, "9");
	assert_differs(now, before, "version");
	now->software_version[0] = '\0';
	strcpy(now->software_build, "9");
	assert_differs(now, before, "build");
	record_free(now);
}

/* Whatever an earlier session showed is not its own. */
static void what_is_shown_against_the_pen(void **state)
{
	struct record *r = *state;

	assert_true(session_shows_failure(r));
	r->condition[0].session = 1;
	assert_false(session_shows_failure(r));
	r->test[0].outcome = OUTCOME_INCONCLUSIVE;
	assert_true(session_shows_failure(r));
	r->test[0].done = false;
	assert_false(session_shows_failure(r));
	r->tests = 2;
	r->test[1] = (struct record_test){.name = "refusal", .done = true, .outcome = OUTCOME_FAIL};
	assert_true(session_shows_failure(r));
	r->tests = 1;
	r->test[0] = (struct record_test){.name = "refusal", .done = true, .outcome = OUTCOME_FAIL, .session = 1};
	assert_false(session_shows_failure(r));
	r->point[0].outcome = OUTCOME_CONDITIONAL_FAIL;
	r->point[0].counts = true;
	assert_true(session_shows_failure(r));
	r->point[0].session = 1;
	assert_false(session_shows_failure(r));
	r->conditions = 2; /* behind an earlier one's */
	r->condition[1] = (struct record_condition){.condition = PEN_RAN_ITSELF};
	assert_true(session_shows_failure(r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everything_is_taken_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sessions_are_counted_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(not_for_ever, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_goes_into_the_file_and_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(where_it_goes_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_gone_on_with, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_shown_against_the_pen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(whatever_differs_is_named, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
