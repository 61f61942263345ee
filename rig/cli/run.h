/* A run as `penrig run` makes it, for the commands that make one too: the same options, and the same run but for where it begins. */
#ifndef PENRIG_CLI_RUN_H
#define PENRIG_CLI_RUN_H

#include "rig/cli/kit/command.h"
#include "rig/session/lock.h"

struct run_outcome {          /* what a caller may want to know beside the exit code */
	char name[128];       /* of the run; "": it was refused before it had a file */
	char verdict[32];     /* as reports name it; "none" */
	bool stop_unverified; /* the pen may still run */
	char safety_stop
		[200]; /* a safety input that opened, or a pen that was switched on behind a stop, which ended the run; "": neither */
};

struct run_options { /* as the command line says them; NULL and false: not said */
	const char *bench, *dut, *operator_name, *lot, *cartridge, *output_dir, *name, *state, *history, *progress_fd,
		*ocp_fd, *answer_fd, *wait, *start_within, *start_by, *end_by, *replug_timeout;
	const char *sign, *password_file, *keys, *override;
	struct option_list attr, report, exactly;
	bool json, no_input, quiet, production;
	struct run_outcome *outcome; /* NULL: nobody asks */
	bool to_stderr;              /* tables and verdict: standard output is another's */
	int color;
};

/* Rows of an option table for a struct run_options that stands first in the command's options. */
#define AT(member) offsetof(struct run_options, member)
#define RUN_ROWS_CONTROL                                                                                               \
	{.name = "production",                                                                                         \
	 .kind = OPTION_FLAG,                                                                                          \
	 .offset = AT(production),                                                                                     \
	 .group = "Change control",                                                                                    \
	 .help = "Run approved files only: refuse, with exit code 8, a plan, bench or phantom without a revision, "    \
		 "that "                                                                                               \
		 "nobody "                                                                                             \
		 "approved, that was edited since, is withdrawn or not yet effective. A bench can demand it itself."}, \
		{.name = "keys",                                                                                       \
		 .kind = OPTION_TEXT,                                                                                  \
		 .arg = "DIR",                                                                                         \
		 .offset = AT(keys),                                                                                   \
		 .help = "The folder of approvers' public keys. Default: the environment's PENRIG_KEYS; where "        \
			 "nothing is "                                                                                 \
			 "demanded, else the bench's \"keys\"."},                                                      \
		{.name = "exactly",                                                                                    \
		 .kind = OPTION_LIST,                                                                                  \
		 .arg = "SHA256",                                                                                      \
		 .offset = AT(exactly),                                                                                \
		 .help = "Plan, bench and phantoms must be files of these SHA-256, or it is refused with exit code "   \
			 "8; may be repeated. No --override helps."},                                                  \
	{                                                                                                              \
		.name = "override", .kind = OPTION_TEXT, .arg = "REASON", .offset = AT(override),                      \
		.help = "Run in spite of what change control refuses. Needs --operator; both stand in every report."   \
	}
