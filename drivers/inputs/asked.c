/* Contacts on a device that is asked for them again and again: the discrete inputs of a Modbus module (RTU), and an instrument
 * that answers a query with a number whose bits they are. An answer that makes no sense is asked for again, and a device
 * that is silent twice is lost. */
#include "drivers/inputs/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/driver/dialogue.h"
#include "rig/driver/lines.h"
#include "rig/driver/modbus.h"

#define UNIT          1
#define REPLY_NS      (100 * NS_PER_MS)
#define LOOK_EVERY_NS (10 * NS_PER_MS)
#define THINKING_NS   (5 * NS_PER_MS) /* that a module may take to begin its answer */

enum ask { IDENTIFY, LOOK };

struct asked {
	struct device base;
	struct driver_host host;
	struct dialogue *dialogue;
	struct inputs_setup setup;
	struct modbus_line frames;
	struct lines lines;
	uint32_t baud;
	uint64_t answers;
	struct device_identity identity;
};

static struct asked *asked_of(struct device *device)
{
	return (struct asked *)device;
}

static const struct asked *asked_of_const(const struct device *device)
{
	return (const struct asked *)device;
}

static void looked(void *ctx, int status, const struct err *err);

static void look(struct asked *a)
{
	dialogue_submit(a->dialogue, &(const struct dialogue_request){.what = LOOK, .done = looked, .ctx = a});
}

/* Whatever came of it: a lost one is asked no more, and says so itself. */
static void looked(void *ctx, int status, const struct err *err)
{
	struct asked *a = ctx;

	(void)err;
	if (status != -ENODEV && status != -ECANCELED && status != -ETIMEDOUT)
		look(a);
}

static void tell(struct asked *a, uint32_t on, uint64_t host_ns)
{
	a->host.inputs(a->host.ctx, &(const struct inputs_state){host_ns, inputs_closed_by(&a->setup, on)});
	if (dialogue_state(a->dialogue) == DIALOGUE_OPENING) {
		dialogue_ready(a->dialogue);
		look(a);
	} else {
		dialogue_answered(a->dialogue);
	}
}

static void refuse(struct asked *a, int status, const char *text)
{
	struct err err;

	err_set(&err, status, "%s", text);
	dialogue_reject(a->dialogue, DIALOGUE_ASKED_MAX, status, &err);
}

static int open_asked(const struct dialogue_ops *ops, const struct device_open *open, enum ask first, uint64_t now_ns,
		      struct device **ret, struct err *err)
{
	struct asked *a;

	if (!open->inputs)
		return err_set(err, -EINVAL, "the driver \"%s\" needs the bench file's \"inputs\"", ops->driver->name);
	a = calloc(1, sizeof(*a));
	if (!a)
		return err_set(err, -ENOMEM, "no memory for inputs");
	a->base.driver = ops->driver;
	a->host = open->host;
	a->setup = *open->inputs;
	a->baud = open->settings.baud ? open->settings.baud : ops->driver->wants.serial.baud;
	int status = dialogue_open(ops, a, open, now_ns, &a->dialogue, err);
	if (status) {
		free(a);
		return status;
	}
	dialogue_ask(a->dialogue, first, 0);
	*ret = &a->base;
	return 0;
}

/* ---- Modbus ---------------------------------------------------------------------------------------------------- */

static struct modbus_request request_of(const struct asked *a)
{
	unsigned last = 0;

	for (unsigned i = 0; i < a->setup.count; i++)
		last = a->setup.input[i].line > last ? a->setup.input[i].line : last;
	return (struct modbus_request){.unit = (uint8_t)(a->setup.address ? a->setup.address : UNIT),
				       .function = MODBUS_READ_DISCRETE,
				       .count = (uint16_t)(last + 1)};
}

static size_t modbus_write(void *device, const struct dialogue_request *request, unsigned asked, uint8_t *buffer,
			   size_t size)
{
	struct asked *a = device;
	const struct modbus_request sent = request_of(a);

	(void)request, (void)asked;
	modbus_clear(&a->frames);
	return modbus_encode(&sent, buffer, size);
}

static void modbus_pace(const void *device, const struct dialogue_request *request, struct dialogue_pace *ret)
{
	const struct asked *a = device;
	const struct modbus_request sent = request_of(a);
	uint8_t frame[MODBUS_FRAME_MAX];
	size_t len = modbus_encode(&sent, frame, sizeof(frame));
	uint64_t free_ns = modbus_line_ns(a->baud, len + modbus_answer_len(&sent)) + THINKING_NS;

	(void)request;
	*ret = (struct dialogue_pace){.reply_ns = REPLY_NS,
				      .rest_ns = REPLY_NS,
				      .between_ns = free_ns > LOOK_EVERY_NS ? free_ns : LOOK_EVERY_NS};
}

static void modbus_take(struct asked *a, const struct modbus_answer *answer, uint64_t host_ns)
{
	char text[120];
	uint32_t on = 0;

	a->answers++;
	if (answer->exception) {
		snprintf(text, sizeof(text),
			 "the input module refuses with exception %u, %s: check \"line\" and \"address\"",
			 answer->exception, modbus_exception_text(answer->exception));
		refuse(a, -EREMOTEIO, text);
		return;
	}
	for (unsigned i = 0; i < answer->count; i++)
		on |= (uint32_t)(answer->value[i] != 0) << i;
	tell(a, on, host_ns);
}

