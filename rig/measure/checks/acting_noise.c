/* Noise as it acts: pseudo-heights of the tare and the gaps. */
#include "rig/measure/checks/acting_noise.h"

#include <math.h>

#define CHANCE 2.6 /* standard deviations of a correlation that is none */

void acting_noise_add(struct acting_noise *a, const struct pseudo_stroke *s)
{
	moments_add(&a->height, s->height_n);
	moments_add(&a->instant, s->instant_n);
	a->square_n2 += s->square_n2;
}

void acting_noise_gap(struct acting_noise *a, uint64_t stroke, const struct pseudo_stroke *s)
{
	double first = a->height.n > 0 ? a->height.first : s->height_n, y = s->height_n - first;

	if (a->height.n > 0 && stroke != a->last + 1)
		a->known = 0;
	for (unsigned k = 0; k < a->known; k++) {
		a->cross[k] += y * a->history[k];
		a->pairs[k]++;
	}
	for (unsigned k = ACTING_LAGS - 1; k > 0; k--)
		a->history[k] = a->history[k - 1];
	a->history[0] = y;
	a->known += a->known < ACTING_LAGS;
	a->last = stroke;
	acting_noise_add(a, s);
}

/* 1 + 2 times the sum of the correlations that are not chance. */
static double of_a_mean(const struct acting_noise *gap)
{
	double variance = gap->height.m2 / fmax(1.0, (double)gap->height.n), mean = gap->height.offset, sum = 0.0;

	for (unsigned k = 0; k < ACTING_LAGS && variance > 0.0; k++) {
		double n = (double)gap->pairs[k], r = n > 0.0 ? (gap->cross[k] / n - mean * mean) / variance : 0.0;

		if (n > 0.0 && fabs(r) > CHANCE / sqrt(n))
			sum += r;
	}
	return fmax(1.0, 1.0 + 2.0 * sum);
}

static double degrees(const struct moments *m)
{
	return m->n > 0 ? (double)m->n - 1.0 : 0.0;
}

struct acting_shares acting_noise_shares(const struct acting_noise *tare, const struct acting_noise *gap,
					 double white_n2, double taken_n2)
{
	double n = degrees(&tare->height) + degrees(&gap->height);
	double all = (double)(tare->height.n + gap->height.n);
	struct acting_shares ret = {.height = 1.0, .instant = 1.0, .mean = 1.0, .n = n + ACTING_BEFORE};

	if (!(n > 0.0) || !(white_n2 > 0.0))
		return ret;

	double square = (tare->square_n2 + gap->square_n2) / all;

	ret.height = ((tare->height.m2 + gap->height.m2 + taken_n2) / white_n2 + ACTING_BEFORE) / (n + ACTING_BEFORE);
	if (square > 0.0)
		ret.instant = ((tare->instant.m2 + gap->instant.m2) / square + ACTING_BEFORE) / (n + ACTING_BEFORE);
	ret.mean = of_a_mean(gap);
	return ret;
}
