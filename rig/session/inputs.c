/* The bench's safety inputs in a run: an emergency stop, a door. All are closed before anything starts; where the bench asks for
 * that, somebody opens each once before, and it is seen to. One that opens, or of which nothing is heard, stops the pen and ends
 * the run: nothing here starts it again. Between two points a hand may open a door: then it goes on once somebody
 * says so with all of them closed. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rig/session/state.h"

#define SETTLED_NS    (100 * NS_PER_MS) /* a contact that bounces is closed once it has kept closed for so long */
#define SETTLE_MAX_NS (1 * NS_PER_S)    /* so long that is waited for */
#define STALE_NS      (500 * NS_PER_MS) /* a device that says nothing for so long may have an open one */
#define TOLD_MAX      20                /* times that the journal says of one that it opened */

static const struct inputs_setup *setup_of(const struct attached *device)
{
	return &device->bench->inputs.setup;
}

static bool has_inputs(const struct attached *device)
{
	return device->bench->inputs.there;
}

/* ---- how they stand -------------------------------------------------------------------------------------------- */

enum standing { STANDS_CLOSED, STANDS_BOUNCING, STANDS_OPEN };

/* why: untouched where it is closed. */
static enum standing device_stands(const struct attached *device, uint64_t now_ns, char *why, size_t size)
{
	const struct inputs_setup *setup = setup_of(device);
	enum standing worst = STANDS_CLOSED;

	if (device->lost || !device->inputs.heard_ns || now_ns > device->inputs.heard_ns + STALE_NS) {
		snprintf(why, size, "the device \"%s\" of the safety inputs %s", device->bench->name,
			 device->lost ? "is lost" : "says nothing");
		return STANDS_OPEN;
	}
	for (unsigned i = 0; i < setup->count && worst != STANDS_OPEN; i++) {
		bool closed = device->inputs.closed >> i & 1;
		if (closed && now_ns >= device->inputs.since_ns[i] + SETTLED_NS)
			continue;
		worst = closed ? STANDS_BOUNCING : STANDS_OPEN;
		snprintf(why, size, "the safety input \"%s\" %s", setup->input[i].name,
			 closed ? "does not keep closed" : "is open");
	}
	return worst;
}

static enum standing all_stand(const struct session *s, char *why, size_t size)
{
	enum standing worst = STANDS_CLOSED;

	for (unsigned i = 0; i < s->devices && worst != STANDS_OPEN; i++) {
		if (!has_inputs(&s->device[i]))
			continue;
		enum standing stands = device_stands(&s->device[i], loop_now_ns(s->loop), why, size);
		worst = stands > worst ? stands : worst;
	}
	return worst;
}

/* How they stand once they had their time to settle. */
static enum standing settled(const struct session *s, uint64_t since_ns, char *why, size_t size)
{
	enum standing stands = all_stand(s, why, size);
	bool late = loop_now_ns(s->loop) > since_ns + SETTLE_MAX_NS;

	return stands == STANDS_CLOSED ? stands : late ? STANDS_OPEN : STANDS_BOUNCING;
}

bool inputs_let_start(struct session *s)
{
	char why[160];

	switch (settled(s, s->state_since_ns, why, sizeof(why))) {
	case STANDS_CLOSED: return true;
	case STANDS_BOUNCING: return false;
	default: break;
	}
	char text[240];
	snprintf(text, sizeof(text), "start interlock: %s: close it, and see to what it stands for", why);
	s->record->refusal = REFUSED_DEVICE;
	s->record->safety_stop = true;
	session_end(s, RUN_REFUSED, text);
	return false;
}

bool inputs_closed(const struct session *s)
{
	char why[160];

	return all_stand(s, why, sizeof(why)) == STANDS_CLOSED;
}

/* ---- one that opens -------------------------------------------------------------------------------------------- */

static void record_inputs_of(struct session *s, const struct attached *device)
{
	struct record *r = s->record;
	const struct inputs_setup *setup = setup_of(device);

	for (unsigned i = 0; i < setup->count && r->inputs < RECORD_INPUTS_MAX; i++) {
		struct record_input *input = &r->input[r->inputs++];
		*input = (struct record_input){.device = device->index, .number = i};
		snprintf(input->name, sizeof(input->name), "%s", setup->input[i].name);
	}
}

static void list_inputs(struct session *s)
{
	if (s->inputs.recorded)
		return;
	s->inputs.recorded = true;
	s->record->inputs = 0;
	for (unsigned i = 0; i < s->devices; i++)
		record_inputs_of(s, &s->device[i]);
}

/* Whose hands are in the bench while it asks for them has no pen to be stopped, and may open a door. What is no door means
 * that somebody wants everything to stop, whatever is asked. */
static bool hands_may_open(const struct session *s, const struct attached *device, uint32_t inputs)
{
	const struct inputs_setup *setup = setup_of(device);
	bool asked = s->hands.off.asked || (s->stage == STAGE_PROMPT && !session_moving(s));

	for (unsigned i = 0; i < setup->count; i++)
		asked &= setup->input[i].door || !(inputs >> i & 1);
	return asked;
}

