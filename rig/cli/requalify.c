/* `penrig requalify`: many old runs by this version's method, and which verdicts change. Writes into none of them. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/csv.h"
#include "rig/base/json.h"
#include "rig/cli/kit/command.h"
#include "rig/judge/verdict.h"
#include "rig/offline/reopen.h"
#include "rig/offline/replay.h"

struct requalify_options {
	bool json, csv;
};

static const struct cli_option requalify_table[] = {
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct requalify_options, json),
	 .help = "Print one JSON object on standard output instead of the tables."},
	{.name = "csv",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct requalify_options, csv),
	 .help = "Print a row for each run instead, RFC 4180."},
	{.name = NULL},
};

/* What became of a file. */
enum state { STATE_SAME, STATE_DIFFERS, STATE_CHANGES, STATE_NOT_REPRODUCED, STATE_DAMAGED, STATE_UNREAD, STATES };

static const struct {
	const char *name, *said;
	int code;
} states[STATES] = {
	[STATE_SAME] = {"same", "the same, bit for bit", EXIT_PASS},
	[STATE_DIFFERS] = {"differs", "results differ, the verdict does not", EXIT_PASS},
	[STATE_CHANGES] = {"changes", "ANOTHER VERDICT", EXIT_OTHER_METHOD},
	[STATE_NOT_REPRODUCED] = {"not_reproduced", "NOT REPRODUCED by its own method", EXIT_INTERNAL},
	[STATE_DAMAGED] = {"damaged", "altered or damaged", EXIT_STORAGE},
	[STATE_UNREAD] = {"unread", "cannot be read", EXIT_USAGE},
};

struct row {
	const char *path;
	char dut[64], why[ERR_TEXT_MAX];
	enum state state;
	unsigned method, results, changed, turned; /* turned: judgements of single results that come out otherwise */
	double largest;                            /* of the differences, as a share of U; NaN: none */
	const char *was, *now;                     /* verdicts; NULL: there is none */
};

static double share_of_u(const struct replay_change *change)
{
	const struct finding *was = change->stored, *now = change->again;

	if (!was || !now || !was->result.valid || !now->result.valid || !(was->result.expanded_u > 0))
		return NAN;
	return fabs(now->result.value - was->result.value) / was->result.expanded_u;
}

static void on_changed(void *ctx, const struct replay_change *change)
{
	struct row *row = ctx;
	bool was = change->stored && change->stored->has_limit, now = change->again && change->again->has_limit;

	row->largest = fmax(row->largest, share_of_u(change));
	row->turned += was != now || (was && change->stored->judgement.outcome != change->again->judgement.outcome);
}

static int derive(struct runfile_reader *reader, struct record *record, struct row *row, struct err *err)
{
	const struct replay_listener listener = {.ctx = row, .changed = on_changed};
	struct replay_summary summary = {.method = 0};
	struct replay_inputs inputs = {.plan = NULL};

	row->method = record->method;
	row->was = record->has_verdict ? verdict_name(record) : NULL;
	memcpy(row->dut, record->dut, sizeof(row->dut));
	int rc = replay_inputs_read(record, &inputs, err);
	if (rc == 0)
		rc = runfile_verify_begin(reader, err);
	if (rc == 0)
		rc = replay_run(reader, record, &inputs, &listener, &summary, err);
	if (rc == 0)
		rc = runfile_verify_end(reader, err);
	replay_inputs_free(&inputs);
	if (rc)
		return rc;
	row->now = record->has_verdict ? verdict_name(record) : NULL;
	row->results = summary.results;
	row->changed = summary.changed;
	bool same = !row->was || !row->now ? row->was == row->now : strcmp(row->was, row->now) == 0;
	if (summary.differences && row->method == METHOD_VERSION) {
		row->state = STATE_NOT_REPRODUCED;
		snprintf(row->why, sizeof(row->why), "%s", summary.first);
	} else {
		row->state = !same ? STATE_CHANGES : summary.differences ? STATE_DIFFERS : STATE_SAME;
	}
	return 0;
}

static void requalify(const char *path, struct row *row)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct err err = {0};

	*row = (struct row){.path = path, .largest = NAN};
	int rc = reopen_sound(path, &reader, &record, &err);
	if (rc == 0)
		rc = derive(reader, record, row, &err);
	if (rc < 0) {
		row->state = rc == -ENOENT || rc == -EACCES || rc == -EISDIR ? STATE_UNREAD : STATE_DAMAGED;
		snprintf(row->why, sizeof(row->why), "%s", err.text);
	}
	runfile_reader_free(reader);
	record_free(record);
}

/* ---- what is printed --------------------------------------------------------------------------------------------- */

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void print_row(const struct row *row)
{
	print_clean(stdout, name_of(row->path));
	if (row->state >= STATE_NOT_REPRODUCED) {
		printf("\n    %s: ", states[row->state].said);
		print_clean(stdout, row->why);
		fputc('\n', stdout);
		return;
	}
	printf("\n    method %u: %u of %u results differ", row->method, row->changed, row->results);
	if (!isnan(row->largest))
		printf(", largest by %.2g of its U", row->largest);
	if (row->turned)
		printf("; %u judged otherwise", row->turned);
	printf("; %s\n", states[row->state].said);
}

