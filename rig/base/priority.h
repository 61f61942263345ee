/* Time on a busy computer. */
#ifndef PENRIG_BASE_PRIORITY_H
#define PENRIG_BASE_PRIORITY_H

#include <stddef.h>

/* Asks that this thread, and none it starts later, runs before ordinary programs: heartbeats must leave on time. Where
 * that is not allowed (no CAP_SYS_NICE, no RLIMIT_RTPRIO) all goes on as before. ret: what became of it. */
void priority_take(char *ret, size_t size);

#endif
