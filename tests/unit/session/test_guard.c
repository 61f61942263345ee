/* The guard with no device, loop or run file: heartbeats, each watchdog on both sides of its bound, the run, and the stop
 * with its answers. */
#include "tests/unit/session/fake_host.h"

/* ---- heartbeats ------------------------------------------------------------------------------------------------ */

static void no_heartbeat_before_the_deadman_is_armed(void **state)
{
	struct host *h = *state;
	guard_pen_ready(h->guard);
	turn(h, 1000);
	assert_int_equal(h->heartbeat.sent, 0);
	assert_int_equal(guard_last_heartbeat_ns(h->guard), 0);
	assert_int_equal(h->events, 0);
}

static void heartbeats_leave_every_period(void **state)
{
	struct host *h = *state;
	guard_pen_ready(h->guard);
	guard_arm(h->guard);
	for (unsigned i = 0; i < 5; i++) {
		tick_after(h, 5);
		assert_int_equal(h->heartbeat.sent, i + 1);
		assert_int_equal(h->heartbeat.last_ns, ZERO_NS + (5 + i * HEARTBEAT_MS) * NS_PER_MS);
		assert_int_equal(guard_last_heartbeat_ns(h->guard), h->heartbeat.last_ns);
		turn(h, HEARTBEAT_MS - 5);
		assert_int_equal(h->heartbeat.sent, i + 1);
	}
	guard_disarm(h->guard);
	turn(h, 1000);
	assert_int_equal(h->heartbeat.sent, 5);
}

static void the_first_heartbeat_leaves_at_once(void **state)
{
	struct host *h = *state;
	guard_arm(h->guard);
	tick_after(h, 0);
	assert_int_equal(h->heartbeat.sent, 1);
}

static void a_heartbeat_waits_for_the_answer_to_the_one_before(void **state)
{
	struct host *h = *state;
	h->answers = false;
	begin(h);
	assert_int_equal(h->heartbeat.sent, 1);
	reply_heartbeat(h, 0, true);
	tick_after(h, 5);
	assert_int_equal(h->heartbeat.sent, 2);
}

/* What was read in the turn that ends a hold-up was heard then, not so much later: the pen is not silent since. */
static void a_heartbeat_answered_behind_a_hold_up_is_heard(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 50);
	h->answers = false;
	while (!h->heartbeat.done)
		tick_after(h, 5);
	h->now_ns += 350 * NS_PER_MS;
	reply_heartbeat(h, 0, true);
	guard_tick(h->guard, h->now_ns);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
	h->answers = true;
	turn(h, 300);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
}

/* What answers without a wire in between may do so within a tick, later than that began. */
static void a_heartbeat_answered_within_a_tick_is_heard(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 50);
	h->answers = false;
	while (!h->heartbeat.done)
		tick_after(h, 5);
	uint64_t began_ns = h->now_ns;
	h->now_ns += NS_PER_MS;
	reply_heartbeat(h, 0, true);
	guard_tick(h->guard, began_ns);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
}

static void a_pen_that_is_gone_is_fed_no_more(void **state)
{
	struct host *h = *state;
	begin(h);
	unsigned before = h->heartbeat.sent;
	guard_pen_lost(h->guard);
	turn(h, 1000);
	assert_int_equal(h->heartbeat.sent, before);
	assert_int_equal(count_of(h, GUARD_LOST), 0); /* whoever said that it is gone knows it */
}

static void the_deadman_test_withholds_heartbeats(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 200);
	h->answers = false;
	while (!h->heartbeat.done)
		tick_after(h, 5);
	assert_false(guard_withhold(h->guard));
	reply_heartbeat(h, 0, true);
	assert_true(guard_withhold(h->guard));
	unsigned before = h->heartbeat.sent;
	turn(h, 2000);
	assert_int_equal(h->heartbeat.sent, before);
	assert_int_equal(count_of(h, GUARD_FAULT), 0); /* no starvation: that is what is wanted */
	assert_int_equal(count_of(h, GUARD_LOST), 0);
	guard_resume(h->guard);
	tick_after(h, 5);
	assert_int_equal(h->heartbeat.sent, before); /* it still strikes, unasked */
	h->signal.strokes_hz = 0;
	turn(h, 200);
	assert_int_equal(h->heartbeat.sent, before + 1);
	assert_int_equal(count_of(h, GUARD_LOST), 0); /* its silence was ours */
}

static void a_pen_that_somebody_else_stopped_is_fed_no_more(void **state)
{
	struct host *h = *state;
	begin(h);
	assert_false(guard_stop_feeding(h->guard)); /* it was not told to run */
	run_pen(h, 300);
	unsigned sent = h->heartbeat.sent;
	assert_true(guard_stop_feeding(h->guard));
	turn(h, 300);
	assert_int_equal(h->heartbeat.sent, sent);
	guard_stop(h->guard, "stopped behind our back", 50, false);
	h->signal.strokes_hz = 0;
	h->says.running = false;
	turn(h, 2000);
	assert_true(newest(h, GUARD_STOPPED)->verified);
	assert_false(guard_stop_feeding(h->guard));
	sent = h->heartbeat.sent;
	run_pen(h, 300);
	assert_true(h->heartbeat.sent > sent);
}

