/* What the record says of the computer, and times as text. */
#ifndef PENRIG_RECORD_HOST_H
#define PENRIG_RECORD_HOST_H

#include <stddef.h>

#include "rig/record/record.h"

void host_describe(struct record *record);
void host_name(char *ret, size_t size);        /* as the network knows this computer; "" where it has no name */
void utc_text(uint64_t wall_ns, char ret[32]); /* ISO 8601 with milliseconds, Z */

#endif
