/* What a person reads at the end of a run and in `penrig show`: points as a table, the verdict, the files.
 * Everything here writes to a stream and asks nothing of the machine: how wide, how coloured is said by struct style.
 */
#ifndef PENRIG_CLI_KIT_RENDER_H
#define PENRIG_CLI_KIT_RENDER_H

#include <stdbool.h>
#include <stdio.h>

#include "rig/record/record.h"

struct style {
	bool colour, utf8, big; /* big: block letters for the verdict */
	unsigned width;         /* columns */
};

enum colour_choice { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };
extern const char *const colour_words[];

/* As it fits the stream's terminal; NO_COLOR, TERM=dumb and the locale are heeded. */
struct style style_of(FILE *stream, enum colour_choice choice);

/* Columns of the terminal behind a descriptor, as it is now; 100 where it is none. */
unsigned terminal_width(int fd);

/* "1.0034 ± 0.0051": the uncertainty to two significant digits, the value to the same place. U = 0: an exact count.
 * Bounded by size; columns as displayed are at most 23. */
void format_value(const struct style *style, double value, double expanded_u, char *ret, size_t size);
void format_duration(double seconds, char *ret, size_t size); /* "1 h 02 min", "3 min 20 s", "4.2 s" */
void format_bytes(double bytes, char *ret, size_t size);      /* "12.3 MB", decimal prefixes */

/* The result of this measurand at a point; `method` NULL: the first. NULL if there is none. */
const struct finding *find_result(const struct record_point *point, enum measurand id, const char *method);

void render_header(FILE *out, const struct record *record);
void render_points(FILE *out, const struct style *style, const struct record *record);
void render_extras(FILE *out, const struct style *style,
		   const struct record *record); /* tests, sweeps, conditions, stop */
void render_verdict(FILE *out, const struct style *style, const struct record *record);
void render_stop_unverified(FILE *out, const struct style *style, const char *why);

/* "word" in letters of seven rows, as wide as fits; false and nothing printed where it does not fit or holds a letter
 * that there is none for. */
bool render_banner(FILE *out, const struct style *style, const char *word);

/* Text padded (never cut) to `columns` as displayed; negative: flush right. */
void print_padded(FILE *out, const char *text, int columns);

#endif
