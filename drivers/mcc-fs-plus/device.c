/* The life of a USB-1608FS-Plus: whose it is, its calibration, a scan set up, read back and started anew each time, and asked
 * while it runs whether it still does. Samples come without being asked for; all else is asked by control requests. */
#include "drivers/mcc-fs-plus/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/mcc-fs-plus/wire.h"
#include "rig/driver/dialogue.h"
#include "rig/driver/steps.h"

#define LOOK_EVERY_NS (100 * NS_PER_MS)
#define VENDOR_OUT    0x40
#define VENDOR_IN     0xC0
#define TO_ENDPOINT   0x02
#define CLEAR_FEATURE 1

/* Requests, as they follow each other while it opens. value of CALIBRATION: which part. */
enum what { HALT, SERIAL, CALIBRATION, UNHALT, CLEAR, SET, CHECK, START, RUNS, RESTS, LOOK };

/* How each goes over the wire. */
static const struct form {
	uint8_t request_type, request;
	uint16_t length;
} forms[] = {
	[HALT] = {VENDOR_OUT, MCC_SCAN_STOP, 0},
	[SERIAL] = {VENDOR_IN, MCC_SERIAL, MCC_SERIAL_LEN},
	[CALIBRATION] = {VENDOR_IN, MCC_CALIBRATION, MCC_CAL_PART},
	[UNHALT] = {TO_ENDPOINT, CLEAR_FEATURE, 0},
	[CLEAR] = {VENDOR_OUT, MCC_CLEAR_FIFO, 0},
	[SET] = {VENDOR_OUT, MCC_CONFIG, MCC_CONFIG_LEN},
	[CHECK] = {VENDOR_IN, MCC_CONFIG, MCC_CONFIG_LEN},
	[START] = {VENDOR_OUT, MCC_SCAN_START, MCC_SCAN_LEN},
	[RUNS] = {VENDOR_IN, MCC_STATUS, 2},
	[RESTS] = {VENDOR_IN, MCC_STATUS, 2},
	[LOOK] = {VENDOR_IN, MCC_STATUS, 2},
};

struct mcc {
	struct device base;
	struct driver_host host;
	struct dialogue *dialogue;
	struct daq_setup setup;
	struct mcc_plan plan;
	struct device_identity identity;
	uint8_t memory[MCC_CAL_LEN];
	struct mcc_curve curve[MCC_INPUTS];
	struct channel channel[MCC_INPUTS];

	bool streams; /* from the order to start until the order to stop */
	bool runs;    /* the device has said so */
	bool looking; /* it is being asked */
	uint64_t look_ns;
	struct mcc_stream stream;
	struct link_counters before; /* of the bus, when the stream began */
	struct daq_streams sorted;
	uint64_t blocks;
	int32_t counts[MCC_SAMPLES_MAX];
};

static struct mcc *mcc_of(struct device *device)
{
	return (struct mcc *)device;
}

static const struct mcc *mcc_of_const(const struct device *device)
{
	return (const struct mcc *)device;
}

static void lose(struct mcc *mcc, int status, const char *text)
{
	struct err err;

	err_set(&err, status, "%s", text);
	dialogue_lose(mcc->dialogue, status, &err);
}

/* ---- requests ------------------------------------------------------------------------------------------------------ */

static void link_now(const struct mcc *mcc, struct link_counters *ret)
{
	const struct link *link = dialogue_link(mcc->dialogue);

	link->ops->counters(link, ret);
}

/* Asked again, a start is not another stream: what has come of it may have been handed on. */
static void begin_stream(struct mcc *mcc)
{
	mcc_stream_begin(&mcc->stream, &mcc->setup, mcc->curve);
	daq_streams_init(&mcc->sorted, &mcc->setup, mcc->plan.rate_hz);
	link_now(mcc, &mcc->before);
	mcc->streams = true;
}