static void an_odd_heartbeat_is_asked_again_at_once(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 50);
	h->answers = false;
	for (unsigned i = 0; i < 3; i++) { /* odd, sane, odd, sane: never two in a row */
		while (!h->heartbeat.done)
			tick_after(h, 5);
		unsigned sent = h->heartbeat.sent;
		reply_heartbeat(h, PEN_STALL, true);
		tick_after(h, 5);
		assert_int_equal(h->heartbeat.sent, sent + 1);
		reply_heartbeat(h, 0, true);
		tick_after(h, 5);
		assert_int_equal(h->heartbeat.sent, sent + 1);
	}
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
}

static void two_odd_heartbeats(struct host *h, uint32_t condition, bool running)
{
	h->says.condition = condition;
	h->says.running = running;
	unsigned sent = h->heartbeat.sent;
	while (h->heartbeat.sent < sent + 2)
		tick_after(h, 5);
}

static void the_pens_own_condition_is_told(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 50);
	two_odd_heartbeats(h, PEN_OVER_TEMPERATURE | PEN_CARTRIDGE_MISSING, true);
	const struct event *e = newest(h, GUARD_CONDITION);
	assert_int_equal(e->condition, PEN_OVER_TEMPERATURE | PEN_CARTRIDGE_MISSING);
	assert_string_equal(e->text, "the pen reports over-temperature cartridge missing");
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
}

static void what_is_the_benchs_doing_is_a_fault(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 50);
	two_odd_heartbeats(h, PEN_CARTRIDGE_MISSING, true);
	assert_string_equal(newest(h, GUARD_FAULT)->text, "the pen reports cartridge missing");
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
}

/* A pen that jams draws its supply's limit, and a cartridge is the pen's: no try of the rig's for those. */
static void only_what_no_pen_does_is_the_rigs(void **state)
{
	static const struct {
		uint32_t condition;
		const char *cause;
	} trials[] = {
		{PEN_TIMER_OFF, "device"},      {PEN_TIMER_OFF | PEN_POWER_LOW, ""},
		{PEN_TIMER_OFF | 1u << 30, ""}, {PEN_POWER_LOW, ""},
		{PEN_POWER_LOST, ""},           {PEN_DEADMAN_TRIPPED, ""},
		{PEN_CARTRIDGE_MISSING, ""},    {1u << 30, ""},
	};
	struct host *h = *state;
	begin(h);
	run_pen(h, 50);
	for (unsigned i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		two_odd_heartbeats(h, trials[i].condition, true);
		assert_int_equal(count_of(h, GUARD_FAULT) > i, true);
		assert_string_equal(newest(h, GUARD_FAULT)->cause, trials[i].cause);
	}
}

static void a_motor_that_switches_itself_off_is_a_stall(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 50);
	two_odd_heartbeats(h, 0, false);
	assert_int_equal(newest(h, GUARD_CONDITION)->condition, PEN_STALL);
	assert_string_equal(newest(h, GUARD_CONDITION)->text, "the pen switched its motor off by itself");
}

static void a_trip_counts_only_where_it_is_not_expected(void **state)
{
	struct host *h = *state;
	begin(h);
	two_odd_heartbeats(h, PEN_DEADMAN_TRIPPED, false); /* it stands, the trip stays latched */
	guard_run(h->guard, "run, for the test", true, NULL, NULL);
	h->run.done = NULL;
	two_odd_heartbeats(h, PEN_DEADMAN_TRIPPED, true);
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
	run_pen(h, 50);
	two_odd_heartbeats(h, PEN_DEADMAN_TRIPPED, true);
	assert_int_equal(count_of(h, GUARD_FAULT), 1);
}

static void odd_heartbeats_of_the_last_run_do_not_count(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 50);
	h->answers = false;
	while (!h->heartbeat.done)
		tick_after(h, 5);
	reply_heartbeat(h, PEN_STALL, true);
	run_pen(h, 5);
	reply_heartbeat(h, PEN_STALL, true);
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
	tick_after(h, 5);
	reply_heartbeat(h, PEN_STALL, true);
	assert_int_equal(count_of(h, GUARD_CONDITION), 1);
}

static void a_pen_runs_until_a_reply_says_otherwise(void **state)
{
	struct host *h = *state;
	begin(h);
	h->says.running = false;
	turn(h, 200);
	h->answers = false;
	guard_run(h->guard, "run", false, NULL, NULL);
	for (unsigned i = 0; i < 3; i++) { /* answers that say nothing of the motor */
		while (!h->heartbeat.done)
			tick_after(h, 5);
		reply(&h->heartbeat, 0, NULL);
	}
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
}

static void a_heartbeat_that_fails_is_noted(void **state)
{
	struct host *h = *state;
	struct err err = {"garbled"};
	begin(h);
	h->answers = false;
	turn(h, HEARTBEAT_MS);
	reply(&h->heartbeat, -EPROTO, &err);
	assert_string_equal(newest(h, GUARD_NOTED)->text, "heartbeat: garbled");
	turn(h, HEARTBEAT_MS);
	reply(&h->heartbeat, -EPROTO, NULL);
	assert_string_equal(newest(h, GUARD_NOTED)->text, "heartbeat: Protocol error");
	turn(h, 100);
	reply(&h->heartbeat, -ECANCELED, NULL);
	assert_int_equal(count_of(h, GUARD_NOTED), 2);
}

