/* Checks of the pen itself, once before the first point where the plan asks: does it refuse a setpoint out of its
 * range, and does its own dead-man stop it when the heartbeat stays away? */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/session/state.h"

#define BEYOND_MM      1.0               /* above the pen's own maximum: no tolerance explains that it is taken */
#define RUN_BEFORE_NS  (600 * NS_PER_MS) /* long enough to have spun up */
#define TRIP_MARGIN_NS (500 * NS_PER_MS) /* how long past its latest due moment a dead-man is waited for */

static struct record_test *add_test(struct session *s, const char *name, const char *unit)
{
	struct record_test *test = &s->record->test[s->record->tests++];
	*test = (struct record_test){.outcome = OUTCOME_INCONCLUSIVE, .value = NAN};
	snprintf(test->name, sizeof(test->name), "%s", name);
	snprintf(test->unit, sizeof(test->unit), "%s", unit);
	snprintf(test->text, sizeof(test->text), "not done");
	return test;
}

static struct record_test *last_test(struct session *s)
{
	return &s->record->test[s->record->tests - 1];
}

static void conclude(struct session *s, enum outcome outcome, const char *text)
{
	struct record_test *test = last_test(s);
	test->done = true;
	test->outcome = outcome;
	snprintf(test->text, sizeof(test->text), "%s", text);
	journal_text(s, "test", "%s: %s: %s", test->name, outcome_name(outcome), text);
}

/* ---- dead-man -------------------------------------------------------------------------------------------------- */

static void rearmed(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (s->verb.pending)
		return;
	if (s->verb.status) {
		session_end(s, RUN_DEVICE_LOST, "the pen's dead-man could not be armed again after its test");
		return;
	}
	s->after_tests(s);
}

static void after_deadman(struct session *s, bool verified)
{
	guard_resume(s->guard);
	if (!verified) {
		session_end(s, RUN_COMPLETE, "the pen could not be shown to stand still after the dead-man test");
		return;
	}
	verb_begin(&s->verb);
	s->pen->driver->pen->deadman(s->pen->device, s->bench->pen.deadman_ms, verb_done, &s->verb);
	session_go(s, STAGE_TESTS, rearmed);
}

static void wait_for_trip(struct session *s, uint64_t now_ns)
{
	const struct bench_pen *pen = &s->bench->pen;
	double due_s = pen->deadman_ms * 1e-3 + pen->coast_down_max_s;
	double heartbeat_index = sample_clock_index_at(&s->estimator.clock, guard_last_heartbeat_ns(s->guard));
	double ran_s = ((double)guard_force(s->guard)->last_motion - heartbeat_index) / s->sensing.fs_hz;
	bool late = now_ns > guard_last_heartbeat_ns(s->guard) + (uint64_t)(due_s * 1e9) + TRIP_MARGIN_NS;
	enum watch_verdict verdict = guard_still(s->guard, INTERLOCK_QUIET_S);
	if (verdict != WATCH_OK && !late)
		return;
	char text[160];
	if (verdict != WATCH_OK && verdict != WATCH_MOVING) {
		snprintf(text, sizeof(text), "cannot tell: load sensor: %s", watch_verdict_text(verdict));
		conclude(s, OUTCOME_INCONCLUSIVE, text);
	} else {
		last_test(s)->value = ran_s;
		bool good = verdict == WATCH_OK && ran_s <= due_s && ran_s > 0;
		snprintf(text, sizeof(text),
			 "%s %.3f s after the last heartbeat; set to %.3f s, allowed %.3f s with coast-down",
			 verdict == WATCH_OK ? "stood still" : "still running", ran_s, pen->deadman_ms * 1e-3, due_s);
		conclude(s, good ? OUTCOME_PASS : OUTCOME_FAIL, text);
	}
	session_stop(s, "end of the dead-man test", after_deadman);
}