static void control(void *device, const struct dialogue_request *request, unsigned asked, struct link_setup *ret,
		    uint8_t *data)
{
	struct mcc *mcc = device;
	const struct form *form = &forms[request->what];

	if (request->what == START && asked == 0)
		begin_stream(mcc);
	if (request->what == HALT)
		mcc->streams = mcc->runs = false;
	if (request->what == SET)
		memcpy(data, mcc->plan.config, MCC_CONFIG_LEN);
	if (request->what == START)
		memcpy(data, mcc->plan.scan, MCC_SCAN_LEN);
	*ret = (struct link_setup){
		.request_type = form->request_type, .request = form->request, .length = form->length};
	if (request->what == CALIBRATION)
		ret->value = (uint16_t)(MCC_CAL_PART * (unsigned)request->value);
	if (request->what == UNHALT)
		ret->index = MCC_EP_IN;
}

static void wants(const void *device, struct link_wants *ret)
{
	ret->usb_piece = ((const struct mcc *)device)->plan.piece;
}

/* ---- answers ------------------------------------------------------------------------------------------------------- */

static int take_serial(struct mcc *mcc, const uint8_t *data, struct err *err)
{
	for (unsigned i = 0; i < MCC_SERIAL_LEN; i++)
		if (data[i] <= ' ' || data[i] > '~')
			return err_set(err, -EPROTO, "its serial number is no text: is this a USB-1608FS-Plus?");
	snprintf(mcc->identity.maker, sizeof(mcc->identity.maker), "Measurement Computing");
	snprintf(mcc->identity.model, sizeof(mcc->identity.model), "USB-1608FS-Plus");
	snprintf(mcc->identity.serial, sizeof(mcc->identity.serial), "%.8s", (const char *)data);
	return 0;
}

static int take_calibration(struct mcc *mcc, unsigned part, const uint8_t *data, struct err *err)
{
	memcpy(mcc->memory + part * (size_t)MCC_CAL_PART, data, MCC_CAL_PART);
	for (unsigned i = 0; part == 1 && i < mcc->setup.inputs; i++)
		if (!mcc_curve_read(&mcc->setup.input[i], mcc->memory, &mcc->curve[i]))
			return err_set(
				err, -EPROTO,
				"the constants that its memory has for input %u at +-%g V are none: let the maker "
				"calibrate it again",
				mcc->setup.input[i].channel.column, mcc->setup.input[i].range_v);
	return 0;
}

static int take_status(struct mcc *mcc, int what, unsigned status, struct err *err)
{
	bool runs = status & MCC_RUNNING;

	if (what == RESTS)
		return runs ? err_set(err, -EREMOTEIO, "it was told to stop, and goes on") : 0;
	if (status & MCC_OVERRUN)
		return err_set(err, -EPROTO, "its buffer ran over: this computer or the bus took its samples too late");
	if (!runs)
		return err_set(err, -EREMOTEIO, "%s",
			       what == RUNS ? "it was told to sample, and does not" : "it has stopped by itself");
	mcc->runs = true;
	return 0;
}

static int take_answer(struct mcc *mcc, const struct dialogue_request *request, const uint8_t *data, struct err *err)
{
	switch ((enum what)request->what) {
	case SERIAL: return take_serial(mcc, data, err);
	case CALIBRATION: return take_calibration(mcc, (unsigned)request->value, data, err);
	case CHECK:
		return memcmp(data, mcc->plan.config, MCC_CONFIG_LEN) == 0
			       ? 0
			       : err_set(err, -EREMOTEIO, "the ranges that were set are not those that it says it has");
	case RUNS:
	case RESTS:
	case LOOK: return take_status(mcc, request->what, data[0] | (unsigned)data[1] << 8, err);
	default: return 0;
	}
}

