#include "tests/integration/transfer_tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fixtures/virtual/inproc.h"

#define STALLED_NS (100 * NS_PER_MS)
#define SILENT_NS  (300 * NS_PER_MS)
#define LATE_NS    (150 * NS_PER_MS)

enum fault { UNPLUG, STALL, TIMEOUT, SHORT, ERROR, GARBAGE, DELAYED, DUPLICATED, BIT, FAULTS };

static const char *const fault_words[FAULTS] = {"unplug",  "stall",   "timeout",    "short", "error",
						"garbage", "delayed", "duplicated", "bit="};

static struct {
	unsigned long long at, count;
	enum fault fault;
	unsigned long long random, bit;
	FILE *list;
} tap;

/* What waits for its moment: bytes on their way in or out, or the word on a write. */
struct waiting {
	struct waiting *next;
	struct tapped *link;
	struct loop_timer timer;
	enum { COME_IN, GO_OUT, TELL, GONE } what;
	link_done_fn done;
	void *ctx;
	int status;
	bool end;
	uint64_t deadline_ns;
	size_t len;
	uint8_t data[];
};

struct tapped {
	struct link link;
	struct link *inner;
	struct loop *loop;
	struct link_sink sink;
	struct link_identity id;
	struct waiting *waiting;
	uint64_t in_not_before_ns, out_not_before_ns, in_lost_until_ns;
	bool gone, closed;
	unsigned busy;
};

/* ---- which transfer, and what becomes of it -------------------------------------------------------------------- */

bool transfer_tap_spoil(const char *text, unsigned long long seed)
{
	char *end;

	tap.at = strtoull(text, &end, 10);
	tap.random = seed * 2 + 1;
	for (unsigned i = 0; tap.at && *end == ',' && i < FAULTS; i++) {
		size_t len = strlen(fault_words[i]);
		if (strncmp(end + 1, fault_words[i], len) != 0)
			continue;
		tap.fault = (enum fault)i;
		tap.bit = i == BIT ? strtoull(end + 1 + len, &end, 10) : 0;
		return i == BIT ? !*end : !end[1 + len];
	}
	return false;
}

void transfer_tap_list(FILE *out)
{
	tap.list = out;
}

/* True: this is the one. */
static bool strikes(const struct tapped *t, const char *way, size_t len)
{
	tap.count++;
	if (tap.list)
		fprintf(tap.list, "%llu %s %s %zu %llu\n", tap.count, t->id.uri, way, len,
			(unsigned long long)loop_now_ns(t->loop));
	return tap.count == tap.at;
}

static uint8_t random_byte(void)
{
	tap.random = tap.random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint8_t)(tap.random >> 56);
}

/* A copy with one bit turned over, or of random bytes; the caller frees it. */
static uint8_t *change(const uint8_t *data, size_t len)
{
	uint8_t *changed = malloc(len + 1);

	if (!changed)
		abort();
	memcpy(changed, data, len);
	for (size_t i = 0; tap.fault == GARBAGE && i < len; i++)
		changed[i] = random_byte();
	if (tap.fault == BIT && tap.bit / 8 < len)
		changed[tap.bit / 8] ^= (uint8_t)(1u << tap.bit % 8);
	return changed;
}

/* ---- what waits ------------------------------------------------------------------------------------------------ */

static void release(struct tapped *t)
{
	if (!t->closed || t->busy)
		return;
	while (t->waiting) {
		struct waiting *w = t->waiting;
		t->waiting = w->next;
		loop_timer_cancel(t->loop, &w->timer);
		free(w);
	}
	free(t);
}

static void take_out(struct tapped *t, struct waiting *w)
{
	for (struct waiting **at = &t->waiting; *at; at = &(*at)->next)
		if (*at == w) {
			*at = w->next;
			return;
		}
}

static void on_due(void *ctx, uint64_t now_ns)
{
	struct waiting *w = ctx;
	struct tapped *t = w->link;
	int status = 0;

	take_out(t, w);
	t->busy++;
	if (w->what == COME_IN && !t->gone)
		t->sink.bytes(t->sink.ctx, w->data, w->len, w->end, now_ns);
	else if (w->what == GO_OUT)
		status = t->gone ? -ENODEV
				 : t->inner->ops->write(t->inner, w->data, w->len, w->deadline_ns, w->done, w->ctx);
	else if (w->what == GONE)
		t->sink.gone(t->sink.ctx, &(struct err){.text = "spoilt by the tap: gone"});
	else if (w->done)
		w->done(w->ctx, w->status);
	if (status && w->what == GO_OUT && w->done)
		w->done(w->ctx, status);
	free(w);
	t->busy--;
	release(t);
}

