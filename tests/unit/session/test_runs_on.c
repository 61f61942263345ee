/* A pen that is told to stop: nothing feeds its dead-man, and one that says that it is off and strikes on fails. */
#include "rig/session/rules.h"
#include "tests/unit/session/fake_host.h"

#define STROKE_MS 20 /* at 50 strokes per second */

static void running(struct host *h)
{
	begin(h);
	run_pen(h, 1000);
}

static void ordered_to_stop(struct host *h)
{
	running(h);
	assert_true(guard_stop(h->guard, "enough", 50, false));
}

/* The pen's answer to a question that was asked since the last one. */
static bool asked(struct host *h, unsigned *seen)
{
	bool news = h->telemetry_reads > *seen;
	*seen = h->telemetry_reads;
	return news;
}

static void says(struct host *h, bool is_running, uint32_t condition)
{
	const struct pen_telemetry telemetry = {.running = is_running, .condition = condition};
	guard_telemetry(h->guard, &telemetry);
}

/* Turns until the stop has its answer; every question is answered so. */
static const struct event *proof(struct host *h, bool is_running, uint32_t condition)
{
	unsigned seen = h->telemetry_reads;
	for (unsigned i = 0; i < 1000 && !count_of(h, GUARD_STOPPED); i++) {
		tick_after(h, 5);
		if (asked(h, &seen))
			says(h, is_running, condition);
	}
	return newest(h, GUARD_STOPPED);
}

/* ---- what feeds the dead-man ------------------------------------------------------------------------------------- */

static void heartbeats_end_with_the_stop(void **state)
{
	struct host *h = *state;
	ordered_to_stop(h);
	unsigned sent = h->heartbeat.sent;
	proof(h, false, 0);
	assert_int_equal(h->heartbeat.sent, sent);
	assert_false(guard_answer(h->guard)->verified);
	h->signal.strokes_hz = 0;
	turn(h, 2000); /* not shown to stand: never again */
	assert_int_equal(h->heartbeat.sent, sent);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
}

static void heartbeats_go_on_to_a_pen_that_stands(void **state)
{
	struct host *h = *state;
	ordered_to_stop(h);
	unsigned sent = h->heartbeat.sent;
	h->signal.strokes_hz = 0;
	assert_true(proof(h, false, 0)->verified);
	assert_int_equal(h->heartbeat.sent, sent);
	h->says.running = false;
	tick_after(h, 5);
	assert_int_equal(h->heartbeat.sent, sent + 1);
	h->signal.strokes_hz = 50; /* it moves unasked */
	turn(h, 50);
	sent = h->heartbeat.sent;
	turn(h, 1000);
	assert_int_equal(h->heartbeat.sent, sent);
	assert_int_equal(count_of(h, GUARD_LOST), 0);
}

static void a_trip_of_a_pen_that_stood_still_is_nobodys_fault(void **state)
{
	struct host *h = *state;
	ordered_to_stop(h);
	h->signal.strokes_hz = 0;
	h->says = (struct pen_telemetry){.condition = PEN_DEADMAN_TRIPPED};
	assert_true(proof(h, false, PEN_DEADMAN_TRIPPED)->verified);
	turn(h, 1000);
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
	h->says =
		(struct pen_telemetry){.running = true}; /* the next run clears it, and is fed from its first tick on */
	run_pen(h, 5);
	assert_in_range(h->now_ns - h->heartbeat.last_ns, 0, HEARTBEAT_MS * NS_PER_MS);
	turn(h, 1000);
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
}

static void a_run_after_a_pause_does_not_starve(void **state)
{
	struct host *h = *state;
	begin(h);
	h->signal.strokes_hz = 50; /* a hand at the phantom: no heartbeat meanwhile */
	turn(h, 1000);
	assert_true(h->now_ns - h->heartbeat.last_ns > DEADMAN_MS * NS_PER_MS);
	run_pen(h, 500); /* the order itself starts the dead-man's time */
	assert_int_equal(count_of(h, GUARD_FAULT), 0);
}

