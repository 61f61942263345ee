/* Sums per bin, and what they say of its mean. */
#include "rig/measure/checks/period_profile.h"

#include <math.h>

#define FOLD_ALL    256  /* strokes */
#define FOLD_EVERY  64   /* behind those */
#define FOLD_MOST   4000 /* in all */
#define STROKES_MIN 3.0  /* in a bin, as far as its samples tell */

bool period_profile_wants(struct period_profile *p)
{
	uint64_t k = p->seen++;

	return p->folded < FOLD_MOST && (k < FOLD_ALL || k % FOLD_EVERY == 0);
}

void period_profile_add(struct period_profile *p, const float *x, long x0, double from, double to,
			const double phase[2])
{
	double width = (to - from) / PROFILE_BINS;
	unsigned first = (unsigned)ceil(phase[0] * PROFILE_BINS), end = (unsigned)(phase[1] * PROFILE_BINS);
	const float *at = x + (lround(ceil(from + first * width)) - x0);

	for (unsigned bin = first; bin < end; bin++) {
		const float *stop = x + (lround(ceil(from + (bin + 1) * width)) - x0);
		double n = (double)(stop - at), sum = 0.0;

		while (at < stop)
			sum += (double)*at++;
		p->n[bin] += n;
		p->s[bin] += sum;
		p->ss[bin] += sum * sum;
		p->ns[bin] += n * sum;
		p->nn[bin] += n * n;
	}
	p->folded++;
}

/* Mean m = S / N of strokes that do not know of each other: var m = sum (s - n m)^2 / N^2. */
static bool point_of(const struct period_profile *p, unsigned bin, struct profile_point *ret)
{
	double n = p->n[bin], m = p->s[bin] / n;
	double square = p->ss[bin] - 2.0 * m * p->ns[bin] + m * m * p->nn[bin];

	if (!(n > 0.0) || n * n < STROKES_MIN * p->nn[bin] || !(square > 0.0))
		return false;
	*ret = (struct profile_point){.phase = (bin + 0.5) / PROFILE_BINS, .y = m, .u = sqrt(square) / n};
	return true;
}

unsigned period_profile_points(const struct period_profile *p, double lo, double hi, struct profile_point *ret)
{
	unsigned n = 0;

	for (unsigned bin = 0; bin < PROFILE_BINS; bin++) {
		if (bin >= lo * PROFILE_BINS && bin + 1 <= hi * PROFILE_BINS)
			n += point_of(p, bin, &ret[n]);
	}
	return n;
}

unsigned profile_join(struct profile_point *points, unsigned n, unsigned most)
{
	unsigned each = (n + most - 1) / most, joined = 0;

	for (unsigned i = 0; each > 1 && i < n; i += each) {
		struct profile_point sum = {.phase = 0.0};
		unsigned k = 0;

		for (; k < each && i + k < n; k++) {
			sum.phase += points[i + k].phase;
			sum.y += points[i + k].y;
			sum.u += points[i + k].u * points[i + k].u;
		}
		points[joined++] = (struct profile_point){.phase = sum.phase / k, .y = sum.y / k, .u = sqrt(sum.u) / k};
	}
	return each > 1 ? joined : n;
}
