/* Import: what a recording says of itself and what is meant by it; then its rows go the way of any samples (course.c). */
#include "rig/offline/import/import.h"
#include "rig/judge/sweeps.h"
#include "rig/judge/verdict.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/offline/import/importing.h"
#include "rig/offline/import/stretches.h"
#include "rig/offline/import/timeline.h"
#include "rig/record/host.h"

#define RATE_MIN_HZ  100.0
#define RATE_MAX_HZ  1e7
#define NOMINAL_RATE 1e-3 /* by which what times show may differ from what a header states: more is no clock */
#define SAME_RATE    1e-4 /* two clocks may differ by so much; an XO is within half of it */

/* ---- what the file says of itself ---- */

static struct stream_config stream_of(const struct importing *im)
{
	return (struct stream_config){.reader = im->reader,
				      .source = &im->source,
				      .path = im->config->path,
				      .wish = im->config->wish,
				      .layout = &im->layout,
				      .columns = &im->columns,
				      .beside = im->beside.count,
				      .column = {im->beside.at[0].column, im->beside.at[1].column,
						 im->beside.at[2].column, im->beside.at[3].column},
				      .paired = im->beside.displacement};
}

static bool differ(double a, double b, double rel)
{
	return fabs(a / b - 1) > rel;
}

/* The rate by the column of times, held against --rate. */
static int rate_of_times(struct importing *im)
{
	const struct import_config *c = im->config;
	const struct stream_config stream = stream_of(im);
	int rc = stream_learn(&stream, c->rate_hz, &im->stream_times, im->err);

	if (rc < 0)
		return rc;
	im->timed = true;
	double rate_hz = timeline_round(im->stream_times.rate_hz, im->stream_times.rel);
	double ends = im->stream_times.jitter_max_s > 0 && im->stream_times.coarse_s > 0
			      ? im->stream_times.rel * (1 + im->stream_times.jitter_max_s / im->stream_times.coarse_s)
			      : im->stream_times.rel;
	if (c->rate_hz > 0 && differ(rate_hz, c->rate_hz, SAME_RATE + 2 * ends))
		return err_set(im->err, -EINVAL,
			       "--rate %.9g contradicts the times in column %d of %.200s, which are those of %.9g rows "
			       "a second: "
			       "leave --rate out, or say --time-column none where the column is wrong",
			       c->rate_hz, im->columns.time + 1, c->path, rate_hz);
	if (!(c->rate_hz > 0) && im->layout.rate_hz > 0 && differ(rate_hz, im->layout.rate_hz, NOMINAL_RATE + 2 * ends))
		return err_set(im->err, -EINVAL,
			       "%.200s states %.9g rows a second (%s), and the times in column %d are those of %.9g: "
			       "say by --rate which is right, and --time-column none where the times are not",
			       c->path, im->layout.rate_hz,
			       im->layout.rate_from[0] ? im->layout.rate_from : "its header", im->columns.time + 1,
			       rate_hz);
	im->rate_hz = c->rate_hz > 0 ? c->rate_hz : rate_hz;
	snprintf(im->record->origin.rate_from, sizeof(im->record->origin.rate_from), "%s",
		 c->rate_hz > 0 ? "--rate, and the times agree" : "times");
	return 0;
}

static int no_rate(const struct importing *im)
{
	const char *doubt = im->layout.rate_doubt;

	return err_set(im->err, -EINVAL, "--rate is missing: %.300s does not say how many rows it has a second%s%s%s",
		       im->config->path, *doubt ? " (" : "", doubt,
		       *doubt ? " may be that of strokes or of rows: if of rows, say so by --rate)" : "");
}

static int two_rates(const struct importing *im, double rate_hz, const char *where)
{
	return err_set(im->err, -EINVAL,
		       "%.200s states %.9g rows a second (%s) and %.9g as well (%s): say by --rate which they are",
		       im->config->path, rate_hz, where, im->layout.other_rate_hz, im->layout.other_rate_from);
}

