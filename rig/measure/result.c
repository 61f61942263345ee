/* Uncertainty budgets (JCGM 100). */
#include "rig/measure/result.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "rig/measure/statistics.h"

void result_name(struct result *ret, enum measurand id, const char *method)
{
	const struct measurand_row *row = measurand_row(id);

	ret->id = id;
	snprintf(ret->name, sizeof(ret->name), "%s", row->name);
	snprintf(ret->method, sizeof(ret->method), "%s", method);
	snprintf(ret->unit, sizeof(ret->unit), "%s", row->unit);
}

/* Adds to ret_u and ret_dof the lines fully correlated with `lead`; false when an earlier line already took them in. */
static bool combine_group(const struct result *result, unsigned lead, double *ret_u, double *ret_dof)
{
	const struct budget_line *line = &result->budget[lead];
	double u = line->u, dof = line->dof;

	for (unsigned i = 0; i < result->budget_lines && line->correlation != 0; i++) {
		const struct budget_line *other = &result->budget[i];

		if (i == lead || other->correlation != line->correlation)
			continue;
		if (i < lead)
			return false;
		u += other->u;
		dof = fmin(dof, other->dof);
	}
	*ret_u = u;
	*ret_dof = dof;
	return true;
}

/* Variance, and the sum of Welch and Satterthwaite's formula. */
struct combined {
	double variance, welch;
};

static struct combined combine_groups(const struct result *result)
{
	struct combined sum = {.variance = 0.0};
	double u, dof;

	for (unsigned i = 0; i < result->budget_lines; i++) {
		if (!combine_group(result, i, &u, &dof))
			continue;
		sum.variance += u * u;
		if (isfinite(dof))
			sum.welch += u * u * u * u / dof;
	}
	return sum;
}

double result_correlation(const struct result *result, unsigned i, unsigned j)
{
	for (unsigned p = 0; p < result->pairs; p++) {
		const struct budget_pair *pair = &result->pair[p];

		if ((pair->i == i && pair->j == j) || (pair->i == j && pair->j == i))
			return pair->r;
	}
	if (i == j)
		return 1.0;
	int group = result->budget[i].correlation;

	return group != 0 && group == result->budget[j].correlation ? 1.0 : 0.0;
}

/* Gives each line the number of the bundle of lines that are tied together: the least place among them. */
static void bundle(const struct result *result, unsigned ret[BUDGET_MAX])
{
	unsigned n = result->budget_lines;

	for (unsigned i = 0; i < n; i++)
		ret[i] = i;
	for (bool changed = true; changed;) {
		changed = false;
		for (unsigned i = 0; i < n; i++)
			for (unsigned j = 0; j < n; j++) {
				if (ret[j] >= ret[i] || result_correlation(result, i, j) == 0.0)
					continue;
				ret[i] = ret[j];
				changed = true;
			}
	}
}

static double covariance(const struct result *result, unsigned i, unsigned j)
{
	return result_correlation(result, i, j) * result->budget[i].u * result->budget[j].u;
}

/* What rounding leaves of a variance that is 0 is none below it. */
static double no_less_than_zero(double variance, double scale)
{
	return variance >= 0.0 ? variance : variance > -1e-12 * scale ? 0.0 : NAN;
}

static struct combined combine_bundles(const struct result *result)
{
	struct combined sum = {.variance = 0.0};
	unsigned of[BUDGET_MAX], n = result->budget_lines;

	bundle(result, of);
	for (unsigned b = 0; b < n; b++) {
		double variance = 0.0, scale = 0.0, dof = INFINITY;

		for (unsigned i = 0; i < n; i++) {
			if (of[i] != b)
				continue;
			for (unsigned j = 0; j < n; j++)
				variance += of[j] == b ? covariance(result, i, j) : 0.0;
			scale += result->budget[i].u * result->budget[i].u;
			dof = fmin(dof, result->budget[i].dof);
		}
		variance = no_less_than_zero(variance, scale);
		sum.variance += variance;
		if (isfinite(dof))
			sum.welch += variance * variance / dof;
	}
	return sum;
}

static void check_pairs(const struct result *result)
{
	assert(result->pairs <= BUDGET_PAIRS_MAX);
	for (unsigned p = 0; p < result->pairs; p++) {
		const struct budget_pair *pair = &result->pair[p];

		assert(pair->i != pair->j && pair->i < result->budget_lines && pair->j < result->budget_lines);
		assert(fabs(pair->r) <= 1.0);
	}
}

void result_combine(struct result *result)
{
	assert(result->budget_lines <= BUDGET_MAX);
	check_pairs(result);
	/* Two roads, because the sums of old results must come out in their last bit. */
	struct combined sum = result->pairs ? combine_bundles(result) : combine_groups(result);
	double variance = sum.variance, welch = sum.welch;

	result->u = sqrt(variance);
	result->dof = welch > 0.0 ? fmax(1.0, floor(variance * variance / welch * (1.0 + 1e-12))) : INFINITY;
	result->k = student_k(result->dof);
	result->expanded_u = result->k * result->u;
}

/* How far the square may lie above and below its estimate for one line. */
static void square_limits(const struct budget_line *line, double *ret_above, double *ret_below)
{
	double variance = line->u * sqrt(0.5 * line->dof);

	if (!isfinite(line->dof)) {
		*ret_above = *ret_below = student_k(INFINITY) * line->u;
		return;
	}
	*ret_above = variance * (1.0 / chi2_share(0.025, line->dof) - 1.0);
	*ret_below = variance * (1.0 - 1.0 / chi2_share(0.975, line->dof));
}

void result_root(struct result *result, double square)
{
	double above2 = 0.0, below2 = 0.0, above, below, value2 = square < 0.0 ? 0.0 : square;

	for (unsigned i = 0; i < result->budget_lines; i++) {
		square_limits(&result->budget[i], &above, &below);
		above2 += above * above;
		below2 += below * below;
	}
	result->value = sqrt(value2);
	above = sqrt(value2 + sqrt(above2)) - result->value;
	below = result->value - sqrt(fmax(0.0, value2 - sqrt(below2)));
	result_combine(result);

	double farther = above > below ? above : below,
	       scale = result->expanded_u > 0.0 ? farther / result->expanded_u : 1.0;

	for (unsigned i = 0; i < result->budget_lines; i++)
		result->budget[i].u *= scale;
	result_combine(result);
}
