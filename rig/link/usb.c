/* USB devices with bulk (or interrupt) endpoints, through libusb's asynchronous calls, its descriptors in our loop. The one call
 * that waits for a device, to clear a halt, goes to a thread; meanwhile the kernel holds the device, and whoever asked it for
 * anything would wait, too: nothing here does (held()). One libusb context per open link: opening scans afresh, so a stale device list cannot hide a device that came
 * back. Knows no protocol above transfers. */
#include "rig/link/link.h"

#include <assert.h>
#include <errno.h>
#include <libusb-1.0/libusb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rig/link/blocking.h"
#include "rig/link/name.h"
#include "rig/link/queue.h"

#define IN_TRANSFERS   8
#define IN_BYTES       16384 /* 8 x 16 KiB: 10 ms of a saturated high-speed bus, at 3 % of a CPU */
#define CONTROLS_MAX   16    /* control transfers waiting at a time */
#define PORTS_MAX      7     /* USB allows seven tiers */
#define OVERFLOWS_MAX  16
#define ERRORS_MAX     3                /* failures in a row that a live device may explain */
#define SUSPECT_NS     (80 * NS_PER_MS) /* "gone" is told within 100 ms */
#define PROBE_NS       (60 * NS_PER_MS)
#define STALL_RETRY_NS (100 * NS_PER_MS)
#define CLOSE_NS       (1 * NS_PER_S)
#define REAP_NS        (10 * NS_PER_MS)

struct usb_link;

struct usb_control {
	struct usb_control *next;
	struct usb_link *owner;
	struct libusb_transfer *transfer; /* NULL: answered without one */
	link_control_fn done;             /* NULL: already told */
	void *ctx;
	bool finished;
	bool waits;           /* not begun: the device is held */
	uint8_t clears;       /* the endpoint whose halt it is to clear: clear_halts() does it; 0: none */
	uint64_t deadline_ns; /* of one that waits */
	int status;
	size_t len;
	uint8_t buffer[]; /* setup packet, then data */
};

struct usb_in {
	struct usb_link *owner;
	struct libusb_transfer *transfer;
	uint8_t *buffer;
	bool active;
};

struct usb_pipe { /* an endpoint in use */
	uint8_t type;
	uint16_t packet;
	bool halted;
};

struct usb_out {
	struct libusb_transfer *transfer;
	struct link_write *write; /* what the transfer carries; stays after a failure until the cause is known */
	bool active, failed, told;
};

struct usb_presence { /* is the device still there? */
	bool left;    /* the hotplug event, or a call that said NO_DEVICE */
	bool suspect; /* until suspect_until_ns: something failed that an unplug makes fail */
	bool probed;
	uint64_t suspect_until_ns;
	unsigned errors_in_row;
};

struct usb_recovery { /* a live device that stalls or overflows is read again, at intervals and not for ever */
	uint64_t resume_ns;
	unsigned stalls_in_row, overflows_in_row;
};

struct usb_clearing { /* of a halt, on a thread: the members are its own until it is over */
	struct blocking *under_way;
	libusb_device_handle *handle;
	uint8_t endpoint;
};

struct usb_link {
	struct link link;
	struct loop *loop;
	struct link_sink sink;
	libusb_context *context;
	libusb_device *device;
	libusb_device_handle *handle;
	libusb_hotplug_callback_handle hotplug;
	struct link_identity id;
	struct link_counters counters;
	uint8_t alternate;
	bool claimed;

	struct usb_pipe pipe_in, pipe_out;
	struct usb_in in[IN_TRANSFERS];
	size_t piece, in_bytes; /* link_wants.usb_piece; and what of it whole packets make */
	bool message_open;
	struct usb_out out;
	struct usb_control *controls;
	unsigned active; /* transfers that libusb has */
	struct link_queue queue, finished;
	struct loop_timer timer;

	bool busy, closed, gone;
	bool fd_failed;
	struct usb_presence presence;
	struct usb_recovery recovery;
	struct usb_clearing clearing;
	uint64_t closed_by_ns; /* in real time: closing is done, or what is left is let go */
};

static void service(struct usb_link *self);

static int usb_errno(int code)
{
	switch (code) {
	case LIBUSB_SUCCESS: return 0;
	case LIBUSB_ERROR_ACCESS: return -EACCES;
	case LIBUSB_ERROR_NO_DEVICE:
	case LIBUSB_ERROR_NOT_FOUND: return -ENODEV;
	case LIBUSB_ERROR_BUSY: return -EBUSY;
	case LIBUSB_ERROR_TIMEOUT: return -ETIMEDOUT;
	case LIBUSB_ERROR_OVERFLOW: return -EOVERFLOW;
	case LIBUSB_ERROR_PIPE: return -EPIPE;
	case LIBUSB_ERROR_NO_MEM: return -ENOMEM;
	case LIBUSB_ERROR_NOT_SUPPORTED: return -ENOTSUP;
	default: return -EIO;
	}
}

static int transfer_errno(enum libusb_transfer_status status)
{
	switch (status) {
	case LIBUSB_TRANSFER_COMPLETED: return 0;
	case LIBUSB_TRANSFER_TIMED_OUT: return -ETIMEDOUT;
	case LIBUSB_TRANSFER_CANCELLED: return -ECANCELED;
	case LIBUSB_TRANSFER_STALL: return -EPIPE;
	case LIBUSB_TRANSFER_NO_DEVICE: return -ENODEV;
	case LIBUSB_TRANSFER_OVERFLOW: return -EOVERFLOW;
	case LIBUSB_TRANSFER_ERROR:
	default: return -EIO;
	}
}

