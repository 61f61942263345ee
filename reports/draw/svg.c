/* Writes the few elements that graphs need. Leaves out what they mean (plot_page.c). */
#include "reports/draw/svg.h"

#include <math.h>
#include <string.h>

#define TICKS_WANTED 5.0
#define TICK_ROOM_PX 15.0 /* from number to number, one above the other */
#define LABEL_PX     12
#define BOLD_EM      0.64 /* of its size: a bold letter in the mean, on the wide side */
#define LETTER_PX    7.7  /* a letter of that size, on the wide side */

#define FONT         "font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" fill=\"" SVG_INK "\""

static void escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '&': fputs("&amp;", out); break;
		default: fputc((unsigned char)*text < 0x20 ? '?' : *text, out);
		}
	}
}

void svg_begin(FILE *out, unsigned width, unsigned height)
{
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" "
		"height=\"%u\" viewBox=\"0 0 %u %u\" " FONT ">\n<rect width=\"%u\" height=\"%u\" fill=\"#ffffff\"/>\n",
		width, height, width, height, width, height);
}

void svg_begin_inline(FILE *out, unsigned width, unsigned height, const char *title)
{
	fprintf(out, "<svg width=\"%u\" height=\"%u\" viewBox=\"0 0 %u %u\" role=\"img\" " FONT "><title>", width,
		height, width, height);
	escaped(out, title);
	fputs("</title>\n", out);
}

void svg_end(FILE *out)
{
	fputs("</svg>\n", out);
}

void svg_text(FILE *out, double x, double y, unsigned size, const char *anchor, const char *text)
{
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%u\" text-anchor=\"%s\">", x, y, size, anchor);
	escaped(out, text);
	fputs("</text>\n", out);
}

void svg_heading(FILE *out, double x, double y, unsigned size, const char *text)
{
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%u\" font-weight=\"bold\">", x, y, size);
	escaped(out, text);
	fputs("</text>\n", out);
}

void svg_heading_within(FILE *out, double x, double y, unsigned size, double room, const char *text)
{
	if ((double)strlen(text) * BOLD_EM * size <= room) {
		svg_heading(out, x, y, size, text);
		return;
	}
	fprintf(out,
		"<text x=\"%.1f\" y=\"%.1f\" font-size=\"%u\" font-weight=\"bold\" textLength=\"%.0f\" "
		"lengthAdjust=\"spacingAndGlyphs\">",
		x, y, size, room);
	escaped(out, text);
	fputs("</text>\n", out);
}

void svg_range(double *lo, double *hi, double share)
{
	double span = *hi - *lo;

	if (!(span > 0.0) || !isfinite(span)) {
		double middle = isfinite(*lo) ? *lo : 0.0;

		span = fmax(1e-6, 0.02 * fabs(middle));
		*lo = *hi = middle;
		share = 0.5;
	}
	*lo -= share * span;
	*hi += share * span;
}

static double px(const struct svg_axes *a, double x)
{
	return a->left + (x - a->x0) / (a->x1 - a->x0) * a->width;
}

static double py(const struct svg_axes *a, double y)
{
	return a->top + a->height - (y - a->y0) / (a->y1 - a->y0) * a->height;
}

/* 1, 2 or 5 times a power of ten. */
static double tick_step(double span, double wanted)
{
	double rough = span / wanted, power = pow(10.0, floor(log10(rough))), lead = rough / power;

	return power * (lead < 1.5 ? 1.0 : lead < 3.5 ? 2.0 : lead < 7.5 ? 5.0 : 10.0);
}

static void tick_text(double value, double step, char ret[32])
{
	int digits = (int)fmax(0.0, fmin(9.0, -floor(log10(step) + 1e-9)));

	snprintf(ret, 32, "%.*f", digits, fabs(value) < 0.5e-6 * step ? 0.0 : value);
}

static void x_ticks(const struct svg_axes *a)
{
	double step = tick_step(a->x1 - a->x0, TICKS_WANTED), bottom = a->top + a->height;
	char text[32];

	for (double i = ceil(a->x0 / step - 1e-9); i * step <= a->x1 + 1e-9 * step; i++) {
		double x = px(a, i * step);

		fprintf(a->out, "<path d=\"M%.1f %.1fv5\" stroke=\"" SVG_INK "\"/>\n", x, bottom);
		tick_text(i * step, step, text);
		svg_text(a->out, x, bottom + 19, LABEL_PX, "middle", text);
	}
}

