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

void result_combine(struct result *result)
{
	double variance = 0.0, welch = 0.0, u, dof;

	assert(result->budget_lines <= BUDGET_MAX);
	for (unsigned i = 0; i < result->budget_lines; i++) {
		if (!combine_group(result, i, &u, &dof))
			continue;
		variance += u * u;
		if (isfinite(dof))
			welch += u * u * u * u / dof;
	}
	result->u = sqrt(variance);
	result->dof = welch > 0.0 ? fmax(1.0, floor(variance * variance / welch * (1.0 + 1e-12))) : INFINITY;
	result->k = student_k(result->dof);
	result->expanded_u = result->k * result->u;
}
