/* HID feature reports over any link with control transfers, for devices that speak in reports and not on their endpoints.
 * Each write is a report in the form that the kernel's hidraw has: its number, then its bytes. It is set, where it has
 * bytes, and read back, and what was read reaches the sink. What comes on the endpoints is dropped.
 * Keeps no time for answers: whoever asked does, and a new write abandons what the one before it would have read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/link/link.h"

#define GET_REPORT 0x01
#define SET_REPORT 0x09
#define TO_FACE    0x21 /* class request to an interface */
#define FROM_FACE  0xA1
#define FEATURE    0x0300

struct hid_link {
	struct link link;
	struct link *below;
	struct loop *loop;
	struct link_sink sink;
	struct link_identity id;
	uint16_t report_len; /* as many bytes as are asked for */
	uint64_t written;    /* the newest write, from 1 */
	unsigned busy;
	bool closed, gone;
};

/* A write under way: until each of its requests is over. */
struct hid_write {
	struct hid_link *owner;
	uint64_t number;
	link_done_fn done;
	void *ctx;
	unsigned requests;
	int status; /* the first that is none */
};

/* Callbacks of the user may close us; what they return to must still stand. */
static void enter(struct hid_link *self)
{
	self->busy++;
}

static void leave(struct hid_link *self)
{
	self->busy--;
	if (self->closed && !self->busy)
		free(self);
}

static void request_over(struct hid_write *write, int status)
{
	if (!write->status)
		write->status = status;
	if (--write->requests > 0)
		return;
	if (write->done)
		write->done(write->ctx, write->status);
	free(write);
}

static void on_set(void *ctx, int status, const uint8_t *data, size_t len)
{
	struct hid_write *write = ctx;
	struct hid_link *self = write->owner;

	(void)data;
	(void)len;
	enter(self);
	request_over(write, status);
	leave(self);
}

static void on_read(void *ctx, int status, const uint8_t *data, size_t len)
{
	struct hid_write *write = ctx;
	struct hid_link *self = write->owner;
	bool newest = write->number == self->written;

	enter(self);
	request_over(write, status);
	if (status == 0 && len > 0 && newest && !self->closed && !self->gone)
		self->sink.bytes(self->sink.ctx, data, len, true, loop_now_ns(self->loop));
	leave(self);
}

static void on_bytes(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	(void)ctx;
	(void)data;
	(void)len;
	(void)end;
	(void)host_ns;
}

static void on_gone(void *ctx, const struct err *why)
{
	struct hid_link *self = ctx;

	enter(self);
	self->gone = true;
	if (!self->closed)
		self->sink.gone(self->sink.ctx, why);
	leave(self);
}

/* ---- the operations -------------------------------------------------------------------------------------------- */

static void hid_close(struct link *link)
{
	struct hid_link *self = (struct hid_link *)link;

	enter(self);
	self->closed = true;
	self->below->ops->close(self->below);
	leave(self);
}

static int request(struct hid_write *write, const struct link_setup *setup, const uint8_t *data, uint64_t deadline_ns)
{
	struct link *below = write->owner->below;
	int status = below->ops->control(below, setup, data, deadline_ns, data ? on_set : on_read, write);

	write->requests += status == 0;
	return status;
}

/* Both requests are handed on at once: the wire keeps their order, and a report that is set leaves even where the link is
 * closed behind it. */
static int hid_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		     void *ctx)
{
	struct hid_link *self = (struct hid_link *)link;
	struct link_setup setup = {.value = FEATURE, .index = self->id.usb_interface};

	if (self->gone || self->closed)
		return -ENODEV;
	if (len == 0)
		return -EINVAL;
	if (len > 1 + LINK_HID_REPORT_MAX)
		return -EMSGSIZE;
	struct hid_write *write = calloc(1, sizeof(*write));
	if (!write)
		return -ENOMEM;
	*write = (struct hid_write){.owner = self, .number = ++self->written, .done = done, .ctx = ctx};
	setup.value |= data[0];
	setup.request_type = TO_FACE;
	setup.request = SET_REPORT;
	setup.length = (uint16_t)(len - 1);
	int status = len > 1 ? request(write, &setup, data + 1, deadline_ns) : 0;
	setup.request_type = FROM_FACE;
	setup.request = GET_REPORT;
	setup.length = self->report_len;
	if (!status)
		status = request(write, &setup, NULL, deadline_ns);
	if (!write->requests)
		free(write);
	else
		status = 0; /* it ends with what is under way of it */
	return status;
}

static int hid_control(struct link *link, const struct link_setup *setup, const uint8_t *data, uint64_t deadline_ns,
		       link_control_fn done, void *ctx)
{
	struct hid_link *self = (struct hid_link *)link;

	return self->below->ops->control(self->below, setup, data, deadline_ns, done, ctx);
}

static void hid_identity(const struct link *link, struct link_identity *ret)
{
	const struct hid_link *self = (const struct hid_link *)link;

	self->below->ops->identity(self->below, ret);
}

static void hid_counters(const struct link *link, struct link_counters *ret)
{
	const struct hid_link *self = (const struct hid_link *)link;

	self->below->ops->counters(self->below, ret);
}

static const struct link_ops link_hid = {
	.name = "hid",
	.scheme = "usb",
	.close = hid_close,
	.write = hid_write,
	.control = hid_control,
	.identity = hid_identity,
	.counters = hid_counters,
};

int link_hid_open(const struct link_ops *usb, const char *uri, const struct link_opening *opening, struct link **ret,
		  struct err *err)
{
	struct hid_link *self = calloc(1, sizeof(*self));
	const struct link_sink own = {.ctx = self, .bytes = on_bytes, .gone = on_gone};

	if (!self)
		return err_set(err, -ENOMEM, "out of memory for usb:%s", uri);
	if (!usb->control) {
		free(self);
		return err_set(err, -ENOTSUP, "usb:%s: reports need control transfers, which this link has not", uri);
	}
	self->link.ops = &link_hid;
	self->loop = opening->loop;
	self->sink = opening->sink;
	self->report_len = opening->wants.hid_report;
	int status = usb->open(opening->loop, uri, &opening->wants, &own, &self->below, err);
	if (status) {
		free(self);
		return status;
	}
	usb->identity(self->below, &self->id);
	*ret = &self->link;
	return 0;
}
