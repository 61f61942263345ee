/* The parts of a profile that read lines: expressions, alternatives, verbs. For profile.c. */
#ifndef PENRIG_DRIVERS_PROFILE_ALTERNATIVE_H
#define PENRIG_DRIVERS_PROFILE_ALTERNATIVE_H

#include "drivers/profile/profile.h"

/* An expression of a whole line, compiled. Refused are one that does not hold the line from ^ to $, back-references and
 * repetition counts (what they cost to match has no bound). */
int pattern_read(const struct json_doc *doc, const struct json *node, char ret_text[PROFILE_PATTERN_MAX + 1],
		 regex_t *ret, struct err *err);

/* The list "any". `measured`: its lines give readings, so each must say a value, a state, or that the device refuses. */
int alternatives_read(const struct json_doc *doc, const struct json *node, struct profile *profile, bool measured,
		      struct profile_alternatives *ret, struct err *err);
void alternatives_release(struct profile_alternatives *alternatives);

/* The object "verbs"; `send_end` follows what each sends. */
int verbs_read(const struct json_doc *doc, const struct json *node, const struct json *send_end,
	       struct profile *profile, struct err *err);

/* A string of 0 to `max` bytes, control characters among them. */
int bytes_read(const struct json_doc *doc, const struct json *node, const char *key, uint8_t *ret, unsigned max,
	       unsigned *ret_len, struct err *err);

#endif
