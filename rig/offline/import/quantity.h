/* The units that other programs write beside a column: what is a force, and what is a time. Pure. */
#ifndef PENRIG_OFFLINE_IMPORT_QUANTITY_H
#define PENRIG_OFFLINE_IMPORT_QUANTITY_H

#include <stdbool.h>

/* Newtons of one such unit: "N", "mN", "kgf", "lbf" ... False: it is no force. "g" and "kg" are none: a mass, or an
 * acceleration. */
bool quantity_force(const char *unit, double *ret_n);
/* Seconds of one: "s", "ms", "us", "min" ... False: it is no time. */
bool quantity_time(const char *unit, double *ret_s);
/* Millimetres of one: "mm", "um", "in" ... False: it is no length. */
bool quantity_length(const char *unit, double *ret_mm);
/* degC = offset + scale * number: "degC", "K", "degF" ... False: it is no temperature. */
bool quantity_temperature(const char *unit, double *ret_scale, double *ret_offset);
/* Any unit that stands beside columns, those two included: "V", "mm", "degC" ... */
bool quantity_known(const char *unit);

#endif
