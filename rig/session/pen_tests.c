/* Checks of the pen itself, once before the first point where the plan asks: does it refuse a setpoint out of its
 * range, and does its own dead-man stop it when the heartbeat stays away? */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/session/deadman.h"
#include "rig/session/state.h"

#define BEYOND_MM      1.0 /* above the pen's own maximum: no tolerance explains that it is taken */
#define RUN_BEFORE_NS  ((uint64_t)(DEADMAN_RUN_S * 1e9)) /* long enough to have spun up */
#define TRIES_MAX      3                                 /* of a program that is held up again and again */
#define TRIP_MARGIN_NS (500 * NS_PER_MS) /* how long past its latest due moment a dead-man is waited for */

/* The last point before a free run is that of the phantom which lies there; before the first one lies that of the next. */
const struct plan_point *pen_tests_point(const struct session *s)
{
	const struct plan_point *points = s->config.points;
	unsigned at = s->at.point;

	while (at && plan_point_is_free(&points[at]))
		at--;
	while (at + 1 < s->config.point_count && plan_point_is_free(&points[at]))
		at++;
	return &points[at];
}

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
	runfile_record(s->runfile, s->record); /* a process that is killed has it seen */
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
	if (session_keeps_failure(s))
		s->after_tests(s);
}

static void try_deadman(struct session *s);

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

static double since_heartbeat_s(const struct session *s, uint64_t at_ns)
{
	return ((double)at_ns - (double)guard_last_heartbeat_ns(s->guard)) * 1e-9;
}

static struct deadman_seen seen_of(const struct session *s, enum watch_verdict verdict)
{
	const struct deadman_test *test = &s->deadman;
	double heartbeat_index = sample_clock_index_at(&s->estimator.clock, guard_last_heartbeat_ns(s->guard));
	return (struct deadman_seen){
		.set_s = s->bench->pen.deadman_ms * 1e-3,
		.fed_by_s = since_heartbeat_s(s, guard_fed_by_ns(s->guard)),
		.coast_down_s = s->bench->pen.coast_down_max_s,
		.period_s = 1 / pen_tests_point(s)->rate_hz,
		.of_parts = s->bench->pen.power.present,
		.still = verdict == WATCH_OK,
		.ran_s = ((double)guard_force(s->guard)->last_motion - heartbeat_index) / s->sensing.fs_hz,
		.said_on_s = test->ran_ns ? since_heartbeat_s(s, test->ran_ns) : -1,
		.said_off = test->off_ns,
		.said_off_s = since_heartbeat_s(s, test->off_ns),
		.condition = test->condition,
	};
}

/* Again and again, by what does not feed its dead-man: when it stopped, and why, is the pen's to say. */
static void ask_why(struct session *s, uint64_t now_ns)
{
	struct deadman_test *test = &s->deadman;
	const struct pen_telemetry *said = guard_said(s->guard);
	if (test->off_ns || test->question.pending)
		return;
	if (test->asked_ns && !test->question.status && said->running) {
		test->ran_ns = test->asked_ns;
	} else if (test->asked_ns && !test->question.status) {
		test->off_ns = said->host_ns;
		test->condition = said->condition;
		return;
	}
	test->asked_ns = now_ns;
	verb_begin(&test->question);
	s->pen->driver->pen->telemetry(s->pen->device, verb_done, &test->question);
}

static void again_or_not(struct session *s, bool verified);

static void wait_for_trip(struct session *s, uint64_t now_ns)
{
	enum watch_verdict verdict = guard_still(s->guard, INTERLOCK_QUIET_S);
	struct deadman_seen seen;
	char text[200];
	if (s->at.unmeasured) { /* what stopped the pen may have been the stopper */
		conclude(s, OUTCOME_INCONCLUSIVE,
			 "cannot tell: this program was held up while the pen had to stop by itself");
		session_stop(s, "the dead-man test begins again", again_or_not);
		return;
	}
	ask_why(s, now_ns);
	seen = seen_of(s, verdict);
	uint64_t due_ns = guard_last_heartbeat_ns(s->guard) + (uint64_t)(deadman_latest_s(&seen) * 1e9);
	bool late = now_ns > guard_awaited_ns(s->guard, due_ns) + TRIP_MARGIN_NS;
	if (!late && (verdict != WATCH_OK || !seen.said_off))
		return;
	if (verdict != WATCH_OK && verdict != WATCH_MOVING) {
		snprintf(text, sizeof(text), "cannot tell: load sensor: %s", watch_verdict_text(verdict));
		conclude(s, OUTCOME_INCONCLUSIVE, text);
	} else {
		last_test(s)->value = seen.ran_s;
		conclude(s, deadman_judge(&seen, text, sizeof(text)), text);
	}
	session_stop(s, "end of the dead-man test", after_deadman);
}

static void again_or_not(struct session *s, bool verified)
{
	if (!verified || s->deadman.tries >= TRIES_MAX) {
		after_deadman(s, verified);
		return;
	}
	guard_resume(s->guard);
	try_deadman(s);
}

static void run_a_while(struct session *s, uint64_t now_ns)
{
	if (s->at.unmeasured) {
		conclude(s, OUTCOME_INCONCLUSIVE, "cannot tell: this program was held up before the test");
		session_stop(s, "the dead-man test begins again", again_or_not);
		return;
	}
	if (s->verb.pending || now_ns - s->state_since_ns < RUN_BEFORE_NS)
		return;
	enum watch_verdict verdict = guard_still(s->guard, INTERLOCK_QUIET_S);
	if (verdict == WATCH_STALE && !guard_hopeless(s->guard, verdict, s->state_since_ns + RUN_BEFORE_NS))
		return;
	if (s->verb.status || verdict != WATCH_MOVING) {
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
	(void)now_ns;
	if (s->verb.pending)
		return;
	enum watch_verdict verdict = guard_still(s->guard, INTERLOCK_QUIET_S);
	if (!s->verb.status && verdict != WATCH_OK && !guard_hopeless(s->guard, verdict, s->state_since_ns))
		return;
	if (s->verb.status || verdict != WATCH_OK) {
		conclude(s, OUTCOME_INCONCLUSIVE,
			 s->verb.status ? "cannot tell: the setpoint was not accepted"
					: "cannot tell: start interlock");
		session_stop(s, "the dead-man test cannot start", after_deadman);
		return;
	}
	if (!session_may_run(s))
		return;
	const struct plan_point *point = pen_tests_point(s);
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
		s->pen->driver->pen->set_depth(s->pen->device, pen_tests_point(s)->depth_mm, verb_done, &s->verb);
	}
	session_go(s, STAGE_TESTS, start_for_deadman);
}

static void try_deadman(struct session *s)
{
	s->deadman = (struct deadman_test){.tries = s->deadman.tries + 1};
	s->at.unmeasured = false;
	verb_begin(&s->verb);
	s->pen->driver->pen->set_rate(s->pen->device, pen_tests_point(s)->rate_hz, verb_done, &s->verb);
	session_go(s, STAGE_TESTS, set_depth_for_deadman);
}

static void begin_deadman(struct session *s)
{
	if (!s->plan->test_deadman) {
		s->after_tests(s);
		return;
	}
	add_test(s, "dead_man", "s");
	try_deadman(s);
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
	if (session_keeps_failure(s))
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
