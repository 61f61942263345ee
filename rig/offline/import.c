/* Import: reads a recording number by number, cuts it into blocks at the phases' first samples, and sends them through
 * run file and estimators. Arrival times are those of a perfect clock at the stated rate. */
#include "rig/offline/import.h"
#include "rig/judge/sweeps.h"
#include "rig/judge/verdict.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/loop.h"
#include "rig/estimate/estimator.h"
#include "rig/judge/judge.h"
#include "rig/record/host.h"
#include "rig/runfile/chain.h"

#define BLOCK_FRAMES 512
#define BASE_NS      NS_PER_S /* host time of the first sample */
#define CSV_LINE_MAX 4096
#define CSV_STEPS    ((double)(1 << 30)) /* a CSV number becomes a count: the calibrated range in so many steps */

struct recording {
	const struct import_config *config;
	FILE *in;
	unsigned long line; /* of CSV */
	struct err *err;
};

struct importing {
	const struct import_config *config;
	struct record *record;
	struct runfile *rf;
	struct estimator estimator;
	struct channel channel;
	int32_t counts[BLOCK_FRAMES];
	uint32_t held;
	uint64_t next_index;
	uint64_t first[POINT_PHASES]; /* sample at which each begins */
	unsigned phase;               /* the next to begin */
};

/* ---- numbers ---- */

static int bad_line(const struct recording *r, const char *why)
{
	return err_set(r->err, -EINVAL, "%.300s:%lu: %s", r->config->path, r->line, why);
}

static bool csv_number(const char *line, unsigned column, double *ret)
{
	for (unsigned i = 1; i < column; i++) {
		line += strcspn(line, ",;\t");
		if (!*line++)
			return false;
	}
	char *end;
	*ret = strtod(line, &end);
	end += strspn(end, " \r\n");
	return end != line && isfinite(*ret) && (!*end || strchr(",;\t", *end));
}

/* 1: a number; 0: the end. Lines before the first number are a header. */
static int next_csv(struct recording *r, bool started, double *ret)
{
	char line[CSV_LINE_MAX];
	while (fgets(line, sizeof(line), r->in)) {
		size_t len = strlen(line);
		r->line++;
		if (len == sizeof(line) - 1 && line[len - 1] != '\n')
			return bad_line(r, "this line is too long for a CSV file of numbers");
		if (line[strspn(line, " \t\r\n")] == '\0')
			continue;
		if (csv_number(line, r->config->csv_column, ret))
			return 1;
		if (started)
			return bad_line(r, "there is no number in the column that --column names");
	}
	return 0;
}

