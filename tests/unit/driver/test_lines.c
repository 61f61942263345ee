/* Bytes to lines: every line end, what spoils a line, and the same lines whatever the pieces they come in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "rig/driver/lines.h"

/* Lines and dropped ones ("#") of `bytes` in their order, each with a '|' behind it. */
static void feed(struct lines *lines, const char *bytes, size_t len, size_t step, char *ret)
{
	*ret = '\0';
	for (size_t at = 0; at < len;) {
		size_t used = 0, piece = len - at < step ? len - at : step;
		enum lines_fed fed = lines_feed(lines, (const uint8_t *)bytes + at, piece, &used);
		assert_true(used > 0 && used <= piece);
		at += used;
		if (fed == LINES_MORE)
			assert_int_equal(used, piece);
		else
			assert_int_equal(bytes[at - 1], '\n');
		if (fed == LINES_LINE) {
			strcat(ret, lines->text);
			strcat(ret, "|");
		} else if (fed == LINES_DROPPED) {
			strcat(ret, "#|");
		}
	}
}

static void in_pieces(void **state)
{
	static const char bytes[] = "0;1\r\n\n\r\n  \n12\x80;3\nab\rc\n\"x;y\";4\n\tz~\nunfinished";

	(void)state;
	for (size_t step = 1; step <= sizeof(bytes); step++) {
		struct lines lines = {.len = 0};
		char got[200];
		feed(&lines, bytes, sizeof(bytes) - 1, step, got);
		assert_string_equal(got, "0;1|  |#|#|\"x;y\";4|\tz~|");
		assert_int_equal(lines.dropped, 2);
	}
}

/* One line after it shows that nothing of a dropped line is left. */
static void what_spoils_a_line(void **state)
{
	static const struct {
		const char *bytes, *lines;
	} cases[] = {
		{"\r\r\nok\n", "#|ok|"}, {"a\r\r\nok\n", "#|ok|"},    {"\ra\nok\n", "#|ok|"},
		{"\x1f\nok\n", "#|ok|"}, {"\x7f\nok\n", "#|ok|"},     {"\xff\nok\n", "#|ok|"},
		{"\x80\nok\n", "#|ok|"}, {"\x01\r\nok\r\n", "#|ok|"}, {"a\x08z\nok\n", "#|ok|"},
		{" \nok\n", " |ok|"},    {"~\nok\n", "~|ok|"},        {"\t\nok\n", "\t|ok|"},
		{"\n\r\n\nok\n", "ok|"},
	};
	char got[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lines lines = {.len = 0};
		feed(&lines, cases[i].bytes, strlen(cases[i].bytes), 100, got);
		assert_string_equal(got, cases[i].lines);
		assert_int_equal(lines.dropped, cases[i].lines[0] == '#');
	}
	struct lines lines = {.len = 0};
	feed(&lines, "a\0b\nok\n", 7, 100, got);
	assert_string_equal(got, "#|ok|");
}

static void longest_line(void **state)
{
	char bytes[LINES_MAX + 16];
	size_t used;

	(void)state;
	for (size_t len = LINES_MAX - 1; len <= LINES_MAX + 2; len++) {
		for (int cr = 0; cr < 2; cr++) {
			struct lines lines = {.len = 0};
			memset(bytes, 'a', len);
			strcpy(bytes + len, cr ? "\r\n" : "\n");
			enum lines_fed fed = lines_feed(&lines, (const uint8_t *)bytes, len + 1 + (size_t)cr, &used);
			assert_int_equal(fed, len <= LINES_MAX ? LINES_LINE : LINES_DROPPED);
			assert_int_equal(used, len + 1 + (size_t)cr);
			if (fed == LINES_LINE)
				assert_int_equal(strlen(lines.text), len);
			assert_int_equal(lines_feed(&lines, (const uint8_t *)"1\n", 2, &used), LINES_LINE);
			assert_string_equal(lines.text, "1");
		}
	}
}

static void nothing_is_nothing(void **state)
{
	struct lines lines = {.len = 0};
	size_t used = 7;

	(void)state;
	assert_int_equal(lines_feed(&lines, (const uint8_t *)"x", 0, &used), LINES_MORE);
	assert_int_equal(used, 0);
	assert_int_equal(lines.len, 0);
}

/* For a message: nothing of it can steer a terminal or be taken for the sentence around it. */
static void what_came_is_shown(void **state)
{
	static const struct {
		const char *bytes, *shown;
		size_t size;
	} cases[] = {
		{"0;1\r\n", "0;1", 40},
		{"+0,\"No error\"\n", "+0,\\\"No error\\\"", 40},
		{"\x1b[2J\xff\t\\\n", "\\x1b[2J\\xff\\x09\\\\", 40},
		{"a\rb\n", "ab", 40}, /* the CR is what spoilt it */
		{"1234567\n", "1234567", 11},
		{"12345678\n", "1234567...", 11},
		{"123456\x01\n", "123456...", 11},
		{"a\x01\x01\n", "a\\x01...", 9},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lines lines = {.len = 0};
		char shown[40];
		size_t used;
		lines_feed(&lines, (const uint8_t *)cases[i].bytes, strlen(cases[i].bytes), &used);
		lines_show(&lines, shown, cases[i].size);
		assert_string_equal(shown, cases[i].shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_pieces),          cmocka_unit_test(what_came_is_shown),
		cmocka_unit_test(what_spoils_a_line), cmocka_unit_test(longest_line),
		cmocka_unit_test(nothing_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
