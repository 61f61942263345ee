/* What --format of penrig import offers is what the table of readers has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "rig/cli/kit/command.h"
#include "rig/offline/import/reader.h"

static const char *const *words_of(const struct command *command, const char *option)
{
	for (const struct cli_option *o = command->options; o->name; o++)
		if (strcmp(o->name, option) == 0)
			return o->words;
	return NULL;
}

static bool is_among(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

static void test_formats(void **unused)
{
	const char *const *words = words_of(&command_import, "format");
	unsigned offered = 0, named = 0;
	(void)unused;

	assert_non_null(words);
	assert_string_equal(words[0], "auto");
	while (words[offered + 1])
		offered++;
	for (const struct recording_reader *const *reader = reader_table; *reader; reader++) {
		if (!*(*reader)->name) /* it only refuses */
			continue;
		assert_true(is_among((*reader)->name, words));
		named++;
	}
	assert_int_equal(named, offered);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_formats)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
