#include "tests/bench/misfit_cells.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES_MAX 64

struct recording misfit_cell_recording(const struct misfit_cell *cell, unsigned trial)
{
	return cell->family != NULL ? misfit_recording(cell->family, cell->severity, cell->first + trial)
				    : recording_good(cell->first + trial);
}

static int run_apart(const struct misfit_cell *cell, unsigned first, unsigned trials, unsigned step)
{
	int ends[2];

	fflush(stdout);
	if (pipe(ends) != 0)
		abort();
	pid_t child = fork();

	if (child < 0)
		abort();
	if (child > 0) {
		close(ends[1]);
		return ends[0];
	}
	for (unsigned k = first; k < trials; k += step) {
		struct recording r = misfit_cell_recording(cell, k);
		struct misfit_outcome outcome;

		misfit_run(&r, &outcome);
		if (write(ends[1], &outcome, sizeof(outcome)) != sizeof(outcome))
			_exit(1);
	}
	_exit(0);
}

static void get(int from, void *to, size_t bytes)
{
	for (size_t have = 0; have < bytes;) {
		ssize_t got = read(from, (char *)to + have, bytes - have);

		if (got <= 0) {
			fprintf(stderr, "misfit: a trial ended its process\n");
			exit(1);
		}
		have += (size_t)got;
	}
}

struct misfit_outcome *misfit_cell_run(const struct misfit_cell *cell, unsigned trials, unsigned processes)
{
	struct misfit_outcome *all = calloc(trials + 1, sizeof(*all));
	int from[PROCESSES_MAX];

	if (all == NULL)
		abort();
	processes = processes < 1 ? 1 : processes > PROCESSES_MAX ? PROCESSES_MAX : processes;
	for (unsigned i = 0; i < processes; i++)
		from[i] = run_apart(cell, i, trials, processes);
	for (unsigned k = 0; k < trials; k++)
		get(from[k % processes], &all[k], sizeof(all[k]));
	for (unsigned i = 0; i < processes; i++)
		close(from[i]);
	while (wait(NULL) > 0)
		;
	return all;
}

/* Figures in a reason differ from trial to trial: '#' stands for them. */
static void add_reason(struct reason_counts *reasons, const char *text)
{
	char plain[REASON_LENGTH];
	unsigned n = 0, kind = 0;

	for (const char *c = text; *c != '\0' && n + 1 < sizeof(plain); c++) {
		bool behind = n > 0 && plain[n - 1] == '#', power = behind && *c == 'e' && (c[1] == '+' || c[1] == '-');
		bool figure = (*c >= '0' && *c <= '9') || (behind && *c == '.') || power;

		c += power;

		if (!figure || !behind)
			plain[n++] = figure ? '#' : *c;
	}
	plain[n] = '\0';
	while (kind < reasons->kinds && strcmp(reasons->text[kind], plain) != 0)
		kind++;
	if (kind == REASONS_MAX)
		kind--;
	else if (kind == reasons->kinds)
		strcpy(reasons->text[reasons->kinds++], plain);
	reasons->count[kind]++;
}

void misfit_print_reasons(const struct reason_counts *reasons)
{
	for (unsigned i = 0; i < reasons->kinds; i++)
		printf("%s%s (%u)", i > 0 ? "; " : "", reasons->text[i], reasons->count[i]);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void add(struct sum *s, double x)
{
	s->n++;
	s->sum += x;
	s->squares += x * x;
}

struct misfit_row misfit_row_of(const struct misfit_outcome *all, unsigned trials, enum misfit_claim claim)
{
	struct misfit_row row = {.trials = trials};
	double *u = calloc(trials + 1, sizeof(*u));

	if (u == NULL)
		abort();
	for (unsigned k = 0; k < trials; k++) {
		const struct claim_outcome *c = &all[k].claim[claim];

		row.miscounted += all[k].miscounted;
		add(&row.accept,
		    misfit_claim_upper(claim) ? c->accept_upper : 0.5 * (c->accept_upper + c->accept_lower));
		if (!c->trusted) {
			add_reason(&row.reasons, c->reason);
			continue;
		}
		u[row.trusted++] = c->expanded_u;
		row.error += c->error;
		row.error_rel += c->error / c->truth;
		row.error_rel2 += pow(c->error / c->truth, 2.0);
		row.u += c->expanded_u;
		row.worst = fmax(row.worst, fabs(c->error) / c->expanded_u);
		add(&row.outside, c->outside);
		row.upper += c->accept_upper;
		row.lower += misfit_claim_upper(claim) ? 0.0 : c->accept_lower;
	}
	qsort(u, row.trusted, sizeof(*u), by_size);
	row.median_u = row.trusted > 0 ? u[row.trusted / 2] : NAN;
	free(u);
	return row;
}

struct misfit_mark misfit_cell_mark(const struct misfit_cell *cell)
{
	struct misfit_cell from_start = {cell->family, cell->severity, 0};
	struct recording r = misfit_cell_recording(&from_start, 0);
	struct misfit_results *results = calloc(1, sizeof(*results));
	const struct result *depth;
	struct take take;
	double squares = 0.0;

	if (results == NULL)
		abort();
	recording_make(&r, &take);
	for (uint64_t i = 0; i < take.samples; i++)
		squares += pow(take.lsb_n * take.counts[i], 2.0);
	misfit_measure(&r, &take, results);
	depth = misfit_find(results, "depth_mm", "force_equivalent");

	struct misfit_mark mark = {sqrt(squares / (double)take.samples), depth->value, depth->expanded_u};

	take_free(&take);
	free(results);
	return mark;
}
