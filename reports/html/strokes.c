/* Pictures of what a run file has beyond its record: strokes one by one, as an envelope where there are too many to tell
 * apart. Two walks over the strokes of a point, the first for the ranges: memory is a few columns, however long the run. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/draw/svg.h"
#include "reports/html/html.h"

#define W           540
#define H           230
#define COLUMNS     260 /* of an envelope */
#define COLUMNS_FEW 90  /* of each of many points, so that the page stays small */
#define MANY_POINTS 24
#define SINGLE_MAX  700 /* strokes that are drawn one by one */
#define BINS        40
#define SPREADS     6.0 /* standard deviations that a histogram reaches from its mean */
#define LIMIT_PX    "#b91c1c"
#define WINDOW_PX   "#eef3f9"

enum shown { SHOWN_DEPTH, SHOWN_PROTRUSION, SHOWN_FORCE, SHOWN_KINDS };

struct moments {
	double n, mean, square, lo, hi;
};

struct column {
	double lo, hi, sum;
	unsigned n;
};

struct look {
	const struct record_point *point;
	double fs_hz, first; /* instant at which the picture begins */
	enum shown shown;
	bool second; /* walk */
	double last_instant, previous;
	struct moments value[SHOWN_KINDS], period;
	uint64_t strokes;
	unsigned columns;
	struct column column[COLUMNS];
	unsigned bin[BINS], beside;
	double bins_lo, bins_hi;
	struct svg_axes axes;
};

static void add(struct moments *m, double value)
{
	if (!isfinite(value))
		return;
	m->lo = m->n ? fmin(m->lo, value) : value;
	m->hi = m->n ? fmax(m->hi, value) : value;
	m->n++;
	double step = value - m->mean;
	m->mean += step / m->n;
	m->square += step * (value - m->mean);
}

static double value_of(const struct stroke *s, enum shown shown)
{
	return shown == SHOWN_DEPTH ? s->depth_mm : shown == SHOWN_PROTRUSION ? s->protrusion_mm : s->height_n;
}

static double seconds(const struct look *l, double instant)
{
	return (instant - l->first) / l->fs_hz;
}

/* Milliseconds since the stroke before; NaN for the first of the window. */
static double period_of(struct look *l, const struct stroke *s)
{
	double previous = l->previous;
	bool measured = s->phase == POINT_MEASURE;

	l->previous = measured ? s->instant : NAN;
	return measured ? (s->instant - previous) / l->fs_hz * 1e3 : NAN;
}

static int look_at(void *ctx, const struct stroke *s)
{
	struct look *l = ctx;

	if (l->strokes++ == 0)
		l->first = s->instant;
	l->last_instant = s->instant;
	for (unsigned i = 0; i < SHOWN_KINDS; i++)
		add(&l->value[i], value_of(s, (enum shown)i));
	add(&l->period, period_of(l, s));
	return 0;
}

static void put_in_column(struct look *l, double t_s, double value)
{
	double at = (t_s - l->axes.x0) / (l->axes.x1 - l->axes.x0) * l->columns;
	struct column *c = &l->column[at < 0 ? 0 : at >= l->columns ? l->columns - 1 : (unsigned)at];

	c->lo = c->n ? fmin(c->lo, value) : value;
	c->hi = c->n ? fmax(c->hi, value) : value;
	c->sum += value;
	c->n++;
}

static int draw_or_gather(void *ctx, const struct stroke *s)
{
	struct look *l = ctx;
	double value = value_of(s, l->shown), period = period_of(l, s);

	if (isfinite(value)) {
		if (l->strokes <= SINGLE_MAX)
			svg_speck(&l->axes, seconds(l, s->instant), value);
		else
			put_in_column(l, seconds(l, s->instant), value);
	}
	if (isfinite(period)) {
		double at = (period - l->bins_lo) / (l->bins_hi - l->bins_lo) * BINS;

		if (at >= 0 && at < BINS)
			l->bin[(unsigned)at]++;
		else
			l->beside++;
	}
	return 0;
}

