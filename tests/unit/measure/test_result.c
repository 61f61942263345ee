/* Budgets against GUM H.1 and H.2; decisions and risks against JCGM 106 and ILAC-G8. */
#include <stdio.h>
#include <string.h>

#include "rig/measure/decision.h"
#include "tests/unit/measure/check.h"

#include "rig/measure/result.h"
#include "rig/measure/statistics.h"

static struct result exact(double value, double u, double dof)
{
	struct result r = {.valid = true, .trusted = true, .value = value};

	result_name(&r, MEASURAND_DEPTH, "");
	r.budget[0] = (struct budget_line){.name = "all", .u = u, .dof = dof};
	r.budget_lines = u > 0.0;
	result_combine(&r);
	return r;
}

static struct limit upper(double limit, double r)
{
	return (struct limit){.id = MEASURAND_DEPTH,
			      .measurand = "depth_mm",
			      .unit = "mm",
			      .has_upper = true,
			      .upper = limit,
			      .guard_r = r};
}

/* JCGM 100 H.1, in nm; table H.1. The expansion's second-order term (11.7 nm) belongs to it. */
static void gum_h1_end_gauge(void **state)
{
	struct result r = {.value = 50.000838e6};
	const struct budget_line lines[] = {{.name = "standard", .u = 25.0, .dof = 18.0},
					    {.name = "difference", .u = 9.7, .dof = 25.6},
					    {.name = "expansion", .u = 2.9, .dof = 50.0},
					    {.name = "temperature", .u = 16.6, .dof = 2.0}};

	(void)state;
	memcpy(r.budget, lines, sizeof(lines));
	r.budget_lines = 4;
	result_combine(&r);
	/* First-order sum 31.7 nm, which H.1.4 rounds to 32 nm. */
	check_near(r.u, 31.7, 0.05);
	check_near(r.dof, 16.0, 0.0);
	check_near(r.k, 2.12, 0.005); /* table G.2 */
	check_near(r.expanded_u, r.k * r.u, 0.0);
}

/* Ten resistors calibrated against one standard: JCGM 100, 5.2.2 example, u = 10 x 0.1 ohm when correlated, 0.32 if
 * not. */
static void correlated_inputs_add_linearly(void **state)
{
	struct result r = {.budget_lines = 10};

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		r.budget[i] = (struct budget_line){.u = 0.1, .dof = INFINITY, .correlation = 1};
	result_combine(&r);
	check_near(r.u, 1.0, 1e-12);
	for (unsigned i = 0; i < 10; i++)
		r.budget[i].correlation = 0;
	result_combine(&r);
	check_near(r.u, 0.316, 0.0005);
	assert_true(isinf(r.dof));
	for (unsigned i = 0; i < 10; i++)
		r.budget[i].correlation = i < 5 ? 1 : 2;
	result_combine(&r);
	check_near(r.u, sqrt(0.5), 1e-12);
}

/* JCGM 100 H.2: five observations each of a voltage, a current and a phase, tables H.2 and H.4. */
struct impedance {
	double v[5], i[5], phi[5];
};

static double mean_of(const double x[5])
{
	return (x[0] + x[1] + x[2] + x[3] + x[4]) / 5.0;
}

/* Of the means: eq. (17). */
static double mean_covariance(const double x[5], const double y[5])
{
	double sum = 0.0;

	for (unsigned k = 0; k < 5; k++)
		sum += (x[k] - mean_of(x)) * (y[k] - mean_of(y));
	return sum / (5.0 * 4.0);
}

static double mean_correlation(const double x[5], const double y[5])
{
	return mean_covariance(x, y) / sqrt(mean_covariance(x, x) * mean_covariance(y, y));
}

/* slopes: of the result by V, I and phi. */
static struct result impedance_result(const struct impedance *o, double value, const double slopes[3])
{
	struct result r = {.value = value, .budget_lines = 3, .pairs = 3};
	const double *x[3] = {o->v, o->i, o->phi};

	for (unsigned i = 0; i < 3; i++)
		r.budget[i] =
			(struct budget_line){.u = fabs(slopes[i]) * sqrt(mean_covariance(x[i], x[i])), .dof = 4.0};
	for (unsigned p = 0; p < 3; p++) {
		unsigned i = p == 2, j = p == 0 ? 1 : 2;

		r.pair[p] =
			(struct budget_pair){i, j, copysign(1.0, slopes[i] * slopes[j]) * mean_correlation(x[i], x[j])};
	}
	result_combine(&r);
	return r;
}

