/* Recipe and note: what is written is read; what is not whole is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/stopper/note.h"
#include "rig/stopper/recipe.h"

static struct stop_recipe recipe_in(const char *folder)
{
	struct stop_recipe recipe = {
		.driver = "scpi-pen",
		.link = "serial:1209:0003:P \"1\"",
		.line = {.baud = 115200,
			 .data_bits = 7,
			 .stop_bits = 2,
			 .parity = LINK_PARITY_EVEN,
			 .flow = LINK_FLOW_RTS_CTS,
			 .wait_ns = 1500 * NS_PER_MS},
		.standstill_ms = 5000,
		.run = "R-1",
	};
	snprintf(recipe.folder, sizeof(recipe.folder), "%s", folder);
	return recipe;
}

static void test_recipe_is_read_as_written(void **state)
{
	(void)state;
	struct stop_recipe recipe = recipe_in("/var/runs \xc3\xa4\n"), read;
	char text[RECIPE_TEXT_MAX];
	struct err err = {""};

	assert_int_equal(stop_recipe_print(&recipe, text, &err), 0);
	assert_null(strchr(text, '\n')); /* one line of the lock's file */
	recipe.folder[strlen(recipe.folder) - 1] = '\0';
	assert_int_equal(stop_recipe_print(&recipe, text, &err), 0);
	assert_int_equal(stop_recipe_parse(text, &read, &err), 0);
	assert_memory_equal(&read, &recipe, sizeof(read));
}

/* Of a pen made of parts: which supply, which of its outputs. */
static void test_recipe_of_parts(void **state)
{
	(void)state;
	struct stop_recipe recipe = recipe_in("/var/runs"), read;
	char text[RECIPE_TEXT_MAX];
	struct err err = {""};

	assert_int_equal(stop_recipe_print(&recipe, text, &err), 0);
	assert_null(strstr(text, "power"));
	snprintf(recipe.power, sizeof(recipe.power), "scpi-power");
	recipe.output = 3;
	recipe.address = 17;
	assert_int_equal(stop_recipe_print(&recipe, text, &err), 0);
	assert_null(strstr(text, "dialect")); /* it has not said yet what it is */
	snprintf(recipe.dialect, sizeof(recipe.dialect), "rigol-dp800");
	snprintf(recipe.supply, sizeof(recipe.supply), "DP8A \"1\"");
	assert_int_equal(stop_recipe_print(&recipe, text, &err), 0);
	assert_int_equal(stop_recipe_parse(text, &read, &err), 0);
	assert_memory_equal(&read, &recipe, sizeof(read));
}

static void test_half_a_recipe_is_none(void **state)
{
	(void)state;
	struct stop_recipe recipe = recipe_in("/var/runs"), read = {.run = "untouched"};
	char text[RECIPE_TEXT_MAX];
	struct err err = {""};

	assert_int_equal(stop_recipe_print(&recipe, text, &err), 0);
	for (size_t cut = 0; cut < strlen(text); cut++) {
		char part[RECIPE_TEXT_MAX];
		snprintf(part, sizeof(part), "%.*s", (int)cut, text);
		assert_int_equal(stop_recipe_parse(part, &read, &err), -EINVAL);
	}
	assert_int_equal(stop_recipe_parse("{\"driver\":\"scpi-pen\"}", &read, &err), -EINVAL);
	strcpy(recipe.run, "../elsewhere");
	assert_int_equal(stop_recipe_print(&recipe, text, &err), 0);
	assert_int_equal(stop_recipe_parse(text, &read, &err), -EINVAL);
	assert_string_equal(read.run, "untouched");
}

static void test_recipe_too_long(void **state)
{
	(void)state;
	struct stop_recipe recipe = recipe_in("/");
	char text[RECIPE_TEXT_MAX];
	struct err err = {""};

	/* every byte of these is escaped to six */
	memset(recipe.folder, 1, sizeof(recipe.folder) - 1);
	memset(recipe.run, 1, sizeof(recipe.run) - 1);
	memset(recipe.link, 1, sizeof(recipe.link) - 1);
	assert_int_equal(stop_recipe_print(&recipe, text, &err), -EMSGSIZE);
}

static void test_note_beside_the_run_file(void **state)
{
	(void)state;
	char folder[] = "/tmp/penrig-note-XXXXXX", path[64];
	assert_non_null(mkdtemp(folder));
	struct stop_recipe recipe = recipe_in(folder);
	struct stop_note note = {.run = "R-1",
				 .pen = "usb:1209:0001:P1",
				 .utc = "2026-06-01T09:00:00.000Z",
				 .cause = "penrig (pid 1) is gone",
				 .stopped = true,
				 .ordered_ms = 12.5,
				 .confirmed_ms = NAN,
				 .text = "stopped"},
			 read;
	struct err err = {""};
	int fd = open(folder, O_RDONLY | O_DIRECTORY);

	assert_int_equal(stop_note_read(&recipe, &read, &err), -ENOENT);
	assert_int_equal(stop_note_write(fd, &note), 0);
	assert_int_equal(stop_note_read(&recipe, &read, &err), 0);
	assert_string_equal(read.run, note.run);
	assert_string_equal(read.cause, note.cause);
	assert_string_equal(read.text, note.text);
	assert_true(read.stopped && !read.killed);
	assert_true(read.ordered_ms == 12.5 && isnan(read.confirmed_ms));
	note.killed = true; /* it acts again: the first stays, the newest is read */
	assert_int_equal(stop_note_write(fd, &note), 0);
	assert_int_equal(stop_note_read(&recipe, &read, &err), 0);
	assert_true(read.killed);
	snprintf(path, sizeof(path), "%s/R-1.stopper.json.part", folder);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/R-1.stopper-2.json", folder);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(stop_note_read(&recipe, &read, &err), 0);
	assert_false(read.killed);
	snprintf(path, sizeof(path), "%s/R-1.stopper.json", folder);
	assert_int_equal(truncate(path, 40), 0);
	assert_int_equal(stop_note_read(&recipe, &read, &err), -EINVAL);
	unlink(path);
	close(fd);
	rmdir(folder);
	assert_int_equal(stop_note_write(-1, &note), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recipe_is_read_as_written), cmocka_unit_test(test_recipe_of_parts),
		cmocka_unit_test(test_half_a_recipe_is_none),     cmocka_unit_test(test_recipe_too_long),
		cmocka_unit_test(test_note_beside_the_run_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
