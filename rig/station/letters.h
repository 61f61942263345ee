/* Letters of 5 x 7 points, for words that are read from afar on a terminal. */
#ifndef PENRIG_STATION_LETTERS_H
#define PENRIG_STATION_LETTERS_H

#define LETTER_ROWS    7
#define LETTER_COLUMNS 5

/* The letter that `text` (UTF-8) begins with, and its length in bytes; what is none of A-Z, Ä, Ö, Ü is a blank. Row 0 is the
 * topmost; bit 4 is the leftmost point. */
const unsigned char *letter_of(const char *text, unsigned *ret_len);

#endif
