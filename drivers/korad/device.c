/* A Korad supply. Neither side ends what it says: an answer is over when nothing more comes, and a request that nothing answers
 * when its pause is. What was set, and how the output stands, is read back.
 * Its USB ids are those of receipt printers, too, so nothing is sent before it has said who it is, unless that is known.
 * Leaves out what the output feeds. */
#include "drivers/korad/device.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "drivers/korad/wire.h"
#include "rig/driver/lines.h"
#include "rig/driver/steps.h"

#define DIALECT   "korad"
#define OFF_AGREE 2
#define SHOWN_MAX 64

/* Requests beside those of enum korad_ask; each asks for the status. */
enum { ASK_CHECK_OFF = KORAD_ASKS, ASK_CHECK_ON, ASK_REFUSE };

struct supply {
	struct device base;
	struct driver_host host;
	struct dialogue *dialogue;
	bool known; /* that it is one of these, from before or from its identity */
	double volts_max_v, amps_max_a;
	uint8_t answer[KORAD_ANSWER_MAX]; /* to the request under way, so far */
	size_t len;
	bool too_long;
	uint64_t heard_ns;
	unsigned agreed; /* answers in a row that say off, to the stop under way */
	bool off;        /* confirmed, and not ordered on since */
	double set_v, set_a;
	uint64_t stops, answers, odd;
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

static enum korad_ask on_the_wire(int what)
{
	return what < KORAD_ASKS ? (enum korad_ask)what : KORAD_STATUS;
}

static size_t encode(void *device, const struct dialogue_request *request, unsigned asked, uint8_t *buffer, size_t size)
{
	struct supply *supply = device;
	enum korad_ask ask = on_the_wire(request->what);

	(void)asked;
	supply->len = 0;
	supply->too_long = false;
	supply->stops += ask == KORAD_OFF;
	if (ask == KORAD_ON || ask == KORAD_OFF) {
		supply->off = false;
		supply->agreed = 0;
	}
	return korad_encode(ask, request->value, (char *)buffer, size);
}

static void tell_off(void *device)
{
	const struct supply *supply = device;

	if (supply->known)
		dialogue_tell(supply->dialogue, &(const struct dialogue_request){.what = KORAD_OFF});
}

static void pace(const void *device, const struct dialogue_request *request, struct dialogue_pace *ret)
{
	(void)device;
	(void)request;
	ret->reply_ns = DRIVER_REPLY_NS;
	ret->rest_ns = DRIVER_REPLY_NS;
	ret->between_ns = KORAD_PAUSE_NS;
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

/* Whether it can be what the bench file says. */
static int read_identity(struct supply *supply, struct err *err)
{
	struct device_identity *identity = &supply->identity;
	struct korad_identity said;

	if (!korad_read_identity(supply->answer, supply->len, &said))
		return -EPROTO;
	if (!said.model)
		return err_set(err, -ENOTSUP,
			       "the power supply says that it is \"%s\", of which penrig does not know what it makes: "
			       "docs/protocols/korad.md lists the models that it knows",
			       said.text);
	if (supply->volts_max_v > said.model->volts_max_v || supply->amps_max_a > said.model->amps_max_a)
		return err_set(err, -ENOTSUP,
			       "the power supply %s makes up to %g V and %g A, and the bench file wants %g V and %g A: "
			       "name another supply, or want less",
			       said.model->name, said.model->volts_max_v, said.model->amps_max_a, supply->volts_max_v,
			       supply->amps_max_a);
	snprintf(identity->model, sizeof(identity->model), "%s", said.text);
	snprintf(identity->serial, sizeof(identity->serial), "%s", said.serial);
	snprintf(identity->dialect, sizeof(identity->dialect), "%s", DIALECT);
	supply->known = true;
	return 0;
}

static int read_status(struct supply *supply, int what, struct err *err)
{
	bool wanted = what == ASK_CHECK_ON;

	if (!korad_read_on(supply->answer, supply->len, &supply->state.on))
		return -EPROTO;
	supply->off &= !supply->state.on;
	if (what == KORAD_STATUS)
		return 0;
	if (supply->state.on == wanted) {
		if (!wanted)
			supply->off = ++supply->agreed >= OFF_AGREE;
		return 0;
	}
	supply->agreed = 0;
	supply->off = false;
	return err_set(err, -EREMOTEIO, "the power supply was told to switch its output %s and says that it is %s",
		       wanted ? "on" : "off", wanted ? "off" : "on");
}

static int check_set(double said, double sent, double step, const char *unit, struct err *err)
{
	if (fabs(said - sent) <= 0.501 * step)
		return 0;
	return err_set(err, -EREMOTEIO, "the power supply was set to %.6g %s and reads back %.6g", sent, unit, said);
}

static int read_answer(struct supply *supply, int what, struct err *err)
{
	double said = 0;

	switch (what) {
	case KORAD_IDENTIFY: return read_identity(supply, err);
	case KORAD_STATUS:
	case ASK_CHECK_OFF:
	case ASK_CHECK_ON: return read_status(supply, what, err);
	case KORAD_SET_V:
		if (!korad_read_volts(supply->answer, supply->len, &said))
			return -EPROTO;
		return check_set(said, supply->set_v, KORAD_STEP_V, "V", err);
	case KORAD_SET_A:
		if (!korad_read_amps(supply->answer, supply->len, &said))
			return -EPROTO;
		return check_set(said, supply->set_a, KORAD_STEP_A, "A", err);
	case KORAD_VOLTS: return korad_read_volts(supply->answer, supply->len, &supply->state.volts_v) ? 0 : -EPROTO;
	case ASK_REFUSE: return err_set(err, -ERANGE, "the power supply cannot be set so");
	default: return 0; /* nothing answers it */
	}
}

static void odd_answer(struct supply *supply)
{
	char shown[SHOWN_MAX];
	struct err err;

	supply->odd++;
	lines_show_bytes((const char *)supply->answer, supply->len, shown, sizeof(shown));
	err_set(&err, -EPROTO, "the power supply's answer makes no sense: \"%s\"; check cable and baud rate", shown);
	dialogue_reject(supply->dialogue, DIALOGUE_ASKED_MAX, -EPROTO, &err);
}

/* While opening, the output is switched off as soon as it is known what is spoken to. */
static void open_on(struct supply *supply, int what)
{
	if (what == KORAD_OFF && !supply->identity.model[0])
		dialogue_ask(supply->dialogue, KORAD_IDENTIFY, 0);
	else if (what == KORAD_IDENTIFY)
		dialogue_ask(supply->dialogue, KORAD_OFF, 0);
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

static void take_answer(struct supply *supply, int what)
{
	struct err err = {""};

	supply->answers += korad_answers(on_the_wire(what));
	supply->state.host_ns = supply->heard_ns;
	int status = supply->too_long ? -EPROTO : read_answer(supply, what, &err);
	if (status == 0)
		settle(supply, what);
	else if (status == -ENOTSUP)
		dialogue_lose(supply->dialogue, status, &err);
	else if (err.text[0])
		dialogue_reject(supply->dialogue, status == -ERANGE ? 0 : DIALOGUE_ASKED_MAX, status, &err);
	else
		odd_answer(supply);
}

/* Whether what is under way is over: by silence behind its answer, or by its pause. */
static bool is_over(const struct supply *supply, int what, uint64_t now_ns)
{
	if (!korad_answers(on_the_wire(what)))
		return now_ns >= dialogue_asked_ns(supply->dialogue) + KORAD_PAUSE_NS;
	return supply->len > 0 && now_ns >= supply->heard_ns + KORAD_QUIET_NS;
}

static void on_bytes(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	struct supply *supply = device;

	if (!dialogue_awaits(supply->dialogue))
		return;
	supply->heard_ns = host_ns;
	for (size_t i = 0; i < len; i++) {
		if (supply->len < sizeof(supply->answer))
			supply->answer[supply->len++] = data[i];
		else
			supply->too_long = true;
	}
}

static bool switches_on(const struct dialogue_request *request)
{
	return request->what == KORAD_ON;
}

static const struct dialogue_ops speech = {
	.driver = &driver_korad,
	.name = "power supply",
	.waiting_max = DIALOGUE_WAITING_MAX,
	.encode = encode,
	.lost = tell_off,
	.bytes = on_bytes,
	.switches_on = switches_on,
	.pace = pace,
};

/* ---- verbs ----------------------------------------------------------------------------------------------------- */

static bool can_set(double volts_v, double current_a)
{
	char text[16];

	return korad_encode(KORAD_SET_VOLTS, volts_v, text, sizeof(text)) &&
	       korad_encode(KORAD_SET_AMPS, current_a, text, sizeof(text));
}

static void power_set(struct device *device, double volts_v, double current_a, device_done_fn done, void *ctx)
{
	struct supply *supply = supply_of(device);
	struct steps *steps = steps_new(supply->dialogue, done, ctx);

	if (can_set(volts_v, current_a)) {
		supply->set_v = volts_v;
		supply->set_a = current_a;
		steps_add(steps, KORAD_SET_AMPS, current_a);
		steps_add(steps, KORAD_SET_VOLTS, volts_v);
		steps_add(steps, KORAD_SET_A, 0);
		steps_add(steps, KORAD_SET_V, 0);
	} else {
		steps_add(steps, ASK_REFUSE, 0);
	}
	steps_go(steps);
}

static void power_on(struct device *device, device_done_fn done, void *ctx)
{
	struct steps *steps = steps_new(supply_of(device)->dialogue, done, ctx);

	steps_add(steps, KORAD_ON, 0);
	steps_add(steps, ASK_CHECK_ON, 0);
	steps_go(steps);
}

static void power_off(struct device *device, device_done_fn done, void *ctx)
{
	struct supply *supply = supply_of(device);
	struct steps *steps = steps_new(supply->dialogue, done, ctx);

	supply->off = false; /* until it says so again */
	if (dialogue_state(supply->dialogue) == DIALOGUE_LOST)
		tell_off(supply);
	steps_add(steps, KORAD_OFF, 0);
	for (unsigned i = 0; i < OFF_AGREE; i++)
		steps_add(steps, ASK_CHECK_OFF, 0);
	steps_stop(steps);
}

static void tell_state(void *device, unsigned also)
{
	struct supply *supply = device;

	(void)also;
	supply->state.current_a = NAN; /* a third question would make a reading slower than a heartbeat */
	supply->host.power(supply->host.ctx, &supply->state);
}

static void power_read(struct device *device, unsigned also, device_done_fn done, void *ctx)
{
	struct supply *supply = supply_of(device);
	struct steps *steps = steps_new(supply->dialogue, done, ctx);

	steps_add(steps, KORAD_STATUS, 0);
	steps_add(steps, KORAD_VOLTS, 0);
	steps_then(steps, tell_state, supply, also);
	steps_go(steps);
}

static const struct power_verbs verbs = {
	.slow_ns = KORAD_SLOW_NS, .set = power_set, .on = power_on, .off = power_off, .read = power_read};

/* ---- the driver ------------------------------------------------------------------------------------------------ */

static int supply_match(const struct link_identity *id)
{
	(void)id; /* other devices share its USB id */
	return 0;
}

static int supply_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct supply *supply = calloc(1, sizeof(*supply));

	if (!supply)
		return err_set(err, -ENOMEM, "no memory for a power supply");
	supply->base.driver = &driver_korad;
	supply->host = open->host;
	supply->volts_max_v = open->volts_max_v;
	supply->amps_max_a = open->amps_max_a;
	supply->known = open->dialect && open->dialect[0];
	if (open->output > 1) {
		free(supply);
		return err_set(err, -EINVAL,
			       "a Korad supply has 1 output that penrig switches, and the bench file names "
			       "output %u",
			       open->output);
	}
	int status = dialogue_open(&speech, supply, open, now_ns, &supply->dialogue, err);
	if (status) {
		free(supply);
		return status;
	}
	dialogue_ask(supply->dialogue, supply->known ? KORAD_OFF : KORAD_IDENTIFY, 0);
	*ret = &supply->base;
	return 0;
}

static void supply_close(struct device *device)
{
	static const struct dialogue_request off = {.what = KORAD_OFF};
	struct supply *supply = supply_of(device);

	if (!supply)
		return;
	bool unsure = supply->known && !supply->off;
	dialogue_close(supply->dialogue, unsure ? &off : NULL);
	free(supply);
}

static void supply_on_tick(struct device *device, uint64_t now_ns)
{
	struct supply *supply = supply_of(device);
	const struct dialogue_request *request = dialogue_awaits(supply->dialogue);

	if (request && is_over(supply, request->what, now_ns))
		take_answer(supply, request->what);
	dialogue_tick(supply->dialogue, now_ns);
}

static const struct device_identity *supply_identity(const struct device *device)
{
	return &supply_of_const(device)->identity;
}

static void supply_counters(const struct device *device, struct device_counters *ret)
{
	const struct supply *supply = supply_of_const(device);

	*ret = (struct device_counters){.frames = supply->answers, .resyncs = supply->odd, .stops = supply->stops};
	dialogue_counters(supply->dialogue, ret);
}

static const struct link *supply_link(const struct device *device)
{
	return dialogue_link(supply_of_const(device)->dialogue);
}

const struct driver driver_korad = {
	.name = "korad",
	.description = "power supply Korad KA and KD, and its kin by Tenma, RND and Velleman",
	.roles = ROLE_BIT(ROLE_POWER),
	.wants = {.usb_protocol = -1, .binary = true, .serial = {.baud = KORAD_BAUD}},
	.match = supply_match,
	.open = supply_open,
	.close = supply_close,
	.on_tick = supply_on_tick,
	.identity = supply_identity,
	.channels = driver_no_channels,
	.counters = supply_counters,
	.link = supply_link,
	.power = &verbs,
};
