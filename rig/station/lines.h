/* A file of lines of JSON that is only ever added to: read once, then appended to, each line on the disk before it counts. */
#ifndef PENRIG_STATION_LINES_H
#define PENRIG_STATION_LINES_H

#include "rig/base/json.h"

/* One line; lent for the call. -errno with text ends the reading. */
typedef int (*lines_fn)(void *ctx, const struct json_doc *doc, struct err *err);

/* Makes the file where there is none, and hands every line of it to fn, in their order. What the power cut off at the end is
 * taken away: nobody was told of it. The descriptor, to be closed; -EBADMSG with file and line where one is no JSON; -errno. */
int lines_open(const char *path, lines_fn fn, void *ctx, struct err *err);
/* The whole line, or nothing of it. `out` is freed, whatever comes of it. path: for the message. -errno with text. */
int lines_append(int fd, const char *path, struct json_out *out, struct err *err);

#endif
