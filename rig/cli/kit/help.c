/* Everything that explains: help on the terminal, manual pages (scdoc source) and bash completion, all from the tables.
 */
#include <string.h>

#include "rig/cli/kit/command.h"

#define TEXT_COLUMN 28 /* where an option's explanation begins */
#define MARGIN      2

const char *const help_topics[] = {"measurands", "tables", NULL};

static const struct cli_option help_itself = {
	.name = "help", .letter = 'h', .kind = OPTION_FLAG, .help = "Print this help and exit."};

/* Words of `text` from column `at`, continued at column `indent`; ends with a line break. */
static void wrap(FILE *out, const char *text, unsigned at, unsigned indent, unsigned width)
{
	for (bool first = true; *text; first = false) {
		size_t len = strcspn(text, " ");

		if (!first && at + 1 + len > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			fputc(' ', out);
			at++;
		}
		fwrite(text, 1, len, out);
		at += (unsigned)len;
		text += len + (text[len] == ' ');
	}
	fputc('\n', out);
}

static void paragraphs(FILE *out, const char *text, unsigned width)
{
	char paragraph[2000];

	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t len = end ? (size_t)(end - text) : strlen(text);

		snprintf(paragraph, sizeof(paragraph), "%.*s", (int)len, text);
		fputc('\n', out);
		wrap(out, paragraph, 0, 0, width);
		text += len + (end ? 2 : 0);
	}
}

static void option_help(FILE *out, const struct cli_option *o, unsigned width)
{
	char head[80];
	int at = snprintf(head, sizeof(head), "%*s%c%c%s --%s%s%s", MARGIN, "", o->letter ? '-' : ' ',
			  o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name, o->arg ? " " : "",
			  o->arg ? o->arg : "");

	fputs(head, out);
	if (at + 2 > TEXT_COLUMN)
		fprintf(out, "\n%*s", TEXT_COLUMN, "");
	else
		fprintf(out, "%*s", TEXT_COLUMN - at, "");
	wrap(out, o->help, TEXT_COLUMN, TEXT_COLUMN, width);
}

void help_usage(FILE *out)
{
	fputs("penrig tests microneedling pens against a plan and writes a conformance report.\n\n"
	      "usage: penrig COMMAND [OPTION]... [ARGUMENT]...\n\n",
	      out);
	for (unsigned i = 0; command_table[i]; i++) {
		if (command_table[i]->group)
			fprintf(out, "%s%s:\n", i ? "\n" : "", command_table[i]->group);
		fprintf(out, "  %-12s%s\n", command_table[i]->name, command_table[i]->summary);
	}
	fputs("\n\"penrig help COMMAND\" explains one. Exit codes: penrig(1).\n", out);
}

void help_command(FILE *out, const struct command *command, unsigned width)
{
	fprintf(out, "usage: penrig %s [OPTION]...%s%s\n\n%s.\n", command->name, *command->operands ? " " : "",
		command->operands, command->summary);
	paragraphs(out, command->description, width);
	for (const struct cli_option *o = command->options; o && o->name; o++) {
		if (o->hidden)
			continue;
		if (o->group || o == command->options)
			fprintf(out, "\n%s:\n", o->group ? o->group : "Options");
		option_help(out, o, width);
	}
	fputc('\n', out);
	option_help(out, &help_itself, width);
	if (command->example)
		fprintf(out, "\nExample:\n%s", command->example);
}

/* scdoc reads _ and * as emphasis and some marks at the start of a line as structure. */
static void man_text(FILE *out, const char *text)
{
	bool line_start = true;

	for (; *text; text++) {
		if (strchr("_*\\", *text) || (line_start && strchr("#-.|[]~`<", *text)))
			fputc('\\', out);
		fputc(*text, out);
		line_start = *text == '\n';
	}
}

static void man_option(FILE *out, const struct cli_option *o)
{
	if (o->letter)
		fprintf(out, "*-%c*, ", o->letter);
	fprintf(out, "*--%s*", o->name);
	if (o->arg) {
		fputs(" _", out);
		man_text(out, o->arg);
		fputc('_', out);
	}
	fputs("\n\t", out);
	man_text(out, o->help);
	fputs("\n\n", out);
}

static void man_head(FILE *out, const char *page, const char *summary)
{
	fprintf(out, "%s(1) \"penrig %s\" \"penrig manual\"\n\n# NAME\n\n%s - ", page, PENRIG_VERSION, page);
	man_text(out, summary);
	fputs("\n\n# SYNOPSIS\n\n", out);
}

static void man_example(FILE *out, const char *example)
{
	if (example)
		fprintf(out, "# EXAMPLES\n\n```\n%s```\n\n", example);
}

void help_man(FILE *out, const struct command *command)
{
	char page[40];

	snprintf(page, sizeof(page), "penrig-%s", command->name);
	man_head(out, page, command->summary);
	fprintf(out, "*penrig %s* [_OPTION_]...", command->name);
	if (*command->operands) {
		fputs(" _", out);
		man_text(out, command->operands);
		fputc('_', out);
	}
	fputs("\n\n# DESCRIPTION\n\n", out);
	man_text(out, command->description);
	fputs("\n\n# OPTIONS\n\n", out);
	for (const struct cli_option *o = command->options; o && o->name; o++) {
		if (o->group && !o->hidden)
			fprintf(out, "## %s\n\n", o->group);
		if (!o->hidden)
			man_option(out, o);
	}
	man_option(out, &help_itself);
	man_example(out, command->example);
	fputs("# SEE ALSO\n\n*penrig*(1)\n", out);
}

