/* What is known of a stop, fact by fact at its bounds, and what follows: the table against another way to say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "rig/session/rules.h"
#include "tests/unit/session/signal.h"

#define ALL_FACTS (2u * FACT_NO_POWER - 1)

/* A pen that ran for 2 s with strokes and was ordered to stop; since then 0.5 s of a live, quiet signal were seen, and
 * 0.3 s are wanted. */
struct stage {
	struct known known;
	struct signal signal;
	uint64_t now_ns;
};

static void play(struct stage *s, double seconds)
{
	for (int blocks = (int)lround(seconds * SIGNAL_HZ / BLOCK_FRAMES); blocks > 0; blocks--) {
		s->now_ns += 5 * NS_PER_MS;
		struct sample_block block = next_block(&s->signal, s->now_ns);
		watch_feed(&s->known.signals.force.watch, &block);
		watch_feed(&s->known.signals.bar.watch, &block);
	}
}

static struct stage stopped_pen(void)
{
	const struct guard_channel force = force_watched(), bar = bar_watched();
	struct stage s = {.now_ns = 1000 * NS_PER_S, .signal = {.seat = SEAT_COUNTS, .seed = 1}};
	struct signals *signals = &s.known.signals;
	watch_init(&signals->force.watch, &force.watch);
	watch_init(&signals->bar.watch, &bar.watch);
	signals->force.patience = force.patience;
	signals->bar.patience = bar.patience;
	signals->streaming = true;
	play(&s, 0.5);
	s.known.run = (struct last_run){
		.moved = true,
		.ns = s.now_ns,
		.index = signals->force.watch.next_index,
		.bar_index = signals->bar.watch.next_index,
	};
	s.signal.strokes_hz = 50;
	play(&s, 2);
	s.signal.strokes_hz = 0;
	s.known.order = (struct stop_order){
		.quiet_s = 0.3,
		.alone_s = 0.3,
		.coasted_ns = s.now_ns + 500 * NS_PER_MS,
		.alone_ns = 500 * NS_PER_MS,
		.first_index = signals->force.watch.next_index,
	};
	s.known.pen = (struct pen_known){.ready = true, .off = true};
	play(&s, 0.5);
	return s;
}

static uint32_t facts(const struct stage *s)
{
	return evidence_of(&s->known, s->now_ns).facts;
}

/* ---- patience -------------------------------------------------------------------------------------------------- */

static void patience_follows_from_the_rate(void **state)
{
	(void)state;
	const struct {
		double rate_hz;
		uint64_t fresh_ms, silent_ms;
	} cases[] = {{10000, 100, 300}, {200, 100, 300}, {30, 100, 300},
		     {20, 150, 300},    {10, 300, 600},  {1, 3000, 6000}};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct patience p = patience_of(cases[i].rate_hz);
		assert_int_equal(p.fresh_ns, cases[i].fresh_ms * NS_PER_MS);
		assert_int_equal(p.silent_ns, cases[i].silent_ms * NS_PER_MS);
	}
}

static void a_signal_is_fresh_for_its_own_patience(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	assert_int_equal(signals_alive(&s.known.signals, s.now_ns + 100 * NS_PER_MS), WATCH_OK);
	assert_int_equal(signals_alive(&s.known.signals, s.now_ns + 101 * NS_PER_MS), WATCH_STALE);
	assert_int_equal(signals_still(&s.known.signals, s.now_ns + 101 * NS_PER_MS, 0.1), WATCH_STALE);
	s.known.signals.force.patience = patience_of(10);
	assert_int_equal(signals_alive(&s.known.signals, s.now_ns + 300 * NS_PER_MS), WATCH_OK);
	assert_int_equal(signals_still(&s.known.signals, s.now_ns + 300 * NS_PER_MS, 0.1), WATCH_OK);
	assert_int_equal(signals_alive(&s.known.signals, s.now_ns + 301 * NS_PER_MS), WATCH_STALE);
}

/* ---- signals --------------------------------------------------------------------------------------------------- */

static void without_a_stream_there_is_no_data(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	s.known.signals.streaming = false;
	assert_int_equal(signals_alive(&s.known.signals, s.now_ns), WATCH_NO_DATA);
	assert_int_equal(signals_still(&s.known.signals, s.now_ns, 0.1), WATCH_NO_DATA);
}