static int next_binary(struct recording *r, int32_t *ret)
{
	size_t width = r->config->format == IMPORT_I16 ? 2 : 4;
	uint8_t bytes[4];
	size_t n = fread(bytes, 1, width, r->in);
	if (n == 0)
		return 0;
	if (n < width)
		return err_set(r->err, -EINVAL, "%.300s: its length is no multiple of %zu bytes: is --format right?",
			       r->config->path, width);
	uint32_t value = bytes[0] | (uint32_t)bytes[1] << 8;
	if (width == 4)
		value |= (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
	*ret = width == 2 ? (int16_t)value : (int32_t)value;
	return 1;
}

static int next_count(struct recording *r, const struct channel *channel, bool started, int32_t *ret)
{
	double number = 0;
	if (r->config->format != IMPORT_CSV)
		return next_binary(r, ret);
	int rc = next_csv(r, started, &number);
	if (rc <= 0)
		return rc;
	double force_n = r->config->offset_n + r->config->scale_n * number;
	double count = round((force_n - channel->offset) / channel->scale);
	*ret = (int32_t)fmax(-INT32_MAX, fmin(INT32_MAX, count));
	return 1;
}

/* ---- the point ---- */

static uint64_t host_ns_at(const struct importing *im, uint64_t index)
{
	return BASE_NS + (uint64_t)llround((double)index / im->config->rate_hz * 1e9);
}

static void on_stroke(void *ctx, const struct stroke *stroke)
{
	struct importing *im = ctx;
	runfile_stroke(im->rf, 0, stroke);
}

static void send_block(struct importing *im)
{
	if (!im->held)
		return;
	const struct sample_block block = {
		.channels = 1,
		.frames = im->held,
		.first_index = im->next_index,
		.host_ns = host_ns_at(im, im->next_index + im->held),
		.counts = im->counts,
	};
	runfile_block(im->rf, 0, &im->channel, 1, &block);
	estimator_block(&im->estimator, &block);
	im->next_index += im->held;
	im->held = 0;
}

static void enter_phases(struct importing *im)
{
	while (im->phase < POINT_PHASES && im->next_index + im->held == im->first[im->phase]) {
		send_block(im);
		uint64_t now_ns = host_ns_at(im, im->next_index);
		/* Between the tare and the start somebody may have touched the pen: that is no tare. */
		if (im->phase == POINT_SPIN_UP)
			now_ns = BASE_NS + (uint64_t)llround(im->config->start_s * 1e9);
		estimator_phase(&im->estimator, &im->record->point[0], (enum point_phase)im->phase++, now_ns);
	}
}

static int read_samples(struct importing *im, struct recording *r)
{
	int32_t count = 0;
	int rc;
	while (enter_phases(im), (rc = next_count(r, &im->channel, im->next_index + im->held > 0, &count)) > 0) {
		im->counts[im->held++] = count;
		if (im->held == BLOCK_FRAMES)
			send_block(im);
	}
	send_block(im);
	if (rc < 0)
		return rc;
	if (ferror(r->in))
		return err_set(r->err, -EIO, "%.300s cannot be read", r->config->path);
	if (im->phase < POINT_REST)
		return err_set(r->err, -EINVAL,
			       "%.300s has %.3f s at this rate; the window ends at %.3f s: check --rate, --format and "
			       "--measure-to",
			       r->config->path, (double)im->next_index / r->config->rate_hz, r->config->measure_to_s);
	return 0;
}

static void plan_phases(struct importing *im)
{
	const struct import_config *c = im->config;
	const double at_s[POINT_REST] = {0, c->tare_until_s, c->measure_from_s, c->measure_to_s};
	for (unsigned i = 0; i < POINT_REST; i++)
		im->first[i] = (uint64_t)llround(at_s[i] * c->rate_hz);
	im->first[POINT_REST] = UINT64_MAX;
}

static void describe_channel(struct importing *im)
{
	const struct import_config *c = im->config;
	const struct bench_sensor *sensor = &c->bench->sensor;
	double span_n = sensor->force_range_hi_n - sensor->force_range_lo_n;
	im->channel = (struct channel){
		.name = "force",
		.unit = "N",
		.quantity = QUANTITY_FORCE,
		.bits = c->format == IMPORT_I16 ? 16 : 32,
		.rate_hz = c->rate_hz,
		.scale = c->format == IMPORT_CSV ? span_n / CSV_STEPS : c->scale_n,
		.offset = c->format == IMPORT_CSV ? 0 : c->offset_n,
		.range_lo = sensor->force_range_lo_n,
		.range_hi = sensor->force_range_hi_n,
	};
}

static void describe_record(struct importing *im, uint64_t wall_ns)
{
	struct record *r = im->record;
	struct record_device *device = &r->device[r->devices++];
	snprintf(device->role, sizeof(device->role), "load_sensor");
	snprintf(device->driver, sizeof(device->driver), "import");
	device->clock_ppm = device->clock_u_ppm = NAN;
	device->calibration = bench_device(im->config->bench, ROLE_LOAD_SENSOR)->calibration;
	device->channels = 1;
	device->channel[0] = im->channel;
	r->started_host_ns = BASE_NS;
	utc_text(wall_ns, r->started_utc);
	utc_text(wall_ns, r->ended_utc);
	host_describe(r);
	r->host_clock_synchronised = false; /* it timed nothing of this */
	r->points_planned = 1;
	snprintf(r->stop_text, sizeof(r->stop_text), "imported recording: penrig moved nothing");
}

static int finish_import(struct importing *im,
			 int (*finish)(void *ctx, struct record *record, struct runfile *rf, struct err *err),
			 void *ctx, struct err *err)
{
	struct record *r = im->record;
	struct record_device *device = &r->device[0];
	double rel, u_rel;
	r->ended_host_ns = host_ns_at(im, im->next_index);
	estimator_end(&im->estimator, &r->point[0], r->ended_host_ns, true);
	judge_supersede(r, 0);
	runfile_point_end(im->rf, 0, &r->point[0]);
	if (sample_clock_rate(&im->estimator.clock, &rel, &u_rel) == 0) {
		device->clock_ppm = rel * 1e6;
		device->clock_u_ppm = u_rel * 1e6;
	}
	sweeps_collect(r, im->config->plan, im->config->point, 1);
	r->run_status = RUN_COMPLETE;
	verdict_form(r, im->config->plan);
	int rc = runfile_sync(im->rf, r->journal_head, err);
	return rc ? rc : finish(ctx, r, im->rf, err);
}

static int import_point(struct importing *im, struct recording *recording, uint64_t wall_ns)
{
	struct record_point *point = record_add_point(im->record);
	char json[160];
	if (!point)
		return err_set(recording->err, -ENOMEM, "out of memory");
	snprintf(json, sizeof(json), "{\"text\":\"imported recording: not a supervised run\"}");
	runfile_journal(im->rf, BASE_NS, "import", json);
	point->plan = *im->config->point;
	point->attempt = 1;
	point->start_wall_ns = wall_ns;
	int rc = estimator_begin(&im->estimator, point, BASE_NS, on_stroke, im);
	if (rc)
		return err_set(recording->err, rc, "this point cannot be measured: %s", strerror(-rc));
	runfile_point_begin(im->rf, 0, point);
	return read_samples(im, recording);
}

static int digest_file(const char *path, char ret[SHA256_HEX], struct err *err)
{
	FILE *in = fopen(path, "re");
	struct digest digest;
	uint8_t buffer[8192], hash[DIGEST_BYTES];
	size_t n;
	if (!in)
		return err_set(err, -errno, "%.300s cannot be read: %s", path, strerror(errno));
	digest_begin(&digest);
	while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
		digest_raw(&digest, buffer, n);
	bool bad = ferror(in) != 0;
	fclose(in);
	digest_end(&digest, hash);
	digest_hex(hash, ret);
	return bad ? err_set(err, -EIO, "%.300s cannot be read", path) : 0;
}

static int fill_origin(const struct import_config *c, struct record *record, struct err *err)
{
	static const char *const names[] = {"i16", "i32", "csv"};
	struct record_origin *o = &record->origin;
	snprintf(o->path, sizeof(o->path), "%s", c->path);
	snprintf(o->format, sizeof(o->format), "%s", names[c->format]);
	o->rate_hz = c->rate_hz;
	o->scale_n = c->scale_n;
	o->offset_n = c->offset_n;
	return digest_file(c->path, o->sha256, err);
}

int import_run(const struct import_config *config, struct record *record, uint64_t wall_ns,
	       int (*finish)(void *ctx, struct record *record, struct runfile *rf, struct err *err), void *ctx,
	       struct err *err)
{
	struct importing im = {.config = config, .record = record};
	struct recording recording = {.config = config, .err = err};
	int rc = fill_origin(config, record, err);

	if (rc)
		return rc;
	describe_channel(&im);
	describe_record(&im, wall_ns);
	plan_phases(&im);
	const struct estimator_device sensor = {
		.channels = &im.channel, .channel_count = 1, .bench = bench_device(config->bench, ROLE_LOAD_SENSOR)};
	rc = estimator_init(&im.estimator, config->plan, config->bench, &sensor, false, err);
	if (rc)
		return rc;
	im.estimator.recording = true;
	recording.in = fopen(config->path, "re");
	if (!recording.in)
		return err_set(err, -errno, "%.300s cannot be read: %s", config->path, strerror(errno));
	rc = runfile_create(record, config->rate_hz * 8, true, &im.rf, err);
	if (!rc)
		rc = import_point(&im, &recording, wall_ns);
	if (!rc)
		rc = finish_import(&im, finish, ctx, err);
	fclose(recording.in);
	estimator_release(&im.estimator);
	int closed = runfile_close(im.rf, rc ? NULL : err);
	return rc ? rc : closed;
}