/* ---- watchdogs ------------------------------------------------------------------------------------------------- */

static void starvation_is_a_fault(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 50);
	h->answers = false;
	while (!h->heartbeat.done)
		tick_after(h, 5);
	reply(&h->heartbeat, -ECANCELED, NULL);
	while (!h->heartbeat.done)
		tick_after(h, 5);
	uint64_t sent_ns = h->heartbeat.last_ns;
	turn(h, DEADMAN_MS - 5);
	assert_int_equal(h->now_ns, sent_ns + (DEADMAN_MS - 5) * NS_PER_MS);
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
	tick_after(h, 5);
	assert_int_equal(count_of(h, GUARD_FAULT), 1);
	assert_string_equal(newest(h, GUARD_FAULT)->text,
			    "no heartbeat left this computer for 0.50 s, longer than the pen's dead-man waits");
}

static void starvation_is_told_even_by_a_process_that_slept(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 50);
	tick_after(h, 600);
	assert_int_equal(count_of(h, GUARD_FAULT), 1);
}

static void a_pen_that_stands_cannot_starve(void **state)
{
	struct host *h = *state;
	begin(h);
	tick_after(h, 600);
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
	guard_disarm(h->guard);
	run_pen(h, 1000); /* without a dead-man nothing starves */
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
}

static void a_senseless_pen_is_lost_and_fed_no_more(void **state)
{
	struct host *h = *state;
	begin(h);
	h->answers = false;
	while (!h->heartbeat.done)
		tick_after(h, 5);
	reply_heartbeat(h, 0, true);
	uint64_t heard_ns = h->now_ns;
	while (h->now_ns < heard_ns + 500 * NS_PER_MS) {
		if (h->heartbeat.done)
			reply(&h->heartbeat, -EPROTO, NULL);
		tick_after(h, 5);
	}
	assert_int_equal(count_of(h, GUARD_LOST), 0);
	tick_after(h, 5);
	assert_int_equal(count_of(h, GUARD_LOST), 1);
	assert_false(newest(h, GUARD_LOST)->sensor);
	if (h->heartbeat.done)
		reply(&h->heartbeat, -EPROTO, NULL);
	unsigned before = h->heartbeat.sent;
	turn(h, 2000);
	assert_int_equal(h->heartbeat.sent, before);
	assert_int_equal(count_of(h, GUARD_LOST), 1);
	guard_stop(h->guard, "it is lost", 0, false);
	turn(h, 1000);
	assert_int_equal(h->heartbeat.sent, before);
}

static void a_pen_that_owes_no_answer_is_not_senseless(void **state)
{
	struct host *h = *state;
	guard_pen_ready(h->guard);
	turn(h, 1000);
	guard_arm(h->guard);
	turn(h, 490);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
}

static void a_silent_sensor_is_lost(void **state)
{
	struct host *h = *state;
	begin(h);
	h->sends = false;
	turn(h, 300);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
	tick_after(h, 5);
	assert_true(newest(h, GUARD_LOST)->sensor);
	assert_string_equal(newest(h, GUARD_LOST)->text, "the load sensor is silent: no sample for 300 ms");
	turn(h, 1000);
	assert_int_equal(count_of(h, GUARD_LOST), 1);
	assert_int_equal(guard_alive(h->guard), WATCH_NO_DATA);
}

static void a_sensor_that_never_sends_is_silent_too(void **state)
{
	struct host *h = *state;
	begin_streams(h, true);
	h->sends = false;
	turn(h, 300);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
	tick_after(h, 5);
	assert_int_equal(count_of(h, GUARD_LOST), 1);
}

static void a_slow_gauge_is_silent_later(void **state)
{
	struct host *h = *state;
	struct guard_channel force = force_watched();
	force.patience = patience_of(10);
	guard_watch(h->guard, &force, NULL);
	turn(h, 600);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
	tick_after(h, 5);
	assert_string_equal(newest(h, GUARD_LOST)->text, "the load sensor is silent: no sample for 600 ms");
}

static void streams_that_ended_are_not_silent(void **state)
{
	struct host *h = *state;
	begin(h);
	guard_unwatch(h->guard);
	h->sends = false;
	turn(h, 1000);
	assert_int_equal(h->events, 0);
}

/* Saturated for some ms, and then for the 50 ms of the watch's window: not alive for so long. */
static void saturate(struct host *h, unsigned ms)
{
	h->signal.saturated = true;
	turn(h, ms);
	h->signal.saturated = false;
	turn(h, 200);
}

static void a_sick_channel_ends_what_is_measured(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 300);
	for (unsigned i = 0; i < 3; i++) /* each is short enough, and all together are not */
		saturate(h, 45);
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
	h->signal.saturated = true;
	tick_after(h, 5);
	turn(h, 95);
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
	tick_after(h, 5);
	assert_int_equal(count_of(h, GUARD_FAULT), 1);
	assert_string_equal(newest(h, GUARD_FAULT)->text, "load sensor while the pen ran: saturated");
	assert_string_equal(newest(h, GUARD_FAULT)->cause, ""); /* strokes that are too hard do that */
}

