/* Before a job of a batch: waits until the pen is as cool and its battery as full as the batch asks. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "rig/cli/batch.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/opening.h"
#include "rig/cli/kit/signals.h"

#define ASK_NS   NS_PER_S
#define STALE_NS (10 * NS_PER_S) /* a value that is older says nothing of now */
#define SAY_NS   (600 * NS_PER_S)

enum reading { HANDLE, AMBIENT, BATTERY, READINGS };

static const char *const sites[] = {[HANDLE] = "handle", [AMBIENT] = "ambient"};

struct value {
	double now;
	uint64_t host_ns; /* 0: never heard */
	bool wanted;
};

struct watched {
	struct readying *all;
	const struct bench_device *bench;
	const struct driver *driver;
	struct device *device;
	bool ready, pen;
};

struct readying {
	const struct batch_wait *about;
	struct bench *bench;
	struct loop *loop;
	struct loop_timer timer;
	struct watched device[BENCH_DEVICES_MAX];
	unsigned devices;
	struct value value[READINGS];
	bool by_thermometer; /* the handle: the pen's own word does not count */
	bool asking, ran, ordered;
	uint64_t began_ns, asked_ns, said_ns, open_by_ns;
	bool ended;
	int status, signal;
	struct err err;
};

static void end(struct readying *r, int status, const struct err *err)
{
	if (r->ended)
		return;
	r->ended = true;
	r->status = status;
	if (status && err)
		r->err = *err;
	loop_stop(r->loop);
}

static void hear(struct readying *r, enum reading which, double now, uint64_t host_ns)
{
	if (isfinite(now))
		r->value[which] = (struct value){now, host_ns, r->value[which].wanted};
}

/* ---- what devices say ---------------------------------------------------------------------------------------------- */

static void on_started(void *ctx, int status, const struct err *err)
{
	if (status && status != -ECANCELED)
		end(((struct watched *)ctx)->all, status, err);
}

static void on_ready(void *ctx, int status, const struct err *err)
{
	struct watched *w = ctx;

	w->ready = status == 0;
	if (status)
		end(w->all, status, err);
	else if (!w->pen && w->driver->stream)
		w->driver->stream->start(w->device, on_started, w);
}

static void on_lost(void *ctx, int status, const struct err *err)
{
	end(((struct watched *)ctx)->all, status, err);
}

static void on_block(void *ctx, const struct sample_block *block)
{
	struct watched *w = ctx;
	unsigned count;
	const struct channel *channel = w->driver->channels(w->device, &count);

	for (unsigned i = 0; i < count && block->frames; i++)
		for (unsigned k = HANDLE; k <= AMBIENT; k++) {
			const struct channel *c = &channel[i];
			if (c->stream != block->stream || c->quantity != QUANTITY_TEMPERATURE ||
			    strcmp(c->name, sites[k]) != 0)
				continue;
			w->all->by_thermometer |= k == HANDLE;
			hear(w->all, k,
			     c->offset + c->scale * block->counts[(block->frames - 1) * block->channels + c->position],
			     block->host_ns);
		}
}

static void on_telemetry(void *ctx, const struct pen_telemetry *telemetry)
{
	struct watched *w = ctx;

	w->all->ran |= w->ready && telemetry->running;
	hear(w->all, BATTERY, telemetry->battery_v, telemetry->host_ns);
	if (!w->all->by_thermometer)
		hear(w->all, HANDLE, telemetry->handle_c, telemetry->host_ns);
}

static void on_inputs(void *ctx, const struct inputs_state *state)
{
	(void)ctx, (void)state;
}

static void on_event(void *ctx, uint32_t condition, const char *text)
{
	(void)ctx, (void)condition, (void)text;
}

/* ---- asking and deciding ------------------------------------------------------------------------------------------- */

