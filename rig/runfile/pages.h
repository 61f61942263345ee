/* The pages of a run file as they lie on the disk: every byte that no row, no index and no structure of SQLite's uses is
 * zero. SQLite reads past them, so that nothing else would find what somebody keeps or changes there. Not looked at is what
 * SQLite itself leaves in pages of keys that it has split (of a run of some 7 000 blocks and more): no row lies in them.
 * Format: https://www.sqlite.org/fileformat2.html */
#ifndef PENRIG_RUNFILE_PAGES_H
#define PENRIG_RUNFILE_PAGES_H

#include <stdint.h>

#include "rig/base/error.h"

/* roots: first pages of its tables and indices, of sqlite_schema.
 * 0; -EBADMSG names page and byte of the first that is used for nothing and not zero, or of a structure that is none;
 * -EAGAIN: there is a log beside the file (-wal, -journal) whose pages count instead: not checked; -errno of the file. */
int pages_check(const char *path, const uint32_t *roots, unsigned count, struct err *err);

#endif
