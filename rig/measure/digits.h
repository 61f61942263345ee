/* How many decimals a number is worth: a value ends where its uncertainty does. The one place that chooses. */
#ifndef PENRIG_MEASURE_DIGITS_H
#define PENRIG_MEASURE_DIGITS_H

#include <stddef.h>

#define DIGITS_PEOPLE       2 /* of an expanded uncertainty, where people read (GUM 7.2.6) */
#define DIGITS_PROGRAMS     3 /* where programs compute on */
#define DIGITS_DECIMALS_MAX 9
#define DIGITS_QUANTITY_MAX 48

/* Decimals that show `x` > 0 with so many significant digits, 0 to DIGITS_DECIMALS_MAX; 0 for any other x. */
int digits_decimals(double x, int significant);

/* Decimals that write `x`, a number that somebody typed, as it is. */
int digits_of_typed(double x);

/* "1.15 mm"; the unit "1" is not written, nor is "-0.00". */
void digits_quantity(double x, int decimals, const char *unit, char ret[DIGITS_QUANTITY_MAX]);

#endif
