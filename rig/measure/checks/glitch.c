/* Thresholds out of the signal's own past. */
#include "rig/measure/checks/glitch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/clones.h"
#include "rig/measure/statistics.h"

#define LANES        16
#define THIN         8
#define THINNED      32
#define MANY         32 /* places of a chunk while there are few */
#define FEW          2
#define PLACES_LEAST 64
#define EVERY        64  /* chunks from one look at the places to the next */
#define KNOWN        8   /* chunks that make a history */
#define NOISE        7.0 /* standard deviations */
#define LOW          0.1 /* share of a history's chunks */
#define MIDDLE       0.5
#define FEATURE      4.5   /* of what the signal's own features are */
#define OFTEN        3.0   /* the same in the tare */
#define GROWING      9.0   /* the same while they grow */
#define COUNTS       12.0  /* two counts, of 6 r */
#define JUMP         2.0F  /* |6 r| of a glitch is 3 times its height, of a foot at most once what is seen of it */
#define SWINGS       1.5   /* of the tare's largest: a chunk that moves */
#define FINE         0.5   /* noise in counts: below it equal counts tell nothing */
#define VARIANCE     70.0  /* of 6 r, for white noise of 1 */
#define SAME_CHANCE  25.33 /* -ln(1e-4 / 1e7): of a run of equal counts somewhere in ten million samples */

void glitch_init(struct glitch_scan *scan, double count_n, unsigned stride)
{
	memset(scan, 0, sizeof(*scan));
	scan->count_n = count_n;
	scan->stride = stride;
	scan->top = -INFINITY;
	scan->bottom = INFINITY;
}

float glitch_at(const float *x, unsigned stride)
{
	long s = (long)stride;

	return fabsf(6.0F * x[0] - 4.0F * (x[-s] + x[s]) + (x[-2 * s] + x[2 * s]));
}

struct extent {
	float most;
	struct glitch_swing swing;
};

VECTOR_CLONES static float measure_most(const float *x, unsigned n, long s)
{
	float most[LANES] = {0.0F}, ret = 0.0F;
	unsigned i = 0;

	for (; i + LANES <= n; i += LANES) {
		for (unsigned k = 0; k < LANES; k++) {
			const float *at = x + i + k;
			float r = fabsf(6.0F * at[0] - 4.0F * (at[-s] + at[s]) + (at[-2 * s] + at[2 * s]));

			most[k] = r > most[k] ? r : most[k];
		}
	}
	for (unsigned k = 0; k < LANES; k++)
		ret = most[k] > ret ? most[k] : ret;
	for (; i < n; i++) {
		float r = glitch_at(x + i, (unsigned)s);

		ret = r > ret ? r : ret;
	}
	return ret;
}

/* Of eight samples in every 32: no pulse of a pen lies between. */
VECTOR_CLONES static void measure_swing(const float *x, unsigned n, struct glitch_swing *ret)
{
	float lo[THIN], hi[THIN];

	for (unsigned k = 0; k < THIN; k++)
		lo[k] = hi[k] = x[k];
	for (unsigned i = 0; i + THIN <= n; i += THINNED) {
		for (unsigned k = 0; k < THIN; k++) {
			lo[k] = x[i + k] < lo[k] ? x[i + k] : lo[k];
			hi[k] = x[i + k] > hi[k] ? x[i + k] : hi[k];
		}
	}
	*ret = (struct glitch_swing){lo[0], hi[0]};
	for (unsigned k = 1; k < THIN; k++) {
		ret->lo = lo[k] < ret->lo ? lo[k] : ret->lo;
		ret->hi = hi[k] > ret->hi ? hi[k] : ret->hi;
	}
}

void glitch_swing(const float *x, unsigned n, struct glitch_swing *ret)
{
	measure_swing(x, n, ret);
}

static void look_at_places(struct glitch_scan *scan, const float *x, unsigned n)
{
	unsigned count = scan->places < PLACES_LEAST ? MANY : FEW;

	for (unsigned i = 0; i < count; i++)
		scan->place[scan->places++ % GLITCH_PLACES] =
			glitch_at(x + (2 * i + 1) * n / (2 * count), scan->stride);
	if (scan->places < PLACES_LEAST || (scan->sd > 0.0 && scan->chunks % EVERY != 0))
		return;

	double sorted[GLITCH_PLACES];
	unsigned held = scan->places < GLITCH_PLACES ? (unsigned)scan->places : GLITCH_PLACES;

	for (unsigned i = 0; i < held; i++)
		sorted[i] = (double)scan->place[i];
	scan->sd = select_kth(sorted, held, held / 2) / 0.67449;
}

/* Of the last `last` chunks, or as many as there were: so many of them are below. */
static double ranked(const struct glitch_history *h, unsigned last, double share)
{
	double sorted[GLITCH_KEPT];
	unsigned held = h->seen < last ? (unsigned)h->seen : last;

	for (unsigned i = 0; i < held; i++)
		sorted[i] = (double)h->most[(h->seen - 1 - i) % GLITCH_KEPT];
	return select_kth(sorted, held, (unsigned)(share * held));
}

static void remember(struct glitch_history *h, float most)
{
	h->most[h->seen++ % GLITCH_KEPT] = most;
}