static void print_changes(const struct row *rows, unsigned count)
{
	unsigned changes = 0;

	for (unsigned i = 0; i < count; i++)
		changes += rows[i].state == STATE_CHANGES;
	if (!changes) {
		printf("\nno verdict changes\n");
		return;
	}
	printf("\n%u verdict%s by method %u:\n%-20s %-20s %s\n", changes, changes == 1 ? " changes" : "s change",
	       METHOD_VERSION, "was", "is", "run");
	for (unsigned i = 0; i < count; i++) {
		if (rows[i].state != STATE_CHANGES)
			continue;
		printf("%-20s %-20s ", rows[i].was ? rows[i].was : "none", rows[i].now ? rows[i].now : "none");
		print_clean(stdout, name_of(rows[i].path));
		fputc('\n', stdout);
	}
}

static void print_totals(const struct row *rows, unsigned count)
{
	unsigned of[STATES] = {0};

	for (unsigned i = 0; i < count; i++)
		of[rows[i].state]++;
	printf("\n%u run%s by method %u\n", count, count == 1 ? "" : "s", METHOD_VERSION);
	for (unsigned i = 0; i < STATES; i++)
		if (of[i])
			printf("%6u  %s\n", of[i], states[i].said);
}

static int print_json(const struct row *rows, unsigned count, struct err *err)
{
	struct json_out *out = json_out_object(), *list;
	char *text = NULL;

	json_out_string(out, "kind", "penrig/requalification/1");
	json_out_int(out, "method", METHOD_VERSION);
	list = json_out_add_array(out, "runs");
	for (unsigned i = 0; i < count; i++) {
		const struct row *row = &rows[i];
		struct json_out *entry = json_out_add_object(list, NULL);
		json_out_string(entry, "run_file", row->path);
		json_out_string(entry, "dut", *row->dut ? row->dut : NULL);
		json_out_string(entry, "state", states[row->state].name);
		json_out_string(entry, "reason", *row->why ? row->why : NULL);
		json_out_int(entry, "method", row->method);
		json_out_int(entry, "results", row->results);
		json_out_int(entry, "results_changed", row->changed);
		json_out_int(entry, "judgements_changed", row->turned);
		if (isnan(row->largest))
			json_out_null(entry, "largest_share_of_u");
		else
			json_out_number(entry, "largest_share_of_u", row->largest, 4);
		json_out_string(entry, "verdict", row->was);
		json_out_string(entry, "verdict_by_this_method", row->now);
	}
	int rc = json_out_print(out, true, &text, err);
	json_out_free(out);
	if (rc == 0)
		fputs(text, stdout);
	free(text);
	return rc;
}

static void print_csv(const struct row *rows, unsigned count)
{
	fputs("run_file,dut,state,reason,method,results,results_changed,judgements_changed,largest_share_of_u,verdict,"
	      "verdict_by_this_method\r\n",
	      stdout);
	for (unsigned i = 0; i < count; i++) {
		const struct row *row = &rows[i];
		struct csv_row cells = {.out = stdout};

		csv_put_text(&cells, row->path);
		csv_put_text(&cells, row->dut);
		csv_put_text(&cells, states[row->state].name);
		csv_put_text(&cells, row->why);
		csv_put_count(&cells, row->method);
		csv_put_count(&cells, row->results);
		csv_put_count(&cells, row->changed);
		csv_put_count(&cells, row->turned);
		csv_put_real(&cells, row->largest);
		csv_put_text(&cells, row->was ? row->was : "");
		csv_put_text(&cells, row->now ? row->now : "");
		csv_end(&cells);
	}
}

static int requalify_run(const struct cli_tables *tables, const void *options, const char *const *operands,
			 unsigned count)
{
	const struct requalify_options *o = options;
	struct row *rows = calloc(count, sizeof(*rows));
	enum state worst = STATE_SAME;
	struct err err = {0};

	(void)tables;
	if (!rows)
		return cli_error(EXIT_INTERNAL, "out of memory");
	for (unsigned i = 0; i < count; i++) {
		requalify(operands[i], &rows[i]);
		worst = rows[i].state > worst ? rows[i].state : worst;
		if (!o->json && !o->csv)
			print_row(&rows[i]);
	}
	int code = states[worst].code;
	if (o->json && print_json(rows, count, &err) < 0)
		code = cli_error(EXIT_INTERNAL, "%s", err.text);
	if (o->csv) {
		print_csv(rows, count);
	} else if (!o->json) {
		print_totals(rows, count);
		print_changes(rows, count);
	}
	free(rows);
	return code;
}

const struct command command_requalify = {
	.name = "requalify",
	.operands = "RUNFILE...",
	.operands_min = 1,
	.operands_max = OPERANDS_MAX,
	.summary = "Derive many runs again by this method, and list changed verdicts",
	.description = "For each run file: how many results differ from those that it holds, by how much of their U, "
		       "and whether this "
		       "version's method comes to another verdict; at the end a table of the verdicts that change. Run "
		       "it before a "
		       "new version of penrig goes into service. Nothing is written into any file.\n\n"
		       "Exit code: 0 no verdict changes; 9 one does; else the worst of: 7 a run that was judged by "
		       "this very method "
		       "cannot be reproduced; 6 a file is damaged or altered; 2 one cannot be opened.",
	.example = "  penrig requalify archive/2026/*.penrig\n",
	.options = requalify_table,
	.options_size = sizeof(struct requalify_options),
	.run = requalify_run,
};
