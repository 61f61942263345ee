/* The units penrig speaks, by their names in files and reports, and the measurands' fixed units. */
#ifndef PENRIG_BASE_UNITS_H
#define PENRIG_BASE_UNITS_H

#include <stdbool.h>

/* "Hz", "mm", "um", "s", "ms", "N", "mN", "degC", "K", "%", "ppm", "V", "A", "1", "1/min", "N s", "mN s". Case counts. */
bool unit_known(const char *unit);

/* Factor from `from` to `to` for units of one dimension (um -> mm: 1e-3). Temperatures convert as differences only.
 * Returns 0 and leaves *ret_factor alone where they are not of one dimension: -EDOM; unknown unit: -EINVAL. */
int unit_factor(const char *from, const char *to, double *ret_factor);

#endif