/* While it opens: what is asked next. */
static void ask_next(struct mcc *mcc, const struct dialogue_request *request)
{
	if (request->what < CALIBRATION) {
		dialogue_ask(mcc->dialogue, request->what + 1, 0);
	} else if (request->value == 0) {
		dialogue_ask(mcc->dialogue, CALIBRATION, 1);
	} else {
		daq_streams_init(&mcc->sorted, &mcc->setup, mcc->plan.rate_hz);
		for (unsigned i = 0; i < mcc->setup.inputs; i++)
			daq_channel(&mcc->sorted, &mcc->setup, i, mcc->plan.rate_hz,
				    MCC_HEADROOM * mcc->setup.input[i].range_v / MCC_VOLTS_COUNTS, 0, 24,
				    &mcc->channel[i]);
		dialogue_ready(mcc->dialogue);
	}
}

static void replied(void *device, int status, const uint8_t *data, size_t len)
{
	struct mcc *mcc = device;
	const struct dialogue_request request = *dialogue_awaits(mcc->dialogue);
	const struct form *form = &forms[request.what];
	struct err err;

	if (status)
		err_set(&err, status = -EREMOTEIO, "it refuses request %02x", form->request);
	else if ((form->request_type & VENDOR_IN) == VENDOR_IN && len != form->length)
		status = err_set(&err, -EPROTO, "%zu bytes where %u were asked for", len, form->length);
	else
		status = take_answer(mcc, &request, data, &err);
	if (status && request.what == LOOK)
		dialogue_lose(mcc->dialogue, status, &err);
	else if (status)
		dialogue_reject(mcc->dialogue, request.what == START ? 1 : DIALOGUE_ASKED_MAX, status, &err);
	else if (dialogue_state(mcc->dialogue) == DIALOGUE_READY)
		dialogue_answered(mcc->dialogue);
	else
		ask_next(mcc, &request);
}

/* ---- samples ------------------------------------------------------------------------------------------------------- */

/* Whether the device was lost for what the bus has met. */
static bool is_lossy(struct mcc *mcc)
{
	struct link_counters now;

	link_now(mcc, &now);
	const char *loss = mcc_loss(&mcc->plan, &mcc->before, &now);
	if (loss)
		lose(mcc, -EPROTO, loss);
	return loss;
}

static void on_bytes(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	struct mcc *mcc = device;
	struct sample_block block;

	if (!mcc->streams || is_lossy(mcc))
		return;
	if (mcc->plan.each_scan && len % (2 * mcc->setup.inputs)) {
		lose(mcc, -EPROTO, "it has sent a part of a scan: what is missing is not known");
		return;
	}
	for (size_t used; len > 0 && mcc->streams; data += used, len -= used) {
		if (!mcc_stream_take(&mcc->stream, data, len, &used, &block, mcc->counts))
			continue;
		block.host_ns = host_ns;
		mcc->blocks++;
		daq_streams_take(&mcc->sorted, &block, mcc->counts, mcc->host.block, mcc->host.ctx);
	}
}

/* ---- verbs --------------------------------------------------------------------------------------------------------- */

static void stream_start(struct device *device, device_done_fn done, void *ctx)
{
	static const enum what order[] = {HALT, CLEAR, UNHALT, SET, CHECK, START, RUNS};
	struct steps *steps = steps_new(mcc_of(device)->dialogue, done, ctx);

	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		steps_add(steps, order[i], 0);
	steps_go(steps);
}

