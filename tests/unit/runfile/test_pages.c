/* The pages of a run file, by whatever name it is called. */
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

#include "rig/runfile/pages.h"

static char folder[] = "/tmp/penrig-pages-XXXXXX";
static char file[64], wal[80], elsewhere[64], link_there[80];

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* What a log holds is newer than the pages: they are not looked at, also where only a link leads there. */
static void a_log_beside_the_file_is_found_through_a_link(void **state)
{
	const char *const names[] = {file, link_there};

	(void)state;
	write_file(file, "no pages");
	for (unsigned i = 0; i < 2; i++) {
		struct err err = {""};

		write_file(wal, "log");
		assert_int_equal(pages_check(names[i], NULL, 0, &err), -EAGAIN);
		assert_non_null(strstr(err.text, "log beside it"));
		write_file(wal, ""); /* written back */
		assert_int_equal(pages_check(names[i], NULL, 0, &err), -EBADMSG);
		assert_non_null(strstr(err.text, "too short"));
	}
}

static void a_file_that_is_not_there(void **state)
{
	struct err err = {""};

	(void)state;
	assert_int_equal(pages_check("/tmp/penrig-no-such-file", NULL, 0, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_beside_the_file_is_found_through_a_link),
		cmocka_unit_test(a_file_that_is_not_there),
	};

	if (!mkdtemp(folder))
		return 1;
	snprintf(file, sizeof(file), "%s/a.penrig", folder);
	snprintf(wal, sizeof(wal), "%s-wal", file);
	snprintf(elsewhere, sizeof(elsewhere), "%s/links", folder);
	snprintf(link_there, sizeof(link_there), "%s/b.penrig", elsewhere);
	if (mkdir(elsewhere, 0700) || symlink(file, link_there))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(link_there);
	rmdir(elsewhere);
	unlink(wal);
	unlink(file);
	rmdir(folder);
	return failed;
}