/* Returns how far its numbers reach from the frame. */
static double y_ticks(const struct svg_axes *a)
{
	double span = a->y1 - a->y0, step = tick_step(span, TICKS_WANTED);
	size_t longest = 0;
	char text[32];

	if (a->height * step / span < TICK_ROOM_PX)
		step = tick_step(span, a->height / TICK_ROOM_PX / 2.0);
	for (double i = ceil(a->y0 / step - 1e-9); i * step <= a->y1 + 1e-9 * step; i++) {
		double y = py(a, i * step);

		fprintf(a->out,
			"<path d=\"M%.1f %.1fh-5\" stroke=\"" SVG_INK "\"/><path d=\"M%.1f %.1fh%.1f\" "
			"stroke=\"#e4e9ef\"/>\n",
			a->left, y, a->left, y, a->width);
		tick_text(i * step, step, text);
		svg_text(a->out, a->left - 8, y + 4, LABEL_PX, "end", text);
		longest = strlen(text) > longest ? strlen(text) : longest;
	}
	return 8 + LETTER_PX * (double)longest;
}

/* So many that their words do not touch. */
static void named_ticks(const struct svg_axes *a, const char (*names)[24], unsigned n)
{
	double bottom = a->top + a->height;
	size_t longest = 1;

	for (unsigned i = 0; i < n; i++)
		longest = strlen(names[i]) > longest ? strlen(names[i]) : longest;
	unsigned every = 1 + (unsigned)((double)(longest + 2) * LETTER_PX * n / a->width);

	for (unsigned i = 0; i < n; i++) {
		double x = px(a, i + 1.0);

		fprintf(a->out, "<path d=\"M%.1f %.1fv5\" stroke=\"" SVG_INK "\"/>\n", x, bottom);
		if (i % every == 0)
			svg_text(a->out, x, bottom + 19, LABEL_PX, "middle", names[i]);
	}
}

/* numbers_px: those of the y axis reach so far from the frame. */
static void frame_and_labels(const struct svg_axes *a, double numbers_px, const char *x_label, const char *y_label)
{
	double y = a->top + a->height / 2, x = fmax(LABEL_PX, a->left - fmax(62, numbers_px + 6));

	fprintf(a->out,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" stroke=\"" SVG_INK "\"/>\n",
		a->left, a->top, a->width, a->height);
	svg_text(a->out, a->left + a->width / 2, a->top + a->height + 37, LABEL_PX, "middle", x_label);
	fprintf(a->out,
		"<text transform=\"translate(%.1f %.1f) rotate(-90)\" font-size=\"%d\" "
		"text-anchor=\"middle\">",
		x, y, LABEL_PX);
	escaped(a->out, y_label);
	fputs("</text>\n", a->out);
}

void svg_frame(const struct svg_axes *a, const char *x_label, const char *y_label)
{
	x_ticks(a);
	frame_and_labels(a, y_ticks(a), x_label, y_label);
}

void svg_frame_named(const struct svg_axes *a, const char (*names)[24], unsigned n, const char *x_label,
		     const char *y_label)
{
	named_ticks(a, names, n);
	frame_and_labels(a, y_ticks(a), x_label, y_label);
}

void svg_frame_lanes(const struct svg_axes *a, const char *x_label)
{
	x_ticks(a);
	frame_and_labels(a, 0, x_label, "");
}

void svg_clip_begin(const struct svg_axes *a, const char *name)
{
	char id[100];

	snprintf(id, sizeof(id), "%.40s-%.0f-%.0f-%.0f-%.0f", name, a->left, a->top, a->width, a->height);
	fprintf(a->out,
		"<clipPath id=\"%s\"><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/></clipPath>\n"
		"<g clip-path=\"url(#%s)\">\n",
		id, a->left, a->top, a->width, a->height, id);
}

void svg_clip_end(const struct svg_axes *a)
{
	fputs("</g>\n", a->out);
}

void svg_dash_begin(FILE *out, const char *dash)
{
	fprintf(out, "<g stroke-dasharray=\"%s\">\n", dash);
}

