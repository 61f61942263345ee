/* Keys that somebody vouches for, and the list of what is withdrawn. */
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

#include "rig/base/keyring.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char folder[] = "/tmp/penrig-keyring-XXXXXX", withdrawn[64], pub[64];
static struct keyring ring;

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void whose_a_key_is(void **state)
{
	static const struct {
		bool bench;
		const char *owner;
	} rows[] = {{false, "A. Meier"}, {true, "bench-3"}, {false, "B. of C"}};
	struct public_key key = {.id = {1, 2, 3, 4, 5, 6, 7, 8}};
	char owner[KEY_OWNER_MAX];
	bool bench;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		key_comment(&key, rows[i].bench, rows[i].owner, key.comment);
		assert_true(key_owner(&key, &bench, owner));
		assert_int_equal(bench, rows[i].bench);
		assert_string_equal(owner, rows[i].owner);
	}
	/* Another key's comment, minisign's own, and nobody's name. */
	key.id[0] = 9;
	assert_false(key_owner(&key, &bench, owner));
	strcpy(key.comment, "minisign public key 0807060504030201");
	assert_false(key_owner(&key, &bench, owner));
	key_comment(&key, false, "", key.comment);
	assert_false(key_owner(&key, &bench, owner));
}

static void a_folder_of_keys(void **state)
{
	struct signing_key *key;
	struct public_key read;
	char text[PUBLIC_KEY_TEXT_MAX], file[PUBLIC_KEY_TEXT_MAX + 64];
	struct err err = {""};

	(void)state;
	assert_int_equal(keyring_add_folder(&ring, folder, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no public key"));
	assert_int_equal(signing_key_new(&key, NULL), 0);
	public_key_base64(signing_key_public(key), text);
	snprintf(file, sizeof(file), "untrusted comment: some key\n%s\n", text);
	write_file(pub, file);
	assert_int_equal(keyring_add_folder(&ring, folder, &err), 0);
	assert_int_equal(ring.count, 1);
	assert_string_equal(ring.folder, folder);
	assert_int_equal(keyring_add(&ring, text, &err), 0); /* the same once more */
	assert_int_equal(ring.count, 1);
	read = *signing_key_public(key);
	assert_non_null(keyring_find(&ring, read.id));
	read.id[3] ^= 1;
	assert_null(keyring_find(&ring, read.id));
	assert_int_equal(keyring_add(&ring, "RWnothing", &err), -ENOENT);
	assert_non_null(strstr(err.text, "neither a file nor a public key"));
	write_file(pub, "no key\n");
	assert_int_equal(keyring_add_folder(&ring, folder, &err), -EBADMSG);
	signing_key_free(key);
}

static void what_is_withdrawn(void **state)
{
	static const struct {
		const char *list;
		int found;
		const char *why; /* or the word of the error */
	} rows[] = {
		{"", 0, ""},
		{"# nothing\n\n", 0, ""},
		{SHA "  superseded by D\n", 1, "superseded by D"},
		{"\xef\xbb\xbf\\" SHA " *superseded", 1, "superseded"},
		{"0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\r\n", 1, ""},
		{"1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef  another\n" SHA "  this\n", 1,
		 "this"},
		{"1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef  another\n", 0, ""},
		{"plan.json\n" SHA "\n", -EBADMSG, "withdrawn.txt:1: begins with no SHA-256"},
		{"# one\n" SHA "0\n", -EBADMSG, "withdrawn.txt:2"},
	};
	char why[64], longer[1200];
	struct err err = {""};

	(void)state;
	snprintf(ring.folder, sizeof(ring.folder), "%s", folder);
	assert_int_equal(keyring_withdrawn(&ring, SHA, why, sizeof(why), &err), 0); /* no list */
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		why[0] = '\0';
		write_file(withdrawn, rows[i].list);
		assert_int_equal(keyring_withdrawn(&ring, SHA, why, sizeof(why), &err), rows[i].found);
		if (rows[i].found >= 0)
			assert_string_equal(why, rows[i].why);
		else
			assert_non_null(strstr(err.text, rows[i].why));
	}
	memset(longer, '#', sizeof(longer) - 1); /* a line that is not read whole may hide one */
	longer[sizeof(longer) - 1] = '\0';
	write_file(withdrawn, longer);
	assert_int_equal(keyring_withdrawn(&ring, SHA, why, sizeof(why), &err), -EBADMSG);
}

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(withdrawn, sizeof(withdrawn), "%s/" WITHDRAWN_FILE, folder);
	snprintf(pub, sizeof(pub), "%s/a.pub", folder);
	return 0;
}

static int end(void **state)
{
	(void)state;
	unlink(withdrawn);
	unlink(pub);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whose_a_key_is),
		cmocka_unit_test(a_folder_of_keys),
		cmocka_unit_test(what_is_withdrawn),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
