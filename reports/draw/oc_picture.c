/* Draws an operating characteristic. */
#include "reports/draw/oc_picture.h"

#include <math.h>

#include "reports/draw/svg.h"

#define WIDTH  760
#define HEIGHT 460

static void draw_share(const struct svg_axes *a, const struct svg_axes *words, double percent, const char *name,
		       unsigned row)
{
	char text[48];

	if (!isfinite(percent))
		return;
	svg_segment(a, percent, a->y0, percent, a->y1, SVG_FAINT);
	snprintf(text, sizeof(text), "%s %.4g %%", name, percent);
	svg_legend(words, row, 'l', SVG_FAINT, text);
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
	svg_heading(out, a.left, 26, 14, p->title);
	svg_frame(&a, "nonconforming in the lot, %", "lots accepted, %");
	svg_clip_begin(&a, "oc");
	svg_line(&a, p->percent, p->exact, p->n, SVG_DATA);
	if (p->measured)
		svg_line(&a, p->percent, p->measured, p->n, SVG_MODEL);
	svg_clip_end(&a);
	svg_legend(&words, row++, 'l', SVG_DATA, "measured without error");
	if (p->measured)
		svg_legend(&words, row++, 'l', SVG_MODEL, "as it is measured");
	draw_share(&a, &words, p->aql_percent, "AQL", row++);
	draw_share(&a, &words, p->lq_percent, "LQ", row);
	svg_end(out);
}
