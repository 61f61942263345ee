/* Two halves of a stretch of strokes: means, and the scatter about them. */
#include "rig/measure/travel.h"

#include <math.h>

#include "rig/measure/statistics.h"

#define HALF_MIN 8 /* strokes; both halves together as many as a template is learned from */

/* Sums of one half: of the depths, and of the intervals between its strokes. */
struct half {
	unsigned strokes, intervals;
	double depth, depth2, interval, interval2, last;
};

void travel_add(struct travel *t, double instant, double depth_mm)
{
	t->stroke[t->n++ % TRAVEL_STROKES] = (struct travel_stroke){instant, depth_mm};
}

/* i from the oldest one kept. */
static const struct travel_stroke *kept(const struct travel *t, uint64_t i)
{
	return &t->stroke[(t->n > TRAVEL_STROKES ? t->n + i : i) % TRAVEL_STROKES];
}

static uint64_t how_many(const struct travel *t)
{
	return t->n < TRAVEL_STROKES ? t->n : TRAVEL_STROKES;
}

/* Depths about the first one, intervals about their first, so that small scatter survives in sums of squares. */
static void add_to(struct half *h, const struct travel_stroke *s, double depth_mm, double interval)
{
	double d = s->depth_mm - depth_mm;

	if (h->strokes++ > 0) {
		double i = s->instant - h->last - interval;

		h->intervals++;
		h->interval += i;
		h->interval2 += i * i;
	}
	h->depth += d;
	h->depth2 += d * d;
	h->last = s->instant;
}

/* Size of the change between two means of n values each, given as sums, and its expanded uncertainty. */
static double change(double na, double a, double a2, double nb, double b, double b2)
{
	double rest = fmax(0, a2 - a * a / na) + fmax(0, b2 - b * b / nb), dof = na + nb - 2;
	double u = sqrt(rest / dof * (1 / na + 1 / nb));

	return fabs(b / nb - a / na) + student_k(dof) * u;
}

void travel_find(const struct travel *t, double from, double to, double fs_hz, struct travelled *ret)
{
	uint64_t n = how_many(t);
	struct half half[2] = {{.strokes = 0}, {.strokes = 0}};

	*ret = (struct travelled){INFINITY, INFINITY};
	if (n < 2)
		return;
	from = t->n > TRAVEL_STROKES ? fmax(from, kept(t, 0)->instant) : from;

	double depth_mm = kept(t, n - 1)->depth_mm, interval = kept(t, n - 1)->instant - kept(t, n - 2)->instant;

	for (uint64_t i = 0; i < n; i++) {
		const struct travel_stroke *s = kept(t, i);

		if (s->instant >= from && s->instant < to)
			add_to(&half[s->instant >= 0.5 * (from + to)], s, depth_mm, interval);
	}

	const struct half *a = &half[0], *b = &half[1];

	if (a->strokes < HALF_MIN || b->strokes < HALF_MIN)
		return;

	double depth = change(a->strokes, a->depth, a->depth2, b->strokes, b->depth, b->depth2);
	double samples = change(a->intervals, a->interval, a->interval2, b->intervals, b->interval, b->interval2);
	double mean = interval + (a->interval + b->interval) / (a->intervals + b->intervals);

	ret->depth_mm = isfinite(depth) ? depth : INFINITY;
	ret->rate_hz = samples / mean * fs_hz / mean;
}
