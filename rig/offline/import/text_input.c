/* Reading ahead a megabyte, so that what a line costs is one search for its end. Leaves out what lines mean. */
#include "rig/offline/import/text_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/offline/import/text_rows.h"

#define PIECE     (1024 * 1024)
#define WIDE      (256 * 1024) /* bytes of UTF-16 at a time: 3 bytes of UTF-8 for every 2 */
#define ROOM      (PIECE + TEXT_LINE_MAX + 2)
#define NO_NUL    SIZE_MAX
#define LONE_HALF 0xFFFD /* what stands for a surrogate without its other half */

struct text_input {
	char path[512];
	int fd;
	enum text_encoding encoding;
	bool ended;      /* the file has no more bytes */
	bool unended;    /* the line that was given last ends with the file, without a break */
	bool returns;    /* its lines end in CR alone */
	uint64_t number; /* of the line that was given last */
	uint16_t half;   /* the first half of a surrogate pair */
	size_t wide_held;
	uint8_t wide[WIDE];
	size_t at, end; /* of text[] */
	size_t nul_at;  /* first NUL byte of text[] */
	size_t whole;   /* behind the last line break of text[] */
	char text[ROOM + TEXT_AHEAD];
};

static bool is_mark(const uint8_t *head, size_t n, uint8_t first, uint8_t second)
{
	return n >= 2 && head[0] == first && head[1] == second;
}

enum text_encoding text_encoding_of(const uint8_t *head, size_t n)
{
	size_t zeros[2] = {0}, pairs = n / 2 < 512 ? n / 2 : 512;

	if (n >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
		return TEXT_UTF8_MARKED;
	if (is_mark(head, n, 0xff, 0xfe))
		return TEXT_UTF16LE;
	if (is_mark(head, n, 0xfe, 0xff))
		return TEXT_UTF16BE;
	for (size_t i = 0; i < 2 * pairs; i++) {
		bool control = head[i] < 32 && !strchr("\t\n\r", head[i]); /* strchr() takes the zero as well */
		if (control || head[i] == 127) /* small integers of 16 bits have zero bytes, too */
			return TEXT_BYTES;
		zeros[i % 2] += head[i] == 0;
	}
	if (pairs >= 2 && zeros[1] * 10 >= pairs * 9 && zeros[0] == 0)
		return TEXT_UTF16LE;
	if (pairs >= 2 && zeros[0] * 10 >= pairs * 9 && zeros[1] == 0)
		return TEXT_UTF16BE;
	return TEXT_BYTES;
}

const char *text_encoding_name(enum text_encoding encoding)
{
	static const char *const names[] = {"", "UTF-8", "UTF-16LE", "UTF-16BE"};

	return names[encoding];
}

static int read_some(struct text_input *in, void *to, size_t room, size_t *ret_n, struct err *err)
{
	ssize_t n;

	do
		n = read(in->fd, to, room);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_set(err, -errno, "%.300s cannot be read: %s", in->path, strerror(errno));
	in->ended = n == 0;
	*ret_n = (size_t)n;
	return 0;
}

static void put_character(struct text_input *in, uint32_t c)
{
	char *to = in->text + in->end;

	if (c < 0x80) {
		to[0] = (char)c;
		in->end += 1;
	} else if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		in->end += 2;
	} else if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		in->end += 3;
	} else {
		to[0] = (char)(0xf0 | c >> 18);
		to[1] = (char)(0x80 | (c >> 12 & 0x3f));
		to[2] = (char)(0x80 | (c >> 6 & 0x3f));
		to[3] = (char)(0x80 | (c & 0x3f));
		in->end += 4;
	}
}