/* From the first reading on, but for the time in which somebody tries them. */
static bool is_watched(const struct session *s)
{
	return (s->inputs.watched || !s->inputs.then) && !s->ending.saved;
}

/* One opened, or, where all are given, nothing is known of any. */
__attribute__((format(printf, 3, 4))) static void trip(const struct attached *device, uint32_t inputs, const char *fmt,
						       ...)
{
	struct session *s = device->session;
	char what[160], text[240];
	va_list args;

	if (!is_watched(s) || hands_may_open(s, device, inputs))
		return;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	bool news = !s->record->safety_stop;
	snprintf(text, sizeof(text), "%s: the pen is stopped, and nothing starts it again by itself", what);
	attempt_fault(s, NULL, text);
	session_safety_stop(s, text);
	if (news)
		session_say(s, text, true);
}

static void note(const struct attached *device, unsigned input)
{
	const struct session *s = device->session;
	struct record *r = s->record;
	bool counts = is_watched(s) && !hands_may_open(s, device, UINT32_C(1) << input);

	for (unsigned i = 0; i < r->inputs; i++)
		if (r->input[i].device == device->index && r->input[i].number == input)
			r->input[i].opened |= counts;
}

/* A contact that chatters at an open question must not fill the disk. */
static void tell(struct attached *device, unsigned input)
{
	const char *name = setup_of(device)->input[input].name;
	unsigned told = ++device->inputs.told[input];

	if (told <= TOLD_MAX)
		journal_text(device->session, "event", "the safety input \"%s\" opened%s", name,
			     told == TOLD_MAX ? "; how often it does from here on is not written any more" : "");
}

/* Nothing was heard for so long, whoever slept: one may have been open and have closed again. */
static void check_silence(struct attached *device, uint64_t now_ns)
{
	if (device->session->inputs.watched && now_ns > device->inputs.heard_ns + STALE_NS)
		trip(device, UINT32_MAX,
		     "of the safety inputs of the device \"%s\" nothing was heard for more than %u ms",
		     device->bench->name, (unsigned)(STALE_NS / NS_PER_MS));
}

void inputs_heard(struct attached *device, const struct inputs_state *state)
{
	struct session *s = device->session;
	struct known_inputs *known = &device->inputs;
	const struct inputs_setup *setup = setup_of(device);
	uint32_t before = known->heard_ns ? known->closed : 0;

	list_inputs(s);
	if (known->heard_ns)
		check_silence(device, loop_now_ns(s->loop));
	known->closed = state->closed;
	known->heard_ns = loop_now_ns(s->loop);
	for (unsigned i = 0; i < setup->count; i++) {
		bool closed = state->closed >> i & 1, was = before >> i & 1;
		if (closed && !was)
			known->since_ns[i] = known->heard_ns;
		if (closed)
			continue;
		known->opened |= UINT32_C(1) << i;
		if (was)
			tell(device, i);
		if (!s->inputs.watched && !(was && known->heard_ns >= known->since_ns[i] + SETTLED_NS))
			continue; /* it has not been closed yet: see inputs_let_start() */
		note(device, i);
		trip(device, UINT32_C(1) << i, "the safety input \"%s\" opened", setup->input[i].name);
	}
}

void inputs_lost(struct attached *device)
{
	if (has_inputs(device) && device->inputs.heard_ns)
		trip(device, UINT32_MAX, "the device \"%s\" of the safety inputs is lost: %.80s", device->bench->name,
		     device->err.text);
}

void inputs_tick(struct attached *device, uint64_t now_ns)
{
	if (has_inputs(device) && !device->lost && device->inputs.heard_ns)
		check_silence(device, now_ns);
}

/* The contact that took the pen's power away may be heard behind the loss of the pen. */
bool inputs_undecided(const struct session *s)
{
	const struct record *r = s->record;
	bool open = false;

	if (!is_watched(s) || (r->run_status != RUN_COMPLETE && r->run_status != RUN_DEVICE_LOST) ||
	    loop_now_ns(s->loop) > s->ending.begun_ns + 2 * STALE_NS)
		return false;
	for (unsigned i = 0; i < s->devices; i++)
		open |= has_inputs(&s->device[i]) && !s->device[i].lost && s->device[i].inputs.heard_ns &&
			s->device[i].inputs.heard_ns < s->ending.begun_ns + STALE_NS;
	return open;
}

/* ---- what is asked of a hand ----------------------------------------------------------------------------------- */

bool inputs_need_hand(const struct session *s)
{
	for (unsigned i = 0; i < s->bench->devices; i++)
		for (unsigned k = 0; k < s->bench->device[i].inputs.setup.count; k++)
			if (s->bench->device[i].inputs.setup.input[k].tried)
				return true;
	return false;
}

