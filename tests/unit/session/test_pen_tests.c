/* The checks of the pen itself: does it refuse, and does its dead-man stop it? */
#include "rig/session/state.h"
#include "tests/unit/session/tapped_bench.h"

static const char refusal_test[] =
	PLAN_HEAD "\"tests\": {\"refusal\": true}, \"limits\": [" EASY_LIMIT "], \"steps\": [{" PLAN_STEP "}]}";
static const char deadman_test[] =
	PLAN_HEAD "\"tests\": {\"dead_man\": true}, \"limits\": [" EASY_LIMIT "], \"steps\": [{" PLAN_STEP "}]}";

static const struct record_test *only_test(const struct record *r, const char *name)
{
	assert_int_equal(r->tests, 1);
	assert_string_equal(r->test[0].name, name);
	return &r->test[0];
}

static void a_pen_that_refuses_passes(void **state)
{
	(void)state;
	tapped.plan = refusal_test;
	const struct record_test *test = only_test(run_session(), "refusal");
	assert_true(test->done);
	assert_int_equal(test->outcome, OUTCOME_PASS);
	assert_string_equal(test->text, "a depth of 4 mm was refused");
	assert_int_equal(tapped.record->dut_verdict, OUTCOME_PASS);
}

static void in_the_tests_depth_is_accepted(enum tap tap)
{
	/* what the refusal test asks is answered as if it were accepted; the points' own depths are left alone */
	tapped.from_order[TAP_SET_DEPTH] = 0;
	if (tap == TAP_SET_DEPTH && tapped.sent[TAP_SET_DEPTH] > 1)
		tapped.status[TAP_SET_DEPTH] = 0;
}

static void assert_refusal(int status, enum outcome outcome, const char *text)
{
	tapped.plan = refusal_test;
	tapped.status[TAP_SET_DEPTH] = status;
	tapped.on_order = in_the_tests_depth_is_accepted;
	const struct record_test *test = only_test(run_session(), "refusal");
	assert_true(test->done);
	assert_int_equal(test->outcome, outcome);
	assert_string_equal(test->text, text);
}

static void a_pen_that_changes_it_in_silence_fails(void **state)
{
	(void)state;
	assert_refusal(-EREMOTEIO, OUTCOME_FAIL,
		       "a depth of 4 mm, beyond the pen's own maximum, was changed in silence instead of refused");
	assert_int_equal(tapped.record->dut_verdict, OUTCOME_FAIL);
}

static void a_pen_that_does_not_answer_leaves_it_open(void **state)
{
	(void)state;
	assert_refusal(-ETIMEDOUT, OUTCOME_INCONCLUSIVE, "cannot tell: bent by the test");
	assert_int_equal(tapped.record->dut_verdict, OUTCOME_INCONCLUSIVE);
}

static void a_deadman_that_trips_passes(void **state)
{
	(void)state;
	tapped.plan = deadman_test;
	const struct record *r = run_session();
	const struct record_test *test = only_test(r, "dead_man");
	assert_int_equal(test->outcome, OUTCOME_PASS);
	assert_true(test->value > 0.4 && test->value < 1.0);
	assert_non_null(strstr(test->text, "after the last heartbeat; set to 0.500 s, allowed 0.472 s to 1.0"));
	assert_int_equal(rows_where("journal WHERE kind = 'test' AND json LIKE '%dead_man: pass: stood still%'"), 1);
	assert_int_equal(r->dut_verdict, OUTCOME_PASS);
	assert_int_equal(r->conditions, 0);
	assert_int_equal(tapped.sent[TAP_RUN], 2);
	assert_int_equal(tapped.sent[TAP_DEADMAN], 2);
	assert_stopped(r);
}

static void a_deadman_that_is_dead_fails(void **state)
{
	(void)state;
	tapped.plan = deadman_test;
	tapped.faults[0] = "dead-man-dead@0";
	const struct record *r = run_session();
	const struct record_test *test = only_test(r, "dead_man");
	assert_int_equal(test->outcome, OUTCOME_FAIL);
	assert_non_null(strstr(test->text, "still running"));
	assert_int_equal(r->dut_verdict, OUTCOME_FAIL);
	assert_stopped(r);
}

static unsigned held_up_tries;

/* While the dead-man has to stop the pen; asked_ns is of that wait alone. */
static void held_up_in_the_wait(enum tap tap)
{
	if (tap == TAP_TELEMETRY && tapped.session->deadman.asked_ns && tapped.session->deadman.tries <= held_up_tries)
		tapped.session->at.unmeasured = true;
}

