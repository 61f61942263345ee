/* Inside of the command line: what a command is, its option table, and the words that every command prints with.
 * The option table is the one source: getopt, --help, man pages and shell completion are made from it. */
#ifndef PENRIG_CLI_KIT_COMMAND_H
#define PENRIG_CLI_KIT_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "rig/base/text_clean.h"
#include "rig/cli/cli.h"

#define OPTION_LIST_MAX 32
#define OPTIONS_MAX     32   /* of one command, --help included */
#define OPERANDS_MAX    4096 /* a day's runs, a year's lot */

enum option_kind {
	OPTION_FLAG, /* into a bool */
	OPTION_TEXT, /* into a const char *; given twice: the last one counts */
	OPTION_WORD, /* into an int: the index in `words` */
	OPTION_LIST, /* into a struct option_list; may be repeated */
};

struct option_list {
	unsigned count;
	const char *item[OPTION_LIST_MAX];
};

struct operand_list {
	unsigned count;
	const char *item[OPERANDS_MAX];
};

struct cli_option {
	const char *name;
	char letter; /* 0: none */
	enum option_kind kind;
	const char *arg;          /* its argument's name in help; NULL for flags */
	const char *help;         /* one or two sentences, no line breaks */
	const char *group;        /* heading; NULL: the one above */
	const char *const *words; /* OPTION_WORD, and what completion offers; NULL-terminated */
	size_t offset;            /* in the command's options */
	bool hidden;
};

struct command {
	const char *name;
	const char *operands; /* as help writes them: "PLAN"; "" for none */
	unsigned operands_min, operands_max;
	bool two_sides;          /* "--" parts the operands in two, and is one of them; options stand before it */
	const char *group;       /* heading in the list of commands; NULL: the one above */
	const char *summary;     /* one line, no full stop */
	const char *description; /* paragraphs between blank lines */
	const char *example;     /* lines of a shell; NULL: none */
	const struct cli_option *options;
	size_t options_size; /* of the struct that the offsets point into; zeroed before parsing */
	int (*run)(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count);
};

extern const struct command command_analyze, command_calibrate, command_plot, command_export, command_import;
extern const struct command command_requalify, command_history, command_dispose, command_trend, command_compare,
	command_golden, command_grr, command_batch;
extern const struct command command_lot, command_equivalence, command_life;
extern const struct command command_state, command_station, command_account, command_io, command_label, command_sheet,
	command_key, command_sign, command_verify;
extern const struct command command_anchor, command_profile, command_doctor, command_bench;
extern const struct command command_run, command_resume, command_list, command_check, command_show, command_report,
	command_version, command_help;
extern const struct command command_agent, command_submit, command_jobs, command_benches, command_fleet, command_push,
	command_reserve;
extern const struct command command_dossier, command_qualify, command_purge, command_mcp;
extern const struct command *const command_table[];   /* NULL-terminated, in the order of help */
const struct command *command_find(const char *name); /* NULL if there is none */
extern const char *const help_topics[]; /* what help explains besides; NULL-terminated: "measurands", "tables" */

/* Parses argv[1..] (argv[0] is the command's name) into `options` and at most OPERANDS_MAX operands. 0; 1: help was
 * asked for; -EINVAL with a text that names the option, and the one that may have been meant. */
int options_parse(const struct command *command, int argc, char **argv, void *options, struct operand_list *ret,
		  struct err *err);

/* The candidate nearest to `word` if near enough for a typing mistake, else NULL. Candidates end with NULL. */
const char *nearest_word(const char *word, const char *const *candidates);

/* Help as text, wrapped at `width`; the manual page's source for scdoc(1); a bash completion for everything. */
void help_usage(FILE *out);
void help_command(FILE *out, const struct command *command, unsigned width);
void help_man(FILE *out, const struct command *command);
void help_man_main(FILE *out);
void help_completion(FILE *out);

/* "penrig: ..." and a line break on standard error. Returns `code`. */
__attribute__((format(printf, 2, 3))) int cli_error(int code, const char *fmt, ...);
/* Standard output is flushed: `code`, or EXIT_STORAGE with a message where what was printed did not arrive and code was 0. */
int cli_flush(int code);

/* The same as what a delivery calls (reports/deliver.h). */
void cli_complain(void *ctx, const char *text);

/* The exit code where a file that the command line names cannot be opened, or where its words do not fit: wrong usage,
 * out of memory, or storage for whatever else -errno says. */
int cli_exit_code(int rc);
/* The same where whatever is wrong with words and files is wrong usage: a computer without memory says nothing of them. */
int cli_usage_code(int rc);

#endif
