/* The gaps under Hann's window, noughts between them: a line is where it is, and weaker at whole rates from there. */
#include "rig/measure/checks/gap_lines.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <gsl/gsl_fft_real.h>

#include "rig/measure/clones.h"
#include "rig/measure/statistics.h"

#define NEIGHBOURS 63
#define SEEN       20.0 /* times the mean power about it: noise exceeds it with 2e-9 */
#define HIGHEST    8.0  /* times the rate: above, a pulse hides nothing that its own noise does not */
#define BINS_MIN   512
#define HANN_WIDTH 1.5 /* cells, of the power of a line */
#define LANES      4
#define SLACK      1e-9
#define ROUNDING   1e-12 /* of the largest power: what is less of it is nothing, where there is no noise */

static unsigned slot(long bin)
{
	return (unsigned)((unsigned long)bin % LINE_BINS);
}

static void begin_at(struct gap_lines *l, long bin)
{
	l->first = l->after = bin;
}

/* Bins up to this one are no gap's, but for those to come. */
static void go_on_to(struct gap_lines *l, long bin)
{
	if (bin - l->after >= LINE_BINS) {
		memset(l->filled, 0, sizeof(l->filled));
		memset(l->x, 0, sizeof(l->x));
		begin_at(l, bin);
	}
	for (; l->after <= bin; l->after++) {
		l->x[slot(l->after)] = 0.0F;
		l->filled[slot(l->after)] = 0;
	}
	if (l->after - l->first > LINE_BINS)
		l->first = l->after - LINE_BINS;
}

/* Means of bins one behind the other. */
VECTOR_CLONES static void means_of(const float *x, unsigned width, unsigned bins, float *ret)
{
	for (unsigned b = 0; b < bins; b++, x += width) {
		double lane[LANES] = {0};
		unsigned i = 0;

		for (; i + LANES <= width; i += LANES) {
			for (unsigned k = 0; k < LANES; k++)
				lane[k] += (double)x[i + k];
		}
		for (; i < width; i++)
			lane[0] += (double)x[i];
		ret[b] = (float)(((lane[0] + lane[1]) + (lane[2] + lane[3])) / (double)width);
	}
}

static void put(struct gap_lines *l, long bin, float mean)
{
	if (bin < l->after)
		return;
	go_on_to(l, bin);
	l->x[slot(bin)] = mean;
	l->filled[slot(bin)] = 1;
}

void gap_lines_add(struct gap_lines *l, const float *x, long at, unsigned n, double period)
{
	if (l->width == 0) {
		l->width = (unsigned)fmax(1.0, floor(period / LINE_PER_STROKE));
		begin_at(l, at / l->width);
	}
	long width = l->width, bin = (at + width - 1) / width, end = (at + (long)n) / width;
	float mean[LINE_PER_STROKE];

	for (long many; at >= 0 && bin < end; bin += many) {
		many = end - bin < LINE_PER_STROKE ? end - bin : LINE_PER_STROKE;
		means_of(x + (bin * width - at), l->width, (unsigned)many, mean);
		for (long i = 0; i < many; i++)
			put(l, bin + i, mean[i]);
	}
}

struct spectrum {
	double x[LINE_BINS]; /* then power */
	unsigned size;
	double cells;  /* of the transform in one of the record's own */
	double weight; /* sum of the window over bins of gaps */
};

/* False: too few bins. */
static bool transform(const struct gap_lines *l, struct spectrum *s)
{
	unsigned n = (unsigned)(l->after - l->first);
	double *x = s->x;

	if (l->width == 0 || n < BINS_MIN)
		return false;
	for (s->size = BINS_MIN; s->size < n; s->size *= 2)
		;
	s->cells = (double)s->size / n;
	s->weight = 0.0;
	for (unsigned i = 0; i < s->size; i++) {
		unsigned at = slot(l->first + (long)i);
		double hann = i < n ? 1.0 - cos(2.0 * M_PI * ((double)i + 0.5) / n) : 0.0;

		x[i] = i < n ? hann * (double)l->x[at] : 0.0;
		s->weight += i < n && l->filled[at] ? hann : 0.0;
	}
	gsl_fft_real_radix2_transform(x, 1, s->size);
	for (unsigned k = 1; k < s->size / 2; k++)
		x[k] = x[k] * x[k] + x[s->size - k] * x[s->size - k];
	return s->weight > 0.0;
}

static const double *neighbours(const struct spectrum *s, unsigned k)
{
	unsigned bins = s->size / 2, first = k > NEIGHBOURS / 2 ? k - NEIGHBOURS / 2 : 1;

	return s->x + (first + NEIGHBOURS > bins ? bins - NEIGHBOURS : first);
}

VECTOR_CLONES static unsigned count_below(const double *x, double limit)
{
	unsigned count = 0;

	for (unsigned i = 0; i < NEIGHBOURS; i++)
		count += x[i] < limit;
	return count;
}

/* Where it is above so much of their median, half of the neighbours are below what that makes of it. Quicker than a median. */
static bool may_be_seen(const struct spectrum *s, unsigned k)
{
	return count_below(neighbours(s, k), s->x[k] * M_LN2 / SEEN * (1.0 + SLACK)) > NEIGHBOURS / 2;
}

/* Mean power of noise about a cell, by the median. */
static double floor_at(const struct spectrum *s, unsigned k)
{
	double sorted[NEIGHBOURS];

	memcpy(sorted, neighbours(s, k), sizeof(sorted));
	return select_kth(sorted, NEIGHBOURS, NEIGHBOURS / 2) / M_LN2;
}

static double rounding(const struct spectrum *s)
{
	double most = 0.0;

	for (unsigned k = 1; k < s->size / 2; k++)
		most = fmax(most, s->x[k]);
	return ROUNDING * most;
}

/* What the mean over a bin leaves of a wave's power. */
static double kept(double w, unsigned width)
{
	double share = width > 1 ? sin(0.5 * w * width) / (width * sin(0.5 * w)) : 1.0;

	return share * share;
}

double gap_lines_act(const struct gap_lines *l, double period, gap_lines_power *power, const void *context)
{
	struct spectrum s;
	double sum = 0.0, least;

	if (!transform(l, &s))
		return 0.0;
	least = rounding(&s);
	for (unsigned k = 2; k + 1 < s.size / 2; k++) {
		double w = 2.0 * M_PI * k / ((double)s.size * l->width);

		if (w * period > 2.0 * M_PI * HIGHEST)
			break;
		if (!may_be_seen(&s, k))
			continue;

		double noise = fmax(least, floor_at(&s, k));

		if (s.x[k] > SEEN * noise)
			sum += 4.0 * (s.x[k] - noise) / (s.weight * s.weight * kept(w, l->width)) * power(w, context);
	}
	return sum / (s.cells * HANN_WIDTH);
}