static void modbus_bytes(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	struct asked *a = device;
	const struct modbus_request sent = request_of(a);
	struct modbus_answer answer;

	if (!dialogue_awaits(a->dialogue))
		a->frames.dropped += len;
	else if (modbus_feed(&a->frames, &sent, data, len, &answer))
		modbus_take(a, &answer, host_ns);
}

static const struct dialogue_ops modbus_speech = {
	.driver = &driver_modbus_inputs,
	.name = "input module",
	.waiting_max = 4,
	.encode = modbus_write,
	.bytes = modbus_bytes,
	.pace = modbus_pace,
};

static int modbus_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	return open_asked(&modbus_speech, open, LOOK, now_ns, ret, err);
}

/* ---- an instrument --------------------------------------------------------------------------------------------- */

static size_t scpi_write(void *device, const struct dialogue_request *request, unsigned asked, uint8_t *buffer,
			 size_t size)
{
	const struct asked *a = device;

	(void)asked;
	return (size_t)snprintf((char *)buffer, size, "%s\n", request->what == IDENTIFY ? "*IDN?" : a->setup.query);
}

/* Answers carry no tag: behind silence it rests, so that a late one is not taken for the next. */
static void scpi_pace(const void *device, const struct dialogue_request *request, struct dialogue_pace *ret)
{
	(void)device;
	*ret = (struct dialogue_pace){.reply_ns = DRIVER_REPLY_NS,
				      .rest_ns = DRIVER_REPLY_NS,
				      .between_ns = request->what == LOOK ? LOOK_EVERY_NS : 0};
}

static void scpi_identity(struct asked *a, const char *line)
{
	struct device_identity *id = &a->identity;

	sscanf(line, "%47[^,],%47[^,],%47[^,],%47[^,]", id->maker, id->model, id->serial, id->firmware);
}

static void scpi_take(struct asked *a, const char *line, uint64_t host_ns)
{
	char text[160];
	uint32_t on;

	a->answers++;
	if (dialogue_awaits(a->dialogue)->what == IDENTIFY) {
		scpi_identity(a, line);
		dialogue_ask(a->dialogue, LOOK, 0);
	} else if (inputs_read_number(a->setup.query, line, &on)) {
		tell(a, on, host_ns);
	} else {
		snprintf(text, sizeof(text), "it answers \"%.40s\" to \"%.60s\", which is no whole number for it", line,
			 a->setup.query);
		refuse(a, -EPROTO, text);
	}
}

static void scpi_bytes(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	struct asked *a = device;

	while (len > 0 && dialogue_state(a->dialogue) != DIALOGUE_LOST) {
		size_t used = len;
		if (lines_feed(&a->lines, data, len, &used) == LINES_LINE && dialogue_awaits(a->dialogue))
			scpi_take(a, a->lines.text, host_ns);
		data += used;
		len -= used;
	}
}

static const struct dialogue_ops scpi_speech = {
	.driver = &driver_scpi_inputs,
	.name = "input instrument",
	.waiting_max = 4,
	.encode = scpi_write,
	.bytes = scpi_bytes,
	.pace = scpi_pace,
};

static int scpi_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	return open_asked(&scpi_speech, open, IDENTIFY, now_ns, ret, err);
}

/* ---- the drivers ----------------------------------------------------------------------------------------------- */

static int asked_match(const struct link_identity *id)
{
	(void)id;
	return 0; /* a bench file names it */
}

static void asked_close(struct device *device)
{
	struct asked *a = asked_of(device);

	if (!a)
		return;
	dialogue_close(a->dialogue, NULL);
	free(a);
}

static void asked_on_tick(struct device *device, uint64_t now_ns)
{
	dialogue_tick(asked_of(device)->dialogue, now_ns);
}

static const struct device_identity *asked_identity(const struct device *device)
{
	return &asked_of_const(device)->identity;
}

static void asked_counters(const struct device *device, struct device_counters *ret)
{
	const struct asked *a = asked_of_const(device);

	*ret = (struct device_counters){.frames = a->answers, .resyncs = a->frames.dropped};
	dialogue_counters(a->dialogue, ret);
}

static const struct link *asked_link(const struct device *device)
{
	return dialogue_link(asked_of_const(device)->dialogue);
}

#define ASKED                                                                                                          \
	.roles = ROLE_BIT(ROLE_IO), .match = asked_match, .close = asked_close, .on_tick = asked_on_tick,              \
	.identity = asked_identity, .channels = driver_no_channels, .counters = asked_counters, .link = asked_link

static const struct input_lines module_lines = {.count = INPUT_LINES_MAX, .addressed = true};
static const struct input_lines instrument_lines = {.count = INPUT_LINES_MAX, .queried = true};

const struct driver driver_modbus_inputs = {
	.name = "modbus-inputs",
	.description = "emergency stop, door: discrete inputs of a module on Modbus RTU",
	.wants = {.usb_protocol = -1, .binary = true, .serial = {.baud = 9600}},
	.open = modbus_open,
	.lines = &module_lines,
	ASKED,
};

const struct driver driver_scpi_inputs = {
	.name = "scpi-inputs",
	.description = "emergency stop, door: digital inputs of an instrument that answers a query with their bits",
	.wants = {.usb_class = 0xFE,
		  .usb_subclass = 0x03,
		  .usb_protocol = -1,
		  .usbtmc = true,
		  .serial = {.baud = 9600},
		  .tcp_port = 5025},
	.open = scpi_open,
	.lines = &instrument_lines,
	ASKED,
};
