/* Finds strokes: alternating extremes of bin means that differ by a hysteresis. Needs no baseline, hence works without
 * gaps, through drift and with a needle parked in the phantom. Precision is not its business. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/point_state.h"

#define NOISE_PLACES 257

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Third differences know neither level nor slope nor bend; their median does not know the pulses' edges. */
static double sample_noise(const float *x, unsigned len)
{
	double d[NOISE_PLACES];
	unsigned n = len < NOISE_PLACES + 4 ? (len > 4 ? len - 4 : 0) : NOISE_PLACES;

	if (n < 8)
		return 0.0;
	for (unsigned i = 0; i < n; i++) {
		const float *at = x + (size_t)i * (len - 4) / n;

		d[i] = fabs((double)at[3] - 3.0 * (double)at[2] + 3.0 * (double)at[1] - (double)at[0]);
	}
	qsort(d, n, sizeof(d[0]), by_value);
	return d[n / 2] / (0.67449 * sqrt(20.0));
}

static double bin_at(const struct point *p, long bin)
{
	return (double)p->bins[bin - p->base / p->bin];
}

static void measure_swing(struct point *p, long first, long n, double *ret_swing)
{
	double lo[2] = {INFINITY, INFINITY}, hi[2] = {-INFINITY, -INFINITY};

	for (long i = first; i < first + n; i++) {
		bool tare =
			point_phase_at(p, (double)i * p->bin) == POINT_TARE && p->phase_start[POINT_TARE] != INT64_MAX;

		lo[tare] = fmin(lo[tare], bin_at(p, i));
		hi[tare] = fmax(hi[tare], bin_at(p, i));
	}
	if (hi[1] > lo[1])
		p->detector.tare_swing_n = fmax(p->detector.tare_swing_n, hi[1] - lo[1]);
	*ret_swing = hi[0] > lo[0] ? hi[0] - lo[0] : 0.0;
}

static double hysteresis(struct point *p, double swing, double noise)
{
	const struct detector *d = &p->detector;
	double reference = d->found >= 8 ? fmin(swing, d->swing_n) : swing;
	double floor_n = fmax(8.0 * noise, 0.25 * d->expected_n);

	return fmax(0.4 * reference, fmax(floor_n, fmin(1.5 * d->tare_swing_n, 0.6 * reference)));
}

/* Centre of the cap: of the bins around the peak that are above peak - depth. */
static double cap_centre(const struct point *p, long peak, double cap, long end)
{
	double level = bin_at(p, peak) - cap, weight = 0.0, moment = 0.0;
	long lo = peak, hi = peak, first = p->base / p->bin, reach = (long)(p->period / p->bin) + 1;

	while (lo - 1 >= first && peak - lo < reach && bin_at(p, lo - 1) > level)
		lo--;
	while (hi + 1 < end && hi - peak < reach && bin_at(p, hi + 1) > level)
		hi++;
	for (long i = lo; i <= hi; i++) {
		double w = bin_at(p, i) - level;

		weight += w;
		moment += w * (double)(i - peak);
	}
	return ((double)peak + moment / weight + 0.5) * p->bin - 0.5;
}

static void confirm(struct point *p, double h, long now)
{
	struct detector *d = &p->detector;
	double swing = d->extreme - d->low;
	double at = ((double)d->extreme_bin + 0.5) * p->bin - 0.5;

	if (d->extreme_bin >= p->base / p->bin)
		at = cap_centre(p, d->extreme_bin, 0.9 * h, now + 1);
	d->swing_n = d->found < 8 ? (d->swing_n * (double)d->found + swing) / (double)(d->found + 1)
				  : d->swing_n + 0.1 * (swing - d->swing_n);
	d->found++;
	d->before_at = d->last_at;
	d->last_at = at;
	if (p->candidate_count == CANDIDATES_MAX) {
		p->candidates_lost = true;
		return;
	}
	p->candidates[p->candidate_count++] = (struct candidate){.at = at, .peak_n = d->extreme, .swing_n = swing};
}

static void step(struct point *p, long bin, double h)
{
	struct detector *d = &p->detector;
	double v = bin_at(p, bin);

	if (d->rising) {
		if (v > d->extreme) {
			d->extreme = v;
			d->extreme_bin = bin;
		} else if (v < d->extreme - h) {
			confirm(p, h, bin);
			d->rising = false;
			d->extreme = v;
		}
	} else if (v < d->extreme) {
		d->extreme = v;
	} else if (v > d->extreme + h) {
		d->low = d->extreme;
		d->rising = true;
		d->extreme = v;
		d->extreme_bin = bin;
	}
}

void detect_block(struct point *p, long block, unsigned len)
{
	long first = block * (p->block / p->bin), n = len / p->bin;
	const float *x = p->force + (block * p->block - p->base);
	double swing, noise;

	for (long i = 0; i < n; i++) {
		double sum = 0.0;

		for (unsigned k = 0; k < p->bin; k++)
			sum += x[i * p->bin + k];
		p->bins[first + i - p->base / p->bin] = (float)(sum / p->bin);
	}
	if (n == 0)
		return;
	if (block == 0)
		p->detector.extreme = bin_at(p, 0);
	measure_swing(p, first, n, &swing);
	noise = sample_noise(x, len) / sqrt(p->bin);
	double white = sample_noise(p->raw + (block * p->block - p->base), len);

	p->noise_n = p->noise_n > 0.0 ? p->noise_n + 0.2 * (white - p->noise_n) : white;
	double h = hysteresis(p, swing, noise);

	for (long i = first; i < first + n; i++)
		step(p, i, h);
}
