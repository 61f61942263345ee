/* What a device may send as a number or a text, by IEEE 488.2 (sections 8.3 and 8.7) and SCPI-99 (volume 1, 7.2.1): the one
 * reader of such answers for all drivers. Pure. Every reader takes a whole element or nothing: true, *ret filled and *at moved
 * behind it, else false and both untouched. */
#ifndef PENRIG_DRIVER_IEEE488_H
#define PENRIG_DRIVER_IEEE488_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers that are none. The infinity may be negative. */
#define IEEE488_INFINITY     9.9e37
#define IEEE488_NOT_A_NUMBER 9.91e37

/* The data of a response unit: behind blanks and a response header, where one stands (":SOUR:FREQ 120"). A header must be that of
 * the question, the last unit of what was sent ("*CLS;:SOUR:FREQ?", ":MEAS:VOLT? CH1"): each keyword in its short or long form, a
 * suffix of 1 given or not, SCPI's default nodes [SOURce:] before and [:STATe] behind given or not. true: *ret is the data; false:
 * it answers something else. A common query (*IDN?) is answered by the device's own words: there, only what begins with '*' or ':'
 * is a header. */
bool ieee488_data(const char *unit, const char *question, const char **ret);

/* NR1, NR2 or NR3, a sign of either kind and blanks before it allowed. NaN for 9.91E37 or NAN, an infinity for +-9.9E37, INF or
 * NINF; a magnitude beyond that is refused. about_e: blanks may stand about the exponent's letter, which 488.2 allows a
 * listener alone, and some devices send; where a flipped bit is to be seen they are refused, for a blank is a 0 with one. */
bool ieee488_number(const char **at, bool about_e, double *ret);

/* NR1; NR2 and NR3 that are an exact integer of at most 2^53; #H, #Q and #B. */
bool ieee488_uint(const char **at, uint64_t *ret);

/* Between double quotes, a doubled one in it for one; blanks before it allowed. Longer text is refused, or cut. */
bool ieee488_string(const char **at, char *ret, size_t size, bool cut);

/* The end of a unit that may have blanks behind its data. */
bool ieee488_at_end(const char *at);

#endif