static struct waiting *wait(struct tapped *t, struct waiting what, const uint8_t *data, uint64_t at_ns)
{
	struct waiting *w = malloc(sizeof(*w) + what.len);

	if (!w)
		abort();
	*w = what;
	w->link = t;
	w->timer = (struct loop_timer){.fn = on_due, .ctx = w};
	if (what.len)
		memcpy(w->data, data, what.len);
	w->next = t->waiting;
	t->waiting = w;
	loop_timer_at(t->loop, &w->timer, at_ns);
	return w;
}

static void unplug(struct tapped *t)
{
	t->gone = true;
	t->inner->ops->close(t->inner); /* the device hears nothing more, and its dead-man counts from here */
	t->inner = NULL;
	wait(t, (struct waiting){.what = GONE}, NULL, loop_now_ns(t->loop));
}

/* ---- towards the host ------------------------------------------------------------------------------------------ */

static void come_in(struct tapped *t, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	if (host_ns >= t->in_not_before_ns) {
		t->sink.bytes(t->sink.ctx, data, len, end, host_ns);
		return;
	}
	wait(t, (struct waiting){.what = COME_IN, .len = len, .end = end}, data, t->in_not_before_ns++);
}

static void come_in_changed(struct tapped *t, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	uint8_t *changed = change(data, len);

	come_in(t, changed, len, end, host_ns);
	free(changed);
}

static void spoil_in(struct tapped *t, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	switch (tap.fault) {
	case UNPLUG: unplug(t); break;
	case STALL: t->in_not_before_ns = host_ns + STALLED_NS; break;
	case TIMEOUT: t->in_lost_until_ns = host_ns + SILENT_NS; break;
	case SHORT: come_in(t, data, len / 2, end, host_ns); break;
	case GARBAGE:
	case BIT: come_in_changed(t, data, len, end, host_ns); break;
	case DELAYED:
		t->in_not_before_ns = host_ns + LATE_NS;
		come_in(t, data, len, end, host_ns);
		break;
	case DUPLICATED:
		come_in(t, data, len, end, host_ns);
		if (!t->closed)
			come_in(t, data, len, end, host_ns);
		break;
	case ERROR:
	case FAULTS: break;
	}
}

static void on_bytes(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	struct tapped *t = ctx;
	bool struck = strikes(t, "in", len);

	if (t->gone || t->closed || host_ns < t->in_lost_until_ns)
		return;
	t->busy++;
	if (struck)
		spoil_in(t, data, len, end, host_ns);
	else
		come_in(t, data, len, end, host_ns);
	t->busy--;
	release(t);
}

static void on_gone(void *ctx, const struct err *why)
{
	struct tapped *t = ctx;

	t->gone = true;
	t->sink.gone(t->sink.ctx, why);
}

/* ---- towards the device ---------------------------------------------------------------------------------------- */

static int go_out(struct tapped *t, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done, void *ctx)
{
	if (loop_now_ns(t->loop) >= t->out_not_before_ns)
		return t->inner->ops->write(t->inner, data, len, deadline_ns, done, ctx);
	wait(t, (struct waiting){.what = GO_OUT, .done = done, .ctx = ctx, .deadline_ns = deadline_ns, .len = len},
	     data, t->out_not_before_ns++);
	return 0;
}

static int tell(struct tapped *t, int status, uint64_t at_ns, link_done_fn done, void *ctx)
{
	wait(t, (struct waiting){.what = TELL, .done = done, .ctx = ctx, .status = status}, NULL, at_ns);
	return 0;
}

static int go_out_changed(struct tapped *t, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
			  void *ctx)
{
	uint8_t *changed = change(data, len);
	int status = go_out(t, changed, len, deadline_ns, done, ctx);

	free(changed);
	return status;
}

