/* Contacts on the control lines of a serial port, between one that the port drives (DTR, RTS) and one that it reads. Nothing is
 * asked or written: the lines are looked at with every tick. */
#include "drivers/inputs/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *const words[] = {"cts", "dsr", "dcd", "ri", NULL};
static const enum link_line lines[] = {LINK_CTS, LINK_DSR, LINK_DCD, LINK_RI};

struct contacts {
	struct device base;
	struct driver_host host;
	struct inputs_setup setup;
	struct link *link;
	bool ready, lost;
	uint64_t looks;
	struct device_identity identity;
};

static struct contacts *contacts_of(struct device *device)
{
	return (struct contacts *)device;
}

static const struct contacts *contacts_of_const(const struct device *device)
{
	return (const struct contacts *)device;
}

static void lose(struct contacts *c, int status, const struct err *err)
{
	if (c->lost)
		return;
	c->lost = true;
	if (c->ready)
		c->host.lost(c->host.ctx, status, err);
	else
		c->host.ready(c->host.ctx, status, err);
}

static void on_bytes(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	(void)ctx, (void)data, (void)len, (void)end, (void)host_ns; /* contacts say nothing */
}

static void on_gone(void *ctx, const struct err *why)
{
	lose(ctx, -ENODEV, why);
}

static int no_lines(int status, struct err *err)
{
	return err_set(err, status, "%s",
		       status == -ENOTSUP ? "this serial port has no control lines: take one with CTS, DSR, DCD or RI"
					  : "the serial port is gone");
}

static void tell(struct contacts *c, unsigned bits, uint64_t now_ns)
{
	uint32_t on = 0;

	for (unsigned i = 0; i < COUNT(lines); i++)
		on |= (uint32_t)((bits & lines[i]) != 0) << i;
	c->looks++;
	c->host.inputs(c->host.ctx, &(const struct inputs_state){now_ns, inputs_closed_by(&c->setup, on)});
}

static void contacts_on_tick(struct device *device, uint64_t now_ns)
{
	struct contacts *c = contacts_of(device);
	unsigned bits;
	struct err err;

	if (c->lost || now_ns < c->link->held_until_ns)
		return;
	int status = c->link->ops->control_lines ? c->link->ops->control_lines(c->link, &bits) : -ENOTSUP;
	if (status) {
		lose(c, no_lines(status, &err), &err);
		return;
	}
	tell(c, bits, now_ns);
	if (!c->ready) {
		c->ready = true;
		c->host.ready(c->host.ctx, 0, NULL);
	}
}

static int contacts_match(const struct link_identity *id)
{
	(void)id; /* what hangs on an adapter does not show */
	return 0;
}

static int contacts_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct contacts *c;

	(void)now_ns;
	if (!open->inputs)
		return err_set(err, -EINVAL, "the driver \"serial-inputs\" needs the bench file's \"inputs\"");
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(err, -ENOMEM, "no memory for inputs");
	c->base.driver = &driver_serial_inputs;
	c->host = open->host;
	c->setup = *open->inputs;
	const struct link_opening opening = {
		.table = open->links,
		.loop = open->loop,
		.uri = open->uri,
		.wants = driver_serial_inputs.wants,
		.settings = open->settings,
		.sink = {.ctx = c, .bytes = on_bytes, .gone = on_gone},
	};
	int status = link_open(&opening, &c->link, err);
	if (status) {
		free(c);
		return status;
	}
	*ret = &c->base;
	return 0;
}

static void contacts_close(struct device *device)
{
	struct contacts *c = contacts_of(device);

	if (!c)
		return;
	link_close(c->link);
	free(c);
}

static const struct device_identity *contacts_identity(const struct device *device)
{
	return &contacts_of_const(device)->identity;
}

static void contacts_counters(const struct device *device, struct device_counters *ret)
{
	const struct contacts *c = contacts_of_const(device);

	*ret = (struct device_counters){.frames = c->looks};
	c->link->ops->counters(c->link, &ret->link);
}

static const struct link *contacts_link(const struct device *device)
{
	return contacts_of_const(device)->link;
}

static const struct input_lines input_lines = {.words = words, .count = COUNT(lines)};

const struct driver driver_serial_inputs = {
	.name = "serial-inputs",
	.description = "emergency stop, door: contacts on the control lines (CTS, DSR, DCD, RI) of a serial port",
	.roles = ROLE_BIT(ROLE_IO),
	.wants = {.usb_protocol = -1, .binary = true, .serial = {.baud = 9600}},
	.match = contacts_match,
	.open = contacts_open,
	.close = contacts_close,
	.on_tick = contacts_on_tick,
	.identity = contacts_identity,
	.channels = driver_no_channels,
	.counters = contacts_counters,
	.link = contacts_link,
	.lines = &input_lines,
};
