/* When a run file commits: by bytes, by time, in a hurry. Compiled in, so that the time is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct timespec now;

static int clock_of_test(clockid_t clock, struct timespec *ret)
{
	assert_int_equal(clock, CLOCK_MONOTONIC);
	*ret = now;
	return 0;
}

#define clock_gettime clock_of_test
#include "rig/runfile/store.c"
#undef clock_gettime

#define MS            1000000
#define ROW_BYTES     100000
#define JOURNAL_BYTES 7

static char path[64];
static struct store *store;
static struct err err;
static uint8_t noise[ROW_BYTES]; /* which no compressor makes smaller */

static int set_up(void **state)
{
	uint32_t x = 1;
	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++) {
		x = x * 1664525u + 1013904223u;
		noise[i] = (uint8_t)(x >> 24);
	}
	strcpy(path, "/tmp/penrig-store-XXXXXX");
	int fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	now = (struct timespec){.tv_sec = 1000, .tv_nsec = 900 * MS};
	return store_create(path, sizeof(noise), &store, &err);
}

static int tear_down(void **state)
{
	(void)state;
	store_free(store);
	return unlink(path);
}

static void put_entry(void)
{
	assert_int_equal(store_journal(store, 5, "mark", "{\"a\":1}", JOURNAL_BYTES, &err), 0);
}

/* Without one it is no run's file. */
static void put_record(void)
{
	const struct item item = {.kind = "record", .key = 1, .state = "raw", .data = "{}", .len = 2};
	assert_int_equal(store_item(store, item, &err), 0);
}

static uint64_t rows(const char *table)
{
	char sql[64];
	int64_t n;
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	assert_int_equal(db_number(store->db, sql, &n, &err), 0);
	return (uint64_t)n;
}

static void nothing_is_due_where_nothing_was_stored(void **state)
{
	(void)state;
	assert_false(store_due(store));
	assert_true(store_wake_ns(store) == UINT64_MAX);
	now.tv_sec += 100;
	assert_false(store_due(store));
	assert_int_equal(store_commit(store, &err), 0);
}

static void a_commit_is_due_a_second_after_the_first_row(void **state)
{
	(void)state;
	put_entry();
	assert_true(store_wake_ns(store) == 1001900 * (uint64_t)MS);
	now = (struct timespec){.tv_sec = 1001, .tv_nsec = 100 * MS};
	put_entry(); /* does not put it off */
	assert_true(store_wake_ns(store) == 1001900 * (uint64_t)MS);
	now.tv_nsec = 900 * MS - 1;
	assert_false(store_due(store));
	now.tv_nsec++;
	assert_true(store_due(store));
	assert_int_equal(store_commit(store, &err), 0);
	assert_false(store_due(store));
	put_entry();
	assert_true(store_wake_ns(store) == 1002900 * (uint64_t)MS);
}

static void a_hurry_brings_it_forward_and_never_puts_it_off(void **state)
{
	(void)state;
	put_entry();
	store_hurry(store, 1001 * (uint64_t)MS);
	assert_true(store_wake_ns(store) == 1001900 * (uint64_t)MS);
	store_hurry(store, 200 * MS);
	assert_true(store_wake_ns(store) == 1001100 * (uint64_t)MS);
	store_hurry(store, 300 * MS);
	assert_true(store_wake_ns(store) == 1001100 * (uint64_t)MS);
}

static void a_commit_is_due_after_enough_bytes(void **state)
{
	(void)state;
	const struct packed packed = {.device = 1,
				      .channels = 1,
				      .width = 2,
				      .frames = 1,
				      .raw = noise,
				      .raw_len = 1000,
				      .arrivals = noise,
				      .arrivals_len = ROW_BYTES - 1000};
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < COMMIT_BYTES / ROW_BYTES - 1; i++)
			assert_int_equal(store_block(store, &packed, &err), 0);
		assert_false(store_due(store));
		const size_t left = COMMIT_BYTES - store->transaction_bytes;
		assert_int_equal(left, ROW_BYTES); /* arrivals and samples both count */
		assert_int_equal(store_journal(store, 5, "mark", (const char *)noise, left - 1, &err), 0);
		assert_false(store_due(store));
		assert_int_equal(store_journal(store, 5, "mark", (const char *)noise, 1, &err), 0);
		assert_true(store_due(store));
		assert_int_equal(store_commit(store, &err), 0);
		assert_int_equal(rows("block"), (round + 1) * (COMMIT_BYTES / ROW_BYTES - 1));
		store->cover.first = 0;
	}
}

static void what_was_not_committed_is_dropped(void **state)
{
	(void)state;
	put_entry();
	assert_int_equal(store_commit(store, &err), 0);
	put_entry();
	put_entry();
	assert_int_equal(rows("journal"), 3);
	store_abandon(store);
	assert_int_equal(rows("journal"), 1);
	assert_false(store_due(store));
	assert_true(store_wake_ns(store) == UINT64_MAX);
}

static void a_squeezed_item_counts_as_long_as_it_is_stored(void **state)
{
	static const uint8_t flat[ROW_BYTES];
	(void)state;
	const struct item item = {.kind = "report", .key = 1, .count = 1, .data = flat, .len = sizeof(flat)};
	assert_int_equal(store_squeezed(store, item, &err), 0);
	assert_in_range(store->transaction_bytes, 10, ROW_BYTES / 10);
}

/* The last entry's number, head and time are what the next one goes on with. */
static void a_file_is_gone_on_with(void **state)
{
	uint8_t before[DIGEST_BYTES], after[DIGEST_BYTES];
	int64_t seq;
	(void)state;
	put_record();
	put_entry();
	store_head(store, before);
	assert_int_equal(store_settle(store, &err), 0);
	store_free(store);
	store = NULL;
	assert_int_equal(store_open(path, &store, &err), 0);
	assert_int_equal(store_time(store), 5);
	store_head(store, after);
	assert_memory_equal(before, after, DIGEST_BYTES);
	put_entry();
	chain_append(before, 3, 5, "mark", "{\"a\":1}", JOURNAL_BYTES);
	store_head(store, after);
	assert_memory_equal(before, after, DIGEST_BYTES);
	assert_int_equal(store_commit(store, &err), 0);
	assert_int_equal(db_number(store->db, "SELECT max(seq) FROM journal", &seq, &err), 0);
	assert_int_equal(seq, 3);
}

static void a_file_without_a_head_is_not_gone_on_with(void **state)
{
	struct store *other = NULL;
	(void)state;
	put_record();
	assert_int_equal(db_exec(store->db, "DELETE FROM journal", &err), 0);
	assert_int_equal(store_settle(store, &err), 0);
	assert_int_equal(store_open(path, &other, &err), -EBADMSG);
	assert_null(other);
	assert_non_null(strstr(err.text, "has no head to append to"));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(nothing_is_due_where_nothing_was_stored),
		T(a_commit_is_due_a_second_after_the_first_row),
		T(a_hurry_brings_it_forward_and_never_puts_it_off),
		T(a_commit_is_due_after_enough_bytes),
		T(what_was_not_committed_is_dropped),
		T(a_squeezed_item_counts_as_long_as_it_is_stored),
		T(a_file_is_gone_on_with),
		T(a_file_without_a_head_is_not_gone_on_with),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
