/* The queue, the request under way, and when a device counts as silent. */
#include "rig/driver/dialogue.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LAST_WAIT_NS (250 * NS_PER_MS) /* the longest that closing waits for the line */

/* Done, and not told yet. As many as there are verbs between two ticks: not bounded by what may wait. */
struct settled {
	struct settled *next;
	struct dialogue_request request;
	int status;
	bool used; /* of those that need no memory */
};

/* All that wait, the one under way, and as many that come meanwhile. */
#define SETTLED_OWN (2 * DIALOGUE_WAITING_MAX + 1)

struct dialogue {
	const struct dialogue_ops *ops;
	void *device;
	struct driver_host host;
	struct link *link;
	struct loop *loop; /* NULL: time comes with ticks and bytes alone */
	bool paced;
	uint64_t written_ns; /* when anything was written last; 0: never */
	uint64_t now_ns, ticked_ns;
	enum dialogue_state state;

	struct dialogue_request waiting[DIALOGUE_WAITING_MAX];
	unsigned waiting_count;
	struct settled *settled, **settled_tail;
	struct settled own[SETTLED_OWN];

	bool busy;    /* `active` is under way */
	bool resting; /* it is not asked before deadline_ns */
	bool excuse;  /* and then as if it had not been asked before */
	struct dialogue_request active;
	unsigned asked, silent, excused;
	uint64_t asked_ns, deadline_ns;
	uint64_t missed_ns; /* of this wait the host did not run so long */
	uint64_t stood_ns;  /* device_open.stood_ns */
	bool barred; /* the host stood still so long while `active` was under way: it switches nothing on any more */

	unsigned replies_due; /* of control requests that were sent and not answered: the last is that under way */
	uint64_t repeated, odd;
};

/* ---- asking ---------------------------------------------------------------------------------------------------- */

static void on_reply(void *ctx, int status, const uint8_t *data, size_t len);

static void write_control(struct dialogue *d, const struct dialogue_request *request, unsigned asked,
			  uint64_t deadline_ns)
{
	uint8_t data[DIALOGUE_MESSAGE_MAX] = {0};
	struct link_setup setup = {0};

	d->ops->control(d->device, request, asked, &setup, data);
	assert(setup.length <= sizeof(data));
	d->written_ns = d->now_ns;
	bool awaited = request == &d->active;
	int status = d->link->ops->control(d->link, &setup, data, deadline_ns, awaited ? on_reply : NULL, d);
	d->replies_due += awaited && status == 0;
}

static void write_request(struct dialogue *d, const struct dialogue_request *request, unsigned asked,
			  uint64_t deadline_ns)
{
	if (d->ops->control) {
		write_control(d, request, asked, deadline_ns);
		return;
	}
	uint8_t message[DIALOGUE_MESSAGE_MAX];
	size_t ahead = d->ops->ahead ? d->ops->ahead(d->device, request, message, sizeof(message)) : 0;

	if (ahead > 0)
		(void)d->link->ops->write(d->link, message, ahead, deadline_ns, NULL, NULL);
	size_t len = d->ops->encode(d->device, request, asked, message, sizeof(message));

	assert(len > 0 && len <= sizeof(message));
	d->written_ns = d->now_ns;
	/* A write that fails leaves the request unanswered: the reply time decides, or the link says that it is gone. */
	(void)d->link->ops->write(d->link, message, len, deadline_ns, NULL, NULL);
}

static struct dialogue_pace pace_of(const struct dialogue *d, const struct dialogue_request *request)
{
	struct dialogue_pace pace = {.reply_ns = DRIVER_REPLY_NS};

	if (d->ops->pace)
		d->ops->pace(d->device, request, &pace);
	return pace;
}

static uint64_t reply_due_ns(const struct dialogue *d, const struct dialogue_request *request)
{
	uint64_t held_ns = d->link->held_until_ns;

	return (d->now_ns > held_ns ? d->now_ns : held_ns) + pace_of(d, request).reply_ns;
}

static void begin_next(struct dialogue *d);
static void settle(struct dialogue *d, const struct dialogue_request *request, int status);

/* True from a standstill of the host to the tick that ends it. */
static bool has_stood(const struct dialogue *d)
{
	return d->stood_ns && d->ticked_ns && d->now_ns >= d->ticked_ns + d->stood_ns;
}

static bool switches_on(const struct dialogue *d, const struct dialogue_request *request)
{
	return d->ops->switches_on && d->ops->switches_on(request);
}

static void drop(struct dialogue *d)
{
	settle(d, &d->active, -ECANCELED);
	d->busy = d->resting = false;
	begin_next(d);
}

