/* Pictures of what a run file has beyond its record: strokes one by one, as an envelope where there are too many to tell
 * apart, and temperatures. Two walks over the strokes of a point, the first for the ranges: memory is a few columns,
 * however long the run. */
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
#define SPREADS     6.0  /* standard deviations that a histogram reaches from its mean */
#define SLOW_HZ     1000 /* channels above are not of temperatures */
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

/* ---- temperatures ------------------------------------------------------------------------------------------------- */

#define TEMPERATURES 4
#define LEVELS       10
#define ROW_PX       26 /* of the legend */

struct curve {
	char name[32];
	const struct channel *channel; /* NULL: what the pen says of its handle */
	struct moments all;
	struct column column[COLUMNS];
};

struct warmth {
	const struct record *record;
	unsigned curves, device;
	struct curve *curve;
	double span_s;
};

static void put_warmth(struct warmth *w, struct curve *c, uint64_t host_ns, double value)
{
	double t_s = ((double)host_ns - (double)w->record->started_host_ns) * 1e-9;
	double at = t_s / w->span_s * COLUMNS;

	if (!isfinite(value) || at < 0)
		return;
	struct column *column = &c->column[at >= COLUMNS ? COLUMNS - 1 : (unsigned)at];
	column->sum += value;
	column->n++;
	add(&c->all, value);
}

static int on_warm_block(void *ctx, const struct sample_block *block)
{
	struct warmth *w = ctx;

	for (unsigned k = 0; k < w->curves; k++) {
		struct curve *c = &w->curve[k];
		const struct channel *channel = c->channel;
		const struct record_device *device = &w->record->device[w->device];

		if (!channel || channel < device->channel || channel >= device->channel + device->channels ||
		    channel->stream != block->stream)
			continue;
		for (uint32_t i = 0; i < block->frames; i++) {
			int32_t count = block->counts[(size_t)i * block->channels + channel->position];

			put_warmth(w, c, block->host_ns, channel->offset + channel->scale * count);
		}
	}
	return 0;
}

static int on_warm_pen(void *ctx, const struct pen_telemetry *t)
{
	struct warmth *w = ctx;

	put_warmth(w, &w->curve[0], t->host_ns, t->handle_c);
	return 0;
}

static int gather_warmth(struct warmth *w, struct runfile_reader *reader, struct err *err)
{
	int rc;

	snprintf(w->curve[0].name, sizeof(w->curve[0].name), "handle, by the pen's word");
	w->curves = 1;
	rc = runfile_each_telemetry(reader, on_warm_pen, w, err);
	for (unsigned i = 0; i < w->record->devices && rc == 0; i++) {
		const struct record_device *device = &w->record->device[i];
		bool streams[STREAMS_MAX] = {false};

		for (unsigned k = 0; k < device->channels && w->curves < TEMPERATURES; k++) {
			const struct channel *c = &device->channel[k];

			if (c->quantity != QUANTITY_TEMPERATURE || c->rate_hz > SLOW_HZ || c->stream >= STREAMS_MAX)
				continue;
			snprintf(w->curve[w->curves].name, sizeof(w->curve[0].name), "%s", c->name);
			w->curve[w->curves++].channel = c;
			streams[c->stream] = true;
		}
		w->device = i;
		for (unsigned s = 0; s < STREAMS_MAX && rc == 0; s++)
			if (streams[s])
				rc = runfile_each_block(reader, i, s, on_warm_block, w, err);
	}
	return rc;
}