static void a_sickness_before_the_run_does_not_count(void **state)
{
	struct host *h = *state;
	begin(h);
	h->signal.saturated = true;
	turn(h, 500);
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
	run_pen(h, 100);
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
	tick_after(h, 5);
	assert_int_equal(count_of(h, GUARD_FAULT), 1);
}

static void seating_force_cannot_be_seen_under_a_running_pen(void **state)
{
	struct host *h = *state;
	begin(h);
	h->signal.seat = 2000;
	run_pen(h, 1000);
	assert_int_equal(guard_alive(h->guard), WATCH_PRELOAD);
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
}

static void a_process_that_slept_gives_grace(void **state)
{
	struct host *h = *state;
	begin(h);
	h->sends = h->answers = false;
	tick_after(h, 51); /* asleep */
	turn(h, 295);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
	tick_after(h, 5); /* 351 ms after the last block: the grace is over */
	assert_int_equal(count_of(h, GUARD_LOST), 1);
}

static void a_late_tick_gives_none(void **state)
{
	struct host *h = *state;
	begin(h);
	h->sends = false;
	tick_after(h, 50);
	turn(h, 250);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
	tick_after(h, 5);
	assert_int_equal(count_of(h, GUARD_LOST), 1);
}

static void grace_ends_with_the_next_block(void **state)
{
	struct host *h = *state;
	begin(h);
	tick_after(h, 200); /* asleep */
	turn(h, 20);
	h->sends = false;
	turn(h, 300);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
	tick_after(h, 5);
	assert_int_equal(count_of(h, GUARD_LOST), 1);
}

static void grace_is_as_long_as_a_slow_gauges_patience(void **state)
{
	struct host *h = *state;
	struct guard_channel force = force_watched();
	force.patience = patience_of(10);
	guard_watch(h->guard, &force, NULL);
	tick_after(h, 55);
	turn(h, 595);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
	tick_after(h, 5);
	assert_int_equal(count_of(h, GUARD_LOST), 1);
}

static void a_new_guard_has_not_slept(void **state)
{
	struct host *h = *state;
	begin_streams(h, false);
	h->sends = false;
	tick_after(h, 50);
	tick_after(h, 251);
	tick_after(h, 5);
	assert_int_equal(count_of(h, GUARD_LOST), 0); /* the second gap was sleep */
	turn(h, 300);
	assert_int_equal(count_of(h, GUARD_LOST), 1);
}

static void storage_that_fails_is_told(void **state)
{
	struct host *h = *state;
	turn(h, 20);
	assert_int_equal(h->events, 0);
	h->storage = -ENOSPC;
	tick_after(h, 5);
	assert_string_equal(newest(h, GUARD_STORAGE)->text, "the disk is full");
}

static void telemetry_is_read_under_a_running_pen(void **state)
{
	struct host *h = *state;
	begin(h);
	assert_int_equal(h->telemetry_reads, 0);
	uint64_t started_ns = h->now_ns;
	run_pen(h, 495);
	assert_int_equal(h->telemetry_reads, 0);
	tick_after(h, 5);
	assert_int_equal(h->telemetry_reads, 1);
	turn(h, 495);
	assert_int_equal(h->telemetry_reads, 1);
	tick_after(h, 5);
	assert_int_equal(h->telemetry_reads, 2);
	assert_int_equal(h->telemetry_ns, started_ns + 1000 * NS_PER_MS);
	h->signal.strokes_hz = 0;
	guard_stop(h->guard, "enough", 50, false);
	turn(h, 1000);
	assert_int_equal(h->telemetry_reads, 2);
	guard_run(h->guard, "run, for the test", true, NULL, NULL);
	tick_after(h, 0);
	assert_int_equal(h->telemetry_reads, 3);
}

/* ---- run and stop ---------------------------------------------------------------------------------------------- */

static void run_was_done(void *ctx, int status, const struct err *err)
{
	(void)err;
	*(int *)ctx = status;
}

static void a_run_is_an_order_with_an_answer(void **state)
{
	struct host *h = *state;
	int status = 1;
	begin(h);
	assert_false(guard_moved(h->guard));
	guard_run(h->guard, "run", false, run_was_done, &status);
	assert_string_equal(newest(h, GUARD_ORDERED)->text, "run");
	assert_int_equal(h->run.sent, 1);
	reply(&h->run, -EPROTO, NULL);
	assert_int_equal(status, -EPROTO);
	assert_true(guard_moved(h->guard));
}

/* Stops, and waits for the answer. */
static const struct event *stop_and_wait(struct host *h, double rate_hz, bool last)
{
	unsigned before = count_of(h, GUARD_STOPPED);
	assert_true(guard_stop(h->guard, "enough", rate_hz, last));
	assert_int_equal(count_of(h, GUARD_STOPPED), before);
	for (unsigned i = 0; i < 4000 && count_of(h, GUARD_STOPPED) == before; i++)
		assert_true(tick_after(h, 5));
	assert_false(tick_after(h, 5));
	return newest(h, GUARD_STOPPED);
}

