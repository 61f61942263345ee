/* The devices of a run: opening, what they report, and whether they are the ones that the bench names. What follows when
 * one is lost hangs on whether anything rests on it. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/config/bench_device.h"
#include "rig/session/rules.h"
#include "rig/session/state.h"

static_assert(BENCH_DEVICES_MAX <= RECORD_DEVICES_MAX, "every device of a bench has its place in the record");

#define SLEPT_NS (50 * NS_PER_MS) /* the process itself did not run: what it missed is still queued */

/* ---- what rests on a device ------------------------------------------------------------------------------------- */

static enum device_role first_role(const struct bench_device *device)
{
	unsigned role = 0;
	while (!(device->roles & ROLE_BIT(role)))
		role++;
	return (enum device_role)role;
}

void attached_label(const struct attached *device, char *ret, size_t size)
{
	const char *label = role_row(first_role(device->bench))->label, *name = device->bench->name;
	const struct session *s = device->session;
	bool only = device == s->pen || device == s->sensor || !name[0];
	snprintf(ret, size, only ? "%s" : "%s \"%s\"", label, name);
}

/* What a limit on this measurand needs. A depth by force is held against one by displacement where the bench has it. */
static unsigned needs_of(const struct session *s, const struct limit *limit)
{
	const struct measurand_row *row = measurand_row(limit->id);
	bool bar = row->judged_by == JUDGED_BY_DEPTH &&
		   (s->plan->judge_displacement || bench_displacement_u_mm(s->bench) > 0);
	if (!limit->required)
		return 0;
	return bar ? row->needs | NEEDS_BAR : row->needs;
}

static unsigned needs_of_plan(const struct session *s)
{
	unsigned needs = 0;
	for (unsigned i = 0; i < s->config.point_count; i++)
		needs |= plan_point_is_free(&s->config.points[i]) ? NEEDS_BAR : 0;
	for (unsigned step = 0; step < s->plan->steps; step++) {
		const struct limit *limits[STEP_LIMITS_MAX];
		unsigned count = plan_limits_at(s->plan, step, limits);
		for (unsigned i = 0; i < count; i++)
			needs |= needs_of(s, limits[i]);
	}
	return needs;
}

static bool is_needed(const struct attached *device)
{
	static const struct {
		enum device_role role;
		unsigned needs;
	} rows[] = {{ROLE_DISPLACEMENT, NEEDS_BAR}, {ROLE_THERMOMETER, NEEDS_HEAT}};
	const struct session *s = device->session;
	unsigned needs = needs_of_plan(s);
	if (device == s->pen || device == s->sensor || device->bench->inputs.there)
		return true;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((device->bench->roles & ROLE_BIT(rows[i].role)) && (needs & rows[i].needs))
			return true;
	return false;
}

/* ---- what the drivers tell ------------------------------------------------------------------------------------- */

static void on_ready(void *ctx, int status, const struct err *err)
{
	struct attached *device = ctx;
	device->status = status;
	device->ready = status == 0;
	if (status && err)
		device->err = *err;
	if (!device->ready || device != device->session->pen)
		return;
	guard_pen_ready(device->session->guard);
	standby_learn(device->session);
}

/* Where nothing that is judged rests on it the run goes on, and what it would have measured is not. */
static void lose(struct attached *device)
{
	struct session *s = device->session;
	char reason[ERR_TEXT_MAX + 128], who[96];
	bool off = guard_power_off(s->guard); /* before the stop that the loss orders, which no answer confirms */
	device->lost = true;
	device->verb.pending = false;
	attached_label(device, who, sizeof(who));
	snprintf(reason, sizeof(reason), "the %s is lost: %s", who, device->err.text);
	journal_text(s, "event", "%s", reason);
	if (device == s->pen) {
		guard_pen_lost(s->guard);
	} else if (device == s->sensor) {
		s->sensing.streaming = false;
		guard_sensor_lost(s->guard);
	}
	inputs_lost(device);
	if (is_needed(device))
		session_lost(s, reason);
	else
		session_say(s, reason, true);
	if (device == s->pen && !off)
		hands_pen_lost(s);
}

static void on_lost(void *ctx, int status, const struct err *err)
{
	struct attached *device = ctx;
	device->status = status;
	if (err)
		device->err = *err;
	if (!device->lost)
		lose(device);
}