static void draw_curve(const struct warmth *w, const struct svg_axes *a, unsigned k)
{
	static const char *const colours[TEMPERATURES] = {SVG_FAINT, SVG_DATA, SVG_MODEL, SVG_INK};
	static const char *const dashes[TEMPERATURES] = {"none", "none", "12 3 3 3", "1 1"};
	double x[COLUMNS], y[COLUMNS];
	unsigned n = 0;

	for (unsigned i = 0; i < COLUMNS; i++) {
		const struct column *c = &w->curve[k].column[i];

		if (!c->n)
			continue;
		x[n] = (i + 0.5) / COLUMNS * w->span_s;
		y[n++] = c->sum / c->n;
	}
	if (!n)
		return;
	fprintf(a->out, "<g stroke-dasharray=\"%s\">\n", dashes[k]);
	svg_line(a, x, y, n, colours[k]);
	svg_text(a->out, a->left + a->width + 8, a->top + 10 + ROW_PX * (double)k, 11, "start", w->curve[k].name);
	fprintf(a->out, "<path stroke=\"%s\" stroke-width=\"2.4\" d=\"M%.1f %.1fh26\"/>\n</g>\n", colours[k],
		a->left + a->width + 8, a->top + 18 + ROW_PX * (double)k);
}

/* A horizontal line of the picture: a limit, or where a part is heading. */
struct level {
	char words[64];
	double at_c;
	bool limit;
};

struct levels {
	unsigned count;
	struct level level[LEVELS];
	double lower_k; /* judged is a rise on a rated ambient: so much lower in the room as it was. 0: as measured */
	double rated_c;
};

static const struct finding *found(const struct record_point *p, enum measurand id, const char *method)
{
	for (unsigned k = 0; k < p->results; k++) {
		const struct result *r = &p->result[k].result;

		if (r->id == id && r->valid && (!method || strcmp(r->method, method) == 0))
			return &p->result[k];
	}
	return NULL;
}

/* False: judged is on a rated ambient, and what that is in this room cannot be said. */
static bool lower_of(const struct record_point *p, struct levels *ret)
{
	static const struct {
		enum measurand id;
		const char *site;
	} parts[] = {{MEASURAND_HANDLE_TEMPERATURE, "handle"}, {MEASURAND_TIP_TEMPERATURE, "tip"}};
	bool rated = false;

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const struct finding *highest = found(p, parts[i].id, "rise_plus_rated_ambient");
		const struct finding *rise = found(p, MEASURAND_TEMPERATURE_RISE, parts[i].site);
		const struct finding *room = found(p, MEASURAND_AMBIENT_TEMPERATURE, NULL);

		rated = rated || highest;
		if (!highest || !rise || !room)
			continue;
		ret->rated_c = highest->result.value - rise->result.value;
		ret->lower_k = ret->rated_c - room->result.value;
		return true;
	}
	return !rated;
}

static void add_level(struct levels *l, bool limit, double at_c, const char *words)
{
	for (unsigned i = 0; i < l->count; i++)
		if (strcmp(l->level[i].words, words) == 0)
			return;
	if (l->count == LEVELS)
		return;
	struct level *level = &l->level[l->count++];

	*level = (struct level){.limit = limit, .at_c = at_c - l->lower_k};
	snprintf(level->words, sizeof(level->words), "%s", words);
}

/* What a limit is of, as the legend says it; NULL: of no temperature that is drawn. */
static const char *limited_part(enum measurand id)
{
	static const struct {
		enum measurand id;
		const char *words;
	} parts[] = {{MEASURAND_HANDLE_TEMPERATURE, "handle"},
		     {MEASURAND_TIP_TEMPERATURE, "tip"},
		     {MEASURAND_STEADY_TEMPERATURE, "steady"}};

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].id == id)
			return parts[i].words;
	return NULL;
}

/* The limits, and the steady state that a part heads for, as they were judged. */
static void add_levels(const struct record_point *p, struct levels *l)
{
	char words[64];

	if (p->session || !lower_of(p, l))
		return;
	for (unsigned k = 0; k < p->results; k++) {
		const struct finding *f = &p->result[k];
		const char *part = limited_part(f->result.id);

		if (part && f->has_limit && f->limit.has_upper) {
			snprintf(words, sizeof(words), "limit, %s: %.4g", part, f->limit.upper);
			add_level(l, true, f->limit.upper, words);
		}
		if (f->result.id == MEASURAND_STEADY_TEMPERATURE && f->result.valid) {
			snprintf(words, sizeof(words), "%s heads for %.1f \xc2\xb1 %.1f", f->result.method,
				 f->result.value, f->result.expanded_u);
			add_level(l, false, f->result.value, words);
		}
	}
}