static void a_pen_that_never_ran_needs_no_proof(void **state)
{
	struct host *h = *state;
	begin(h);
	uint64_t ordered_ns = h->now_ns;
	const struct event *e = stop_and_wait(h, 50, false);
	assert_string_equal(newest(h, GUARD_ORDERED)->text, "stop: enough");
	assert_true(e->verified && e->news);
	assert_string_equal(e->text, "the pen was never told to run");
	assert_int_equal(e->ns, ordered_ns + 10 * NS_PER_MS); /* it confirms after the first tick */
	assert_int_equal(h->stop.sent, 1);
}

static void a_pen_that_moves_unasked_is_not_believed(void **state)
{
	struct host *h = *state;
	begin(h);
	h->signal.strokes_hz = 50;
	turn(h, 100);
	const struct event *e = stop_and_wait(h, 50, false);
	assert_false(e->verified);
	assert_true(guard_moved(h->guard));
	assert_string_equal(e->text, "the needles still move; the pen says that its motor is off. Take the pen's power "
				     "away before you touch it");
}

static void a_stop_is_proven_by_stillness_since_the_order(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	h->signal.strokes_hz = 0;
	uint64_t ordered_ns = h->now_ns;
	const struct event *e = stop_and_wait(h, 20, false);
	assert_true(e->verified && e->news);
	assert_string_equal(e->text, "stopped: no stroke for 0.50 s with a live load signal");
	assert_in_range(e->ns - ordered_ns, 500 * NS_PER_MS, 520 * NS_PER_MS);
	assert_true(guard_answer(h->guard)->given);
	assert_true(guard_answer(h->guard)->proven_s == 0.5);
}

/* A jam that comes free may let it run on: what stood still before the order proves nothing. */
static void stillness_before_the_order_does_not_count(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	h->signal.strokes_hz = 0;
	turn(h, 1000);
	uint64_t ordered_ns = h->now_ns;
	const struct event *e = stop_and_wait(h, 20, false);
	assert_true(e->verified);
	assert_in_range(e->ns - ordered_ns, 500 * NS_PER_MS, 520 * NS_PER_MS);
}

static void a_stop_that_was_proven_is_not_proven_again(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	h->signal.strokes_hz = 0;
	stop_and_wait(h, 20, false);
	uint64_t ordered_ns = h->now_ns;
	const struct event *e = stop_and_wait(h, 50, false);
	assert_true(e->verified);
	assert_false(e->news);
	assert_string_equal(e->text, "stopped: no stroke for 0.50 s with a live load signal");
	assert_int_equal(e->ns, ordered_ns + 10 * NS_PER_MS);
	assert_true(guard_answer(h->guard)->proven_s == 0.5); /* not 0.3 of this one */
	assert_int_equal(h->stop.sent, 2);
}

static void the_last_stop_is_proven_for_longer_and_counts_what_was_seen(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	h->signal.strokes_hz = 0;
	uint64_t first_ns = h->now_ns;
	stop_and_wait(h, 20, false);
	const struct event *e = stop_and_wait(h, 0, true);
	assert_true(e->verified && e->news);
	assert_string_equal(e->text, "stopped: no stroke for 11.00 s with a live load signal");
	assert_in_range(e->ns - first_ns, 11000 * NS_PER_MS, 11100 * NS_PER_MS); /* since the first order */
	assert_true(guard_answer(h->guard)->proven_s > 10.99);
}

static void a_run_makes_the_answer_void(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	h->signal.strokes_hz = 0;
	stop_and_wait(h, 20, false);
	run_pen(h, 1000);
	assert_false(guard_answer(h->guard)->given);
	assert_false(guard_answer(h->guard)->verified);
	h->signal.strokes_hz = 0;
	uint64_t ordered_ns = h->now_ns;
	const struct event *e = stop_and_wait(h, 20, false);
	assert_true(e->news);
	assert_in_range(e->ns - ordered_ns, 500 * NS_PER_MS, 520 * NS_PER_MS);
}

static void a_stop_that_is_not_confirmed_is_sent_again(void **state)
{
	struct host *h = *state;
	h->confirms_stop = false;
	begin(h);
	run_pen(h, 1000);
	guard_stop(h->guard, "enough", 50, false);
	assert_int_equal(h->stop.sent, 1);
	reply(&h->stop, -ETIMEDOUT, NULL);
	turn(h, 245);
	assert_int_equal(h->stop.sent, 1);
	tick_after(h, 5);
	assert_int_equal(h->stop.sent, 2);
	turn(h, 300);
	assert_int_equal(h->stop.sent, 2); /* its answer is still due */
	reply(&h->stop, -ETIMEDOUT, NULL);
	turn(h, 250);
	assert_int_equal(h->stop.sent, 3);
	reply(&h->stop, 0, NULL);
	turn(h, 300);
	assert_int_equal(h->stop.sent, 3);
}

