/* The log of what was purged. */
#include "rig/cli/kit/purge_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "rig/base/disk.h"

static bool is_line(const char *line, size_t len)
{
	struct json_doc *doc = NULL;
	struct err err = {""};
	bool is = len && line[len - 1] == '\n' && json_parse("log", line, len, &doc, &err) == 0 &&
		  json_get(json_root(doc), "previous");

	json_doc_free(doc);
	return is;
}

static int read_last(struct purge_log *log, struct err *err)
{
	char *line = NULL, *last = NULL;
	size_t room = 0, len = 0;
	ssize_t got;
	int rc = 0;

	while ((got = getline(&line, &room, log->file)) > 0) {
		char *keep = realloc(last, (size_t)got + 1);
		if (!keep) {
			rc = err_set(err, -ENOMEM, "out of memory");
			break;
		}
		last = keep;
		len = (size_t)got;
		memcpy(last, line, len + 1);
	}
	if (!rc && ferror(log->file))
		rc = err_set(err, -EIO, "%.300s cannot be read: %s", log->path, strerror(errno));
	if (!rc && last && !is_line(last, len))
		rc = err_set(err, -EBADMSG,
			     "%.300s: its last line is torn, or none of such a log: keep it, and name another by --log",
			     log->path);
	if (!rc && last)
		digest_text(last, len - 1, log->previous);
	free(line);
	free(last);
	return rc;
}

static int sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[2 * FILE_PATH_MAX];

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
	return disk_sync_folder(folder);
}

int purge_log_open(struct purge_log *log, const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666), rc;

	*log = (struct purge_log){.path = path, .file = fd < 0 ? NULL : fdopen(fd, "a+")};
	if (!log->file) {
		rc = err_set(err, -errno, "%.300s cannot be written: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, errno == EWOULDBLOCK ? -EBUSY : -errno, "%.300s: %s", path,
			       errno == EWOULDBLOCK ? "another purge is under way" : strerror(errno));
	rewind(log->file);
	rc = read_last(log, err);
	if (!rc && (rc = sync_folder(path)) < 0)
		err_set(err, rc, "%.300s: its folder cannot be written to the disk: %s", path, strerror(-rc));
	return rc;
}

int purge_log_add(struct purge_log *log, struct json_out *line, struct err *err)
{
	char *text = NULL;

	json_out_string(line, "previous", log->previous);
	int rc = json_out_print(line, false, &text, err);
	json_out_free(line);
	if (!rc && (fprintf(log->file, "%s\n", text) < 0 || fflush(log->file) != 0 || fsync(fileno(log->file)) != 0))
		rc = err_set(err, -EIO, "%.300s cannot be written: %s", log->path, strerror(errno));
	if (!rc)
		digest_text(text, strlen(text), log->previous);
	free(text);
	return rc;
}

void purge_log_close(struct purge_log *log)
{
	if (log->file)
		fclose(log->file);
	log->file = NULL;
}
