/* The pages of a run file as they lie on the disk. What SQLite itself checks (PRAGMA integrity_check) is left to it: that no
 * two trees share a page, that cells do not overlap, that keys are in order. */
#include "rig/runfile/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_BYTES 100
#define PAGE_MAX     65536u
#define DEPTH_MAX    32
#define VARINT_MAX   9

enum page_type { INDEX_INNER = 2, TABLE_INNER = 5, INDEX_LEAF = 10, TABLE_LEAF = 13 };

struct pages {
	const char *path;
	int fd;
	uint32_t size, count; /* bytes of a page; pages */
	uint8_t *seen;        /* by number: it was reached */
	struct err *err;
};

struct page { /* of a tree */
	uint8_t *bytes, *used;
	uint32_t number, start; /* start of its header: behind the file's on page 1 */
};

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return get16(at) << 16 | get16(at + 2);
}

static int bad(const struct pages *p, uint32_t page, uint32_t byte, const char *what)
{
	return err_set(p->err, -EBADMSG,
		       "%.300s: page %" PRIu32 ", byte %" PRIu32
		       ": %s: the file was changed or damaged after it was written",
		       p->path, page, byte, what);
}

/* Big-endian groups of seven bits, the ninth of eight. Bytes used; 0: beyond `end`. */
static unsigned get_varint(const uint8_t *at, const uint8_t *end, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < VARINT_MAX && at + i < end; i++) {
		if (i == VARINT_MAX - 1) {
			*ret = value << 8 | at[i];
			return VARINT_MAX;
		}
		value = value << 7 | (at[i] & 0x7f);
		if (!(at[i] & 0x80)) {
			*ret = value;
			return i + 1;
		}
	}
	return 0;
}

static int read_page(const struct pages *p, uint32_t number, uint8_t *ret)
{
	if (number < 1 || number > p->count)
		return bad(p, number, 0, "no such page");
	if (p->seen[number]++)
		return bad(p, number, 0, "it is used twice");
	ssize_t n = pread(p->fd, ret, p->size, (off_t)(number - 1) * p->size);
	return n == (ssize_t)p->size ? 0
				     : err_set(p->err, -EIO, "%.300s cannot be read: page %" PRIu32, p->path, number);
}

static int check_zero(const struct pages *p, uint32_t number, const uint8_t *bytes, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		if (bytes[i])
			return bad(p, number, i, "a byte that nothing uses is not zero");
	return 0;
}

/* ---- pages of trees --------------------------------------------------------------------------------------------- */

static int mark(const struct pages *p, const struct page *page, uint32_t from, uint32_t bytes)
{
	if (from > p->size || bytes > p->size - from)
		return bad(p, page->number, from, "a structure goes beyond its page");
	memset(page->used + from, 1, bytes);
	return 0;
}

static int walk_overflow(struct pages *p, uint32_t number, uint64_t left)
{
	uint8_t *bytes = malloc(p->size);
	int rc = bytes ? 0 : err_set(p->err, -ENOMEM, "out of memory");

	while (!rc && left > 0) {
		uint32_t room = p->size - 4, n = left < room ? (uint32_t)left : room, here = number;
		rc = read_page(p, number, bytes);
		if (rc)
			break;
		left -= n;
		number = get32(bytes);
		rc = check_zero(p, here, bytes, 4 + n, p->size);
		if (!rc && (number == 0) != (left == 0))
			rc = bad(p, here, 0, "a long row ends too early or too late");
	}
	free(bytes);
	return rc;
}

/* How much of a payload lies in the page itself: file format 1.6, "payload". */
static uint32_t local_payload(const struct pages *p, bool table, uint64_t payload)
{
	uint32_t u = p->size, most = table ? u - 35 : (u - 12) * 64 / 255 - 23, least = (u - 12) * 32 / 255 - 23;

	if (payload <= most)
		return (uint32_t)payload;
	uint32_t k = least + (uint32_t)((payload - least) % (u - 4));
	return k <= most ? k : least;
}

static int walk_tree(struct pages *p, uint32_t number, unsigned depth);

