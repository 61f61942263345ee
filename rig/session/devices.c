/* The pen and the load sensor of a run: opening, what they report, and whether they are the ones that the bench names.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/session/state.h"

/* ---- what the drivers tell ------------------------------------------------------------------------------------- */

static void on_ready(void *ctx, int status, const struct err *err)
{
	struct attached *device = ctx;
	device->status = status;
	device->ready = status == 0;
	if (status && err)
		device->err = *err;
	if (device->ready && device == &device->session->pen)
		guard_pen_ready(device->session->guard);
}

static void on_lost(void *ctx, int status, const struct err *err)
{
	struct attached *device = ctx;
	struct session *s = device->session;
	device->lost = true;
	device->status = status;
	if (err)
		device->err = *err;
	char reason[ERR_TEXT_MAX + 64];
	snprintf(reason, sizeof(reason), "the %s is lost: %s", device == &s->pen ? "pen" : "load sensor",
		 device->err.text);
	journal_text(s, "event", "%s", reason);
	if (device == &s->pen) {
		guard_pen_lost(s->guard);
	} else {
		s->sensing.streaming = false;
		guard_sensor_lost(s->guard);
	}
	session_lost(s, reason);
}

void devices_silent(struct session *s, const char *text)
{
	s->sensing.streaming = false;
	s->sensor.lost = true;
	s->sensor.status = err_set(&s->sensor.err, -ETIMEDOUT, "%s", text);
}

/* What it says of itself holds for the point under way and for every one until it takes it back. */
static void sensor_event(struct session *s, uint32_t condition, const char *text)
{
	bool news = condition & ~s->sensing.condition;
	s->sensing.condition = condition;
	if (!news)
		return;
	snprintf(s->sensing.trouble, sizeof(s->sensing.trouble), "%s", text);
	attempt_fault(s, s->sensing.trouble);
}

static void on_event(void *ctx, uint32_t condition, const char *text)
{
	struct attached *device = ctx;
	struct session *s = device->session;
	journal_text(s, "event", "%s: %s", device == &s->pen ? "pen" : "load sensor", text);
	if (device == &s->pen && (condition & PEN_REBOOTED))
		session_condition(s, condition, text);
	if (device == &s->sensor)
		sensor_event(s, condition, text);
}

static void on_block(void *ctx, const struct sample_block *block)
{
	struct attached *device = ctx;
	struct session *s = device->session;
	if (!s->sensing.streaming)
		return;
	if (s->runfile)
		runfile_block(s->runfile, device->index, s->sensing.channels, s->sensing.channel_count, block);
	estimator_block(&s->estimator, block);
	if (block->stream == s->sensing.channels[s->estimator.force].stream)
		guard_block(s->guard, block);
}

