/* Finds strokes: alternating extremes of bin means that differ by a hysteresis. Needs no baseline, hence works without
 * gaps, through drift and with a needle parked in the phantom. Precision is not its business. */
#include <math.h>

#include "rig/measure/clones.h"
#include "rig/measure/point/state.h"

#define NOISE_PLACES 257
#define LANES        8

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
	return select_kth(d, n, n / 2) / (0.67449 * sqrt(20.0));
}

static double bin_at(const struct point *p, long bin)
{
	return (double)p->bins[bin - p->base / p->grid.bin];
}

static void extremes(const float *x, long n, double *lo, double *hi)
{
	float least = x[0], most = x[0];

	for (long i = 1; i < n; i++) {
		least = x[i] < least ? x[i] : least;
		most = x[i] > most ? x[i] : most;
	}
	*lo = least;
	*hi = most;
}

/* Bins from `first` on that lie in the tare. */
static long tare_bins(const struct point *p, long first, long n)
{
	long count = 0;

	if (p->axis.phase_start[POINT_TARE] == INT64_MAX)
		return 0;
	while (count < n && axis_phase_at(&p->axis, (double)(first + count) * p->grid.bin) == POINT_TARE)
		count++;
	return count;
}

static void measure_swing(struct point *p, long first, long n, double *ret_swing)
{
	const float *bins = p->bins + (first - p->base / p->grid.bin);
	long tare = tare_bins(p, first, n);
	double lo, hi;

	*ret_swing = 0.0;
	if (tare > 0) {
		extremes(bins, tare, &lo, &hi);
		p->detector.tare_swing_n = fmax(p->detector.tare_swing_n, hi - lo);
	}
	if (tare < n) {
		extremes(bins + tare, n - tare, &lo, &hi);
		*ret_swing = hi - lo;
	}
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
	long lo = peak, hi = peak, first = p->detector.from_bin, reach = (long)(p->grid.period / p->grid.bin) + 1;

	while (lo - 1 >= first && peak - lo < reach && bin_at(p, lo - 1) > level)
		lo--;
	while (hi + 1 < end && hi - peak < reach && bin_at(p, hi + 1) > level)
		hi++;
	for (long i = lo; i <= hi; i++) {
		double w = bin_at(p, i) - level;

		weight += w;
		moment += w * (double)(i - peak);
	}
	return ((double)peak + moment / weight + 0.5) * p->grid.bin - 0.5;
}

static void confirm(struct point *p, double h, long now)
{
	struct detector *d = &p->detector;
	double swing = d->extreme - d->low;
	double at = ((double)d->extreme_bin + 0.5) * p->grid.bin - 0.5;

	if (d->extreme_bin >= d->from_bin)
		at = cap_centre(p, d->extreme_bin, 0.9 * h, now + 1);
	d->swing_n = d->found < 8 ? (d->swing_n * (double)d->found + swing) / (double)(d->found + 1)
				  : d->swing_n + 0.1 * (swing - d->swing_n);
	d->found++;
	d->before_at = d->last_at;
	d->last_at = at;
	if (d->put_here == FOUND_MAX) {
		d->lost = true;
		return;
	}
	d->put_here++;
	d->ring[d->put++ % FOUND_RING] = (struct candidate){.at = at, .peak_n = d->extreme, .swing_n = swing};
}

static void step(struct point *p, long bin, double v, double h)
{
	struct detector *d = &p->detector;

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

VECTOR_CLONES static void fill_bins(const float *x, long n, unsigned bin, float *bins)
{
	const float scale = 1.0F / (float)bin;

	for (long i = 0; i < n; i++, x += bin) {
		float sum[LANES] = {0}, total = 0.0F;
		unsigned k = 0;

		for (; k + LANES <= bin; k += LANES) {
			for (unsigned lane = 0; lane < LANES; lane++)
				sum[lane] += x[k + lane];
		}
		for (; k < bin; k++)
			total += x[k];
		for (unsigned lane = 0; lane < LANES; lane++)
			total += sum[lane];
		bins[i] = total * scale;
	}
}

void detect_block(struct point *p, long block, unsigned len)
{
	long first = block * (p->grid.block / p->grid.bin), n = len / p->grid.bin;
	const float *x = p->force + (block * p->grid.block - p->base);
	double swing, noise;

	p->detector.put_here = 0;
	p->detector.from_bin = block > 2 ? (block - 2) * (p->grid.block / p->grid.bin) : 0;
	fill_bins(x, n, p->grid.bin, p->bins + (first - p->base / p->grid.bin));
	if (n == 0)
		return;
	if (block == 0)
		p->detector.extreme = bin_at(p, 0);
	measure_swing(p, first, n, &swing);
	double white_force = sample_noise(x, len);

	noise = white_force / sqrt(p->grid.bin);
	double white = p->force == p->raw ? white_force : sample_noise(p->raw + (block * p->grid.block - p->base), len);

	p->detector.noise_n =
		p->detector.noise_n > 0.0 ? p->detector.noise_n + 0.2 * (white - p->detector.noise_n) : white;
	double h = hysteresis(p, swing, noise);

	const float *bins = p->bins + (first - p->base / p->grid.bin);

	for (long i = 0; i < n; i++)
		step(p, first + i, (double)bins[i], h);
}
