/* One process drives one bench. flock() ends with its holder, whatever ended it, so a lock is never stale.
 * Leaves out the devices' own locks: rig/link. */
#include "rig/session/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rig/session/lock_file.h"

#define HOLDER_MAX 320
#define WORK_MAX   160
#define LEFT_MAX   4096

struct bench_lock {
	int fd;
	char path[LOCK_PATH_MAX];
	time_t since;
	char work[WORK_MAX];
	char left[LEFT_MAX];
};

static int print_holder(const struct bench_lock *lock, char text[HOLDER_MAX])
{
	char when[32];
	struct tm tm;
	struct passwd entry, *user = NULL;
	char names[1024];
	getpwuid_r(getuid(), &entry, names, sizeof(names), &user);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&lock->since, &tm));
	int n = snprintf(text, HOLDER_MAX, "%.40s (pid %ld, user %.40s) since %s%s%s\n", program_invocation_short_name,
			 (long)getpid(), user ? user->pw_name : "unknown", when, lock->work[0] ? ", " : "", lock->work);
	return n < HOLDER_MAX ? n : HOLDER_MAX - 1;
}

static void read_holder(int fd, char ret[HOLDER_MAX])
{
	ssize_t n = pread(fd, ret, HOLDER_MAX - 1, 0);
	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	for (char *c = ret; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	if (!ret[0])
		snprintf(ret, HOLDER_MAX, "another process");
}

/* The second line of a file whose holder did not come to its release. */
static void read_left(int fd, char ret[LEFT_MAX])
{
	char text[HOLDER_MAX + LEFT_MAX];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	const char *line = strchr(text, '\n');
	snprintf(ret, LEFT_MAX, "%.*s", line ? (int)strcspn(line + 1, "\n") : 0, line ? line + 1 : "");
}

static bool is_stopped(const char *holder)
{
	const char *at = strstr(holder, "(pid ");
	return lock_holder_stopped(at ? strtol(at + 5, NULL, 10) : 0);
}

static int busy(int fd, const char *bench_path, struct err *err)
{
	char holder[HOLDER_MAX];
	read_holder(fd, holder);
	if (is_stopped(holder))
		return err_set(
			err, -EBUSY,
			"the bench %.200s is in use by %s, which is stopped: let it go on (kill -CONT), or end it",
			bench_path, holder);
	return err_set(err, -EBUSY, "the bench %.200s is in use by %s; wait until that run has ended, or end it",
		       bench_path, holder);
}

int bench_lock_take(const char *bench_path, struct bench_lock **ret, struct err *err)
{
	char path[LOCK_PATH_MAX];
	int fd = lock_file_open(bench_path, "lock", true, path, err);
	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int rc = errno == EWOULDBLOCK ? busy(fd, bench_path, err)
					      : err_set(err, -errno, "%s cannot be locked: %s", path, strerror(errno));
		close(fd);
		return rc;
	}
	struct bench_lock *lock = malloc(sizeof(*lock));
	if (!lock) {
		close(fd);
		return err_set(err, -ENOMEM, "no memory for the bench lock");
	}
	*lock = (struct bench_lock){.fd = fd, .since = time(NULL)};
	memcpy(lock->path, path, sizeof(path));
	read_left(fd, lock->left);
	bench_lock_leave(lock, lock->left); /* until it is seen to */
	*ret = lock;
	return 0;
}

void bench_lock_release(struct bench_lock *lock)
{
	if (!lock)
		return;
	/* A stale name does no harm: only the lock itself is believed. */
	(void)!ftruncate(lock->fd, 0);
	close(lock->fd);
	free(lock);
}

void bench_lock_keep(struct bench_lock *lock)
{
	if (!lock)
		return;
	close(lock->fd);
	free(lock);
}

int bench_lock_trusted(const struct bench_lock *lock, struct err *err)
{
	struct stat st;
	if (fstat(lock->fd, &st) != 0)
		return err_set(err, -errno, "%s: %s", lock->path, strerror(errno));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(err, -EPERM, "%s is another user's", lock->path);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return err_set(err, -EPERM, "%s is no file of its own", lock->path);
	return 0;
}

const char *bench_lock_path(const struct bench_lock *lock)
{
	return lock->path;
}

void bench_lock_leave(struct bench_lock *lock, const char *text)
{
	char whole[HOLDER_MAX + LEFT_MAX + 1];
	int n = print_holder(lock, whole);
	if (*text && strlen(text) < LEFT_MAX)
		n += snprintf(whole + n, sizeof(whole) - (size_t)n, "%s\n", text);
	/* The name is for people; the lock holds without it. Written, then cut to its length: killed between the two, the file
	 * says too much and not too little. */
	if (pwrite(lock->fd, whole, (size_t)n, 0) == n)
		(void)!ftruncate(lock->fd, n);
}

void bench_lock_work(struct bench_lock *lock, const char *work)
{
	snprintf(lock->work, sizeof(lock->work), "%s", work);
}

void bench_lock_hold(struct bench_lock *lock, const char *work)
{
	lock->left[0] = '\0';
	bench_lock_work(lock, work);
	bench_lock_leave(lock, "");
}

const char *bench_lock_left(const struct bench_lock *lock)
{
	return lock->left;
}

int bench_lock_descriptor(const struct bench_lock *lock)
{
	return lock->fd;
}