static int stated_rate(struct importing *im)
{
	const struct import_config *c = im->config;
	struct record_origin *o = &im->record->origin;
	bool heard = !(c->columns.time_column && strcmp(c->columns.time_column, "none") == 0);
	double stated_hz = heard ? im->layout.rate_hz : NAN;
	const char *where = im->layout.rate_from[0] ? im->layout.rate_from : "its header";

	if (heard && im->layout.other_rate_hz > 0) {
		if (!(c->rate_hz > 0))
			return two_rates(im, stated_hz, where);
		if (!differ(c->rate_hz, im->layout.other_rate_hz, SAME_RATE))
			stated_hz = c->rate_hz;
	}
	if (c->rate_hz > 0 && stated_hz > 0 && differ(c->rate_hz, stated_hz, SAME_RATE))
		return err_set(im->err, -EINVAL,
			       "--rate %.9g contradicts %.200s, which states %.9g rows a second (%s): leave --rate "
			       "out, or say "
			       "--time-column none where the file is wrong",
			       c->rate_hz, c->path, stated_hz, where);
	if (!(c->rate_hz > 0) && !(stated_hz > 0))
		return no_rate(im);
	im->rate_hz = c->rate_hz > 0 ? c->rate_hz : stated_hz;
	snprintf(o->rate_from, sizeof(o->rate_from), "%s", c->rate_hz > 0 ? "--rate" : where);
	return 0;
}

static int find_rate(struct importing *im)
{
	bool counted = im->columns.time >= 0 && im->columns.time_unit_s == 0;
	int rc = im->columns.time >= 0 && !counted ? rate_of_times(im) : stated_rate(im);

	if (rc == 0 && !(im->rate_hz >= RATE_MIN_HZ && im->rate_hz <= RATE_MAX_HZ))
		return err_set(im->err, -EINVAL, "%.300s has %g rows a second; %g to %g can be measured with",
			       im->config->path, im->rate_hz, RATE_MIN_HZ, RATE_MAX_HZ);
	return rc;
}

static int look_at_file(struct importing *im)
{
	const struct import_config *c = im->config;
	struct recording *recording;
	int rc = source_look(c->path, &im->source, im->err);

	if (rc == 0)
		rc = source_reader(c->path, c->format, &im->reader, im->err);
	if (rc == 0)
		rc = im->reader->open(c->path, &c->wish, &recording, &im->layout, im->err);
	if (rc < 0)
		return rc;
	im->reader->close(recording);
	rc = columns_choose(&im->layout, &c->columns, c->path, &im->columns, im->err);
	if (rc == 0)
		rc = beside_columns_choose(&im->layout, &im->columns, &c->beside, c->path, &im->beside, im->err);
	return rc == 0 ? find_rate(im) : rc;
}

static void describe_times(const struct importing *im, char *ret, size_t size)
{
	int n = 0;

	columns_name(&im->layout, im->columns.time, ret, size);
	n = (int)strlen(ret);
	if (im->timed)
		snprintf(ret + n, size - (size_t)n, ", to %.3g s, jitter %.2g s RMS", im->stream_times.coarse_s,
			 im->stream_times.jitter_s);
	else
		snprintf(ret + n, size - (size_t)n, ", counts rows");
}

/* `displacement 3 "x" [mm], handle 4 "T1" [degC]` */
static void list_beside(const struct importing *im, char *ret, size_t size)
{
	size_t n = 0;

	for (unsigned i = 0; i < im->beside.count && n + 20 < size; i++) {
		n += (size_t)snprintf(ret + n, size - n, "%s%s ", i ? ", " : "", im->beside.at[i].name);
		columns_name(&im->layout, im->beside.at[i].column, ret + n, size - n);
		n += strlen(ret + n);
	}
}

static int fill_origin(struct importing *im)
{
	struct record_origin *o = &im->record->origin;

	snprintf(o->path, sizeof(o->path), "%s", im->config->path);
	snprintf(o->format, sizeof(o->format), "%s", im->reader->name);
	snprintf(o->dialect, sizeof(o->dialect), "%s", im->layout.dialect);
	columns_name(&im->layout, im->columns.force, o->column, sizeof(o->column));
	if (im->columns.time >= 0)
		describe_times(im, o->time_column, sizeof(o->time_column));
	o->rate_hz = im->rate_hz;
	o->scale_n = im->columns.scale_n;
	o->offset_n = im->columns.offset_n;
	o->has_gaps = true;
	list_beside(im, o->beside, sizeof(o->beside));
	snprintf(o->witness, sizeof(o->witness), "%s", im->config->witness ? im->config->witness : "");
	return source_digest(im->config->path, &im->source, o->sha256, im->err);
}

/* ---- when the points were measured ---- */

static int no_list(const struct importing *im, int rc)
{
	return rc == -E2BIG ? err_set(im->err, -EINVAL,
				      "%.300s: more than %d stretches of strokes: is --scale right? --points FILE "
				      "states times",
				      im->config->path, STRETCHES_MAX)
			    : err_set(im->err, rc, "out of memory");
}

