/* NAME.strokes.csv: a row for each stroke and each answer of the pen about itself, on one axis of time: seconds since the run
 * began, by this computer's clock. RFC 4180 as in csv.c; what a row does not have is an empty cell. Memory does not grow with
 * the strokes: the pen's answers of a point stand behind its strokes. Of a resumed run the strokes of earlier sessions are in
 * the files of those runs: a row for each such point names the run. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "reports/csv.h"
#include "reports/report.h"
#include "rig/runfile/rows.h"

static const char header[] =
	"run,dut,time_s,kind,step,point,attempt,counts,depth_set_mm,rate_set_hz,stroke,phase,instant,"
	"height_n,depth_mm,protrusion_mm,misfit_n,rate_hz,motor_c,handle_c,battery_v,current_a,"
	"condition,running\r\n";

static const char *const phase_names[POINT_PHASES] = {
	[POINT_TARE] = "tare",   [POINT_SPIN_UP] = "spin_up", [POINT_MEASURE] = "measure",
	[POINT_COAST] = "coast", [POINT_REST] = "rest",
};

struct sheet {
	FILE *out;
	const struct record *record;
	const struct record_point *point; /* NULL: between points */
	double rate_hz;                   /* samples in a second of this computer's clock; NaN: not known */
	struct runfile_cursor *telemetry; /* what comes behind `waiting` */
	bool ended;                       /* nothing does */
	unsigned waits, printed;          /* of the piece at hand: its rows, and those that are printed */
	struct pen_telemetry waiting[TELEMETRY_PER_ITEM];
};

static double host_seconds(const struct sheet *sheet, uint64_t host_ns)
{
	return ((double)host_ns - (double)sheet->record->started_host_ns) * 1e-9;
}

/* By where the streams stood when the point was opened: right to the length of one of the sensor's blocks. */
static double stroke_seconds(const struct sheet *sheet, double instant)
{
	const struct record_mark *open = &sheet->point->mark[MARK_OPEN];

	return open->host_ns == UINT64_MAX
		       ? NAN
		       : host_seconds(sheet, open->host_ns) + (instant - (double)open->index[0]) / sheet->rate_hz;
}

static void put_place(const struct sheet *sheet, struct csv_row *row, double time_s, const char *kind)
{
	const struct record_point *p = sheet->point;

	csv_put_text(row, p && p->session ? sheet->record->session[p->session - 1].name : sheet->record->name);
	csv_put_text(row, sheet->record->dut);
	csv_put_real(row, time_s);
	csv_put_text(row, kind);
	if (!p) {
		csv_put_nothing(row, 6);
		return;
	}
	csv_put_count(row, p->plan.step + 1u);
	csv_put_count(row, p->plan.number + 1u);
	csv_put_count(row, p->attempt);
	csv_put_bool(row, p->counts);
	csv_put_real(row, p->plan.depth_mm);
	csv_put_real(row, p->plan.rate_hz);
}

static int on_stroke(void *ctx, const struct stroke *s)
{
	const struct sheet *sheet = ctx;
	struct csv_row row = {.out = sheet->out};

	put_place(sheet, &row, stroke_seconds(sheet, s->instant), "stroke");
	csv_put_count(&row, s->number);
	csv_put_text(&row, phase_names[s->phase]);
	csv_put_real(&row, s->instant);
	csv_put_real(&row, s->height_n);
	csv_put_real(&row, s->depth_mm);
	csv_put_real(&row, s->protrusion_mm);
	csv_put_real(&row, s->misfit_n);
	csv_put_nothing(&row, 7);
	csv_end(&row);
	return 0;
}

static void put_telemetry(const struct sheet *sheet, const struct pen_telemetry *t)
{
	struct csv_row row = {.out = sheet->out};

	put_place(sheet, &row, host_seconds(sheet, t->host_ns), "telemetry");
	csv_put_nothing(&row, 7);
	csv_put_real(&row, t->rate_hz);
	csv_put_real(&row, t->motor_c);
	csv_put_real(&row, t->handle_c);
	csv_put_real(&row, t->battery_v);
	csv_put_real(&row, t->current_a);
	csv_put_count(&row, t->condition);
	csv_put_bool(&row, t->running);
	csv_end(&row);
}

