/* The pages of a run file, by whatever name it is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "rig/runfile/pages.h"

#define PAGE        65536
#define TABLE_LEAF  13
#define INDEX_LEAF  10
#define MANY_BLOCKS 30000 /* more than a page holds keys of, several times */

static char folder[] = "/tmp/penrig-pages-XXXXXX";
static char file[64], wal[80], elsewhere[64], link_there[80];

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* What a log holds is newer than the pages: they are not looked at, also where only a link leads there. */
static void a_log_beside_the_file_is_found_through_a_link(void **state)
{
	const char *const names[] = {file, link_there};

	(void)state;
	write_file(file, "no pages");
	for (unsigned i = 0; i < 2; i++) {
		struct err err = {""};

		write_file(wal, "log");
		assert_int_equal(pages_check(names[i], NULL, 0, &err), -EAGAIN);
		assert_non_null(strstr(err.text, "log beside it"));
		write_file(wal, ""); /* written back */
		assert_int_equal(pages_check(names[i], NULL, 0, &err), -EBADMSG);
		assert_non_null(strstr(err.text, "too short"));
	}
}

static void a_file_that_is_not_there(void **state)
{
	struct err err = {""};

	(void)state;
	assert_int_equal(pages_check("/tmp/penrig-no-such-file", NULL, 0, &err), -ENOENT);
}

static void sql(sqlite3 *db, const char *text)
{
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
}

/* As a long run has them: two streams' blocks in turn, and an index by stream. */
static void make_long_run(uint32_t roots[2])
{
	sqlite3 *db;

	unlink(wal);
	unlink(file);
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	sql(db, "PRAGMA page_size=65536; PRAGMA secure_delete=ON; CREATE TABLE block(seq INTEGER PRIMARY KEY, stream "
		"INTEGER, samples BLOB); CREATE INDEX block_by_stream ON block(stream); BEGIN");
	for (unsigned i = 0; i < MANY_BLOCKS; i++)
		sql(db, i % 5 ? "INSERT INTO block(stream, samples) VALUES(0, zeroblob(90))"
			      : "INSERT INTO block(stream, samples) VALUES(1, zeroblob(90))");
	sql(db, "COMMIT");
	sqlite3_close(db);
	roots[0] = 2;
	roots[1] = 3;
}

/* Puts a byte into the gap before the cells of the first page of that type behind the roots. */
static void spoil(unsigned type)
{
	static unsigned char page[PAGE];
	FILE *f = fopen(file, "r+");
	long at = 3L * PAGE;

	assert_non_null(f);
	fseek(f, at, SEEK_SET);
	while (fread(page, sizeof(page), 1, f) == 1 && page[0] != type)
		at += PAGE;
	assert_int_equal(page[0], type);
	fseek(f, at + ((page[5] << 8) | page[6]) - 1, SEEK_SET);
	fputc(0xa5, f);
	fclose(f);
}

/* What SQLite leaves in an index that it split is no change of the file; a byte among rows is one. */
static void an_index_that_was_split(void **state)
{
	struct err err = {""};
	uint32_t roots[2];

	(void)state;
	make_long_run(roots);
	assert_int_equal(pages_check(file, roots, 2, &err), 0);
	spoil(INDEX_LEAF);
	assert_int_equal(pages_check(file, roots, 2, &err), 0);
	spoil(TABLE_LEAF);
	assert_int_equal(pages_check(file, roots, 2, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "a byte that nothing uses is not zero"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_beside_the_file_is_found_through_a_link),
		cmocka_unit_test(a_file_that_is_not_there),
		cmocka_unit_test(an_index_that_was_split),
	};

	if (!mkdtemp(folder))
		return 1;
	snprintf(file, sizeof(file), "%s/a.penrig", folder);
	snprintf(wal, sizeof(wal), "%s-wal", file);
	snprintf(elsewhere, sizeof(elsewhere), "%s/links", folder);
	snprintf(link_there, sizeof(link_there), "%s/b.penrig", elsewhere);
	if (mkdir(elsewhere, 0700) || symlink(file, link_there))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(link_there);
	rmdir(elsewhere);
	unlink(wal);
	unlink(file);
	rmdir(folder);
	return failed;
}
