/* Anchors: what their lines and signatures must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/offline/anchor.h"

#define HEAD_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEAD_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char folder[] = "/tmp/penrig-anchor-XXXXXX", path[64], beside[80];
static struct signing_key *key;
static struct keyring ring;
static char line[ANCHOR_LINE_MAX];

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void write_anchor(const char *list)
{
	char *signature;
	struct err err = {""};

	assert_int_equal(anchor_sign(list, "2026-11-29", 2, key, "bench-3", &signature, line, &err), 0);
	write_file(path, list);
	write_file(beside, signature);
	free(signature);
}

static int read_anchor(struct anchor **ret, const char *word)
{
	struct err err = {""};
	int rc = anchor_read(path, &ring, ret, &err);

	if (rc && !strstr(err.text, word))
		fail_msg("\"%s\" says nothing of \"%s\"", err.text, word);
	return rc;
}

static const char list[] = "penrig anchor 1, 2026-11-29\n" HEAD_A " 42 SN-1\n" HEAD_B " 7 SN 2 again\n";

static void what_is_signed_is_read(void **state)
{
	struct anchor *anchor;

	(void)state;
	write_anchor(list);
	assert_non_null(strstr(line, "penrig-anchor 2026-11-29 runs=2 sha256="));
	assert_int_equal(read_anchor(&anchor, ""), 0);
	assert_string_equal(anchor_day(anchor), "2026-11-29");
	assert_int_equal(anchor_runs(anchor), 2);
	const struct anchor_run *run = anchor_find(anchor, "SN 2 again"); /* names may hold blanks */
	assert_non_null(run);
	assert_int_equal(run->entries, 7);
	assert_string_equal(run->head, HEAD_B);
	assert_int_equal(anchor_place(anchor, run), 1);
	assert_ptr_equal(anchor_run_at(anchor, 1), run);
	assert_null(anchor_find(anchor, "SN"));
	anchor_free(anchor);
}

/* The line that is mailed holds the signature: who has it knows the list again. */
static void the_line_is_the_signature(void **state)
{
	char again[600], *base64 = strstr(line, "minisig=");

	(void)state;
	assert_non_null(base64);
	FILE *f = fopen(beside, "r");
	assert_non_null(f);
	assert_non_null(fgets(again, sizeof(again), f));
	assert_non_null(fgets(again, sizeof(again), f));
	fclose(f);
	again[strcspn(again, "\n")] = '\0';
	assert_string_equal(base64 + strlen("minisig="), again);
}

static void one_byte_more_or_another(void **state)
{
	struct anchor *anchor = NULL;
	char text[sizeof(list)];

	(void)state;
	write_anchor(list);
	for (size_t i = 0; i < sizeof(list) - 1; i++) {
		memcpy(text, list, sizeof(list));
		text[i] ^= 1;
		write_file(path, text);
		assert_int_equal(read_anchor(&anchor, "altered"), -EBADMSG);
	}
	write_file(path, list);
	ring.count = 0;
	assert_int_equal(read_anchor(&anchor, "none of the 0"), -ENOKEY);
	ring.count = 1;
	write_file(beside, "no signature\n");
	assert_int_equal(read_anchor(&anchor, beside), -EBADMSG);
	unlink(beside);
	assert_int_equal(read_anchor(&anchor, "cannot be opened"), -ENOENT);
}

/* Signed, and still no anchor. */
static void lists_that_are_none(void **state)
{
	static const struct {
		const char *list, *word;
	} rows[] = {
		{"penrig anchor 2, 2026-11-29\n", "does not begin with"},
		{"penrig anchor 1, 2026-11-29\n" HEAD_A " 42\n", "a line that is none"},
		{"penrig anchor 1, 2026-11-29\nAAAA 42 SN-1\n", "a line that is none"},
		{"penrig anchor 1, 2026-11-29\n" HEAD_A " many SN-1\n", "a line that is none"},
	};
	struct anchor *anchor = NULL;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_anchor(rows[i].list);
		assert_int_equal(read_anchor(&anchor, rows[i].word), -EBADMSG);
	}
}

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || signing_key_new(&key, NULL) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/day.anchor", folder);
	snprintf(beside, sizeof(beside), "%s.minisig", path);
	ring.key[ring.count++] = *signing_key_public(key);
	return 0;
}

static int end(void **state)
{
	(void)state;
	signing_key_free(key);
	unlink(path);
	unlink(beside);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_signed_is_read),
		cmocka_unit_test(the_line_is_the_signature),
		cmocka_unit_test(one_byte_more_or_another),
		cmocka_unit_test(lists_that_are_none),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