/* ---- finding --------------------------------------------------------------------------------------------------- */

static void read_string(const char *port, const char *what, char *ret, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/usb/devices/%s/%s", port, what);
	link_read_line(path, ret, size);
}

/* Strings come from sysfs: the kernel read them when the device was plugged in, so this needs no permission and works
 * on a device that another program holds. */
static int identify(libusb_device *device, struct link_identity *ret)
{
	struct libusb_device_descriptor descriptor;
	struct link_identity id = {0};
	uint8_t ports[PORTS_MAX], bus = libusb_get_bus_number(device);
	int n = libusb_get_port_numbers(device, ports, PORTS_MAX);
	int len = snprintf(id.port, sizeof(id.port), "%u", bus);

	if (libusb_get_device_descriptor(device, &descriptor) || descriptor.bDeviceClass == LIBUSB_CLASS_HUB || n <= 0)
		return -ENODEV;
	for (int i = 0; i < n; i++)
		len += snprintf(id.port + len, sizeof(id.port) - (size_t)len, "%c%u", i ? '.' : '-', ports[i]);
	snprintf(id.node, sizeof(id.node), "/dev/bus/usb/%03u/%03u", bus, libusb_get_device_address(device));
	id.vid = descriptor.idVendor;
	id.pid = descriptor.idProduct;
	read_string(id.port, "serial", id.serial, sizeof(id.serial));
	read_string(id.port, "manufacturer", id.maker, sizeof(id.maker));
	read_string(id.port, "product", id.product, sizeof(id.product));
	if (id.serial[0])
		snprintf(id.uri, sizeof(id.uri), "usb:%04x:%04x:%s", id.vid, id.pid, id.serial);
	else
		snprintf(id.uri, sizeof(id.uri), "usb:port=%s", id.port);
	*ret = id;
	return 0;
}

static void use_endpoint(struct usb_link *self, const struct libusb_endpoint_descriptor *endpoint)
{
	uint8_t type = endpoint->bmAttributes & LIBUSB_TRANSFER_TYPE_MASK;
	bool in = endpoint->bEndpointAddress & LIBUSB_ENDPOINT_IN;
	uint8_t *address = in ? &self->id.usb_ep_in : &self->id.usb_ep_out,
		*have = in ? &self->pipe_in.type : &self->pipe_out.type;
	uint16_t packet = endpoint->wMaxPacketSize & 0x7ff;

	if ((type != LIBUSB_TRANSFER_TYPE_BULK && type != LIBUSB_TRANSFER_TYPE_INTERRUPT) || !packet)
		return;
	if (*address && (*have == LIBUSB_TRANSFER_TYPE_BULK || type == LIBUSB_TRANSFER_TYPE_INTERRUPT))
		return;
	*address = endpoint->bEndpointAddress;
	*have = type;
	*(in ? &self->pipe_in.packet : &self->pipe_out.packet) = packet;
}

static bool interface_fits(const struct libusb_interface_descriptor *face, const struct link_wants *wants)
{
	return face->bInterfaceClass == wants->usb_class &&
	       (wants->usb_subclass < 0 || face->bInterfaceSubClass == wants->usb_subclass) &&
	       (wants->usb_protocol < 0 || face->bInterfaceProtocol == wants->usb_protocol);
}

static bool use_interface(struct usb_link *self, const struct libusb_interface_descriptor *face)
{
	self->id.usb_ep_in = self->id.usb_ep_out = 0;
	for (int i = 0; i < face->bNumEndpoints; i++)
		use_endpoint(self, &face->endpoint[i]);
	self->id.usb_class = face->bInterfaceClass;
	self->id.usb_subclass = face->bInterfaceSubClass;
	self->id.usb_protocol = face->bInterfaceProtocol;
	self->id.usb_interface = face->bInterfaceNumber;
	self->alternate = face->bAlternateSetting;
	return self->id.usb_ep_in != 0;
}

static int choose_interface(struct usb_link *self, const struct link_wants *wants, struct err *err)
{
	struct libusb_config_descriptor *config;
	bool found = false;
	int code = libusb_get_active_config_descriptor(self->device, &config);

	if (code)
		return err_set(err, -EIO, "%s: cannot read its configuration (%s): plug it in again", self->id.uri,
			       libusb_strerror(code));
	for (int i = 0; !found && i < config->bNumInterfaces; i++) {
		const struct libusb_interface *interface = &config->interface[i];

		for (int a = 0; !found && a < interface->num_altsetting; a++)
			found = interface_fits(&interface->altsetting[a], wants) &&
				use_interface(self, &interface->altsetting[a]);
	}
	libusb_free_config_descriptor(config);
	if (!found)
		return err_set(
			err, -EINVAL,
			"%s has no interface of class %02x/%02x with an IN endpoint: another driver is meant for it",
			self->id.uri, wants->usb_class, wants->usb_subclass & 0xFF);
	return 0;
}

static int pick_device(struct usb_link *self, const struct link_name *name, libusb_device **devices, const char *uri,
		       struct err *err)
{
	struct link_identity id;
	int matches = 0;

	for (libusb_device **device = devices; *device; device++) {
		if (identify(*device, &id) || !link_name_matches(name, &id))
			continue;
		if (matches++ == 0) {
			self->device = libusb_ref_device(*device);
			self->id = id;
		}
	}
	if (!matches)
		return err_set(err, -ENODEV,
			       "usb:%s is not there: plug the device in, or see `penrig list` for its name", uri);
	if (matches > 1)
		return err_set(err, -EINVAL, "usb:%s fits %d devices; name the one you mean by its port: usb:port=%s",
			       uri, matches, self->id.port);
	return 0;
}

