/* Glitches and frozen stretches: where they begin and end, and what stands in their place. */
#include "rig/measure/point/clean.h"

#include <math.h>
#include <string.h>

#define CHUNK_SAMPLES  160  /* at least */
#define CHUNK_PERIODS  2.0  /* at least: it holds all that a pulse has */
#define CHUNKS         128  /* of a block, at most */
#define HOLES_HERE     4    /* of a chunk: what comes after is one hole */
#define OPEN_CHUNKS    2    /* a hole that is longer is cut */
#define MERGED_PERIODS 0.1  /* a knock is told by its two ends */
#define WIDE_PERIODS   40.0 /* strides of a period */
#define FROZEN_MOST    1.2  /* periods */
#define STILL_LONGEST  9    /* samples of the tare: what takes longer is motion */
#define QUIET_COUNTS   2.0
#define QUIET_SHARE    0.1 /* of the swing: a pen that stands is as still as the converter is coarse */

_Static_assert(HOLES_MAX >= HOLES_HERE * (CHUNKS + OPEN_CHUNKS + 2),
	       "holes between one block handed over and the next");

void clean_init(struct clean *c, const struct grid *grid, double count_n)
{
	unsigned stride = (unsigned)(grid->period / WIDE_PERIODS + 0.5);
	double periods = ceil(fmax(CHUNK_PERIODS, CHUNK_SAMPLES / grid->period));

	memset(c, 0, sizeof(*c)); /* too large for a literal on the stack */
	c->chunk = (unsigned)ceil(fmax(periods * grid->period, (double)grid->block / CHUNKS));
	c->frozen_most = (unsigned)ceil(FROZEN_MOST * grid->period);
	c->merged = (unsigned)fmax(GLITCH_MERGED, MERGED_PERIODS * grid->period);
	c->margin = GLITCH_MARGIN * (stride > 1 ? stride : 1);
	c->done = c->margin;
	c->same = 1;
	c->sharp.open = c->wide.open = -1;
	glitch_init(&c->sharp.scan, count_n, 1);
	glitch_init(&c->wide.scan, count_n, stride > 1 ? stride : 1);
	c->both = stride > 1;
}

static enum glitch_place place_of(const struct axis *axis, long from, long end)
{
	bool begun = false;

	for (unsigned i = 0; i < POINT_PHASES; i++)
		begun = begun || axis_begun(axis, (enum point_phase)i);
	if (!begun)
		return GLITCH_NOWHERE;

	enum point_phase first = axis_phase_at(axis, (double)from), last = axis_phase_at(axis, (double)end);

	if (last == POINT_TARE)
		return axis_begun(axis, POINT_TARE) ? GLITCH_STILL : GLITCH_NOWHERE;
	return first < POINT_MEASURE ? GLITCH_STARTING : GLITCH_RUNNING;
}

static void put(struct clean *c, long from, long end, bool frozen)
{
	struct hole *last = &c->ring[(c->put + HOLES_RING - 1) % HOLES_RING];

	if (c->put_here >= HOLES_HERE && end > last->end) {
		last->end = end;
		return;
	}
	c->put_here++;
	c->ring[c->put++ % HOLES_RING] = (struct hole){.from = from, .end = end, .frozen = frozen};
}

/* The samples from `from` to before `end` become a line between their neighbours. x[0] at local index base. */
static void bridge(struct clean *c, float *x, long base, long from, long end, bool frozen)
{
	double a = (double)x[from - 1 - base], b = (double)x[end - base], n = (double)(end - from + 1);

	for (long i = from; i < end; i++)
		x[i - base] = (float)(a + (b - a) * (double)(i - from + 1) / n);
	put(c, from, end, frozen);
}

/* The glitch at hand ends behind its last flag. */
static void close_glitch(struct clean *c, struct watch_for *w, float *x, long base, bool still)
{
	if (!still || w->last + 1 - w->open <= STILL_LONGEST)
		bridge(c, x, base, w->open, w->last + 1, false);
	w->open = -1;
}

static void flag(struct clean *c, struct watch_for *w, float *x, long base, long end, float least, bool still)
{
	for (long i = c->done; i < end; i++) {
		if (w->open >= 0 && i - w->last >= (long)c->merged)
			close_glitch(c, w, x, base, still);
		if (!(glitch_at(x + (i - base), w->scan.stride) > least))
			continue;
		w->open = w->open < 0 ? i : w->open;
		w->last = i;
	}
	if (w->open >= 0 && end - w->open > OPEN_CHUNKS * (long)c->chunk)
		close_glitch(c, w, x, base, still);
}

