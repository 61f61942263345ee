/* What a witness hands in: text of a bounded length, kept byte for byte, and nothing that steers a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/offline/import/statement.h"

static int hear(const char *text, size_t len, char **ret, size_t *ret_len, struct err *err)
{
	char path[] = "/tmp/penrig-statement-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, text, len) == (ssize_t)len);
	close(fd);
	int rc = statement_read(path, ret, ret_len, err);
	unlink(path);
	return rc;
}

static void test_text_is_kept_as_it_is(void **state)
{
	static const char text[] = "I saw it, \xc3\xa4nd it stood.\r\n\tA. Smith\n";
	char *kept = NULL;
	size_t len;
	struct err err;
	(void)state;
	assert_int_equal(hear(text, sizeof(text) - 1, &kept, &len, &err), 0);
	assert_int_equal(len, sizeof(text) - 1);
	assert_string_equal(kept, text);
	free(kept);
}

static void test_both_sides_of_the_bound(void **state)
{
	char *text = malloc(STATEMENT_MAX + 1), *kept = NULL;
	size_t len;
	struct err err;
	(void)state;
	assert_non_null(text);
	memset(text, 'a', STATEMENT_MAX + 1);
	assert_int_equal(hear(text, STATEMENT_MAX, &kept, &len, &err), 0);
	assert_int_equal(len, STATEMENT_MAX);
	free(kept);
	kept = NULL;
	assert_int_equal(hear(text, STATEMENT_MAX + 1, &kept, &len, &err), -EINVAL);
	assert_non_null(strstr(err.text, "at most 16384 bytes"));
	assert_null(kept);
	free(text);
}

static void test_what_is_no_statement(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *why;
	} bad[] = {{"", 0, "is blank"},
		   {" \r\n\t\n", 5, "is blank"},
		   {"a\xff", 2, "byte 2 is no UTF-8"},
		   {"a\n\x1b[2J", 6, ":2: a control character"},
		   {"a\0b", 3, ":1: a control character"},
		   {"\x7f", 1, "a control character"}};
	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *kept = NULL;
		size_t len;
		struct err err = {""};
		assert_int_equal(hear(bad[i].text, bad[i].len, &kept, &len, &err), -EINVAL);
		assert_null(kept);
		if (!strstr(err.text, bad[i].why))
			fail_msg("\"%s\" does not say \"%s\"", err.text, bad[i].why);
	}
	char *kept = NULL;
	size_t len;
	struct err err = {""};
	assert_int_equal(statement_read("/nonexistent/x", &kept, &len, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is_kept_as_it_is),
		cmocka_unit_test(test_both_sides_of_the_bound),
		cmocka_unit_test(test_what_is_no_statement),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
