/* Saves a report so that either the whole new file is there or the old state, after a power cut too. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/report.h"
#include "rig/base/disk.h"

static int failed(const char *path, const char *what, int code, struct err *err)
{
	return err_set(err, code,
		       "the report %.300s cannot be saved: %s: %s; make room or write elsewhere with --output-dir",
		       path, what, strerror(-code));
}

static int sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (!slash)
		return disk_sync_folder(".");
	snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return disk_sync_folder(folder);
}

/* Not mkstemp(): that makes files for their owner alone, and a report is as readable as any file its maker creates. The
 * process id keeps two processes apart; a file of that name is a dead process's. */
static int open_temporary(const char *path)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	int fd = open(path, flags, 0666);

	if (fd < 0 && errno == EEXIST && unlink(path) == 0)
		fd = open(path, flags, 0666);
	return fd < 0 ? -errno : fd;
}

/* What is to be written: a record by its writer, or a text as it is. */
struct content {
	const struct report_writer *writer; /* NULL: `text` */
	const struct record *record;
	struct runfile_reader *reader;
	const char *text;
};

static int write_content(const struct content *content, FILE *out, struct err *err)
{
	if (content->writer)
		return report_write(content->writer, content->record, content->reader, out, err);
	fputs(content->text, out); /* what fails is seen when the stream is flushed */
	return 0;
}

/* A stream forgets why it could not be written, and a writer can say no more than that: the disk is asked once more. */
static int reason(int fd)
{
	return write(fd, "", 1) < 0 ? -errno : -EIO;
}

static int write_temporary(const struct content *content, const char *path, int fd, struct err *err)
{
	FILE *out = fdopen(fd, "w");

	if (!out) {
		int rc = failed(path, "opening", -errno, err);
		close(fd);
		return rc;
	}
	int rc = write_content(content, out, err);
	if ((!rc && fflush(out) != 0) || ferror(out))
		rc = failed(path, "writing", reason(fd), err);
	if (!rc && fsync(fd) != 0)
		rc = failed(path, "fsync", -errno, err);
	if (fclose(out) != 0 && !rc)
		rc = failed(path, "closing", -errno, err);
	return rc;
}

static int save(const struct content *content, const char *path, struct err *err)
{
	char temporary[PATH_MAX];
	int n = snprintf(temporary, sizeof(temporary), "%s.%ld.tmp", path, (long)getpid());

	if (n < 0 || (size_t)n >= sizeof(temporary))
		return failed(path, "name", -ENAMETOOLONG, err);
	int fd = open_temporary(temporary);
	if (fd < 0)
		return failed(path, "creating a file beside it", fd, err);
	int rc = write_temporary(content, path, fd, err);
	if (!rc && rename(temporary, path) != 0)
		rc = failed(path, "renaming", -errno, err);
	if (rc) {
		unlink(temporary);
		return rc;
	}
	rc = sync_folder_of(path);
	return rc ? failed(path, "fsync of its folder", rc, err) : 0;
}

int report_save(const struct report_writer *writer, const struct record *record, const char *path, struct err *err)
{
	return report_save_run(writer, record, NULL, path, err);
}

int report_save_run(const struct report_writer *writer, const struct record *record, struct runfile_reader *reader,
		    const char *path, struct err *err)
{
	return save(&(struct content){.writer = writer, .record = record, .reader = reader}, path, err);
}

int report_save_text(const char *text, const char *path, struct err *err)
{
	return save(&(struct content){.text = text}, path, err);
}

int report_string(const struct report_writer *writer, const struct record *record, char **ret, struct err *err)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int rc = out ? writer->write(record, out, err) : err_set(err, -ENOMEM, "out of memory");

	if (out && fclose(out) != 0 && rc == 0)
		rc = err_set(err, -ENOMEM, "out of memory");
	if (rc < 0)
		free(text);
	else
		*ret = text;
	return rc;
}
