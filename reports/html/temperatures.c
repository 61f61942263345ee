/* Temperatures over the run: what was measured, the fit that a steady state was read from, and the limits. One walk over
 * the readings: memory is a few columns, however long the run. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/draw/svg.h"
#include "reports/html/html.h"
#include "rig/measure/temperature.h"

#define W            540
#define COLUMNS      260
#define SLOW_HZ      1000 /* channels above are not of temperatures */
#define LIMIT_PX     "#b91c1c"
#define TEMPERATURES 4
#define LEVELS       10
#define ROW_PX       26 /* of the legend */

struct column {
	double sum;
	unsigned n;
};

struct curve {
	char name[32];
	const struct channel *channel; /* NULL: what the pen says of its handle */
	double lo, hi;                 /* of all readings; lo > hi: there is none */
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
	c->lo = fmin(c->lo, value);
	c->hi = fmax(c->hi, value);
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

	for (unsigned k = 0; k < TEMPERATURES; k++) {
		w->curve[k].lo = INFINITY;
		w->curve[k].hi = -INFINITY;
	}
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
	svg_dash_begin(a->out, dashes[k]);
	svg_line(a, x, y, n, colours[k]);
	svg_text(a->out, a->left + a->width + 8, a->top + 10 + ROW_PX * (double)k, 11, "start", w->curve[k].name);
	fprintf(a->out, "<path stroke=\"%s\" stroke-width=\"2.4\" d=\"M%.1f %.1fh26\"/>\n", colours[k],
		a->left + a->width + 8, a->top + 18 + ROW_PX * (double)k);
	svg_dash_end(a->out);
}

/* ---- fits --------------------------------------------------------------------------------------------------------- */

static const struct fit_row {
	const char *site, *words;
	enum svg_shape shape;
} fit_rows[] = {{"handle", "fit of handle", SVG_DISC}, {"tip", "fit of tip", SVG_SQUARE}};
#define FIT_ROWS  (sizeof(fit_rows) / sizeof(fit_rows[0]))
#define FIT_STEPS 120
#define FIT_MARK  12 /* steps from mark to mark, by which a fit is told without colour */

/* While the motor ran, by the clock of the run; false: the point has no such fit. */
static bool fit_span(const struct warmth *w, const struct record_point *p, const struct fit_row *row,
		     struct thermal_curve *ret_curve, double ret_s[2])
{
	const enum point_mark marks[] = {MARK_PHASE(POINT_SPIN_UP), MARK_PHASE(POINT_COAST)};

	if (p->session || !thermal_curve_of(p->input, p->inputs, row->site, ret_curve) ||
	    !isfinite(thermal_curve_at(ret_curve, 0)))
		return false;
	for (unsigned i = 0; i < 2; i++) {
		if (p->mark[marks[i]].host_ns == UINT64_MAX)
			return false;
		ret_s[i] = ((double)p->mark[marks[i]].host_ns - (double)w->record->started_host_ns) * 1e-9;
	}
	return true;
}

/* Its line lies beneath the readings, its marks upon them, so that both are seen where they agree. */
static void draw_fit(const struct warmth *w, const struct svg_axes *a, const struct record_point *p,
		     const struct fit_row *row, bool marks)
{
	double x[FIT_STEPS + 1], y[FIT_STEPS + 1], span[2];
	struct thermal_curve curve;

	if (!fit_span(w, p, row, &curve, span))
		return;
	for (unsigned i = 0; i <= FIT_STEPS; i++) {
		double t_s = (span[1] - span[0]) * i / FIT_STEPS;

		x[i] = span[0] + t_s;
		y[i] = thermal_curve_at(&curve, t_s);
	}
	if (!marks)
		svg_line(a, x, y, FIT_STEPS + 1, SVG_INK);
	for (unsigned i = FIT_MARK / 2; marks && i <= FIT_STEPS; i += FIT_MARK)
		svg_mark(a, x[i], y[i], row->shape, SVG_INK);
}

