/* Change control of a file: what an approval must be to count. */
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

#include "rig/config/control.h"

#define PLAN "{\"revision\": \"C\", \"effective\": \"2026-02-01\"}"

static char folder[] = "/tmp/penrig-control-XXXXXX", path[64], beside[80], withdrawn[80];
static struct signing_key *person, *bench;
static struct keyring ring;

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void approve(const struct signing_key *key, const char *meaning, const char *signer, const char *reason)
{
	const struct approval_words words = {meaning, signer, reason, 1790000000000000000ull};
	char *text;

	assert_int_equal(approval_make(path, key, &words, &text, NULL), 0);
	write_file(beside, text);
	free(text);
}

/* Of the file as it is now, on that day. */
static void assert_read(const char *today, int wanted, const char *word, struct approval *ret)
{
	struct json_doc *doc;
	struct err err = {""};

	assert_int_equal(json_read(path, &doc, &err), 0);
	int rc = approval_read(doc, &ring, today, ret, &err);
	if (rc != wanted || !strstr(err.text, word))
		fail_msg("%d, not %d, or nothing of \"%s\": %s", rc, wanted, word, err.text);
	assert_int_equal(ret->counts, rc == 0);
	json_doc_free(doc);
}

static void one_that_counts(void **state)
{
	struct approval approval = {.text = NULL};
	char id[KEY_ID_HEX];

	(void)state;
	write_file(path, PLAN);
	approve(person, "approved", "A. at Work by Day", ""); /* words that the comment itself is made of */
	key_comment(&ring.key[0], false, "A. at Work by Day", ring.key[0].comment);
	assert_read("2026-02-01", 0, "", &approval);
	assert_string_equal(approval.revision, "C");
	assert_string_equal(approval.effective, "2026-02-01");
	assert_string_equal(approval.approver, "A. at Work by Day");
	assert_string_equal(approval.utc, "2026-09-21T14:13:20Z");
	key_id_text(signing_key_public(person)->id, id);
	assert_string_equal(approval.key_id, id);
	approval_free(&approval);
	key_comment(&ring.key[0], false, "A. Meier", ring.key[0].comment);
}

static void those_that_do_not(void **state)
{
	static const struct {
		const char *file, *meaning, *signer, *today, *word;
		bool by_bench;
	} rows[] = {
		{PLAN, "approved", "A. Meier", "2026-01-31", "effective from 2026-02-01 on, and today is 2026-01-31",
		 false},
		{PLAN, "reviewed", "A. Meier", "2026-03-01", "which is no approval", false},
		{PLAN, "withdrawn", "A. Meier", "2026-03-01", "A. Meier withdrew it", false},
		{PLAN, "approved", "Q. Head", "2026-03-01", "signed as Q. Head by the person key of A. Meier", false},
		{PLAN, "approved", "bench-3", "2026-03-01", "by the bench key of bench-3", true},
		{"{\"effective\": \"2026-02-01\"}", "approved", "A. Meier", "2026-03-01", "no \"revision\"", false},
		{"{\"revision\": \"C\"}", "approved", "A. Meier", "2026-03-01", "from which day", false},
	};
	struct approval approval = {.text = NULL};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_file(path, rows[i].file);
		approve(rows[i].by_bench ? bench : person, rows[i].meaning, rows[i].signer, "worn out");
		assert_read(rows[i].today, -EKEYREJECTED, rows[i].word, &approval);
	}
	approval_free(&approval);
}

static void one_byte_another_key_no_signature(void **state)
{
	struct approval approval = {.text = NULL};

	(void)state;
	write_file(path, PLAN);
	approve(person, "approved", "A. Meier", "");
	write_file(path, PLAN " ");
	assert_read("2026-03-01", -EKEYREJECTED, "approved again", &approval);
	write_file(path, PLAN);
	struct keyring all = ring;
	ring.key[0] = ring.key[1];
	ring.count = 1;
	assert_read("2026-03-01", -EKEYREJECTED, "none of the 1", &approval);
	ring = all;
	write_file(withdrawn, "nothing of the kind\n");
	assert_read("2026-03-01", -EBADMSG, "withdrawn.txt:1", &approval);
	unlink(withdrawn);
	write_file(beside, "words\n");
	assert_read("2026-03-01", -EKEYREJECTED, "is no signature", &approval);
	unlink(beside);
	assert_read("2026-03-01", -EKEYREJECTED, "nobody has approved it", &approval);
	approval_free(&approval);
}

static void demands_have_names(void **state)
{
	enum approval_demand back;

	(void)state;
	for (enum approval_demand demand = APPROVALS_UNTOLD; demand <= APPROVALS_DEMANDED; demand++) {
		assert_true(approval_demand_find(approval_demand_name(demand), &back));
		assert_int_equal(back, demand);
	}
	assert_false(approval_demand_find("perhaps", &back));
}

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || signing_key_new(&person, NULL) != 0 || signing_key_new(&bench, NULL) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/plan.json", folder);
	snprintf(beside, sizeof(beside), "%s.minisig", path);
	snprintf(withdrawn, sizeof(withdrawn), "%s/" WITHDRAWN_FILE, folder);
	snprintf(ring.folder, sizeof(ring.folder), "%s", folder);
	ring.count = 2;
	ring.key[0] = *signing_key_public(person);
	ring.key[1] = *signing_key_public(bench);
	key_comment(&ring.key[0], false, "A. Meier", ring.key[0].comment);
	key_comment(&ring.key[1], true, "bench-3", ring.key[1].comment);
	return 0;
}

static int end(void **state)
{
	(void)state;
	signing_key_free(person);
	signing_key_free(bench);
	unlink(path);
	unlink(beside);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_counts),
		cmocka_unit_test(those_that_do_not),
		cmocka_unit_test(one_byte_another_key_no_signature),
		cmocka_unit_test(demands_have_names),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
