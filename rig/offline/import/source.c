/* Regular files alone: a device has no end, a pipe cannot be read twice, and a digest must be of what was read. */
#include "rig/offline/import/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (256 * 1024)

static const char *kind_of(mode_t mode)
{
	if (S_ISDIR(mode))
		return "a folder";
	if (S_ISFIFO(mode))
		return "a pipe";
	if (S_ISSOCK(mode))
		return "a socket";
	return "a device";
}

int source_look(const char *path, struct source_file *ret, struct err *err)
{
	struct stat is;

	if (stat(path, &is) < 0)
		return err_set(err, -errno, "%.300s cannot be read: %s", path, strerror(errno));
	if (!S_ISREG(is.st_mode))
		return err_set(err, -EINVAL, "%.300s is %s; a recording must be a regular file: copy it into one", path,
			       kind_of(is.st_mode));
	if (is.st_size == 0)
		return err_set(err, -EINVAL, "%.300s is empty", path);
	*ret = (struct source_file){.bytes = (uint64_t)is.st_size, .changed = is.st_mtim};
	return 0;
}

int source_unchanged(const char *path, const struct source_file *source, struct err *err)
{
	struct source_file now;
	int rc = source_look(path, &now, err);

	if (rc == 0 && (now.bytes != source->bytes || now.changed.tv_sec != source->changed.tv_sec ||
			now.changed.tv_nsec != source->changed.tv_nsec))
		return err_set(err, -EINVAL,
			       "%.300s was written to while it was read: import it when the recording has ended", path);
	return rc;
}

static int digest_all(int fd, uint64_t bytes, uint8_t *buffer, char ret[DIGEST_HEX])
{
	struct digest digest;
	uint8_t hash[DIGEST_BYTES];
	ssize_t n = 0;

	digest_begin(&digest);
	while (bytes > 0 &&
	       ((n = read(fd, buffer, bytes < PIECE ? (size_t)bytes : PIECE)) > 0 || (n < 0 && errno == EINTR))) {
		digest_raw(&digest, buffer, n > 0 ? (size_t)n : 0);
		bytes -= n > 0 ? (uint64_t)n : 0;
	}
	if (n < 0)
		return -errno;
	digest_end(&digest, hash);
	digest_hex(hash, ret);
	return 0;
}

int source_digest(const char *path, const struct source_file *source, char ret[DIGEST_HEX], struct err *err)
{
	uint8_t *buffer = malloc(PIECE);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc = fd < 0 ? -errno : -ENOMEM;

	if (fd >= 0 && buffer)
		rc = digest_all(fd, source->bytes, buffer, ret);
	if (fd >= 0)
		close(fd);
	free(buffer);
	return rc < 0 ? err_set(err, rc, "%.300s cannot be read: %s", path, strerror(-rc)) : 0;
}

static int read_head(const char *path, uint8_t *head, size_t *ret_n, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = 0;

	*ret_n = 0;
	if (fd < 0)
		return err_set(err, -errno, "%.300s cannot be read: %s", path, strerror(errno));
	while (*ret_n < RECORDING_HEAD && (n = read(fd, head + *ret_n, RECORDING_HEAD - *ret_n)) > 0)
		*ret_n += (size_t)n;
	int rc = n < 0 ? err_set(err, -errno, "%.300s cannot be read: %s", path, strerror(errno)) : 0;
	close(fd);
	return rc;
}

/* The first reader of the table that knows the file as its own; NULL: none does. */
static int recognise(const char *path, const struct recording_reader **ret, struct err *err)
{
	uint8_t *head = malloc(RECORDING_HEAD);
	size_t n;

	if (!head)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = read_head(path, head, &n, err);
	*ret = NULL;
	for (const struct recording_reader *const *r = reader_table; rc == 0 && *r && !*ret; r++)
		if ((*r)->recognise(head, n, path))
			*ret = *r;
	free(head);
	return rc;
}

static int named(const char *path, const char *format, const struct recording_reader *is,
		 const struct recording_reader **ret, struct err *err)
{
	for (const struct recording_reader *const *r = reader_table; *r; r++) {
		if (strcmp((*r)->name, format) != 0)
			continue;
		if (is && is != *r && !is->by_form)
			return err_set(err, -EINVAL, "--format %s: %.300s is of another kind%s%s%s; leave --format out",
				       format, path, *is->what ? " (" : "", is->what, *is->what ? ")" : "");
		*ret = *r;
		return 0;
	}
	return err_set(err, -EINVAL, "--format %s: there is no such format", format);
}

int source_reader(const char *path, const char *format, const struct recording_reader **ret, struct err *err)
{
	const struct recording_reader *is = NULL;
	int rc = recognise(path, &is, err);

	if (rc == 0 && format)
		return named(path, format, is, ret, err);
	if (rc == 0 && !is)
		return err_set(err, -EINVAL,
			       "%.300s is of no kind that is recognised: if it holds nothing but little-endian "
			       "integers of one "
			       "channel, say --format i16 or i32 and --rate; if it is text, --format csv",
			       path);
	*ret = is;
	return rc;
}
