/* A relay board that is told and never answers, so nothing of it is known but what it was told: each order is given three
 * times, and a stop ends with "told". Whether the pen runs and stops, the force alone shows.
 * Leaves out what the relay's contacts feed. */
#include "drivers/lcus-relay/device.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "drivers/lcus-relay/wire.h"
#include "rig/driver/dialogue.h"

#define ANSWERS_MAX 8 /* reads that wait for a tick */

struct order { /* the one under way; left: times that it is still to be given, 0: none is */
	bool on;
	unsigned left;
	uint64_t next_ns;
	device_done_fn done;
	void *ctx;
};

struct answer {
	bool tells; /* what the relay was told */
	int status;
	device_done_fn done;
	void *ctx;
};

struct relay {
	struct device base;
	struct driver_host host;
	struct dialogue *dialogue;
	unsigned number;
	bool on; /* as it was told */
	uint64_t now_ns, stops;
	struct order order;
	struct answer answer[ANSWERS_MAX];
	unsigned answers;
	struct device_identity identity;
};

static struct relay *relay_of(struct device *device)
{
	return (struct relay *)device;
}

static const struct relay *relay_of_const(const struct device *device)
{
	return (const struct relay *)device;
}

/* request->what: whether it is switched on. */
static size_t encode(void *device, const struct dialogue_request *request, unsigned asked, uint8_t *buffer, size_t size)
{
	const struct relay *relay = device;

	(void)asked;
	assert(size >= LCUS_FRAME_LEN);
	return lcus_encode(relay->number, request->what, buffer);
}

static void on_bytes(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	(void)device; /* some boards echo; it says nothing of the contact */
	(void)data;
	(void)len;
	(void)host_ns;
}

static void tell(struct relay *relay, bool on)
{
	relay->on = on;
	relay->stops += !on;
	dialogue_tell(relay->dialogue, &(const struct dialogue_request){.what = on});
}

static void tell_off(void *device)
{
	tell(device, false);
}

static void give_up(struct relay *relay, int status);

/* What is left of an order to switch on. */
static void stop_telling(void *device)
{
	struct relay *relay = device;

	if (relay->order.left && relay->order.on)
		give_up(relay, -ECANCELED);
}

static void pace(const void *device, const struct dialogue_request *request, struct dialogue_pace *ret)
{
	(void)device;
	(void)request;
	ret->between_ns = LCUS_AGAIN_NS;
}

static const struct dialogue_ops speech = {
	.driver = &driver_lcus_relay,
	.name = "relay board",
	.waiting_max = 1,
	.encode = encode,
	.lost = tell_off,
	.bytes = on_bytes,
	.stood = stop_telling,
	.pace = pace,
};

/* ---- orders and answers ---------------------------------------------------------------------------------------- */

/* Verbs never call back. */
static void answer_later(struct relay *relay, bool tells, int status, device_done_fn done, void *ctx)
{
	assert(relay->answers < ANSWERS_MAX);
	relay->answer[relay->answers++] = (struct answer){.tells = tells, .status = status, .done = done, .ctx = ctx};
}

static void conclude(const struct relay *relay, const struct answer *answer)
{
	struct err err = {""};
	const struct power_state state = {.host_ns = relay->now_ns, .volts_v = NAN, .current_a = NAN, .on = relay->on};

	if (answer->tells && answer->status == 0)
		relay->host.power(relay->host.ctx, &state);
	if (answer->status == -ENODATA)
		err_set(&err, -ENODATA, "the relay board was told to switch off, and cannot say that it did");
	else if (answer->status == -ENODEV)
		err_set(&err, -ENODEV, "the relay board is gone");
	else if (answer->status)
		err_set(&err, answer->status, "cancelled: a stop, the end of the session or a standstill came first");
	if (answer->done)
		answer->done(answer->ctx, answer->status, answer->status ? &err : NULL);
}

static void tell_answers(struct relay *relay)
{
	struct answer told[ANSWERS_MAX];
	unsigned count = relay->answers;

	for (unsigned i = 0; i < count; i++)
		told[i] = relay->answer[i];
	relay->answers = 0;
	for (unsigned i = 0; i < count; i++)
		conclude(relay, &told[i]);
}

static void give_up(struct relay *relay, int status)
{
	for (unsigned i = 0; i < relay->answers; i++)
		relay->answer[i].status = status;
	if (relay->order.left)
		answer_later(relay, false, status, relay->order.done, relay->order.ctx);
	relay->order.left = 0;
}

static bool is_lost(const struct relay *relay)
{
	return dialogue_state(relay->dialogue) == DIALOGUE_LOST;
}

