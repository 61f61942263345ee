/* `penrig mcp`: the bench's plans, runs and history for a program that speaks the Model Context Protocol. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/cli/kit/command.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/signals.h"
#include "rig/cli/mcp/server.h"

#define ANSWER_MAX_S 600.0

struct mcp_options {
	struct option_list root;
	const char *bench, *history, *state;
	bool allow_run, production;
	const char *terminal, *answer_within, *output_dir, *keys;
};

static const struct cli_option mcp_table[] = {
	{.name = "root",
	 .kind = OPTION_LIST,
	 .arg = "DIR",
	 .offset = offsetof(struct mcp_options, root),
	 .group = "What a client may see",
	 .help = "A client may name plans, benches and run files in this folder and those below it; may be repeated. "
		 "Without "
		 "it a client may name no file."},
	{.name = "history",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = offsetof(struct mcp_options, history),
	 .help = "The history that is asked. Default: the file \"history\" in the folder of --state."},
	STATE_ROW(offsetof(struct mcp_options, state), NULL),
	{.name = "bench",
	 .letter = 'b',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = offsetof(struct mcp_options, bench),
	 .help = "The bench that plans are checked against, and that a run is on. Default: the environment's "
		 "PENRIG_BENCH."},
	{.name = "allow-run",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct mcp_options, allow_run),
	 .group = "Runs",
	 .help = "A client may ask for a run: each one needs a person's answer on the bench's terminal. Needs --bench, "
		 "--root and --output-dir."},
	{.name = "terminal",
	 .kind = OPTION_TEXT,
	 .arg = "TTY",
	 .offset = offsetof(struct mcp_options, terminal),
	 .help = "Where that person is asked, and can stop the run. Default: /dev/tty, the terminal that this was "
		 "started on."},
	{.name = "answer-within",
	 .kind = OPTION_TEXT,
	 .arg = "TIME",
	 .offset = offsetof(struct mcp_options, answer_within),
	 .help = "No answer in so long means no run; at most 10m. Default: 60s."},
	{.name = "output-dir",
	 .letter = 'o',
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = offsetof(struct mcp_options, output_dir),
	 .help = "Where the run file and the reports go."},
	{.name = "production",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct mcp_options, production),
	 .help = "As of penrig run: approved files alone."},
	{.name = "keys",
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = offsetof(struct mcp_options, keys),
	 .help = "As of penrig run: the folder of approvers' public keys."},
	{.name = NULL},
};

struct serving {
	struct mcp_place place;
	struct mcp_runs runs;
	char *root[MCP_ROOTS_MAX];
	struct mcp_server *server;
};

/* ---- what it was started with ------------------------------------------------------------------------------------ */

static int take_roots(const struct option_list *list, struct serving *ret, struct err *err)
{
	struct stat st;

	if (list->count > MCP_ROOTS_MAX)
		return err_set(err, -EINVAL, "--root: %d folders at most", MCP_ROOTS_MAX);
	for (unsigned i = 0; i < list->count; i++) {
		ret->root[i] = realpath(list->item[i], NULL);
		if (!ret->root[i])
			return err_set(err, -errno, "--root %.200s: %s", list->item[i], strerror(errno));
		ret->place.root[i] = ret->root[i];
		ret->place.roots++;
		if (stat(ret->root[i], &st) != 0 || !S_ISDIR(st.st_mode))
			return err_set(err, -EINVAL, "--root %.200s is no folder", list->item[i]);
	}
	return 0;
}

static int take_runs(const struct mcp_options *o, struct serving *ret, struct err *err)
{
	double answer_s = 60;

	ret->runs = (struct mcp_runs){.allowed = o->allow_run,
				      .production = o->production,
				      .terminal = o->terminal ? o->terminal : "/dev/tty",
				      .output_dir = o->output_dir,
				      .keys = o->keys};
	if (o->answer_within && (parse_duration(o->answer_within, &answer_s) < 0 || answer_s > ANSWER_MAX_S))
		return err_set(err, -EINVAL, "--answer-within: give a time of at most 10m, such as 60s or 5m");
	ret->runs.answer_s = answer_s;
	if (!o->allow_run && (o->terminal || o->answer_within || o->output_dir || o->production || o->keys))
		return err_set(err, -EINVAL,
			       "--terminal, --answer-within, --output-dir, --production and --keys are for runs: add "
			       "--allow-run");
	if (!o->allow_run)
		return 0;
	if (!ret->place.bench || !o->output_dir || !ret->place.roots)
		return err_set(err, -EINVAL,
			       "--allow-run needs --bench FILE, --root DIR (where the plans are) and --output-dir DIR");
	if (isatty(STDIN_FILENO) || isatty(STDOUT_FILENO))
		return err_set(err, -EINVAL,
			       "--allow-run needs a program on standard input and output: whoever asks must not be who "
			       "allows");
	return 0;
}

