/* Decisions by limit, guard band and specific risk (JCGM 106, ILAC-G8). */
#include "rig/measure/decision.h"
#include "rig/measure/digits.h"

#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

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

/* "3 missed, limit 0" */
static void explain_count(const struct result *result, const struct limit *limit, bool upper, struct judgement *ret)
{
	snprintf(ret->reason, sizeof(ret->reason), "%.0f %s, %slimit %.6g", result->value,
		 measurand_row(result->id)->counted, upper ? "" : "lower ", upper ? limit->upper : limit->lower);
}

/* Digits: value to two digits of its uncertainty, or to where it parts from the limit. */
static void explain(const struct result *result, const struct limit *limit, bool upper, struct judgement *ret)
{
	static const char *const where[2][2] = {{"above", "below"}, {"below", "above"}};
	double margin = fabs(ret->margin), bound = upper ? limit->upper : limit->lower;
	char value[DIGITS_QUANTITY_MAX], apart[DIGITS_QUANTITY_MAX], band[DIGITS_QUANTITY_MAX],
		end[DIGITS_QUANTITY_MAX];
	int decimals = digits_decimals(result->expanded_u > 0.0 ? result->expanded_u : margin, DIGITS_PEOPLE);
	int least = digits_decimals(margin, 1), fine = digits_decimals(margin, DIGITS_PEOPLE);

	if (measurand_row(result->id)->counted) {
		explain_count(result, limit, upper, ret);
		return;
	}
	decimals = decimals < least ? least : decimals;
	digits_quantity(result->value, decimals, limit->unit, value);
	digits_quantity(margin, fine < decimals ? fine : decimals, limit->unit, apart);
	digits_quantity(ret->guard_band, digits_decimals(ret->guard_band, DIGITS_PEOPLE), limit->unit, band);
	digits_quantity(bound, digits_of_typed(bound), limit->unit, end);
	bool within = ret->outcome == OUTCOME_CONDITIONAL_PASS || ret->outcome == OUTCOME_CONDITIONAL_FAIL;
	int n = snprintf(ret->reason, sizeof(ret->reason), "%s is %s %s the %s limit of %s", value, apart,
			 where[ret->margin < 0.0][upper], upper ? "upper" : "lower", end);

	if (within && n > 0 && (size_t)n < sizeof(ret->reason))
		snprintf(ret->reason + n, sizeof(ret->reason) - (size_t)n, ", within the guard band of %s", band);
}

static enum outcome outcome_of(double margin, double guard_band)
{
	if (margin > guard_band || (guard_band == 0.0 && margin >= 0.0))
		return OUTCOME_PASS;
	if (margin >= 0.0)
		return OUTCOME_CONDITIONAL_PASS;
	return -margin > guard_band ? OUTCOME_FAIL : OUTCOME_CONDITIONAL_FAIL;
}

static void decide_inconclusive(const char *reason, struct judgement *ret)
{
	*ret = (struct judgement){
		.outcome = OUTCOME_INCONCLUSIVE, .margin = NAN, .guard_band = NAN, .false_accept_risk = NAN};
	snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
}

static void assert_fit(const struct result *result, const struct limit *limit)
{
	assert(limit->has_lower || limit->has_upper);
	assert(result->id != MEASURAND_NONE && result->id == limit->id);
	assert(strcmp(result->unit, limit->unit) == 0);
	assert(limit->guard_r >= 0.0);
}

static bool is_finite(const struct result *result)
{
	return isfinite(result->value) && isfinite(result->expanded_u) && isfinite(result->u) && result->u >= 0.0 &&
	       result->expanded_u >= 0.0;
}

/* Sets margin, guard band and outcome; true where the upper limit is the nearer one. */
static bool weigh(const struct result *result, const struct limit *limit, struct judgement *ret)
{
	double to_upper = limit->has_upper ? limit->upper - result->value : INFINITY;
	double to_lower = limit->has_lower ? result->value - limit->lower : INFINITY;
	bool upper = to_upper <= to_lower;

	*ret = (struct judgement){.margin = upper ? to_upper : to_lower,
				  .guard_band = limit->guard_r * result->expanded_u};
	ret->outcome = outcome_of(ret->margin, ret->guard_band);
	return upper;
}

enum outcome decide_outcome(const struct result *result, const struct limit *limit)
{
	struct judgement judgement;

	assert_fit(result, limit);
	if (!result->valid || !result->trusted || !is_finite(result))
		return OUTCOME_INCONCLUSIVE;
	weigh(result, limit, &judgement);
	return judgement.outcome;
}

void decide(const struct result *result, const struct limit *limit, struct judgement *ret)
{
	assert_fit(result, limit);
	if (!result->valid || !result->trusted) {
		decide_inconclusive(result->reason[0] ? result->reason : "no trusted value", ret);
		return;
	}
	if (!is_finite(result)) {
		decide_inconclusive("value or uncertainty is not finite", ret);
		return;
	}
	bool upper = weigh(result, limit, ret);
	ret->false_accept_risk = specific_risk(result, limit);
	explain(result, limit, upper, ret);
}