static void with_a_phantom_the_bar_can_only_disprove(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	struct signals *signals = &s.known.signals;
	s.signal.bar_hz = 30;
	play(&s, 0.2);
	assert_int_equal(signals_still(signals, s.now_ns, 0.1), WATCH_OK); /* there is no bar to look at */
	signals->has_bar = true;
	assert_int_equal(signals_alive(signals, s.now_ns), WATCH_OK);
	assert_int_equal(signals_still(signals, s.now_ns, 0.1), WATCH_MOVING);
	s.signal.bar_dead = true;
	play(&s, 0.2);
	assert_int_equal(signals_still(signals, s.now_ns, 0.1), WATCH_OK); /* a dead bar tells nothing */
	s.signal.strokes_hz = 50;
	s.signal.bar_dead = false;
	s.signal.bar_hz = 0;
	play(&s, 0.2);
	assert_int_equal(signals_still(signals, s.now_ns, 0.1), WATCH_MOVING);
}

static void in_a_free_run_both_must_be_alive(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	struct signals *signals = &s.known.signals;
	signals->has_bar = signals->free_run = true;
	assert_int_equal(signals_still(signals, s.now_ns, 0.1), WATCH_OK);
	s.signal.bar_dead = true;
	play(&s, 0.2);
	assert_int_equal(signals_alive(signals, s.now_ns), WATCH_STUCK);
	assert_int_equal(signals_still(signals, s.now_ns, 0.1), WATCH_STUCK);
	s.signal.bar_dead = false;
	s.signal.dead = true;
	play(&s, 0.2);
	assert_int_equal(signals_alive(signals, s.now_ns), WATCH_STUCK);
	signals->bar.patience.fresh_ns = 0;
	s.signal.dead = false;
	play(&s, 0.2);
	assert_int_equal(signals_alive(signals, s.now_ns + NS_PER_MS), WATCH_STALE); /* the bar's own patience */
	signals->free_run = false;
	assert_int_equal(signals_alive(signals, s.now_ns + NS_PER_MS), WATCH_OK);
}

/* ---- how long ---------------------------------------------------------------------------------------------------- */

static void a_stop_is_watched_for_ten_periods(void **state)
{
	(void)state;
	for (int alone = 0; alone < 2; alone++) {
		assert_true(quiet_needed_s(0, false, alone) == 0.3);
		assert_true(quiet_needed_s(100, false, alone) == 0.3);
		assert_true(quiet_needed_s(20, false, alone) == 0.5);
	}
}

/* A whole stroke of the slowest creep, and a tenth, where needles in the air show nothing. */
static void the_last_stop_is_watched_for_what_could_hide(void **state)
{
	(void)state;
	assert_true(quiet_needed_s(20, true, false) == 2.2);
	assert_true(quiet_needed_s(20, true, true) > 10.99 && quiet_needed_s(20, true, true) < 11.01);
}

/* ---- facts ----------------------------------------------------------------------------------------------------- */

static void facts_of_a_pen_that_stopped(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	assert_int_equal(facts(&s), FACT_TOLD | FACT_OFF | FACT_MOVED | FACT_LASTS | FACT_STILL | FACT_SEEN |
					    FACT_SHOWN | FACT_COASTED | FACT_NO_POWER);
	assert_int_equal(evidence_of(&s.known, s.now_ns).signal, WATCH_OK);
}

static void the_pens_word(void **state)
{
	(void)state;
	const struct {
		struct pen_known pen;
		enum pen_word word;
		uint32_t facts;
	} cases[] = {
		{{.ready = true}, PEN_OWES_AN_ANSWER, 0},
		{{.ready = true, .off = true}, PEN_IS_OFF, FACT_TOLD | FACT_OFF},
		{{.ready = true, .off = true, .senseless = true}, PEN_IS_OFF_OR_SO, FACT_TOLD | FACT_OFF},
		{{.ready = true, .told = true}, PEN_WAS_TOLD, FACT_TOLD},
		{{.ready = true, .told = true, .lost = true}, PEN_IS_GONE, FACT_TOLD},
		{{.ready = true, .senseless = true}, PEN_MAKES_NO_SENSE, FACT_TOLD},
		{{.ready = true, .off = true, .lost = true}, PEN_IS_GONE, FACT_TOLD},
		{{.lost = true}, PEN_IS_GONE, FACT_TOLD},
		{{.off = true}, PEN_NEVER_CAME, FACT_TOLD},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stage s = stopped_pen();
		s.known.pen = cases[i].pen;
		assert_int_equal(pen_word(&cases[i].pen), cases[i].word);
		assert_int_equal(evidence_of(&s.known, s.now_ns).pen, cases[i].word);
		assert_int_equal(facts(&s) & (FACT_TOLD | FACT_OFF), cases[i].facts);
	}
}

