/* Draws gauge studies. What the figures are is its caller's business. */
#include "reports/draw/grr_picture.h"

#include <math.h>
#include <stdbool.h>

#include "reports/draw/svg.h"

#define PAGE_WIDTH 960
#define HEAD       34.0
#define HEIGHT     220.0
#define BARS_LEFT  90.0
#define BARS_WIDTH 290.0
#define PENS_LEFT  486.0
#define PENS_WIDTH 446.0
#define SHAPES     4
#define PALE       "#f0b48a" /* beside SVG_DATA also in grey */

static const char *const colours[] = {SVG_DATA, SVG_MODEL, "#15803d", "#7c3aed", SVG_INK, SVG_FAINT};

void grr_page_begin(FILE *out, unsigned pictures)
{
	svg_begin(out, PAGE_WIDTH, pictures ? pictures * GRR_PANEL_HEIGHT : 60);
}

void grr_page_end(FILE *out)
{
	svg_end(out);
}

static void draw_bars(FILE *out, const struct grr_picture *p, double top)
{
	static const char names[GRR_COMPONENTS][24] = {"EV", "AV", "GRR", "PV"};
	struct svg_axes a = {.out = out,
			     .left = BARS_LEFT,
			     .top = top + HEAD,
			     .width = BARS_WIDTH,
			     .height = HEIGHT,
			     .x0 = 0.5,
			     .x1 = GRR_COMPONENTS + 0.5,
			     .y0 = 0.0,
			     .y1 = 100.0};
	bool tolerance = false;

	for (unsigned i = 0; i < GRR_COMPONENTS; i++) {
		tolerance |= isfinite(p->percent_tolerance[i]);
		a.y1 = fmax(a.y1, isfinite(p->percent_tolerance[i]) ? p->percent_tolerance[i] : 0.0);
	}
	a.y1 *= 1.25; /* room for the legend */
	svg_frame_named(&a, names, GRR_COMPONENTS, "", tolerance ? "% of study or tolerance" : "% of the study");
	for (unsigned i = 0; i < GRR_COMPONENTS; i++) {
		svg_box(&a, i + 0.7, 0.0, i + 1.0, p->percent_study[i], SVG_DATA);
		if (isfinite(p->percent_tolerance[i]))
			svg_box(&a, i + 1.0, 0.0, i + 1.3, p->percent_tolerance[i], PALE);
	}
	svg_legend(&a, 0, 'b', SVG_DATA, "% of the study");
	if (tolerance)
		svg_legend(&a, 1, 'b', PALE, "% of the tolerance");
}

static void draw_appraiser(const struct svg_axes *a, const struct grr_picture *p, unsigned which)
{
	const char *colour = colours[which % (sizeof(colours) / sizeof(colours[0]))];
	const double *mean = p->mean + (size_t)which * p->parts;
	unsigned last = p->parts;

	for (unsigned i = 0; i < p->parts; i++) {
		if (!isfinite(mean[i]))
			continue;
		if (last < p->parts)
			svg_segment(a, last + 1.0, mean[last], i + 1.0, mean[i], colour);
		svg_mark(a, i + 1.0, mean[i], (enum svg_shape)(which % SHAPES), colour);
		last = i;
	}
}

/* With its own mark: in black and white the colours are one. */
static void name_appraiser(const struct svg_axes *a, const struct grr_picture *p, unsigned which)
{
	const struct svg_axes px = {
		.out = a->out, .left = a->left, .top = a->top, .width = 1, .height = 1, .x1 = 1, .y1 = 1};

	svg_legend(a, which, ' ', "none", p->appraiser[which]);
	svg_mark(&px, 18.0, 1.0 - (12.0 + 16.0 * which), (enum svg_shape)(which % SHAPES), colours[which]);
}

static void draw_pens(FILE *out, const struct grr_picture *p, double top)
{
	double lo = INFINITY, hi = -INFINITY;

	for (unsigned i = 0; i < p->parts * p->appraisers; i++)
		if (isfinite(p->mean[i])) {
			lo = fmin(lo, p->mean[i]);
			hi = fmax(hi, p->mean[i]);
		}
	svg_range(&lo, &hi, 0.1);
	const struct svg_axes a = {.out = out,
				   .left = PENS_LEFT,
				   .top = top + HEAD,
				   .width = PENS_WIDTH,
				   .height = HEIGHT,
				   .x0 = 0.5,
				   .x1 = p->parts + 0.5,
				   .y0 = lo,
				   .y1 = hi + 0.2 * (hi - lo)};
	svg_frame_named(&a, p->part, p->parts, "pen", p->value_label);
	for (unsigned i = 0; i < p->appraisers; i++) {
		draw_appraiser(&a, p, i);
		if (i < 4)
			name_appraiser(&a, p, i);
	}
}

void grr_picture_draw(FILE *out, const struct grr_picture *picture, unsigned number)
{
	double top = (double)number * GRR_PANEL_HEIGHT;

	svg_heading_within(out, BARS_LEFT, top + 20.0, 14, PAGE_WIDTH - BARS_LEFT - 10, picture->title);
	draw_bars(out, picture, top);
	draw_pens(out, picture, top);
}
