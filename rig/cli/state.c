/* `penrig state`: what a bench knows from one run to the next. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/json.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/keeping.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/table.h"
#include "rig/record/host.h"

struct state_options {
	const char *bench, *state;
	bool json, csv;
};

#define AT(member) offsetof(struct state_options, member)
static const struct cli_option state_table[] = {
	{.name = "bench",
	 .letter = 'b',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(bench),
	 .group = "Which",
	 .help = "The bench file. Default: the environment's PENRIG_BENCH."},
	STATE_ROW(AT(state), NULL),
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = AT(json),
	 .group = "Output",
	 .help = "One JSON object on standard output."},
	CSV_ROW(AT(csv)),
	{.name = NULL},
};

/* ---- for people ------------------------------------------------------------------------------------------------ */

static int print_use(void *ctx, const struct state_use *use)
{
	unsigned *count = ctx;
	char when[32];

	if ((*count)++ == 0)
		printf("\n%-20s%-12s%14s%8s  %s\n", "phantom", "position", "strokes", "runs", "last struck");
	utc_text(use->last_wall_ns, when);
	print_clean(stdout, use->phantom);
	printf("%*s", (int)(20 - strlen(use->phantom) % 20), "");
	print_clean(stdout, use->position);
	printf("%*s%14llu%8llu  %s\n", (int)(12 - strlen(use->position) % 12), "", (unsigned long long)use->strokes,
	       (unsigned long long)use->runs, when);
	return 0;
}

static int print_for_people(struct state *state, struct err *err)
{
	struct state_run last;
	unsigned uses = 0;
	char when[32];

	printf("state      ");
	print_clean(stdout, state_path(state));
	int rc = state_last_run(state, &last, err);
	if (rc < 0)
		return rc;
	if (rc == 0) {
		printf("\nno run yet\n");
		return 0;
	}
	utc_text(last.seen_wall_ns, when);
	printf("\nlast run   ");
	print_clean(stdout, last.name);
	printf(", pen ");
	print_clean(stdout, last.dut);
	printf(", on ");
	print_clean(stdout, last.host);
	printf("\nseen       %s\n", when);
	rc = state_each_use(state, print_use, &uses, err);
	if (rc == 0 && uses == 0)
		printf("no phantom was struck\n");
	return rc;
}

/* ---- for programs ---------------------------------------------------------------------------------------------- */

static int add_use(void *ctx, const struct state_use *use)
{
	struct json_out *node = json_out_add_object(ctx, NULL);
	char when[32];

	utc_text(use->last_wall_ns, when);
	json_out_string(node, "phantom", use->phantom);
	json_out_string(node, "position", use->position);
	json_out_int(node, "strokes", (int64_t)use->strokes);
	json_out_int(node, "runs", (int64_t)use->runs);
	json_out_string(node, "last_struck", when);
	return 0;
}

static int fill_json(struct state *state, struct json_out *root, struct err *err)
{
	struct state_run last;
	char when[32];

	json_out_string(root, "path", state_path(state));
	int rc = state_last_run(state, &last, err);
	if (rc > 0) {
		struct json_out *run = json_out_add_object(root, "last_run");
		utc_text(last.seen_wall_ns, when);
		json_out_string(run, "name", last.name);
		json_out_string(run, "dut", last.dut);
		json_out_string(run, "host", last.host);
		json_out_string(run, "seen", when);
	}
	return rc < 0 ? rc : state_each_use(state, add_use, json_out_add_array(root, "phantoms"), err);
}

static const struct table_column columns[] = {
	{"phantom", TABLE_STRING, NULL}, {"position", TABLE_STRING, NULL},     {"strokes", TABLE_INTEGER, "1"},
	{"runs", TABLE_INTEGER, "1"},    {"last_struck", TABLE_STRING, "UTC"}, {.path = NULL},
};
const struct table table_state = {"state", "phantoms", columns};

static int print_for_programs(struct state *state, bool csv, struct err *err)
{
	struct json_out *root = json_out_object();
	int rc = root ? fill_json(state, root, err) : err_set(err, -ENOMEM, "out of memory");

	if (rc == 0)
		return table_print(root, &table_state, csv, err);
	json_out_free(root);
	return rc;
}

static int state_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct state_options *o = options;
	const char *bench = o->bench ? o->bench : getenv("PENRIG_BENCH");
	struct state *state = NULL;
	struct err err = {""};

	(void)tables;
	(void)operands;
	(void)count;
	if (!bench || !*bench)
		return cli_error(EXIT_USAGE, "--bench is missing: --bench FILE, or PENRIG_BENCH in the environment");
	int rc = keeping_open(o->state, bench, &state, &err);
	if (rc)
		return cli_error(rc == -ENOENT ? EXIT_USAGE : EXIT_STORAGE, "%s", err.text);
	rc = o->json || o->csv ? print_for_programs(state, o->csv, &err) : print_for_people(state, &err);
	state_close(state);
	return rc ? cli_error(EXIT_STORAGE, "%s", err.text) : EXIT_PASS;
}

const struct command command_state = {
	.name = "state",
	.operands = "",
	.summary = "Show what a bench knows from one run to the next",
	.description = "Prints the run that the bench saw last, and the strokes that each position of each phantom has "
		       "taken in all runs of this bench. It is kept in one file for each bench, which several users "
		       "and processes share.\n\n"
		       "The exit code is 0 shown, 2 no such bench or no folder known, 6 the file cannot be read or "
		       "is none of penrig's.",
	.example = "  penrig state --bench bench-3.json\n",
	.options = state_table,
	.options_size = sizeof(struct state_options),
	.run = state_run,
};
