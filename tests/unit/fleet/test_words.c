/* Words as arrays of PostgreSQL's, and UUIDs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/fleet/server.h"
#include "rig/fleet/words.h"

static void arrays(void **state)
{
	static const struct {
		unsigned count;
		const char *word[3], *text;
	} rows[] = {
		{0, {NULL}, "{}"},
		{1, {"model=X2"}, "{\"model=X2\"}"},
		{2, {"a", "b c"}, "{\"a\",\"b c\"}"},
		{3, {"", "NULL", "{,}"}, "{\"\",\"NULL\",\"{,}\"}"},
		{2, {"say \"no\"", "back\\slash"}, "{\"say \\\"no\\\"\",\"back\\\\slash\"}"},
		{1, {"\"\"\"\"\"\"\"\""}, "{\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\"}"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = words_array(rows[i].word, rows[i].count);
		assert_non_null(text);
		assert_string_equal(text, rows[i].text);
		free(text);
	}
}

static void uuids(void **state)
{
	char a[UUID_TEXT], b[UUID_TEXT];

	(void)state;
	assert_int_equal(uuid_draw(a, NULL), 0);
	assert_int_equal(uuid_draw(b, NULL), 0);
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), 36);
	assert_int_equal(a[14], '4');
	assert_non_null(strchr("89ab", a[19]));
	for (unsigned i = 0; i < 36; i++)
		assert_true(i == 8 || i == 13 || i == 18 || i == 23 ? a[i] == '-' : isxdigit((unsigned char)a[i]) != 0);
}

static void what_may_pass(void **state)
{
	(void)state;
	assert_true(server_may_pass(-ENOLINK));
	assert_true(server_may_pass(-EAGAIN));
	assert_false(server_may_pass(-EREMOTE));
	assert_false(server_may_pass(-EACCES));
	assert_false(server_may_pass(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrays),
		cmocka_unit_test(uuids),
		cmocka_unit_test(what_may_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
