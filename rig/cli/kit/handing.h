/* Bytes for whoever reads along. The loop that feeds the pen's dead-man never waits for them. */
#ifndef PENRIG_CLI_KIT_HANDING_H
#define PENRIG_CLI_KIT_HANDING_H

#include <stddef.h>
#include <sys/types.h>

#define HANDING_MAX 4096 /* PIPE_BUF: a pipe that polls writable takes so much at once, whole */

/* Writes what is taken at once, of at most HANDING_MAX bytes: a pipe takes all or nothing, a socket or a terminal may take a part.
 * Returns how many; -EAGAIN: nothing now, or len is none of 1 to HANDING_MAX; else -errno. Where fd is shared, its other users see no
 * difference. */
ssize_t hand_over(int fd, const char *text, size_t len);

#endif
