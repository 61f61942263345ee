/* A relay board or power supply on Modbus RTU. The bench file says of which family it is, so its output is ordered off
 * before anything is asked. Answers carry no number: what cannot be told apart by its shape is kept apart by silence.
 * A relay's timer is a pulse: on, and off by itself. Feeding it is switching on again, so it is fed only where it is known to
 * be on, and in time.
 * Leaves out what the output feeds. */
#include "drivers/modbus-power/device.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "drivers/modbus-power/wire.h"
#include "rig/driver/steps.h"

#define UNIT        1
#define OFF_AGREE   2
#define THINKING_NS (5 * NS_PER_MS) /* that a device may take to begin its answer, before the line is taken for free */

/* Requests beside those of enum modpower_ask; each is one of them on the wire. */
enum {
	ASK_CHECK_OFF = MODPOWER_ASKS,
	ASK_CHECK_ON,
	ASK_FEED,   /* the pulse anew, where it is still time */
	ASK_REFUSE, /* any question: its answer is a refusal */
	TELL_OFF,   /* without waiting for anything */
};

struct supply {
	struct device base;
	struct driver_host host;
	struct dialogue *dialogue;
	const struct modpower_family *family;
	const struct modpower_model *model; /* NULL: it tells none, or not yet */
	uint8_t unit;
	unsigned output;
	uint32_t baud;
	double volts_max_v, amps_max_a; /* that it will be set to */
	struct modbus_line line;
	struct modbus_request sent; /* that is under way, as it was written last */
	uint64_t first_ns;          /* when it was written first */
	unsigned agreed;            /* answers in a row that say off, to the stop under way */
	bool off;                   /* confirmed, and not ordered on since */
	bool pulsing;               /* the pulse was begun, and not ended by us */
	bool lapsed;                /* it ended by itself, or something else ended it: it is not said to be on */
	double pulse_s;             /* 0: no timer is wanted */
	uint64_t fed_ns;            /* the pulse ends so long after that */
	uint16_t set_a, set_v;      /* as sent */
	uint64_t stops, answers;
	struct power_state state;
	struct device_identity identity;
};

static struct supply *supply_of(struct device *device)
{
	return (struct supply *)device;
}

static const struct supply *supply_of_const(const struct device *device)
{
	return (const struct supply *)device;
}

/* ---- requests -------------------------------------------------------------------------------------------------- */

static uint64_t pulse_end_ns(const struct supply *supply)
{
	return supply->fed_ns + (uint64_t)(supply->pulse_s * 1e9);
}

static bool may_feed(const struct supply *supply, uint64_t now_ns)
{
	return supply->pulsing && now_ns + MODPOWER_FEED_MARGIN_NS < pulse_end_ns(supply);
}

static enum modpower_ask on_the_wire(const struct supply *supply, int what)
{
	switch (what) {
	case TELL_OFF: return MODPOWER_OFF;
	case ASK_CHECK_OFF:
	case ASK_CHECK_ON:
	case ASK_REFUSE: return MODPOWER_STATE;
	case ASK_FEED: return may_feed(supply, dialogue_now_ns(supply->dialogue)) ? MODPOWER_PULSE : MODPOWER_STATE;
	default: return (enum modpower_ask)what;
	}
}

static bool request_of(const struct supply *supply, enum modpower_ask ask, double value, struct modbus_request *ret)
{
	return modpower_request(supply->family, supply->model, supply->unit, ask, supply->output, value, ret);
}

/* Before it is written, so that a stop counts from then. */
static void note_order(struct supply *supply, const struct dialogue_request *request, enum modpower_ask ask)
{
	bool off = ask == MODPOWER_OFF, on = ask == MODPOWER_ON || ask == MODPOWER_PULSE;

	supply->stops += off;
	if (on || off) {
		supply->off = false;
		supply->agreed = 0;
	}
	if (off)
		supply->pulsing = false;
	if (ask == MODPOWER_PULSE && request->what != ASK_FEED) {
		supply->pulsing = true;
		supply->lapsed = false;
	}
}

