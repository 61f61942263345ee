#include "rig/fleet/shelf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/disk.h"
#include "rig/runfile/squeeze.h"

struct bench_top { /* where pieces are packed; one allocation */
	size_t bound;
	uint8_t *plain, *packed, *there, *unpacked; /* SHELF_PIECE, bound, bound, SHELF_PIECE bytes */
};

static int clear_top(struct bench_top *top, struct err *err)
{
	top->bound = frame_bound(SHELF_PIECE);
	top->plain = malloc(2 * ((size_t)SHELF_PIECE + top->bound));
	if (!top->plain)
		return err_set(err, -ENOMEM, "out of memory");
	top->unpacked = top->plain + SHELF_PIECE;
	top->packed = top->unpacked + SHELF_PIECE;
	top->there = top->packed + top->bound;
	return 0;
}

static void key_of(const char *sha256, unsigned n, char ret[DEPOT_KEY_MAX])
{
	snprintf(ret, DEPOT_KEY_MAX, "%.2s/%.64s/%05u.zst", sha256, sha256, n);
}

static unsigned pieces_of(uint64_t size)
{
	return (unsigned)((size + SHELF_PIECE - 1) / SHELF_PIECE);
}

static size_t length_of(uint64_t size, unsigned n)
{
	uint64_t from = (uint64_t)n * SHELF_PIECE;

	return size - from < SHELF_PIECE ? (size_t)(size - from) : SHELF_PIECE;
}

/* Whether the store has this piece: 1 it has, 0 it has not, or one that is damaged, or does not say: then it is put. */
static int has_piece(struct depot *store, const char *key, const struct bench_top *top, size_t len, struct err *err)
{
	size_t packed = 0;
	int rc = depot_get(store, key, top->there, top->bound, &packed, err);

	if (rc == -ENOENT || rc == -EFBIG || rc == -EACCES)
		return 0;
	if (rc)
		return rc;
	return frame_unpack(top->there, packed, top->unpacked, len) && memcmp(top->unpacked, top->plain, len) == 0;
}

static int put_piece(struct depot *store, const char *key, const struct bench_top *top, size_t len, struct err *err)
{
	int rc = has_piece(store, key, top, len, err);

	if (rc)
		return rc < 0 ? rc : 0;
	size_t packed = frame_pack(top->packed, top->bound, top->plain, len);
	if (!packed)
		return err_set(err, -ENOMEM, "out of memory");
	return depot_put(store, key, top->packed, packed, err);
}

int shelf_put(struct depot *store, int fd, const char *sha256, uint64_t size, struct err *err)
{
	struct bench_top top;
	struct digest digest;
	uint8_t sum[DIGEST_BYTES];
	char key[DEPOT_KEY_MAX], got[DIGEST_HEX];
	int rc = clear_top(&top, err);

	if (rc)
		return rc;
	digest_begin(&digest);
	for (unsigned n = 0; n < pieces_of(size) && !rc; n++) {
		size_t len = length_of(size, n);
		if (pread(fd, top.plain, len, (off_t)n * SHELF_PIECE) != (ssize_t)len)
			rc = err_set(err, -EIO, "a run's file cannot be read, or became shorter");
		digest_raw(&digest, top.plain, len);
		key_of(sha256, n, key);
		if (!rc)
			rc = put_piece(store, key, &top, len, err);
	}
	digest_end(&digest, sum);
	digest_hex(sum, got);
	free(top.plain);
	return !rc && strcmp(got, sha256) != 0 ? err_set(err, -EIO, "a run's file became another one while it was sent")
					       : rc;
}

static int get_piece(struct depot *store, const char *key, const struct bench_top *top, size_t len, struct err *err)
{
	size_t packed = 0;
	int rc = depot_get(store, key, top->there, top->bound, &packed, err);

	if (rc == -EACCES)
		return -EAGAIN;
	if (rc)
		return rc == -ENOENT || rc == -EFBIG ? -EBADMSG : rc;
	if (!frame_unpack(top->there, packed, top->plain, len))
		return err_set(err, -EBADMSG, "the store: %s is damaged", key);
	return 0;
}

static int write_out(int fd, const uint8_t *bytes, size_t len, struct err *err)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(err, n < 0 ? -errno : -ENOSPC, "a file cannot be written: %s%s",
				       strerror(n < 0 ? errno : ENOSPC), disk_remedy(n < 0 ? -errno : -ENOSPC));
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

int shelf_get(struct depot *store, const char *sha256, uint64_t size, int fd, struct err *err)
{
	struct bench_top top;
	struct digest digest;
	uint8_t sum[DIGEST_BYTES];
	char key[DEPOT_KEY_MAX], got[DIGEST_HEX];
	int rc = clear_top(&top, err);

	if (rc)
		return rc;
	digest_begin(&digest);
	for (unsigned n = 0; n < pieces_of(size) && !rc; n++) {
		size_t len = length_of(size, n);
		key_of(sha256, n, key);
		rc = get_piece(store, key, &top, len, err);
		if (!rc) {
			digest_raw(&digest, top.plain, len);
			rc = write_out(fd, top.plain, len, err);
		}
	}
	digest_end(&digest, sum);
	digest_hex(sum, got);
	free(top.plain);
	if (!rc && strcmp(got, sha256) != 0)
		rc = err_set(err, -EBADMSG, "the store has another file under the SHA-256 %.16s...", sha256);
	return rc;
}