/* ---- the envelope ------------------------------------------------------------------------------------------------- */

static void draw_envelope(const struct look *l)
{
	double x[2 * COLUMNS], y[2 * COLUMNS], mean[COLUMNS];
	double width = (l->axes.x1 - l->axes.x0) / l->columns;
	unsigned n = 0;

	for (unsigned i = 0; i < l->columns; i++) {
		const struct column *c = &l->column[i];

		if (!c->n)
			continue;
		x[n] = l->axes.x0 + (i + 0.5) * width;
		y[n] = c->lo;
		mean[n] = c->sum / c->n;
		n++;
	}
	for (unsigned i = l->columns, k = n; i-- > 0;) {
		if (!l->column[i].n)
			continue;
		x[k] = l->axes.x0 + (i + 0.5) * width;
		y[k++] = l->column[i].hi;
	}
	svg_area(&l->axes, x, y, 2 * n, "#9dbfe4");
	svg_line(&l->axes, x, mean, n, SVG_DATA);
}

/* ---- limits of depth ---------------------------------------------------------------------------------------------- */

/* In depth, of depth or of its error. */
static void depth_limits(const struct record_point *p, double *lower, double *upper)
{
	*lower = *upper = NAN;
	for (unsigned i = 0; i < p->results; i++) {
		const struct finding *f = &p->result[i];
		bool error = f->result.id == MEASURAND_DEPTH_ERROR;

		if (!f->has_limit || (!error && f->result.id != MEASURAND_DEPTH))
			continue;
		double from = error ? p->plan.depth_mm : 0.0;
		*lower = f->limit.has_lower ? from + f->limit.lower : *lower;
		*upper = f->limit.has_upper ? from + f->limit.upper : *upper;
	}
}

static void draw_limits(const struct look *l)
{
	const struct svg_axes *a = &l->axes;
	double lower, upper;

	if (l->shown == SHOWN_FORCE)
		return;
	depth_limits(l->point, &lower, &upper);
	if (isfinite(lower))
		svg_segment(a, a->x0, lower, a->x1, lower, LIMIT_PX);
	if (isfinite(upper))
		svg_segment(a, a->x0, upper, a->x1, upper, LIMIT_PX);
}

/* ---- both pictures ------------------------------------------------------------------------------------------------ */

static void set_axes(struct look *l, FILE *out)
{
	const struct moments *m = &l->value[l->shown];
	double lower, upper;

	l->axes = (struct svg_axes){.out = out,
				    .left = 70,
				    .top = 30,
				    .width = W - 86,
				    .height = H - 76,
				    .x0 = 0,
				    .x1 = seconds(l, l->last_instant),
				    .y0 = m->lo,
				    .y1 = m->hi};
	depth_limits(l->point, &lower, &upper);
	if (l->shown != SHOWN_FORCE && isfinite(lower))
		l->axes.y0 = fmin(l->axes.y0, lower);
	if (l->shown != SHOWN_FORCE && isfinite(upper))
		l->axes.y1 = fmax(l->axes.y1, upper);
	svg_range(&l->axes.x0, &l->axes.x1, 0.02);
	svg_range(&l->axes.y0, &l->axes.y1, 0.08);
}

static int draw_strokes(struct look *l, unsigned point, FILE *out, struct runfile_reader *reader, struct err *err)
{
	static const char *const names[] = {"depth of each stroke", "protrusion of each stroke",
					    "force of each stroke"};
	static const char *const units[] = {"mm", "mm", "N"};
	char title[96], id[32];
	const uint64_t *phase = l->point->phase_index;

	set_axes(l, out);
	snprintf(title, sizeof(title), "%s%s", names[l->shown],
		 l->strokes > SINGLE_MAX ? ": least, greatest and mean" : "");
	svg_begin_inline(out, W, H, title);
	svg_heading(out, l->axes.left, 18, 13, title);
	snprintf(id, sizeof(id), "strokes%u", point);
	svg_clip_begin(&l->axes, id);
	if (phase[POINT_MEASURE] != UINT64_MAX && phase[POINT_COAST] != UINT64_MAX)
		svg_box(&l->axes, seconds(l, (double)phase[POINT_MEASURE]), l->axes.y0,
			seconds(l, (double)phase[POINT_COAST]), l->axes.y1, WINDOW_PX);
	if (l->strokes <= SINGLE_MAX)
		svg_specks_begin(&l->axes, SVG_DATA);
	l->previous = NAN;
	int rc = runfile_each_stroke(reader, point, draw_or_gather, l, err);
	if (l->strokes <= SINGLE_MAX)
		svg_specks_end(&l->axes);
	else
		draw_envelope(l);
	draw_limits(l);
	svg_clip_end(&l->axes);
	svg_frame(&l->axes, "s; shaded: the window that is judged", units[l->shown]);
	svg_end(out);
	return rc;
}