static void a_pen_without_sense_in_a_stop_is_not_waited_for(void **state)
{
	struct host *h = *state;
	h->confirms_stop = false;
	ordered_to_stop(h);
	h->signal.strokes_hz = 0;
	for (unsigned i = 0; i < 200 && !count_of(h, GUARD_STOPPED); i++) {
		if (h->stop.done)
			reply(&h->stop, -EPROTO, NULL);
		tick_after(h, 5);
	}
	assert_int_equal(count_of(h, GUARD_LOST), 1);
	assert_true(newest(h, GUARD_STOPPED)->verified);
	assert_string_equal(newest(h, GUARD_STOPPED)->text, "stopped: no stroke for 0.30 s with a live load signal, "
							    "though the pen itself makes no sense");
}

/* ---- whose doing it is that it runs on --------------------------------------------------------------------------- */

static void a_pen_that_confirms_and_runs_on_fails(void **state)
{
	struct host *h = *state;
	ordered_to_stop(h);
	uint64_t ordered_ns = h->now_ns;
	proof(h, false, 0);
	assert_int_equal(count_of(h, GUARD_CONDITION), 1);
	const struct event *e = newest(h, GUARD_CONDITION);
	assert_int_equal(e->condition, PEN_RAN_ON);
	assert_non_null(strstr(e->text, "longer than any coast-down"));
	/* not before the coast-down and what a sample may be late */
	assert_in_range(e->ns - ordered_ns, (COAST_DOWN_MS + 100) * NS_PER_MS,
			(COAST_DOWN_MS + 100 + STROKE_MS + 5) * NS_PER_MS);
	assert_false(guard_answer(h->guard)->verified);
}

static void its_dead_man_that_trips_after_its_word_fails_it(void **state)
{
	struct host *h = *state;
	ordered_to_stop(h);
	uint64_t trips_ns = h->heartbeat.last_ns + DEADMAN_MS * NS_PER_MS;
	unsigned seen = h->telemetry_reads;
	while (!count_of(h, GUARD_STOPPED)) {
		tick_after(h, 5);
		if (h->now_ns >= trips_ns + 250 * NS_PER_MS) /* it coasts down then, and that is waited for */
			h->signal.strokes_hz = 0;
		if (asked(h, &seen))
			says(h, false, PEN_DEADMAN_TRIPPED);
	}
	assert_int_equal(count_of(h, GUARD_CONDITION), 1);
	assert_non_null(strstr(newest(h, GUARD_CONDITION)->text, "has tripped since"));
	assert_true(newest(h, GUARD_STOPPED)->verified);
}

/* What it said before it did not stop: its battery may be empty, and the motor on. Its strokes end so long after its time. */
static const struct event *strokes_end(struct host *h, unsigned after_trip_ms, uint32_t condition)
{
	ordered_to_stop(h);
	uint64_t trips_ns = h->heartbeat.last_ns + DEADMAN_MS * NS_PER_MS;
	unsigned seen = h->telemetry_reads;
	for (unsigned i = 0; i < 2000 && !count_of(h, GUARD_STOPPED); i++) {
		tick_after(h, 5);
		if (h->now_ns >= trips_ns + 150 * NS_PER_MS) /* it slows down: what comes are pushes, and no strokes */
			h->signal.strokes_hz = h->now_ns < trips_ns + after_trip_ms * NS_PER_MS ? 4 : 0;
		if (asked(h, &seen))
			says(h, false, condition);
	}
	assert_int_equal(count_of(h, GUARD_CONDITION), 1);
	return newest(h, GUARD_STOPPED);
}

static void strokes_that_fade_past_the_dead_man_are_no_stop(void **state)
{
	const struct event *e = strokes_end(*state, COAST_DOWN_MS + 400, PEN_DEADMAN_TRIPPED);
	assert_false(guard_answer(((struct host *)*state)->guard)->verified);
	assert_non_null(
		strstr(e->text, "keep still now, and ran on after such a word; the pen says that its motor is off"));
}

