/* One point of the plan after the other: interlock, tare, set, start, settle, measure, stop, verify, rest, results. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/judge/judge.h"
#include "rig/session/rules.h"
#include "rig/session/state.h"

static const struct plan_point *planned(const struct session *s)
{
	return &s->config.points[s->at.point];
}

static const struct plan_step *plan_step_of(const struct session *s)
{
	return &s->plan->step[planned(s)->step];
}

static struct record_point *recorded(const struct session *s)
{
	return &s->record->point[s->at.index];
}

static bool samples_since_phase(const struct session *s, double seconds)
{
	return (double)(guard_force(s->guard)->next_index - s->at.phase_first) >= seconds * s->sensing.fs_hz;
}

/* ---- opening a point ------------------------------------------------------------------------------------------- */

static void on_stroke(void *ctx, const struct stroke *stroke)
{
	struct session *s = ctx;
	session_strikes(s, planned(s), 1);
	if (s->runfile)
		runfile_stroke(s->runfile, s->at.index, stroke);
	if (s->config.stroke)
		s->config.stroke(s->config.calibrating_ctx, s->at.index, stroke);
}

static void mark_phase(struct session *s, enum point_phase phase)
{
	static const char *const names[POINT_PHASES] = {"tare", "spin_up", "measure", "coast", "rest"};
	journal_mark(s, "phase", names[phase], s->at.phase_first);
}

static void enter_phase(struct session *s, enum point_phase phase, uint64_t now_ns)
{
	s->at.phase_first = guard_force(s->guard)->next_index;
	estimator_phase(&s->estimator, recorded(s), phase, now_ns);
	mark_phase(s, phase);
}

/* ---- its states ----------------------------------------------------------------------------------------------- */

static void stop_pen(struct session *s, const char *why);
static void resting(struct session *s, uint64_t now_ns);
static void finish_point(struct session *s);

/* The first fault is the attempt's. */
void attempt_fault(struct session *s, const char *cause, const char *reason)
{
	if (!s->at.open)
		return;
	s->at.cause = !s->at.fault[0] ? cause : !cause ? NULL : s->at.cause;
	if (s->at.fault[0])
		return;
	snprintf(s->at.fault, sizeof(s->at.fault), "%s", reason);
	journal_text(s, "event", "%s", reason);
	session_hurry(s);
}

void attempt_unmeasured(struct session *s, const char *reason)
{
	s->at.unmeasured = true;
	attempt_fault(s, "timing", reason);
}

/* True, and the point is on its way to its end, where a fault was found or a verb failed. */
static bool gone_wrong(struct session *s, const char *what)
{
	if (!s->at.fault[0] && !s->verb.pending && s->verb.status) {
		char text[200];
		snprintf(text, sizeof(text), "%s: %.120s", what,
			 s->verb.err.text[0] ? s->verb.err.text : strerror(-s->verb.status));
		attempt_fault(s, NULL, text);
	}
	if (!s->at.fault[0])
		return false;
	stop_pen(s, s->at.fault);
	return true;
}

static void measuring(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (gone_wrong(s, "measuring"))
		return;
	if (estimator_reached(&s->estimator))
		stop_pen(s, "the point is measured: what it was measured until is known");
	else if (samples_since_phase(s, plan_step_of(s)->measure.max_s))
		stop_pen(s, "the point is measured");
}

/* Or has had all the time there is: what its window is worth then, the checks of the window say. */
static bool has_settled(struct session *s)
{
	const struct window *settle = &plan_step_of(s)->settle;
	bool late = samples_since_phase(s, settle->max_s);

	if (late && settle->targets && !estimator_settled(&s->estimator) && !plan_point_is_free(planned(s)))
		journal_text(s, "event", "not shown to have settled within %g s", settle->max_s);
	return late || estimator_settled(&s->estimator);
}

static void settling(struct session *s, uint64_t now_ns)
{
	if (gone_wrong(s, "starting the pen") || s->verb.pending || !has_settled(s))
		return;
	enter_phase(s, POINT_MEASURE, now_ns);
	session_go(s, STAGE_MEASURING, measuring);
}

static void start_pen(struct session *s, uint64_t now_ns)
{
	/* The start interlock's last look: what was true at the tare must be true now. */
	enum watch_verdict verdict = guard_still(s->guard, INTERLOCK_QUIET_S);
	if (verdict != WATCH_OK) {
		if (guard_hopeless(s->guard, verdict, s->state_since_ns)) {
			char text[120];
			snprintf(text, sizeof(text), "start interlock: %s", watch_verdict_text(verdict));
			attempt_fault(s, NULL, text);
			stop_pen(s, text);
		}
		return;
	}
	if (!session_may_run(s))
		return;
	enter_phase(s, POINT_SPIN_UP, now_ns);
	verb_begin(&s->verb);
	guard_run(s->guard, "run", false, verb_done, &s->verb);
	session_go(s, STAGE_SPIN_UP, settling);
}