static int check_cell(struct pages *p, const struct page *page, enum page_type type, uint32_t at, unsigned depth)
{
	const uint8_t *end = page->bytes + p->size;
	uint32_t start = at, local = 0;
	uint64_t payload = 0, row;
	unsigned n;

	if (at >= p->size)
		return bad(p, page->number, page->start, "a cell lies beyond its page");
	if (type == TABLE_INNER || type == INDEX_INNER) {
		if (at + 4 > p->size)
			return bad(p, page->number, at, "a cell lies beyond its page");
		int rc = walk_tree(p, get32(page->bytes + at), depth + 1);
		if (rc)
			return rc;
		at += 4;
	}
	if (type != TABLE_INNER) {
		n = get_varint(page->bytes + at, end, &payload);
		if (!n)
			return bad(p, page->number, at, "a cell lies beyond its page");
		at += n;
		local = local_payload(p, type == TABLE_LEAF, payload);
	}
	if (type == TABLE_LEAF || type == TABLE_INNER) {
		n = get_varint(page->bytes + at, end, &row);
		if (!n)
			return bad(p, page->number, at, "a cell lies beyond its page");
		at += n;
	}
	uint32_t bytes = at - start + local + (local < payload ? 4 : 0);
	int rc = mark(p, page, start, bytes < 4 ? 4 : bytes);
	if (rc || local >= payload)
		return rc;
	return walk_overflow(p, get32(page->bytes + at + local), payload - local);
}

/* A chain of gaps, each with its size; what lies in them is zero. */
static int check_gaps(const struct pages *p, const struct page *page)
{
	uint32_t at = get16(page->bytes + page->start + 1), last = 0;

	while (at) {
		if (at <= last || at + 4 > p->size)
			return bad(p, page->number, page->start + 1, "its list of gaps is none");
		uint32_t bytes = get16(page->bytes + at + 2);
		if (bytes < 4 || at + bytes > p->size)
			return bad(p, page->number, at, "its list of gaps is none");
		int rc = mark(p, page, at, 4);
		if (rc)
			return rc;
		last = at;
		at = get16(page->bytes + at);
	}
	return 0;
}

/* Where a full page of keys is split, SQLite leaves pointers and cells of what it moved, even where it wipes what it deletes.
 * Such a page holds keys and numbers of pages alone, which are held against the rows. */
static bool may_keep_remains(enum page_type type, unsigned depth)
{
	return type != TABLE_LEAF && depth > 0;
}

static int check_unused(const struct pages *p, const struct page *page)
{
	for (uint32_t i = 0; i < p->size; i++)
		if (!page->used[i] && page->bytes[i])
			return bad(p, page->number, i, "a byte that nothing uses is not zero");
	return 0;
}

static int check_page(struct pages *p, const struct page *page, unsigned depth)
{
	const uint8_t *header = page->bytes + page->start;
	enum page_type type = header[0];
	bool inner = type == TABLE_INNER || type == INDEX_INNER;
	uint32_t cells = get16(header + 3), pointers = page->start + (inner ? 12 : 8);

	if (!inner && type != TABLE_LEAF && type != INDEX_LEAF)
		return bad(p, page->number, page->start, "no page of a table or an index");
	int rc = mark(p, page, 0, pointers);
	if (!rc)
		rc = mark(p, page, pointers, 2 * cells);
	for (uint32_t i = 0; !rc && i < cells; i++)
		rc = check_cell(p, page, type, get16(page->bytes + pointers + 2 * i), depth);
	if (!rc)
		rc = check_gaps(p, page);
	if (!rc && !may_keep_remains(type, depth))
		rc = check_unused(p, page);
	return rc || !inner ? rc : walk_tree(p, get32(header + 8), depth + 1);
}

