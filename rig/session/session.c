/* The run from its first check to its last fsync. What happens to a point stands in attempt.c, what stops a pen in
 * guard.c; this file decides what comes next and how it ends. */
#include "rig/session/session.h"
#include "rig/judge/sweeps.h"
#include "rig/judge/verdict.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/priority.h"
#include "rig/judge/judge.h"
#include "rig/session/queue.h"
#include "rig/session/state.h"

#define SENSOR_STOP_NS   (300 * NS_PER_MS) /* how long the end waits for the sensor to confirm that it streams no more */
#define PUT_BACK_NS      (1 * NS_PER_S)    /* and for the pen's supply, that its timer is as it was found */
#define LOOP_TRIES       3                 /* with a loop that fails: the run, and what it takes to stop the pen */
#define CLOCK_STEP_NS    (100 * (int64_t)NS_PER_MS) /* in one tick: no clock that is only slewed goes so far */
#define CLOCK_READ_NS    (10 * NS_PER_MS)
#define BYTES_PER_SAMPLE 8 /* int32 and its share of arrivals and headers, all streams */

/* ---- small things ---------------------------------------------------------------------------------------------- */

const char *session_stage_name(enum session_stage stage)
{
	static const char *const names[] = {"opening", "interlock", "tests",    "prompt", "tare", "setting",
					    "spin_up", "measuring", "stopping", "saving", "done"};
	return names[stage];
}

void verb_begin(struct verb *verb)
{
	*verb = (struct verb){.pending = true};
}

void verb_done(void *ctx, int status, const struct err *err)
{
	struct verb *verb = ctx;
	verb->pending = false;
	verb->status = status;
	if (status && err)
		verb->err = *err;
}

void session_part(struct session *s, enum takt_part part)
{
	uint64_t now_ns = loop_now_ns(s->loop);
	if (s->part < TAKT_PARTS)
		s->record->takt.s[s->part] += (double)(now_ns - s->part_since_ns) * 1e-9;
	s->part = part;
	s->part_since_ns = now_ns;
}

void session_proven(struct session *s, double quiet_s)
{
	double *coast_s = &s->record->takt.s[TAKT_COAST], stop_s;
	if (s->part != TAKT_COAST)
		return;
	stop_s = (double)(loop_now_ns(s->loop) - s->part_since_ns) * 1e-9;
	session_part(s, TAKT_PROOF);
	quiet_s = fmin(quiet_s, stop_s);
	*coast_s -= quiet_s;
	s->record->takt.s[TAKT_PROOF] += quiet_s;
}

static enum takt_part part_of(const struct session *s, enum session_stage stage)
{
	static const enum takt_part parts[] = {
		[STAGE_OPENING] = TAKT_OPENING, [STAGE_INTERLOCK] = TAKT_INTERLOCK, [STAGE_TESTS] = TAKT_TESTS,
		[STAGE_PROMPT] = TAKT_PROMPT,   [STAGE_TARE] = TAKT_TARE,           [STAGE_SETTING] = TAKT_SETTING,
		[STAGE_SPIN_UP] = TAKT_SETTLE,  [STAGE_MEASURING] = TAKT_WINDOW,    [STAGE_STOPPING] = TAKT_COAST,
		[STAGE_SAVING] = TAKT_PROOF,    [STAGE_DONE] = TAKT_PROOF,
	};
	return stage == STAGE_STOPPING && !s->at.open ? TAKT_TESTS : parts[stage];
}

void session_go(struct session *s, enum session_stage stage, state_fn state)
{
	bool changed = s->stage != stage;
	session_part(s, part_of(s, stage));
	s->stage = stage;
	s->state = state;
	s->state_since_ns = loop_now_ns(s->loop);
	if (!changed)
		return;
	journal_mark(s, "stage", session_stage_name(stage), guard_force(s->guard)->next_index);
	session_report(s, NULL);
}

static double planned_s(const struct session *s, unsigned from)
{
	unsigned count = s->config.point_count - from;

	return count ? plan_duration_s(s->plan, s->bench, s->config.points + from, count) : 0;
}

/* What the plan allows for the question of this point. */
static double question_s(const struct session *s, const struct plan_point *point)
{
	struct plan_point unasked = *point;

	unasked.phantom_change = false;
	return plan_duration_s(s->plan, s->bench, point, 1) - plan_duration_s(s->plan, s->bench, &unasked, 1);
}

