/* Preloaded into a program, lets one call of the operating system or one allocation fail, by its number:
 * FAIL=malloc:N       the Nth allocation gives NULL; "malloc:N+": each from there on
 * FAIL=write:N:HOW    the Nth call that writes (write, pwrite, fsync, fdatasync, ftruncate, fallocate, rename, unlink; not to
 *                     the standard descriptors) fails: HOW is KILL (the process dies there), SHORT (half of it is written)
 *                     or the name of an error
 * FAIL_COUNT=FILE     how many there were of each: a line "malloc N", a line "write N".
 * C libraries alone: it counts from the program's first call on. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *at, size_t size);

static unsigned long mallocs, writes, malloc_at, write_at;
static int for_ever, how;
enum { HOW_KILL = -1, HOW_SHORT = -2 };

static const struct {
	const char *name;
	int how;
} ways[] = {{"KILL", HOW_KILL}, {"SHORT", HOW_SHORT}, {"ENOSPC", ENOSPC},
	    {"EIO", EIO},       {"EDQUOT", EDQUOT},   {"EROFS", EROFS}};

__attribute__((constructor)) static void begin(void)
{
	const char *fail = getenv("FAIL");
	char way[16] = "";

	if (!fail)
		return;
	if (sscanf(fail, "malloc:%lu", &malloc_at) == 1)
		for_ever = strchr(fail, '+') != NULL;
	else if (sscanf(fail, "write:%lu:%15s", &write_at, way) != 2)
		_exit(99);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(ways[i].name, way) == 0)
			how = ways[i].how;
	mallocs = writes = 0;
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("FAIL_COUNT");
	FILE *file = path ? fopen(path, "w") : NULL;

	if (!file)
		return;
	fprintf(file, "malloc %lu\nwrite %lu\n", mallocs, writes);
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

/* ---- disk ------------------------------------------------------------------------------------------------------ */

/* 0: it goes on; else errno is set, or half of it is to be written (HOW_SHORT). */
static int strikes(int fd)
{
	if (fd >= 0 && fd <= STDERR_FILENO)
		return 0;
	if (__atomic_add_fetch(&writes, 1, __ATOMIC_RELAXED) != write_at)
		return 0;
	if (how == HOW_KILL)
		kill(getpid(), SIGKILL);
	if (how > 0)
		errno = how;
	return how;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t len)
{
	int struck = strikes(fd);

	return struck > 0 ? -1 : REAL(write)(fd, data, struck == HOW_SHORT ? len / 2 : len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	int struck = strikes(fd);

	return struck > 0 ? -1 : REAL(pwrite)(fd, data, struck == HOW_SHORT ? len / 2 : len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	int struck = strikes(fd);

	return struck > 0 ? -1 : REAL(pwrite64)(fd, data, struck == HOW_SHORT ? len / 2 : len, at);
}

int fsync(int fd)
{
	return strikes(fd) > 0 ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
	return strikes(fd) > 0 ? -1 : REAL(fdatasync)(fd);
}

int ftruncate(int fd, off_t len)
{
	return strikes(fd) > 0 ? -1 : REAL(ftruncate)(fd, len);
}

int ftruncate64(int fd, off64_t len)
{
	return strikes(fd) > 0 ? -1 : REAL(ftruncate64)(fd, len);
}

int posix_fallocate(int fd, off_t at, off_t len)
{
	int struck = strikes(fd);

	return struck > 0 ? struck : REAL(posix_fallocate)(fd, at, len);
}

int rename(const char *from, const char *to)
{
	return strikes(-1) > 0 ? -1 : REAL(rename)(from, to);
}

int unlink(const char *path)
{
	return strikes(-1) > 0 ? -1 : REAL(unlink)(path);
}