static void put_unit(struct text_input *in, uint16_t unit)
{
	bool high = (unit & 0xfc00) == 0xd800, low = (unit & 0xfc00) == 0xdc00;

	if (low && in->half) {
		put_character(in, 0x10000 + ((uint32_t)(in->half & 0x3ff) << 10 | (unit & 0x3ff)));
		in->half = 0;
		return;
	}
	if (in->half || low)
		put_character(in, LONE_HALF);
	in->half = high ? unit : 0;
	if (!high && !low)
		put_character(in, unit);
}

static int fill_wide(struct text_input *in, size_t room, struct err *err)
{
	size_t most = room / 3 * 2 < WIDE ? room / 3 * 2 : WIDE, n;
	int rc = read_some(in, in->wide + in->wide_held, most - in->wide_held, &n, err);
	size_t little = in->encoding == TEXT_UTF16LE;

	if (rc < 0)
		return rc;
	n += in->wide_held;
	if (in->ended && n % 2)
		return err_set(err, -EINVAL, "%.300s ends within a character of UTF-16: it was cut off", in->path);
	for (size_t i = 0; i + 1 < n; i += 2)
		put_unit(in, (uint16_t)(in->wide[i + little] << 8 | in->wide[i + 1 - little]));
	in->wide_held = n % 2;
	if (in->wide_held)
		in->wide[0] = in->wide[n - 1];
	return 0;
}

static int fill_bytes(struct text_input *in, size_t room, struct err *err)
{
	size_t n;
	int rc = read_some(in, in->text + in->end, room, &n, err);

	if (rc == 0)
		in->end += n;
	return rc;
}

static void find_whole(struct text_input *in)
{
	size_t end = in->nul_at < in->end ? in->nul_at : in->end;
	const char *last = end > in->at ? memrchr(in->text + in->at, '\n', end - in->at) : NULL;

	in->whole = last ? (size_t)(last - in->text) + 1 : in->at;
}

/* More text behind what is left of it. */
static int fill(struct text_input *in, struct err *err)
{
	memmove(in->text, in->text + in->at, in->end - in->at);
	in->end -= in->at;
	if (in->nul_at != NO_NUL)
		in->nul_at -= in->at;
	in->at = 0;
	size_t old = in->end, room = ROOM - 1 - in->end;
	bool wide = in->encoding == TEXT_UTF16LE || in->encoding == TEXT_UTF16BE;
	int rc = wide ? fill_wide(in, room, err) : fill_bytes(in, room, err);
	if (rc < 0)
		return rc;

	const char *nul = in->nul_at == NO_NUL ? memchr(in->text + old, '\0', in->end - old) : NULL;
	if (nul)
		in->nul_at = (size_t)(nul - in->text);
	for (char *c = in->text + old; in->returns && (c = memchr(c, '\r', in->end - (size_t)(c - in->text)));)
		*c = '\n';
	in->text[in->end] = '\n';
	find_whole(in);
	return 0;
}

static int begin(struct text_input *in, struct err *err)
{
	uint8_t head[1024];
	ssize_t n = pread(in->fd, head, sizeof(head), 0);

	if (n < 0)
		return err_set(err, -errno, "%.300s cannot be read: %s", in->path, strerror(errno));
	in->encoding = text_encoding_of(head, (size_t)n);
	while (!in->ended && in->end < PIECE / 2) {
		int rc = fill(in, err);
		if (rc < 0)
			return rc;
	}
	if (in->end >= 3 && memcmp(in->text, "\xef\xbb\xbf", 3) == 0) /* UTF-16's mark becomes the same */
		in->at = 3;
	if (in->end > in->at && !memchr(in->text, '\n', in->end) && memchr(in->text, '\r', in->end)) {
		in->returns = true;
		for (char *c = in->text; (c = memchr(c, '\r', in->end - (size_t)(c - in->text)));)
			*c = '\n';
		find_whole(in);
	}
	return 0;
}

