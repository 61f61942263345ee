/* Draws control charts. What the limits are is its caller's business. */
#include "reports/draw/control_picture.h"

#include <math.h>

#include "reports/draw/svg.h"

#define PAGE_WIDTH     900
#define LEFT           104.0
#define WIDTH          (PAGE_WIDTH - LEFT - 150.0)
#define HEAD           58.0
#define VALUE_HEIGHT   210.0
#define SCATTER_HEIGHT 80.0
#define BETWEEN        22.0
#define NAME_PX        12.0 /* from one name of a level to the next */

#define SVG_LIMIT      "#b91c1c"

void control_page_begin(FILE *out, unsigned pictures)
{
	svg_begin(out, PAGE_WIDTH, pictures * CONTROL_PANEL_HEIGHT);
}

void control_page_begin_inline(FILE *out, const char *title)
{
	svg_begin_inline(out, PAGE_WIDTH, CONTROL_PANEL_HEIGHT, title);
}

void control_page_end(FILE *out)
{
	svg_end(out);
}

static void widen(double *lo, double *hi, double value)
{
	if (isfinite(value)) {
		*lo = fmin(*lo, value);
		*hi = fmax(*hi, value);
	}
}

/* Of the levels, at the right edge, where no value stands. */
struct names {
	unsigned n;
	struct {
		double at; /* px */
		char text[64];
	} name[5];
};

/* In the order of their places, from the top. */
static void name_level(const struct svg_axes *a, struct names *names, double y, const char *name)
{
	double at = a->top + a->height - (y - a->y0) / (a->y1 - a->y0) * a->height + 4;
	unsigned i = names->n++;

	for (; i > 0 && names->name[i - 1].at > at; i--)
		names->name[i] = names->name[i - 1];
	names->name[i].at = at;
	snprintf(names->name[i].text, sizeof(names->name[i].text), "%s %.4g", name, y);
}

/* Names of levels that are near each other stand one below the other. */
static void put_names(const struct svg_axes *a, const struct names *names)
{
	double from = -INFINITY;

	for (unsigned i = 0; i < names->n; i++) {
		from = fmax(from + NAME_PX, names->name[i].at);
		svg_text(a->out, a->left + a->width + 8, from, 11, "start", names->name[i].text);
	}
}

static void level(const struct svg_axes *a, struct names *names, double y, const char *name, const char *colour)
{
	if (!isfinite(y) || y < a->y0 || y > a->y1)
		return;
	svg_segment(a, a->x0, y, a->x1, y, colour);
	name_level(a, names, y, name);
}

static void varying_limits(const struct svg_axes *a, struct names *names, const struct control_picture *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		svg_segment(a, i + 0.5, p->centre + p->half_width[i], i + 1.5, p->centre + p->half_width[i], SVG_MODEL);
		svg_segment(a, i + 0.5, p->centre - p->half_width[i], i + 1.5, p->centre - p->half_width[i], SVG_MODEL);
	}
	name_level(a, names, p->centre + p->half_width[p->n - 1], "UCL");
	name_level(a, names, p->centre - p->half_width[p->n - 1], "LCL");
}

static void connect(const struct svg_axes *a, const double *y, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		if (isfinite(y[i]) && isfinite(y[i - 1]))
			svg_segment(a, i, y[i - 1], i + 1.0, y[i], SVG_FAINT);
}

/* Limits of the product far away would press the values flat: then they are told in words alone. */
static void take_near(double *lo, double *hi, double spec, double span)
{
	if (isfinite(spec) && spec > *lo - span && spec < *hi + span)
		widen(lo, hi, spec);
}

static struct svg_axes value_axes(FILE *out, const struct control_picture *p, double top)
{
	double lo = p->lower, hi = p->upper;

	for (unsigned i = 0; i < p->n; i++)
		widen(&lo, &hi, p->value[i]);
	double span = hi - lo, from = lo, to = hi;
	take_near(&from, &to, p->spec_lower, span);
	take_near(&from, &to, p->spec_upper, span);
	svg_range(&from, &to, 0.06);
	return (struct svg_axes){.out = out,
				 .left = LEFT,
				 .top = top,
				 .width = WIDTH,
				 .height = VALUE_HEIGHT,
				 .x0 = 0.5,
				 .x1 = p->n + 0.5,
				 .y0 = from,
				 .y1 = to};
}

static void draw_values(FILE *out, const struct control_picture *p, double top, const char *x_label)
{
	struct svg_axes a = value_axes(out, p, top);
	struct names names = {0};

	svg_frame_named(&a, p->label, p->n, x_label, p->value_label);
	level(&a, &names, p->centre, "mean", SVG_FAINT);
	if (p->half_width) {
		varying_limits(&a, &names, p);
	} else {
		level(&a, &names, p->upper, "UCL", SVG_MODEL);
		level(&a, &names, p->lower, "LCL", SVG_MODEL);
	}
	level(&a, &names, p->spec_upper, "limit", SVG_LIMIT);
	level(&a, &names, p->spec_lower, "limit", SVG_LIMIT);
	put_names(&a, &names);
	connect(&a, p->value, p->n);
	for (unsigned i = 0; i < p->n; i++)
		svg_mark(&a, i + 1.0, p->value[i], p->broken[i] ? SVG_CROSS : SVG_DISC,
			 p->broken[i] ? SVG_LIMIT : SVG_DATA);
}

static void draw_scatter(FILE *out, const struct control_picture *p, double top)
{
	double lo = 0.0, hi = p->scatter_upper;
	struct svg_axes a = {.out = out,
			     .left = LEFT,
			     .top = top,
			     .width = WIDTH,
			     .height = SCATTER_HEIGHT,
			     .x0 = 0.5,
			     .x1 = p->n + 0.5};
	struct names names = {0};

	for (unsigned i = 0; i < p->n; i++)
		widen(&lo, &hi, p->scatter[i]);
	svg_range(&lo, &hi, 0.06);
	a.y0 = fmax(0.0, lo);
	a.y1 = hi;
	svg_frame_named(&a, p->label, p->n, "", p->scatter_label);
	level(&a, &names, p->scatter_centre, "mean", SVG_FAINT);
	level(&a, &names, p->scatter_upper, "UCL", SVG_MODEL);
	if (p->scatter_lower > 0.0)
		level(&a, &names, p->scatter_lower, "LCL", SVG_MODEL);
	put_names(&a, &names);
	connect(&a, p->scatter, p->n);
	for (unsigned i = 0; i < p->n; i++)
		svg_mark(&a, i + 1.0, p->scatter[i],
			 p->scatter[i] > p->scatter_upper || p->scatter[i] < p->scatter_lower ? SVG_CROSS : SVG_DISC,
			 SVG_DATA);
}

void control_picture_draw(FILE *out, const struct control_picture *p, unsigned number)
{
	double top = number * CONTROL_PANEL_HEIGHT;

	svg_heading_within(out, LEFT, top + 24, 16, PAGE_WIDTH - LEFT - 10, p->title);
	svg_text(out, LEFT, top + 43, 12, "start", p->words);
	draw_values(out, p, top + HEAD, "");
	if (p->scatter)
		draw_scatter(out, p, top + HEAD + VALUE_HEIGHT + BETWEEN + 30.0);
}
