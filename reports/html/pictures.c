/* Pictures of the page, as inline SVG. Every state has a shape of its own, for readers without colours and for paper. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/draw/svg.h"
#include "reports/html/html.h"

#define GRAPH_W  540
#define GRAPH_H  260
#define STRIP_W  190
#define STRIP_H  16
#define BAR_W    160
#define BAR_H    10
#define LIMIT_PX "#b91c1c"
#define SPREAD   0.3 /* of the range between the limits, shown beyond each */

static enum svg_shape shape_of(enum outcome outcome)
{
	static const enum svg_shape shapes[] = {[SIGN_DISC] = SVG_DISC,
						[SIGN_TRIANGLE] = SVG_TRIANGLE,
						[SIGN_SQUARE] = SVG_SQUARE,
						[SIGN_CROSS] = SVG_CROSS};

	return shapes[html_sign_of(outcome)];
}

/* ---- a graph of one measurand ---------------------------------------------------------------------------------- */

struct series {
	unsigned n, room;
	const struct finding **finding; /* of point i; NULL: it has none */
	char (*name)[24];               /* "0.5 mm, 120 Hz" */
};

/* What has a limit, and the two that say whether the motor holds its rate under load. */
static bool is_shown(const struct finding *f, enum measurand id)
{
	bool rate = id == MEASURAND_STROKE_RATE || id == MEASURAND_RATE_DROOP;

	return f->result.id == id && (f->has_limit || (rate && f->result.valid));
}

static const struct finding *limited(const struct record_point *point, enum measurand id)
{
	for (unsigned i = 0; i < point->results; i++)
		if (is_shown(&point->result[i], id))
			return &point->result[i];
	return NULL;
}

/* Whether its number alone tells one point from another: where only one of depth and rate changes, it names the point. */
static void name_points(const struct record *record, struct series *s)
{
	bool depths = false, rates = false;
	const struct plan_point *first = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *p = &record->point[i];

		if (!p->counts)
			continue;
		first = first ? first : &p->plan;
		depths |= p->plan.depth_mm != first->depth_mm;
		rates |= p->plan.rate_hz != first->rate_hz;
	}
	for (unsigned i = 0; i < record->points; i++) {
		const struct plan_point *p = &record->point[i].plan;

		if (!record->point[i].counts)
			continue;
		if (rates && !depths)
			snprintf(s->name[n++], sizeof(s->name[0]), "%.6g Hz", p->rate_hz);
		else if (rates)
			snprintf(s->name[n++], sizeof(s->name[0]), "%.4g/%.4g", p->depth_mm, p->rate_hz);
		else
			snprintf(s->name[n++], sizeof(s->name[0]), "%.4g mm", p->depth_mm);
	}
}

static void gather(const struct record *record, enum measurand id, struct series *s)
{
	s->n = 0;
	for (unsigned i = 0; i < record->points; i++)
		if (record->point[i].counts)
			s->finding[s->n++] = limited(&record->point[i], id);
}

static void include(double *lo, double *hi, double value)
{
	if (!isfinite(value))
		return;
	*lo = fmin(*lo, value);
	*hi = fmax(*hi, value);
}

static bool range_of(const struct series *s, double *lo, double *hi)
{
	*lo = INFINITY;
	*hi = -INFINITY;
	for (unsigned i = 0; i < s->n; i++) {
		const struct finding *f = s->finding[i];

		if (!f)
			continue;
		if (f->result.valid) {
			double reach = isfinite(f->result.expanded_u) ? f->result.expanded_u : 0.0;
			include(lo, hi, f->result.value - reach);
			include(lo, hi, f->result.value + reach);
		}
		if (f->has_limit && f->limit.has_lower)
			include(lo, hi, f->limit.lower);
		if (f->has_limit && f->limit.has_upper)
			include(lo, hi, f->limit.upper);
	}
	return *lo <= *hi;
}

