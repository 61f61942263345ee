/* Bar codes of Code 128 (ISO/IEC 15417), code set B: what a sheet of codes for a station's scanner shows. Pure. */
#ifndef PENRIG_STATION_CODE128_H
#define PENRIG_STATION_CODE128_H

#include <stdbool.h>
#include <stdint.h>

#define CODE128_TEXT_MAX 64
#define CODE128_QUIET    10 /* modules of white that a scanner needs before and behind */

struct code128 {
	unsigned widths;                               /* used in `width` */
	unsigned modules;                              /* their sum; the quiet zones are not in it */
	uint8_t width[(CODE128_TEXT_MAX + 2) * 6 + 7]; /* in modules, 1-4: bar, space, bar, ..., bar */
};

/* False: empty, too long, or a character that is not printable ASCII. */
bool code128_encode(const char *text, struct code128 *ret);

#endif
