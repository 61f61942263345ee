/* The units that files and reports may name. */
#include "rig/base/units.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum dimension { FREQUENCY, LENGTH, TIME, FORCE, TEMPERATURE, RATIO, VOLTAGE, CURRENT, IMPULSE };

static const struct unit {
	const char *name;
	enum dimension dimension;
	double numerator,
		denominator; /* to the dimension's own unit; two exact numbers keep 1/min -> Hz -> 1/min exact */
} units[] = {
	{"Hz", FREQUENCY, 1, 1},     {"1/min", FREQUENCY, 1, 60}, {"mm", LENGTH, 1, 1}, {"um", LENGTH, 1, 1000},
	{"s", TIME, 1, 1},           {"ms", TIME, 1, 1000},       {"N", FORCE, 1, 1},   {"mN", FORCE, 1, 1000},
	{"degC", TEMPERATURE, 1, 1}, {"K", TEMPERATURE, 1, 1},    {"1", RATIO, 1, 1},   {"%", RATIO, 1, 100},
	{"ppm", RATIO, 1, 1e6},      {"V", VOLTAGE, 1, 1},        {"A", CURRENT, 1, 1}, {"N s", IMPULSE, 1, 1},
	{"mN s", IMPULSE, 1, 1000},
};

static const struct unit *find(const char *name)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

bool unit_known(const char *unit)
{
	return find(unit) != NULL;
}

int unit_factor(const char *from, const char *to, double *ret_factor)
{
	const struct unit *a = find(from), *b = find(to);

	if (!a || !b)
		return -EINVAL;
	if (a->dimension != b->dimension)
		return -EDOM;
	*ret_factor = a->numerator * b->denominator / (a->denominator * b->numerator);
	return 0;
}
