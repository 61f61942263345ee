/* A graph in SVG: a frame with ticks, and marks in the units of its axes. Text, no library, no script. */
#ifndef PENRIG_REPORTS_DRAW_SVG_H
#define PENRIG_REPORTS_DRAW_SVG_H

#include <stdio.h>

struct svg_axes {
	FILE *out;
	double left, top, width, height; /* of the frame, px */
	double x0, x1, y0, y1;           /* what its edges stand for */
};

/* Colours of the graph, readable on white and told apart by the colour-blind. */
#define SVG_INK     "#1f2933"
#define SVG_DATA    "#2f6db5"
#define SVG_MODEL   "#c2410c"
#define SVG_BAND    "#cfe0f3"
#define SVG_FAINT   "#8fa3b8"
#define SVG_LINE_PX 1.6

void svg_begin(FILE *out, unsigned width, unsigned height);
/* The same inside an HTML page; `title` for whoever cannot see it. */
void svg_begin_inline(FILE *out, unsigned width, unsigned height, const char *title);
void svg_end(FILE *out);
/* anchor: "start", "middle", "end". Text is escaped. */
void svg_text(FILE *out, double x, double y, unsigned size, const char *anchor, const char *text);
void svg_heading(FILE *out, double x, double y, unsigned size, const char *text);
/* One that names what people name: a long one is drawn closer, so that it ends within `room`. */
void svg_heading_within(FILE *out, double x, double y, unsigned size, double room, const char *text);

/* Widens [*lo, *hi] by `share` of it at both ends; an empty range becomes one about its value. */
void svg_range(double *lo, double *hi, double share);
/* Frame, ticks with numbers, labels. */
void svg_frame(const struct svg_axes *a, const char *x_label, const char *y_label);
/* The same where x counts things from 1 to n: each has its own words beneath, of which as many are written as fit. */
void svg_frame_named(const struct svg_axes *a, const char (*names)[24], unsigned n, const char *x_label,
		     const char *y_label);
/* The same where y counts lanes, which have no numbers. */
void svg_frame_lanes(const struct svg_axes *a, const char *x_label);
/* Marks beyond the frame are clipped. Values that are not finite are left out. The frame is in the clip's id, so that two pictures on
 * one page may give the same name: a browser takes the first of an id for both. */
void svg_clip_begin(const struct svg_axes *a, const char *name);
void svg_clip_end(const struct svg_axes *a);
/* What is drawn until the end is told apart by its dashes ("8 4", "none"), not by its colour alone. */
void svg_dash_begin(FILE *out, const char *dash);
void svg_dash_end(FILE *out);
void svg_line(const struct svg_axes *a, const double *x, const double *y, unsigned n, const char *colour);
/* What n corners enclose. */
void svg_area(const struct svg_axes *a, const double *x, const double *y, unsigned n, const char *colour);
/* Many small round dots in one path. */
void svg_specks_begin(const struct svg_axes *a, const char *colour);
void svg_speck(const struct svg_axes *a, double x, double y);
void svg_specks_end(const struct svg_axes *a);
void svg_segment(const struct svg_axes *a, double x0, double y0, double x1, double y1, const char *colour);
void svg_dot(const struct svg_axes *a, double x, double y, double radius, const char *colour);
/* Told apart without colour. */
enum svg_shape { SVG_DISC, SVG_TRIANGLE, SVG_SQUARE, SVG_CROSS };
void svg_mark(const struct svg_axes *a, double x, double y, enum svg_shape shape, const char *colour);
void svg_box(const struct svg_axes *a, double x0, double y0, double x1, double y1, const char *colour);
/* Sample of a mark and its words, inside the frame at the top; `row` from 0; kind 'l' line, 'd' dot, 'b' box. */
void svg_legend(const struct svg_axes *a, unsigned row, char kind, const char *colour, const char *text);

#endif
