/* Gauss and Legendre's rule of 16 nodes [Abramowitz and Stegun, 25.4.30]. */
#include "rig/measure/quadrature.h"

static const struct {
	double x, weight;
} node[QUADRATURE_NODES / 2] = {
	{.x = 0.98940093499164994, .weight = 0.02715245941175410},
	{.x = 0.94457502307323260, .weight = 0.06225352393864789},
	{.x = 0.86563120238783176, .weight = 0.09515851168249279},
	{.x = 0.75540440835500300, .weight = 0.12462897125553388},
	{.x = 0.61787624440264377, .weight = 0.14959598881657674},
	{.x = 0.45801677765722737, .weight = 0.16915651939500254},
	{.x = 0.28160355077925892, .weight = 0.18260341504492358},
	{.x = 0.09501250983763744, .weight = 0.18945061045506850},
};

static double panel(integrand f, const void *ctx, double middle, double half)
{
	double sum = 0.0;

	for (unsigned i = 0; i < QUADRATURE_NODES / 2; i++) {
		double apart = half * node[i].x;

		sum += node[i].weight * (f(middle - apart, ctx) + f(middle + apart, ctx));
	}
	return half * sum;
}

double integrate(integrand f, const void *ctx, double a, double b, unsigned panels)
{
	double width = (b - a) / panels, sum = 0.0;

	for (unsigned i = 0; i < panels; i++)
		sum += panel(f, ctx, a + (i + 0.5) * width, 0.5 * width);
	return sum;
}
