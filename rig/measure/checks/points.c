/* Least squares through points, and where they stand high. */
#include "rig/measure/checks/points.h"

#include <math.h>

#define TERMS      (POINTS_DEGREE_MAX + 1)
#define SPARE      3    /* points beyond the polynomial's terms */
#define SEARCH     1000 /* steps over the stretch */
#define SEARCH_END 0.8  /* of its half: beyond, a polynomial is not to be believed */

/* Elimination in place; a is symmetric and positive, but for rounding. */
static bool solve(double a[TERMS][TERMS], double b[TERMS], unsigned n)
{
	for (unsigned c = 0; c < n; c++) {
		if (!(a[c][c] > 1e-12))
			return false;
		for (unsigned r = c + 1; r < n; r++) {
			double f = a[r][c] / a[c][c];

			for (unsigned k = c; k < n; k++)
				a[r][k] -= f * a[c][k];
			b[r] -= f * b[c];
		}
	}
	for (unsigned c = n; c-- > 0;) {
		for (unsigned k = c + 1; k < n; k++)
			b[c] -= a[c][k] * b[k];
		b[c] /= a[c][c];
	}
	return true;
}

static double polynomial(const double *coefficient, unsigned degree, double v)
{
	double sum = coefficient[degree];

	for (unsigned k = degree; k-- > 0;)
		sum = sum * v + coefficient[k];
	return sum;
}

static double polynomial_second(const double *coefficient, unsigned degree, double v)
{
	double sum = 0.0;

	for (unsigned k = degree; k >= 2; k--)
		sum = sum * v + k * (k - 1.0) * coefficient[k];
	return sum;
}

/* Weighted least squares in v = (at - centre) / half. */
static bool fit(const struct points *p, unsigned degree, struct points_top *ret)
{
	double a[TERMS][TERMS] = {{0}}, weight = 0.0;

	for (unsigned i = 0; i < p->n; i++) {
		double v = (points_at(p, i) - ret->centre) / ret->half, row[TERMS] = {1.0};

		if (fabs(v) > 1.0 || p->weight[i] <= 0.0)
			continue;
		for (unsigned k = 1; k <= degree; k++)
			row[k] = row[k - 1] * v;
		for (unsigned r = 0; r <= degree; r++) {
			ret->coefficient[r] += p->weight[i] * row[r] * p->y[i];
			for (unsigned c = 0; c <= degree; c++)
				a[r][c] += p->weight[i] * row[r] * row[c];
		}
		weight += p->weight[i];
		ret->n++;
	}
	for (unsigned r = 0; r <= degree; r++) {
		ret->coefficient[r] /= weight;
		for (unsigned c = 0; c <= degree; c++)
			a[r][c] /= weight;
	}
	return ret->n >= degree + 1 + SPARE && solve(a, ret->coefficient, degree + 1);
}

bool points_top(const struct points *p, double lo, double hi, unsigned degree, struct points_top *ret)
{
	double best_v = 0.0;

	*ret = (struct points_top){.centre = 0.5 * (lo + hi), .half = 0.5 * (hi - lo), .value = -INFINITY};
	if (!(ret->half > 0.0) || !fit(p, degree, ret))
		return false;
	for (int i = -SEARCH; i <= SEARCH; i++) {
		double v = SEARCH_END * i / SEARCH, y = polynomial(ret->coefficient, degree, v);

		if (y > ret->value) {
			ret->value = y;
			best_v = v;
		}
	}
	ret->at = ret->centre + best_v * ret->half;
	ret->second = polynomial_second(ret->coefficient, degree, best_v) / (ret->half * ret->half);
	return true;
}

double points_top_at(const struct points_top *top, unsigned degree, double at)
{
	return polynomial(top->coefficient, degree, (at - top->centre) / top->half);
}

/* From point i on in one direction to where the level is passed; NaN: nowhere. */
static double passes(const struct points *p, unsigned from, int direction, double level)
{
	long last = from;

	for (long i = from; i >= 0 && i < (long)p->n; i += direction) {
		if (p->weight[i] <= 0.0)
			continue;
		if (p->y[i] < level) {
			double share = (p->y[last] - level) / (p->y[last] - p->y[i]);

			return points_at(p, (unsigned)last) + share * p->step * (double)(i - last);
		}
		last = i;
	}
	return NAN;
}

bool points_above(const struct points *p, double share, double *ret_lo, double *ret_hi)
{
	unsigned top = 0;

	for (unsigned i = 0; i < p->n; i++) {
		if (p->weight[i] > 0.0 && (p->weight[top] <= 0.0 || p->y[i] > p->y[top]))
			top = i;
	}
	*ret_lo = passes(p, top, -1, share * p->y[top]);
	*ret_hi = passes(p, top, 1, share * p->y[top]);
	return isfinite(*ret_lo) && isfinite(*ret_hi);
}
