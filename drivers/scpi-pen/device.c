/* A pen that speaks docs/protocols/scpi-pen.md, over a link that carries lines (serial) or makes them (USBTMC).
 * Every line carries a tag, so an answer is never taken for another one's.
 * Leaves out when to beat, what to set and what a condition means for the run. */
#include "drivers/scpi-pen/device.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/scpi-pen/wire.h"
#include "rig/driver/dialogue.h"
#include "rig/driver/lines.h"

/* Lines per request: the first, one for silence or an odd answer, one to settle a changed state or where the answer to the
 * second came behind half of the first one's. */
#define ASKED_MAX       3
#define SHOWN_MAX       84   /* of an answer that makes no sense, in its message */
#define STALE_TAGS      64   /* how far back an answer is known as one that was given up: more than ever queue */
#define UPTIME_GRAIN_MS 20   /* how much the pen's uptime may lag behind its own clock, where its steps are no longer */
#define GRAIN_MAX_MS    1000 /* the longest steps that the protocol allows */
#define UPTIME_SLACK_MS 1000 /* ahead of the host's clock by more than this and 2 %: an odd answer */

_Static_assert((int)PEN_UNDERVOLTAGE == SCPI_UNDERVOLTAGE && (int)PEN_OVER_TEMPERATURE == SCPI_OVER_TEMPERATURE &&
		       (int)PEN_STALL == SCPI_STALL && (int)PEN_DEADMAN_TRIPPED == SCPI_DEADMAN_TRIPPED &&
		       (int)PEN_CARTRIDGE_MISSING == SCPI_CARTRIDGE_MISSING,
	       "condition bits are passed on as they come");
_Static_assert(SCPI_LINE_MAX <= LINES_MAX && SCPI_LINE_MAX + 2 <= DIALOGUE_MESSAGE_MAX, "a pen's lines fit");

struct pen_state {
	uint32_t condition;
	bool running;
	bool rebooted;
	bool uptime_odd;
};

struct uptime { /* read by the pen between question and answer */
	uint64_t ms, asked_ns, heard_ns;
};

struct grain {             /* of the steps in which the pen's uptime goes, learned from what it says */
	uint64_t ms;       /* every reading was a multiple of it; 0: none yet */
	uint64_t finer_ms; /* but the newest, which counts when another one says so; 0: it was, too */
};

struct pen {
	struct device base;
	struct driver_host host;
	struct dialogue *dialogue;
	struct lines lines;
	uint16_t tag; /* of the line written last */
	bool torn; /* half a line stood when the request under way was asked again: the next one may have it in front */

	/* What the request under way has been told so far, and believes when it is told so again. */
	bool candidate_valid;
	struct pen_state candidate;
	struct uptime candidate_uptime;
	struct scpi_cartridge candidate_cartridge;

	struct pen_state last;
	struct uptime uptime;
	struct grain grain;

	struct device_identity identity;
	struct pen_limits limits;
	uint64_t answers, doubted;
	bool ran_itself, may_have_run;
	bool told;      /* whether it ran, by an answer that was read */
	uint64_t stops; /* written */
};

/* What a reader of an answer says. Negative errno: the answer counts against the pen, after asking again. */
enum {
	ANSWER_GOOD = 0,
	ANSWER_CHANGED = 1, /* the pen's state is not what it was: ask again before it counts */
	ANSWER_FIRST = 2,   /* nothing is known yet that it could be held against: ask a second time */
};

static struct pen *pen_of(struct device *device)
{
	return (struct pen *)device;
}

static const struct pen *pen_of_const(const struct device *device)
{
	return (const struct pen *)device;
}

static enum scpi_line active_line(const struct pen *pen)
{
	return (enum scpi_line)dialogue_awaits(pen->dialogue)->what;
}

