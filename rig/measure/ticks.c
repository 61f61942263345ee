/* Nominal period by a bank of Kalman filters. Derivation: docs/method.md, "Rate". Does not find strokes. */
#include "rig/measure/ticks.h"

#include <math.h>

#define MIXTURE_ODDS 0.02

/* Variance of a period's noise over that of an instant's, as shares of their sum; from scatter alone to walk alone.
 * Long windows tell very small walks from none, hence the decades. */
static double walk_share(unsigned i)
{
	static const double ratios[TICKS_RATIOS] = {0.0,  1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3,
						    1e-2, 0.03, 0.1,  0.3,  1.0,  5.0,  INFINITY};

	return isinf(ratios[i]) ? 1.0 : ratios[i] / (1.0 + ratios[i]);
}

/* Prior odds: a pure kind is taken unless the instants speak for a mixture. */
static double prior(unsigned i)
{
	return i == 0 || i == TICKS_RATIOS - 1 ? 1.0 : MIXTURE_ODDS;
}

static void start(struct ticks *ticks, double interval, unsigned steps)
{
	for (unsigned i = 0; i < TICKS_RATIOS; i++) {
		double walk = walk_share(i), scatter = 1.0 - walk;

		ticks->at[i].ahead = 0.0;
		ticks->at[i].period = interval / steps;
		ticks->at[i].tt = scatter;
		ticks->at[i].tp = scatter / steps;
		ticks->at[i].pp = (2.0 * scatter + steps * walk) / ((double)steps * steps);
	}
}

static void advance(struct ticks *ticks, double interval, unsigned steps)
{
	double m = steps;

	for (unsigned i = 0; i < TICKS_RATIOS; i++) {
		double walk = walk_share(i), scatter = 1.0 - walk, *pp = &ticks->at[i].pp;
		double tt = ticks->at[i].tt + 2.0 * m * ticks->at[i].tp + m * m * *pp + m * walk;
		double tp = ticks->at[i].tp + m * *pp, s = tt + scatter;
		double ahead = ticks->at[i].ahead + m * ticks->at[i].period - interval, gain = tt / s;

		ticks->at[i].squares += ahead * ahead / s;
		ticks->at[i].log_s += log(s);
		ticks->at[i].ahead = ahead - gain * ahead;
		ticks->at[i].period -= tp / s * ahead;
		ticks->at[i].tt = tt * scatter / s;
		ticks->at[i].tp = tp * scatter / s;
		*pp -= tp * tp / s;
	}
}

void ticks_add(struct ticks *ticks, double instant, unsigned steps)
{
	double interval = instant - ticks->last;

	if (ticks->n == 1)
		start(ticks, interval, steps);
	else if (ticks->n > 1)
		advance(ticks, interval, steps);
	ticks->last = instant;
	ticks->n++;
}

double ticks_period(const struct ticks *ticks, double *ret_u)
{
	double n = (double)ticks->n - 2.0, score[TICKS_RATIOS], best = INFINITY;
	double weight = 0.0, mean = 0.0, variance = 0.0;

	if (ticks->n < 4) {
		*ret_u = NAN;
		return NAN;
	}
	for (unsigned i = 0; i < TICKS_RATIOS; i++) {
		score[i] = 0.5 * (n * log(fmax(ticks->at[i].squares, 1e-300)) + ticks->at[i].log_s);
		best = fmin(best, score[i]);
	}
	for (unsigned i = 0; i < TICKS_RATIOS; i++) {
		double w = prior(i) * exp(best - score[i]);

		weight += w;
		mean += w * ticks->at[i].period;
	}
	mean /= weight;
	for (unsigned i = 0; i < TICKS_RATIOS; i++) {
		double off = ticks->at[i].period - mean;

		variance += prior(i) * exp(best - score[i]) * (ticks->at[i].squares / n * ticks->at[i].pp + off * off);
	}
	*ret_u = sqrt(variance / weight);
	return mean;
}
