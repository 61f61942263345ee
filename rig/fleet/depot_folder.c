/* A folder, which may be of another computer (NFS): written under another name, to the disk, renamed, and the folder to the disk. A
 * file in it says which one it is: what is not mounted is an empty folder, too. It is opened, looked at, and what is read or written
 * goes by that one opened folder, whatever is mounted or unmounted at its path meanwhile. What comes into it takes the rights of the
 * folder itself, past the umask, so that computers with other users may go on with it. */
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
static int write_part(int root, const char *part, mode_t mode, const void *bytes, size_t len)
{
	int fd = openat(root, part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
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
static int read_marker(int root, char ret[UUID_TEXT])
{
	size_t len = 0;
	int fd = openat(root, MARKER, O_RDONLY | O_CLOEXEC);
	int code = fd < 0 ? errno : read_all(fd, ret, UUID_TEXT, &len);
	if (fd >= 0)
		close(fd);
	if (!code && (len != UUID_TEXT || ret[len - 1] != '\n'))
		code = EBADMSG;
	ret[UUID_TEXT - 1] = '\0';
	return code;
}

static int check_marker(const struct folder *folder, int root, struct err *err)
{
	char id[UUID_TEXT];
	int code = read_marker(root, id);

	if (code == ENOENT || code == EBADMSG || code == EFBIG || (!code && strcmp(id, folder->id) != 0))
		return err_set(err, -EAGAIN,
			       "the store: %.300s is not mounted, or is another folder: its file " MARKER
			       " should hold %s",
			       folder->path, folder->id);
	return code ? failed(folder->path, code, err) : 0;
}

static int open_folder(const char *path, struct stat *ret, int *ret_root, struct err *err)
{
	int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int code = root < 0 || fstat(root, ret) != 0 ? errno : 0;

	if (code && root >= 0)
		close(root);
	*ret_root = code ? -1 : root;
	return code ? failed(path, code, err) : 0;
}

/* It is the one that was meant; *ret_root is the caller's to close. */
static int enter(const struct folder *folder, int *ret_root, struct err *err)
{
	struct stat st;
	int rc = open_folder(folder->path, &st, ret_root, err);

	if (!rc && (rc = check_marker(folder, *ret_root, err)) != 0)
		close(*ret_root);
	return rc;
}

/* 0 or errno. */
static int sync_folder(int root, const char *at)
{
	int fd = openat(root, at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int code = fd < 0 || fsync(fd) != 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return code;
}

int depot_folder_mark(const char *path, char ret_id[UUID_TEXT], struct err *err)
{
	char line[UUID_TEXT];
	struct stat st;
	int root, rc = uuid_draw(line, err);

	if (!rc)
		rc = open_folder(path, &st, &root, err);
	if (rc)
		return rc;
	line[UUID_TEXT - 1] = '\n';
	int code = write_part(root, MARKER, st.st_mode, line, sizeof(line));
	if (code && code != EEXIST)
		unlinkat(root, MARKER, 0);
	else if (!(code = sync_folder(root, ".")))
		code = read_marker(root, ret_id); /* this one, or what was there */
	close(root);
	return code ? failed(path, code, err) : 0;
}

/* ---- a store ------------------------------------------------------------------------------------------------------- */

static int sync_above(int root, const char *key)
{
	const char *slash = strrchr(key, '/');
	char above[DEPOT_KEY_MAX] = ".";

	if (slash)
		snprintf(above, sizeof(above), "%.*s", (int)(slash - key), key);
	return sync_folder(root, above);
}

/* The folders between, and each of them in the one above it to the disk. 0 or errno. */
static int make_way(int root, const char *key, mode_t mode)
{
	char at[DEPOT_KEY_MAX];

	for (const char *slash = strchr(key, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(at, sizeof(at), "%.*s", (int)(slash - key), key);
		if (mkdirat(root, at, 0755) == 0)
			(void)!fchmodat(root, at, mode, 0);
		else if (errno != EEXIST)
			return errno;
		int code = sync_above(root, at);
		if (code)
			return code;
	}
	return 0;
}

/* ---- on a thread of its own: a share whose server is away holds up whoever touches it ------------------------------- */

struct job {
	struct folder folder; /* a copy */
	char key[DEPOT_KEY_MAX];
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
	snprintf(job->key, sizeof(job->key), "%s", key);
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

static int failed_at(const struct job *job, int code, struct err *err)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s", job->folder.path, job->key);
	return failed(path, code, err);
}

/* 0 or errno. */
static int put_in(int root, const struct job *job, const char *part)
{
	int code = make_way(root, job->key, job->folder.mode);

	if (!code)
		code = write_part(root, part, job->folder.mode, job->bytes, job->len);
	if (!code && renameat(root, part, root, job->key) != 0)
		code = errno;
	if (!code)
		code = sync_above(root, job->key);
	if (code)
		unlinkat(root, part, 0);
	return code;
}

static void put_now(void *ctx)
{
	struct job *job = ctx;
	char part[DEPOT_KEY_MAX + UUID_TEXT + 8], id[UUID_TEXT];
	int root, code;

	job->rc = uuid_draw(id, &job->err);
	if (!job->rc)
		job->rc = enter(&job->folder, &root, &job->err); /* at each piece: a transfer may take hours */
	if (job->rc)
		return;
	snprintf(part, sizeof(part), "%s.%s.part", job->key, id);
	if ((code = put_in(root, job, part)) != 0)
		job->rc = failed_at(job, code, &job->err);
	close(root);
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
	int root;

	job->rc = enter(&job->folder, &root, &job->err);
	if (job->rc)
		return;
	int fd = openat(root, job->key, O_RDONLY | O_CLOEXEC);
	int code = fd < 0 ? errno : read_all(fd, job->bytes, size, &job->len);
	if (fd >= 0)
		close(fd);
	close(root);
	if (code == ENOENT || code == EFBIG)
		job->rc = err_set(&job->err, -code, "the store: %.200s/%s: %s", job->folder.path, job->key,
				  strerror(code));
	else if (code)
		job->rc = failed_at(job, code, &job->err);
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
	int root;

	job->rc = open_folder(job->folder.path, &st, &root, &job->err);
	if (job->rc)
		return;
	job->folder.mode = st.st_mode & 07777;
	job->rc = check_marker(&job->folder, root, &job->err);
	close(root);
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
