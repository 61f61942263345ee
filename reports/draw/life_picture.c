/* Draws a course. What the line is is its caller's business. */
#include "reports/draw/life_picture.h"

#include <math.h>
#include <stdbool.h>

#include "reports/draw/svg.h"

#define PAGE_WIDTH   900
#define PANEL_HEIGHT 380
#define LEFT         90.0
#define WIDTH        (PAGE_WIDTH - LEFT - 150.0)
#define HEAD         58.0
#define HEIGHT       250.0
#define FARTHEST     3.0 /* times what was made: farther the picture does not look ahead */
#define MILLION      1e6

#define SVG_LIMIT    "#b91c1c"

void life_page_begin(FILE *out, unsigned pictures)
{
	svg_begin(out, PAGE_WIDTH, pictures * PANEL_HEIGHT);
}

void life_page_end(FILE *out)
{
	svg_end(out);
}

static void take(double *lo, double *hi, double value)
{
	if (isfinite(value)) {
		*lo = fmin(*lo, value);
		*hi = fmax(*hi, value);
	}
}

static double end_of(const struct life_picture *p)
{
	double end = p->now * 1.1;

	if (isfinite(p->left_lo))
		end = fmax(end, p->now + p->left_lo);
	if (isfinite(p->left_hi))
		end = fmax(end, p->now + p->left_hi);
	return fmin(end, p->now * FARTHEST);
}

static double line_at(const struct life_picture *p, double strokes)
{
	return p->line_value + p->slope * (strokes - p->line_from);
}

static void level(const struct svg_axes *a, double y, const char *name)
{
	char text[64];

	if (!isfinite(y) || y < a->y0 || y > a->y1)
		return;
	svg_dash_begin(a->out, "9 3"); /* as in other pictures, so that it is no line of the pen's without colour */
	svg_segment(a, a->x0, y, a->x1, y, SVG_LIMIT);
	svg_dash_end(a->out);
	snprintf(text, sizeof(text), "%s %.4g", name, y);
	svg_text(a->out, a->left + a->width + 8, a->top + a->height - (y - a->y0) / (a->y1 - a->y0) * a->height + 4, 11,
		 "start", text);
}

static void upright(const struct svg_axes *a, double x, const char *name)
{
	svg_segment(a, x, a->y0, x, a->y1, SVG_FAINT);
	svg_text(a->out, a->left + (x - a->x0) / (a->x1 - a->x0) * a->width, a->top - 5, 11, "middle", name);
}

void life_picture_draw(FILE *out, const struct life_picture *p, unsigned number)
{
	double top = number * PANEL_HEIGHT + HEAD, end = end_of(p), lo = INFINITY, hi = -INFINITY;
	struct svg_axes a = {
		.out = out, .left = LEFT, .top = top + 16, .width = WIDTH, .height = HEIGHT, .x1 = end / MILLION};
	bool leaves = isfinite(p->left_lo);

	for (unsigned i = 0; i < p->n; i++)
		take(&lo, &hi, p->mark[i].value);
	take(&lo, &hi, p->lower);
	take(&lo, &hi, p->upper);
	svg_range(&lo, &hi, 0.08);
	a.y0 = lo;
	a.y1 = hi;
	svg_heading_within(out, LEFT, top - HEAD + 24, 14, PAGE_WIDTH - LEFT - 10, p->title);
	svg_text(out, LEFT, top - HEAD + 43, 12, "start", p->words);
	if (leaves) {
		double from = (p->now + p->left_lo) / MILLION, until = fmin((p->now + p->left_hi) / MILLION, a.x1);
		svg_box(&a, from, lo, fmax(from, until), hi, SVG_BAND);
	}
	svg_frame(&a, "million strokes", p->value_label);
	level(&a, p->lower, "limit");
	level(&a, p->upper, "limit");
	upright(&a, p->now / MILLION, "now");
	svg_clip_begin(&a, "life");
	svg_segment(&a, p->line_from / MILLION, p->line_value, a.x1, line_at(p, end), SVG_MODEL);
	svg_clip_end(&a);
	for (unsigned i = 0; i < p->n; i++)
		svg_mark(&a, p->mark[i].strokes / MILLION, p->mark[i].value,
			 (enum svg_shape)(p->mark[i].cartridge % (SVG_SQUARE + 1)), SVG_DATA);
}
