/* USBTMC over any link with control transfers: lines in, lines out. Begins with a clear, because a client that died may
 * have left half a message in the device, which would swallow our first command as its payload.
 * Keeps no time for answers: whoever asked does, and a new question abandons the one before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/link/link.h"
#include "rig/link/queue.h"
#include "rig/link/usbtmc_wire.h"

#define LINE_MAX_BYTES  4096
#define REPLY_MAX_BYTES 65536
#define CONTROL_NS      (250 * NS_PER_MS)
#define POLL_NS         (5 * NS_PER_MS)
#define POLLS_MAX       100 /* 0.5 s for the device to empty itself */
#define CLEARS_MAX      2
#define REQUEST_NS      (200 * NS_PER_MS)

enum step { READY, INITIATE_CLEAR, CHECK_CLEAR, CLEAR_HALT, INITIATE_ABORT, CHECK_ABORT };
enum receive { HEADER, PAYLOAD, DISCARD }; /* DISCARD: until the end of this transfer */

struct tmc_link {
	struct link link;
	struct link *below;
	struct loop *loop;
	struct link_sink sink;
	struct link_identity id;
	struct link_queue queue, finished;
	struct link_write *sending; /* its message is on the way */
	bool request_due;           /* its question is out, its request is not */
	bool asked;                 /* a request is out and not answered */
	uint8_t tag, asked_tag;
	enum step step;
	unsigned polls, clears;
	struct loop_timer poll_timer, queue_timer;
	unsigned busy;
	bool closed, gone;

	enum receive receive;
	uint8_t header[USBTMC_HEADER];
	size_t header_len;
	struct usbtmc_in in;
	size_t reply_len;
	uint8_t message[USBTMC_HEADER + USBTMC_PAD(LINE_MAX_BYTES)];
	uint8_t reply[REPLY_MAX_BYTES + 1]; /* and a newline */
};

static void pump(struct tmc_link *self);
static void take_step(struct tmc_link *self, enum step step);

/* Callbacks of the user may close us; what they return to must still stand. */
static void enter(struct tmc_link *self)
{
	self->busy++;
}

static void leave(struct tmc_link *self)
{
	self->busy--;
	if (self->closed && !self->busy)
		free(self);
}

static void rearm(struct tmc_link *self)
{
	if (!self->closed && !self->gone)
		loop_timer_at(self->loop, &self->queue_timer,
			      self->finished.head ? 0 : link_queue_deadline(&self->queue));
}

/* ---- clear and abort ------------------------------------------------------------------------------------------- */

static void forget_reply(struct tmc_link *self)
{
	self->asked = false;
	self->reply_len = 0;
	if (self->receive != HEADER || self->header_len)
		self->receive = DISCARD;
}

static void begin_clear(struct tmc_link *self)
{
	forget_reply(self);
	self->clears = 0;
	take_step(self, INITIATE_CLEAR);
}

static void begin_abort(struct tmc_link *self)
{
	forget_reply(self);
	take_step(self, INITIATE_ABORT);
}

static void step_failed(struct tmc_link *self)
{
	if (self->step == INITIATE_ABORT || self->step == CHECK_ABORT)
		begin_clear(self);
	else if (self->step != CLEAR_HALT && ++self->clears < CLEARS_MAX)
		take_step(self, INITIATE_CLEAR);
	else
		take_step(self,
			  READY); /* a device that cannot clear may still answer; if not, its driver sees silence */
}

static void poll_again(struct tmc_link *self)
{
	if (++self->polls > POLLS_MAX)
		step_failed(self);
	else
		loop_timer_at(self->loop, &self->poll_timer, loop_now_ns(self->loop) + POLL_NS);
}

static void step_answered(struct tmc_link *self, uint8_t status)
{
	bool checking = self->step == CHECK_CLEAR || self->step == CHECK_ABORT;

	if (status == USBTMC_STATUS_PENDING && checking) {
		poll_again(self);
		return;
	}
	if (status != USBTMC_STATUS_SUCCESS) {
		step_failed(self);
		return;
	}
	switch (self->step) {
	case INITIATE_CLEAR: take_step(self, CHECK_CLEAR); break;
	case CHECK_CLEAR: take_step(self, CLEAR_HALT); break;
	case INITIATE_ABORT: take_step(self, CHECK_ABORT); break;
	case CLEAR_HALT:
	case CHECK_ABORT:
	case READY:
	default: take_step(self, READY); break;
	}
}

