/* What a limit may name. */
#ifndef PENRIG_MEASURE_MEASURAND_H
#define PENRIG_MEASURE_MEASURAND_H

/* Measurands that a limit may name, with their fixed unit: NULL for an unknown name. */
const char *measurand_unit(const char *name);
const char *measurand_name(unsigned i); /* NULL past the end: for messages and the schema test */

#endif