static void put(struct session *s, enum session_question question, const char *text)
{
	journal_text(s, "prompt", "%s", text);
	s->prompt = (struct prompt){.answered = false};
	s->inputs.answered_ns = 0;
	s->config.observer.prompt(s->config.observer.ctx,
				  &(const struct session_prompt){.question = question,
								 .text = text,
								 .point = s->at.point < s->config.point_count
										  ? s->at.point
										  : s->config.point_count - 1});
}

/* True from the answer on; one that gives up ends the run. */
static bool is_answered(struct session *s)
{
	if (!s->prompt.answered || s->ending.begun)
		return false;
	if (!s->prompt.go_on) {
		session_end(s, RUN_INTERRUPTED, "the operator gave up at the safety inputs");
		return false;
	}
	if (!s->inputs.answered_ns)
		s->inputs.answered_ns = loop_now_ns(s->loop);
	return true;
}

bool inputs_ask_closed(struct session *s)
{
	struct inputs_watch *in = &s->inputs;
	char why[160] = "", text[240];

	bool over = s->at.point >= s->config.point_count; /* nothing moves any more */

	if (!in->watched || s->ending.begun || over || !s->prompt.go_on)
		return false;
	if (!in->answered_ns)
		in->answered_ns = loop_now_ns(s->loop);
	switch (settled(s, in->answered_ns, why, sizeof(why))) {
	case STANDS_BOUNCING: return true;
	case STANDS_CLOSED:
		if (in->asks)
			s->prompt = in->kept;
		in->asks = false;
		in->answered_ns = 0;
		return false;
	default: break;
	}
	if (!in->asks)
		in->kept = s->prompt;
	in->asks = true;
	snprintf(text, sizeof(text), "Not yet: %s. Close it, and take your hands away.", why);
	put(s, QUESTION_CLOSE_INPUT, text);
	return true;
}

/* ---- tried before the run -------------------------------------------------------------------------------------- */

static void try_next(struct session *s);

/* While find_tried() has found one. */
static struct attached *tried_device(const struct session *s)
{
	return (struct attached *)&s->device[s->inputs.device];
}

static const char *tried_name(const struct session *s)
{
	return setup_of(tried_device(s))->input[s->inputs.input].name;
}

static void closing(struct session *s, uint64_t now_ns)
{
	char why[160], text[240];

	(void)now_ns;
	if (!is_answered(s))
		return;
	switch (settled(s, s->inputs.answered_ns, why, sizeof(why))) {
	case STANDS_BOUNCING: return;
	case STANDS_OPEN:
		snprintf(text, sizeof(text), "Not yet: %s. Close it.", why);
		put(s, QUESTION_CLOSE_INPUT, text);
		return;
	default: break;
	}
	journal_text(s, "operator", "the safety input \"%s\" was tried: it opens and closes", tried_name(s));
	for (unsigned i = 0; i < s->record->inputs; i++)
		if (s->record->input[i].device == tried_device(s)->index &&
		    s->record->input[i].number == s->inputs.input)
			s->record->input[i].tried = true;
	s->inputs.input++;
	try_next(s);
}

static void opening_it(struct session *s, uint64_t now_ns)
{
	char text[300];

	if (!is_answered(s))
		return;
	if (tried_device(s)->inputs.opened >> s->inputs.input & 1) {
		snprintf(text, sizeof(text), "Close the safety input \"%s\" again.", tried_name(s));
		session_go(s, STAGE_PROMPT, closing);
		put(s, QUESTION_CLOSE_INPUT, text);
	} else if (now_ns > s->inputs.answered_ns + SETTLE_MAX_NS) {
		snprintf(text, sizeof(text),
			 "the safety input \"%s\" was not seen to open, and the operator says that it is: it is stuck "
			 "closed, or does not hang on this line",
			 tried_name(s));
		s->record->refusal = REFUSED_DEVICE;
		session_end(s, RUN_REFUSED, text);
	}
}

/* The next one that is to be tried; false: there is none. */
static bool find_tried(struct session *s)
{
	for (; s->inputs.device < s->devices; s->inputs.device++, s->inputs.input = 0) {
		const struct inputs_setup *setup = setup_of(tried_device(s));
		while (s->inputs.input < setup->count && !setup->input[s->inputs.input].tried)
			s->inputs.input++;
		if (s->inputs.input < setup->count)
			return true;
	}
	return false;
}

static void try_next(struct session *s)
{
	char text[300];

	if (!find_tried(s)) {
		s->inputs.watched = true;
		s->state = NULL;
		s->inputs.then(s);
		return;
	}
	tried_device(s)->inputs.opened = 0;
	snprintf(text, sizeof(text),
		 "Open the safety input \"%s\" and keep it open (press the emergency stop, open the door): it is tried "
		 "before "
		 "anything moves.",
		 tried_name(s));
	session_go(s, STAGE_PROMPT, opening_it);
	put(s, QUESTION_OPEN_INPUT, text);
}

void inputs_before_run(struct session *s, void (*then)(struct session *s))
{
	list_inputs(s);
	s->inputs.then = then;
	s->inputs.device = s->inputs.input = 0;
	try_next(s);
}
