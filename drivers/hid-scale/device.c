/* The life of a scale on USB: that it is one stands in its report descriptor; then it says what rests on it, unasked. It says so
 * at a pace of its own, so its newest word is taken at the bench's, and what had no word since is missing. Its zero is a person's
 * to set. */
#include "drivers/hid-scale/device.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/hid-scale/wire.h"
#include "rig/driver/dialogue.h"

#define HID_CLASS      0x03
#define PIECE          8 /* an interrupt endpoint's packet: a report is told at once, full packet or not */
#define DESCRIPTOR_MAX 256
#define RATE_HZ        2.0
#define RATE_MAX_HZ    5.0
#define SILENT_NS      (3 * NS_PER_S)
#define FIRST_NS       (1500 * NS_PER_MS)
#define GRAMS          1e-4 /* of a count */
#define COUNT_END      INT32_MAX
#define PENDING_MAX    4

enum what { DESCRIPTOR };

struct scale {
	struct device base;
	struct driver_host host;
	struct dialogue *dialogue;
	struct device_identity identity;
	struct channel channel;
	uint64_t period_ns;

	bool listens; /* opening: a first weight is waited for, since: */
	uint64_t heard_ns;
	bool fresh; /* a weight came that was not passed on yet */
	struct hid_scale_said newest;
	uint64_t newest_ns;
	const char *told; /* what was noted last of what is wrong with it; NULL: nothing */

	bool running;
	uint64_t started_ns, next_ns, next_index, reports, odd, lost;
	unsigned pending_count;
	struct pending {
		device_done_fn done;
		void *ctx;
	} pending[PENDING_MAX]; /* verbs for which nothing is sent: done at the next tick */
};

static struct scale *scale_of(struct device *device)
{
	return (struct scale *)device;
}

static const struct scale *scale_of_const(const struct device *device)
{
	return (const struct scale *)device;
}

/* ---- what it says -------------------------------------------------------------------------------------------------- */

/* Once, until it is something else. */
static void note(struct scale *scale, const char *why)
{
	if (why && why != scale->told)
		scale->host.event(scale->host.ctx, 0, why);
	scale->told = why;
}

static void on_bytes(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	struct scale *scale = device;
	struct hid_scale_said said;
	const char *odd = hid_scale_read(data, len, &said);

	scale->reports++;
	scale->heard_ns = host_ns;
	scale->odd += odd != NULL;
	note(scale, odd ? odd : said.state == SCALE_BEYOND ? "it is beyond its range" : said.why);
	scale->fresh = !odd && said.state != SCALE_REFUSES;
	if (!scale->fresh)
		return;
	scale->newest = said;
	scale->newest_ns = host_ns;
	if (scale->listens) {
		scale->listens = false;
		dialogue_ready(scale->dialogue);
	}
}

static void pass_on(struct scale *scale, uint64_t index)
{
	double count = round(scale->newest.grams / GRAMS);
	bool beyond = scale->newest.state == SCALE_BEYOND || !(fabs(count) < COUNT_END);
	int32_t counts[1] = {beyond ? COUNT_END : (int32_t)count};
	const struct sample_block block = {.channels = 1,
					   .flags = (beyond ? SAMPLE_OVER_RANGE : 0) |
						    (scale->newest.state == SCALE_MOVES ? SAMPLE_UNSTABLE : 0) |
						    (index != scale->next_index ? SAMPLE_GAP : 0),
					   .frames = 1,
					   .first_index = index,
					   .host_ns = scale->newest_ns,
					   .counts = counts};

	scale->lost += index - scale->next_index;
	scale->next_index = index + 1;
	scale->fresh = false;
	scale->host.block(scale->host.ctx, &block);
}

