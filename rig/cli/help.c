/* `penrig help`: the commands, one of them, or what is generated from their tables. */
#include <string.h>

#include "rig/cli/kit/command.h"

struct help_options {
	bool man, completion;
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
	{.name = NULL},
};

static int help_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct help_options *o = options;
	const struct command *command = count ? command_find(operands[0]) : NULL;
	bool main_page = o->man && count && strcmp(operands[0], "penrig") == 0;

	(void)tables;
	if (o->completion)
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
	.operands = "[COMMAND]",
	.operands_max = 1,
	.summary = "Explain penrig or one of its commands",
	.description = "Without COMMAND, lists the commands. The same text is printed by penrig COMMAND --help.",
	.options = help_table,
	.options_size = sizeof(struct help_options),
	.run = help_run,
};
