/* The option table against getopt: what is taken, what is refused, and that the refusal names a remedy. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rig/cli/kit/command.h"

struct options {
	const char *bench;
	struct option_list attr;
	bool quiet;
	int color;
};

static const char *const words[] = {"auto", "always", "never", NULL};

static const struct cli_option table[] = {
	{.name = "bench", .letter = 'b', .kind = OPTION_TEXT, .arg = "FILE", .offset = offsetof(struct options, bench)},
	{.name = "attr",
	 .letter = 'a',
	 .kind = OPTION_LIST,
	 .arg = "KEY=VALUE",
	 .offset = offsetof(struct options, attr)},
	{.name = "quiet", .kind = OPTION_FLAG, .offset = offsetof(struct options, quiet)},
	{.name = "quick", .kind = OPTION_FLAG, .offset = offsetof(struct options, quiet)},
	{.name = "color",
	 .kind = OPTION_WORD,
	 .arg = "WHEN",
	 .words = words,
	 .offset = offsetof(struct options, color)},
	{.name = NULL},
};

static const struct command command = {
	.name = "try",
	.operands = "PLAN",
	.operands_min = 1,
	.operands_max = 1,
	.options = table,
	.options_size = sizeof(struct options),
};

static struct options options;
static struct err err;
static struct operand_list operands;

static int parse(const char *line)
{
	static char text[600];
	static char *argv[80];
	int argc = 0;

	snprintf(text, sizeof(text), "%s", line);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	memset(&options, 0, sizeof(options));
	memset(&err, 0, sizeof(err));
	operands.count = 99;
	return options_parse(&command, argc, argv, &options, &operands, &err);
}

static void test_takes_every_kind(void **state)
{
	(void)state;
	assert_int_equal(parse("try --bench b.json -a x=1 plan.json --attr=y=2 --quiet --color never"), 0);
	assert_string_equal(options.bench, "b.json");
	assert_int_equal(options.attr.count, 2);
	assert_string_equal(options.attr.item[0], "x=1");
	assert_string_equal(options.attr.item[1], "y=2");
	assert_true(options.quiet);
	assert_int_equal(options.color, 2);
	assert_int_equal(operands.count, 1);
	assert_string_equal(operands.item[0], "plan.json");
}

static void test_last_text_counts_and_dashes_end_options(void **state)
{
	(void)state;
	assert_int_equal(parse("try -b one -b two -- --quiet"), 0);
	assert_string_equal(options.bench, "two");
	assert_false(options.quiet);
	assert_string_equal(operands.item[0], "--quiet");
}

static void test_help_wins(void **state)
{
	(void)state;
	assert_int_equal(parse("try --help"), 1);
	assert_int_equal(parse("try -h"), 1);
}

static void refused(const char *line, const char *text)
{
	assert_int_equal(parse(line), -EINVAL);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" does not say \"%s\"", err.text, text);
	assert_int_equal(operands.count, 99);
}

static void test_refusals_name_a_remedy(void **state)
{
	(void)state;
	refused("try --bnech x plan", "did you mean \"--bench\"?");
	refused("try --bnech=x plan", "did you mean \"--bench\"?");
	refused("try --zzzzzz plan", "unknown option \"--zzzzzz\"");
	refused("try --qui plan", "could be several");
	refused("try -x plan", "unknown option \"-x\"");
	refused("try plan --bench", "--bench FILE");
	refused("try plan -b", "--bench FILE");
	refused("try --quiet=1 plan", "takes no value");
	refused("try --help=1 plan", "takes no value");
	refused("try --color sometimes plan", "auto, always, never");
	refused("try", "PLAN is missing");
	refused("try a b", "\"b\" is one argument too many");
}

static void test_list_is_bounded(void **state)
{
	char line[600] = "try plan";

	(void)state;
	for (int i = 0; i < OPTION_LIST_MAX; i++)
		strcat(line, " -a k=v");
	assert_int_equal(parse(line), 0);
	assert_int_equal(options.attr.count, OPTION_LIST_MAX);
	strcat(line, " -a k=v");
	refused(line, "more than 32 times");
}

static void test_nearest_word(void **state)
{
	static const char *const names[] = {"run", "list", "check", "show", NULL};

	(void)state;
	assert_string_equal(nearest_word("chekc", names), "check");
	assert_string_equal(nearest_word("lst", names), "list");
	assert_string_equal(nearest_word("rum", names), "run");
	assert_null(nearest_word("rxx", names));
	assert_null(nearest_word("a-word-that-is-longer-than-thirty-two-characters", names));
}

/* What help and completion offer as formats is what there is, and `more` that another program makes; NULL: none. */
static void formats_are_the_tables(const struct command *of, const char *name, const char *more)
{
	const struct cli_option *o = of->options;
	unsigned n = 0;

	while (o->name && strcmp(o->name, name) != 0)
		o++;
	assert_non_null(o->words);
	for (; report_table[n]; n++)
		assert_string_equal(o->words[n], report_table[n]->id);
	if (more)
		assert_string_equal(o->words[n++], more);
	assert_null(o->words[n]);
}

static void test_every_report_format_is_offered(void **state)
{
	(void)state;
	formats_are_the_tables(&command_report, "format", "pdf");
	formats_are_the_tables(&command_run, "report", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes_every_kind),
		cmocka_unit_test(test_last_text_counts_and_dashes_end_options),
		cmocka_unit_test(test_help_wins),
		cmocka_unit_test(test_refusals_name_a_remedy),
		cmocka_unit_test(test_list_is_bounded),
		cmocka_unit_test(test_nearest_word),
		cmocka_unit_test(test_every_report_format_is_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