static void ask(struct dialogue *d, bool counted)
{
	if ((d->barred || has_stood(d)) && switches_on(d, &d->active)) {
		drop(d);
		return;
	}
	d->resting = false;
	d->asked_ns = d->now_ns;
	d->missed_ns = 0;
	d->deadline_ns = reply_due_ns(d, &d->active);
	write_request(d, &d->active, d->asked, d->deadline_ns);
	d->asked += counted;
}

static void rest(struct dialogue *d, uint64_t until_ns)
{
	d->resting = true;
	d->missed_ns = 0;
	d->deadline_ns = until_ns;
}

static void begin(struct dialogue *d, const struct dialogue_request *request)
{
	uint64_t free_ns = d->asked_ns + pace_of(d, request).between_ns;
	bool first = d->asked_ns == 0;

	d->busy = true;
	d->excuse = d->barred = false;
	d->active = *request;
	d->asked = d->silent = d->excused = 0;
	if (!first && d->now_ns < free_ns)
		rest(d, free_ns);
	else
		ask(d, true);
}

/* As if it had not been asked before: odd answers to come are allowed as many as ever. */
static void ask_anew(struct dialogue *d, bool excused)
{
	d->excuse = false;
	d->excused += excused;
	ask(d, !excused);
}

static void ask_again(struct dialogue *d, bool excused)
{
	uint64_t rest_ns = pace_of(d, &d->active).rest_ns;

	d->repeated++;
	d->excuse = excused;
	if (rest_ns > 0)
		rest(d, d->now_ns + rest_ns);
	else
		ask_anew(d, excused);
}

static void begin_next(struct dialogue *d)
{
	if (d->busy || d->state != DIALOGUE_READY || d->waiting_count == 0)
		return;
	struct dialogue_request next = d->waiting[0];
	d->waiting_count--;
	memmove(d->waiting, d->waiting + 1, d->waiting_count * sizeof(d->waiting[0]));
	begin(d, &next);
}

void dialogue_ask(struct dialogue *d, int what, double value)
{
	assert(d->state == DIALOGUE_OPENING);
	begin(d, &(const struct dialogue_request){.what = what, .value = value});
}

void dialogue_listen(struct dialogue *d)
{
	assert(d->state == DIALOGUE_OPENING);
	d->busy = false;
}

void dialogue_ready(struct dialogue *d)
{
	assert(d->state == DIALOGUE_OPENING);
	d->busy = false;
	d->state = DIALOGUE_READY;
	d->host.ready(d->host.ctx, 0, NULL);
	begin_next(d);
}

/* ---- what is done ---------------------------------------------------------------------------------------------- */

/* A computer without memory must be able to stop its pen. */
static struct settled *take_settled(struct dialogue *d)
{
	for (unsigned i = 0; i < SETTLED_OWN; i++)
		if (!d->own[i].used) {
			d->own[i].used = true;
			return &d->own[i];
		}
	return malloc(sizeof(struct settled));
}

static void give_back(struct dialogue *d, struct settled *settled)
{
	if (settled >= d->own && settled < d->own + SETTLED_OWN)
		settled->used = false;
	else
		free(settled);
}

/* Verbs never call back: what is settled inside one is told on the next tick. */
static void settle(struct dialogue *d, const struct dialogue_request *request, int status)
{
	if (!request->done)
		return;
	struct settled *settled = take_settled(d);
	assert(settled); /* a done that is lost is worse: somebody would wait for it for ever */
	settled->next = NULL;
	settled->request = *request;
	settled->status = status;
	*d->settled_tail = settled;
	d->settled_tail = &settled->next;
}

static int settled_err(const struct dialogue *d, int status, struct err *err)
{
	const char *name = d->ops->name;

	switch (status) {
	case -ENODEV: return err_set(err, status, "the %s is gone or silent", name);
	case -ENOBUFS: return err_set(err, status, "%u requests wait for this %s already", d->ops->waiting_max, name);
	default: return err_set(err, status, "cancelled: a stop, the end of the session or a standstill came first");
	}
}

/* Those that are settled meanwhile stay for the next time: a done that tries again at once would go on for ever. */
static void tell_settled(struct dialogue *d)
{
	struct settled *settled = d->settled;

	d->settled = NULL;
	d->settled_tail = &d->settled;
	while (settled) {
		struct settled *next = settled->next;
		struct err err;

		settled->request.done(settled->request.ctx, settled_err(d, settled->status, &err), &err);
		give_back(d, settled);
		settled = next;
	}
}

static void settle_waiting(struct dialogue *d, int status)
{
	for (unsigned i = 0; i < d->waiting_count; i++)
		settle(d, &d->waiting[i], status);
	d->waiting_count = 0;
}

static void settle_active(struct dialogue *d)
{
	if (d->busy)
		settle(d, &d->active, -ECANCELED);
	d->busy = false;
}

