/* What the operator's hands do for a pen made of parts: tell which pen it is, twice; set its dial; and, where nothing else
 * would stop it, stand by. What was asked of a hand is asked, never set. Of any other pen nothing is asked here. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rig/session/state.h"

/* Of a pen whose power is to be switched off by hand. */
#define ANSWER_NS (60 * NS_PER_S) /* so long that is waited for; then the run is saved, and says that nobody answered */
#define GONE_S    2.0             /* beyond its coast-down: who said so and was wrong is asked again ... */
#define ASKED_MAX 3               /* ... so often altogether */
#define UNSEEN_S  1.0             /* a signal that is dead for so long shows nothing */

static const struct bench_pen *pen_of(const struct session *s)
{
	return &s->bench->pen;
}

static const struct deadman_row *deadman_of(const struct session *s)
{
	return deadman_row((enum deadman_class)pen_of(s)->dead_man);
}

static void go_on(struct session *s)
{
	void (*then)(struct session * s) = s->hands.then;
	s->hands.then = NULL;
	s->state = NULL;
	then(s);
}

/* True once the open question has its answer, and the answer is not to give up. */
static bool is_answered(struct session *s, const char *what)
{
	char text[96];
	if (!s->prompt.answered || inputs_ask_closed(s))
		return false;
	journal_text(s, "operator", "%s %s", s->prompt.go_on ? "done:" : "gave up at", what);
	if (s->prompt.go_on)
		return true;
	snprintf(text, sizeof(text), "the operator gave up at %s", what);
	session_end(s, RUN_INTERRUPTED, text);
	return false;
}

static void put_question(struct session *s, struct session_prompt prompt)
{
	journal_text(s, "prompt", "%s", prompt.text);
	prompt.point = s->at.point < s->config.point_count ? s->at.point : s->config.point_count - 1;
	s->prompt = (struct prompt){.answered = false};
	s->config.observer.prompt(s->config.observer.ctx, &prompt);
}

static void ask(struct session *s, struct session_prompt prompt, state_fn state)
{
	s->at.rest_first = 0; /* a hand comes between: no tare from before it */
	session_go(s, STAGE_PROMPT, state);
	put_question(s, prompt);
}

/* ---- before anything ------------------------------------------------------------------------------------------- */

bool hands_check(const struct session *s, char *why, size_t size)
{
	const struct deadman_row *row = deadman_of(s);
	if (!pen_of(s)->power.present)
		return true;
	if (s->config.calibrating)
		snprintf(why, size,
			 "a pen made of parts makes no calibration: its depth is asked of a hand, never set");
	else if (!s->config.observer.prompt)
		snprintf(why, size,
			 "this bench's pen needs an operator, who sets its dial%s: run it on a terminal without "
			 "--no-input, or with --answer-fd",
			 row->attended ? " and attends it" : "");
	else if (row->attended && !s->record->operator_name[0])
		snprintf(why, size,
			 "the dead-man of this bench's pen is of class \"%s\", so it runs attended: name who attends "
			 "with --operator",
			 row->name);
	else
		return true;
	return false;
}

/* ---- which pen ------------------------------------------------------------------------------------------------- */

static void note_scan(struct session *s, char *ret, size_t size)
{
	snprintf(ret, size, "%s", s->prompt.text[0] ? s->prompt.text : "nothing");
}

static void scanned_before(struct session *s, uint64_t now_ns)
{
	struct record_identity *said = &s->record->dut_said;
	char text[240];
	(void)now_ns;
	if (!is_answered(s, "the pen's serial number"))
		return;
	note_scan(s, said->before, sizeof(said->before));
	journal_text(s, "operator", "the pen in the clamp, before the run: %s", said->before);
	if (strcmp(said->before, s->record->dut) == 0) {
		go_on(s);
		return;
	}
	snprintf(text, sizeof(text),
		 "the operator read \"%.60s\" from the pen, the run is for \"%.60s\": check which pen is in the clamp",
		 said->before, s->record->dut);
	s->record->refusal = REFUSED_DUT;
	session_end(s, RUN_REFUSED, text);
}