/* Limits in long dashes, steady states in short ones, so that they are told apart without colour. */
static void draw_level(const struct svg_axes *a, const struct level *level, double row_px)
{
	const char *dash = level->limit ? "9 3" : "2 3", *colour = level->limit ? LIMIT_PX : SVG_MODEL;
	double y = a->top + a->height * (a->y1 - level->at_c) / (a->y1 - a->y0), legend = a->left + a->width + 8;

	fprintf(a->out,
		"<path stroke=\"%s\" stroke-width=\"1.6\" stroke-dasharray=\"%s\" d=\"M%.1f %.1fh%.1fM%.1f "
		"%.1fh26\"/>\n",
		colour, dash, a->left, y, a->width, legend, row_px + 8);
	svg_text(a->out, legend, row_px, 11, "start", level->words);
}

static void say_lowered(const struct svg_axes *a, const struct levels *l, double y)
{
	char words[160];

	if (l->lower_k == 0)
		return;
	snprintf(words, sizeof(words),
		 "Judged is the rise on the rated ambient of %.4g \xc2\xb0"
		 "C; the room was at %.1f: limits and "
		 "steady values are drawn",
		 l->rated_c, l->rated_c - l->lower_k);
	svg_text(a->out, 12, y, 10, "start", words);
	snprintf(words, sizeof(words), "%.1f K %s than their figures.", fabs(l->lower_k),
		 l->lower_k > 0 ? "lower" : "higher");
	svg_text(a->out, 12, y + 14, 10, "start", words);
}

static void range_warmth(const struct warmth *w, const struct levels *l, struct svg_axes *a)
{
	a->y0 = INFINITY;
	a->y1 = -INFINITY;
	for (unsigned k = 0; k < w->curves; k++) {
		if (!w->curve[k].all.n)
			continue;
		a->y0 = fmin(a->y0, w->curve[k].all.lo);
		a->y1 = fmax(a->y1, w->curve[k].all.hi);
	}
	for (unsigned i = 0; i < l->count && a->y0 <= a->y1; i++) {
		a->y0 = fmin(a->y0, l->level[i].at_c);
		a->y1 = fmax(a->y1, l->level[i].at_c);
	}
}

static void draw_warmth(const struct warmth *w, FILE *out)
{
	struct levels l = {0};

	for (unsigned i = 0; i < w->record->points; i++)
		add_levels(&w->record->point[i], &l);
	unsigned rows = w->curves + l.count, frame = 176 > ROW_PX * rows ? 176 : ROW_PX * rows;
	struct svg_axes a = {
		.out = out, .left = 84, .top = 34, .width = W - 254, .height = frame, .x0 = 0, .x1 = w->span_s};

	range_warmth(w, &l, &a);
	if (!(a.y0 <= a.y1))
		return;
	svg_range(&a.y0, &a.y1, 0.06);
	svg_begin_inline(out, W, frame + (l.lower_k == 0 ? 84 : 118), "temperatures of the run");
	svg_heading(out, a.left, 20, 14, "temperatures of the run");
	for (unsigned k = 0; k < w->curves; k++)
		draw_curve(w, &a, k);
	for (unsigned k = 0; k < l.count; k++)
		draw_level(&a, &l.level[k], a.top + 10 + ROW_PX * (double)(w->curves + k));
	svg_frame(&a, "s from the start of the run",
		  "\xc2\xb0"
		  "C");
	say_lowered(&a, &l, a.top + a.height + 64);
	svg_end(out);
}

int html_temperatures(FILE *out, const struct record *record, struct runfile_reader *reader, struct err *err)
{
	struct warmth w = {.record = record,
			   .span_s = ((double)record->ended_host_ns - (double)record->started_host_ns) * 1e-9};
	int rc = 0;

	if (!(w.span_s > 0))
		return 0;
	w.curve = calloc(TEMPERATURES, sizeof(*w.curve));
	rc = w.curve ? gather_warmth(&w, reader, err) : err_set(err, -ENOMEM, "out of memory");
	if (rc == 0)
		draw_warmth(&w, out);
	free(w.curve);
	return rc;
}
