/* Files and folders beside what the database does with them: made, copied, durable. */
#ifndef PENRIG_BASE_DISK_H
#define PENRIG_BASE_DISK_H

#include <stddef.h>

#include "rig/base/error.h"

#define FILE_PATH_MAX 512

/* What a person can do about -errno of a disk, to be put behind an error's text ("; ..."); "" where nothing is known.
 */
const char *disk_remedy(int code);

/* The folder with all above it; one that is there already is fine. */
int disk_make_folder(const char *folder, struct err *err);
/* An empty file at `path`, which must not be there yet: -EEXIST. */
int disk_make_file(const char *path, struct err *err);
/* fsync. 0 or -errno. */
int disk_sync_file(const char *path);
int disk_sync_folder(const char *folder);
/* Takes room on the disk of `path` until disk_release() gives it back (-1 is fine), or the process dies. -ENOSPC with
 * text. */
int disk_reserve(const char *path, size_t bytes, int *ret_fd, struct err *err);
void disk_release(int fd);
/* Into a new file that nobody else can read. 0 or -errno. */
int disk_copy(const char *from, const char *to);

#endif
