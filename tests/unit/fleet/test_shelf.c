/* A file in a store that is a folder: what comes back is what went there, or an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/fleet/shelf.h"

#define ID    "#2b1f7c1e-1111-4222-8333-444455556666"
#define BYTES (SHELF_PIECE + 1000u) /* two pieces */

struct world {
	char folder[64], url[DEPOT_URL_MAX], sha256[DIGEST_HEX], piece[2][300];
	uint8_t *bytes, *back;
	int fd;
	struct depot *store;
	unsigned ticks;
};

static int on_tick(void *ctx, struct err *err)
{
	unsigned *ticks = ctx;

	(void)err;
	return ++*ticks > 1000 ? -ECANCELED : 0;
}

static void begin(struct world *w)
{
	const struct depot_config config = {.secret = NULL};
	char given[80];

	*w = (struct world){.bytes = malloc(BYTES), .back = malloc(BYTES + 1)};
	snprintf(w->folder, sizeof(w->folder), "/tmp/penrig-shelf-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(given, sizeof(given), "file://%s/", w->folder);
	assert_int_equal(depot_mark(given, w->url, NULL), 0);
	for (unsigned i = 0; i < BYTES; i++)
		w->bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	digest_text(w->bytes, BYTES, w->sha256);
	w->fd = memfd_create("shelf", MFD_CLOEXEC);
	assert_int_equal(write(w->fd, w->bytes, BYTES), BYTES);
	for (unsigned i = 0; i < 2; i++)
		snprintf(w->piece[i], sizeof(w->piece[i]), "%s/%.2s/%s/%05u.zst", w->folder, w->sha256, w->sha256, i);
	const struct depot_tick tick = {on_tick, &w->ticks};
	assert_int_equal(depot_open(w->url, &config, &tick, &w->store, NULL), 0);
}

static void end(struct world *w)
{
	char command[120];

	depot_free(w->store);
	close(w->fd);
	free(w->bytes);
	free(w->back);
	snprintf(command, sizeof(command), "rm -r %s", w->folder);
	assert_int_equal(system(command), 0);
}

static int fetch(struct world *w, const char *sha256, uint64_t size)
{
	int fd = memfd_create("back", MFD_CLOEXEC);
	int rc = shelf_get(w->store, sha256, size, fd, NULL);

	if (!rc) {
		assert_int_equal(pread(fd, w->back, BYTES + 1, 0), (ssize_t)size);
		assert_memory_equal(w->back, w->bytes, size);
	}
	close(fd);
	return rc;
}

static ino_t inode(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void damage(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void there_and_back(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(shelf_put(w.store, w.fd, w.sha256, BYTES, NULL), 0);
	assert_int_equal(fetch(&w, w.sha256, BYTES), 0);
	ino_t kept = inode(w.piece[0]);
	damage(w.piece[1], 20);
	assert_int_equal(fetch(&w, w.sha256, BYTES), -EBADMSG);
	assert_int_equal(shelf_put(w.store, w.fd, w.sha256, BYTES, NULL), 0); /* is made good, and the other is left */
	assert_int_equal(fetch(&w, w.sha256, BYTES), 0);
	assert_true(inode(w.piece[0]) == kept);
	end(&w);
}

static void damaged(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(shelf_put(w.store, w.fd, w.sha256, BYTES, NULL), 0);
	assert_int_equal(fetch(&w, w.sha256, BYTES - 1), -EBADMSG);
	assert_int_equal(fetch(&w, w.sha256, SHELF_PIECE),
			 -EBADMSG); /* its first piece is sound, and is not the file */
	assert_int_equal(truncate(w.piece[1], 5), 0);
	assert_int_equal(fetch(&w, w.sha256, BYTES), -EBADMSG);
	assert_int_equal(truncate(w.piece[1], 0), 0);
	assert_int_equal(fetch(&w, w.sha256, BYTES), -EBADMSG);
	assert_int_equal(unlink(w.piece[1]), 0);
	assert_int_equal(fetch(&w, w.sha256, BYTES), -EBADMSG);
	end(&w);
}

static void another(void **state)
{
	struct world w;
	char sha256[DIGEST_HEX];

	(void)state;
	begin(&w);
	digest_text("x", 1, sha256);
	assert_int_equal(shelf_put(w.store, w.fd, sha256, BYTES, NULL), -EIO); /* it became another while it was sent */
	assert_int_equal(fetch(&w, sha256, BYTES), -EBADMSG);
	assert_int_equal(shelf_put(w.store, w.fd, w.sha256, BYTES + 1, NULL), -EIO);
	end(&w);
}

/* Its mount point is a folder, too; and another folder's marker is not its own. */
static void not_mounted(void **state)
{
	const struct depot_config config = {.secret = NULL};
	const struct depot_tick tick = {on_tick, NULL};
	struct depot *store = NULL;
	char url[DEPOT_URL_MAX], marker[100], away[100];
	struct world w;
	struct stat st;

	(void)state;
	begin(&w);
	assert_int_equal(shelf_put(w.store, w.fd, w.sha256, BYTES, NULL), 0);
	assert_int_equal(depot_mark(w.url, url, NULL), 0);
	assert_string_equal(url, w.url);
	snprintf(marker, sizeof(marker), "%s/penrig-store", w.folder);
	snprintf(away, sizeof(away), "%s/away", w.folder);
	assert_int_equal(rename(marker, away), 0);
	assert_int_equal(unlink(w.piece[0]), 0);
	assert_int_equal(shelf_put(w.store, w.fd, w.sha256, BYTES, NULL), -EAGAIN); /* under way */
	assert_int_equal(stat(w.piece[0], &st), -1);
	assert_int_equal(fetch(&w, w.sha256, BYTES), -EAGAIN); /* that it is damaged nobody says */
	assert_int_equal(depot_open(w.url, &config, &tick, &store, NULL), -EAGAIN);
	assert_int_equal(depot_mark(w.url, url, NULL), -EAGAIN);
	assert_int_equal(stat(marker, &st), -1);
	snprintf(url, sizeof(url), "file://%s", w.folder);
	assert_int_equal(depot_open(url, &config, &tick, &store, NULL), -EINVAL); /* which one? */
	assert_int_equal(depot_mark(url, url, NULL), 0);
	assert_string_not_equal(url, w.url);
	assert_int_equal(depot_open(w.url, &config, &tick, &store, NULL), -EAGAIN);
	assert_int_equal(rename(away, marker), 0);
	assert_int_equal(depot_open(w.url, &config, &tick, &store, NULL), 0);
	depot_free(store);
	assert_int_equal(truncate(marker, 36), 0);
	assert_int_equal(depot_open(w.url, &config, &tick, &store, NULL), -EAGAIN);
	end(&w);
}

/* A share whose computer does not answer, as a FIFO does not without its other end: what waits goes on, and may give up; the next one
 * does not wait behind the first. */
static void hung(void **state)
{
	char marker[100], kept[100], fifo[100];
	struct world w;

	(void)state;
	begin(&w);
	snprintf(marker, sizeof(marker), "%s/penrig-store", w.folder);
	snprintf(kept, sizeof(kept), "%s/kept", w.folder);
	snprintf(fifo, sizeof(fifo), "%s/fifo", w.folder);
	assert_int_equal(rename(marker, kept), 0);
	assert_int_equal(mkfifo(marker, 0600), 0);
	w.ticks = 1000;
	assert_int_equal(shelf_put(w.store, w.fd, w.sha256, BYTES, NULL), -ECANCELED);
	assert_int_equal(shelf_put(w.store, w.fd, w.sha256, BYTES, NULL), -EAGAIN);
	assert_int_equal(w.ticks, 1001);
	assert_int_equal(rename(marker, fifo), 0);
	assert_int_equal(rename(kept, marker), 0);
	int fd = open(fifo, O_WRONLY); /* it answers, and not what it should */
	assert_true(fd >= 0);
	close(fd);
	w.ticks = 0;
	int rc;
	while ((rc = shelf_put(w.store, w.fd, w.sha256, BYTES, NULL)) == -EAGAIN)
		sched_yield();
	assert_int_equal(rc, 0);
	assert_int_equal(fetch(&w, w.sha256, BYTES), 0);
	end(&w);
}

static bool is_there(const char *folder, const char *name)
{
	char path[160];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return stat(path, &st) == 0;
}

/* Between the look at the marker and the piece another folder takes its place, as where a share is unmounted: the piece goes where the
 * marker was. */
static void held_fast(void **state)
{
	static const char key[] = "ab/cd/00000.zst";
	char marker[100], kept[100], moved[100], line[37];
	struct world w;

	(void)state;
	begin(&w);
	snprintf(marker, sizeof(marker), "%s/penrig-store", w.folder);
	snprintf(kept, sizeof(kept), "%s/kept", w.folder);
	snprintf(moved, sizeof(moved), "%s-moved", w.folder);
	assert_int_equal(rename(marker, kept), 0);
	assert_int_equal(mkfifo(marker, 0600), 0);
	w.ticks = 1000;
	assert_int_equal(depot_put(w.store, key, "piece", 5, NULL), -ECANCELED); /* it waits for the marker's line */
	int fd = open(marker, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(rename(w.folder, moved), 0);
	assert_int_equal(mkdir(w.folder, 0700), 0);
	snprintf(line, sizeof(line), "%.36s", strrchr(w.url, '#') + 1);
	assert_int_equal(write(fd, line, 36), 36);
	assert_int_equal(write(fd, "\n", 1), 1);
	close(fd);
	while (!is_there(moved, key) && !is_there(w.folder, key))
		sched_yield();
	assert_true(is_there(moved, key));
	assert_false(is_there(w.folder, key));
	assert_int_equal(rmdir(w.folder), 0);
	assert_int_equal(rename(moved, w.folder), 0);
	end(&w);
}

struct denying { /* as a store answers a key that may get and put and not list: what is not there it may not see */
	struct depot depot;
	unsigned puts;
	int put_rc;
};

static int deny_get(struct depot *depot, const char *key, void *bytes, size_t size, size_t *ret_len, struct err *err)
{
	(void)depot, (void)key, (void)bytes, (void)size, (void)ret_len;
	return err_set(err, -EACCES, "the store refuses");
}

static int count_put(struct depot *depot, const char *key, const void *bytes, size_t len, struct err *err)
{
	struct denying *denying = (struct denying *)depot;

	(void)key, (void)bytes, (void)len, (void)err;
	denying->puts++;
	return denying->put_rc;
}

static void may_not_list(void **state)
{
	static const struct depot_ops ops = {.put = count_put, .get = deny_get};
	struct denying denying = {.depot = {.ops = &ops}};
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(shelf_put(&denying.depot, w.fd, w.sha256, BYTES, NULL), 0);
	assert_int_equal(denying.puts, 2);
	denying.put_rc = -EAGAIN;
	assert_int_equal(shelf_put(&denying.depot, w.fd, w.sha256, BYTES, NULL), -EAGAIN);
	assert_int_equal(shelf_get(&denying.depot, w.sha256, BYTES, w.fd, NULL), -EAGAIN); /* it may be there */
	end(&w);
}

static void places(void **state)
{
	static const char *const good[] = {"file:///mnt/x", "s3://h/b", "s3://h:9000/b/p/q?region=eu-1",
					   "s3+http://127.0.0.1:1/b"},
				 *const bad[] = {"file://h/x",
						 "file:///",
						 "/x",
						 "s3://h",
						 "s3://h/B",
						 "s3://u@h/b",
						 "s3://h/b?region=",
						 "s3://h/b?x",
						 "s3+http://h/b",
						 "s3+http://127.attacker.example/b",
						 "http://h/b",
						 ""};
	const struct depot_config config = {.secret = NULL};
	const struct depot_tick tick = {on_tick, NULL};
	struct depot *store = NULL;

	(void)state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(depot_check(good[i], NULL), 0);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(depot_check(bad[i], NULL), -EINVAL);
	assert_int_equal(depot_open("file:///no/such/folder" ID, &config, &tick, &store, NULL), -EAGAIN);
	assert_int_equal(depot_open("file:///dev/null" ID, &config, &tick, &store, NULL), -EAGAIN);
	assert_int_equal(depot_open("s3://h/b", &config, &tick, &store, NULL), -EAGAIN); /* no key */
}

/* Whoever waits for the line is asked meanwhile, and may end it. */
static void paced(void **state)
{
	unsigned ticks = 1000;
	const struct depot_tick tick = {on_tick, &ticks};
	int64_t next_ms = 0;

	(void)state;
	assert_int_equal(depot_pace(0, &tick, 1000000, &next_ms, NULL), 0);
	assert_int_equal(next_ms, 0);
	assert_int_equal(depot_pace(1000, &tick, 1000000, &next_ms, NULL), -ECANCELED);
	assert_true(next_ms > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back), cmocka_unit_test(damaged), cmocka_unit_test(another),
		cmocka_unit_test(may_not_list),   cmocka_unit_test(hung),    cmocka_unit_test(not_mounted),
		cmocka_unit_test(places),         cmocka_unit_test(paced),   cmocka_unit_test(held_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