/* By the plan's times. It goes on within a point, and no further than to the next one, where it is set right. */
static double remaining_s(struct session *s, unsigned point)
{
	const uint64_t now_ns = loop_now_ns(s->loop);
	const bool asks = s->stage == STAGE_PROMPT;
	double left_s = planned_s(s, point);

	if (s->telling.point != point + 1) {
		s->telling.since_ns = now_ns;
		s->telling.asked = false;
	} else if (asks)
		s->telling.since_ns += now_ns - s->telling.told_ns;
	s->telling.point = point + 1;
	s->telling.asked |= asks;
	s->telling.told_ns = now_ns;
	if (s->telling.asked && !asks)
		left_s -= question_s(s, &s->config.points[point]);
	return fmax(left_s - (double)(now_ns - s->telling.since_ns) * 1e-9, planned_s(s, point + 1));
}

static void tell_observer(struct session *s, const struct record_point *finished, const char *text, bool alarm)
{
	if (!s->config.observer.progress)
		return;
	struct point_live live = {.rate_hz = NAN, .depth_mm = NAN, .force_n = NAN};
	if (s->estimator.open && s->estimator.point)
		point_live(s->estimator.point, &live);
	unsigned next = s->at.point < s->config.point_count ? s->at.point : s->config.point_count - 1;
	const struct plan_point *points = s->config.points;
	struct session_progress p = {
		.stage = s->stage,
		.point = next,
		.points = s->config.point_count,
		.depth_set_mm = points[next].depth_mm,
		.rate_set_hz = points[next].rate_hz,
		.elapsed_s = (double)(loop_now_ns(s->loop) - s->started_ns) * 1e-9,
		.remaining_s = remaining_s(s, next),
		.rate_hz = live.rate_hz,
		.depth_mm = live.depth_mm,
		.force_n = s->sensing.streaming ? guard_force(s->guard)->force_n : NAN,
		.handle_c = s->estimator.handle.now,
		.strokes = live.strokes,
		.finished = finished,
		.text = text,
		.alarm = alarm,
	};
	s->config.observer.progress(s->config.observer.ctx, &p);
	s->next_progress_ns = loop_now_ns(s->loop) + PROGRESS_NS;
}

void session_strikes(struct session *s, const struct plan_point *point, uint64_t strokes)
{
	if (point->phantom >= 0)
		s->struck[point->phantom] += strokes;
}

uint64_t session_struck(const struct session *s, unsigned phantom)
{
	return phantom < BENCH_PHANTOMS_MAX ? s->struck[phantom] : 0;
}

void session_report(struct session *s, const struct record_point *finished)
{
	tell_observer(s, finished, NULL, false);
}

void session_say(struct session *s, const char *text, bool alarm)
{
	tell_observer(s, NULL, text, alarm);
}

/* ---- the host's clock ------------------------------------------------------------------------------------------- */

uint64_t session_wall_ns(const struct session *s)
{
	return s->started_wall_ns + (loop_now_ns(s->loop) - s->started_ns);
}

