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

static const struct report_writer json = {.id = "json", .extension = ".report.json", .kept = true};
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
	static const char *const made[] = {"SN-1-demo-20260302T120000Z-2.junit.xml", "taken.report.json",
					   "taken2.penrig"};
	char path[400];

	(void)state;
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		path_of(made[i], path);
		unlink(path);
	}
	return rmdir(folder);
}

static bool is_there(const char *name)
{
	char path[400];

	path_of(name, path);
	return access(path, F_OK) == 0;
}

static struct record *record_of(const char *dut)
{
	struct record *record = record_new();

	assert_non_null(record);
	snprintf(record->dut, sizeof(record->dut), "%s", dut);
	snprintf(record->folder, sizeof(record->folder), "%s", folder);
	return record;
}

static const char *named(struct record *record, const char *plan)
{
	const struct delivery delivery = {.table = writers};

	if (name_default(&delivery, record, plan, noon_ns, &err) < 0)
		fail_msg("%s", err.text);
	return record->name;
}

/* No name is given twice, whatever of its files is there; one that was given back is free again. */
static void test_default_name_is_taken_once(void **state)
{
	struct record *first = record_of("SN-1"), *second = record_of("SN-1");

	(void)state;
	assert_string_equal(named(first, "demo"), "SN-1-demo-20260302T120000Z");
	assert_true(is_there("SN-1-demo-20260302T120000Z.penrig"));
	touch("SN-1-demo-20260302T120000Z-2.junit.xml");
	assert_string_equal(named(second, "demo"), "SN-1-demo-20260302T120000Z-3");
	delivery_give_name_back(first);
	assert_false(is_there("SN-1-demo-20260302T120000Z.penrig"));
	assert_false(is_there("SN-1-demo-20260302T120000Z-2.penrig"));
	assert_string_equal(named(first, "demo"), "SN-1-demo-20260302T120000Z");
	delivery_give_name_back(first);
	delivery_give_name_back(second);
	record_free(first);
	record_free(second);
}

static void test_default_name_is_a_safe_stem(void **state)
{
	struct record *record = record_of("../SN 7/\xc3\xa9");
	char longest[64];

	(void)state;
	assert_string_equal(named(record, "fine lines"), "_.-SN-7----fine-lines-20260302T120000Z");
	delivery_give_name_back(record);
	snprintf(record->dut, sizeof(record->dut), "-rf");
	assert_string_equal(named(record, "demo"), "_rf-demo-20260302T120000Z");
	delivery_give_name_back(record);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	snprintf(record->dut, sizeof(record->dut), "%s", longest);
	assert_int_equal(strlen(named(record, longest)), 40 + 1 + 40 + 1 + 16);
	delivery_give_name_back(record);
	record_free(record);
}

static void test_a_disk_that_makes_no_file_is_said_at_once(void **state)
{
	const struct delivery delivery = {.table = writers};
	struct record *record = record_of("SN-1");

	(void)state;
	snprintf(record->folder, sizeof(record->folder), "%s/nowhere", folder);
	assert_int_equal(name_default(&delivery, record, "demo", noon_ns, &err), -ENOENT);
	assert_non_null(strstr(err.text, "nowhere"));
	record_free(record);
}

static int choose(const char *name)
{
	const struct delivery delivery = {.table = writers};
	struct record *record = record_of("SN-1");
	int rc = name_chosen(&delivery, record, name, &err);

	if (rc == 0) {
		assert_string_equal(record->name, name);
		delivery_give_name_back(record);
	}
	record_free(record);
	return rc;
}

static void test_chosen_name(void **state)
{
	static const char *const bad[] = {"", ".hidden", "-dash", "a/b", "a b", "\xc3\xa9"};
	char longest[102];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(choose(bad[i]), -EINVAL);
	memset(longest, 'x', 101);
	longest[101] = '\0';
	assert_int_equal(choose(longest), -EINVAL);
	longest[100] = '\0';
	assert_int_equal(choose(longest), 0);
	touch("taken.report.json");
	assert_int_equal(choose("taken"), -EEXIST);
	assert_non_null(strstr(err.text, "choose another"));
	assert_false(is_there("taken.penrig"));
	assert_int_equal(choose("taken2"), 0);
	touch("taken2.penrig");
	assert_int_equal(choose("taken2"), -EEXIST);
}

static void test_names_beside_a_run_file(void **state)
{
	char name[24];

	(void)state;
	assert_int_equal(name_beside("out/a.penrig", ".x", name, sizeof(name)), 0);
	assert_string_equal(name, "out/a.x");
	assert_int_equal(name_beside("renamed", ".x", name, sizeof(name)), 0);
	assert_string_equal(name, "renamed.x");
	assert_int_equal(name_beside(".penrig", ".x", name, sizeof(name)), 0);
	assert_string_equal(name, ".penrig.x");
	assert_int_equal(name_beside("out/abcdefghijklmn.penrig", "12345", name, sizeof(name)), 0);
	assert_int_equal(name_beside("out/abcdefghijklmn.penrig", "123456", name, sizeof(name)), -ENAMETOOLONG);
}

static void test_output_folder(void **state)
{
	char path[400];

	(void)state;
	path_of("a", path);
	assert_int_equal(name_folder(path, &err), 0);
	assert_int_equal(rmdir(path), 0);
	touch("taken2.penrig");
	path_of("taken2.penrig/b", path);
	assert_int_equal(name_folder(path, &err), -ENOTDIR);
	assert_non_null(strstr(err.text, "cannot make the output folder"));
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
		cmocka_unit_test(test_default_name_is_taken_once),
		cmocka_unit_test(test_default_name_is_a_safe_stem),
		cmocka_unit_test(test_a_disk_that_makes_no_file_is_said_at_once),
		cmocka_unit_test(test_chosen_name),
		cmocka_unit_test(test_names_beside_a_run_file),
		cmocka_unit_test(test_output_folder),
		cmocka_unit_test(test_record_text_is_whole_or_refused),
		cmocka_unit_test(test_attributes),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