static void on_asked(void *ctx, int status, const struct err *err)
{
	struct readying *r = ((struct watched *)ctx)->all;

	r->asking = false;
	if (status && status != -ECANCELED)
		end(r, status, err);
}

static void on_stopped(void *ctx, int status, const struct err *err)
{
	struct err text;

	end(((struct watched *)ctx)->all, -EREMOTEIO,
	    err_set(&text, -EREMOTEIO, "the pen ran while it was waited for, and was ordered off: %s",
		    status && err ? err->text : "it says that its motor is off")
		    ? &text
		    : NULL);
}

static void ask_pen(struct readying *r, uint64_t now_ns)
{
	for (unsigned i = 0; i < r->devices; i++) {
		struct watched *w = &r->device[i];
		if (!w->pen || !w->ready)
			continue;
		if (r->ran && !r->ordered) {
			r->ordered = true;
			w->driver->pen->stop(w->device, on_stopped, w);
		} else if (!r->asking && !r->ordered && now_ns >= r->asked_ns + ASK_NS) {
			r->asking = true;
			r->asked_ns = now_ns;
			w->driver->pen->telemetry(w->device, on_asked, w);
		}
	}
}

static bool all_ready(const struct readying *r)
{
	for (unsigned i = 0; i < r->devices; i++)
		if (!r->device[i].ready)
			return false;
	return true;
}

/* NULL: all that is wanted is known as it is now. */
static const char *unknown(const struct readying *r, uint64_t now_ns)
{
	static const char *const what[] = {
		[HANDLE] = "neither a thermometer of the bench nor the pen says how warm its handle is",
		[AMBIENT] = "no thermometer of the bench says how warm the room is (a channel \"ambient\")",
		[BATTERY] = "the pen does not say what its battery has",
	};

	for (unsigned k = 0; k < READINGS; k++)
		if (r->value[k].wanted && (!r->value[k].host_ns || now_ns > r->value[k].host_ns + STALE_NS))
			return what[k];
	return NULL;
}

static void tell(const struct readying *r, char *ret, size_t size)
{
	const struct batch_ready *goal = &r->about->batch->ready;
	size_t len = 0;

	*ret = '\0';
	if (r->value[HANDLE].wanted)
		len = (size_t)snprintf(ret, size, "the handle has %.1f degC, the room %.1f, and %g K apart are allowed",
				       r->value[HANDLE].now, r->value[AMBIENT].now, goal->handle_within_k);
	if (r->value[BATTERY].wanted)
		snprintf(ret + len, size - len, "%sthe battery has %.3g V of %.3g", len ? "; " : "",
			 r->value[BATTERY].now, goal->battery_min_v);
}

static double seconds_waited(const struct readying *r)
{
	return (double)(loop_now_ns(r->loop) - r->began_ns) * 1e-9;
}

static bool is_reached(const struct readying *r)
{
	const struct batch_ready *goal = &r->about->batch->ready;
	bool cool = fabs(r->value[HANDLE].now - r->value[AMBIENT].now) <= goal->handle_within_k;

	return (cool || !r->value[HANDLE].wanted) &&
	       (r->value[BATTERY].now >= goal->battery_min_v || !r->value[BATTERY].wanted);
}

static void look(struct readying *r, uint64_t now_ns)
{
	const char *missing = unknown(r, now_ns);
	char text[200];
	struct err err;

	if (r->ran) /* it ends with the answer to its stop */
		return;
	if (missing && now_ns > r->open_by_ns + STALE_NS)
		end(r, err_set(&err, -ENODATA, "%s", missing), &err);
	if (missing)
		return;
	tell(r, text, sizeof(text));
	if (is_reached(r)) {
		if (r->said_ns)
			fprintf(r->about->say, "ready after %.0f s: %s\n", seconds_waited(r), text);
		end(r, 0, NULL);
	} else if (seconds_waited(r) >= r->about->batch->ready.wait_max_s) {
		end(r, err_set(&err, -ETIMEDOUT, "not ready after %g s: %s", r->about->batch->ready.wait_max_s, text),
		    &err);
	} else if (now_ns >= r->said_ns) {
		fprintf(r->about->say, "waiting: %s\n", text);
		fflush(r->about->say);
		r->said_ns = now_ns + SAY_NS;
	}
}