static void stream_stop(struct device *device, device_done_fn done, void *ctx)
{
	struct mcc *mcc = mcc_of(device);
	struct steps *steps = steps_new(mcc->dialogue, done, ctx);

	steps_add(steps, HALT, 0);
	steps_add(steps, RESTS, 0);
	steps_stop(steps);
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static const struct dialogue_ops speech = {
	.driver = &driver_mcc_fs_plus,
	.name = "USB-1608FS-Plus",
	.waiting_max = 8,
	.control = control,
	.replied = replied,
	.wants = wants,
	.bytes = on_bytes,
};

static int mcc_match(const struct link_identity *id)
{
	return id->vid == MCC_VID && id->pid == MCC_PID ? 2 : 0;
}

static int check_kind(const struct mcc *mcc, struct err *err)
{
	struct link_identity id;
	const struct link *link = dialogue_link(mcc->dialogue);

	link->ops->identity(link, &id);
	if (mcc_match(&id))
		return 0;
	return err_set(err, -EINVAL, "%s is no USB-1608FS-Plus (%04x:%04x): another driver is meant for it", id.uri,
		       MCC_VID, MCC_PID);
}

static int mcc_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct mcc *mcc;

	if (!open->daq)
		return err_set(err, -EINVAL, "the driver \"mcc-fs-plus\" needs the bench file's \"daq\"");
	mcc = calloc(1, sizeof(*mcc));
	if (!mcc)
		return err_set(err, -ENOMEM, "no memory for a USB-1608FS-Plus");
	mcc->base.driver = &driver_mcc_fs_plus;
	mcc->host = open->host;
	mcc->setup = *open->daq;
	int status = mcc_plan(&mcc->setup, &mcc->plan, err);
	if (status == 0)
		status = dialogue_open(&speech, mcc, open, now_ns, &mcc->dialogue, err);
	if (status == 0)
		status = check_kind(mcc, err);
	if (status) {
		dialogue_close(mcc->dialogue, NULL);
		free(mcc);
		return status;
	}
	dialogue_ask(mcc->dialogue, HALT, 0);
	*ret = &mcc->base;
	return 0;
}

static void mcc_close(struct device *device)
{
	static const struct dialogue_request halt = {.what = HALT};
	struct mcc *mcc = mcc_of(device);

	if (!mcc)
		return;
	dialogue_close(mcc->dialogue, mcc->streams ? &halt : NULL);
	free(mcc);
}

static void looked(void *ctx, int status, const struct err *err)
{
	(void)status, (void)err;
	((struct mcc *)ctx)->looking = false;
}

/* A device that stops for a full buffer sends nothing that would show it. */
static void mcc_on_tick(struct device *device, uint64_t now_ns)
{
	struct mcc *mcc = mcc_of(device);

	dialogue_tick(mcc->dialogue, now_ns);
	if (!mcc->streams || dialogue_state(mcc->dialogue) != DIALOGUE_READY || is_lossy(mcc))
		return;
	if (!mcc->runs || mcc->looking || now_ns < mcc->look_ns)
		return;
	mcc->looking = true;
	mcc->look_ns = now_ns + LOOK_EVERY_NS;
	dialogue_submit(mcc->dialogue, &(const struct dialogue_request){.what = LOOK, .done = looked, .ctx = mcc});
}

static const struct device_identity *mcc_identity(const struct device *device)
{
	return &mcc_of_const(device)->identity;
}

static const struct channel *mcc_channels(const struct device *device, unsigned *ret_count)
{
	const struct mcc *mcc = mcc_of_const(device);

	*ret_count = mcc->setup.inputs;
	return mcc->channel;
}

static void mcc_counters(const struct device *device, struct device_counters *ret)
{
	*ret = (struct device_counters){.frames = mcc_of_const(device)->blocks};
	dialogue_counters(mcc_of_const(device)->dialogue, ret);
}

static const struct link *mcc_link(const struct device *device)
{
	return dialogue_link(mcc_of_const(device)->dialogue);
}

static const struct stream_verbs verbs = {.start = stream_start, .stop = stream_stop};

const struct driver driver_mcc_fs_plus = {
	.name = "mcc-fs-plus",
	.description = "DAQ of Measurement Computing on USB (USB-1608FS-Plus), whose inputs the bench file maps",
	.roles = ROLE_BIT(ROLE_LOAD_SENSOR) | ROLE_BIT(ROLE_DISPLACEMENT) | ROLE_BIT(ROLE_THERMOMETER),
	.wants = {.usb_class = 0xFF, .usb_subclass = -1, .usb_protocol = -1, .binary = true},
	.mapped = true,
	.match = mcc_match,
	.open = mcc_open,
	.close = mcc_close,
	.on_tick = mcc_on_tick,
	.identity = mcc_identity,
	.channels = mcc_channels,
	.counters = mcc_counters,
	.link = mcc_link,
	.stream = &verbs,
};