static void motion_is_known_however_it_came(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	s.known.run.moved = false;
	assert_false(facts(&s) & FACT_MOVED);
	s.signal.strokes_hz = 50;
	play(&s, 0.05);
	assert_true(facts(&s) & FACT_MOVED);
	s.signal.strokes_hz = 0;
	play(&s, 0.095); /* less than the stillness that a start wants */
	assert_true(facts(&s) & FACT_MOVED);
	play(&s, 0.05);
	assert_false(facts(&s) & FACT_MOVED);
}

/* How long is looked for is a matter of what tells at that moment: a bar that dies meanwhile tells nothing any more. */
static void where_force_alone_tells_more_is_wanted(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	s.known.order.alone_s = 1.5;
	s.known.signals.has_bar = true;
	assert_true(evidence_of(&s.known, s.now_ns).quiet_s == 0.3);
	assert_int_equal(facts(&s) & (FACT_STILL | FACT_SEEN | FACT_LASTS), FACT_STILL | FACT_SEEN | FACT_LASTS);
	s.signal.bar_dead = true;
	play(&s, 0.1);
	s.known.answer = (struct stop_answer){.given = true, .verified = true, .proven_s = 0.3};
	assert_true(evidence_of(&s.known, s.now_ns).quiet_s == 1.5);
	assert_int_equal(facts(&s) & (FACT_STILL | FACT_SEEN | FACT_LASTS), 0);
	play(&s, 1.0);
	assert_int_equal(facts(&s) & (FACT_STILL | FACT_SEEN | FACT_LASTS | FACT_OVERDUE), FACT_STILL | FACT_SEEN);
	s.now_ns = s.known.order.coasted_ns + 1500 * NS_PER_MS; /* its time is longer by as much */
	assert_false(facts(&s) & FACT_OVERDUE);
}

static void an_answer_lasts_as_long_as_it_was_proven(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	s.known.answer = (struct stop_answer){.given = true, .verified = true, .proven_s = 0.3};
	assert_int_equal(facts(&s) & (FACT_ANSWERED | FACT_LASTS), FACT_ANSWERED | FACT_LASTS);
	s.known.answer.proven_s = 0.29;
	assert_int_equal(facts(&s) & (FACT_ANSWERED | FACT_LASTS), FACT_ANSWERED);
	s.known.answer.verified = false;
	assert_int_equal(facts(&s) & (FACT_ANSWERED | FACT_LASTS), FACT_ANSWERED | FACT_LASTS);
}

static void stillness_is_seen_since_the_order(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	s.known.order.first_index = s.known.signals.force.watch.next_index - 300;
	assert_true(facts(&s) & FACT_SEEN);
	s.known.order.first_index++;
	assert_false(facts(&s) & FACT_SEEN);
	s.known.order.first_index--;
	s.known.signals.streaming = false;
	assert_int_equal(facts(&s) & (FACT_SEEN | FACT_STILL), 0);
	assert_int_equal(evidence_of(&s.known, s.now_ns).signal, WATCH_NO_DATA);
}

static void the_last_stop_wants_a_steady_level(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	play(&s, 2.0);
	s.known.order.alone_s = 2.2;
	assert_true(facts(&s) & FACT_STILL);
	for (int i = 0; i < 40; i++) { /* 1 count in 5 ms: no swing within 20 ms, a shift of 0.04 N all the same */
		s.signal.seat++;
		play(&s, 0.005);
	}
	assert_int_equal(evidence_of(&s.known, s.now_ns).signal, WATCH_MOVING);
	s.known.order.alone_s = 0.3; /* and so does any other */
	assert_int_equal(evidence_of(&s.known, s.now_ns).signal, WATCH_MOVING);
	s.known.order.alone_s = 2.2;
	s.known.signals.force.patience.fresh_ns = 0;
	assert_int_equal(evidence_of(&s.known, s.now_ns + 1).signal, WATCH_STALE);
}

