/* Digests and chain against figures that another program made from docs/run-file.md alone (Python's hashlib): what both sides
 * of this program leave out, no other test would miss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "rig/runfile/chain.h"

static void assert_hex(const uint8_t digest[DIGEST_BYTES], const char *hex)
{
	char text[DIGEST_HEX];

	digest_hex(digest, text);
	assert_string_equal(text, hex);
}

static void test_item(void **state)
{
	const struct item item = {
		.seq = 7, .kind = "point", .key = 3, .state = "end", .count = 2, .data = "data", .len = 4};
	uint8_t digest[DIGEST_BYTES];

	(void)state;
	item_digest(&item, digest);
	assert_hex(digest, "b347b67c221fd8af40d2fdb139dc554304b007a14a43d31e37d52e1cacaa787b");
}

static void test_block(void **state)
{
	const struct packed packed = {.device = 1,
				      .stream = 2,
				      .first_index = 3000,
				      .frames = 4,
				      .channels = 5,
				      .width = 3,
				      .arrivals = (const uint8_t *)"arr",
				      .arrivals_len = 3,
				      .raw = (const uint8_t *)"samples",
				      .raw_len = 7};
	uint8_t digest[DIGEST_BYTES];

	(void)state;
	block_digest(&packed, digest);
	assert_hex(digest, "2c436e2e20ff48c9b8107c4949ba64754aa17fc510c4dbac1aa4f40052774763");
}

static void test_chain(void **state)
{
	uint8_t head[DIGEST_BYTES] = {0};

	(void)state;
	chain_append(head, 1, 1000, "begin", "{\"a\":1}", 7);
	assert_hex(head, "1bff7f9acf178705986bd05fd48aa3450b6e7c68931b778ab05b6b85c19b2db2");
	chain_append(head, 2, 2000, "event", "{}", 2);
	assert_hex(head, "63c0d7f2bacc697150fce34ca464d8e3d7af99659305b8353553e4d6fe73b059");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_item),
		cmocka_unit_test(test_block),
		cmocka_unit_test(test_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