static void gum_h2_resistance_and_reactance(void **state)
{
	const struct impedance o = {{5.007, 4.994, 5.005, 4.990, 4.999},
				    {19.663e-3, 19.639e-3, 19.640e-3, 19.685e-3, 19.678e-3},
				    {1.0456, 1.0438, 1.0468, 1.0428, 1.0433}};
	double v = mean_of(o.v), i = mean_of(o.i), phi = mean_of(o.phi), z = v / i;
	double resistance = z * cos(phi), reactance = z * sin(phi);
	const double of_r[3] = {cos(phi) / i, -resistance / i, -reactance};
	const double of_x[3] = {sin(phi) / i, -reactance / i, resistance};
	const double of_z[3] = {1.0 / i, -z / i, 0.0};
	struct result r = impedance_result(&o, resistance, of_r), x = impedance_result(&o, reactance, of_x);

	(void)state;
	check_near(mean_correlation(o.v, o.i), -0.36, 0.005);
	check_near(mean_correlation(o.v, o.phi), 0.86, 0.005);
	check_near(mean_correlation(o.i, o.phi), -0.65, 0.005);
	check_near(r.value, 127.732, 0.0005);
	check_near(r.u, 0.071, 0.0005);
	check_near(x.value, 219.847, 0.0005);
	check_near(x.u, 0.2956, 0.00005); /* printed as 0.295, of table H.4: the second approach, below */
	check_near(z, 254.260, 0.0005);
	check_near(impedance_result(&o, z, of_z).u, 0.236, 0.0005);
	double x_k[5];

	for (unsigned k = 0; k < 5; k++)
		x_k[k] = o.v[k] / o.i[k] * sin(o.phi[k]);
	check_near(sqrt(mean_covariance(x_k, x_k)), 0.295, 0.0005);
	check_near(x.u / sqrt(mean_covariance(x_k, x_k)), 1.0, 5e-4);
	check_near(r.dof, 4.0, 0.0); /* tied lines count as one, G.4.1 */
	check_near(r.expanded_u, student_k(4.0) * r.u, 1e-12);
}

static struct result two_lines(double r, double dof)
{
	struct result y = {.budget_lines = 2, .pairs = 1, .pair = {{1, 0, r}}};

	y.budget[0] = (struct budget_line){.u = 3.0, .dof = INFINITY};
	y.budget[1] = (struct budget_line){.u = 3.0, .dof = dof};
	return y;
}

static void coefficients_at_their_ends(void **state)
{
	struct result y = two_lines(1.0, 7.0), group = y;

	(void)state;
	result_combine(&y);
	check_near(y.u, 6.0, 1e-12);
	check_near(y.dof, 7.0, 0.0);
	group.pairs = 0;
	group.budget[0].correlation = group.budget[1].correlation = 5;
	result_combine(&group);
	check_near(y.u, group.u, 1e-12);
	check_near(y.dof, group.dof, 0.0);
	y = two_lines(-1.0, 7.0);
	result_combine(&y);
	check_near(y.u, 0.0, 0.0);
	y.budget[0].u = 0.33; /* of a, b and -(a + b) nothing is left but rounding, here -3e-17 */
	y.budget[1].u = 0.16;
	y.budget[y.budget_lines++] = (struct budget_line){.u = 0.49, .dof = INFINITY};
	y.pairs = 3;
	y.pair[0] = (struct budget_pair){0, 1, 1.0};
	y.pair[1] = (struct budget_pair){0, 2, -1.0};
	y.pair[2] = (struct budget_pair){1, 2, -1.0};
	result_combine(&y);
	check_near(y.u, 0.0, 0.0);
	y = two_lines(0.0, 7.0); /* stated as none: as if not stated */
	result_combine(&y);
	check_near(y.u, sqrt(18.0), 1e-12);
	check_near(y.dof, floor(4.0 * 7.0), 0.0);
}

/* A pair stands in the place of its group's 1; a third line that only the group ties belongs to the bundle. */
static void pairs_beside_groups(void **state)
{
	struct result y = two_lines(0.5, 9.0);

	(void)state;
	y.budget[y.budget_lines++] = (struct budget_line){.u = 4.0, .dof = 3.0};
	for (unsigned i = 0; i < 3; i++)
		y.budget[i].correlation = 1;
	result_combine(&y);
	check_near(y.u, sqrt(9.0 + 9.0 + 16.0 + 2.0 * (0.5 * 9.0 + 12.0 + 12.0)), 1e-12);
	check_near(y.dof, 3.0, 0.0);
	check_near(result_correlation(&y, 0, 1), 0.5, 0.0);
	check_near(result_correlation(&y, 2, 1), 1.0, 0.0);
	y.budget[2].correlation = 0; /* by itself: Welch and Satterthwaite over two */
	result_combine(&y);
	check_near(y.u, sqrt(27.0 + 16.0), 1e-12);
	check_near(y.dof, floor(43.0 * 43.0 / (27.0 * 27.0 / 9.0 + 256.0 / 3.0)), 0.0);
	check_near(result_correlation(&y, 2, 2), 1.0, 0.0);
	check_near(result_correlation(&y, 2, 1), 0.0, 0.0);
}