static enum watch_verdict seen_for(struct stage *s, double quiet_s)
{
	s->known.order.quiet_s = s->known.order.alone_s = quiet_s;
	return evidence_of(&s->known, s->now_ns).signal;
}

/* A stroke in ten seconds swings by 0.006 mm within 20 ms; 0.03 mm would count. */
static void a_bar_that_creeps_does_not_stand(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	s.known.signals.has_bar = true;
	play(&s, 1.0);
	assert_int_equal(seen_for(&s, 0.3), WATCH_OK);
	s.signal.bar_hz = 0.1;
	play(&s, 1.0);
	assert_int_equal(signals_still(&s.known.signals, s.now_ns, 0.3), WATCH_OK);
	assert_int_equal(seen_for(&s, 0.3), WATCH_MOVING);
	play(&s, 2.65); /* to its dead centre, and a little beyond */
	assert_int_equal(s.signal.index, 7650);
	assert_int_equal(signals_still(&s.known.signals, s.now_ns, 2.2), WATCH_OK);
	assert_int_equal(seen_for(&s, 0.3), WATCH_OK);
	assert_int_equal(seen_for(&s, 2.2), WATCH_MOVING); /* so the last stop sees it */
	assert_int_equal(seen_for(&s, 0.9), WATCH_MOVING);
}

/* A force that drifts is no motion where a bar shows that there is none. */
static void the_level_of_the_force_counts_where_nothing_else_tells(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	struct signals *signals = &s.known.signals;
	signals->has_bar = true;
	play(&s, 2.0);
	for (int i = 0; i < 40; i++) {
		s.signal.seat++;
		play(&s, 0.005);
	}
	assert_int_equal(seen_for(&s, 2.2), WATCH_OK);
	signals->bar.watch.config.still_n = 0.05;
	assert_int_equal(seen_for(&s, 2.2), WATCH_OK);
	signals->bar.watch.config.still_n = 0.051; /* too coarse for a creeping bar */
	assert_int_equal(seen_for(&s, 2.2), WATCH_MOVING);
	signals->bar.watch.config.still_n = 0.03;
	s.signal.bar_dead = true;
	play(&s, 0.1);
	assert_int_equal(seen_for(&s, 2.2), WATCH_MOVING);
}

/* A needle that is drawn back slowly: 1 count in 5 ms. */
static void withdraw(struct stage *s, int counts)
{
	for (int i = 0; i < counts; i++) {
		s->signal.seat--;
		play(s, 0.005);
	}
}

static void every_stop_wants_a_level_where_only_force_tells(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	withdraw(&s, 15);
	assert_int_equal(seen_for(&s, 0.3), WATCH_OK); /* less than counts as a swing */
	withdraw(&s, 25);
	assert_int_equal(signals_still(&s.known.signals, s.now_ns, 0.3), WATCH_OK);
	assert_int_equal(seen_for(&s, 0.3), WATCH_MOVING);
	s.known.signals.has_bar = true;
	assert_int_equal(seen_for(&s, 0.3), WATCH_OK); /* a bar that stands knows better */
	s.known.signals.has_bar = false;
	play(&s, 0.35);
	assert_int_equal(seen_for(&s, 0.3), WATCH_OK);
	assert_int_equal(seen_for(&s, 0.6), WATCH_MOVING);
}

static void a_drift_past_all_coast_down_is_a_creep(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	s.known.order.rests_ns = s.known.order.coasted_ns;
	withdraw(&s, 60);
	play(&s, 0.4);
	assert_true(facts(&s) & FACT_STILL);
	assert_true(facts(&s) & FACT_CREPT);
	s.known.answer = (struct stop_answer){.given = true, .verified = true, .proven_s = 0.3};
	assert_false(facts(&s) & FACT_LASTS); /* what was proven before is not any more */
	s.known.answer.verified = false;
	assert_true(facts(&s) & FACT_LASTS);
	s.known.order.rests_ns = s.now_ns; /* it may still have coasted */
	assert_false(facts(&s) & FACT_CREPT);
	s.known.order.rests_ns = s.known.order.coasted_ns;
	s.known.order.held_up = true;
	assert_false(facts(&s) & FACT_CREPT);
	s.known.order.held_up = false;
	s.known.order.first_index = s.signal.index;
	assert_false(facts(&s) & FACT_CREPT);
	s.known.order.first_index = 0;
	s.known.signals.has_bar = true;
	assert_false(facts(&s) & FACT_CREPT);
	s.known.signals.has_bar = false;
	watch_ran(&s.known.signals.force.watch);
	assert_false(facts(&s) & FACT_CREPT);
}

