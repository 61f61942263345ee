/* Keys and signatures as minisign has them: one that minisign's own users publish, and what one changed bit does. */
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

#include "rig/base/signature.h"

/* The key of minisign's own releases, and a signature of the four bytes "test" by it. */
static const char key_text[] = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
static const char signature_text[] =
	"untrusted comment: signature from minisign secret key\n"
	"RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n"
	"trusted comment: timestamp:1556193335\tfile:test\n"
	"y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==\n";

static void test_published(void **state)
{
	struct public_key key;
	struct signature signature;
	char id[KEY_ID_HEX], back[PUBLIC_KEY_TEXT_MAX];

	(void)state;
	assert_int_equal(public_key_parse(key_text, strlen(key_text), &key, NULL), 0);
	key_id_text(key.id, id);
	assert_string_equal(id, "E7620F1842B4E81F");
	public_key_base64(&key, back);
	assert_string_equal(back, key_text);
	assert_int_equal(signature_parse(signature_text, strlen(signature_text), &signature, NULL), 0);
	assert_string_equal(signature.comment, "timestamp:1556193335\tfile:test");
	assert_true(signature_holds(&signature, &key, "test", 4));
	assert_false(signature_holds(&signature, &key, "tesu", 4));
	assert_false(signature_holds(&signature, &key, "test", 3));
	signature.comment[10] ^= 1;
	assert_false(signature_holds(&signature, &key, "test", 4));
}

/* Every bit of the two signatures, of their comment and of the key's id counts. */
static void test_each_bit(void **state)
{
	struct public_key key;
	struct signature signature, changed;

	(void)state;
	assert_int_equal(public_key_parse(key_text, strlen(key_text), &key, NULL), 0);
	assert_int_equal(signature_parse(signature_text, strlen(signature_text), &signature, NULL), 0);
	const size_t ends[] = {sizeof(signature.id), sizeof(signature.bytes), sizeof(signature.global),
			       strlen(signature.comment)};
	for (unsigned part = 0; part < 4; part++) {
		for (size_t bit = 0; bit < 8 * ends[part]; bit++) {
			changed = signature;
			uint8_t *const at[] = {changed.id, changed.bytes, changed.global, (uint8_t *)changed.comment};
			at[part][bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_false(signature_holds(&changed, &key, "test", 4));
		}
	}
}

static void test_broken_text(void **state)
{
	struct signature signature;
	struct public_key key;

	(void)state;
	for (size_t len = 0; len < strlen(signature_text) - 1; len++)
		assert_int_equal(signature_parse(signature_text, len, &signature, NULL), -EBADMSG);
	for (size_t len = 0; len < strlen(key_text); len++)
		assert_int_equal(public_key_parse(key_text, len, &key, NULL), -EBADMSG);
}

struct asked {
	const char *password;
	unsigned times;
};

static int ask(void *ctx, const char *prompt, char *ret, size_t size)
{
	struct asked *asked = ctx;

	assert_non_null(strstr(prompt, "password"));
	asked->times++;
	snprintf(ret, size, "%s", asked->password);
	return 0;
}

/* Saved, read again and signed with: with a password and without, by the right mode alone. */
static void round_trip(const char *password)
{
	char folder[] = "/tmp/penrig-keys-XXXXXX", path[64], beside[64];
	struct signing_key *key, *again = NULL;
	struct public_key public;
	struct signature signature;
	struct asked asked = {.password = password};
	const struct password_source source = {.ask = ask, .ctx = &asked};
	char *text;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.key", folder);
	snprintf(beside, sizeof(beside), "%s/a.pub", folder);
	assert_int_equal(signing_key_new(&key, NULL), 0);
	assert_int_equal(signing_key_save(key, path, password, "penrig key of A", NULL), 0);
	assert_int_equal(signing_key_save(key, path, password, "penrig key of A", NULL), -EEXIST);
	assert_int_equal(public_key_read(beside, &public, NULL), 0);
	assert_string_equal(public.comment, "penrig key of A");
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(signing_key_load(path, &source, &again, NULL), -EPERM);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(signing_key_load(path, &source, &again, NULL), 0);
	assert_int_equal(asked.times, *password != '\0');
	assert_int_equal(signature_make(again, "abc", 3, "said", &text, NULL), 0);
	assert_int_equal(signature_parse(text, strlen(text), &signature, NULL), 0);
	assert_true(signature_holds(&signature, &public, "abc", 3));
	free(text);
	assert_int_equal(signature_make(again, "abc", 3, "two\nlines", &text, NULL), -EINVAL);
	signing_key_free(again);
	signing_key_free(key);
	asked.password = "wrong";
	if (*password) {
		assert_int_equal(signing_key_load(path, &source, &again, NULL), -ENOKEY);
		assert_int_equal(signing_key_load(path, NULL, &again, NULL), -ENOKEY);
	}
	unlink(path);
	unlink(beside);
	rmdir(folder);
}

static void test_round_trip(void **state)
{
	(void)state;
	round_trip("");
	round_trip("correct horse");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_each_bit),
		cmocka_unit_test(test_broken_text),
		cmocka_unit_test(test_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