static void draw_periods(const struct look *l, FILE *out)
{
	unsigned most = 1;
	char words[96];
	struct svg_axes a = {.out = out,
			     .left = 70,
			     .top = 30,
			     .width = W - 86,
			     .height = H - 76,
			     .x0 = l->bins_lo,
			     .x1 = l->bins_hi};
	double width = (l->bins_hi - l->bins_lo) / BINS;

	for (unsigned i = 0; i < BINS; i++)
		most = l->bin[i] > most ? l->bin[i] : most;
	a.y1 = most * 1.08;
	svg_begin_inline(out, W, H, "histogram of periods");
	svg_heading(out, a.left, 18, 13, "histogram of periods");
	for (unsigned i = 0; i < BINS; i++)
		if (l->bin[i])
			svg_box(&a, l->bins_lo + i * width, 0, l->bins_lo + (i + 0.9) * width, l->bin[i], SVG_DATA);
	if (l->beside)
		snprintf(words, sizeof(words), "ms from stroke to stroke; %u lie beside", l->beside);
	svg_frame(&a, l->beside ? words : "ms from stroke to stroke", "strokes");
	svg_end(out);
}

static double force_rate(const struct record *record)
{
	for (unsigned i = 0; i < record->devices; i++)
		for (unsigned k = 0; k < record->device[i].channels; k++)
			if (record->device[i].channel[k].quantity == QUANTITY_FORCE)
				return record->device[i].channel[k].rate_hz;
	return NAN;
}

static void choose(struct look *l, const struct record *record)
{
	l->shown = record->judge_displacement ? SHOWN_PROTRUSION : SHOWN_DEPTH;
	for (unsigned i = 0; i < SHOWN_KINDS && l->value[l->shown].n < 2; i++)
		l->shown = (enum shown)i;
	l->columns = record->points > MANY_POINTS ? COLUMNS_FEW : COLUMNS;
	double sd = l->period.n > 1 ? sqrt(l->period.square / (l->period.n - 1)) : 0;
	l->bins_lo = fmax(l->period.lo, l->period.mean - SPREADS * sd);
	l->bins_hi = fmin(l->period.hi, l->period.mean + SPREADS * sd);
	svg_range(&l->bins_lo, &l->bins_hi, 0.02);
}

int html_strokes(FILE *out, const struct record *record, unsigned point, struct runfile_reader *reader, struct err *err)
{
	struct look *l = calloc(1, sizeof(*l));
	int rc = l ? 0 : err_set(err, -ENOMEM, "out of memory");

	if (rc == 0) {
		l->point = &record->point[point];
		l->fs_hz = force_rate(record);
		l->previous = NAN;
		rc = runfile_each_stroke(reader, point, look_at, l, err);
	}
	if (rc == 0 && l->strokes >= 2 && l->fs_hz > 0) {
		choose(l, record);
		fputs("<div class=\"graphs\">", out);
		if (l->value[l->shown].n >= 2)
			rc = draw_strokes(l, point, out, reader, err);
		if (rc == 0 && l->period.n >= 2)
			draw_periods(l, out);
		if (rc == 0)
			rc = html_overlay(out, record, point, reader, err);
		fputs("</div>\n", out);
	}
	free(l);
	return rc;
}