static void sample(struct scale *scale, uint64_t now_ns)
{
	if (!scale->running || now_ns < scale->next_ns)
		return;
	uint64_t index = (now_ns - scale->started_ns) / scale->period_ns;
	scale->next_ns = scale->started_ns + (index + 1) * scale->period_ns;
	if (scale->fresh)
		pass_on(scale, index);
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static void control(void *device, const struct dialogue_request *request, unsigned asked, struct link_setup *ret,
		    uint8_t *data)
{
	struct link_identity id;
	const struct link *link = dialogue_link(((struct scale *)device)->dialogue);

	(void)request, (void)asked, (void)data;
	link->ops->identity(link, &id);
	*ret = (struct link_setup){.request_type = 0x81, /* standard, of an interface */
				   .request = 0x06,      /* get descriptor: the report's */
				   .value = 0x2200,
				   .index = id.usb_interface,
				   .length = DESCRIPTOR_MAX};
}

static void replied(void *device, int status, const uint8_t *data, size_t len)
{
	struct scale *scale = device;
	struct err err;

	if (status == 0 && hid_scale_describes(data, len)) {
		scale->listens = true;
		scale->heard_ns = dialogue_now_ns(scale->dialogue);
		dialogue_listen(scale->dialogue);
		return;
	}
	err_set(&err, -EINVAL, "it is no scale: %s the usage page 8D (weighing); another driver is meant for it",
		status ? "it does not say that it has" : "what it says of itself is not of");
	dialogue_lose(scale->dialogue, -EINVAL, &err);
}

static const struct dialogue_ops speech = {
	.driver = &driver_hid_scale,
	.name = "scale",
	.waiting_max = 1,
	.control = control,
	.replied = replied,
	.bytes = on_bytes,
};

/* USB has no ids for scales; these are known to be some. */
static int scale_match(const struct link_identity *id)
{
	static const struct {
		uint16_t vid, pid;
	} known[] = {{0x0922, 0x8003}, {0x0922, 0x8004}, {0x0922, 0x8009}, {0x0EB8, 0xF000},
		     {0x0B67, 0x555E}, {0x1446, 0x6A73}, {0x2474, 0x0550}};

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (id->usb_class == HID_CLASS && id->vid == known[i].vid && id->pid == known[i].pid)
			return 2;
	return 0;
}

static void know(struct scale *scale)
{
	struct link_identity id;
	const struct link *link = dialogue_link(scale->dialogue);

	link->ops->identity(link, &id);
	snprintf(scale->identity.maker, sizeof(scale->identity.maker), "%.47s", id.maker);
	snprintf(scale->identity.model, sizeof(scale->identity.model), "%.47s", id.product);
	snprintf(scale->identity.serial, sizeof(scale->identity.serial), "%.47s", id.serial);
	snprintf(scale->identity.loss, sizeof(scale->identity.loss), "its reports carry no number");
}

static int scale_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	double rate_hz = open->rate_hz > 0 ? open->rate_hz : RATE_HZ, end = COUNT_END * GRAMS;

	if (rate_hz > RATE_MAX_HZ)
		return err_set(err, -EINVAL,
			       "\"sample_rate_hz\": %g: a scale's word is taken %g times a second at most", rate_hz,
			       RATE_MAX_HZ);
	struct scale *scale = calloc(1, sizeof(*scale));
	if (!scale)
		return err_set(err, -ENOMEM, "no memory for a scale");
	*scale = (struct scale){.base = {.driver = &driver_hid_scale},
				.host = open->host,
				.period_ns = (uint64_t)(1e9 / rate_hz),
				.channel = {.name = "mass",
					    .unit = "g",
					    .quantity = QUANTITY_OTHER,
					    .bits = 32,
					    .rate_hz = rate_hz,
					    .scale = GRAMS,
					    .range_lo = -end,
					    .range_hi = end}};
	int status = dialogue_open(&speech, scale, open, now_ns, &scale->dialogue, err);
	if (status) {
		free(scale);
		return status;
	}
	know(scale);
	dialogue_ask(scale->dialogue, DESCRIPTOR, 0);
	*ret = &scale->base;
	return 0;
}

/* ---- verbs and time ------------------------------------------------------------------------------------------------ */