static int take_options(const struct mcp_options *o, struct serving *ret, struct err *err)
{
	int rc;

	ret->place = (struct mcp_place){
		.bench = o->bench ? o->bench : getenv("PENRIG_BENCH"), .state = o->state, .history = o->history};
	rc = take_roots(&o->root, ret, err);
	return rc < 0 ? rc : take_runs(o, ret, err);
}

/* ---- serving ----------------------------------------------------------------------------------------------------- */

static void on_signal(void *ctx, int number)
{
	(void)number;
	mcp_server_stop(((struct serving *)ctx)->server);
}

static int serve(struct serving *serving, struct loop *loop, struct err *err)
{
	struct signals signals;
	int rc = mcp_server_open(loop, STDIN_FILENO, STDOUT_FILENO, &serving->place, &serving->runs, &serving->server,
				 err);

	if (rc < 0)
		return rc;
	rc = signals_open(&signals, loop, on_signal, serving, err);
	if (rc < 0)
		return rc;
	rc = loop_run(loop);
	signals_close(&signals);
	return rc == 0 ? 0 : err_set(err, rc, "the loop ended: %s", strerror(-rc));
}

static int run_mcp(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	struct serving serving = {.server = NULL};
	struct loop *loop = NULL;
	struct err err;
	int rc = take_options(options, &serving, &err), code = EXIT_PASS;

	(void)operands;
	(void)count;
	if (rc < 0) {
		code = cli_error(cli_usage_code(rc), "%s", err.text);
	} else {
		signal(SIGTTIN,
		       SIG_IGN); /* a terminal that is another's to read answers with an error, and does not stop this */
		signal(SIGTTOU, SIG_IGN);
		rc = signals_block(&err);
		if (rc == 0)
			rc = loop_new(tables->clock, tables->clock_ctx, &loop, &err);
		if (rc == 0)
			rc = serve(&serving, loop, &err);
		if (rc < 0)
			code = cli_error(EXIT_INTERNAL, "%s", err.text);
	}
	mcp_server_free(serving.server);
	loop_free(loop);
	for (unsigned i = 0; i < serving.place.roots; i++)
		free(serving.root[i]);
	return code;
}

const struct command command_mcp = {
	.name = "mcp",
	.operands = "",
	.summary = "Serve plans, runs, history by the Model Context Protocol (MCP)",
	.description =
		"Speaks the Model Context Protocol on standard input and output, a message a line: its version of "
		"2026-07-28, which "
		"needs no handshake, and those of 2024-11-05, 2025-06-18 and 2025-11-25, which begin with one.\n\n"
		"Its tools are list, check, show, history, trend and compare. Each is the command of that name, and "
		"what it prints "
		"with --json is the answer; none of them changes anything. A client names no option, and no file "
		"outside the "
		"folders of --root.\n\n"
		"With --allow-run a client may ask for a run. Then the person at the bench is asked, on a terminal "
		"that the client "
		"does not have: who types the serial number that stands on the pen, and a name, allows this one run. "
		"Anything "
		"else, or no answer in time, means no run. The name stands in the run file and in every report as its "
		"operator and "
		"as confirmed_by, and the client as requested_by. q and Enter on that terminal stops the run; so does "
		"the client when "
		"it cancels its request or goes away.",
	.example =
		"  penrig mcp --root /srv/runs --root /srv/plans\n"
		"  penrig mcp --root /srv/plans --bench bench-3.json --allow-run --terminal /dev/tty1 -o /srv/runs\n",
	.options = mcp_table,
	.options_size = sizeof(struct mcp_options),
	.run = run_mcp,
};
