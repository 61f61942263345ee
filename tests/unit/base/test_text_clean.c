/* Text of others: what a document carries, and what no terminal may be told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig/base/text_clean.h"

static void test_a_document_carries_it(void **state)
{
	(void)state;
	char out[32];
	assert_string_equal(text_clean("20 °C", out, sizeof(out)), "20 °C");
	assert_string_equal(text_clean("a\xe2\x80\xae"
				       "b\xc2\x9b",
				       out, sizeof(out)),
			    "a???b??"); /* nor turns a document around, or steers who prints it */
	assert_string_equal(text_clean("20 \xc2", out, sizeof(out)), "20 ?"); /* cut in the middle */
	assert_string_equal(text_clean("a\xc0\x80"
				       "b\xed\xa0\x80",
				       out, sizeof(out)),
			    "a??b???"); /* overlong, surrogate */
	assert_string_equal(text_clean("a\001b\tc\x7f", out, sizeof(out)), "a?b\tc?");
	assert_string_equal(text_clean("\xf0\x9f\x98\x80!", out, sizeof(out)), "\xf0\x9f\x98\x80!");
	assert_string_equal(text_clean("0123456789", out, 5), "0123");
}

/* Texts are looked at eight bytes at a time: what is not carried is found wherever it stands, and nothing beside it. */
static void test_wherever_it_stands(void **state)
{
	static const unsigned char others[] = {0x01, 0x1f, 0x7f, 0x80, 0xff};
	char text[21], out[21], expected[21];

	(void)state;
	for (size_t at = 0; at < sizeof(text) - 1; at++)
		for (size_t i = 0; i < sizeof(others); i++) {
			snprintf(text, sizeof(text), "abc ~\"\\zABC ~\"\\ZABC ");
			memcpy(expected, text, sizeof(text));
			text[at] = (char)others[i];
			expected[at] = '?';
			assert_string_equal(text_clean(text, out, sizeof(out)), expected);
		}
}

static void printed(const char *text, const char *expected)
{
	char *got = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&got, &len);

	assert_non_null(out);
	print_clean(out, text);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(got, expected);
	free(got);
}

static void test_it_cannot_steer_a_terminal(void **state)
{
	(void)state;
	printed("a\x1b[31mb\nc\xc2\x9b"
		"d\xff"
		"e\xc3\xa9\xed\xa0\x80",
		"a?[31mb?c?d?e\xc3\xa9???");
	printed("cut \xe2\x82", "cut ??");
	printed("", "");
	assert_true(text_is_clean("J\xc3\xb6rg 90 %"));
	assert_true(text_is_clean(""));
	assert_false(text_is_clean("a\tb"));
	assert_false(text_is_clean("a\x7f"));
	assert_false(text_is_clean("\xc2\x85"));
	assert_false(text_is_clean("\xc2\x9f"));
	assert_false(text_is_clean("\xe2\x80\xae")); /* turns what follows around */
	assert_false(text_is_clean("\xe2\x81\xa6"));
	assert_false(text_is_clean("\xe2\x80\xa8")); /* breaks the line */
	assert_false(text_is_clean("\xd8\x9c"));
	assert_true(text_is_clean("\xe2\x80\xa7\xe2\x80\xaf\xe2\x80\x90"));
	assert_true(text_is_clean("\xc2\xa0"));
	assert_false(text_is_clean("\xc0\xaf"));
	assert_false(text_is_clean("\xc3"));
	assert_false(text_is_clean("\xf4\x90\x80\x80"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_document_carries_it),
		cmocka_unit_test(test_wherever_it_stands),
		cmocka_unit_test(test_it_cannot_steer_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
