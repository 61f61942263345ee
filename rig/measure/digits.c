/* Decimals and quantities as text. */
#include "rig/measure/digits.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int digits_decimals(double x, int significant)
{
	int decimals = x > 0.0 ? significant - 1 - (int)floor(log10(x)) : 0;

	return decimals < 0 ? 0 : decimals > DIGITS_DECIMALS_MAX ? DIGITS_DECIMALS_MAX : decimals;
}

int digits_of_typed(double x)
{
	int decimals = 0;

	while (decimals < DIGITS_DECIMALS_MAX &&
	       fabs(x * pow(10.0, decimals) - nearbyint(x * pow(10.0, decimals))) > 1e-6)
		decimals++;
	return decimals;
}

void digits_quantity(double x, int decimals, const char *unit, char ret[DIGITS_QUANTITY_MAX])
{
	const char *space = strcmp(unit, "1") == 0 ? "" : " ";

	snprintf(ret, DIGITS_QUANTITY_MAX, "%.*f%s%.7s", decimals, fabs(x) * pow(10.0, decimals) < 0.5 ? 0.0 : x, space,
		 space[0] ? unit : "");
}