static void order(struct relay *relay, bool on, device_done_fn done, void *ctx)
{
	give_up(relay, -ECANCELED);
	if (!on || !is_lost(relay))
		tell(relay, on);
	if (is_lost(relay)) {
		answer_later(relay, false, -ENODEV, done, ctx);
		return;
	}
	relay->order = (struct order){
		.on = on, .left = LCUS_TOLD - 1, .next_ns = relay->now_ns + LCUS_AGAIN_NS, .done = done, .ctx = ctx};
}

/* The last time is over: what waits for that hears of it. */
static void end_order(struct relay *relay)
{
	const struct order *o = &relay->order;

	if (dialogue_state(relay->dialogue) == DIALOGUE_OPENING)
		dialogue_ready(relay->dialogue);
	else
		answer_later(relay, false, o->on ? 0 : -ENODATA, o->done, o->ctx);
}

static void go_on(struct relay *relay)
{
	struct order *o = &relay->order;

	if (!o->left || relay->now_ns < o->next_ns)
		return;
	tell(relay, o->on);
	o->next_ns = relay->now_ns + LCUS_AGAIN_NS;
	if (--o->left == 0)
		end_order(relay);
}

/* ---- verbs ----------------------------------------------------------------------------------------------------- */

static void power_on(struct device *device, device_done_fn done, void *ctx)
{
	order(relay_of(device), true, done, ctx);
}

static void power_off(struct device *device, device_done_fn done, void *ctx)
{
	order(relay_of(device), false, done, ctx);
}

static void power_read(struct device *device, unsigned also, device_done_fn done, void *ctx)
{
	struct relay *relay = relay_of(device);

	(void)also; /* it has no timer */
	answer_later(relay, true, is_lost(relay) ? -ENODEV : 0, done, ctx);
}

static const struct power_verbs verbs = {.on = power_on, .off = power_off, .read = power_read};

/* ---- the driver ------------------------------------------------------------------------------------------------ */

static int relay_match(const struct link_identity *id)
{
	(void)id; /* its USB id is that of every CH340 adapter */
	return 0;
}

static int relay_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	if (!relay)
		return err_set(err, -ENOMEM, "no memory for a relay board");
	*relay = (struct relay){.base = {.driver = &driver_lcus_relay},
				.host = open->host,
				.number = open->output ? open->output : 1,
				.now_ns = now_ns,
				.identity = {.model = "LCUS relay, told and not read back", .dialect = "lcus"}};
	int status = dialogue_open(&speech, relay, open, now_ns, &relay->dialogue, err);
	if (status) {
		free(relay);
		return status;
	}
	uint64_t held_ns = dialogue_link(relay->dialogue)->held_until_ns;
	order(relay, false, NULL, NULL);
	relay->order.next_ns = (held_ns > now_ns ? held_ns : now_ns) + LCUS_AGAIN_NS;
	*ret = &relay->base;
	return 0;
}

static void relay_close(struct device *device)
{
	struct relay *relay = relay_of(device);

	if (!relay)
		return;
	give_up(relay, -ECANCELED);
	while (relay->answers)
		tell_answers(relay);
	dialogue_close(relay->dialogue,
		       &(const struct dialogue_request){.what = false}); /* it never says that it is off */
	free(relay);
}

static void relay_on_tick(struct device *device, uint64_t now_ns)
{
	struct relay *relay = relay_of(device);

	relay->now_ns = now_ns;
	dialogue_tick(relay->dialogue, now_ns);
	if (is_lost(relay))
		give_up(relay, -ENODEV);
	tell_answers(relay);
	if (!is_lost(relay))
		go_on(relay);
}

static const struct device_identity *relay_identity(const struct device *device)
{
	return &relay_of_const(device)->identity;
}

static void relay_counters(const struct device *device, struct device_counters *ret)
{
	const struct relay *relay = relay_of_const(device);

	*ret = (struct device_counters){.stops = relay->stops};
	dialogue_counters(relay->dialogue, ret);
}

static const struct link *relay_link(const struct device *device)
{
	return dialogue_link(relay_of_const(device)->dialogue);
}

const struct driver driver_lcus_relay = {
	.name = "lcus-relay",
	.description = "relay board LCUS (four bytes A0, one to eight relays): told, never read back",
	.roles = ROLE_BIT(ROLE_POWER),
	.wants = {.usb_protocol = -1, .binary = true, .serial = {.baud = LCUS_BAUD}},
	.match = relay_match,
	.open = relay_open,
	.close = relay_close,
	.on_tick = relay_on_tick,
	.identity = relay_identity,
	.channels = driver_no_channels,
	.counters = relay_counters,
	.link = relay_link,
	.power = &verbs,
};
