/* Preloaded into a program, lets one call of the operating system or one allocation fail, by its number:
 * FAIL=malloc:N       the Nth allocation gives NULL; "malloc:N+": each from there on
 * FAIL=write:N:HOW    the Nth call that writes (write, pwrite, fsync, fdatasync, ftruncate, fallocate, rename, unlink; not to
 *                     the standard descriptors) fails: HOW is KILL (the process dies there), GROUP (and all of its process group), SHORT (half of
 *                     it is written) or the name of an error; "HOW+": each from there on. A pipe is no disk, and no error strikes it
 * FAIL_COUNT=FILE     how many there were of each: a line "malloc N", a line "write N".
 * FAIL_LOG=FILE       and nothing fails: what was written under the folder FAIL_LOG_UNDER, in its order, for whoever plays a
 *                     power cut (tests/e2e/power_cut.py): a line "CALL OFFSET LENGTH BYTES PATH" and so many bytes behind it
 * C libraries alone: it counts from the program's first call on; what it forks, and does not replace, counts writes with it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *at, size_t size);

static unsigned long mallocs, malloc_at, write_at, own_writes, *writes = &own_writes;
static int for_ever, how;
enum { HOW_KILL = -1, HOW_SHORT = -2, HOW_GROUP = -3 };

static const struct {
	const char *name;
	int how;
} ways[] = {{"KILL", HOW_KILL}, {"SHORT", HOW_SHORT}, {"GROUP", HOW_GROUP}, {"ENOSPC", ENOSPC},
	    {"EIO", EIO},       {"EDQUOT", EDQUOT},   {"EROFS", EROFS}};

__attribute__((constructor)) static void share(void)
{
	void *page = mmap(NULL, sizeof(*writes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page != MAP_FAILED)
		writes = page;
}

__attribute__((constructor)) static void begin(void)
{
	const char *fail = getenv("FAIL");
	char way[16] = "";

	if (!fail)
		return;
	if (sscanf(fail, "malloc:%lu", &malloc_at) == 1)
		for_ever = strchr(fail, '+') != NULL;
	else if (sscanf(fail, "write:%lu:%15[A-Z]", &write_at, way) != 2)
		_exit(99);
	else
		for_ever = strchr(fail, '+') != NULL;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(ways[i].name, way) == 0)
			how = ways[i].how;
	mallocs = *writes = 0;
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("FAIL_COUNT");
	FILE *file = path ? fopen(path, "w") : NULL;

	if (!file)
		return;
	fprintf(file, "malloc %lu\nwrite %lu\n", mallocs, *writes);
	fclose(file);
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static int no_memory(void)
{
	unsigned long n = __atomic_add_fetch(&mallocs, 1, __ATOMIC_RELAXED);

	if (!malloc_at || (for_ever ? n < malloc_at : n != malloc_at))
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return no_memory() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return no_memory() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *at, size_t size)
{
	return no_memory() ? NULL : __libc_realloc(at, size);
}

/* ---- the log --------------------------------------------------------------------------------------------------- */

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static const char *under;

__attribute__((constructor)) static void begin_log(void)
{
	const char *path = getenv("FAIL_LOG");

	under = getenv("FAIL_LOG_UNDER");
	if (path && under)
		log_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const void *data, size_t len)
{
	if (syscall(SYS_write, log_fd, data, len) != (ssize_t)len)
		_exit(98);
}

static void note_path(const char *call, const char *path, off_t at, size_t len, const void *data, size_t bytes)
{
	char line[4600];

	if (log_fd < 0 || strncmp(path, under, strlen(under)) != 0)
		return;
	put(line, (size_t)snprintf(line, sizeof(line), "%s %lld %zu %zu %s\n", call, (long long)at, len, bytes, path));
	put(data, bytes);
}