static void the_signal_must_have_shown_the_run(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	struct signals *signals = &s.known.signals;
	s.known.run.index = signals->force.watch.last_motion;
	assert_false(facts(&s) & FACT_SHOWN);
	s.known.run.index--;
	assert_true(facts(&s) & FACT_SHOWN);
	s.known.run.index++;
	signals->bar.watch.last_motion = s.known.run.bar_index + 1;
	assert_false(facts(&s) & FACT_SHOWN);
	signals->has_bar = true;
	assert_true(facts(&s) & FACT_SHOWN);
	s.known.run.bar_index++;
	assert_false(facts(&s) & FACT_SHOWN);
}

static void after_too_short_a_run_the_pens_word_must_do(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	s.known.run.index = s.known.signals.force.watch.last_motion;
	s.known.run.ns = s.now_ns - 600 * NS_PER_MS;
	assert_false(facts(&s) & FACT_SHOWN);
	s.known.run.ns++;
	assert_true(facts(&s) & FACT_SHOWN);
	s.known.pen.off = false;
	assert_false(facts(&s) & FACT_SHOWN);
}

static void time_runs_out_as_the_pens_word_has_it(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	uint64_t coasted_ns = s.known.order.coasted_ns;
	const struct {
		bool off, sensor_lost;
		uint64_t after_ms; /* the end of the coast-down */
	} cases[] = {{true, false, 500}, {false, false, 1000}, {true, true, 0}, {false, true, 500}};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		s.known.pen.off = cases[i].off;
		s.known.signals.lost = cases[i].sensor_lost;
		uint64_t due_ns = coasted_ns + cases[i].after_ms * NS_PER_MS;
		assert_false(evidence_of(&s.known, due_ns - 1).facts & FACT_OVERDUE);
		assert_true(evidence_of(&s.known, due_ns).facts & FACT_OVERDUE);
		assert_int_equal(!!(evidence_of(&s.known, due_ns).facts & FACT_SENSOR_LOST), cases[i].sensor_lost);
	}
	assert_false(evidence_of(&s.known, coasted_ns - 1).facts & FACT_COASTED);
	assert_true(evidence_of(&s.known, coasted_ns).facts & FACT_COASTED);
}

/* Needles that keep still are no proof while a motor may have power: of a pen of parts that must be gone, too. */
static void still_needles_with_power_are_no_proof(void **state)
{
	(void)state;
	struct stage s = stopped_pen();
	const uint32_t proof = FACT_TOLD | FACT_STILL | FACT_SEEN | FACT_SHOWN;
	s.known.pen = (struct pen_known){.ready = true, .lost = true};
	assert_int_equal(facts(&s) & (proof | FACT_NO_POWER), proof | FACT_NO_POWER);
	s.known.pen.of_parts = true;
	s.known.order.alone_ns = 0; /* nothing switches it off by itself */
	assert_int_equal(facts(&s) & (proof | FACT_NO_POWER), proof);
	struct evidence e = evidence_of(&s.known, s.now_ns);
	assert_int_equal(stop_rule_for(&e)->ruling, RULING_WAIT);
	s.known.order.ns = s.now_ns;
	s.known.order.alone_ns = 500 * NS_PER_MS;
	assert_false(evidence_of(&s.known, s.now_ns + 600 * NS_PER_MS - 1).facts & FACT_NO_POWER);
	assert_true(evidence_of(&s.known, s.now_ns + 600 * NS_PER_MS).facts & FACT_NO_POWER);
	s.known.order.alone_ns = 0;
	s.known.pen = (struct pen_known){.ready = true, .of_parts = true, .off = true};
	assert_true(facts(&s) & FACT_NO_POWER);
}

/* Needles that struck until the order and not beyond the coast-down: that switches off what cannot say that it is. */
static struct stage told_pen(void)
{
	struct stage s = stopped_pen();
	watch_ran(&s.known.signals.force.watch);
	s.signal.strokes_hz = 50;
	play(&s, 1);
	s.signal.strokes_hz = 0;
	s.known.order.ns = s.known.order.first_ns = s.now_ns;
	s.known.order.coasted_ns = s.known.order.rests_ns = s.now_ns + 500 * NS_PER_MS;
	s.known.order.alone_ns = 0;
	play(&s, 0.4);
	s.known.pen = (struct pen_known){.ready = true, .of_parts = true, .told = true};
	return s;
}