static size_t encode(void *device, const struct dialogue_request *request, unsigned asked, uint8_t *buffer, size_t size)
{
	struct pen *pen = device;

	if (asked == 0)
		pen->candidate_valid = false;
	pen->torn = asked > 0 && pen->lines.len > 0;
	pen->tag++;
	if (request->what == SCPI_REOPEN && asked > 0 && !pen->told)
		pen->may_have_run = true; /* the line that asks has switched it off */
	pen->stops += request->what == SCPI_REOPEN || request->what == SCPI_OPEN || request->what == SCPI_STOP;
	return scpi_encode((enum scpi_line)request->what, request->value, pen->tag, (char *)buffer, size);
}

/* ---- what the pen says of itself ------------------------------------------------------------------------------- */

static void tell_condition(struct pen *pen, uint32_t appeared)
{
	static const struct {
		uint32_t bit;
		const char *text;
	} names[] = {
		{PEN_UNDERVOLTAGE, "the pen reports undervoltage"},
		{PEN_OVER_TEMPERATURE, "the pen reports over-temperature"},
		{PEN_STALL, "the pen reports a stalled motor"},
		{PEN_DEADMAN_TRIPPED, "the pen's dead-man has tripped"},
		{PEN_CARTRIDGE_MISSING, "the pen reports that its cartridge is missing"},
		{PEN_REBOOTED, "the pen has restarted by itself and lost its settings"},
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (appeared & names[i].bit)
			pen->host.event(pen->host.ctx, names[i].bit, names[i].text);
}

static uint32_t shown_condition(const struct pen_state *state)
{
	return state->condition | (state->rebooted ? (uint32_t)PEN_REBOOTED : 0);
}

static bool same_state(const struct pen_state *a, const struct pen_state *b)
{
	return a->condition == b->condition && a->running == b->running && a->rebooted == b->rebooted &&
	       a->uptime_odd == b->uptime_odd;
}

static uint64_t elapsed_ms(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (to_ns - from_ns) / NS_PER_MS : 0;
}

static uint64_t common_ms(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* A digit that flipped must not make steps look finer than they are: the next true reading would lag behind. */
static void learn_grain(struct grain *grain, uint64_t ms)
{
	if (grain->ms && ms % grain->ms == 0) {
		grain->finer_ms = 0;
	} else if (grain->ms && !grain->finer_ms) {
		grain->finer_ms = common_ms(grain->ms, ms);
	} else {
		grain->ms = common_ms(grain->finer_ms, ms);
		grain->finer_ms = 0;
	}
}

static uint64_t drift_ms(uint64_t elapsed, uint64_t grain_ms)
{
	uint64_t step_ms = grain_ms && grain_ms < GRAIN_MAX_MS ? grain_ms : GRAIN_MAX_MS;

	return elapsed / 50 + UPTIME_GRAIN_MS + (step_ms > UPTIME_GRAIN_MS ? step_ms : 0);
}

/* At least the time from the answer before to this question has passed between two readings. A pen that restarted soon
 * after its power-on is behind that, though not behind its last uptime. */
static uint64_t least_ms(const struct uptime *before, const struct uptime *now, uint64_t grain_ms)
{
	uint64_t elapsed = elapsed_ms(before->heard_ns, now->asked_ns), drift = drift_ms(elapsed, grain_ms);

	return before->ms + (elapsed > drift ? elapsed - drift : 0);
}

static uint64_t most_ms(const struct uptime *before, const struct uptime *now, uint64_t grain_ms)
{
	uint64_t elapsed = elapsed_ms(before->asked_ns, now->heard_ns);

	return before->ms + elapsed + drift_ms(elapsed, grain_ms);
}

static bool follows(const struct uptime *before, const struct uptime *now, uint64_t grain_ms)
{
	return now->ms >= least_ms(before, now, grain_ms) && now->ms <= most_ms(before, now, grain_ms);
}

static bool read_state(struct pen *pen, char **fields, struct pen_state *ret, struct uptime *uptime)
{
	uint64_t condition;

	if (!scpi_read_bool(fields[0], &ret->running) || !scpi_read_uint(fields[1], &condition) || condition > 0x7fff ||
	    !scpi_read_uint(fields[2], &uptime->ms))
		return false;
	ret->condition = (uint32_t)condition & SCPI_CONDITION_ALL;
	ret->rebooted = pen->last.rebooted || uptime->ms < least_ms(&pen->uptime, uptime, pen->grain.ms);
	ret->uptime_odd = uptime->ms > most_ms(&pen->uptime, uptime, pen->grain.ms) + UPTIME_SLACK_MS;
	return true;
}

/* Text has no checksum. A restart is believed when two answers in a row tell uptimes of which one follows from the
 * other: a digit that flipped does not. */
static bool confirmed(const struct pen *pen, const struct pen_state *state, const struct uptime *uptime)
{
	if (!pen->candidate_valid || !same_state(state, &pen->candidate))
		return false;
	return !state->rebooted || pen->last.rebooted || follows(&pen->candidate_uptime, uptime, pen->grain.ms);
}

/* A state that differs from the last one counts when two answers in a row confirm it, or on the last answer. */
static bool must_ask_again(struct pen *pen, const struct pen_state *state, const struct uptime *uptime)
{
	if (same_state(state, &pen->last) || confirmed(pen, state, uptime) ||
	    dialogue_asked(pen->dialogue) >= ASKED_MAX)
		return false;
	pen->candidate = *state;
	pen->candidate_uptime = *uptime;
	pen->candidate_valid = true;
	return true;
}

/* An uptime ahead of the host's time is kept for no more than the host's time allows, and one between two steps for the
 * lower, else the next true one would look like a restart. */
static void keep_uptime(struct pen *pen, const struct uptime *uptime, bool restarted)
{
	struct uptime kept = *uptime;
	uint64_t most = most_ms(&pen->uptime, uptime, pen->grain.ms);

	if (!restarted && kept.ms > most)
		kept.ms = most;
	if (pen->grain.ms && pen->grain.ms <= GRAIN_MAX_MS)
		kept.ms -= kept.ms % pen->grain.ms;
	pen->uptime = kept;
}

static int take_state(struct pen *pen, char **fields, const struct scpi_readings *readings, uint64_t host_ns)
{
	struct pen_state state = {0};
	struct uptime uptime = {.asked_ns = dialogue_asked_ns(pen->dialogue), .heard_ns = host_ns};

	if (!read_state(pen, fields, &state, &uptime))
		return -EPROTO;
	if (must_ask_again(pen, &state, &uptime))
		return ANSWER_CHANGED;
	bool restarted = state.rebooted && !pen->last.rebooted;
	if (restarted && !confirmed(pen, &state, &uptime))
		return -EPROTO;
	uint32_t appeared = shown_condition(&state) & ~shown_condition(&pen->last);
	state.uptime_odd = false;
	pen->last = state;
	keep_uptime(pen, &uptime, restarted);
	learn_grain(&pen->grain, uptime.ms);
	struct pen_telemetry telemetry = {
		.host_ns = host_ns,
		.rate_hz = readings->rate_hz,
		.motor_c = readings->motor_c,
		.handle_c = readings->handle_c,
		.battery_v = readings->volts_v,
		.current_a = readings->current_a,
		.condition = shown_condition(&state),
		.running = state.running,
	};
	tell_condition(pen, appeared);
	pen->host.telemetry(pen->host.ctx, &telemetry);
	return ANSWER_GOOD;
}

/* ---- answers, one reader per kind of line ---------------------------------------------------------------------- */

static int read_identity(struct pen *pen, const char *field)
{
	struct scpi_identity said;
	struct device_identity *identity = &pen->identity;

	if (!scpi_read_identity(field, &said))
		return -EPROTO;
	memcpy(identity->maker, said.maker, sizeof(identity->maker));
	memcpy(identity->model, said.model, sizeof(identity->model));
	memcpy(identity->serial, said.serial, sizeof(identity->serial));
	memcpy(identity->firmware, said.firmware, sizeof(identity->firmware));
	identity->protocol_version = SCPI_PEN_VERSION;
	return 0;
}

static int read_limits(struct pen *pen, char **fields)
{
	double value[4];

	for (unsigned i = 0; i < 4; i++)
		if (!scpi_read_number(fields[i], &value[i]) || !isfinite(value[i]))
			return -EPROTO;
	if (value[0] > value[1] || value[2] > value[3])
		return -EPROTO;
	pen->limits = (struct pen_limits){
		.rate_min_hz = value[0], .rate_max_hz = value[1], .depth_min_mm = value[2], .depth_max_mm = value[3]};
	return 0;
}

static bool same_cartridge(const struct scpi_cartridge *a, const struct scpi_cartridge *b)
{
	return strcmp(a->id, b->id) == 0 && a->needles == b->needles && a->strokes == b->strokes;
}

/* Every later uptime is measured against this one, so it counts only when a second answer confirms it: a first digit
 * that flipped would make a good pen look restarted. */
static int read_cartridge(struct pen *pen, char **fields, uint64_t host_ns)
{
	struct scpi_cartridge cartridge;
	struct uptime uptime = {.asked_ns = dialogue_asked_ns(pen->dialogue), .heard_ns = host_ns};

	if (!scpi_read_cartridge(fields[0], &cartridge) || !scpi_read_uint(fields[1], &uptime.ms))
		return -EPROTO;
	bool first = !pen->candidate_valid;
	uint64_t grain_ms = common_ms(pen->candidate_uptime.ms, uptime.ms);
	bool agrees = !first && follows(&pen->candidate_uptime, &uptime, grain_ms) &&
		      same_cartridge(&pen->candidate_cartridge, &cartridge);
	pen->candidate_valid = true;
	pen->candidate_uptime = uptime;
	pen->candidate_cartridge = cartridge;
	if (!agrees && dialogue_asked(pen->dialogue) >= ASKED_MAX)
		return -EPROTO;
	if (!agrees)
		return first ? ANSWER_FIRST : ANSWER_CHANGED;
	memcpy(pen->identity.cartridge, cartridge.id, sizeof(pen->identity.cartridge));
	pen->identity.needles = cartridge.needles;
	pen->identity.cartridge_strokes = cartridge.strokes;
	pen->uptime = uptime;
	pen->grain.ms = grain_ms;
	return 0;
}

static int read_output(struct pen *pen, const char *field, bool wanted, struct err *err)
{
	bool on;

	if (!scpi_read_bool(field, &on))
		return -EPROTO;
	if (on != wanted)
		return err_set(err, -EREMOTEIO,
			       "the pen was told OUTP %s and still says OUTP %d: its motor does not obey",
			       wanted ? "ON" : "OFF", (int)on);
	pen->last.running = on;
	return 0;
}

/* Text has no checksum: only a pen that says so twice ran, or did not. */
static int read_reopened(struct pen *pen, char **fields, struct err *err)
{
	bool ran, ran_too;

	if (!scpi_read_bool(fields[0], &ran) || !scpi_read_bool(fields[1], &ran_too))
		return -EPROTO;
	pen->told = true;
	pen->ran_itself = pen->ran_itself || (ran && ran_too);
	pen->may_have_run = pen->may_have_run || ran != ran_too;
	return read_output(pen, fields[2], false, err);
}

static int read_refusal(const char *field, const char *what, struct err *err)
{
	struct scpi_error error;

	if (!scpi_read_error(field, &error))
		return -EPROTO;
	if (error.code == SCPI_NO_ERROR)
		return 0;
	if (error.code == SCPI_OUT_OF_RANGE || error.code == SCPI_ILLEGAL_VALUE || error.code == SCPI_SETTINGS_CONFLICT)
		return err_set(err, -ERANGE, "the pen refused %s: %d \"%s\"", what, error.code, error.text);
	if (error.code <= SCPI_COMMAND_ERROR && error.code > SCPI_EXECUTION_ERROR)
		return err_set(err, -EPROTO, "the pen did not understand %s: %d \"%s\"; the line may be noisy", what,
			       error.code, error.text);
	return err_set(err, -EPROTO, "the pen answered %s by an error that is no refusal: %d \"%s\"", what, error.code,
		       error.text);
}

static void name_setpoint(const struct dialogue_request *request, char *text, size_t size)
{
	const char *name = "dead-man", *unit = "ms";

	if (request->what == SCPI_SET_RATE) {
		name = "rate";
		unit = "Hz";
	} else if (request->what == SCPI_SET_DEPTH) {
		name = "depth";
		unit = "mm";
	}
	snprintf(text, size, "%s %.6g %s", name, request->value, unit);
}

static int read_setpoint(struct pen *pen, char **fields, struct err *err)
{
	const struct dialogue_request *request = dialogue_awaits(pen->dialogue);
	double said, sent = scpi_as_sent(request->value);
	char what[64];

	name_setpoint(request, what, sizeof(what));
	int status = read_refusal(fields[0], what, err);
	if (status)
		return status;
	if (!scpi_read_number(fields[1], &said) || !isfinite(said))
		return -EPROTO;
	if (!(fabs(said - sent) <= 1e-6 * fabs(sent)))
		return err_set(err, -EREMOTEIO, "the pen was set to %s and reads back %.6g", what, said);
	return 0;
}

static int read_answer(struct pen *pen, char **fields, uint64_t host_ns, struct err *err)
{
	struct scpi_readings readings = {NAN, NAN, NAN, NAN, NAN};

	switch (active_line(pen)) {
	case SCPI_REOPEN: return read_reopened(pen, fields, err);
	case SCPI_OPEN:
	case SCPI_STOP: return read_output(pen, fields[0], false, err);
	case SCPI_IDENTIFY: return read_identity(pen, fields[0]);
	case SCPI_LIMITS: return read_limits(pen, fields);
	case SCPI_CARTRIDGE: return read_cartridge(pen, fields, host_ns);
	case SCPI_SET_RATE:
	case SCPI_SET_DEPTH:
	case SCPI_DEADMAN: return read_setpoint(pen, fields, err);
	case SCPI_RUN: {
		int status = read_refusal(fields[0], "to run", err);
		return status ? status : read_output(pen, fields[1], true, err);
	}
	case SCPI_HEARTBEAT: return take_state(pen, fields, &readings, host_ns);
	case SCPI_TELEMETRY:
		if (!scpi_read_readings(fields[0], &readings))
			return -EPROTO;
		return take_state(pen, fields + 1, &readings, host_ns);
	case SCPI_LINES: break;
	}
	return -EPROTO;
}

/* ---- lines ----------------------------------------------------------------------------------------------------- */

static void be_ready(struct pen *pen)
{
	dialogue_ready(pen->dialogue);
	if (pen->ran_itself)
		pen->host.event(pen->host.ctx, PEN_RAN_ITSELF,
				"the pen ran when it was back: it had started by itself, or its dead-man had not "
				"stopped it");
	else if (pen->may_have_run)
		pen->host.event(
			pen->host.ctx, PEN_MAY_HAVE_RUN,
			"whether the pen ran when it was back is not known: its answer was lost or unclear, and "
			"the question switches it off");
}

/* A good answer; while opening, the next line is the pen's to be asked. */
static void settle(struct pen *pen)
{
	enum scpi_line line = active_line(pen);

	if (line == SCPI_DEADMAN)
		pen->last.rebooted = false;
	if (dialogue_state(pen->dialogue) != DIALOGUE_OPENING)
		dialogue_answered(pen->dialogue);
	else if (line < SCPI_CARTRIDGE)
		dialogue_ask(pen->dialogue, line + 1, 0);
	else
		be_ready(pen);
}

static void reject(struct pen *pen, int status, const struct err *err)
{
	dialogue_reject(pen->dialogue, pen->candidate_valid || pen->torn ? ASKED_MAX : DIALOGUE_ASKED_MAX, status, err);
}

static void odd_line(struct pen *pen)
{
	struct err err;
	char shown[SHOWN_MAX];

	lines_show(&pen->lines, shown, sizeof(shown));
	err_set(&err, -EPROTO,
		"the pen's answer makes no sense: \"%s\"; check the cable and, on a serial line, the baud rate, and "
		"that it speaks scpi-pen",
		shown);
	reject(pen, -EPROTO, &err);
}

/* Splits line and its tag; false when it is not the answer that is awaited. */
static bool is_answer(struct pen *pen, char **fields, int n, bool *ret_stale)
{
	uint16_t tag;

	*ret_stale = false;
	if (n < 1 || !scpi_read_tag(fields[n - 1], &tag))
		return false;
	if (!dialogue_awaits(pen->dialogue) || tag != pen->tag) {
		/* The answer to a line that was given up: asked again, or overtaken by a stop. */
		*ret_stale = (uint16_t)(pen->tag - tag) < STALE_TAGS;
		return false;
	}
	return (unsigned)n == scpi_answers(active_line(pen)) + 1 && scpi_skip_headers(active_line(pen), fields);
}

static void take_line(struct pen *pen, uint64_t host_ns)
{
	char line[LINES_MAX + 1];
	char *fields[SCPI_FIELDS_MAX];
	bool stale;
	struct err err = {""};

	memcpy(line, pen->lines.text, sizeof(line));
	int n = scpi_split(line, fields);
	if (!is_answer(pen, fields, n, &stale)) {
		if (!stale)
			odd_line(pen);
		return;
	}
	pen->answers++;
	int status = read_answer(pen, fields, host_ns, &err);
	if (status == ANSWER_GOOD) {
		settle(pen);
	} else if (status == ANSWER_CHANGED || status == ANSWER_FIRST) {
		pen->doubted += status == ANSWER_CHANGED;
		dialogue_confirm(pen->dialogue);
	} else if (err.text[0]) {
		reject(pen, status, &err);
	} else {
		odd_line(pen);
	}
}

static void on_bytes(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	struct pen *pen = device;

	while (len > 0 && dialogue_state(pen->dialogue) != DIALOGUE_LOST) {
		size_t used = len;
		enum lines_fed fed = lines_feed(&pen->lines, data, len, &used);

		data += used;
		len -= used;
		if (fed == LINES_LINE)
			take_line(pen, host_ns);
		else if (fed == LINES_DROPPED)
			odd_line(pen);
	}
}

static bool switches_on(const struct dialogue_request *request)
{
	return request->what == SCPI_RUN;
}

static const struct dialogue_ops speech = {
	.driver = &driver_scpi_pen,
	.name = "pen",
	.waiting_max = DIALOGUE_WAITING_MAX,
	.encode = encode,
	.bytes = on_bytes,
	.switches_on = switches_on,
};

static void pen_on_tick(struct device *device, uint64_t now_ns)
{
	dialogue_tick(pen_of(device)->dialogue, now_ns);
}

/* ---- verbs ----------------------------------------------------------------------------------------------------- */

static int pen_limits(const struct device *device, struct pen_limits *ret)
{
	const struct pen *pen = pen_of_const(device);

	if (dialogue_state(pen->dialogue) == DIALOGUE_OPENING)
		return -EAGAIN;
	*ret = pen->limits;
	return 0;
}

static void submit(struct device *device, enum scpi_line line, double value, device_done_fn done, void *ctx)
{
	dialogue_submit(pen_of(device)->dialogue,
			&(const struct dialogue_request){.what = line, .value = value, .done = done, .ctx = ctx});
}

static void pen_set_rate(struct device *device, double rate_hz, device_done_fn done, void *ctx)
{
	submit(device, SCPI_SET_RATE, rate_hz, done, ctx);
}

static void pen_set_depth(struct device *device, double depth_mm, device_done_fn done, void *ctx)
{
	submit(device, SCPI_SET_DEPTH, depth_mm, done, ctx);
}

static void pen_run(struct device *device, device_done_fn done, void *ctx)
{
	submit(device, SCPI_RUN, 0, done, ctx);
}

static void pen_deadman(struct device *device, uint32_t timeout_ms, device_done_fn done, void *ctx)
{
	submit(device, SCPI_DEADMAN, timeout_ms, done, ctx);
}

static void pen_heartbeat(struct device *device, device_done_fn done, void *ctx)
{
	submit(device, SCPI_HEARTBEAT, 0, done, ctx);
}

static void pen_telemetry(struct device *device, device_done_fn done, void *ctx)
{
	submit(device, SCPI_TELEMETRY, 0, done, ctx);
}

static void pen_stop(struct device *device, device_done_fn done, void *ctx)
{
	dialogue_stop(pen_of(device)->dialogue,
		      &(const struct dialogue_request){.what = SCPI_STOP, .done = done, .ctx = ctx});
}

static const struct pen_verbs verbs = {
	.limits = pen_limits,
	.set_rate = pen_set_rate,
	.set_depth = pen_set_depth,
	.run = pen_run,
	.stop = pen_stop,
	.deadman = pen_deadman,
	.heartbeat = pen_heartbeat,
	.telemetry = pen_telemetry,
};

/* ---- the driver ------------------------------------------------------------------------------------------------ */

static int pen_match(const struct link_identity *id)
{
	if (id->vid == SCPI_PEN_VID && (id->pid == SCPI_PEN_PID_USB || id->pid == SCPI_PEN_PID_SERIAL))
		return 2;
	return id->usb_class == SCPI_PEN_USB_CLASS && id->usb_subclass == SCPI_PEN_USB_SUBCLASS;
}

static int pen_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct pen *pen = calloc(1, sizeof(*pen));

	if (!pen)
		return err_set(err, -ENOMEM, "no memory for a pen");
	pen->base.driver = &driver_scpi_pen;
	pen->host = open->host;
	pen->may_have_run = open->stopped_before && open->stopped_unheard;
	int status = dialogue_open(&speech, pen, open, now_ns, &pen->dialogue, err);
	if (status) {
		free(pen);
		return status;
	}
	dialogue_ask(pen->dialogue, open->stopped_before ? SCPI_REOPEN : SCPI_OPEN, 0);
	*ret = &pen->base;
	return 0;
}

static void pen_close(struct device *device)
{
	struct pen *pen = pen_of(device);

	if (!pen)
		return;
	dialogue_close(pen->dialogue, NULL);
	free(pen);
}

static const struct device_identity *pen_identity(const struct device *device)
{
	return &pen_of_const(device)->identity;
}

static void pen_counters(const struct device *device, struct device_counters *ret)
{
	const struct pen *pen = pen_of_const(device);

	*ret = (struct device_counters){.frames = pen->answers, .resyncs = pen->lines.dropped, .stops = pen->stops};
	dialogue_counters(pen->dialogue, ret);
	ret->repeated_requests += pen->doubted;
}

static const struct link *pen_link(const struct device *device)
{
	return dialogue_link(pen_of_const(device)->dialogue);
}

const struct driver driver_scpi_pen = {
	.name = "scpi-pen",
	.description = "pen that speaks SCPI, over serial lines or USBTMC",
	.roles = ROLE_BIT(ROLE_PEN),
	.wants = {.usb_class = SCPI_PEN_USB_CLASS,
		  .usb_subclass = SCPI_PEN_USB_SUBCLASS,
		  .usb_protocol = -1,
		  .usbtmc = true,
		  .serial = {.baud = SCPI_PEN_BAUD}},
	.match = pen_match,
	.open = pen_open,
	.close = pen_close,
	.on_tick = pen_on_tick,
	.identity = pen_identity,
	.channels = driver_no_channels,
	.counters = pen_counters,
	.link = pen_link,
	.says_it_ran = true,
	.pen = &verbs,
};