static int find(struct usb_link *self, const char *uri, struct err *err)
{
	libusb_device **devices;
	struct link_name name;
	int status = link_name_parse("usb", uri, &name, err);

	if (status)
		return status;
	if (libusb_get_device_list(self->context, &devices) < 0)
		return err_set(err, -EIO, "cannot list the USB devices of this machine");
	status = pick_device(self, &name, devices, uri, err);
	libusb_free_device_list(devices, 1);
	return status;
}

/* ---- transfers ------------------------------------------------------------------------------------------------- */

static void note_failure(struct usb_link *self, int code)
{
	if (code == LIBUSB_ERROR_NO_DEVICE)
		self->presence.left = true;
	if (self->presence.suspect)
		return;
	self->presence.suspect = true;
	self->presence.probed = false;
	self->presence.suspect_until_ns = loop_now_ns(self->loop) + SUSPECT_NS;
}

static void cancel_in(struct usb_link *self)
{
	for (int i = 0; i < IN_TRANSFERS; i++)
		if (self->in[i].active)
			libusb_cancel_transfer(self->in[i].transfer);
}

static void cancel_data(struct usb_link *self)
{
	cancel_in(self);
	if (self->out.active)
		libusb_cancel_transfer(self->out.transfer);
}

static bool held(const struct usb_link *self)
{
	return self->clearing.under_way != NULL;
}

static bool running(const struct usb_link *self)
{
	return !held(self) && !self->presence.suspect && !self->presence.left && !self->gone && !self->closed;
}

static void submit_in(struct usb_in *in)
{
	struct usb_link *self = in->owner;
	int code;

	if (in->active || self->pipe_in.halted || !running(self))
		return;
	code = libusb_submit_transfer(in->transfer);
	if (code) {
		note_failure(self, code);
		return;
	}
	in->active = true;
	self->active++;
}

static void deliver(struct usb_link *self, const struct libusb_transfer *transfer)
{
	size_t len = (size_t)transfer->actual_length;
	bool completed = transfer->status == LIBUSB_TRANSFER_COMPLETED;
	bool end = completed && len < self->in_bytes;
	bool tell = len || (end && self->message_open);

	self->counters.bytes_in += len;
	self->counters.transfers_in += completed;
	self->counters.short_transfers += end && len;
	self->counters.zero_length += completed && !len;
	if (len) {
		self->recovery.stalls_in_row = self->recovery.overflows_in_row = self->presence.errors_in_row = 0;
	}
	if (!tell || self->closed || self->gone)
		return;
	self->message_open = !end;
	self->sink.bytes(self->sink.ctx, transfer->buffer, len, end, loop_now_ns(self->loop));
}

static void in_stalled(struct usb_link *self)
{
	bool again = self->recovery.stalls_in_row > 0;

	if (self->pipe_in.halted) /* the transfers queued behind the one that met the halt */
		return;
	self->counters.stalls++;
	self->recovery.stalls_in_row++;
	self->pipe_in.halted = true;
	self->message_open = false;
	self->recovery.resume_ns = loop_now_ns(self->loop) + (again ? STALL_RETRY_NS : 0);
	cancel_in(self);
}

static void LIBUSB_CALL on_in(struct libusb_transfer *transfer)
{
	struct usb_in *in = transfer->user_data;
	struct usb_link *self = in->owner;

	in->active = false;
	self->active--;
	deliver(self, transfer); /* whatever the status: bytes that moved count */
	switch (transfer->status) {
	case LIBUSB_TRANSFER_COMPLETED: submit_in(in); break;
	case LIBUSB_TRANSFER_STALL: in_stalled(self); break;
	case LIBUSB_TRANSFER_OVERFLOW:
		self->counters.overruns++;
		if (++self->recovery.overflows_in_row > OVERFLOWS_MAX)
			note_failure(self, LIBUSB_ERROR_OVERFLOW);
		break;
	case LIBUSB_TRANSFER_NO_DEVICE: note_failure(self, LIBUSB_ERROR_NO_DEVICE); break;
	case LIBUSB_TRANSFER_ERROR:
		self->counters.failed_in++;
		note_failure(self, LIBUSB_ERROR_IO);
		break;
	case LIBUSB_TRANSFER_TIMED_OUT:
	case LIBUSB_TRANSFER_CANCELLED:
	default: break;
	}
}