static void impossible_coefficients_give_no_uncertainty(void **state)
{
	struct result y = two_lines(-0.9, 5.0);
	struct limit limit = upper(1.0, 1.0);
	struct judgement j;

	(void)state;
	result_name(&y, MEASURAND_DEPTH, "");
	y.valid = y.trusted = true;
	y.budget[y.budget_lines++] = (struct budget_line){.u = 3.0, .dof = INFINITY};
	y.pair[y.pairs++] = (struct budget_pair){0, 2, -0.9};
	y.pair[y.pairs++] = (struct budget_pair){1, 2, -0.9}; /* of three, none can be the opposite of both others */
	result_combine(&y);
	assert_true(isnan(y.u) && isnan(y.expanded_u));
	decide(&y, &limit, &j);
	assert_int_equal(j.outcome, OUTCOME_INCONCLUSIVE);
	y.pair[2].r = 0.9;
	y.budget[2].u = 1.0;
	result_combine(&y);
	check_near(y.u, sqrt(9 + 9 + 1 + 2 * (-0.9 * 9 - 0.9 * 3 + 0.9 * 3)), 1e-12);
	check_near(y.dof, 5.0, 0.0);
}

/* Line 1 is tied to 2 and 2 to 0, in whatever order they are looked at: one bundle, with the least dof. */
static void a_chain_is_one_bundle(void **state)
{
	struct result y = {.budget_lines = 4, .pairs = 3, .pair = {{3, 1, 0.1}, {1, 2, 0.1}, {2, 0, 0.1}}};

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		y.budget[i] = (struct budget_line){.u = 1.0, .dof = 10.0 + i};
	result_combine(&y);
	check_near(y.u, sqrt(4.6), 1e-12);
	check_near(y.dof, 10.0, 0.0);
}

/* y on the acceptance limit, k = 2: specific risk 50 % at r = 0, 4.8 at 0.83, 2.3 at 1, 0.13 at 1.5. */
static void specific_risk_on_the_acceptance_limit(void **state)
{
	const double r[] = {0.0, 0.83, 1.0, 1.5}, risk[] = {0.5, 0.0485, 0.0228, 0.00135};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct result y = exact(1.0 - r[i] * 0.02, 0.01, INFINITY);
		struct limit limit = upper(1.0, r[i]);
		struct judgement j;

		y.k = 2.0;
		y.expanded_u = 0.02;
		decide(&y, &limit, &j);
		check_near(j.false_accept_risk, risk[i], 0.02 * risk[i]);
		check_near(j.guard_band, 0.02 * r[i], 1e-15);
	}
	struct result few = exact(1.0 - 2.776 * 0.01, 0.01, 4.0);
	struct limit limit = upper(1.0, 1.0);
	struct judgement j;

	decide(&few, &limit, &j);
	check_near(j.false_accept_risk, 0.025, 0.0001);
}

/* Far wider than the band between the limits: both tails lie outside, and the risk is their sum. From tables: of the
 * normal distribution 0.3085375 above 0.5 sd and 0.1586553 above 1 sd, of Student's with 4 degrees of freedom 0.3216649
 * above 0.5 and 0.1869505 above 1. */
static void specific_risk_on_both_sides(void **state)
{
	const struct {
		double dof, lower, upper, risk;
	} rows[] = {
		{INFINITY, 0.9, 1.1, 0.6170750},     {INFINITY, 0.8, 1.1, 0.4671928}, {INFINITY, 0.9, 1.2, 0.4671928},
		{4.0, 0.9, 1.1, 0.6433298},          {4.0, 0.8, 1.1, 0.5086154},      {4.0, 0.9, 1.2, 0.5086154},
		{INFINITY, 0.999999, 1.000001, 1.0},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct result y = exact(1.0, 0.2, rows[i].dof);
		struct limit band = upper(rows[i].upper, 1.0);
		struct judgement j;

		band.has_lower = true;
		band.lower = rows[i].lower;
		decide(&y, &band, &j);
		check_near(j.false_accept_risk, rows[i].risk, 5e-6);
		assert_int_equal(j.outcome, OUTCOME_CONDITIONAL_PASS);
	}
}

