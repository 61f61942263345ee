/* A process that was held up: what waited in a queue meanwhile proves nothing of now, silence of its own making is nobody
 * else's, and its watchdogs bite all the same. */
#include "tests/unit/session/fake_host.h"

#define HELD_MS 4000

static bool is_behind(const struct host *h)
{
	return h->waiting * BLOCK_FRAMES > 100; /* ms at 1 kHz: older than fresh */
}

static void hold_up(struct host *h)
{
	h->at_once = 3; /* of which one is new: it takes 2 s to work off what waits */
	tick_after(h, HELD_MS);
}

static void what_waited_does_not_show_that_a_pen_stands(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 500);
	h->signal.strokes_hz = 0; /* its dead-man stopped it, long before somebody started it again */
	hold_up(h);
	guard_stop(h->guard, "held up", 50, false);
	while (h->waiting * BLOCK_FRAMES > 300) {
		tick_after(h, 5);
		assert_int_equal(count_of(h, GUARD_STOPPED), 0);
		assert_int_equal(guard_alive(h->guard), WATCH_STALE);
	}
	h->signal.strokes_hz = 50;
	turn(h, 3000);
	assert_int_equal(count_of(h, GUARD_STOPPED), 1);
	assert_false(newest(h, GUARD_STOPPED)->verified);
}

static void a_pen_that_stands_is_shown_to_once_that_is_worked_off(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 500);
	hold_up(h);
	h->signal.strokes_hz = 0;
	guard_stop(h->guard, "held up", 50, false);
	while (!count_of(h, GUARD_STOPPED))
		tick_after(h, 5);
	assert_false(is_behind(h));
	assert_true(newest(h, GUARD_STOPPED)->verified);
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
}

static void what_was_taken_before_the_order_is_not_seen_since(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 500);
	h->signal.strokes_hz = 0;
	hold_up(h);
	guard_stop(h->guard, "held up", 50, false);
	h->at_once = UINT_MAX; /* all of it comes in the next tick, and none of it was taken since */
	uint64_t ordered_ns = h->now_ns;
	while (!count_of(h, GUARD_STOPPED))
		tick_after(h, 5);
	assert_true(h->now_ns - ordered_ns >= 300 * NS_PER_MS);
}

static void held_up_while_a_stop_is_proven(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 500);
	guard_stop(h->guard, "enough", 50, false);
	turn(h, 100);
	h->signal.strokes_hz = 0;
	hold_up(h);
	assert_int_equal(count_of(h, GUARD_STOPPED), 0); /* long past the time in which it was to be shown */
	turn(h, 4000);
	assert_true(newest(h, GUARD_STOPPED)->verified);
}

static void what_never_catches_up_is_given_up(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 500);
	guard_stop(h->guard, "enough", 50, false);
	h->signal.strokes_hz = 0;
	hold_up(h);
	h->at_once = 1;
	turn(h, 4000);
	assert_int_equal(count_of(h, GUARD_STOPPED), 0);
	turn(h, 2500);
	assert_int_equal(count_of(h, GUARD_STOPPED), 1);
	assert_false(newest(h, GUARD_STOPPED)->verified);
}

static void a_backlog_from_the_first_sample_on_is_none_the_fresher(void **state)
{
	struct host *h = *state;
	guard_pen_ready(h->guard);
	begin_streams(h, false);
	hold_up(h);
	turn(h, 200); /* enough samples to tell, all of them old */
	while (is_behind(h)) {
		assert_int_equal(guard_still(h->guard, INTERLOCK_QUIET_S), WATCH_STALE);
		assert_false(guard_hopeless(h->guard, WATCH_STALE, ZERO_NS));
		tick_after(h, 5);
	}
	turn(h, 400);
	assert_int_equal(guard_still(h->guard, INTERLOCK_QUIET_S), WATCH_OK);
}

static void what_was_missed_is_not_measured(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 500);
	tick_after(h, HELD_MS);
	assert_true(newest(h, GUARD_FAULT)->unmeasured);
	assert_string_equal(newest(h, GUARD_FAULT)->cause, "timing");
	assert_string_equal(newest(h, GUARD_NOTED)->text,
			    "this program was held up for 4.00 s: what came meanwhile waited");
}

static void a_sick_channel_is_measured_all_the_same(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 500);
	h->signal.saturated = true;
	turn(h, 200);
	assert_false(newest(h, GUARD_FAULT)->unmeasured);
	assert_string_equal(newest(h, GUARD_FAULT)->cause, "");
}

static void what_comes_late_under_a_running_pen_is_not_measured(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 500);
	h->at_once = 1;
	tick_after(h, 350); /* its dead-man has not tripped */
	turn(h, 395);
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
	turn(h, 10);
	assert_true(newest(h, GUARD_FAULT)->unmeasured);
	assert_string_equal(newest(h, GUARD_FAULT)->text, "load sensor while the pen ran: no fresh data");
}

static void a_little_is_made_up_for(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 500);
	for (unsigned i = 0; i < 20; i++) {
		tick_after(h, 300);
		turn(h, 200);
	}
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
}

/* Held up again and again, for half of its time. */
static void turn_busy(struct host *h, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		tick_after(h, 55);
		turn(h, 50);
	}
}

static void a_busy_computer_still_hears_that_a_sensor_is_silent(void **state)
{
	struct host *h = *state;
	begin(h);
	h->sends = false;
	turn_busy(h, 4);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
	turn_busy(h, 4);
	assert_true(newest(h, GUARD_LOST)->sensor);
}

static void and_that_a_pen_is(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 500);
	h->answers = false;
	turn_busy(h, 12);
	assert_false(newest(h, GUARD_LOST)->sensor);
}

static void and_that_a_channel_is_sick(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 500);
	h->signal.saturated = true;
	turn_busy(h, 8);
	assert_int_equal(count_of(h, GUARD_FAULT) > 0, true);
}

static void a_pen_that_answered_in_time_is_not_lost(void **state)
{
	struct host *h = *state;
	begin(h);
	tick_after(h, HELD_MS); /* its last answer is four seconds old, and was not late */
	h->answers = false;
	turn(h, 450);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
}

static void an_answer_that_waited_is_one(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 500);
	h->answers = false;
	unsigned sent = h->heartbeat.sent;
	while (h->heartbeat.sent == sent)
		tick_after(h, 5);
	h->now_ns += 200 * NS_PER_MS; /* this process stood still, and reads what waits before anything else */
	reply_heartbeat(h, 0, true);
	h->answers = true;
	tick_after(h, 0);
	turn(h, 450);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_host, free_host)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_waited_does_not_show_that_a_pen_stands),
		TEST(a_pen_that_stands_is_shown_to_once_that_is_worked_off),
		TEST(what_was_taken_before_the_order_is_not_seen_since),
		TEST(held_up_while_a_stop_is_proven),
		TEST(what_never_catches_up_is_given_up),
		TEST(a_backlog_from_the_first_sample_on_is_none_the_fresher),
		TEST(what_was_missed_is_not_measured),
		TEST(a_sick_channel_is_measured_all_the_same),
		TEST(what_comes_late_under_a_running_pen_is_not_measured),
		TEST(a_little_is_made_up_for),
		TEST(a_busy_computer_still_hears_that_a_sensor_is_silent),
		TEST(and_that_a_pen_is),
		TEST(and_that_a_channel_is_sick),
		TEST(a_pen_that_answered_in_time_is_not_lost),
		TEST(an_answer_that_waited_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