static bool has_no_power_left(const struct stage *s)
{
	return facts(s) & FACT_NO_POWER;
}

static void what_stopped_as_told_has_no_power(void **state)
{
	(void)state;
	struct stage s = told_pen();
	assert_true(has_no_power_left(&s));
	s.known.pen.told = false;
	assert_false(has_no_power_left(&s));
	s.known.pen.told = true;
	s.known.order.held_up = true;
	assert_false(has_no_power_left(&s));
	s.known.order.held_up = false;
	s.known.signals.streaming = false;
	assert_false(has_no_power_left(&s));
	s.known.signals.streaming = true;
	s.known.signals.force.watch.strokes.last = 0;
	assert_false(has_no_power_left(&s));
}

static void strokes_beyond_the_order(void **state)
{
	(void)state;
	struct stage s = told_pen();
	assert_true(strikes_past(&s.known, s.known.order.ns - 100 * NS_PER_MS));
	assert_false(strikes_past(&s.known, s.known.order.ns + 100 * NS_PER_MS));
	s.known.order.held_up = true; /* when they came says nothing of when they were */
	assert_false(strikes_past(&s.known, s.known.order.ns - 100 * NS_PER_MS));
	s.known.order.held_up = false;
	s.known.signals.streaming = false;
	assert_false(strikes_past(&s.known, s.known.order.ns - 100 * NS_PER_MS));
}

/* ---- what follows ------------------------------------------------------------------------------------------------ */

/* The same in other words. */
static enum ruling expected(uint32_t f)
{
	bool told = f & FACT_TOLD, off = f & FACT_OFF, moved = f & FACT_MOVED, answered = f & FACT_ANSWERED;
	bool quiet = (f & FACT_STILL) && (f & FACT_SEEN);
	if (told && !moved)
		return RULING_PROVEN;
	if (answered && ((told && (f & FACT_LASTS)) || (f & FACT_ABANDONED)))
		return RULING_AS_BEFORE;
	if (f & FACT_ABANDONED)
		return RULING_UNVERIFIED;
	if (told && quiet && (f & FACT_SHOWN) && (f & FACT_NO_POWER) && !(f & FACT_CREPT))
		return RULING_PROVEN;
	if ((off && quiet && (f & FACT_COASTED) && !(f & FACT_SHOWN)) || (f & FACT_OVERDUE))
		return RULING_UNVERIFIED;
	return RULING_WAIT;
}

static void the_table_rules_every_set_of_facts(void **state)
{
	(void)state;
	for (uint32_t f = 0; f <= ALL_FACTS; f++)
		assert_int_equal(stop_rule_for(&(struct evidence){.facts = f})->ruling, expected(f));
}

struct row {
	uint32_t facts;
	enum ruling ruling;
	const char *text;
};

#define AWAY   ". Take the pen's power away before you touch it"
#define UNSEEN "the load signal did not show the pen run, so it cannot show it stop; "
static const struct row rows[] = {
	{FACT_TOLD, RULING_PROVEN, "the pen was never told to run"},
	{FACT_TOLD | FACT_MOVED | FACT_STILL | FACT_SEEN | FACT_SHOWN, RULING_WAIT, NULL},
	{FACT_TOLD | FACT_MOVED | FACT_STILL | FACT_SEEN | FACT_SHOWN | FACT_OVERDUE, RULING_UNVERIFIED,
	 "the needles keep still, as those of a jammed motor do that has power; its power supply has not said that it "
	 "is off" AWAY},
	{FACT_TOLD | FACT_MOVED | FACT_STILL | FACT_SEEN | FACT_SHOWN | FACT_NO_POWER, RULING_PROVEN,
	 "stopped: no stroke for 0.30 s with a live load signal"},
	{FACT_TOLD | FACT_OFF | FACT_MOVED | FACT_STILL | FACT_SEEN | FACT_COASTED, RULING_UNVERIFIED,
	 UNSEEN "the pen says that its motor is off" AWAY},
	{FACT_MOVED | FACT_OVERDUE | FACT_SENSOR_LOST, RULING_UNVERIFIED,
	 "the load sensor is gone; the pen says that its motor is off" AWAY},
	{FACT_MOVED | FACT_OVERDUE | FACT_STILL, RULING_UNVERIFIED, UNSEEN "the pen says that its motor is off" AWAY},
	{FACT_TOLD | FACT_MOVED | FACT_STILL | FACT_SEEN | FACT_SHOWN | FACT_CREPT | FACT_OVERDUE, RULING_UNVERIFIED,
	 "the force went on drifting after the stop, as from needles that creep; the pen says that its motor is "
	 "off" AWAY},
	{FACT_MOVED | FACT_OVERDUE | FACT_CREPT | FACT_SENSOR_LOST, RULING_UNVERIFIED,
	 "the load sensor is gone; the pen says that its motor is off" AWAY},
	{FACT_MOVED | FACT_OVERDUE, RULING_UNVERIFIED,
	 "the needles still move; the pen says that its motor is off" AWAY},
	{FACT_TOLD | FACT_MOVED | FACT_ABANDONED, RULING_UNVERIFIED,
	 "it broke; the pen was ordered to stop and nothing shows that it did" AWAY},
};