static void a_stop_goes_to_a_pen_that_is_there(void **state)
{
	struct host *h = *state;
	const struct event *e = stop_and_wait(h, 0, false); /* it has not identified itself */
	assert_string_equal(e->text, "the pen was never told to run");
	assert_int_equal(h->stop.sent, 0);
	guard_pen_ready(h->guard);
	guard_pen_lost(h->guard);
	stop_and_wait(h, 0, false);
	assert_int_equal(h->stop.sent, 0);
}

static void a_pen_that_is_gone_is_given_its_deadmans_time(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	guard_pen_lost(h->guard);
	uint64_t ordered_ns = h->now_ns;
	const struct event *e = stop_and_wait(h, 50, false);
	assert_false(e->verified);
	assert_string_equal(
		e->text,
		"the needles still move; the pen does not answer. Take the pen's power away before you touch it");
	assert_int_equal(e->ns - ordered_ns, (COAST_DOWN_MS + 300 + STOP_MARGIN_MS + DEADMAN_MS) * NS_PER_MS);
	assert_int_equal(count_of(h, GUARD_LOST), 0); /* it owes nothing, so it is not senseless on top */
}

static void a_pen_whose_heartbeats_are_withheld_owes_none_while_it_stops(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	assert_true(guard_withhold(h->guard));
	h->confirms_stop = false;
	guard_stop(h->guard, "end of the test", 50, false);
	turn(h, 700);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
}

static void without_a_deadman_it_is_not(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	guard_disarm(h->guard);
	guard_pen_lost(h->guard);
	uint64_t ordered_ns = h->now_ns;
	const struct event *e = stop_and_wait(h, 50, false);
	assert_int_equal(e->ns - ordered_ns, (COAST_DOWN_MS + 300 + STOP_MARGIN_MS) * NS_PER_MS);
}

static void a_pen_that_stops_by_its_deadman_is_proven_though_it_is_gone(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	guard_pen_lost(h->guard);
	guard_stop(h->guard, "it is lost", 50, false);
	turn(h, DEADMAN_MS);
	h->signal.strokes_hz = 0;
	turn(h, 350);
	const struct event *e = newest(h, GUARD_STOPPED);
	assert_true(e->verified);
	assert_string_equal(e->text,
			    "stopped: no stroke for 0.30 s with a live load signal, though the pen itself is gone");
}

static void a_sensor_that_is_gone_proves_nothing(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	guard_sensor_lost(h->guard);
	uint64_t ordered_ns = h->now_ns;
	const struct event *e = stop_and_wait(h, 50, false);
	assert_false(e->verified);
	assert_int_equal(e->ns - ordered_ns, COAST_DOWN_MS * NS_PER_MS);
	assert_string_equal(e->text,
			    "the load sensor is gone; the pen says that its motor is off. Take the pen's power "
			    "away before you touch it");
	assert_true(guard_answer(h->guard)->proven_s == 0);
	assert_false(stop_and_wait(h, 50, false)->news); /* and that answer stays */
	assert_false(guard_answer(h->guard)->verified);
}

static void needles_in_the_air_are_not_proven(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 0);
	h->signal.strokes_hz = 0;
	turn(h, 1000);
	uint64_t ordered_ns = h->now_ns;
	const struct event *e = stop_and_wait(h, 50, false);
	assert_false(e->verified);
	assert_int_equal(e->ns - ordered_ns, COAST_DOWN_MS * NS_PER_MS);
}

/* However still the force is: what was not seen to stop is left to its dead-man. */
static void a_pen_whose_stop_was_not_proven_is_fed_no_more(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 0);
	h->signal.strokes_hz = 0;
	turn(h, 1000);
	assert_false(stop_and_wait(h, 50, false)->verified);
	unsigned sent = h->heartbeat.sent;
	turn(h, 1000);
	assert_int_equal(h->heartbeat.sent, sent);
}

static void a_pen_whose_stop_was_proven_is_fed_again(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	h->signal.strokes_hz = 0;
	turn(h, 50);
	assert_true(stop_and_wait(h, 50, false)->verified);
	unsigned sent = h->heartbeat.sent;
	turn(h, 1000);
	assert_true(h->heartbeat.sent > sent + 5);
}

static void the_bar_proves_what_force_cannot(void **state)
{
	struct host *h = *state;
	guard_pen_ready(h->guard);
	guard_arm(h->guard);
	begin_streams(h, true);
	turn(h, 500);
	guard_free_run(h->guard, true);
	h->signal.seat = 0;
	turn(h, 200);
	assert_int_equal(guard_still(h->guard, INTERLOCK_QUIET_S), WATCH_OK); /* no seating force is wanted */
	run_pen(h, 0);
	h->signal.strokes_hz = 0;
	h->signal.bar_hz = 30;
	turn(h, 1000);
	assert_int_equal(guard_still(h->guard, INTERLOCK_QUIET_S), WATCH_MOVING);
	h->signal.bar_hz = 0;
	const struct event *e = stop_and_wait(h, 50, false);
	assert_true(e->verified);
	assert_string_equal(e->text, "stopped: no stroke for 0.30 s with a live displacement signal");
	guard_free_run(h->guard, false);
	assert_int_equal(guard_still(h->guard, INTERLOCK_QUIET_S), WATCH_PRELOAD);
	h->signal.seat = 400;
	turn(h, 200);
	assert_int_equal(guard_still(h->guard, INTERLOCK_QUIET_S), WATCH_PRELOAD);
}

