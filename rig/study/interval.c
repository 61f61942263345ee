/* Intervals that several studies share. */
#include "rig/study/interval.h"

#include <math.h>

#include "rig/measure/distribution.h"

/* What the product of two terms adds to the squared distance, so that the limit is 0 where F says so. near: how far the limit of
 * the positive term lies, of itself; far: that of the negative one. */
static double cross_term(double f, double near, double far)
{
	return ((f - 1.0) * (f - 1.0) - near * near * f * f - far * far) / f;
}

static struct interval difference_interval(struct mean_square plus, struct mean_square minus, double tail)
{
	double a = plus.c * plus.ms, b = -minus.c * minus.ms;
	double a_down = 1.0 - plus.dof / chi2_at(1.0 - tail, plus.dof), a_up = plus.dof / chi2_at(tail, plus.dof) - 1.0;
	double b_down = 1.0 - minus.dof / chi2_at(1.0 - tail, minus.dof),
	       b_up = minus.dof / chi2_at(tail, minus.dof) - 1.0;
	double lower = cross_term(f_quantile(1.0 - tail, plus.dof, minus.dof), a_down, b_up);
	double upper = cross_term(f_quantile(tail, plus.dof, minus.dof), a_up, b_down);
	double below = a * a * a_down * a_down + b * b * b_up * b_up + lower * a * b;
	double above = a * a * a_up * a_up + b * b * b_down * b_down + upper * a * b;

	return (struct interval){a - b, a - b - sqrt(fmax(0.0, below)), a - b + sqrt(fmax(0.0, above))};
}

struct interval sum_of_squares_interval(const struct mean_square *term, unsigned count, double confidence)
{
	double tail = 0.5 * (1.0 - confidence), below = 0.0, above = 0.0, value = 0.0;

	if (count == 2 && term[0].c * term[1].c < 0.0)
		return term[0].c > 0.0 ? difference_interval(term[0], term[1], tail)
				       : difference_interval(term[1], term[0], tail);
	for (unsigned i = 0; i < count; i++) {
		double part = term[i].c * term[i].ms, dof = term[i].dof;
		double down = part * (1.0 - dof / chi2_at(1.0 - tail, dof));
		double up = part * (dof / chi2_at(tail, dof) - 1.0);

		value += part;
		below += part > 0.0 ? down * down : up * up;
		above += part > 0.0 ? up * up : down * down;
	}
	return (struct interval){value, value - sqrt(below), value + sqrt(above)};
}

struct interval interval_root(struct interval v)
{
	return (struct interval){sqrt(fmax(0.0, v.value)), sqrt(fmax(0.0, v.lo)), sqrt(fmax(0.0, v.hi))};
}

struct interval wilson_interval(unsigned k, unsigned n, double confidence)
{
	double z = normal_quantile(0.5 * (1.0 + confidence)), z2 = z * z, p = (double)k / n;
	double middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
	double reach = z / (1.0 + z2 / n) * sqrt(p * (1.0 - p) / n + z2 / (4.0 * n * n));

	if (n == 0)
		return (struct interval){NAN, 0.0, 1.0};
	return (struct interval){p, k == 0 ? 0.0 : middle - reach, k == n ? 1.0 : middle + reach};
}