static size_t encode(void *device, const struct dialogue_request *request, unsigned asked, uint8_t *buffer, size_t size)
{
	struct supply *supply = device;
	enum modpower_ask ask = on_the_wire(supply, request->what);
	struct modbus_request sent;
	bool fits = request_of(supply, ask, request->value, &sent);

	assert(fits);
	note_order(supply, request, ask);
	if (request->what == TELL_OFF)
		return modbus_encode(&sent, buffer, size);
	if (asked == 0)
		supply->first_ns = dialogue_now_ns(supply->dialogue);
	if (ask == MODPOWER_SET_AMPS)
		supply->set_a = sent.value;
	if (ask == MODPOWER_SET_VOLTS)
		supply->set_v = sent.value;
	supply->sent = sent;
	modbus_clear(&supply->line);
	return modbus_encode(&sent, buffer, size);
}

static void tell_off(void *device)
{
	const struct supply *supply = device;

	dialogue_tell(supply->dialogue, &(const struct dialogue_request){.what = TELL_OFF});
}

/* The line is free once the answer that is under way has come, and the silence behind it: what is written into it is heard by
 * nobody. That is all an order to stop waits for. */
static void pace(const void *device, const struct dialogue_request *request, struct dialogue_pace *ret)
{
	const struct supply *supply = device;
	uint8_t frame[MODBUS_FRAME_MAX];
	size_t asked = modbus_encode(&supply->sent, frame, sizeof(frame));
	uint64_t free_ns = modbus_line_ns(supply->baud, asked + modbus_answer_len(&supply->sent)) + THINKING_NS;
	bool off = request->what == MODPOWER_OFF || request->what == TELL_OFF;

	ret->reply_ns = MODPOWER_REPLY_NS;
	ret->rest_ns = off ? free_ns : MODPOWER_REPLY_NS;
	ret->between_ns = off || free_ns > supply->family->between_ns ? free_ns : supply->family->between_ns;
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

static int refusal(const struct supply *supply, uint8_t exception, struct err *err)
{
	int status = exception == 3 ? -ERANGE : -EREMOTEIO;

	return err_set(err, status, "the %s refuses with exception %u, %s: check \"output\" and \"address\"",
		       supply->family->name, exception, modbus_exception_text(exception));
}

/* Whether it can be what the bench file says. */
static int read_identity(struct supply *supply, const struct modbus_answer *answer, struct err *err)
{
	struct device_identity *identity = &supply->identity;
	const struct modpower_model *model = modpower_model_of(supply->family, answer->value[0]);

	if (!model)
		return err_set(err, -ENOTSUP,
			       "the power supply says that it is model %u, which penrig does not know: "
			       "docs/protocols/modbus-power.md lists those that it does",
			       answer->value[0]);
	if (supply->volts_max_v > model->volts_max_v || supply->amps_max_a > model->amps_max_a)
		return err_set(err, -ENOTSUP,
			       "the power supply %s makes up to %g V and %g A, and the bench file wants %g V and %g A: "
			       "name another supply, or want less",
			       model->name, model->volts_max_v, model->amps_max_a, supply->volts_max_v,
			       supply->amps_max_a);
	supply->model = model;
	snprintf(identity->model, sizeof(identity->model), "%s", model->name);
	if (answer->count == 4) {
		snprintf(identity->serial, sizeof(identity->serial), "%u",
			 (unsigned)answer->value[1] << 16 | answer->value[2]);
		snprintf(identity->firmware, sizeof(identity->firmware), "%.2f", answer->value[3] / 100.0);
	} else {
		snprintf(identity->firmware, sizeof(identity->firmware), "%u", answer->value[1]);
	}
	return 0;
}

/* To feed it now would be to switch the pen on again. */
static void end_pulse(struct supply *supply)
{
	supply->lapsed |= supply->pulsing;
	supply->pulsing = false;
}

static int take_state(struct supply *supply, const struct modbus_answer *answer, struct err *err)
{
	struct modpower_state state;

	if (!modpower_read_state(supply->family, supply->model, answer, &state))
		return err_set(err, -EPROTO, "the %s says neither that its output is on nor that it is off",
			       supply->family->name);
	supply->state.on = state.on;
	supply->off &= !state.on;
	supply->state.volts_v = state.volts_v;
	supply->state.current_a = state.amps_a;
	return 0;
}

static int read_state(struct supply *supply, const struct modbus_answer *answer, struct err *err)
{
	int status = take_state(supply, answer, err);

	if (status == 0 && !supply->state.on)
		end_pulse(supply);
	return status;
}

/* Behind an order: one that still stands as it was before it has not ended a pulse, and is asked again. */
static int check_state(struct supply *supply, const struct modbus_answer *answer, bool wanted, struct err *err)
{
	int status = take_state(supply, answer, err);

	if (status)
		return status;
	if (supply->state.on == wanted) {
		if (!wanted)
			supply->off = ++supply->agreed >= OFF_AGREE;
		return 0;
	}
	supply->agreed = 0;
	supply->off = false;
	return err_set(err, -EREMOTEIO, "the %s was told to switch output %u %s and says that it is %s",
		       supply->family->name, supply->output, wanted ? "on" : "off", wanted ? "off" : "on");
}

static int check_set(const struct supply *supply, const struct modbus_answer *answer, struct err *err)
{
	if (answer->value[0] == supply->set_v && answer->value[1] == supply->set_a)
		return 0;
	return err_set(err, -EREMOTEIO, "the power supply was set to %g V and %g A and reads back %g V and %g A",
		       supply->set_v * supply->model->step_v, supply->set_a * supply->model->step_a,
		       answer->value[0] * supply->model->step_v, answer->value[1] * supply->model->step_a);
}

/* One that was heard behind the pulse's end may have switched the pen on again: then it is not said to have been on. */
static void take_feed(struct supply *supply)
{
	if (dialogue_now_ns(supply->dialogue) >= pulse_end_ns(supply))
		end_pulse(supply);
	supply->fed_ns = supply->first_ns;
}

/* What is not to be fed was asked how it stands instead. */
static int read_fed(struct supply *supply, const struct modbus_answer *answer, struct err *err)
{
	if (supply->sent.function != MODBUS_WRITE_COIL)
		return read_state(supply, answer, err);
	take_feed(supply);
	return 0;
}

static int take(struct supply *supply, const struct modbus_answer *answer, int what, struct err *err)
{
	if (answer->exception)
		return refusal(supply, answer->exception, err);
	switch (what) {
	case MODPOWER_IDENTIFY: return read_identity(supply, answer, err);
	case MODPOWER_STATE: return read_state(supply, answer, err);
	case ASK_CHECK_OFF: return check_state(supply, answer, false, err);
	case ASK_CHECK_ON: return check_state(supply, answer, true, err);
	case MODPOWER_SET: return check_set(supply, answer, err);
	case ASK_REFUSE:
		return err_set(err, -ERANGE, "the %s cannot be set so, or has no such timer", supply->family->name);
	case MODPOWER_PULSE: supply->fed_ns = supply->first_ns; break;
	case ASK_FEED: return read_fed(supply, answer, err);
	default: break; /* an echo, which was compared */
	}
	return 0;
}

/* While opening, the output is switched off before anything else. */
static void open_on(struct supply *supply, int what)
{
	bool known = !supply->family->model[0].name || supply->model;

	if (what == MODPOWER_OFF && !known)
		dialogue_ask(supply->dialogue, MODPOWER_IDENTIFY, 0);
	else if (supply->agreed < OFF_AGREE)
		dialogue_ask(supply->dialogue, ASK_CHECK_OFF, 0);
	else
		dialogue_ready(supply->dialogue);
}

static void settle(struct supply *supply, int what)
{
	if (dialogue_state(supply->dialogue) == DIALOGUE_OPENING)
		open_on(supply, what);
	else
		dialogue_answered(supply->dialogue);
}

static void take_answer(struct supply *supply, const struct modbus_answer *answer, uint64_t host_ns)
{
	int what = dialogue_awaits(supply->dialogue)->what;
	struct err err = {""};

	supply->answers++;
	supply->state.host_ns = host_ns;
	int status = take(supply, answer, what, &err);
	if (status == 0)
		settle(supply, what);
	else if (status == -ENOTSUP)
		dialogue_lose(supply->dialogue, status, &err);
	else
		dialogue_reject(supply->dialogue, status == -ERANGE ? 0 : DIALOGUE_ASKED_MAX, status, &err);
}

static bool switches_on(const struct dialogue_request *request)
{
	return request->what == MODPOWER_ON || request->what == MODPOWER_PULSE;
}

/* Whoever switched it off meanwhile had a reason. */
static void stop_feeding(void *device)
{
	struct supply *supply = device;

	supply->pulsing = false;
}

/* While the line rests nothing is awaited, so what comes late is dropped. */
static void on_bytes(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	struct supply *supply = device;
	struct modbus_answer answer;

	if (!dialogue_awaits(supply->dialogue))
		supply->line.dropped += len;
	else if (modbus_feed(&supply->line, &supply->sent, data, len, &answer))
		take_answer(supply, &answer, host_ns);
}

/* ---- verbs ----------------------------------------------------------------------------------------------------- */

static struct steps *begin(struct supply *supply, device_done_fn done, void *ctx)
{
	return steps_new(supply->dialogue, done, ctx);
}

static void power_set(struct device *device, double volts_v, double current_a, device_done_fn done, void *ctx)
{
	struct supply *supply = supply_of(device);
	struct steps *steps = begin(supply, done, ctx);
	struct modbus_request request;

	if (request_of(supply, MODPOWER_SET_AMPS, current_a, &request) &&
	    request_of(supply, MODPOWER_SET_VOLTS, volts_v, &request)) {
		steps_add(steps, MODPOWER_SET_AMPS, current_a);
		steps_add(steps, MODPOWER_SET_VOLTS, volts_v);
		steps_add(steps, MODPOWER_SET, 0);
		steps_add(steps, MODPOWER_SET, 0);
	} else {
		steps_add(steps, ASK_REFUSE, 0);
	}
	steps_go(steps);
}

static void power_on(struct device *device, device_done_fn done, void *ctx)
{
	struct supply *supply = supply_of(device);
	struct steps *steps = begin(supply, done, ctx);

	if (supply->pulse_s > 0)
		steps_add(steps, MODPOWER_PULSE, supply->pulse_s);
	else
		steps_add(steps, MODPOWER_ON, 0);
	steps_add(steps, ASK_CHECK_ON, 0);
	steps_go(steps);
}

static void power_off(struct device *device, device_done_fn done, void *ctx)
{
	struct supply *supply = supply_of(device);
	struct steps *steps = begin(supply, done, ctx);

	supply->off = false; /* until it says so again */
	if (dialogue_state(supply->dialogue) == DIALOGUE_LOST)
		tell_off(supply);
	steps_add(steps, MODPOWER_OFF, 0);
	for (unsigned i = 0; i < OFF_AGREE; i++)
		steps_add(steps, ASK_CHECK_OFF, 0);
	steps_stop(steps);
}

static void tell_state(void *device, unsigned also)
{
	struct supply *supply = device;
	struct power_state state = supply->state;

	state.on &= !supply->lapsed;
	if (also & POWER_READ_TIMER)
		state.current_a = NAN;
	supply->host.power(supply->host.ctx, &state);
}

/* A pulse that was begun cannot be disarmed. It is fed behind an answer that says on, and no other. */
static void power_read(struct device *device, unsigned also, device_done_fn done, void *ctx)
{
	struct supply *supply = supply_of(device);
	struct steps *steps = begin(supply, done, ctx);

	steps_add(steps, MODPOWER_STATE, 0);
	if (also & POWER_READ_FEED)
		steps_add(steps, ASK_FEED, supply->pulse_s);
	steps_then(steps, tell_state, supply, also);
	steps_go(steps);
}

static void power_timer(struct device *device, uint32_t timeout_ms, device_done_fn done, void *ctx)
{
	struct supply *supply = supply_of(device);
	struct steps *steps = begin(supply, done, ctx);
	struct modbus_request request;
	bool fits = request_of(supply, MODPOWER_PULSE, timeout_ms * 1e-3, &request);

	if (fits)
		supply->pulse_s = timeout_ms * 1e-3;
	steps_add(steps, fits ? MODPOWER_STATE : ASK_REFUSE, 0);
	steps_go(steps);
}

/* ---- the drivers ----------------------------------------------------------------------------------------------- */

static int supply_match(const struct link_identity *id)
{
	(void)id; /* the USB ids are those of adapters */
	return 0;
}

static int supply_open(const struct dialogue_ops *ops, const struct modpower_family *family,
		       const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct supply *supply = calloc(1, sizeof(*supply));

	if (!supply)
		return err_set(err, -ENOMEM, "no memory for a power supply");
	*supply = (struct supply){
		.base = {.driver = ops->driver},
		.host = open->host,
		.family = family,
		.unit = (uint8_t)(open->address ? open->address : UNIT),
		.output = open->output ? open->output : 1,
		.baud = open->settings.baud ? open->settings.baud : ops->driver->wants.serial.baud,
		.volts_max_v = open->volts_max_v,
		.amps_max_a = open->amps_max_a,
	};
	snprintf(supply->identity.dialect, sizeof(supply->identity.dialect), "%s", family->name);
	snprintf(supply->identity.model, sizeof(supply->identity.model), "%s", family->name);
	if (supply->output > family->outputs) {
		free(supply);
		return err_set(err, -EINVAL, "a %s has %u output%s, and the bench file names output %u", family->name,
			       family->outputs, family->outputs == 1 ? "" : "s", open->output);
	}
	int status = dialogue_open(ops, supply, open, now_ns, &supply->dialogue, err);
	if (status) {
		free(supply);
		return status;
	}
	dialogue_ask(supply->dialogue, MODPOWER_OFF, 0);
	*ret = &supply->base;
	return 0;
}

static void supply_close(struct device *device)
{
	struct supply *supply = supply_of(device);

	if (!supply)
		return;
	dialogue_close(supply->dialogue, supply->off ? NULL : &(const struct dialogue_request){.what = TELL_OFF});
	free(supply);
}

static void supply_on_tick(struct device *device, uint64_t now_ns)
{
	dialogue_tick(supply_of(device)->dialogue, now_ns);
}

static const struct device_identity *supply_identity(const struct device *device)
{
	return &supply_of_const(device)->identity;
}

static void supply_counters(const struct device *device, struct device_counters *ret)
{
	const struct supply *supply = supply_of_const(device);

	*ret = (struct device_counters){
		.frames = supply->answers, .resyncs = supply->line.dropped, .stops = supply->stops};
	dialogue_counters(supply->dialogue, ret);
}

static const struct link *supply_link(const struct device *device)
{
	return dialogue_link(supply_of_const(device)->dialogue);
}

/* What all of them have in common. */
#define SPEECH(of, what)                                                                                               \
	{                                                                                                              \
		.driver = &(of), .name = (what), .waiting_max = DIALOGUE_WAITING_MAX, .encode = encode,                \
		.lost = tell_off, .bytes = on_bytes, .switches_on = switches_on, .stood = stop_feeding, .pace = pace   \
	}
#define SUPPLY(rate)                                                                                                   \
	.roles = ROLE_BIT(ROLE_POWER), .wants = {.usb_protocol = -1, .binary = true, .serial = {.baud = (rate)}},      \
	.match = supply_match, .close = supply_close, .on_tick = supply_on_tick, .identity = supply_identity,          \
	.channels = driver_no_channels, .counters = supply_counters, .link = supply_link

static const struct dialogue_ops relay_speech = SPEECH(driver_modbus_relay, "relay board");
static const struct dialogue_ops riden_speech = SPEECH(driver_riden, "power supply");
static const struct dialogue_ops dps_speech = SPEECH(driver_dps, "power supply");

static int relay_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	return supply_open(&relay_speech, &modpower_relay, open, now_ns, ret, err);
}

static int riden_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	return supply_open(&riden_speech, &modpower_riden, open, now_ns, ret, err);
}

static int dps_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	return supply_open(&dps_speech, &modpower_dps, open, now_ns, ret, err);
}

static const struct power_verbs relay_verbs = {
	.on = power_on, .off = power_off, .timer = power_timer, .read = power_read};
static const struct power_verbs supply_verbs = {.set = power_set, .on = power_on, .off = power_off, .read = power_read};

const struct driver driver_modbus_relay = {
	.name = "modbus-relay",
	.description = "relay board on Modbus RTU (Waveshare's map): read back, and a timer that it holds itself",
	.open = relay_open,
	.power = &relay_verbs,
	SUPPLY(9600),
};

const struct driver driver_riden = {
	.name = "riden",
	.description = "power supply Riden RD6006, RD6006P, RD6012, RD6018, RD6024, over Modbus RTU",
	.open = riden_open,
	.power = &supply_verbs,
	SUPPLY(115200),
};

const struct driver driver_dps = {
	.name = "dps",
	.description = "power supply module DPS3005 to DPS8005, over Modbus RTU",
	.open = dps_open,
	.power = &supply_verbs,
	SUPPLY(9600),
};