static void strokes_that_end_without_the_dead_man_are_no_stop(void **state)
{
	strokes_end(*state, COAST_DOWN_MS - 100, 0);
	assert_false(guard_answer(((struct host *)*state)->guard)->verified);
}

static void strokes_that_end_with_the_dead_man_are(void **state)
{
	strokes_end(*state, COAST_DOWN_MS - 100, PEN_DEADMAN_TRIPPED);
	assert_true(guard_answer(((struct host *)*state)->guard)->verified);
}

static void a_pen_that_coasts_as_it_may_does_not_fail(void **state)
{
	struct host *h = *state;
	ordered_to_stop(h);
	turn(h, COAST_DOWN_MS);
	h->signal.strokes_hz = 0;
	assert_true(proof(h, false, PEN_DEADMAN_TRIPPED)->verified);
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
}

static void a_knock_after_the_stop_fails_nobody(void **state)
{
	struct host *h = *state;
	ordered_to_stop(h);
	h->signal.strokes_hz = 0;
	turn(h, 150); /* longer than between two strokes */
	h->signal.strokes_hz = 50;
	assert_false(proof(h, false, PEN_DEADMAN_TRIPPED)->verified);
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
}

static void a_bar_that_only_creeps_fails_nobody(void **state)
{
	struct host *h = *state;
	guard_pen_ready(h->guard);
	guard_arm(h->guard);
	begin_streams(h, true);
	guard_free_run(h->guard, true);
	turn(h, 500);
	run_pen(h, 5);
	h->signal.strokes_hz = 0;
	h->signal.bar_hz = 50;
	turn(h, 1000);
	guard_stop(h->guard, "enough", 50, false);
	h->signal.bar_hz = 4; /* half a stroke in 20 ms is the pace of a pen that runs */
	assert_false(proof(h, false, PEN_DEADMAN_TRIPPED)->verified);
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
}

static void one_word_is_not_enough(void **state)
{
	struct host *h = *state;
	ordered_to_stop(h);
	assert_false(proof(h, true, 0)->verified); /* asked again, it says that it runs: the word before was garbled */
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
	assert_true(h->stop.sent >= 2);
}

static void a_pen_that_never_confirmed_is_unverified_and_no_more(void **state)
{
	struct host *h = *state;
	h->confirms_stop = false;
	ordered_to_stop(h);
	says(h, false, PEN_DEADMAN_TRIPPED);
	guard_pen_lost(h->guard);
	assert_false(proof(h, false, PEN_DEADMAN_TRIPPED)->verified);
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
}

static void a_process_that_stood_still_blames_nobody(void **state)
{
	struct host *h = *state;
	ordered_to_stop(h);
	turn(h, 100);
	tick_after(h, 60);
	proof(h, false, PEN_DEADMAN_TRIPPED);
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
}

static void a_stop_soon_after_standing_still_blames_nobody(void **state)
{
	struct host *h = *state;
	running(h);
	tick_after(h, 60);
	turn(h, 100);
	guard_stop(h->guard, "enough", 50, false);
	proof(h, false, PEN_DEADMAN_TRIPPED);
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
}

static void a_trip_before_its_word_says_nothing(void **state)
{
	struct host *h = *state;
	running(h);
	guard_withhold(h->guard); /* as in the dead-man's test: its time goes on, and the stop comes at its end */
	turn(h, DEADMAN_MS);
	guard_stop(h->guard, "end of the test", 50, false);
	turn(h, 100);
	says(h, false, PEN_DEADMAN_TRIPPED);
	turn(h, 100);
	h->signal.strokes_hz = 0;
	assert_true(proof(h, false, PEN_DEADMAN_TRIPPED)->verified);
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
}