static void on_telemetry(void *ctx, const struct pen_telemetry *telemetry)
{
	struct session *s = ((struct attached *)ctx)->session;
	guard_telemetry(s->guard, telemetry);
	if (!isnan(telemetry->rate_hz)) {
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

static int attach(struct session *s, struct attached *device, enum device_role role, const char *driver,
		  const char *uri, uint32_t baud, double rate_hz, struct err *err)
{
	device->session = s;
	device->index = s->record->devices++;
	device->record = &s->record->device[device->index];
	device->record->clock_ppm = device->record->clock_u_ppm = NAN;
	snprintf(device->record->role, sizeof(device->record->role), "%s", role_row(role)->name);
	snprintf(device->record->driver, sizeof(device->record->driver), "%s", driver);
	snprintf(device->record->link.uri, sizeof(device->record->link.uri), "%s", uri);
	device->driver = find_driver(s, driver, role);
	if (!device->driver)
		return err_set(err, -EINVAL, "%s: there is no %s driver named \"%s\"; `penrig version` lists them",
			       s->bench->path, role_row(role)->label, driver);
	const struct device_open open = {
		.links = s->config.links,
		.loop = s->loop,
		.uri = uri,
		.settings = {.baud = baud},
		.rate_hz = rate_hz,
		.host = {.ctx = device,
			 .ready = on_ready,
			 .block = on_block,
			 .telemetry = on_telemetry,
			 .event = on_event,
			 .lost = on_lost},
	};
	int status = device->driver->open(&open, loop_now_ns(s->loop), &device->device, err);
	if (status)
		err_prefix(err, "%s %s", role_row(role)->label, uri);
	return status;
}

int devices_open(struct session *s, struct err *err)
{
	const struct bench_device *pen = bench_device(s->bench, ROLE_PEN);
	const struct bench_device *sensor = bench_device(s->bench, ROLE_LOAD_SENSOR);
	char uri[LINK_NAME_MAX];
	int status = bench_pen_link(s->bench, s->record->dut, uri, sizeof(uri), err);
	if (status)
		return status;
	status = attach(s, &s->sensor, ROLE_LOAD_SENSOR, sensor->driver, sensor->link, sensor->line.baud,
			sensor->rate_hz, err);
	if (status)
		return status;
	return attach(s, &s->pen, ROLE_PEN, pen->driver, uri, pen->line.baud, 0, err);
}

void devices_close(struct session *s)
{
	struct attached *const devices[] = {&s->pen, &s->sensor};
	for (unsigned i = 0; i < 2; i++) {
		if (devices[i]->device)
			devices[i]->driver->close(devices[i]->device);
		devices[i]->device = NULL;
	}
}

/* ---- checking -------------------------------------------------------------------------------------------------- */

static int check_channels(struct session *s, struct err *err)
{
	const struct bench_sensor *bench = &s->bench->sensor;
	const struct bench_device *device = bench_device(s->bench, ROLE_LOAD_SENSOR);
	s->sensing.channels = s->sensor.driver->channels(s->sensor.device, &s->sensing.channel_count);
	int status = estimator_init(&s->estimator, s->plan, s->bench, s->sensing.channels, s->sensing.channel_count,
				    s->record->host_clock_synchronised, err);
	if (status)
		return status;
	const struct channel *force = &s->sensing.channels[s->estimator.force];
	if (fabs(force->rate_hz - device->rate_hz) > 0.001 * device->rate_hz)
		return err_set(err, -EINVAL, "%s: the sensor streams force at %g Hz, the bench file says %g Hz",
			       s->bench->path, force->rate_hz, device->rate_hz);
	if (bench->force_range_hi_n > force->range_hi * 1.0001 || bench->force_range_lo_n < force->range_lo * 1.0001)
		return err_set(err, -EINVAL,
			       "%s: the calibrated range %g..%g N is wider than the sensor's own %g..%g N",
			       s->bench->path, bench->force_range_lo_n, bench->force_range_hi_n, force->range_lo,
			       force->range_hi);
	return 0;
}

/* Without a phantom nothing but the needle bar's displacement shows whether the pen stands still. */
static int check_free_run(const struct session *s, struct err *err)
{
	bool wanted = false;
	for (unsigned i = 0; i < s->config.point_count; i++)
		wanted |= plan_point_is_free(&s->config.points[i]);
	int bar = s->estimator.displacement;
	if (!wanted || (bar >= 0 && strcmp(s->sensing.channels[bar].unit, "mm") == 0))
		return 0;
	return err_set(err, -EINVAL,
		       "the plan asks for a free run, and this load sensor has no displacement channel in mm in its "
		       "force stream to see the needles by");
}

static int check_serials(const struct session *s, struct err *err)
{
	const struct device_identity *pen = s->pen.driver->identity(s->pen.device);
	const struct device_identity *sensor = s->sensor.driver->identity(s->sensor.device);
	const struct bench_device *bench = bench_device(s->bench, ROLE_LOAD_SENSOR);
	unsigned line = 1, column = 1;
	if (s->bench->pen.carries_serial && strcmp(pen->serial, s->record->dut) != 0)
		return err_set(err, -EINVAL,
			       "the pen says it is \"%s\", the run is for \"%s\": check which pen is in the clamp",
			       pen->serial, s->record->dut);
	if (bench->serial[0] && strcmp(sensor->serial, bench->serial) != 0)
		return err_set(err, -EINVAL, "%s:%u: the load sensor says it is \"%s\", the bench names \"%s\"",
			       s->bench->path, bench_device_line(bench), sensor->serial, bench->serial);
	json_position(json_get(bench->node, "calibration"), &line, &column);
	if (sensor->calibration_id[0] && strcmp(sensor->calibration_id, bench->calibration.certificate) != 0)
		return err_set(err, -EINVAL,
			       "%s:%u:%u: the load sensor declares calibration \"%s\", the bench's certificate is "
			       "\"%s\": one of them is "
			       "out of date",
			       s->bench->path, line, column, sensor->calibration_id, bench->calibration.certificate);
	return 0;
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
	record_identity(&s->pen);
	record_identity(&s->sensor);
	s->sensor.record->calibration = bench_device(s->bench, ROLE_LOAD_SENSOR)->calibration;
	*ret = REFUSED_DEVICE;
	int status = check_serials(s, err);
	if (!status)
		status = check_channels(s, err);
	if (!status)
		status = check_free_run(s, err);
	if (!status)
		status = s->pen.driver->pen->limits(s->pen.device, &s->pen.record->limits);
	if (status)
		return status;
	const struct pen_limits *l = &s->pen.record->limits;
	*ret = REFUSED_PLAN;
	return plan_check_range(s->plan, l->rate_min_hz, l->rate_max_hz, l->depth_min_mm, l->depth_max_mm,
				"the pen itself", err);
}

void devices_record(struct session *s)
{
	struct attached *const devices[] = {&s->pen, &s->sensor};
	for (unsigned i = 0; i < 2; i++)
		if (devices[i]->device && devices[i]->record)
			devices[i]->driver->counters(devices[i]->device, &devices[i]->record->counters);
	double rel, u_rel;
	if (s->sensor.record && s->sensing.fs_hz > 0 && sample_clock_rate(&s->estimator.clock, &rel, &u_rel) == 0) {
		s->sensor.record->clock_ppm = rel * 1e6;
		s->sensor.record->clock_u_ppm = u_rel * 1e6;
		s->sensor.record->clock_applied = s->estimator.clock_applied;
	}
}
