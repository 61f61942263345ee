/* xoshiro256** [Blackman, Vigna], seeded by SplitMix64. */
#include "rig/measure/draws.h"

#include <math.h>

static uint64_t turned(uint64_t x, int by)
{
	return (x << by) | (x >> (64 - by));
}

void draws_seed(struct draws *d, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t z = seed += 0x9E3779B97F4A7C15u;

		z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
		z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
		d->s[i] = z ^ (z >> 31);
	}
	d->spare = NAN;
}

double draws_uniform(struct draws *d)
{
	uint64_t *s = d->s, x = turned(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = turned(s[3], 45);
	return ((double)(x >> 11) + 0.5) * 0x1p-53;
}

/* A point of the unit disc; returns its squared distance from the middle. */
static double in_disc(struct draws *d, double *ret_x, double *ret_y)
{
	double x, y, w;

	do {
		x = 2.0 * draws_uniform(d) - 1.0;
		y = 2.0 * draws_uniform(d) - 1.0;
		w = x * x + y * y;
	} while (w >= 1.0 || w == 0.0);
	*ret_x = x;
	*ret_y = y;
	return w;
}

double draws_normal(struct draws *d) /* Marsaglia's polar way */
{
	double x, y, w, spare = d->spare;

	d->spare = NAN;
	if (!isnan(spare))
		return spare;
	w = in_disc(d, &x, &y);
	w = sqrt(-2.0 * log(w) / w);
	d->spare = y * w;
	return x * w;
}

double draws_student(struct draws *d, double dof) /* [Bailey] */
{
	double x, y, w = in_disc(d, &x, &y);

	return x * sqrt(dof * expm1(-2.0 / dof * log(w)) / w);
}

/* Marsaglia, Tsang, ACM TOMS 26, 2000: a cubed normal number, most often taken. Of less than two degrees that of two more, shrunk. */
double draws_chi2(struct draws *d, double dof)
{
	double shrink = dof < 2.0 ? pow(draws_uniform(d), 2.0 / dof) : 1.0, x, v;
	double a = 0.5 * (dof < 2.0 ? dof + 2.0 : dof) - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * a);

	do {
		do {
			x = draws_normal(d);
			v = 1.0 + c * x;
		} while (v <= 0.0);
		v = v * v * v;
	} while (log(draws_uniform(d)) > 0.5 * x * x + a * (1.0 - v + log(v)));
	return 2.0 * a * v * shrink;
}