static void the_table_of_what_a_pen_does_itself(void **state)
{
	(void)state;
	const struct {
		uint32_t facts;
		enum pen_word word;
		bool blamed;
	} cases[] = {
		{FACT_OFF | FACT_OUTRAN, PEN_IS_OFF, true},
		{FACT_OFF | FACT_TRIPPED, PEN_IS_OFF, true},
		{FACT_OFF | FACT_OVERDUE, PEN_IS_OFF, false},
		{FACT_OUTRAN | FACT_TRIPPED, PEN_OWES_AN_ANSWER, false},
		{FACT_OFF | FACT_OUTRAN, PEN_IS_OFF_OR_SO, false},
		{FACT_OUTRAN | FACT_TRIPPED, PEN_IS_GONE, false},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct evidence e = {.facts = cases[i].facts, .pen = cases[i].word};
		assert_int_equal(stop_blame(&e) != NULL, cases[i].blamed);
	}
}

/* ---- behind its stop ----------------------------------------------------------------------------------------------- */

#define PRESSES_MAX 2

struct presses { /* of the pen's button, counted from the order to stop */
	bool last, says_so;
	unsigned count, at_ms[PRESSES_MAX];
};

static const struct event *pressed(struct host *h, const struct presses *p)
{
	running(h);
	guard_stop(h->guard, "enough", 50, p->last);
	const uint64_t ordered_ns = h->now_ns;
	unsigned seen = h->telemetry_reads, stops = h->stop.sent, next = 0;
	bool on = false;
	h->signal.strokes_hz = 0;
	for (unsigned i = 0; i < 8000 && !count_of(h, GUARD_STOPPED); i++) {
		if (next < p->count && h->now_ns >= ordered_ns + p->at_ms[next] * NS_PER_MS) {
			on = true;
			stops = h->stop.sent;
			h->signal.strokes_hz = 50;
			next++;
		}
		tick_after(h, 5);
		if (asked(h, &seen))
			says(h, on && p->says_so, 0);
		if (on && h->stop.sent > stops) {
			on = false;
			h->signal.strokes_hz = 0;
		}
	}
	return newest(h, GUARD_STOPPED);
}

static void one_that_is_switched_on_is_ordered_off_and_watched_anew(void **state)
{
	struct host *h = *state;
	const struct event *e =
		pressed(h, &(struct presses){.last = true, .says_so = true, .count = 1, .at_ms = {2000}});
	assert_true(e->verified);
	assert_int_equal(count_of(h, GUARD_SWITCHED_ON), 1);
	assert_int_equal(h->stop.sent, 2);
	assert_int_equal(count_of(h, GUARD_CONDITION), 0);
	uint64_t on_ns = newest(h, GUARD_SWITCHED_ON)->ns;
	assert_in_range(h->stop.last_ns - on_ns, 0, TICK_NS);
	assert_false(newest(h, GUARD_SWITCHED_ON)->verified);
	assert_true(e->ns - on_ns >= 11 * NS_PER_S); /* a whole proof of its own */
}

static void nor_is_an_earlier_answer_its_answer(void **state)
{
	struct host *h = *state;
	running(h);
	guard_stop(h->guard, "the point is measured", 50, false);
	h->signal.strokes_hz = 0;
	assert_true(proof(h, false, 0)->verified);
	guard_stop(h->guard, "the run is complete", 50, true);
	turn(h, 1000);
	h->signal.strokes_hz = 50;
	turn(h, 100);
	says(h, true, 0);
	tick_after(h, 5);
	assert_int_equal(count_of(h, GUARD_SWITCHED_ON), 1);
	assert_false(guard_answer(h->guard)->given);
	assert_false(guard_answer(h->guard)->verified);
}

static void there_is_one_more_watch_and_no_third(void **state)
{
	struct host *h = *state;
	pressed(h, &(struct presses){.last = true, .says_so = true, .count = 2, .at_ms = {2000, 6000}});
	assert_false(guard_answer(h->guard)->verified);
	assert_int_equal(count_of(h, GUARD_SWITCHED_ON), 1);
	assert_int_equal(h->stop.sent, 3);
}

