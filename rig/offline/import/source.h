/* The file of a recording before anybody reads it: what it is on the disk, its digest, and whose kind it is. */
#ifndef PENRIG_OFFLINE_IMPORT_SOURCE_H
#define PENRIG_OFFLINE_IMPORT_SOURCE_H

#include <stdint.h>
#include <time.h>

#include "rig/base/digest.h"
#include "rig/base/error.h"
#include "rig/offline/import/reader.h"

struct source_file {
	uint64_t bytes;
	struct timespec changed;
};

/* Without opening it: -EINVAL where it is no regular file (a device, a pipe, a folder) or empty; -errno. */
int source_look(const char *path, struct source_file *ret, struct err *err);
/* SHA-256 of so many bytes as the file had, as hex text. -errno. */
int source_digest(const char *path, const struct source_file *source, char ret[DIGEST_HEX], struct err *err);
/* Still what source_look() saw? -EINVAL: another program writes into it. */
int source_unchanged(const char *path, const struct source_file *source, struct err *err);
/* The reader by its name, or (NULL) by what the file holds. -EINVAL: nobody's, with what it looks like and a remedy. */
int source_reader(const char *path, const char *format, const struct recording_reader **ret, struct err *err);

#endif
