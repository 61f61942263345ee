/* A relay board on USB that says how its relays stand: each order is read back. Its USB ids are those of many other things, so
 * what it is is known by its strings, and nothing is sent to what has others. Leaves out what the contacts feed. */
#include "drivers/hid-relay/device.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/hid-relay/wire.h"
#include "rig/driver/lines.h"
#include "rig/driver/steps.h"

#define USB_CLASS_HID 3
#define OFF_AGREE     2
#define SHOWN_MAX     64

enum { ASK_STATE, ASK_IS_OFF, ORDER_OFF, ORDER_ON };

struct relay {
	struct device base;
	struct driver_host host;
	struct dialogue *dialogue;
	unsigned number, relays;
	unsigned agreed; /* answers in a row that say off, since it was last ordered so */
	bool off;        /* confirmed, and not ordered on since */
	uint64_t stops, answers, odd;
	struct power_state state;
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

static size_t encode(void *device, const struct dialogue_request *request, unsigned asked, uint8_t *buffer, size_t size)
{
	struct relay *relay = device;
	bool orders = request->what == ORDER_OFF || request->what == ORDER_ON;

	(void)asked;
	assert(size >= HID_RELAY_ORDER_LEN);
	if (!orders)
		return hid_relay_ask(buffer);
	relay->off = false;
	relay->agreed = 0;
	relay->stops += request->what == ORDER_OFF;
	return hid_relay_order(relay->number, request->what == ORDER_ON, buffer);
}

static void tell_off(void *device)
{
	const struct relay *relay = device;

	dialogue_tell(relay->dialogue, &(const struct dialogue_request){.what = ORDER_OFF});
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

static int check(struct relay *relay, int what, struct err *err)
{
	bool wanted = what == ORDER_ON;

	relay->off &= !relay->state.on;
	if (what == ASK_STATE)
		return 0;
	if (relay->state.on != wanted) {
		relay->agreed = 0;
		return err_set(err, -EREMOTEIO, "the relay was told to switch %s and says that it is %s",
			       wanted ? "on" : "off", wanted ? "off" : "on");
	}
	if (!wanted)
		relay->off = ++relay->agreed >= OFF_AGREE;
	return 0;
}

/* While opening, it is switched off. */
static void go_on(struct relay *relay)
{
	if (dialogue_state(relay->dialogue) != DIALOGUE_OPENING)
		dialogue_answered(relay->dialogue);
	else if (!relay->off)
		dialogue_ask(relay->dialogue, ASK_IS_OFF, 0);
	else
		dialogue_ready(relay->dialogue);
}

static void odd_answer(struct relay *relay, const uint8_t *data, size_t len)
{
	char shown[SHOWN_MAX];
	struct err err;

	relay->odd++;
	lines_show_bytes((const char *)data, len, shown, sizeof(shown));
	err_set(&err, -EPROTO, "the relay board's report makes no sense: %zu bytes, \"%s\"", len, shown);
	dialogue_reject(relay->dialogue, DIALOGUE_ASKED_MAX, -EPROTO, &err);
}

/* A board does not change its name: what has another is another board, or damaged on its way. */
static bool is_of(const struct relay *relay, const struct hid_relay_said *said)
{
	return !relay->identity.serial[0] || strcmp(relay->identity.serial, said->name) == 0;
}

static void on_bytes(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	struct relay *relay = device;
	const struct dialogue_request *request = dialogue_awaits(relay->dialogue);
	struct hid_relay_said said;
	struct err err;

	if (!request)
		return;
	if (!hid_relay_read(data, len, relay->relays, &said) || !is_of(relay, &said)) {
		odd_answer(relay, data, len);
		return;
	}
	snprintf(relay->identity.serial, sizeof(relay->identity.serial), "%s", said.name);
	relay->answers++;
	relay->state.host_ns = host_ns;
	relay->state.on = said.on >> (relay->number - 1) & 1;
	int status = check(relay, request->what, &err);
	if (status)
		dialogue_reject(relay->dialogue, DIALOGUE_ASKED_MAX, status, &err);
	else
		go_on(relay);
}

static bool switches_on(const struct dialogue_request *request)
{
	return request->what == ORDER_ON;
}

static const struct dialogue_ops speech = {
	.driver = &driver_hid_relay,
	.name = "relay board",
	.waiting_max = DIALOGUE_WAITING_MAX,
	.encode = encode,
	.lost = tell_off,
	.bytes = on_bytes,
	.switches_on = switches_on,
};

/* ---- verbs ----------------------------------------------------------------------------------------------------- */

static void power_on(struct device *device, device_done_fn done, void *ctx)
{
	dialogue_submit(relay_of(device)->dialogue,
			&(const struct dialogue_request){.what = ORDER_ON, .done = done, .ctx = ctx});
}

static void power_off(struct device *device, device_done_fn done, void *ctx)
{
	struct relay *relay = relay_of(device);
	struct steps *steps = steps_new(relay->dialogue, done, ctx);

	relay->off = false; /* until it says so again */
	if (dialogue_state(relay->dialogue) == DIALOGUE_LOST)
		tell_off(relay);
	steps_add(steps, ORDER_OFF, 0);
	for (unsigned i = 1; i < OFF_AGREE; i++)
		steps_add(steps, ASK_IS_OFF, 0);
	steps_stop(steps);
}

static void tell_state(void *device, unsigned also)
{
	const struct relay *relay = device;

	(void)also; /* it has no timer */
	relay->host.power(relay->host.ctx, &relay->state);
}

static void power_read(struct device *device, unsigned also, device_done_fn done, void *ctx)
{
	struct relay *relay = relay_of(device);
	struct steps *steps = steps_new(relay->dialogue, done, ctx);

	steps_add(steps, ASK_STATE, 0);
	steps_then(steps, tell_state, relay, also);
	steps_go(steps);
}

static const struct power_verbs verbs = {.on = power_on, .off = power_off, .read = power_read};

/* ---- the driver ------------------------------------------------------------------------------------------------ */

static int relay_match(const struct link_identity *id)
{
	return hid_relay_count(id->maker, id->product) ? 2 : 0;
}

/* Nothing is sent before this. */
static int know_board(struct relay *relay, struct err *err)
{
	const struct link *link = dialogue_link(relay->dialogue);
	struct link_identity id = {.maker = ""};

	link->ops->identity(link, &id);
	relay->relays = hid_relay_count(id.maker, id.product);
	if (!relay->relays)
		return err_set(
			err, -EINVAL,
			"%s says that it is \"%.40s %.40s\", and no relay board \"www.dcttech.com USBRelayN\": many "
			"things have the USB ids of one; name the board's port",
			id.uri, id.maker, id.product);
	if (relay->number > relay->relays)
		return err_set(err, -EINVAL, "the relay board %.40s has %u relays, and the bench file names output %u",
			       id.product, relay->relays, relay->number);
	snprintf(relay->identity.maker, sizeof(relay->identity.maker), "%.47s", id.maker);
	snprintf(relay->identity.model, sizeof(relay->identity.model), "%.47s", id.product);
	return 0;
}

static int relay_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	if (!relay)
		return err_set(err, -ENOMEM, "no memory for a relay board");
	*relay = (struct relay){.base = {.driver = &driver_hid_relay},
				.host = open->host,
				.number = open->output ? open->output : 1,
				.state = {.volts_v = NAN, .current_a = NAN},
				.identity = {.dialect = "hid-relay"}};
	int status = dialogue_open(&speech, relay, open, now_ns, &relay->dialogue, err);
	if (!status)
		status = know_board(relay, err);
	if (status) {
		dialogue_close(relay->dialogue, NULL);
		free(relay);
		return status;
	}
	dialogue_ask(relay->dialogue, ORDER_OFF, 0);
	*ret = &relay->base;
	return 0;
}

static void relay_close(struct device *device)
{
	struct relay *relay = relay_of(device);

	if (!relay)
		return;
	dialogue_close(relay->dialogue, relay->off ? NULL : &(const struct dialogue_request){.what = ORDER_OFF});
	free(relay);
}

static void relay_on_tick(struct device *device, uint64_t now_ns)
{
	dialogue_tick(relay_of(device)->dialogue, now_ns);
}

static const struct device_identity *relay_identity(const struct device *device)
{
	return &relay_of_const(device)->identity;
}

static void relay_counters(const struct device *device, struct device_counters *ret)
{
	const struct relay *relay = relay_of_const(device);

	*ret = (struct device_counters){.frames = relay->answers, .resyncs = relay->odd, .stops = relay->stops};
	dialogue_counters(relay->dialogue, ret);
}

static const struct link *relay_link(const struct device *device)
{
	return dialogue_link(relay_of_const(device)->dialogue);
}

const struct driver driver_hid_relay = {
	.name = "hid-relay",
	.description = "relay board on USB, \"USBRelayN\" by www.dcttech.com (one to eight relays), read back",
	.roles = ROLE_BIT(ROLE_POWER),
	.wants = {.usb_class = USB_CLASS_HID, .usb_protocol = -1, .hid_report = HID_RELAY_REPORT_LEN},
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
