/* What the record says of the computer, and times as text. */
#ifndef PENRIG_RUN_HOST_H
#define PENRIG_RUN_HOST_H

#include <stddef.h>

#include "rig/run/record.h"

void host_describe(struct record *record);
/* Asks that this thread, and none it starts later, runs before ordinary programs: heartbeats must leave on time. Where
 * that is not allowed (no CAP_SYS_NICE, no RLIMIT_RTPRIO) all goes on as before. ret: what became of it. */
void host_take_priority(char *ret, size_t size);
void utc_text(uint64_t wall_ns, char ret[32]); /* ISO 8601 with milliseconds, Z */

#endif
