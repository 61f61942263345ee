/* Reads a command's options by its table through getopt_long. Messages are our own, because getopt's name no remedy. */
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "rig/cli/kit/command.h"

#define LONG_BASE 256 /* values of getopt's long options start above every letter */
#define WORD_MAX  32  /* longer words are not typing mistakes of ours */

static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[WORD_MAX + 1];
	size_t len_a = strlen(a), len_b = strlen(b);

	if (len_a > WORD_MAX || len_b > WORD_MAX)
		return UINT_MAX;
	for (unsigned j = 0; j <= len_b; j++)
		row[j] = j;
	for (unsigned i = 1; i <= len_a; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= len_b; j++) {
			unsigned substitute = diagonal + (a[i - 1] != b[j - 1]);
			unsigned other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = substitute < other ? substitute : other;
		}
	}
	return row[len_b];
}

const char *nearest_word(const char *word, const char *const *candidates)
{
	unsigned best = UINT_MAX, allowed = strlen(word) < 4 ? 1 : 2;
	const char *nearest = NULL;

	for (; *candidates; candidates++) {
		unsigned distance = edit_distance(word, *candidates);

		if (distance < best && distance <= allowed) {
			best = distance;
			nearest = *candidates;
		}
	}
	return nearest;
}

struct getopt_tables {
	struct option longs[OPTIONS_MAX + 1];
	char letters[2 * OPTIONS_MAX + 3];
};

static void build_tables(const struct command *command, struct getopt_tables *ret)
{
	char *letter = ret->letters;
	unsigned n = 0;

	*letter++ = ':';
	*letter++ = 'h';
	for (const struct cli_option *o = command->options; o && o->name; o++, n++) {
		int argument = o->kind == OPTION_FLAG ? no_argument : required_argument;

		assert(n < OPTIONS_MAX - 1);
		ret->longs[n] = (struct option){.name = o->name, .has_arg = argument, .val = LONG_BASE + (int)n};
		if (!o->letter)
			continue;
		*letter++ = o->letter;
		if (argument == required_argument)
			*letter++ = ':';
	}
	ret->longs[n++] = (struct option){.name = "help", .has_arg = no_argument, .val = 'h'};
	ret->longs[n] = (struct option){.name = NULL};
	*letter = '\0';
}

/* NULL for a letter that is none of ours. */
static const struct cli_option *option_of(const struct command *command, int value)
{
	if (value >= LONG_BASE)
		return &command->options[value - LONG_BASE];
	for (const struct cli_option *o = command->options; o && o->name; o++)
		if (o->letter && o->letter == value)
			return o;
	return NULL;
}

static int unknown_long(const struct command *command, const char *token, struct err *err)
{
	const char *names[OPTIONS_MAX + 1] = {NULL};
	char word[WORD_MAX + 1] = "";
	const char *near;
	unsigned n = 0, begins = 0;

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(token + 2, "="), token + 2);
	for (const struct cli_option *o = command->options; o && o->name; o++) {
		names[n++] = o->name;
		begins += strncmp(o->name, word, strlen(word)) == 0;
	}
	names[n] = "help";
	if (begins > 1)
		return err_set(err, -EINVAL, "option \"--%s\" could be several; write it in full", word);
	near = nearest_word(word, names);
	if (near)
		return err_set(err, -EINVAL, "unknown option \"--%s\"; did you mean \"--%s\"?", word, near);
	return err_set(err, -EINVAL, "unknown option \"--%s\"", word);
}

static int refused(const struct command *command, int value, const char *token, struct err *err)
{
	const struct cli_option *o = optopt ? option_of(command, optopt) : NULL;

	if (value == ':' && o)
		return err_set(err, -EINVAL, "option \"--%s\" needs a value: --%s %s", o->name, o->name, o->arg);
	if (o || optopt == 'h')
		return err_set(err, -EINVAL, "option \"--%s\" takes no value", o ? o->name : "help");
	if (optopt && optopt < LONG_BASE)
		return err_set(err, -EINVAL, "unknown option \"-%c\"", optopt);
	return unknown_long(command, token, err);
}

static int take_word(const struct cli_option *o, const char *value, int *dst, struct err *err)
{
	char all[200] = "";
	size_t used = 0;

	for (int i = 0; o->words[i]; i++) {
		if (strcmp(o->words[i], value) == 0) {
			*dst = i;
			return 0;
		}
		if (used < sizeof(all))
			used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "", o->words[i]);
	}
	return err_set(err, -EINVAL, "--%s %s: must be one of %s", o->name, value, all);
}

static int take(const struct cli_option *o, const char *value, void *options, struct err *err)
{
	void *dst = (char *)options + o->offset;
	struct option_list *list = dst;

	switch (o->kind) {
	case OPTION_FLAG: *(bool *)dst = true; return 0;
	case OPTION_TEXT: *(const char **)dst = value; return 0;
	case OPTION_WORD: return take_word(o, value, dst, err);
	case OPTION_LIST:
		if (list->count == OPTION_LIST_MAX)
			return err_set(err, -EINVAL, "--%s is given more than %d times", o->name, OPTION_LIST_MAX);
		list->item[list->count++] = value;
		return 0;
	}
	return 0;
}

static int take_operands(const struct command *command, int argc, char **argv, struct operand_list *ret,
			 struct err *err)
{
	unsigned count = (unsigned)(argc - optind);

	if (count < command->operands_min)
		return err_set(err, -EINVAL, "%s is missing: penrig %s %s", command->operands, command->name,
			       command->operands);
	if (count > command->operands_max)
		return err_set(err, -EINVAL, "\"%s\" is one argument too many",
			       argv[optind + (int)command->operands_max]);
	for (unsigned i = 0; i < count; i++)
		ret->item[i] = argv[optind + (int)i];
	ret->count = count;
	return 0;
}

static bool is_set(const struct command *command, const char *name, const void *options)
{
	for (const struct cli_option *o = command->options; o->name; o++)
		if (o->kind == OPTION_FLAG && strcmp(o->name, name) == 0)
			return *(const bool *)((const char *)options + o->offset);
	return false;
}

static int place_of_dashes(int argc, char **argv)
{
	int place = 1;

	while (place < argc && strcmp(argv[place], "--") != 0)
		place++;
	return place < argc ? place : argc;
}

int options_parse(const struct command *command, int argc, char **argv, void *options, struct operand_list *ret,
		  struct err *err)
{
	struct getopt_tables tables;
	int end = command->two_sides ? place_of_dashes(argc, argv) : argc;

	build_tables(command, &tables);
	optind = 0;
	opterr = 0;
	for (;;) {
		/* getopt permutes argv: after a refusal the token it stumbled over stands just before optind */
		int value = getopt_long(end, argv, tables.letters, tables.longs, NULL);
		const struct cli_option *o = option_of(command, value);
		int rc;

		if (value == -1)
			break;
		if (value == 'h')
			return 1;
		if (value == '?' || value == ':')
			return refused(command, value, argv[optind - 1], err);
		assert(o);
		rc = o ? take(o, optarg, options, err) : -EINVAL;
		if (rc < 0)
			return rc;
	}
	if (is_set(command, "json", options) && is_set(command, "csv", options))
		return err_set(err, -EINVAL, "--json and --csv: choose one");
	return take_operands(command, argc, argv, ret, err);
}