static void run_a_while(struct session *s, uint64_t now_ns)
{
	if (s->verb.pending || now_ns - s->state_since_ns < RUN_BEFORE_NS)
		return;
	bool moving = guard_still(s->guard, INTERLOCK_QUIET_S) == WATCH_MOVING;
	if (s->verb.status || !moving) {
		conclude(s, OUTCOME_INCONCLUSIVE,
			 s->verb.status ? "cannot tell: the pen did not start"
					: "cannot tell: no stroke was seen after the start");
		session_stop(s, "the dead-man test cannot go on", after_deadman);
		return;
	}
	if (!guard_withhold(s->guard))
		return;
	session_go(s, STAGE_TESTS, wait_for_trip);
}

/* Until the dead-man trips and the needles have come to rest. */
static double longest_run_s(const struct bench_pen *pen)
{
	return RUN_BEFORE_NS * 1e-9 + pen->deadman_ms * 1e-3 + pen->coast_down_max_s;
}

static void start_for_deadman(struct session *s, uint64_t now_ns)
{
	if (s->verb.pending)
		return;
	enum watch_verdict verdict = guard_still(s->guard, INTERLOCK_QUIET_S);
	if (!s->verb.status && verdict != WATCH_OK && !guard_hopeless(verdict, now_ns - s->state_since_ns))
		return;
	if (s->verb.status || verdict != WATCH_OK) {
		conclude(s, OUTCOME_INCONCLUSIVE,
			 s->verb.status ? "cannot tell: the setpoint was not accepted"
					: "cannot tell: start interlock");
		session_stop(s, "the dead-man test cannot start", after_deadman);
		return;
	}
	const struct plan_point *point = &s->config.points[0];
	session_strikes(s, point, (uint64_t)(point->rate_hz * longest_run_s(&s->bench->pen)));
	verb_begin(&s->verb);
	guard_run(s->guard, "run, for the dead-man test", true, verb_done, &s->verb);
	session_go(s, STAGE_TESTS, run_a_while);
}

static void set_depth_for_deadman(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (s->verb.pending)
		return;
	if (!s->verb.status) {
		verb_begin(&s->verb);
		s->pen->driver->pen->set_depth(s->pen->device, s->config.points[0].depth_mm, verb_done, &s->verb);
	}
	session_go(s, STAGE_TESTS, start_for_deadman);
}

static void begin_deadman(struct session *s)
{
	if (!s->plan->test_deadman) {
		s->after_tests(s);
		return;
	}
	add_test(s, "dead_man", "s");
	verb_begin(&s->verb);
	s->pen->driver->pen->set_rate(s->pen->device, s->config.points[0].rate_hz, verb_done, &s->verb);
	session_go(s, STAGE_TESTS, set_depth_for_deadman);
}

/* ---- refusal --------------------------------------------------------------------------------------------------- */

static void judge_refusal(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (s->verb.pending)
		return;
	double asked_mm = s->pen->record->limits.depth_max_mm + BEYOND_MM;
	char text[160];
	switch (s->verb.status) {
	case -ERANGE:
		snprintf(text, sizeof(text), "a depth of %g mm was refused", asked_mm);
		conclude(s, OUTCOME_PASS, text);
		break;
	case 0:
	case -EREMOTEIO:
		snprintf(text, sizeof(text), "a depth of %g mm, beyond the pen's own maximum, was %s", asked_mm,
			 s->verb.status ? "changed in silence instead of refused" : "accepted");
		conclude(s, OUTCOME_FAIL, text);
		break;
	default:
		snprintf(text, sizeof(text), "cannot tell: %.100s", s->verb.err.text);
		conclude(s, OUTCOME_INCONCLUSIVE, text);
	}
	begin_deadman(s);
}

void pen_tests_begin(struct session *s, void (*then)(struct session *s))
{
	s->after_tests = then;
	if (!s->plan->test_refusal) {
		begin_deadman(s);
		return;
	}
	add_test(s, "refusal", "");
	verb_begin(&s->verb);
	double beyond_mm = s->pen->record->limits.depth_max_mm + BEYOND_MM;
	s->pen->driver->pen->set_depth(s->pen->device, beyond_mm, verb_done, &s->verb);
	session_go(s, STAGE_TESTS, judge_refusal);
}
