/* `penrig show`: what a run file holds. Opens it read-only and judges nothing anew. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reports/control.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/keys.h"
#include "rig/cli/kit/table.h"
#include "rig/judge/verdict.h"
#include "rig/offline/reopen.h"
#include "rig/runfile/runfile.h"

#define TAIL 12 /* journal entries at the end of the summary */

struct show_options {
	bool json, csv, journal, verify;
	int color;
};

static const struct cli_option show_table[] = {
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct show_options, json),
	 .help = "Print the stored JSON report; for a run that ended before it had one, the report of what it "
		 "recorded."},
	{.name = "csv",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct show_options, csv),
	 .help = "Print a row for each result, as penrig report --format csv does."},
	{.name = "journal",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct show_options, journal),
	 .help = "Print the whole journal: seconds since the start, kind, entry."},
	{.name = "verify",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct show_options, verify),
	 .help = "Compute the digest of every block of samples anew as well, and print no more than what came of it."},
	{.name = "color",
	 .kind = OPTION_WORD,
	 .arg = "WHEN",
	 .offset = offsetof(struct show_options, color),
	 .words = colour_words,
	 .help = "auto, always or never."},
	{.name = NULL},
};

struct journal {
	uint64_t start_ns;
	unsigned long seen, skip; /* entries; how many of the first are not printed */
};

static int count_entry(void *ctx, uint64_t host_ns, const char *kind, const char *json)
{
	struct journal *journal = ctx;

	(void)kind, (void)json;
	if (journal->seen++ == 0)
		journal->start_ns = host_ns;
	return 0;
}

static int print_entry(void *ctx, uint64_t host_ns, const char *kind, const char *json)
{
	struct journal *journal = ctx;

	if (journal->skip) {
		journal->skip--;
		return 0;
	}
	printf("%12.6f  %-10s ", (double)(int64_t)(host_ns - journal->start_ns) / (double)NS_PER_S, kind);
	print_clean(stdout, json);
	fputc('\n', stdout);
	return 0;
}

static int print_journal(struct runfile_reader *reader, unsigned long tail, struct err *err)
{
	struct journal journal = {.seen = 0};
	int rc = runfile_each_journal(reader, count_entry, &journal, err);

	if (rc < 0)
		return rc;
	if (tail && journal.seen > tail)
		journal.skip = journal.seen - tail;
	if (tail)
		printf("\njournal, %s%lu of %lu entries (--journal prints all)\n", journal.skip ? "last " : "",
		       journal.seen - journal.skip, journal.seen);
	return runfile_each_journal(reader, print_entry, &journal, err);
}

static int print_report(const struct cli_tables *tables, struct runfile_reader *reader, const struct record *record,
			struct err *err)
{
	char *text = NULL;
	int rc = runfile_report(reader, 0, &text, err);

	if (rc == 0)
		fputs(text, stdout);
	free(text);
	if (rc == -ENOENT)
		return report_kept(tables->reports)->write(record, stdout, err);
	return rc;
}

static int print_judged(void *ctx, const struct record_judged *judged)
{
	unsigned *count = ctx;
	char words[CONTROL_WORDS_MAX];

	if ((*count)++ == 0)
		printf("\njudged anew\n");
	printf("  %u  %s  by ", judged->number, judged->utc);
	print_clean(stdout, judged->limits_name);
	printf(": %s: ", verdict_row(judged->dut_verdict, judged->on_statement)->name);
	print_clean(stdout, judged->verdict_reason);
	fputc('\n', stdout);
	if (control_words(&judged->control, judged->approvals, words, sizeof(words))) {
		fputs("     limits ", stdout);
		print_clean(stdout, words);
		fputc('\n', stdout);
	}
	return 0;
}

static int print_summary(const char *path, struct runfile_reader *reader, struct record *record, int color,
			 struct err *err)
{
	struct style style = style_of(stdout, (enum colour_choice)color);
	int rc = keys_read_seals(reader, record, err);

	if (rc < 0)
		return rc;

	fputs("run file   ", stdout);
	print_clean(stdout, path);
	fputc('\n', stdout);
	render_origins(stdout, record);
	rc = print_journal(reader, TAIL, err);
	if (rc)
		return rc;
	render_outcomes(stdout, &style, record); /* behind the journal: the last screen is the verdict's */
	unsigned judged = 0;
	return runfile_each_judged(reader, print_judged, &judged, err);
}

/* People may look at a file that was changed, and are told; a program gets nothing of it. */
static int show_words(const struct show_options *o, const char *path, struct runfile_reader *reader,
		      struct record *record, struct err *err)
{
	struct err unsound = {0};
	int sound = runfile_verify_words(reader, &unsound);
	int rc;

	if (sound < 0)
		printf("DO NOT TRUST THIS FILE: it was changed or damaged after it was written\n\n");
	rc = o->journal ? print_journal(reader, 0, err) : print_summary(path, reader, record, o->color, err);
	if (rc == 0 && sound < 0)
		*err = unsound;
	return rc ? rc : sound;
}

static int show_verified(const struct cli_tables *tables, const struct show_options *o, struct runfile_reader *reader,
			 const struct record *record, struct err *err)
{
	int rc = runfile_verify(reader, err);

	if (rc)
		return rc;
	if (o->csv)
		return report_write(report_find(tables->reports, "csv"), record, reader, stdout, err);
	if (o->json)
		return print_report(tables, reader, record, err);
	printf("verified: the journal's chain and every block's digest are as they were written\n");
	return o->journal ? print_journal(reader, 0, err) : 0;
}

static int show_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct show_options *o = options;
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct err err = {0};
	int rc = reopen(operands[0], &reader, &record, &err);

	(void)count;
	if (rc < 0)
		return cli_error(cli_exit_code(rc), "%s", err.text);
	rc = o->json || o->csv || o->verify ? show_verified(tables, o, reader, record, &err)
					    : show_words(o, operands[0], reader, record, &err);
	runfile_reader_free(reader);
	record_free(record);
	return rc < 0 ? cli_error(EXIT_STORAGE, "%s", err.text) : EXIT_PASS;
}

const struct command command_show = {
	.name = "show",
	.operands = "RUNFILE",
	.operands_min = 1,
	.operands_max = 1,
	.group = "What a run left",
	.summary = "Show what a run file holds",
	.description =
		"Prints who, what and when, the end of the journal, every point and, last, the verdict, as they were "
		"recorded. A file "
		"left by a run that was killed opens too and says where it ended. The journal's hash chain, and all "
		"that stands under it in words, is computed anew each time; --verify does the same to the samples.\n\n"
		"The exit code says whether the file could be shown, not what the verdict was: 0 shown, 2 not "
		"there or not "
		"readable, 6 not a run file, or damaged or changed (a digest or the chain does not fit).",
	.example = "  penrig show SN-0417-conformance-20260301T091500Z.penrig\n  penrig show --verify RUNFILE\n",
	.options = show_table,
	.options_size = sizeof(struct show_options),
	.run = show_run,
};
