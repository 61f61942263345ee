/* Making and opening a shared SQLite file. Leaves out what stands in it: rig/state, rig/history. */
#include "rig/base/kept_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rig/base/disk.h"

#define LOCK_TRY_MS 10

struct kept {
	const char *path;
	const struct kept_format *format;
	const void *ctx;
	struct db *db;
};

static int refuse_format(const struct kept *kept, int64_t id, int64_t version, struct err *err)
{
	const struct kept_format *format = kept->format;

	if (id != format->application_id)
		return err_set(err, -EBADMSG, "%.300s is not a %s of penrig: move it away, or give another %s",
			       kept->path, format->what, format->option);
	if (version < format->version && format->anew)
		return err_set(err, -ENOTSUP,
			       "%.300s is of an earlier penrig (format %lld, now %d): move it away; %s makes it anew",
			       kept->path, (long long)version, format->version, format->anew);
	return err_set(err, -ENOTSUP,
		       "%.300s has format %lld, and this penrig knows %d: use the penrig that wrote it, or another %s",
		       kept->path, (long long)version, format->version, format->option);
}

static int create_tables(const struct kept *kept, struct err *err)
{
	char header[128];

	snprintf(header, sizeof(header), "PRAGMA application_id=%d; PRAGMA user_version=%d",
		 kept->format->application_id, kept->format->version);
	int rc = db_exec(kept->db, kept->format->schema, err);
	if (!rc)
		rc = db_exec(kept->db, header, err);
	return rc || !kept->format->begin ? rc : kept->format->begin(kept->db, kept->ctx, err);
}

/* Two processes may find the same empty file: the second one waits for the first one's transaction, and looks again. */
static int create_or_check(const struct kept *kept, struct err *err)
{
	int64_t id = 0, version = 0, tables = 0;
	int rc = db_begin(kept->db, err);
	if (rc)
		return rc;
	rc = db_number(kept->db, "PRAGMA application_id", &id, err);
	if (!rc)
		rc = db_number(kept->db, "PRAGMA user_version", &version, err);
	if (!rc)
		rc = db_number(kept->db, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (!rc && id == 0 && tables == 0)
		rc = create_tables(kept, err);
	else if (!rc && (id != kept->format->application_id || version != kept->format->version))
		rc = refuse_format(kept, id, version, err);
	if (!rc)
		return db_commit(kept->db, err);
	db_rollback(kept->db);
	return rc;
}

/* SQLite gives its log beside the file the file's own permissions. */
static int make_file(const char *folder, const char *path, struct err *err)
{
	struct stat st;
	int rc = disk_make_folder(folder, err);
	if (!rc)
		rc = disk_make_file(path, err);
	if (rc)
		return rc == -EEXIST ? 0 : rc;
	if (stat(folder, &st) == 0)
		(void)!chmod(path, st.st_mode & 0666); /* where it is refused, the umask's stand */
	return 0;
}

static int open_tables(struct kept *kept, struct err *err)
{
	int rc = db_open(kept->path, kept->path, DB_WRITE, KEPT_BUSY_MS, &kept->db, err);
	if (!rc)
		rc = db_exec(kept->db, "PRAGMA journal_mode=WAL", err);
	if (!rc)
		rc = db_exec(kept->db, "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON", err);
	return rc ? rc : create_or_check(kept, err);
}

/* The folder is locked while a file is opened: SQLite does not wait for another process that turns the log on. Not the file
 * itself, because closing any descriptor of it would drop the locks that SQLite holds. */
static int lock_folder(const char *folder, int *ret_fd, struct err *err)
{
	const struct timespec pause = {.tv_nsec = LOCK_TRY_MS * 1000000L};
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "%.300s cannot be opened: %s", folder, strerror(errno));
	for (unsigned waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited_ms += LOCK_TRY_MS) {
		int rc = errno;
		if (rc == EWOULDBLOCK && waited_ms < KEPT_BUSY_MS) {
			nanosleep(&pause, NULL);
			continue;
		}
		close(fd);
		return err_set(err, rc == EWOULDBLOCK ? -EBUSY : -rc,
			       "%.300s is locked by another process for too long", folder);
	}
	*ret_fd = fd;
	return 0;
}

static void folder_of(const char *path, char ret[FILE_PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	snprintf(ret, FILE_PATH_MAX, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	if (slash == path)
		snprintf(ret, FILE_PATH_MAX, "/");
}

int kept_db_open(const char *path, const struct kept_format *format, const void *ctx, struct db **ret, struct err *err)
{
	struct kept kept = {.path = path, .format = format, .ctx = ctx};
	char folder[FILE_PATH_MAX];
	int lock = -1, rc;

	folder_of(path, folder);
	rc = make_file(folder, path, err);
	if (!rc)
		rc = lock_folder(folder, &lock, err);
	if (rc)
		return rc;
	rc = open_tables(&kept, err);
	close(lock);
	if (rc) {
		db_close(kept.db);
		return rc;
	}
	*ret = kept.db;
	return 0;
}