static void each_row_has_its_text(void **state)
{
	(void)state;
	struct known known = {.order.quiet_s = 0};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[200];
		struct evidence e = {.facts = rows[i].facts, .pen = PEN_IS_OFF, .signal = WATCH_MOVING, .quiet_s = 0.3};
		const struct stop_rule *rule = stop_rule_for(&e);
		assert_int_equal(rule->ruling, rows[i].ruling);
		if (!rows[i].text)
			continue;
		stop_text(rule, &e, &known, e.facts & FACT_ABANDONED ? "it broke" : NULL, text, sizeof(text));
		assert_string_equal(text, rows[i].text);
	}
}

static void each_word_of_the_pen_is_said(void **state)
{
	(void)state;
	const struct {
		enum pen_word word;
		const char *proven, *unverified;
	} cases[] = {
		{PEN_OWES_AN_ANSWER, "", "the pen has not confirmed the stop"},
		{PEN_IS_OFF, "", "the pen says that its motor is off"},
		{PEN_IS_OFF_OR_SO, ", though the pen itself makes no sense", "the pen says that its motor is off"},
		{PEN_WAS_TOLD, "; what switches its power was told, and cannot say",
		 "what switches its power was told to switch off, and cannot say that it did"},
		{PEN_MAKES_NO_SENSE, ", though the pen itself makes no sense", "the pen has not confirmed the stop"},
		{PEN_IS_GONE, ", though the pen itself is gone", "the pen does not answer"},
		{PEN_NEVER_CAME, "", "the pen has not confirmed the stop"},
	};
	const struct known known = {.signals.free_run = true};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[200], want[200];
		struct evidence e = {.facts = rows[3].facts, .pen = cases[i].word, .quiet_s = 0.5};
		stop_text(stop_rule_for(&e), &e, &known, NULL, text, sizeof(text));
		snprintf(want, sizeof(want), "stopped: no stroke for 0.50 s with a live displacement signal%s",
			 cases[i].proven);
		assert_string_equal(text, want);
		e = (struct evidence){.facts = FACT_MOVED | FACT_OVERDUE, .pen = cases[i].word, .signal = WATCH_STALE};
		stop_text(stop_rule_for(&e), &e, &known, NULL, text, sizeof(text));
		snprintf(want, sizeof(want), "no fresh data; %s" AWAY, cases[i].unverified);
		assert_string_equal(text, want);
	}
}

/* ---- whose doing ------------------------------------------------------------------------------------------------- */