/* ---- verbs ----------------------------------------------------------------------------------------------------- */

void dialogue_submit(struct dialogue *d, const struct dialogue_request *request)
{
	if (d->state == DIALOGUE_LOST)
		settle(d, request, -ENODEV);
	else if (d->waiting_count == d->ops->waiting_max)
		settle(d, request, -ENOBUFS);
	else
		d->waiting[d->waiting_count++] = *request;
	begin_next(d);
}

void dialogue_stop(struct dialogue *d, const struct dialogue_request *request)
{
	settle_waiting(d, -ECANCELED);
	if (d->state == DIALOGUE_READY)
		settle_active(d);
	dialogue_submit(d, request);
}

void dialogue_tell(struct dialogue *d, const struct dialogue_request *request)
{
	write_request(d, request, 0, reply_due_ns(d, request));
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

const struct dialogue_request *dialogue_awaits(const struct dialogue *d)
{
	return d->busy && !d->resting ? &d->active : NULL;
}

unsigned dialogue_asked(const struct dialogue *d)
{
	return d->asked;
}

uint64_t dialogue_asked_ns(const struct dialogue *d)
{
	return d->asked_ns;
}

static void conclude(struct dialogue *d, int status, const struct err *err)
{
	struct dialogue_request request = d->active;

	d->busy = false;
	if (request.done)
		request.done(request.ctx, status, err);
	begin_next(d);
}

void dialogue_answered(struct dialogue *d)
{
	assert(d->busy && d->state == DIALOGUE_READY);
	conclude(d, 0, NULL);
}

void dialogue_reject(struct dialogue *d, unsigned asked_max, int status, const struct err *err)
{
	assert(status < 0);
	d->odd += status == -EPROTO || status == -EREMOTEIO;
	if (!d->busy || d->resting)
		return;
	if (d->asked < asked_max) {
		ask_again(d, false);
	} else if (d->state == DIALOGUE_OPENING) {
		dialogue_lose(d, status, err);
	} else {
		conclude(d, status, err);
	}
}

void dialogue_confirm(struct dialogue *d)
{
	assert(d->busy);
	ask(d, true);
}

/* ---- the loop -------------------------------------------------------------------------------------------------- */

/* The request under way learns why, those behind it that the device is gone. */
void dialogue_lose(struct dialogue *d, int status, const struct err *err)
{
	enum dialogue_state state = d->state;
	struct dialogue_request request = d->active;
	bool busy = d->busy;

	if (state == DIALOGUE_LOST)
		return;
	d->state = DIALOGUE_LOST;
	d->busy = false;
	if (d->ops->lost)
		d->ops->lost(d->device);
	settle_waiting(d, -ENODEV);
	if (busy && request.done)
		request.done(request.ctx, status, err);
	tell_settled(d);
	if (state == DIALOGUE_OPENING)
		d->host.ready(d->host.ctx, status, err);
	else
		d->host.lost(d->host.ctx, status, err);
}

static void fall_silent(struct dialogue *d)
{
	struct err err;

	err_set(&err, -ETIMEDOUT,
		"the %s has not answered within %u ms, twice: check its power, its cable and, on a serial line, the "
		"baud rate "
		"in the bench file",
		d->ops->name, (unsigned)(pace_of(d, &d->active).reply_ns / NS_PER_MS));
	if (pace_of(d, &d->active).forgiven && d->state == DIALOGUE_READY)
		conclude(d, -ETIMEDOUT, &err);
	else
		dialogue_lose(d, -ETIMEDOUT, &err);
}

static void advance(struct dialogue *d, uint64_t now_ns)
{
	d->now_ns = now_ns > d->now_ns ? now_ns : d->now_ns;
}

/* Others may have switched the device off meanwhile: what was to switch it on before that does not leave any more. What has left
 * may yet be answered, but is not asked again. */
static void look_behind(struct dialogue *d)
{
	unsigned kept = 0;

	if (!has_stood(d))
		return;
	d->barred = d->busy;
	if (d->ops->stood)
		d->ops->stood(d->device);
	for (unsigned i = 0; i < d->waiting_count; i++) {
		if (switches_on(d, &d->waiting[i]))
			settle(d, &d->waiting[i], -ECANCELED);
		else
			d->waiting[kept++] = d->waiting[i];
	}
	d->waiting_count = kept;
}

/* While the process did not run, no answer could be read: that time is not the device's. A question that was asked behind it,
 * in the turn that ended it, has missed nothing. */
static void note_missed(struct dialogue *d, uint64_t now_ns)
{
	uint64_t from_ns = d->ticked_ns && d->asked_ns > d->ticked_ns ? d->asked_ns : d->ticked_ns;
	uint64_t gap_ns = d->ticked_ns && now_ns > from_ns ? now_ns - from_ns : 0;

	d->ticked_ns = now_ns;
	if (gap_ns <= DIALOGUE_LATE_NS)
		return;
	d->deadline_ns += gap_ns - DRIVER_TICK_NS;
	d->missed_ns += gap_ns - DRIVER_TICK_NS;
}

static bool is_excused(const struct dialogue *d)
{
	return d->missed_ns > DIALOGUE_HELD_UP_NS && d->excused < DIALOGUE_EXCUSED_MAX;
}

void dialogue_tick(struct dialogue *d, uint64_t now_ns)
{
	advance(d, now_ns);
	look_behind(d);
	note_missed(d, now_ns);
	tell_settled(d);
	if (!d->busy || d->now_ns < d->deadline_ns)
		return;
	if (d->resting) {
		ask_anew(d, d->excuse);
		return;
	}
	bool excused = is_excused(d);
	if (!excused && d->silent++ > 0)
		fall_silent(d);
	else
		ask_again(d, excused);
}

static void on_bytes(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	struct dialogue *d = ctx;

	(void)end;
	advance(d, host_ns);
	look_behind(d);
	if (d->state != DIALOGUE_LOST)
		d->ops->bytes(d->device, data, len, host_ns);
}

/* A device answers its control requests in their order. */
static void on_reply(void *ctx, int status, const uint8_t *data, size_t len)
{
	struct dialogue *d = ctx;

	if (d->loop) {
		advance(d, loop_now_ns(d->loop));
		look_behind(d);
	}
	d->replies_due--;
	if (d->replies_due > 0 || !dialogue_awaits(d) || (status && status != -EPIPE))
		return; /* to what was given up; or no answer at all: its time decides */
	d->ops->replied(d->device, status, data, len);
}

static void on_gone(void *ctx, const struct err *why)
{
	dialogue_lose(ctx, -ENODEV, why);
}

enum dialogue_state dialogue_state(const struct dialogue *d)
{
	return d->state;
}

uint64_t dialogue_now_ns(const struct dialogue *d)
{
	return d->now_ns;
}

const struct link *dialogue_link(const struct dialogue *d)
{
	return d->link;
}

void dialogue_counters(const struct dialogue *d, struct device_counters *ret)
{
	ret->repeated_requests = d->repeated;
	ret->odd_replies = d->odd;
	d->link->ops->counters(d->link, &ret->link);
}

/* ---- open and close -------------------------------------------------------------------------------------------- */

int dialogue_open(const struct dialogue_ops *ops, void *device, const struct device_open *open, uint64_t now_ns,
		  struct dialogue **ret, struct err *err)
{
	assert(ops->waiting_max > 0 && ops->waiting_max <= DIALOGUE_WAITING_MAX);
	struct dialogue *d = calloc(1, sizeof(*d));
	if (!d)
		return err_set(err, -ENOMEM, "no memory for a %s", ops->name);
	d->ops = ops;
	d->device = device;
	d->host = open->host;
	d->loop = open->loop;
	d->paced = open->loop && loop_paced(open->loop);
	d->now_ns = now_ns;
	d->stood_ns = open->stood_ns;
	d->settled_tail = &d->settled;
	struct link_wants wants = ops->driver->wants;
	if (ops->wants)
		ops->wants(device, &wants);
	const struct link_opening opening = {
		.table = open->links,
		.loop = open->loop,
		.uri = open->uri,
		.wants = wants,
		.settings = open->settings,
		.adopted = open->adopted,
		.sink = {.ctx = d, .bytes = on_bytes, .gone = on_gone},
	};
	int status = link_open(&opening, &d->link, err);
	if (status) {
		free(d);
		return status;
	}
	*ret = d;
	return 0;
}

/* What is said into a line that is not free, or to a device that takes a pause, is heard by nobody. */
static void say_last(struct dialogue *d, const struct dialogue_request *last)
{
	uint64_t free_ns = d->written_ns ? d->written_ns + pace_of(d, last).between_ns : 0;
	uint64_t wait_ns = d->paced && free_ns > d->now_ns ? free_ns - d->now_ns : 0;

	if (wait_ns > LAST_WAIT_NS)
		wait_ns = LAST_WAIT_NS;
	if (wait_ns > 0)
		(void)nanosleep(&(const struct timespec){.tv_nsec = (long)wait_ns}, NULL);
	write_request(d, last, 0, reply_due_ns(d, last));
}

void dialogue_close(struct dialogue *d, const struct dialogue_request *last)
{
	if (!d)
		return;
	settle_active(d);
	if (last)
		say_last(d, last);
	d->state = DIALOGUE_LOST;
	settle_waiting(d, -ECANCELED);
	while (d->settled)
		tell_settled(d);
	link_close(d->link);
	free(d);
}
