/* Strokes laid over one another: the force of the first strokes of a point's window, each about its deepest moment, as their
 * mean (the template) between the least and the greatest. Few strokes, so that a long run costs no more than a short one. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "reports/draw/svg.h"
#include "reports/html/html.h"

#define W           540
#define H           230
#define STROKES_MAX 200
#define BINS        120 /* of a period */
#define BINS_FEW    48  /* of each of many points, so that the page stays small */
#define MANY_POINTS 24
#define STROKES_MIN 5

struct overlay {
	const struct record_point *point;
	const struct channel *force;
	unsigned device, strokes, next, bins; /* next: the stroke that the next sample may belong to */
	double instant[STROKES_MAX], period;
	uint64_t of; /* strokes of the window */
	struct {
		double lo, hi, sum;
		unsigned n;
	} bin[BINS];
};

static int on_stroke(void *ctx, const struct stroke *s)
{
	struct overlay *o = ctx;

	if (s->phase != POINT_MEASURE)
		return 0;
	o->of++;
	if (o->strokes < STROKES_MAX)
		o->instant[o->strokes++] = s->instant;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median, which a missed stroke does not shift. */
static double period_of(const struct overlay *o)
{
	double step[STROKES_MAX];

	for (unsigned i = 1; i < o->strokes; i++)
		step[i - 1] = o->instant[i] - o->instant[i - 1];
	qsort(step, o->strokes - 1, sizeof(step[0]), by_value);
	return step[(o->strokes - 1) / 2];
}

static void take(struct overlay *o, double index, double newtons)
{
	while (o->next < o->strokes && index > o->instant[o->next] + o->period / 2)
		o->next++;
	if (o->next == o->strokes)
		return;
	double phase = (index - o->instant[o->next]) / o->period + 0.5;
	if (phase < 0 || phase >= 1)
		return;
	unsigned i = (unsigned)(phase * o->bins);
	o->bin[i].lo = o->bin[i].n ? fmin(o->bin[i].lo, newtons) : newtons;
	o->bin[i].hi = o->bin[i].n ? fmax(o->bin[i].hi, newtons) : newtons;
	o->bin[i].sum += newtons;
	o->bin[i].n++;
}

static int on_block(void *ctx, const struct sample_block *block)
{
	struct overlay *o = ctx;
	const struct channel *c = o->force;

	for (uint32_t i = 0; i < block->frames && c->position < block->channels; i++)
		take(o, (double)(block->first_index + i),
		     c->offset + c->scale * block->counts[(size_t)i * block->channels + c->position]);
	return o->next == o->strokes;
}

static bool find_force(const struct record *record, struct overlay *o)
{
	for (unsigned i = 0; i < record->devices; i++)
		for (unsigned k = 0; k < record->device[i].channels; k++) {
			if (record->device[i].channel[k].quantity != QUANTITY_FORCE)
				continue;
			o->device = i;
			o->force = &record->device[i].channel[k];
			return true;
		}
	return false;
}

static void draw(const struct overlay *o, unsigned point, FILE *out)
{
	double x[2 * BINS], y[2 * BINS], mean[BINS], half_ms = o->period / o->force->rate_hz * 500;
	char words[120], id[32];
	unsigned n = 0;
	struct svg_axes a = {.out = out,
			     .left = 70,
			     .top = 30,
			     .width = W - 86,
			     .height = H - 76,
			     .x0 = -half_ms,
			     .x1 = half_ms,
			     .y0 = INFINITY,
			     .y1 = -INFINITY};

	for (unsigned i = 0; i < o->bins; i++) {
		if (!o->bin[i].n)
			continue;
		x[n] = half_ms * (2 * (i + 0.5) / o->bins - 1);
		y[n] = o->bin[i].lo;
		mean[n++] = o->bin[i].sum / o->bin[i].n;
		a.y0 = fmin(a.y0, o->bin[i].lo);
		a.y1 = fmax(a.y1, o->bin[i].hi);
	}
	for (unsigned i = o->bins, k = n; i-- > 0;) {
		if (!o->bin[i].n)
			continue;
		x[k] = half_ms * (2 * (i + 0.5) / o->bins - 1);
		y[k++] = o->bin[i].hi;
	}
	if (n < 2)
		return;
	svg_range(&a.y0, &a.y1, 0.06);
	svg_begin_inline(out, W, H, "strokes laid over one another: least, greatest and mean");
	svg_heading(out, a.left, 18, 13, "strokes laid over one another: least, greatest and mean");
	snprintf(id, sizeof(id), "overlay%u", point);
	svg_clip_begin(&a, id);
	svg_area(&a, x, y, 2 * n, "#9dbfe4");
	svg_line(&a, x, mean, n, SVG_INK);
	svg_clip_end(&a);
	snprintf(words, sizeof(words), "ms from the deepest moment; the first %u of %llu strokes", o->strokes,
		 (unsigned long long)o->of);
	svg_frame(&a, words, "N");
	svg_end(out);
}

int html_overlay(FILE *out, const struct record *record, unsigned point, struct runfile_reader *reader, struct err *err)
{
	struct overlay *o = calloc(1, sizeof(*o));
	int rc = o ? 0 : err_set(err, -ENOMEM, "out of memory");

	if (rc == 0) {
		o->point = &record->point[point];
		o->bins = record->points > MANY_POINTS ? BINS_FEW : BINS;
		rc = plan_point_is_free(&o->point->plan) || !find_force(record, o)
			     ? 0
			     : runfile_each_stroke(reader, point, on_stroke, o, err);
	}
	if (rc == 0 && o->strokes >= STROKES_MIN && (o->period = period_of(o)) > 0) {
		double first = o->instant[0] - o->period;
		rc = runfile_each_block_from(reader, o->device, o->force->stream, first > 0 ? (uint64_t)first : 0,
					     on_block, o, err);
		if (rc >= 0)
			draw(o, point, out);
	}
	free(o);
	return rc < 0 ? rc : 0;
}
