/* Names of files and what may enter a record. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig/base/loop.h"
#include "rig/cli/kit/naming.h"

static const struct report_writer json = {.id = "json", .extension = ".report.json"};
static const struct report_writer junit = {.id = "junit", .extension = ".junit.xml"};
static const struct report_writer *const writers[] = {&json, &junit, NULL};
static const uint64_t noon_ns = 1772452800ULL * NS_PER_S; /* 2026-03-02T12:00:00Z */

static char folder[160];
static struct err err;

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "%s/nameXXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	return mkdtemp(folder) ? 0 : -1;
}

static void path_of(const char *name, char path[400])
{
	snprintf(path, 400, "%s/%s", folder, name);
}

static void touch(const char *name)
{
	char path[400];
	FILE *f;

	path_of(name, path);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
}

static int remove_folder(void **state)
{
	static const char *const made[] = {"SN-1-demo-20260302T120000Z.penrig",
					   "SN-1-demo-20260302T120000Z-2.junit.xml", "taken.report.json"};
	char path[400];

	(void)state;
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		path_of(made[i], path);
		unlink(path);
	}
	return rmdir(folder);
}

static void test_default_name_is_unique(void **state)
{
	char name[128];

	(void)state;
	name_default("SN-1", "demo", noon_ns, folder, writers, name);
	assert_string_equal(name, "SN-1-demo-20260302T120000Z");
	touch("SN-1-demo-20260302T120000Z.penrig");
	name_default("SN-1", "demo", noon_ns, folder, writers, name);
	assert_string_equal(name, "SN-1-demo-20260302T120000Z-2");
	touch("SN-1-demo-20260302T120000Z-2.junit.xml");
	name_default("SN-1", "demo", noon_ns, folder, writers, name);
	assert_string_equal(name, "SN-1-demo-20260302T120000Z-3");
}

static void test_default_name_is_a_safe_stem(void **state)
{
	char name[128], longest[64];

	(void)state;
	name_default("../SN 7/\xc3\xa9", "fine lines", noon_ns, folder, writers, name);
	assert_string_equal(name, "-.-SN-7----fine-lines-20260302T120000Z");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	name_default(longest, longest, noon_ns, folder, writers, name);
	assert_int_equal(strlen(name), 40 + 1 + 40 + 1 + 16);
}

static void test_chosen_name(void **state)
{
	static const char *const bad[] = {"", ".hidden", "-dash", "a/b", "a b", "\xc3\xa9"};
	char longest[102];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(name_check(bad[i], folder, writers, &err), -EINVAL);
	memset(longest, 'x', 101);
	longest[101] = '\0';
	assert_int_equal(name_check(longest, folder, writers, &err), -EINVAL);
	longest[100] = '\0';
	assert_int_equal(name_check(longest, folder, writers, &err), 0);
	touch("taken.report.json");
	assert_int_equal(name_check("taken", folder, writers, &err), -EEXIST);
	assert_non_null(strstr(err.text, "choose another"));
	assert_int_equal(name_check("taken2", folder, writers, &err), 0);
}

static void test_record_text_is_whole_or_refused(void **state)
{
	char field[8] = "before";

	(void)state;
	assert_int_equal(record_text("--lot", NULL, field, sizeof(field), &err), 0);
	assert_string_equal(field, "before");
	assert_int_equal(record_text("--lot", "12345678", field, sizeof(field), &err), -EINVAL);
	assert_int_equal(record_text("--lot", "", field, sizeof(field), &err), -EINVAL);
	assert_int_equal(record_text("--lot", "a\x1b", field, sizeof(field), &err), -EINVAL);
	assert_int_equal(record_text("--lot", "\xff", field, sizeof(field), &err), -EINVAL);
	assert_string_equal(field, "before");
	assert_int_equal(record_text("--lot", "1234567", field, sizeof(field), &err), 0);
	assert_string_equal(field, "1234567");
}

static void test_attributes(void **state)
{
	struct record *record = record_new();
	char text[20];

	(void)state;
	assert_int_equal(record_attribute("shift=late=2", record, &err), 0);
	assert_string_equal(record->attr[0].key, "shift");
	assert_string_equal(record->attr[0].value, "late=2");
	assert_int_equal(record_attribute("shift=x", record, &err), -EINVAL);
	assert_non_null(strstr(err.text, "twice"));
	assert_int_equal(record_attribute("noequals", record, &err), -EINVAL);
	assert_int_equal(record_attribute("=x", record, &err), -EINVAL);
	assert_int_equal(record_attribute("a b=x", record, &err), -EINVAL);
	assert_int_equal(record_attribute("empty=", record, &err), -EINVAL);
	assert_int_equal(record->attrs, 1);
	for (unsigned i = 1; i < RECORD_ATTRS_MAX; i++) {
		snprintf(text, sizeof(text), "k%u=v", i);
		assert_int_equal(record_attribute(text, record, &err), 0);
	}
	assert_int_equal(record_attribute("last=v", record, &err), -EINVAL);
	record_free(record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_name_is_unique),
		cmocka_unit_test(test_default_name_is_a_safe_stem),
		cmocka_unit_test(test_chosen_name),
		cmocka_unit_test(test_record_text_is_whole_or_refused),
		cmocka_unit_test(test_attributes),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