static int hear_stretches(struct importing *im, struct stream *stream, struct stretches *stretches)
{
	struct stream_piece *piece = malloc(sizeof(*piece));
	int rc = piece ? 1 : err_set(im->err, -ENOMEM, "out of memory");

	while (rc > 0 && (rc = stream_next(stream, piece, im->err)) > 0)
		for (unsigned i = 0; i < piece->n && rc > 0; i++) {
			int fed = stretches_feed(stretches, piece->index + i,
						 im->columns.offset_n + im->columns.scale_n * piece->value[i]);
			rc = fed ? no_list(im, fed) : 1;
		}
	free(piece);
	if (rc == 0 && (rc = stretches_end(stretches)) < 0)
		return no_list(im, rc);
	return rc;
}

/* The plan's own times, where these are stated or found. Where it leaves open when the window begins, the longest of them:
 * that less is enough a live run sees while it waits, and here nobody looked. */
static void hold_times(struct importing *im, const struct point_times *times)
{
	for (unsigned i = 0; i < im->config->point_count; i++) {
		const struct plan_step *step = &im->config->plan->step[im->config->points[i].step];
		const struct point_times *t = &times[i];

		if (t->measure_to_s - t->measure_from_s < WINDOW_LEAST * step->measure.min_s ||
		    t->measure_from_s - t->start_s < WINDOW_LEAST * step->settle.max_s)
			importing_unchecked(im,
					    "point %u as the plan has it, settled for %g s and measured for %g s: the "
					    "%s times are %g s and %g s",
					    i + 1, step->settle.max_s, step->measure.min_s,
					    im->record->origin.times_found ? "found" : "stated",
					    t->measure_from_s - t->start_s, t->measure_to_s - t->measure_from_s);
	}
}

static int times_of_stretches(struct importing *im, const struct stretches *stretches)
{
	const struct import_config *c = im->config;
	unsigned count, left_out = 0;
	const struct stretch *found = stretches_found(stretches, &count);
	struct record_origin *o = &im->record->origin;
	int rc = point_times_find(found, count, im->rate_hz, c->plan, c->points, c->point_count, c->path, &im->found,
				  &left_out, im->err);

	if (rc)
		return rc;
	o->times_found = true;
	hold_times(im, im->found);
	snprintf(o->times_from, sizeof(o->times_from), "%u stretches of strokes in the recording", count - left_out);
	if (!left_out)
		return 0;
	snprintf(o->times_from + strlen(o->times_from), sizeof(o->times_from) - strlen(o->times_from),
		 ", %u shorter left out", left_out);
	importing_unchecked(im, "whose strokes those were that belong to no point: %u stretches of them were left out",
			    left_out);
	return 0;
}

#define STILL_S 0.3 /* as long as a live run waits after a stop, at least */

/* The last strokes are followed by stillness: a recording that ends with them does not show that the pen stopped. */
static void hold_last_stop(struct importing *im, const struct stretches *stretches, uint64_t rows)
{
	unsigned count;
	const struct stretch *found = stretches_found(stretches, &count);
	double still_s = count ? ((double)rows - (double)found[count - 1].last) / im->rate_hz : 0;

	if (still_s < STILL_S)
		importing_unchecked(im, "whether the pen stopped: the recording ends %.2g s after its last motion",
				    still_s);
}

static int find_times(struct importing *im)
{
	const struct stretches_config config = {
		.rate_hz = im->rate_hz,
		.still_n = im->config->bench->sensor.still_n,
		.pause_s = point_times_pause_s(im->config->points, im->config->point_count)};
	const struct stream_config force = stream_of(im);
	struct stretches *stretches = NULL;
	struct stream *stream = NULL;
	int rc = stretches_new(&config, &stretches);

	rc = rc ? err_set(im->err, rc, "out of memory")
		: stream_open(&force, im->rate_hz, im->timed ? &im->stream_times : NULL, &stream, im->err);
	if (rc == 0)
		rc = hear_stretches(im, stream, stretches);
	if (rc == 0)
		rc = times_of_stretches(im, stretches);
	if (rc == 0)
		hold_last_stop(im, stretches, stream_rows(stream));
	stream_close(stream);
	stretches_free(stretches);
	return rc;
}

/* ---- the whole ---- */