/* Then the stopper may have stopped the pen: the test is made again, and shows nothing where it cannot be made. */
static void a_hold_up_shows_nothing_of_the_deadman(void **state)
{
	(void)state;
	tapped.plan = deadman_test;
	tapped.on_order = held_up_in_the_wait;
	held_up_tries = 1;
	const struct record *r = run_session();
	assert_int_equal(only_test(r, "dead_man")->outcome, OUTCOME_PASS);
	assert_int_equal(tapped.sent[TAP_RUN], 3);
	assert_int_equal(r->dut_verdict, OUTCOME_PASS);
	assert_stopped(r);
}

static void held_up_each_time_it_is_not_told(void **state)
{
	(void)state;
	tapped.on_order = held_up_in_the_wait;
	held_up_tries = 99;
	tapped.plan = deadman_test;
	const struct record *r = run_session();
	assert_int_equal(only_test(r, "dead_man")->outcome, OUTCOME_INCONCLUSIVE);
	assert_int_equal(r->dut_verdict, OUTCOME_INCONCLUSIVE);
	assert_stopped(r);
}

static void short_coast_down(struct bench *bench)
{
	bench->pen.coast_down_max_s = 0.01;
}

static void a_deadman_that_trips_late_fails(void **state)
{
	(void)state;
	tapped.plan = deadman_test;
	tapped.prepare = short_coast_down;
	const struct record_test *test = only_test(run_session(), "dead_man");
	assert_int_equal(test->outcome, OUTCOME_FAIL);
	assert_non_null(strstr(test->text, "stood still"));
}

static void assert_deadman_open(const char *text)
{
	tapped.plan = deadman_test;
	const struct record_test *test = only_test(run_session(), "dead_man");
	assert_true(test->done);
	assert_int_equal(test->outcome, OUTCOME_INCONCLUSIVE);
	assert_string_equal(test->text, text);
	assert_int_not_equal(tapped.record->dut_verdict, OUTCOME_PASS);
	assert_false(needles_move());
}

static void a_rate_not_taken_leaves_the_deadman_open(void **state)
{
	(void)state;
	tapped.status[TAP_SET_RATE] = -ERANGE;
	assert_deadman_open("cannot tell: the setpoint was not accepted");
	assert_int_equal(tapped.sent[TAP_RUN], 0);
}

static void a_depth_not_taken_leaves_the_deadman_open(void **state)
{
	(void)state;
	tapped.status[TAP_SET_DEPTH] = -ERANGE;
	assert_deadman_open("cannot tell: the setpoint was not accepted");
	assert_int_equal(tapped.sent[TAP_RUN], 0);
}

static void an_interlock_leaves_the_deadman_open(void **state)
{
	(void)state;
	tapped.on_order = saturate_when_the_depth_is_set;
	assert_deadman_open("cannot tell: start interlock");
	assert_int_equal(tapped.sent[TAP_RUN], 0);
}

static void a_start_not_confirmed_leaves_the_deadman_open(void **state)
{
	(void)state;
	tapped.status[TAP_RUN] = -ETIMEDOUT;
	assert_deadman_open("cannot tell: the pen did not start");
}

static void nothing_moves_once_it_runs(enum tap tap)
{
	tapped.replay = tapped.replay || tap == TAP_RUN;
}

static void no_stroke_leaves_the_deadman_open(void **state)
{
	(void)state;
	tapped.on_order = nothing_moves_once_it_runs;
	assert_deadman_open("cannot tell: no stroke was seen after the start");
}

static void saturate_when_it_runs(enum tap tap)
{
	tapped.saturate = tapped.saturate || (tap == TAP_TELEMETRY && tapped.sent[TAP_TELEMETRY] == 2);
}

static void a_signal_that_lies_leaves_the_deadman_open(void **state)
{
	(void)state;
	tapped.on_order = saturate_when_it_runs;
	tapped.plan = deadman_test;
	const struct record *r = run_session();
	assert_int_equal(only_test(r, "dead_man")->outcome, OUTCOME_INCONCLUSIVE);
	assert_int_not_equal(r->dut_verdict, OUTCOME_PASS);
	assert_false(needles_move());
}

static void a_deadman_that_cannot_be_armed_again_ends_the_run(void **state)
{
	(void)state;
	tapped.plan = deadman_test;
	tapped.status[TAP_DEADMAN] = -ETIMEDOUT;
	tapped.from_order[TAP_DEADMAN] = 1;
	const struct record *r = run_session();
	assert_ended(r, RUN_DEVICE_LOST, "the pen's dead-man could not be armed again after its test");
	assert_int_equal(r->points, 0);
	assert_stopped(r);
}