static void on_step(void *ctx, int status, const uint8_t *data, size_t len)
{
	struct tmc_link *self = ctx;

	if (self->closed || self->gone || status == -ENODEV || status == -ECANCELED)
		return;
	enter(self);
	if (self->step == CLEAR_HALT)
		step_answered(self, USBTMC_STATUS_SUCCESS);
	else if (status || !len)
		step_failed(self);
	else
		step_answered(self, data[0]);
	leave(self);
}

static struct link_setup step_setup(const struct tmc_link *self)
{
	uint16_t in = self->id.usb_ep_in, face = self->id.usb_interface;

	switch (self->step) {
	case INITIATE_CLEAR: return (struct link_setup){USBTMC_REQUEST_INTERFACE, USBTMC_INITIATE_CLEAR, 0, face, 1};
	case CHECK_CLEAR: return (struct link_setup){USBTMC_REQUEST_INTERFACE, USBTMC_CHECK_CLEAR_STATUS, 0, face, 2};
	case INITIATE_ABORT:
		return (struct link_setup){USBTMC_REQUEST_ENDPOINT, USBTMC_INITIATE_ABORT_BULK_IN, self->asked_tag, in,
					   2};
	case CHECK_ABORT:
		return (struct link_setup){USBTMC_REQUEST_ENDPOINT, USBTMC_CHECK_ABORT_BULK_IN_STATUS, 0, in, 8};
	case CLEAR_HALT:
	case READY:
	default: /* CLEAR_FEATURE(ENDPOINT_HALT) of the OUT endpoint */
		return (struct link_setup){0x02, 1, 0, self->id.usb_ep_out, 0};
	}
}

static void send_step(struct tmc_link *self)
{
	struct link_setup setup = step_setup(self);
	int status = self->below->ops->control(self->below, &setup, NULL, loop_now_ns(self->loop) + CONTROL_NS, on_step,
					       self);

	/* Not sent at all: try again from the timer, bounded like any other poll. Where the device went, gone follows.
	 */
	if (status && status != -ENODEV)
		poll_again(self);
}

static void take_step(struct tmc_link *self, enum step step)
{
	self->step = step;
	self->polls = 0;
	if (step != READY) {
		send_step(self);
		return;
	}
	self->receive = HEADER; /* the device has emptied itself: whatever comes now begins with a header */
	self->header_len = 0;
	pump(self);
}

static void on_poll(void *ctx, uint64_t now_ns)
{
	struct tmc_link *self = ctx;

	(void)now_ns;
	enter(self);
	send_step(self);
	leave(self);
}

/* ---- lines out ------------------------------------------------------------------------------------------------- */

static void finish_line(struct tmc_link *self, int status)
{
	struct link_write *line = self->sending;

	self->sending = NULL;
	self->request_due = false;
	link_queue_finish(line, status, &self->finished);
	/* After a message that broke off, the device takes the next one for its rest. */
	if (status && status != -ENODEV && status != -ECANCELED && !self->closed && self->step == READY)
		begin_clear(self);
}

static void after_write(struct tmc_link *self)
{
	if (!self->closed)
		pump(self);
	link_queue_report(&self->finished);
	rearm(self);
	leave(self);
}

static void on_requested(void *ctx, int status)
{
	struct tmc_link *self = ctx;

	enter(self);
	if (self->sending)
		finish_line(self, status);
	after_write(self);
}

/* The device has more to say than it could in one message. */
static void on_more_requested(void *ctx, int status)
{
	struct tmc_link *self = ctx;

	enter(self);
	if (status && status != -ENODEV && status != -ECANCELED && !self->closed && self->step == READY)
		begin_clear(self);
	after_write(self);
}

static bool is_question(const struct link_write *line)
{
	return memchr(line->data, '?', line->len) != NULL;
}