static void tell_pending(struct scale *scale, int status)
{
	struct pending pending[PENDING_MAX];
	unsigned count = scale->pending_count;
	struct err err;

	memcpy(pending, scale->pending, sizeof(pending));
	scale->pending_count = 0;
	err_set(&err, status, "the scale is gone, or the end of the session came first");
	for (unsigned i = 0; i < count; i++)
		if (pending[i].done)
			pending[i].done(pending[i].ctx, status, status ? &err : NULL);
}

static void set_running(struct scale *scale, bool running, device_done_fn done, void *ctx)
{
	scale->running = running;
	scale->next_index = 0;
	scale->fresh = false;
	scale->started_ns = dialogue_now_ns(scale->dialogue);
	scale->next_ns = scale->started_ns;
	if (scale->pending_count < PENDING_MAX)
		scale->pending[scale->pending_count++] = (struct pending){.done = done, .ctx = ctx};
}

static void stream_start(struct device *device, device_done_fn done, void *ctx)
{
	set_running(scale_of(device), true, done, ctx);
}

static void stream_stop(struct device *device, device_done_fn done, void *ctx)
{
	set_running(scale_of(device), false, done, ctx);
}

static void watch_silence(struct scale *scale, uint64_t now_ns)
{
	bool ready = dialogue_state(scale->dialogue) == DIALOGUE_READY;
	struct err err;

	if ((!ready && !scale->listens) || now_ns < scale->heard_ns + (ready ? SILENT_NS : FIRST_NS))
		return;
	err_set(&err, -ETIMEDOUT, "it says no weight%s%s: switch it on; many switch themselves off after some minutes",
		scale->told ? ", but: " : "", scale->told ? scale->told : "");
	dialogue_lose(scale->dialogue, -ETIMEDOUT, &err);
}

static void scale_on_tick(struct device *device, uint64_t now_ns)
{
	struct scale *scale = scale_of(device);

	dialogue_tick(scale->dialogue, now_ns);
	tell_pending(scale, dialogue_state(scale->dialogue) == DIALOGUE_LOST ? -ENODEV : 0);
	watch_silence(scale, now_ns);
	if (dialogue_state(scale->dialogue) == DIALOGUE_READY)
		sample(scale, now_ns);
}

static void scale_close(struct device *device)
{
	struct scale *scale = scale_of(device);

	if (!scale)
		return;
	tell_pending(scale, -ECANCELED);
	dialogue_close(scale->dialogue, NULL);
	free(scale);
}

/* ---- the driver ---------------------------------------------------------------------------------------------------- */

static const struct device_identity *scale_identity(const struct device *device)
{
	return &scale_of_const(device)->identity;
}

static const struct channel *scale_channels(const struct device *device, unsigned *ret_count)
{
	*ret_count = 1;
	return &scale_of_const(device)->channel;
}

static void scale_counters(const struct device *device, struct device_counters *ret)
{
	const struct scale *scale = scale_of_const(device);

	*ret = (struct device_counters){.frames = scale->reports, .resyncs = scale->odd, .lost_samples = scale->lost};
	dialogue_counters(scale->dialogue, ret);
}

static const struct link *scale_link(const struct device *device)
{
	return dialogue_link(scale_of_const(device)->dialogue);
}

static const struct stream_verbs verbs = {.start = stream_start, .stop = stream_stop};

const struct driver driver_hid_scale = {
	.name = "hid-scale",
	.description = "scale on USB (HID point-of-sale, usage page 8D): weights at rest, as a reference",
	.roles = ROLE_BIT(ROLE_REFERENCE),
	.wants = {.usb_class = HID_CLASS, .usb_subclass = -1, .usb_protocol = -1, .usb_piece = PIECE, .binary = true},
	.match = scale_match,
	.open = scale_open,
	.close = scale_close,
	.on_tick = scale_on_tick,
	.identity = scale_identity,
	.channels = scale_channels,
	.counters = scale_counters,
	.link = scale_link,
	.stream = &verbs,
};
