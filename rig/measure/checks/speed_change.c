/* The shift of pulse centres by a changing speed, and intervals without it. */
#include "rig/measure/checks/speed_change.h"

#include <math.h>
#include <string.h>

#define STROKES_MIN 24.0
#define ROUNDS      6
#define RESOLVED    0.3  /* standard uncertainty of the share of an edge's effect, above which it is not known */
#define HALF_U      0.29 /* of anything between nil and all */
#define SHIFT_MAX   0.2  /* the inverse's taps fall fast enough */
#define TAPS        SPEED_REACH

static const struct speed_stroke *kept(const struct speed_change *c, int i)
{
	return &c->ring[SPEED_REACH + 1 + i];
}

/* The stroke in the middle of the ring, by its neighbours. */
static void take(struct speed_change *c, double period)
{
	const struct speed_stroke *s = kept(c, 0);
	double d[2 * SPEED_REACH + 1];

	for (unsigned i = 1; i < SPEED_RING; i++) {
		if (!(fabs(c->ring[i].at - c->ring[i - 1].at - period) < 0.5 * period))
			return;
	}
	for (int k = -SPEED_REACH; k <= SPEED_REACH; k++)
		d[SPEED_REACH + k] = kept(c, k + 1)->at - 2.0 * kept(c, k)->at + kept(c, k - 1)->at;
	c->n += 1.0;
	for (unsigned k = 0; k <= SPEED_REACH; k++)
		c->dd[k] += d[SPEED_REACH] * d[SPEED_REACH + k];
	for (unsigned k = 0; k <= 2 * SPEED_REACH; k++)
		c->d[k] += d[k];
	for (unsigned m = 0; m < SPEED_SHAPES; m++) {
		c->e[m] += s->unlike[m];
		c->ee[m] += s->unlike[m] * s->unlike[m];
		c->shift[m] += s->shift[m];
		c->weight[m] += s->weight[m];
		for (unsigned k = 0; k <= 2 * SPEED_REACH; k++)
			c->ed[m][k] += s->unlike[m] * d[k];
	}
}

void speed_change_add(struct speed_change *c, const struct speed_stroke *stroke, double period)
{
	memmove(c->ring, c->ring + 1, (SPEED_RING - 1) * sizeof(c->ring[0]));
	c->ring[SPEED_RING - 1] = *stroke;
	c->known += c->known < SPEED_RING;
	if (c->known == SPEED_RING && kept(c, 0)->told)
		take(c, period);
}

/* Taps -TAPS to TAPS of the inverse of 1 + s D^2, D^2 the second difference: a r^|k|. */
static void inverse_taps(double shift, double tap[TAPS + 1])
{
	double s = fmax(-SHIFT_MAX, fmin(SHIFT_MAX, shift)), root = sqrt(1.0 - 4.0 * s);
	double r = fabs(s) > 1e-12 ? -(1.0 - 2.0 * s - root) / (2.0 * s) : 0.0;

	tap[0] = 1.0 / root;
	for (unsigned k = 1; k <= TAPS; k++)
		tap[k] = tap[k - 1] * r;
}

static double tap_at(const double tap[TAPS + 1], int k)
{
	return k >= -TAPS && k <= TAPS ? tap[k < 0 ? -k : k] : 0.0;
}

/* Autocorrelation of the taps. */
static double taps_with_themselves(const double tap[TAPS + 1], int lag)
{
	double sum = 0.0;

	for (int k = -TAPS; k <= TAPS; k++)
		sum += tap_at(tap, k) * tap_at(tap, k + lag);
	return sum;
}

double speed_change_undo(double shift, const double seen[SPEED_LAGS + 1])
{
	double tap[TAPS + 1], sum;

	inverse_taps(shift, tap);
	sum = taps_with_themselves(tap, 0) * seen[0];
	for (int k = 1; k <= SPEED_LAGS; k++)
		sum += 2.0 * taps_with_themselves(tap, k) * seen[k];
	return sum;
}

/* Of one shape: its shift of an instant per change of the interval. */
struct slope {
	double shift, u, energy;
};

static struct slope slope_of(const struct speed_change *c, unsigned m, double instant_s2)
{
	double n = c->n, beta = c->shift[m] / n, tap[TAPS + 1];
	double noise[3] = {6.0 * instant_s2, -4.0 * instant_s2, instant_s2};
	double error2 = fmax(0.0, c->ee[m] / n - c->e[m] * c->e[m] / (n * n));
	struct slope ret = {.u = INFINITY};

	for (unsigned round = 0; round < ROUNDS; round++) {
		double with = 0.0, spread = 0.0;

		inverse_taps(ret.shift, tap);
		for (int k = -TAPS; k <= TAPS; k++)
			with += tap_at(tap, k) * (c->ed[m][TAPS + k] / n - c->e[m] * c->d[TAPS + k] / (n * n));
		for (int k = 0; k <= SPEED_REACH; k++) {
			double seen = c->dd[k] / n - c->d[TAPS] * c->d[TAPS + k] / (n * n) - (k < 3 ? noise[k] : 0.0);

			spread += (k ? 2.0 : 1.0) * taps_with_themselves(tap, k) * seen;
		}
		if (!(spread > 0.0))
			return (struct slope){.u = INFINITY};

		double theta = with / spread, left = fmax(0.0, error2 - theta * theta * spread);

		ret.shift = fmax(-SHIFT_MAX, fmin(SHIFT_MAX, theta * beta));
		ret.u = fabs(beta) * sqrt(left / (n * spread));
		ret.energy = theta * theta * spread * c->weight[m] / n;
	}
	return ret;
}

double speed_change_next(const struct speed_change *c, double period)
{
	return c->n < 1.0 ? 0.0 : fabs(c->shift[1]) / c->n / (4.0 * period * period);
}

struct speed_shift speed_change_shift(const struct speed_change *c, double instant_s2, double period)
{
	struct speed_shift ret = {.resolved = false};

	if (c->n < 1.0)
		return ret;

	double edge = c->shift[0] / c->n / (2.0 * period); /* all of the change at the deepest point */
	struct slope a = slope_of(c, 0, instant_s2), b = slope_of(c, 1, instant_s2);

	ret.shift = 0.5 * edge;
	ret.u = HALF_U * fabs(edge);
	if (c->n < STROKES_MIN || !(a.u < RESOLVED * fabs(edge)) || !isfinite(b.u))
		return ret;

	double likely = 1.0 / (1.0 + exp(fmax(-50.0, fmin(50.0, 0.5 * c->n * (b.energy - a.energy)))));
	double apart = sqrt(likely * (1.0 - likely)) * fabs(a.shift - b.shift);

	ret.resolved = true;
	ret.shift = likely * a.shift + (1.0 - likely) * b.shift;
	ret.u = hypot(likely * a.u + (1.0 - likely) * b.u, apart);
	return ret;
}