static void on_tick(void *ctx, uint64_t now_ns)
{
	struct readying *r = ctx;
	struct err err;

	for (unsigned i = 0; i < r->devices; i++)
		if (r->device[i].device)
			r->device[i].driver->on_tick(r->device[i].device, now_ns);
	ask_pen(r, now_ns);
	if (all_ready(r))
		look(r, now_ns);
	else if (now_ns > r->open_by_ns)
		end(r, err_set(&err, -ETIMEDOUT, "a device does not say who it is: penrig doctor"), &err);
	loop_timer_at(r->loop, &r->timer, now_ns + DRIVER_TICK_NS);
}

static void on_signal(void *ctx, int number)
{
	struct readying *r = ctx;
	struct err err;

	r->signal = number;
	end(r, err_set(&err, -EINTR, "ended by signal %d", number), &err);
}

/* ---- from opening to closing --------------------------------------------------------------------------------------- */

static int open_one(struct readying *r, const struct bench_device *bench, bool pen, struct err *err)
{
	struct watched *w = &r->device[r->devices++];
	char uri[LINK_NAME_MAX];

	*w = (struct watched){
		.all = r, .bench = bench, .driver = opening_driver(r->about->tables, bench->driver), .pen = pen};
	snprintf(uri, sizeof(uri), "%s", bench->link);
	int status = pen ? bench_pen_link(r->bench, r->about->pen, uri, sizeof(uri), err) : 0;
	const struct opening opening = {
		.tables = r->about->tables,
		.bench = r->bench,
		.device = bench,
		.uri = uri,
		.loop = r->loop,
		.host = {.ctx = w,
			 .ready = on_ready,
			 .block = on_block,
			 .telemetry = on_telemetry,
			 .inputs = on_inputs,
			 .event = on_event,
			 .lost = on_lost},
	};
	uint64_t by_ns = loop_now_ns(r->loop) + opening_patience_ns(bench);
	r->open_by_ns = by_ns > r->open_by_ns ? by_ns : r->open_by_ns;
	return status ? status : opening_open(&opening, &w->device, err);
}

/* Thermometers only where the handle's temperature is asked for. */
static int open_all(struct readying *r, struct err *err)
{
	bool warmth = r->value[HANDLE].wanted;
	int status = 0;

	for (unsigned i = 0; i < r->bench->devices && !status; i++) {
		const struct bench_device *bench = &r->bench->device[i];
		bool pen = bench->roles & ROLE_BIT(ROLE_PEN);
		if (pen || (warmth && (bench->roles & ROLE_BIT(ROLE_THERMOMETER))))
			status = open_one(r, bench, pen, err);
	}
	return status;
}

static int turn(struct readying *r, struct err *err)
{
	struct signals signals;
	int status = signals_open(&signals, r->loop, on_signal, r, err);

	if (status)
		return status;
	status = open_all(r, err);
	r->began_ns = loop_now_ns(r->loop);
	r->timer = (struct loop_timer){.fn = on_tick, .ctx = r};
	if (!status)
		status = loop_timer_at(r->loop, &r->timer, r->began_ns + DRIVER_TICK_NS);
	if (!status && !r->ended)
		status = loop_run(r->loop);
	for (unsigned i = 0; i < r->devices; i++)
		if (r->device[i].device)
			r->device[i].driver->close(r->device[i].device);
	loop_timer_cancel(r->loop, &r->timer);
	signals_close(&signals);
	if (r->ended) {
		*err = r->err;
		return r->status;
	}
	return status;
}