static void one_that_strikes_and_says_that_it_is_off_gets_none(void **state)
{
	struct host *h = *state;
	pressed(h, &(struct presses){.last = true, .says_so = false, .count = 1, .at_ms = {2000}});
	assert_false(guard_answer(h->guard)->verified);
	assert_int_equal(count_of(h, GUARD_SWITCHED_ON), 0);
}

static void what_only_creeps_gets_none(void **state)
{
	struct host *h = *state;
	running(h);
	guard_stop(h->guard, "enough", 50, true);
	h->signal.strokes_hz = 0;
	turn(h, 2000);
	for (unsigned i = 0; i < 4000 && !count_of(h, GUARD_STOPPED); i++) {
		h->signal.seat = SEAT_COUNTS + (i < 200 ? (int)(i / 4) : 50); /* a push of 50 mN within a second */
		tick_after(h, 5);
		if (i % 20 == 0)
			says(h, true, 0);
	}
	assert_false(guard_answer(h->guard)->verified);
	assert_int_equal(count_of(h, GUARD_SWITCHED_ON), 0);
}

static void so_is_one_behind_any_stop(void **state)
{
	struct host *h = *state;
	const struct event *e =
		pressed(h, &(struct presses){.last = false, .says_so = true, .count = 1, .at_ms = {250}});
	assert_true(e->verified);
	assert_int_equal(count_of(h, GUARD_SWITCHED_ON), 1);
	assert_int_equal(h->stop.sent, 2);
}

/* ---- at rest ------------------------------------------------------------------------------------------------------- */

/* It ran, was told to stop, and was seen to stand. */
static void at_rest(struct host *h)
{
	ordered_to_stop(h);
	h->signal.strokes_hz = 0;
	assert_true(proof(h, false, 0)->verified);
	h->says.running = false;
	turn(h, 100);
}

static void one_that_is_switched_on_at_rest_is_asked_and_told_once(void **state)
{
	struct host *h = *state;
	at_rest(h);
	unsigned seen = h->telemetry_reads;
	h->answers = false;
	h->signal.strokes_hz = 50;
	turn(h, 50);
	assert_int_equal(h->telemetry_reads, seen + 1);
	assert_int_equal(count_of(h, GUARD_SWITCHED_ON), 0);
	says(h, true, 0);
	turn(h, 50);
	says(h, true, 0);
	turn(h, 1000);
	assert_int_equal(count_of(h, GUARD_SWITCHED_ON), 1);
}

static void its_word_alone_is_asked_for_twice(void **state)
{
	struct host *h = *state;
	at_rest(h);
	unsigned seen = h->telemetry_reads;
	h->answers = false;
	says(h, true, 0);
	assert_true(guard_doubts(h->guard));
	tick_after(h, 5);
	assert_int_equal(h->telemetry_reads, seen + 1);
	assert_int_equal(count_of(h, GUARD_SWITCHED_ON), 0);
	says(h, true, 0); /* its needles have not touched anything yet, or never will */
	tick_after(h, 5);
	assert_int_equal(count_of(h, GUARD_SWITCHED_ON), 1);
}

static void a_word_that_is_taken_back_was_garbled(void **state)
{
	struct host *h = *state;
	at_rest(h);
	h->answers = false;
	says(h, true, 0);
	tick_after(h, 5);
	says(h, false, 0);
	assert_false(guard_doubts(h->guard));
	says(h, true, 0);
	tick_after(h, 5);
	says(h, false, 0);
	turn(h, 500);
	assert_int_equal(count_of(h, GUARD_SWITCHED_ON), 0);
}

/* Whatever it is ordered off for. */
static void that_it_stood_before_is_no_proof(void **state)
{
	struct host *h = *state;
	at_rest(h);
	h->answers = false;
	h->signal.strokes_hz = 50;
	turn(h, 50);
	unsigned stopped = count_of(h, GUARD_STOPPED);
	guard_stop(h->guard, "interrupted", 50, false);
	turn(h, 200);
	assert_int_equal(count_of(h, GUARD_STOPPED), stopped);
	assert_false(guard_answer(h->guard)->verified);
	h->signal.strokes_hz = 0;
	turn(h, 500);
	assert_int_equal(count_of(h, GUARD_STOPPED), stopped + 1);
	assert_true(guard_answer(h->guard)->verified);
}

