/* Draws differences and their intervals. What they mean is their caller's business. */
#include "reports/draw/interval_picture.h"

#include <math.h>

#include "reports/draw/svg.h"

#define PAGE_WIDTH 960
#define LEFT       40.0
#define WIDTH      620.0
#define HEAD       58u
#define FOOT       56u
#define LANE       36u
#define LINE_Y     0.72 /* of a lane: its title stands above */
#define CAP        0.12 /* half of the height of an interval's end, of a lane */
#define THICK      0.05 /* the same of the narrower one */
#define LOWER      0.45 /* of a lane, beneath its title */
#define FARTHEST   2.5  /* times the farthest difference or band: where a longer interval is cut */

#define SVG_BEYOND "#b91c1c"

unsigned interval_picture_height(unsigned rows)
{
	return HEAD + LANE * (rows ? rows : 1) + FOOT;
}

void interval_page_begin(FILE *out, unsigned height)
{
	svg_begin(out, PAGE_WIDTH, height ? height : 60);
}

void interval_page_end(FILE *out)
{
	svg_end(out);
}

static void reach_of(const struct interval_picture *p, double *ret_lo, double *ret_hi)
{
	double most = isfinite(p->band) ? 1.2 * p->band : 0.0, lo = 0.0, hi = 0.0;

	for (unsigned i = 0; i < p->rows; i++) {
		const struct interval_row *r = &p->row[i];
		if (!isfinite(r->value))
			continue;
		most = fmax(most, 1.2 * fabs(r->value));
		lo = fmin(lo, r->lo);
		hi = fmax(hi, r->hi);
	}
	if (!(most > 0.0))
		most = fmax(-lo, hi);
	*ret_lo = fmin(fmax(lo, -FARTHEST * most), isfinite(p->band) ? -1.2 * p->band : 0.0);
	*ret_hi = fmax(fmin(hi, FARTHEST * most), isfinite(p->band) ? 1.2 * p->band : 0.0);
	svg_range(ret_lo, ret_hi, 0.04);
}

static void draw_interval(const struct svg_axes *a, const struct interval_row *r, double y)
{
	const char *colour = r->beyond ? SVG_BEYOND : SVG_DATA;

	svg_segment(a, r->lo, y, r->hi, y, colour);
	if (isfinite(r->near_lo) && isfinite(r->near_hi))
		svg_box(a, r->near_lo, y - THICK, r->near_hi, y + THICK, colour);
	svg_segment(a, r->lo, y - CAP, r->lo, y + CAP, colour);
	svg_segment(a, r->hi, y - CAP, r->hi, y + CAP, colour);
	svg_mark(a, r->value, y, r->beyond ? SVG_SQUARE : SVG_DISC, colour);
}

void interval_picture_draw(FILE *out, const struct interval_picture *p, unsigned top)
{
	struct svg_axes a = {.out = out,
			     .left = LEFT,
			     .top = top + HEAD,
			     .width = WIDTH,
			     .height = (double)(LANE * p->rows),
			     .y1 = p->rows};

	reach_of(p, &a.x0, &a.x1);
	svg_heading(out, LEFT, top + 22, 14, p->title);
	svg_text(out, LEFT, top + 42, 12, "start", p->words);
	if (isfinite(p->band))
		svg_box(&a, -p->band, 0.0, p->band, p->rows, SVG_BAND);
	svg_frame_lanes(&a, p->x_label);
	for (unsigned i = 0; i < p->rows; i++) {
		const struct interval_row *r = &p->row[i];
		svg_segment(&a, 0.0, p->rows - i - 1.0, 0.0, p->rows - i - LOWER, SVG_FAINT);
		svg_text(out, LEFT + 8, a.top + LANE * i + 14, 11, "start", r->title);
		svg_text(out, LEFT + WIDTH + 10, a.top + LANE * (i + LINE_Y) + 4, 11, "start", r->words);
	}
	svg_clip_begin(&a, "lanes");
	for (unsigned i = 0; i < p->rows; i++)
		if (isfinite(p->row[i].value))
			draw_interval(&a, &p->row[i], p->rows - i - LINE_Y);
	svg_clip_end(&a);
}
