/* Draws an operating characteristic. */
#include "reports/draw/oc_picture.h"

#include <math.h>

#include "reports/draw/svg.h"

#define WIDTH  760
#define HEIGHT 460

/* Told apart without colour. */
struct look {
	const char *colour, *dash;
};
static const struct look exact_look = {SVG_DATA, "none"}, measured_look = {SVG_MODEL, "9 4"},
			 aql_look = {SVG_FAINT, "none"}, lq_look = {SVG_FAINT, "3 3"};

static void put_legend(const struct svg_axes *words, unsigned row, const struct look *look, const char *text)
{
	svg_dash_begin(words->out, look->dash);
	svg_legend(words, row, 'l', look->colour, text);
	svg_dash_end(words->out);
}

static void draw_curve(const struct svg_axes *a, const struct oc_picture *p, const double *accepted,
		       const struct look *look)
{
	svg_dash_begin(a->out, look->dash);
	svg_line(a, p->percent, accepted, p->n, look->colour);
	svg_dash_end(a->out);
}

static void draw_share(const struct svg_axes *a, const struct look *look, double percent)
{
	svg_dash_begin(a->out, look->dash);
	svg_segment(a, percent, a->y0, percent, a->y1, look->colour);
	svg_dash_end(a->out);
}

static void name_share(const struct svg_axes *words, unsigned row, const struct look *look, const char *name,
		       double percent)
{
	char text[48];

	snprintf(text, sizeof(text), "%s %.4g %%", name, percent);
	put_legend(words, row, look, text);
}

void oc_picture_draw(FILE *out, const struct oc_picture *p)
{
	const struct svg_axes a = {.out = out,
				   .left = 84,
				   .top = 44,
				   .width = WIDTH - 114,
				   .height = HEIGHT - 110,
				   .x0 = 0,
				   .x1 = p->percent[p->n - 1],
				   .y0 = 0,
				   .y1 = 100};
	struct svg_axes words = a; /* the curve is high on the left: they stand on the right */
	unsigned row = 0;

	words.left += a.width - 200;

	svg_begin(out, WIDTH, HEIGHT);
	svg_heading_within(out, a.left, 26, 14, WIDTH - a.left - 10, p->title);
	svg_frame(&a, "nonconforming in the lot, %", "lots accepted, %");
	svg_clip_begin(&a, "oc");
	draw_curve(&a, p, p->exact, &exact_look);
	if (p->measured)
		draw_curve(&a, p, p->measured, &measured_look);
	draw_share(&a, &aql_look, p->aql_percent);
	draw_share(&a, &lq_look, p->lq_percent);
	svg_clip_end(&a);
	put_legend(&words, row++, &exact_look, "measured without error");
	if (p->measured)
		put_legend(&words, row++, &measured_look, "as it is measured");
	if (isfinite(p->aql_percent))
		name_share(&words, row++, &aql_look, "AQL", p->aql_percent);
	if (isfinite(p->lq_percent))
		name_share(&words, row, &lq_look, "LQ", p->lq_percent);
	svg_end(out);
}