static int read_samples(struct importing *im)
{
	const struct stream_config config = stream_of(im);
	struct stream_piece *piece = malloc(sizeof(*piece));
	struct stream *stream = NULL;
	int rc = piece ? stream_open(&config, im->rate_hz, im->timed ? &im->stream_times : NULL, &stream, im->err)
		       : err_set(im->err, -ENOMEM, "out of memory");

	while (rc == 0 && (rc = stream_next(stream, piece, im->err)) > 0)
		rc = course_take(im, piece);
	if (rc == 0)
		rc = course_end(im, stream_rows(stream));
	stream_close(stream);
	free(piece);
	return rc == 0 ? source_unchanged(im->config->path, &im->source, im->err) : rc;
}

static void describe_record(struct importing *im)
{
	struct record *r = im->record;
	struct record_device *device = &r->device[r->devices++];
	snprintf(device->role, sizeof(device->role), "load_sensor");
	snprintf(device->driver, sizeof(device->driver), "import");
	device->clock_ppm = device->clock_u_ppm = NAN;
	device->calibration = bench_device(im->config->bench, ROLE_LOAD_SENSOR)->calibration;
	device->channels = im->channels;
	memcpy(device->channel, im->channel, im->channels * sizeof(im->channel[0]));
	r->started_host_ns = IMPORT_BASE_NS;
	utc_text(im->wall_ns, r->started_utc);
	utc_text(im->wall_ns, r->ended_utc);
	host_describe(r);
	r->host_clock_synchronised = false; /* it timed nothing of this */
	r->points_planned = im->config->point_count;
	snprintf(r->stop_text, sizeof(r->stop_text), "imported recording: penrig moved nothing");
}

static int finish_import(struct importing *im,
			 int (*finish)(void *ctx, struct record *record, struct runfile *rf, struct err *err),
			 void *ctx, struct err *err)
{
	struct record *r = im->record;
	struct record_device *device = &r->device[0];
	double rel, u_rel;
	r->ended_host_ns = importing_host_ns(im, im->next_index);
	if (sample_clock_rate(&im->estimator.clock, &rel, &u_rel) == 0) {
		device->clock_ppm = rel * 1e6;
		device->clock_u_ppm = u_rel * 1e6;
	}
	sweeps_collect(r, im->config->plan, im->config->points, im->config->point_count);
	r->run_status = RUN_COMPLETE;
	verdict_form(r, im->config->plan);
	int rc = runfile_sync(im->rf, r->journal_head, err);
	return rc ? rc : finish(ctx, r, im->rf, err);
}

/* Of a recording that was not understood nothing is left that looks like one. */
static int close_run(struct importing *im, int rc)
{
	char path[FILE_PATH_MAX + 160] = "";

	if (rc == -EINVAL && im->rf)
		snprintf(path, sizeof(path), "%s", runfile_path(im->rf));
	int closed = runfile_close(im->rf, rc ? NULL : im->err);
	if (*path)
		unlink(path);
	return rc ? rc : closed;
}

static bool is_of_another(const struct bench *bench, enum device_role role, const struct bench_device *sensor)
{
	const struct bench_device *device = bench_device(bench, role);

	return device && device != sensor && !(sensor->roles & ROLE_BIT(role));
}

/* The rows of a recording are of one clock: whether another box's are, and how late they came, no row says. */
static int own_clock(const struct importing *im)
{
	const struct bench *bench = im->config->bench;

	return err_set(
		im->err, -EINVAL,
		"--displacement: on bench %.60s it is device \"%s\" that measures it, by a clock of its own, and the "
		"columns of a recording are of one: where one instrument took both, say so by a bench file whose "
		"load sensor has the role displacement and a displacement_u_mm; else leave --displacement out",
		bench->name, bench_device(bench, ROLE_DISPLACEMENT)->name);
}

/* What the columns would show must be what the bench has a calibration for. */
static int check_bench(const struct importing *im)
{
	const struct bench *bench = im->config->bench;
	const struct bench_device *sensor = bench_device(bench, ROLE_LOAD_SENSOR);
	bool bar = im->beside.displacement, warm = im->beside.count > (bar ? 1 : 0);

	if (bar && is_of_another(bench, ROLE_DISPLACEMENT, sensor))
		return own_clock(im);
	if (bar && (!(sensor->roles & ROLE_BIT(ROLE_DISPLACEMENT)) || !(sensor->displacement_u_mm > 0)))
		return err_set(im->err, -EINVAL,
			       "--displacement: the load sensor of bench %.100s has none: state its displacement_u_mm "
			       "there (and the role "
			       "displacement, where the bench lists devices)",
			       bench->name);
	if (warm && (!(sensor->roles & ROLE_BIT(ROLE_THERMOMETER)) || !(sensor->temperature_u_k > 0)))
		return err_set(im->err, -EINVAL,
			       "--temperature: the load sensor of bench %.100s has none: state its temperature_u_k "
			       "there (and the role "
			       "thermometer, where the bench lists devices)",
			       bench->name);
	return 0;
}