static enum outcome outcome_at(double value, double r)
{
	struct result y = exact(value, 0.01, INFINITY);
	struct limit limit = upper(1.0, r);
	struct judgement j;

	decide(&y, &limit, &j);
	assert_true(j.reason[0] != '\0');
	assert_int_equal(value > 1.0, j.margin < 0.0);
	return j.outcome;
}

static void four_outcomes(void **state)
{
	(void)state;
	assert_int_equal(outcome_at(0.980, 1.0), OUTCOME_PASS);
	assert_int_equal(outcome_at(0.981, 1.0), OUTCOME_CONDITIONAL_PASS);
	assert_int_equal(outcome_at(1.000, 1.0), OUTCOME_CONDITIONAL_PASS);
	assert_int_equal(outcome_at(1.019, 1.0), OUTCOME_CONDITIONAL_FAIL);
	assert_int_equal(outcome_at(1.020, 1.0), OUTCOME_FAIL);
	assert_int_equal(outcome_at(1.000, 0.0), OUTCOME_PASS);
	assert_int_equal(outcome_at(1.0001, 0.0), OUTCOME_FAIL);
	assert_string_equal(outcome_name(OUTCOME_CONDITIONAL_FAIL), "conditional_fail");
	assert_true(OUTCOME_PASS < OUTCOME_CONDITIONAL_PASS && OUTCOME_INCONCLUSIVE < OUTCOME_CONDITIONAL_FAIL);
}

static void both_sides_and_counts(void **state)
{
	struct limit band = {.id = MEASURAND_DEPTH,
			     .measurand = "depth_mm",
			     .unit = "mm",
			     .has_lower = true,
			     .lower = 0.9,
			     .has_upper = true,
			     .upper = 1.1,
			     .guard_r = 1.0};
	struct result y = exact(0.88, 0.005, INFINITY), none = exact(0.0, 0.0, INFINITY);
	struct limit zero = upper(0.0, 1.0);
	struct judgement j;

	(void)state;
	decide(&y, &band, &j);
	assert_int_equal(j.outcome, OUTCOME_FAIL);
	check_near(j.margin, -0.02, 1e-12);
	assert_non_null(strstr(j.reason, "below the lower limit"));
	decide(&none, &zero, &j);
	assert_int_equal(j.outcome, OUTCOME_PASS);
	check_near(j.false_accept_risk, 0.0, 0.0);
	none.value = 1.0;
	decide(&none, &zero, &j);
	assert_int_equal(j.outcome, OUTCOME_FAIL);
	check_near(j.false_accept_risk, 1.0, 0.0);
}

/* The quick word is the long one's, for whatever may be no value at all. */
static void the_outcome_alone(void **state)
{
	const struct limit limit = upper(1.0, 1.0);
	const double values[] = {0.5, 0.95, 1.05, 1.5, NAN, INFINITY, -INFINITY};
	struct judgement j;

	(void)state;
	for (unsigned i = 0; i < 3 * sizeof(values) / sizeof(values[0]); i++) {
		struct result y = exact(values[i / 3], 0.1, INFINITY);

		y.expanded_u = i == 9 ? NAN : 0.2;
		y.valid = i % 3 != 1;
		y.trusted = i % 3 != 2;
		decide(&y, &limit, &j);
		assert_int_equal(decide_outcome(&y, &limit), j.outcome);
		assert_int_equal(j.outcome == OUTCOME_INCONCLUSIVE, i % 3 || i >= 9);
	}
	struct result y = exact(1.0, 0.0, INFINITY); /* what is exact is within, or is not */
	decide(&y, &limit, &j);
	check_near(j.false_accept_risk, 0.0, 0.0);
	y.value = 1.0 + 1e-15;
	decide(&y, &limit, &j);
	check_near(j.false_accept_risk, 1.0, 0.0);
}

static const char *reason_of(double value, double u, double lower, double upper, enum measurand id, double guard_r)
{
	static struct judgement j;
	struct limit limit = {.has_lower = isfinite(lower),
			      .lower = lower,
			      .has_upper = isfinite(upper),
			      .upper = upper,
			      .guard_r = guard_r};
	struct result y = exact(value, u, INFINITY);

	result_name(&y, id, "");
	limit.id = id;
	memcpy(limit.measurand, y.name, sizeof(limit.measurand));
	memcpy(limit.unit, y.unit, sizeof(limit.unit));
	decide(&y, &limit, &j);
	return j.reason;
}

