/* Uncertainty budgets (JCGM 100) and decisions by limit, guard band and specific risk (JCGM 106, ILAC-G8). */
#include "rig/measure/result.h"

#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/measure/statistics.h"

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

const char *outcome_name(enum outcome outcome)
{
	static const char *const names[] = {
		[OUTCOME_PASS] = "pass",
		[OUTCOME_CONDITIONAL_PASS] = "conditional_pass",
		[OUTCOME_INCONCLUSIVE] = "inconclusive",
		[OUTCOME_CONDITIONAL_FAIL] = "conditional_fail",
		[OUTCOME_FAIL] = "fail",
	};

	assert((unsigned)outcome < sizeof(names) / sizeof(names[0]));
	return names[outcome];
}

static double cdf(const struct result *result, double x)
{
	double t;

	if (result->u == 0.0)
		return x >= result->value ? 1.0 : 0.0;
	t = (x - result->value) / result->u;
	if (!isfinite(result->dof) || result->dof > 1e7)
		return gsl_cdf_ugaussian_P(t);
	return gsl_cdf_tdist_P(t, fmax(1.0, floor(result->dof)));
}

static double specific_risk(const struct result *result, const struct limit *limit)
{
	double above = 0.0, below = 0.0;

	if (limit->has_upper)
		above = result->u == 0.0 ? result->value > limit->upper : 1.0 - cdf(result, limit->upper);
	if (limit->has_lower)
		below = result->u == 0.0 ? result->value < limit->lower : cdf(result, limit->lower);
	return fmin(1.0, above + below);
}

static void explain(const struct result *result, const struct limit *limit, bool upper, struct judgement *ret)
{
	static const char *const where[2][2] = {{"above", "below"}, {"below", "above"}};
	const char *unit = limit->unit;
	int n = snprintf(ret->reason, sizeof(ret->reason), "%.6g %s is %.3g %s %s the %s limit of %.6g %s",
			 result->value, unit, fabs(ret->margin), unit, where[ret->margin < 0.0][upper],
			 upper ? "upper" : "lower", upper ? limit->upper : limit->lower, unit);

	if (n > 0 && (size_t)n < sizeof(ret->reason) && fabs(ret->margin) <= ret->guard_band)
		snprintf(ret->reason + n, sizeof(ret->reason) - (size_t)n, ", within the guard band of %.3g %s",
			 ret->guard_band, unit);
}

static enum outcome decide(double margin, double guard_band)
{
	if (margin > guard_band || (guard_band == 0.0 && margin >= 0.0))
		return OUTCOME_PASS;
	if (margin >= 0.0)
		return OUTCOME_CONDITIONAL_PASS;
	return -margin > guard_band ? OUTCOME_FAIL : OUTCOME_CONDITIONAL_FAIL;
}

static void judge_inconclusive(const char *reason, struct judgement *ret)
{
	*ret = (struct judgement){
		.outcome = OUTCOME_INCONCLUSIVE, .margin = NAN, .guard_band = NAN, .false_accept_risk = NAN};
	snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
}

void judge(const struct result *result, const struct limit *limit, struct judgement *ret)
{
	assert(limit->has_lower || limit->has_upper);
	assert(strcmp(result->name, limit->measurand) == 0);
	assert(strcmp(result->unit, limit->unit) == 0);
	assert(limit->guard_r >= 0.0);

	if (!result->valid || !result->trusted) {
		judge_inconclusive(result->reason[0] ? result->reason : "no trusted value", ret);
		return;
	}
	if (!isfinite(result->value) || !isfinite(result->expanded_u) || !isfinite(result->u) || result->u < 0.0 ||
	    result->expanded_u < 0.0) {
		judge_inconclusive("value or uncertainty is not finite", ret);
		return;
	}

	double to_upper = limit->has_upper ? limit->upper - result->value : INFINITY;
	double to_lower = limit->has_lower ? result->value - limit->lower : INFINITY;
	bool upper = to_upper <= to_lower;

	*ret = (struct judgement){.margin = upper ? to_upper : to_lower,
				  .guard_band = limit->guard_r * result->expanded_u,
				  .false_accept_risk = specific_risk(result, limit)};
	ret->outcome = decide(ret->margin, ret->guard_band);
	explain(result, limit, upper, ret);
}