static int path_of(int fd, char ret[4096])
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = log_fd < 0 ? -1 : readlink(link, ret, 4095);
	ret[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

static void note(const char *call, int fd, off_t at, size_t len, const void *data, size_t bytes)
{
	char path[4096];

	if (path_of(fd, path))
		note_path(call, path, at, len, data, bytes);
}

/* What stdio writes passes by here: of all but run files the whole content is told. */
static void note_content(const char *path)
{
	static char content[1 << 24];
	int fd;

	if (log_fd < 0 || strstr(path, ".penrig") || strncmp(path, under, strlen(under)) != 0)
		return;
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	ssize_t n = fd < 0 ? -1 : (ssize_t)syscall(SYS_pread64, fd, content, sizeof(content), 0L);
	if (n >= 0)
		note_path("content", path, 0, (size_t)n, content, (size_t)n);
	if (fd >= 0)
		syscall(SYS_close, fd);
}

static void enter(void)
{
	if (log_fd >= 0)
		pthread_mutex_lock(&turn);
}

static void leave(void)
{
	int error = errno;

	if (log_fd >= 0)
		pthread_mutex_unlock(&turn);
	errno = error;
}

/* ---- disk ------------------------------------------------------------------------------------------------------ */

static int is_pipe(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* 0: it goes on; else errno is set, or half of it is to be written (HOW_SHORT). */
static int strikes(int fd)
{
	if (fd >= 0 && fd <= STDERR_FILENO)
		return 0;
	unsigned long n = __atomic_add_fetch(writes, 1, __ATOMIC_RELAXED);
	if (!write_at || (for_ever ? n < write_at : n != write_at) || (how > 0 && is_pipe(fd)))
		return 0;
	if (how == HOW_KILL || how == HOW_GROUP)
		kill(how == HOW_KILL ? getpid() : 0, SIGKILL);
	if (how > 0)
		errno = how;
	return how;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t len)
{
	int struck = strikes(fd);

	if (struck > 0)
		return -1;
	enter();
	off_t at = log_fd < 0 ? 0 : lseek(fd, 0, SEEK_CUR);
	ssize_t n = REAL(write)(fd, data, struck == HOW_SHORT ? len / 2 : len);
	if (n > 0 && at >= 0)
		note("write", fd, at, (size_t)n, data, (size_t)n);
	leave();
	return n;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	int struck = strikes(fd);

	if (struck > 0)
		return -1;
	enter();
	ssize_t n = REAL(pwrite64)(fd, data, struck == HOW_SHORT ? len / 2 : len, at);
	if (n > 0)
		note("write", fd, at, (size_t)n, data, (size_t)n);
	leave();
	return n;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	return pwrite64(fd, data, len, at);
}

static int synced(int fd, int (*sync_it)(int fd))
{
	char path[4096];

	if (strikes(fd) > 0)
		return -1;
	enter();
	int rc = sync_it(fd);
	if (rc == 0 && path_of(fd, path)) {
		note_content(path);
		note_path("sync", path, 0, 0, "", 0);
	}
	leave();
	return rc;
}

int fsync(int fd)
{
	return synced(fd, REAL(fsync));
}

int fdatasync(int fd)
{
	return synced(fd, REAL(fdatasync));
}

int ftruncate64(int fd, off64_t len)
{
	if (strikes(fd) > 0)
		return -1;
	enter();
	int rc = REAL(ftruncate64)(fd, len);
	if (rc == 0)
		note("truncate", fd, len, 0, "", 0);
	leave();
	return rc;
}

int ftruncate(int fd, off_t len)
{
	return ftruncate64(fd, len);
}

int posix_fallocate(int fd, off_t at, off_t len)
{
	int struck = strikes(fd);

	if (struck > 0)
		return struck;
	enter();
	int rc = REAL(posix_fallocate)(fd, at, len);
	if (rc == 0)
		note("allocate", fd, at, (size_t)len, "", 0);
	leave();
	return rc;
}

int rename(const char *from, const char *to)
{
	if (strikes(-1) > 0)
		return -1;
	enter();
	note_content(from);
	int rc = REAL(rename)(from, to);
	if (rc == 0)
		note_path("rename", from, 0, strlen(to), to, strlen(to));
	leave();
	return rc;
}

int unlink(const char *path)
{
	if (strikes(-1) > 0)
		return -1;
	enter();
	int rc = REAL(unlink)(path);
	if (rc == 0)
		note_path("unlink", path, 0, 0, "", 0);
	leave();
	return rc;
}

/* Only the log wants to know: a file that is made, or emptied. */
int open64(const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = va_arg(args, mode_t);
	va_end(args);
	enter();
	struct stat st;
	int made = log_fd >= 0 && (flags & O_CREAT) && stat(path, &st) != 0;
	int fd = REAL(open64)(path, flags, mode);
	if (fd >= 0 && made)
		note("create", fd, 0, 0, "", 0);
	else if (fd >= 0 && (flags & O_TRUNC))
		note("truncate", fd, 0, 0, "", 0);
	leave();
	return fd;
}

int open(const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = va_arg(args, mode_t);
	va_end(args);
	return open64(path, flags, mode);
}