static void a_bar_apart_is_fed_by_itself(void **state)
{
	struct host *h = *state;
	struct guard_channel force = force_watched(), bar = bar_watched();
	bar.apart = true;
	guard_watch(h->guard, &force, &bar);
	guard_free_run(h->guard, true);
	h->sends = true;
	turn(h, 200);
	assert_int_equal(guard_alive(h->guard), WATCH_STALE); /* the force's blocks are none of the bar's */
	for (unsigned i = 0; i < 40; i++) {
		tick_after(h, 5);
		struct sample_block block = next_block(&h->signal, h->now_ns);
		guard_bar_block(h->guard, &block);
	}
	assert_int_equal(guard_alive(h->guard), WATCH_OK);
}

static void a_bar_in_the_forces_stream_is_not(void **state)
{
	struct host *h = *state;
	begin_streams(h, true);
	turn(h, 200);
	struct signal apart = h->signal;
	apart.bar_hz = 30;
	for (unsigned i = 0; i < 4; i++) {
		struct sample_block block = next_block(&apart, h->now_ns);
		guard_bar_block(h->guard, &block);
	}
	assert_int_equal(guard_still(h->guard, INTERLOCK_QUIET_S), WATCH_OK);
}

static void a_bars_motion_before_the_run_shows_no_run(void **state)
{
	struct host *h = *state;
	guard_pen_ready(h->guard);
	begin_streams(h, true);
	guard_free_run(h->guard, true);
	h->signal.bar_hz = 30;
	turn(h, 500);
	h->signal.bar_hz = 0;
	turn(h, 500);
	run_pen(h, 0);
	h->signal.strokes_hz = 0;
	turn(h, 1000);
	assert_false(stop_and_wait(h, 50, false)->verified);
}

static void a_stop_under_way_is_the_answer_to_the_next_one_too(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	h->signal.strokes_hz = 0;
	assert_true(guard_stop(h->guard, "enough", 50, false));
	unsigned orders = count_of(h, GUARD_ORDERED);
	turn(h, 100);
	assert_false(guard_stop(h->guard, "once more", 50, false));
	assert_int_equal(count_of(h, GUARD_ORDERED), orders);
	turn(h, 300);
	assert_int_equal(count_of(h, GUARD_STOPPED), 1);
}

static void a_confirmation_of_the_last_stop_does_not_count(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	h->signal.strokes_hz = 0;
	stop_and_wait(h, 50, false);
	run_pen(h, 1000);
	h->confirms_stop = false;
	h->signal.strokes_hz = 0;
	guard_stop(h->guard, "enough", 50, false);
	turn(h, 400);
	assert_int_equal(count_of(h, GUARD_STOPPED), 1);
	reply(&h->stop, 0, NULL);
	tick_after(h, 5);
	assert_int_equal(count_of(h, GUARD_STOPPED), 2);
}

/* ---- nothing more will be heard -------------------------------------------------------------------------------- */

static void what_is_not_under_way_cannot_be_abandoned(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 100);
	unsigned before = h->events;
	guard_abandon(h->guard, "the loop failed");
	assert_int_equal(h->events, before);
}

static void an_abandoned_stop_is_unverified(void **state)
{
	struct host *h = *state;
	h->confirms_stop = false;
	begin(h);
	run_pen(h, 1000);
	guard_stop(h->guard, "enough", 50, false);
	guard_abandon(h->guard, "the loop failed");
	const struct event *e = newest(h, GUARD_STOPPED);
	assert_true(e->news);
	assert_false(e->verified);
	assert_string_equal(e->text,
			    "the loop failed; the pen was ordered to stop and nothing shows that it did. Take the "
			    "pen's power away before you touch it");
	assert_false(tick_after(h, 5));
}

static void an_abandoned_stop_keeps_the_answer_of_before(void **state)
{
	struct host *h = *state;
	begin(h);
	run_pen(h, 1000);
	h->signal.strokes_hz = 0;
	stop_and_wait(h, 50, false);
	guard_stop(h->guard, "the end", 0, true);
	guard_abandon(h->guard, "the loop failed");
	assert_true(newest(h, GUARD_STOPPED)->verified);
	assert_false(newest(h, GUARD_STOPPED)->news);
}

static void an_abandoned_pen_that_never_ran_stands(void **state)
{
	struct host *h = *state;
	h->confirms_stop = false;
	begin(h);
	guard_stop(h->guard, "enough", 50, false);
	guard_abandon(h->guard, "the loop failed");
	assert_true(newest(h, GUARD_STOPPED)->verified);
}

/* ---- the interlock --------------------------------------------------------------------------------------------- */

static void what_may_settle_is_waited_for(void **state)
{
	const struct host *h = *state;
	const struct {
		enum watch_verdict verdict;
		uint64_t ms;
	} cases[] = {{WATCH_MOVING, 2000}, {WATCH_PRELOAD, 2000}, {WATCH_STUCK, 500}, {WATCH_NO_DATA, 500}};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(guard_hopeless(h->guard, cases[i].verdict, h->now_ns - cases[i].ms * NS_PER_MS));
		assert_true(guard_hopeless(h->guard, cases[i].verdict, h->now_ns - cases[i].ms * NS_PER_MS - 1));
	}
}