static void nor_is_it_where_it_says_that_it_runs(void **state)
{
	struct host *h = *state;
	at_rest(h);
	h->answers = false;
	says(h, true, 0);
	guard_stop(h->guard, "interrupted", 50, false);
	tick_after(h, 5);
	assert_false(guard_answer(h->guard)->given);
}

static void a_knock_at_rest_is_nothing(void **state)
{
	struct host *h = *state;
	at_rest(h);
	unsigned seen = h->telemetry_reads;
	h->signal.strokes_hz = 50;
	for (unsigned i = 0; i < 100; i++) {
		tick_after(h, 5);
		if (asked(h, &seen))
			says(h, false, 0);
		if (i == 10)
			h->signal.strokes_hz = 0;
	}
	assert_int_equal(count_of(h, GUARD_SWITCHED_ON), 0);
	turn(h, 500);
	assert_int_equal(h->telemetry_reads, seen); /* nor asked any more, once it is over */
}

static void a_run_and_its_stop_are_no_rest(void **state)
{
	struct host *h = *state;
	at_rest(h);
	says(h, true, 0);
	run_pen(h, 500);
	assert_false(guard_doubts(h->guard));
	says(h, true, 0);
	says(h, true, 0);
	tick_after(h, 5);
	guard_stop(h->guard, "enough", 50, false);
	says(h, true, 0);
	tick_after(h, 5);
	assert_int_equal(count_of(h, GUARD_SWITCHED_ON), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_host, free_host)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(heartbeats_end_with_the_stop),
		TEST(heartbeats_go_on_to_a_pen_that_stands),
		TEST(a_trip_of_a_pen_that_stood_still_is_nobodys_fault),
		TEST(a_run_after_a_pause_does_not_starve),
		TEST(a_pen_without_sense_in_a_stop_is_not_waited_for),
		TEST(a_pen_that_confirms_and_runs_on_fails),
		TEST(its_dead_man_that_trips_after_its_word_fails_it),
		TEST(strokes_that_fade_past_the_dead_man_are_no_stop),
		TEST(strokes_that_end_without_the_dead_man_are_no_stop),
		TEST(strokes_that_end_with_the_dead_man_are),
		TEST(a_pen_that_coasts_as_it_may_does_not_fail),
		TEST(a_knock_after_the_stop_fails_nobody),
		TEST(a_bar_that_only_creeps_fails_nobody),
		TEST(one_word_is_not_enough),
		TEST(a_pen_that_never_confirmed_is_unverified_and_no_more),
		TEST(a_process_that_stood_still_blames_nobody),
		TEST(a_stop_soon_after_standing_still_blames_nobody),
		TEST(a_trip_before_its_word_says_nothing),
		TEST(one_that_is_switched_on_is_ordered_off_and_watched_anew),
		TEST(nor_is_an_earlier_answer_its_answer),
		TEST(there_is_one_more_watch_and_no_third),
		TEST(one_that_strikes_and_says_that_it_is_off_gets_none),
		TEST(what_only_creeps_gets_none),
		TEST(so_is_one_behind_any_stop),
		TEST(one_that_is_switched_on_at_rest_is_asked_and_told_once),
		TEST(its_word_alone_is_asked_for_twice),
		TEST(a_word_that_is_taken_back_was_garbled),
		TEST(that_it_stood_before_is_no_proof),
		TEST(nor_is_it_where_it_says_that_it_runs),
		TEST(a_knock_at_rest_is_nothing),
		TEST(a_run_and_its_stop_are_no_rest),
		cmocka_unit_test(the_table_of_what_a_pen_does_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