static void reasons_in_words(void **state)
{
	(void)state;
	assert_string_equal(reason_of(3.0, 0.0, NAN, 0.0, MEASURAND_MISSED_STROKES, 1.0), "3 missed, limit 0");
	assert_string_equal(reason_of(0.0, 0.0, NAN, 0.0, MEASURAND_DOUBLE_STROKES, 1.0), "0 double, limit 0");
	assert_string_equal(reason_of(180.0, 0.0, 200.0, NAN, MEASURAND_STROKES, 1.0), "180 strokes, lower limit 200");
	assert_string_equal(reason_of(1.21304, 0.0040, 0.85, 1.15, MEASURAND_DEPTH, 1.0),
			    "1.2130 mm is 0.063 mm above the upper limit of 1.15 mm");
	assert_string_equal(reason_of(1.21304, 0.0, NAN, 1.15, MEASURAND_DEPTH, 1.0),
			    "1.213 mm is 0.063 mm above the upper limit of 1.15 mm");
	assert_string_equal(reason_of(-0.000312, 0.0004, -0.15, 0.15, MEASURAND_DEPTH_ERROR, 1.0),
			    "-0.00031 mm is 0.15 mm above the lower limit of -0.15 mm");
	assert_string_equal(
		reason_of(1.148, 0.002, NAN, 1.15, MEASURAND_DEPTH, 1.0),
		"1.1480 mm is 0.0020 mm below the upper limit of 1.15 mm, within the guard band of 0.0039 mm");
	assert_string_equal(reason_of(1.148, 0.002, NAN, 1.15, MEASURAND_DEPTH, 0.0),
			    "1.1480 mm is 0.0020 mm below the upper limit of 1.15 mm");
	assert_string_equal(reason_of(-1e-9, 0.1, NAN, 2.0, MEASURAND_STROKE_RATE_ERROR, 1.0),
			    "0.00 % is 2.0 % below the upper limit of 2 %");
	assert_string_equal(reason_of(40.0, 0.0, NAN, 40.0, MEASURAND_TEMPERATURE_RISE, 1.0),
			    "40 K is 0 K below the upper limit of 40 K");
}

/* Numbers that a computer holds exactly. */
static void on_the_edge_of_the_guard_band(void **state)
{
	struct limit limit = upper(1.0, 1.0);
	struct result y = exact(0.75, 0.1, INFINITY);
	struct judgement j;

	(void)state;
	y.expanded_u = 0.25;
	decide(&y, &limit, &j);
	assert_int_equal(j.outcome, OUTCOME_CONDITIONAL_PASS);
	y.value = 1.25;
	decide(&y, &limit, &j);
	assert_int_equal(j.outcome, OUTCOME_CONDITIONAL_FAIL);
	limit.has_lower = true; /* in the middle the upper one is told */
	limit.lower = 0.5;
	y.value = 0.75;
	decide(&y, &limit, &j);
	assert_non_null(strstr(j.reason, "below the upper limit"));
	y.trusted = false;
	strcpy(y.reason, "x");
	decide(&y, &limit, &j);
	assert_string_equal(j.reason, "x");
}

static void nothing_doubtful_passes(void **state)
{
	struct limit limit = upper(1.0, 1.0);
	struct judgement j;

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		struct result y = exact(0.5, 0.01, INFINITY);

		if (i == 0)
			y.valid = false;
		if (i == 1)
			y.trusted = false;
		if (i == 2)
			y.value = NAN;
		if (i == 3)
			y.expanded_u = INFINITY;
		if (i == 4)
			y.expanded_u = NAN;
		if (i == 5)
			y.expanded_u = -1;
		if (i == 6)
			y.u = NAN;
		if (i == 7)
			y.u = -1;
		if (i == 8)
			y.u = INFINITY;
		j = (struct judgement){.outcome = OUTCOME_PASS};
		decide(&y, &limit, &j);
		assert_int_equal(j.outcome, OUTCOME_INCONCLUSIVE);
		assert_true(j.reason[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gum_h1_end_gauge),
		cmocka_unit_test(correlated_inputs_add_linearly),
		cmocka_unit_test(gum_h2_resistance_and_reactance),
		cmocka_unit_test(coefficients_at_their_ends),
		cmocka_unit_test(pairs_beside_groups),
		cmocka_unit_test(impossible_coefficients_give_no_uncertainty),
		cmocka_unit_test(a_chain_is_one_bundle),
		cmocka_unit_test(specific_risk_on_the_acceptance_limit),
		cmocka_unit_test(specific_risk_on_both_sides),
		cmocka_unit_test(four_outcomes),
		cmocka_unit_test(both_sides_and_counts),
		cmocka_unit_test(the_outcome_alone),
		cmocka_unit_test(reasons_in_words),
		cmocka_unit_test(on_the_edge_of_the_guard_band),
		cmocka_unit_test(nothing_doubtful_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