int text_input_open(const char *path, struct text_input **ret, struct err *err)
{
	struct text_input *in = strlen(path) < sizeof(in->path) ? malloc(sizeof(*in)) : NULL;

	if (!in)
		return err_set(err, -ENOMEM, "%.300s: out of memory, or its path is too long", path);
	in->fd = -1;
	in->ended = in->unended = in->returns = false;
	in->number = 0;
	in->half = 0;
	in->wide_held = in->at = in->end = in->whole = 0;
	in->nul_at = NO_NUL;
	memcpy(in->path, path, strlen(path) + 1);
	in->fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = in->fd < 0 ? err_set(err, -errno, "%.300s cannot be read: %s", path, strerror(errno)) : begin(in, err);
	if (rc < 0)
		text_input_close(in);
	else
		*ret = in;
	return rc;
}

void text_input_close(struct text_input *in)
{
	if (!in)
		return;
	if (in->fd >= 0)
		close(in->fd);
	free(in);
}

enum text_encoding text_input_encoding(const struct text_input *in)
{
	return in->encoding;
}

/* The line at *at, of which nothing is missing. */
static struct text_line line_at(const struct text_input *in, size_t at, const char *line_end, uint64_t number)
{
	struct text_line line = {.at = in->text + at, .len = (size_t)(line_end - in->text) - at, .number = number};

	while (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	return line;
}

static int check_line(const struct text_input *in, size_t end, uint64_t number, struct err *err)
{
	if (in->nul_at < end)
		return err_set(
			err, -EINVAL,
			"%.300s:%llu: NUL bytes stand in this line: a part of the file was never written to the "
			"disk, or was lost there; what it held is not known, so cut the file before or behind it",
			in->path, (unsigned long long)number);
	if (end - in->at > TEXT_LINE_MAX)
		return err_set(err, -EINVAL,
			       "%.300s:%llu: this line has more than %d bytes: is this a text of numbers?", in->path,
			       (unsigned long long)number, TEXT_LINE_MAX);
	return 0;
}

int text_input_head(struct text_input *in, struct text_line *line, unsigned most, size_t bytes, struct err *err)
{
	unsigned n = 0;
	size_t at = in->at, limit = in->at + bytes < in->end ? in->at + bytes : in->end;
	bool whole = in->ended && limit == in->end; /* then its last line needs no line break */

	while (n < most && at < limit) {
		const char *end = memchr(in->text + at, '\n', limit - at);
		if (!end && !whole)
			break;
		size_t stop = end ? (size_t)(end - in->text) : in->end;
		if (in->nul_at < stop)
			return n > 0 ? (int)n : check_line(in, stop, in->number + 1, err);
		line[n] = line_at(in, at, in->text + stop, in->number + 1 + n);
		at = stop + 1;
		n++;
	}
	return (int)n;
}

const char *text_input_lines(const struct text_input *in, const char **ret_end)
{
	*ret_end = in->text + (in->whole > in->at ? in->whole : in->at);
	return in->text + in->at;
}

uint64_t text_input_number(const struct text_input *in)
{
	return in->number;
}

bool text_input_unended(const struct text_input *in)
{
	return in->unended;
}

void text_input_skip(struct text_input *in, const char *to, uint64_t lines)
{
	in->at = (size_t)(to - in->text);
	in->number += lines;
}

int text_input_next(struct text_input *in, struct text_line *ret, struct err *err)
{
	const char *end;
	int rc = 0;

	while (!(end = memchr(in->text + in->at, '\n', in->end - in->at)) && !in->ended &&
	       in->end - in->at <= TEXT_LINE_MAX)
		if ((rc = fill(in, err)) < 0)
			return rc;
	if (!end && in->at >= in->end)
		return 0;
	size_t stop = end ? (size_t)(end - in->text) : in->end;
	in->number++;
	in->unended = !end;
	if (stop > in->nul_at || stop - in->at > TEXT_LINE_MAX)
		return check_line(in, stop, in->number, err);
	*ret = line_at(in, in->at, in->text + stop, in->number);
	in->at = stop + 1 < in->end ? stop + 1 : in->end;
	return 1;
}
