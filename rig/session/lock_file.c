/* A name made of the bench's real path, in the first of two folders that takes it.
 * Leaves out what the files hold, and who holds them: lock.c, queue.c. */
#include "rig/session/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rig/base/digest.h"

#define OPEN_TRIES 8 /* two processes creating the same file at once need two */

static const char *const folders[] = {"/run/lock", "/tmp"};

static void lock_name(const char *real_path, const char *folder, const char *kind, char ret[LOCK_PATH_MAX])
{
	uint8_t hash[DIGEST_BYTES];
	char hex[DIGEST_HEX];
	digest_of(real_path, strlen(real_path), hash);
	digest_hex(hash, hex);
	snprintf(ret, LOCK_PATH_MAX, "%s/penrig-%.24s.%.8s", folder, hex, kind);
}

/* O_CREAT on a file that exists and belongs to somebody else fails in a sticky folder (fs.protected_regular): so it is
 * opened without, and created only where there is none. */
static int open_lock_file(const char *path, bool make)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	for (unsigned i = 0; i < OPEN_TRIES; i++) {
		int fd = open(path, flags);
		if (fd >= 0 || errno != ENOENT || !make)
			return fd >= 0 ? fd : -errno;
		fd = open(path, flags | O_CREAT | O_EXCL, 0666);
		if (fd >= 0) {
			/* Past the umask. Where it fails, other users are told EACCES. */
			(void)!fchmod(fd, 0666);
			return fd;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

int lock_file_open(const char *bench_path, const char *kind, bool make, char ret_path[LOCK_PATH_MAX], struct err *err)
{
	char real_path[PATH_MAX];
	int fd = -ENOENT;

	if (!realpath(bench_path, real_path))
		return err_set(err, -errno, "the bench file %.200s cannot be found: %s", bench_path, strerror(errno));
	for (unsigned i = 0; fd < 0 && i < sizeof(folders) / sizeof(folders[0]); i++) {
		lock_name(real_path, folders[i], kind, ret_path);
		fd = open_lock_file(ret_path, make);
	}
	if (fd < 0)
		return err_set(err, fd, "the %s file %s cannot be opened: %s; remove it, or make /run/lock writable",
			       kind, ret_path, strerror(-fd));
	return fd;
}

/* The state behind the name, which may itself hold anything: of a stopped process T, of one in a debugger t. */
bool lock_holder_stopped(long pid)
{
	char path[48], line[512] = "";
	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	const char *name_end = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	fclose(file);
	return name_end && (strncmp(name_end, ") T", 3) == 0 || strncmp(name_end, ") t", 3) == 0);
}