static void scanned_after(struct session *s, uint64_t now_ns)
{
	struct record_identity *said = &s->record->dut_said;
	(void)now_ns;
	if (!is_answered(s, "the pen's serial number"))
		return;
	note_scan(s, said->after, sizeof(said->after));
	journal_text(s, "operator", "the pen in the clamp, after the run: %s", said->after);
	go_on(s);
}

static void ask_scan(struct session *s, const char *when, state_fn state)
{
	char text[160];
	snprintf(text, sizeof(text),
		 "Scan or type the serial number that stands on the pen in the clamp, %s: it cannot tell it itself.",
		 when);
	ask(s, (struct session_prompt){.question = QUESTION_SCAN_PEN, .text = text}, state);
}

/* ---- dial and attendance --------------------------------------------------------------------------------------- */

static void handled(struct session *s, uint64_t now_ns)
{
	(void)now_ns;
	if (!is_answered(s, "the pen's dial"))
		return;
	s->hands.dial_mm = s->hands.asked_mm;
	if (deadman_of(s)->attended)
		journal_text(s, "operator", "%s attends the pen", s->record->operator_name);
	go_on(s);
}

static void attend_text(const struct session *s, char *ret, size_t size)
{
	ret[0] = '\0';
	if (deadman_of(s)->attended)
		snprintf(ret, size,
			 " %.60s: stay with the switch of its power in reach, as nothing else stops it where this "
			 "computer fails; then it starts.",
			 s->record->operator_name);
}

/* Whether a hand must turn the dial, which nothing else does. */
static bool to_be_turned(const struct session *s, double depth_mm)
{
	return !pen_of(s)->dial.present && s->hands.dial_mm != depth_mm;
}

static void ask_dial(struct session *s, double depth_mm, void (*then)(struct session *s))
{
	char text[400], attend[240];
	bool turned = to_be_turned(s, depth_mm);
	s->hands.then = then;
	s->hands.asked_mm = depth_mm;
	if (!turned && !deadman_of(s)->attended) {
		go_on(s);
		return;
	}
	attend_text(s, attend, sizeof(attend));
	if (turned)
		snprintf(text, sizeof(text), "Set the pen's dial to %g mm, and take your hand away.%s", depth_mm,
			 attend);
	else
		snprintf(text, sizeof(text), "The pen is about to start at %g mm.%s", depth_mm, attend);
	ask(s,
	    (struct session_prompt){
		    .question = turned ? QUESTION_SET_DIAL : QUESTION_ATTEND, .text = text, .depth_mm = depth_mm},
	    handled);
}

/* ---- a pen that nothing here can stop -------------------------------------------------------------------------- */

static bool may_have_power(const struct session *s)
{
	return pen_of(s)->power.present && s->config.observer.prompt && guard_moved(s->guard);
}

static void ask_switch_off(struct session *s)
{
	char text[300];
	const char *who = s->record->operator_name;
	snprintf(text, sizeof(text),
		 "THE PEN %s, and nothing here can stop it. %.60s%sSWITCH ITS POWER OFF BY HAND NOW: at its supply, or "
		 "pull its plug. Say so when it is off.",
		 guard_still(s->guard, INTERLOCK_QUIET_S) == WATCH_MOVING ? "RUNS ON" : "MAY RUN ON", who,
		 who[0] ? ": " : "");
	s->hands.off.asked++;
	s->hands.off.put_ns = loop_now_ns(s->loop);
	s->hands.off.done_ns = 0;
	session_say(s, text, true);
	put_question(s, (struct session_prompt){.question = QUESTION_SWITCH_OFF, .text = text});
}

/* A timer that is armed is given its time first; where there is none, each moment counts. */
void hands_pen_lost(struct session *s)
{
	if (may_have_power(s) && !deadman_of(s)->timed && !s->hands.off.asked)
		ask_switch_off(s);
}

__attribute__((format(printf, 2, 3))) static void switched_off(struct session *s, const char *fmt, ...)
{
	struct record *r = s->record;
	char *what = s->hands.off.came_of_it;
	va_list args;
	va_start(args, fmt);
	vsnprintf(what, sizeof(s->hands.off.came_of_it), fmt, args);
	va_end(args);
	snprintf(r->stop_text, sizeof(r->stop_text), "%s%s", guard_answer(s->guard)->text, what);
	journal_text(s, "operator", "%s", what + strspn(what, "; "));
	go_on(s);
}

