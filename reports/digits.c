/* Rounding, for programs and for people. */
#include "reports/digits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "rig/base/json_stream.h"
#include "rig/measure/decision.h"
#include "rig/measure/digits.h"

#define PAIR_DECIMALS_MAX 7 /* more would not fit a column */

static int exponent(double value)
{
	return value == 0 || !isfinite(value) ? 0 : (int)floor(log10(fabs(value)));
}

static int clamp(int digits)
{
	return digits < 1 ? 1 : digits > DIGITS_EXACT ? DIGITS_EXACT : digits;
}

static enum outcome outcome_of(const struct finding *finding, struct digits digits)
{
	struct result printed = finding->result;

	printed.value = json_number_rounded(printed.value, digits.value);
	printed.u = json_number_rounded(printed.u, digits.u);
	printed.expanded_u = json_number_rounded(printed.expanded_u, digits.u);
	return decide_outcome(&printed, &finding->limit);
}

struct digits digits_of(const struct finding *finding)
{
	const struct result *result = &finding->result;
	struct digits exact = {DIGITS_EXACT, DIGITS_EXACT};

	if (!result->valid || !isfinite(result->expanded_u) || !(result->expanded_u > 0))
		return exact;
	int places = exponent(result->value) - exponent(result->expanded_u) + DIGITS_PROGRAMS;
	for (int extra = 0; extra < DIGITS_EXACT; extra++) {
		struct digits digits = {clamp(places + extra), clamp(DIGITS_PROGRAMS + extra)};

		if (!finding->has_limit || outcome_of(finding, digits) == outcome_of(finding, exact))
			return digits;
	}
	return exact;
}

void digits_text(double value, int digits, char ret[DIGITS_TEXT_MAX])
{
	if (isfinite(value))
		json_number_text(value, clamp(digits), ret);
	else
		snprintf(ret, DIGITS_TEXT_MAX, "%g", value);
}

void digits_pair(double value, double expanded_u, const char *plus_minus, char *ret, size_t size)
{
	char quantity[DIGITS_QUANTITY_MAX];

	if (!isfinite(value)) {
		snprintf(ret, size, "-");
		return;
	}
	if (!isfinite(expanded_u) || expanded_u <= 0) {
		snprintf(ret, size, "%.6g", value);
		return;
	}
	int decimals = digits_decimals(expanded_u, DIGITS_PEOPLE);
	decimals = decimals > PAIR_DECIMALS_MAX ? PAIR_DECIMALS_MAX : decimals;
	digits_quantity(value, decimals, "1", quantity);
	snprintf(ret, size, "%s %s %.*f", quantity, plus_minus, decimals, expanded_u);
}

void digits_risk(double risk, char ret[DIGITS_TEXT_MAX])
{
	if (risk < DIGITS_RISK_LEAST)
		snprintf(ret, DIGITS_TEXT_MAX, "below 0.0001 %%");
	else
		snprintf(ret, DIGITS_TEXT_MAX, "%.2g %%", 100 * risk);
}
