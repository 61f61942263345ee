/* `penrig help`: the commands, one of them, or what is generated from their tables. */
#include <string.h>

#include "rig/cli/kit/command.h"
#include "rig/cli/kit/table.h"
#include "rig/cli/measurands.h"

struct help_options {
	bool man, completion, json, csv;
};

static const struct cli_option help_table[] = {
	{.name = "man",
	 .kind = OPTION_FLAG,
	 .help = "Print the manual page's source for scdoc(1).",
	 .offset = offsetof(struct help_options, man),
	 .hidden = true},
	{.name = "completion",
	 .kind = OPTION_FLAG,
	 .help = "Print a completion for bash; source it, or save it in /usr/share/bash-completion/completions/penrig.",
	 .offset = offsetof(struct help_options, completion)},
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .help = "With measurands and tables: one JSON array on standard output.",
	 .offset = offsetof(struct help_options, json)},
	{.name = "csv",
	 .kind = OPTION_FLAG,
	 .help = "With measurands: the same as CSV.",
	 .offset = offsetof(struct help_options, csv)},
	{.name = NULL},
};

static int help_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct help_options *o = options;
	const struct command *command = count ? command_find(operands[0]) : NULL;
	bool main_page = o->man && count && strcmp(operands[0], "penrig") == 0;
	bool measurands = count && strcmp(operands[0], help_topics[0]) == 0;
	bool tables_of = count && strcmp(operands[0], help_topics[1]) == 0;
	struct err err = {""};

	(void)tables;
	if ((o->json && !measurands && !tables_of) || (o->csv && !measurands))
		return cli_error(EXIT_USAGE,
				 "--json is for \"penrig help measurands\" and \"tables\" alone, --csv for the former");
	if (measurands && (o->json || o->csv))
		return measurands_print_form(o->csv);
	if (tables_of && o->json)
		return tables_print_json(&err) ? cli_error(EXIT_INTERNAL, "%s", err.text) : EXIT_PASS;
	if (measurands)
		measurands_print(stdout);
	else if (tables_of)
		tables_print();
	else if (o->completion)
		help_completion(stdout);
	else if (main_page)
		help_man_main(stdout);
	else if (count && !command)
		return cli_error(EXIT_USAGE, "no command \"%s\"; \"penrig help\" lists the commands", operands[0]);
	else if (command && o->man)
		help_man(stdout, command);
	else if (command)
		help_command(stdout, command, 80);
	else
		help_usage(stdout);
	return EXIT_PASS;
}

const struct command command_help = {
	.name = "help",
	.operands = "[COMMAND|measurands|tables]",
	.operands_max = 1,
	.summary = "Explain penrig or one of its commands",
	.description =
		"Without COMMAND, lists the commands. The same text is printed by penrig COMMAND --help.\n\n"
		"measurands: lists all that is measured, each with its unit, what it is a property of (a point, a "
		"sweep, the pen's own word, or for information only), what it needs to be trusted, and what of it is "
		"judged. What is of a point or a sweep can have a limit in a plan.\n\n"
		"tables: the columns of each table that --json and --csv give, each with its type and unit (\"unit\": "
		"that which the column unit names).",
	.example = "  penrig help run\n  penrig help measurands\n",
	.options = help_table,
	.options_size = sizeof(struct help_options),
	.run = help_run,
};
