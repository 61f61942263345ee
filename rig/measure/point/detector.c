/* Detection of strokes by the extremes of bin means. */
#include "rig/measure/point/detector.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/clones.h"
#include "rig/measure/statistics.h"

#define SETTLED      8 /* strokes after which the mean of their rises is one of strokes */
#define NOISE_PLACES 257
#define LANES        8

int detector_init(struct detector *d, const struct grid *grid, double expected_n, size_t samples)
{
	memset(d, 0, sizeof(*d)); /* too large for a literal on the stack */
	d->grid = *grid;
	d->expected_n = expected_n;
	d->last_at = d->before_at = NAN;
	d->room = (long)(samples / grid->bin) + 1;
	d->bins = calloc((size_t)d->room, sizeof(float));
	return d->bins ? 0 : -ENOMEM;
}

void detector_release(struct detector *d)
{
	free(d->bins);
	d->bins = NULL;
}

void detector_copy(struct detector *to, const struct detector *from, size_t samples)
{
	float *bins = to->bins;

	*to = *from;
	to->bins = bins;
	memcpy(bins, from->bins, (samples / from->grid.bin + 1) * sizeof(float));
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
	return select_kth(d, n, n / 2) / (0.67449 * sqrt(20.0));
}

static double bin_at(const struct detector *d, long bin)
{
	return (double)d->bins[bin - d->first_bin];
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
static long tare_bins(const struct detector *d, const struct axis *axis, long first, long n)
{
	long count = 0;

	if (!axis_begun(axis, POINT_TARE))
		return 0;
	while (count < n && axis_phase_at(axis, (double)(first + count) * d->grid.bin) == POINT_TARE)
		count++;
	return count;
}

/* Of the bins that are not of the tare; what those swing is remembered. */
static double measure_swing(struct detector *d, const struct axis *axis, long first, long n)
{
	const float *bins = d->bins + (first - d->first_bin);
	long tare = tare_bins(d, axis, first, n);
	double lo, hi;

	if (tare > 0) {
		extremes(bins, tare, &lo, &hi);
		d->tare_swing_n = fmax(d->tare_swing_n, hi - lo);
	}
	if (tare == n)
		return 0.0;
	extremes(bins + tare, n - tare, &lo, &hi);
	return hi - lo;
}

static double hysteresis(const struct detector *d, double swing, double noise)
{
	double reference = d->found >= SETTLED ? fmin(swing, d->swing_n) : swing;
	double floor_n = fmax(8.0 * noise, 0.25 * d->expected_n);

	return fmax(0.4 * reference, fmax(floor_n, fmin(1.5 * d->tare_swing_n, 0.6 * reference)));
}

/* Centre of the cap: of the bins around the peak that are above peak - depth. */
static double cap_centre(const struct detector *d, long peak, double cap, long end)
{
	double level = bin_at(d, peak) - cap, weight = 0.0, moment = 0.0;
	long lo = peak, hi = peak, reach = (long)(d->grid.period / d->grid.bin) + 1;

	while (lo - 1 >= d->from_bin && peak - lo < reach && bin_at(d, lo - 1) > level)
		lo--;
	while (hi + 1 < end && hi - peak < reach && bin_at(d, hi + 1) > level)
		hi++;
	for (long i = lo; i <= hi; i++) {
		double w = bin_at(d, i) - level;

		weight += w;
		moment += w * (double)(i - peak);
	}
	return ((double)peak + moment / weight + 0.5) * d->grid.bin - 0.5;
}

static void confirm(struct detector *d, double h, long now)
{
	double swing = d->extreme - d->low;
	double at = ((double)d->extreme_bin + 0.5) * d->grid.bin - 0.5;

	if (d->extreme_bin >= d->from_bin)
		at = cap_centre(d, d->extreme_bin, 0.9 * h, now + 1);
	d->swing_n = d->found < SETTLED ? (d->swing_n * (double)d->found + swing) / (double)(d->found + 1)
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

static void step(struct detector *d, long bin, double v, double h)
{
	if (d->rising) {
		if (v > d->extreme) {
			d->extreme = v;
			d->extreme_bin = bin;
		} else if (v < d->extreme - h) {
			confirm(d, h, bin);
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

void detector_look(struct detector *d, const struct axis *axis, const float *force, const float *raw, unsigned len)
{
	long block = d->blocks++, bins = d->grid.block / d->grid.bin, first = block * bins, n = len / d->grid.bin;
	float *at = d->bins + (first - d->first_bin);

	assert(first - d->first_bin + n <= d->room);
	d->put_here = 0;
	d->from_bin = block > 2 ? (block - 2) * bins : 0;
	fill_bins(force, n, d->grid.bin, at);
	if (n == 0)
		return;
	if (block == 0)
		d->extreme = bin_at(d, 0);

	double swing = measure_swing(d, axis, first, n), white_force = sample_noise(force, len);
	double white = force == raw ? white_force : sample_noise(raw, len);

	d->noise_n = d->noise_n > 0.0 ? d->noise_n + 0.2 * (white - d->noise_n) : white;

	double h = hysteresis(d, swing, white_force / sqrt(d->grid.bin));

	for (long i = 0; i < n; i++)
		step(d, first + i, (double)at[i], h);
}

void detector_drop(struct detector *d, long base)
{
	long first = base / d->grid.bin, end = d->blocks * (d->grid.block / d->grid.bin);

	memmove(d->bins, d->bins + (first - d->first_bin), (size_t)(end - first) * sizeof(float));
	d->first_bin = first;
}
