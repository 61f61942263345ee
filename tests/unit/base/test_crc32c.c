/* CRC-32C against published values and against docs/protocols/vectors/crc32c.txt, by both ways of computing it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rig/base/crc32c.h"

/* RFC 3720 B.4 (iSCSI) and the usual check value. */
static void test_published(void **state)
{
	uint8_t zeros[32] = {0}, ones[32], up[32], down[32];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (unsigned i = 0; i < 32; i++) {
		up[i] = (uint8_t)i;
		down[i] = (uint8_t)(31 - i);
	}
	assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
	assert_int_equal(crc32c(0, zeros, 32), 0x8A9136AA);
	assert_int_equal(crc32c(0, ones, 32), 0x62A8AB43);
	assert_int_equal(crc32c(0, up, 32), 0x46DD794E);
	assert_int_equal(crc32c(0, down, 32), 0x113FDB5C);
	assert_int_equal(crc32c_software(0, "123456789", 9), 0xE3069283);
	assert_int_equal(crc32c_software(0, up, 32), 0x46DD794E);
	assert_int_equal(crc32c(0, "", 0), 0);
}

static void test_vectors(void **state)
{
	static char line[8192], hex[4096];
	static uint8_t data[2048];
	unsigned expected, cases = 0;
	FILE *file = fopen("docs/protocols/vectors/crc32c.txt", "r");

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		size_t len = 0;
		if (sscanf(line, "crc %4095s %x", hex, &expected) != 2)
			continue;
		for (unsigned byte; hex[0] != '-' && sscanf(hex + 2 * len, "%2x", &byte) == 1; len++)
			data[len] = (uint8_t)byte;
		assert_int_equal(crc32c(0, data, len), expected);
		assert_int_equal(crc32c_software(0, data, len), expected);
		cases++;
	}
	fclose(file);
	assert_int_equal(cases, 7);
}

/* Bit by bit, as the polynomial says. */
static uint32_t slow(const uint8_t *p, size_t len)
{
	uint32_t crc = 0xFFFFFFFF;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82F63B78 : 0);
	}
	return ~crc;
}

static void test_every_length_and_cut(void **state)
{
	uint8_t data[80];
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	for (size_t start = 0; start < 8; start++) {
		for (size_t len = 0; len + start <= sizeof(data); len++) {
			uint32_t expected = slow(data + start, len);
			assert_int_equal(crc32c(0, data + start, len), expected);
			assert_int_equal(crc32c_software(0, data + start, len), expected);
			assert_int_equal(
				crc32c(crc32c(0, data + start, len / 3), data + start + len / 3, len - len / 3),
				expected);
			assert_int_equal(crc32c_software(crc32c_software(0, data + start, len / 2),
							 data + start + len / 2, len - len / 2),
					 expected);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_every_length_and_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
