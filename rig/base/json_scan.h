/* The strict look at a JSON text before cJSON sees it: inside rig/base only. */
#ifndef PENRIG_BASE_JSON_SCAN_H
#define PENRIG_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/base/error.h"

/* Byte offsets of a value and, for an object's member, of the opening quote of its key. */
struct json_place {
	uint32_t value, key;
};

/* Blanks the comments of `blanked`, a copy of `text` (both len bytes and a NUL), byte by byte, so that offsets hold for
 * both, and checks the whole of it. *ret: one place for each value, in document order (a container before what it
 * holds); for free(). -EINVAL with file:line:column, -ENOMEM. */
int json_scan(const char *file, const char *text, char *blanked, size_t len, struct json_place **ret, size_t *ret_count,
	      struct err *err);

/* From 1; columns count characters, not bytes, a tab as one. */
void json_line_column(const char *text, size_t offset, unsigned *ret_line, unsigned *ret_column);

/* Well-formed UTF-8 (no overlong form, no surrogate, nothing above U+10FFFF)? Else *ret_bad is the first bad byte. */
bool json_utf8_valid(const char *text, size_t len, size_t *ret_bad);

/* Length in bytes of a JSON number at `text`, by the grammar alone; 0 if there is none. */
size_t json_number_length(const char *text);

#endif
