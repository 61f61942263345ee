/* Results of two versions of the method beside each other. Leaves out how they are told apart: rig/offline. */
#include "rig/cli/analyze_method.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/text_clean.h"
#include "rig/judge/verdict.h"

#define ROWS_MAX    50
#define LABEL_MAX   38 /* columns of a measurand and its method */
#define NUMBER_SIZE 32

struct row {
	char where[16], label[80];
	char file[NUMBER_SIZE], now[NUMBER_SIZE], u[NUMBER_SIZE];
	double in_u; /* NaN: the file states no U, or only one of the two has the result */
};

struct turn { /* a judgement that came out otherwise */
	char where[16], label[80];
	const char *file, *now;
};

struct method_table {
	const char *verdict;          /* the file's */
	unsigned rows, turns, turned; /* in the table; in the list; all that turned */
	double largest;               /* of the shares of U; NaN: none */
	struct row row[ROWS_MAX];
	struct turn turn[ROWS_MAX];
};

struct method_table *method_table_new(const struct record *stored)
{
	struct method_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->verdict = verdict_name(stored);
	table->largest = NAN;
	return table;
}

void method_table_free(struct method_table *table)
{
	free(table);
}

static void name_place(const struct replay_change *change, char *ret, size_t size)
{
	const struct record_point *p = change->point;

	if (!p)
		snprintf(ret, size, "sweep %u", change->sweep + 1);
	else if (p->attempt > 1)
		snprintf(ret, size, "%u/%u", p->plan.number + 1, p->attempt);
	else
		snprintf(ret, size, "%u", p->plan.number + 1);
}

static void name_result(const struct replay_change *change, char *ret, size_t size)
{
	const struct result *r = &(change->stored ? change->stored : change->again)->result;

	snprintf(ret, size, "%s%s%s", r->name, r->method[0] ? " " : "", r->method);
}

/* To two digits of the smaller uncertainty, one more than either is worth. */
static void write_value(const struct finding *f, double u, char ret[NUMBER_SIZE])
{
	int decimals = u > 0.0 && isfinite(u) ? 1 - (int)floor(log10(u)) : 0;

	if (!f)
		snprintf(ret, NUMBER_SIZE, "none");
	else if (!f->result.valid || !isfinite(f->result.value))
		snprintf(ret, NUMBER_SIZE, "-");
	else if (u > 0.0 && isfinite(u))
		snprintf(ret, NUMBER_SIZE, "%.*f", decimals < 0 ? 0 : decimals > 9 ? 9 : decimals, f->result.value);
	else
		snprintf(ret, NUMBER_SIZE, "%.6g", f->result.value);
}

static double stated_u(const struct finding *f)
{
	return f && f->result.valid && f->result.expanded_u > 0.0 ? f->result.expanded_u : NAN;
}

static double share_of_u(const struct replay_change *change)
{
	if (!change->stored || !change->again || !change->again->result.valid)
		return NAN;
	return fabs(change->again->result.value - change->stored->result.value) / stated_u(change->stored);
}

static const char *judged(const struct finding *f)
{
	return !f ? "none" : !f->has_limit ? "not judged" : outcome_name(f->judgement.outcome);
}

static void add_turn(struct method_table *table, const struct replay_change *change)
{
	const char *file = judged(change->stored), *now = judged(change->again);
	bool limited = (change->stored && change->stored->has_limit) || (change->again && change->again->has_limit);

	if (!limited || strcmp(file, now) == 0)
		return;
	if (table->turned++ >= ROWS_MAX)
		return;
	struct turn *turn = &table->turn[table->turns++];
	turn->file = file;
	turn->now = now;
	name_place(change, turn->where, sizeof(turn->where));
	name_result(change, turn->label, sizeof(turn->label));
}

void method_table_add(struct method_table *table, const struct replay_change *change)
{
	double share = share_of_u(change), u = fmin(stated_u(change->stored), stated_u(change->again));

	table->largest = fmax(table->largest, share);
	add_turn(table, change);
	if (table->rows == ROWS_MAX)
		return;
	struct row *row = &table->row[table->rows++];
	name_place(change, row->where, sizeof(row->where));
	name_result(change, row->label, sizeof(row->label));
	write_value(change->stored, u, row->file);
	write_value(change->again, u, row->now);
	snprintf(row->u, sizeof(row->u), isnan(stated_u(change->stored)) ? "-" : "%.2g", stated_u(change->stored));
	row->in_u = share;
}

static void print_row(const struct row *row, FILE *out)
{
	fprintf(out, "%7s %-*.*s", row->where, LABEL_MAX, LABEL_MAX, row->label);
	fprintf(out, " %9.11s %9.11s %7.8s", row->file, row->now, row->u);
	fprintf(out, isnan(row->in_u) ? "     -\n" : " %5.2f\n", row->in_u);
}

static void print_turns(const struct method_table *table, const struct record *derived, FILE *out)
{
	const char *file = table->verdict;
	const char *now = verdict_name(derived);
	bool run = strcmp(file, now) != 0;

	fprintf(out, run || table->turned ? "these verdicts differ:\n" : "no verdict differs\n");
	for (unsigned i = 0; i < table->turns; i++)
		fprintf(out, "%7s %s: %s -> %s\n", table->turn[i].where, table->turn[i].label, table->turn[i].file,
			table->turn[i].now);
	if (table->turned > table->turns)
		fprintf(out, "        ... and %u more\n", table->turned - table->turns);
	if (run)
		fprintf(out, "the run: %s -> %s\n", file, now);
}

void method_table_print(const struct method_table *table, const struct replay_summary *summary,
			const struct record *derived, FILE *out)
{
	fprintf(out, "other method (file: %u, this program: %u): %u result%s differ%s", summary->method, METHOD_VERSION,
		summary->changed, summary->changed == 1 ? "" : "s", summary->changed == 1 ? "s" : "");
	if (!isnan(table->largest))
		fprintf(out, ", largest by %.2g of its U", table->largest);
	fputc('\n', out);
	if (table->rows)
		fprintf(out, "%7s %-*s %9s %9s %7s %5s\n", "point", LABEL_MAX, "result", "file", "now", "U", "of U");
	for (unsigned i = 0; i < table->rows; i++)
		print_row(&table->row[i], out);
	if (summary->changed > table->rows)
		fprintf(out, "        ... and %u more\n", summary->changed - table->rows);
	if (summary->differences > summary->in_results)
		fprintf(out, "beside results, %u figures differ: strokes, windows, the clock, the verdict's reason\n",
			summary->differences - summary->in_results);
	print_turns(table, derived, out);
}