static int spoil_out(struct tapped *t, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		     void *ctx)
{
	const uint64_t now_ns = loop_now_ns(t->loop);

	switch (tap.fault) {
	case UNPLUG: unplug(t); return tell(t, -ENODEV, now_ns, done, ctx);
	case STALL: return tell(t, -EPIPE, now_ns, done, ctx);
	case ERROR: return tell(t, -EIO, now_ns, done, ctx);
	case TIMEOUT: return tell(t, -ETIMEDOUT, deadline_ns, done, ctx);
	case SHORT:
		if (len / 2)
			(void)go_out(t, data, len / 2, deadline_ns, NULL, NULL);
		return tell(t, -ETIMEDOUT, deadline_ns, done, ctx);
	case GARBAGE:
	case BIT: return go_out_changed(t, data, len, deadline_ns, done, ctx);
	case DELAYED: t->out_not_before_ns = now_ns + LATE_NS; break;
	case DUPLICATED: (void)go_out(t, data, len, deadline_ns, NULL, NULL); break;
	case FAULTS: break;
	}
	return go_out(t, data, len, deadline_ns, done, ctx);
}

static int tapped_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
			void *ctx)
{
	struct tapped *t = (struct tapped *)link;

	if (t->gone)
		return -ENODEV;
	return strikes(t, "out", len) ? spoil_out(t, data, len, deadline_ns, done, ctx)
				      : go_out(t, data, len, deadline_ns, done, ctx);
}

static int tapped_control(struct link *link, const struct link_setup *setup, const uint8_t *data, uint64_t deadline_ns,
			  link_control_fn done, void *ctx)
{
	struct tapped *t = (struct tapped *)link;

	return t->gone ? -ENODEV : t->inner->ops->control(t->inner, setup, data, deadline_ns, done, ctx);
}

/* ---- the rest of a link ---------------------------------------------------------------------------------------- */

static void tapped_close(struct link *link)
{
	struct tapped *t = (struct tapped *)link;

	t->busy++;
	for (struct waiting *w = t->waiting; w; w = w->next)
		if (w->what == GO_OUT || w->what == TELL) {
			link_done_fn done = w->done;
			w->done = NULL;
			if (done)
				done(w->ctx, -ECANCELED);
		}
	if (t->inner)
		t->inner->ops->close(t->inner);
	t->inner = NULL;
	t->closed = true;
	t->busy--;
	release(t);
}

static void tapped_identity(const struct link *link, struct link_identity *ret)
{
	*ret = ((const struct tapped *)link)->id;
}

static void tapped_counters(const struct link *link, struct link_counters *ret)
{
	const struct tapped *t = (const struct tapped *)link;

	*ret = (struct link_counters){.counters_known = false};
	if (t->inner)
		t->inner->ops->counters(t->inner, ret);
}

static int open_tapped(const struct link_ops *inner, const struct link_ops *ops, struct loop *loop, const char *uri,
		       const struct link_wants *wants, const struct link_sink *sink, struct link **ret, struct err *err)
{
	struct tapped *t = calloc(1, sizeof(*t));
	const struct link_sink own = {.ctx = t, .bytes = on_bytes, .gone = on_gone};

	if (!t)
		return err_set(err, -ENOMEM, "out of memory for a link");
	t->link.ops = ops;
	t->loop = loop;
	t->sink = *sink;
	int status = inner->open(loop, uri, wants, &own, &t->inner, err);
	if (status) {
		free(t);
		return status;
	}
	inner->identity(t->inner, &t->id);
	*ret = &t->link;
	return 0;
}

static const struct link_ops tapped_usb, tapped_serial;

static int open_usb(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		    struct link **ret, struct err *err)
{
	return open_tapped(&inproc_usb, &tapped_usb, loop, uri, wants, sink, ret, err);
}

static int open_serial(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		       struct link **ret, struct err *err)
{
	return open_tapped(&inproc_serial, &tapped_serial, loop, uri, wants, sink, ret, err);
}

static const struct link_ops tapped_usb = {
	.name = "usb",
	.scheme = "usb",
	.open = open_usb,
	.close = tapped_close,
	.write = tapped_write,
	.control = tapped_control,
	.identity = tapped_identity,
	.counters = tapped_counters,
};

static const struct link_ops tapped_serial = {
	.name = "serial",
	.scheme = "serial",
	.open = open_serial,
	.close = tapped_close,
	.write = tapped_write,
	.identity = tapped_identity,
	.counters = tapped_counters,
};

const struct link_ops *const transfer_tap_table[] = {&tapped_serial, &tapped_usb, NULL};
