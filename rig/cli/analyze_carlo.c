/* Second opinions as a table: the shortest 95 % interval beside value and U. */
#include "rig/cli/analyze_carlo.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define LABEL_MAX     28 /* columns of a measurand and its method */
#define SEED_UNTOLD   1
#define OUTSIDE_WORTH 1e-3 /* share of trials beyond the curve that is worth a line */

struct table {
	FILE *out;
	unsigned count[CARLO_TOO_FEW + 1];
	bool outside;
};

static int read_whole(const char *option, const char *text, uint64_t lo, uint64_t hi, uint64_t *ret, struct err *err)
{
	char *end;

	errno = 0;
	uint64_t value = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno || value < lo || value > hi)
		return err_set(err, -EINVAL, "%s %.40s: must be a whole number from %" PRIu64 " to %" PRIu64, option,
			       text, lo, hi);
	*ret = value;
	return 0;
}

int carlo_options(const char *trials, const char *seed, struct opinion_request *ret, struct err *err)
{
	struct opinion_request request = {.seed = SEED_UNTOLD};
	int rc = 0;

	if (seed && !trials)
		return err_set(err, -EINVAL, "--seed is that of --monte-carlo: give both, or leave out --seed");
	if (trials)
		rc = read_whole("--monte-carlo", trials, CARLO_TRIALS_MIN, CARLO_TRIALS_MAX, &request.trials, err);
	if (rc == 0 && seed)
		rc = read_whole("--seed", seed, 0, UINT64_MAX, &request.seed, err);
	if (rc == 0)
		*ret = request;
	return rc;
}

/* To two digits of U, as many as nine. */
static int decimals_of(double expanded_u)
{
	int decimals = 1 - (int)floor(log10(expanded_u));

	return decimals < 0 ? 0 : decimals > 9 ? 9 : decimals;
}

static void print_place(FILE *out, const struct record_point *point, unsigned sweep)
{
	if (point)
		fprintf(out, "%5u ", point->plan.number + 1);
	else
		fprintf(out, "   S%-1u ", sweep + 1);
}

static void print_opinion(void *ctx, const struct record_point *point, unsigned sweep, const struct finding *f)
{
	static const char mark[] = {[CARLO_GOOD_ENOUGH] = ' ', [CARLO_NOT_GOOD] = '!', [CARLO_TOO_FEW] = '?'};
	const struct result *r = &f->result;
	const struct carlo_outcome *o = &f->opinion;
	struct table *table = ctx;
	char label[80];
	int decimals = decimals_of(r->expanded_u);

	snprintf(label, sizeof(label), "%s%s%s", r->name, r->method[0] ? " " : "", r->method);
	print_place(table->out, point, sweep);
	fprintf(table->out, "%-*.*s %9.*f %8.*f %9.*f %9.*f %4.0f%%%c\n", LABEL_MAX, LABEL_MAX, label, decimals,
		r->value, decimals, r->expanded_u, decimals, o->lower, decimals, o->upper,
		fmin(999.0, 100.0 * o->apart / r->expanded_u), mark[o->opinion]);
	table->count[o->opinion]++;
	table->outside |= o->outside > OUTSIDE_WORTH;
}

static void print_sum(const struct table *t)
{
	unsigned all = t->count[CARLO_GOOD_ENOUGH] + t->count[CARLO_NOT_GOOD] + t->count[CARLO_TOO_FEW];

	fprintf(t->out, "first-order intervals: %u of %u good enough", t->count[CARLO_GOOD_ENOUGH], all);
	if (t->count[CARLO_NOT_GOOD])
		fprintf(t->out, ", %u not (!)", t->count[CARLO_NOT_GOOD]);
	if (t->count[CARLO_TOO_FEW])
		fprintf(t->out, ", %u not told by so few trials (?)", t->count[CARLO_TOO_FEW]);
	fputs("\n\"off\" is the larger distance of the ends of the two 95 % intervals, in per cent of U; not good\n"
	      "enough is more than half a unit in the second digit of u (JCGM 101, clause 8)\n",
	      t->out);
	if (t->outside)
		fputs("of some depths more than 0.1 % of the trials lay beyond the curve: its slope served there\n",
		      t->out);
}

int carlo_print(struct record *record, const struct replay_inputs *inputs, struct opinion_request request, FILE *out,
		struct err *err)
{
	struct table table = {.out = out};

	request.ctx = &table;
	request.formed = print_opinion;
	fprintf(out, "Monte Carlo (JCGM 101), %" PRIu64 " trials for each judged result, seed %" PRIu64 "\n",
		request.trials, request.seed);
	fprintf(out, "%5s %-*s %9s %8s %9s %9s %5s\n", "point", LABEL_MAX, "result", "value", "U", "shortest", "95 %",
		"off");
	int rc = opinions_form(record, inputs, &request, err);

	if (rc == 0)
		print_sum(&table);
	return rc;
}
