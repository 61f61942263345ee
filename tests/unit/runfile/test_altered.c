/* Where a row was altered, found from the digest that was written: every cell, a bit or a digit at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/runfile/altered.h"

static const char json[] = "{\"value\":0.1534,\"name\":\"depth\"}";

static struct item sample(void)
{
	return (struct item){
		.seq = 7, .kind = "point", .key = 3, .state = "end", .count = 0, .data = json, .len = strlen(json)};
}

static void assert_item(struct item item, const char *text)
{
	const struct item good = sample();
	uint8_t wanted[DIGEST_BYTES];
	char found[ALTERED_TEXT_MAX];

	item_digest(&good, wanted);
	assert_true(altered_in_item(&item, wanted, ALTERED_SEARCH_SHORT, found));
	assert_string_equal(found, text);
}

static void each_cell_of_an_item(void **state)
{
	struct item item = sample();

	(void)state;
	item.data = "{\"value\":0.1934,\"name\":\"depth\"}";
	assert_item(item, "cell data, byte 13: \"0.1934\" stands there, and \"0.1534\" was written");
	item.data = "{\"value\":0.1534,\"name\":\"deptH\"}";
	assert_item(item, "cell data, byte 29: \"deptH\" stands there, and \"depth\" was written");
	item = sample();
	item.key = 200;
	assert_item(item, "cell key: 200 stands there, and 3 was written");
	item = sample();
	item.count = 1ull << 40;
	assert_item(item, "cell count: 1099511627776 stands there, and 0 was written");
	item = sample();
	item.kind = "pmint";
	assert_item(item, "cell kind, byte 2: \"pmint\" stands there, and \"point\" was written");
	item = sample();
	item.state = "ene";
	assert_item(item, "cell state, byte 3: \"ene\" stands there, and \"end\" was written");
}

static void packed_rows_are_bytes(void **state)
{
	static const uint8_t was[] = {0x28, 0xb5, 0x31, 0x00}, is[] = {0x28, 0xb5, 0x33, 0x00};
	struct item item = sample();
	uint8_t wanted[DIGEST_BYTES];
	char found[ALTERED_TEXT_MAX];

	(void)state;
	item.state = "zstd";
	item.data = was;
	item.len = sizeof(was);
	item_digest(&item, wanted);
	item.data = is;
	assert_true(altered_in_item(&item, wanted, ALTERED_SEARCH_SHORT, found));
	assert_string_equal(found, "cell data, byte 3: 0x33 stands there, and 0x31 was written");
}

static void more_than_one_byte_is_said(void **state)
{
	struct item item = sample();
	uint8_t wanted[DIGEST_BYTES];
	char found[ALTERED_TEXT_MAX];

	(void)state;
	item_digest(&item, wanted);
	item.data = "{\"value\":0.1635,\"name\":\"depth\"}";
	assert_false(altered_in_item(&item, wanted, ALTERED_SEARCH_SHORT, found));
	assert_string_equal(found, "more than one byte of it, or its length");
	assert_false(altered_in_item(&item, wanted, 10, found)); /* nothing is begun that would take too long */
	assert_non_null(strstr(found, "was not looked for"));
}

static void an_entry_and_a_block(void **state)
{
	uint8_t before[DIGEST_BYTES] = {1, 2, 3}, head[DIGEST_BYTES], arrivals[] = {4, 0, 9, 9}, raw[] = {1, 2, 3, 4};
	struct packed packed = {.device = 1,
				.channels = 1,
				.width = 2,
				.first_index = 100,
				.frames = 2,
				.raw = raw,
				.raw_len = sizeof(raw),
				.arrivals = arrivals,
				.arrivals_len = sizeof(arrivals)};
	char found[ALTERED_TEXT_MAX];

	(void)state;
	memcpy(head, before, sizeof(head));
	chain_append(head, 5, 1000, "reply", "{\"n\":12}", 8);
	struct altered_entry entry = {
		.before = before, .seq = 5, .host_ns = 1000, .kind = "reply", .json = "{\"n\":82}", .len = 8};
	assert_true(altered_in_entry(&entry, head, ALTERED_SEARCH_SHORT, found));
	assert_string_equal(found, "cell json, byte 6: \"82\" stands there, and \"12\" was written");
	block_digest(&packed, head);
	raw[2] ^= 0x80;
	assert_true(altered_in_block(&packed, head, ALTERED_SEARCH_SHORT, found));
	assert_string_equal(found, "cell samples, unpacked, byte 3: 0x83 stands there, and 0x03 was written");
	raw[2] ^= 0x80;
	packed.stream = 1;
	assert_true(altered_in_block(&packed, head, ALTERED_SEARCH_SHORT, found));
	assert_string_equal(found, "cell stream: 1 stands there, and 0 was written");
	assert_true(altered_digest(head, before) == false);
	memcpy(before, head, sizeof(before));
	before[31] ^= 4;
	assert_true(altered_digest(head, before));
	assert_false(altered_digest(head, head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cell_of_an_item),
		cmocka_unit_test(packed_rows_are_bytes),
		cmocka_unit_test(more_than_one_byte_is_said),
		cmocka_unit_test(an_entry_and_a_block),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