static void what_is_known_can_be_read(void **state)
{
	struct host *h = *state;
	assert_int_equal(guard_force(h->guard)->next_index, 0);
	begin(h);
	assert_int_equal(guard_force(h->guard)->next_index, 500);
	assert_int_equal(guard_alive(h->guard), WATCH_OK);
	assert_int_equal(guard_still(h->guard, INTERLOCK_QUIET_S), WATCH_OK);
	assert_int_equal(guard_still(h->guard, 0.6), WATCH_MOVING);
	guard_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_host, free_host)

static const struct CMUnitTest tests[] = {
	TEST(no_heartbeat_before_the_deadman_is_armed),
	TEST(heartbeats_leave_every_period),
	TEST(the_first_heartbeat_leaves_at_once),
	TEST(a_heartbeat_waits_for_the_answer_to_the_one_before),
	TEST(a_heartbeat_answered_behind_a_hold_up_is_heard),
	TEST(a_heartbeat_answered_within_a_tick_is_heard),
	TEST(a_pen_that_is_gone_is_fed_no_more),
	TEST(the_deadman_test_withholds_heartbeats),
	TEST(a_pen_that_somebody_else_stopped_is_fed_no_more),
	TEST(an_odd_heartbeat_is_asked_again_at_once),
	TEST(the_pens_own_condition_is_told),
	TEST(what_is_the_benchs_doing_is_a_fault),
	TEST(only_what_no_pen_does_is_the_rigs),
	TEST(a_motor_that_switches_itself_off_is_a_stall),
	TEST(a_trip_counts_only_where_it_is_not_expected),
	TEST(odd_heartbeats_of_the_last_run_do_not_count),
	TEST(a_pen_runs_until_a_reply_says_otherwise),
	TEST(a_heartbeat_that_fails_is_noted),
	TEST(starvation_is_a_fault),
	TEST(starvation_is_told_even_by_a_process_that_slept),
	TEST(a_pen_that_stands_cannot_starve),
	TEST(a_senseless_pen_is_lost_and_fed_no_more),
	TEST(a_pen_whose_stop_was_not_proven_is_fed_no_more),
	TEST(a_pen_whose_stop_was_proven_is_fed_again),
	TEST(a_pen_that_owes_no_answer_is_not_senseless),
	TEST(a_silent_sensor_is_lost),
	TEST(a_sensor_that_never_sends_is_silent_too),
	TEST(a_slow_gauge_is_silent_later),
	TEST(streams_that_ended_are_not_silent),
	TEST(a_sick_channel_ends_what_is_measured),
	TEST(a_sickness_before_the_run_does_not_count),
	TEST(seating_force_cannot_be_seen_under_a_running_pen),
	TEST(a_process_that_slept_gives_grace),
	TEST(a_late_tick_gives_none),
	TEST(grace_ends_with_the_next_block),
	TEST(grace_is_as_long_as_a_slow_gauges_patience),
	TEST(a_new_guard_has_not_slept),
	TEST(storage_that_fails_is_told),
	TEST(telemetry_is_read_under_a_running_pen),
	TEST(a_run_is_an_order_with_an_answer),
	TEST(a_pen_that_never_ran_needs_no_proof),
	TEST(a_pen_that_moves_unasked_is_not_believed),
	TEST(a_stop_is_proven_by_stillness_since_the_order),
	TEST(stillness_before_the_order_does_not_count),
	TEST(a_stop_that_was_proven_is_not_proven_again),
	TEST(the_last_stop_is_proven_for_longer_and_counts_what_was_seen),
	TEST(a_run_makes_the_answer_void),
	TEST(a_stop_that_is_not_confirmed_is_sent_again),
	TEST(a_stop_goes_to_a_pen_that_is_there),
	TEST(a_pen_that_is_gone_is_given_its_deadmans_time),
	TEST(a_pen_whose_heartbeats_are_withheld_owes_none_while_it_stops),
	TEST(without_a_deadman_it_is_not),
	TEST(a_pen_that_stops_by_its_deadman_is_proven_though_it_is_gone),
	TEST(a_sensor_that_is_gone_proves_nothing),
	TEST(needles_in_the_air_are_not_proven),
	TEST(the_bar_proves_what_force_cannot),
	TEST(a_bar_apart_is_fed_by_itself),
	TEST(a_bar_in_the_forces_stream_is_not),
	TEST(a_bars_motion_before_the_run_shows_no_run),
	TEST(a_stop_under_way_is_the_answer_to_the_next_one_too),
	TEST(a_confirmation_of_the_last_stop_does_not_count),
	TEST(what_is_not_under_way_cannot_be_abandoned),
	TEST(an_abandoned_stop_is_unverified),
	TEST(an_abandoned_stop_keeps_the_answer_of_before),
	TEST(an_abandoned_pen_that_never_ran_stands),
	TEST(what_may_settle_is_waited_for),
	TEST(what_is_known_can_be_read),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