static void a_slow_refusal_is_waited_for(void **state)
{
	(void)state;
	tapped.slow_ms = 60;
	assert_refusal(-EREMOTEIO, OUTCOME_FAIL,
		       "a depth of 4 mm, beyond the pen's own maximum, was changed in silence instead of refused");
}

static void a_slow_rate_is_waited_for(void **state)
{
	(void)state;
	tapped.slow_ms = 60;
	tapped.status[TAP_SET_RATE] = -ERANGE;
	assert_deadman_open("cannot tell: the setpoint was not accepted");
	assert_int_equal(tapped.sent[TAP_SET_DEPTH], 0); /* nothing is set behind it, and the point is not begun */
}

static void a_slow_depth_is_waited_for(void **state)
{
	(void)state;
	tapped.slow_ms = 60;
	tapped.status[TAP_SET_DEPTH] = -ERANGE;
	assert_deadman_open("cannot tell: the setpoint was not accepted");
}

static void a_slow_start_is_waited_for(void **state)
{
	(void)state;
	tapped.slow_ms = 700; /* longer than it runs before its dead-man is tested */
	tapped.status[TAP_RUN] = -ETIMEDOUT;
	assert_deadman_open("cannot tell: the pen did not start");
}

static void a_slow_arming_is_waited_for(void **state)
{
	(void)state;
	tapped.slow_ms = 60;
	tapped.plan = deadman_test;
	tapped.status[TAP_DEADMAN] = -ETIMEDOUT;
	tapped.from_order[TAP_DEADMAN] = 1;
	assert_ended(run_session(), RUN_DEVICE_LOST, "could not be armed again after its test");
	assert_int_equal(tapped.record->points, 0);
}

static void press_no_more(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	(void)now_ns;
	tapped.press = false;
}

static void press_for_a_while(enum tap tap)
{
	if (tap != TAP_SET_DEPTH || tapped.sent[TAP_SET_DEPTH] > 1)
		return;
	tapped.press = true;
	later(press_no_more, 1000);
}

static void what_may_settle_is_waited_for(void **state)
{
	(void)state;
	tapped.plan = deadman_test;
	tapped.on_order = press_for_a_while;
	assert_int_equal(only_test(run_session(), "dead_man")->outcome, OUTCOME_PASS);
	assert_int_equal(tapped.record->dut_verdict, OUTCOME_PASS);
}

/* What lies under the needles where a run goes on with a free run is the phantom of the point before it. */
static void a_free_run_tests_with_the_phantom_that_lies_there(void **state)
{
	enum { A = 0, B = 1, AIR = PHANTOM_NONE };
	static const struct plan_point points[] = {
		{.phantom = AIR, .depth_mm = 0.1}, {.phantom = AIR, .depth_mm = 0.2}, {.phantom = A, .depth_mm = 0.3},
		{.phantom = B, .depth_mm = 0.4},   {.phantom = AIR, .depth_mm = 0.5}, {.phantom = AIR, .depth_mm = 0.6},
		{.phantom = A, .depth_mm = 0.7},
	};
	static const unsigned expected[] = {2, 2, 2, 3, 3, 3, 6};
	static struct session s;
	(void)state;
	s.config.points = points;
	s.config.point_count = sizeof(points) / sizeof(points[0]);
	for (s.at.point = 0; s.at.point < s.config.point_count; s.at.point++)
		assert_ptr_equal(pen_tests_point(&s), &points[expected[s.at.point]]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pen_that_refuses_passes),
		TEST(a_pen_that_changes_it_in_silence_fails),
		TEST(a_pen_that_does_not_answer_leaves_it_open),
		TEST(a_deadman_that_trips_passes),
		TEST(a_deadman_that_is_dead_fails),
		TEST(a_hold_up_shows_nothing_of_the_deadman),
		TEST(held_up_each_time_it_is_not_told),
		TEST(a_deadman_that_trips_late_fails),
		TEST(a_rate_not_taken_leaves_the_deadman_open),
		TEST(a_depth_not_taken_leaves_the_deadman_open),
		TEST(an_interlock_leaves_the_deadman_open),
		TEST(a_start_not_confirmed_leaves_the_deadman_open),
		TEST(no_stroke_leaves_the_deadman_open),
		TEST(a_signal_that_lies_leaves_the_deadman_open),
		TEST(a_deadman_that_cannot_be_armed_again_ends_the_run),
		TEST(a_slow_refusal_is_waited_for),
		TEST(a_slow_rate_is_waited_for),
		TEST(a_slow_depth_is_waited_for),
		TEST(a_slow_start_is_waited_for),
		TEST(a_slow_arming_is_waited_for),
		TEST(what_may_settle_is_waited_for),
		TEST(a_free_run_tests_with_the_phantom_that_lies_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
