/* Squared steps. */
#include "rig/measure/checks/alternation.h"

#include <math.h>

#define SEEN_MIN 8
#define CHANCE   5.0 /* standard deviations of the difference of the two sums, were all values alike */

void alternation_add(struct alternation *a, double x)
{
	if (a->seen >= 2) {
		a->near += (x - a->last[0]) * (x - a->last[0]);
		a->far += (x - a->last[1]) * (x - a->last[1]);
	}
	a->last[1] = a->last[0];
	a->last[0] = x;
	a->sum += x;
	a->seen++;
}

double alternation_share(const struct alternation *a)
{
	double n = (double)a->seen, excess = a->near - a->far;

	if (a->seen < SEEN_MIN || !(excess > CHANCE * 2.0 * a->far / sqrt(n - 2.0)))
		return 0.0;
	return sqrt(excess / (n - 2.0)) / fabs(a->sum / n);
}
