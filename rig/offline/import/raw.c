/* Little-endian integers of one channel and nothing else. They say nothing of themselves, so they are read where they are
 * named and never recognised. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/offline/import/readers.h"

#define PIECE (256 * 1024)

struct recording {
	const struct recording_reader *reader;
	char path[512];
	int fd;
	unsigned width; /* bytes of a sample */
	uint64_t row;   /* the next, from 1 */
	uint8_t piece[PIECE];
	size_t at, end;
};

static bool never(const uint8_t *head, size_t n, const char *path)
{
	(void)head, (void)n, (void)path;
	return false;
}

static void raw_close(struct recording *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

static int raw_begin(struct recording *r, struct recording_layout *layout, struct err *err)
{
	struct stat is;

	r->fd = open(r->path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0 || fstat(r->fd, &is) < 0)
		return err_set(err, -errno, "%.300s cannot be read: %s", r->path, strerror(errno));
	if ((uint64_t)is.st_size % r->width)
		return err_set(err, -EINVAL, "%.300s: its length is no multiple of %u bytes: is --format right?",
			       r->path, r->width);
	*layout = (struct recording_layout){
		.columns = 1,
		.column[0] = {.integer = true, .bits = 8 * r->width, .scale = 1},
		.rate_hz = NAN,
		.time_column = -1,
		.rows = (uint64_t)is.st_size / r->width,
	};
	return 0;
}

static int raw_open(const struct recording_reader *reader, unsigned width, const char *path, struct recording **ret,
		    struct recording_layout *layout, struct err *err)
{
	struct recording *r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(err, -ENOMEM, "out of memory");
	*r = (struct recording){.reader = reader, .fd = -1, .width = width, .row = 1};
	if (strlen(path) >= sizeof(r->path)) {
		raw_close(r);
		return err_set(err, -ENAMETOOLONG, "%.300s...: this path is too long", path);
	}
	memcpy(r->path, path, strlen(path) + 1);
	int rc = raw_begin(r, layout, err);
	if (rc < 0)
		raw_close(r);
	else
		*ret = r;
	return rc;
}

/* At least one whole sample in the piece, or its end. */
static int fill(struct recording *r, struct err *err)
{
	ssize_t n = 0;

	memmove(r->piece, r->piece + r->at, r->end - r->at);
	r->end -= r->at;
	r->at = 0;
	while (r->end < r->width &&
	       ((n = read(r->fd, r->piece + r->end, PIECE - r->end)) > 0 || (n < 0 && errno == EINTR)))
		r->end += n > 0 ? (size_t)n : 0;
	return n < 0 ? err_set(err, -errno, "%.300s cannot be read: %s", r->path, strerror(errno)) : 0;
}

static double sample(const struct recording *r, const uint8_t *at)
{
	uint32_t low = at[0] | (uint32_t)at[1] << 8;

	if (r->width == 2)
		return (int16_t)low;
	return (int32_t)(low | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);
}

static int raw_next(struct recording *r, struct recording_rows *rows, struct err *err)
{
	int rc = r->end - r->at < r->width ? fill(r, err) : 0;

	rows->rows = 0;
	rows->first_line = r->row;
	while (rc == 0 && rows->rows < rows->room && r->end - r->at >= r->width) {
		rows->value[rows->rows++] = sample(r, r->piece + r->at);
		r->at += r->width;
	}
	r->row += rows->rows;
	return rc < 0 ? rc : rows->rows > 0;
}

static int i16_open(const char *path, const struct recording_wish *wish, struct recording **ret,
		    struct recording_layout *layout, struct err *err);
static int i32_open(const char *path, const struct recording_wish *wish, struct recording **ret,
		    struct recording_layout *layout, struct err *err);

const struct recording_reader reader_i16 = {
	.name = "i16",
	.what = "little-endian 16-bit integers of one channel, nothing else",
	.recognise = never,
	.open = i16_open,
	.next = raw_next,
	.close = raw_close,
};

const struct recording_reader reader_i32 = {
	.name = "i32",
	.what = "little-endian 32-bit integers of one channel, nothing else",
	.recognise = never,
	.open = i32_open,
	.next = raw_next,
	.close = raw_close,
};

static int i16_open(const char *path, const struct recording_wish *wish, struct recording **ret,
		    struct recording_layout *layout, struct err *err)
{
	(void)wish;
	return raw_open(&reader_i16, 2, path, ret, layout, err);
}

static int i32_open(const char *path, const struct recording_wish *wish, struct recording **ret,
		    struct recording_layout *layout, struct err *err)
{
	(void)wish;
	return raw_open(&reader_i32, 4, path, ret, layout, err);
}
