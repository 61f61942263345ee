/* What of this computer a run rests on: its clock, its disk, whether penrig may run before others, and who else takes ports.
 * `root` as in port.h. */
#ifndef PENRIG_SYSTEM_COMPUTER_H
#define PENRIG_SYSTEM_COMPUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/system/diagnosis.h"

struct computer {
	bool clock_known, clock_synchronised;
	uint64_t clock_error_us; /* at most, as the kernel reckons; where it is synchronised */
	bool real_time;          /* the rights are there */
	bool modem_manager;      /* it runs */
	bool disk_known;
	uint64_t free_bytes; /* where runs are written */
	double sync_ms;      /* the longest of a few durable writes of 4 KiB there; NaN: none was possible */
	int disk_errno;      /* why not */
};

/* folder: where runs are written. Writes a small file there, and takes it away again. */
void computer_read(const char *root, const char *folder, struct computer *ret);

void computer_check(const struct computer *computer, const char *folder, struct diagnoses *findings);

#endif