static void draw_point(const struct svg_axes *a, double x, const struct finding *f)
{
	const struct result *r = &f->result;

	if (f->has_limit && f->limit.has_lower)
		svg_segment(a, x - 0.4, f->limit.lower, x + 0.4, f->limit.lower, LIMIT_PX);
	if (f->has_limit && f->limit.has_upper)
		svg_segment(a, x - 0.4, f->limit.upper, x + 0.4, f->limit.upper, LIMIT_PX);
	if (!r->valid)
		return;
	if (isfinite(r->expanded_u))
		svg_segment(a, x, r->value - r->expanded_u, x, r->value + r->expanded_u, SVG_INK);
	svg_mark(a, x, r->value, f->has_limit ? shape_of(f->judgement.outcome) : SVG_DISC, SVG_DATA);
}

static void draw_graph(FILE *out, enum measurand id, const struct series *s)
{
	const struct finding *any = NULL;
	struct svg_axes a = {
		.out = out, .left = 84, .top = 34, .width = GRAPH_W - 100, .height = GRAPH_H - 84, .x0 = 0.4};
	char words[96], clip[32];

	for (unsigned i = 0; i < s->n && !any; i++)
		any = s->finding[i];
	if (!any || !range_of(s, &a.y0, &a.y1))
		return;
	bool counted = strcmp(any->result.unit, "1") == 0;
	a.x1 = s->n + 0.6;
	if (counted && a.y1 - a.y0 < 1.0) /* a count and its limit that are the same */
		a.y1 = a.y0 + 1.0;
	svg_range(&a.y0, &a.y1, 0.1);
	snprintf(words, sizeof(words), "%s%s%s%s", any->result.name, any->result.method[0] ? " (" : "",
		 any->result.method, any->result.method[0] ? ")" : "");
	svg_begin_inline(out, GRAPH_W, GRAPH_H, words);
	svg_heading(out, a.left, 20, 14, words);
	svg_frame_named(&a, s->name, s->n, "setpoint", counted ? "" : any->result.unit);
	snprintf(clip, sizeof(clip), "clip%u", (unsigned)id);
	svg_clip_begin(&a, clip);
	for (unsigned i = 0; i < s->n; i++)
		if (s->finding[i])
			draw_point(&a, i + 1.0, s->finding[i]);
	svg_clip_end(&a);
	svg_end(out);
}

void html_graphs(FILE *out, const struct record *record)
{
	struct series s = {.finding = calloc(record->points + 1, sizeof(*s.finding)),
			   .name = calloc(record->points + 1, sizeof(*s.name))};

	if (s.finding && s.name) {
		name_points(record, &s);
		for (unsigned id = 0; id < MEASURANDS; id++) {
			gather(record, (enum measurand)id, &s);
			draw_graph(out, (enum measurand)id, &s);
		}
	}
	free(s.finding);
	free(s.name);
}

/* ---- a sweep: depth over setpoint -------------------------------------------------------------------------------- */

struct line {
	double n, sx, sy, sxx, sxy;
};

static const struct finding *depth_of(const struct record *record, const struct record_point *p)
{
	const char *method = measurand_method(JUDGED_BY_DEPTH, record->judge_nominal_rate, record->judge_displacement);

	for (unsigned i = 0; i < p->results; i++)
		if (p->result[i].result.id == MEASURAND_DEPTH && p->result[i].result.valid &&
		    strcmp(p->result[i].result.method, method) == 0)
			return &p->result[i];
	return NULL;
}

static bool is_of(const struct record_sweep *sweep, const struct record_point *p)
{
	return p->counts && p->plan.step == sweep->step && p->plan.rate_hz == sweep->rate_hz &&
	       p->plan.phantom == sweep->phantom;
}