static void draw_fits(const struct warmth *w, const struct svg_axes *a, bool marks)
{
	svg_clip_begin(a, marks ? "fit-marks" : "fit-lines");
	for (unsigned k = 0; k < FIT_ROWS; k++)
		for (unsigned i = 0; i < w->record->points; i++)
			draw_fit(w, a, &w->record->point[i], &fit_rows[k], marks);
	svg_clip_end(a);
}

static bool has_fit(const struct warmth *w, const struct fit_row *row)
{
	struct thermal_curve curve;
	double span[2];

	for (unsigned i = 0; i < w->record->points; i++)
		if (fit_span(w, &w->record->point[i], row, &curve, span))
			return true;
	return false;
}

static unsigned count_fits(const struct warmth *w)
{
	unsigned count = 0;

	for (unsigned k = 0; k < FIT_ROWS; k++)
		count += has_fit(w, &fit_rows[k]);
	return count;
}

/* In the frame's own pixels, so that a mark of the legend is one of the picture. */
static void draw_fit_legend(const struct svg_axes *a, const struct fit_row *row, double row_px)
{
	double legend = a->left + a->width + 8;
	const struct svg_axes px = {
		.out = a->out, .left = legend, .top = row_px, .width = 26, .height = 16, .x1 = 26, .y0 = 16};

	svg_text(a->out, legend, row_px, 11, "start", row->words);
	svg_segment(&px, 0, 8, 26, 8, SVG_INK);
	svg_mark(&px, 13, 8, row->shape, SVG_INK);
}

static void draw_fit_legends(const struct warmth *w, const struct svg_axes *a, double row_px)
{
	for (unsigned k = 0; k < FIT_ROWS; k++) {
		if (!has_fit(w, &fit_rows[k]))
			continue;
		draw_fit_legend(a, &fit_rows[k], row_px);
		row_px += ROW_PX;
	}
}

/* ---- limits and steady states ------------------------------------------------------------------------------------- */

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
		 "steady values",
		 l->rated_c, l->rated_c - l->lower_k);
	svg_text(a->out, 12, y, 10, "start", words);
	snprintf(words, sizeof(words), "are drawn %.1f K %s than their figures.", fabs(l->lower_k),
		 l->lower_k > 0 ? "lower" : "higher");
	svg_text(a->out, 12, y + 14, 10, "start", words);
}

static void range_warmth(const struct warmth *w, const struct levels *l, struct svg_axes *a)
{
	a->y0 = INFINITY;
	a->y1 = -INFINITY;
	for (unsigned k = 0; k < w->curves; k++) {
		a->y0 = fmin(a->y0, w->curve[k].lo);
		a->y1 = fmax(a->y1, w->curve[k].hi);
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
	unsigned rows = w->curves + l.count + count_fits(w), frame = 176 > ROW_PX * rows ? 176 : ROW_PX * rows;
	struct svg_axes a = {
		.out = out, .left = 84, .top = 34, .width = W - 254, .height = frame, .x0 = 0, .x1 = w->span_s};

	range_warmth(w, &l, &a);
	if (!(a.y0 <= a.y1))
		return;
	svg_range(&a.y0, &a.y1, 0.06);
	svg_begin_inline(out, W, frame + (l.lower_k == 0 ? 84 : 118), "temperatures of the run");
	svg_heading(out, a.left, 20, 14, "temperatures of the run");
	draw_fits(w, &a, false);
	for (unsigned k = 0; k < w->curves; k++)
		draw_curve(w, &a, k);
	for (unsigned k = 0; k < l.count; k++)
		draw_level(&a, &l.level[k], a.top + 10 + ROW_PX * (double)(w->curves + k));
	draw_fits(w, &a, true);
	draw_fit_legends(w, &a, a.top + 10 + ROW_PX * (double)(w->curves + l.count));
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
