/* Entry of the command line: finds the command, has its options parsed and runs it. Leaves every decision to the
 * command; sees to it that output which did not arrive is not reported as success. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/cli/kit/command.h"
#include "rig/measure/statistics.h"

/* clang-format off */
const struct command *const command_table[] = {
	&command_run, &command_resume, &command_check, &command_list, &command_doctor, &command_bench, &command_state,
	&command_calibrate, &command_profile, &command_golden,
	&command_show, &command_report, &command_analyze, &command_requalify, &command_plot, &command_export, &command_import,
	&command_history, &command_dispose, &command_trend, &command_lot, &command_compare, &command_grr, &command_life, &command_equivalence, &command_batch,
	&command_station, &command_account, &command_io, &command_label, &command_sheet,
	&command_agent, &command_submit, &command_jobs, &command_benches, &command_push, &command_reserve, &command_fleet,
	&command_key, &command_sign, &command_verify, &command_anchor, &command_dossier, &command_qualify, &command_purge, &command_mcp,
	&command_version, &command_help, NULL,
};
/* clang-format on */

const struct command *command_find(const char *name)
{
	for (unsigned i = 0; command_table[i]; i++)
		if (strcmp(command_table[i]->name, name) == 0)
			return command_table[i];
	return NULL;
}

int cli_error(int code, const char *fmt, ...)
{
	char text[2 * ERR_TEXT_MAX], *rest = text, *line;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fflush(stdout);
	fputs("penrig: ", stderr);
	while ((line = strsep(&rest, "\n"))) {
		print_clean(stderr, line);
		fputc('\n', stderr);
	}
	return code;
}

void cli_complain(void *ctx, const char *text)
{
	(void)ctx;
	cli_error(0, "%s", text);
}

int cli_exit_code(int rc)
{
	switch (-rc) {
	case ENOENT:
	case EACCES:
	case EISDIR:
	case EINVAL:
	case EEXIST:
	case ENAMETOOLONG: return EXIT_USAGE;
	case ENOMEM: return EXIT_INTERNAL;
	default: return EXIT_STORAGE;
	}
}

int cli_usage_code(int rc)
{
	return rc == -ENOMEM ? EXIT_INTERNAL : EXIT_USAGE;
}

int cli_flush(int code)
{
	int failed = fflush(stdout) != 0 ? errno : ferror(stdout) ? EIO : 0;

	if (!failed)
		return code;
	clearerr(stdout);
	__fpurge(stdout); /* said once */
	cli_error(0, "cannot write to standard output: %s", strerror(failed));
	return code == EXIT_PASS ? EXIT_STORAGE : code;
}

/* A closed standard descriptor would be given to the next file opened. The stand-ins are opened the wrong way round, so
 * that reading and writing still fail. */
static void hold_standard_descriptors(void)
{
	static const int mode[] = {O_WRONLY, O_RDONLY, O_RDONLY};

	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode[fd]) != fd)
			_exit(EXIT_INTERNAL);
}

static int unknown_command(const char *name)
{
	const char *names[sizeof(command_table) / sizeof(command_table[0])] = {NULL};
	const char *near;

	for (unsigned i = 0; command_table[i]; i++)
		names[i] = command_table[i]->name;
	near = nearest_word(name, names);
	if (near)
		return cli_error(EXIT_USAGE, "unknown command \"%s\"; did you mean \"%s\"?", name, near);
	return cli_error(EXIT_USAGE, "unknown command \"%s\"; \"penrig help\" lists the commands", name);
}

static int run_command(const struct command *command, const struct cli_tables *tables, int argc, char **argv)
{
	struct operand_list operands = {.count = 0};
	struct err err = {0};
	void *options = calloc(1, command->options_size ? command->options_size : 1);
	int rc;

	if (!options)
		return cli_error(EXIT_INTERNAL, "out of memory");
	rc = options_parse(command, argc, argv, options, &operands, &err);
	if (rc < 0) {
		rc = cli_error(EXIT_USAGE, "%s\nTry \"penrig help %s\".", err.text, command->name);
	} else if (rc > 0) {
		help_command(stdout, command, 80);
		rc = EXIT_PASS;
	} else {
		rc = command->run(tables, options, operands.item, operands.count);
	}
	free(options);
	return rc;
}

static int dispatch(const struct cli_tables *tables, int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		help_usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		command = &command_help;
	else if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		command = &command_version;
	else
		command = command_find(argv[1]);
	if (!command)
		return unknown_command(argv[1]);
	return run_command(command, tables, argc - 1, argv + 1);
}

int cli_main(int argc, char **argv, const struct cli_tables *tables)
{
	hold_standard_descriptors();
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file as large as it may be is a full disk, and said so */
	statistics_begin();
	return cli_flush(dispatch(tables, argc, argv));
}
