/* SHA-256 against the examples of FIPS 180-4, whole and in parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "rig/base/digest.h"

static const struct {
	const char *text, *hex;
} published[] = {
	{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void test_published(void **state)
{
	char hex[DIGEST_HEX];
	(void)state;
	for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
		digest_text(published[i].text, strlen(published[i].text), hex);
		assert_string_equal(hex, published[i].hex);
	}
}

static void test_in_parts(void **state)
{
	const char *text = published[2].text;
	uint8_t hash[DIGEST_BYTES];
	char hex[DIGEST_HEX];
	(void)state;
	for (size_t first = 0; first <= strlen(text); first++) {
		struct digest digest;
		digest_begin(&digest);
		digest_raw(&digest, text, first);
		digest_raw(&digest, text + first, strlen(text) - first);
		digest_end(&digest, hash);
		digest_hex(hash, hex);
		assert_string_equal(hex, published[2].hex);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_published), cmocka_unit_test(test_in_parts)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
