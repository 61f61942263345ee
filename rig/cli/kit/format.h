/* What the terminal at hand can show, and the numbers that only a person at a terminal asks for. */
#ifndef PENRIG_CLI_KIT_FORMAT_H
#define PENRIG_CLI_KIT_FORMAT_H

#include "reports/render.h"

enum colour_choice { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };
extern const char *const colour_words[];

/* As it fits the stream's terminal; NO_COLOR, TERM=dumb and the locale are heeded. */
struct style style_of(FILE *stream, enum colour_choice choice);

/* Columns of the terminal behind a descriptor, as it is now; 100 where it is none. */
unsigned terminal_width(int fd);

void format_duration(double seconds, char *ret, size_t size); /* "1 h 02 min", "3 min 20 s", "4.2 s" */
/* "90", "90s", "15m", "1.5h": seconds, positive and finite. -EINVAL. */
int parse_duration(const char *text, double *ret_s);
/* A field of a CSV row, RFC 4180: quoted where it must be, and what a spreadsheet would take for a formula is no longer one. */
void print_csv(FILE *out, const char *text);
void format_bytes(double bytes, char *ret, size_t size); /* "12.3 MB", decimal prefixes */

#endif