static void setting_depth(struct session *s, uint64_t now_ns)
{
	if (s->verb.pending || gone_wrong(s, "setting the depth"))
		return;
	start_pen(s, now_ns);
}

static void setting_rate(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (s->verb.pending || gone_wrong(s, "setting the rate"))
		return;
	verb_begin(&s->verb);
	s->pen->driver->pen->set_depth(s->pen->device, planned(s)->depth_mm, verb_done, &s->verb);
	session_go(s, STAGE_SETTING, setting_depth);
}

static double tare_s_of(const struct session *s, unsigned point)
{
	return fmax(s->plan->step[s->config.points[point].step].tare_s, POINT_TARE_MIN_S);
}

static void set_up_pen(struct session *s)
{
	journal_setpoint(s, planned(s)->depth_mm, planned(s)->rate_hz);
	verb_begin(&s->verb);
	s->pen->driver->pen->set_rate(s->pen->device, planned(s)->rate_hz, verb_done, &s->verb);
	session_go(s, STAGE_SETTING, setting_rate);
}

static void taring(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (gone_wrong(s, "tare") || !samples_since_phase(s, tare_s_of(s, s->at.point)))
		return;
	set_up_pen(s);
}

/* Before a tare: fresh, alive, unsaturated, preload in its window, nothing moves. A bench that does not get there in
 * time makes the point, and so the run, inconclusive. */
static void interlocking(struct session *s, uint64_t now_ns)
{
	enum watch_verdict verdict = guard_still(s->guard, INTERLOCK_QUIET_S);
	if (verdict == WATCH_OK) {
		enter_phase(s, POINT_TARE, now_ns);
		session_go(s, STAGE_TARE, taring);
		return;
	}
	if (!guard_hopeless(s->guard, verdict, s->state_since_ns))
		return;
	char text[120];
	snprintf(text, sizeof(text), "start interlock: %s", watch_verdict_text(verdict));
	attempt_fault(s, NULL, text);
	stop_pen(s, text);
}

/* ---- the rest behind one point as the tare of the next ---- */

/* The next point of the plan, where nobody touches the bench before it and both have a tare. */
static bool goes_on_at_once(const struct session *s)
{
	unsigned next = s->at.point + 1;
	char text[240];

	if (!takt_goes_on(s->plan, s->config.points, s->config.point_count, s->at.point) || s->at.fault[0] ||
	    s->at.unmeasured || s->ending.begun || devices_trouble(s) || hands_come(s, next))
		return false;
	return !s->config.ask || !s->config.ask(s->config.calibrating_ctx, next, text, sizeof(text));
}

/* Which stretch is the next tare is fixed before it is seen, and looked at afterwards: one that was chosen for its quiet
 * would be quieter than the bench is. It begins as long behind the last motion as the phantom needs to come back. */
static void rest_for_next(struct session *s)
{
	s->at.rests_for_next = goes_on_at_once(s);
	if (!s->at.rests_for_next)
		return;
	double wanted_s = TARE_AFTER_S + tare_s_of(s, s->at.point + 1);
	s->at.rest_s = fmax(0, wanted_s - guard_quiet_s(s->guard) - REST_ROUNDING_S);
}

static uint64_t tare_first(const struct session *s)
{
	uint64_t samples = (uint64_t)ceil(tare_s_of(s, s->at.point + 1) * s->sensing.fs_hz);

	return guard_force(s->guard)->next_index - samples;
}

/* As before any tare: fresh, alive, unsaturated, preload in its window; and the needles have stood still for as long as
 * the tare is to last, and before that for as long as the phantom needs to come back. */
static bool rest_is_tare(const struct session *s)
{
	double quiet_s = TARE_AFTER_S + tare_s_of(s, s->at.point + 1) - 2 * REST_ROUNDING_S;

	return guard_still(s->guard, quiet_s) == WATCH_OK && estimator_keeps(&s->estimator, tare_first(s));
}

static void tare_from_rest(struct session *s)
{
	s->at.phase_first = s->at.rest_first;
	estimator_tare_from(&s->estimator, recorded(s), s->at.rest_first, loop_now_ns(s->loop));
	mark_phase(s, POINT_TARE);
	s->at.rest_first = 0;
	set_up_pen(s);
}