static unsigned timeout_ms(const struct usb_link *self, uint64_t deadline_ns)
{
	uint64_t now_ns = loop_now_ns(self->loop);

	if (deadline_ns == LOOP_NEVER)
		return 0;
	if (deadline_ns <= now_ns)
		return 1;
	return (unsigned)((deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
}

static void finish_out(struct usb_link *self, int status)
{
	link_queue_finish(self->out.write, status, &self->finished);
	self->out.write = NULL;
	self->out.failed = false;
}

/* Tells how the write ended without waiting for its transfer, which may still read the data. */
static void abandon_out(struct usb_link *self, int status)
{
	struct link_write *write = self->out.write;

	if (!write || self->out.told)
		return;
	if (!self->out.active) {
		finish_out(self, status);
		return;
	}
	self->out.told = true;
	if (write->done)
		write->done(write->ctx, status);
}

static void LIBUSB_CALL on_out(struct libusb_transfer *transfer)
{
	struct usb_link *self = transfer->user_data;
	int status = transfer_errno(transfer->status);

	self->out.active = false;
	self->active--;
	self->counters.bytes_out += (uint64_t)transfer->actual_length;
	if (self->out.told)
		return;
	switch (status) {
	case 0:
		self->counters.transfers_out++;
		self->presence.errors_in_row = 0;
		finish_out(self, 0);
		break;
	case -EPIPE:
		self->counters.stalls++;
		self->pipe_out.halted = true;
		finish_out(self, -EPIPE);
		break;
	case -ETIMEDOUT: finish_out(self, -ETIMEDOUT); break;
	default: /* cancelled by a suspicion, or its cause */
		self->out.failed = true;
		note_failure(self, status == -ENODEV ? LIBUSB_ERROR_NO_DEVICE : LIBUSB_ERROR_IO);
		break;
	}
}

static void pump_out(struct usb_link *self)
{
	struct link_write *write;
	int code;

	if (self->out.write || self->pipe_out.halted || !running(self))
		return;
	write = link_queue_take(&self->queue);
	if (!write)
		return;
	self->out.write = write;
	libusb_fill_bulk_transfer(self->out.transfer, self->handle, self->id.usb_ep_out, write->data, (int)write->len,
				  on_out, self, timeout_ms(self, write->deadline_ns));
	self->out.transfer->type = self->pipe_out.type;
	self->out.transfer->flags = write->len % self->pipe_out.packet == 0 ? LIBUSB_TRANSFER_ADD_ZERO_PACKET : 0;
	code = libusb_submit_transfer(self->out.transfer);
	if (code) {
		self->out.failed = true;
		note_failure(self, code);
		return;
	}
	self->out.active = true;
	self->active++;
}

/* ---- control transfers ----------------------------------------------------------------------------------------- */

static void LIBUSB_CALL on_control(struct libusb_transfer *transfer)
{
	struct usb_control *control = transfer->user_data;
	struct usb_link *self = control->owner;

	self->active--;
	control->finished = true;
	control->status = transfer_errno(transfer->status);
	control->len = (size_t)transfer->actual_length;
	if (control->status == -ENODEV || control->status == -EIO)
		note_failure(self, control->status == -ENODEV ? LIBUSB_ERROR_NO_DEVICE : LIBUSB_ERROR_IO);
}

static void free_control(struct usb_control *control)
{
	libusb_free_transfer(control->transfer);
	free(control);
}

static void tell_control(struct usb_control *control, int status)
{
	link_control_fn done = control->done;

	control->done = NULL;
	if (done)
		done(control->ctx, status, control->buffer + LIBUSB_CONTROL_SETUP_SIZE, status ? 0 : control->len);
}

/* Starts over after each callback: it may have added a control transfer, or closed the link. */
static void report_controls(struct usb_link *self)
{
	struct usb_control **at = &self->controls;

	while (*at) {
		struct usb_control *control = *at;

		if (!control->finished) {
			at = &control->next;
			continue;
		}
		*at = control->next;
		tell_control(control, control->status);
		free_control(control);
		at = &self->controls;
	}
}

/* What sets something in a device that is still there leaves: its last order may be among it. */
static void abandon_controls(struct usb_link *self, int status)
{
	for (struct usb_control *control = self->controls; control; control = control->next) {
		bool leaves = status == -ECANCELED && !(control->buffer[0] & LIBUSB_ENDPOINT_IN);

		if (!control->finished && !leaves && control->transfer && !control->waits && !held(self))
			libusb_cancel_transfer(control->transfer);
		tell_control(control, control->finished ? control->status : status);
		control->finished |= control->waits && !leaves;
	}
}

static bool clears_halt(const struct link_setup *setup)
{
	return setup->request_type == LIBUSB_RECIPIENT_ENDPOINT && setup->request == LIBUSB_REQUEST_CLEAR_FEATURE &&
	       setup->value == 0;
}

/* Of the IN endpoint, once no transfer is under way. */
static void want_clear(struct usb_link *self, struct usb_control *control, uint8_t endpoint)
{
	control->clears = endpoint;
	if (endpoint == self->id.usb_ep_out)
		self->pipe_out.halted = true;
	if (endpoint != self->id.usb_ep_in)
		return;
	self->pipe_in.halted = true;
	self->message_open = false;
	self->recovery.resume_ns = 0;
	if (!held(self))
		cancel_in(self);
}

static int submit_control(struct usb_link *self, struct usb_control *control)
{
	control->transfer->timeout = timeout_ms(self, control->deadline_ns);
	int code = libusb_submit_transfer(control->transfer);

	control->waits = false;
	if (code) {
		note_failure(self, code);
		return usb_errno(code);
	}
	self->active++;
	return 0;
}

static int start_control(struct usb_link *self, struct usb_control *control, const struct link_setup *setup)
{
	if (clears_halt(setup)) {
		want_clear(self, control, (uint8_t)setup->index);
		return 0;
	}
	control->transfer = libusb_alloc_transfer(0);
	if (!control->transfer)
		return -ENOMEM;
	libusb_fill_control_transfer(control->transfer, self->handle, control->buffer, on_control, control, 0);
	control->waits = held(self);
	return control->waits ? 0 : submit_control(self, control);
}

/* Those that waited for the device to be let go, in their order. */
static void start_waiting(struct usb_link *self)
{
	for (struct usb_control *control = self->controls; control; control = control->next) {
		if (!control->waits || control->finished || held(self))
			continue;
		control->status = submit_control(self, control);
		control->finished = control->status != 0;
	}
}

static void expire_waiting(struct usb_link *self, uint64_t now_ns)
{
	for (struct usb_control *control = self->controls; control; control = control->next)
		if (control->waits && !control->finished && now_ns >= control->deadline_ns) {
			control->status = -ETIMEDOUT;
			control->finished = true;
		}
}

static int control_begin(struct usb_link *self, const struct link_setup *setup, const uint8_t *data,
			 uint64_t deadline_ns, link_control_fn done, void *ctx)
{
	struct usb_control *control, **tail = &self->controls;
	unsigned waiting = 0;
	int status;

	for (; *tail; tail = &(*tail)->next)
		waiting++;
	if (waiting >= CONTROLS_MAX)
		return -ENOBUFS;
	control = calloc(1, sizeof(*control) + LIBUSB_CONTROL_SETUP_SIZE + setup->length);
	if (!control)
		return -ENOMEM;
	control->owner = self;
	control->done = done;
	control->ctx = ctx;
	control->deadline_ns = deadline_ns;
	libusb_fill_control_setup(control->buffer, setup->request_type, setup->request, setup->value, setup->index,
				  setup->length);
	if (data && !(setup->request_type & LIBUSB_ENDPOINT_IN))
		memcpy(control->buffer + LIBUSB_CONTROL_SETUP_SIZE, data, setup->length);
	status = start_control(self, control, setup);
	if (status) {
		free_control(control);
		return status;
	}
	*tail = control;
	return 0;
}

/* ---- is it still there? ---------------------------------------------------------------------------------------- */

/* On some controllers the transfers of an unplugged device end in ERROR, milliseconds before anybody says that it left.
 * A device that answers GET_STATUS is there; one that does not has until suspect_until_ns for its LEFT event. What is under way
 * meanwhile goes on: cancelled, a read that has failed would look like one that was cancelled, and an order would not arrive. */
static void on_probe(void *ctx, int status, const uint8_t *data, size_t len)
{
	struct usb_link *self = ctx;

	(void)data;
	(void)len;
	if (status == -ENODEV)
		self->presence.left = true;
	if (status || self->presence.left || ++self->presence.errors_in_row > ERRORS_MAX)
		return;
	self->presence.suspect = false;
	if (self->out.failed)
		finish_out(self, -EIO);
}

static void probe(struct usb_link *self)
{
	const struct link_setup get_status = {.request_type = LIBUSB_ENDPOINT_IN, .length = 2};
	int status;

	self->presence.probed = true;
	status = control_begin(self, &get_status, NULL, loop_now_ns(self->loop) + PROBE_NS, on_probe, self);
	if (status == -ENODEV)
		self->presence.left = true;
}

static void unwatch_context(struct usb_link *self)
{
	const struct libusb_pollfd **fds = libusb_get_pollfds(self->context);

	libusb_set_pollfd_notifiers(self->context, NULL, NULL, NULL);
	for (const struct libusb_pollfd **fd = fds; fd && *fd; fd++)
		loop_fd_remove(self->loop, (*fd)->fd);
	libusb_free_pollfds(fds);
}

/* The descriptor of a device that is gone is ready all the time: whoever polled on, by real time, would keep a computer of one
 * core from taking the device down. */
static void go(struct usb_link *self)
{
	bool unplugged = self->presence.left;
	struct err why;

	self->gone = true;
	unwatch_context(self);
	loop_timer_cancel(self->loop, &self->timer);
	cancel_data(self);
	abandon_out(self, -ENODEV);
	link_queue_finish_all(&self->queue, -ENODEV, &self->finished);
	link_queue_report(&self->finished);
	if (!self->closed)
		abandon_controls(self, -ENODEV);
	if (self->closed)
		return;
	err_set(&why, -ENODEV, "%s (port %s) is gone: %s", self->id.uri, self->id.port,
		unplugged ? "unplugged, or without power" : "it answers nothing any more; plug it in again");
	self->sink.gone(self->sink.ctx, &why);
}

static bool in_idle(const struct usb_link *self)
{
	for (int i = 0; i < IN_TRANSFERS; i++)
		if (self->in[i].active)
			return false;
	return true;
}

static void finish_clears(struct usb_link *self, uint8_t endpoint, int status)
{
	for (struct usb_control *control = self->controls; control; control = control->next)
		if (control->clears == endpoint && !control->finished) {
			control->finished = true;
			control->status = status;
		}
}

/* Whose turn it is; 0: nobody's. */
static uint8_t halt_to_clear(struct usb_link *self, uint64_t now_ns)
{
	uint8_t in = self->id.usb_ep_in, out = self->id.usb_ep_out;

	if (self->pipe_in.halted && in_idle(self) && now_ns >= self->recovery.resume_ns)
		return in;
	if (self->pipe_out.halted)
		return out;
	for (const struct usb_control *control = self->controls; control; control = control->next)
		if (control->clears && !control->finished && control->clears != in && control->clears != out)
			return control->clears;
	return 0;
}

static int call_clear_halt(void *arg)
{
	const struct usb_clearing *clearing = arg;

	return libusb_clear_halt(clearing->handle, clearing->endpoint);
}

static int watch_context(struct usb_link *self, struct err *err);
static void leave(struct usb_link *self);

static void on_cleared(void *ctx, int code)
{
	struct usb_link *self = ctx;
	uint8_t endpoint = self->clearing.endpoint;
	struct err err;

	self->clearing.under_way = NULL;
	self->busy = true;
	if (endpoint == self->id.usb_ep_in)
		self->pipe_in.halted = false;
	else if (self->pipe_in.halted)
		cancel_in(self);
	if (endpoint == self->id.usb_ep_out)
		self->pipe_out.halted = false;
	finish_clears(self, endpoint, usb_errno(code));
	if (watch_context(self, &err))
		code = LIBUSB_ERROR_OTHER;
	if (code)
		note_failure(self, code);
	service(self);
	leave(self);
}

/* The kernel waits up to 5 s for the device to answer, and holds it so long; its descriptors would call us in vain. */
static void clear_halts(struct usb_link *self, uint64_t now_ns)
{
	uint8_t endpoint = halt_to_clear(self, now_ns);
	struct usb_clearing *clearing = &self->clearing;

	if (!endpoint)
		return;
	clearing->handle = self->handle;
	clearing->endpoint = endpoint;
	if (blocking_start(self->loop, call_clear_halt, clearing, on_cleared, self, &clearing->under_way)) {
		note_failure(self, LIBUSB_ERROR_NO_MEM);
		return;
	}
	unwatch_context(self);
}

static void rearm(struct usb_link *self)
{
	uint64_t deadline_ns = link_queue_deadline(&self->queue);

	if (self->gone || self->closed)
		return;
	for (const struct usb_control *control = self->controls; control; control = control->next) {
		if (control->finished)
			deadline_ns = 0;
		else if (control->waits && control->deadline_ns < deadline_ns)
			deadline_ns = control->deadline_ns;
	}
	if (self->finished.head || self->presence.left || (self->presence.suspect && !self->presence.probed))
		deadline_ns = 0;
	if (self->presence.suspect && self->presence.suspect_until_ns < deadline_ns)
		deadline_ns = self->presence.suspect_until_ns;
	if (self->pipe_in.halted && in_idle(self) && !held(self) && self->recovery.resume_ns < deadline_ns)
		deadline_ns = self->recovery.resume_ns;
	loop_timer_at(self->loop, &self->timer, deadline_ns);
}

/* One step of everything that transfers' callbacks only took note of. */
static void service(struct usb_link *self)
{
	uint64_t now_ns = loop_now_ns(self->loop);

	link_queue_expire(&self->queue, now_ns, &self->finished);
	link_queue_report(&self->finished);
	expire_waiting(self, now_ns);
	report_controls(self);
	if (self->closed || self->gone || held(self))
		return;
	if (self->presence.suspect && !self->presence.probed && !self->presence.left)
		probe(self);
	if (self->presence.left || (self->presence.suspect && now_ns >= self->presence.suspect_until_ns)) {
		go(self);
		return;
	}
	if (!running(self))
		return;
	clear_halts(self, now_ns);
	start_waiting(self);
	for (int i = 0; i < IN_TRANSFERS; i++)
		submit_in(&self->in[i]);
	pump_out(self);
}

/* ---- in the loop ----------------------------------------------------------------------------------------------- */

static void release(struct usb_link *self);

static void begin_close(struct usb_link *self)
{
	self->closed = self->busy = true;
	self->closed_by_ns = loop_clock_monotonic.now_ns(NULL) + CLOSE_NS;
	if (held(self) && blocking_end(self->clearing.under_way, CLOSE_NS))
		self->clearing.under_way = NULL;
}

static void leave(struct usb_link *self)
{
	self->busy = false;
	if (self->closed)
		release(self);
	else
		rearm(self);
}

static void on_fd(void *ctx, int fd, short revents)
{
	struct usb_link *self = ctx;
	struct timeval zero = {0};

	(void)fd;
	self->busy = true;
	libusb_handle_events_timeout_completed(self->context, &zero, NULL);
	if (revents & POLLHUP) /* before the kernel says so in any other way */
		self->presence.left = true;
	service(self);
	leave(self);
}

static void on_timer(void *ctx, uint64_t now_ns)
{
	struct usb_link *self = ctx;

	(void)now_ns;
	self->busy = true;
	service(self);
	leave(self);
}

static void LIBUSB_CALL on_fd_added(int fd, short events, void *ctx)
{
	struct usb_link *self = ctx;

	if (loop_fd_add(self->loop, fd, events, on_fd, self))
		self->fd_failed = true;
}

static void LIBUSB_CALL on_fd_removed(int fd, void *ctx)
{
	struct usb_link *self = ctx;

	loop_fd_remove(self->loop, fd);
}

static int LIBUSB_CALL on_left(libusb_context *context, libusb_device *device, libusb_hotplug_event event, void *ctx)
{
	struct usb_link *self = ctx;

	(void)context;
	(void)event;
	if (device == self->device)
		self->presence.left = true;
	return 0;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static int watch_context(struct usb_link *self, struct err *err)
{
	const struct libusb_pollfd **fds = libusb_get_pollfds(self->context);

	if (!libusb_pollfds_handle_timeouts(self->context) || !fds) {
		libusb_free_pollfds(fds);
		return err_set(err, -ENOTSUP,
			       "this libusb cannot run in an event loop (no timerfd): install another build");
	}
	for (const struct libusb_pollfd **fd = fds; *fd; fd++)
		on_fd_added((*fd)->fd, (*fd)->events, self);
	libusb_free_pollfds(fds);
	libusb_set_pollfd_notifiers(self->context, on_fd_added, on_fd_removed, self);
	return 0;
}

static int busy_text(const struct usb_link *self, struct err *err)
{
	char holder[sizeof(self->id.holder)];

	link_holder(self->id.node, holder, sizeof(holder));
	return err_set(err, -EBUSY, "%s is held by %s: close that program, or wait until it is done", self->id.uri,
		       *holder ? holder : "another program");
}

static int open_failed(const struct usb_link *self, int code, struct err *err)
{
	switch (code) {
	case LIBUSB_ERROR_ACCESS:
		return err_set(
			err, -EACCES,
			"no permission for %s (%s): put this line into /etc/udev/rules.d/71-penrig-local.rules and "
			"plug the "
			"device in again: SUBSYSTEM==\"usb\", ATTR{idVendor}==\"%04x\", ATTR{idProduct}==\"%04x\", "
			"MODE=\"0660\", GROUP=\"penrig\", TAG+=\"uaccess\" (`penrig doctor` has the whole of it)",
			self->id.uri, self->id.node, self->id.vid, self->id.pid);
	case LIBUSB_ERROR_BUSY: return busy_text(self, err);
	case LIBUSB_ERROR_NO_DEVICE:
	case LIBUSB_ERROR_NOT_FOUND:
		return err_set(err, -ENODEV, "%s went while it was being opened: plug it in again", self->id.uri);
	default: return err_set(err, -EIO, "cannot open %s: %s", self->id.uri, libusb_strerror(code));
	}
}

static int claim(struct usb_link *self, struct err *err)
{
	int code = libusb_open(self->device, &self->handle);

	if (code)
		return open_failed(self, code, err);
	libusb_set_auto_detach_kernel_driver(self->handle, 1);
	code = libusb_claim_interface(self->handle, self->id.usb_interface);
	if (code)
		return open_failed(self, code, err);
	self->claimed = true;
	if (self->alternate) {
		code = libusb_set_interface_alt_setting(self->handle, self->id.usb_interface, self->alternate);
		if (code)
			return open_failed(self, code, err);
	}
	return 0;
}

static int make_transfers(struct usb_link *self, struct err *err)
{
	size_t wanted = self->piece ? self->piece : IN_BYTES;

	self->in_bytes = (wanted + self->pipe_in.packet - 1U) / self->pipe_in.packet * self->pipe_in.packet;
	self->out.transfer = libusb_alloc_transfer(0);
	if (!self->out.transfer)
		return err_set(err, -ENOMEM, "out of memory for %s", self->id.uri);
	for (int i = 0; i < IN_TRANSFERS; i++) {
		struct usb_in *in = &self->in[i];

		in->owner = self;
		in->buffer = malloc(self->in_bytes);
		in->transfer = libusb_alloc_transfer(0);
		if (!in->buffer || !in->transfer)
			return err_set(err, -ENOMEM, "out of memory for %s", self->id.uri);
		libusb_fill_bulk_transfer(in->transfer, self->handle, self->id.usb_ep_in, in->buffer,
					  (int)self->in_bytes, on_in, in, 0);
		in->transfer->type = self->pipe_in.type;
	}
	return 0;
}

static int start(struct usb_link *self, struct err *err)
{
	int code = 0;

	/* Without hotplug events (no udev), failed transfers and the probe still tell that a device went. */
	if (libusb_has_capability(LIBUSB_CAP_HAS_HOTPLUG))
		code = libusb_hotplug_register_callback(self->context, LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT, 0,
							self->id.vid, self->id.pid, LIBUSB_HOTPLUG_MATCH_ANY, on_left,
							self, &self->hotplug);
	if (code)
		return open_failed(self, code, err);
	if (self->fd_failed)
		return err_set(err, -ENOSPC, "no room for %s in the event loop", self->id.uri);
	for (int i = 0; i < IN_TRANSFERS; i++)
		submit_in(&self->in[i]);
	if (self->presence.left || self->presence.suspect)
		return open_failed(self, LIBUSB_ERROR_NO_DEVICE, err);
	return 0;
}

static int make_context(libusb_context **ret, struct err *err)
{
	int code = libusb_init(ret);

	if (!code)
		return 0;
	if (access("/dev/bus/usb", F_OK))
		return err_set(err, -ENODEV, "this machine has no USB (/dev/bus/usb is missing)");
	return err_set(err, usb_errno(code), "cannot start libusb: %s", libusb_strerror(code));
}

static int open_device(struct usb_link *self, const char *uri, const struct link_wants *wants, struct err *err)
{
	int status = make_context(&self->context, err);

	if (status)
		return status;
	status = watch_context(self, err);
	if (!status)
		status = find(self, uri, err);
	if (!status)
		status = choose_interface(self, wants, err);
	if (!status)
		status = claim(self, err);
	if (!status)
		status = make_transfers(self, err);
	return status ? status : start(self, err);
}

static int usb_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		    struct link **ret, struct err *err)
{
	struct usb_link *self = calloc(1, sizeof(*self));
	int status;

	if (!self)
		return err_set(err, -ENOMEM, "out of memory for usb:%s", uri);
	*self = (struct usb_link){
		.link = {.ops = &link_usb}, .loop = loop, .sink = *sink, .timer = {.fn = on_timer, .ctx = self}};
	self->piece = wants->usb_piece;
	self->counters.counters_known = true;
	status = open_device(self, uri, wants, err);
	if (status) {
		begin_close(self);
		release(self);
		return status;
	}
	rearm(self);
	*ret = &self->link;
	return 0;
}

/* ---- closing --------------------------------------------------------------------------------------------------- */

/* Cancelled transfers come back through their callbacks; memory that the kernel may still write to is not freed. */
static bool reap(struct usb_link *self)
{
	cancel_data(self);
	while (self->active && loop_clock_monotonic.now_ns(NULL) < self->closed_by_ns) {
		struct timeval step = {.tv_usec = self->gone ? 0 : REAP_NS / 1000};

		libusb_handle_events_timeout_completed(self->context, &step, NULL);
		if (self->gone && self->active)
			(void)nanosleep(&(const struct timespec){.tv_nsec = REAP_NS}, NULL);
	}
	return self->active == 0;
}

static void free_transfers(struct usb_link *self)
{
	while (self->controls) {
		struct usb_control *control = self->controls;

		self->controls = control->next;
		free_control(control);
	}
	for (int i = 0; i < IN_TRANSFERS; i++) {
		libusb_free_transfer(self->in[i].transfer);
		free(self->in[i].buffer);
	}
	libusb_free_transfer(self->out.transfer);
}

static void release(struct usb_link *self)
{
	assert(self->closed);
	if (held(self))
		return; /* the thread that was given up has it still, and the kernel would let nobody else in */
	if (self->context) {
		unwatch_context(self);
		start_waiting(self);
		if (!reap(self))
			return; /* a driver that keeps a URB for a second has lost it: leak what it may still touch */
	}
	free_transfers(self);
	if (self->hotplug)
		libusb_hotplug_deregister_callback(self->context, self->hotplug);
	if (self->claimed)
		libusb_release_interface(self->handle, self->id.usb_interface);
	if (self->handle)
		libusb_close(self->handle);
	if (self->device)
		libusb_unref_device(self->device);
	if (self->context)
		libusb_exit(self->context);
	free(self->out.write);
	free(self);
}

static void usb_close(struct link *link)
{
	struct usb_link *self = (struct usb_link *)link;
	bool busy = self->busy;

	begin_close(self);
	loop_timer_cancel(self->loop, &self->timer);
	if (!held(self))
		cancel_data(self);
	abandon_out(self, -ECANCELED);
	link_queue_finish_all(&self->queue, -ECANCELED, &self->finished);
	link_queue_report(&self->finished);
	abandon_controls(self, -ECANCELED);
	if (!busy)
		release(self);
}

/* ---- the other operations -------------------------------------------------------------------------------------- */

static int usb_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		     void *ctx)
{
	struct usb_link *self = (struct usb_link *)link;
	int status;

	if (self->gone || self->closed || self->presence.left)
		return -ENODEV;
	if (!self->id.usb_ep_out)
		return -ENOTSUP;
	status = link_queue_add(&self->queue, data, len, deadline_ns, done, ctx);
	if (status)
		return status;
	pump_out(self);
	rearm(self);
	return 0;
}

static int usb_control(struct link *link, const struct link_setup *setup, const uint8_t *data, uint64_t deadline_ns,
		       link_control_fn done, void *ctx)
{
	struct usb_link *self = (struct usb_link *)link;
	int status;

	if (self->gone || self->closed || self->presence.left)
		return -ENODEV;
	status = control_begin(self, setup, data, deadline_ns, done, ctx);
	rearm(self);
	return status;
}

static void usb_identity(const struct link *link, struct link_identity *ret)
{
	*ret = ((const struct usb_link *)link)->id;
}

static void usb_counters(const struct link *link, struct link_counters *ret)
{
	*ret = ((const struct usb_link *)link)->counters;
}

/* HID but for what a boot menu knows: keyboards and mice. */
static bool of_interest(const struct libusb_interface_descriptor *face)
{
	return face->bInterfaceClass == LIBUSB_CLASS_VENDOR_SPEC ||
	       (face->bInterfaceClass == LIBUSB_CLASS_HID && face->bInterfaceSubClass == 0) ||
	       (face->bInterfaceClass == LIBUSB_CLASS_APPLICATION && face->bInterfaceSubClass == 3);
}

static void list_interfaces(libusb_device *device, struct link_identity *id,
			    void (*each)(void *ctx, const struct link_identity *id), void *ctx)
{
	struct libusb_config_descriptor *config;

	if (libusb_get_active_config_descriptor(device, &config))
		return;
	for (int i = 0; i < config->bNumInterfaces; i++) {
		struct usb_link face = {.id = *id};

		if (!config->interface[i].num_altsetting || !of_interest(&config->interface[i].altsetting[0]))
			continue;
		use_interface(&face, &config->interface[i].altsetting[0]);
		link_holder(face.id.node, face.id.holder, sizeof(face.id.holder));
		each(ctx, &face.id);
	}
	libusb_free_config_descriptor(config);
}

static int usb_list(void (*each)(void *ctx, const struct link_identity *id), void *ctx, struct err *err)
{
	struct link_identity id;
	libusb_context *context;
	libusb_device **devices;
	struct err why;
	int status = make_context(&context, &why);

	if (status)
		return status == -ENODEV ? 0 : err_set(err, status, "%s", why.text);
	if (libusb_get_device_list(context, &devices) < 0) {
		libusb_exit(context);
		return err_set(err, -EIO, "cannot list the USB devices of this machine");
	}
	for (libusb_device **device = devices; *device; device++)
		if (identify(*device, &id) == 0)
			list_interfaces(*device, &id, each, ctx);
	libusb_free_device_list(devices, 1);
	libusb_exit(context);
	return 0;
}

const struct link_ops link_usb = {
	.name = "usb",
	.scheme = "usb",
	.open = usb_open,
	.close = usb_close,
	.write = usb_write,
	.control = usb_control,
	.identity = usb_identity,
	.counters = usb_counters,
	.list = usb_list,
};
