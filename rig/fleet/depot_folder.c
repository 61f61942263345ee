/* A folder, which may be of another computer (NFS): written under another name, to the disk, renamed, and the folder to the disk. A
 * file in it says which one it is: what is not mounted is an empty folder, too. What comes into it takes the rights of the folder
 * itself, past the umask, so that computers with other users may go on with it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/base/disk.h"
#include "rig/fleet/apart.h"
#include "rig/fleet/depot.h"

#define PATH_BYTES 512 /* 300 of the folder, a key, what a part is called */
#define MARKER     "penrig-store"

struct folder {
	struct depot store;
	char path[304], id[UUID_TEXT];
	mode_t mode;
	int64_t next_ms; /* no byte goes earlier */
};

static int failed(const char *path, int code, struct err *err)
{
	return err_set(err, -EAGAIN, "the store: %.300s: %s%s", path, strerror(code), disk_remedy(-code));
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : ENOSPC;
		bytes += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0 ? 0 : errno;
}

/* Each of its own name: another computer may write the same object at this moment. 0 or errno. */
static int write_part(const char *part, mode_t mode, const void *bytes, size_t len)
{
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int code = fd < 0 ? errno : write_all(fd, bytes, len);

	if (fd >= 0)
		(void)!fchmod(fd, mode & 0666); /* where it is refused, the umask's stand */
	if (fd >= 0 && close(fd) != 0 && !code) /* where NFS says that its disk is full */
		code = errno;
	return code;
}

static int read_all(int fd, char *bytes, size_t size, size_t *ret_len)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, bytes + len, size - len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		len += (size_t)n;
		if (len == size) {
			char more;
			return read(fd, &more, 1) == 0 ? (*ret_len = len, 0) : EFBIG;
		}
	}
	*ret_len = len;
	return 0;
}

/* ---- which folder it is -------------------------------------------------------------------------------------------- */

/* 0 or errno; EBADMSG: it holds something else. */
static int read_marker(const char *folder, char ret[UUID_TEXT])
{
	char path[PATH_BYTES];
	size_t len = 0;

	snprintf(path, sizeof(path), "%s/" MARKER, folder);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int code = fd < 0 ? errno : read_all(fd, ret, UUID_TEXT, &len);
	if (fd >= 0)
		close(fd);
	if (!code && (len != UUID_TEXT || ret[len - 1] != '\n'))
		code = EBADMSG;
	ret[UUID_TEXT - 1] = '\0';
	return code;
}

static int check_marker(const struct folder *folder, struct err *err)
{
	char id[UUID_TEXT];
	int code = read_marker(folder->path, id);

	if (code == ENOENT || code == EBADMSG || code == EFBIG || (!code && strcmp(id, folder->id) != 0))
		return err_set(err, -EAGAIN,
			       "the store: %.300s is not mounted, or is another folder: its file " MARKER
			       " should hold %s",
			       folder->path, folder->id);
	return code ? failed(folder->path, code, err) : 0;
}

static int check_folder(const char *path, struct stat *ret, struct err *err)
{
	if (stat(path, ret) != 0)
		return failed(path, errno, err);
	return S_ISDIR(ret->st_mode) ? 0 : failed(path, ENOTDIR, err);
}

int depot_folder_mark(const char *path, char ret_id[UUID_TEXT], struct err *err)
{
	char at[PATH_BYTES], line[UUID_TEXT];
	struct stat st;
	int rc = check_folder(path, &st, err);

	if (!rc)
		rc = uuid_draw(line, err);
	if (rc)
		return rc;
	line[UUID_TEXT - 1] = '\n';
	snprintf(at, sizeof(at), "%s/" MARKER, path);
	int code = write_part(at, st.st_mode, line, sizeof(line));
	if (code && code != EEXIST)
		unlink(at);
	else if (!(code = -disk_sync_folder(path)))
		code = read_marker(path, ret_id); /* this one, or what was there */
	return code ? failed(at, code, err) : 0;
}

/* ---- a store ------------------------------------------------------------------------------------------------------- */