static void start_point(struct session *s)
{
	struct record_point *point = record_add_point(s->record);
	if (!point) {
		session_end(s, RUN_INTERNAL_ERROR, "out of memory");
		return;
	}
	s->at.index = s->record->points - 1;
	s->at.open = true;
	s->at.fault[0] = '\0';
	s->at.cause = NULL;
	s->at.unmeasured = false;
	s->verb = (struct verb){0};
	point->plan = *planned(s);
	point->attempt = s->at.before + s->at.number;
	point->start_wall_ns = session_wall_ns(s);
	point->stop_latency_ms = NAN;
	int status = estimator_begin(&s->estimator, point, loop_now_ns(s->loop), on_stroke, s);
	if (s->runfile)
		runfile_point_begin(s->runfile, s->at.index, point);
	const struct attached *sick = devices_trouble(s);
	if (sick)
		attempt_fault(s, sensor_cause(sick->condition), sick->trouble);
	if (status) {
		char text[120];
		snprintf(text, sizeof(text), "cannot measure this point: %s", strerror(-status));
		session_end(s, RUN_INTERNAL_ERROR, text);
		return;
	}
	/* What still waited for its pair when the point before ended may have been spoiled. */
	if (s->at.rest_first && estimator_keeps(&s->estimator, s->at.rest_first)) {
		tare_from_rest(s);
		return;
	}
	s->at.rest_first = 0;
	session_go(s, STAGE_INTERLOCK, interlocking);
}

static void begin_point(struct session *s)
{
	hands_before_point(s, start_point);
}

/* ---- the end of a point ---------------------------------------------------------------------------------------- */

static void stopped(struct session *s, bool verified)
{
	session_proven(s, guard_answer(s->guard)->proven_s);
	if (verified && s->estimator.phase == POINT_COAST) {
		enter_phase(s, POINT_REST, loop_now_ns(s->loop));
		rest_for_next(s);
		session_go(s, STAGE_STOPPING, resting);
		session_part(s, TAKT_REST);
		return;
	}
	finish_point(s);
}

static void stop_pen(struct session *s, const char *why)
{
	uint64_t now_ns = loop_now_ns(s->loop);
	enum point_phase phase = s->estimator.phase;
	if (phase == POINT_SPIN_UP || phase == POINT_MEASURE)
		enter_phase(s, POINT_COAST, now_ns);
	session_stop(s, why, stopped);
	recorded(s)->stop_latency_ms = (double)(loop_now_ns(s->loop) - guard_force(s->guard)->last_host_ns) * 1e-6;
}

static void resting(struct session *s, uint64_t now_ns)
{
	bool tare = s->at.rests_for_next && !s->at.fault[0];
	double enough_s = tare ? s->at.rest_s : REST_S;
	bool late = now_ns - s->state_since_ns > (uint64_t)((enough_s + REST_TIMEOUT_S) * 1e9);
	bool rested = samples_since_phase(s, enough_s);
	if (!rested && !late)
		return;
	if (tare && rested && rest_is_tare(s))
		s->at.rest_first = tare_first(s);
	finish_point(s);
}

/* Again after an inconclusive attempt, as often as the plan allows; what the rig lost has tries of its own. A failed one is
 * never tried away: where the plan wants to learn of it, it is measured again, and goes on to count (judge_supersede). */
static bool wants_again(struct session *s, const struct record_point *point)
{
	if (!s->at.failed_at && point->outcome >= OUTCOME_CONDITIONAL_FAIL)
		s->at.failed_at = s->at.number;
	if (s->at.failed_at)
		return s->at.number < s->at.failed_at + plan_step_of(s)->repeat_failed;
	const struct plan_step *step = plan_step_of(s);
	unsigned more = s->at.lost < step->retry ? s->at.lost : step->retry;
	return point->outcome == OUTCOME_INCONCLUSIVE && s->at.number < step->attempts + more;
}

static void after_point(struct session *s)
{
	const struct record_point *point = recorded(s);
	bool again = wants_again(s, point);
	bool dead_end = session_moving(s);
	bool interlock = !point->measured && point->phase_index[POINT_TARE] == UINT64_MAX;
	if (dead_end || (interlock && !again)) {
		session_end(s, RUN_COMPLETE,
			    point->reason[0] ? point->reason : "the pen could not be shown to stand still");
		return;
	}
	if (again) {
		s->at.rest_first = 0; /* what made it inconclusive may still be there: a tare of its own */
		s->at.number++;
		begin_point(s);
		return;
	}
	s->at.point++;
	s->at.number = 1;
	s->at.before = 0;
	s->at.failed_at = 0;
	s->at.lost = 0;
	s->at.phantom_put = false;
	attempt_next(s);
}