static int walk_tree(struct pages *p, uint32_t number, unsigned depth)
{
	struct page page = {.number = number, .start = number == 1 ? HEADER_BYTES : 0};
	int rc;

	if (depth > DEPTH_MAX)
		return bad(p, number, 0, "a tree without an end");
	page.bytes = malloc(2 * (size_t)p->size);
	if (!page.bytes)
		return err_set(p->err, -ENOMEM, "out of memory");
	page.used = page.bytes + p->size;
	memset(page.used, 0, p->size);
	rc = read_page(p, number, page.bytes);
	if (!rc)
		rc = check_page(p, &page, depth);
	free(page.bytes);
	return rc;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static int check_free_leaves(const struct pages *p, const uint8_t *trunk, uint32_t number, uint8_t *leaf)
{
	uint32_t leaves = get32(trunk + 4);
	int rc = leaves > p->size / 4 - 2 ? bad(p, number, 4, "its list of free pages is none")
					  : check_zero(p, number, trunk, 8 + 4 * leaves, p->size);

	for (uint32_t i = 0; !rc && i < leaves; i++) {
		uint32_t at = get32(trunk + 8 + 4 * i);
		rc = read_page(p, at, leaf);
		if (!rc)
			rc = check_zero(p, at, leaf, 0, p->size);
	}
	return rc;
}

static int walk_free(struct pages *p, uint32_t number)
{
	uint8_t *bytes = malloc(2 * (size_t)p->size);
	int rc = bytes ? 0 : err_set(p->err, -ENOMEM, "out of memory");

	while (!rc && number) {
		rc = read_page(p, number, bytes);
		if (!rc)
			rc = check_free_leaves(p, bytes, number, bytes + p->size);
		number = get32(bytes);
	}
	free(bytes);
	return rc;
}

/* Of the file's header what SQLite does not hold against anything. */
static int check_header(struct pages *p, const uint8_t header[HEADER_BYTES])
{
	static const char magic[] = "SQLite format 3";

	if (memcmp(header, magic, sizeof(magic)) != 0)
		return bad(p, 1, 0, "not an SQLite database");
	p->size = get16(header + 16) == 1 ? PAGE_MAX : get16(header + 16);
	if (p->size < 512 || (p->size & (p->size - 1)))
		return bad(p, 1, 16, "no size of a page");
	if (header[20])
		return bad(p, 1, 20, "room is kept in each page, and penrig keeps none");
	if (header[18] != header[19] || header[18] < 1 || header[18] > 2)
		return bad(p, 1, 18, "how its log is written is not said");
	if (get32(header + 44) != 4 || get32(header + 56) != 1)
		return bad(p, 1, 44, "not the form that penrig writes");
	if (get32(header + 24) != get32(header + 92))
		return bad(p, 1, 24, "its count of changes is not that of its size");
	for (unsigned at = 48; at < 92; at++) /* cache size, vacuum, encoding, user_version, application_id, reserved */
		if (header[at] && !(at >= 56 && at < 64) && !(at >= 68 && at < 72))
			return bad(p, 1, at, "a byte that nothing uses is not zero");
	p->count = get32(header + 28);
	return 0;
}

/* Beside the file itself: where the path is a link, SQLite has it there. */
static bool has_beside(const char *path, const char *suffix)
{
	char real[PATH_MAX], name[PATH_MAX + 16];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", realpath(path, real) ? real : path, suffix);
	return stat(name, &st) == 0 && st.st_size > 0;
}

static int walk_all(struct pages *p, const uint32_t *roots, unsigned count, const uint8_t header[HEADER_BYTES])
{
	int rc = walk_tree(p, 1, 0);

	for (unsigned i = 0; !rc && i < count; i++)
		rc = walk_tree(p, roots[i], 0);
	if (!rc)
		rc = walk_free(p, get32(header + 32));
	for (uint32_t i = 1; !rc && i <= p->count; i++)
		if (!p->seen[i])
			rc = bad(p, i, 0, "nothing leads to this page");
	return rc;
}

int pages_check(const char *path, const uint32_t *roots, unsigned count, struct err *err)
{
	struct pages p = {.path = path, .err = err, .fd = open(path, O_RDONLY | O_CLOEXEC)};
	uint8_t header[HEADER_BYTES];
	struct stat st;
	int rc = 0;

	if (p.fd < 0 || fstat(p.fd, &st) != 0)
		rc = err_set(err, -errno, "%.300s cannot be opened: %s", path, strerror(errno));
	else if (has_beside(path, "-wal") || has_beside(path, "-journal"))
		rc = err_set(err, -EAGAIN, "%.300s has a log beside it, which holds the newest of its pages", path);
	else if (pread(p.fd, header, sizeof(header), 0) != (ssize_t)sizeof(header))
		rc = err_set(err, -EBADMSG, "%.300s is too short for a run file", path);
	if (!rc)
		rc = check_header(&p, header);
	if (!rc && st.st_size != (off_t)p.count * p.size)
		rc = bad(&p, 1, 28, "the file is longer or shorter than it says");
	if (!rc && !(p.seen = calloc((size_t)p.count + 1, 1)))
		rc = err_set(err, -ENOMEM, "out of memory");
	if (!rc)
		rc = walk_all(&p, roots, count, header);
	free(p.seen);
	if (p.fd >= 0)
		close(p.fd);
	return rc;
}