/* Limits of the error, or of the depth itself, as a depth at this setpoint. */
static void depth_bounds(const struct record_point *p, double *lower, double *upper)
{
	*lower = *upper = NAN;
	for (unsigned i = 0; i < p->results; i++) {
		const struct finding *f = &p->result[i];
		double from = f->result.id == MEASURAND_DEPTH_ERROR ? p->plan.depth_mm : 0.0;

		if (!f->has_limit || (f->result.id != MEASURAND_DEPTH_ERROR && f->result.id != MEASURAND_DEPTH))
			continue;
		*lower = f->limit.has_lower ? from + f->limit.lower : *lower;
		*upper = f->limit.has_upper ? from + f->limit.upper : *upper;
	}
}

static void sweep_range(const struct record *record, const struct record_sweep *sweep, struct svg_axes *a,
			struct line *line)
{
	a->x0 = a->y0 = INFINITY;
	a->x1 = a->y1 = -INFINITY;
	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *p = &record->point[i];
		const struct finding *f = is_of(sweep, p) ? depth_of(record, p) : NULL;
		double lower, upper, x = p->plan.depth_mm;

		if (!f)
			continue;
		depth_bounds(p, &lower, &upper);
		include(&a->x0, &a->x1, x);
		include(&a->y0, &a->y1, f->result.value);
		include(&a->y0, &a->y1, x);
		include(&a->y0, &a->y1, lower);
		include(&a->y0, &a->y1, upper);
		line->n++;
		line->sx += x;
		line->sy += f->result.value;
		line->sxx += x * x;
		line->sxy += x * f->result.value;
	}
}

static void draw_depths(const struct record *record, const struct record_sweep *sweep, const struct svg_axes *a,
			double slope, double from, bool residuals)
{
	double half = 0.02 * (a->x1 - a->x0);

	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *p = &record->point[i];
		const struct finding *f = is_of(sweep, p) ? depth_of(record, p) : NULL;
		double lower, upper, x = p->plan.depth_mm, off = residuals ? from + slope * x : 0.0;

		if (!f)
			continue;
		depth_bounds(p, &lower, &upper);
		if (!residuals && isfinite(lower))
			svg_segment(a, x - half, lower, x + half, lower, LIMIT_PX);
		if (!residuals && isfinite(upper))
			svg_segment(a, x - half, upper, x + half, upper, LIMIT_PX);
		double value = f->result.value - off, u = f->result.expanded_u;
		double aside = residuals ? (p->plan.upward ? -0.4 : 0.4) * half : 0.0;
		if (isfinite(u))
			svg_segment(a, x + aside, value - u, x + aside, value + u, SVG_INK);
		svg_mark(a, x + aside, value, p->plan.upward ? SVG_DISC : SVG_SQUARE, SVG_DATA);
	}
}

static void residual_range(const struct record *record, const struct record_sweep *sweep, struct svg_axes *a,
			   double slope, double from)
{
	a->y0 = a->y1 = 0.0;
	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *p = &record->point[i];
		const struct finding *f = is_of(sweep, p) ? depth_of(record, p) : NULL;

		if (!f)
			continue;
		double value = f->result.value - from - slope * p->plan.depth_mm;
		double u = isfinite(f->result.expanded_u) ? f->result.expanded_u : 0.0;
		include(&a->y0, &a->y1, value - u);
		include(&a->y0, &a->y1, value + u);
	}
}

static void sweep_picture(FILE *out, const char *title, const struct svg_axes *a, const char *y_label)
{
	svg_begin_inline(out, GRAPH_W, GRAPH_H, title);
	svg_heading(out, a->left, 20, 14, title);
	svg_frame(a, "setpoint, mm; disc: going up, square: going down", y_label);
}

