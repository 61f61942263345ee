/* Cells of a text as numbers: exact (the double nearest to the decimal), of no locale, and strict, for a number that is
 * half understood is a wrong one. Pure. */
#ifndef PENRIG_OFFLINE_IMPORT_TEXT_NUMBER_H
#define PENRIG_OFFLINE_IMPORT_TEXT_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* [+-] digits [mark digits] [e [+-] digits] (or d, behind digits after the mark), with a digit on one side of the mark at least; "5." only with a point. At
 * the end of the text must stand a byte that is no part of a number. Returns the byte behind the number, NULL where at
 * `at` is none, or one beyond the range of doubles. */
const char *text_number(const char *at, char decimal, double *ret);

enum text_kind {
	TEXT_NUMBER,
	TEXT_GROUPED, /* "1.234.567,8": a number whose grouping of thousands can mean nothing else; the value is right */
	TEXT_DOUBTFUL_GROUP, /* "1,234" with a decimal point: a thousand, or a number a little above one */
	TEXT_EMPTY,
	TEXT_NO_VALUE, /* a word by which programs say that there is none: nan, inf, OVER, #N/A, ---- */
	TEXT_OTHER,
};

/* A whole cell, blanks and quotes around it taken off. *ret is set for the first two. */
enum text_kind text_cell(const char *at, size_t len, char decimal, double *ret);

/* Takes blanks, and quotes of one kind, off both ends. */
void text_trim(const char **at, size_t *len);

/* Digits behind the decimal mark of what text_number() takes; -1 where there is no mark. An exponent is taken off:
 * "1.25e-3" has 5. */
int text_decimals(const char *at, size_t len, char decimal);

#endif
