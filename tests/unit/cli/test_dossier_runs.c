/* Which runs go into a dossier: by what the history knows, whether their files are there or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig/base/db.h"
#include "rig/cli/dossier_runs.h"

static char folder[160], path[200];
static struct err err;

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "%s/runsXXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/history", folder);
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char name[220];

	(void)state;
	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
	return rmdir(folder);
}

struct row {
	const char *name, *dut, *lot, *plan, *started, *verdict, *recording;
};

static void put(struct db *db, const struct row *row)
{
	char sql[1200];

	snprintf(sql, sizeof(sql),
		 "INSERT INTO run(name, host, started, ended, path, dut, lot, plan, plan_sha256, bench, bench_sha256, "
		 "setup, golden, operator, cartridge, verdict, status, sessions, exit_code, reason, software, build, "
		 "method, origin, recording, severity, head, judged, later, later_reason) VALUES('%s', 'h', '%s', '', "
		 "'/nowhere/%s.penrig', '%s', '%s', '%s', 'p', 'b', '', '', '', '', '', '%s', 'complete', 0, 0, '', "
		 "'', '', 1, '', '%s', 0, '', 0, '', '')",
		 row->name, row->started, row->name, row->dut, row->lot, row->plan, row->verdict, row->recording);
	assert_int_equal(db_exec(db, sql, &err), 0);
}

static void put_all(const struct row *rows, unsigned count)
{
	struct history *history = NULL;
	struct db *db = NULL;

	unlink(path);
	assert_int_equal(history_open(path, &history, &err), 0);
	history_close(history);
	assert_int_equal(db_open(path, "history", DB_WRITE, 1000, &db, &err), 0);
	for (unsigned i = 0; i < count; i++)
		put(db, &rows[i]);
	db_close(db);
}

static void choose(struct dossier_sources *sources, const char *word)
{
	const struct indexing where = {.history = path};

	assert_int_equal(dossier_choose(sources, &where, &word, 1, &err), 0);
}

static void test_a_lot_is_all_runs_of_its_units(void **state)
{
	static const struct row rows[] = {
		{"b", "SN-1", "L7", "p", "2026-01-02", "pass", ""},
		{"a", "SN-1", "", "p", "2026-01-01", "fail", ""},
		{"c", "SN-2", "", "p", "2026-01-01", "pass", ""},
	};
	struct dossier_sources sources = {.count = 0};

	(void)state;
	put_all(rows, 3);
	choose(&sources, "L7");
	assert_int_equal(sources.count, 2);
	assert_string_equal(sources.item[0].row.name, "a"); /* in order of time */
	assert_int_equal(sources.item[0].standing, UNIT_FAIL);
	assert_string_equal(sources.item[1].row.name, "b");
	assert_int_equal(sources.item[0].folder, 1);
	assert_int_equal(sources.item[1].folder, 2);
	dossier_sources_free(&sources);
}

static void test_a_recording_counts_once(void **state)
{
	static const struct row rows[] = {
		{"a", "SN-1", "", "p", "2026-01-01", "pass", "aa"}, {"b", "SN-1", "", "p", "2026-01-02", "fail", "aa"},
		{"c", "SN-1", "", "p", "2026-01-03", "fail", "aa"}, {"d", "SN-1", "", "p", "2026-01-04", "pass", "bb"},
		{"e", "SN-1", "", "p", "2026-01-05", "pass", ""},   {"f", "SN-1", "", "p", "2026-01-06", "pass", ""},
	};
	static const bool again[] = {true, false, true, false, false, false}; /* the worst, of those the first */
	struct dossier_sources sources = {.count = 0};

	(void)state;
	put_all(rows, 6);
	choose(&sources, "SN-1");
	assert_int_equal(sources.count, 6);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(sources.item[i].again, again[i]);
	dossier_sources_free(&sources);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_lot_is_all_runs_of_its_units),
		cmocka_unit_test(test_a_recording_counts_once),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
