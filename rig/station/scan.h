/* What a scanner sent, or a person typed: plain text, a GS1 element string (with FNC1, or in parentheses) or a GS1 Digital
 * Link. Pure. Sources: GS1 General Specifications 5 (syntax), 7.9 (check digit), 7.12 (dates); GS1 Digital Link 1.2.
 *
 * Nothing is guessed. A code whose end marks (FNC1) were lost on the way is refused where that shows. Where it does not, as
 * in "21A10B" behind a symbology identifier, a product states how its serial numbers look, and scan_may_be_cut() tells
 * whether another one of its fits as well. */
#ifndef PENRIG_STATION_SCAN_H
#define PENRIG_STATION_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#define SCAN_MAX     200 /* bytes; two codes in one scan are longer, or make no sense */
#define SCAN_GS      0x1d
#define SCAN_SERIAL  21 /* sizes with the end: 20 characters */
#define SCAN_LOT     21
#define SCAN_GTIN    15
#define SCAN_DATE    11 /* YYYY-MM-DD */
#define SCAN_EXTRA   31
#define SCAN_AI_TEXT 5

struct scan {
	bool gs1;      /* else `text` is all there is */
	bool unmarked; /* its serial number ends with the text, and no mark, parenthesis or symbology identifier says so */
	char text[SCAN_MAX + 1];                  /* as scanned, without a symbology identifier; printable ASCII */
	char gtin[SCAN_GTIN];                     /* (01), padded to 14 digits; each "" where it is not there */
	char serial[SCAN_SERIAL];                 /* (21); always there where gs1 */
	char lot[SCAN_LOT];                       /* (10) */
	char made[SCAN_DATE], expires[SCAN_DATE]; /* (11), (17) */
	char extra[SCAN_EXTRA];                   /* (240) */
};

enum scan_fault {
	SCAN_EMPTY,
	SCAN_TOO_LONG,
	SCAN_CHARACTER,   /* a control character, or one that the field may not hold */
	SCAN_UNKNOWN_AI,  /* its length is not known, so nothing behind it is */
	SCAN_LENGTH,      /* of a field */
	SCAN_CHECK_DIGIT, /* of a GTIN or another key */
	SCAN_NO_SUCH_DATE,
	SCAN_TWICE,     /* the same field with two values */
	SCAN_NO_SERIAL, /* GS1 without (21): which unit is it? */
	SCAN_AMBIGUOUS, /* an element string whose FNC1 was lost */
	SCAN_LINK,      /* a link that is no GS1 Digital Link */
	SCAN_FAULTS
};

struct scan_refusal {
	enum scan_fault fault;
	char ai[SCAN_AI_TEXT]; /* of the field; "" where it is none */
};

/* year: the current one, which decides the century of dates. False: refused, and nothing else is in `ret`. */
bool scan_read(const char *bytes, size_t len, int year, struct scan *ret, struct scan_refusal *ret_refusal);

/* Whether the same characters, had they lost their marks, would hold a shorter serial number that fits too: "A" beside "A10B". */
bool scan_may_be_cut(const struct scan *scan, bool (*fits)(void *ctx, const char *serial), void *ctx);

/* "empty", "too_long", ...: keys of the page's words. */
const char *scan_fault_name(enum scan_fault fault);

/* Modulo 10 with weights 3, 1 from the right; the last of the digits is the check digit. */
bool scan_check_digit(const char *digits, size_t len);

#endif