void html_sweep_graphs(FILE *out, const struct record *record, const struct record_sweep *sweep)
{
	struct svg_axes a = {.out = out, .left = 84, .top = 34, .width = GRAPH_W - 100, .height = GRAPH_H - 84};
	struct line line = {0};

	sweep_range(record, sweep, &a, &line);
	double spread = line.n * line.sxx - line.sx * line.sx;
	if (line.n < 3 || !(spread > 1e-12))
		return;
	double slope = (line.n * line.sxy - line.sx * line.sy) / spread, from = (line.sy - slope * line.sx) / line.n;
	svg_range(&a.x0, &a.x1, 0.08);
	svg_range(&a.y0, &a.y1, 0.06);
	fputs("<div class=\"graphs\">", out);
	sweep_picture(out, "depth against setpoint", &a, "mm");
	svg_segment(&a, fmax(a.x0, a.y0), fmax(a.x0, a.y0), fmin(a.x1, a.y1), fmin(a.x1, a.y1), SVG_FAINT);
	draw_depths(record, sweep, &a, slope, from, false);
	svg_end(out);
	residual_range(record, sweep, &a, slope, from);
	svg_range(&a.y0, &a.y1, 0.1);
	sweep_picture(out, "what the straight line leaves of it", &a, "mm");
	svg_segment(&a, a.x0, 0.0, a.x1, 0.0, SVG_FAINT);
	draw_depths(record, sweep, &a, slope, from, true);
	svg_end(out);
	fputs("</div>\n", out);
}

/* ---- small ones, in cells ---------------------------------------------------------------------------------------- */

/* With one limit alone, the range is from nothing to it, or to twice what was seen. */
static void strip_range(const struct finding *f, double *lo, double *hi)
{
	double value = f->result.valid ? f->result.value : 0.0;

	*lo = f->limit.has_lower ? f->limit.lower : fmin(0.0, value);
	*hi = f->limit.has_upper ? f->limit.upper : fmax(2.0 * *lo, value);
	svg_range(lo, hi, SPREAD);
}

static double strip_px(double value, double lo, double hi)
{
	return fmin(STRIP_W - 3.0, fmax(3.0, (value - lo) / (hi - lo) * STRIP_W));
}

static void strip_limit(FILE *out, double at_px)
{
	fprintf(out, "<path d=\"M%.1f 1v%d\" stroke=\"" LIMIT_PX "\" stroke-width=\"1.6\"/>", at_px, STRIP_H - 2);
}

void html_strip(FILE *out, const struct finding *f)
{
	double lo, hi, middle = STRIP_H / 2.0;

	if (!f->has_limit || !f->result.valid || !isfinite(f->result.value))
		return;
	strip_range(f, &lo, &hi);
	fprintf(out, "<svg width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\"><title>", STRIP_W, STRIP_H,
		STRIP_W, STRIP_H);
	html_limit(out, f);
	fprintf(out, "</title><path d=\"M0 %.1fh%d\" stroke=\"" SVG_FAINT "\"/>", middle, STRIP_W);
	if (f->limit.has_lower)
		strip_limit(out, strip_px(f->limit.lower, lo, hi));
	if (f->limit.has_upper)
		strip_limit(out, strip_px(f->limit.upper, lo, hi));
	double u = isfinite(f->result.expanded_u) ? f->result.expanded_u : hi - lo;
	fprintf(out, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"" SVG_INK "\" stroke-width=\"2\"/>",
		strip_px(f->result.value - u, lo, hi), middle, strip_px(f->result.value + u, lo, hi));
	fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"" SVG_DATA "\"/></svg>",
		strip_px(f->result.value, lo, hi), middle);
}

void html_bar(FILE *out, double share)
{
	fprintf(out,
		"<svg width=\"%d\" height=\"%d\" role=\"img\"><title>%.1f %%</title><rect width=\"%d\" height=\"%d\" "
		"fill=\"#e4e9ef\"/><rect width=\"%.1f\" height=\"%d\" fill=\"" SVG_DATA "\"/></svg>",
		BAR_W, BAR_H, 100.0 * share, BAR_W, BAR_H, BAR_W * fmin(1.0, fmax(0.0, share)), BAR_H);
}
