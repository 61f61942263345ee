/* What a witness states of a recording that penrig did not take: text, kept as it is. */
#ifndef PENRIG_OFFLINE_IMPORT_STATEMENT_H
#define PENRIG_OFFLINE_IMPORT_STATEMENT_H

#include <stddef.h>

#include "rig/base/error.h"

#define STATEMENT_MAX 16384 /* bytes */

/* *ret: NUL-terminated, free() it. -EINVAL: longer, blank, not UTF-8, or with control characters other than tabs and line
 * ends, and the text says where; -errno. */
int statement_read(const char *path, char **ret, size_t *ret_len, struct err *err);

#endif