static void watch(struct clean *c, struct watch_for *w, float *x, long base, long end, enum glitch_place place)
{
	float least = glitch_look(&w->scan, x + (c->done - base), (unsigned)(end - c->done), &c->swing, place);

	if (isfinite(least) || w->open >= 0)
		flag(c, w, x, base, end, least, place == GLITCH_STILL);
}

/* A run at the very top is a wall, not a converter that stands; and so is, by a converter as coarse as that, a pen. */
static bool is_frozen(const struct clean *c, float value, unsigned least)
{
	const struct glitch_scan *s = &c->sharp.scan;
	double quiet = fmax(QUIET_COUNTS * s->count_n, QUIET_SHARE * (double)(s->top - s->bottom));

	return value < s->top && (least < c->frozen_most || (double)(value - s->bottom) > quiet);
}

/* x[from .. end) are the same, and the sample at end is another one. */
static void end_run(struct clean *c, float *x, long base, long from, long end, unsigned least)
{
	if (end - from >= (long)least && is_frozen(c, x[from - base], least))
		bridge(c, x, base, from + 1, end, true);
}

/* Runs of `least` equal samples or more that end in the chunk: each holds two places half of that apart. */
static void find_runs(struct clean *c, float *x, long base, long end, unsigned least)
{
	long step = least / 2 > 0 ? least / 2 : 1, quarter = step / 2, i = c->done, from;
	float before = x[i - 1 - base];

	while (i < end && x[i - base] == before)
		i++;
	if (i == end) {
		c->same += end - c->done;
		return;
	}
	end_run(c, x, base, c->done - c->same, i, least);
	for (; i + step < end; i += step) {
		float v = x[i - base];

		if (v != x[i + quarter - base] || v != x[i + step - base])
			continue;
		for (from = i; from > c->done && x[from - 1 - base] == v;)
			from--;
		while (i < end && x[i - base] == v)
			i++;
		if (i == end)
			break;
		end_run(c, x, base, from, i, least);
		i -= step;
	}
	c->same = 1;
	while (c->same < end - c->done && x[end - 1 - c->same - base] == x[end - 1 - base])
		c->same++;
}

static void settle_known(struct clean *c, unsigned least)
{
	c->known = c->done;
	if (c->sharp.open >= 0 && c->sharp.open - 1 < c->known)
		c->known = c->sharp.open - 1;
	if (c->wide.open >= 0 && c->wide.open - 1 < c->known)
		c->known = c->wide.open - 1;
	if (least > 0 && c->same > 1 && c->done - c->same < c->known)
		c->known = c->done - c->same;
}

/* Equal counts in a row that are no chance, and long enough to matter; 0: they are not asked for. */
static unsigned frozen_least(const struct clean *c, enum glitch_place place)
{
	unsigned least = place == GLITCH_RUNNING ? glitch_frozen_least(&c->sharp.scan, c->frozen_most) : 0;

	if (place != GLITCH_RUNNING || !(c->sharp.scan.sd > 0.0))
		return 0;
	if (least == 0)
		return c->frozen_most;
	return least > c->merged ? least : c->merged;
}

static void take_chunk(struct clean *c, const struct axis *axis, float *x, long base, long end)
{
	enum glitch_place place = place_of(axis, c->done, end);
	unsigned frozen;

	c->put_here = 0;
	glitch_swing(x + (c->done - base), (unsigned)(end - c->done), &c->swing);
	watch(c, &c->sharp, x, base, end, place);
	if (c->both)
		watch(c, &c->wide, x, base, end, place);
	frozen = frozen_least(c, place);
	if (frozen > 0)
		find_runs(c, x, base, end, frozen);
	else
		c->same = 1;
	if (c->same > OPEN_CHUNKS * (long)c->chunk) {
		end_run(c, x, base, end - c->same, end - 1, frozen);
		c->same = 1;
	}
	c->done = end;
	settle_known(c, frozen);
}

void clean_follow(struct clean *c, const struct axis *axis, float *force, long base, long end)
{
	while (c->done + (long)c->chunk + c->margin <= end)
		take_chunk(c, axis, force, base, c->done + (long)c->chunk);
}

/* What is open reaches back OPEN_CHUNKS before the chunk's end and one sample; of what follows, a chunk is not full. */
size_t clean_unknown(const struct clean *c)
{
	return (OPEN_CHUNKS + 1) * (size_t)c->chunk + (size_t)c->margin + 1;
}

void clean_end(struct clean *c, const struct axis *axis, float *force, long base, long end)
{
	bool still = c->done < end && place_of(axis, c->done, end) == GLITCH_STILL;

	c->put_here = 0;
	if (c->sharp.open >= 0)
		close_glitch(c, &c->sharp, force, base, still);
	if (c->wide.open >= 0)
		close_glitch(c, &c->wide, force, base, still);
	c->known = end;
}
