/* Seals: what holds, what does not, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/meaning.h"
#include "rig/runfile/runfile.h"
#include "tests/unit/record/record_sample.h"

static char folder[] = "/tmp/penrig-seal-XXXXXX", path[64];
static struct signing_key *bench_key, *person_key;
static struct keyring ring;

static void own(const struct signing_key *key, bool bench, const char *owner)
{
	struct public_key *of = &ring.key[ring.count++];

	*of = *signing_key_public(key);
	key_comment(of, bench, owner, of->comment);
}

static int make_run(void **state)
{
	struct record *record = sample_record(folder, "sealed");
	struct runfile *rf;
	struct err err = {""};

	(void)state;
	unlink(path);
	assert_int_equal(runfile_create(record, 1e5, true, &rf, &err), 0);
	for (unsigned i = 0; i < 40; i++)
		runfile_journal(rf, 1000 + i, "event", "{\"text\":\"as it went\"}");
	record->has_verdict = true;
	assert_int_equal(runfile_finish(rf, record, "{\"dut_verdict\":\"pass\"}", &err), 0);
	assert_int_equal(runfile_close(rf, &err), 0);
	record_free(record);
	return 0;
}

static void seal_it(const struct signing_key *key, bool bench, const char *signer, const char *meaning)
{
	struct record_seal *seal = calloc(1, sizeof(*seal));
	struct runfile_reader *reader;
	struct seal_texts texts;
	struct record *record;
	struct err err = {""};

	assert_int_equal(runfile_open(path, &reader, &record, &err), 0);
	assert_int_equal(runfile_seal_draft(reader, seal, &err), 0);
	runfile_reader_free(reader);
	seal->bench = bench;
	snprintf(seal->signer, sizeof(seal->signer), "%s", signer);
	snprintf(seal->meaning, sizeof(seal->meaning), "%s", meaning);
	snprintf(seal->run, sizeof(seal->run), "%s", record->name);
	strcpy(seal->utc, "2026-11-29T10:00:00Z");
	if (runfile_append_seal(path, seal, key, &texts, &err) != 0)
		fail_msg("%s", err.text);
	seal_texts_free(&texts);
	record_free(record);
	free(seal);
}

/* Of the newest seal. */
static enum seal_state look(const char *why, uint64_t *ret_behind)
{
	struct runfile_reader *reader;
	struct record *record;
	struct err err = {""};

	assert_int_equal(runfile_open(path, &reader, &record, &err), 0);
	assert_int_equal(runfile_seals(reader, &ring, record, ret_behind, &err), 0);
	assert_true(record->seals > 0);
	const struct record_seal *last = &record->seal[record->seals - 1];
	enum seal_state state = last->state;
	if (!strstr(last->why, why))
		fail_msg("\"%s\" says nothing of \"%s\"", last->why, why);
	runfile_reader_free(reader);
	record_free(record);
	return state;
}

static void change(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_true(sqlite3_changes(db) > 0);
	sqlite3_close(db);
}

static void those_that_hold(void **state)
{
	uint64_t behind;

	(void)state;
	seal_it(bench_key, true, "bench-3", "measured");
	assert_int_equal(look("", &behind), SEAL_HOLDS);
	assert_int_equal(behind, 0);
	seal_it(person_key, false, "A. Meier", "approved");
	assert_int_equal(look("", &behind), SEAL_HOLDS);
	assert_int_equal(behind, 0);
}

static void what_nobody_may_say(void **state)
{
	static const struct {
		bool persons_key, bench;
		const char *signer, *meaning, *why;
	} rows[] = {
		{false, true, "bench-3", "approved", "nothing that a bench can say"},
		{true, false, "A. Meier", "measured", "nothing that a person can say"},
		{true, false, "Q. Head", "approved", "by the person key of A. Meier"},
		{true, true, "bench-3", "measured", "by the person key of A. Meier"},
		{false, false, "A. Meier", "approved", "by the bench key of bench-3"},
		{true, false, "A. Meier", "liked", "nothing that a person can say"},
	};
	uint64_t behind;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		seal_it(rows[i].persons_key ? person_key : bench_key, rows[i].bench, rows[i].signer, rows[i].meaning);
		assert_int_equal(look(rows[i].why, &behind), SEAL_BROKEN);
		assert_true(behind > 0);
	}
}

static void a_key_that_is_not_trusted(void **state)
{
	unsigned count = ring.count;
	uint64_t behind;

	(void)state;
	seal_it(person_key, false, "A. Meier", "approved");
	ring.count = 1;
	assert_int_equal(look("none of the 1", &behind), SEAL_UNCHECKED);
	assert_true(behind > 0);
	ring.count = count;
}

static void what_was_done_since(void **state)
{
	static const struct {
		const char *sql, *why;
	} rows[] = {
		{"UPDATE item SET data=CAST(replace(CAST(data AS TEXT), 'approved', 'rejected') AS BLOB) WHERE "
		 "kind='seal'",
		 "not of this text"},
		{"UPDATE item SET data=CAST('{\"dut_verdict\":\"fail\"}' AS BLOB) WHERE kind='report'",
		 "report of verdict 0"},
		{"DELETE FROM item WHERE kind='signature'", "has no signature"},
		{"DELETE FROM item WHERE kind='seal'", "without a statement"},
		{"UPDATE item SET data=CAST('words' AS BLOB) WHERE kind='seal'", "none that penrig writes"},
		{"UPDATE journal SET hash=zeroblob(32) WHERE seq>20", "between its entries"},
	};
	uint64_t behind;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_run(state);
		seal_it(person_key, false, "A. Meier", "approved");
		change(rows[i].sql);
		assert_int_equal(look(rows[i].why, &behind), SEAL_BROKEN);
		assert_true(behind > 0);
	}
}

/* Each entry that is no longer as it was lies within the stretch that is named. */
static void where_the_chain_is_another(void **state)
{
	struct runfile_reader *reader;
	struct record *record;
	struct err err = {""};
	unsigned first, last;
	uint64_t behind;

	make_run(state);
	seal_it(bench_key, true, "bench-3", "measured");
	change("UPDATE journal SET hash=zeroblob(32) WHERE seq>=20");
	assert_int_equal(runfile_open(path, &reader, &record, &err), 0);
	assert_int_equal(runfile_seals(reader, &ring, record, &behind, &err), 0);
	const char *at = strstr(record->seal[0].why, "between its entries ");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "between its entries %u and %u", &first, &last), 2);
	assert_in_range(20, first, last);
	assert_true(last - first < 4);
	runfile_reader_free(reader);
	record_free(record);
}

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || signing_key_new(&bench_key, NULL) != 0 || signing_key_new(&person_key, NULL) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/sealed.penrig", folder);
	own(bench_key, true, "bench-3");
	own(person_key, false, "A. Meier");
	return 0;
}

static int end(void **state)
{
	(void)state;
	signing_key_free(bench_key);
	signing_key_free(person_key);
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(those_that_hold, make_run),
		cmocka_unit_test_setup(what_nobody_may_say, make_run),
		cmocka_unit_test_setup(a_key_that_is_not_trusted, make_run),
		cmocka_unit_test(what_was_done_since),
		cmocka_unit_test(where_the_chain_is_another),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
