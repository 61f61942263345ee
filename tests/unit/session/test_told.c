/* A pen behind a relay that is told and cannot say: what stops it is what the force shows, and nothing else. */
#include <string.h>

#include "rig/session/rules.h"
#include "tests/unit/session/fake_host.h"

static int new_told(void **state)
{
	int status = new_host_of(state, 0);
	((struct host *)*state)->stop_status = -ENODATA;
	return status;
}

static const struct event *stop(struct host *h, unsigned after_ms)
{
	assert_true(guard_stop(h->guard, "enough", 50, false));
	turn(h, after_ms);
	h->signal.strokes_hz = 0;
	for (unsigned i = 0; i < 1000 && !count_of(h, GUARD_STOPPED); i++)
		tick_after(h, 5);
	return newest(h, GUARD_STOPPED);
}

/* Strokes until it was told, none behind. */
static void a_stop_that_is_seen_is_proven(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	assert_false(guard_power_off(h->guard));
	const struct event *stopped = stop(h, 50);
	assert_true(stopped->verified);
	assert_string_equal(stopped->text,
			    "stopped: no stroke for 0.30 s with a live load signal; what switches its power was "
			    "told, and cannot say");
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
	assert_true(guard_power_off(h->guard));
	guard_run(h->guard, "run", false, NULL, NULL);
	assert_false(guard_power_off(h->guard));
}

/* What stood still before it was told may be jammed with its power on, or never had any. */
static void needles_that_stood_before_prove_nothing(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	h->signal.strokes_hz = 0;
	turn(h, 200);
	const struct event *stopped = stop(h, 0);
	assert_false(stopped->verified);
	assert_int_equal(count_of(h, GUARD_FAULT), 1); /* what was measured is not the pen's either */
	assert_false(guard_power_off(h->guard));
	assert_true(h->stop.sent > 3); /* told again and again meanwhile */
}

static void one_that_strikes_on_is_not_stopped(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	assert_false(stop(h, 3000)->verified);
	assert_false(guard_power_off(h->guard));
}

/* What ends strokes that went on past all coast-down is a jam, or an empty battery: the needles have power. */
static void what_stops_later_was_not_stopped_by_it(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	const struct event *stopped = stop(h, COAST_DOWN_MS + 150);
	assert_false(stopped->verified);
	assert_non_null(strstr(stopped->text, "as those of a jammed motor do that has power"));
	assert_false(guard_power_off(h->guard));
}

/* And within it they coasted. */
static void what_coasts_was_stopped_by_it(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	assert_true(stop(h, COAST_DOWN_MS)->verified);
}

static void one_that_never_ran_needs_no_proof(void **state)
{
	struct host *h = *state;
	begin(h);
	assert_true(stop(h, 0)->verified);
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
	assert_true(guard_power_off(h->guard));
}

/* Who reads the pen's serial number behind the last point touches it. */
static void a_hand_behind_the_proof_is_no_stroke(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	assert_true(stop(h, 50)->verified);
	turn(h, 1000);
	h->signal.strokes_hz = 50;
	turn(h, 40);
	h->signal.strokes_hz = 0;
	turn(h, 500);
	assert_true(guard_stop(h->guard, "the end", 50, true));
	turn(h, 13000);
	assert_true(newest(h, GUARD_STOPPED)->verified);
}

/* A longer proof of the same stop, as at the end of a run: strokes count against the order that ended them. */
static void the_stop_is_proven_again(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	assert_true(stop(h, 50)->verified);
	assert_true(guard_stop(h->guard, "the end", 50, true));
	turn(h, 13000);
	assert_int_equal(count_of(h, GUARD_STOPPED), 2);
	assert_true(newest(h, GUARD_STOPPED)->verified);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_stop_that_is_seen_is_proven, new_told, free_host),
		cmocka_unit_test_setup_teardown(needles_that_stood_before_prove_nothing, new_told, free_host),
		cmocka_unit_test_setup_teardown(one_that_strikes_on_is_not_stopped, new_told, free_host),
		cmocka_unit_test_setup_teardown(what_stops_later_was_not_stopped_by_it, new_told, free_host),
		cmocka_unit_test_setup_teardown(what_coasts_was_stopped_by_it, new_told, free_host),
		cmocka_unit_test_setup_teardown(one_that_never_ran_needs_no_proof, new_told, free_host),
		cmocka_unit_test_setup_teardown(a_hand_behind_the_proof_is_no_stroke, new_told, free_host),
		cmocka_unit_test_setup_teardown(the_stop_is_proven_again, new_told, free_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