void devices_silent(struct session *s, const char *text)
{
	s->sensing.streaming = false;
	s->sensor->lost = true;
	s->sensor->status = err_set(&s->sensor->err, -ETIMEDOUT, "%s", text);
}

/* What it says of itself holds for the point under way and for every one until it takes it back. */
static void sensor_event(struct attached *device, uint32_t condition, const char *text)
{
	bool news = condition & ~device->condition;
	device->condition = condition;
	if (!news)
		return;
	snprintf(device->trouble, sizeof(device->trouble), "%s", text);
	attempt_fault(device->session, sensor_cause(condition), device->trouble);
}

const struct attached *devices_trouble(const struct session *s)
{
	for (unsigned i = 0; i < s->devices; i++)
		if (s->device[i].condition)
			return &s->device[i];
	return NULL;
}

static void on_event(void *ctx, uint32_t condition, const char *text)
{
	struct attached *device = ctx;
	struct session *s = device->session;
	char who[96];
	attached_label(device, who, sizeof(who));
	journal_text(s, "event", "%s: %s", who, text);
	if (device == s->pen && (condition & (PEN_RAN_ITSELF | PEN_MAY_HAVE_RUN)))
		session_ran_itself(s, condition, text);
	if (device == s->pen && (condition & PEN_REBOOTED))
		session_condition(s, condition, text);
	if (device == s->pen &&
	    (condition & PEN_TIMER_OFF)) /* behind a stop no heartbeat may come before the point ends */
		attempt_fault(s, condition_cause(condition), text);
	if (device == s->pen && (condition & PEN_DIAL_LOST)) /* the next attempt sets it anew */
		attempt_fault(s, condition_cause(condition), text);
	if (device != s->pen)
		sensor_event(device, condition, text);
}

static void guard_hears(struct session *s, const struct sample_block *block)
{
	unsigned device;
	const struct channel *bar = estimator_bar(&s->estimator, &device);
	if (block->device == s->sensor->index && block->stream == s->sensor->channels[s->estimator.force].stream)
		guard_block(s->guard, block);
	else if (bar && block->device == device && block->stream == bar->stream)
		guard_bar_block(s->guard, block);
}

/* Blocks of several devices are told apart by their number, and never go back in time: what is derived from the run file
 * meets them in this order. */
static void on_block(void *ctx, const struct sample_block *block)
{
	struct attached *device = ctx;
	struct session *s = device->session;
	struct sample_block own = *block;
	if (!s->sensing.streaming || device->lost)
		return;
	own.device = (uint8_t)device->index;
	own.host_ns = block->host_ns > s->sensing.newest_ns ? block->host_ns : s->sensing.newest_ns;
	s->sensing.newest_ns = device->heard_ns = own.host_ns;
	if (s->runfile)
		runfile_block(s->runfile, device->index, device->channels, device->channel_count, &own);
	estimator_block(&s->estimator, &own);
	guard_hears(s, &own);
	if (s->config.reference && (device->bench->roles & ROLE_BIT(ROLE_REFERENCE)))
		s->config.reference(s->config.calibrating_ctx, &own);
}

static void on_inputs(void *ctx, const struct inputs_state *state)
{
	inputs_heard(ctx, state);
}