static void a_reports_blame(void **state)
{
	(void)state;
	const struct {
		struct report report;
		enum blame blame;
		uint32_t condition;
		const char *text;
	} cases[] = {
		{{0, true, true, false}, BLAME_NOBODY, 7, "-"},
		{{0, false, false, false}, BLAME_NOBODY, 7, "-"},
		{{0, true, false, false}, BLAME_NOBODY, 7, "-"},
		{{0, false, true, false}, BLAME_PEN, PEN_STALL, "the pen switched its motor off by itself"},
		{{PEN_OVER_TEMPERATURE, true, true, false},
		 BLAME_PEN,
		 PEN_OVER_TEMPERATURE,
		 "the pen reports over-temperature"},
		{{PEN_UNDERVOLTAGE, true, false, true}, BLAME_PEN, PEN_UNDERVOLTAGE, "the pen reports undervoltage"},
		{{PEN_STALL, false, true, false}, BLAME_PEN, PEN_STALL, "the pen reports motor stall"},
		{{PEN_REBOOTED, true, true, false}, BLAME_PEN, PEN_REBOOTED, "the pen reports restarted by itself"},
		{{PEN_CARTRIDGE_MISSING, true, true, false},
		 BLAME_BENCH,
		 PEN_CARTRIDGE_MISSING,
		 "the pen reports cartridge missing"},
		{{PEN_DEADMAN_TRIPPED, false, true, false},
		 BLAME_BENCH,
		 PEN_DEADMAN_TRIPPED,
		 "the pen reports dead-man tripped"},
		{{PEN_DEADMAN_TRIPPED, true, true, true}, BLAME_NOBODY, 7, "-"},
		{{PEN_DEADMAN_TRIPPED, false, false, false}, BLAME_NOBODY, 7, "-"},
		{{PEN_DEADMAN_TRIPPED, false, true, true},
		 BLAME_PEN,
		 PEN_STALL,
		 "the pen switched its motor off by itself"},
		{{PEN_CARTRIDGE_MISSING | PEN_STALL, true, true, false},
		 BLAME_PEN,
		 PEN_CARTRIDGE_MISSING | PEN_STALL,
		 "the pen reports motor stall cartridge missing"},
		{{1 << 30, true, true, false}, BLAME_BENCH, 1 << 30, "the pen reports"},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t condition = 7;
		char text[120] = "-";
		assert_int_equal(report_blame(&cases[i].report, &condition, text, sizeof(text)), cases[i].blame);
		assert_int_equal(condition, cases[i].condition);
		assert_string_equal(text, cases[i].text);
	}
}

static void a_long_report_is_cut(void **state)
{
	(void)state;
	const struct report report = {.condition = PEN_STALL | PEN_OVER_TEMPERATURE | PEN_REBOOTED};
	uint32_t condition;
	char text[32];
	memset(text, '#', sizeof(text));
	assert_int_equal(report_blame(&report, &condition, text, 20), BLAME_PEN);
	assert_string_equal(text, "the pen reports ove");
	assert_int_equal(text[20], '#');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patience_follows_from_the_rate),
		cmocka_unit_test(a_signal_is_fresh_for_its_own_patience),
		cmocka_unit_test(without_a_stream_there_is_no_data),
		cmocka_unit_test(with_a_phantom_the_bar_can_only_disprove),
		cmocka_unit_test(in_a_free_run_both_must_be_alive),
		cmocka_unit_test(a_stop_is_watched_for_ten_periods),
		cmocka_unit_test(the_last_stop_is_watched_for_what_could_hide),
		cmocka_unit_test(facts_of_a_pen_that_stopped),
		cmocka_unit_test(the_pens_word),
		cmocka_unit_test(motion_is_known_however_it_came),
		cmocka_unit_test(where_force_alone_tells_more_is_wanted),
		cmocka_unit_test(an_answer_lasts_as_long_as_it_was_proven),
		cmocka_unit_test(stillness_is_seen_since_the_order),
		cmocka_unit_test(the_last_stop_wants_a_steady_level),
		cmocka_unit_test(a_bar_that_creeps_does_not_stand),
		cmocka_unit_test(the_level_of_the_force_counts_where_nothing_else_tells),
		cmocka_unit_test(every_stop_wants_a_level_where_only_force_tells),
		cmocka_unit_test(a_drift_past_all_coast_down_is_a_creep),
		cmocka_unit_test(the_signal_must_have_shown_the_run),
		cmocka_unit_test(after_too_short_a_run_the_pens_word_must_do),
		cmocka_unit_test(what_stopped_as_told_has_no_power),
		cmocka_unit_test(strokes_beyond_the_order),
		cmocka_unit_test(still_needles_with_power_are_no_proof),
		cmocka_unit_test(time_runs_out_as_the_pens_word_has_it),
		cmocka_unit_test(the_table_rules_every_set_of_facts),
		cmocka_unit_test(each_row_has_its_text),
		cmocka_unit_test(each_word_of_the_pen_is_said),
		cmocka_unit_test(a_reports_blame),
		cmocka_unit_test(a_long_report_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