static void watch_switch_off(struct session *s, uint64_t now_ns)
{
	uint64_t since_ns = s->hands.off.done_ns;
	double since_s = (double)(now_ns - since_ns) * 1e-9;
	enum watch_verdict verdict = guard_still(s->guard, INTERLOCK_QUIET_S);
	if (verdict == WATCH_OK || verdict == WATCH_PRELOAD)
		switched_off(s,
			     "; by hand its power was switched off, as the operator says, and no stroke is seen since");
	else if (verdict != WATCH_MOVING && since_s > UNSEEN_S)
		switched_off(
			s,
			"; by hand its power was switched off, as the operator says; whether it stands cannot be seen");
	else if (verdict == WATCH_MOVING && since_s > pen_of(s)->coast_down_max_s + GONE_S &&
		 s->hands.off.asked >= ASKED_MAX)
		switched_off(s, "; the operator says that its power is off, and IT RUNS ON");
	else if (verdict == WATCH_MOVING && since_s > pen_of(s)->coast_down_max_s + GONE_S)
		ask_switch_off(s);
}

static void wait_for_switch_off(struct session *s, uint64_t now_ns)
{
	if (standby_stopped_it(s)) {
		switched_off(s, "; the stopper has switched its power off since, and its supply says so");
	} else if (s->hands.off.interrupted) {
		switched_off(s, "; an interrupt came before anybody said that its power is off");
	} else if (s->prompt.answered && !s->prompt.go_on) {
		switched_off(s, "; the operator was asked to switch its power off by hand, and gave up");
	} else if (!s->prompt.answered && now_ns - s->hands.off.put_ns > ANSWER_NS) {
		switched_off(s, "; the operator was asked to switch its power off by hand, and said nothing for 60 s");
	} else if (s->prompt.answered) {
		if (!s->hands.off.done_ns)
			s->hands.off.done_ns = now_ns;
		watch_switch_off(s, now_ns);
	}
}

/* The stopper tries meanwhile: a cable may be put back sooner than a hand finds the switch. */
void hands_switch_off(struct session *s, void (*then)(struct session *s))
{
	if (!may_have_power(s)) {
		then(s);
		return;
	}
	guard_disarm(s->guard);
	if (!s->hands.off.asked)
		ask_switch_off(s);
	standby_hand_over(s);
	s->hands.then = then;
	session_go(s, STAGE_SAVING, wait_for_switch_off);
	session_part(s, TAKT_PROMPT);
}

bool hands_interrupt(struct session *s)
{
	const struct stop_answer *answer = guard_answer(s->guard);
	bool waits = s->hands.off.asked && !s->hands.off.came_of_it[0] && !(answer->given && answer->verified);

	s->hands.off.interrupted |= waits;
	return waits;
}

/* ---- when ------------------------------------------------------------------------------------------------------ */

static void before_tests(struct session *s)
{
	if (s->plan->test_deadman)
		ask_dial(s, pen_tests_point(s)->depth_mm, s->hands.after_scan);
	else
		s->hands.after_scan(s);
}

void hands_before_run(struct session *s, void (*then)(struct session *s))
{
	s->hands.dial_mm = NAN;
	if (!pen_of(s)->power.present) {
		then(s);
		return;
	}
	s->record->dut_said.wanted = true;
	s->hands.after_scan = then;
	s->hands.then = before_tests;
	if (!deadman_of(s)->timed)
		session_say(s, deadman_of(s)->text, true);
	ask_scan(s, "before the run", scanned_before);
}

bool hands_come(const struct session *s, unsigned point)
{
	return pen_of(s)->power.present &&
	       (deadman_of(s)->attended || to_be_turned(s, s->config.points[point].depth_mm));
}

void hands_before_point(struct session *s, void (*then)(struct session *s))
{
	if (pen_of(s)->power.present)
		ask_dial(s, s->config.points[s->at.point].depth_mm, then);
	else
		then(s);
}

void hands_after_run(struct session *s, void (*then)(struct session *s))
{
	if (!pen_of(s)->power.present) {
		then(s);
		return;
	}
	s->hands.then = then;
	ask_scan(s, "after the run", scanned_after);
}