void importing_unchecked(struct importing *im, const char *format, ...)
{
	struct record_origin *o = &im->record->origin;
	va_list args;

	if (o->unchecked[0])
		return;
	va_start(args, format);
	vsnprintf(o->unchecked, sizeof(o->unchecked), format, args);
	va_end(args);
}

#define RATE_SURE 1e-5 /* of what a sample clock is specified to */

static bool has_ambient(const struct importing *im)
{
	for (unsigned i = 0; i < im->beside.count; i++)
		if (strcmp(im->beside.at[i].name, "ambient") == 0)
			return true;
	return false;
}

/* What a live bench would have held against each other, a statement cannot stand for. */
static void note_unchecked(struct importing *im)
{
	const struct import_config *c = im->config;

	if (bench_displacement_u_mm(c->bench) > 0 && !im->beside.displacement)
		importing_unchecked(im,
				    "whether this was the phantom: the bench has a displacement, and of the recording "
				    "none was taken (--displacement)");
	if (bench_temperature_u_k(c->bench) > 0 && !has_ambient(im))
		importing_unchecked(im,
				    "whether the room suited the calibrations: the bench has a thermometer, and of the "
				    "recording no ambient temperature was taken (--temperature ambient=COLUMN)");
	if (c->bench->golden.present && c->bench->golden.required)
		importing_unchecked(im, "whether the bench's reference pen had a valid pass, which the bench requires");
	if (c->recorded)
		importing_unchecked(im,
				    "whether the calibrations were valid: they no longer are, and that it was recorded "
				    "on %.10s is the importer's word",
				    c->recorded);
	if (im->timed && im->stream_times.rel > RATE_SURE)
		importing_unchecked(im, "the rate of the rows: their times tell it to no better than %.2g %%",
				    100 * im->stream_times.rel);
	if (c->times)
		hold_times(im, c->times);
}

static int prepare(struct importing *im)
{
	int rc = look_at_file(im);

	if (rc == 0)
		rc = check_bench(im);
	if (rc == 0)
		rc = fill_origin(im);
	note_unchecked(im);
	if (rc == 0 && !im->config->times)
		rc = find_times(im);
	if (rc < 0)
		return rc;
	course_begin(im);
	describe_record(im);
	const struct estimator_device sensor = {.channels = im->channel,
						.channel_count = im->channels,
						.bench = bench_device(im->config->bench, ROLE_LOAD_SENSOR)};
	rc = estimator_init(&im->estimator, im->config->plan, im->config->bench, &sensor, false, im->err);
	im->estimator.recording = true;
	im->estimator.commands_unknown = im->record->origin.times_found;
	return rc;
}

static void tell_journal(const struct importing *im)
{
	runfile_journal(im->rf, IMPORT_BASE_NS, "import", "{\"text\":\"imported recording: not a supervised run\"}");
}

static int import_with(struct importing *im,
		       int (*finish)(void *ctx, struct record *record, struct runfile *rf, struct err *err), void *ctx)
{
	int rc = prepare(im);

	if (rc < 0)
		return rc;
	rc = runfile_create(im->record, im->rate_hz * 4 * (1 + im->paired), true, &im->rf, im->err);
	if (!rc) {
		tell_journal(im);
		rc = read_samples(im);
	}
	if (!rc)
		rc = finish_import(im, finish, ctx, im->err);
	estimator_release(&im->estimator);
	return close_run(im, rc);
}

int import_run(const struct import_config *config, struct record *record, uint64_t wall_ns,
	       int (*finish)(void *ctx, struct record *record, struct runfile *rf, struct err *err), void *ctx,
	       struct err *err)
{
	struct importing *im = calloc(1, sizeof(*im));

	if (!im)
		return err_set(err, -ENOMEM, "out of memory");
	im->config = config;
	im->record = record;
	im->wall_ns = wall_ns;
	im->err = err;
	int rc = import_with(im, finish, ctx);
	free(im->found);
	free(im);
	return rc;
}