static void on_sent(void *ctx, int status)
{
	struct tmc_link *self = ctx;

	enter(self);
	if (self->sending && !status && is_question(self->sending))
		self->request_due = true;
	else if (self->sending)
		finish_line(self, status);
	after_write(self);
}

static int send_request(struct tmc_link *self, uint64_t deadline_ns, link_done_fn done)
{
	uint8_t request[USBTMC_HEADER];
	int status;

	self->tag = usbtmc_next_tag(self->tag);
	usbtmc_put_request(request, self->tag, (uint32_t)(REPLY_MAX_BYTES - self->reply_len));
	status = self->below->ops->write(self->below, request, sizeof(request), deadline_ns, done, self);
	if (!status) {
		self->asked = true;
		self->asked_tag = self->tag;
	}
	return status;
}

static void send_line(struct tmc_link *self)
{
	struct link_write *line = link_queue_take(&self->queue);
	size_t len;
	int status;

	self->sending = line;
	self->tag = usbtmc_next_tag(self->tag);
	len = usbtmc_put_out(self->message, self->tag, line->data, line->len);
	status = self->below->ops->write(self->below, self->message, len, line->deadline_ns, on_sent, self);
	if (status)
		finish_line(self, status);
}

static void pump(struct tmc_link *self)
{
	while (!self->gone && self->step == READY) {
		if (self->request_due) {
			int status = send_request(self, self->sending->deadline_ns, on_requested);

			self->request_due = false;
			if (status)
				finish_line(self, status);
		} else if (self->sending || !self->queue.head) {
			break;
		} else if (self->asked && is_question(self->queue.head)) {
			begin_abort(self);
		} else {
			send_line(self);
		}
	}
	rearm(self);
}

static void on_queue_timer(void *ctx, uint64_t now_ns)
{
	struct tmc_link *self = ctx;

	enter(self);
	link_queue_expire(&self->queue, now_ns, &self->finished);
	link_queue_report(&self->finished);
	rearm(self);
	leave(self);
}

/* ---- replies in ------------------------------------------------------------------------------------------------ */

static void bad_reply(struct tmc_link *self)
{
	self->receive = DISCARD;
	if (self->asked && self->step == READY)
		begin_abort(self);
}

static void header_complete(struct tmc_link *self)
{
	if (self->step != READY) {
		self->receive = DISCARD;
	} else if (usbtmc_get_in(self->header, &self->in)) {
		bad_reply(self);
	} else if (!self->asked || self->in.tag != self->asked_tag) {
		self->receive = DISCARD; /* the late answer to a question that was given up */
	} else if (self->in.size > REPLY_MAX_BYTES - self->reply_len) {
		bad_reply(self);
	} else {
		self->receive = PAYLOAD;
	}
}

static void reply_complete(struct tmc_link *self, uint64_t host_ns)
{
	size_t len = self->reply_len;

	self->asked = false;
	self->receive = DISCARD; /* padding */
	if (!self->in.eom) {
		if (send_request(self, loop_now_ns(self->loop) + REQUEST_NS, on_more_requested))
			self->reply_len = 0;
		return;
	}
	self->reply_len = 0;
	if (self->reply[len - 1] != '\n')
		self->reply[len++] = '\n';
	self->sink.bytes(self->sink.ctx, self->reply, len, true, host_ns);
}

static size_t take_header(struct tmc_link *self, const uint8_t *data, size_t len)
{
	size_t n = USBTMC_HEADER - self->header_len;

	n = n < len ? n : len;
	memcpy(self->header + self->header_len, data, n);
	self->header_len += n;
	if (self->header_len == USBTMC_HEADER)
		header_complete(self);
	return n;
}

static size_t take_payload(struct tmc_link *self, const uint8_t *data, size_t len, uint64_t host_ns)
{
	size_t n = self->in.size < len ? self->in.size : len;

	memcpy(self->reply + self->reply_len, data, n);
	self->reply_len += n;
	self->in.size -= (uint32_t)n;
	if (!self->in.size)
		reply_complete(self, host_ns);
	return n;
}

static void transfer_ended(struct tmc_link *self)
{
	if (self->receive == PAYLOAD || (self->receive == HEADER && self->header_len))
		bad_reply(self);
	self->receive = HEADER;
	self->header_len = 0;
}

