/* USBTMC headers, byte by byte as USBTMC 1.00 tables 1, 3, 4 and 9 have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "rig/link/usbtmc_wire.h"

static void message_out(void **state)
{
	static const uint8_t expected[] = {1, 0x21, 0xde, 0,   6,   0,   0,   0,    1, 0,
					   0, 0,    '*',  'I', 'D', 'N', '?', '\n', 0, 0};
	uint8_t buf[sizeof(expected)];

	(void)state;
	memset(buf, 0xaa, sizeof(buf));
	assert_int_equal(usbtmc_put_out(buf, 0x21, (const uint8_t *)"*IDN?\n", 6), sizeof(expected));
	assert_memory_equal(buf, expected, sizeof(expected));
}

static void message_out_without_padding(void **state)
{
	uint8_t buf[USBTMC_HEADER + 4 + 1] = {[16] = 0x77};

	(void)state;
	assert_int_equal(usbtmc_put_out(buf, 1, (const uint8_t *)"abc\n", 4), 16);
	assert_memory_equal(buf + 12, "abc\n", 4);
	assert_int_equal(buf[16], 0x77);
}

static void request_in(void **state)
{
	static const uint8_t expected[] = {2, 0xff, 0x00, 0, 0x04, 0x03, 0x02, 0x01, 0, 0, 0, 0};
	uint8_t buf[USBTMC_HEADER];

	(void)state;
	assert_int_equal(usbtmc_put_request(buf, 0xff, 0x01020304), USBTMC_HEADER);
	assert_memory_equal(buf, expected, sizeof(expected));
}

static void tags_skip_zero(void **state)
{
	(void)state;
	assert_int_equal(usbtmc_next_tag(0), 1);
	assert_int_equal(usbtmc_next_tag(1), 2);
	assert_int_equal(usbtmc_next_tag(254), 255);
	assert_int_equal(usbtmc_next_tag(255), 1);
}

static void message_in(void **state)
{
	const uint8_t good[USBTMC_HEADER] = {2, 7, 0xf8, 0, 0x05, 0x01, 0, 0, 0x03, 0, 0, 0};
	static const struct {
		int at;
		uint8_t value;
	} bad[] = {{0, 1}, {0, 126}, {1, 8}, {2, 7}};
	struct usbtmc_in in = {0};
	uint8_t buf[USBTMC_HEADER];

	(void)state;
	assert_int_equal(usbtmc_get_in(good, &in), 0);
	assert_int_equal(in.tag, 7);
	assert_int_equal(in.size, 0x105);
	assert_true(in.eom);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct usbtmc_in untouched = {.tag = 99};

		memcpy(buf, good, sizeof(buf));
		buf[bad[i].at] = bad[i].value;
		assert_int_equal(usbtmc_get_in(buf, &untouched), -EPROTO);
		assert_int_equal(untouched.tag, 99);
	}
	memcpy(buf, good, sizeof(buf));
	memset(buf + 4, 0, 4);
	assert_int_equal(usbtmc_get_in(buf, &in), -EPROTO);
	memcpy(buf, good, sizeof(buf));
	buf[1] = 0;
	buf[2] = 0xff;
	assert_int_equal(usbtmc_get_in(buf, &in), -EPROTO);
	memcpy(buf, good, sizeof(buf));
	buf[7] = 0x80;
	buf[8] = 0;
	assert_int_equal(usbtmc_get_in(buf, &in), 0);
	assert_int_equal(in.size, 0x80000105);
	assert_false(in.eom);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_out), cmocka_unit_test(message_out_without_padding),
		cmocka_unit_test(request_in),  cmocka_unit_test(tags_skip_zero),
		cmocka_unit_test(message_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