/* Not the pen: of what it did at a fault of its own nothing is blamed on the rig. */
static void blame_rig(struct session *s, struct record_point *point)
{
	const char *cause = s->at.cause;

	if (!s->at.fault[0] && judge_lacks_samples(point))
		cause = "samples";
	if (!cause || point->outcome != OUTCOME_INCONCLUSIVE)
		return;
	snprintf(point->rig_cause, sizeof(point->rig_cause), "%s", cause);
	s->at.lost++;
}

/* With the results of what was measured, or without any where `measured` is false or nobody saw it. */
static void close_point(struct session *s, bool measured)
{
	struct record_point *point = recorded(s);
	snprintf(point->fault, sizeof(point->fault), "%s", s->at.fault);
	estimator_end(&s->estimator, point, loop_now_ns(s->loop), measured && !s->at.unmeasured);
	blame_rig(s, point);
	judge_supersede(s->record, s->at.index);
	if (s->runfile)
		runfile_point_end(s->runfile, s->at.index, point);
	s->at.open = false;
	session_report(s, point);
}

static void finish_point(struct session *s)
{
	close_point(s, true);
	after_point(s);
}

void attempt_close(struct session *s, const char *reason)
{
	if (!s->at.open)
		return;
	enum point_phase phase = s->estimator.phase;
	bool measured = phase == POINT_COAST || phase == POINT_REST;
	if (!measured)
		attempt_fault(s, NULL, reason);
	close_point(s, measured);
}

/* ---- the next point -------------------------------------------------------------------------------------------- */

static void prompting(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (!s->prompt.answered || inputs_ask_closed(s))
		return;
	const char *what = planned(s)->phantom_change ? "the change of the phantom" : "the setting of the stage";
	if (planned(s)->phantom_change)
		guard_free_run(s->guard, plan_point_is_free(planned(s)));
	char text[96];
	snprintf(text, sizeof(text), "the operator gave up at %s", what);
	journal_text(s, "operator", "%s %s", s->prompt.go_on ? "done:" : "gave up at", what);
	if (s->prompt.go_on)
		s->at.after_prompt(s);
	else
		session_end(s, RUN_INTERRUPTED, text);
}

static void ask(struct session *s, struct session_prompt prompt)
{
	journal_text(s, "prompt", "%s", prompt.text);
	prompt.point = s->at.point;
	s->at.after_prompt = begin_point;
	s->prompt.answered = false;
	s->at.rest_first = 0; /* a hand comes between: no tare from before it */
	session_go(s, STAGE_PROMPT, prompting);
	s->config.observer.prompt(s->config.observer.ctx, &prompt);
}

static void ask_for_phantom(struct session *s)
{
	char text[240];
	if (plan_point_is_free(planned(s))) {
		ask(s, (struct session_prompt){.question = QUESTION_TAKE_PHANTOM_AWAY,
					       .text = "Take the phantom away: nothing may stand under the needles."});
		return;
	}
	const struct phantom *phantom = &s->bench->phantom[planned(s)->phantom];
	snprintf(text, sizeof(text), "Put phantom %s (%.80s) under the pen, position %s.", phantom->serial,
		 phantom->material, phantom->position);
	ask(s, (struct session_prompt){.question = QUESTION_PUT_PHANTOM,
				       .text = text,
				       .phantom = phantom->serial,
				       .material = phantom->material,
				       .position = phantom->position});
}

static void last_look(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (!s->verb.pending && !guard_doubts(s->guard))
		session_end(s, RUN_COMPLETE, "");
}

/* Behind its last order it could not say any more that it ran in the rest before that. */
static void complete(struct session *s)
{
	verb_begin(&s->verb);
	s->pen->driver->pen->telemetry(s->pen->device, verb_done, &s->verb);
	session_go(s, STAGE_STOPPING, last_look);
	session_part(s, TAKT_REST);
}

/* Nothing can be tested on a free run: then the phantom that lies there serves the pen tests, and is taken away behind them. */
void attempt_put_phantom(struct session *s, void (*then)(struct session *s))
{
	if (!s->config.resume || !planned(s)->phantom_change || plan_point_is_free(planned(s))) {
		then(s);
		return;
	}
	ask_for_phantom(s);
	s->at.after_prompt = then;
	s->at.phantom_put = true;
}

void attempt_next(struct session *s)
{
	if (s->at.point >= s->config.point_count) {
		hands_after_run(s, complete);
		return;
	}
	char text[240];
	if (planned(s)->phantom_change && !s->at.phantom_put)
		ask_for_phantom(s);
	else if (s->config.ask && s->config.ask(s->config.calibrating_ctx, s->at.point, text, sizeof(text)))
		ask(s, (struct session_prompt){.question = QUESTION_SET_STAGE, .text = text});
	else
		begin_point(s);
}