#define RUN_ROWS_OUTPUT                                                                                                \
	{.name = "name",                                                                                               \
	 .letter = 'n',                                                                                                \
	 .kind = OPTION_TEXT,                                                                                          \
	 .arg = "NAME",                                                                                                \
	 .offset = AT(name),                                                                                           \
	 .help = "Stem of their names. Default: DUT-PLAN-TIME in UTC."},                                               \
		{.name = "state",                                                                                      \
		 .kind = OPTION_TEXT,                                                                                  \
		 .arg = "DIR",                                                                                         \
		 .offset = AT(state),                                                                                  \
		 .help = "Where is kept what outlives a run. Default: /var/lib/penrig where it stands, else the "      \
			 "user's own "                                                                                 \
			 "state folder."},                                                                             \
		{.name = "history",                                                                                    \
		 .kind = OPTION_TEXT,                                                                                  \
		 .arg = "FILE",                                                                                        \
		 .offset = AT(history),                                                                                \
		 .help = "The history that this run goes into at its end. Default: the file \"history\" in the "       \
			 "folder of --state."},                                                                        \
		{.name = "report",                                                                                     \
		 .letter = 'r',                                                                                        \
		 .kind = OPTION_LIST,                                                                                  \
		 .arg = "FORMAT",                                                                                      \
		 .offset = AT(report),                                                                                 \
		 .words = run_report_words,                                                                            \
		 .help = "One more report beside the JSON one, which is always written: junit, text, html, csv, "      \
			 "strokes, tap, prom, jsonl, dfq, wsjf, atml, openhtf, dcc. May be repeated."},                \
		{.name = "sign",                                                                                       \
		 .kind = OPTION_TEXT,                                                                                  \
		 .arg = "KEY",                                                                                         \
		 .offset = AT(sign),                                                                                   \
		 .help = "Seal the run file with the bench's secret key KEY once the run has ended; beside it stand "  \
			 "then the "                                                                                   \
			 "seal "                                                                                       \
			 "and what minisign verifies."},                                                               \
		{.name = "password-file",                                                                              \
		 .kind = OPTION_TEXT,                                                                                  \
		 .arg = "FILE",                                                                                        \
		 .offset = AT(password_file),                                                                          \
		 .help = "Of --sign: the key's password is the first line of FILE. Default: asked for on the "         \
			 "terminal."},                                                                                 \
		{.name = "json",                                                                                       \
		 .kind = OPTION_FLAG,                                                                                  \
		 .offset = AT(json),                                                                                   \
		 .help = "Print the JSON report alone on standard output; everything else goes to standard error."},   \
		{.name = "quiet",                                                                                      \
		 .letter = 'q',                                                                                        \
		 .kind = OPTION_FLAG,                                                                                  \
		 .offset = AT(quiet),                                                                                  \
		 .help = "No progress and no table: the verdict and the files only."},                                 \
		{.name = "progress-fd",                                                                                \
		 .kind = OPTION_TEXT,                                                                                  \
		 .arg = "N",                                                                                           \
		 .offset = AT(progress_fd),                                                                            \
		 .help = "Write one line of JSON per event to descriptor N, for programs that watch. A file is "       \
			 "locked for as "                                                                              \
			 "long as the run lives."},                                                                    \
		{.name = "ocp-fd",                                                                                     \
		 .kind = OPTION_TEXT,                                                                                  \
		 .arg = "N",                                                                                           \
		 .offset = AT(ocp_fd),                                                                                 \
		 .help = "Write the events of \"--report jsonl\" to descriptor N while the run goes on, each attempt " \
			 "as "                                                                                         \
			 "it ends: "                                                                                   \
			 "for CI that reads OCP Test and Validation output. No line is left out."},                    \
		{.name = "answer-fd",                                                                                  \
		 .kind = OPTION_TEXT,                                                                                  \
		 .arg = "N",                                                                                           \
		 .offset = AT(answer_fd),                                                                              \
		 .help = "Take answers to questions, and the order to stop, as lines from descriptor N instead of a "  \
			 "terminal: "                                                                                  \
			 "\"answer ID done\", \"answer ID is TEXT\", \"answer ID give_up\", \"stop\"."},               \
		{.name = "color",                                                                                      \
		 .kind = OPTION_WORD,                                                                                  \
		 .arg = "WHEN",                                                                                        \
		 .offset = AT(color),                                                                                  \
		 .words = colour_words,                                                                                \
		 .help = "auto, always or never. auto heeds NO_COLOR and whether the output is a terminal."},          \
		{.name = "wait",                                                                                       \
		 .kind = OPTION_TEXT,                                                                                  \
		 .arg = "TIME",                                                                                        \
		 .offset = AT(wait),                                                                                   \
		 .group = "Behaviour",                                                                                 \
		 .help = "Where the bench is in use, wait so long for it (90, 90s, 15m, 2h) behind those who waited "  \
			 "before, "                                                                                    \
			 "then end with exit code 5; the files are read when it is free. Default: do not wait."},      \
		{.name = "replug-timeout",                                                                             \
		 .kind = OPTION_TEXT,                                                                                  \
		 .arg = "TIME",                                                                                        \
		 .offset = AT(replug_timeout),                                                                         \
		 .help = "Where a device is lost, wait so long for it (30s, 2m) to be plugged in again, then go on "   \
			 "as resume does: a run of its own, NAME-2, with the point that was interrupted. Another "     \
			 "device ends it with exit code 8. Default: 0, end at once with exit code 4."},                \
	{                                                                                                              \
		.name = "no-input", .kind = OPTION_FLAG, .offset = AT(no_input),                                       \
		.help = "Ask nothing. A plan that needs the operator's hand is refused before anything moves."         \
	}

extern const char *const run_report_words[];

struct resuming; /* resuming.h */

/* A run from its first look at the files to its exit code. resuming: the run that it goes on with; NULL: it begins anew.
 * lock: of the bench, where it is held already; taken over. */
int run_plan(const struct cli_tables *tables, const struct run_options *options, const char *plan_path,
	     struct resuming *resuming, struct bench_lock *lock);

#endif
