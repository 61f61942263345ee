/* Files and folders beside what the database does with them. */
#include "rig/base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

const char *disk_remedy(int code)
{
	switch (code) {
	case -ENOSPC: return "; make room on that disk, or write elsewhere with --output-dir";
	case -EACCES:
	case -EROFS: return "; write elsewhere with --output-dir";
	default: return "";
	}
}

int disk_make_folder(const char *folder, struct err *err)
{
	char path[FILE_PATH_MAX];
	snprintf(path, sizeof(path), "%s", folder);
	for (char *c = path + 1;; c++) {
		if (*c && *c != '/')
			continue;
		char kept = *c;
		*c = '\0';
		if (mkdir(path, 0777) != 0 && errno != EEXIST)
			return err_set(err, -errno, "the folder %.300s cannot be made: %s%s", path, strerror(errno),
				       disk_remedy(-errno));
		*c = kept;
		if (!kept)
			return 0;
	}
}

int disk_make_file(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_set(err, -errno, "%.300s cannot be made: %s%s", path, strerror(errno), disk_remedy(-errno));
	close(fd);
	return 0;
}

static int sync_path(const char *path, int flags)
{
	int fd = open(path, flags | O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return rc;
}

int disk_sync_file(const char *path)
{
	return sync_path(path, 0);
}

int disk_sync_folder(const char *folder)
{
	return sync_path(folder, O_DIRECTORY);
}

int disk_reserve(const char *path, size_t bytes, int *ret_fd, struct err *err)
{
	char name[FILE_PATH_MAX + 160];
	snprintf(name, sizeof(name), "%s-reserve", path);
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)bytes);
	if (fd >= 0)
		unlink(name);
	if (rc == 0) {
		*ret_fd = fd;
		return 0;
	}
	disk_release(fd);
	return err_set(err, -rc, "%.300s: no room for its end, %.1f MB: %s%s", path, (double)bytes * 1e-6, strerror(rc),
		       disk_remedy(-rc));
}

void disk_release(int fd)
{
	if (fd >= 0)
		close(fd);
}

int disk_copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), rc = 0;
	if (in < 0)
		return -errno;
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		rc = -errno;
	for (ssize_t n = 1; !rc && n > 0;) {
		n = sendfile(out, in, NULL, 1 << 24); /* also from one kind of file system to another */
		if (n < 0)
			rc = -errno;
	}
	if (out >= 0 && close(out) != 0 && !rc)
		rc = -errno;
	close(in);
	return rc;
}
