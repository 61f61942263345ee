/* One-way and two-way analysis of variance, by means first and deviations from them after. */
#include "rig/study/anova.h"

#include <math.h>
#include <stdlib.h>

#include "rig/measure/distribution.h"

static void finish(struct anova_row *row, double dof)
{
	row->dof = dof;
	row->mean = row->squares / dof;
	row->f = row->p = NAN;
}

static void test(struct anova_row *row, const struct anova_row *against)
{
	row->f = row->mean / against->mean;
	row->p = f_above(row->f, row->dof, against->dof);
}

/* Of the values less the first one, in long double: half of the digits may be common to all. */
static long double mean_less(const double *x, const unsigned *group, unsigned n, unsigned which)
{
	long double sum = 0.0L;
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++)
		if (!group || group[i] == which) {
			sum += (long double)x[i] - x[0];
			count++;
		}
	return sum / count;
}

void anova_one_way(const double *x, const unsigned *group, unsigned n, unsigned groups, struct anova_one_way *ret)
{
	long double all = mean_less(x, NULL, n, 0), between = 0.0L, within = 0.0L;

	for (unsigned g = 0; g < groups; g++) {
		long double mean = mean_less(x, group, n, g);

		for (unsigned i = 0; i < n; i++)
			if (group[i] == g) {
				long double left = (long double)x[i] - x[0] - mean;
				within += left * left;
				between += (mean - all) * (mean - all);
			}
	}
	ret->between.squares = (double)between;
	ret->within.squares = (double)within;
	ret->total = (double)(between + within);
	finish(&ret->between, groups - 1.0);
	finish(&ret->within, (double)n - groups);
	test(&ret->between, &ret->within);
	ret->r2 = ret->between.squares / ret->total;
	ret->residual_sd = sqrt(ret->within.mean);
}

struct layout {
	const double *x;
	unsigned a, b, r;
};

/* Mean of the values less the first one; a level that is UINT_MAX is averaged over. */
#define ALL (~0u)
static double mean_over(const struct layout *l, unsigned a, unsigned b)
{
	double sum = 0.0;
	unsigned count = 0;

	for (unsigned i = a == ALL ? 0 : a; i < (a == ALL ? l->a : a + 1); i++)
		for (unsigned j = b == ALL ? 0 : b; j < (b == ALL ? l->b : b + 1); j++)
			for (unsigned k = 0; k < l->r; k++, count++)
				sum += l->x[(i * l->b + j) * l->r + k] - l->x[0];
	return sum / count;
}

static void cell_squares(const struct layout *l, unsigned i, unsigned j, double expected, struct anova_two_way *ret)
{
	double cell = mean_over(l, i, j);

	ret->interaction.squares += l->r * (cell - expected) * (cell - expected);
	for (unsigned k = 0; k < l->r; k++) {
		double left = l->x[(i * l->b + j) * l->r + k] - l->x[0] - cell;
		ret->repeat.squares += left * left;
	}
}

void anova_two_way(const double *x, unsigned levels_a, unsigned levels_b, unsigned repeats, struct anova_two_way *ret)
{
	const struct layout l = {x, levels_a, levels_b, repeats};
	double all = mean_over(&l, ALL, ALL);

	*ret = (struct anova_two_way){.a = {.squares = 0.0}};
	for (unsigned i = 0; i < levels_a; i++) {
		double a = mean_over(&l, i, ALL) - all;
		ret->a.squares += levels_b * repeats * a * a;
	}
	for (unsigned j = 0; j < levels_b; j++) {
		double b = mean_over(&l, ALL, j) - all;
		ret->b.squares += levels_a * repeats * b * b;
		for (unsigned i = 0; i < levels_a; i++)
			cell_squares(&l, i, j, mean_over(&l, i, ALL) + b, ret);
	}
	finish(&ret->a, levels_a - 1.0);
	finish(&ret->b, levels_b - 1.0);
	finish(&ret->interaction, (levels_a - 1.0) * (levels_b - 1.0));
	finish(&ret->repeat, (double)levels_a * levels_b * (repeats - 1.0));
	test(&ret->a, &ret->interaction);
	test(&ret->b, &ret->interaction);
	test(&ret->interaction, &ret->repeat);
}

void anova_nested(const double *x, unsigned levels_a, unsigned levels_b, unsigned repeats, struct anova_nested *ret)
{
	unsigned n = levels_a * levels_b * repeats;
	long double all = 0.0L, of_a = 0.0L, of_b = 0.0L, rest = 0.0L;

	for (unsigned i = 0; i < n; i++)
		all += ((long double)x[i] - x[0]) / n;
	for (unsigned a = 0; a < levels_a; a++) {
		const double *own = x + (size_t)a * levels_b * repeats;
		long double mean_a = 0.0L;

		for (unsigned i = 0; i < levels_b * repeats; i++)
			mean_a += ((long double)own[i] - x[0]) / (levels_b * repeats);
		of_a += (mean_a - all) * (mean_a - all) * levels_b * repeats;
		for (unsigned b = 0; b < levels_b; b++) {
			long double mean_b = 0.0L;

			for (unsigned r = 0; r < repeats; r++)
				mean_b += ((long double)own[b * repeats + r] - x[0]) / repeats;
			of_b += (mean_b - mean_a) * (mean_b - mean_a) * repeats;
			for (unsigned r = 0; r < repeats; r++) {
				long double left = (long double)own[b * repeats + r] - x[0] - mean_b;
				rest += left * left;
			}
		}
	}
	ret->a.squares = (double)of_a;
	ret->b.squares = (double)of_b;
	ret->repeat.squares = (double)rest;
	finish(&ret->a, levels_a - 1.0);
	finish(&ret->b, levels_a * (levels_b - 1.0));
	finish(&ret->repeat, (double)levels_a * levels_b * (repeats - 1.0));
	test(&ret->a, &ret->b);
	test(&ret->b, &ret->repeat);
}