static void on_bytes(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	struct tmc_link *self = ctx;

	enter(self);
	while (len && !self->closed && self->receive != DISCARD) {
		size_t n =
			self->receive == HEADER ? take_header(self, data, len) : take_payload(self, data, len, host_ns);

		data += n;
		len -= n;
	}
	if (end && !self->closed)
		transfer_ended(self);
	if (!self->closed)
		pump(self);
	leave(self);
}

static void on_gone(void *ctx, const struct err *why)
{
	struct tmc_link *self = ctx;

	enter(self);
	self->gone = true;
	loop_timer_cancel(self->loop, &self->poll_timer);
	loop_timer_cancel(self->loop, &self->queue_timer);
	if (self->sending)
		finish_line(self, -ENODEV);
	link_queue_finish_all(&self->queue, -ENODEV, &self->finished);
	link_queue_report(&self->finished);
	if (!self->closed)
		self->sink.gone(self->sink.ctx, why);
	leave(self);
}

/* ---- the operations -------------------------------------------------------------------------------------------- */

static void tmc_close(struct link *link)
{
	struct tmc_link *self = (struct tmc_link *)link;

	enter(self);
	self->closed = true;
	loop_timer_cancel(self->loop, &self->poll_timer);
	loop_timer_cancel(self->loop, &self->queue_timer);
	self->below->ops->close(self->below);
	if (self->sending)
		finish_line(self, -ECANCELED);
	link_queue_finish_all(&self->queue, -ECANCELED, &self->finished);
	link_queue_report(&self->finished);
	leave(self);
}

static int tmc_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		     void *ctx)
{
	struct tmc_link *self = (struct tmc_link *)link;
	int status;

	if (self->gone || self->closed)
		return -ENODEV;
	if (len > LINE_MAX_BYTES)
		return -EMSGSIZE;
	if (len && memchr(data, '\n', len - 1))
		return -EINVAL;
	status = link_queue_add(&self->queue, data, len, deadline_ns, done, ctx);
	if (!status)
		pump(self);
	return status;
}

static int tmc_control(struct link *link, const struct link_setup *setup, const uint8_t *data, uint64_t deadline_ns,
		       link_control_fn done, void *ctx)
{
	struct tmc_link *self = (struct tmc_link *)link;

	return self->below->ops->control(self->below, setup, data, deadline_ns, done, ctx);
}

static void tmc_identity(const struct link *link, struct link_identity *ret)
{
	const struct tmc_link *self = (const struct tmc_link *)link;

	self->below->ops->identity(self->below, ret);
}

static void tmc_counters(const struct link *link, struct link_counters *ret)
{
	const struct tmc_link *self = (const struct tmc_link *)link;

	self->below->ops->counters(self->below, ret);
}

static const struct link_ops link_usbtmc = {
	.name = "usbtmc",
	.scheme = "usb",
	.close = tmc_close,
	.write = tmc_write,
	.control = tmc_control,
	.identity = tmc_identity,
	.counters = tmc_counters,
};

int link_usbtmc_open(const struct link_ops *usb, const char *uri, const struct link_opening *opening, struct link **ret,
		     struct err *err)
{
	struct tmc_link *self = calloc(1, sizeof(*self));
	struct link_sink own = {.ctx = self, .bytes = on_bytes, .gone = on_gone};
	int status;

	if (!self)
		return err_set(err, -ENOMEM, "out of memory for usb:%s", uri);
	if (!usb->control) {
		free(self);
		return err_set(err, -ENOTSUP, "usb:%s: USBTMC needs control transfers, which this link has not", uri);
	}
	self->link.ops = &link_usbtmc;
	self->loop = opening->loop;
	self->sink = opening->sink;
	self->poll_timer = (struct loop_timer){.fn = on_poll, .ctx = self};
	self->queue_timer = (struct loop_timer){.fn = on_queue_timer, .ctx = self};
	status = usb->open(opening->loop, uri, &opening->wants, &own, &self->below, err);
	if (status) {
		free(self);
		return status;
	}
	usb->identity(self->below, &self->id);
	begin_clear(self);
	*ret = &self->link;
	return 0;
}
