/* Append-only lines of JSON. */
#include "rig/station/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/disk.h"

static int read_line(const char *path, unsigned number, const char *text, size_t len, lines_fn fn, void *ctx,
		     struct err *err)
{
	char file[FILE_PATH_MAX + 64];
	struct json_doc *doc;
	int rc;

	snprintf(file, sizeof(file), "%s (line %u)", path, number);
	if (json_parse(file, text, len, &doc, err) < 0)
		return -EBADMSG;
	rc = fn(ctx, doc, err);
	json_doc_free(doc);
	return rc;
}

static int read_all(int fd, const char *path, lines_fn fn, void *ctx, struct err *err)
{
	FILE *file = fdopen(dup(fd), "r");
	char *text = NULL;
	size_t room = 0;
	ssize_t len;
	unsigned number = 0;
	int rc = 0;

	if (!file)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	while (rc == 0 && (len = getline(&text, &room, file)) > 0) {
		number++;
		if (text[len - 1] == '\n')
			rc = read_line(path, number, text, (size_t)len, fn, ctx, err);
		else if (ftruncate(fd, ftell(file) - len) != 0)
			rc = err_set(err, -errno, "%s: %s", path, strerror(errno));
	}
	free(text);
	fclose(file);
	return rc;
}

int lines_open(const char *path, lines_fn fn, void *ctx, struct err *err)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	int rc;

	if (fd < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	rc = read_all(fd, path, fn, ctx, err);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/* A part of a line would take the next one with it. */
static int append(int fd, const char *line, size_t len)
{
	off_t end = lseek(fd, 0, SEEK_END);
	ssize_t n = end < 0 ? -1 : write(fd, line, len);
	int rc = n < 0 ? -errno : (size_t)n != len ? -ENOSPC : fdatasync(fd) != 0 ? -errno : 0;

	if (rc < 0 && end >= 0 && ftruncate(fd, end) != 0)
		return -errno;
	return rc;
}

int lines_append(int fd, const char *path, struct json_out *out, struct err *err)
{
	char *text = NULL, *line = NULL;
	int rc = json_out_print(out, false, &text, err), n;

	json_out_free(out);
	if (rc < 0)
		return rc;
	n = asprintf(&line, "%s\n", text);
	free(text);
	if (n < 0)
		return err_set(err, -ENOMEM, "out of memory");
	rc = append(fd, line, (size_t)n);
	free(line);
	return rc < 0 ? err_set(err, rc, "%s: %s", path, strerror(-rc)) : 0;
}