void svg_dash_end(FILE *out)
{
	fputs("</g>\n", out);
}

void svg_line(const struct svg_axes *a, const double *x, const double *y, unsigned n, const char *colour)
{
	char move = 'M';

	fprintf(a->out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" d=\"", colour, SVG_LINE_PX);
	for (unsigned i = 0; i < n; i++) {
		if (!isfinite(x[i]) || !isfinite(y[i])) {
			move = 'M';
			continue;
		}
		fprintf(a->out, "%c%.1f %.1f", move, px(a, x[i]), py(a, y[i]));
		move = 'L';
	}
	fputs("\"/>\n", a->out);
}

void svg_area(const struct svg_axes *a, const double *x, const double *y, unsigned n, const char *colour)
{
	fprintf(a->out, "<path fill=\"%s\" d=\"", colour);
	for (unsigned i = 0; i < n; i++)
		fprintf(a->out, "%c%.1f %.1f", i ? 'L' : 'M', px(a, x[i]), py(a, y[i]));
	fputs("z\"/>\n", a->out);
}

void svg_specks_begin(const struct svg_axes *a, const char *colour)
{
	fprintf(a->out, "<path stroke=\"%s\" stroke-width=\"3\" stroke-linecap=\"round\" d=\"", colour);
}

void svg_speck(const struct svg_axes *a, double x, double y)
{
	if (isfinite(x) && isfinite(y))
		fprintf(a->out, "M%.1f %.1fh0", px(a, x), py(a, y));
}

void svg_specks_end(const struct svg_axes *a)
{
	fputs("\"/>\n", a->out);
}

void svg_segment(const struct svg_axes *a, double x0, double y0, double x1, double y1, const char *colour)
{
	fprintf(a->out, "<path stroke=\"%s\" stroke-width=\"%.1f\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", colour, SVG_LINE_PX,
		px(a, x0), py(a, y0), px(a, x1), py(a, y1));
}

void svg_dot(const struct svg_axes *a, double x, double y, double radius, const char *colour)
{
	if (isfinite(x) && isfinite(y))
		fprintf(a->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\"/>\n", px(a, x), py(a, y),
			radius, colour);
}

void svg_mark(const struct svg_axes *a, double x, double y, enum svg_shape shape, const char *colour)
{
	double at_x = px(a, x), at_y = py(a, y);

	if (!isfinite(x) || !isfinite(y))
		return;
	switch (shape) {
	case SVG_DISC: svg_dot(a, x, y, 4.0, colour); break;
	case SVG_TRIANGLE:
		fprintf(a->out, "<path d=\"M%.1f %.1fl5 9h-10z\" fill=\"%s\"/>\n", at_x, at_y - 5, colour);
		break;
	case SVG_SQUARE:
		fprintf(a->out, "<path d=\"M%.1f %.1fh8v8h-8z\" fill=\"#fff\" stroke=\"%s\" stroke-width=\"1.6\"/>\n",
			at_x - 4, at_y - 4, colour);
		break;
	case SVG_CROSS:
		fprintf(a->out, "<path d=\"M%.1f %.1fl9 9m0-9l-9 9\" stroke=\"%s\" stroke-width=\"2.4\"/>\n",
			at_x - 4.5, at_y - 4.5, colour);
		break;
	}
}

void svg_box(const struct svg_axes *a, double x0, double y0, double x1, double y1, const char *colour)
{
	if (isfinite(y0) && isfinite(y1))
		fprintf(a->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", px(a, x0),
			py(a, fmax(y0, y1)), px(a, x1) - px(a, x0), fabs(py(a, y0) - py(a, y1)), colour);
}

void svg_legend(const struct svg_axes *a, unsigned row, char kind, const char *colour, const char *text)
{
	double x = a->left + 10, y = a->top + 16 + 16.0 * row;

	if (kind == 'l')
		fprintf(a->out, "<path d=\"M%.1f %.1fh18\" stroke=\"%s\" stroke-width=\"2\"/>\n", x, y - 4, colour);
	else if (kind == 'd')
		fprintf(a->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"%s\"/>\n", x + 9, y - 4, colour);
	else
		fprintf(a->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"18\" height=\"9\" fill=\"%s\"/>\n", x, y - 9,
			colour);
	svg_text(a->out, x + 25, y, 11, "start", text);
}