static void remember_low(struct glitch_history *h, float most)
{
	remember(h, most);
	if (h->seen >= KNOWN && (h->seen < GLITCH_KEPT || h->seen % GLITCH_KEPT == 0))
		h->low = (float)ranked(h, GLITCH_KEPT, LOW);
}

/* Of the tare: by its noise, and by what it shows often. */
static double still_threshold(struct glitch_scan *scan, const struct extent *e)
{
	double least = fmax(NOISE * scan->sd, fmax(COUNTS * scan->count_n, OFTEN * (double)scan->still.low));

	remember_low(&scan->still, e->most);
	scan->still_sd = scan->sd;
	if ((double)e->most <= least)
		scan->still_n = fmax(scan->still_n, (double)(e->swing.hi - e->swing.lo));
	return scan->places >= PLACES_LEAST ? least : INFINITY;
}

/* What stands in the margins is no further from lo and hi than `most`. */
static bool margins_within(const float *x, long n, long margin, float most, float lo, float hi)
{
	for (long i = -margin; i < n + margin; i++)
		if ((i < 0 || i >= n) && (x[i] < lo - most || x[i] > hi + most))
			return false;
	return true;
}

/* One glitch in a chunk in which nothing else moves: no pulse is about. A glitch jumps: of height h and two samples or more
 * it has |6 r| = 3 h. A stroke that rises by s a sample has 2 s at most at its foot, and s where only one sample of it is
 * seen behind the chunk: there it stands at |6 r| or above. */
static bool is_lone(const struct glitch_scan *scan, const float *x, unsigned n)
{
	long at = 0, apart = GLITCH_MERGED * (long)scan->stride, margin = GLITCH_MARGIN * (long)scan->stride;
	float most = 0.0F, lo = INFINITY, hi = -INFINITY;

	for (long i = 0; i < (long)n; i++) {
		float r = glitch_at(x + i, scan->stride);

		at = r > most ? i : at;
		most = r > most ? r : most;
	}
	for (long i = -margin; i < (long)n + margin; i++) {
		if (labs(i - at) <= apart)
			continue;
		lo = x[i] < lo ? x[i] : lo;
		hi = x[i] > hi ? x[i] : hi;
	}
	return (double)(hi - lo) <= SWINGS * scan->still_n && margins_within(x, n, margin, most / JUMP, lo, hi);
}

/* Of features of the pulses; 0: not known. Those of a pen that gains speed grow with up to the fourth power of it: what it
 * showed on its way there says nothing of the window, so until the window has a history of its own the last chunks before
 * it stand in, and growth is allowed for. */
static double feature_threshold(const struct glitch_scan *scan, enum glitch_place place)
{
	if (place == GLITCH_RUNNING && scan->running.seen >= KNOWN)
		return FEATURE * (double)scan->running.low;
	if (scan->moving.seen < (place == GLITCH_RUNNING ? KNOWN : GLITCH_KEPT))
		return 0.0;
	return GROWING * ranked(&scan->moving, KNOWN, MIDDLE);
}

/* What a pulse has of its own comes in each of them, a glitch does not. A chunk in which nothing moves tells nothing of
 * pulses, and holds nothing that would be taken for one. */
static double running_threshold(struct glitch_scan *scan, const struct extent *e, enum glitch_place place,
				const float *x, unsigned n)
{
	double feature = feature_threshold(scan, place), least = INFINITY;
	double noise = fmax(NOISE * scan->sd, COUNTS * scan->count_n);
	bool moves = fmax((double)(e->swing.hi - e->swing.lo), (double)e->most / 6.0) > SWINGS * scan->still_n;

	if (!moves || scan->places < PLACES_LEAST)
		return INFINITY;
	if (!(feature > 0.0) && scan->still.seen >= KNOWN && (double)e->most > noise && is_lone(scan, x, n))
		return noise;
	if (feature > 0.0)
		least = fmax(noise, feature);
	remember(&scan->moving, e->most);
	if (place == GLITCH_RUNNING)
		remember_low(&scan->running, e->most);
	if ((double)e->most <= least) {
		scan->top = e->swing.hi > scan->top ? e->swing.hi : scan->top;
		scan->bottom = e->swing.lo < scan->bottom ? e->swing.lo : scan->bottom;
	}
	return least;
}

float glitch_look(struct glitch_scan *scan, const float *x, unsigned n, const struct glitch_swing *swing,
		  enum glitch_place place)
{
	struct extent e = {.most = measure_most(x, n, (long)scan->stride), .swing = *swing};
	double least = INFINITY;

	look_at_places(scan, x, n);
	if (place == GLITCH_STILL)
		least = still_threshold(scan, &e);
	else if (place != GLITCH_NOWHERE)
		least = running_threshold(scan, &e, place, x, n);
	scan->chunks++;
	return (double)e.most > least ? (float)least : INFINITY;
}

unsigned glitch_frozen_least(const struct glitch_scan *scan, unsigned most)
{
	double sd = scan->still.seen > 0 ? fmin(scan->sd, scan->still_sd) : scan->sd;
	double counts = sd / sqrt(VARIANCE) / scan->count_n, same = erf(0.5 * M_SQRT1_2 / counts);
	double least = ceil(1.0 + SAME_CHANCE / -log(same));

	if (!(counts > FINE) || scan->moving.seen < KNOWN || !(least < (double)most))
		return 0;
	return (unsigned)least;
}
