/* The outbox: what begins stays until it is taken out, in order, and no number comes again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/history/inside.h"
#include "rig/history/outbox.h"

static char folder[64], path[96];
static struct history *history;

static int set_up(void **state)
{
	struct err err = {""};

	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_outbox.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/history", folder);
	return history_open(path, &history, &err) || outbox_open(history, &err);
}

static int tear_down(void **state)
{
	static const char *const tails[] = {"", "-wal", "-shm"};
	char file[112];

	(void)state;
	history_close(history);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s%s", path, tails[i]);
		unlink(file);
	}
	return rmdir(folder);
}

static int64_t begin(const char *id, int64_t job)
{
	struct outbox_item item = {.job = job, .fence = 2, .bench = "bench-1", .name = "job"};

	snprintf(item.run_id, sizeof(item.run_id), "%s", id);
	assert_int_equal(outbox_begin(history, &item, NULL), 0);
	return item.seq;
}

struct seen {
	unsigned count, most;
	struct outbox_item item[8];
};

static int see(void *ctx, const struct outbox_item *item)
{
	struct seen *seen = ctx;

	seen->item[seen->count++] = *item;
	return seen->count == seen->most;
}

static struct seen all(bool ended)
{
	struct seen seen = {.count = 0, .most = 8};

	assert_int_equal(outbox_each(history, ended, see, &seen, NULL), 0);
	return seen;
}

static void a_life(void **state)
{
	struct outbox_counts counts;
	int64_t a, b;

	(void)state;
	a = begin("a", 7);
	b = begin("b", 8);
	assert_int_equal(all(true).count, 0);
	struct seen begun = all(false);
	assert_int_equal(begun.count, 2);
	assert_string_equal(begun.item[0].run_id, "a");
	assert_int_equal(begun.item[0].job, 7);
	assert_int_equal(begun.item[0].fence, 2);
	assert_int_equal(begun.item[0].exit_code, -1);
	assert_true(begun.item[0].begun_s > 0 && !begun.item[0].ended);
	assert_int_equal(outbox_end(history, b, 1, NULL), 0);
	assert_int_equal(outbox_end(history, a, 0, NULL), 0);
	struct seen ended = all(true);
	assert_int_equal(ended.count, 2); /* as they began, not as they ended */
	assert_int_equal(ended.item[0].seq, a);
	assert_int_equal(ended.item[1].exit_code, 1);
	assert_true(ended.item[1].ended);
	assert_int_equal(outbox_count(history, &counts, NULL), 0);
	assert_int_equal(counts.waiting, 2);
	assert_int_equal(counts.oldest_s, begun.item[0].begun_s);
	struct seen first = {.count = 0, .most = 1};
	assert_int_equal(outbox_each(history, true, see, &first, NULL), 1);
	assert_int_equal(outbox_done(history, a, NULL), 0);
	assert_int_equal(outbox_done(history, b, NULL), 0);
	assert_int_equal(all(true).count, 0);
	assert_int_equal(outbox_count(history, &counts, NULL), 0);
	assert_int_equal(counts.waiting + counts.refused + counts.oldest_s, 0);
	assert_true(begin("c", 9) > b); /* never again the number of one that was taken out */
}

static void what_is_refused(void **state)
{
	struct outbox_counts counts;
	struct outbox_item again = {.run_id = "a"};
	struct err err = {""};
	int64_t a = begin("a", 7), b = begin("b", 8);

	(void)state;
	assert_int_equal(outbox_begin(history, &again, &err), -EEXIST);
	assert_non_null(strstr(err.text, "outbox already"));
	outbox_end(history, a, 0, NULL);
	outbox_end(history, b, 0, NULL);
	assert_int_equal(outbox_refuse(history, a, "no such bench", NULL), 0);
	struct seen rest = all(true);
	assert_int_equal(rest.count, 1); /* it stands in nobody's way, and is not thrown away */
	assert_int_equal(rest.item[0].seq, b);
	assert_int_equal(outbox_count(history, &counts, NULL), 0);
	assert_int_equal(counts.waiting, 1);
	assert_int_equal(counts.refused, 1);
	assert_int_equal(outbox_refuse(history, b, "", NULL), 0);
	assert_int_equal(all(true).count, 0); /* without a word too */
}

/* Of a bench's own runs what was refused is tried again; of a job's only what lacks a file. */
static void what_is_tried_again(void **state)
{
	struct seen refused = {.count = 0, .most = 8};
	int64_t own = begin("a", 0), job = begin("b", 8), lacking = begin("c", 9);

	(void)state;
	for (int64_t seq = own; seq <= lacking; seq++)
		outbox_end(history, seq, 0, NULL);
	assert_int_equal(outbox_refuse(history, own, "a conflict", NULL), 0);
	assert_int_equal(outbox_refuse(history, job, "no such job", NULL), 0);
	assert_int_equal(outbox_lacks(history, lacking, "without c.penrig", NULL), 0);
	assert_int_equal(outbox_each_refused(history, see, &refused, NULL), 0);
	assert_int_equal(refused.count, 3);
	assert_string_equal(refused.item[1].refused, "no such job");
	assert_true(refused.item[2].lacks && !refused.item[1].lacks);
	assert_int_equal(outbox_again(history, "bench-2", NULL), 0);
	assert_int_equal(all(true).count, 0);
	assert_int_equal(outbox_again(history, "bench-1", NULL), 0);
	struct seen seen = all(true);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.item[0].seq, own);
	assert_true(seen.item[1].seq == lacking && seen.item[1].lacks);
}

static void what_has_begun(void **state)
{
	int64_t count = -1, a = begin("a", 7);

	(void)state;
	begin("b", 8);
	assert_int_equal(outbox_end(history, a, 0, NULL), 0);
	assert_int_equal(outbox_begun(history, "bench-1", &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(outbox_begun(history, "bench-2", &count, NULL), 0);
	assert_int_equal(count, 0);
}

static void again(void **state)
{
	struct json_out *run = NULL;
	struct told told;

	(void)state;
	begin("a", 7);
	history_close(history);
	assert_int_equal(history_open(path, &history, NULL), 0);
	assert_int_equal(outbox_open(history, NULL), 0);
	assert_int_equal(all(false).count, 1); /* on the disk */
	assert_int_equal(outbox_run(history, &all(false).item[0], &run, &told, NULL), 0);
	assert_null(run);
}

/* Of an older penrig: what stands in it stays, and does not say where its agent was. */
static void an_older_table(void **state)
{
	struct outbox_item item = {.run_id = "b", .folder = "/some/agent", .output = "/some/runs"};

	(void)state;
	begin("a", 7);
	assert_int_equal(db_exec(history->db,
				 "ALTER TABLE outbox DROP COLUMN folder; ALTER TABLE outbox DROP COLUMN output", NULL),
			 0);
	assert_int_equal(outbox_open(history, NULL), 0);
	assert_int_equal(outbox_open(history, NULL), 0);
	assert_int_equal(outbox_begin(history, &item, NULL), 0);
	struct seen seen = all(false);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.item[0].folder, "");
	assert_string_equal(seen.item[1].folder, "/some/agent");
	assert_string_equal(seen.item[1].output, "/some/runs");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_life, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_tried_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_has_begun, set_up, tear_down),
		cmocka_unit_test_setup_teardown(again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_older_table, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