static void on_telemetry(void *ctx, const struct pen_telemetry *telemetry)
{
	struct session *s = ((struct attached *)ctx)->session;
	guard_telemetry(s->guard, telemetry);
	if (!isnan(telemetry->rate_hz) || !isnan(telemetry->battery_v)) {
		estimator_telemetry(&s->estimator, telemetry);
		if (s->runfile)
			runfile_telemetry(s->runfile, telemetry);
	}
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static const struct driver *find_driver(const struct session *s, const char *name, enum device_role role)
{
	for (const struct driver *const *d = s->config.drivers; *d; d++)
		if (strcmp((*d)->name, name) == 0 && driver_serves(*d, role))
			return *d;
	return NULL;
}

static void describe(struct attached *device, const char *uri)
{
	struct record_device *record = device->record;
	const struct bench_device *bench = device->bench;
	record->clock_ppm = record->clock_u_ppm = NAN;
	snprintf(record->name, sizeof(record->name), "%s", bench->name);
	snprintf(record->role, sizeof(record->role), "%s", role_row(first_role(bench))->name);
	snprintf(record->driver, sizeof(record->driver), "%s", bench->driver);
	snprintf(record->link.uri, sizeof(record->link.uri), "%s", uri);
}

/* Since the run that this one goes on with lost a device: seen, or by a dead-man whose time that run waited for. */
static bool must_have_stopped(const struct session *s)
{
	const struct session_resume *resume = s->config.resume;
	bool timed = deadman_row((enum deadman_class)s->bench->pen.dead_man)->timed;
	return resume && resume->replug && (timed || !resume->before->moved || resume->before->stop_verified);
}

static int attach(struct session *s, const struct bench_device *bench, const char *uri, struct err *err)
{
	struct attached *device = &s->device[s->devices];
	const char *label = role_row(first_role(bench))->label;
	device->session = s;
	device->bench = bench;
	device->index = s->record->devices++;
	device->record = &s->record->device[device->index];
	s->devices++;
	describe(device, uri);
	device->driver = find_driver(s, bench->driver, first_role(bench));
	if (!device->driver)
		return err_set(err, -EINVAL, "%s: there is no %s driver named \"%s\"; `penrig version` lists them",
			       s->bench->path, label, bench->driver);
	struct device_told told;
	bench_device_told(bench, &told);
	struct power_setup power;
	int status = device->driver->powered ? bench_power_setup(s->bench, s->config.drivers, &power, err) : 0;
	if (status)
		return status;
	const struct device_open open = {
		.power = device->driver->powered ? &power : NULL,
		.stopped_before = must_have_stopped(s),
		.stood_ns = standby_stood_ns(s),
		.stopped_unheard = s->config.resume && s->config.resume->unheard,
		.links = s->config.links,
		.loop = s->loop,
		.uri = uri,
		.settings = bench->line,
		.rate_hz = bench->rate_hz,
		.told = bench->profile[0] ? &told : NULL,
		.command = bench->command.there ? &bench->command.setup : NULL,
		.daq = bench->daq.there ? &bench->daq.setup : NULL,
		.inputs = bench->inputs.settled ? &bench->inputs.setup : NULL,
		.host = {.ctx = device,
			 .ready = on_ready,
			 .block = on_block,
			 .telemetry = on_telemetry,
			 .inputs = on_inputs,
			 .event = on_event,
			 .lost = on_lost},
	};
	status = device->driver->open(&open, loop_now_ns(s->loop), &device->device, err);
	if (status)
		err_prefix(err, "%s %s", label, uri);
	return status;
}

struct pens {
	const struct session *s;
	unsigned count;
	char serial[64]; /* of the first */
};

static void see_pen(void *ctx, const struct link_identity *id)
{
	struct pens *pens = ctx;
	const struct bench *bench = pens->s->bench;

	if (bench_pen_could_be(bench, id->uri) && id->serial[0] && pens->count++ == 0)
		snprintf(pens->serial, sizeof(pens->serial), "%s", id->serial);
}

/* Where the pen's link names it by its serial number and it is not there, another of its kind that is: the wrong one is in the
 * clamp, which is no device's failure. Else err stays. */
static int another_pen(const struct session *s, int status, struct err *err)
{
	struct pens pens = {.s = s};
	struct err unread;

	if (status != -ENODEV || !bench_link_waits(bench_device(s->bench, ROLE_PEN)->link))
		return status;
	for (const struct link_ops *const *ops = s->config.links; *ops; ops++)
		if ((*ops)->list)
			(void)(*ops)->list(see_pen, &pens, &unread);
	if (!pens.count)
		return status;
	return err_set(err, ANOTHER_PEN,
		       "the run is for \"%s\", which is not there, and \"%s\" is%s: check which pen is in the clamp",
		       s->record->dut, pens.serial, pens.count > 1 ? ", and more" : "");
}

int devices_open(struct session *s, struct err *err)
{
	const struct bench_device *pen = bench_device(s->bench, ROLE_PEN);
	const struct bench_device *sensor = bench_device(s->bench, ROLE_LOAD_SENSOR);
	char uri[LINK_NAME_MAX];
	int status = bench_pen_link(s->bench, s->record->dut, uri, sizeof(uri), err);
	if (!status)
		status = attach(s, sensor, sensor->link, err);
	if (!status)
		status = another_pen(s, attach(s, pen, uri, err), err);
	for (unsigned i = 0; i < s->bench->devices && !status; i++) {
		const struct bench_device *other = &s->bench->device[i];
		if (other != pen && other != sensor)
			status = attach(s, other, other->link, err);
	}
	return status;
}

/* Its opening has come to nothing, behind an order to stop that was written. */
static bool was_stopped_unheard(const struct attached *device)
{
	struct device_counters counters;

	if (!device->device || device->ready)
		return false;
	device->driver->counters(device->device, &counters);
	return counters.stops > 0;
}

static void close_one(struct attached *device)
{
	if (was_stopped_unheard(device) && device == device->session->pen)
		device->session->pen_unheard = true;
	if (device->device)
		device->driver->close(device->device);
	device->device = NULL;
}

void devices_close(struct session *s)
{
	for (unsigned i = 0; i < s->devices; i++)
		close_one(&s->device[i]);
}

void devices_close_pen(struct session *s)
{
	close_one(s->pen);
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

static bool feeds(const struct attached *device)
{
	return device->channel_count && device->driver && device->driver->stream;
}

void devices_start(struct session *s)
{
	for (unsigned i = 0; i < s->devices; i++) {
		struct attached *device = &s->device[i];
		if (!feeds(device))
			continue;
		device->heard_ns = loop_now_ns(s->loop);
		verb_begin(&device->verb);
		device->driver->stream->start(device->device, verb_done, &device->verb);
	}
}

void devices_started(struct session *s)
{
	for (unsigned i = 0; i < s->devices; i++) {
		struct attached *device = &s->device[i];
		if (device == s->sensor || device->lost || !device->verb.status)
			continue;
		device->status = device->verb.status;
		err_set(&device->err, device->status, "it did not start streaming: %.400s", device->verb.err.text);
		lose(device);
	}
}

void devices_stop(struct session *s)
{
	for (unsigned i = 0; i < s->devices; i++) {
		struct attached *device = &s->device[i];
		device->verb.pending = false;
		if (!feeds(device) || !device->heard_ns || device->lost || !device->device)
			continue;
		verb_begin(&device->verb);
		device->driver->stream->stop(device->device, verb_done, &device->verb);
	}
}

bool devices_pending(const struct session *s)
{
	for (unsigned i = 0; i < s->devices; i++)
		if (s->device[i].verb.pending && !s->device[i].lost)
			return true;
	return false;
}

/* Beside the load sensor, which the guard watches: by the pace of its own channels. */
static void watch_silence(struct attached *device, uint64_t now_ns)
{
	if (device == device->session->sensor || device->lost || !device->heard_ns ||
	    now_ns <= device->heard_ns + device->patience.silent_ns)
		return;
	device->status = err_set(&device->err, -ETIMEDOUT, "no sample for %llu ms",
				 (unsigned long long)(device->patience.silent_ns / NS_PER_MS));
	lose(device);
}

/* Time in which the process did not run is nobody's silence. */
void devices_tick(struct session *s, uint64_t now_ns)
{
	bool slept = s->sensing.ticked_ns && now_ns - s->sensing.ticked_ns > SLEPT_NS;
	s->sensing.ticked_ns = now_ns;
	for (unsigned i = 0; i < s->devices; i++) {
		struct attached *device = &s->device[i];
		if (device->device)
			device->driver->on_tick(device->device, now_ns);
		inputs_tick(device, now_ns);
		if (!s->sensing.streaming || !feeds(device))
			continue;
		if (slept && device->heard_ns)
			device->heard_ns = now_ns;
		watch_silence(device, now_ns);
	}
}

/* ---- checking -------------------------------------------------------------------------------------------------- */

static double fastest_hz(const struct attached *device)
{
	double rate_hz = 0;
	for (unsigned i = 0; i < device->channel_count; i++)
		rate_hz = fmax(rate_hz, device->channels[i].rate_hz);
	return rate_hz;
}

static int take_channels(struct attached *device, struct err *err)
{
	const struct session *s = device->session;
	if (!device->driver->channels || !device->driver->stream)
		return 0;
	device->channels = device->driver->channels(device->device, &device->channel_count);
	double rate_hz = fastest_hz(device), wanted_hz = device->bench->rate_hz;
	if (!device->channel_count)
		return 0;
	device->patience = patience_of(rate_hz);
	if (device == s->sensor || wanted_hz == 0 || fabs(rate_hz - wanted_hz) <= 0.001 * wanted_hz)
		return 0;
	return err_set(err, -EINVAL, "%s:%u: device \"%s\" streams at %g Hz, the bench file says %g Hz", s->bench->path,
		       bench_device_line(device->bench), device->bench->name, rate_hz, wanted_hz);
}

/* A role that stands in the bench file and has no channel would be missed only when its result is. */
static int check_role(const struct attached *device, enum device_role role, enum quantity quantity, struct err *err)
{
	const struct session *s = device->session;
	if (device == s->sensor || !(device->bench->roles & ROLE_BIT(role)) ||
	    estimator_find_channel(device->channels, device->channel_count, quantity, NULL) >= 0)
		return 0;
	return err_set(err, -EINVAL, "%s:%u: device \"%s\" has the role \"%s\" and no such channel", s->bench->path,
		       bench_device_line(device->bench), device->bench->name, role_row(role)->name);
}

static int check_force(const struct session *s, struct err *err)
{
	const struct bench_sensor *bench = &s->bench->sensor;
	const struct channel *force = &s->sensor->channels[s->estimator.force];
	double wanted_hz = s->sensor->bench->rate_hz;
	if (fabs(force->rate_hz - wanted_hz) > 0.001 * wanted_hz)
		return err_set(err, -EINVAL, "%s: the sensor streams force at %g Hz, the bench file says %g Hz",
			       s->bench->path, force->rate_hz, wanted_hz);
	if (bench->force_range_hi_n > force->range_hi * 1.0001 || bench->force_range_lo_n < force->range_lo * 1.0001)
		return err_set(err, -EINVAL,
			       "%s: the calibrated range %g..%g N is wider than the sensor's own %g..%g N",
			       s->bench->path, bench->force_range_lo_n, bench->force_range_hi_n, force->range_lo,
			       force->range_hi);
	return 0;
}

static int check_channels(struct session *s, struct err *err)
{
	int status = 0;
	for (unsigned i = 0; i < s->devices && !status; i++) {
		status = take_channels(&s->device[i], err);
		if (!status)
			status = check_role(&s->device[i], ROLE_DISPLACEMENT, QUANTITY_DISPLACEMENT, err);
		if (!status)
			status = check_role(&s->device[i], ROLE_THERMOMETER, QUANTITY_TEMPERATURE, err);
	}
	if (!status)
		status = estimator_init_devices(&s->estimator, s->plan, s->bench, s->record, err);
	s->estimator.ends_windows = true;
	return status ? status : check_force(s, err);
}

/* Without a phantom nothing but the needle bar's displacement shows whether the pen stands still. */
static int check_free_run(const struct session *s, struct err *err)
{
	bool wanted = false;
	for (unsigned i = 0; i < s->config.point_count; i++)
		wanted |= plan_point_is_free(&s->config.points[i]);
	unsigned device;
	if (!wanted || safety_bar(s, &device))
		return 0;
	return err_set(err, -EINVAL,
		       "the plan asks for a free run, and no displacement channel in mm sees the needles: it takes one "
		       "in the force stream, or in a device of its own at 500 S/s or more");
}

/* Where its calibration stands in the bench file; its own entry where it has none. */
static void calibration_at(const struct bench_device *bench, unsigned *ret_line, unsigned *ret_column)
{
	const struct json *node = json_get(bench->node, "calibration");
	*ret_line = *ret_column = 1;
	if (node || bench->node)
		json_position(node ? node : bench->node, ret_line, ret_column);
}

/* The device may know of a calibration that ran out before the bench's file lets it. The other way round the file holds. */
static int check_declared_due(const struct attached *device, const char *who, struct err *err)
{
	const struct bench_device *bench = device->bench;
	const char *declared = device->driver->identity(device->device)->calibration_due;
	unsigned line, column;
	if (!declared[0] || !bench->calibration.certificate[0] || strcmp(declared, bench->calibration.due) >= 0)
		return 0;
	calibration_at(bench, &line, &column);
	return err_set(
		err, -EKEYEXPIRED,
		"%s:%u:%u: the %s declares that its calibration was due on %s, the bench says %s: one of them is "
		"out of date",
		device->session->bench->path, line, column, who, declared, bench->calibration.due);
}

static int check_identity(const struct attached *device, struct err *err)
{
	const struct bench_device *bench = device->bench;
	const struct device_identity *own = device->driver->identity(device->device);
	const char *path = device->session->bench->path;
	unsigned line, column;
	char who[96];
	attached_label(device, who, sizeof(who));
	if (bench->serial[0] && strcmp(own->serial, bench->serial) != 0)
		return err_set(err, -EINVAL, "%s:%u: the %s says it is \"%s\", the bench names \"%s\"", path,
			       bench_device_line(bench), who, own->serial, bench->serial);
	calibration_at(bench, &line, &column);
	if (own->calibration_id[0] && bench->calibration.certificate[0] &&
	    strcmp(own->calibration_id, bench->calibration.certificate) != 0)
		return err_set(
			err, -EINVAL,
			"%s:%u:%u: the %s declares calibration \"%s\", the bench's certificate is \"%s\": one of "
			"them is out of date",
			path, line, column, who, own->calibration_id, bench->calibration.certificate);
	return check_declared_due(device, who, err);
}

static int check_serials(const struct session *s, struct err *err)
{
	const struct device_identity *pen = s->pen->driver->identity(s->pen->device);
	const char *supply = s->bench->pen.power.serial;
	int status = 0;
	if (supply[0] && strcmp(pen->serial, supply) != 0)
		return err_set(err, -EINVAL, "%s: the pen's power supply says it is \"%s\", the bench names \"%s\"",
			       s->bench->path, pen->serial, supply);
	if (s->bench->pen.carries_serial && strcmp(pen->serial, s->record->dut) != 0)
		return err_set(err, ANOTHER_PEN,
			       "the pen says it is \"%s\", the run is for \"%s\": check which pen is in the clamp",
			       pen->serial, s->record->dut);
	for (unsigned i = 0; i < s->devices && !status; i++)
		if (&s->device[i] != s->pen)
			status = check_identity(&s->device[i], err);
	return status;
}

static void record_identity(struct attached *device)
{
	struct record_device *record = device->record;
	record->identity = *device->driver->identity(device->device);
	const struct link *link = device->driver->link(device->device);
	if (link)
		link->ops->identity(link, &record->link);
	const struct channel *channels = NULL;
	unsigned count = 0;
	if (device->driver->channels)
		channels = device->driver->channels(device->device, &count);
	record->channels = count < CHANNELS_MAX ? count : CHANNELS_MAX;
	if (channels)
		memcpy(record->channel, channels, record->channels * sizeof(*channels));
	journal_device(device->session, record);
}

int devices_check(struct session *s, enum refusal *ret, struct err *err)
{
	record_identity(s->pen);
	for (unsigned i = 0; i < s->devices; i++) {
		if (&s->device[i] == s->pen)
			continue;
		record_identity(&s->device[i]);
		s->device[i].record->calibration = s->device[i].bench->calibration;
	}
	*ret = REFUSED_DEVICE;
	int status = check_serials(s, err);
	if (status == ANOTHER_PEN)
		*ret = REFUSED_DUT;
	if (!status)
		status = check_channels(s, err);
	if (!status)
		status = check_free_run(s, err);
	if (!status)
		status = s->pen->driver->pen->limits(s->pen->device, &s->pen->record->limits);
	if (status)
		return status;
	const struct pen_limits *l = &s->pen->record->limits;
	*ret = REFUSED_PLAN;
	return plan_check_range(s->plan, l->rate_min_hz, l->rate_max_hz, l->depth_min_mm, l->depth_max_mm,
				"the pen itself", err);
}

static void record_clock(const struct session *s, struct attached *device)
{
	const struct sample_clock *clock = estimator_clock(&s->estimator, device->index);
	double rel, u_rel;
	if (!clock || s->sensing.fs_hz == 0 || sample_clock_rate(clock, &rel, &u_rel))
		return;
	device->record->clock_ppm = rel * 1e6;
	device->record->clock_u_ppm = u_rel * 1e6;
	device->record->clock_applied = device == s->sensor && s->estimator.clock_applied;
}

void devices_record(struct session *s)
{
	for (unsigned i = 0; i < s->devices; i++) {
		struct attached *device = &s->device[i];
		if (device->device && device->record)
			device->driver->counters(device->device, &device->record->counters);
		record_clock(s, device);
	}
}