static const struct {
	const char *code, *meaning;
} exit_table[] = {
	{"0",
	 "Pass: a complete run in which every required measurement lies within its limits by more than its guard band "
	 "(or within it, where the plan accepts that). For the other commands: done."},
	{"1", "The pen failed. A proven failure stays 1 whatever happens to the rig afterwards."},
	{"2", "The command line, the plan or the bench file is wrong; nothing moved."},
	{"3",
	 "Inconclusive, or inside a limit but within its guard band: the run neither proves nor disproves the pen."},
	{"4", "A device was lost: unplugged, silent, gone."},
	{"5", "The bench, or a device on it, is in use by another process."},
	{"6", "Storage: a file or the output could not be written or read, or is damaged."},
	{"7", "Internal error of penrig; for penrig analyze: the stored results cannot be reproduced."},
	{"8", "Refused before anything moved: overdue calibration, open interlock, another pen than the one named."},
	{"128+n",
	 "Ended by signal n: 129 SIGHUP, 130 SIGINT (Ctrl-C), 131 SIGQUIT, 143 SIGTERM, 148 SIGTSTP (Ctrl-Z)."},
};

void help_man_main(FILE *out)
{
	man_head(out, "penrig", "conformance bench for microneedling pens");
	fputs("*penrig* _COMMAND_ [_OPTION_]... [_ARGUMENT_]...\n\n# DESCRIPTION\n\n", out);
	fputs("penrig drives a pen and a load sensor through a plan, measures stroke rate, penetration depth and\n"
	      "temperature with their uncertainties, judges them against the plan's limits and writes a report.\n\n"
	      "# COMMANDS\n\n",
	      out);
	for (unsigned i = 0; command_table[i]; i++) {
		fprintf(out, "*%s*\n\t", command_table[i]->name);
		man_text(out, command_table[i]->summary);
		fprintf(out, ". See *penrig-%s*(1).\n\n", command_table[i]->name);
	}
	fputs("# EXIT STATUS\n\n", out);
	for (size_t i = 0; i < sizeof(exit_table) / sizeof(exit_table[0]); i++) {
		fprintf(out, "*%s*\n\t", exit_table[i].code);
		man_text(out, exit_table[i].meaning);
		fputs("\n\n", out);
	}
	fputs("# ENVIRONMENT\n\n*PENRIG\\_BENCH*\n\tBench file for *penrig run* and *penrig check* where --bench is "
	      "not "
	      "given.\n\n*NO\\_COLOR*\n\tNot empty: no colours, unless --color=always asks for them.\n\n"
	      "# SEE ALSO\n\n",
	      out);
	for (unsigned i = 0; command_table[i]; i++)
		fprintf(out, "%s*penrig-%s*(1)", i ? ", " : "", command_table[i]->name);
	fputc('\n', out);
}

static void completion_words(FILE *out, const struct command *command)
{
	fprintf(out, "\t%s) words=\"--help", command->name);
	for (const struct cli_option *o = command->options; o && o->name; o++)
		if (!o->hidden)
			fprintf(out, " --%s", o->name);
	for (unsigned i = 0; command == &command_help && command_table[i]; i++)
		fprintf(out, " %s", command_table[i]->name);
	for (unsigned i = 0; command == &command_help && help_topics[i]; i++)
		fprintf(out, " %s", help_topics[i]);
	fputs("\" ;;\n", out);
}

/* Of this command alone: --format means other words elsewhere. */
static void completion_values(FILE *out, const struct command *command, const struct cli_option *o)
{
	if (!o->words)
		return;
	fprintf(out, "\t\"%s --%s\"", command->name, o->name);
	if (o->letter)
		fprintf(out, "|\"%s -%c\"", command->name, o->letter);
	fputs(") COMPREPLY=($(compgen -W \"", out);
	for (unsigned i = 0; o->words[i]; i++)
		fprintf(out, "%s%s", i ? " " : "", o->words[i]);
	fputs("\" -- \"$cur\")); return ;;\n", out);
}

void help_completion(FILE *out)
{
	fputs("# bash completion for penrig\n_penrig() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} "
	      "prev=${COMP_WORDS[COMP_CWORD-1]} words=\n\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tCOMPREPLY=($(compgen "
	      "-W \"",
	      out);
	for (unsigned i = 0; command_table[i]; i++)
		fprintf(out, "%s%s", i ? " " : "", command_table[i]->name);
	fputs("\" -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase \"${COMP_WORDS[1]} $prev\" in\n", out);
	for (unsigned i = 0; command_table[i]; i++)
		for (const struct cli_option *o = command_table[i]->options; o && o->name; o++)
			completion_values(out, command_table[i], o);
	fputs("\t*\" --output-dir\") COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n\tesac\n\tcase ${COMP_WORDS[1]} "
	      "in\n",
	      out);
	for (unsigned i = 0; command_table[i]; i++)
		completion_words(out, command_table[i]);
	fputs("\tesac\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\") $(compgen -f -- \"$cur\"))\n}\n"
	      "complete -o filenames -F _penrig penrig\n",
	      out);
}