static int on_telemetry(void *ctx, const struct pen_telemetry *t)
{
	struct sheet *sheet = ctx;

	if (sheet->waits == TELEMETRY_PER_ITEM)
		return -EBADMSG;
	sheet->waiting[sheet->waits++] = *t;
	return 0;
}

/* All telemetry before `host_ns` that is not printed yet. */
static int put_telemetry_until(struct sheet *sheet, uint64_t host_ns, struct err *err)
{
	for (;;) {
		for (; sheet->printed < sheet->waits; sheet->printed++) {
			if (sheet->waiting[sheet->printed].host_ns >= host_ns)
				return 0;
			put_telemetry(sheet, &sheet->waiting[sheet->printed]);
		}
		sheet->waits = sheet->printed = 0;
		int rc = sheet->ended ? 0 : runfile_next_telemetry(sheet->telemetry, on_telemetry, sheet, err);
		sheet->ended = rc == 0;
		if (rc <= 0)
			return rc;
	}
}

/* Of the load sensor's force, corrected where its clock is known against this computer's. */
static double sample_rate(const struct record *record)
{
	for (unsigned i = 0; i < record->devices; i++) {
		const struct record_device *d = &record->device[i];
		for (unsigned c = 0; strcmp(d->role, "load_sensor") == 0 && c < d->channels; c++)
			if (d->channel[c].quantity == QUANTITY_FORCE)
				return d->channel[c].rate_hz * (1 + (isfinite(d->clock_ppm) ? d->clock_ppm : 0) * 1e-6);
	}
	return NAN;
}

static void put_elsewhere(const struct sheet *sheet)
{
	struct csv_row row = {.out = sheet->out};

	put_place(sheet, &row, NAN, "elsewhere");
	csv_put_nothing(&row, 14);
	csv_end(&row);
}

/* A point of this run: nothing of another session is on its clock. */
static int write_point(struct sheet *sheet, struct runfile_reader *reader, unsigned row, struct err *err)
{
	const struct record_point *p = &sheet->record->point[row];
	int rc = 0;

	sheet->point = NULL;
	if (p->mark[MARK_OPEN].host_ns != UINT64_MAX)
		rc = put_telemetry_until(sheet, p->mark[MARK_OPEN].host_ns, err);
	sheet->point = p;
	if (!rc)
		rc = runfile_each_stroke(reader, row, on_stroke, sheet, err);
	if (!rc && p->mark[MARK_CLOSE].host_ns != UINT64_MAX)
		rc = put_telemetry_until(sheet, p->mark[MARK_CLOSE].host_ns, err);
	return rc;
}

static int write_points(struct sheet *sheet, struct runfile_reader *reader, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < sheet->record->points; i++) {
		sheet->point = &sheet->record->point[i];
		if (sheet->point->session)
			put_elsewhere(sheet);
		else
			rc = write_point(sheet, reader, i, err);
	}
	sheet->point = NULL;
	return rc ? rc : put_telemetry_until(sheet, UINT64_MAX, err);
}

static int write_run(const struct record *record, struct runfile_reader *reader, FILE *out, struct err *err)
{
	struct sheet sheet = {.out = out, .record = record, .rate_hz = sample_rate(record)};
	int rc = runfile_telemetries(reader, &sheet.telemetry, err);

	fputs(header, out);
	if (!rc)
		rc = write_points(&sheet, reader, err);
	runfile_cursor_free(sheet.telemetry);
	return rc ? rc : ferror(out) ? err_set(err, -EIO, "the strokes cannot be written: %s", strerror(EIO)) : 0;
}

/* Without a run file there are no strokes. */
static int write_header(const struct record *record, FILE *out, struct err *err)
{
	(void)record;
	fputs(header, out);
	return ferror(out) ? err_set(err, -EIO, "the strokes cannot be written: %s", strerror(EIO)) : 0;
}

const struct report_writer report_strokes = {
	.id = "strokes",
	.extension = ".strokes.csv",
	.description = "a row per stroke and per answer of the pen, on one axis of time",
	.write = write_header,
	.write_run = write_run,
};