/* The folders between, and each of them in the one above it to the disk. */
static int make_way(const struct folder *folder, const char *path, struct err *err)
{
	char at[PATH_BYTES];

	for (const char *slash = strchr(path + strlen(folder->path) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(at, sizeof(at), "%.*s", (int)(slash - path), path);
		if (mkdir(at, 0755) == 0)
			(void)!chmod(at, folder->mode);
		else if (errno != EEXIST)
			return failed(at, errno, err);
		*strrchr(at, '/') = '\0';
		int rc = disk_sync_folder(at);
		if (rc)
			return failed(at, -rc, err);
	}
	return 0;
}

static int settle(const char *part, const char *path)
{
	char above[PATH_BYTES];

	if (rename(part, path) != 0)
		return errno;
	snprintf(above, sizeof(above), "%s", path);
	*strrchr(above, '/') = '\0';
	return -disk_sync_folder(above);
}

/* ---- on a thread of its own: a share whose server is away holds up whoever touches it ------------------------------- */

struct job {
	struct folder folder; /* a copy */
	char path[PATH_BYTES];
	char *bytes; /* to put, or room for what is got */
	size_t len;
	int rc;
	struct err err;
};

static void release(void *ctx)
{
	struct job *job = ctx;

	free(job->bytes);
	free(job);
}

static struct job *job_of(const struct folder *folder, const char *key, size_t len)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->folder = *folder;
	job->len = len;
	job->bytes = malloc(len + 1);
	snprintf(job->path, sizeof(job->path), "%s/%s", folder->path, key);
	if (job->bytes)
		return job;
	free(job);
	return NULL;
}

/* job NULL: there was no memory. 0 or its error; *ret is the caller's to release, or NULL where there is none any more. */
static int carry_out(void (*fn)(void *job), struct job *job, struct job **ret, struct err *err)
{
	*ret = NULL;
	if (!job)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = apart_run(fn, release, job, &job->folder.store.tick, err);
	if (rc)
		return rc;
	*ret = job;
	return job->rc ? err_set(err, job->rc, "%s", job->err.text) : 0;
}

static void put_now(void *ctx)
{
	struct job *job = ctx;
	char part[PATH_BYTES], id[UUID_TEXT];

	job->rc = check_marker(&job->folder, &job->err); /* at each piece: a transfer may take hours */
	if (!job->rc)
		job->rc = make_way(&job->folder, job->path, &job->err);
	if (!job->rc)
		job->rc = uuid_draw(id, &job->err);
	if (job->rc)
		return;
	snprintf(part, sizeof(part), "%.440s.%s.part", job->path, id);
	int code = write_part(part, job->folder.mode, job->bytes, job->len);
	if (!code)
		code = settle(part, job->path);
	if (code) {
		unlink(part);
		job->rc = failed(job->path, code, &job->err);
	}
}

static int put(struct depot *store, const char *key, const void *bytes, size_t len, struct err *err)
{
	struct folder *folder = (struct folder *)store;
	struct job *job = job_of(folder, key, len);

	if (job)
		memcpy(job->bytes, bytes, len);
	int rc = carry_out(put_now, job, &job, err);
	if (job)
		release(job);
	return rc ? rc : depot_pace(store->config.rate, &store->tick, len, &folder->next_ms, err);
}

static void get_now(void *ctx)
{
	struct job *job = ctx;
	size_t size = job->len;
	int fd = open(job->path, O_RDONLY | O_CLOEXEC);
	int code = fd < 0 ? errno : read_all(fd, job->bytes, size, &job->len);

	if (fd >= 0)
		close(fd);
	if (code == ENOENT || code == EFBIG)
		job->rc = err_set(&job->err, -code, "the store: %.300s: %s", job->path, strerror(code));
	else if (code)
		job->rc = failed(job->path, code, &job->err);
}

static int get(struct depot *store, const char *key, void *bytes, size_t size, size_t *ret_len, struct err *err)
{
	struct job *job = job_of((const struct folder *)store, key, size);
	int rc = carry_out(get_now, job, &job, err);

	if (!rc) {
		memcpy(bytes, job->bytes, job->len);
		*ret_len = job->len;
	}
	if (job)
		release(job);
	return rc;
}

static void open_now(void *ctx)
{
	struct job *job = ctx;
	struct stat st;

	job->rc = check_folder(job->folder.path, &st, &job->err);
	job->folder.mode = job->rc ? 0 : st.st_mode & 07777;
	if (!job->rc)
		job->rc = check_marker(&job->folder, &job->err);
}

static void folder_free(struct depot *store)
{
	free(store);
}

int depot_folder_open(const char *path, const char *id, const struct depot_tick *tick, struct depot **ret,
		      struct err *err)
{
	static const struct depot_ops ops = {.put = put, .get = get, .free = folder_free};
	struct folder *folder = calloc(1, sizeof(*folder));
	struct job *job;

	if (!folder)
		return err_set(err, -ENOMEM, "out of memory");
	folder->store.ops = &ops;
	folder->store.tick = *tick;
	snprintf(folder->path, sizeof(folder->path), "%s", path);
	snprintf(folder->id, sizeof(folder->id), "%s", id);
	int rc = carry_out(open_now, job_of(folder, "", 0), &job, err);
	if (job) {
		folder->mode = job->folder.mode;
		release(job);
	}
	if (rc)
		free(folder);
	else
		*ret = &folder->store;
	return rc;
}