/* A step stands in the journal; a drift, as of a clock that is being slewed, is none. */
static void watch_clock(struct session *s, uint64_t now_ns)
{
	int64_t off_ns = (int64_t)(loop_wall_ns(s->loop) - session_wall_ns(s)), step_ns = off_ns - s->clock_off_ns;
	if (loop_now_ns(s->loop) - now_ns > CLOCK_READ_NS) /* held up between the two readings */
		return;
	s->clock_off_ns = off_ns;
	if (llabs(step_ns) >= CLOCK_STEP_NS)
		journal_text(s, "event",
			     "this computer's clock was set by %+.3f s: times of this run go on from its start",
			     (double)step_ns * 1e-9);
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

static void finish_record(struct session *s)
{
	struct record *r = s->record;
	if (s->runfile)
		runfile_status(s->runfile, &r->samples_lost, NULL);
	if (s->sensing.streaming || s->sensing.fs_hz > 0)
		devices_record(s);
	sweeps_collect(r, s->plan, s->config.points, s->config.point_count);
	r->ended_host_ns = loop_now_ns(s->loop);
	utc_text(session_wall_ns(s), r->ended_utc);
	verdict_form(r, s->plan);
}

static void storage_failed(struct session *s, const struct err *err)
{
	if (s->record->run_status != RUN_STORAGE_FAILED) {
		s->record->run_status = RUN_STORAGE_FAILED;
		snprintf(s->record->status_reason, sizeof(s->record->status_reason), "%s", err->text);
	}
	verdict_form(s->record, s->plan);
	session_say(s, err->text, true);
}

/* A run whose report was not to be written is no complete run, whatever its points say: nothing is left that proves it.
 */
static void saving_skipped(struct session *s)
{
	struct record *r = s->record;
	if (r->run_status != RUN_COMPLETE)
		return;
	r->run_status = RUN_INTERRUPTED;
	snprintf(r->status_reason, sizeof(r->status_reason), "interrupted twice: the reports were not saved");
}

/* Of this run itself: what its record says of earlier sessions ended those. */
static bool has_condition(const struct record *r)
{
	return r->conditions && !r->condition[r->conditions - 1].session;
}

/* What a part showed against its pen goes with the run that it goes on with: else whoever goes on there leaves it behind. Where
 * it does not, that is no end in silence. */
static void keep_failure(struct session *s)
{
	const struct session_resume *resume = s->config.resume;
	struct err why = {""}, err;
	if (!resume || s->taken || !session_shows_failure(s->record))
		return;
	s->taken = !resume->claim(resume->ctx, &why);
	if (s->taken)
		return;
	err_set(&err, -EIO, "what this run shows of the pen is not known to the run that it goes on with: %.300s",
		why.text);
	journal_text(s, "event", "%s", err.text);
	storage_failed(s, &err);
}

/* A serial number that was mistyped, found out before penrig had the pen do anything, and of no pen that did by itself:
 * no run began, so none is left behind. */
static bool leaves_nothing(const struct session *s)
{
	const struct record *r = s->record;

	return r->run_status == RUN_REFUSED && r->refusal == REFUSED_DUT && !r->moved && !has_condition(r) &&
	       !s->config.resume;
}

static void save(struct session *s)
{
	struct err err = {""};
	if (leaves_nothing(s)) {
		finish_record(s);
		runfile_discard(s->runfile);
		s->runfile = NULL;
		return;
	}
	keep_failure(s);
	if (s->ending.skip_saving)
		saving_skipped(s);
	finish_record(s);
	journal_text(s, "end", "%s: %s", run_status_name(s->record->run_status), s->record->status_reason);
	if (s->runfile && runfile_sync(s->runfile, s->record->journal_head, &err))
		storage_failed(s, &err);
	if (!s->ending.skip_saving && s->config.finish &&
	    s->config.finish(s->config.finish_ctx, s->record, s->runfile, &err)) {
		storage_failed(s, &err);
		if (s->runfile) /* once more: the run file, whose last record counts, must not go on saying that all was
				   saved */
			(void)s->config.finish(s->config.finish_ctx, s->record, s->runfile, &err);
	}
	if (s->runfile && runfile_close(s->runfile, &err))
		storage_failed(s, &err);
	s->runfile = NULL;
}

static void conclude(struct session *s)
{
	s->sensing.streaming = false;
	guard_unwatch(s->guard);
	standby_hand_over(s);
	s->ending.saved = true;
	save(s);
	devices_close(s);
	standby_end(s);
	loop_timer_cancel(s->loop, &s->tick);
	s->ending.done = true;
	session_go(s, STAGE_DONE, NULL);
	s->config.ended(s->config.ended_ctx);
}

/* What was armed on the bench for this pen. Where its power is not known to be off, that is left as it is: it may yet
 * stop it. */
static bool put_back(struct session *s)
{
	const struct attached *pen = s->pen;
	if (!pen->device || !pen->ready || pen->lost || s->hands.off.asked || !pen->driver->pen->release ||
	    !guard_power_off(s->guard))
		return false;
	verb_begin(&s->pen->verb);
	pen->driver->pen->release(pen->device, verb_done, &s->pen->verb);
	return true;
}

static void say_put_back(struct session *s)
{
	const struct verb *verb = &s->pen->verb;
	if (!verb->pending && !verb->status)
		return;
	journal_text(s, "event", "what was armed on the pen's power supply for this run may still be: %.300s",
		     verb->pending ? "it has not answered" : verb->err.text);
}

static void wait_for_sensor(struct session *s, uint64_t now_ns)
{
	if (devices_pending(s) && now_ns - s->state_since_ns < SENSOR_STOP_NS)
		return;
	if (!inputs_undecided(s))
		conclude(s);
}

static void stop_sensors(struct session *s)
{
	devices_stop(s);
	session_go(s, STAGE_SAVING, wait_for_sensor);
	session_part(s, TAKT_PARTS); /* the record is written from here on */
}

static void wait_for_put_back(struct session *s, uint64_t now_ns)
{
	if (s->pen->verb.pending && !s->pen->lost && now_ns - s->state_since_ns < PUT_BACK_NS)
		return;
	say_put_back(s);
	stop_sensors(s);
}

static void end_seen(struct session *s)
{
	attempt_close(s, s->record->status_reason);
	guard_disarm(s->guard);
	if (s->sensing.streaming && !s->sensor->lost)
		devices_record(s);
	if (!put_back(s)) {
		stop_sensors(s);
		return;
	}
	session_go(s, STAGE_SAVING, wait_for_put_back);
	session_part(s, TAKT_PARTS);
}

/* Whether it was verified stands in the record. What was not may yet be done by hand. */
static void end_stopped(struct session *s, bool verified)
{
	if (verified)
		end_seen(s);
	else
		hands_switch_off(s, end_seen);
}

void session_end(struct session *s, enum run_status status, const char *reason)
{
	if (s->ending.begun)
		return;
	s->ending.begun = true;
	s->ending.begun_ns = loop_now_ns(s->loop);
	s->record->run_status = status;
	snprintf(s->record->status_reason, sizeof(s->record->status_reason), "%s", reason);
	session_stop(s, reason[0] ? reason : "the run is complete", end_stopped);
}

void session_lost(struct session *s, const char *reason)
{
	if (s->ending.begun && s->record->run_status == RUN_COMPLETE) {
		s->record->run_status = RUN_DEVICE_LOST;
		snprintf(s->record->status_reason, sizeof(s->record->status_reason), "%s", reason);
	}
	session_end(s, RUN_DEVICE_LOST, reason);
}

/* What was shown against the pen is told, whether it ran or not. */
static enum run_status safety_status(struct session *s)
{
	if (s->ran || has_condition(s->record))
		return RUN_INTERRUPTED;
	s->record->refusal = REFUSED_DEVICE;
	return RUN_REFUSED;
}

void session_safety_stop(struct session *s, const char *reason)
{
	struct record *r = s->record;
	char before[ERR_TEXT_MAX];

	if (s->ending.saved)
		return;
	r->safety_stop = true;
	if (s->ending.begun && (r->run_status == RUN_COMPLETE || r->run_status == RUN_DEVICE_LOST)) {
		memcpy(before, r->status_reason, sizeof(before));
		r->run_status = safety_status(s);
		snprintf(r->status_reason, sizeof(r->status_reason), "%.240s%s%.240s", reason,
			 before[0] ? "; before that: " : "", before);
	}
	if (!s->ending.begun)
		session_end(s, safety_status(s), reason);
}

static void refuse(struct session *s, enum refusal refusal, const char *reason)
{
	s->record->refusal = refusal;
	session_end(s, RUN_REFUSED, reason);
}

static void add_condition(struct session *s, uint32_t condition, const char *text)
{
	struct record *r = s->record;
	const unsigned room = sizeof(r->condition) / sizeof(r->condition[0]);
	if (r->conditions < room) {
		struct record_condition *c = &r->condition[r->conditions++];
		*c = (struct record_condition){.condition = condition, .host_ns = loop_now_ns(s->loop)};
		snprintf(c->text, sizeof(c->text), "%s", text);
	}
	journal_text(s, "condition", "%s", text);
	if (s->runfile)
		runfile_record(s->runfile, r);
}

void session_condition(struct session *s, uint32_t condition, const char *text)
{
	if (s->ending.begun && has_condition(s->record))
		return;
	add_condition(s, condition, text);
	session_end(s, RUN_COMPLETE, text);
}

void session_ran_itself(struct session *s, uint32_t condition, const char *text)
{
	guard_ran_itself(s->guard);
	add_condition(s, condition, text);
	session_say(s, text, true);
}

void session_interrupt(struct session *s, int signal_number)
{
	if (hands_interrupt(s))
		return;
	if (s->ending.interrupts++ > 0) {
		s->ending.skip_saving = true;
		return;
	}
	char reason[64];
	s->record->signal_number = signal_number;
	snprintf(reason, sizeof(reason), "interrupted: %s", strsignal(signal_number));
	session_end(s, RUN_INTERRUPTED, reason);
}

/* ---- the beginning --------------------------------------------------------------------------------------------- */

static void begin_points(struct session *s)
{
	runfile_record(s->runfile, s->record);
	attempt_next(s);
}

static bool too_late(const struct session *s)
{
	const struct session_config *config = &s->config;

	return (config->start_by_ns && loop_now_ns(s->loop) >= config->start_by_ns) ||
	       (config->start_by_boot_ns && loop_boot_ns() >= config->start_by_boot_ns);
}

/* The earlier run is taken when the pen is about to run and nothing stands in the way any more: a run that is refused, or
 * ends before, takes it from nobody. */
static bool takes_over(struct session *s)
{
	const struct session_resume *resume = s->config.resume;
	struct err err = {""};
	int status = resume->claim(resume->ctx, &err);
	if (status == -ESTALE)
		refuse(s, REFUSED_BENCH, err.text);
	else if (status)
		session_end(s, RUN_STORAGE_FAILED, err.text);
	return !status;
}

bool session_keeps_failure(struct session *s)
{
	if (s->config.resume && !s->taken && session_shows_failure(s->record))
		s->taken = takes_over(s);
	return !s->ending.begun;
}

bool session_may_run(struct session *s)
{
	if (!s->ran && too_late(s)) {
		refuse(s, REFUSED_BUSY, "the time within which the pen had to be started is over");
		return false;
	}
	if (s->config.resume && !s->taken) {
		s->taken = takes_over(s);
		return false; /* the disk may have taken its time: the interlock is looked at once more */
	}
	if (!inputs_closed(s))
		return false; /* one that is open ends the run, or has just closed */
	s->ran = true;
	return true;
}

/* What is late already needs no tests. */
static void begin_tests(struct session *s)
{
	if (too_late(s))
		refuse(s, REFUSED_BUSY, "the time within which the pen had to be started is over");
	else
		pen_tests_begin(s, begin_points);
}

static void ask_hands(struct session *s)
{
	hands_before_run(s, begin_tests);
}

/* The bench as it was found: what an operator can put right is refused; a sensor that lies makes the run inconclusive.
 */
static void first_interlock(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (devices_pending(s))
		return;
	if (s->sensor->verb.status) {
		session_end(s, RUN_DEVICE_LOST, "the load sensor did not start streaming");
		return;
	}
	devices_started(s);
	if (has_condition(s->record)) /* it ran before anything told it to */
		session_end(s, RUN_COMPLETE, s->record->condition[s->record->conditions - 1].text);
	if (s->ending.begun)
		return;
	enum watch_verdict verdict = guard_still(s->guard, INTERLOCK_QUIET_S);
	if (!inputs_let_start(s))
		return;
	if (verdict == WATCH_OK) {
		inputs_before_run(s, ask_hands);
		return;
	}
	if (!guard_hopeless(s->guard, verdict, s->state_since_ns))
		return;
	char text[240];
	snprintf(text, sizeof(text), "start interlock: %s (force %.3f N, preload window %.3f to %.3f N)",
		 watch_verdict_text(verdict), guard_force(s->guard)->force_n, s->bench->sensor.preload_lo_n,
		 s->bench->sensor.preload_hi_n);
	if (verdict == WATCH_PRELOAD || verdict == WATCH_MOVING)
		refuse(s, REFUSED_DEVICE, text);
	else
		session_end(s, RUN_COMPLETE, text);
}

static void start_sensor(struct session *s)
{
	s->sensing.fs_hz = s->sensor->channels[s->estimator.force].rate_hz;
	safety_watch(s);
	s->sensing.streaming = true;
	journal_text(s, "command", "start streaming at %g Hz", s->sensing.fs_hz);
	devices_start(s);
	session_go(s, STAGE_INTERLOCK, first_interlock);
}

/* Only a refusal says that the pen has no such dead-man. Of any other answer the operator sees what it was. */
static void refuse_unarmed(struct session *s)
{
	char text[ERR_TEXT_MAX];

	snprintf(text, sizeof(text), "the pen's dead-man could not be armed: %.400s%s", s->verb.err.text,
		 s->verb.status == -ERANGE ? "; such a pen runs attended or behind a relay only" : "");
	refuse(s, REFUSED_DEVICE, text);
}

static void armed(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (s->verb.pending)
		return;
	if (s->verb.status) {
		refuse_unarmed(s);
		return;
	}
	guard_arm(s->guard);
	attempt_put_phantom(s, start_sensor);
}

static void arm(struct session *s, uint64_t now_ns)
{
	const struct deadman_row *row = deadman_row((enum deadman_class)s->bench->pen.dead_man);
	(void)now_ns;
	if (s->verb.pending)
		return;
	if (s->verb.status && s->verb.status != -ENODATA) { /* what cannot say so was told to */
		session_end(s, RUN_DEVICE_LOST, "the pen did not confirm that it is off");
		return;
	}
	if (!row->timed) {
		journal_text(s, "event", "dead-man of class %s: %s", row->name, row->text);
		guard_arm(s->guard);
		attempt_put_phantom(s, start_sensor);
		return;
	}
	if (s->record->proof.run[0])
		journal_text(s, "event", "that the supply's timer stops the pen was tested in run %s of %s",
			     s->record->proof.run, s->record->proof.utc);
	journal_text(s, "command", "arm dead-man %u ms", s->bench->pen.deadman_ms);
	verb_begin(&s->verb);
	s->pen->driver->pen->deadman(s->pen->device, s->bench->pen.deadman_ms, verb_done, &s->verb);
	session_go(s, STAGE_OPENING, armed);
}

static void check_devices(struct session *s)
{
	struct err err = {""};
	enum refusal refusal;
	if (devices_check(s, &refusal, &err)) {
		refuse(s, refusal, err.text);
		return;
	}
	if (resumed_check(s, &err)) {
		refuse(s, REFUSED_DEVICE, err.text);
		return;
	}
	if (s->config.known && s->config.known(s->config.known_ctx, s->record, &err)) {
		refuse(s, REFUSED_DEVICE, err.text);
		return;
	}
	runfile_record(s->runfile, s->record);
	verb_begin(&s->verb);
	s->pen->driver->pen->stop(s->pen->device, verb_done, &s->verb);
	session_go(s, STAGE_OPENING, arm);
}

/* The one to name: a pen that failed, any other that failed, a pen that says nothing, any other. */
static const struct attached *not_ready(const struct session *s, bool failed)
{
	if (failed ? s->pen->status : !s->pen->ready)
		return s->pen;
	for (unsigned i = 0; i < s->devices; i++)
		if (failed ? s->device[i].status : !s->device[i].ready)
			return &s->device[i];
	return NULL;
}

/* A board that restarts when its port is opened hears nothing for the wait that the bench states; a program may take its
 * time to begin. */
static uint64_t open_time_ns(const struct attached *device)
{
	return OPEN_TIMEOUT_NS + device->bench->line.wait_ns + device->bench->command.setup.start_ns;
}

static const struct attached *overdue(const struct session *s, uint64_t now_ns)
{
	uint64_t waited_ns = now_ns - s->state_since_ns;
	if (!s->pen->ready && waited_ns >= open_time_ns(s->pen))
		return s->pen;
	for (unsigned i = 0; i < s->devices; i++)
		if (!s->device[i].ready && waited_ns >= open_time_ns(&s->device[i]))
			return &s->device[i];
	return NULL;
}

/* Whoever has a device a moment after it came back lets go of it: the stream that the part before has left, or a program
 * that looks at each new port. It is waited for like one that is not back yet. */
static bool is_still_held(const struct session *s, int status)
{
	return status == -EBUSY && s->config.resume && s->config.resume->replug;
}

static void open_failed(struct session *s, int status, const char *reason)
{
	if (status == -ENODEV || status == -EIO || is_still_held(s, status))
		session_end(s, RUN_DEVICE_LOST, reason);
	else
		refuse(s,
		       status == -EBUSY        ? REFUSED_BUSY
		       : status == ANOTHER_PEN ? REFUSED_DUT
					       : REFUSED_DEVICE,
		       reason);
}

static void opening(struct session *s, uint64_t now_ns)
{
	const struct attached *failed = not_ready(s, true), *late = overdue(s, now_ns);
	char reason[ERR_TEXT_MAX], who[96], silence[40] = "";
	if (!not_ready(s, false)) {
		check_devices(s);
		return;
	}
	if (!failed && !late)
		return;
	attached_label(failed ? failed : late, who, sizeof(who));
	if (late)
		snprintf(silence, sizeof(silence), "no answer in %g s", (double)open_time_ns(late) * 1e-9);
	if (failed && failed->status == -ENOTSUP) { /* it has, and it is none of those that could serve */
		snprintf(reason, sizeof(reason), "the %s: %.400s", who, failed->err.text);
		refuse(s, REFUSED_DEVICE, reason);
		return;
	}
	if (failed && failed->status == -EBUSY) { /* somebody else measures with it */
		snprintf(reason, sizeof(reason), "the %s: %.400s", who, failed->err.text);
		open_failed(s, -EBUSY, reason);
		return;
	}
	snprintf(reason, sizeof(reason), "the %s does not identify itself: %.400s", who,
		 failed ? failed->err.text : silence);
	session_end(s, RUN_DEVICE_LOST, reason);
}

static bool needs_prompt(const struct session *s)
{
	for (unsigned i = s->at.point; i < s->config.point_count; i++)
		if (s->config.points[i].phantom_change)
			return true;
	return false;
}

/* Everything that can be known without a device. */
static bool may_begin(struct session *s, struct err *err)
{
	char today[32], why[240];
	utc_text(s->started_wall_ns, today);
	today[10] = '\0';
	if (needs_prompt(s) && !s->config.observer.prompt) {
		refuse(s, REFUSED_PLAN,
		       "the plan changes phantoms or takes them away, which needs an operator: run it on a terminal "
		       "without --no-input");
		return false;
	}
	if (inputs_need_hand(s) && !s->config.observer.prompt) {
		refuse(s, REFUSED_BENCH,
		       "the bench asks for its safety inputs to be tried by hand before each run: run it on a terminal "
		       "without --no-input, or with --answer-fd");
		return false;
	}
	if (!hands_check(s, why, sizeof(why))) {
		refuse(s, REFUSED_BENCH, why);
		return false;
	}
	if (s->config.calibrating ? bench_check_devices_due(s->bench, today, err)
				  : bench_check_due(s->bench, today, err)) {
		refuse(s, REFUSED_BENCH, err->text);
		return false;
	}
	double bytes_per_s = (bench_sample_rate_hz(s->bench) + 100) * BYTES_PER_SAMPLE;
	if (runfile_create(s->record, bytes_per_s, !loop_paced(s->loop), &s->runfile, err)) {
		session_end(s, RUN_STORAGE_FAILED, err->text);
		return false;
	}
	resumed_begin(s);
	return true;
}

/* A heartbeat that waits behind other programs may come too late; on a clock of its own nothing can. */
static void take_priority(struct session *s)
{
	char got[96];
	if (!loop_paced(s->loop))
		return;
	priority_take(got, sizeof(got));
	journal_text(s, "event", "this computer: %s", got);
}

static void open_devices(struct session *s)
{
	struct err err = {""};
	session_go(s, STAGE_OPENING, opening);
	int status = devices_open(s, &err);
	standby_lend(s);
	if (status)
		open_failed(s, status, err.text);
}

/* For whoever finds the bench in use. */
static void say_work(struct session *s)
{
	const unsigned from = s->at.point;
	double length_s = plan_duration_s(s->plan, s->bench, s->config.points + from, s->config.point_count - from);
	char work[160], until[32];
	utc_text(s->started_wall_ns + (uint64_t)(length_s * 1e9), until);
	snprintf(work, sizeof(work), "run %.80s, expected to end about %.19sZ", s->record->name, until);
	bench_lock_work(s->lock, work);
	bench_lock_leave(s->lock, "");
}

static void begin_locked(struct session *s)
{
	struct err err = {""};
	if (!may_begin(s, &err))
		return;
	say_work(s);
	take_priority(s);
	journal_text(s, "start", "plan %s on bench %s, DUT %s, %u points", s->plan->name, s->bench->name,
		     s->record->dut, s->config.point_count);
	if (s->record->bench_found[0])
		journal_text(s, "event", "%s", s->record->bench_found);
	standby_begin(s, open_devices);
}

static void begin(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	struct err err = {""};
	int status = s->lock ? 0 : bench_queue_pass(s->bench->path, &s->lock, &err);
	if (status)
		refuse(s, status == -EBUSY ? REFUSED_BUSY : REFUSED_BENCH, err.text);
	else
		standby_clear(s, begin_locked);
}

/* ---- the tick -------------------------------------------------------------------------------------------------- */

static void watch_end(struct session *s)
{
	if (!s->config.end_by_boot_ns || s->ending.begun || loop_boot_ns() < s->config.end_by_boot_ns)
		return;
	s->record->signal_number = SIGTERM;
	session_end(s, RUN_INTERRUPTED, "interrupted: the time by which the run had to end has come");
}

void session_hurry(struct session *s)
{
	loop_timer_at(s->loop, &s->tick, loop_now_ns(s->loop));
}

static void on_tick(void *ctx, uint64_t now_ns)
{
	struct session *s = ctx;
	loop_timer_at(s->loop, &s->tick, now_ns + TICK_NS);
	watch_end(s);
	watch_clock(s, now_ns);
	standby_look(s, now_ns);
	devices_tick(s, now_ns);
	standby_watch(s);
	standby_beat(s, session_moving(s));
	bool proving = guard_tick(s->guard, now_ns);
	if (!proving && s->state)
		s->state(s, now_ns);
	if (!s->ending.done && now_ns >= s->next_progress_ns)
		session_report(s, NULL);
}

/* ---- from outside ---------------------------------------------------------------------------------------------- */

static int fill_record(struct session *s)
{
	struct record *r = s->record;
	r->started_host_ns = s->started_ns;
	utc_text(s->started_wall_ns, r->started_utc);
	host_describe(r);
	r->points_planned = s->config.point_count;
	r->proof.wanted = deadman_row((enum deadman_class)s->bench->pen.dead_man)->proven;
	return record_inputs(r, s->plan, s->bench);
}

int session_start(const struct session_config *config, struct session **ret, struct err *err)
{
	struct session *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	s->config = *config;
	s->plan = config->plan;
	s->bench = config->bench;
	s->record = config->record;
	s->loop = config->loop;
	s->estimator.handle.now = NAN;
	s->sensor = &s->device[0];
	s->pen = &s->device[1];
	s->started_ns = loop_now_ns(s->loop);
	s->started_wall_ns = loop_wall_ns(s->loop);
	s->part_since_ns = s->started_ns;
	s->record->has_takt = true;
	s->at.number = 1;
	if (config->resume) {
		const struct sessions_place *place = &config->resume->place;
		s->at.point = place->point;
		s->at.number = place->tried + 1;
		s->at.before = place->attempts - place->tried;
		s->at.failed_at = place->failed;
		s->at.lost = place->lost;
	}
	s->tick.fn = on_tick;
	s->tick.ctx = s;
	s->state = begin;
	int status = fill_record(s);
	if (!status)
		status = safety_new(s);
	if (!status)
		status = loop_timer_at(s->loop, &s->tick, s->started_ns);
	if (status) {
		guard_free(s->guard);
		free(s);
		return err_set(err, status, "cannot begin: %s", strerror(-status));
	}
	s->lock = config->lock;
	*ret = s;
	return 0;
}

static void loop_failed(struct session *s, const char *reason)
{
	if (s->ending.begun && s->record->run_status == RUN_COMPLETE) {
		s->record->run_status = RUN_INTERNAL_ERROR;
		snprintf(s->record->status_reason, sizeof(s->record->status_reason), "%s", reason);
	}
	session_end(s, RUN_INTERNAL_ERROR, reason);
	loop_timer_at(s->loop, &s->tick, loop_now_ns(s->loop));
}

void session_run(struct session *s)
{
	char reason[160];
	for (int tries = 0; tries < LOOP_TRIES && !s->ending.done; tries++) {
		int status = loop_run(s->loop);
		if (!status)
			return;
		snprintf(reason, sizeof(reason), "the event loop failed: %s", strerror(-status));
		loop_failed(s, reason);
	}
	if (s->ending.done)
		return;
	s->record->run_status = RUN_INTERNAL_ERROR;
	snprintf(s->record->status_reason, sizeof(s->record->status_reason), "%s", reason);
	guard_abandon(s->guard, reason);
	conclude(s);
}

struct bench_lock *session_take_lock(struct session *s)
{
	struct bench_lock *lock = s->held_on;

	s->held_on = NULL;
	return lock;
}

bool session_unheard(const struct session *s)
{
	const struct session_resume *resume = s->config.resume;

	if (!resume || !resume->replug || s->taken)
		return false;
	return resume->unheard || s->pen_unheard;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	loop_timer_cancel(s->loop, &s->tick);
	devices_close(s);
	standby_end(s);
	bench_lock_release(s->held_on);
	estimator_release(&s->estimator);
	guard_free(s->guard);
	free(s);
}

const char *session_question_name(enum session_question question)
{
	static const char *const names[] = {
		[QUESTION_PUT_PHANTOM] = "put_phantom", [QUESTION_TAKE_PHANTOM_AWAY] = "take_phantom_away",
		[QUESTION_SET_STAGE] = "set_stage",     [QUESTION_SCAN_PEN] = "scan_pen",
		[QUESTION_SET_DIAL] = "set_dial",       [QUESTION_ATTEND] = "attend",
		[QUESTION_SWITCH_OFF] = "switch_off",   [QUESTION_OPEN_INPUT] = "open_input",
		[QUESTION_CLOSE_INPUT] = "close_input",
	};

	return names[question];
}

void session_answer(struct session *s, bool go_on)
{
	s->prompt = (struct prompt){.answered = true, .go_on = go_on};
}

void session_answer_words(struct session *s, const char *words)
{
	s->prompt = (struct prompt){.answered = true, .go_on = true};
	snprintf(s->prompt.text, sizeof(s->prompt.text), "%s", words);
}

void session_note(struct session *s, const char *text)
{
	journal_text(s, "operator", "%s", text);
}

bool session_moving(const struct session *s)
{
	return guard_moved(s->guard) && !guard_answer(s->guard)->verified;
}
