/* A new key's password out of a file: one that is there, and nobody else's to read. */
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

#include "rig/cli/kit/keys.h"

static char path[] = "/tmp/penrig-keys-XXXXXX";

static int asked(const char *text, mode_t mode, char ret[64], struct err *err)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
	return keys_new_password(path, ret, 64, err);
}

static void the_first_line_is_the_password(void **state)
{
	static const char *const files[] = {"horse", "horse\n", "horse\r\n", "horse\nbattery\n"};
	char password[64];
	struct err err = {""};

	(void)state;
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		assert_int_equal(asked(files[i], 0600, password, &err), 0);
		assert_string_equal(password, "horse");
	}
}

/* Encrypted with nothing, the key would be open, and nobody would have said so. */
static void an_empty_one_is_refused(void **state)
{
	static const char *const files[] = {"", "\n", "\r\n", "\nhorse\n"};
	char password[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct err err = {""};

		assert_int_equal(asked(files[i], 0600, password, &err), -EINVAL);
		assert_non_null(strstr(err.text, path));
		assert_non_null(strstr(err.text, "--no-password"));
	}
}

static void one_that_others_may_read_is_refused(void **state)
{
	char password[64];
	struct err err = {""};

	(void)state;
	assert_int_equal(asked("horse\n", 0644, password, &err), -EPERM);
	assert_non_null(strstr(err.text, "chmod 600"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_is_the_password),
		cmocka_unit_test(an_empty_one_is_refused),
		cmocka_unit_test(one_that_others_may_read_is_refused),
	};
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
