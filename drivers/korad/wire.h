/* What Korad supplies say, docs/protocols/korad.md, as pure functions: requests and answers without an end, models. */
#ifndef PENRIG_DRIVERS_KORAD_WIRE_H
#define PENRIG_DRIVERS_KORAD_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KORAD_BAUD       9600
#define KORAD_ANSWER_MAX 64
#define KORAD_TEXT_MAX   40
#define KORAD_STEP_V     0.01
#define KORAD_STEP_A     0.001

enum korad_ask {
	KORAD_OFF, /* nothing answers the first four */
	KORAD_ON,
	KORAD_SET_VOLTS,
	KORAD_SET_AMPS,
	KORAD_IDENTIFY,
	KORAD_STATUS,
	KORAD_SET_V, /* as set */
	KORAD_SET_A,
	KORAD_VOLTS, /* as measured */
	KORAD_ASKS,
};

bool korad_answers(enum korad_ask ask); /* something does */

/* Without an end, and without a NUL; its length. value: of the two that set, rounded to the step; 0 is returned where it has no
 * such form. */
size_t korad_encode(enum korad_ask ask, double value, char *buffer, size_t size);

struct korad_model {
	const char *name; /* stands somewhere in the answer to *IDN? */
	double volts_max_v, amps_max_a;
};
const struct korad_model *korad_model_named(const char *name); /* NULL: it is not in the table */

struct korad_identity {
	const struct korad_model *model; /* NULL: of a maker of the family, and not in the table */
	char text[KORAD_TEXT_MAX];       /* what it said, cut off before the serial number */
	char serial[KORAD_TEXT_MAX];     /* behind "SN:"; empty: it told none */
};

/* Readers: true and *ret filled when the whole answer is right, else false and *ret untouched. */
bool korad_read_identity(const uint8_t *answer, size_t len, struct korad_identity *ret);
bool korad_read_on(const uint8_t *answer, size_t len, bool *ret);      /* one byte */
bool korad_read_volts(const uint8_t *answer, size_t len, double *ret); /* "05.00" */
bool korad_read_amps(const uint8_t *answer, size_t len, double *ret);  /* "1.000", and maybe one byte behind it */

#endif