/* One that is not told what its values are of says so itself, once it is open. */
static bool may_tell_room(const struct bench_device *device)
{
	bool told = false;

	for (unsigned i = 0; i < device->sites; i++)
		told |= strcmp(device->site[i], sites[AMBIENT]) == 0;
	return told || !device->sites;
}

int batch_ready_check(const struct batch *batch, const struct bench *bench, struct err *err)
{
	const struct json *node = json_get(json_root(batch->doc), "ready");
	bool pen_has_battery = !bench->pen.power.present, thermometer = false, room = false;

	for (unsigned i = 0; i < bench->devices; i++) {
		if (!(bench->device[i].roles & ROLE_BIT(ROLE_THERMOMETER)))
			continue;
		thermometer = true;
		room |= may_tell_room(&bench->device[i]);
	}
	if (batch->waits && batch->ready.battery_min_v > 0 && !pen_has_battery)
		return json_error(batch->doc, json_get(node, "battery_min_v"), err,
				  "the pens of this bench have their power from a supply, and no battery to wait for");
	if (batch->waits && batch->ready.handle_within_k > 0 && !thermometer)
		return json_error(
			batch->doc, json_get(node, "handle_within_k"), err,
			"no device of the bench has the role thermometer, so nothing says how warm the room is");
	if (batch->waits && batch->ready.handle_within_k > 0 && !room)
		return json_error(
			batch->doc, json_get(node, "handle_within_k"), err,
			"no thermometer of the bench says how warm the room is: name \"ambient\" in the \"sites\" "
			"of one in the bench file, or leave \"handle_within_k\" out");
	return 0;
}

/* A pen that an earlier run left is stopped by the next run, which may be hours off: what is opened here must be that pen. */
static int check_left(const struct readying *r, struct err *err)
{
	const char *left = r->about->left;
	char uri[LINK_NAME_MAX];
	struct json_doc *doc = NULL;
	int status = *left ? bench_pen_link(r->bench, r->about->pen, uri, sizeof(uri), err) : 0;

	if (!*left || status)
		return status;
	const struct json *link =
		json_parse("recipe", left, strlen(left), &doc, NULL) == 0 ? json_get(json_root(doc), "link") : NULL;
	bool same = link && json_kind(link) == JSON_STRING && strcmp(json_string(link), uri) == 0;
	json_doc_free(doc);
	return same ? 0
		    : err_set(err, -EPERM,
			      "an earlier run on this bench, of another pen, did not come to its end, and that pen may "
			      "still run: penrig run stops it first, a wait would not");
}

static int wait_ready(struct readying *r, struct err *err)
{
	const struct cli_tables *tables = r->about->tables;
	int status = bench_read(r->about->batch->bench, &r->bench, err);

	if (!status)
		status = bench_check_drivers(r->bench, tables->drivers, err);
	if (!status)
		status = batch_ready_check(r->about->batch, r->bench, err);
	if (!status)
		status = check_left(r, err);
	if (!status)
		status = opening_loop(tables, &r->loop, err);
	if (!status)
		status = turn(r, err);
	return status;
}

int batch_wait_ready(const struct batch_wait *wait, struct batch_looked *ret, struct err *err)
{
	const struct batch_ready *goal = &wait->batch->ready;
	struct readying r = {.about = wait};

	for (unsigned k = 0; k < READINGS; k++)
		r.value[k] = (struct value){
			.now = NAN, .wanted = k == BATTERY ? goal->battery_min_v > 0 : goal->handle_within_k > 0};
	int status = wait_ready(&r, err);
	*ret = (struct batch_looked){.handle_c = r.value[HANDLE].now,
				     .ambient_c = r.value[AMBIENT].now,
				     .battery_v = r.value[BATTERY].now,
				     .ran = r.ran,
				     .signal = r.signal};
	if (r.loop)
		ret->waited_s = seconds_waited(&r);
	loop_free(r.loop);
	bench_free(r.bench);
	return status;
}
